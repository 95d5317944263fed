"""The fields of a contract as plain data, read from its pydantic model.

The fast decoder, JSON Schema, the SDKs' catalog and the documentation are all made from these records.
"""

from dataclasses import dataclass, field, replace
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic_core import PydanticUndefined

from carbon_stream.contracts.envelope import Contract
from carbon_stream.contracts.scalars import NULL_MEANS_DEFAULT

Kind = Literal["string", "integer", "number", "object", "array", "any", "record"]
_KINDS: dict[Any, Kind] = {str: "string", int: "integer", float: "number", dict: "object", list: "array", Any: "any"}


@dataclass(frozen=True, slots=True)
class Shape:
    """What a value may be. `minimum` and `maximum` are inclusive; lengths are of strings, maps and lists."""

    kind: Kind
    nullable: bool = False
    enum: tuple[str, ...] = ()
    minimum: float | int | None = None
    maximum: float | int | None = None
    min_length: int | None = None
    max_length: int | None = None
    items: "Shape | None" = None
    record: type[Contract] | None = None


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field: `attribute` in Python, `name` in JSON. `default` counts only when it is not required."""

    attribute: str
    name: str
    shape: Shape
    required: bool
    default: Any = None
    description: str = field(default="", kw_only=True)


def fields(model: type[Contract]) -> tuple[FieldSpec, ...]:
    """The fields of a contract: first those of the envelope, then those of the payload."""
    specs = []
    for attribute, info in model.model_fields.items():
        assert info.alias is not None
        assert info.description is not None
        default = info.get_default(call_default_factory=True)
        specs.append(
            FieldSpec(
                attribute,
                info.alias,
                shape_of(info.annotation, tuple(info.metadata)),
                info.is_required(),
                None if default is PydanticUndefined else default,
                description=info.description,
            )
        )
    return tuple(specs)


def shape_of(annotation: Any, metadata: tuple[Any, ...] = ()) -> Shape:
    """The shape of an annotation; TypeError for one that contracts do not use."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *more = get_args(annotation)
        return shape_of(inner, (*more, *metadata))
    if origin in (Union, UnionType):
        (inner,) = (option for option in get_args(annotation) if option is not NoneType)
        return replace(shape_of(inner, metadata), nullable=True)
    if origin is Literal:
        return Shape("string", enum=get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, Contract):
        return Shape("record", record=annotation)
    kind = _KINDS.get(origin or annotation)
    if kind is None:
        raise TypeError(f"no shape for {annotation!r}")
    items = shape_of(get_args(annotation)[0]) if kind == "array" else None
    return replace(Shape(kind, nullable=kind == "any", items=items), **_bounds(metadata))


def _bounds(metadata: tuple[Any, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for entry in metadata:
        match entry:
            case Ge(ge):
                found["minimum"] = ge
            case Le(le):
                found["maximum"] = le
            case MinLen(length):
                found["min_length"] = length
            case MaxLen(length):
                found["max_length"] = length
            case _ if getattr(entry, "func", None) in NULL_MEANS_DEFAULT:
                found["nullable"] = True
    return found
