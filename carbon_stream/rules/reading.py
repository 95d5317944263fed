"""From a file's text to rules that are whole: each mistake is told with its place, and all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml
from pydantic import ValidationError

from carbon_stream.contracts.catalog import BY_NAME
from carbon_stream.errors import OperatorError
from carbon_stream.rules import graph, paths
from carbon_stream.rules.hosts import Hosts
from carbon_stream.rules.match import COMPARISONS, TEXTS, All, Any_, Condition, Not, Test
from carbon_stream.rules.model import ALL_FIELDS, Endpoint, Repeats, Rule, RuleSet, RuleTopic, Secret
from carbon_stream.rules.written import WrittenCondition, WrittenEndpoint, WrittenFile, WrittenRule, WrittenSecret

__all__ = ["SERVICE_ALERTS", "SHIPPED", "BadRules", "load", "read"]

FILE_BYTES_MAX: Final = 4 << 20
NESTING_MAX: Final = 20
SERVICE_ALERTS: Final = "service-alerts"
"""The shipped rule that needs a service's whole history: it is the alerts agent (docs/alerts.md)."""
_FIXED: Final = frozenset({"eventId", "causationId", "context"})
"""What a rule gives every event that it sends; not to be set."""
_ENVELOPE: Final = _FIXED | {"eventType", "source", "timestamp", "version", "correlationId"}


class BadRules(OperatorError):
    """The rules are not good; the message has a line for each mistake."""


def load(path: Path | None, hosts: Hosts) -> RuleSet:
    """The shipped rules, and those of the file. Raises BadRules."""
    if path is None:
        return read("", hosts)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadRules(f"the rules {path} cannot be read: {error.strerror}") from None
    if len(raw) > FILE_BYTES_MAX:
        raise BadRules(f"the rules {path} have {len(raw):,} bytes, {FILE_BYTES_MAX:,} are allowed")
    try:
        return read(raw.decode(), hosts)
    except UnicodeDecodeError:
        raise BadRules(f"the rules {path} are not UTF-8") from None
    except BadRules as error:
        raise BadRules(f"the rules {path} are not good:\n{error}") from None


def read(text: str, hosts: Hosts) -> RuleSet:
    """Rules from YAML, with the shipped ones before them. Raises BadRules."""
    written = _written(text)
    mistakes: list[str] = []
    unknown = sorted(set(written.shipped) - set(SHIPPED))
    mistakes += [f"shipped.{name}: there is no such rule; there are {', '.join(SHIPPED)}" for name in unknown]
    off = frozenset(name for name, shipped in written.shipped.items() if not shipped.enabled)
    rules = [rule for rule in _shipped() if rule.name not in off]
    endpoints = {name: _endpoint(name, one, hosts, mistakes) for name, one in written.endpoints.items()}
    for name in written.topics:
        if name in BY_NAME or name.startswith("carbon-stream"):
            mistakes.append(f"topics.{name}: the name is taken by the platform's or the product's own topics")
    for number, one in enumerate(written.rules):
        mistakes += _mistakes(f"rules[{number}] ({one.name})", one, written, {rule.name for rule in rules})
        if not mistakes:
            rules.append(_rule(one))
    if not mistakes:
        mistakes = graph.mistakes(rules)
    if mistakes:
        raise BadRules("\n".join(f"  {line}" for line in mistakes))
    topics = {
        name: RuleTopic(name, topic.partitions, topic.retention_days * 86_400_000)
        for name, topic in written.topics.items()
    }
    return RuleSet(tuple(rules), endpoints, topics, off)


def _written(text: str) -> WrittenFile:
    try:
        found = yaml.load(text, _Loader)  # noqa: S506 — a SafeLoader that takes less
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
        raise BadRules(f"  {where}this is no YAML: {getattr(error, 'problem', None) or error}") from None
    except RecursionError:
        raise BadRules("  this nests too deep") from None
    if found is not None and not isinstance(found, dict):
        raise BadRules("  the file is no mapping with version, rules, endpoints, topics, shipped")
    if _nests_deeper(found, NESTING_MAX):
        raise BadRules(f"  this nests deeper than {NESTING_MAX} levels")
    try:
        return WrittenFile.model_validate(found or {})
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False)
    lines = {
        f"  {_place(detail['loc'])}: {str(detail['msg']).removeprefix('Value error, ')}" for detail in details[:50]
    }
    raise BadRules("\n".join(sorted(lines)))


class _Loader(yaml.SafeLoader):
    """YAML without aliases, which can make a small file large, and without a key that is there twice."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases are not taken", problem_mark=event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for place, ((key, _), name) in enumerate(zip(node.value, keys, strict=True)):
            if not isinstance(name, str):
                raise yaml.MarkedYAMLError(problem=f"the key {name!r} is no text", problem_mark=key.start_mark)
            if name in keys[:place]:
                raise yaml.MarkedYAMLError(problem=f"the key {name!r} is there twice", problem_mark=key.start_mark)
        return super().construct_mapping(node, deep)


def _nests_deeper(value: Any, levels: int) -> bool:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels < 0 or any(_nests_deeper(child, levels - 1) for child in children)


def _place(steps: tuple[int | str, ...]) -> str:
    """A place in the file, without pydantic's names of alternatives."""
    shown = ""
    for step in steps:
        if isinstance(step, int):
            shown += f"[{step}]"
        elif step not in {"str", "int", "float", "bool", "WrittenSecret"} and "[" not in step and "(" not in step:
            shown += f".{step}" if shown else step
    return shown or "the file"


