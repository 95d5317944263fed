"""Talking to the Kubernetes API: reads, server-side apply under our own field manager, and refusals in words.

lightkube knows kubeconfig files, service accounts and logins; the requests themselves are five, so they are made here.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from carbon_stream.bootstrap.mesh.objects import FIELD_MANAGER, KINDS, Key, Object, key_of
from carbon_stream.errors import OperatorError

if TYPE_CHECKING:
    from httpx2 import AsyncClient, Response

__all__ = ["Absent", "Cluster", "Conflict", "Patience", "Refused", "Unreachable", "connected"]

_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_PAGE = 500
_WAIT_S_MAX = 10.0
_TEXT_MAX = 800


class Refused(OperatorError):
    """The API server said no, and would again. `status` is HTTP's."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Absent(Refused):
    """There is no such kind of object, or no such object."""


class Conflict(Refused):
    """Somebody else has changed the object since it was looked at, or holds fields of it (`holders`, by field)."""

    def __init__(self, status: int, text: str, holders: Mapping[str, str]) -> None:
        super().__init__(status, text)
        self.holders = holders


class Unreachable(OperatorError):
    """No answer, or none but "try again", for as long as we try."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a request is tried, and how long to wait before the second try, seconds; doubled for each further."""

    tries: int = 6
    first_wait_s: float = 0.25
    timeout_s: float = 30.0


@asynccontextmanager
async def connected(context: str | None = None, patience: Patience | None = None) -> AsyncIterator[Cluster]:
    """A connection: the file that KUBECONFIG names, else the pod's service account, else ~/.kube/config."""
    patience = patience or Patience()
    client = _client(context, patience.timeout_s)
    async with client:
        yield Cluster(client, patience)


def _client(context: str | None, timeout_s: float) -> AsyncClient:
    try:
        from httpx2 import Timeout
        from lightkube.config.client_adapter import AsyncClient as Connect
        from lightkube.config.client_adapter import ConnectionParams
        from lightkube.config.kubeconfig import KubeConfig
        from lightkube.core.exceptions import ConfigError
    except ImportError as error:
        raise OperatorError(
            f"the Kubernetes API needs {error.name}: install carbon-stream[bootstrap] (the image has it)"
        ) from None
    try:
        named = os.environ.get("KUBECONFIG")
        if named and os.pathsep in named:
            raise OperatorError("KUBECONFIG names several files: name one (kubectl config view --flatten makes one)")
        config = (KubeConfig.from_file(named) if named else KubeConfig.from_env()).get(context)
        assert config is not None
        return Connect(config, ConnectionParams(timeout=Timeout(timeout_s)))
    except (ConfigError, OSError, KeyError, ValueError, AssertionError) as error:
        raise OperatorError(
            f"there is no usable access to a Kubernetes cluster ({error}): name a file in KUBECONFIG, or run this in a"
            " pod with a service account"
        ) from None


