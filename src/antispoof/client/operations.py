"""What can be asked of the service, as conversations; sends nothing itself."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict, TypeVar, cast

from pydantic import BaseModel, ValidationError

from antispoof.client.exchange import Call, Conversation, Pause, Policy, exchange
from antispoof.client.failures import (
    IncompatibleServiceError,
    RefusedError,
    UnreachableError,
    UnverifiedResultError,
)
from antispoof.contract.documents import (
    Audit,
    CaptureReceipt,
    CheckAnswer,
    Completed,
    Models,
    OpenedSession,
    ReferenceReceipt,
    RegisteredWebhook,
    ResultDocument,
    SessionDocument,
    VerdictDocument,
    WebhookDocument,
    Webhooks,
)
from antispoof.contract.signatures import verify
from antispoof.errors import InputError

__all__ = ["FileVerdict", "Operations", "SessionLike", "SessionRequest", "Source", "see_at_once"]

Source = str | Path | bytes
"""A file by its path, or its content."""

SessionLike = SessionDocument | str
"""A session, or its identifier."""

Model = TypeVar("Model", bound=BaseModel)


class SessionRequest(TypedDict, total=False):
    """What a session is opened with; the service knows what holds for the rest."""

    mode: Literal["passive", "active"]
    modalities: Sequence[str]
    policy: str | None
    challenges: Sequence[str] | None
    ttl_s: int
    retention_s: int
    consent_basis: str | None
    device_id: str | None
    subject: str | None
    site: str


@dataclass(frozen=True, slots=True)
class FileVerdict:
    """What became of one file of a batch.

    Attributes:
        file: as it was named.
        verdict: None where there is none.
        problem: why there is none: the service refused it, or it cannot be read.
    """

    file: Source
    verdict: VerdictDocument | None
    problem: RefusedError | InputError | None = None


class Operations:
    """The calls of one backend.

    Args:
        key: its API key.
        policy: how long a call is tried.
        keys: JWK set that results are checked with; None asks the service once.

    Raises:
        InputError: the key is none that a header can carry.
    """

    def __init__(self, key: str, policy: Policy, keys: Mapping[str, Any] | None) -> None:
        self._key = _for_header(key, "key: an API key has to be given, as `antispoof keys add` showed it")
        self._policy = policy
        self._keys = keys
        self._keys_given = keys is not None

    def open_session(
        self, request: SessionRequest, idempotency_key: str | None
    ) -> Conversation[OpenedSession]:
        """Open; a call that is sent again carries the same key, and opens no second session."""
        wrong = f"idempotency_key: has to be printable ASCII; got {idempotency_key!r}"
        headers = {"Idempotency-Key": _for_header(idempotency_key or secrets.token_urlsafe(24), wrong)}
        try:
            json.dumps(request, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InputError(f"a session is opened with what JSON can say: {error}") from None
        return self._ask(
            OpenedSession, Call("POST", "/v1/sessions", self._key, body=request, headers=headers)
        )

    def session(self, session: SessionLike) -> Conversation[SessionDocument]:
        """Look."""
        return self._ask(SessionDocument, Call("GET", _place(session), self._key))

    def capture(
        self, session: SessionLike, source: Source, seq: int, modality: str, unit: str, token: str | None
    ) -> Conversation[CaptureReceipt]:
        """Hand in a sample, with the session's own token."""
        token = token or (session.client_token if isinstance(session, OpenedSession) else None)
        if token is None:
            raise InputError("client_token: needed where the session is not the one that was opened here")
        token = _for_header(token, "client_token: has to be that of the session")
        return self._ask(CaptureReceipt, _sample(session, "captures", token, source, seq, modality, unit))

    def refer(
        self, session: SessionLike, source: Source, seq: int, modality: str, unit: str
    ) -> Conversation[ReferenceReceipt]:
        """Hand in an earlier capture of the person."""
        call = _sample(session, "references", self._key, source, seq, modality, unit)
        return self._ask(ReferenceReceipt, call)

    def complete(self, session: SessionLike) -> Conversation[Completed]:
        """Judge. Where an answer was lost, the session tells what it was."""
        call = Call("POST", f"{_place(session)}/complete", self._key)
        try:
            document = yield from exchange(call, self._policy, until_free=True)
        except RefusedError as problem:
            if problem.code != "state_conflict" or not problem.unanswered:
                raise
            # The judgement whose answer was lost may have emptied the session for another attempt.
            now = yield from self.session(session)
            if now.captures or now.state != "capturing":
                raise
            return Completed(session=now.id, state="capturing", attempts_left=now.attempts_left, advice=[])
        return _read(Completed, document)

    def result(
        self, session: SessionLike, nonce: str | None, wait_s: float, verified: bool
    ) -> Conversation[ResultDocument]:
        """Read the result, once it is there, and check who signed it and for whom."""
        until = time.monotonic() + wait_s
        while True:
            try:
                call = Call("GET", f"{_place(session)}/result", self._key)
                document = _result((yield from exchange(call, self._policy)))
                break
            except RefusedError as problem:
                left_s = until - time.monotonic()
                if problem.code != "state_conflict" or not problem.document.recoverable or left_s <= 0:
                    raise
                yield Pause(min(left_s, 1.0))
        if not verified:
            return document
        nonce = nonce or (session.nonce if isinstance(session, SessionDocument) else None)
        claims = yield from self._verified(document.jws)
        if claims.get("jti") != _identifier(session):
            raise UnverifiedResultError("signed, but of another session")
        if nonce is not None and claims.get("nonce") != nonce:
            raise UnverifiedResultError("signed, but with another nonce: the result of another session")
        # What was signed is what is returned: the unsigned copy beside it has no say.
        return _result({**claims, "jws": document.jws})

    def _verified(self, token: str) -> Conversation[dict[str, Any]]:
        """Check a signature; keys that were fetched are fetched once more, as a new one may have signed."""
        fetched = False
        while True:
            if self._keys is None:
                self._keys = yield from exchange(Call("GET", "/.well-known/jwks.json"), self._policy)
                fetched = True
            assert self._keys is not None
            try:
                return verify(token, self._keys)
            except InputError as error:
                if self._keys_given or fetched:
                    raise UnverifiedResultError(str(error)) from None
                self._keys = None

    def erase(self, session: SessionLike) -> Conversation[None]:
        """Revoke, and erase media and result."""
        yield from exchange(Call("DELETE", _place(session), self._key), self._policy)

    def audit(self, session: SessionLike) -> Conversation[Audit]:
        """Read what happened."""
        return self._ask(Audit, Call("GET", f"{_place(session)}/audit", self._key))

    def models(self) -> Conversation[Models]:
        """List what judges."""
        return self._ask(Models, Call("GET", "/v1/models", self._key))

    def check(
        self,
        samples: Mapping[str, Source | Sequence[Source]],
        policy: str | None,
        units: Mapping[str, str] | None,
    ) -> Conversation[VerdictDocument]:
        """Judge without a session."""
        form = {} if policy is None else {"policy": policy}
        form |= {f"unit.{name}": unit for name, unit in (units or {}).items()}
        files = []
        for name, given in samples.items():
            many = isinstance(given, Sequence) and not isinstance(given, (str, bytes))
            several = cast("Sequence[Source]", given if many else [given])
            files += [(name, _content(one)) for one in several]
        if not files:
            raise InputError('samples: name at least one, as in check(face_rgb="selfie.jpg")')
        call = Call("POST", "/v1/check", self._key, form=form, files=tuple(files))
        answer = yield from self._ask(CheckAnswer, call)
        return answer.verdict

    def check_file(self, file: Source, modality: str, policy: str | None) -> Conversation[FileVerdict]:
        """Judge one file of a batch; what is wrong with it alone stops nothing."""
        try:
            return FileVerdict(file, (yield from self.check({modality: [file]}, policy, None)))
        except InputError as error:
            return FileVerdict(file, None, error)
        except RefusedError as problem:
            if problem.document.status in (413, 415, 422):
                return FileVerdict(file, None, problem)
            raise

    def add_webhook(self, url: str) -> Conversation[RegisteredWebhook]:
        """Register; the same URL again is the same webhook, so that it may be sent again."""
        return self._ask(RegisteredWebhook, Call("POST", "/v1/webhooks", self._key, body={"url": url}))

    def webhooks(self) -> Conversation[Webhooks]:
        """List."""
        return self._ask(Webhooks, Call("GET", "/v1/webhooks", self._key))

    def remove_webhook(self, webhook: WebhookDocument | str) -> Conversation[None]:
        """Remove; what a call that was lost has removed is not missed."""
        identifier = _checked(webhook if isinstance(webhook, str) else webhook.id, "webhook")
        try:
            yield from exchange(Call("DELETE", f"/v1/webhooks/{identifier}", self._key), self._policy)
        except RefusedError as problem:
            if problem.code != "not_found" or not problem.unanswered:
                raise

    def _ask(self, model: type[Model], call: Call) -> Conversation[Model]:
        document = yield from exchange(call, self._policy)
        return _read(model, document)


