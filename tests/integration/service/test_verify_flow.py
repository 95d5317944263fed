"""`carbon-stream verify` beside a running service: its topics, and an event of its own from end to end."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request

import pytest

from carbon_stream.bootstrap.verify.flow import check_flow
from carbon_stream.bootstrap.verify.topics import check_topics
from carbon_stream.local.ports import free_ports
from carbon_stream.settings import Settings
from tests.support.service import ROOT, Service

pytestmark = pytest.mark.timeout(300)
VERIFY = [sys.executable, "-m", "carbon_stream.cli", "verify", "topics", "flow"]


def environment(service: Service, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "CARBON_STREAM_"))}
    return {
        **kept,
        "KAFKA_BOOTSTRAP_SERVERS": service.kafka.bootstrap_servers,
        "CARBON_STREAM_GATEWAY_URL": service.url(),
        "CARBON_STREAM_QUERY_URL": service.url(),
        **more,
    }


async def test_topics_and_flow_pass_and_say_so(service: Service) -> None:
    settings = Settings(
        kafka_bootstrap_servers=service.kafka.bootstrap_servers, gateway_url=service.url(), query_url=service.url()
    )
    checks = [*await check_topics(settings), *await check_flow(settings, wait_s=60)]
    assert [(check.name, check.status) for check in checks] == [
        ("event topics", "passed"),
        ("own topics", "passed"),
        ("replicas in sync", "passed"),
        ("end to end", "passed"),
    ]


async def test_a_way_in_that_refuses_fails_and_one_that_is_away_is_unknown(service: Service) -> None:
    (refused,) = await check_flow(Settings(gateway_url=f"{service.url()}/nowhere", query_url=service.url()))
    assert refused.status == "failed"
    assert "answers 404" in refused.details[0]
    (away,) = await check_flow(Settings(gateway_url="http://127.0.0.1:9", query_url=service.url()))
    assert away.status == "unknown"
    (unset,) = await check_flow(Settings(gateway_url=service.url()))
    assert unset.status == "unknown"
    assert unset.details == ("set CARBON_STREAM_QUERY_URL",)


def test_the_command_exits_by_the_result(service: Service) -> None:
    good = subprocess.run(
        [*VERIFY, "--output", "json"], env=environment(service), cwd=ROOT, capture_output=True, check=False
    )
    assert good.returncode == 0, good.stderr
    assert json.loads(good.stdout)["passed"] is True
    away = environment(service, CARBON_STREAM_GATEWAY_URL="http://127.0.0.1:9")
    unknown = subprocess.run(VERIFY, env=away, cwd=ROOT, capture_output=True, text=True, check=False)
    assert unknown.returncode == 3
    assert "3 of 4 passed, 0 failed, 1 unknown" in unknown.stdout


def test_again_and_again_for_prometheus(service: Service) -> None:
    (port,) = free_ports(1)
    command = [*VERIFY, "--every", "10"]
    process = subprocess.Popen(command, env=environment(service, CARBON_STREAM_HTTP_PORT=str(port)), cwd=ROOT)
    try:
        end, text = time.monotonic() + 120, ""
        while 'carbon_stream_platform_check{area="flow",check="end to end"} 1.0' not in text:
            assert time.monotonic() < end, text
            time.sleep(0.25)
            text = _metrics(port)
        assert 'carbon_stream_platform_check{area="topics",check="event topics"} 1.0' in text
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def _metrics(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""
