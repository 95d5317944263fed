"""Pictures of what the dashboards' queries give, by a real Prometheus under the demo: `make pictures`."""

from __future__ import annotations

import math
import os
import re
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from carbon_stream.local import LocalKafka
from dashboards.__main__ import BOARDS
from dashboards.board import Board, Panel
from tests.pictures.drawing import Series, page
from tests.support.browser import Browser, browsing
from tests.support.foreign_metrics import exporter
from tests.support.scraped import Prometheus, changed, everything, play, scraping, seen
from tests.support.service import ROOT, Service

FOLDER = ROOT / "docs" / "pictures" / "dashboards"
SHOWN_S = 120
WIDTH = 1280


def answered(panel: Panel, prometheus: Prometheus) -> Sequence[Series]:
    """Each series of the panel's queries, by its legend."""
    found = []
    for legend, expression in panel.queries.items():
        for labels, points in prometheus.range(everything(expression), SHOWN_S):
            if numbers := [(at, value) for at, value in points if math.isfinite(value)]:
                found.append(Series(named(legend, labels), numbers))
    return found if panel.kind != "bars" else lately(found)


def named(legend: str, labels: Mapping[str, str]) -> str:
    """A legend with the labels of its series."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: labels.get(match[1], ""), legend).strip()


def lately(found: Sequence[Series]) -> Sequence[Series]:
    """Those that are there now: bars are of one moment."""
    now = max((one.points[-1][0] for one in found), default=0.0)
    return [one for one in found if one.points[-1][0] == now]


def take(browser: Browser, board: Board, prometheus: Prometheus, folder: Path) -> None:
    drawn = [(panel, answered(panel, prometheus)) for panel in board.panels]
    path = folder / f"{board.uid}.html"
    path.write_text(page(board, f"The last {SHOWN_S} s of a demo, from left to right.", drawn), encoding="utf-8")
    browser.look_like(WIDTH, 800)
    browser.open(path.as_uri())
    browser.look_like(WIDTH, int(browser.run("return document.documentElement.scrollHeight")))
    (FOLDER / f"{board.uid}.png").write_bytes(browser.driver.get_screenshot_as_png())
    empty = [panel.title for panel, series in drawn if not series]
    sys.stdout.write(f"docs/pictures/dashboards/{board.uid}.png {f'WITHOUT DATA: {empty}' if empty else ''}\n")


def main() -> None:
    """Everything is made in a temporary folder, and ended at the end."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("CI", "true")  # without the tools there is nothing to skip to
    with tempfile.TemporaryDirectory() as name, exporter() as foreign:
        folder = Path(name)
        with LocalKafka(folder / "kafka") as kafka:
            service = Service(kafka, folder, seen(folder, foreign))
            try:
                service.start()
                service.wait_ready()
                (folder / "prometheus").mkdir()
                with scraping(service, foreign, folder / "prometheus") as prometheus:
                    play(service, rate=40, count=1_400)
                    changed(service, prometheus)
                    time.sleep(20)  # for the platform's gauges, which are set each quarter of a minute
                    with browsing(folder / "chromium") as browser:
                        for board in BOARDS:
                            take(browser, board, prometheus, folder)
            finally:
                service.stop()


if __name__ == "__main__":
    main()
