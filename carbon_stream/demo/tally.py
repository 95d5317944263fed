"""What was sent and what became of it, counted as the play goes and told at its end."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """Counts of one play. Events, not requests, unless said."""

    sent: Counter[str] = field(default_factory=Counter)
    """By way: http (batches), http-alone, kafka."""
    answered: Counter[str] = field(default_factory=Counter)
    """HTTP receipts by status: accepted, spooled, duplicate, rejected."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Rejected events by the type of their first error."""
    on_kafka: Counter[str] = field(default_factory=Counter)
    """Straight to Kafka, by what should become of them: taken, repeat, refused."""
    by_library: Counter[str] = field(default_factory=Counter)
    """Straight to Kafka by the producer library, and acknowledged, by topic."""
    undelivered: int = 0
    """Given to the producer library, and not delivered."""
    by_type: Counter[str] = field(default_factory=Counter)
    """Events that must be counted exactly once, by topic."""
    repeats: int = 0
    requests: int = 0
    waits: int = 0
    """Times that the service or the broker was away, or asked to be tried later."""
    surprises: int = 0
    """Events whose answer was not what the scenario expected."""

    @property
    def total(self) -> int:
        """Everything sent, repeats and bad ones included."""
        return sum(self.sent.values())

    def lines(self) -> Iterator[str]:
        """The report, a line at a time."""
        http = self.sent["http"] + self.sent["http-alone"]
        kafka = self.sent["kafka"]
        yield f"sent      {self.total} events: {http} by HTTP in {self.requests} requests, {kafka} to Kafka"
        yield (
            f"accepted  {self.answered['accepted'] + self.answered['spooled']} by HTTP"
            + (f" ({self.answered['spooled']} of them spooled)" if self.answered["spooled"] else "")
            + f", {self.on_kafka['taken']} good ones on Kafka"
        )
        delivered = sum(self.by_library.values())
        yield (
            f"delivered {delivered} of those on Kafka by the producer library, of {len(self.by_library)} types;"
            f" {self.undelivered} failed"
        )
        reasons = ", ".join(f"{kind} {count}" for kind, count in self.rejected.most_common(6))
        yield f"rejected  {self.answered['rejected']} by HTTP" + (f" ({reasons})" if reasons else "")
        yield f"refused   {self.on_kafka['refused']} on Kafka: they are dead letters now"
        yield f"repeated  {self.repeats} (answered as duplicate: {self.answered['duplicate']}); each counts once"
        yield f"to count  {sum(self.by_type.values())} events in all:"
        for topic, count in sorted(self.by_type.items()):
            yield f"          {topic:<22}{count:>8}"
        if self.waits:
            yield f"waited    {self.waits} times for the service or the broker"
        if self.surprises:
            yield f"SURPRISES {self.surprises} events were not answered as the scenario expects"
