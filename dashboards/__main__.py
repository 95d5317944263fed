"""`python -m dashboards`: writes every dashboard to deploy/grafana/dashboards."""

from __future__ import annotations

import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.board import build
from dashboards.mesh import MESH
from dashboards.ours import AUDIT, DATA, HEALTH, OPERATIONS, OVERVIEW
from dashboards.routing import ROUTING

BOARDS = (OVERVIEW, AUDIT, HEALTH, DATA, MESH, ROUTING, OPERATIONS)
FOLDER = Path(__file__).parents[1] / "deploy" / "grafana" / "dashboards"


def texts() -> dict[str, str]:
    """The text of each file, by name."""
    return {
        f"{board.uid}.json": json.dumps(build(board), cls=JSONEncoder, indent=1, sort_keys=True) + "\n"
        for board in BOARDS
    }


if __name__ == "__main__":
    for name, text in texts().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
