#!/usr/bin/env bash
# simplejpeg 1.9.0: `decode_jpeg(data, min_factor=2)` decodes at full size.
#
# The argument is documented as "minimum scaling factor (original size / decoded size)", so that 2 reads as
# "at most half the size". Without min_height and min_width it has no effect at all; with them it is they that
# choose the size, and the smallest one that is not below them is taken. Somebody who bounds the memory of large
# photographs by min_factor alone bounds nothing.
#
# Seen: (256, 320, 3) for min_factor 1, 2, 4 and 8; (128, 160, 3) for min_height=128, min_width=160.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet simplejpeg==1.9.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import numpy as np
import simplejpeg

y, x = np.mgrid[:256, :320]
data = simplejpeg.encode_jpeg(np.stack([x % 256, y, (x + y) % 256], axis=-1).astype(np.uint8), 90)
shapes = [simplejpeg.decode_jpeg(data, min_factor=factor).shape for factor in (1, 2, 4, 8)]
print("simplejpeg", version("simplejpeg"))
print("min_factor 1, 2, 4, 8:", shapes)
bounded = simplejpeg.decode_jpeg(data, min_height=128, min_width=160).shape
print("min_height=128, min_width=160:", bounded)
assert shapes == [(256, 320, 3)] * 4, "min_factor has an effect by itself now"
assert bounded == (128, 160, 3)
PYTHON
