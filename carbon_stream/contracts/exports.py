"""What is made from the catalog and committed: JSON Schemas, the AsyncAPI document, the SDKs' catalog, the page.

`python -m carbon_stream.contracts.exports` writes them into the source tree. A test fails when one is stale.
"""

import json
import sys
from pathlib import Path
from typing import Any

from carbon_stream.contracts.asyncapi import asyncapi
from carbon_stream.contracts.catalog import TOPICS
from carbon_stream.contracts.events_page import events_page
from carbon_stream.contracts.examples import example
from carbon_stream.contracts.schemas import schema
from carbon_stream.contracts.sdk_catalog import catalog

__all__ = ["asyncapi", "catalog", "events_page", "example", "export_all", "rendered", "schema"]

_FOLDER = "carbon_stream/contracts/exports"


def rendered() -> dict[str, str]:
    """The text of every export by its path in the source tree."""
    texts = {f"{_FOLDER}/schemas/{topic.event_type}.json": _json(schema(topic.event_type)) for topic in TOPICS}
    texts[f"{_FOLDER}/asyncapi.json"] = _json(asyncapi())
    texts[f"{_FOLDER}/catalog.json"] = _json(catalog())
    texts["docs/events.md"] = events_page() + "\n"
    return texts


def export_all(root: Path) -> list[Path]:
    """Write every export below `root`, the folder that holds `carbon_stream` and `docs`; the files written."""
    written = []
    for name, text in rendered().items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        written.append(path)
    return written


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for written_file in export_all(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2]):
        sys.stdout.write(f"{written_file}\n")
