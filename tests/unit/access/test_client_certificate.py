"""Whom X-Forwarded-Client-Cert names: the last element's one URI, whatever stands before it."""

import pytest

from carbon_stream.access.client_certificate import caller_of

KONG = "spiffe://cluster.local/ns/kong/sa/kong"
POD = "spiffe://cluster.local/ns/data-platform/sa/trino"
OURS = "By=spiffe://cluster.local/ns/data-platform/sa/carbon-stream"
HASH = "Hash=468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688"


@pytest.mark.parametrize(
    ("headers", "caller"),
    [
        ([f'{OURS};{HASH};Subject="";URI={KONG}'], KONG),
        ([f'{OURS};{HASH};Subject="CN=a,O=b;c";URI={POD}'], POD),
        ([f"{OURS};{HASH};URI={KONG},{OURS};{HASH};URI={POD}"], POD),
        ([f"{OURS};{HASH};URI={KONG}", f"{OURS};{HASH};URI={POD}"], POD),
        ([f'{OURS};{HASH};Subject="x\\",URI={KONG}";URI={POD}'], POD),
        ([f'{OURS};Subject="O=Evil;URI={KONG}"'], None),
        ([f"{OURS};{HASH};URI={KONG};URI={POD}"], None),
        ([f"{OURS};{HASH};DNS=kong"], None),
        ([f'{OURS};URI={KONG};Subject="open'], None),
        ([f'URI="{POD}"'], POD),
        ([f"uri={POD}"], POD),
        (["URI=https://example.com"], None),
        (["URI=spiffe://a b"], None),
        (["URI=spiffe://" + "x" * 3_000], None),
        ([f"URI={POD}" + " " * 20_000], None),
        ([f"URI={POD},"], None),
        ([""], None),
        ([], None),
    ],
)
def test_the_peer_is_who_our_own_sidecar_names(headers: list[str], caller: str | None) -> None:
    assert caller_of(headers) == caller
