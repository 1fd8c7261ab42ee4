"""Fuzz the HTTP API by its own OpenAPI document, with Schemathesis; `make fuzz` runs it.

    python tests/fuzz/api.py [--seconds 120]

What is left out: that whatever fits the document is accepted (which models, policies and challenges there
are, and that media are media, is not in the document), and that what was deleted is gone (a revoked session
says that it is revoked).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import uvicorn

from antispoof.service.app import create_app
from antispoof.service.settings import Settings

PORT = 8793
MANY = 10**9


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=120)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            state=Path(folder),
            page=True,
            requests_per_minute=MANY,
            captures_per_second=MANY,
            page_sessions_per_minute=MANY,
        )
        app = create_app(settings)
        key = app.state.core.keys.add("fuzz")
        server = uvicorn.Server(uvicorn.Config(app, port=PORT, log_level="warning", access_log=False))
        threading.Thread(target=server.run, daemon=True).start()
        while not server.started:
            time.sleep(0.1)
        found = subprocess.run(
            [
                *(Path(sys.executable).with_name("schemathesis"), "run"),
                f"http://127.0.0.1:{PORT}/openapi.json",
                *("--header", f"Authorization: Bearer {key}"),
                *("--phases", "examples,coverage,fuzzing,stateful"),
                *("--exclude-checks", "positive_data_acceptance,use_after_free"),
                *(
                    "--max-time",
                    str(seconds),
                    "--continue-on-failure",
                    "--request-timeout",
                    "60",
                    "--no-color",
                ),
                *("--generation-database", "none"),
            ],
            check=False,
            cwd=folder,
        )
        server.should_exit = True
        time.sleep(1)
    return found.returncode


if __name__ == "__main__":
    sys.exit(main())
