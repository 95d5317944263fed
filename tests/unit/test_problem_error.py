import pytest

from carbon_stream.errors import ProblemError


def test_a_problem_is_a_document_whose_extras_replace_nothing() -> None:
    problem = ProblemError(
        422, "Invalid", "no event was valid", extra={"status": 200, "rejected": 3}, headers={"A": "b"}
    )
    assert problem.document() == {
        "type": "about:blank",
        "title": "Invalid",
        "status": 422,
        "detail": "no event was valid",
        "rejected": 3,
    }
    assert problem.headers == {"A": "b"}


def test_a_success_is_no_problem() -> None:
    with pytest.raises(ValueError, match="202"):
        ProblemError(202, "Accepted")
