"""Suggestions for names that are not known."""

from carbon_stream.views.near_names import SUGGESTIONS_MAX, near_names


def test_names_that_contain_it_come_first_the_shortest_first() -> None:
    assert near_names("prices", ["s3://lake/prices", "prices_raw", "trades"]) == ["prices_raw", "s3://lake/prices"]


def test_a_slip_of_the_keyboard_is_found() -> None:
    assert near_names("data/torino", ["data/trino", "data/superset"]) == ["data/trino"]


def test_suggestions_are_few_and_unique() -> None:
    found = near_names("set", [f"set{n}" for n in range(100)])
    assert len(found) == len(set(found)) == SUGGESTIONS_MAX


def test_nothing_is_like_it() -> None:
    assert near_names("zzzzzzzz", ["prices"]) == []
    assert near_names("x", []) == []
