"""Trying dead letters again: only those that would be taken today, onto the partition that they came from.

The codec judges each letter first, with the decoder that the agents use: what it still refuses would only come back
as another dead letter. What passes is sent with its original key, bytes and headers to its original partition, where
a repeat of the same event is recognised, so replaying twice counts once. Letters of an endpoint's outbox go back there,
to be posted once more, under the same `Idempotency-Key`.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from carbon_stream.contracts import cloudevents_on_kafka
from carbon_stream.contracts.catalog import BY_NAME
from carbon_stream.contracts.codec import Invalid
from carbon_stream.contracts.names import OUTBOX_PREFIX
from carbon_stream.dead_letters.reader import DeadLetterReader, Unavailable
from carbon_stream.dead_letters.record import DeadLetter, parse_id
from carbon_stream.streaming import clients

REPLAY_MAX: Final = 500
"""Letters that one call replays at most."""
_ROOM_BYTES: Final = 4 << 20
"""Request size of the producer: above what the topics take, so that the broker decides what is too large."""

Outcome = dict[str, Any]
Status = Literal["replayed", "valid", "refused", "not-found", "failed"]

log = logging.getLogger(__name__)


def judge(letter: DeadLetter) -> Outcome | None:
    """Why this letter would only come back, as its outcome; None when it would be taken."""
    origin = letter.origin
    if origin is not None and origin.topic.startswith(OUTBOX_PREFIX):
        return None  # an endpoint has refused it, and may take it today
    if origin is None or origin.topic not in BY_NAME:
        where = "no topic" if origin is None else origin.topic
        return _refused(letter, "unknown-origin", [_error(f"it came from {where}, which takes no events")], 409)
    try:
        cloudevents_on_kafka.read(origin.topic, letter)
    except Invalid as invalid:
        errors = [_error(e.message, e.pointer, e.type) for e in invalid.errors] or [_error(str(invalid))]
        return _refused(letter, invalid.reason, errors, 422)
    return None


class Replayer:
    """Replays letters with an idempotent producer of its own for each call. Kafka's settings as for any client."""

    def __init__(self, kafka: Mapping[str, Any], reader: DeadLetterReader) -> None:
        self._kafka = dict(kafka)
        self._reader = reader

    async def replay_ids(self, ids: Sequence[str], *, dry_run: bool = False) -> list[Outcome]:
        """One outcome for each id, in order. Raises Unavailable when nothing could be read or sent."""
        places = {text: parse_id(text) for text in ids}
        found = await self._reader.fetch([place for place in places.values() if place is not None])
        letters = {text: found[place] for text, place in places.items() if place is not None and place in found}
        outcomes = await self._replay(list(letters.values()), dry_run)
        by_id = {outcome["id"]: outcome for outcome in outcomes}
        return [
            by_id[letters[text].id]
            if text in letters
            else {"id": text, "status": "not-found", "code": 404, "errors": [_error("there is no such dead letter")]}
            for text in ids
        ]

    async def replay_matching(
        self, reason: str | None, origin_topic: str | None, limit: int, *, dry_run: bool = False
    ) -> list[Outcome]:
        """Replay the newest ``limit`` letters of this reason and origin, oldest of them first."""
        page = await self._reader.page(limit, accept=selector(reason, origin_topic))
        return await self._replay(list(reversed(page.letters)), dry_run)

    async def _replay(self, letters: list[DeadLetter], dry_run: bool) -> list[Outcome]:
        judged = [(letter, judge(letter)) for letter in letters]
        if dry_run or all(refusal is not None for _, refusal in judged):
            return [refusal or {"id": letter.id, "status": "valid", "code": 200} for letter, refusal in judged]
        producer = AIOKafkaProducer(
            **self._kafka, acks="all", enable_idempotence=True, compression_type="lz4", max_request_size=_ROOM_BYTES
        )
        try:
            await producer.start()
            return [refusal or await self._send(producer, letter) for letter, refusal in judged]
        except KafkaError as error:
            raise Unavailable(f"Kafka took nothing: {error}") from error
        finally:
            await clients.stop(producer)

    async def _send(self, producer: AIOKafkaProducer, letter: DeadLetter) -> Outcome:
        origin = letter.origin
        assert origin is not None, letter.id  # judged before
        try:
            partitions = await producer.partitions_for(origin.topic)
            sent = await producer.send_and_wait(
                origin.topic,
                letter.value,
                key=letter.key,
                partition=origin.partition if origin.partition in partitions else None,
                headers=letter.replay_headers(),
            )
        except KafkaError as error:
            log.warning("dead letter %s was not replayed: %s", letter.id, error)
            return {
                "id": letter.id,
                "status": "failed",
                "code": 503,
                "retriable": True,
                "errors": [_error(f"Kafka did not take it: {type(error).__name__}")],
            }
        log.info("dead letter %s replayed as %s-%d@%d", letter.id, sent.topic, sent.partition, sent.offset)
        return {
            "id": letter.id,
            "status": "replayed",
            "code": 200,
            "topic": sent.topic,
            "partition": sent.partition,
            "offset": sent.offset,
        }


def selector(reason: str | None, origin_topic: str | None) -> Callable[[DeadLetter], bool]:
    """A filter for letters; None lets every reason or origin through."""

    def accept(letter: DeadLetter) -> bool:
        if reason is not None and letter.reason != reason:
            return False
        return origin_topic is None or (letter.origin is not None and letter.origin.topic == origin_topic)

    return accept


def _refused(letter: DeadLetter, reason: str, errors: list[dict[str, str]], code: int) -> Outcome:
    return {"id": letter.id, "status": "refused", "code": code, "reason": reason, "errors": errors}


def _error(message: str, pointer: str = "", kind: str = "refused") -> dict[str, str]:
    return {"pointer": pointer, "type": kind, "message": message}
