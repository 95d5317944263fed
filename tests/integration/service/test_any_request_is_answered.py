"""Whatever is sent to whichever endpoint, the service answers well, loses nothing that it took, and stays small.

Longer, and with other seeds: `make fuzz`.
"""

import logging

import pytest

from tests.fuzz.documents import KINDS
from tests.fuzz.drawing import draw
from tests.fuzz.run import ENVIRONMENT, TOKEN, run, start
from tests.integration.service.conftest import MakeService

log = logging.getLogger(__name__)
pytestmark = pytest.mark.timeout(300)

SEED = 5
REQUESTS = 1_000


async def test_whatever_is_sent_the_answer_is_good_and_what_was_taken_is_there(make_service: MakeService) -> None:
    service = make_service(**ENVIRONMENT)
    start(service)
    promised = await run(service, SEED, REQUESTS, lambda line: log.warning("%s", line))
    taken = {kind for (kind, status), _ in promised.statuses.items() if status in (200, 201, 202)}
    assert taken == {*KINDS, "read"}, "each kind of request is taken when it is good"
    assert {status for _, status in promised.statuses} >= {400, 408, 413, 415, 422}
    assert {"accepted", "duplicate", "rejected", "lineage"} <= set(promised.receipts)


def test_a_seed_brings_the_same_requests_again() -> None:
    drawn = [draw(3, number, TOKEN) for number in range(200)]
    again = [draw(3, number, TOKEN) for number in range(199, -1, -1)][::-1]
    assert [one.kind for one in drawn] == [one.kind for one in again]
    assert {one.kind for one in drawn} == {*KINDS, "read"}
