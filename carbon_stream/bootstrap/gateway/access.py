"""How the Admin API is reached: the token, and how its certificate is checked."""

from __future__ import annotations

import ssl

from pydantic import SecretStr

from carbon_stream.settings import Settings, SettingsError

__all__ = ["ssl_of", "token_of"]


def token_of(settings: Settings) -> SecretStr | None:
    """The RBAC token, read from its file where one is set. SettingsError when that cannot be read."""
    path = settings.kong_admin_token_file
    if path is None:
        return settings.kong_admin_token
    if settings.kong_admin_token is not None:
        raise SettingsError("set CARBON_STREAM_KONG_ADMIN_TOKEN or CARBON_STREAM_KONG_ADMIN_TOKEN_FILE, not both")
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not text"
        raise SettingsError(f"CARBON_STREAM_KONG_ADMIN_TOKEN_FILE: {path} cannot be read ({why})") from None
    if not token or any(character.isspace() for character in token):
        raise SettingsError(f"CARBON_STREAM_KONG_ADMIN_TOKEN_FILE: {path} does not hold one token and nothing else")
    return SecretStr(token)


def ssl_of(settings: Settings) -> ssl.SSLContext | bool:
    """For aiohttp: the authorities to believe, or False for a certificate that is not looked at."""
    if not settings.kong_admin_verify:
        return False
    try:
        return ssl.create_default_context(cafile=settings.kong_admin_ca)
    except (ssl.SSLError, OSError) as error:
        raise SettingsError(
            f"CARBON_STREAM_KONG_ADMIN_CA: {settings.kong_admin_ca} holds no certificate in PEM ({error})"
        ) from None
