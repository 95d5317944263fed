"""What /openapi.json describes, asked as each role: who may is answered as described, all others are refused so.

The same requests go out as everybody, so that nothing but the credential makes the difference. They are made by
schemathesis from the service's own document, and are the same in each run.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest
import requests
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case

from carbon_stream.access.keys import new_key
from carbon_stream.access.roles import ROLES, Role, holds
from carbon_stream.demo.play import Play
from carbon_stream.web.endpoint_roles import ENDPOINT_ROLES, PUBLIC
from tests.integration.service.conftest import MakeService
from tests.support.described import document_with_examples, only_for_a_second
from tests.support.service import Service

pytestmark = pytest.mark.timeout(300)

EXAMPLES = 3
STREAM = ("GET", "/v1/events/stream")
ENDPOINTS = sorted(ENDPOINT_ROLES)
BY_NAME = {
    *("/console/{file}", "/v1/types/{eventType}", "/v1/datasets/{name}", "/v1/lineage", "/v1/events/story"),
    "/v1/health/services/{namespace}/{service}",
}
"""Of things that must be known by their name: what is made up is answered 404."""


class Answer(NamedTuple):
    """What came back; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Everybody:
    """A service that asks who calls, its description, and a key for each role."""

    def __init__(self, service: Service, keys: dict[Role, str]) -> None:
        self.service, self.keys = service, keys
        self.schema: Any = None
        self.stranger = new_key().key

    def describe(self) -> None:
        document = document_with_examples(self.service)
        only_for_a_second(document["paths"][STREAM[1]]["get"])
        for path in document["paths"].values():
            for operation in path.values():
                operation.pop("security", None)  # or schemathesis would make up credentials beside ours
        self.schema = schemathesis.openapi.from_dict(document)

    def ask(self, case: Case[Any], **headers: str) -> "Answer":
        answer = case.call(base_url=self.service.url(), headers=headers, timeout=60)
        case.validate_response(answer)  # no 5xx, and no status, header or body that is not described
        return Answer(answer.status_code, {name: values[0] for name, values in answer.headers.items()}, answer.content)


@pytest.fixture(scope="module")
def everybody(make_service: MakeService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Everybody]:
    made = {role: new_key() for role in ROLES}
    entries = [{"id": key.id, "name": role, "sha256": key.sha256, "roles": [role]} for role, key in made.items()]
    file: Path = tmp_path_factory.mktemp("access") / "access.yaml"
    file.write_text(yaml.safe_dump({"version": 1, "keys": entries}))
    service = make_service(
        CARBON_STREAM_ACCESS="keys",
        CARBON_STREAM_ACCESS_FILE=str(file),
        CARBON_STREAM_REPEAT_WINDOW_EVENTS="0",  # no schema can say that an id is only good for the very same event
    )
    service.start()
    service.wait_ready()
    keys = {role: key.key for role, key in made.items()}
    kafka = {"bootstrap_servers": service.kafka.bootstrap_servers}
    play = Play(service.url(), kafka, rate=0, count=100, seed=3, say=print, token=keys["sender"])
    assert asyncio.run(play.run()).surprises == 0
    everybody = Everybody(service, keys)
    everybody.describe()
    yield everybody
    log = service.log(1)
    assert "Traceback" not in log, log[-6000:]


def is_a_refusal(answer: Answer, status: int) -> None:
    assert answer.status == status, answer.body[:500]
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    document = orjson.loads(answer.body)
    assert (document["status"], document["requestId"]) == (status, answer.headers["x-request-id"])
    assert "detail" in document


@pytest.mark.parametrize(("method", "path"), ENDPOINTS, ids=[f"{method} {path}" for method, path in ENDPOINTS])
def test_an_endpoint_is_as_described_for_every_role(everybody: Everybody, method: str, path: str) -> None:
    needed = ENDPOINT_ROLES[method, path]
    operation = everybody.schema[path][method]
    seen: set[int] = set()

    @settings(
        max_examples=1 if (method, path) == STREAM else EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case: Case[Any]) -> None:
        strangers = {"Authorization": f"Bearer {everybody.stranger}"}
        for headers in ({}, strangers):
            answer = everybody.ask(case, **headers)
            if needed == PUBLIC:
                assert answer.status not in (401, 403)
            else:
                is_a_refusal(answer, 401)
        for role, key in everybody.keys.items():
            answer = everybody.ask(case, Authorization=f"Bearer {key}")
            if needed == PUBLIC or holds((role,), needed):
                assert answer.status not in (401, 403), answer.body[:500]
                seen.add(answer.status)
            else:
                is_a_refusal(answer, 403)

    ask()
    assert any(status < 400 for status in seen) or path in BY_NAME, seen


def test_nothing_is_described_that_has_no_role_here(everybody: Everybody) -> None:
    described = {
        (method.upper(), path): operation
        for path, item in everybody.schema.raw_schema["paths"].items()
        for method, operation in item.items()
    }
    assert sorted(described) == ENDPOINTS
    assert {key: operation["x-required-role"] for key, operation in described.items()} == {
        key: ENDPOINT_ROLES[key] for key in ENDPOINTS
    }


@pytest.mark.parametrize(("method", "path"), ENDPOINTS, ids=[f"{method} {path}" for method, path in ENDPOINTS])
def test_what_makes_no_sense_is_refused_before_it_is_read(everybody: Everybody, method: str, path: str) -> None:
    """Nobody learns from an error of a request that they may not make; who may is told what is wrong."""
    needed = ENDPOINT_ROLES[method, path]
    url = everybody.service.url() + path.replace("{", "").replace("}", "")
    sent: dict[str, Any] = {"params": {"no-such": "parameter"}, "timeout": 60}
    if method == "POST":
        sent = {"data": b"\xff{", "headers": {"Content-Type": "application/json"}, "timeout": 60}
    for role in (None, *ROLES):
        headers = {**sent.get("headers", {}), **({"X-Api-Key": everybody.keys[role]} if role else {})}
        found = requests.request(method, url, **{**sent, "headers": headers})
        lower = {name.lower(): value for name, value in found.headers.items()}
        answer = Answer(found.status_code, lower, found.content)
        if needed == PUBLIC or (role is not None and holds((role,), needed)):
            assert answer.status < 500
            assert answer.status not in (401, 403), answer.body[:500]
        else:
            is_a_refusal(answer, 401 if role is None else 403)
