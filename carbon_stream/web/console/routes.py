"""GET / for browsers, and the files of the console. They hold no data: all of it comes by the calls that anyone has.

The policy lets the page run its own files and call this address, and nothing else: no script or style in the page, no
other host, no frame, and no text that becomes markup (trusted types).
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from aiohttp import web

from carbon_stream.errors import ProblemError
from carbon_stream.query.parameters import parameters

CONTENT_TYPES: Final = {
    "html": "text/html",
    "js": "text/javascript",
    "css": "text/css",
    "svg": "image/svg+xml",
}
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types"
)
PAGE: Final = "index.html"


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    content_type: str
    etag: str


@cache
def console_files() -> dict[str, _File]:
    """Every file by its name."""
    found = {}
    for place in files(__package__).joinpath("files").iterdir():
        kind = CONTENT_TYPES.get(place.name.rpartition(".")[2])
        if kind is not None:
            body = place.read_bytes()
            found[place.name] = _File(body, kind, hashlib.sha256(body).hexdigest()[:32])
    return dict(sorted(found.items()))


def routes() -> list[web.RouteDef]:
    """The files; the page itself is the index, for those who would rather have HTML."""
    return [web.get("/console/{file}", show_file)]


async def show_file(request: web.Request) -> web.Response:
    """A script, a style sheet or a picture of the console."""
    parameters(request, ())
    name = request.match_info["file"]
    if name not in console_files() or name == PAGE:
        raise ProblemError(404, "No such file", f"the console has no file {name[:200]!r}")
    return _answer(request, console_files()[name])


def page(request: web.Request) -> web.Response:
    """The page that every address of the console begins with."""
    return _answer(request, console_files()[PAGE])


def wants_page(request: web.Request) -> bool:
    """Whether HTML is asked for by name: browsers do, other clients take anything or JSON."""
    weights = {"text/html": 0.0, "application/json": 0.0}
    for part in request.headers.get("Accept", "").split(","):
        kind, *options = (word.strip() for word in part.split(";"))
        if kind in weights:
            quality = next((option[2:] for option in options if option.startswith("q=")), "1")
            try:
                weights[kind] = float(quality)
            except ValueError:
                weights[kind] = 0.0
    return weights["text/html"] > weights["application/json"]


def _answer(request: web.Request, file: _File) -> web.Response:
    headers = {"Cache-Control": "no-cache", "ETag": f'"{file.etag}"', "Content-Security-Policy": POLICY}
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    if file.content_type == "text/html":
        headers["Vary"] = "Accept"
    if any(tag.value == file.etag for tag in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    return web.Response(body=file.body, content_type=file.content_type, charset="utf-8", headers=headers)
