"""Events and requests that come again are told from new ones, also by another process and after a restart."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from carbon_stream.ingest.delivery import Delivery, Failed, Spooled, Stored
from carbon_stream.ingest.repeats.admission import Admission, Conflict, Duplicate
from carbon_stream.ingest.repeats.request_keys import RequestKey
from carbon_stream.ingest.repeats.shared import FILE, Answer, SharedFile
from carbon_stream.ingest.repeats.window import ROW_BYTES, Mark, Taken, Window, mark_of, place_of
from carbon_stream.routing import Record
from tests.unit.ingest.conftest import Door, OpenDoor, ScriptedPublisher

Event = Callable[..., dict[str, Any]]


async def post(door: Door, body: Any, **headers: str) -> tuple[int, Any, Any]:
    return await door.post(orjson.dumps(body), Content_Type="application/json", **headers)


async def test_the_same_event_again_is_told_where_the_first_one_is(open_door: OpenDoor, event: Event) -> None:
    door = await open_door()
    one = event(eventId="e1")
    status, answer, _ = await post(door, one)
    assert (status, answer["receipts"][0]["status"]) == (202, "accepted")
    place = {name: answer["receipts"][0][name] for name in ("topic", "partition", "offset")}
    again = dict(reversed(one.items()))  # the same value, however it is written
    for _ in range(2):
        status, answer, _ = await post(door, again)
        assert (status, answer["accepted"], answer["rejected"]) == (202, 1, 0)
        assert answer["receipts"] == [{"eventId": "e1", "status": "duplicate", **place}]
    assert len(door.publisher.taken) == 1
    assert door.recorder.answers[-1] == ({"data-quality": 1}, {})


async def test_another_event_under_the_same_id_is_a_conflict(open_door: OpenDoor, event: Event) -> None:
    door = await open_door()
    assert (await post(door, event(eventId="e1")))[0] == 202
    status, answer, _ = await post(door, event(eventId="e1", failedRecords=3))
    assert status == 422
    receipt = answer["receipts"][0]
    assert (receipt["status"], receipt["retriable"], receipt["errors"][0]["type"]) == ("rejected", False, "conflict")
    assert "an id of its own" in receipt["errors"][0]["message"]
    status, answer, _ = await post(door, event(eventId="e1", source="another", failedRecords=3))
    assert (status, answer["receipts"][0]["status"]) == (202, "accepted"), "ids are those of a source"
    assert len(door.publisher.taken) == 2


async def test_events_without_an_id_are_never_repeats(open_door: OpenDoor, event: Event) -> None:
    door = await open_door()
    for _ in range(2):
        _, answer, _ = await post(door, [event(), event(eventId=None)])
        assert [receipt["status"] for receipt in answer["receipts"]] == ["accepted", "accepted"]
    assert len({record.value for record in door.publisher.taken}) == 4


async def test_repeats_within_one_request(open_door: OpenDoor, event: Event) -> None:
    door = await open_door()
    batch = [event(eventId="a"), event(eventId="b"), event(eventId="a"), event(eventId="a", score=0), {"no": "event"}]
    status, answer, _ = await post(door, batch)
    assert status == 202
    found = [receipt["status"] for receipt in answer["receipts"]]
    assert found == ["accepted", "accepted", "duplicate", "rejected", "rejected"]
    assert answer["receipts"][2]["offset"] == answer["receipts"][0]["offset"]
    many = [event(eventId=f"n{n % 700}") for n in range(2_000)]  # over several chunks
    status, answer, _ = await post(door, many)
    assert [receipt["status"] for receipt in answer["receipts"]] == ["accepted"] * 700 + ["duplicate"] * 1_300


async def test_only_what_is_durable_is_remembered(open_door: OpenDoor, event: Event) -> None:
    door = await open_door()
    door.publisher.outcome = lambda record, n: Failed(True, "Kafka does not answer")
    assert (await post(door, event(eventId="e1")))[0] == 503
    door.publisher.outcome = lambda record, n: Spooled()
    status, answer, _ = await post(door, event(eventId="e1"))
    assert (status, answer["receipts"]) == (202, [{"eventId": "e1", "status": "spooled", "topic": "data-quality"}])
    status, answer, _ = await post(door, event(eventId="e1"))
    assert (status, answer["receipts"]) == (202, [{"eventId": "e1", "status": "duplicate", "topic": "data-quality"}])


class SlowPublisher(ScriptedPublisher):
    """Settles when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.deliveries: list[Delivery] = []

    async def submit(self, records: Any, *, gathers: bool = False) -> Delivery:
        self.deliveries.append(Delivery(records))
        self.taken += records
        return self.deliveries[-1]


