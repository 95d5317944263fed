"""A worker with a name of its own (a StatefulSet's pod) that is killed finds its partitions as it left them."""

import time
from typing import Any

import pytest

from tests.integration.service.conftest import MakeService
from tests.support.answers import eventually

pytestmark = pytest.mark.timeout(240)

SESSION_S = 60
NAMES = {1: "carbon-stream-worker-0", 2: "carbon-stream-worker-1"}


def login(user: str) -> dict[str, Any]:
    return {
        "eventType": "AuditUserActionEvent",
        "source": "portal",
        "userId": user,
        "username": user,
        "action": "LOGIN",
        "resource": "portal",
        "resourceType": "site",
        "result": "SUCCESS",
        "ipAddress": "unknown",
        "timestamp": int(time.time() * 1000),
    }


async def test_partitions_wait_for_a_named_worker_and_nobody_elses_move(make_service: MakeService) -> None:
    service = make_service(CARBON_STREAM_SESSION_TIMEOUT_MS=str(SESSION_S * 1000))

    async def counted(users: list[str], number: int) -> None:
        assert service.post([login(user) for user in users], number)["accepted"] == len(users)

        def all_there() -> bool:
            groups = service.get("/v1/audit/summary", number, by="user", limit=1000)["groups"]
            counts = {group["key"]: group["count"] for group in groups}
            return all(counts.get(user) == 1 for user in users)

        await eventually(all_there, SESSION_S / 2)

    def assignments() -> int:
        return (service.folder / "worker-2.log").read_text().count("partitions taken over")

    # one after the other, so that the group has settled on one before the other joins it
    for number, name in NAMES.items():
        service.start(number, CARBON_STREAM_INSTANCE_ID=name)
        service.wait_ready(number)
        await counted([f"with-{number}-{place}" for place in range(60)], number)
    before = await eventually(assignments)
    service.kill(1)
    service.start(1, CARBON_STREAM_INSTANCE_ID=NAMES[1])
    # users of all partitions: those of the killed worker are counted long before its session would have ended
    await counted([f"after-{place}" for place in range(60)], 2)
    assert assignments() == before
