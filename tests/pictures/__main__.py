"""The pictures of the README, from a demo run on a broker of its own: `make pictures`."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import orjson
from aiokafka import AIOKafkaConsumer
from selenium.webdriver.common.keys import Keys

from carbon_stream.demo.cast import DASHBOARD
from carbon_stream.demo.play import Play
from carbon_stream.local import LocalKafka
from tests.support.answers import settled
from tests.support.browser import Browser, browsing
from tests.support.service import ROOT, Service

FOLDER = ROOT / "docs" / "pictures"
MART = "iceberg/marts/carbon_exposure"
STEPS, RATE = 2_400, 40.0


async def a_flow(kafka: str) -> tuple[str, str]:
    """Id and flow of a lineage event: a run of the pipeline has a story on four topics."""
    consumer = AIOKafkaConsumer("data-lineage", bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        async with asyncio.timeout(30):
            async for record in consumer:
                event = orjson.loads(record.value or b"{}")
                if event.get("causationId"):
                    return event["eventId"], event["correlationId"]
    finally:
        await consumer.stop()
    raise AssertionError("no lineage event was caused by another")


def take(browser: Browser, url: str, name: str, page: str, ready: Callable[[Browser], object], *, phone: bool) -> None:
    browser.look_like(*((390, 780) if phone else (1280, 800)), dark=name.endswith("dark"))
    browser.open(f"{url}/#/{page}")
    browser.until(lambda: browser.run("return document.getElementById('main').dataset.shown"), page)
    ready(browser)
    time.sleep(1)  # for the last answer to be drawn
    (FOLDER / f"{name}.png").write_bytes(browser.driver.get_screenshot_as_png())
    sys.stdout.write(f"docs/pictures/{name}.png\n")


def columns(browser: Browser) -> None:
    edge = f'.graph [aria-label^="iceberg/curated/trades_hourly to {MART}"]'
    browser.until(lambda: browser.all(edge), "the edge")
    browser.one(edge).send_keys(Keys.ENTER)
    browser.sees("exposure_eur")


def main() -> None:
    """Everything is made in a temporary folder, and ended at the end."""
    FOLDER.mkdir(exist_ok=True)
    os.environ.setdefault("CI", "true")  # without a browser there is nothing to skip to
    with tempfile.TemporaryDirectory() as folder, LocalKafka(Path(folder) / "kafka") as kafka:
        service = Service(kafka, Path(folder), {})
        try:
            service.start()
            service.wait_ready()
            servers = {"bootstrap_servers": kafka.bootstrap_servers}
            asyncio.run(Play(service.url(), servers, rate=RATE, count=STEPS, seed=2, say=print).run())
            asyncio.run(settled(service, dataset=DASHBOARD))
            event_id, flow = asyncio.run(a_flow(kafka.bootstrap_servers))
            with browsing(Path(folder) / "chromium") as browser:
                url = service.url()
                for name, page, ready in (
                    ("live", "live", lambda b: b.sees("audit-api-calls")),
                    ("lineage", f"lineage?dataset={MART}&depth=3", columns),
                    ("story", f"story?eventId={event_id}&correlationId={flow}", lambda b: b.sees("What led to what")),
                    (
                        "service-dark",
                        "health?namespace=data-platform&service=trino-coordinator",
                        lambda b: b.sees("Status over time"),
                    ),
                    ("phone", "health", lambda b: b.sees("data-platform")),
                ):
                    take(browser, url, name, page, ready, phone=name == "phone")
                if complaints := browser.complaints():
                    sys.exit(f"the console said: {complaints}")
        finally:
            service.stop()


if __name__ == "__main__":
    main()
