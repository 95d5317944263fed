"""Importing the library does nothing but import the library."""

import json
import subprocess
import sys

SHOWN = """
import json, signal, sys, threading
before = set(sys.modules)
import carbon_stream_producer
loaded = sorted(set(sys.modules) - before)
print(json.dumps({
    "loaded": loaded,
    "threads": threading.active_count(),
    "sigterm": signal.getsignal(signal.SIGTERM) == signal.SIG_DFL,
}))
"""
HEAVY = {
    "aiohttp",
    "aiokafka",
    "asyncio",
    "carbon_stream",
    "confluent_kafka",
    "faust",
    "http",
    "pydantic",
    "socket",
    "ssl",
}


def test_it_loads_no_client_no_network_no_event_loop_and_starts_nothing() -> None:
    told = json.loads(subprocess.run([sys.executable, "-c", SHOWN], capture_output=True, check=True).stdout)
    assert not HEAVY & {name.partition(".")[0] for name in told["loaded"]}
    later = ("transports.kafka", "transports.http", "async_producer", "generated.events")
    assert not [name for name in told["loaded"] if name.endswith(later)]
    assert (told["threads"], told["sigterm"]) == (1, True)


WITHOUT = """
import sys
sys.modules[{module!r}] = None
import asyncio, carbon_stream_producer as sdk
async def begin():
    async with sdk.AsyncEventProducer("svc"):
        pass
try:
    {act}
except sdk.MissingExtra as error:
    print(error)
"""


def told_without(module: str, act: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(module=module, act=act)],
        env={"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_without_a_client_it_says_which_extra_to_install() -> None:
    assert "pip install 'carbon-stream-producer[kafka]'" in told_without(
        "confluent_kafka", 'sdk.get_event_producer("svc")'
    )
    for module in ("aiokafka", "cramjam"):
        assert "pip install 'carbon-stream-producer[asyncio]'" in told_without(module, "asyncio.run(begin())")
