"""The service's own secret, and what is derived from it: client tokens, keyed hashes, sealed media.

The secret lies in the state folder, never in the database: who reads only the database can neither make a
token nor open media, nor find out whose hash is whose.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from antispoof.errors import InputError

__all__ = ["Secret", "create_private", "encoded", "new_api_key", "new_id", "new_nonce"]

NONCE_BYTES = 12  # of AES-GCM (NIST SP 800-38D, 8.2.2: random, 96 bits)


def encoded(content: bytes) -> str:
    """Write bytes in base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def new_id(prefix: str) -> str:
    """Return an identifier of 96 random bits."""
    return f"{prefix}_{encoded(secrets.token_bytes(12))}"


def new_nonce() -> str:
    """Return 128 random bits."""
    return encoded(secrets.token_bytes(16))


def new_api_key() -> str:
    """Return an API key of 256 random bits."""
    return f"ask_{encoded(secrets.token_bytes(32))}"


def create_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all; one that exists is left alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


class Secret:
    """32 random bytes in a file, made on first use.

    Args:
        folder: the state folder.

    Raises:
        InputError: the file cannot be read or written, or is damaged.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / "secret.key"
        try:
            if not path.exists():
                create_private(path, secrets.token_bytes(32))
            content = path.read_bytes()
        except OSError as error:
            raise InputError(f"cannot use {str(path)!r}: {error.strerror}") from None
        if len(content) != 32:
            raise InputError(f"{str(path)!r} holds {len(content)} bytes; it has to hold 32")
        self._content = content

    def _derived(self, purpose: str, message: str = "") -> bytes:
        return hmac.digest(self._content, f"{purpose}\0{message}".encode(), hashlib.sha256)

    def client_token(self, session: str, nonce: str) -> str:
        """Return the token of a session."""
        return f"ast_{session}.{encoded(self._derived('client token', f'{session}.{nonce}'))}"

    def keyed_hash(self, purpose: str, value: str) -> str:
        """Return a hash that says nothing to who does not have the secret."""
        return self._derived(purpose, value).hex()

    def webhook_secret(self, webhook: str) -> str:
        """Return what the messages to a webhook are signed with, as its receiver is told."""
        return f"whsec_{base64.b64encode(self._derived('webhook', webhook)).decode('ascii')}"

    def new_media_key(self, session: str) -> bytes:
        """Return a fresh key for the media of one session, wrapped."""
        return seal(self._derived("media"), AESGCM.generate_key(256), session)

    def media_key(self, wrapped: bytes, session: str) -> bytes:
        """Unwrap the key of a session; raise `InputError` where it was wrapped under another secret."""
        return unseal(self._derived("media"), wrapped, session)


def seal(key: bytes, content: bytes, place: str) -> bytes:
    """Encrypt and authenticate (AES-256-GCM); ``place`` has to be the same when it is opened."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, content, place.encode())


def unseal(key: bytes, sealed: bytes, place: str) -> bytes:
    """Open what `seal` made; raise `InputError` where key, place or content is another."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place.encode())
    except InvalidTag:
        raise InputError(f"the media at {place} were changed, or sealed with another secret") from None
