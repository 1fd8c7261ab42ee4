"""Many presentations, one after another: some before the networks at a time, the next decoded meanwhile."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from antispoof.errors import InputError
from antispoof.runtime.pool import cores
from antispoof.runtime.presentation import Presented
from antispoof.runtime.verdict import Verdict

if TYPE_CHECKING:
    from concurrent.futures import Future

    from antispoof.runtime.detector import Detector

__all__ = ["Judged", "judge_each"]

T = TypeVar("T")

# Presentations before the networks at a time: of more, the first have left the cache when they are cut out.
PRESENTATIONS = 4
AHEAD = 4  # decoded while the networks run
# A process that keeps to one core is one of several, and its memory counts: these take 2 % more time.
PRESENTATIONS_ALONE, AHEAD_ALONE = 2, 1
BATCH_BYTES = 64 * 2**20  # of decoded samples: a batch of large pictures, or of long recordings, is smaller


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one presentation.

    Attributes:
        result: the verdict, or the error that kept it from being judged.
        milliseconds: spent on it: its decoding, and its share of what its batch took.
    """

    result: Verdict | InputError
    milliseconds: float


_Looked = tuple[Presented | InputError, float]


def judge_each(
    detector: Detector, presentations: Iterable[T], look: Callable[[T], Presented]
) -> Iterator[Judged]:
    """Judge presentations in order; one that cannot be used does not keep the others from being judged.

    Args:
        detector: who judges.
        presentations: in whatever form; taken as they are needed.
        look: makes of one what `Detector.look` returns, in another thread; an `InputError` that it raises is
            the result.

    Yields:
        one result each.

    Raises:
        BundleError: a network fails.
    """
    together, ahead = (PRESENTATIONS, AHEAD) if cores() > 1 else (PRESENTATIONS_ALONE, AHEAD_ALONE)
    waiting: list[_Looked] = []
    size = 0
    for looked in _ahead(partial(_look, look), presentations, ahead):
        waiting.append(looked)
        size += looked[0].size if isinstance(looked[0], Presented) else 0
        if len(waiting) == together or size >= BATCH_BYTES:
            yield from _judged(detector, waiting)
            waiting, size = [], 0
    yield from _judged(detector, waiting)


def _look(look: Callable[[T], Presented], presentation: T) -> _Looked:
    start = time.perf_counter()
    try:
        found: Presented | InputError = look(presentation)
    except InputError as error:
        found = error
    return found, 1000 * (time.perf_counter() - start)


def _judged(detector: Detector, looked: list[_Looked]) -> Iterator[Judged]:
    readable = [found for found, _ in looked if isinstance(found, Presented)]
    start = time.perf_counter()
    verdicts = iter(detector.judge(readable))
    share = 1000 * (time.perf_counter() - start) / max(len(readable), 1)
    for found, spent in looked:
        if isinstance(found, InputError):
            yield Judged(found, spent)
        else:
            yield Judged(next(verdicts), spent + share)


def _ahead(function: Callable[[T], _Looked], items: Iterable[T], ahead: int) -> Iterator[_Looked]:
    """Apply a function to items in order, a few ahead in another thread; to one item alone, here."""
    left = iter(items)
    first = list(islice(left, 2))
    if len(first) < 2:
        yield from map(function, first)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as executor:
        pending: deque[Future[_Looked]] = deque(executor.submit(function, item) for item in first)
        try:
            for item in left:
                pending.append(executor.submit(function, item))
                if len(pending) > ahead:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
