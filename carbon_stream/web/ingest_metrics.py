"""What ingest tells its observer, and the state of its spool, as metrics."""

from collections.abc import Mapping
from functools import cache

from prometheus_client import Counter

from carbon_stream.contracts.catalog import BY_NAME
from carbon_stream.ingest.receipts import UNAVAILABLE
from carbon_stream.ingest.service import Ingest
from carbon_stream.observability import counting, metrics


class IngestMetrics:
    """Fulfils `IngestObserver`."""

    def answered(
        self, path: str, taken: Mapping[tuple[str, str], int], rejected: Mapping[str, int], seconds: float
    ) -> None:
        """Count a request's events; only acknowledged ones have a latency to acknowledgement."""
        acknowledged, events = bool(taken), 0
        for (status, topic), number in taken.items():
            _taken(path, status, topic).inc(number)
            acknowledged &= status != "spooled"
            events += number
        for reason, number in rejected.items():
            result = "unavailable" if reason == UNAVAILABLE else "rejected"
            counting.count_events(path, result, None, None, number)
            counting.count_rejected(reason, number)
            events += number
        if acknowledged:
            counting.observe_acknowledgement(seconds, events)

    def kafka_ready(self, ready: bool) -> None:
        """Nothing: readiness is published each second, with everything else that makes it up."""

    def spooled(self, events: int) -> None:
        """Events went into the spool."""
        metrics.SPOOLED.inc(events)

    def forwarded(self, events: int, perhaps_repeats: int) -> None:
        """Events left the spool for their topics."""
        metrics.UNSPOOLED.inc(events)
        metrics.POSSIBLE_REPEATS.inc(perhaps_repeats)

    def sent_again(self, events: int) -> None:
        """Events that may have arrived before."""
        metrics.POSSIBLE_REPEATS.inc(events)

    def spool_committed(self, seconds: float) -> None:
        """One commit, synced."""
        metrics.SPOOL_COMMIT.observe(seconds)

    def spool_set_aside(self, what: str, number: int) -> None:
        """Something that an operator has to look at."""
        metrics.SPOOL_ASIDE.labels(what).inc(number)


@cache  # of our own topics and words: this is counted for every request
def _taken(path: str, status: str, topic: str) -> Counter:
    return metrics.EVENTS.labels(topic, BY_NAME[topic].event_type, path, status)


def show_spool(ingest: Ingest) -> None:
    """Set the gauges of the spool; called each second."""
    metrics.KAFKA_READY.set(1 if ingest.publisher.ready else 0)
    spools = [spool for spool in (ingest.publisher.spool, ingest.slots and ingest.slots.adopted) if spool]
    metrics.SPOOL_EVENTS.set(sum(spool.rows for spool in spools))
    metrics.SPOOL_BYTES.set(sum(spool.bytes for spool in spools))
    metrics.SPOOL_AGE.set(max((spool.age_s for spool in spools), default=0.0))
    own = ingest.publisher.spool
    metrics.SPOOL_LIMIT.set(0 if own is None else own.bytes_max)
    metrics.SPOOL_REFUSES.set(1 if own is not None and own.lack is not None else 0)
