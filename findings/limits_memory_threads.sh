#!/usr/bin/env bash
# limits 5.8.0: counting in memory starts a thread of the operating system for nearly every hit.
#
# MemoryStorage clears away what has expired in a threading.Timer of 10 ms that the next hit starts anew once it
# has ended. Hits that are more than 10 ms apart therefore start one thread each, for as long as the process
# runs, in every strategy. It also answers from time.time(), so a clock that is set back makes a client wait.
#
# Seen: 20 hits 30 ms apart start 20 threads, one each; with a fixed window too.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet limits==5.8.0
"$folder/venv/bin/python" - <<'PYTHON'
import threading
import time
from importlib.metadata import version

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter

print("limits", version("limits"))
start = threading.Thread.start
for strategy in (MovingWindowRateLimiter, FixedWindowRateLimiter):
    limiter, rate = strategy(MemoryStorage()), RateLimitItemPerMinute(1000)
    time.sleep(0.1)
    started = []
    threading.Thread.start = lambda thread: (started.append(thread), start(thread))[1]
    for _ in range(20):
        assert limiter.hit(rate, "somebody")
        time.sleep(0.03)
    threading.Thread.start = start
    print(f"{strategy.__name__}: 20 hits started {len(started)} threads")
    assert len(started) >= 15, "hits start no threads now"
PYTHON
