"""What is made from the desired state and committed below deploy/platform, for editors, decK and Kubernetes.

`python -m carbon_stream.bootstrap.gateway.exports` writes them into the source tree. A test fails when one is stale.
The values themselves are in this package, since the image runs without the repository; deploy/platform has a copy to
read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from carbon_stream.bootstrap.exporting import overlay_schema_text, schema_text, values_text, write
from carbon_stream.bootstrap.gateway.deck import deck_text
from carbon_stream.bootstrap.gateway.kubernetes import kubernetes_text
from carbon_stream.bootstrap.gateway.model import Gateway
from carbon_stream.bootstrap.gateway.values import PLATFORM, load_gateway

__all__ = ["FORMS", "rendered"]

_FOLDER = "deploy/platform"


def _values(overlays: Sequence[Path]) -> str:
    load_gateway(overlays)
    return values_text(overlays, PLATFORM)


FORMS: Mapping[str, Callable[[Sequence[Path]], str]] = MappingProxyType(
    {
        "deck": lambda overlays: deck_text(load_gateway(overlays)),
        "kubernetes": lambda overlays: kubernetes_text(load_gateway(overlays)),
        "values": _values,
        "schema": lambda _: schema_text(Gateway),
        "overlay-schema": lambda _: overlay_schema_text(Gateway),
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
    write(rendered())
