"""What cannot run here, played: istiod's debug interface, and the proxies' metrics (scraped by a real Prometheus).

/debug/syncz has the form of Istio's `SyncStatus`: nonces sent and acknowledged, a proxy for each pod with a sidecar.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web

from carbon_stream.bootstrap.mesh.model import Mesh
from carbon_stream.local.ports import free_ports
from tests.cluster.control_plane import ControlPlane
from tests.support.prometheus import tool

Series = tuple[str, str, str, str, str]
"""Reporter, client, workload, its namespace, and `policy` or `policy/code`."""


class MeshDouble:
    """`behind`: names of workloads whose proxies lag; `unscraped`: whose metrics nobody has. Tests raise `requests`."""

    def __init__(self, plane: ControlPlane, mesh: Mesh) -> None:
        self._plane = plane
        self._mesh = mesh
        self.behind: set[str] = set()
        self.unscraped: set[str] = set()
        self.requests: Counter[Series] = Counter()
        self.url = ""
        self.prometheus_url = ""

    def traffic(
        self, workload: str, count: int = 100, *, policy: str = "mutual_tls", code: int = 200, client: str = "portal"
    ) -> None:
        """So many requests, as both ends count them."""
        namespace = self._mesh.at(self._mesh.workloads[workload])
        self.requests["destination", client, workload, namespace, f"{policy}/{code}"] += count
        self.requests["source", client, workload, namespace, f"unknown/{code}"] += count

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/debug/syncz", self._syncz)
        app.router.add_get("/metrics", self._metrics)
        return app

    async def _syncz(self, request: web.Request) -> web.Response:
        return web.json_response([self._status(name, namespace) for namespace, name in await self._proxies()])

    async def _proxies(self) -> list[tuple[str, str]]:
        found = []
        for namespace in self._mesh.namespaces:
            _, listed = await asyncio.to_thread(self._plane.call, "GET", f"/api/v1/namespaces/{namespace}/pods")
            found += [
                (namespace, pod["metadata"]["name"])
                for pod in listed["items"]
                if any(each["name"] == "istio-proxy" for each in pod["spec"]["containers"])
            ]
        return found

    def _status(self, name: str, namespace: str) -> dict[str, Any]:
        status: dict[str, Any] = {"proxy": f"{name}.{namespace}", "istio_version": "1.24.2"}
        lags = name.rpartition("-")[0] in self.behind
        for kind in ("cluster", "listener", "endpoint", "route"):
            status |= {f"{kind}_sent": "b", f"{kind}_acked": "a" if lags and kind == "route" else "b"}
        return status

    async def _metrics(self, request: web.Request) -> web.Response:
        lines = ["# TYPE istio_requests_total counter"]
        for (reporter, client, workload, namespace, how), count in self.requests.items():
            policy, _, code = how.partition("/")
            labels = {
                "reporter": reporter,
                "source_workload": client,
                "source_workload_namespace": namespace,
                "destination_workload": workload,
                "destination_workload_namespace": namespace,
                "connection_security_policy": policy,
                "response_code": code,
            }
            shown = ",".join(f'{key}="{value}"' for key, value in labels.items())
            lines.append(f"istio_requests_total{{{shown}}} {count}")
        lines.append("# TYPE istio_build gauge")
        for namespace, pod in await self._proxies():
            if pod.rpartition("-")[0] not in self.unscraped:
                lines.append(f'istio_build{{component="proxy",namespace="{namespace}",pod="{pod}"}} 1')
        return web.Response(text="\n".join(lines) + "\n")

    async def scraped(self) -> None:
        """Returns when Prometheus has the counters as they are now, in two samples at least."""
        want = sum(self.requests.values())
        end = asyncio.get_running_loop().time() + 60
        async with aiohttp.ClientSession() as session:
            query = {"query": f"sum(min_over_time(istio_requests_total[2s])) == {want}"}
            while True:
                async with session.get(f"{self.prometheus_url}/api/v1/query", params=query) as answer:
                    if (await answer.json())["data"]["result"]:
                        return
                assert asyncio.get_running_loop().time() < end, "Prometheus does not see the counters"
                await asyncio.sleep(0.2)


@asynccontextmanager
async def mesh_double(plane: ControlPlane, mesh: Mesh, folder: Path) -> AsyncIterator[MeshDouble]:
    """The double on a free port, with a real Prometheus that scrapes it."""
    port, prometheus_port = free_ports(2)
    double = MeshDouble(plane, mesh)
    double.url, double.prometheus_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{prometheus_port}"
    for name in mesh.workloads:
        double.traffic(name, 0)
        double.traffic(name, 0, policy="none", client="unknown")
        double.traffic(name, 0, code=503)
    runner = web.AppRunner(double.app())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    config = folder / "prometheus.yml"
    job = {"job_name": "mesh", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
    config.write_text(
        yaml.safe_dump({"global": {"scrape_interval": "500ms", "scrape_timeout": "400ms"}, "scrape_configs": [job]})
    )
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            tool("prometheus"),
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{prometheus_port}",
            stdout=log,
            stderr=log,
        )
    try:
        await _up(double.prometheus_url)
        await double.scraped()
        yield double
    finally:
        process.terminate()
        await process.wait()
        await runner.cleanup()


async def _up(url: str) -> None:
    end = asyncio.get_running_loop().time() + 60
    async with aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"{url}/-/ready") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            assert asyncio.get_running_loop().time() < end, "Prometheus does not come up"
            await asyncio.sleep(0.2)
