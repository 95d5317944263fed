"""A real etcd and a real API server with Istio's kinds, on free ports and in a folder of their own.

What is not here: controllers, scheduler, kubelet, istiod. `whole.WholeCluster` has them; `players.Deployments` plays
what tests of failures need of them, and says so.
"""

import json
import os
import secrets
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
import trustme
import yaml

from carbon_stream.local.ports import free_ports
from tests.cluster import parts
from tests.support.processes import stop_all

_READY_S = 120


@dataclass
class ControlPlane:
    folder: Path
    accounts: bool = False
    """Whether pods need a service account that exists: a controller has to make the namespaces' default ones then."""
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    port: int = 0
    _etcd: subprocess.Popen[bytes] | None = None
    _server: subprocess.Popen[bytes] | None = None
    _arguments: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, client_port, peer_port = free_ports(3)
        self._etcd = self._start_etcd(client_port, peer_port)
        try:
            self._arguments = self._server_arguments(client_port)
            self.start_server()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stop_all([process for process in (self._server, self._etcd) if process is not None], 30)

    def start_server(self) -> None:
        with (self.folder / "apiserver.log").open("ab") as log:
            self._server = subprocess.Popen(self._arguments, stdout=log, stderr=log, cwd=self.folder)
        self._wait()

    def stop_server(self) -> None:
        assert self._server is not None
        stop_all([self._server], 60)

    def kubeconfig(self, token: str | None = None) -> Path:
        """A kubeconfig file: of the administrator, or of whom the token belongs to."""
        path = self.folder / f"kubeconfig-{secrets.token_hex(4)}"
        cluster = {"server": self.url, "certificate-authority": str(self.folder / "ca.pem")}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": {"token": token or self.token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "current-context": "test",
        }
        path.write_text(yaml.safe_dump(document))
        return path

    @property
    def audit(self) -> Path:
        """What service accounts asked for, a line of JSON each."""
        return self.folder / "audit.log"

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def call(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json", token: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        """A request past our own client: status and document."""
        request = urllib.request.Request(self.url + path, method=method)
        request.add_header("Authorization", f"Bearer {token or self.token}")
        if body is not None:
            request.add_header("Content-Type", content_type)
            request.data = json.dumps(body).encode()
        context = ssl.create_default_context(cafile=self.folder / "ca.pem")
        try:
            with urllib.request.urlopen(request, context=context, timeout=60) as answer:
                return answer.status, _document(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, _document(error.read())

    def make(self, path: str, body: Any) -> dict[str, Any]:
        """Creates an object."""
        status, document = self.call("POST", path, body)
        assert status in (200, 201), document
        return document

    def _start_etcd(self, client_port: int, peer_port: int) -> subprocess.Popen[bytes]:
        client, peer = f"http://127.0.0.1:{client_port}", f"http://127.0.0.1:{peer_port}"
        command = [
            str(parts.etcd()),
            "--name=test",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=test={peer}",
        ]
        with (self.folder / "etcd.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)

    def _server_arguments(self, etcd_port: int) -> list[str]:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.folder / "ca.pem")
        issued = authority.issue_cert("127.0.0.1", "localhost")
        issued.private_key_pem.write_to_path(self.folder / "server.key")
        (self.folder / "server.crt").write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
        signer = trustme.CA(key_type=trustme.KeyType.RSA).issue_cert("accounts.local", key_type=trustme.KeyType.RSA)
        signer.private_key_pem.write_to_path(self.folder / "accounts.key")
        policy = self.folder / "audit.yaml"
        policy.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "audit.k8s.io/v1",
                    "kind": "Policy",
                    "omitStages": ["RequestReceived"],
                    "rules": [{"level": "Metadata", "userGroups": ["system:serviceaccounts"]}, {"level": "None"}],
                }
            )
        )
        (self.folder / "tokens.csv").write_text(f'{self.token},administrator,1,"system:masters"\n')
        return [
            str(parts.kube_apiserver()),
            f"--etcd-servers=http://127.0.0.1:{etcd_port}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.port}",
            "--endpoint-reconciler-type=none",
            f"--cert-dir={self.folder / 'certificates'}",
            f"--tls-cert-file={self.folder / 'server.crt'}",
            f"--tls-private-key-file={self.folder / 'server.key'}",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://accounts.local",
            f"--service-account-key-file={self.folder / 'accounts.key'}",
            f"--service-account-signing-key-file={self.folder / 'accounts.key'}",
            "--service-cluster-ip-range=10.96.0.0/16",
            # Nobody takes the taint of a new node away, and a node that is played is ready at once.
            f"--disable-admission-plugins=TaintNodesByCondition{'' if self.accounts else ',ServiceAccount'}",
            # An etcd before 3.4.25 cannot stream lists: clients would ask for it ever again, and see nothing meanwhile.
            "--feature-gates=WatchList=false",
            "--profiling=false",
            f"--audit-policy-file={policy}",
            f"--audit-log-path={self.audit}",
        ]

    def _wait(self) -> None:
        assert self._server is not None
        end = time.monotonic() + _READY_S
        while time.monotonic() < end:
            if self._server.poll() is not None:
                break
            try:
                if self.call("GET", "/readyz?verbose")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.25)
        raise AssertionError("the API server does not come up:\n" + (self.folder / "apiserver.log").read_text()[-3000:])


def _document(text: bytes) -> dict[str, Any]:
    try:
        return dict(json.loads(text))
    except ValueError:
        return {"message": text.decode(errors="replace")}


def install_istio_kinds(plane: ControlPlane) -> None:
    """Istio's CustomResourceDefinitions, and waits until the API serves them."""
    kinds = [each for each in yaml.safe_load_all(parts.istio_crds().read_text()) if each]
    for each in kinds:
        plane.make("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", each)
    end = time.monotonic() + _READY_S
    for each in kinds:
        spec = each["spec"]
        for version in spec["versions"]:
            path = f"/apis/{spec['group']}/{version['name']}/{spec['names']['plural']}"
            while plane.call("GET", path)[0] != 200:
                assert time.monotonic() < end, f"{path} is not served"
                time.sleep(0.1)


def need(wanted: Iterable[Callable[[], Path]]) -> None:
    """Brings parts here. Without one, tests are skipped, but in CI, where all of them are wanted, they fail."""
    try:
        for part in wanted:
            part()
    except parts.Missing as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))
