"""What a reply to POST /v1/events says of each event that was sent. Pure.

202, 422 and 503 have a receipt for each event. Another 4xx is final: nothing of it is ever sent again. Everything else
(no answer, 5xx from a gateway) is tried again, which the eventId makes safe.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from carbon_stream_producer.delivery import Outcome, Receipt
from carbon_stream_producer.errors import DeliveryFailed, FieldError

__all__ = ["outcomes", "retry_after_s"]

_TAKEN: Final = ("accepted", "spooled", "duplicate")
_LONGEST_PAUSE_S: Final = 60.0


def outcomes(status: int, body: bytes, event_ids: Sequence[str]) -> list[Outcome | None]:
    """What became of each event, in order; None for one that should be sent again."""
    if status in (202, 422, 503):
        receipts = _receipts(body, len(event_ids))
        if receipts is not None:
            return [_outcome(receipt, event_id) for receipt, event_id in zip(receipts, event_ids, strict=True)]
    if 400 <= status < 500 or 300 <= status < 400 or 200 <= status < 300:
        reason = f"the service answered {status}{_detail(body)}"
        return [DeliveryFailed(event_id, reason, retriable=False) for event_id in event_ids]
    return [None] * len(event_ids)


def retry_after_s(header: str | None, now: datetime | None = None) -> float | None:
    """Seconds to wait by a Retry-After header (RFC 9110: seconds, or a date), at most a minute; None without one."""
    if not header:
        return None
    text = header.strip()
    if text.isdecimal():
        return min(float(text[:6]), _LONGEST_PAUSE_S)
    try:
        then = parsedate_to_datetime(text)
    except ValueError:
        return None
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return min(max((then - (now or datetime.now(UTC))).total_seconds(), 0.0), _LONGEST_PAUSE_S)


def _receipts(body: bytes, expected: int) -> list[dict[str, Any]] | None:
    document = _document(body)
    receipts = document.get("receipts")
    if isinstance(receipts, list) and len(receipts) == expected and all(isinstance(item, dict) for item in receipts):
        return receipts
    return None


def _outcome(receipt: dict[str, Any], event_id: str) -> Outcome | None:
    status = receipt.get("status")
    if status in _TAKEN:
        return Receipt(event_id, status, receipt.get("topic"), receipt.get("partition"), receipt.get("offset"))
    if receipt.get("retriable"):
        return None
    errors = tuple(
        FieldError(str(error.get("pointer", "")), str(error.get("type", "")), str(error.get("message", "")))
        for error in receipt.get("errors") or ()
        if isinstance(error, dict)
    )
    told = "; ".join(f"{error.pointer} {error.message}".strip() for error in errors)
    return DeliveryFailed(event_id, f"the service refused it: {told or status}", retriable=False, errors=errors)


def _detail(body: bytes) -> str:
    document = _document(body)
    told = document.get("detail") or document.get("title")
    return f": {told}" if isinstance(told, str) else ""


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
