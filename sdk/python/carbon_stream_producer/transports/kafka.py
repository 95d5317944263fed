"""Straight to Kafka by librdkafka (confluent-kafka), whose own thread sends.

Delivery reports are served by the threads that produce while they are busy: a thread of ours that served them meanwhile
would have to take the interpreter's lock from them for every single report. It serves when nobody else does.
"""

import threading
import time
from collections import deque
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from carbon_stream_producer.delivery import Receipt
from carbon_stream_producer.errors import ConfigurationError, DeliveryFailed, MissingExtra, ProducerClosed
from carbon_stream_producer.partitioner import partition_of
from carbon_stream_producer.record import Record
from carbon_stream_producer.settings import KafkaSettings
from carbon_stream_producer.transports.base import Done, Opening

__all__ = ["KafkaTransport"]

RECORD_BYTES_MAX: Final = (1 << 20) + (64 << 10)
_SERVE_EVERY: Final = 64
"""Sends after which the sender serves reports."""
_BUSY: Final = 50
_TICK_S: Final = 0.02
_IDLE_S: Final = 1.0
_COUNT_AGE_S: Final = 60.0
_COMPLAINT_S: Final = 10.0
_FINAL: Final = frozenset({"MSG_SIZE_TOO_LARGE", "TOPIC_AUTHORIZATION_FAILED", "INVALID_MSG", "INVALID_RECORD"})
_HINTS: Final = {
    "_UNKNOWN_TOPIC": "; create the topics: carbon-stream bootstrap apply topics",
    "UNKNOWN_TOPIC_OR_PART": "; create the topics: carbon-stream bootstrap apply topics",
    "TOPIC_AUTHORIZATION_FAILED": "; the broker's access rules do not let this principal write there",
    "_MSG_TIMED_OUT": "; is KAFKA_BOOTSTRAP_SERVERS right, and does a broker answer?",
}

_LOGIN: Final = "; are KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD and KAFKA_SASL_MECHANISM right?"
_REFUSALS: Final = {
    "_AUTHENTICATION": _LOGIN,
    "SASL_AUTHENTICATION_FAILED": _LOGIN,
    "_SSL": "; is KAFKA_SSL_CA_LOCATION the authority that signed the broker's certificate, and does the broker take"
    " ours (KAFKA_SSL_CERTIFICATE_LOCATION)?",
}
"""What to look at where a broker does not let us in, by librdkafka's name of the error."""


