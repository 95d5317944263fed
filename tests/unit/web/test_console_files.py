"""What the console is made of, and who is shown it in place of the index."""

import re

import pytest
from aiohttp.test_utils import make_mocked_request

from carbon_stream.web.console.routes import CONTENT_TYPES, PAGE, console_files, wants_page


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("text/html", True),
        ("text/html;q=0.4, application/json;q=0.3", True),
        ("text/html;q=0.3, application/json;q=0.3", False),
        ("application/json, text/html", False),
        ("application/json", False),
        ("*/*", False),
        ("text/html;q=0", False),
        ("text/html;q=many", False),
        ("", False),
    ],
)
def test_html_is_for_those_who_would_rather_have_it(accept: str, page: bool) -> None:
    assert wants_page(make_mocked_request("GET", "/", headers={"Accept": accept})) is page


def test_every_file_is_served_and_every_link_between_them_leads_somewhere() -> None:
    names = set(console_files())
    assert {name.rpartition(".")[2] for name in names} <= set(CONTENT_TYPES)
    for name, file in console_files().items():
        text = file.body.decode()
        linked = re.findall(r'(?:href|src)="console/([^"]+)"', text) if name == PAGE else []
        linked += re.findall(r'from "\./([^"]+)"', text)
        assert set(linked) <= names, name


@pytest.mark.parametrize("name", console_files())
def test_no_file_goes_around_the_policy(name: str) -> None:
    """A browser refuses all of these; that none is there is said before one is started."""
    text = console_files()[name].body.decode()
    around = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|javascript:|\son\w+=|\sstyle="
    )
    assert not re.search(around, text)
    assert re.findall(r"https?://[^\"' ]+", text) in ([], ["http://www.w3.org/2000/svg"])
