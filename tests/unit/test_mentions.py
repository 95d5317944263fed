"""A name is found as a whole word, however JSON or a broken record writes it, and not inside another name."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbon_stream.erasure.mention import mentions


@pytest.mark.parametrize(
    "text",
    [
        b'{"userId":"ann"}',
        b'{"userId":"ann","note":1}',
        b"ann",
        b"ann,bob",
        b'{"message":"refused to ann: too large',
        b"\xff\xfe ann \xff",
        b'{"path":"/users/ann/files"}',
    ],
)
def test_a_name_is_found_as_a_word(text: bytes) -> None:
    assert mentions("ann")([None, b"", text])


@pytest.mark.parametrize(
    "text", [b"joann", b"annabel", b"ann.lee", b"ann@example.org", b"ann-marie", b"ann_2", b"x+ann", b"", None]
)
def test_a_name_is_not_found_in_another(text: bytes | None) -> None:
    assert not mentions("ann")([text])


@pytest.mark.parametrize("name", ["Zoë", 'quo"te', "back\\slash", "a.b", "ann@example.org", "日本", "😀 x"])
def test_every_way_of_writing_a_name_in_json_is_found(name: str) -> None:
    told = mentions(name)
    assert told([json.dumps({"userId": name}).encode()])
    assert told([json.dumps({"userId": name}, ensure_ascii=False).encode()])


def test_a_name_is_no_pattern() -> None:
    assert not mentions("a.b")([b'"axb"'])


@given(st.text(min_size=1, max_size=40).filter(lambda name: name.encode("utf-8", "ignore").decode() == name))
def test_any_name_is_found_where_it_is_a_value(name: str) -> None:
    assert mentions(name)([json.dumps({"userId": name}).encode()])
