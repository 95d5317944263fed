"""Errors that cross the borders between packages. Pure: knows nothing of HTTP servers or Kafka."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["OperatorError", "ProblemError"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class OperatorError(Exception):
    """Something that the person who started the command can mend.

    The command line shows the message as it stands, without a traceback, and exits with status 1.
    A message says what is wrong and what to do; it never carries a secret.
    """


class ProblemError(Exception):
    """An HTTP answer that is a problem document (RFC 9457, `application/problem+json`).

    `status` is the HTTP status, `title` names the kind of problem and is the same at each occurrence, `detail` says
    what went wrong this time, `type` is a URI reference of the kind, `headers` go out with the answer
    (for example `Retry-After`, in seconds), and `extra` holds extension members of the document.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str | None = None,
        *,
        type: str = "about:blank",
        headers: Mapping[str, str] = _NOTHING,
        extra: Mapping[str, Any] = _NOTHING,
    ) -> None:
        if not 400 <= status <= 599:
            raise ValueError(f"a problem has a status from 400 to 599, not {status}")
        super().__init__(f"{status} {title}" + (f": {detail}" if detail else ""))
        self.status = status
        self.title = title
        self.detail = detail
        self.type = type
        self.headers = dict(headers)
        self.extra = dict(extra)

    def document(self) -> dict[str, Any]:
        """The body: extension members first, so that none of them can replace a standard member."""
        body: dict[str, Any] = {**self.extra, "type": self.type, "title": self.title, "status": self.status}
        if self.detail is not None:
            body["detail"] = self.detail
        return body
