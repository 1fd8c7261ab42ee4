"""Signed results are checked without asking the service (JWS, RFC 7515, with Ed25519 keys, RFC 8037)."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import KeySet

from antispoof.errors import InputError

__all__ = ["ALGORITHMS", "verify"]

ALGORITHMS = ("EdDSA", "Ed25519")
"""Two names of the same signature: RFC 8037, and its fully specified name of RFC 9864."""

# The library would rather have the newer name; what verifies results elsewhere knows the older.
warnings.filterwarnings("ignore", "EdDSA is deprecated", SecurityWarning)


def verify(token: str, key_set: Mapping[str, Any]) -> dict[str, Any]:
    """Check a signed result and return what it says.

    Args:
        token: compact JWS.
        key_set: JWK set of the service that is said to have signed it.

    Raises:
        InputError: the signature is not by one of these keys, or there is no result in it.
    """
    try:
        # A key may carry either name of the algorithm, whichever the signature has.
        keys = KeySet.import_key_set(
            {"keys": [{name: key[name] for name in key if name != "alg"} for key in key_set["keys"]]}
        )
    except (JoseError, ValueError, KeyError, TypeError, AttributeError):
        raise InputError('the key set is no JWK set (RFC 7517): {"keys": [...]}') from None
    try:
        content = jws.deserialize_compact(token.strip(), keys, algorithms=list(ALGORITHMS))
        payload = json.loads(content.payload)
    except (JoseError, ValueError, TypeError):
        raise InputError(
            "not signed by these keys: the result was changed, or another service signed it"
        ) from None
    if not isinstance(payload, dict):
        raise InputError("the signed content is no result")
    return payload
