"""What is added to the interface raises its version: all that a version has is written down beside this test.

    PYTHONPATH=src python tests/service/test_interface.py

writes it down anew, once `antispoof.contract.API_VERSION` was raised.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from antispoof.contract import API_VERSION
from antispoof.service.app import create_app
from antispoof.service.settings import Settings

WRITTEN = Path(__file__).with_name("interface.json")


def interface(state: Path) -> dict[str, Any]:
    """Version, operations, and the members of every document."""
    described = create_app(Settings(state=state)).openapi()
    return {
        "version": API_VERSION,
        "operations": sorted(
            f"{method.upper()} {path}" for path, methods in described["paths"].items() for method in methods
        ),
        "documents": {
            name: sorted(schema.get("properties", {}))
            for name, schema in sorted(described["components"]["schemas"].items())
        },
    }


def test_what_is_added_raises_the_version(tmp_path: Path) -> None:
    advice = (
        "the interface changed: raise the second number of API_VERSION where something was added, the first "
        "where clients break, then run PYTHONPATH=src python tests/service/test_interface.py"
    )
    assert interface(tmp_path / "state") == json.loads(WRITTEN.read_text()), advice


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        found = interface(Path(folder))
    if WRITTEN.exists() and json.loads(WRITTEN.read_text())["version"] == found["version"]:
        raise SystemExit(f"API_VERSION is {API_VERSION} still: raise it first")
    WRITTEN.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
