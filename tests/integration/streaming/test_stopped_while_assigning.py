"""A worker that is told to stop while the group hands it partitions ends well, in time, and begins nothing any more."""

from pathlib import Path

import pytest

from tests.support.counting import Workers, make_topics

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize("seconds", [2, 300], ids=["soon-over", "never-over"])
async def test_a_rebalance_under_way_does_not_keep_a_worker_from_ending(
    bootstrap_servers: str, tmp_path: Path, seconds: int
) -> None:
    group = await make_topics(bootstrap_servers)
    workers = Workers(group, bootstrap_servers, tmp_path)
    try:
        workers.start(1, ASSIGNING=str(seconds))
        await workers.logged(1, "assigning slowly")
        workers.drain(1)
    finally:
        workers.stop()
    log = workers.log(1)
    assert "taken over" not in log
    assert "Crashed" not in log
    assert seconds != 300 or "did not end within" in log
