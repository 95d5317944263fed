"""CloudEvents 1.0 as events of the contract: attributes and data in, a flat event out. Pure, whatever brought them.

| attribute | field |
|---|---|
| id, source | eventId, source |
| type | eventType; a reverse-DNS prefix is taken off (`com.254carbon.AuditAPICallEvent`) |
| time | timestamp |
| subject | the entity's field, where the data names none |
| dataschema | must not name another of the twelve types |
| data, data_base64 | the payload: a JSON object |
| correlationid, causationid | correlationId, causationId |

Data may repeat the envelope, as on our topics, but not contradict it. What has no field is kept in one object
`cloudEvent`.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from carbon_stream.contracts import limits
from carbon_stream.contracts.catalog import BY_EVENT_TYPE, Topic
from carbon_stream.contracts.invalid import INVALID, UNKNOWN_TYPE, FieldError, Refused
from carbon_stream.contracts.json_text import describe

__all__ = ["ATTRIBUTES_BYTES_MAX", "CORE", "Errors", "composed", "known_id", "milliseconds", "refuse"]

CORE: Final = ("specversion", "id", "source", "type", "time", "subject", "dataschema", "datacontenttype")
ATTRIBUTES_BYTES_MAX: Final = 16_384
"""All attributes of an event together; they go through every hop's headers."""
_KEPT: Final = ("subject", "dataschema", "datacontenttype")
_NAME: Final = re.compile(r"[a-z0-9]{1,64}")
_INT32: Final = range(-(2**31), 2**31)
_RFC3339: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:(?P<second>\d\d)(?P<fraction>\.\d{1,18})?(?:[Zz]|[+-]\d\d:\d\d)"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_URI_REFERENCE: Final = "!#$%&'()*+,-./:;=?@[]_~"

Errors = list[FieldError]


def composed(attributes: Mapping[str, Any], payload: Mapping[str, Any], errors: Errors) -> dict[str, Any]:
    """The event of attributes (core and extensions, nulls left out) and a payload.

    What is wrong with it is added to `errors`, with a pointer to each attribute; `refuse` tells of them. Raises Refused
    at once where the attributes themselves are wrong, or name no type of ours.
    """
    errors += _wrong_values(attributes)
    topic = None if errors else _topic(attributes["type"], errors)
    if topic is None:
        raise refuse(attributes, errors)
    data = _envelope(attributes, topic, payload, errors)
    if topic.key(data) is None and "subject" in attributes:
        data[topic.key_fields[0]] = attributes["subject"]
    _check_schema(attributes, topic, errors)
    kept = _kept(attributes, topic)
    if kept:
        if data.get("cloudEvent") is not None:
            kept["data"] = data["cloudEvent"]
        data["cloudEvent"] = kept
    return data


def refuse(attributes: Mapping[str, Any], errors: Errors) -> Refused:
    """An event with these attributes as refused for these errors."""
    only_the_type = all(error.type == UNKNOWN_TYPE for error in errors)
    reason = UNKNOWN_TYPE if only_the_type else INVALID
    return Refused(reason, tuple(errors[: limits.ERRORS]), known_id(attributes.get("id")))


def known_id(event_id: object) -> str | None:
    """The id that a refusal may name: one that an event may have."""
    return event_id if isinstance(event_id, str) and 0 < len(event_id) <= limits.EVENT_ID_CHARS else None


def _wrong_values(attributes: Mapping[str, Any]) -> Errors:
    errors: Errors = []
    for name in ("specversion", "id", "source", "type"):
        if name not in attributes:
            errors.append(FieldError(f"/{name}", "missing", "is required of every CloudEvent"))
    for name, value in attributes.items():
        error = _wrong_value(name, value)
        if error is not None:
            errors.append(FieldError(f"/{name[:100]}", *error))
    size = sum(len(name) + len(str(value).encode(errors="replace")) for name, value in attributes.items())
    if size > ATTRIBUTES_BYTES_MAX:
        message = f"all attributes together may have {ATTRIBUTES_BYTES_MAX:,} bytes, not {size:,}"
        errors.append(FieldError("", "too-long", message))
    return errors


