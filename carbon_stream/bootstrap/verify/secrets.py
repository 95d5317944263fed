"""Whether a variable's name and value look like a secret in plain text. Pure."""

from __future__ import annotations

import re

__all__ = ["looks_secret"]

_NAME = re.compile(r"(PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|CREDENTIAL)", re.IGNORECASE)
_HARMLESS_NAME = re.compile(
    r"(_FILE|_PATH|_DIR|_LOCATION|_NAME|_URL|_TTL|_SECONDS|_MS|_ENABLED|_TYPE|_ISSUER)$", re.IGNORECASE
)
_HARMLESS_VALUE = re.compile(r"^(true|false|none|null|\d+|/.*|\$\(.*\))$", re.IGNORECASE)


def looks_secret(name: str, value: str) -> bool:
    """By its name; paths, switches, numbers and references to other variables are none."""
    return bool(_NAME.search(name)) and not _HARMLESS_NAME.search(name) and not _HARMLESS_VALUE.match(value.strip())
