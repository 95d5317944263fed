"""A frozen data class for each event type, for those who would rather hand events around."""

from collections.abc import Sequence

from sdk.generator.python_code import argument, python_type
from sdk.generator.source import Property, Type

_HEAD = '''\
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal

from carbon_stream_producer.contract import EventType
from carbon_stream_producer.generated import tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What all event types have; absent parts are filled in when the event is sent."""

    KIND: ClassVar[EventType]

    event_id: str | None = None
    timestamp: int | datetime | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    extra: Mapping[str, Any] | None = None
    """Fields that the contract does not name, by their JSON names."""
'''


def classes(known: Sequence[Type]) -> str:
    """The classes, the contract's inner objects first."""
    objects = (field.items for kind in known for field in kind.own if field.items is not None and field.items.record)
    parts = [_HEAD, *(_record(found.record) for found in objects)]
    for kind in known:
        version = [] if kind.version_of_its_own else ["    version: str | None = None"]
        parts.append(
            "\n".join(
                (
                    "@dataclass(frozen=True, slots=True, kw_only=True)",
                    f"class {kind.name}(Event):",
                    f'    """{kind.description}"""\n',
                    f"    KIND: ClassVar[EventType] = tables.{kind.constant}\n",
                    *(line for field in kind.ordered for line in _attribute(field)),
                    *version,
                )
            )
        )
    parts.append(f"EVENTS: tuple[type[Event], ...] = ({', '.join(kind.name for kind in known)})")
    return "\n\n".join(parts)


def _attribute(field: Property) -> tuple[str, ...]:
    return f"    {argument(field).replace(chr(34), '')}", f'    """{field.description}"""'


def _record(fields: Sequence[Property]) -> str:
    lines = [
        "@dataclass(frozen=True, slots=True, kw_only=True)",
        "class ColumnMapping:",
        '    """One column of the target and the column of the source that it comes from."""\n',
    ]
    for field in fields:
        default = "" if field.required else "default=None, "
        lines += [
            f"    {field.attribute}: {python_type(field)} = field({default}metadata={{'json': '{field.name}'}})",
            f'    """{field.description}"""',
        ]
    return "\n".join(lines)
