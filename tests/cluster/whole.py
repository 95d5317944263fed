"""A whole cluster: the real controllers and scheduler, real istiod with its webhooks, real proxies.

What is played: the node. kwok writes what a kubelet would, so no container runs; a pod's proxy is started on this
machine instead, by `sidecars`. That is Envoy as it is published, without Istio's own filters (metadata exchange,
statistics, ALPN), which are switched off, or it would refuse what istiod sends; and without an agent that brings it
certificates, so proxies are not told to speak mTLS among themselves, or they would wait for them.
"""

import os
import re
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
import yaml

from carbon_stream.local.ports import free_ports
from tests.cluster import parts
from tests.cluster.control_plane import ControlPlane
from tests.support.processes import stop_all

_READY_S = 120
_CONTROLLERS = (
    "deployment-controller,replicaset-controller,statefulset-controller,serviceaccount-controller,"
    "garbage-collector-controller,namespace-controller,endpointslice-controller,root-ca-certificate-publisher-controller"
)
ISTIO, ALLOWED = "istio-system", "allowed"
"""istiod's namespace, and the one besides whose accounts it tells of its proxies."""
_HTTP = "envoy.filters.network.http_connection_manager"
_ISTIOS_FILTERS = (
    ("HTTP_FILTER", {"name": _HTTP, "subFilter": {"name": "istio.stats"}}),
    ("HTTP_FILTER", {"name": _HTTP, "subFilter": {"name": "istio.alpn"}}),
    ("NETWORK_FILTER", {"name": "istio.stats"}),
)


