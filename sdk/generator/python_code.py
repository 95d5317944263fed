"""Tables, checks and methods, as Python."""

from collections.abc import Sequence

from sdk.generator.source import Property, Type

_ENVELOPE_ARGUMENTS = """\
        event_id: str | None = None,
        timestamp: int | datetime | None = None,
{version}        correlation_id: str | None = None,
        causation_id: str | None = None,
        extra: Mapping[str, Any] | None = None,
"""


def tables(known: Sequence[Type]) -> str:
    """The tables, by type and by topic."""
    shared = {field.name: field for field in known[0].properties if field.name in known[0].envelope_names}
    envelope = {_field(field) for field in shared.values()}
    lines = [
        "from typing import Any, Final\n",
        "from carbon_stream_producer.contract import EventType, Field",
        "from carbon_stream_producer.generated import checks\n",
        f'DEFAULT_VERSION: Final = "{shared["version"].schema["default"]}"\n',
        "def never(event: dict[str, Any]) -> bool:  # noqa: ARG001",
        '    """No quick check: the table decides."""',
        "    return False\n",
        "ENVELOPE: Final = (",
        *(f"    {_field(field)}," for field in shared.values()),
        ")",
    ]
    for kind in known:
        made = [_field(field) for field in kind.properties]
        own = (
            ["*ENVELOPE", *made[len(shared) :]]
            if made[: len(shared)] == list(map(_field, shared.values()))
            else [
                f"ENVELOPE[{list(shared).index(field.name)}]" if _field(field) in envelope else _field(field)
                for field in kind.properties
            ]
        )
        lines += [
            f"{kind.constant}: Final = EventType(",
            f"    {kind.name!r}, {kind.topic!r}, {kind.key_fields!r}, (",
            *(f"        {field}," for field in own),
            f"    ), checks.{kind.snake}, version_of_its_own={kind.version_of_its_own!r},",
            ")",
        ]
    names = ", ".join(kind.constant for kind in known)
    lines += [
        f"ALL: Final = ({names})",
        "BY_EVENT_TYPE: Final = {kind.name: kind for kind in ALL}",
        "BY_TOPIC: Final = {kind.topic: kind for kind in ALL}",
    ]
    return "\n".join(lines)


def _field(field: Property) -> str:
    low, high = field.bounds
    told = [repr(field.name), repr(field.attribute), repr(field.kind)]
    named = {
        "required": field.required or None,
        "nullable": field.nullable or None,
        "low": low,
        "high": high,
        "enum": tuple(field.enum) or None,
    }
    told += [f"{name}={value!r}" for name, value in named.items() if value is not None]
    if field.items is not None:
        told.append(f"items={_field(field.items)}")
    if field.record:
        told.append(f"record=({''.join(f'{_field(inner)},' for inner in field.record)})")
    return f"Field({', '.join(told)})"


def checks(known: Sequence[Type]) -> str:
    """A function a type that says yes only to what is surely valid."""
    lines = ["from typing import Any\n"]
    for kind in known:
        tests = [test for field in kind.properties if (test := _test(field))]
        lines += [
            f"def {kind.snake}(event: dict[str, Any]) -> bool:",
            f'    """Whether this is surely a valid {kind.name}."""',
            "    get = event.get",
            f"    return ({' and '.join(tests)})",
        ]
    return "\n".join(lines)


def _test(field: Property) -> str:
    low, high = field.bounds
    got = f'(v := get("{field.name}"))'
    match field.kind:
        case "any":
            return ""
        case "string" if field.enum:
            test = f"v in {tuple(field.enum)!r}"
        case "string":
            test = f"type(v) is str and {_between('len(v)', low, high)}" if high else f"v == {field.schema['const']!r}"
        case "integer":
            test = f"type(v) is int and {low!r} <= v <= {high!r}"
        case "number":
            test = f"(type(v) is float or type(v) is int) and {low!r} <= v <= {high!r}"
        case "object":
            test = f"type(v) is dict and len(v) <= {high!r}"
        case "array" if field.items is not None and field.items.kind == "string":
            inner = _between("len(i)", *field.items.bounds)
            test = f"type(v) is list and len(v) <= {high!r} and all(type(i) is str and {inner} for i in v)"
        case _:
            test = "v == []"
    return (
        f"({got} is None or ({test}))" if field.nullable and not field.required else f"({got} is not None and {test})"
    )


