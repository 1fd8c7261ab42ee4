"""Write the types of `antispoof-web/service`: the documents of the contract as TypeScript.

python tools/build_client_types.py web/package/src/documents.ts
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from antispoof.contract import API_VERSION, documents

__all__ = ["types"]

PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def types() -> str:
    """Return the file: one interface a document, named as in `/openapi.json`."""
    models = [getattr(documents, name) for name in documents.__all__]
    shown = [(model, "serialization") for model in models if isinstance(model, type)]
    _, schema = models_json_schema(shown, ref_template="{model}")  # type: ignore[arg-type]
    lines = [
        "/** What the service answers with, as `/openapi.json` says; made by tools/build_client_types.py. */",
        "",
        "/** The version of the interface that this client speaks. */",
        f'export const API_VERSION = "{API_VERSION}";',
    ]
    for name, document in sorted(schema["$defs"].items()):
        lines += ["", f"/** {document['description']} */", f"export interface {name} {{"]
        for member, about in document["properties"].items():
            if "description" in about:
                lines.append(f"  /** {about['description']} */")
            optional = "" if member in document.get("required", ()) else "?"
            lines.append(f"  readonly {member}{optional}: {_type(about)};")
        lines.append("}")
    return "\n".join(lines) + "\n"


def _type(about: dict[str, Any]) -> str:
    if "$ref" in about:
        return str(about["$ref"])
    if "anyOf" in about:
        return " | ".join(_type(each) for each in about["anyOf"])
    if "enum" in about:
        return " | ".join(json.dumps(each) for each in about["enum"])
    if "const" in about:
        return json.dumps(about["const"])
    if about.get("type") == "array":
        return f"readonly {_type(about['items'])}[]"
    if about.get("type") == "object":
        values = about.get("additionalProperties")
        return f"Readonly<Record<string, {_type(values) if isinstance(values, dict) else 'unknown'}>>"
    return PLAIN.get(about.get("type", ""), "unknown")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(types(), encoding="utf-8")
