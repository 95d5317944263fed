"""The producer library's wheel, in an environment that has nothing but what it asks for."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "sdk/python"
pytestmark = pytest.mark.timeout(300)

FIRST_EVENT = """
import sys
from carbon_stream_producer import EventProducer, RecordingTransport, get_event_producer
with get_event_producer("my-service", transport="console") as producer:
    producer.produce_service_health_event(
        service_name="my-service", namespace="demo", health_status="HEALTHY", latency_ms=12.5, error_rate=0.0)
recording = RecordingTransport()
with EventProducer("my-service", transport=recording) as producer:
    producer.produce_security_event(category="network", severity="LOW")
assert recording.of("SecurityEvent")[0]["source"] == "my-service"
assert not [name for name in sys.modules if name.startswith(("carbon_stream.", "faust", "pydantic", "aiokafka"))]
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("producer")
    source = folder / "source"
    shutil.copytree(PROJECT, source, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "dist", "build"))
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder / "dist"), str(source)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = (folder / "dist").glob("*.whl")
    return built


def test_it_owns_one_name_is_typed_and_carries_every_module(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    package = PROJECT / "carbon_stream_producer"
    assert names == {
        str(path.relative_to(PROJECT))
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "carbon_stream_producer/py.typed" in names


def test_it_asks_for_little(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        told = archive.read(name).decode()
    required = [line for line in told.splitlines() if line.startswith("Requires-Dist:")]
    assert [line for line in required if "extra ==" not in line] == ["Requires-Dist: orjson<4,>=3.10"]
    assert {line.partition("extra == ")[2] for line in required if "extra ==" in line} == {"'kafka'", "'asyncio'"}


def test_a_first_event_from_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "empty", with_pip=False, symlinks=True)
    python = tmp_path / "empty/bin/python"
    (packages,) = (tmp_path / "empty").glob("lib/python*/site-packages")
    installed = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", packages, wheel],
        capture_output=True,
        text=True,
        check=False,
    )
    assert installed.returncode == 0, installed.stderr
    # The one dependency comes from our own environment: no network is needed.
    files = importlib.metadata.distribution("orjson").files
    assert files is not None
    for file in files:
        target = packages / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(str(file.locate()), target)
    done = subprocess.run(
        [python, "-I", "-c", FIRST_EVENT], env={"PATH": os.defpath}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith('system-health my-service {"eventId":"')
