"""Results are signed (JWS, RFC 7515, with Ed25519 keys, RFC 8037); `contract.signatures` checks them."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from antispoof.contract.signatures import ALGORITHMS
from antispoof.errors import InputError
from antispoof.files import replacing
from antispoof.service.secret import create_private

__all__ = ["SigningKeys"]


class SigningKeys:
    """The private keys of a service, newest first, in one file of the state folder; made on first use.

    The newest signs. The older ones stay, so that results they signed can be checked. A file that `rotate`
    changed under a running service is read again.

    Args:
        folder: the state folder.
        algorithm: the name that signatures and public keys carry, one of `ALGORITHMS`.

    Raises:
        InputError: the file cannot be read or written, or holds no keys.
    """

    def __init__(self, folder: Path, algorithm: str = ALGORITHMS[0]) -> None:
        self._algorithm = algorithm
        self._path = folder / "signing-keys.json"
        self._lock = threading.Lock()
        self._read_at: tuple[int, int] = (0, 0)
        self._keys: list[OKPKey] = []
        if not self._path.exists():
            create_private(self._path, _as_file([_new_key()]))
        self._current()

    def sign(self, payload: Mapping[str, Any]) -> str:
        """Return a compact JWS."""
        key = self._current()[0]
        return jws.serialize_compact(
            {"alg": self._algorithm, "kid": key.kid, "typ": "JWT"},
            json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False),
            key,
            algorithms=[self._algorithm],
        )

    def public(self) -> dict[str, Any]:
        """Return the JWK set that others need, newest first."""
        return {"keys": [_public(key, self._algorithm) for key in self._current()]}

    def rotate(self) -> str:
        """Add a key that signs from now on; return its ``kid``."""
        keys = [_new_key(), *self._current()]
        try:
            with replacing(self._path) as draft:
                create_private(draft, _as_file(keys))
        except OSError as error:
            raise InputError(
                f"cannot write {str(self._path)!r}: {error.strerror}; the keys are as they were"
            ) from None
        return str(keys[0].kid)

    def _current(self) -> list[OKPKey]:
        with self._lock:
            try:
                state = self._path.stat()
                if (state.st_mtime_ns, state.st_ino) != self._read_at:
                    document = json.loads(self._path.read_text(encoding="utf-8"))
                    self._keys = [OKPKey.import_key(key) for key in document["keys"]]
                    self._read_at = (state.st_mtime_ns, state.st_ino)
            except OSError as error:
                raise InputError(f"cannot use {str(self._path)!r}: {error.strerror}") from None
            except (ValueError, KeyError, TypeError, JoseError):
                raise InputError(f"{str(self._path)!r} holds no signing keys") from None
            if not self._keys:
                raise InputError(f"{str(self._path)!r} holds no signing keys")
            return self._keys


def _new_key() -> OKPKey:
    key = OKPKey.generate_key("Ed25519")
    return OKPKey.import_key({**key.as_dict(private=True), "kid": key.thumbprint()})


def _public(key: OKPKey, algorithm: str) -> dict[str, Any]:
    return {**key.as_dict(private=False), "kid": key.kid, "use": "sig", "alg": algorithm}


def _as_file(keys: list[OKPKey]) -> bytes:
    return json.dumps({"keys": [key.as_dict(private=True) for key in keys]}, indent=2).encode()
