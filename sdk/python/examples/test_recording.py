"""How a service tests what it sends."""

from carbon_stream_producer import EventProducer, RecordingTransport


def code_under_test(producer: EventProducer) -> str:
    """Tells of something, and says how that went."""
    error = producer.produce_security_event(category="network", severity="LOW").exception(timeout=10)
    if error is None:
        return "told"
    return "later" if error.retriable else "never"


def test_what_it_sends() -> None:
    """The fake keeps the events, and fails when it is told to."""
    recording = RecordingTransport()
    with EventProducer("my-service", transport=recording) as producer:
        assert code_under_test(producer) == "told"
        assert recording.of("SecurityEvent")[0]["severity"] == "LOW"
        recording.fail_next("broker away")
        assert code_under_test(producer) == "later"
