"""The double of Kong, and settings that find it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from carbon_stream.bootstrap.gateway.admin import Patience
from carbon_stream.bootstrap.gateway.model import Gateway
from carbon_stream.bootstrap.gateway.values import load_gateway
from carbon_stream.settings import Settings
from tests.support.kong import Kong
from tests.support.kong_server import serving

QUICK = Patience(tries=4, first_wait_s=0.001, timeout_s=10)
To = Callable[..., Settings]


@pytest.fixture
async def kong() -> AsyncIterator[Kong]:
    async with serving(Kong()) as double:
        yield double


@pytest.fixture
def to(tmp_path: Path) -> To:
    """Settings for a double, with the Secrets that the platform's consumers refer to."""
    secrets = {
        "carbon-stream-gateway-jwt/public.pem": "-----BEGIN PUBLIC KEY-----\nMIIBIjANfirst\n-----END PUBLIC KEY-----\n",
        "carbon-stream-gateway-keys/platform": "open-sesame-4711",
        "carbon-stream-gateway-log/key": "cs_abcdefghijkl_the-key-of-the-log",
        "carbon-stream-gateway-oauth2/client-id": "portal-client",
        "carbon-stream-gateway-oauth2/client-secret": "portal-secret-0815",
    }
    for name, value in secrets.items():
        path = tmp_path / "secrets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value)

    def settings(kong: Kong, **more: Any) -> Settings:
        return Settings(kong_admin_url=kong.url, kong_secrets_dir=tmp_path / "secrets", **more)

    return settings


@pytest.fixture
def gateway() -> Gateway:
    return load_gateway()


@pytest.fixture
def with_values(tmp_path: Path) -> Callable[[str], Gateway]:
    """The platform's gateway under an overlay."""

    def load(overlay: str) -> Gateway:
        path = tmp_path / "overlay.yaml"
        path.write_text(overlay)
        return load_gateway([path])

    return load
