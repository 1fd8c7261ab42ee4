#!/usr/bin/env bash
# wsq 0.9 (Pillow plugin): the resolution of a WSQ file is neither written nor read.
#
# A file that is saved with dpi=(1000, 1000) says "PPI 500" in its NIST comment, and a file whose comment says
# anything else is opened without "dpi" in `info`. Whoever needs the resolution reads the comment.
#
# Seen: b"PPI 500" in what was saved at 1000; info is {} for a file that says 1000.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet wsq==0.9 pillow==13.0.0
"$folder/venv/bin/python" - <<'PYTHON'
import io
from importlib.metadata import version

import wsq  # noqa: F401 - registers the plugin
from PIL import Image

picture = Image.frombytes("L", (160, 160), bytes((x * y) % 251 for y in range(160) for x in range(160)))
file = io.BytesIO()
picture.save(file, "WSQ", dpi=(1000, 1000))
content = file.getvalue()
print("wsq", version("wsq"))
print("saved at 1000:", content[content.find(b"PPI ") :][:7])
changed = content.replace(b"PPI 500", b"PPI 999")
info = Image.open(io.BytesIO(changed)).info
print("opened, says 999:", info)
assert b"PPI 500" in content and b"PPI 1000" not in content, "the resolution is written now"
assert not info, "the resolution is read now"
PYTHON
