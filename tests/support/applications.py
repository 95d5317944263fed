"""An application with what every answer of the service goes through, for handlers that are tried on their own."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from aiohttp.typedefs import Middleware

from carbon_stream.web.answering import answered
from carbon_stream.web.readiness import READINESS, Readiness


def answering(*middlewares: Middleware, **options: Any) -> web.Application:
    """The application; `middlewares` stand between that and its handlers."""
    application = web.Application(middlewares=[answered, *middlewares], **options)
    application[READINESS] = Readiness()
    return application
