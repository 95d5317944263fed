"""Connections whose requests never reach a handler: malformed ones, and those that never come.

aiohttp answers what is not HTTP as it should be by itself, in plain text and with a traceback in its log for each,
below every middleware, and waits for ever for a first request. There is no hook for either, so this module stands
where aiohttp makes its connection handlers: problem documents for the ones, an end to the others.
"""

import asyncio
import logging
from typing import Any, Final

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from carbon_stream.web.problems import problem_response, put_headers

FIRST_REQUEST_S: Final = 30.0
"""Longest from a connection to the end of its first request's head."""
_DETAIL_CHARS: Final = 200

log = logging.getLogger(__name__)


class Runner(web.AppRunner):
    """An AppRunner that answers malformed requests with problem documents and closes connections without any."""

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(
            made.request_handler,
            request_factory=made.request_factory,
            handler_cancellation=made.handler_cancellation,
            loop=made._loop,
            **made._kwargs,
        )


class _Server(web.Server):
    def __call__(self) -> RequestHandler:
        return _Handler(self, loop=self._loop, **self._kwargs)


class _Handler(RequestHandler):
    __slots__ = ("_impatience",)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._impatience = self._loop.call_later(FIRST_REQUEST_S, self._give_up)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._impatience.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if not self._request_count:
            self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what could not be parsed or, with 500, to what went wrong in aiohttp itself."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already; no other can be sent")
        if status >= 500:
            log.error("a request failed outside of its handler", exc_info=exc)
        else:
            log.info("a malformed request: %s", type(exc).__name__)
        response = problem_response(request, status, _told(status, message))
        put_headers(request, response)
        response.force_close()
        return response


def _told(status: int, message: Any) -> str:
    if status >= 500 or not isinstance(message, str):
        return "an error of the service, not of the request"
    first_line = message.strip().splitlines()[0] if message.strip() else "it could not be parsed"
    return f"the request is malformed: {first_line[:_DETAIL_CHARS]}"
