"""What a failed send means: the one place that tells transient failures from permanent ones."""

from enum import Enum

from aiokafka import errors

__all__ = ["Verdict", "judge", "may_have_arrived", "spoils_producer"]


class Verdict(Enum):
    """What to do about records whose batch has failed."""

    LATER = "later"
    """Transient, or nobody knows: the sender is asked to send again."""
    AGAIN = "again"
    """The producer broke, not the records: try at once with a new one."""
    APART = "apart"
    """Refused together: try in smaller batches."""
    NEVER = "never"
    """The broker will not have this record, whenever it is sent."""


_PRODUCER_BROKE = (
    errors.OutOfOrderSequenceNumber,
    errors.UnknownProducerId,
    errors.InvalidProducerEpoch,
    errors.InvalidProducerIdMapping,
    errors.ProducerFenced,
    errors.ProducerClosed,
)
_RECORD_REFUSED = (
    errors.MessageSizeTooLargeError,
    errors.RecordListTooLargeError,
    errors.InvalidTimestampError,
    errors.UnsupportedForMessageFormatError,
)


def judge(error: BaseException, records: int) -> Verdict:
    """The verdict on `records` records that were sent in one batch.

    Whatever is not known to be the record's own fault is transient: an event is never given up for our reasons.
    """
    if isinstance(error, _PRODUCER_BROKE):
        return Verdict.AGAIN
    if isinstance(error, _RECORD_REFUSED):
        return Verdict.APART if records > 1 else Verdict.NEVER
    return Verdict.LATER


def spoils_producer(error: BaseException, verdict: Verdict) -> bool:
    """Whether the producer has to be replaced before the next batch.

    It has where it broke, where it may be stuck, and where the same records follow at once. Another refusal by the
    broker leaves a gap in the partition's sequence too, but that is mended when a batch meets it: else a topic that we
    may not write to would cost every other one its producer again and again.
    """
    return verdict in (Verdict.AGAIN, Verdict.APART) or not isinstance(error, errors.BrokerResponseError)


def may_have_arrived(error: BaseException) -> bool:
    """Whether records may stand on their topic although their batch has failed: all but what a broker refused."""
    written = (errors.NotEnoughReplicasAfterAppendError, errors.RequestTimedOutError)
    return not isinstance(error, errors.BrokerResponseError) or isinstance(error, written)
