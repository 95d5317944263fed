"""How somebody is turned away: problem documents that say what would help, and nothing that would help guessing."""

from __future__ import annotations

from typing import Final

from carbon_stream.access.roles import Role
from carbon_stream.errors import ProblemError

__all__ = ["Denied", "denied", "lacks_role", "not_now"]

_REALM: Final = 'Bearer realm="carbon-stream"'


class Denied(ProblemError):
    """401 or 403. `reason` is a word for metrics; `told` is what may be written down of it, without any secret."""

    def __init__(self, status: int, title: str, detail: str, reason: str, challenge: str) -> None:
        super().__init__(status, title, detail, headers={"WWW-Authenticate": challenge})
        self.reason = reason


def denied(reason: str, detail: str) -> Denied:
    """401. `reason` "missing" is for a request without any credential, which is no sign of an attack."""
    if reason == "missing":
        return Denied(401, "Credential needed", detail, reason, _REALM)
    return Denied(401, "Credential refused", detail, reason, f'{_REALM}, error="invalid_token"')


def lacks_role(name: str, needed: Role) -> Denied:
    """403 for somebody who is known and may not do this."""
    challenge = f'{_REALM}, error="insufficient_scope", scope="{needed}"'
    detail = f"this needs the role {needed}, which {name} does not have"
    return Denied(403, "Not allowed", detail, "role", challenge)


def not_now(detail: str, retry_after_s: float) -> ProblemError:
    """503 with Retry-After in whole seconds; never 429, which senders in the field treat as final."""
    return ProblemError(503, "Unavailable", detail, headers={"Retry-After": str(max(1, -int(-retry_after_s // 1)))})
