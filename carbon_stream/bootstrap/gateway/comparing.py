"""Whether Kong has what is wanted, field by field. Pure.

Kong answers with every field filled in: what is wanted and not said must have Kong's default, which its own schema of
the plugin tells. Without a schema only what is said is compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from carbon_stream.bootstrap.gateway.entities import Body, revealed
from carbon_stream.bootstrap.gateway.secrets import MASK

__all__ = ["Difference", "config_differences", "differences", "kept_by_kong", "unknown_settings"]

_SECRET_FIELD = re.compile(
    r"secret|passw|token$|_key$|^key$|authorization|api[-_]?key|credential$|cookie$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One field, dotted, with what is there and what should be; both fit to be shown."""

    field: str
    before: Any
    after: Any


def differences(wanted: Body, found: Body, prefix: str = "") -> Iterator[Difference]:
    """Fields of `wanted` that `found` has otherwise. Empty lists, empty mappings and None are one; lists have no order;
    `tags` may be more than wanted.
    """
    for name, value in wanted.items():
        there = found.get(name)
        path = f"{prefix}{name}"
        if name == "tags" and not prefix:
            if missing := [tag for tag in value if tag not in (there or ())]:
                yield Difference(path, there or [], [*(there or ()), *missing])
        elif isinstance(value, Mapping) and isinstance(there, Mapping):
            yield from differences(value, there, f"{path}.")
        elif not _same(value, there):
            yield Difference(path, _shown(name, there, secret=isinstance(value, SecretStr)), _shown(name, value))


def config_differences(fields: Sequence[Body] | None, wanted: Body, found: Body) -> Iterator[Difference]:
    """Settings of a plugin that differ: those said, and with Kong's schema also those that lost their default."""
    yield from differences(wanted, found, "config.")
    if fields is not None:
        yield from _undefaulted(fields, wanted, found, "config.")


def _undefaulted(fields: Sequence[Body], wanted: Body, found: Body, prefix: str) -> Iterator[Difference]:
    for name, spec in _each(fields):
        there, path = found.get(name), f"{prefix}{name}"
        said = wanted.get(name)
        if spec.get("type") == "record" and isinstance(there, Mapping) and not (said is None and _empty(there)):
            default = spec.get("default")
            below = said if isinstance(said, Mapping) else default if isinstance(default, Mapping) else {}
            if said is None:
                yield from differences(below, there, f"{path}.")
            yield from _undefaulted(spec.get("fields", ()), below, there, f"{path}.")
        elif (
            name not in wanted and not spec.get("auto") and not _empty(there) and not _same(spec.get("default"), there)
        ):
            yield Difference(path, _shown(name, there, secret=bool(spec.get("encrypted"))), spec.get("default"))


def unknown_settings(fields: Sequence[Body], shorthands: Sequence[Body], wanted: Body, prefix: str = "") -> list[str]:
    """Settings that the gateway's own schema of the plugin does not have."""
    known = dict(_each(fields))
    short = dict(_each(shorthands))
    unknown = []
    for name, value in wanted.items():
        spec = known.get(name)
        if spec is None:
            unknown += [] if name in short else [f"{prefix}{name}"]
        elif spec.get("type") == "record" and isinstance(value, Mapping):
            below = spec.get("shorthand_fields", ())
            unknown += unknown_settings(spec.get("fields", ()), below, value, f"{prefix}{name}.")
    return unknown


def kept_by_kong(fields: Sequence[Body] | None, found: Body) -> dict[str, Any]:
    """Settings that Kong made up when the plugin was made (oauth2's provision key): another one would break clients."""
    auto = [name for name, spec in _each(fields) if spec.get("auto")] if fields is not None else ["provision_key"]
    return {name: found[name] for name in auto if not _empty(found.get(name))}


def _each(fields: Sequence[Body]) -> Iterator[tuple[str, Body]]:
    for field in fields:
        for name, spec in field.items():
            if isinstance(spec, Mapping):
                yield name, spec


def _same(one: Any, other: Any) -> bool:
    return bool(_plain(revealed(one)) == _plain(revealed(other)))


def _empty(value: Any) -> bool:
    return _plain(revealed(value)) is None


def _plain(value: Any) -> Any:
    """Comparable: empty is None, mappings without what is empty, lists without order, and no 1 that equals True."""
    if isinstance(value, Mapping):
        items = {key: plain for key, item in value.items() if (plain := _plain(item)) is not None}
        return items or None
    if isinstance(value, list | tuple):
        return sorted(repr(_plain(item)) for item in value) or None
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, int | float):
        return float(value)
    return value


def _shown(name: str, value: Any, *, secret: bool = False) -> Any:
    """A value fit for a plan: secrets are masked, by their type or by their field's name."""
    if isinstance(value, SecretStr):
        return MASK
    if isinstance(value, Mapping):
        return {key: _shown(key, item, secret=secret) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(name, item, secret=secret) for item in value]
    if isinstance(value, str) and value and (secret or _SECRET_FIELD.search(name)):
        return MASK
    if isinstance(value, str) and "://" in value and "@" in value:
        return _without_user(value)
    if isinstance(value, str) and (header := value.partition(":"))[1] and _SECRET_FIELD.search(header[0].strip()):
        return f"{header[0]}:{MASK}"
    return value


def _without_user(url: str) -> str:
    try:
        place = urlsplit(url).netloc
    except ValueError:
        return MASK
    return url.replace(place, f"{MASK}@{place.rpartition('@')[2]}", 1) if "@" in place else url
