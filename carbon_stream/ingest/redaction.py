"""Takes secrets out of what others have logged: URLs, headers, and free values. Pure.

What is taken out is told by the name beside it (a query parameter, a header, a member) and, where no name tells, by the
look of it: credentials in a URL, `Bearer …`, a JSON Web Token. Names are compared without case, percent-encoding and
anything but letters and digits. Rather too much than too little: `?code=` goes, whatever it is the code of.
Time is in proportion to the text, whatever it is.
"""

import re
from typing import Any, Final
from urllib.parse import unquote_plus

__all__ = ["REDACTED", "is_secret", "redact", "redact_text"]

REDACTED: Final = "[redacted]"
_PARTS: Final = (
    *("token", "secret", "password", "passwd", "passphrase", "pwd", "apikey", "accesskey", "privatekey", "authkey"),
    *("subscriptionkey", "credential", "signature", "authorization", "cookie", "session", "jwt", "assertion", "saml"),
    *("hmac", "authenticat", "clientcert"),
)
"""A name that contains one of these is a secret's."""
_WHOLE: Final = frozenset({"key", "code", "sig", "auth", "pass", "pin", "otp", "sid", "ticket", "verifier", "xapi"})
"""A name that is one of these is a secret's."""
_NOT_ALPHANUMERIC: Final = re.compile(r"[\W_]+")
_NAME: Final = re.compile(r"[?&;#](?P<name>[^=&;#?\s\"'<>]{1,512})=")
_VALUE: Final = re.compile(r"[^&;#\s\"'<>]*")
_BEFORE_QUERY: Final = re.compile(r"[^?&;#\s\"'<>]*")
_ENCODED_DEPTH: Final = 3
_USERINFO: Final = re.compile(r"(?<=//)[^/?#@\s]+(?=@)")
_SCHEME: Final = re.compile(r"\b(?P<scheme>bearer|basic|digest|negotiate|apikey|token)\s+[^\s,;\"']{6,}", re.IGNORECASE)
_JWT: Final = re.compile(r"(?<![\w-])eyJ[\w-]{5,}+\.[\w-]{2,}+(?:\.[\w-]*+){0,3}")


def is_secret(name: str) -> bool:
    """Whether a value with this name is a secret."""
    plain = _NOT_ALPHANUMERIC.sub("", unquote_plus(name)).lower()
    return plain in _WHOLE or any(part in plain for part in _PARTS)


def redact_text(text: str) -> str:
    """A text, which may be or contain URLs, without the secrets in it."""
    return _redact_text(text, _ENCODED_DEPTH)


def _redact_text(text: str, depth: int) -> str:
    if "=" in text:
        text = _without_parameters(text, depth)
    if "@" in text:
        text = _USERINFO.sub(REDACTED, text)
    if "eyJ" in text:
        text = _JWT.sub(REDACTED, text)
    return _SCHEME.sub(rf"\g<scheme> {REDACTED}", text) if " " in text else text


def _without_parameters(text: str, depth: int) -> str:
    kept: list[str] = []
    begin = 0
    while (found := _NAME.search(text, begin)) is not None:
        end = found.end()
        kept.append(text[begin:end])
        begin = end
        if is_secret(found["name"]):
            begin = _end(_VALUE, text, end)
        elif _hides_secret(text[end : _end(_BEFORE_QUERY, text, end)], depth):
            begin = _end(_BEFORE_QUERY, text, end)
        if begin > end:
            kept.append(REDACTED)
    return "".join([*kept, text[begin:]])


def _end(pattern: re.Pattern[str], text: str, begin: int) -> int:
    found = pattern.match(text, begin)
    assert found is not None
    return found.end()


def _hides_secret(value: str, depth: int) -> bool:
    """Whether a value is a URL, percent-encoded, with a secret in it."""
    if "%" not in value or depth == 0:
        return False
    plain = unquote_plus(value)
    return _redact_text(plain, depth - 1) != plain


def redact(value: Any) -> Any:
    """A JSON value without the secrets in it; the value itself is left as it is."""
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, list):
        return [redact(item) for item in value]
    if isinstance(value, dict):
        return {redact_text(name): _named(name, item) for name, item in value.items()}
    return value


def _named(name: str, value: Any) -> Any:
    """Numbers, booleans and null are no secrets (`prompt_tokens`); anything else is when its name says so."""
    if is_secret(name) and value and not isinstance(value, int | float):
        return REDACTED
    return redact(value)
