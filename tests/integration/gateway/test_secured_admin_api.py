"""The Admin API behind TLS and RBAC: verified by default, and the token is in no text."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from carbon_stream.bootstrap.gateway.admin import Refused, Unreachable
from carbon_stream.bootstrap.gateway.apply import Stopped, apply, read_plan
from carbon_stream.bootstrap.gateway.model import Gateway
from carbon_stream.settings import SettingsError
from tests.integration.gateway.conftest import QUICK, To
from tests.support.kong import Kong
from tests.support.kong_server import serving


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


async def test_a_certificate_of_a_stranger_is_refused_unless_told_otherwise(
    to: To, gateway: Gateway, authority: trustme.CA, server: ssl.SSLContext, tmp_path: Path
) -> None:
    ca = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    async with serving(Kong(), "/admin", server) as kong:
        with pytest.raises(Unreachable, match="CARBON_STREAM_KONG_ADMIN_CA"):
            await read_plan(to(kong), gateway, patience=QUICK)
        assert kong.asked == []
        assert len((await read_plan(to(kong, kong_admin_ca=ca), gateway, patience=QUICK)).actions) == 40
        assert len((await read_plan(to(kong, kong_admin_verify=False), gateway, patience=QUICK)).actions) == 40


async def test_the_token_opens_and_is_never_told(to: To, gateway: Gateway, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("rbac-token-42\n")
    async with serving(Kong(token="rbac-token-42")) as kong:
        assert len((await read_plan(to(kong, kong_admin_token_file=file), gateway, patience=QUICK)).actions) == 40
        with pytest.raises(Refused, match=r"401 Invalid credentials.*CARBON_STREAM_KONG_ADMIN_TOKEN") as refused:
            await read_plan(to(kong, kong_admin_token="wrong-token-43"), gateway, patience=QUICK)
        assert "wrong-token" not in str(refused.value)


async def test_a_user_who_may_only_read_is_told_what_is_missing(kong: Kong, to: To, gateway: Gateway) -> None:
    kong.fault = lambda method, path, number: 403 if method != "GET" else None
    with pytest.raises(Stopped, match=r"PUT /services/datahub-gms was refused: 403.*who may change this"):
        await apply(to(kong), gateway, patience=QUICK)
    assert kong.writes == 1


@pytest.mark.parametrize("text", ["", "two tokens", None])
async def test_a_token_file_that_holds_none_is_an_error(
    kong: Kong, to: To, gateway: Gateway, tmp_path: Path, text: str | None
) -> None:
    file = tmp_path / "token"
    if text is not None:
        file.write_text(text)
    with pytest.raises(SettingsError, match="CARBON_STREAM_KONG_ADMIN_TOKEN_FILE") as caught:
        await read_plan(to(kong, kong_admin_token_file=file), gateway, patience=QUICK)
    assert "two tokens" not in str(caught.value)


async def test_a_redirect_does_not_carry_the_token_elsewhere(kong: Kong, to: To, gateway: Gateway) -> None:
    kong.fault = lambda method, path, number: 302
    with pytest.raises(Refused, match="redirects are not followed"):
        await read_plan(to(kong, kong_admin_token="rbac-token-42"), gateway, patience=QUICK)
    assert len(kong.asked) == 1
