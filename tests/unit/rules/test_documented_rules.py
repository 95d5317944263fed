"""The file of rules in the documentation is good, and does what the text says."""

import re
from urllib.parse import parse_qs

import orjson
import pytest

from carbon_stream.delivery.request import build
from carbon_stream.rules.graph import reads
from carbon_stream.rules.hosts import Hosts
from carbon_stream.rules.model import RuleSet
from carbon_stream.rules.reading import read
from carbon_stream.rules.sending import Arrival, send


@pytest.fixture
def documented(request: pytest.FixtureRequest) -> RuleSet:
    page = (request.config.rootpath / "docs" / "rules.md").read_text(encoding="utf-8")
    [text] = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    return read(text, Hosts(["*.svc.cluster.local"]))


EVENT = {
    "eventId": "e", "eventType": "DataIngestionEvent", "timestamp": 1_764_000_000_000, "source": "spark",
    "datasetName": "prices", "recordCount": 9, "sizeBytes": 2_000_000_000, "format": "parquet", "location": "s3://x",
    "status": "SUCCESS", "metadata": {"owner": "ann", "team": "data"},
}  # fmt: skip


def test_the_workflow_is_started_as_its_api_has_it(documented: RuleSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOLPHINSCHEDULER_TOKEN", "t")
    start, big = documented.rules[-2:]
    assert reads(start) == reads(big) == ("data-ingestion",)
    assert start.match.holds(EVENT)
    assert not start.match.holds(EVENT | {"recordCount": 0})
    made = send(start, Arrival(EVENT, "data-ingestion", 0, 0, 0))
    request = build(documented.endpoints["dolphinscheduler"], made.value, made.headers, 0)
    fields = {name: value for name, [value] in parse_qs(request.body.decode(), keep_blank_values=True).items()}
    params = orjson.loads(fields.pop("startParams"))
    assert (params["dataset"], params["rows"]) == ("prices", 9)
    assert fields == {
        "processDefinitionCode": "8130642298496", "scheduleTime": "", "failureStrategy": "END",
        "warningType": "NONE", "processInstancePriority": "MEDIUM",
    }  # fmt: skip
    assert request.headers["token"] == "t"


def test_the_copy_has_no_owner(documented: RuleSet) -> None:
    big = documented.rules[-1]
    assert big.match.holds(EVENT)
    assert not big.match.holds(EVENT | {"datasetName": "tmp_x"})
    event = orjson.loads(send(big, Arrival(EVENT, "data-ingestion", 0, 0, 0)).value)
    assert (event["metadata"], event["note"]) == ({"team": "data"}, "prices has 9 rows")
