#!/usr/bin/env bash
# FFmpeg 8 (in PyAV 18.1.0): some filters that clean speech hand it back late, and their time stamps do not say so.
#
# afftdn delays by a fortieth of a second at every rate, anlmdn by 8 ms and alimiter by 5 ms as they are set by default.
# The first sample that comes out has time stamp 0 all the same and there are as many samples as before, so the end of
# the recording is lost. afwtdn and adeclick, beside them, are in time. Who compares a cleaned recording with its
# original sample by sample, or lips with a voice that was cleaned, has to shift it back.
#
# Seen at 16 kHz: afftdn 400 samples, anlmdn 128, alimiter 79, afwtdn 0, adeclick 0; afftdn at 48 kHz 1200.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet av==18.1.0 numpy==2.4.6
cat >"$folder/late.py" <<'PYTHON'
from fractions import Fraction

import av
import numpy as np


def through(name: str, options: str, sound: np.ndarray, rate: int) -> tuple[np.ndarray, int]:
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=rate, format="flt", layout="mono", time_base=Fraction(1, rate))
    effect, sink = graph.add(name, options), graph.add("abuffersink")
    source.link_to(effect)
    effect.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(sound[None].astype(np.float32), "flt", "mono")
    frame.sample_rate, frame.pts = rate, 0
    source.push(frame)
    source.push(None)
    parts, first = [], None
    while True:
        try:
            part = sink.pull()
        except (av.error.EOFError, av.error.BlockingIOError):
            return np.concatenate(parts), first
        first = part.pts if first is None else first
        parts.append(part.to_ndarray().ravel())


def delay(name: str, options: str, rate: int) -> int:
    noise = np.random.default_rng(0)
    sound = np.zeros(2 * rate)
    for start in (rate // 4, rate // 2 + 123, rate):
        sound[start : start + rate // 20] = 0.3 * noise.normal(size=rate // 20)
    heard, first = through(name, options, sound, rate)
    assert (len(heard), first) == (len(sound), 0), "length or first time stamp"
    size = 2 * len(sound)
    like = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(sound, size)))
    return int(np.argmax(like[: len(sound)]))


expected = {
    ("afftdn", "nr=6:nf=-40", 16000): 400,
    ("afftdn", "nr=6:nf=-40", 48000): 1200,
    ("anlmdn", "", 16000): 128,
    ("alimiter", "", 16000): 79,
    ("afwtdn", "", 16000): 0,
    ("adeclick", "", 16000): 0,
}
for (name, options, rate), late in expected.items():
    found = delay(name, options, rate)
    print(f"{name} at {rate} Hz: {found} samples late, as many samples as before, first time stamp 0")
    assert found == late, (name, found, late)
PYTHON
"$folder/venv/bin/python" "$folder/late.py"
echo "behaviour unchanged"
