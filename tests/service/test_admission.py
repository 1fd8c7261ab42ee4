"""Who is let in to be judged, how often, and who is told to come back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from antispoof.service import workers as workers_module
from antispoof.service.limits import Limits
from antispoof.service.problems import Problem
from antispoof.service.settings import Settings
from antispoof.service.workers import Workers


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """What takes so many seconds, by a clock that goes on for nothing else."""
    now = [0.0]
    monkeypatch.setattr(workers_module, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def work(seconds: float) -> None:
        now[0] += seconds

    return work


def test_nobody_is_let_in_to_wait_for_longer_than_is_set(job: Callable[[float], None]) -> None:
    workers = Workers("test", threads=1, slots=100, longest_wait_s=0.5)
    try:
        with workers.reserve() as reservation:
            asyncio.run(reservation.run(job, 0.2))  # a job takes 0.2 s: three of them are too long
        with workers.reserve(), workers.reserve(), workers.reserve():
            with pytest.raises(Problem, match="waiting") as refused:
                workers.check_room()
            assert (refused.value.status, refused.value.retry_after_s) == (503, 1)
        workers.check_room()
    finally:
        workers.close()


def test_somebody_may_wait_however_long_a_job_takes(job: Callable[[float], None]) -> None:
    workers = Workers("test", threads=1, slots=100, longest_wait_s=0.001)
    try:
        with workers.reserve() as reservation:
            asyncio.run(reservation.run(job, 0.05))
        with workers.reserve(), workers.reserve(), pytest.raises(Problem):
            workers.check_room()
    finally:
        workers.close()


@pytest.mark.parametrize(
    "count",
    [
        lambda limits, who: limits.request(who, "default"),
        lambda limits, who: limits.capture(who),
        lambda limits, who: limits.page_session(who),
    ],
)
@pytest.mark.parametrize("storage", ["memory://", "memory://?shared"])
def test_a_rate_is_kept_for_each_by_itself_and_its_window_moves(
    count: Callable[[Limits, str], None], storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = Limits(
        Settings(
            limits_storage=storage, requests_per_minute=3, captures_per_second=3, page_sessions_per_minute=3
        )
    )
    now, wall = time.monotonic(), time.time()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(time, "time", lambda: wall)
    for _ in range(3):
        count(limits, "one")
    with pytest.raises(Problem) as refused:
        count(limits, "one")
    assert refused.value.code == "rate_limited"
    wait_s = refused.value.retry_after_s
    assert wait_s in (1, 60)
    count(limits, "another")
    now, wall = now + wait_s + 0.001, wall + wait_s + 0.001
    count(limits, "one")
