"""What is made from the desired state and committed below deploy/platform, for editors, decK and Kubernetes.

`python -m carbon_stream.bootstrap.gateway.exports` writes them into the source tree. A test fails when one is stale.
The values themselves are in this package, since the image runs without the repository; deploy/platform has a copy to
read.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from carbon_stream.bootstrap.gateway.deck import deck_text
from carbon_stream.bootstrap.gateway.kubernetes import kubernetes_text
from carbon_stream.bootstrap.gateway.model import Gateway
from carbon_stream.bootstrap.gateway.values import PLATFORM, load_gateway
from carbon_stream.bootstrap.overlays import merged_values
from carbon_stream.bootstrap.schemas import overlay_schema, schema

__all__ = ["FORMS", "rendered"]

_FOLDER = "deploy/platform"


def _values(overlays: Sequence[Path]) -> str:
    load_gateway(overlays)
    if not overlays:
        return PLATFORM.read_text(encoding="utf-8")
    return yaml.safe_dump(merged_values(overlays, PLATFORM), sort_keys=False, width=120)


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


FORMS: Mapping[str, Callable[[Sequence[Path]], str]] = MappingProxyType(
    {
        "deck": lambda overlays: deck_text(load_gateway(overlays)),
        "kubernetes": lambda overlays: kubernetes_text(load_gateway(overlays)),
        "values": _values,
        "schema": lambda _: _json(schema(Gateway)),
        "overlay-schema": lambda _: _json(overlay_schema(Gateway)),
    }
)
"""What `bootstrap export gateway --format` prints, from the overlays' paths."""


def rendered() -> dict[str, str]:
    """The text of every committed export by its path in the source tree."""
    modeline = (
        "# yaml-language-server: $schema=gateway.schema.json\n# A copy, made from carbon_stream/bootstrap/gateway/"
    )
    return {
        f"{_FOLDER}/gateway.yaml": f"{modeline}platform.yaml: to change values, write an overlay.\n{_values(())}",
        f"{_FOLDER}/gateway.schema.json": FORMS["schema"](()),
        f"{_FOLDER}/gateway-overlay.schema.json": FORMS["overlay-schema"](()),
        f"{_FOLDER}/gateway.deck.yaml": FORMS["deck"](()),
        f"{_FOLDER}/gateway.kubernetes.yaml": FORMS["kubernetes"](()),
    }


if __name__ == "__main__":
    for name, text in rendered().items():
        path = (Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[3]) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        sys.stdout.write(f"{path}\n")
