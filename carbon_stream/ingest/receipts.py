"""Receipts: what became of each event of a request, and the status that follows for the request.

Pure. The rules are those of the HTTP contract: 202 if any event was taken and none is left that should be sent again,
503 with Retry-After if one is, 422 if none was valid.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import cramjam
import orjson

from carbon_stream.contracts.codec import FieldError
from carbon_stream.errors import ProblemError
from carbon_stream.ingest.delivery import Stored
from carbon_stream.ingest.limits import RETRY_AFTER_S

__all__ = [
    "CONFLICT",
    "NOT_TAKEN",
    "TOO_LARGE",
    "UNAVAILABLE",
    "Accepted",
    "Receipt",
    "Receipts",
    "Rejected",
    "Repeated",
    "Skipped",
    "Waiting",
    "rejected",
]

_SHORT_PARTS: Final = 20
_ACCEPTED: Final = b'{"eventId":%b,"status":"accepted","topic":"%b","partition":%d,"offset":%b}'
NOT_TAKEN: Final = "not-taken"
"""The reason of a valid event that was refused with its batch."""
TOO_LARGE: Final = "too-large"
CONFLICT: Final = "conflict"
"""The reason, and the `type` of the error, of an event whose id another event of its source has."""
UNAVAILABLE: Final = "unavailable"
"""The `type` of the error of an event that should be sent again."""


class Accepted(NamedTuple):
    """On its topic, acknowledged by all in-sync replicas. `offset` is None where the broker no longer knew it."""

    event_id: str
    topic: str
    partition: int
    offset: int | None


class Waiting(NamedTuple):
    """In the spool, synced to this machine's disk, and on its topic once Kafka takes it."""

    event_id: str
    topic: str


class Repeated(NamedTuple):
    """Taken before, and durable: where, as far as that is known."""

    event_id: str
    topic: str
    partition: int | None
    offset: int | None


class Rejected(NamedTuple):
    """Not taken. `retriable`: the same event sent again later may be taken (its outcome may even be unknown now)."""

    event_id: str | None
    retriable: bool
    reason: str
    errors: tuple[FieldError, ...]


class Skipped(NamedTuple):
    """Understood, and not to become an event (our own requests in a gateway's log)."""


Receipt = Accepted | Waiting | Repeated | Rejected | Skipped


def rejected(event_id: str | None, reason: str, message: str, *, retriable: bool = False) -> Rejected:
    """A rejection of the event as a whole."""
    return Rejected(event_id, retriable, reason, (FieldError("", reason, message),))


