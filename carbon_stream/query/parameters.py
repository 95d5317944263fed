"""Query parameters, read strictly: one that is unknown, repeated or malformed is refused, never ignored."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from aiohttp import web

from carbon_stream.errors import ProblemError


def parameters(request: web.Request, known: Collection[str], repeated: Collection[str] = ()) -> Mapping[str, str]:
    """The parameters by name; a problem with status 400 for one that is not known or, unless `repeated`, twice."""
    for name in request.query:
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise refused(name, f"there is no such parameter; known are: {listed}")
        if name not in repeated and len(request.query.getall(name)) > 1:
            raise refused(name, "the parameter is given more than once")
    return dict(request.query)


def text(given: Mapping[str, str], name: str, length_max: int = 1_024) -> str | None:
    """A parameter that is not empty, or None if it is absent."""
    value = given.get(name)
    if value is None:
        return None
    if not value:
        raise refused(name, "is empty")
    if len(value) > length_max:
        raise refused(name, f"has more than {length_max} characters")
    return value


def integer(given: Mapping[str, str], name: str, *, default: int, least: int, most: int) -> int:
    """A whole number within bounds."""
    value = given.get(name)
    if value is None:
        return default
    if not (value.isascii() and value.isdigit() and len(value) <= 18 and least <= int(value) <= most):
        raise refused(name, f"is not a whole number from {least} to {most}")
    return int(value)


def choice(given: Mapping[str, str], name: str, choices: Collection[str]) -> str | None:
    """One of several words, or None if the parameter is absent."""
    value = given.get(name)
    if value is not None and value not in choices:
        raise refused(name, f"is not one of {', '.join(choices)}")
    return value


def refused(name: str, why: str) -> ProblemError:
    """400 that names the parameter."""
    return ProblemError(400, "Invalid parameter", f"{name}: {why}", extra={"parameter": name})
