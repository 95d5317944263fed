"""Roles, and what each includes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal, get_args

__all__ = ["ROLES", "Role", "holds"]

Role = Literal["sender", "reader", "auditor", "operator", "gateway"]
"""What an endpoint needs.

`sender` posts events. `reader` sees health, lineage, datasets and topics. `auditor` sees in addition what people did:
audit events and their sums, dead letters, the live tail. `operator` sees all that and replays dead letters. `gateway`
posts entries of the gateway's log, and nothing else: whoever could post those could write anybody's audit trail.
"""
ROLES: Final[tuple[Role, ...]] = get_args(Role)

_INCLUDED: Final[dict[Role, frozenset[Role]]] = {
    "sender": frozenset({"sender"}),
    "reader": frozenset({"reader"}),
    "auditor": frozenset({"auditor", "reader"}),
    "operator": frozenset({"operator", "auditor", "reader"}),
    "gateway": frozenset({"gateway"}),
}


def holds(held: Collection[Role], needed: Role) -> bool:
    """Whether one of the roles that are held is or includes the one that is needed."""
    return any(needed in _INCLUDED[role] for role in held)
