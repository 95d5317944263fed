"""How rows of datasets come and go."""

from __future__ import annotations

from carbon_stream.projections.access import USERS_MAX
from carbon_stream.projections.rows import Row
from carbon_stream.views.datasets import AccessView, DatasetsView

INGESTED: Row = {"v": 1, "seen": 5, "n": 1, "last": {"at": 5, "offset": 0, "status": "SUCCESS"}}


def test_a_dataset_is_known_while_one_row_is_there() -> None:
    view = DatasetsView()
    view.apply(0, ("ingestion", "prices"), INGESTED)
    view.apply(3, ("ingestion", "prices"), {**INGESTED, "last": {**INGESTED["last"], "status": "FAILURE"}})
    assert view.ingestion("prices", 10)["last"]["status"] == "FAILURE"  # of the same time, the higher partition
    view.apply(3, ("ingestion", "prices"), None)
    assert view.ingestion("prices", 10)["last"] == {"at": 5, "status": "SUCCESS"}
    view.clear(0)
    assert "prices" not in view
    assert list(view.datasets()) == []
    view.apply(0, ("ingestion", "prices"), None)  # a tombstone of what was never there


def test_rows_of_other_kinds_are_not_ours() -> None:
    view, access = DatasetsView(), AccessView()
    for key in (("ids", "data-quality", 5), ("ledger", "data-quality"), ("service", 1, "x")):
        view.apply(0, key, {"v": 1})
        access.apply(0, key, {"v": 1})
    assert list(view.datasets()) == []
    assert list(access.datasets()) == []


def test_access_is_merged_over_partitions_and_forgotten() -> None:
    view = AccessView()
    view.apply(0, ("access", "prices"), {"v": 1, "lastRead": 3, "lastWrite": None, "users": {"ana": 3}})
    view.apply(1, ("access", "prices"), {"v": 1, "lastRead": 2, "lastWrite": 1, "users": {"bo": 2, "ana": 1}})
    assert view.access("prices") == {"lastRead": 3, "lastWrite": 1, "users": 2, "usersIsAtLeast": False}
    view.clear(0)
    assert view.access("prices") == {"lastRead": 2, "lastWrite": 1, "users": 2, "usersIsAtLeast": False}
    view.apply(1, ("access", "prices"), None)
    assert "prices" not in view


def test_more_users_than_a_row_holds_are_said() -> None:
    view = AccessView()
    users = {f"u{n}": n for n in range(USERS_MAX)}
    view.apply(0, ("access", "prices"), {"v": 1, "lastRead": 3, "lastWrite": None, "users": users})
    assert view.access("prices")["usersIsAtLeast"]
