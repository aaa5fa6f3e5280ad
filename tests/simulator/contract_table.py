"""Makes the simulator's table of operations of Twilio's own OpenAPI files, which are no part of this repository.

    TWILIO_OAI=<folder> python -m tests.simulator.contract_table

writes handoffflow/simulator/operations.json. The folder holds twilio_<product>_<version>.trimmed.json, and .strict.json
where Twilio's file says less than Twilio does.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parents[2] / "handoffflow" / "simulator" / "operations.json"
FILES = (
    "twilio_api_v2010.strict.json",
    "twilio_content_v1.trimmed.json",
    "twilio_messaging_v1.trimmed.json",
    "twilio_messaging_v2.trimmed.json",
    "twilio_studio_v2.trimmed.json",
)
METHODS = ("get", "post", "put", "delete")
KEPT = ("type", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "format", "nullable")
FORMATS = {"uri"}
"""The others are no more than a hint, in Twilio's files."""
DEEPEST = 4

Schema = dict[str, Any]


def made(folder: Path) -> list[Schema]:
    return [operation for name in FILES for operation in _of(json.loads((folder / name).read_text()))]


def _of(document: Schema) -> Iterator[Schema]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield _operation(document, path, method, item[method])


def _operation(document: Schema, path: str, method: str, found: Schema) -> Schema:
    said: Schema = {"method": method.upper(), "path": path, "in_path": {}, "query": {}, "required": []}
    for parameter in found.get("parameters", []):
        place = "in_path" if parameter["in"] == "path" else "query"
        said[place][parameter["name"]] = reduced(document, parameter["schema"])
        if place == "query" and parameter.get("required"):
            said["required"].append(parameter["name"])
    for kind, content in found.get("requestBody", {}).get("content", {}).items():
        schema = _resolved(document, content["schema"])
        if kind == "application/json":
            said["json"] = reduced(document, schema)
            continue
        said["form"] = {
            name: reduced(document, one) for name, one in sorted(schema.get("properties", {}).items())
        }
        said["form_required"] = schema.get("required", [])
        said["one_of"] = [
            [name for choice in group["anyOf"] for name in choice["required"]]
            for group in schema.get("allOf", [])
        ]
    return said


def reduced(document: Schema, schema: Schema, depth: int = 0) -> Schema:
    """What can be checked without a library."""
    schema = _resolved(document, schema)
    kept = {name: schema[name] for name in KEPT if name in schema}
    if kept.get("format") not in FORMATS or schema.get("x-twilio", {}).get("ignoreFormat"):
        kept.pop("format", None)
    if "items" in schema and depth < DEEPEST:
        kept["items"] = reduced(document, schema["items"], depth + 1)
    if "properties" in schema and depth < DEEPEST:
        kept["properties"] = {
            name: reduced(document, one, depth + 1) for name, one in sorted(schema["properties"].items())
        }
        kept["required"] = schema.get("required", [])
    return kept


def _resolved(document: Schema, schema: Schema) -> Schema:
    while "$ref" in schema:
        place: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            place = place[part]
        schema = place
    return schema


def text(operations: list[Schema]) -> str:
    """One operation a line: a change of Twilio's shows as a change of one."""
    rows = ",\n".join(json.dumps(one, sort_keys=True, ensure_ascii=False) for one in operations)
    return f"[\n{rows}\n]\n"


if __name__ == "__main__":
    TABLE.write_text(text(made(Path(os.environ["TWILIO_OAI"]))))
