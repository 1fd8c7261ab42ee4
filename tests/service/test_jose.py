"""Signed results are verified by the libraries that backends use, each by its own defaults."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from antispoof.contract.signatures import verify
from antispoof.service.signing import SigningKeys

CLAIMS = {"jti": "ses_x", "outcome": "bona_fide", "nonce": "ü"}
Verifier = Callable[[str, dict[str, Any]], dict[str, Any]]


def by_pyjwt(token: str, keys: dict[str, Any]) -> dict[str, Any]:
    jwt = pytest.importorskip("jwt")
    header = jwt.get_unverified_header(token)
    key = next(key for key in jwt.PyJWKSet.from_dict(keys).keys if key.key_id == header["kid"])
    found: dict[str, Any] = jwt.decode(token, key.key, algorithms=["EdDSA"])
    return found


def by_authlib(token: str, keys: dict[str, Any]) -> dict[str, Any]:
    jose = pytest.importorskip("authlib.jose")
    reader = jose.JsonWebToken(["EdDSA"])
    return dict(reader.decode(token, jose.JsonWebKey.import_key_set(keys)))


def by_jwcrypto(token: str, keys: dict[str, Any]) -> dict[str, Any]:
    jwk = pytest.importorskip("jwcrypto.jwk")
    from jwcrypto import jws

    signed = jws.JWS()
    signed.deserialize(token)
    signed.verify(jwk.JWKSet.from_json(json.dumps(keys)).get_key(signed.jose_header["kid"]))
    found: dict[str, Any] = json.loads(signed.payload)
    return found


def by_joserfc(token: str, keys: dict[str, Any]) -> dict[str, Any]:
    from joserfc import jws
    from joserfc.jwk import KeySet

    found = jws.deserialize_compact(token, KeySet.import_key_set(keys), algorithms=["EdDSA"])  # type: ignore[arg-type]
    return dict(json.loads(found.payload))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("library", [by_pyjwt, by_authlib, by_jwcrypto, by_joserfc])
def test_a_result_is_verified_by(library: Verifier, tmp_path: Path) -> None:
    keys = SigningKeys(tmp_path)
    old = keys.sign(CLAIMS)
    keys.rotate()
    for token in (old, keys.sign(CLAIMS)):
        assert library(token, keys.public()) == CLAIMS
    other = SigningKeys(tmp_path / "other").public()
    with pytest.raises(Exception):  # noqa: B017, PT011 - each library has its own
        library(old, other)


@pytest.mark.parametrize("signature", ["EdDSA", "Ed25519"])
def test_our_own_verifier_knows_both_names(signature: str, tmp_path: Path) -> None:
    keys = SigningKeys(tmp_path, signature)
    renamed = SigningKeys(tmp_path, "Ed25519" if signature == "EdDSA" else "EdDSA")
    assert verify(keys.sign(CLAIMS), keys.public()) == CLAIMS
    assert verify(keys.sign(CLAIMS), renamed.public()) == CLAIMS
    assert {key["alg"] for key in keys.public()["keys"]} == {signature}


@pytest.mark.skipif(
    not (Path("node_modules/jose").is_dir() and shutil.which("node")), reason="npm install jose, to try it"
)
def test_a_result_is_verified_by_the_package_jose_of_npm(tmp_path: Path) -> None:
    keys = SigningKeys(tmp_path)
    program = (
        "import('jose').then(async j => {"
        "const [token, keys] = process.argv.slice(1);"
        "const r = await j.compactVerify(token, j.createLocalJWKSet(JSON.parse(keys)));"
        "process.stdout.write(new TextDecoder().decode(r.payload)) })"
    )
    command = ["node", "-e", program, keys.sign(CLAIMS), json.dumps(keys.public())]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == CLAIMS
