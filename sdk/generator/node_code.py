"""Tables, checks and methods of the Node.js library, as TypeScript."""

import json
from collections.abc import Sequence

from sdk.generator.source import COMMAND, Property, Type

_EXACT = 2**53
_HEADER = "/**\n * {title}\n *\n * Made from carbon_stream/contracts/exports by `{command}`: do not edit.\n */\n\n"


def headed(title: str, text: str) -> str:
    """A file of the library."""
    return _HEADER.format(title=title, command=COMMAND) + text.rstrip() + "\n"


def tables(known: Sequence[Type]) -> str:
    """The tables, by type and by topic."""
    shared = {field.name: field for field in known[0].properties if field.name in known[0].envelope_names}
    lines = [
        "import type { EventType, Field } from '../contract.js';",
        "import * as checks from './checks.js';",
        "",
        f"export const DEFAULT_VERSION = {_text(shared['version'].schema['default'])};",
        "",
        "export const ENVELOPE: readonly Field[] = [",
        *(f"  {_field(field)}," for field in shared.values()),
        "];",
    ]
    told = [_field(field) for field in shared.values()]
    for kind in known:
        lines += [
            "",
            f"export const {constant(kind)}: EventType = {{",
            f"  name: {_text(kind.name)},",
            f"  topic: {_text(kind.topic)},",
            f"  keyFields: [{', '.join(map(_text, kind.key_fields))}],",
            "  fields: [",
            *(f"    {line}," for line in _fields(kind, told)),
            "  ],",
            f"  check: checks.{camel(kind)},",
            f"  versionOfItsOwn: {_json(kind.version_of_its_own)},",
            "};",
        ]
    names = "".join(f"  {constant(kind)},\n" for kind in known)
    lines += [
        "",
        f"export const ALL: readonly EventType[] = [\n{names}];",
        "export const BY_EVENT_TYPE: ReadonlyMap<string, EventType> = new Map(ALL.map((kind) => [kind.name, kind]));",
        "export const BY_TOPIC: ReadonlyMap<string, EventType> = new Map(ALL.map((kind) => [kind.topic, kind]));",
    ]
    return "\n".join(lines)


def camel(kind: Type) -> str:
    """The type's name as a function is named."""
    head, *rest = kind.snake.split("_")
    return head + "".join(part.capitalize() for part in rest)


def constant(kind: Type) -> str:
    """The type's name as a constant is named."""
    return kind.constant


def _fields(kind: Type, shared: list[str]) -> list[str]:
    made = [_field(field) for field in kind.properties]
    if made[: len(shared)] == shared:
        return ["...ENVELOPE", *made[len(shared) :]]
    return [f"ENVELOPE[{shared.index(text)}]!" if text in shared else text for text in made]


def _field(field: Property) -> str:
    low, high = field.bounds
    told = [f"name: {_text(field.name)}", f"kind: {_text(field.kind)}"]
    named = {
        "required": field.required or None,
        "nullable": field.nullable or None,
        "low": low,
        "high": high,
        "oneOf": field.enum or None,
    }
    told += [f"{name}: {_json(value)}" for name, value in named.items() if value is not None]
    if field.items is not None:
        told.append(f"items: {_field(field.items)}")
    if field.record:
        told.append(f"record: [{', '.join(_field(inner) for inner in field.record)}]")
    return f"{{ {', '.join(told)} }}"


def checks(known: Sequence[Type]) -> str:
    """A function a type that says yes only to what is surely valid."""
    lines = [
        "import type { Json } from '../contract.js';",
        "import { isMap } from '../json.js';",
        "",
        "function isString(value: unknown, least: number, most: number): boolean {",
        "  return typeof value === 'string' && value.length >= least && value.length <= most;",
        "}",
        "",
        "function isInteger(value: unknown, least: number, most: number): boolean {",
        "  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;",
        "}",
        "",
        "function isNumber(value: unknown, least: number, most: number): boolean {",
        "  return typeof value === 'number' && value >= least && value <= most;",
        "}",
        "",
        "function isSmallMap(value: unknown, most: number): boolean {",
        "  return isMap(value) && Object.keys(value).length <= most;",
        "}",
        "",
        "function isStrings(value: unknown, most: number, shortest: number, longest: number): boolean {",
        "  if (!Array.isArray(value) || value.length > most) return false;",
        "  return value.every((one) => isString(one, shortest, longest));",
        "}",
    ]
    for kind in known:
        tests = [test for field in kind.properties if (test := _test(field))]
        lines += [
            "",
            f"/** Whether this is surely a valid {kind.name}. */",
            f"export function {camel(kind)}(event: Json): boolean {{",
            "  let v: unknown;",
            "  return (",
            " &&\n".join(f"    {test}" for test in tests),
            "  );",
            "}",
        ]
    return "\n".join(lines)


