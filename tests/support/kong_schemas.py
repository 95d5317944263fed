"""What the double of Kong knows of the plugins' settings, in the form in which Kong shows it (GET /schemas/plugins/…).

Written after Kong's documentation of the plugins: names, types, defaults; no rule between fields.
"""

import uuid
from typing import Any

Field = dict[str, Any]


def field(name: str, type: str, default: Any = None, **more: Any) -> Field:
    return {name: {"type": type, **({} if default is None else {"default": default}), **more}}


def record(name: str, *fields: Field, **more: Any) -> Field:
    return {name: {"type": "record", "fields": list(fields), **more}}


def _queue() -> Field:
    return record(
        "queue",
        field("max_batch_size", "integer", 1),
        field("max_coalescing_delay", "number", 1),
        field("max_entries", "integer", 10_000),
        field("max_bytes", "integer"),
        field("max_retry_time", "number", 60),
        field("initial_retry_delay", "number", 0.01),
        field("max_retry_delay", "number", 60),
        required=True,
    )


def _transformation(*kinds: str) -> list[Field]:
    below = [field(name, "array", []) for name in ("headers", "json", "body", "querystring")]
    return [record(kind, *below, required=True) for kind in kinds]


_METHODS = ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS", "TRACE", "CONNECT"]

SCHEMAS: dict[str, list[Field]] = {
    "rate-limiting": [
        *(field(period, "number") for period in ("second", "minute", "hour", "day", "month", "year")),
        field("limit_by", "string", "consumer"),
        field("header_name", "string"),
        field("path", "string"),
        field("policy", "string", "local"),
        field("fault_tolerant", "boolean", True, required=True),
        field("hide_client_headers", "boolean", False, required=True),
        field("error_code", "number", 429),
        field("error_message", "string", "API rate limit exceeded"),
        record("redis", field("host", "string"), field("port", "integer", 6379), field("password", "string")),
    ],
    "cors": [
        field("origins", "array"),
        field("headers", "array"),
        field("exposed_headers", "array"),
        field("methods", "array", _METHODS),
        field("max_age", "number"),
        field("credentials", "boolean", False, required=True),
        field("preflight_continue", "boolean", False, required=True),
        field("private_network", "boolean", False, required=True),
    ],
    "prometheus": [
        field("per_consumer", "boolean", False),
        *(field(f"{kind}_metrics", "boolean", False) for kind in ("status_code", "latency", "bandwidth")),
        field("upstream_health_metrics", "boolean", False),
    ],
    "http-log": [
        field("http_endpoint", "string", required=True, encrypted=True),
        field("method", "string", "POST"),
        field("content_type", "string", "application/json"),
        field("timeout", "number", 10_000),
        field("keepalive", "number", 60_000),
        field("retry_count", "integer"),
        field("headers", "map"),
        field("custom_fields_by_lua", "map"),
        _queue(),
    ],
    "correlation-id": [
        field("header_name", "string", "Kong-Request-ID"),
        field("generator", "string", "uuid#counter"),
        field("echo_downstream", "boolean", False, required=True),
    ],
    "zipkin": [
        field("http_endpoint", "string"),
        field("sample_ratio", "number", 0.001),
        field("header_type", "string", "preserve"),
        field("default_header_type", "string", "b3"),
        field("traceid_byte_count", "integer", 16),
        field("include_credential", "boolean", True),
        record("propagation", field("default_format", "string", "b3"), default={"default_format": "b3"}),
        _queue(),
    ],
    "jwt": [
        field("key_claim_name", "string", "iss"),
        field("claims_to_verify", "set"),
        field("maximum_expiration", "number", 0),
        field("header_names", "set", ["authorization"]),
        field("uri_param_names", "set", ["jwt"]),
        field("cookie_names", "set", []),
        field("run_on_preflight", "boolean", True),
        field("anonymous", "string"),
    ],
    "oauth2": [
        field("provision_key", "string", auto=True, encrypted=True),
        field("enable_client_credentials", "boolean", False),
        field("global_credentials", "boolean", False),
        field("token_expiration", "number", 7200),
        field("accept_http_if_already_terminated", "boolean", False),
        field("hide_credentials", "boolean", False),
    ],
    "key-auth": [
        field("key_names", "array", ["apikey"], required=True),
        field("key_in_query", "boolean", True),
        field("hide_credentials", "boolean", False),
        field("run_on_preflight", "boolean", True),
    ],
    "ip-restriction": [field("allow", "array"), field("deny", "array"), field("status", "number")],
    "request-transformer": _transformation("remove", "rename", "replace", "add", "append"),
    "response-transformer": _transformation("remove", "rename", "replace", "add", "append"),
    "request-termination": [field("status_code", "integer", 503), field("message", "string")],
}


def unknown(fields: list[Field], config: dict[str, Any]) -> dict[str, Any]:
    """Kong's complaint about settings that it does not know, by name."""
    known = {name: spec for each in fields for name, spec in each.items()}
    problems: dict[str, Any] = {}
    for name, value in config.items():
        spec = known.get(name)
        if spec is None:
            problems[name] = "unknown field"
        elif value is not None and not _fits(spec["type"], value):
            problems[name] = f"expected a {spec['type']}"
        elif spec["type"] == "record" and value and (below := unknown(spec["fields"], value)):
            problems[name] = below
    return problems


def filled(fields: list[Field], config: dict[str, Any]) -> dict[str, Any]:
    """Settings as Kong keeps them: every field, with its default where nothing is said."""
    full: dict[str, Any] = {}
    for each in fields:
        for name, spec in each.items():
            value = config.get(name, spec.get("default"))
            if spec["type"] == "record" and (value is not None or spec.get("required")):
                value = filled(spec["fields"], value or {})
            elif value is None and spec.get("auto"):
                value = str(uuid.uuid4())
            full[name] = value
    return full


def _fits(type: str, value: Any) -> bool:
    if type in ("number", "integer"):
        return isinstance(value, int | float) and not isinstance(value, bool)
    kinds = {"string": str, "boolean": bool, "array": list, "set": list, "record": dict, "map": dict}
    return isinstance(value, kinds[type])
