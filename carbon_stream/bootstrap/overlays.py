"""Reading a desired state: the platform's own, and an operator's files over it. Errors name the file's field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from carbon_stream.errors import OperatorError

__all__ = ["load_state", "merged", "merged_values"]

_State = TypeVar("_State", bound=BaseModel)
_FILE_BYTES_MAX = 4 << 20


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice, which YAML forbids and PyYAML takes: half of a file would be lost in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """As the base class; ConstructorError for a key that stands twice."""
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str | int) and key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key} stands twice", key_node.start_mark)
            seen.add(key if isinstance(key, str | int) else id(key_node))
        return super().construct_mapping(node, deep)


def load_state(form: type[_State], area: str, overlays: Sequence[Path], base: Path) -> _State:
    """The desired state of an area. Raises OperatorError with every wrong field when the files do not make one."""
    values = merged_values(overlays, base)
    try:
        return form.model_validate(values)
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False)
    lines = [f"{_where(detail['loc'])}: {str(detail['msg']).removeprefix('Value error, ')}" for detail in details]
    files = " with ".join(str(path) for path in (base, *overlays))
    raise OperatorError(f"the {area}'s desired state is not valid ({files}):\n  " + "\n  ".join(lines))


def merged_values(overlays: Sequence[Path], base: Path) -> dict[str, Any]:
    """The files laid over each other, the last one on top; not yet checked."""
    values: dict[str, Any] = {}
    for path in (base, *overlays):
        values = merged(values, _read(path))
    return values


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid on `base`: mappings are merged key by key, anything else is replaced, None takes a key away."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            result[key] = merged(below if isinstance(below, Mapping) else {}, value)
        else:
            result[key] = value
    return result


def _read(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            text = file.read(_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise OperatorError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(text) > _FILE_BYTES_MAX:
        raise OperatorError(f"{path} has more than {_FILE_BYTES_MAX:,} bytes")
    try:
        document = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise OperatorError(f"{path}{place}: {getattr(error, 'problem', None) or 'not YAML'}") from None
    if document is None:
        return {}
    if not isinstance(document, Mapping) or not all(isinstance(key, str) for key in document):
        raise OperatorError(f"{path} is not a mapping of names to values")
    return document


def _where(location: Sequence[str | int]) -> str:
    return ".".join(map(str, location)) or "the whole"
