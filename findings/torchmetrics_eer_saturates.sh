#!/usr/bin/env bash
# torchmetrics 1.9.0: the equal error rate of a detector without an error is 50 %, where its scores are log ratios above 17.
#
# What binary_eer is given is taken for logits as soon as one value lies outside 0 to 1, and put through a sigmoid. In
# float32 that is exactly 1 from about 16.7 on, so all larger log-likelihood ratios become one score: of speaker
# verification and spoof detection, where such ratios are usual, a perfect order becomes none. The same scores less a
# constant, which changes no order, have an equal error rate of 0; so have the same ones as float64.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torchmetrics==1.9.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
import torchmetrics
from torchmetrics.functional.classification import binary_eer

bona_fide, attack = [40.0, 30.0, 25.0], [22.0, 20.0, 18.0]
labels = torch.tensor([1, 1, 1, 0, 0, 0])
scores = torch.tensor(bona_fide + attack)
as_they_are = binary_eer(scores, labels).item()
moved = binary_eer(scores - 23, labels).item()
wider = binary_eer(scores.double(), labels).item()
print(f"torchmetrics {torchmetrics.__version__}: EER {as_they_are}; of the scores less 23 {moved}; as float64 {wider}")
assert (as_they_are, moved, wider) == (0.5, 0.0, 0.0)
PYTHON
