"""A missing extra names the command that adds it, to wherever this installation came from."""

from __future__ import annotations

import json
from importlib import metadata
from typing import Any

import pytest

from antispoof.errors import install_command


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        (
            {"url": "file:///home/a%20b/antispoof", "dir_info": {"editable": True}},
            "-e '/home/a b/antispoof[client]'",
        ),
        ({"url": "file:///src/antispoof", "dir_info": {}}, "'/src/antispoof[client]'"),
        (
            {"url": "file:///srv/wheels/antispoof-0.1.0-py3-none-any.whl", "archive_info": {}},
            "'antispoof[client] @ file:///srv/wheels/antispoof-0.1.0-py3-none-any.whl'",
        ),
        (
            {"url": "https://git.example.com/antispoof.git", "vcs_info": {"vcs": "git"}},
            "'antispoof[client] @ git+https://git.example.com/antispoof.git'",
        ),
        (None, "'antispoof[client]'"),
        (metadata.PackageNotFoundError, "'.[client]'"),
    ],
    ids=["clone", "folder", "wheel", "git", "index", "not installed"],
)
def test_the_command_fits_the_installation(
    monkeypatch: pytest.MonkeyPatch, origin: Any, command: str
) -> None:
    class Installed:
        @staticmethod
        def read_text(_: str) -> str | None:
            return None if origin is None else json.dumps(origin)

    def distribution(_: str) -> Any:
        if origin is metadata.PackageNotFoundError:
            raise metadata.PackageNotFoundError
        return Installed

    monkeypatch.setattr(metadata, "distribution", distribution)
    assert install_command("client") == f"pip install {command}"
    assert install_command("train").endswith(" --extra-index-url=https://download.pytorch.org/whl/cpu)")