class KafkaTransport:
    """Idempotent, acks=all, lz4, linger 10 ms, murmur2.

    `settings` come from the environment unless given; `overrides` are librdkafka's own names, for what an operator
    has to tune. Those that the promises stand on cannot be overridden.
    """

    def __init__(self, settings: KafkaSettings | None = None, overrides: Mapping[str, Any] | None = None) -> None:
        fixed = {"acks", "request.required.acks", "enable.idempotence", "partitioner"} & set(overrides or ())
        if fixed:
            raise ConfigurationError(f"{', '.join(sorted(fixed))}: what is promised stands on it; leave it out")
        self._settings = settings
        self._overrides = dict(overrides or {})
        self._counts: dict[str, tuple[int, float]] = {}
        self._unplaced: deque[tuple[Record, Done, float]] = deque()
        """Records without a key, until it is known how many partitions their topic has."""
        self._woken = threading.Event()
        self._sends = 0
        self._ending = self._spoiled = False
        self._trouble = ""
        """Why no broker lets us in, as long as none has taken anything since."""
        self._told_at: dict[str, float] = {}
        """When each kind of error was last logged."""

    def open(self, opening: Opening) -> None:
        """Make the client, which connects by itself."""
        try:
            import confluent_kafka
        except ImportError:
            raise MissingExtra("sending to Kafka", "kafka") from None
        self._library = confluent_kafka
        self._log = opening.log
        self._timeout_s = opening.delivery_timeout_s
        settings = self._settings or KafkaSettings.from_environment()
        self._configuration = {
            "linger.ms": 10,
            "compression.type": "lz4",
            "message.max.bytes": RECORD_BYTES_MAX,
            "message.timeout.ms": max(1_000, int(opening.delivery_timeout_s * 1000)),
            # Ours is the bound that counts; librdkafka's must not come first.
            "queue.buffering.max.messages": 2 * opening.buffer_events,
            "queue.buffering.max.kbytes": max(2 * opening.buffer_bytes >> 10, 4 * RECORD_BYTES_MAX >> 10),
            "client.id": f"carbon-stream-producer-{opening.service}"[:200],
            **settings.for_librdkafka(),
            **self._overrides,
            "acks": "all",
            "enable.idempotence": True,
            "partitioner": "murmur2_random",  # for records with a key; for those without we say the partition
        }
        self._client = self._made()
        self._thread = threading.Thread(target=self._serve_idle, name="carbon-stream-kafka", daemon=True)
        self._thread.start()

    def send(self, record: Record, done: Done) -> None:
        """Hand the record to librdkafka."""
        if self._ending:
            raise ProducerClosed("the producer has been closed")
        if self._spoiled:
            self._renew()
        if record.key is not None:
            self._produce(record, done, -1)
        else:
            known = self._counts.get(record.topic)
            if known is None:
                self._unplaced.append((record, done, time.monotonic() + self._timeout_s))
            else:
                self._produce(record, done, partition_of(record.spread, known[0]))
        self._sends += 1
        if not self._sends % _SERVE_EVERY:
            self._client.poll(0)
        if not self._woken.is_set():
            self._woken.set()

    def serve(self, timeout_s: float) -> bool:
        """Serve reports here and now."""
        if len(self._client):
            self._client.poll(timeout_s)
            return True
        return False

    def flush(self, timeout_s: float | None) -> None:
        """Send without lingering, and wait."""
        self._client.flush(-1 if timeout_s is None else timeout_s)

    def close(self, timeout_s: float) -> None:
        """Deliver for so long, then give up the rest."""
        deadline = time.monotonic() + timeout_s
        while self._unplaced and time.monotonic() < deadline:
            time.sleep(_TICK_S)
        self._client.flush(max(0.0, deadline - time.monotonic()))
        self._ending = True
        self._woken.set()
        self._thread.join(2 * _IDLE_S)
        while self._unplaced:
            record, done, _ = self._unplaced.popleft()
            done(DeliveryFailed(record.event_id, "the producer was closed before it could be sent", retriable=True))
        if len(self._client):
            self._client.purge()
            self._client.flush(1.0)

    def _made(self) -> Any:
        try:
            return self._library.Producer({**self._configuration, "error_cb": self._troubled}, logger=self._log)
        except (self._library.KafkaException, ValueError, TypeError) as error:
            raise ConfigurationError(f"librdkafka does not take the settings: {error}") from None

    def _produce(self, record: Record, done: Done, partition: int) -> None:
        event_id, _, topic, key, value, headers, _, _ = record
        report = partial(self._report, event_id, topic, done)
        try:
            self._client.produce(topic, value, key, partition, report, headers=headers)
        except BufferError:
            self._client.poll(_TICK_S)
            done(DeliveryFailed(event_id, "librdkafka's own buffer is full", retriable=True))
        except self._library.KafkaException as error:
            self._failed(event_id, error.args[0], done)

    def _report(self, event_id: str, topic: str, done: Done, error: Any, message: Any) -> None:
        if error is None:
            if self._trouble:
                self._trouble = ""
            done(Receipt(event_id, "accepted", topic, message.partition(), message.offset()))
        else:
            self._failed(event_id, error, done)

    def _failed(self, event_id: str, error: Any, done: Done) -> None:
        if error.fatal():
            self._spoiled = True
        name = error.name()
        hint = self._timed_out() if name == "_MSG_TIMED_OUT" else _HINTS.get(name, "")
        reason = f"Kafka did not take it: {error.str()}{hint}"
        done(DeliveryFailed(event_id, reason, retriable=name not in _FINAL))

    def _timed_out(self) -> str:
        return self._trouble or _HINTS["_MSG_TIMED_OUT"]

    def _troubled(self, error: Any) -> None:
        # A broker that does not take our certificate says so once we are connected: librdkafka calls that transport.
        name = "_SSL" if "SSL routines" in error.str() else error.name()
        hint = _REFUSALS.get(name, "")
        if hint:
            self._trouble = f"; {error.str()}{hint}"
        now = time.monotonic()
        if now - self._told_at.get(name, float("-inf")) >= _COMPLAINT_S:  # librdkafka tries again every 0.1 s
            self._told_at[name] = now
            self._log.warning("Kafka: %s%s", error.str(), hint)

    def _renew(self) -> None:
        """A fatal error is the end of an idempotent client: what it still has fails, and a new one goes on."""
        self._spoiled = False
        old, self._client = self._client, self._made()
        old.purge()
        old.flush(1.0)

    def _serve_idle(self) -> None:
        seen = 0
        while not self._ending:
            self._woken.clear()
            busy = self._sends - seen > _BUSY
            seen = self._sends
            self._place()
            if not len(self._client) and not self._unplaced:
                self._client.poll(0)  # errors and log lines
                self._woken.wait(_IDLE_S)
            elif busy:
                time.sleep(_TICK_S)
            else:
                self._client.poll(_TICK_S)

    def _place(self) -> None:
        """Send what waits for its topic's partitions; ask anew for those that were asked for long ago."""
        now = time.monotonic()
        waiting = {record.topic for record, _, _ in tuple(self._unplaced)}
        for topic in waiting | {topic for topic, (_, at) in self._counts.items() if now - at > _COUNT_AGE_S}:
            self._count(topic)
        for _ in range(len(self._unplaced)):
            record, done, deadline = self._unplaced.popleft()
            known = self._counts.get(record.topic)
            if known is not None:
                self._produce(record, done, partition_of(record.spread, known[0]))
            elif now > deadline:
                told = f"nobody says how many partitions {record.topic} has{self._timed_out()}"
                done(DeliveryFailed(record.event_id, told, retriable=True))
            else:
                self._unplaced.append((record, done, deadline))

    def _count(self, topic: str) -> None:
        try:
            found = self._client.list_topics(topic, _IDLE_S).topics.get(topic)
        except self._library.KafkaException as error:
            self._log.debug("the partitions of %s are not known: %s", topic, error)
            return
        if found is not None and found.error is None and found.partitions:
            self._counts[topic] = (len(found.partitions), time.monotonic())
