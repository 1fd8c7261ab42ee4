#!/usr/bin/env bash
# YuNet (weights of libfacedetection.train at 0047ac2, SHA-256 104ee26c71d5...) with OpenCV 5.0.0 finds a face that stands on
# its head, 0.8 sure or more, and puts its landmarks as if the face were upright: the points that it calls eyes lie ABOVE those that it
# calls corners of the mouth. The roll of the landmarks does not tell that a picture is upside down; how sure the detector is does.
# Fails where that is no longer so.
set -eu
weights=$(cd "$(dirname "$0")/.." && pwd)/src/antispoof/sensing/weights/yunet_n_dynamic.onnx
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet opencv-python-headless==5.0.0.93 scikit-image==0.26.0
"$folder/venv/bin/python" - "$weights" <<'PYTHON'
import sys

import cv2
import numpy as np
from skimage.data import astronaut

side = 200
detector = cv2.FaceDetectorYN.create(sys.argv[1], "", (side, side), 0.5)
upright = cv2.resize(astronaut()[20:220, 120:320, ::-1], (side, side))
found = {}
for name, picture in {"upright": upright, "upside down": upright[::-1, ::-1]}.items():
    faces = detector.detect(np.ascontiguousarray(picture))[1]
    assert faces is not None and len(faces) == 1, (name, faces)
    eyes, mouth = faces[0, [5, 7]].mean(), faces[0, [11, 13]].mean()
    found[name] = float(faces[0, 14])
    print(f"{name}: {found[name]:.2f} sure, eyes at y = {eyes:.0f}, mouth at y = {mouth:.0f}")
    assert eyes < mouth, "the landmarks follow the turn now"
assert found["upright"] > found["upside down"] > 0.5
print("OpenCV", cv2.__version__)
PYTHON
