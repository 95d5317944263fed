"""Requests to a real server on this machine: where they may go, and what becomes of answers, silence and redirects."""

from collections.abc import AsyncIterator

import pytest

from carbon_stream.delivery.attempt import Attempts
from carbon_stream.rules.hosts import Hosts
from carbon_stream.rules.model import Endpoint, Secret
from tests.support.hooks import Receiver

VALUE = b'{"eventId": "e-1"}'


@pytest.fixture
async def receiver(free_port: int) -> AsyncIterator[Receiver]:
    made = Receiver(free_port)
    await made.open()
    yield made
    await made.close()


async def verdict(receiver: Receiver, path: str, *listed: str, host: str = "localhost", timeout_s: float = 10) -> str:
    attempts = Attempts(Hosts(listed))
    try:
        endpoint = Endpoint("x", f"http://{host}:{receiver.port}/{path}", timeout_s=timeout_s)
        found = await attempts.make(endpoint, VALUE, ())
        return f"{found.meaning} {found.why}"
    finally:
        await attempts.close()


async def test_a_listed_name_that_stands_for_this_machine_is_not_connected_to(receiver: Receiver) -> None:
    told = await verdict(receiver, "good", "localhost")
    assert told.startswith("away ")
    assert "is of this machine, of its link or of a cloud's metadata, and is not listed" in told
    assert receiver.asked == {}


async def test_unless_its_address_is_listed_too(receiver: Receiver) -> None:
    assert await verdict(receiver, "good", "localhost", "127.0.0.0/8") == "delivered "
    assert receiver.keys("good") == ["e-1"]


async def test_redirects_are_not_followed(receiver: Receiver) -> None:
    receiver.behaviour["moved"] = 307
    told = await verdict(receiver, "moved", "127.0.0.1", host="127.0.0.1")
    assert told == "refused status 307, and redirects are not followed"


async def test_silence_ends(receiver: Receiver) -> None:
    receiver.behaviour["silent"] = "hang"
    assert (
        await verdict(receiver, "silent", "127.0.0.1", host="127.0.0.1", timeout_s=0.2) == "away no answer within 0.2 s"
    )


async def test_nobody_there_and_a_missing_secret_are_waited_for(receiver: Receiver) -> None:
    await receiver.close()
    assert (await verdict(receiver, "gone", "127.0.0.1", host="127.0.0.1")).startswith("away ClientConnectorError")
    attempts = Attempts(Hosts(["127.0.0.1"]))
    endpoint = Endpoint("x", f"http://127.0.0.1:{receiver.port}/", headers={"token": Secret(env="NO_SUCH_VARIABLE")})
    found = await attempts.make(endpoint, VALUE, ())
    await attempts.close()
    assert (found.meaning, found.why) == ("away", "the variable NO_SUCH_VARIABLE is not set")


async def test_a_record_that_is_no_event_is_refused(receiver: Receiver) -> None:
    attempts = Attempts(Hosts(["127.0.0.1"]))
    found = await attempts.make(Endpoint("x", f"http://127.0.0.1:{receiver.port}/"), b"[1]", ())
    await attempts.close()
    assert found.meaning == "refused"
