"""One call: what is sent, when it is sent again, and what an answer means. Sends nothing itself.

A conversation is a generator: it yields a `Call` or a `Pause` and is sent what came of it, so that the
blocking and the asynchronous client share every decision.
"""

from __future__ import annotations

import json
import random
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import antispoof
from antispoof.client.failures import IncompatibleServiceError, RefusedError, UnreachableError
from antispoof.contract import API_HEADER, API_VERSION
from antispoof.contract.documents import ProblemDocument
from antispoof.errors import InputError

__all__ = ["Answer", "Call", "Conversation", "Pause", "Policy", "exchange"]

T = TypeVar("T")

TRANSIENT = (429, 502, 503, 504)
"""Statuses that may be another ones a moment later; 502 and 504 are of proxies."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request; whoever is handed it may send it more than once."""

    method: str
    path: str
    token: str | None = None
    body: Mapping[str, Any] | None = None
    form: Mapping[str, str] = field(default_factory=dict)
    files: tuple[tuple[str, bytes], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What came; ``status`` 0 where nothing did, and ``failure`` says why."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""
    failure: str = ""


Conversation = Generator[Call | Pause, Answer | None, T]


@dataclass(frozen=True, slots=True)
class Policy:
    """How long a call is tried.

    Attributes:
        retries: how often it is sent again at most.
        longest_wait_s: before one of these; a service that asks for more is not waited for.
    """

    retries: int = 4
    longest_wait_s: float = 30.0

    def __post_init__(self) -> None:
        """Refuse what is no such number."""
        if not isinstance(self.retries, int) or self.retries < 0:
            raise InputError(f"retries: has to be a whole number, 0 or more; got {self.retries!r}")
        if not isinstance(self.longest_wait_s, (int, float)) or not self.longest_wait_s >= 0:
            raise InputError(f"longest_wait_s: has to be 0 or more; got {self.longest_wait_s!r}")

    def wait_s(self, attempt: int, asked_for: float | None) -> float:
        """Say how long to wait: as the service asks, or twice as long each time, spread by chance."""
        if asked_for is not None:
            return asked_for
        return min(0.2 * 2.0**attempt, self.longest_wait_s) * random.uniform(0.5, 1.0)


def exchange(call: Call, policy: Policy, *, until_free: bool = False) -> Conversation[Any]:
    """Send a call until it is answered; return the answer's JSON, None where it has none.

    Args:
        call: what is sent.
        policy: how often.
        until_free: send it again as well where the session is busy for a moment.

    Raises:
        RefusedError: the service refuses, for good or for longer than the policy waits.
        UnreachableError: there was no answer.
        IncompatibleServiceError: another version of the interface answered.
    """
    unanswered, failure = 0, ""
    for attempt in range(policy.retries + 1):
        answer = yield call
        assert answer is not None
        unanswered += answer.status == 0
        failure = answer.failure or f"{answer.status}, which is no answer of the service"
        problem = _problem(answer)
        if problem is not None or (answer.status and answer.status not in TRANSIENT):
            yield from _see_version(answer)
        if problem is None and answer.status and answer.status not in TRANSIENT:
            return _content(answer)
        asked_for = None if problem is None else problem.retry_after_s
        wait_s = policy.wait_s(attempt, asked_for)
        again = problem is None or problem.status in TRANSIENT or (until_free and asked_for is not None)
        if attempt == policy.retries or not again or not 0 <= wait_s <= policy.longest_wait_s:
            break
        yield Pause(wait_s)
    if problem is not None:
        raise RefusedError(problem, unanswered)
    raise UnreachableError(f"{call.method} {call.path}: {failure}; tried {attempt + 1} times")


def _problem(answer: Answer) -> ProblemDocument | None:
    if not answer.headers.get("content-type", "").startswith("application/problem+json"):
        return None
    try:
        return ProblemDocument.model_validate_json(answer.content)
    except ValueError:
        return None


def _content(answer: Answer) -> Any:
    if answer.status >= 400:
        raise UnreachableError(f"{answer.status}: something else answers there than the service")
    try:
        return json.loads(answer.content) if answer.content else None
    except (ValueError, RecursionError):
        raise UnreachableError("what answers there is no antispoof service: no JSON") from None


def _see_version(answer: Answer) -> Conversation[None]:
    """Refuse a service of another version; one that does not state it is asked which it is."""
    stated = answer.headers.get(API_HEADER.lower(), "")
    package = ""
    if not stated:
        described = yield Call("GET", "/openapi.json")
        assert described is not None
        try:
            about = json.loads(described.content)["info"]
            package = f"{about['title']} {about['version']}"
        except (ValueError, KeyError, TypeError, RecursionError):
            raise UnreachableError("what answers there is no antispoof service") from None
    _see_numbers(stated, package)


def _see_numbers(stated: str, package: str) -> None:
    major, _, minor = (stated or "1.0").partition(".")
    own_major, _, own_minor = API_VERSION.partition(".")
    if major == own_major and minor.isdecimal() and int(minor) >= int(own_minor):
        return
    theirs = f"{stated or '1.0'}{f' ({package})' if package else ''}"
    newer = major.isdecimal() and int(major) > int(own_major)
    raise IncompatibleServiceError(
        f"this client speaks version {API_VERSION} of the interface (antispoof {antispoof.__version__}), "
        f"the service {theirs}: update the {'client' if newer else 'service'}"
    )
