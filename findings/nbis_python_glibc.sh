#!/usr/bin/env bash
# nbis-python 0.1.21: the wheel is tagged manylinux_2_28, and what is in it needs glibc 2.38.
#
# pip installs it on every system with glibc 2.28 or newer (Debian 11 and 12, Ubuntu 22.04, RHEL 8 and 9), where
# `import nbis` then fails with "version `GLIBC_2.38' not found": the OpenCV libraries that the wheel carries were built
# on a newer system than the tag promises.
#
# Seen: libopencv_core.so.413 asks for GLIBC_2.38.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" download --quiet --no-deps --only-binary :all: --platform manylinux_2_28_x86_64 \
    --python-version 3.11 --dest "$folder" nbis-python==0.1.21
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import re
import sys
import zipfile
from pathlib import Path

(wheel,) = Path(sys.argv[1]).glob("*.whl")
print(wheel.name)
needed = {}
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        if ".so" in name:
            found = {tuple(map(int, v.split(b"."))) for v in re.findall(rb"GLIBC_(\d+\.\d+)\0", archive.read(name))}
            needed[name] = max(found, default=(0, 0))
for name, version in needed.items():
    print(name, "needs glibc", ".".join(map(str, version)))
assert "manylinux_2_28" in wheel.name, "the tag has changed"
assert max(needed.values()) == (2, 38), "what it needs has changed"
PYTHON
