"""The detector, behind a queue that says no when it is full."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from antispoof.errors import AntispoofError, MediaError
from antispoof.runtime.detector import Detector, load
from antispoof.runtime.verdict import Verdict
from antispoof.service.problems import Problem, from_media_error
from antispoof.service.settings import Settings

__all__ = ["Checks", "Place"]

T = TypeVar("T")
RETRY_AFTER_S = 1


class Place:
    """A reserved place in the queue: whoever holds it may run work there, one after the other."""

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        self._executor = executor

    async def run(self, work: Callable[..., T], *arguments: object) -> T:
        """Run in a thread of the queue. The caller's leaving does not end the work."""
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(self._executor, functools.partial(work, *arguments)))


class Checks:
    """Runs checks on a few threads; more than ``queue_length`` waiting are refused at once.

    Args:
        settings: which model, how many threads, how long a queue.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._executor = ThreadPoolExecutor(settings.inference_threads, thread_name_prefix="check")
        self._capacity = settings.inference_threads + settings.queue_length
        self._taken = 0
        self._lock = threading.Lock()
        self._detectors: dict[str | None, Detector] = {}
        self._loading = threading.Lock()

    @property
    def taken(self) -> int:
        """How many places are taken."""
        return self._taken

    @contextmanager
    def place(self) -> Iterator[Place]:
        """Reserve a place.

        Raises:
            Problem: ``overloaded``.
        """
        with self._lock:
            if self._taken >= self._capacity:
                raise Problem("overloaded", "all places are taken", retry_after_s=RETRY_AFTER_S)
            self._taken += 1
        try:
            yield Place(self._executor)
        finally:
            with self._lock:
                self._taken -= 1

    def detector(self, policy: str | None = None) -> Detector:
        """Return the detector at an operating point, loaded on first use.

        Raises:
            Problem: ``model_unavailable``; ``invalid_request`` where there is no such operating point.
        """
        with self._loading:
            found = self._detectors.get(policy)
            if found is not None:
                return found
            default = self._detectors.get(None)
            if policy is not None and default is not None:
                known = default.bundle.metadata.operating_points
                if policy not in known:
                    raise Problem("invalid_request", f"policy: has to be one of {', '.join(sorted(known))}")
            try:
                loaded = load(self._settings.bundle, at=policy)
            except (AntispoofError, OSError) as error:
                raise Problem("model_unavailable", "the model cannot be loaded", retry_after_s=30) from error
            self._detectors[policy] = loaded
            return loaded

    def check(self, policy: str | None, sources: Mapping[str, bytes]) -> Verdict:
        """Judge one presentation.

        Raises:
            Problem: a source is no usable media, or the model fails; a failure is never bona fide.
        """
        detector = self.detector(policy)
        try:
            return detector.check(**sources)
        except MediaError as error:
            raise from_media_error(error, "the sample") from None
        except Exception as error:  # whatever the model does, nobody is let through
            raise Problem("model_unavailable", "the model failed", retry_after_s=1) from error

    def close(self) -> None:
        """Let the running checks end; start no other."""
        self._executor.shutdown(cancel_futures=True)
