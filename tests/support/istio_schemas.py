"""Istio's own schemas of the kinds that we make, cut out of its CustomResourceDefinitions.

`tests/contract/data/istio-schemas.json` is made from a file of the module istio.io/api (Apache 2.0) by

    python -m tests.support.istio_schemas path/to/customresourcedefinitions.gen.yaml

without descriptions. `make test-cluster`, which has the whole file, holds the cut to it.
"""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from carbon_stream.bootstrap.mesh.objects import MANAGED

CUT = Path(__file__).parents[1] / "contract" / "data" / "istio-schemas.json"


def cut(definitions: str) -> dict[str, Any]:
    """By `<apiVersion>/<kind>`: the schema of each kind that we make, in the version that we use."""
    wanted = {(kind.api, kind.name) for kind in MANAGED}
    schemas: dict[str, Any] = {}
    for each in yaml.safe_load_all(definitions):
        if not each:
            continue
        spec = each["spec"]
        for version in spec["versions"]:
            api, kind = f"{spec['group']}/{version['name']}", spec["names"]["kind"]
            if (api, kind) in wanted:
                schema = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
                schemas[f"{api}/{kind}"] = _closed(_without_descriptions(schema))
    return schemas


def problems(manifest: dict[str, Any]) -> list[str]:
    """What is wrong with a manifest's spec."""
    schema = _schemas()[f"{manifest['apiVersion']}/{manifest['kind']}"]
    return [
        f"{error.json_path}: {error.message}"
        for error in jsonschema.Draft7Validator(schema).iter_errors(manifest["spec"])
    ]


@cache
def _schemas() -> dict[str, Any]:
    return dict(json.loads(CUT.read_text(encoding="utf-8")))


def _without_descriptions(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_descriptions(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _without_descriptions(item)
        for key, item in value.items()
        if not (key == "description" and isinstance(item, str))
    }


def _closed(value: Any, *, inside: str = "") -> Any:
    """An API server refuses unknown fields when asked to; a JSON Schema has to say so (not below `oneOf` and such)."""
    if isinstance(value, list):
        return [_closed(item, inside=inside) for item in value]
    if not isinstance(value, dict):
        return value
    closed = {
        key: item if key in ("oneOf", "anyOf", "allOf", "not") else _closed(item, inside=key)
        for key, item in value.items()
    }
    is_schema = inside != "properties"
    if is_schema and "properties" in value and "additionalProperties" not in value:
        closed["additionalProperties"] = False
    return closed


if __name__ == "__main__":
    CUT.write_text(json.dumps(cut(Path(sys.argv[1]).read_text()), indent=1, sort_keys=True) + "\n")
