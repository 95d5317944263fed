"""What is published of both producer libraries, installed in empty projects, with the examples run there."""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import venv
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from carbon_stream.contracts.catalog import TOPICS
from carbon_stream.local import LocalKafka
from tests.support.node import built, clean_environment
from tests.support.sdk_broker import make_topics

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(300)
DELIVERED = "delivered 24 events of 12 topics, 0 failed"
HEALTH = 'system-health my-service {"eventId":"'


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with LocalKafka(tmp_path_factory.mktemp("packages")) as kafka:
        make_topics(kafka)
        yield kafka.bootstrap_servers


def run(folder: Path, *arguments: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        arguments,
        cwd=folder,
        env=clean_environment(**environment),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def must(done: "subprocess.CompletedProcess[str]") -> "subprocess.CompletedProcess[str]":
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tarball")
    must(run(built(), "npm", "pack", "--ignore-scripts", "--pack-destination", folder))
    (made,) = folder.glob("*.tgz")
    return made


def test_the_tarball_holds_what_is_needed_and_asks_for_nothing(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        names = {name.removeprefix("package/") for name in archive.getnames()}
        manifest = archive.extractfile("package/package.json")
        assert manifest is not None
        package = json.load(manifest)
    assert names >= {"README.md", "dist/index.js", "dist/index.mjs", "dist/index.d.ts", "dist/index.d.mts"}
    assert {name.split("/")[0] for name in names} == {"README.md", "dist", "examples", "package.json"}
    assert "dependencies" not in package
    assert not {"install", "postinstall", "prepare"} & package["scripts"].keys()
    assert package["peerDependenciesMeta"] == {"@platformatic/kafka": {"optional": True}}


def test_the_lock_names_no_host_and_nothing_runs_or_is_fetched_when_it_is_installed() -> None:
    packages = json.loads((ROOT / "sdk/node/package-lock.json").read_text())["packages"]
    assert len(packages) > 10
    odd = {name for name, package in packages.items() if {"resolved", "hasInstallScript", "link"} & package.keys()}
    assert odd == set()
    assert all("integrity" in package for name, package in packages.items() if name)


@pytest.fixture(scope="module")
def node_project(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty project with the tarball installed, without a network, and the client beside it."""
    folder = tmp_path_factory.mktemp("node-project")
    (folder / "package.json").write_text('{"private": true}')
    must(run(folder, "npm", "install", "--offline", "--no-audit", "--no-fund", str(tarball)))
    found = folder / "node_modules/@carbon-stream/producer"
    assert not found.is_symlink()
    for name in ("first-event.mjs", "first-event.cjs", "demo.mjs", "recording.test.mjs"):
        shutil.copy2(found / "examples" / name, folder / name)
    return folder


def with_client(project: Path) -> Path:
    """The client and what it needs, from where the library is built."""
    for package in (built() / "node_modules").iterdir():
        target = project / "node_modules" / package.name
        if package.is_dir() and package.name not in ("@carbon-stream", "@types", "typescript", "prettier", ".bin"):
            shutil.copytree(package, target, dirs_exist_ok=True, symlinks=True)
    return project


@pytest.mark.parametrize("example", ["first-event.mjs", "first-event.cjs"])
def test_a_first_event_from_node_without_any_client(node_project: Path, example: str) -> None:
    done = must(run(node_project, "node", example, CARBON_STREAM_TRANSPORT="console"))
    assert done.stdout.startswith(HEALTH)


def test_the_recording_example_passes(node_project: Path) -> None:
    assert "# pass 1" in must(run(node_project, "node", "--test", "--test-reporter=tap", "recording.test.mjs")).stdout


TYPED = """
import { getEventProducer, type Receipt } from '@carbon-stream/producer';
const producer = getEventProducer('svc', { transport: 'noop' });
export const sent: Promise<Receipt> = producer.produceSecurityEvent({ category: 'x', severity: 'LOW' });
// @ts-expect-error: FINE is no severity
void producer.produceSecurityEvent({ category: 'x', severity: 'FINE' });
"""


@pytest.mark.parametrize("name", ["typed.mts", "typed.cts"])
def test_its_types_are_found_by_import_and_by_require(node_project: Path, name: str) -> None:
    (node_project / name).write_text(TYPED)
    tsc = built() / "node_modules/typescript/bin/tsc"
    options = ("--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--skipLibCheck")
    types = ("--typeRoots", str(built() / "node_modules/@types"))
    must(run(node_project, "node", tsc, *options, *types, name))


def test_the_node_demo_on_a_real_broker(node_project: Path, servers: str) -> None:
    done = must(run(with_client(node_project), "node", "demo.mjs", "2", KAFKA_BOOTSTRAP_SERVERS=servers))
    check_report(done.stderr)


class Refusing(BaseHTTPRequestHandler):
    """A gateway that lets nobody in."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Nothing is printed."""


def test_the_node_demo_says_so_when_something_is_not_delivered(node_project: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as gateway:
        thread = threading.Thread(target=gateway.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        url = f"http://127.0.0.1:{gateway.server_address[1]}"
        done = run(node_project, "node", "demo.mjs", CARBON_STREAM_TRANSPORT="http", CARBON_STREAM_URL=url)
        gateway.shutdown()
        thread.join()
    assert done.returncode == 1
    assert "delivered 0 events of 0 topics, 12 failed" in done.stderr
    assert "answered 401" in done.stderr


def check_report(told: str) -> None:
    first, *topics = told.splitlines()
    assert first == DELIVERED
    assert {line.split()[0]: line.split()[1] for line in topics} == {topic.name: "2" for topic in TOPICS}


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty environment with the wheel, and what its extras ask for from our own: no network is needed."""
    folder = tmp_path_factory.mktemp("python-project")
    source = folder / "source"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "dist", "build")
    shutil.copytree(ROOT / "sdk/python", source, ignore=ignored)
    must(run(folder, sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", folder / "dist", source))
    (wheel,) = (folder / "dist").glob("*.whl")
    venv.create(folder / "empty", with_pip=False, symlinks=True)
    (packages,) = (folder / "empty").glob("lib/python*/site-packages")
    must(
        run(
            folder, sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--target", packages, wheel
        )
    )
    for name in ("orjson", "confluent-kafka", "aiokafka", "cramjam", "packaging", "typing-extensions", "async-timeout"):
        copy_package(name, packages)
    return folder / "empty/bin/python"


def copy_package(name: str, packages: Path) -> None:
    try:
        files = importlib.metadata.distribution(name).files or ()
    except importlib.metadata.PackageNotFoundError:
        return  # not every Python needs each of them
    for file in files:
        if ".." not in file.parts and "__pycache__" not in file.parts:
            target = packages / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(str(file.locate()), target)


@pytest.mark.parametrize("example", ["first_event.py", "first_event_asyncio.py"])
def test_a_first_event_from_python_to_a_real_broker(python: Path, servers: str, example: str) -> None:
    done = must(
        run(python.parent, python, "-I", ROOT / "sdk/python/examples" / example, KAFKA_BOOTSTRAP_SERVERS=servers)
    )
    assert "status='accepted', topic='system-health'" in done.stderr


def test_the_python_demo_on_a_real_broker(python: Path, servers: str) -> None:
    demo = ROOT / "sdk/python/examples/demo.py"
    done = must(run(python.parent, python, "-I", demo, "2", KAFKA_BOOTSTRAP_SERVERS=servers))
    check_report(done.stderr)


def test_the_python_recording_example_passes() -> None:
    example = ROOT / "sdk/python/examples/test_recording.py"
    done = run(
        example.parent, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, example
    )
    assert "1 passed" in must(done).stdout


def test_the_python_recording_example_passes_where_only_the_wheel_is(python: Path) -> None:
    # pytest is not in the empty environment: its test is called.
    script = (
        f"import runpy; runpy.run_path({str(ROOT / 'sdk/python/examples/test_recording.py')!r})['test_what_it_sends']()"
    )
    must(run(python.parent, python, "-I", "-c", script))


PYTHON_TYPED = """
from typing import assert_type
from carbon_stream_producer import AsyncEventProducer, Delivery, SecurityEvent, Stats, get_event_producer
producer = get_event_producer("svc", transport="noop")
assert_type(producer.produce_security_event(category="x", severity="LOW"), Delivery)
assert_type(producer.produce(SecurityEvent(category="x", severity="LOW")), Delivery)
assert_type(producer.stats(), Stats)
producer.produce_security_event(category="x", severity="FINE")  # wrong: arg-type
producer.produce_security_event(category="x")  # wrong: call-arg
producer.produce_security_event(category="x", severity="LOW", sverity="LOW")  # wrong: call-arg
SecurityEvent(category=1, severity="LOW")  # wrong: arg-type
async def main() -> None:
    async with AsyncEventProducer("svc", transport="noop") as producer:
        receipt = await (await producer.produce_security_event(category="x", severity="LOW"))
        assert_type(receipt.partition, int | None)
        await producer.produce_security_event(category="x", severity="FINE")  # wrong: arg-type
"""


def test_a_type_checker_finds_the_wheels_types_and_what_is_wrong(python: Path, tmp_path: Path) -> None:
    (tmp_path / "typed.py").write_text(PYTHON_TYPED)
    options = ("--strict", "--no-incremental", "--config-file", os.devnull, "--python-executable", python)
    done = run(tmp_path, sys.executable, "-m", "mypy", *options, "typed.py")
    found = {
        (int(line.split(":")[1]), line.rpartition("[")[2].rstrip("]"))
        for line in done.stdout.splitlines()
        if ": error: " in line
    }
    expected = {
        (number, line.rpartition("# wrong: ")[2])
        for number, line in enumerate(PYTHON_TYPED.splitlines(), 1)
        if "# wrong: " in line
    }
    assert found == expected, done.stdout + done.stderr
