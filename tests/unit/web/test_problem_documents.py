"""Whatever goes wrong, the answer is a problem document with the request's id and safe headers."""

import logging
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from carbon_stream.errors import ProblemError
from carbon_stream.web.problems import json_response
from tests.support.applications import answering

Client = TestClient[web.Request, web.Application]


async def fine(_: web.Request) -> web.Response:
    return json_response({"fine": True})


async def refused(_: web.Request) -> web.Response:
    raise ProblemError(
        503, "Away", "Kafka is away", type="https://example.org/away", headers={"Retry-After": "7"}, extra={"tries": 3}
    )


async def broken(_: web.Request) -> web.Response:
    raise RuntimeError("the password is hunter2")


async def swallow(request: web.Request) -> web.Response:
    return json_response({"read": len(await request.read())})


async def elsewhere(_: web.Request) -> web.Response:
    raise web.HTTPFound("/fine")


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    application = answering(client_max_size=100)
    application.add_routes(
        [
            web.get("/fine", fine),
            web.get("/refused", refused),
            web.get("/broken", broken),
            web.get("/elsewhere", elsewhere),
            web.post("/swallow", swallow),
        ]
    )
    async with TestClient(TestServer(application)) as started:
        yield started


async def test_a_problem_keeps_its_status_type_headers_and_extra_members(client: Client) -> None:
    response = await client.get("/refused", headers={"X-Request-Id": "abc-1"})
    assert response.status == 503
    assert response.content_type == "application/problem+json"
    assert response.headers["Retry-After"] == "7"
    assert await response.json(content_type=None) == {
        "tries": 3,
        "type": "https://example.org/away",
        "title": "Away",
        "status": 503,
        "detail": "Kafka is away",
        "instance": "/refused",
        "requestId": "abc-1",
    }


async def test_an_unknown_path_is_a_problem(client: Client) -> None:
    response = await client.get("/nowhere")
    document = await response.json(content_type="application/problem+json")
    assert (response.status, document["status"], document["title"]) == (404, 404, "Not Found")
    assert "/nowhere" in document["detail"]


async def test_the_instance_is_a_uri_reference_of_bounded_length(client: Client) -> None:
    response = await client.get(URL("/no%20such%2Fplace%20%ff", encoded=True))
    assert (await response.json(content_type=None))["instance"] == "/no%20such%2Fplace%20%ff"
    response = await client.get("/" + "x" * 5_000)
    assert len(await response.read()) < 3_000


async def test_a_wrong_method_names_those_that_are_right(client: Client) -> None:
    response = await client.post("/fine")
    assert response.status == 405
    assert set(response.headers["Allow"].split(",")) == {"GET", "HEAD"}
    assert response.content_type == "application/problem+json"


async def test_a_body_above_the_limit_is_a_problem(client: Client) -> None:
    response = await client.post("/swallow", data=b"x" * 101)
    assert response.status == 413
    assert response.content_type == "application/problem+json"


async def test_an_unforeseen_error_is_logged_with_the_request_id_and_tells_nothing(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "carbon_stream.web.problems"):
        response = await client.get("/broken", headers={"X-Request-Id": "find-me"})
    text = await response.text()
    assert response.status == 500
    assert response.content_type == "application/problem+json"
    assert "hunter2" not in text
    assert "RuntimeError" not in text
    assert "find-me" in caplog.text
    assert "hunter2" in caplog.text


@pytest.mark.parametrize("given", ["", "has space", "x" * 129, "ümlaut"])
async def test_an_id_that_could_not_be_logged_safely_is_replaced(client: Client, given: str) -> None:
    response = await client.get("/fine", headers={"X-Request-Id": given})
    assert response.headers["X-Request-Id"] != given
    assert len(response.headers["X-Request-Id"]) == 36


async def test_each_request_without_an_id_has_its_own(client: Client) -> None:
    ids = {(await client.get("/fine")).headers["X-Request-Id"] for _ in range(3)}
    assert len(ids) == 3


@pytest.mark.parametrize("path", ["/fine", "/broken", "/nowhere", "/refused"])
async def test_every_answer_has_safe_headers(client: Client, path: str) -> None:
    response = await client.get(path)
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"
    assert "aiohttp" not in response.headers["Server"]


async def test_head_answers_as_get_does_without_a_body(client: Client) -> None:
    got, head = await client.get("/fine"), await client.head("/fine")
    assert head.status == 200
    assert head.headers["Content-Length"] == got.headers["Content-Length"]
    assert await head.read() == b""


async def test_a_redirect_is_no_problem(client: Client) -> None:
    response = await client.get("/elsewhere", allow_redirects=False)
    assert (response.status, response.headers["Location"]) == (302, "/fine")