def marked(event: dict[str, Any]) -> Mark:
    return mark_of(event["source"], event["eventId"], orjson.dumps(event))


def window(events: int = 1_000, seconds: float = 3_600.0) -> Window:
    return Window(events, seconds, time.monotonic())


def a_record(door: Door, text: str) -> Any:
    return next(record for record in door.publisher.taken if text.encode() in record.value)


@pytest.mark.parametrize("arrives", [True, False])
async def test_one_that_is_being_published_is_waited_for(open_door: OpenDoor, event: Event, arrives: bool) -> None:
    door = await open_door()
    await post(door, event(eventId="e1"))
    records = [a_record(door, "e1")]
    publisher = SlowPublisher()
    admission = Admission(publisher, window(), None)
    first = await admission.submit(records, [marked(event(eventId="e1"))])
    same = await admission.submit(records, [marked(event(eventId="e1"))])
    other = await admission.submit(records, [marked(event(eventId="e1", score=0))])
    waiting = asyncio.gather(same.results(), other.results())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    assert len(publisher.taken) == 1
    if arrives:
        publisher.deliveries[0].store([0], 3, 77)
        assert await first.results() == [Stored(3, 77)]
        assert list(await waiting) == [[Duplicate(3, 77)], [Conflict()]]
    else:
        publisher.deliveries[0].fail([0], Failed(True, "late"))
        assert await first.results() == [Failed(True, "late")]
        assert [[result.retriable for result in each] for each in await waiting] == [[True], [True]]  # type: ignore[union-attr]
        again = await admission.submit(records, [marked(event(eventId="e1"))])
        publisher.deliveries[-1].store([0], 3, 78)
        assert await again.results() == [Stored(3, 78)]


async def test_what_is_refused_for_good_is_so_for_repeats_that_came_meanwhile(
    open_door: OpenDoor, event: Event
) -> None:
    door = await open_door()
    await post(door, event(eventId="e1"))
    records = [a_record(door, "e1")]
    publisher = SlowPublisher()
    admission = Admission(publisher, window(), None)
    first = await admission.submit(records, [marked(event(eventId="e1"))])
    same = await admission.submit(records, [marked(event(eventId="e1"))])
    other = await admission.submit(records, [marked(event(eventId="e1", score=0))])
    never = Failed(False, "too large for its topic")
    publisher.deliveries[0].fail([0], never)
    assert await first.results() == await same.results() == [never]
    (result,) = await other.results()
    assert isinstance(result, Failed)
    assert result.retriable


async def test_without_a_window_each_event_is_a_new_one(open_door: OpenDoor, event: Event) -> None:
    door = await open_door()
    await post(door, event(eventId="e1"))
    records = [a_record(door, "e1")]
    publisher = ScriptedPublisher()
    admission = Admission(publisher, window(events=0), None)
    for mark in (marked(event(eventId="e1")), marked(event(eventId="e1", score=0))):
        (result,) = await (await admission.submit(records, [mark])).results()
        assert isinstance(result, Stored)
    assert len(publisher.taken) == 2


async def test_a_caller_that_is_cancelled_leaves_nothing_pending(open_door: OpenDoor, event: Event) -> None:
    class Stuck(ScriptedPublisher):
        async def submit(self, records: Any, *, gathers: bool = False) -> Delivery:
            await asyncio.sleep(60)
            raise AssertionError

    door = await open_door()
    await post(door, event(eventId="e1"))
    admission = Admission(Stuck(), window(), None)
    mark = marked(event(eventId="e1"))
    caller = asyncio.create_task(admission.submit([a_record(door, "e1")], [mark]))
    await asyncio.sleep(0.01)
    caller.cancel()
    await asyncio.wait([caller])
    admission.publisher = ScriptedPublisher()
    assert await (await admission.submit([a_record(door, "e1")], [mark])).results() == [Stored(0, 0)]


async def test_who_waits_for_another_ones_event_may_be_cancelled(open_door: OpenDoor, event: Event) -> None:
    door = await open_door()
    await post(door, event(eventId="e1"))
    records, marks = [a_record(door, "e1")], [marked(event(eventId="e1"))]
    publisher = SlowPublisher()
    admission = Admission(publisher, window(), None)
    submissions = [await admission.submit(records, marks) for _ in range(4)]
    waiting = [asyncio.create_task(submission.results()) for submission in submissions]
    await asyncio.sleep(0.05)
    for gone in (0, 2):
        waiting[gone].cancel()
    await asyncio.wait([waiting[0], waiting[2]])
    publisher.deliveries[0].store([0], 3, 77)
    assert [await waiting[1], await waiting[3]] == [[Duplicate(3, 77)], [Duplicate(3, 77)]]
    assert await (await admission.submit(records, marks)).results() == [Duplicate(3, 77)]


