#!/usr/bin/env bash
# Ray 2.60.0: ray.init(address="host:port") where nobody listens waits two minutes, then raises SystemExit(15).
#
# ConnectionError is what ray.init raises for address="auto" without a cluster, so one expects it here too. The wait
# is not shortened by an argument, and `except Exception` does not catch what comes out of it: a program that means
# to say "the cluster is away" just ends. A TCP connection to the port, tried first, tells it at once.
#
# Seen: SystemExit, code 15, after 120 s.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ray==2.60.0
"$folder/venv/bin/python" - 2> "$folder/log" <<'PYTHON'
import socket
import time

import ray

with socket.socket() as taken:
    taken.bind(("127.0.0.1", 0))
    port = taken.getsockname()[1]
start = time.monotonic()
try:
    ray.init(address=f"127.0.0.1:{port}", include_dashboard=False)
except BaseException as error:
    seconds = time.monotonic() - start
    print(f"Ray {ray.__version__}: {type(error).__name__}({error}) after {seconds:.0f} s")
    assert isinstance(error, SystemExit)
    assert seconds > 60
else:
    raise AssertionError("somebody answered")
PYTHON