def _between(what: str, low: object, high: object) -> str:
    return f"{low!r} <= {what} <= {high!r}" if low else f"{what} <= {high!r}"


def methods(known: Sequence[Type], *, asynchronous: bool) -> str:
    """A mixin with a method a type, which hands on to `_produce`."""
    delivery = '"asyncio.Future[Receipt]"' if asynchronous else "Delivery"
    back = "Receipt" if asynchronous else "Delivery, OnDelivery"
    lines = [
        "import asyncio" if asynchronous else "",
        "from collections.abc import Mapping, Sequence",
        "from datetime import datetime",
        "from typing import TYPE_CHECKING, Any, Literal\n",
        "from carbon_stream_producer.contract import EventType",
        f"from carbon_stream_producer.delivery import {back}",
        "from carbon_stream_producer.generated import tables",
        "from carbon_stream_producer.prepare import Envelope, as_json\n",
        "if TYPE_CHECKING:",
        "    from carbon_stream_producer.generated.events import ColumnMapping\n",
        f"class {'Async' if asynchronous else ''}EventMethods:",
        '    """The twelve. Each raises InvalidEvent, which names the field, before anything is sent."""\n',
        f"    {'async ' if asynchronous else ''}def _produce(",
        f"        self, kind: EventType, payload: dict[str, Any], envelope: Envelope{_callback(asynchronous)}",
        f"    ) -> {delivery}:",
        "        raise NotImplementedError",
    ]
    return "\n".join((*lines, *(_method(kind, delivery, asynchronous) for kind in known)))


def _callback(asynchronous: bool) -> str:
    return "" if asynchronous else ", on_delivery: OnDelivery | None"


def _method(kind: Type, delivery: str, asynchronous: bool) -> str:
    version = "None" if kind.version_of_its_own else "version"
    envelope = f"(event_id, timestamp, {version}, correlation_id, causation_id, extra)"
    key = ", else ".join(f"`{name}`" for name in kind.key_fields)
    payload = ", ".join(f'"{field.name}": {_argument(field)}' for field in kind.own)
    head = _ENVELOPE_ARGUMENTS.format(
        version="" if kind.version_of_its_own else "        version: str | None = None,\n"
    )
    on_delivery = "" if asynchronous else "        on_delivery: OnDelivery | None = None,\n"
    return (
        f"\n    {'async ' if asynchronous else ''}def produce_{kind.snake}(\n        self,\n        *,\n"
        + "".join(f"        {argument(field)},\n" for field in kind.ordered)
        + head
        + on_delivery
        + f"    ) -> {delivery}:\n"
        + f'        """{kind.description}\n\n        Topic `{kind.topic}`, keyed by {key}.\n        """\n'
        + f"        return {'await ' if asynchronous else ''}self._produce(tables.{kind.constant}, {{{payload}}},"
        + f" {envelope}{'' if asynchronous else ', on_delivery'})"
    )


def _argument(field: Property) -> str:
    return f"as_json({field.attribute})" if field.kind in ("array", "object") else field.attribute


def argument(field: Property) -> str:
    """A keyword argument, or an attribute of a class, with its type."""
    return f"{field.attribute}: {python_type(field)}" + ("" if field.required else " = None")


def python_type(field: Property) -> str:
    """The annotation of a field."""
    made = {
        "string": "str",
        "integer": "int",
        "number": "float",
        "any": "Any",
        "object": "Mapping[str, Any]",
    }.get(field.kind, "")
    if field.enum:
        made = f"Literal[{', '.join(map(repr, field.enum))}]"
    if field.items is not None:
        made = f"Sequence[{'ColumnMapping | Mapping[str, Any]' if field.items.record else python_type(field.items)}]"
        made = f'"{made}"' if field.items.record and field.required else made
    if field.required or field.kind == "any":
        return made
    return f'"{made} | None"' if field.items is not None and field.items.record else f"{made} | None"
