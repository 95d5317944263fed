"""What a sender prefers (RFC 7240): `Prefer: handling=strict` takes a batch as a whole or not at all."""

import re
from typing import Final

from multidict import CIMultiDictProxy

from carbon_stream.ingest.pipeline import Checked
from carbon_stream.ingest.receipts import NOT_TAKEN, Receipt, Skipped, rejected

__all__ = ["APPLIED", "is_strict", "refusals"]

APPLIED: Final = {"Preference-Applied": "handling=strict"}
_HANDLING: Final = re.compile(r'\s*handling\s*=\s*"?(?P<value>[^\s";]*)"?\s*(?:;.*)?', re.IGNORECASE)


def is_strict(headers: CIMultiDictProxy[str]) -> bool:
    """Whether the first `handling` among a request's preferences is strict."""
    if "Prefer" not in headers:
        return False
    for preference in ",".join(headers.getall("Prefer")).split(","):
        found = _HANDLING.fullmatch(preference)
        if found is not None:
            return found["value"].lower() == "strict"
    return False


def refusals(checked: Checked, first_place: int) -> list[Receipt]:
    """Receipts for events of which none is taken, since one of their batch (at `first_place`) is not valid."""
    message = f"valid, but not taken: event {first_place} of the batch is not valid, and handling=strict was asked for"
    receipts: dict[int, Receipt] = {**checked.rejections}
    for place in checked.places:
        receipts[place] = rejected(None, NOT_TAKEN, message)
    receipts.update((place, Skipped()) for place in checked.skipped)
    return [receipts[place] for place in range(len(receipts))]