def _mistakes(where: str, rule: WrittenRule, written: WrittenFile, taken: set[str]) -> Iterator[str]:
    """What is wrong with a rule beside its shape."""
    names = [other.name for other in written.rules]
    if names.count(rule.name) > 1 or rule.name in taken or rule.name in SHIPPED:
        yield f"{where}: the name is taken: ids of events are made from it"
    for label, check in _checks(rule):
        try:
            check()
        except ValueError as error:
            yield f"{where}.{label}: {error}"
    for name in rule.set:
        if name.partition(".")[0].strip("/") in _FIXED:
            yield f"{where}.set.{name}: the rule gives each event its own"
    if rule.drop != ALL_FIELDS:
        for name in rule.drop:
            if name in _ENVELOPE:
                yield f"{where}.drop: {name} belongs to every event"
    topic, endpoint = rule.to.topic, rule.to.endpoint
    if topic is not None and topic not in BY_NAME and topic not in written.topics:
        yield f"{where}.to.topic: {topic} is neither one of the twelve nor under topics"
    if endpoint is not None and endpoint not in written.endpoints:
        yield f"{where}.to.endpoint: {endpoint} is not under endpoints"
    wanted = rule.set.get("eventType")
    if (
        topic is not None
        and topic in BY_NAME
        and isinstance(wanted, str)
        and "${" not in wanted
        and wanted != BY_NAME[topic].event_type
    ):
        yield f"{where}.set.eventType: {topic} takes {BY_NAME[topic].event_type} only"


def _checks(rule: WrittenRule) -> Iterator[tuple[str, Callable[[], object]]]:
    """Parts that must be readable, each raising ValueError if it is not."""
    yield "match", lambda: _condition(rule.match)
    yield "set", lambda: [(paths.parts(name), list(paths.fields_of(value))) for name, value in rule.set.items()]
    if rule.drop != ALL_FIELDS:
        yield "drop", lambda: [paths.parts(name) for name in rule.drop]
    if rule.key is not None:
        yield "key", lambda: list(paths.fields_of(rule.key))
    if rule.repeats is not None:
        yield "repeats.by", lambda: list(paths.fields_of(rule.repeats.by if rule.repeats else []))


def _rule(written: WrittenRule) -> Rule:
    repeats = written.repeats
    return Rule(
        name=written.name,
        description=written.description,
        match=_condition(written.match),
        topic=written.to.topic,
        endpoint=written.to.endpoint,
        set=written.set,
        drop=() if written.drop == ALL_FIELDS else tuple(map(paths.parts, written.drop)),
        drops_all=written.drop == ALL_FIELDS,
        key=written.key,
        repeats=Repeats(tuple(repeats.by), repeats.times, repeats.within_s * 1_000) if repeats else None,
    )


def _condition(written: WrittenCondition) -> Condition:
    found: list[Condition] = []
    for operator in ("exact", *TEXTS, *COMPARISONS):
        tests = getattr(written, operator) or {}
        found += [Test(operator, name, paths.parts(name), value) for name, value in tests.items()]
    if written.all:
        found.append(All(tuple(map(_condition, written.all))))
    if written.any:
        found.append(Any_(tuple(map(_condition, written.any))))
    if written.not_:
        found.append(Not(_condition(written.not_)))
    return found[0] if len(found) == 1 else All(tuple(found))


def _endpoint(name: str, written: WrittenEndpoint, hosts: Hosts, mistakes: list[str]) -> Endpoint:
    where = f"endpoints.{name}"
    mistakes += [f"{where}.url: {why}" for why in _url_mistakes(written.url, hosts)]
    if written.form is not None and written.body is not None:
        mistakes.append(f"{where}: give either form or body")
    for label, template in (("form", written.form), ("body", written.body)):
        try:
            list(paths.fields_of(template))
        except ValueError as error:
            mistakes.append(f"{where}.{label}: {error}")
    for header in written.headers:
        if header.lower() in {"host", "content-length", "content-type", "transfer-encoding", "connection"}:
            mistakes.append(f"{where}.headers.{header}: this one is given by the request itself")
    for field in written.success:
        try:
            paths.parts(field)
        except ValueError as error:
            mistakes.append(f"{where}.success: {error}")
    return Endpoint(
        name=name,
        url=written.url,
        method=written.method,
        headers={n: _secret(v) if isinstance(v, WrittenSecret) else v for n, v in written.headers.items()},
        form=written.form,
        body=written.body,
        signing=_secret(written.sign) if written.sign else None,
        success=written.success,
        timeout_s=written.timeout_s,
        give_up_after_s=written.give_up_after_s,
        parallel=written.parallel,
    )


def _secret(written: WrittenSecret) -> Secret:
    return Secret(written.env, written.file)


def _url_mistakes(text: str, hosts: Hosts) -> Iterator[str]:
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError as error:
        yield str(error)
        return
    if url.scheme not in ("http", "https") or not url.hostname or url.fragment or not text.isascii() or " " in text:
        yield "this is no address such as https://hooks.example.org/events"
    elif url.username is not None or url.password is not None:
        yield "give no user and password in the address: headers take secrets by env or file"
    elif "${" in text:
        yield "fields of events have no place in an address: whoever sends an event must not choose where it goes"
    elif why := hosts.why_not_host(url.hostname):
        yield f"{why} in CARBON_STREAM_RULES_HOSTS"


def _shipped() -> tuple[Rule, ...]:
    text = files("carbon_stream.rules").joinpath("shipped.yaml").read_text("utf-8")
    return tuple(map(_rule, WrittenFile.model_validate(yaml.safe_load(text)).rules))


SHIPPED: Final = (*(rule.name for rule in _shipped()), SERVICE_ALERTS)
"""Names of the rules that ship with the product; all are on unless the file switches them off."""
