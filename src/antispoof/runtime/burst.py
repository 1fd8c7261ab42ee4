"""A burst on several cores: whichever has no picture left to look at scores those that were looked at.

With five pictures on two cores one of them looks at three and the other at two. Were all looked at before any
is scored, and then scored three and two, one core would idle twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

__all__ = ["look_and_score"]

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")


def look_and_score(
    sources: Sequence[S],
    look: Callable[[S], T],
    score: Callable[[list[T]], list[R]],
    workers: int,
    run: Callable[[Callable[[int], None], Sequence[int]], object],
) -> list[tuple[T, R]]:
    """Look at each source, and score as many of them at a time as there are for each worker.

    Which are scored together does not depend on who is quicker, so that scores do not either.

    Args:
        sources: N of them.
        look: makes of one what is scored.
        score: scores several.
        workers: how many threads, at least 1.
        run: calls a function with each of several numbers, beside each other.

    Returns:
        of each source, what was seen and its score.

    Raises:
        Exception: what the first source raised that cannot be looked at; or what ``score`` raises.
    """
    work = _Work(sources, look, score, -(-len(sources) // workers))
    run(work, range(workers))
    return work.done()


class _Work(Generic[S, T, R]):
    def __init__(
        self, sources: Sequence[S], look: Callable[[S], T], score: Callable[[list[T]], list[R]], size: int
    ) -> None:
        self._sources, self._look, self._score = sources, look, score
        self._left = list(range(len(sources)))[::-1]
        self._batches = [self._left[::-1][start : start + size] for start in range(0, len(sources), size)]
        self._seen: dict[int, T | Exception] = {}
        self._scored: dict[int, R] = {}
        self._changed = threading.Condition()

    def __call__(self, _: int) -> None:
        """Work until nothing is left to begin."""
        while True:
            with self._changed:
                while not self._left and self._batches and self._ready() is None:
                    self._changed.wait()
                if self._left:
                    place = self._left.pop()
                    batch = None
                else:
                    batch = self._ready()
                    if batch is None:
                        return
                    self._batches.remove(batch)
            if batch is None:
                self._look_at(place)
                continue
            seen = [found for place in batch if not isinstance(found := self._seen[place], Exception)]
            if len(seen) == len(batch):
                self._scored |= zip(batch, self._score(seen), strict=True)

    def _look_at(self, place: int) -> None:
        found: T | Exception
        try:
            found = self._look(self._sources[place])
        except Exception as error:  # it is raised when all have ended, the first of them
            found = error
        with self._changed:
            self._seen[place] = found
            self._changed.notify_all()

    def _ready(self) -> list[int] | None:
        return next((batch for batch in self._batches if all(place in self._seen for place in batch)), None)

    def done(self) -> list[tuple[T, R]]:
        """Return what was seen and scored; raise what the first source raised that cannot be looked at."""
        whole = []
        for place in range(len(self._sources)):
            found = self._seen[place]
            if isinstance(found, Exception):
                raise found
            whole.append(found)
        return [(found, self._scored[place]) for place, found in enumerate(whole)]
