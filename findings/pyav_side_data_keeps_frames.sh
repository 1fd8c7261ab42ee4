#!/usr/bin/env bash
# PyAV 18.1.0 (FFmpeg 8): a video frame that was asked for its side data stays in memory until the garbage collector.
#
# `frame.side_data` makes a container that refers to the frame, and the frame keeps the container: a cycle. Frames are
# otherwise freed by their reference count as soon as nobody names them. Reading a display matrix from every frame of a
# clip so keeps the decoded pictures of half a clip, as Python's collector counts objects and not their megabytes.
#
# Seen: with the collector off, 60 frames of 640 x 480 decoded one by one take less than 20 MB; the same with
# `frame.side_data` read of each keeps more than 20 MB until gc.collect().
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet av==18.1.0 numpy==2.4.6
cat >"$folder/keeps.py" <<'PYTHON'
import gc
import io
import sys

import av
import numpy as np

file = io.BytesIO()
with av.open(file, "w", format="matroska") as out:
    stream = out.add_stream("mpeg4", rate=30)
    stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
    for index in range(60):
        out.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((480, 640, 3), 3 * index, np.uint8), "rgb24")))
    out.mux(stream.encode(None))
file.seek(0)
gc.disable()


def resident() -> float:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096 / 2**20


asked = sys.argv[1] == "asked"
begin = resident()
with av.open(file) as opened:
    for frame in opened.decode(video=0):
        if asked:
            frame.side_data  # noqa: B018
    del frame
    kept = resident() - begin
gc.collect()
print(f"PyAV {av.__version__}, side data {sys.argv[1]}: {kept:.0f} MB more before a collection")
assert (kept > 20) == asked, "frames are freed, or kept, otherwise now"
PYTHON
"$folder/venv/bin/python" "$folder/keeps.py" "not asked"
"$folder/venv/bin/python" "$folder/keeps.py" asked
echo "behaviour unchanged"
