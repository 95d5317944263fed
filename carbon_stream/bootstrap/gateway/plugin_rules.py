"""What must hold of the plugins' settings before Kong is asked. Where a rule is Kong's own, its schema says the same;
the others keep an operator from a gateway that is open, or shut, by a slip.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_network
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

__all__ = ["TOKEN_AGE_S_MAX", "check"]

TOKEN_AGE_S_MAX = 86_400
"""The platform's rule: a token is valid for a day at most."""
_PERIODS = ("second", "minute", "hour", "day", "month", "year")
_FLOWS = ("authorization_code", "implicit_grant", "client_credentials", "password_grant")
Config = Mapping[str, Any]


def check(plugin: str, config: Config) -> None:
    """ValueError when the settings break a rule."""
    if rule := _RULES.get(plugin):
        rule(config)


def _rate_limiting(config: Config) -> None:
    given = {period: config[period] for period in _PERIODS if config.get(period) is not None}
    if not given:
        raise ValueError(f"rate-limiting needs a limit for at least one of {', '.join(_PERIODS)}")
    below: tuple[str, float] = ("", 0)
    for period, limit in given.items():
        if not isinstance(limit, int | float) or isinstance(limit, bool) or limit <= 0:
            raise ValueError(f"rate-limiting: {period} is a number above 0")
        if limit < below[1]:
            raise ValueError(f"rate-limiting: {period} ({limit}) is lower than {below[0]} ({below[1]})")
        below = (period, limit)


def _cors(config: Config) -> None:
    origins = config.get("origins")
    if not isinstance(origins, Sequence) or isinstance(origins, str) or not origins:
        raise ValueError("cors: origins is a list with at least one origin (Kong takes none for all)")
    for origin in origins:
        if origin == "*":
            if config.get("credentials"):
                raise ValueError('cors: origins has "*" and credentials is true: any page could act as the user')
        elif not isinstance(origin, str) or not origin:
            raise ValueError("cors: an origin is a text such as https://portal.example.org")
        elif origin.startswith(("http://", "https://")) and "/" in origin.split("://", 1)[1]:
            raise ValueError(f"cors: {origin} is more than an origin: scheme, host and port, without a path")


def _jwt(config: Config) -> None:
    claims = config.get("claims_to_verify") or []
    age = config.get("maximum_expiration")
    if "exp" not in claims or "nbf" not in claims:
        raise ValueError("jwt: claims_to_verify needs exp and nbf, or tokens would be valid for ever")
    if not isinstance(age, int | float) or not 0 < age <= TOKEN_AGE_S_MAX:
        raise ValueError(f"jwt: maximum_expiration is from 1 to {TOKEN_AGE_S_MAX} seconds")


def _oauth2(config: Config) -> None:
    if not any(config.get(f"enable_{flow}") for flow in _FLOWS):
        raise ValueError(f"oauth2 needs one of {', '.join('enable_' + flow for flow in _FLOWS)}")


def _ip_restriction(config: Config) -> None:
    networks = [*(config.get("allow") or ()), *(config.get("deny") or ())]
    if not networks:
        raise ValueError("ip-restriction needs allow or deny")
    for network in networks:
        try:
            ip_network(network, strict=False)
        except ValueError as error:
            raise ValueError(f"ip-restriction: {error}") from None


def _http_log(config: Config) -> None:
    try:
        url = urlsplit(str(config.get("http_endpoint") or ""))
        port = url.port
    except ValueError as error:
        raise ValueError(f"http-log: http_endpoint: {error}") from None
    if url.scheme not in ("http", "https") or not url.hostname or port == 0:
        raise ValueError("http-log: http_endpoint is a URL such as http://host:8080/path")
    if url.username is not None or url.password is not None:
        raise ValueError("http-log: http_endpoint holds no user and password: they would be shown")


_RULES: Mapping[str, Callable[[Config], None]] = MappingProxyType(
    {
        "cors": _cors,
        "http-log": _http_log,
        "ip-restriction": _ip_restriction,
        "jwt": _jwt,
        "oauth2": _oauth2,
        "rate-limiting": _rate_limiting,
    }
)
