"""Kafka Streams to measure against: its jars by the embedded Kafka's recipe, and a program that a JDK compiles."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from carbon_stream.local import artefacts
from carbon_stream.local.java import java

SOURCE = Path(__file__).parent / "peers" / "streams_count" / "StreamsCount.java"
HEAP = "-Xmx1g"


class NoJava(Exception):
    """What is missing to measure Kafka Streams, in words for whoever wanted to."""


@dataclass(frozen=True, slots=True)
class Streams:
    """The compiled program. `command` runs it."""

    executable: Path
    class_path: str

    def command(self, servers: str, application: str, topic: str, folder: Path) -> list[str]:
        """Arguments of a process."""
        return [
            *(str(self.executable), HEAP, "--enable-native-access=ALL-UNNAMED", "-Dlog4j2.level=warn"),
            *("-cp", self.class_path, SOURCE.stem, servers, application, topic, str(folder)),
        ]


def compiled(folder: Path) -> Streams:
    """Fetch the jars (once a machine), compile. Raises NoJava."""
    compiler = shutil.which("javac")
    if compiler is None:
        raise NoJava("no Java compiler (javac) is on the PATH; on Debian: apt install default-jdk-headless")
    class_path = ":".join(str(jar) for jar in _jars(folder / "jars"))
    classes = folder / "classes"
    done = subprocess.run(
        [compiler, "--release", "17", "-d", str(classes), "-cp", class_path, str(SOURCE)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise NoJava(f"{compiler} does not compile {SOURCE.name}: {done.stderr.strip()}")
    return Streams(java(), f"{classes}:{class_path}")


def _jars(folder: Path) -> list[Path]:
    from jgo.constants import MAVEN_CENTRAL_URL, default_maven_repo
    from jgo.env import EnvironmentBuilder, LinkStrategy
    from jgo.maven import MavenContext

    version = artefacts.manifest().version
    context = MavenContext(repo_cache=default_maven_repo(), remote_repos={"central": MAVEN_CENTRAL_URL}, timeout=15)
    builder = EnvironmentBuilder(context=context, cache_dir=folder, link_strategy=LinkStrategy.COPY)
    try:
        found = list(builder.from_endpoint(f"org.apache.kafka:kafka-streams:{version}").all_jars)
    except Exception as error:  # jgo has no error class of its own: network, disk and repository all end here
        raise NoJava(f"Kafka Streams {version} could not be fetched ({type(error).__name__}: {error})") from error
    return [*found, *artefacts.jars()]  # the broker's are there anyway: logging and Jackson among them
