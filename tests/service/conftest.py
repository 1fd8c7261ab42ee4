"""A running service, in this process."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from fastapi.testclient import TestClient
from numpy.typing import NDArray
from rendered import posed

from antispoof.service.app import create_app
from antispoof.service.core import Core
from antispoof.service.settings import Settings
from antispoof.service.store import database


@dataclass
class Service:
    """The application with a client, and an API key that may do everything."""

    client: TestClient
    core: Core
    key: str

    @property
    def backend(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def open(self, **body: Any) -> dict[str, Any]:
        """Open a session."""
        answer = self.client.post("/v1/sessions", json=body, headers=self.backend)
        assert answer.status_code == 201, answer.text
        session: dict[str, Any] = answer.json()
        return session

    def capture(self, session: dict[str, Any], seq: int, content: bytes, **changes: str) -> httpx2.Response:
        """Hand in one frame."""
        fields = {"modality": "face_rgb", "seq": str(seq), "sha256": hashlib.sha256(content).hexdigest()}
        return self.client.post(
            f"/v1/sessions/{session['id']}/captures",
            headers=device(session),
            data={**fields, **changes},
            files={"file": ("frame.jpg", content)},
        )

    def complete(self, session: dict[str, Any]) -> httpx2.Response:
        """Let the device complete."""
        return self.client.post(f"/v1/sessions/{session['id']}/complete", headers=device(session))

    def get(self, session: dict[str, Any], what: str = "") -> httpx2.Response:
        """Read as the backend."""
        return self.client.get(f"/v1/sessions/{session['id']}{what}", headers=self.backend)


def device(session: dict[str, Any]) -> dict[str, str]:
    """The client token, as a header."""
    return {"Authorization": f"Bearer {session['client_token']}"}


Serve = Callable[..., Service]


@pytest.fixture(scope="session", autouse=True)
def shipped_pragmas() -> Iterator[tuple[str, ...]]:
    """Let no commit of these tests wait for the disk; give what makes those of a service wait."""
    shipped = database.SQLITE
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "SQLITE", (*shipped, "synchronous=OFF"))
        yield shipped


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new store, with every migration behind it: a copy is there at once."""
    path = tmp_path_factory.mktemp("store") / "service.db"
    database.open_store(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def serve(tmp_path: Path, make_bundle: Any, empty_store: Path) -> Iterator[Serve]:
    """Start a service with a miniature model: ``serve(attempts=1)``."""
    running: list[TestClient] = []

    def start(**settings: Any) -> Service:
        values = Settings(**{"state": tmp_path / "state", "bundles": (str(make_bundle()),), **settings})
        with pytest.MonkeyPatch.context() as patch:
            if not values.database and not values.state.exists():
                values.state.mkdir(mode=0o700, parents=True)
                shutil.copy(empty_store, values.state / "service.db")
                patch.setattr(database, "_migrate", lambda _: None)
            app = create_app(values)
        client = TestClient(app, raise_server_exceptions=False)
        client.__enter__()
        running.append(client)
        core = app.state.core
        return Service(client, core, core.keys.add("test"))

    yield start
    for client in running:
        client.__exit__(None, None, None)


@pytest.fixture
def service(serve: Serve) -> Service:
    """A service with default settings."""
    return serve()


@pytest.fixture(scope="session")
def frames(portrait: NDArray[np.uint8], encode: Any) -> dict[str, list[bytes]]:
    """Pictures of one face, as JPEG: tinted red is bona fide for the miniature model, blue an attack."""

    def tinted(red: float, blue: float) -> list[bytes]:
        factors = np.array([red, 0.8, blue])
        return [
            encode((posed(portrait, 1.5 * n) * factors).clip(0, 255).astype(np.uint8), "JPEG", quality=90)
            for n in range(4)
        ]

    return {"bona_fide": tinted(1.0, 0.4), "attack": tinted(0.4, 1.0)}