async def test_a_repeat_is_told_whichever_way_the_event_came(open_door: OpenDoor, event: Event) -> None:
    door = await open_door()
    for more in ({}, {"more": {"than": "the contract"}}, {"context": None}):
        one = event(eventId=f"e{len(more)}{''.join(more)}", **more)
        assert (await post(door, one))[1]["receipts"][0]["status"] == "accepted"
        attributes = {"specversion": "1.0", "id": one["eventId"], "source": one["source"], "type": one["eventType"]}
        data = {name: value for name, value in one.items() if name not in ("eventId", "source", "eventType")}
        body = orjson.dumps({**attributes, "data": data})
        status, answer, _ = await door.post(body, Content_Type="application/cloudevents+json")
        assert (status, answer["receipts"][0]["status"]) == (202, "duplicate")


def a_mark(name: str) -> Mark:
    return mark_of("source", name, b"text")


def test_the_window_keeps_the_last_events_and_forgets_older_ones() -> None:
    kept = Window(100, 60.0, 0.0)
    for number in range(1_000):
        kept.sift(Taken(), [a_mark(str(number))], {})
        kept.age(1.0)
        assert kept.find(a_mark(str(max(number - 99, 0)))[0]) is not None
        assert len(kept) <= 200
    assert kept.find(a_mark("700")[0]) is None
    kept.age(60.0)
    assert kept.find(a_mark("999")[0]) is not None
    kept.age(61.0)
    assert len(kept) == 0


def rows_of(*names: str) -> bytes:
    """What a window has of events, as it stands in the file: at partition 3, one offset after the other."""
    kept, taken = window(), Taken()
    kept.sift(taken, [a_mark(name) for name in names], {})
    delivery = Delivery([Record("t", None, b"", [], b"", 0) for _ in names])
    delivery.store(range(len(names)), 3, 70)
    return b"".join(taken.settle(delivery))


def shared(folder: Path, seconds: float = 3_600.0) -> SharedFile:
    return SharedFile(folder, events_min=1_000, seconds=seconds)


def test_what_one_process_has_taken_others_learn_and_successors_find(tmp_path: Path) -> None:
    one, two = shared(tmp_path), shared(tmp_path)
    assert one.open() == two.open() == []
    rows = rows_of("e1", "e2")
    assert one.exchange(rows) == []
    assert two.exchange(b"") == [rows]
    assert two.exchange(b"") == []
    assert one.exchange(b"") == []
    one.close()
    two.close()
    assert shared(tmp_path).open() == [rows]
    learned = window()
    learned.learn(rows)
    for name, offset in (("e1", 70), ("e2", 71)):
        found = learned.find(a_mark(name)[0])
        assert isinstance(found, bytes)
        assert place_of(found) == (a_mark(name)[1], 3, offset)
    assert shared(tmp_path, seconds=0.0).open() == []


