"""What `antispoof serve` refuses before it listens."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

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