def _wrong_value(name: str, value: Any) -> tuple[str, str] | None:
    if name not in CORE:
        if not _NAME.fullmatch(name):
            return "name", "an attribute's name has lower-case letters and digits only"
        if isinstance(value, str | bool) or (isinstance(value, int) and value in _INT32):
            return None
        return "type", f"an extension is a string, a boolean or a 32-bit integer, not {describe(value)}"
    if not isinstance(value, str):
        return "type", f"must be a string, not {describe(value)}"
    if not value:
        return "empty", "must not be empty"
    if name == "specversion" and value != "1.0":
        return "specversion", "must be 1.0"
    if name == "time" and milliseconds(value) is None:
        return "time", "must be a time as RFC 3339 has it, with its zone"
    return None


def _topic(kind: str, errors: Errors) -> Topic | None:
    topic = BY_EVENT_TYPE.get(kind) or BY_EVENT_TYPE.get(kind.rpartition(".")[2])
    if topic is None:
        errors.append(FieldError("/type", UNKNOWN_TYPE, f"ends in none of the event types: {', '.join(BY_EVENT_TYPE)}"))
    return topic


def _envelope(
    attributes: Mapping[str, Any], topic: Topic, payload: Mapping[str, Any], errors: Errors
) -> dict[str, Any]:
    data: dict[str, Any] = {"eventId": attributes["id"], "eventType": topic.event_type}
    told: list[tuple[str, str, Any]] = [("id", "eventId", attributes["id"]), ("type", "eventType", topic.event_type)]
    if "time" in attributes:
        told.append(("time", "timestamp", milliseconds(attributes["time"])))
    told.append(("source", "source", attributes["source"]))
    told += [
        (name, field, attributes[name])
        for name, field in (("correlationid", "correlationId"), ("causationid", "causationId"))
        if name in attributes
    ]
    data.update(payload)
    for name, field, value in told:
        given = payload.get(field)
        if given is None:
            data[field] = value
        elif given != value and not (field == "source" and _same_source(given, value)):
            message = f"the attribute says {str(value)[:100]!r}, and {field} in the data {str(given)[:100]!r}"
            errors.append(FieldError(f"/{name}", "conflict", message))
    return data


def _same_source(given: Any, attribute: str) -> bool:
    """On our topics a source that is no URI reference stands percent-encoded in the attribute."""
    return isinstance(given, str) and quote(given, safe=_URI_REFERENCE, errors="replace") == attribute


def _check_schema(attributes: Mapping[str, Any], topic: Topic, errors: Errors) -> None:
    schema = attributes.get("dataschema", "")
    named = re.split(r"[/#:]", schema)[-1].removesuffix(".json").rpartition(".")[2]
    if named in BY_EVENT_TYPE and named != topic.event_type:
        message = f"names the schema of {named}, but the type is {topic.event_type}"
        errors.append(FieldError("/dataschema", "conflict", message))


def _kept(attributes: Mapping[str, Any], topic: Topic) -> dict[str, Any]:
    kept = {name: attributes[name] for name in _KEPT if name in attributes}
    if kept.get("datacontenttype") == "application/json":
        del kept["datacontenttype"]
    if attributes["type"] != topic.event_type:
        kept["type"] = attributes["type"]
    time = attributes.get("time")
    found = _RFC3339.fullmatch(time) if time is not None else None
    if found is not None and len((found["fraction"] or "").rstrip("0")) > 4:
        kept["time"] = time
    extensions = {name: value for name, value in attributes.items() if name not in CORE}
    if extensions:
        kept["extensions"] = extensions
    return kept


def milliseconds(time: str) -> int | None:
    """An RFC 3339 time in milliseconds since the epoch, cut off; None where it is none. A leap second is the next."""
    found = _RFC3339.fullmatch(time)
    if found is None:
        return None
    leap = found["second"] == "60"
    plain = time[: found.start("second")] + ("59" if leap else found["second"]) + time[found.end("second") :]
    if found["fraction"]:
        digits = found["fraction"][:7].ljust(7, "0")
        plain = plain.replace(found["fraction"], digits, 1)
    try:
        moment = datetime.fromisoformat(plain.upper())
        return (moment - _EPOCH + timedelta(seconds=leap)) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        return None
