"""The app in docs/streaming.md, as it stands there, on a real broker: with uvloop and without."""

import asyncio
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import psutil
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.support.counting import origin, read, records_of
from tests.support.processes import stop_all

PARTITIONS = 6


@pytest.fixture
def app_id() -> str:
    return f"shop-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def code(request: pytest.FixtureRequest, app_id: str, bootstrap_servers: str) -> str:
    page = (request.config.rootpath / "docs" / "streaming.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    named = str(text).replace('"shop-', f'"{app_id}-').replace('App(\n    "shop"', f'App(\n    "{app_id}"')
    assert named.count(app_id) == 3
    return named


async def _make_topics(bootstrap: str, app_id: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        appended, compacted = {"message.timestamp.type": "LogAppendTime"}, {"cleanup.policy": "compact"}
        await admin.create_topics([
            NewTopic(f"{app_id}-orders", PARTITIONS, 1, topic_configs=appended),
            NewTopic(f"{app_id}-customers-changelog", PARTITIONS, 1, topic_configs=compacted),
            NewTopic(f"{app_id}-dead-letters", 1, 1),
        ])  # fmt: skip
    finally:
        await admin.close()


@pytest.fixture
def start(code: str, bootstrap_servers: str, tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def begin(loop: str) -> subprocess.Popen[bytes]:
        (tmp_path / "shop.py").write_text(code)
        command = [sys.executable, "shop.py", "--loop", loop, "--datadir", "data", "worker", "--without-web"]
        with (tmp_path / "log").open("wb") as log:
            environment = {**os.environ, "KAFKA": bootstrap_servers}
            started.append(subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log))
        return started[-1]

    yield begin
    stop_all(started, 20)


@pytest.mark.parametrize("loop", ["aio", "uvloop"])
async def test_the_documented_app_counts_each_order_once(
    loop: str,
    app_id: str,
    bootstrap_servers: str,
    start: Callable[[str], subprocess.Popen[bytes]],
    tmp_path: Path,
) -> None:
    await _make_topics(bootstrap_servers, app_id)
    process = start(loop)
    orders = [{"shop": "web", "id": f"o{n}", "customer": f"c{n % 5}", "cents": n} for n in range(50)]
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers) as producer:
        for order in [*orders, *orders[:10]]:  # the last ten are repeats
            value, key = orjson.dumps(order), str(order["customer"]).encode()
            await producer.send_and_wait(f"{app_id}-orders", value, key=key)
        bad = await producer.send_and_wait(f"{app_id}-orders", b"{", partition=0)
    wanted = {f"c{n}": {"v": 1, "orders": 10, "cents": sum(range(n, 50, 5))} for n in range(5)}
    rows: dict[str, object] = {}
    async with asyncio.timeout(90):
        while rows != wanted or not await records_of(bootstrap_servers, f"{app_id}-dead-letters", 1):
            assert process.poll() is None, (tmp_path / "log").read_text()
            await asyncio.sleep(0.3)
            changes = await read(bootstrap_servers, f"{app_id}-customers-changelog", PARTITIONS)
            rows = {
                orjson.loads(key or b"")[1]: orjson.loads(value or b"null")
                for _, key, value in changes
                if (key or b"").startswith(b'["customer"')
            }
    (letter,) = await records_of(bootstrap_servers, f"{app_id}-dead-letters", 1)
    assert (letter.value, origin(letter)) == (b"{", (bad.topic, bad.partition, bad.offset))
    assert dict(letter.headers)["carbon-stream-reason"] == b"not-an-order"
    loaded = {Path(each.path).name for each in psutil.Process(process.pid).memory_maps()}
    assert any(name.startswith("loop.") for name in loaded) == (loop == "uvloop")
