"""People's main tasks in the console, in a real Chromium, on the whole service with a day played into it."""

import asyncio
import json
import time
import urllib.request
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from selenium.webdriver.common.keys import Keys

from carbon_stream.contracts.exports import example
from carbon_stream.dead_letters import record
from carbon_stream.demo.cast import DASHBOARD
from carbon_stream.demo.play import Play
from carbon_stream.web.console.routes import POLICY
from tests.integration.service.conftest import MakeService
from tests.support.answers import settled
from tests.support.browser import Browser, binaries, browsing
from tests.support.service import Service

pytestmark = pytest.mark.timeout(300)

TOKEN = "s3cret-for-tests"
HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
PAGES = ("live", "audit", "health", "lineage", "datasets", "dead-letters", "topics")
MART = "iceberg/marts/carbon_exposure"
TRADES = "iceberg/curated/trades_hourly"


@pytest.fixture(scope="module")
def service(make_service: MakeService) -> Service:
    """A service that has seen a short day, and somebody's attempts at markup."""
    binaries()  # where they are missing, nothing need be started
    made = make_service(CARBON_STREAM_ADMIN_TOKEN=TOKEN)
    made.start()
    made.wait_ready()
    kafka = {"bootstrap_servers": made.kafka.bootstrap_servers}
    assert asyncio.run(Play(made.url(), kafka, rate=0, count=600, seed=5, say=print).run()).surprises == 0
    assert made.post(story())["rejected"] == 0
    asyncio.run(hostile_letters(made))
    asyncio.run(settled(made, dataset=DASHBOARD))
    return made


