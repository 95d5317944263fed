"""Whatever is sent: a forged header names nobody but the real peer, and no credential but the right one is taken."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbon_stream.access.client_certificate import caller_of
from carbon_stream.access.gate import Gate, Shown
from carbon_stream.access.keys import new_key
from carbon_stream.access.principal import Principal, Rate
from carbon_stream.access.rate import Bucket
from carbon_stream.access.refusals import Denied

PEER = "spiffe://cluster.local/ns/data-platform/sa/trino"
KONG = "spiffe://cluster.local/ns/kong/sa/kong"
PIECES = st.lists(
    st.sampled_from(['"', "\\", ",", ";", "=", "URI=", f"URI={KONG}", "By=", "Subject=", " ", 'Hash="', "uri"])
    | st.text(max_size=8)
).map("".join)


@given(before=PIECES)
def test_what_stands_before_our_sidecars_element_never_names_somebody(before: str) -> None:
    ours = f'By=spiffe://cluster.local/ns/data-platform/sa/carbon-stream;Hash=00;Subject="";URI={PEER}'
    assert caller_of([f"{before},{ours}"]) in (PEER, None)
    assert caller_of([before, ours]) in (PEER, None)


@given(subject=PIECES)
def test_a_subject_in_quotes_never_names_somebody(subject: str) -> None:
    quoted = subject.replace("\\", "\\\\").replace('"', '\\"')
    assert caller_of([f'Hash=00;Subject="{quoted}";URI={PEER}']) in (PEER, None)


@given(
    authorization=st.lists(st.text(max_size=40) | PIECES.map(lambda text: f"Bearer {text}"), max_size=2),
    api_key=st.lists(st.text(max_size=80), max_size=2),
)
def test_no_text_is_a_credential_by_accident(authorization: list[str], api_key: list[str]) -> None:
    gate = Gate(keys=True, admin_token=new_key().key)
    with pytest.raises(Denied) as caught:
        asyncio.run(gate.principal(Shown(authorization=authorization, api_key=api_key)))
    assert caught.value.status == 401


@given(
    rate=st.floats(0.1, 1_000),
    burst=st.floats(1, 1_000),
    asked=st.lists(st.tuples(st.floats(0, 10), st.integers(1, 500)), max_size=60),
)
def test_no_pattern_of_requests_gets_more_than_the_rate_and_one_batch(
    rate: float, burst: float, asked: list[tuple[float, int]]
) -> None:
    bucket, now, taken = Bucket(Rate(rate, burst), 0.0), 0.0, 0
    for pause_s, events in asked:
        now += pause_s
        if bucket.wait_s(now) == 0:
            bucket.spend(events, now)
            taken += events
    assert taken <= burst + rate * now + 500


def test_a_principal_is_compared_by_who_it_is() -> None:
    one, other = (Principal("a", "key", frozenset({"sender"}), "id") for _ in range(2))
    assert one == other
