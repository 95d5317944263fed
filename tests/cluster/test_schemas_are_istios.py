"""The cut of Istio's schemas that `make test` uses is what Istio publishes."""

import json

from tests.cluster import parts
from tests.support.istio_schemas import CUT, cut


def test_the_cut_is_fresh() -> None:
    assert json.loads(CUT.read_text(encoding="utf-8")) == cut(parts.istio_crds().read_text())