def test_the_file_is_bounded(tmp_path: Path) -> None:
    file = shared(tmp_path)
    file.open()
    for segment in range(200):
        file.exchange(rows_of(*(f"{segment}-{n}" for n in range(100))))
    file.close()
    known = shared(tmp_path).open()
    assert 2_000 <= sum(len(rows) // ROW_BYTES for rows in known) <= 2_000 + 50 * 100
    assert known[-1] == rows_of(*(f"199-{n}" for n in range(100)))


async def test_of_a_file_of_the_release_before_the_answers_are_kept(tmp_path: Path) -> None:
    file = shared(tmp_path)
    file.open()
    file.claim("name", b"digest")
    file.answer("name", b"body")
    file.close()
    with contextlib.closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.executescript("ALTER TABLE taken RENAME TO segments; PRAGMA user_version = 1")
    file = shared(tmp_path)
    assert file.open() == []
    assert file.claim("name", b"digest") == Answer(b"digest", b"body")
    rows = rows_of("e1")
    file.exchange(rows)
    file.close()
    assert shared(tmp_path).open() == [rows]


def test_a_file_that_is_no_use_is_made_anew_and_a_directory_that_is_none_is_done_without(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"nonsense" * 1_000)
    file = shared(tmp_path)
    assert file.open() == []
    entry = rows_of("e1")
    file.exchange(entry)
    file.close()
    assert shared(tmp_path).open() == [entry]
    nowhere = shared(tmp_path / FILE)
    assert nowhere.open() == []
    assert nowhere.exchange(entry) == []
    assert nowhere.claim("name", b"digest") is None


async def test_a_request_with_a_key_is_answered_again_as_it_was(open_door: OpenDoor, event: Event) -> None:
    door = await open_door()
    await door.ingest.admission.start()
    batch = [event(), {"not": "valid"}, event(eventId="given")]
    first = await post(door, batch, Idempotency_Key='"k-1"')
    again = await post(door, batch, Idempotency_Key="k-1")
    assert first[0] == again[0] == 202
    assert first[1] == again[1]
    assert [receipt["status"] for receipt in again[1]["receipts"]] == ["accepted", "rejected", "accepted"]
    assert ("Idempotency-Replayed" in first[2], again[2]["Idempotency-Replayed"]) == (False, "true")
    assert len(door.publisher.taken) == 2
    assert (await post(door, batch, Idempotency_Key="k-2"))[1]["receipts"][0]["status"] == "accepted"
    await door.ingest.admission.stop()


async def test_another_request_under_the_same_key_is_refused(open_door: OpenDoor, event: Event) -> None:
    door = await open_door()
    await door.ingest.admission.start()
    assert (await post(door, event(), Idempotency_Key="k-1"))[0] == 202
    status, answer, _ = await post(door, event(score=0), Idempotency_Key="k-1")
    assert (status, answer["title"]) == (422, "Idempotency key used before")
    binary = {"ce_specversion": "1.0", "ce_source": "s", "ce_type": "DataQualityEvent"}
    data = {name: value for name, value in event().items() if name not in ("eventType", "source")}
    assert (await post(door, data, Idempotency_Key="k-3", ce_id="1", **binary))[0] == 202
    assert (await post(door, data, Idempotency_Key="k-3", ce_id="2", **binary))[0] == 422, "attributes are of the event"
    assert len(door.publisher.taken) == 2
    await door.ingest.admission.stop()


async def test_events_without_ids_get_those_of_the_key(open_door: OpenDoor, event: Event) -> None:
    door = await open_door()
    await door.ingest.admission.start()
    batch = [event(checkName=f"c{n}") for n in range(1_200)]
    door.publisher.outcome = lambda record, n: Failed(True, "Kafka is away") if n % 3 == 0 else Stored(0, n)
    status, first, _ = await post(door, batch, Idempotency_Key="k-1", Prefer="handling=strict")
    assert status == 503, "not the request's last word, so not kept"
    door.publisher.outcome = lambda record, n: Stored(0, n)
    status, again, _ = await post(door, batch, Idempotency_Key="k-1", Prefer="handling=strict")
    assert status == 202
    ids = [receipt["eventId"] for receipt in again["receipts"]]
    assert ids == [receipt["eventId"] for receipt in first["receipts"]]
    assert ids == [RequestKey("", "/v1/events", "k-1").event_id(place) for place in range(1_200)]
    assert len(set(ids)) == 1_200
    statuses = [receipt["status"] for receipt in again["receipts"]]
    assert statuses == ["accepted" if n % 3 == 0 else "duplicate" for n in range(1_200)]
    await door.ingest.admission.stop()


async def test_a_key_holds_after_a_restart_and_for_other_processes(open_door: OpenDoor, event: Event) -> None:
    doors = [await open_door() for _ in range(2)]
    for door in doors:
        await door.ingest.admission.start()
    first = await post(doors[0], event(), Idempotency_Key="k-1")
    assert (await post(doors[1], event(), Idempotency_Key="k-1"))[1] == first[1]
    assert (await post(doors[1], event(score=0), Idempotency_Key="k-1"))[0] == 422
    for door in doors:
        await door.ingest.admission.stop()
    third = await open_door()
    await third.ingest.admission.start()
    assert (await post(third, event(), Idempotency_Key="k-1"))[1] == first[1]
    assert not third.publisher.taken
    await third.ingest.admission.stop()


async def test_requests_of_one_key_at_once_are_one_request(open_door: OpenDoor, event: Event) -> None:
    door = await open_door()
    await door.ingest.admission.start()
    answers = await asyncio.gather(*(post(door, [event(), event()], Idempotency_Key="k-1") for _ in range(20)))
    assert {status for status, _, _ in answers} == {202}
    assert len({orjson.dumps(answer) for _, answer, _ in answers}) == 1
    assert len(door.publisher.taken) == 2
    await door.ingest.admission.stop()


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "é"])
async def test_a_key_that_is_none_is_refused(open_door: OpenDoor, event: Event, key: str) -> None:
    door = await open_door()
    status, answer, _ = await post(door, event(), Idempotency_Key=key)
    assert (status, answer["title"]) == (400, "Bad idempotency key")
    assert not door.publisher.taken