class Cluster:
    """The API server. Every call may be repeated."""

    def __init__(self, client: AsyncClient, patience: Patience) -> None:
        self._client = client
        self._patience = patience

    async def find(self, key: Key) -> dict[str, Any] | None:
        """The object; None where there is none."""
        try:
            return await self._object("GET", key.path)
        except Absent:
            return None

    async def all(self, kind: str, namespace: str = "", selector: str = "") -> list[dict[str, Any]]:
        """Every object of a kind, in one namespace or all. Absent where the cluster does not know the kind."""
        path, found, more = KINDS[kind].path(namespace), [], ""
        while True:
            params = {"limit": str(_PAGE), "labelSelector": selector, "continue": more}
            page = await self._object("GET", path, {name: value for name, value in params.items() if value})
            api = KINDS[kind].api
            found += [{"apiVersion": api, "kind": kind, **item} for item in page.get("items", ())]
            more = page.get("metadata", {}).get("continue", "")
            if not more:
                return found

    async def apply(self, object: Object, *, dry_run: bool = False, force: bool = True) -> dict[str, Any]:
        """Server-side apply; the object as it is then, or would be. Unknown fields are refused.

        Without `force`, Conflict where somebody else holds a field with another value.
        """
        params = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict", "force": str(force).lower()}
        if dry_run:
            params["dryRun"] = "All"
        return await self._object("PATCH", key_of(object).path, params, object, "application/apply-patch+yaml")

    async def patch(self, key: Key, change: Object) -> dict[str, Any]:
        """A merge patch. With metadata.resourceVersion in it, Conflict when somebody was quicker."""
        params = {"fieldManager": FIELD_MANAGER}
        return await self._object("PATCH", key.path, params, change, "application/merge-patch+json")

    async def create(self, object: Object) -> dict[str, Any]:
        """Creates; Conflict where it is there already."""
        key = key_of(object)
        path = KINDS[key.kind].path(key.namespace)
        return await self._object("POST", path, {"fieldManager": FIELD_MANAGER}, object)

    async def replace(self, object: Object) -> dict[str, Any]:
        """Replaces; Conflict when its resourceVersion is no longer the newest."""
        return await self._object("PUT", key_of(object).path, {"fieldManager": FIELD_MANAGER}, object)

    async def delete(self, key: Key, uid: str) -> None:
        """Deletes just the object with this uid; that it is gone already is no error."""
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}}
        try:
            await self._object("DELETE", key.path, {}, body)
        except Absent:
            return

    async def text(self, path: str, params: Mapping[str, str] | None = None) -> str:
        """The answer to a GET as it stands: what is behind the API server's proxy."""
        return (await self._ask("GET", path, params or {})).text

    async def _object(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        body: Object | None = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        answer = await self._ask(method, path, params or {}, body, content_type)
        try:
            document = answer.json()
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise Refused(answer.status_code, f"{method} {path} answered with no object: is this a Kubernetes API?")
        return document

    async def _ask(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        body: Object | None = None,
        content_type: str = "application/json",
    ) -> Response:
        from httpx2 import HTTPError

        content = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": content_type} if content else {}
        wait_s, why = self._patience.first_wait_s, ""
        for attempt in range(1, self._patience.tries + 1):
            asked: str | None = None
            try:
                answer = await self._client.request(method, path, params=params, content=content, headers=headers)
            except (HTTPError, OSError) as error:
                why = f"{type(error).__name__} {error}".rstrip()
            else:
                if answer.status_code < 300:
                    return answer
                why, asked = f"{answer.status_code} {_told(answer)}", answer.headers.get("Retry-After")
                if answer.status_code not in _TRANSIENT:
                    raise _refusal(method, path, answer, why)
            if attempt < self._patience.tries:
                await asyncio.sleep(min(float(asked) if asked and asked.isdigit() else wait_s, _WAIT_S_MAX))
                wait_s *= 2
        raise Unreachable(
            f"{method} {path} at {self._client.base_url}: {why[:_TEXT_MAX]}; tried {self._patience.tries} times"
        )


def _told(answer: Response) -> str:
    """The message of the answer's Status, on one line."""
    try:
        document = answer.json()
        text = str(document["message"])
    except (ValueError, KeyError, TypeError):
        text = answer.text
    return " ".join(text.split())[:_TEXT_MAX]


def _refusal(method: str, path: str, answer: Response, why: str) -> Refused:
    text, status = f"{method} {path} was refused: {why}", answer.status_code
    if status in (401, 403):
        text += "; docs/service-mesh.md lists what the account must be allowed"
    if status == 409:
        return Conflict(status, text, dict(_holders(answer)))
    return (Absent if status == 404 else Refused)(status, text)


def _holders(answer: Response) -> Iterator[tuple[str, str]]:
    """Fields that other field managers hold, as the answer's causes name them, and who they are."""
    try:
        causes = answer.json()["details"]["causes"]
    except (ValueError, KeyError, TypeError):
        return
    for cause in causes:
        if cause.get("reason") == "FieldManagerConflict":
            who = re.search(r'"([^"]*)"', str(cause.get("message")))
            yield str(cause.get("field", "")).removeprefix("."), who.group(1) if who else "somebody else"
