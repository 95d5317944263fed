"""The other ways to start the service do the same: Faust's own command line, and roles in processes of their own."""

import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.integration.service.conftest import MakeService
from tests.support.answers import eventually
from tests.support.service import Service

PYTHON = sys.executable
FAUST = str(Path(sys.executable).with_name("faust"))

pytestmark = pytest.mark.timeout(240)


def action(user: str) -> dict[str, Any]:
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


def users(service: Service, number: int) -> dict[str, int]:
    groups = service.get("/v1/audit/summary", number, by="user", limit=1000)["groups"]
    return {group["key"]: group["count"] for group in groups}


@pytest.fixture(scope="module")
def empty(make_service: MakeService) -> Service:
    return make_service()


async def test_the_usual_faust_command_starts_the_whole_service(empty: Service) -> None:
    empty.start(1, (FAUST, "-A", "carbon_stream.app", "worker"))
    empty.wait_ready(1)
    assert empty.post(action("by-faust"), 1)["accepted"] == 1
    await eventually(lambda: users(empty, 1).get("by-faust") == 1)
    empty.processes[1].terminate()
    assert empty.processes.pop(1).wait(30) == 0


async def test_ingest_query_and_worker_are_processes_of_their_own(empty: Service) -> None:
    empty.start(2, (PYTHON, "-m", "carbon_stream.cli", "worker", "--without-web"))
    empty.start(3, (PYTHON, "-m", "carbon_stream.cli", "ingest", "--processes", "2"))
    empty.start(4, (PYTHON, "-m", "carbon_stream.cli", "query"))
    empty.wait_ready(3)
    empty.wait_ready(4)
    for number in range(20):
        assert empty.post(action(f"split-{number}"), 3)["accepted"] == 1
    await eventually(lambda: sum(n for user, n in users(empty, 4).items() if user.startswith("split-")) == 20)
    # the worker is away: answers stay, and what is taken meanwhile is there when it is back
    empty.kill(2)
    assert empty.post(action("meanwhile"), 3)["accepted"] == 1
    assert users(empty, 4)["split-7"] == 1
    empty.start(2, (PYTHON, "-m", "carbon_stream.cli", "worker", "--without-web"))
    await eventually(lambda: users(empty, 4).get("meanwhile") == 1, 60)
    metrics = empty.text("/metrics", 3)
    accepted = [
        float(line.rsplit(" ", 1)[1])
        for line in metrics.splitlines()
        if line.startswith("carbon_stream_events_total{")
        and 'topic="audit-user-actions"' in line
        and 'result="accepted"' in line
    ]
    assert sum(accepted) == 21, metrics
