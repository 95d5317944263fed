"""Connections, where aiohttp leaves them to themselves: what is malformed, slow, or still in work at the end.

aiohttp answers what is not HTTP as it should be by itself, in plain text and with a traceback in its log for each,
below every middleware. It waits for ever for a head that does not end and for a peer that does not read. And once it
has been told to stop it throws away what arrives, the rest of a request's body too. There is no hook for any of these,
so this module stands where aiohttp makes its connection handlers.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler

from carbon_stream.web.problems import problem_response, put_headers

HEAD_S: Final = 30.0
"""Longest from a connection, or from the first byte of a further request on it, to the end of the request's head."""
READING_S: Final = 60.0
"""Longest that a peer reads nothing of an answer that waits for it."""
_GOING_S: Final = 1.0
"""For a request that is given up at the end: to let go of what it holds."""
_DETAIL_CHARS: Final = 200

log = logging.getLogger(__name__)


class Runner(web.AppRunner):
    """An AppRunner that answers malformed requests with problem documents, and cuts off what stands still."""

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
    __slots__ = ("_awaited_head", "_unread")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._unread: asyncio.TimerHandle | None = None
        self._awaited_head: asyncio.TimerHandle | None = self._loop.call_later(HEAD_S, self._cut_off)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._head_is_there()
        self._all_is_read()

    async def start(self) -> None:
        await super().start()
        if self.transport is not None:
            self._await_reading(self.transport)  # it is closing, and waits for the peer to read what is left

    def force_close(self) -> None:
        transport = self.transport
        super().force_close()
        if transport is not None:
            self._await_reading(transport)

    def data_received(self, data: bytes) -> None:
        if self._close or self._force_close:
            self._rest_of_body(data)
            return
        super().data_received(data)
        waiter = self._waiter
        if waiter is None or waiter.done():
            if self._awaited_head is not None:
                self._head_is_there()
        elif self._awaited_head is None:
            self._awaited_head = self._loop.call_later(HEAD_S, self._cut_off)

    def _head_is_there(self) -> None:
        if self._awaited_head is not None:
            self._awaited_head.cancel()
            self._awaited_head = None

    def _rest_of_body(self, data: bytes) -> None:
        """No further request begins here, but the one in work is still waited for: so its body has to arrive."""
        request = self._current_request
        if request is None or self._parser is None or request.content.is_eof():
            return
        try:
            self._parser.feed_data(data)
        except HttpProcessingError as error:
            request.content.set_exception(web.RequestPayloadError(str(error)))

    def pause_writing(self) -> None:
        """The peer does not read: 64 KiB wait for it, beside what the kernel holds."""
        super().pause_writing()
        if self.transport is not None:
            self._await_reading(self.transport)

    def resume_writing(self) -> None:
        """Most of it has gone."""
        self._all_is_read()
        super().resume_writing()

    def _await_reading(self, transport: asyncio.Transport) -> None:
        if self._unread is None:
            self._unread = self._loop.call_later(READING_S, transport.abort)

    def _all_is_read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _cut_off(self) -> None:
        transport = self.transport
        self.force_close()
        if transport is not None:
            transport.abort()

    async def shutdown(self, timeout: float | None = None) -> None:
        """Waits for the request in work, whose body may still be arriving, and gives it up after ``timeout`` seconds.

        aiohttp's own would refuse the rest of the body first, and would wait for twice as long.
        """
        self.close()
        if self._request_in_progress:
            self._handler_waiter = self._loop.create_future()
            try:
                async with asyncio.timeout(timeout):
                    await self._handler_waiter
            except TimeoutError:
                log.warning("a request was not done in %g s, and is given up", timeout)
                if self._task_handler is not None:
                    self._task_handler.cancel()
            finally:
                self._handler_waiter = None
        await super().shutdown(_GOING_S)

    def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> Coroutine[Any, Any, tuple[web.StreamResponse, bool]]:
        """An expectation that is not met is told by aiohttp before any middleware, and in its own way."""
        if resp.status == 417 and isinstance(resp, web.HTTPExpectationFailed):  # the class alone takes long to ask for
            resp = problem_response(request, resp.status, "Expect may be 100-continue, and nothing else")
            put_headers(request, resp)
        return super().finish_response(request, resp, start_time)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what could not be parsed or, with 500, to what went wrong in aiohttp itself."""
        if isinstance(exc, ConnectionError) and self.transport is None:
            raise exc  # the sender has gone while its body was read: nobody is to blame, or to be answered
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
