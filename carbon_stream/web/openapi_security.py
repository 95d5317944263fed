"""What the OpenAPI document says of who may call: the ways that are open here, and each operation's role."""

from typing import Any, Final

from carbon_stream.access.gate import Gate
from carbon_stream.access.roles import Role
from carbon_stream.web.endpoint_roles import PUBLIC, role_of
from carbon_stream.web.guard import Guard
from carbon_stream.web.openapi_parts import REQUEST_ID, Operation, problem

__all__ = ["ROLE", "schemes", "secured"]

ROLE: Final = "x-required-role"
"""The extension that names an operation's role, also where no way is open that could show it."""
_CHALLENGE: Final = {"WWW-Authenticate": {"schema": {"type": "string"}, "required": True}}
_SCHEMES: Final[dict[str, dict[str, Any]]] = {
    "apiKey": {"type": "http", "scheme": "bearer", "description": "an API key, cs_… (carbon-stream keys new)"},
    "apiKeyHeader": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Api-Key",
        "description": "the same in another header",
    },
    "jwt": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "a token of the issuer that is set up: RS256 or ES256, with exp, nbf, aud and sub",
    },
    "gateway": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Consumer-Username",
        "description": "set by the gateway for who has authenticated there; believed from the gateway alone",
    },
    "mesh": {"type": "mutualTLS", "description": "the identity of the calling workload in the mesh"},
    "adminToken": {"type": "http", "scheme": "bearer", "description": "CARBON_STREAM_ADMIN_TOKEN"},
}


def schemes(guard: Guard) -> dict[str, dict[str, Any]]:
    """The security schemes that help here."""
    return {name: _SCHEMES[name] for name in _open(guard, "operator")}


def secured(guard: Guard, method: str, path: str, operation: Operation) -> Operation:
    """An operation with its role, and with what is asked of callers as this application is set up."""
    role = role_of(method, path)
    if role == PUBLIC or not (guard.on or role == "operator"):
        return {**operation, ROLE: role}
    ways = _open(guard, role)
    refused = {"403": _challenged(403) if guard.on else problem(403)}
    if ways:
        refused["401"] = _challenged(401)
    if guard.gate.tokens is not None:
        refused["503"] = problem(503)
    responses = {**refused, **operation["responses"]}
    security = {"security": [{name: [role]} for name in ways]} if ways else {}
    return {**operation, ROLE: role, **security, "responses": dict(sorted(responses.items()))}


def _open(guard: Guard, role: Role) -> list[str]:
    gate: Gate = guard.gate
    found = []
    if guard.on:
        found += ["apiKey", "apiKeyHeader"] if gate.keys else []
        found += ["jwt"] if gate.tokens is not None else []
        found += ["gateway"] if gate.gateway else []
        found += ["mesh"] if gate.mesh else []
    return [*found, *(["adminToken"] if gate.admin_token and role == "operator" else [])]


def _challenged(status: int) -> dict[str, Any]:
    return {**problem(status), "headers": {**REQUEST_ID, **_CHALLENGE}}
