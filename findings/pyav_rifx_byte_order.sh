#!/usr/bin/env bash
# PyAV 18.1.0 (FFmpeg 8): a big-endian wav (RIFX) opens without a word, and every sample has its bytes swapped.
#
# The demultiplexer for wav knows the magic RIFX and reads the sizes of chunks, rate and channels as big-endian; the
# samples it hands on as little-endian (pcm_s16le). What comes out is loud noise of the right length, with no error
# and no warning: a detector would judge it. libsndfile reads the same file as it was written. AIFF, which is
# big-endian as well, is decoded rightly (pcm_s16be).
#
# Seen: 1, 256, 1000, -2 written as RIFX → 256, 1, -6141, -257 (PyAV), 1, 256, 1000, -2 (soundfile 0.14.0).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet av==18.1.0 soundfile==0.14.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import io

import av
import numpy as np
import soundfile

stored = np.array([1, 256, 1000, -2], np.int16)


def by_pyav(kind: str) -> tuple[str, list[int]]:
    file = io.BytesIO()
    soundfile.write(file, stored, 16000, subtype="PCM_16", endian="BIG", format=kind)
    file.seek(0)
    print(f"{kind}: begins with {file.getvalue()[:4]!r}; soundfile {soundfile.read(file, dtype='int16')[0].tolist()}")
    file.seek(0)
    with av.open(file) as opened:
        codec = opened.streams.audio[0].codec_context.name
        return codec, np.concatenate([f.to_ndarray().ravel() for f in opened.decode(audio=0)]).tolist()


print(f"PyAV {av.__version__}, libavformat {av.library_versions['libavformat']}, {soundfile.__libsndfile_version__=}")
rifx, aiff = by_pyav("WAV"), by_pyav("AIFF")
print("RIFX by PyAV:", rifx)
print("AIFF by PyAV:", aiff)
assert rifx == ("pcm_s16le", stored.byteswap().tolist()), "RIFX is read rightly now"
assert aiff == ("pcm_s16be", stored.tolist())
PYTHON
