"""The page about the platform's events has the catalog's own topics, and its links lead somewhere."""

import re
from pathlib import Path

from carbon_stream.contracts.catalog import TOPICS

PAGE = Path(__file__).parents[2] / "docs" / "event-driven.md"
DAY_MS = 86_400_000


def test_its_table_is_the_catalog() -> None:
    rows = re.findall(r"^\| ([a-z-]+) \| (\w+) \| ([\w, ]+) \| (\d+) d \|$", PAGE.read_text(), re.MULTILINE)
    expected = [
        (topic.name, topic.event_type, ", else ".join(topic.key_fields), str(topic.retention_ms // DAY_MS))
        for topic in TOPICS
    ]
    assert rows == expected


def test_its_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)", PAGE.read_text())
    assert links
    assert [link for link in links if not (PAGE.parent / link).exists()] == []
