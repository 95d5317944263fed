"""A file of rules is read whole or refused, with each mistake in its place; loops are mistakes too."""

from pathlib import Path

import pytest

from carbon_stream.contracts.catalog import TOPICS
from carbon_stream.contracts.names import ALERTS
from carbon_stream.rules.graph import reads
from carbon_stream.rules.hosts import Hosts
from carbon_stream.rules.model import RuleSet, Secret, outbox
from carbon_stream.rules.reading import SHIPPED, BadRules, load, read

HOSTS = Hosts(["hooks.example.org", "*.svc.cluster.local", "127.0.0.1"])

GOOD = """
version: 1
topics:
  loads: {partitions: 3, retention_days: 2}
endpoints:
  pager:
    url: https://hooks.example.org/in
    headers: {token: {env: PAGER_TOKEN}, x-team: data}
    sign: {file: /run/secrets/pager}
    success: {code: 0}
rules:
  - name: copy-loads
    match:
      exact: {eventType: DataIngestionEvent, status: SUCCESS}
      gte: {recordCount: 1}
      not: {prefix: {datasetName: tmp_}}
    set: {metadata.copied: true}
    drop: [sizeBytes, metadata.secret]
    key: "${datasetName}"
    to: {topic: loads}
  - name: page
    match: {exact: {type: ServiceHealthEvent, healthStatus: UNHEALTHY}}
    to: {endpoint: pager}
"""


def good(text: str) -> RuleSet:
    return read(text, HOSTS)


def mistakes(text: str) -> str:
    with pytest.raises(BadRules) as caught:
        read(text, HOSTS)
    return str(caught.value)


def rule(**changes: str) -> str:
    parts = {"name": "one", "match": "{exact: {eventType: DataIngestionEvent}}", "to": "{topic: loads}"} | changes
    lines = "\n".join(f"    {name}: {value}" for name, value in parts.items())
    return f"topics: {{loads: {{}}}}\nrules:\n  -\n{lines}\n"


def test_without_a_file_the_shipped_rules_are_in_force() -> None:
    found = load(None, HOSTS)
    assert [one.name for one in found.rules] == ["denied-actions", "repeated-failures"]
    assert SHIPPED == ("denied-actions", "repeated-failures", "service-alerts")
    assert all(reads(one) == tuple(topic.name for topic in TOPICS if topic.group == "AUDIT") for one in found.rules)


