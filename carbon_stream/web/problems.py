"""Every error leaves as an RFC 9457 problem document, and every answer with its request's id and safe headers.

Three sources, one shape: a ``ProblemError`` raised by a handler, aiohttp's own HTTP exceptions (no such route, wrong
method, body too large), and anything unforeseen, which is logged with the request id and told as a bare 500.
"""

import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import orjson
from aiohttp import web
from aiohttp.http_exceptions import ContentEncodingError, TransferEncodingError
from multidict import CIMultiDict, istr

from carbon_stream.errors import ProblemError
from carbon_stream.ingest.origin import REQUEST_ID, new_request_id

_ID_HEADER: Final = istr("X-Request-Id")
_SERVER: Final = istr("Server")
_ID_ACCEPTED: Final = re.compile(r"[\x21-\x7e]{1,128}")
_PATH_CHARS: Final = 1_000
_MEDIA_TYPE: Final = "application/problem+json"
_SAFE_HEADERS: Final = CIMultiDict(
    (
        (istr("X-Content-Type-Options"), "nosniff"),
        (istr("X-Frame-Options"), "DENY"),
        (istr("Referrer-Policy"), "no-referrer"),
        (istr("Content-Security-Policy"), "default-src 'none'; frame-ancestors 'none'"),
        (istr("Cache-Control"), "no-store"),
    )
)
# Headers of aiohttp's own exceptions that tell the sender something; the rest describe the body that we replace.
_TELLING_HEADERS: Final = ("Allow", "Retry-After", "WWW-Authenticate")

log = logging.getLogger(__name__)


def request_id(request: web.BaseRequest) -> str:
    """The id that the sender or the gateway gave the request, or a fresh one; the same for the whole request."""
    known = request.get(REQUEST_ID)
    if isinstance(known, str):
        return known
    given = request.headers.get(_ID_HEADER, "")
    chosen = given if _ID_ACCEPTED.fullmatch(given) else new_request_id()
    request[REQUEST_ID] = chosen
    return chosen


def json_response(data: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer in compact JSON."""
    return web.Response(
        body=orjson.dumps(data, option=orjson.OPT_NON_STR_KEYS),
        status=status,
        headers=headers,
        content_type="application/json",
    )


def problem_response(
    request: web.BaseRequest,
    status: int,
    detail: str | None = None,
    *,
    title: str | None = None,
    kind: str | None = None,
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> web.Response:
    """A problem document: type, title, status, detail, instance (the path) and requestId, then the extra members."""
    document: dict[str, Any] = dict(extra or {})
    document["type"] = kind or "about:blank"
    document["title"] = title or _phrase(status)
    document["status"] = status
    if detail:
        document["detail"] = detail
    document["instance"] = request.rel_url.raw_path[:_PATH_CHARS]  # a URI reference, so percent-encoded
    document["requestId"] = request_id(request)
    return web.Response(body=orjson.dumps(document), status=status, headers=headers, content_type=_MEDIA_TYPE)


def problem_of(request: web.Request, error: Exception) -> web.Response:
    """The answer to what went wrong in a handler. Raises it where none is due."""
    if isinstance(error, ProblemError):
        return problem_response(
            request,
            error.status,
            error.detail,
            title=error.title,
            kind=error.type,
            headers=error.headers,
            extra=error.extra,
        )
    if isinstance(error, web.HTTPException):
        if error.status < HTTPStatus.BAD_REQUEST:
            raise error
        return _from_http_exception(request, error)
    if isinstance(error, web.RequestPayloadError | ContentEncodingError | TransferEncodingError):
        return problem_response(request, 400, f"the body could not be read: {error}")
    if isinstance(error, ConnectionError):
        raise error  # the sender has gone: there is nobody to answer
    log.error("request %s %s %s failed", request_id(request), request.method, request.path, exc_info=error)
    return problem_response(
        request, 500, "an error of the service, not of the request; its log has it under the requestId"
    )


def put_headers(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """The request's id and the headers that keep browsers from doing what nobody asked for."""
    headers = response.headers
    headers[_ID_HEADER] = request_id(request)
    headers[_SERVER] = "carbon-stream"  # instead of the versions of what it is made with
    headers.merge(_SAFE_HEADERS)  # what a handler has set itself stays


def _from_http_exception(request: web.Request, error: web.HTTPException) -> web.Response:
    headers = {name: error.headers[name] for name in _TELLING_HEADERS if name in error.headers}
    detail = {
        404: f"there is nothing at {request.path[:_PATH_CHARS]}; / lists what there is",
        405: f"{request.path[:_PATH_CHARS]} does not take {request.method}; it takes {headers.get('Allow', 'nothing')}",
        413: error.text or "the body is larger than this service takes",
    }.get(error.status, error.text if error.text != f"{error.status}: {error.reason}" else None)
    return problem_response(request, error.status, detail, headers=headers)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
