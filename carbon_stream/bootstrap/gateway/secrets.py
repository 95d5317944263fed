"""Values of secrets, read from files that Kubernetes Secrets are mounted as, and kept out of every text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr

from carbon_stream.bootstrap.gateway.model import SecretRef
from carbon_stream.errors import OperatorError

__all__ = ["MASK", "Redactor", "Resolve", "from_folder", "masked_references"]

MASK = "(secret)"
_BYTES_MAX = 64 * 1024
Resolve = Callable[[SecretRef], SecretStr]


def from_folder(folder: Path) -> Resolve:
    """Reads `<folder>/<secret>/<key>`, as a pod has it mounted. OperatorError where there is no such file."""

    def resolve(ref: SecretRef) -> SecretStr:
        path = folder / ref.secret / ref.key
        try:
            value = path.read_bytes()[: _BYTES_MAX + 1].decode().strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise OperatorError(
                f"the key {ref.key} of secret {ref.secret} cannot be read from {path} ({why}): mount the Secret there,"
                " or set CARBON_STREAM_KONG_SECRETS_DIR"
            ) from None
        if not value or len(value) > _BYTES_MAX:
            raise OperatorError(f"the key {ref.key} of secret {ref.secret} ({path}) is empty or beyond 64 KiB")
        return SecretStr(value)

    return resolve


def masked_references(ref: SecretRef) -> SecretStr:
    """For what shows no values: the reference itself stands for the value."""
    return SecretStr(str(ref))


class Redactor:
    """Takes secrets out of a text that came from somewhere else: what a server says may repeat what it was given."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def learn(self, secret: SecretStr | None) -> None:
        """From now on this value is taken out, in whole and line by line."""
        if secret is not None and (value := secret.get_secret_value()):
            self._known |= {part for part in (value, *value.splitlines()) if len(part) >= 4}

    def learned(self, secret: SecretStr) -> SecretStr:
        """The same secret, known from now on."""
        self.learn(secret)
        return secret

    def __call__(self, text: str) -> str:
        for value in sorted(self._known, key=len, reverse=True):
            text = text.replace(value, MASK)
            text = text.replace(value.encode("unicode_escape").decode(), MASK)
        return text
