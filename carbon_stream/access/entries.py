"""The access file: who may do what. YAML (or JSON), read anew when it changes.

Three lists, each entry with roles, and where they send with sources, types and a rate: `keys` of ours, `consumers` that
the gateway has authenticated, `workloads` that the mesh knows. docs/access.md shows one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from carbon_stream.access.principal import Allowance, Principal, Rate, Via
from carbon_stream.access.roles import Role
from carbon_stream.contracts.catalog import BY_EVENT_TYPE
from carbon_stream.errors import OperatorError

__all__ = ["FILE_BYTES_MAX", "NOBODY", "KeyEntry", "Known", "parse_access"]

FILE_BYTES_MAX: Final = 4 << 20
_Name = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]
_Pattern = Annotated[str, StringConstraints(min_length=1, max_length=1_024, pattern=r"^[^*]*\*?$")]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    sources: tuple[_Pattern, ...] | None = None
    types: tuple[_Pattern, ...] | None = None
    rate: Annotated[float, Field(gt=0, le=1e9)] | None = None
    burst: Annotated[float, Field(gt=0, le=1e9)] | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        for pattern in self.types or ():
            if not any(name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern for name in _TYPES):
                raise ValueError(f"types: {pattern} matches no event type; there are {', '.join(_TYPES)}")
        if self.burst is not None and self.rate is None:
            raise ValueError("burst goes with rate")
        return self

    def allowance(self) -> Allowance:
        return Allowance(self.sources, self.types)

    def limit(self) -> Rate | None:
        return None if self.rate is None else Rate(self.rate, self.burst or max(1.0, self.rate))


_TYPES: Final = tuple(BY_EVENT_TYPE)


class KeyEntry(_Entry):
    """A key of ours: its public id, and the hash of the whole."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]{11}$")]
    name: _Name
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    expires: date | datetime | None = None

    def expired(self, now: float) -> bool:
        """Whether it is no longer good. A date is good until its end, a time without zone is UTC."""
        until = self.expires
        if until is None:
            return False
        if not isinstance(until, datetime):
            return datetime.fromtimestamp(now, UTC).date() > until
        return now >= (until if until.tzinfo else until.replace(tzinfo=UTC)).timestamp()


class _Consumer(_Entry):
    username: _Name = Field(description='as the gateway names it; "*" stands for every consumer not named')


class _Workload(_Entry):
    identity: Annotated[str, StringConstraints(pattern=r"^spiffe://[\x21-\x7e]+$", max_length=2_048)]
    name: _Name | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    version: Literal[1]
    keys: tuple[KeyEntry, ...] = ()
    consumers: tuple[_Consumer, ...] = ()
    workloads: tuple[_Workload, ...] = ()

    @model_validator(mode="after")
    def _are_different(self) -> Self:
        named = [
            *(("keys", each.id) for each in self.keys),
            *(("consumers", each.username) for each in self.consumers),
            *(("workloads", each.identity) for each in self.workloads),
        ]
        twice = sorted({pair for pair in named if named.count(pair) > 1}) if len(set(named)) < len(named) else []
        if twice:
            raise ValueError("; ".join(f"{where}: {name} is there twice" for where, name in twice))
        return self


@dataclass(frozen=True, slots=True)
class Known:
    """Who is known, ready to be looked up."""

    keys: Mapping[str, tuple[KeyEntry, Principal]] = field(default_factory=dict)
    consumers: Mapping[str, _Consumer] = field(default_factory=dict)
    workloads: Mapping[str, Principal] = field(default_factory=dict)
    _allowances: dict[str, Allowance] = field(default_factory=dict)

    def consumer(self, username: str, credential_id: str | None) -> Principal | None:
        """A consumer of the gateway's, by its name or by `*`; None where neither is known."""
        entry = self.consumers.get(username) or self.consumers.get("*")
        if entry is None:
            return None
        allowance = self._allowances.setdefault(entry.username, entry.allowance())
        return Principal(username, "gateway", frozenset(entry.roles), credential_id, allowance, entry.limit())

    def count(self) -> int:
        """Entries in all."""
        return len(self.keys) + len(self.consumers) + len(self.workloads)


NOBODY: Final = Known()


def parse_access(text: bytes, where: str) -> Known:
    """The entries of an access file. OperatorError, which names the entry and never a hash, for one that is wrong."""
    if len(text) > FILE_BYTES_MAX:
        raise OperatorError(f"{where} has more than {FILE_BYTES_MAX:,} bytes")
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark is not None else ""
        raise OperatorError(f"{where} is not YAML{place}") from None
    try:
        file = _File.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise OperatorError(f"{where}: {place}: {str(first['msg']).removeprefix('Value error, ')}") from None
    return Known(
        {each.id: (each, _principal(each.name, "key", each, each.id)) for each in file.keys},
        {each.username: each for each in file.consumers},
        {each.identity: _principal(each.name or each.identity, "mesh", each) for each in file.workloads},
    )


def _principal(name: str, via: Via, entry: Any, credential_id: str | None = None) -> Principal:
    return Principal(name, via, frozenset(entry.roles), credential_id, entry.allowance(), entry.limit())
