"""What istiod and Prometheus know of the mesh. What cannot be asked is Unknown, never taken for good."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp

from carbon_stream.bootstrap.mesh.cluster import Cluster, Unreachable
from carbon_stream.bootstrap.mesh.model import Mesh
from carbon_stream.bootstrap.mesh.objects import Object
from carbon_stream.errors import OperatorError
from carbon_stream.settings import Settings

__all__ = ["DISCOVERY", "Evidence", "Sample", "Unknown", "evidence_of", "sync_states"]

DISCOVERY = {"CDS": "cluster", "LDS": "listener", "EDS": "endpoint", "RDS": "route"}
"""Envoy's discovery services, and what istiod's /debug/syncz calls them."""
_PORT = ("http-monitoring", 15014)
"""istiod's own port for questions: its name in istiod's pods, and its number where none has that name."""
_TOLD_BY_ISTIOD = {
    401: "it answers only itself, or a token of audience istio-ca: give CARBON_STREAM_ISTIOD_TOKEN_FILE",
    403: "it tells accounts of its own namespace, and of those in its DEBUG_ENDPOINT_AUTH_ALLOWED_NAMESPACES",
}
_TIMEOUT_S = 15.0
_BODY_MAX = 64 << 20


class Unknown(OperatorError):
    """Something could not be found out; the message says what and why."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One series of an instant query."""

    labels: Mapping[str, str]
    value: float


class Evidence:
    """Asks istiod and Prometheus: at the addresses given, else by way of the API server's proxy."""

    def __init__(
        self,
        cluster: Cluster,
        mesh: Mesh,
        *,
        istiod_url: str | None = None,
        istiod_token_file: Path | None = None,
        prometheus_url: str | None = None,
    ) -> None:
        self._cluster = cluster
        self._mesh = mesh
        self._istiod_url = istiod_url
        self._istiod_token_file = istiod_token_file
        self._prometheus_url = prometheus_url

    async def syncs(self) -> dict[str, dict[str, str]]:
        """State by discovery service, by proxy (`pod.namespace`): SYNCED, STALE or NOT SENT. Unknown."""
        states: dict[str, dict[str, str]] = {}
        for text in await self._debug("/debug/syncz"):
            states |= sync_states(text)
        return states

    async def query(self, expression: str) -> list[Sample]:
        """An instant query. Unknown where Prometheus does not answer it."""
        path, params = "/api/v1/query", {"query": expression}
        target = self._mesh.prometheus
        if self._prometheus_url is not None:
            text = await _get(f"{self._prometheus_url.rstrip('/')}{path}?{urlencode(params)}", {}, "Prometheus")
        else:
            place = f"/api/v1/namespaces/{target.namespace}/services/http:{target.service}:{target.port}/proxy"
            text = await self._proxied(place + path, "Prometheus", "CARBON_STREAM_PROMETHEUS_URL", params)
        try:
            document = json.loads(text)
            result = document["data"]["result"]
            return [Sample(each["metric"], float(each["value"][1])) for each in result]
        except (ValueError, KeyError, TypeError):
            raise Unknown(f"Prometheus answered {expression!r} with {text[:200]!r}") from None

    async def _debug(self, path: str) -> list[str]:
        if self._istiod_url is not None:
            url = self._istiod_url.rstrip("/") + path
            return [await _get(url, self._authorization(), "istiod", _TOLD_BY_ISTIOD)]
        namespace = self._mesh.istio_namespace
        try:
            pods = await self._cluster.all("Pod", namespace, "app=istiod")
        except OperatorError as error:
            raise Unknown(f"istiod's pods cannot be listed: {error}") from error
        if not pods:
            raise Unknown(f"there is no pod labelled app=istiod in {namespace}: is Istio installed there?")
        paths = [
            f"/api/v1/namespaces/{namespace}/pods/http:{pod['metadata']['name']}:{_port(pod)}/proxy{path}"
            for pod in pods
        ]
        hint = (
            "CARBON_STREAM_ISTIOD_URL (istiod answers only itself, or a token of audience istio-ca: give"
            " CARBON_STREAM_ISTIOD_TOKEN_FILE, or the address of a port-forward to its port 15014)"
        )
        return list(await asyncio.gather(*(self._proxied(each, "istiod", hint) for each in paths)))

    async def _proxied(self, path: str, what: str, setting: str, params: Mapping[str, str] | None = None) -> str:
        try:
            return await self._cluster.text(path, params)
        except OperatorError as error:
            kind = "does not answer" if isinstance(error, Unreachable) else "refuses"
            raise Unknown(f"{what} {kind} by way of the Kubernetes API ({error}); set {setting}") from error

    def _authorization(self) -> dict[str, str]:
        if self._istiod_token_file is None:
            return {}
        try:
            token = self._istiod_token_file.read_text().strip()
        except OSError as error:
            raise Unknown(f"CARBON_STREAM_ISTIOD_TOKEN_FILE cannot be read: {error.strerror}") from None
        return {"Authorization": f"Bearer {token}"}


def evidence_of(settings: Settings, cluster: Cluster, mesh: Mesh) -> Evidence:
    """Evidence by the settings' addresses."""
    return Evidence(
        cluster,
        mesh,
        istiod_url=settings.istiod_url,
        istiod_token_file=settings.istiod_token_file,
        prometheus_url=settings.prometheus_url,
    )


def sync_states(text: str) -> dict[str, dict[str, str]]:
    """The answer of /debug/syncz, read as `istioctl proxy-status` reads it. Unknown where it is none."""
    try:
        proxies = json.loads(text)
        return {each["proxy"]: _states(each) for each in proxies}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Unknown(f"istiod's answer is no list of proxies: {text[:200]!r}") from None


def _port(pod: Object) -> int:
    ports = [port for container in pod["spec"]["containers"] for port in container.get("ports") or ()]
    name, usual = _PORT
    return next((int(port["containerPort"]) for port in ports if port.get("name") == name), usual)


def _states(proxy: Mapping[str, Any]) -> dict[str, str]:
    states = {}
    for service, name in DISCOVERY.items():
        sent, acked = proxy.get(f"{name}_sent"), proxy.get(f"{name}_acked")
        states[service] = "NOT SENT" if not sent else "SYNCED" if sent == acked else "STALE"
    return states


async def _get(url: str, headers: Mapping[str, str], what: str, hints: Mapping[int, str] | None = None) -> str:
    shown = url.partition("?")[0]
    try:
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, headers=headers, allow_redirects=False) as answer,
        ):
            text = (await _whole(answer.content)).decode("utf-8", "replace")
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Unknown(f"{what} does not answer at {shown} ({type(error).__name__} {error})".rstrip()) from None
    if answer.status != 200:
        told = " ".join(text.split())[:200] or (hints or {}).get(answer.status, "nothing more")
        raise Unknown(f"{what} answers {answer.status} at {shown}: {told}")
    return text


async def _whole(content: aiohttp.StreamReader) -> bytes:
    """The body to its end or bound. One read gives what is there: of a long answer only its beginning."""
    body = bytearray()
    while len(body) < _BODY_MAX and (chunk := await content.read(_BODY_MAX - len(body))):
        body += chunk
    return bytes(body)
