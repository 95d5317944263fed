"""From an event to its record: topic, key, partition and headers."""

from typing import Any

import pytest
from aiokafka.partitioner import DefaultPartitioner

from carbon_stream.contracts.catalog import BY_EVENT_TYPE
from carbon_stream.routing import partition_of, record_of


def record(**fields: Any) -> Any:
    data = {"eventType": "SecurityEvent", "eventId": "e1", "source": "kong", "timestamp": 1_700_000_000_007, **fields}
    return record_of(BY_EVENT_TYPE["SecurityEvent"], data, b"{}", 5, None)


@pytest.mark.parametrize("key", [b"", b"a", b"ab", b"abc", b"trino", "prices-é".encode(), b"x" * 1_000])
@pytest.mark.parametrize("partitions", [1, 6, 12, 13])
def test_the_partition_is_the_java_client_s(key: bytes, partitions: int) -> None:
    everything = list(range(partitions))
    assert partition_of(key, partitions) == DefaultPartitioner()(key, everything, everything)


def test_the_key_is_the_entity() -> None:
    assert record(principal="ana", ipAddress="10.0.0.1").key == b"ana"
    assert record(ipAddress="10.0.0.1").key == b"10.0.0.1"
    assert record(principal="ana").spread == b"ana"


def test_without_a_key_the_event_id_spreads_and_a_repeat_meets_the_first() -> None:
    assert record().key is None
    places = {partition_of(record(eventId=str(n)).spread, 6) for n in range(100)}
    assert places == set(range(6))
    assert partition_of(record().spread, 6) == partition_of(record().spread, 6)


@pytest.mark.parametrize(
    ("timestamp", "time"),
    [
        (1_700_000_000_007, b"2023-11-14T22:13:20.007Z"),
        (1_700_000_000_007.0, b"2023-11-14T22:13:20.007Z"),
        (100_000_000_000, b"1973-03-03T09:46:40.000Z"),
        (253_402_300_799_999, b"9999-12-31T23:59:59.999Z"),
        (253_402_300_800_000, None),
        (2**63 - 1, None),
    ],
)
def test_ce_time_is_rfc_3339_where_that_can_say_it(timestamp: float, time: bytes | None) -> None:
    assert dict(record(timestamp=timestamp).headers).get("ce_time") == time


def test_ce_source_is_a_uri_reference() -> None:
    assert dict(record(source="svc/ä b%").headers)["ce_source"] == b"svc/%C3%A4%20b%"


def test_the_record_s_own_time_is_that_of_receipt() -> None:
    assert record().timestamp == 5