class WholeCluster:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plane = ControlPlane(folder / "plane", accounts=True)
        self.address = _address()
        """Of this machine, not loopback: the API server's proxy leads to no other. None where there is none."""
        self.xds_port, self.webhook_port, self.debug_port, self.monitoring_port = free_ports(4)
        self.manifests: list[dict[str, Any]] = []
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self.plane.__enter__()
        try:
            self._start_kubernetes()
            self._install_istio()
            self._start_istiod()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stop_all(reversed(self._processes), 30)
        self.plane.__exit__(None, None, None)

    @property
    def istiod_url(self) -> str:
        """Where istiod takes the caller for itself, as with a port-forward."""
        return f"http://127.0.0.1:{self.debug_port}"

    def _start_kubernetes(self) -> None:
        kubeconfig, folder = self.plane.kubeconfig(), self.plane.folder
        self._start(
            "controllers",
            str(parts.kube_controller_manager()),
            f"--kubeconfig={kubeconfig}",
            f"--controllers={_CONTROLLERS}",
            f"--service-account-private-key-file={folder / 'accounts.key'}",
            f"--root-ca-file={folder / 'ca.pem'}",
            "--leader-elect=false",
            "--secure-port=0",
        )
        self._start(
            "scheduler",
            str(parts.kube_scheduler()),
            f"--kubeconfig={kubeconfig}",
            "--leader-elect=false",
            "--secure-port=0",
        )
        self._start(
            "kwok", str(parts.kwok()), f"--kubeconfig={kubeconfig}", "--manage-nodes-with-label-selector=played=yes"
        )
        size = {"cpu": "64", "memory": "256Gi", "pods": "500"}
        node = {
            "metadata": {"name": "node", "labels": {"played": "yes"}},
            "status": {"allocatable": size, "capacity": size},
        }
        self.plane.make("/api/v1/nodes", node)

    def _install_istio(self) -> None:
        """What `istioctl install` would apply, but for istiod's own pod; its webhooks lead to this machine."""
        words = ["manifest", "generate", "--set", "profile=minimal"]
        made = subprocess.run([str(parts.istioctl()), *words], capture_output=True, text=True, check=True, timeout=120)
        self.plane.make("/api/v1/namespaces", {"metadata": {"name": ISTIO}})
        left_out = ("Deployment", "HorizontalPodAutoscaler", "Service")
        self.manifests = [each for each in yaml.safe_load_all(made.stdout) if each and each["kind"] not in left_out]
        for each in self.manifests:
            if each["kind"] == "ConfigMap" and each["metadata"]["name"] == "istio":
                each["data"]["mesh"] += "\nenableAutoMtls: false\n"
            for hook in each.get("webhooks", ()):
                path = hook["clientConfig"].pop("service")["path"]
                hook["clientConfig"]["url"] = f"https://localhost:{self.webhook_port}{path}"
                if each["kind"] == "ValidatingWebhookConfiguration":
                    # It would look at what is labelled with its revision only; here it judges everything.
                    hook["objectSelector"], hook["failurePolicy"] = {}, "Fail"
        self.kubectl("apply", "--server-side", "-f", "-", given=yaml.safe_dump_all(self.manifests))

    def _start_istiod(self) -> None:
        secure, control = free_ports(2)
        home = self.folder / "istiod"
        home.mkdir()
        self._start(
            "istiod",
            str(parts.istiod()),
            "discovery",
            f"--kubeconfig={self.plane.kubeconfig()}",
            f"--namespace={ISTIO}",
            f"--httpAddr=127.0.0.1:{self.debug_port}",
            f"--httpsAddr=127.0.0.1:{self.webhook_port}",
            f"--grpcAddr=127.0.0.1:{self.xds_port}",
            f"--secureGRPCAddr=127.0.0.1:{secure}",
            f"--monitoringAddr={self.address or '127.0.0.1'}:{self.monitoring_port}",
            "--ctrlz_address=127.0.0.1",
            f"--ctrlz_port={control}",
            environment={
                "POD_NAMESPACE": ISTIO,
                "POD_NAME": "istiod-here",
                "ISTIOD_CUSTOM_HOST": "localhost",
                "REVISION": "default",
                "CLUSTER_ID": "Kubernetes",
                "PILOT_ENABLE_METADATA_EXCHANGE": "false",
                "DEBUG_ENDPOINT_AUTH_ALLOWED_NAMESPACES": ALLOWED,
            },
            folder=home,
        )
        self.wait("istiod does not come up", lambda: answers(f"{self.istiod_url}/ready"))
        self.wait("istiod does not fill in its webhooks' authority", self._webhooks_are_patched)
        self.kubectl("apply", "-f", "-", given=yaml.safe_dump(_without_istios_filters()))

    def _webhooks_are_patched(self) -> bool:
        group = "/apis/admissionregistration.k8s.io/v1"
        for path in ("mutatingwebhookconfigurations", "validatingwebhookconfigurations"):
            items = self.plane.call("GET", f"{group}/{path}")[1]["items"]
            if not all(hook["clientConfig"].get("caBundle") for each in items for hook in each["webhooks"]):
                return False
        return True

    def kubectl(self, *words: str, given: str = "") -> str:
        command = [str(parts.kubectl()), "--kubeconfig", str(self.plane.kubeconfig()), *words]
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def istioctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [str(parts.istioctl()), "--kubeconfig", str(self.plane.kubeconfig()), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    def wait(self, otherwise: str, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + _READY_S
        while not condition():
            ended = [str(process.args) for process in self._processes if process.poll() is not None]
            assert not ended, f"{otherwise}; ended: {ended}, see {self.folder}"
            assert time.monotonic() < end, f"{otherwise}: {self._tails()}"
            time.sleep(0.1)

    def _tails(self) -> dict[str, str]:
        return {path.name: path.read_text(errors="replace")[-800:] for path in self.folder.glob("*.log")}

    def _start(
        self, name: str, *command: str, environment: Mapping[str, str] | None = None, folder: Path | None = None
    ) -> None:
        clean = {key: value for key, value in os.environ.items() if not re.match("KUBE|ISTIO|POD_|PILOT", key)}
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes.append(
                subprocess.Popen(
                    command, stdout=log, stderr=log, cwd=folder or self.folder, env={**clean, **(environment or {})}
                )
            )


def _without_istios_filters() -> dict[str, Any]:
    patches = [
        {
            "applyTo": kind,
            "match": {"listener": {"filterChain": {"filter": match}}},
            "patch": {"operation": "REMOVE"},
        }
        for kind, match in _ISTIOS_FILTERS
    ]
    return {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": {"name": "without-istios-filters", "namespace": ISTIO},
        "spec": {"configPatches": patches},
    }


def answers(url: str) -> bool:
    """Whether a GET is answered 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _address() -> str | None:
    found = [each.address for of in psutil.net_if_addrs().values() for each in of if each.family == socket.AF_INET]
    return next((each for each in found if not each.startswith(("127.", "169.254."))), None)