@pytest.fixture(scope="module")
def window(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def browser(window: Browser) -> Iterator[Browser]:
    """The window as it was at first; whatever a test does in it, its console has nothing to say."""
    window.look_like(1280, 900)
    window.complaints()
    yield window
    assert window.complaints() == []
    assert window.run("return window.hacked") is None


def story() -> list[dict[str, Any]]:
    """A load, a check that it caused, an access that followed, and names that would be markup."""
    cause = {**example("DataIngestionEvent"), "eventId": "story-1", "correlationId": "story", "datasetName": HOSTILE}
    check = {**example("DataQualityEvent"), "eventId": "story-2", "correlationId": "story", "causationId": "story-1"}
    access = {**example("AuditDataAccessEvent"), "eventId": "story-3", "correlationId": "story"}
    access |= {"causationId": "story-2", "userId": "story-teller", "username": HOSTILE, "datasetName": HOSTILE}
    health = {**example("ServiceHealthEvent"), "eventId": "story-4", "serviceName": HOSTILE, "namespace": "markup"}
    edge = {**example("DataLineageEvent"), "eventId": "story-5", "sourceDataset": MART, "targetDataset": HOSTILE}
    edge |= {"columns": [{"sourceColumn": HOSTILE, "targetColumn": "b"}], "transformationName": HOSTILE}
    now = int(time.time() * 1000)
    return [{**event, "timestamp": now} for event in (cause, check, access, health, edge)]


async def hostile_letters(service: Service) -> None:
    """One that is refused, and one that would be taken today, as after a release that mends a fold."""
    producer = AIOKafkaProducer(bootstrap_servers=service.kafka.bootstrap_servers, acks="all")
    await producer.start()
    try:
        await producer.send_and_wait("system-health", HOSTILE.encode(), key=HOSTILE.encode())
        valid = json.dumps({**example("SecurityEvent"), "eventId": "once-refused"}).encode()
        headers = {
            record.REASON: "unknown",
            record.ERROR: HOSTILE,
            record.ORIGIN_TOPIC: "security-events",
            record.ORIGIN_PARTITION: "0",
            record.ORIGIN_OFFSET: "0",
            record.ORIGIN_TIMESTAMP: "1700000000000",
        }
        encoded = [(name, value.encode()) for name, value in headers.items()]
        await producer.send_and_wait("carbon-stream.dead-letters", valid, partition=0, headers=encoded)
    finally:
        await producer.stop()


def visit(browser: Browser, service: Service, page: str) -> None:
    browser.open(f"{service.url()}/#/{page}")
    browser.until(lambda: browser.run("return document.getElementById('main').dataset.shown"), page)


def test_the_address_shows_browsers_a_page_and_programs_the_index(service: Service) -> None:
    def ask(accept: str | None, path: str = "/", **headers: str) -> Any:
        more = {"Accept": accept} if accept else {}
        return urllib.request.urlopen(urllib.request.Request(service.url() + path, headers=more | headers), timeout=20)

    with ask("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8") as page:
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert page.headers["Content-Security-Policy"] == POLICY
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["X-Frame-Options"] == "DENY"
        assert page.headers["Vary"] == "Accept"
        tag = page.headers["ETag"]
    assert "unsafe" not in POLICY
    for accept in (None, "*/*", "application/json", "application/json, text/html;q=0.5"):
        with ask(accept) as index:
            assert json.load(index)["service"] == "carbon-stream"
    with pytest.raises(urllib.error.HTTPError) as unchanged:
        ask("text/html", **{"If-None-Match": tag})
    unchanged.value.close()
    assert unchanged.value.code == 304
    for path in ("/console/index.html", "/console/routes.py", "/console/..%2froutes.py", "/console/nothing.js"):
        with pytest.raises(urllib.error.HTTPError) as missing:
            ask(None, path)
        missing.value.close()
        assert missing.value.code == 404


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)], ids=["wide", "narrow-dark"])
def test_every_page_opens_fits_and_is_accessible(browser: Browser, service: Service, width: int, dark: bool) -> None:
    browser.look_like(width, 850, dark=dark)
    detailed = (f"lineage?dataset={MART}&depth=2", f"datasets?name={MART}", "story?correlationId=story")
    for page in (*PAGES, *detailed, "health?namespace=data-platform&service=trino-coordinator"):
        visit(browser, service, page)
        assert browser.run("return document.documentElement.scrollWidth") <= width, page
        assert barriers(browser, "{runOnly: ['color-contrast']}" if dark else "{}") == [], page
        assert browser.run("return document.querySelectorAll('h1').length") == 1
        ground = browser.run("return getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, ground[4:-1].split(","))) < 200) is dark


def barriers(browser: Browser, options: str = "{}") -> list[str]:
    """What axe-core finds that keeps people out: names, roles, contrast, order."""
    axe = files("axe_core_python").joinpath("axe.min.js").read_text()
    found = browser.run_async(f"{axe};axe.run(document, {options}).then(found => arguments[0](found.violations))")
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"][:3]]


def test_a_barrier_would_be_found(browser: Browser, service: Service) -> None:
    visit(browser, service, "datasets")
    browser.run("document.querySelector('input').parentNode.replaceWith(document.createElement('input'))")
    assert any(found.startswith("label: ") for found in barriers(browser))


def test_the_keyboard_alone_leads_anywhere(browser: Browser, service: Service) -> None:
    visit(browser, service, "topics")
    focus = "return document.activeElement."
    browser.press(Keys.TAB)
    assert browser.run(focus + "id") == "skip"
    browser.press(Keys.ENTER)
    assert browser.run(focus + "id") == "main"
    browser.run("document.querySelector('#pages a').focus()")
    browser.press(Keys.TAB, Keys.ENTER)
    browser.until(lambda: browser.run("return document.getElementById('main').dataset.shown") == "audit")
    assert browser.run(focus + "textContent") == "Audit"
    assert browser.run("return document.querySelector('[aria-current=page]').textContent") == "Audit"
    assert browser.one("#theme").get_attribute("aria-label") == "Use dark colours"
    browser.one("#theme").send_keys(Keys.ENTER)
    assert browser.one("#theme").get_attribute("aria-label") == "Use light colours"
    browser.one("#theme").send_keys(Keys.ENTER)
    visit(browser, service, f"lineage?dataset={MART}&depth=1")
    browser.one(f'.graph [data-label="Dataset {TRADES}"]').send_keys(Keys.ENTER)
    browser.sees("All about this dataset")
    assert browser.run(focus + "dataset.label") == f"Dataset {TRADES}", "what was chosen keeps the focus"


def test_events_are_seen_as_they_arrive_and_as_text_whatever_they_say(browser: Browser, service: Service) -> None:
    visit(browser, service, "live")
    browser.sees("audit-api-calls")
    browser.until(lambda: "live" in browser.one(".panel form [role=status]").text, "the stream")
    service.post([{**example("ServiceHealthEvent"), "serviceName": f"seen-{HOSTILE}", "namespace": "markup"}])
    browser.until(lambda: HOSTILE in browser.one(".stream").text, "the event")
    asyncio.run(hostile_letters(service))
    browser.until(lambda: "not-json" in browser.one(".stream").text, "what was refused")
    assert browser.run("return document.querySelectorAll('main img, main script').length") == 0
    assert browser.run("try { document.body.innerHTML = '<p>'; } catch (error) { return error.name; }") == "TypeError"
    assert any("TrustedHTML" in line for line in browser.complaints()), "the policy itself keeps markup out"


def test_an_audit_search_leads_to_an_events_full_story(browser: Browser, service: Service) -> None:
    visit(browser, service, "audit")
    browser.one("input[name=user]").send_keys("story-teller" + Keys.ENTER)
    browser.until(lambda: [row.text for row in browser.all("tbody a[aria-label^=Story]")] == ["Story"], "one event")
    assert HOSTILE in browser.text()
    browser.one("tbody a[aria-label='Story of event story-3']").click()
    browser.sees("What led to what")
    chain = (
        "const at = document.querySelector('.chain .asked').closest('li'), up = at.parentNode.closest('li');"
        "return [at, up, up.parentNode.closest('li')].map(li => li.querySelector('strong').textContent)"
    )
    browser.one(".chain .asked")
    assert browser.run(chain) == ["AuditDataAccessEvent", "DataQualityEvent", "DataIngestionEvent"]
    visit(browser, service, "audit?result=DENIED&by=service")
    browser.sees("denied")
    assert all("DENIED" in row.text for row in browser.all("section:nth-of-type(2) tbody tr"))


def test_the_board_tells_which_service_is_not_well_and_since_when(browser: Browser, service: Service) -> None:
    visit(browser, service, "health")
    browser.until(lambda: HOSTILE in browser.text(), "a service whose name is markup")
    browser.one("a.card[href*='trino-coordinator']").click()
    browser.sees("Status over time")
    assert len(browser.all(".timeline .state")) > 2
    assert "ROLLBACK" in browser.text()


def test_lineage_is_explored_up_and_down_with_its_columns(browser: Browser, service: Service) -> None:
    visit(browser, service, "lineage")
    browser.one("input[name=dataset]").send_keys(MART)
    browser.run("document.querySelector('select[name=depth]').value = '1'")
    browser.button("Show").click()
    browser.until(lambda: len(browser.all(".graph .node")) >= 4, "the neighbours")
    before = len(browser.all(".graph .node"))
    browser.one(f'.graph [aria-label="Show upstream of {TRADES}"]').click()
    browser.until(lambda: len(browser.all(".graph .node")) > before, "one step more")
    browser.one(f'.graph [aria-label^="{TRADES} to {MART}"]').send_keys(Keys.ENTER)
    browser.sees("exposure_eur")
    assert HOSTILE in browser.run("return document.querySelector('.graph').textContent")
    visit(browser, service, f"lineage?dataset={MART}&depth=1&view=table")
    assert {row.text for row in browser.all("tbody td:nth-child(2)")} >= {MART, HOSTILE}
    visit(browser, service, "lineage?dataset=iceberg/marts/carbon_exposur")
    browser.sees("Perhaps")
    assert next(a.text for a in browser.all(".panel p a")) == MART
    browser.complaints()  # the 404 is told there


def test_a_dataset_page_has_quality_neighbours_and_access(browser: Browser, service: Service) -> None:
    visit(browser, service, "datasets?contains=MARTS")
    browser.button("Find")
    browser.one("a[href*='datasets?name']").click()
    for words in ("Quality", "-carbon_exposure", TRADES, "Last read", "carbon-exposure"):
        browser.sees(words)


def test_dead_letters_are_read_and_replayed_by_who_has_the_token(browser: Browser, service: Service) -> None:
    visit(browser, service, "dead-letters?originTopic=system-health")
    browser.until(lambda: browser.all("tbody tr"), "letters")
    browser.one("button[aria-label^='Show letter']").click()
    browser.until(lambda: HOSTILE in browser.one("pre").text, "the bytes")
    visit(browser, service, "dead-letters?reason=unknown")
    browser.one("input[type=checkbox]").click()
    browser.one("input[name=admin]").send_keys("not the token")
    browser.button("Replay chosen").click()
    browser.sees("Credential refused")
    assert any("401" in line for line in browser.complaints())
    admin = browser.one("input[name=admin]")
    admin.clear()
    admin.send_keys(TOKEN)
    browser.button("Only check").click()
    browser.sees("1 of 1 would be taken today")
    browser.button("Replay chosen").click()
    browser.sees("1 sent again, 0 refused")
    assert TOKEN not in json.dumps(browser.run("return [{...sessionStorage}, {...localStorage}, document.cookie]"))


def test_a_topic_that_drifted_is_told_of(browser: Browser, service: Service) -> None:
    async def drift() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=service.kafka.bootstrap_servers)
        await admin.start()
        setting = ConfigResource(ConfigResourceType.TOPIC, "data-quality", configs={"retention.ms": "3600000"})
        await admin.alter_configs([setting])
        await admin.close()

    visit(browser, service, "topics")
    asyncio.run(drift())
    browser.sees("1 topics differ from the plan")
    browser.sees("retention.ms")


def test_a_token_that_is_typed_in_goes_with_every_call_and_stays_in_the_tab(browser: Browser, service: Service) -> None:
    visit(browser, service, "topics")
    browser.run(
        "window.seen = []; const real = window.fetch; window.fetch = (url, given) => {"
        " window.seen.push(given?.headers?.Authorization ?? ''); return real(url, given); }"
    )
    browser.one("#token").click()
    browser.one("#token-value").send_keys("a-readers-token" + Keys.ENTER)
    browser.until(lambda: "Bearer a-readers-token" in browser.run("return window.seen"), "a call with the token")
    assert browser.run("return sessionStorage.getItem('carbon-stream-token')") == "a-readers-token"
    assert browser.run("return localStorage.length") == 0
    browser.one("#token").click()
    browser.button("Forget it").click()
    browser.until(lambda: browser.run("return sessionStorage.getItem('carbon-stream-token') === null"), "forgetting")
