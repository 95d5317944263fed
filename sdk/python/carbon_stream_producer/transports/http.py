"""By HTTP to POST /v1/events, for services that cannot reach Kafka.

One thread sends, one request at a time: what arrives meanwhile goes together in the next one, as lines of NDJSON. A
request carries one trace, so a batch ends where the traceparent changes.
"""

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from email.message import Message
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from os import environ
from ssl import SSLContext, create_default_context
from typing import Final
from urllib.parse import urlsplit

from carbon_stream_producer.delivery import Outcome
from carbon_stream_producer.errors import ConfigurationError, DeliveryFailed, ProducerClosed
from carbon_stream_producer.record import Record
from carbon_stream_producer.transports.base import Done, Opening
from carbon_stream_producer.transports.http_reply import outcomes, retry_after_s

__all__ = ["HttpTransport"]

_LINGER_S: Final = 0.01
_GRACE_S: Final = 1.0
_BATCH_EVENTS: Final = 500
_BATCH_BYTES: Final = 2 << 20
_BACKOFF_S: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0)

Waiting = tuple[Record, Done, float]


def _checked(token: str) -> str:
    """A token as it may stand in a header; ConfigurationError, without it, for one that may not."""
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        raise ConfigurationError("the token has characters that no token has (a line end at its end, perhaps)")
    return token


