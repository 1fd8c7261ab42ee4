"""What can go wrong between a backend and the service. An attack is a result, and none of these."""

from __future__ import annotations

from antispoof.contract.documents import ProblemDocument
from antispoof.errors import AntispoofError

__all__ = ["IncompatibleServiceError", "RefusedError", "UnreachableError", "UnverifiedResultError"]


class RefusedError(AntispoofError):
    """The service refused.

    Args:
        document: what it said; ``code`` tells refusals apart, ``advice`` is for the person.
        unanswered: how often the same call was sent before without an answer; it may have been done then.
    """

    def __init__(self, document: ProblemDocument, unanswered: int = 0) -> None:
        super().__init__(
            f"{document.status} {document.code}: {document.detail} (request {document.request_id})"
        )
        self.document = document
        self.unanswered = unanswered

    @property
    def code(self) -> str:
        """Which refusal, as docs/reference/service.md lists them."""
        return self.document.code


class UnreachableError(AntispoofError):
    """No answer of the service came, however often it was asked."""


class IncompatibleServiceError(AntispoofError):
    """The service speaks another version of the interface than this client needs."""


class UnverifiedResultError(AntispoofError):
    """A result is not signed by the service's keys, or is of another session."""