class Receipts:
    """The receipts of a request, added in order of its events. Kept as JSON: a request may have very many."""

    __slots__ = ("_again", "_first_error", "_parts", "_skipped", "rejected", "taken")

    def __init__(self) -> None:
        self.taken: dict[tuple[str, str], int] = {}
        """How many were taken, by status (accepted, spooled, duplicate) and topic."""
        self.rejected: dict[str, int] = {}
        """How many were rejected, by reason."""
        self._again = 0
        self._skipped = 0
        self._parts: list[bytes] = []
        self._first_error = ""

    def add(self, receipts: Iterable[Receipt]) -> None:
        """Adds the receipts of the next events."""
        documents: list[dict[str, Any]] = []
        for receipt in receipts:
            if isinstance(receipt, Accepted):
                event_id, topic, partition, offset = receipt
                self._tally("accepted", topic)
                documents.append(
                    {
                        "eventId": event_id,
                        "status": "accepted",
                        "topic": topic,
                        "partition": partition,
                        "offset": offset,
                    }
                )
            elif isinstance(receipt, Waiting):
                self._tally("spooled", receipt.topic)
                documents.append({"eventId": receipt.event_id, "status": "spooled", "topic": receipt.topic})
            elif isinstance(receipt, Repeated):
                self._tally("duplicate", receipt.topic)
                documents.append(_repeated(receipt))
            elif isinstance(receipt, Skipped):
                self._skipped += 1
                documents.append({"status": "skipped"})
            else:
                self.rejected[receipt.reason] = self.rejected.get(receipt.reason, 0) + 1
                self._again += receipt.retriable
                self._first_error = self._first_error or receipt.errors[0].message
                documents.append(_document(receipt))
        if documents:
            self._keep(orjson.dumps(documents)[1:-1])

    def add_stored(self, event_id: str, topic: str, stored: Stored) -> None:
        """Adds the receipt of an event that is on its topic: the same as `add` of one that is Accepted, for less."""
        partition, offset = stored
        self._tally("accepted", topic)
        place = b"null" if offset is None else b"%d" % offset
        self._keep(_ACCEPTED % (orjson.dumps(event_id), topic.encode(), partition, place))

    def add_accepted(
        self, event_ids: Iterable[str], topics: Sequence[str], partitions: Iterable[int], offsets: Iterable[int]
    ) -> None:
        """Adds the receipts of the next events, all of them accepted. A negative offset is one that is not known."""
        documents = [
            {
                "eventId": event_id,
                "status": "accepted",
                "topic": topic,
                "partition": partition,
                "offset": offset if offset >= 0 else None,
            }
            for event_id, topic, partition, offset in zip(event_ids, topics, partitions, offsets, strict=True)
        ]
        for topic in set(topics):
            self._tally("accepted", topic, topics.count(topic))
        self._keep(orjson.dumps(documents)[1:-1])

    def _keep(self, part: bytes) -> None:
        """The first ones as they are; those of a long body compressed, a third of their size."""
        self._parts.append(part if self.is_short else bytes(cramjam.lz4.compress_block(part)))

    def _part(self, index: int) -> bytes:
        part = self._parts[index]
        return part if index < _SHORT_PARTS else bytes(cramjam.lz4.decompress_block(part))

    def _tally(self, status: str, topic: str, number: int = 1) -> None:
        self.taken[status, topic] = self.taken.get((status, topic), 0) + number

    def status(self) -> int:
        """The status of the request."""
        if self._again:
            return 503
        return 202 if self.taken or self._skipped else 422

    @property
    def is_short(self) -> bool:
        """Whether the reply is small enough to be made at once."""
        return len(self._parts) < _SHORT_PARTS

    async def pieces(self) -> AsyncIterator[bytes]:
        """The reply of a 202 as JSON, piece by piece; each is forgotten when it has been given."""
        yield self._beginning()
        for index in range(len(self._parts)):
            yield b"," + self._part(index) if index else self._part(index)
            self._parts[index] = b""
        yield b"]}"

    def broken_off(self, problem: ProblemError) -> ProblemError:
        """A problem half-way through a body, with the receipts of the events before it."""
        if self.count:
            told = (
                f"{problem.detail}; the receipts are those of the first {self.count:,} events, the others were not read"
            )
            problem.detail = told
            problem.extra.update(self._body())
        return problem

    def encode(self) -> bytes:
        """The reply of a 202 as JSON."""
        return b"%b%b]}" % (self._beginning(), self._all_parts())

    def _beginning(self) -> bytes:
        return orjson.dumps(self._counts())[:-1] + b',"receipts":['

    def problem(self, status: int, more: Mapping[str, str] | None = None) -> ProblemError:
        """The reply of any other status: a problem document with the same members; `more` are headers of it."""
        headers = dict(more or {})
        if status == 503:
            headers["Retry-After"] = str(RETRY_AFTER_S)
            detail = f"{self._again} of {self.count} events should be sent again; the receipts say which"
            return ProblemError(503, "Unavailable", detail, headers=headers, extra=self._body())
        if status == 413:
            return ProblemError(413, "Content too large", self._first_error, headers=headers, extra=self._body())
        detail = self._why_none()
        return ProblemError(422, "No valid event", detail, headers=headers, extra=self._body())

    def _why_none(self) -> str:
        if NOT_TAKEN in self.rejected:
            return "an event is not valid, so none was taken (handling=strict); the receipts say why"
        return "no event was valid; the receipts say why" if self.count else "there is no event in the request"

    @property
    def count(self) -> int:
        """Events that have a receipt so far."""
        return sum(self.taken.values()) + sum(self.rejected.values()) + self._skipped

    def _body(self) -> dict[str, Any]:
        return {
            **self._counts(),
            "receipts": orjson.Fragment(b"[%b]" % self._all_parts()),
        }

    def _all_parts(self) -> bytes:
        return b",".join(self._parts if self.is_short else map(self._part, range(len(self._parts))))

    def _counts(self) -> dict[str, Any]:
        skipped = {"skipped": self._skipped} if self._skipped else {}
        return {"accepted": sum(self.taken.values()), "rejected": sum(self.rejected.values()), **skipped}


def _repeated(receipt: Repeated) -> dict[str, Any]:
    event_id, topic, partition, offset = receipt
    place = {} if partition is None else {"partition": partition, "offset": offset}
    return {"eventId": event_id, "status": "duplicate", "topic": topic, **place}


def _document(receipt: Rejected) -> dict[str, Any]:
    head: dict[str, Any] = {} if receipt.event_id is None else {"eventId": receipt.event_id}
    errors = [{"pointer": e.pointer, "type": e.type, "message": e.message} for e in receipt.errors]
    return {**head, "status": "rejected", "retriable": receipt.retriable, "errors": errors}