def test_a_file_adds_to_the_shipped_ones_and_switches_them_off() -> None:
    found = good(GOOD + "shipped: {denied-actions: {enabled: false}, service-alerts: {enabled: false}}\n")
    assert [one.name for one in found.rules] == ["repeated-failures", "copy-loads", "page"]
    assert found.off == {"denied-actions", "service-alerts"}
    copy, page = found.rules[1:]
    assert (reads(copy), copy.target) == (("data-ingestion",), "loads")
    assert (reads(page), page.target) == (("system-health",), outbox("pager"))
    assert found.topics["loads"].retention_ms == 2 * 86_400_000
    assert found.endpoints["pager"].headers == {"token": Secret("PAGER_TOKEN"), "x-team": "data"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules: [", "this is no YAML"),
        ("- 1", "no mapping"),
        ("a: &x 1\nb: *x", "aliases are not taken"),
        ("version: 1\nversion: 1", "line 2, column 1: this is no YAML: the key 'version' is there twice"),
        ("1: 2", "the key 1 is no text"),
        ("x: " + "[" * 60 + "]" * 60, "nests deeper"),
        ("versions: 1", "versions: Extra inputs"),
        ("version: 2", "version: Input should be 1"),
        ("shipped: {no-such: {}}", "shipped.no-such: there is no such rule; there are denied-actions"),
        ("topics: {data-quality: {}}", "topics.data-quality: the name is taken"),
        ("topics: {carbon-stream.alerts: {}}", "topics.carbon-stream.alerts: the name is taken"),
        (rule(name="Not A Name"), "rules[0].name: String should match"),
        (rule(name="denied-actions"), "rules[0] (denied-actions): the name is taken"),
        (rule(match="{}"), "rules[0].match: says nothing"),
        (rule(match="{all: []}"), "rules[0].match.all: List should have at least 1 item"),
        (rule(match="{exact: {eventType: [a]}}"), "rules[0].match.exact.eventType"),
        (rule(match="{gt: {recordCount: '5'}}"), "rules[0].match.gt.recordCount"),
        (rule(match="{gt: {recordCount: .nan}}"), "rules[0].match.gt.recordCount"),
        (rule(match="{exact: {a..b: 1}}"), "rules[0] (one).match: 'a..b' names no field"),
        (rule(match="{exact: {eventType: NoEvent}}"), "rule one: no type of event can match it"),
        (rule(set="{eventId: x}"), "set.eventId: the rule gives each event its own"),
        (rule(set="{context.x: 1}"), "set.context.x: the rule gives"),
        (rule(set="{a: '${}'}"), "rules[0] (one).set: '' names no field"),
        (rule(drop="[source]"), "drop: source belongs to every event"),
        (rule(to="{topic: nowhere}"), "to.topic: nowhere is neither one of the twelve nor under topics"),
        (rule(to="{endpoint: nobody}"), "to.endpoint: nobody is not under endpoints"),
        (rule(to="{}"), "rules[0].to: give either topic or endpoint"),
        (rule(to="{topic: data-quality}", set="{eventType: SecurityEvent}"), "takes DataQualityEvent only"),
        (rule(repeats="{by: [x], times: 1, within_s: 5}"), "rules[0].repeats.times: Input should be greater"),
    ],
)
def test_each_mistake_is_told_with_its_place(text: str, said: str) -> None:
    assert said in mistakes(text)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://hooks.example.org", "this is no address"),
        ("http://evil.example.org/", "the host evil.example.org is not listed in CARBON_STREAM_RULES_HOSTS"),
        ("http://169.254.169.254/latest", "the address 169.254.169.254 is not listed"),
        ("http://[::1]/", "the address ::1 is not listed"),
        ("https://a:b@hooks.example.org/", "no user and password"),
        ("https://hooks.example.org/${source}", "whoever sends an event must not choose"),
        ("https://hooks.example.org:99999/", "endpoints.x.url"),
    ],
)
def test_addresses_that_requests_may_not_go_to_are_refused(url: str, said: str) -> None:
    assert said in mistakes(f"endpoints: {{x: {{url: '{url}'}}}}")


def test_all_mistakes_are_told_at_once_and_no_value_of_a_secret() -> None:
    text = GOOD.replace("topic: loads}", "topic: no}").replace("{env: PAGER_TOKEN}", "{env: sesame open}")
    told = mistakes(text)
    assert "endpoints.pager.headers.token" in told
    assert "sesame" not in told


def test_two_rules_that_feed_each_other_are_a_loop() -> None:
    text = """
rules:
  - name: there
    match: {exact: {eventType: ConfigChangeEvent}}
    set: {eventType: SecurityEvent, category: config, severity: LOW}
    to: {topic: security-events}
  - name: and-back
    match: {exact: {eventType: SecurityEvent, severity: LOW}}
    set: {eventType: ConfigChangeEvent, component: x, key: y}
    to: {topic: config-changes}
"""
    assert "rules there → and-back → there: a loop" in mistakes(text)
    assert len(good(text.replace("severity: LOW}}", "severity: HIGH}}")).rules) == 4


def test_a_rule_that_matches_what_it_sends_is_a_loop_unless_what_it_sets_excludes_it() -> None:
    own = "{topic: data-ingestion}"
    assert "rules one → one: a loop" in mistakes(rule(to=own))
    excluded = "{exact: {eventType: DataIngestionEvent}, not: {exact: {format: copied}}}"
    good(rule(to=own, match=excluded, set="{format: copied}"))
    assert "a loop" in mistakes(rule(to=own, match=excluded, set="{format: '${format}'}"))


def test_what_a_rule_drops_is_known_to_be_gone() -> None:
    match = "{exact: {eventType: DataIngestionEvent, metadata.first: yes}}"
    assert "a loop" in mistakes(rule(to="{topic: data-ingestion}", match=match))
    good(rule(to="{topic: data-ingestion}", match=match, drop="[metadata]"))


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadRules, match="cannot be read: No such file"):
        load(tmp_path / "none.yaml", HOSTS)
    (tmp_path / "latin.yaml").write_bytes(b"# \xe9")
    with pytest.raises(BadRules, match="not UTF-8"):
        load(tmp_path / "latin.yaml", HOSTS)


def test_no_rule_may_write_to_topics_of_ours() -> None:
    assert "neither one of the twelve" in mistakes(rule(to=f"{{topic: {ALERTS}}}"))