def _read(model: type[Model], document: Any) -> Model:
    try:
        return model.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise UnreachableError(f"no {model.__name__} came: {place}: {first['msg']}") from None


def _result(document: Any) -> ResultDocument:
    """Read a result; one that another version of the service has judged is told as what it is."""
    version = document.get("schema_version") if isinstance(document, dict) and "jws" in document else "1."
    if not str(version).startswith("1."):
        raise IncompatibleServiceError(
            f"the result was judged by another version of the service: its document has schema_version "
            f"{version!r}, this client reads 1; `antispoof verify-result` checks its signature"
        )
    return _read(ResultDocument, document)


def _identifier(session: SessionLike) -> str:
    if not isinstance(session, (str, SessionDocument)):
        raise InputError(f"session: has to be one, or its identifier; got {type(session).__name__}")
    return session if isinstance(session, str) else session.id


def _for_header(value: str, wrong: str) -> str:
    if not (
        isinstance(value, str) and value.isascii() and value.isprintable() and value.strip() == value != ""
    ):
        raise InputError(wrong)
    return value


def _place(session: SessionLike) -> str:
    return f"/v1/sessions/{_checked(_identifier(session), 'session')}"


def _checked(identifier: str, what: str) -> str:
    if not identifier.isascii() or not identifier.replace("_", "").replace("-", "").isalnum():
        raise InputError(f"{what}: {identifier!r} is no identifier of a {what}")
    return identifier


def _sample(
    session: SessionLike, what: str, token: str, source: Source, seq: int, modality: str, unit: str
) -> Call:
    content = _content(source)
    form = {"modality": modality, "seq": str(seq), "sha256": hashlib.sha256(content).hexdigest()}
    if unit:
        form["unit"] = unit
    return Call("POST", f"{_place(session)}/{what}", token, form=form, files=(("file", content),))


def see_at_once(at_once: int) -> int:
    """Refuse to judge a batch with nobody at work."""
    if not isinstance(at_once, int) or at_once < 1:
        raise InputError(f"at_once: has to be a whole number, 1 or more; got {at_once!r}")
    return at_once


def _content(source: Source) -> bytes:
    if isinstance(source, bytes):
        return source
    if not isinstance(source, (str, Path)):
        raise InputError(f"a sample is a path, or its content as bytes; got {type(source).__name__}")
    try:
        return Path(source).read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {str(source)!r}: {getattr(error, 'strerror', error)}") from None
