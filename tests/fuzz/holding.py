"""What must hold of every answer, and what is to be on the topics when all have been given."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import orjson

from carbon_stream.contracts import codec
from carbon_stream.contracts.codec import Invalid
from carbon_stream.ingest.formats import native
from carbon_stream.ingest.openlineage.mapping import events_of
from carbon_stream.ingest.openlineage.models import parse_event
from tests.fuzz.documents import EVENTS, KONG, LINEAGE
from tests.fuzz.drawing import Drawn
from tests.fuzz.wire import Answer

TAKEN = ("accepted", "duplicate", "spooled")


@dataclass
class Promised:
    """What the service has said that it took."""

    places: dict[tuple[str, int, int], str] = field(default_factory=dict)
    """The eventId that is said to be at a topic, partition and offset."""
    ids: set[str] = field(default_factory=set)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    """Answers by kind of request and status."""
    receipts: Counter[str] = field(default_factory=Counter)

    def hold(self, drawn: Drawn, answers: list[Answer]) -> None:
        """Raises AssertionError for an answer that must not be."""
        for place, answer in enumerate(answers):
            document = well_formed(answer)
            if place == 0:
                self.statuses[drawn.kind, answer.status] += 1
                self._remember(drawn, answer, document)
        if not answers:
            self.statuses[drawn.kind, 0] += 1
        if drawn.frame.exact and not drawn.frame.leaves:
            assert answers, "a well framed request has an answer"
            if len(answers) == 2:
                assert (answers[1].status, answers[1].body) == (200, b'{"status":"alive"}'), "they are out of step"
        if drawn.good and answers and drawn.kind not in ("replay", "read"):
            assert answers[0].status in GOOD, (answers[0].status, answers[0].body[:500])

    def _remember(self, drawn: Drawn, answer: Answer, document: Any) -> None:
        if drawn.path in (EVENTS, KONG) and isinstance(document, dict) and "receipts" in document:
            receipts = document["receipts"]
            taken = [one for one in receipts if one["status"] in TAKEN]
            assert (document["accepted"], document["rejected"]) == (
                len(taken),
                sum(one["status"] == "rejected" for one in receipts),
            )
            assert (answer.status == 202) == any(
                one["status"] != "rejected" for one in receipts
            ) or answer.status != 202
            for one in receipts:
                self.receipts[one["status"]] += 1
                assert not one.get("retriable"), "nothing is to be sent again: Kafka is there"
            for one in taken:
                self.ids.add(one["eventId"])
                if "offset" in one:
                    place = (one["topic"], one["partition"], one["offset"])
                    assert self.places.setdefault(place, one["eventId"]) == one["eventId"], place
        elif drawn.path.startswith(LINEAGE) and drawn.whole and answer.status in (200, 201):
            documents = [drawn.text] if drawn.path == LINEAGE else native.split(native.JSON, drawn.text, 100_000)[0]
            failed = {one["index"] for one in document["failed_events"]} if isinstance(document, dict) else set()
            for index, text in enumerate(documents):
                if index not in failed:
                    self.ids |= _ids_of(text)
                    self.receipts["lineage"] += 1


GOOD = {202, 201, 200, 422, 400, 413}
"""Of what nothing was done to: 422 for an id that came before, 400 for nothing at all."""


def _ids_of(text: bytes) -> set[str]:
    """The ids that follow from an OpenLineage event that the service has taken."""
    try:
        document = codec.parse(text, max_bytes=1 << 20)
        return {event["eventId"] for event in events_of(document, parse_event(document))}
    except Invalid as error:
        raise AssertionError(f"taken, and not valid: {text[:500]!r}") from error


def well_formed(answer: Answer) -> Any:
    """The answer's JSON, None where it is something else. Raises AssertionError for a failure, or a bad form."""
    told = (answer.status, answer.headers, answer.body[:500])
    assert answer.status < 500, told
    assert answer.headers.get("x-request-id"), told
    assert answer.headers.get("x-content-type-options") == "nosniff", told
    assert "aiohttp" not in answer.headers.get("server", ""), told
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if answer.status >= 400:
        assert kind == "application/problem+json", told
    if not kind.endswith("json"):
        return None
    document = orjson.loads(answer.body)
    if answer.status >= 400:
        assert document["status"] == answer.status, told
        assert document["requestId"] == answer.headers["x-request-id"], told
    return document