def _test(field: Property) -> str:
    low, high = field.bounds
    match field.kind:
        case "any":
            return ""
        case "string" if field.enum:
            test = "(" + " || ".join(f"v === {_text(value)}" for value in field.enum) + ")"
        case "string" if high:
            test = f"isString(v, {low or 0}, {high})"
        case "string":
            test = f"v === {_text(field.schema['const'])}"
        case "integer":
            # What JavaScript's own numbers say exactly; larger ones are for the table.
            test = f"isInteger(v, {max(low, 1 - _EXACT)}, {min(high, _EXACT - 1)})"
        case "number":
            test = f"isNumber(v, {_json(low)}, {_json(high)})"
        case "object":
            test = f"isSmallMap(v, {high})"
        case "array" if field.items is not None and field.items.kind == "string":
            least, most = field.items.bounds
            test = f"isStrings(v, {high}, {least or 0}, {most})"
        case _:
            test = "(Array.isArray(v) && v.length === 0)"
    got = f"(v = event[{_text(field.name)}])"
    absent = f"{got} === undefined || v === null"
    return f"({absent} || {test})" if field.nullable and not field.required else f"(({got}), {test})"


def methods(known: Sequence[Type]) -> str:
    """The base class with a method a type, which hands on to `send`."""
    lines = [
        "import type { EventType } from '../contract.js';",
        "import type { ProduceOptions, Receipt } from '../delivery.js';",
        "import type * as events from './events.js';",
        "import * as tables from './tables.js';",
        "",
        "/**",
        " * The twelve. Each throws InvalidEvent, which names the field, before anything is sent; what becomes of the",
        " * event is the promise.",
        " */",
        "export abstract class EventMethods {",
        "  protected abstract send(kind: EventType, event: object, options?: ProduceOptions): Promise<Receipt>;",
    ]
    for kind in known:
        key = ", else ".join(f"`{name}`" for name in kind.key_fields)
        lines += [
            "",
            "  /**",
            f"   * {kind.description}",
            "   *",
            f"   * Topic `{kind.topic}`, keyed by {key}.",
            "   */",
            f"  produce{kind.name}(event: events.{kind.name}, options?: ProduceOptions): Promise<Receipt> {{",
            f"    return this.send(tables.{constant(kind)}, event, options);",
            "  }",
        ]
    return "\n".join([*lines, "}"])


_EVENT = """\
/** What all event types have; absent parts are filled in when the event is sent. */
export interface Event {
  /** Identity of the event; a repeat is the same event. A random UUID where it is absent. */
  readonly eventId?: string | null | undefined;
  /** Milliseconds since the epoch, or a Date; now, where it is absent. */
  readonly timestamp?: number | bigint | Date | null | undefined;
  /** The related flow; that of the context (`flow`), else the trace, else the event itself. */
  readonly correlationId?: string | null | undefined;
  /** The event that caused this one; that of the context (`causedBy`). */
  readonly causationId?: string | null | undefined;
  /** Fields that the contract does not name. */
  readonly extra?: { readonly [name: string]: unknown } | null | undefined;
}
"""


def events(known: Sequence[Type]) -> str:
    """An interface for each event type, the contract's inner objects first."""
    lines = [_EVENT.rstrip()]
    for kind in known:
        for field in kind.own:
            if field.items is not None and field.items.record:
                told = "/** One column of the target and the column of the source that it comes from. */"
                lines += ["", told, "export interface ColumnMapping {", *_members(field.items.record), "}"]
    for kind in known:
        version = (
            []
            if kind.version_of_its_own
            else ["  /** Contract version. */", "  readonly version?: string | null | undefined;"]
        )
        members = [*_members(kind.ordered), *version]
        lines += ["", f"/** {kind.description} */", f"export interface {kind.name} extends Event {{", *members, "}"]
    return "\n".join(lines)


def _members(fields: Sequence[Property]) -> list[str]:
    lines = []
    for field in fields:
        optional = "" if field.required else "?"
        lines += [f"  /** {field.description} */", f"  readonly {field.name}{optional}: {typescript_type(field)};"]
    return lines


def typescript_type(field: Property) -> str:
    """The type of a field."""
    made = {
        "string": "string",
        "integer": "number | bigint" if (field.bounds[1] or 0) > _EXACT else "number",
        "number": "number",
        "any": "unknown",
        "object": "{ readonly [name: string]: unknown }",
    }.get(field.kind, "")
    if field.enum:
        made = " | ".join(map(_text, field.enum))
    if field.items is not None:
        made = f"readonly {'ColumnMapping' if field.items.record else 'string'}[]"
    return made if field.required or field.kind == "any" else f"{made} | null | undefined"


def _text(value: str) -> str:
    return "'" + json.dumps(value, ensure_ascii=False)[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"


def _json(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return f"{value}n" if abs(value) > _EXACT else str(value)
        case float():
            return str(int(value)) if value.is_integer() else repr(value)
        case list():
            return f"[{', '.join(_text(str(item)) for item in value)}]"
    raise TypeError(value)
