"""What the service and its clients agree on: versions, documents that are answered, signatures of results."""

from __future__ import annotations

__all__ = ["API_HEADER", "API_VERSION", "RESULT_VERSION"]

API_VERSION = "1.2"
"""Of the HTTP interface: the first number changes where clients break, the second where something is added.
Every answer carries it; the services of antispoof 0.1 carried none."""

API_HEADER = "Antispoof-API"

RESULT_VERSION = "1.0"
"""Of a session's result: the first number changes where readers of results break."""