class HttpTransport:
    """Posts to `url` (the service's, with or without /v1/events); CARBON_STREAM_URL where it is not given.

    `token` is an API key or a JSON Web Token, or a function that gives one for each request; CARBON_STREAM_TOKEN where
    it is not given. `headers` go with every request, such as a gateway's key. `ssl_context` replaces the system's
    authorities.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | Callable[[], str] | None = None,
        headers: Mapping[str, str] | None = None,
        request_timeout_s: float = 30.0,
        ssl_context: SSLContext | None = None,
    ) -> None:
        parts = urlsplit(url or environ.get("CARBON_STREAM_URL") or "")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            told = "set CARBON_STREAM_URL (or give HttpTransport a url) such as https://gateway/api/carbon-stream"
            raise ConfigurationError(told)
        self._https, self._host, self._port = parts.scheme == "https", parts.hostname, parts.port
        self._path = parts.path.rstrip("/").removesuffix("/v1/events") + "/v1/events"
        self._headers = dict(headers or {})
        chosen = token if token is not None else environ.get("CARBON_STREAM_TOKEN", "")
        self._token = chosen if callable(chosen) else _checked(chosen)
        self._request_timeout_s = request_timeout_s
        self._ssl = ssl_context
        self._queue: deque[Waiting] = deque()
        self._changed = threading.Condition()
        self._working: list[Waiting] = []
        """What is being posted, until it has its end; `done` hears the first word only."""
        self._hurry = False
        self._ended = threading.Event()
        self._connection: HTTPConnection | None = None
        self._thread: threading.Thread | None = None

    def open(self, opening: Opening) -> None:
        """Nothing is connected yet; the thread starts with the first event."""
        self._log, self._timeout_s = opening.log, opening.delivery_timeout_s
        self._agent = f"carbon-stream-producer ({opening.service.encode('ascii', 'replace').decode()})"

    def send(self, record: Record, done: Done) -> None:
        """Queue the record."""
        with self._changed:
            if self._ended.is_set():
                raise ProducerClosed("the producer has been closed")
            self._queue.append((record, done, time.monotonic() + self._timeout_s))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="carbon-stream-http", daemon=True)
                self._thread.start()
            self._changed.notify()

    def serve(self, timeout_s: float) -> bool:
        """The thread sees to deliveries."""
        return False

    def flush(self, timeout_s: float | None) -> None:
        """Do not linger for what waits now."""
        with self._changed:
            self._hurry = bool(self._queue)
            self._changed.notify()

    def close(self, timeout_s: float) -> None:
        """End the thread; what has not been answered fails."""
        with self._changed:
            self._ended.set()
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(timeout_s + _GRACE_S)
        # A request that hangs is not waited for: whether its events were taken is not known.
        for record, done, _ in (*self._working, *self._queue):
            done(DeliveryFailed(record.event_id, "the producer was closed before it was answered", retriable=True))
        self._queue.clear()

    def _work(self) -> None:
        while not self._ended.is_set():
            batch = self._next()
            if batch:
                self._deliver(batch)
        if self._connection is not None:
            self._connection.close()

    def _next(self) -> list[Waiting]:
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._ended.is_set())
            if not self._hurry and len(self._queue) < _BATCH_EVENTS:
                self._changed.wait_for(
                    lambda: self._hurry or self._ended.is_set() or len(self._queue) >= _BATCH_EVENTS, _LINGER_S
                )
            batch: list[Waiting] = []
            size = 0
            while self._queue and len(batch) < _BATCH_EVENTS and not self._ended.is_set():
                record = self._queue[0][0]
                size += len(record.value)
                if batch and (size > _BATCH_BYTES or record.traceparent != batch[0][0].traceparent):
                    break
                batch.append(self._queue.popleft())
            self._hurry = self._hurry and bool(self._queue)
            return batch

    def _deliver(self, batch: list[Waiting]) -> None:
        """Post until every event has its end; what the service wants again is sent again, and nothing else."""
        attempt = 0
        self._working = batch
        while batch:
            found, pause_s, why = self._post([record for record, _, _ in batch])
            again: list[Waiting] = []
            now = time.monotonic()
            for waiting, outcome in zip(batch, found, strict=True):
                record, done, deadline = waiting
                if outcome is not None:
                    done(outcome)
                elif now >= deadline or self._ended.is_set():
                    done(DeliveryFailed(record.event_id, f"it was not taken in time: {why}", retriable=True))
                else:
                    again.append(waiting)
            batch = self._working = again
            if batch:
                backoff_s = _BACKOFF_S[min(attempt, len(_BACKOFF_S) - 1)] * random.uniform(0.8, 1.2)
                if attempt == 0:
                    self._log.warning("%d events are sent again: %s", len(batch), why)
                left_s = max(0.0, batch[0][2] - now)
                self._ended.wait(min(left_s, max(backoff_s, pause_s or 0.0)))
                attempt += 1

    def _post(self, records: list[Record]) -> tuple[list[Outcome | None], float | None, str]:
        event_ids = [record.event_id for record in records]
        try:
            authorization = self._authorization()
        except Exception as error:  # noqa: BLE001 - the application's function; it may do better in a moment
            return [None] * len(records), None, f"the token function failed ({type(error).__name__})"
        try:
            status, headers, body = self._request(records, authorization)
        except (OSError, HTTPException) as error:
            if self._connection is not None:
                self._connection.close()
            self._connection = None
            return [None] * len(records), None, f"{self._host} did not answer ({error!r})"
        why = f"{self._host} answered {status}"
        if status == 401 and callable(self._token):  # it may have expired on the way: the function gives a fresh one
            return [None] * len(records), None, why
        return outcomes(status, body, event_ids), retry_after_s(headers.get("Retry-After")), why

    def _authorization(self) -> dict[str, str]:
        token = _checked(self._token()) if callable(self._token) else self._token
        return {"Authorization": f"Bearer {token}"} if token else {}

    def _request(self, records: list[Record], authorization: dict[str, str]) -> tuple[int, Message, bytes]:
        if self._connection is None:
            self._connection = self._connect()
        kind = "application/json" if len(records) == 1 else "application/x-ndjson"
        headers = {**self._headers, **authorization, "Content-Type": kind, "User-Agent": self._agent}
        if records[0].traceparent is not None:
            headers["traceparent"] = records[0].traceparent
        self._connection.request("POST", self._path, b"\n".join(record.value for record in records), headers)
        response = self._connection.getresponse()
        return response.status, response.headers, response.read()

    def _connect(self) -> HTTPConnection:
        if not self._https:
            return HTTPConnection(self._host, self._port, timeout=self._request_timeout_s)
        context = self._ssl or create_default_context()
        return HTTPSConnection(self._host, self._port, timeout=self._request_timeout_s, context=context)
