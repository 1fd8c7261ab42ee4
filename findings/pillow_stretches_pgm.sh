#!/usr/bin/env bash
# Pillow 13.0.0: a portable graymap is not read with the values that are stored in it.
#
# A PGM states its largest value. Unless that is 255 or 65535, Pillow stretches what it reads to the full range
# of 8 or 16 bits: a depth map in millimetres with a largest value of 5000 comes back thirteen times deeper, a
# 10-bit infrared picture as one of 16 bits. The picture looks right, so nobody notices; there is no option to
# switch it off, and the largest value is not in `info`. OpenCV reads the same file as it is.
#
# Seen: 0, 500, 1000, 5000 of a 16-bit PGM with the largest value 5000 → 0, 6554, 13107, 65535 (Pillow),
# 0, 500, 1000, 5000 (OpenCV 5.0.0).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pillow==13.0.0 numpy==2.4.6 opencv-python-headless==5.0.0.93
"$folder/venv/bin/python" - <<'PYTHON'
import io

import cv2
import numpy as np
import PIL
from PIL import Image

stored = np.array([[0, 500, 1000, 5000]], ">u2")
data = b"P5\n4 1\n5000\n" + stored.tobytes()
picture = Image.open(io.BytesIO(data))
by_pillow = np.asarray(picture).ravel().tolist()
by_opencv = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED).ravel().tolist()
print(f"Pillow {PIL.__version__}: mode {picture.mode}, {by_pillow}, info {picture.info}")
print(f"OpenCV {cv2.__version__}: {by_opencv}")
assert by_pillow == [0, 6554, 13107, 65535], "Pillow keeps the values now"
assert by_opencv == [0, 500, 1000, 5000]
PYTHON
