"""Makes the producer libraries' code from the exported contract (`carbon-stream contracts export`)."""

from pathlib import Path

ROOT_FOLDER = Path(__file__).parents[2]
