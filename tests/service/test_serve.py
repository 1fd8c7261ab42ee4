"""What `antispoof serve` refuses before it listens, and when it does."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest


def test_port_that_is_taken(run: Any, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, _, err = run("serve", "--port", taken.getsockname()[1], "--state", tmp_path / "state")
    assert code == 3
    assert "cannot listen" in err
    assert not (tmp_path / "state").exists(), "nothing was made"


@pytest.mark.parametrize(
    ("content", "message"),
    [("state: 3\n", "state"), ("stat: x\n", "stat"), ("[", "cannot read"), ("- a\n", "no mapping")],
)
def test_settings_that_cannot_be_used(run: Any, tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "service.yaml").write_text(content)
    code, _, err = run("serve", "--config", tmp_path / "service.yaml")
    assert code == 3
    assert message in err


@pytest.mark.parametrize(
    ("content", "option", "on"),
    [
        (None, None, True),
        ("{}", None, False),
        ("page: true", None, True),
        ("page: true", "--no-page", False),
        ("page: false", "--page", True),
    ],
)
def test_who_says_whether_the_page_is_served(
    run: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: str | None,
    option: str | None,
    on: bool,
) -> None:
    """The command, then the file; without both it is there to try the service out."""
    monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: None)
    arguments = [] if option is None else [option]
    if content is not None:
        (tmp_path / "service.yaml").write_text(content)
        arguments += ["--config", str(tmp_path / "service.yaml")]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    _, out, _ = run("serve", "--port", port, "--state", tmp_path / "state", *arguments)
    assert (f"page       http://127.0.0.1:{port}/" in out) == on


def test_the_first_call_may_come_as_soon_as_the_key_is_shown(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-u",
        "-m",
        "antispoof",
        "serve",
        "--port",
        str(port),
        "--state",
        str(tmp_path),
    ]
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            key = next(found[0] for line in process.stdout if (found := re.search(r"ask_\S+", line)))
            answer = httpx2.get(
                f"http://127.0.0.1:{port}/v1/models", headers={"Authorization": f"Bearer {key}"}, timeout=60
            )
            assert answer.status_code == 200
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
        finally:
            process.kill()
