"""The shipped mesh on a whole cluster: real controllers roll out, real istiod injects, judges, tells of its proxies."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from carbon_stream.bootstrap.mesh.apply import apply
from carbon_stream.bootstrap.mesh.cluster import Cluster, Patience, connected
from carbon_stream.bootstrap.mesh.evidence import Evidence, Sample, Unknown
from carbon_stream.bootstrap.mesh.model import Mesh
from carbon_stream.bootstrap.mesh.objects import Key
from carbon_stream.bootstrap.mesh.values import load_mesh
from carbon_stream.errors import OperatorError
from carbon_stream.local.ports import free_ports
from tests.cluster import parts
from tests.cluster.control_plane import need
from tests.cluster.platform_workloads import install, running_pods
from tests.cluster.sidecars import sidecars
from tests.cluster.whole import ALLOWED, ISTIO, WholeCluster
from tests.support.prometheus import tool

ROOT = Path(__file__).parents[2]
MERGE = "application/merge-patch+json"
SHIPPED = ROOT / "deploy" / "platform" / "mesh.kubernetes.yaml"
SILENT = ("IST0102", "IST0127", "IST0133", "IST0151", "IST0174")
"""Of what is not ours or not here (namespaces outside the mesh, our own pods, the tests' filter), and of a host with a
wildcard, which the analyzer compares with services letter by letter; istiod applies it, as another test here shows."""


@dataclass
class Meshed:
    cluster: WholeCluster
    mesh: Mesh
    report: str
    """What `bootstrap apply mesh` said."""

    def command(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "carbon_stream.cli", *words],
            env={**os.environ, "KUBECONFIG": str(self.cluster.plane.kubeconfig()), **environment},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def verify(self) -> dict[str, dict[str, Any]]:
        """The checks of the mesh by name, as the command prints them."""
        words = ("bootstrap", "verify", "mesh", "--output", "json")
        done = self.command(*words, CARBON_STREAM_ISTIOD_URL=self.cluster.istiod_url)
        assert done.stdout, done.stderr
        return {check["name"]: check for check in json.loads(done.stdout)["checks"]}


@pytest.fixture(scope="module")
def meshed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meshed]:
    need((*parts.CORE, *parts.REST))
    with WholeCluster(tmp_path_factory.mktemp("whole")) as cluster:
        mesh = load_mesh([])
        install(cluster, mesh)
        made = Meshed(cluster, mesh, "")
        done = made.command("bootstrap", "apply", "mesh", "--allow-downtime")
        assert done.returncode == 0, done.stdout + done.stderr
        made.report = done.stdout
        yield made


@pytest.fixture
async def client(meshed: Meshed, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    monkeypatch.setenv("KUBECONFIG", str(meshed.cluster.plane.kubeconfig()))
    async with connected(patience=Patience(tries=4, first_wait_s=0.1)) as connection:
        yield connection


def test_one_apply_rolls_every_workload_out_and_istiod_injects_all_pods(meshed: Meshed) -> None:
    assert "47 steps done" in meshed.report
    pods = running_pods(meshed.cluster, meshed.mesh)
    assert len(pods) == 23
    for pod in pods:
        assert "istio-proxy" in {each["name"] for each in pod["spec"]["containers"]}
        assert "sidecar.istio.io/status" in pod["metadata"]["annotations"], "what the injector leaves"
    again = meshed.command("bootstrap", "plan", "mesh")
    assert again.returncode == 0, again.stdout


def test_istioctl_finds_nothing_wrong_with_what_is_shipped_and_something_with_what_is_spoilt(tmp_path: Path) -> None:
    need((parts.istioctl,))
    for words in (["validate", "-f"], ["analyze", "--use-kube=false", "--failure-threshold", "Warning"]):
        done = subprocess.run(
            [str(parts.istioctl()), *words, str(SHIPPED)], capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
    spoilt = tmp_path / "spoilt.yaml"
    spoilt.write_text(SHIPPED.read_text().replace("attempts: 3", "attempts: -1"))
    judged = subprocess.run([str(parts.istioctl()), "validate", "-f", str(spoilt)], capture_output=True, check=False)
    assert judged.returncode != 0, "what the schema lets through"


def test_istioctl_finds_nothing_wrong_with_the_running_mesh(meshed: Meshed) -> None:
    done = meshed.cluster.istioctl("analyze", "--all-namespaces", "--output", "json")
    assert done.returncode == 0, done.stderr
    told = [each for each in json.loads(done.stdout) if each["code"] not in SILENT]
    assert told == []


async def test_istiods_webhook_stops_what_the_schema_lets_through_before_anything_changes(
    meshed: Meshed, client: Cluster
) -> None:
    limits = meshed.mesh.limits.model_copy(update={"max_ejected_percent": 500})
    spoilt = meshed.mesh.model_copy(update={"limits": limits})
    with pytest.raises(OperatorError, match="percentage 500 is not in range"):
        await apply(client, spoilt)
    there = await client.find(Key("DestinationRule", meshed.mesh.namespace, f"{meshed.mesh.namespace}-default"))
    assert there is not None
    assert there["spec"]["trafficPolicy"]["outlierDetection"]["maxEjectionPercent"] == 50


def test_istiod_tells_of_every_proxy_and_verify_names_the_one_that_lags(meshed: Meshed, tmp_path: Path) -> None:
    cluster, mesh = meshed.cluster, meshed.mesh
    with sidecars(running_pods(cluster, mesh), cluster.xds_port, tmp_path) as proxies:
        cluster.wait("not every proxy is SYNCED", lambda: whole(meshed, "23 of 23", "passed"))
        derives_what_the_rules_say(meshed, next(name for name in proxies if name.startswith("portal-")))
        slow = next(name for name in proxies if name.startswith("trino-worker-"))
        proxies[slow].send_signal(signal.SIGSTOP)
        rule = Key("DestinationRule", mesh.namespace, f"{mesh.namespace}-default")
        change = {"spec": {"trafficPolicy": {"connectionPool": {"tcp": {"connectTimeout": "5s"}}}}}
        assert cluster.plane.call("PATCH", rule.path, change, MERGE)[0] == 200
        cluster.wait("it does not lag", lambda: whole(meshed, "22 of 23", "failed", f"{slow} has CDS STALE"))
        proxies[slow].send_signal(signal.SIGCONT)
        cluster.wait("it does not catch up", lambda: whole(meshed, "23 of 23", "passed"))
    cluster.wait("pods without a connected proxy are in step", lambda: whole(meshed, "0 of 23", "failed"))


def whole(meshed: Meshed, seen: str, status: str, detail: str = "") -> bool:
    """Whether the proxies are in step, or not, just so."""
    check = meshed.verify()["proxies in step"]
    return check["seen"] == seen and check["status"] == status and detail in " ".join(check["details"])


def derives_what_the_rules_say(meshed: Meshed, pod: str) -> None:
    """The settings that a proxy gets for a service under the default rule, which has a wildcard for a host."""
    url = f"{meshed.cluster.istiod_url}/debug/config_dump?proxyID={pod}.{meshed.mesh.namespace}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        text = answer.read()
    (made,) = (each for each in clusters(json.loads(text)) if "||iceberg-rest-catalog." in each["name"])
    assert made["outlierDetection"]["consecutive5xx"] == 5
    assert made["outlierDetection"]["baseEjectionTime"] == "30s"
    assert made["outlierDetection"]["maxEjectionPercent"] == 50
    (bounds,) = made["circuitBreakers"]["thresholds"]
    assert (bounds["maxConnections"], bounds["maxPendingRequests"], bounds["maxRetries"]) == (100, 50, 3)
    assert made["lbPolicy"] == "LEAST_REQUEST"


def clusters(document: Any) -> Iterator[dict[str, Any]]:
    for config in document["configs"]:
        for each in config.get("dynamicActiveClusters", ()):
            yield each["cluster"]


async def test_istiod_tells_only_whom_it_trusts(meshed: Meshed, client: Cluster, tmp_path: Path) -> None:
    cluster, mesh = meshed.cluster, meshed.mesh
    if cluster.address is None:
        pytest.skip("this machine has no address besides loopback: nobody can be a stranger to istiod")
    url = f"http://{cluster.address}:{cluster.monitoring_port}"
    with pytest.raises(Unknown, match=r"answers 401 .* CARBON_STREAM_ISTIOD_TOKEN_FILE"):
        await Evidence(client, mesh, istiod_url=url).syncs()
    stranger = token(cluster, mesh.namespace, tmp_path / "stranger")
    with pytest.raises(Unknown, match=r"answers 403 .* DEBUG_ENDPOINT_AUTH_ALLOWED_NAMESPACES"):
        await Evidence(client, mesh, istiod_url=url, istiod_token_file=stranger).syncs()
    cluster.plane.call("POST", "/api/v1/namespaces", {"metadata": {"name": ALLOWED}})
    friend = token(cluster, ALLOWED, tmp_path / "friend")
    assert await Evidence(client, mesh, istiod_url=url, istiod_token_file=friend).syncs() == {}


def token(cluster: WholeCluster, namespace: str, path: Path) -> Path:
    """Of an account in this namespace, as the shipped `verify` has one: for istiod alone."""
    account = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    assert cluster.plane.call("POST", account, {"metadata": {"name": "verify"}})[0] in (201, 409)
    spec = {"audiences": ["istio-ca"], "expirationSeconds": 3600}
    made = cluster.plane.make(f"{account}/verify/token", {"spec": spec})
    path.write_text(made["status"]["token"])
    return path


async def test_by_way_of_the_api_servers_proxy(meshed: Meshed, client: Cluster, tmp_path: Path) -> None:
    """istiod refuses whom the proxy brings, for the proxy brings no token; what takes questions for it is reached."""
    cluster, mesh = meshed.cluster, meshed.mesh
    if cluster.address is None:
        pytest.skip("this machine has no address besides loopback, which the API server's proxy leads to")
    evidence = Evidence(client, mesh)
    async with pod_here(cluster, ISTIO, "istiod", cluster.monitoring_port):
        with pytest.raises(Unknown, match=r"istiod refuses by way of the Kubernetes API .*CARBON_STREAM_ISTIOD_URL"):
            await evidence.syncs()
    pods = running_pods(cluster, mesh)[:1]
    with sidecars(pods, cluster.xds_port, tmp_path):
        async with relay(cluster.address, cluster.debug_port) as port, pod_here(cluster, ISTIO, "istiod", port):
            name = f"{pods[0]['metadata']['name']}.{pods[0]['metadata']['namespace']}"
            async with asyncio.timeout(90):
                while (await evidence.syncs()).get(name) != dict.fromkeys(("CDS", "LDS", "EDS", "RDS"), "SYNCED"):
                    await asyncio.sleep(0.2)
    place = mesh.prometheus.namespace
    async with prometheus(cluster.address, tmp_path) as port, pod_here(cluster, place, "prometheus", port):
        name, slot = mesh.prometheus.service, f"/api/v1/namespaces/{place}"
        ports = [{"name": "web", "port": mesh.prometheus.port}]
        cluster.plane.make(f"{slot}/services", {"metadata": {"name": name}, "spec": {"ports": ports}})
        host = {"ip": cluster.address, "targetRef": {"kind": "Pod", "namespace": place, "name": "prometheus"}}
        subsets = [{"addresses": [host], "ports": [{"name": "web", "port": port}]}]
        cluster.plane.make(f"{slot}/endpoints", {"metadata": {"name": name}, "subsets": subsets})
        async with asyncio.timeout(90):
            while (found := await answered(evidence, "vector(7)")) is None:
                await asyncio.sleep(0.2)
        assert [each.value for each in found] == [7.0]


async def answered(evidence: Evidence, query: str) -> list[Sample] | None:
    """None while Prometheus, or the way to it, is not ready."""
    try:
        return await evidence.query(query)
    except Unknown:
        return None


@asynccontextmanager
async def pod_here(cluster: WholeCluster, namespace: str, app: str, port: int) -> AsyncIterator[None]:
    """A pod on a node that nobody plays, at this machine's address; its port is named as Istio's installer does."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    ports = [{"name": "http-monitoring", "containerPort": port}]
    spec = {"nodeName": "here", "containers": [{"name": "main", "image": "example", "ports": ports}]}
    cluster.plane.make(path, {"metadata": {"name": app, "labels": {"app": app}}, "spec": spec})
    address = {"podIP": cluster.address, "podIPs": [{"ip": cluster.address}], "phase": "Running"}
    assert cluster.plane.call("PATCH", f"{path}/{app}/status", {"status": address}, MERGE)[0] == 200
    try:
        yield
    finally:
        cluster.plane.call("DELETE", f"{path}/{app}", {"gracePeriodSeconds": 0})


@asynccontextmanager
async def relay(address: str, to: int) -> AsyncIterator[int]:
    """Takes connections on, as a port-forward does: istiod sees its own machine call."""
    serving: set[asyncio.Task[None]] = set()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", to)
        try:
            await asyncio.gather(copy(reader, back), copy(there, writer))
        finally:
            for each in (back, writer):
                each.close()
                with suppress(OSError):
                    await each.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.create_task(serve(reader, writer)))

    server = await asyncio.start_server(accept, address, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


@asynccontextmanager
async def prometheus(address: str, folder: Path) -> AsyncIterator[int]:
    (port,) = free_ports(1)
    config = folder / "prometheus.yml"
    config.write_text("scrape_configs: []\n")
    with (folder / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            tool("prometheus"),
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={address}:{port}",
            stdout=log,
            stderr=log,
        )
    try:
        yield port
    finally:
        process.terminate()
        await process.wait()
        shutil.rmtree(folder / "data", ignore_errors=True)
