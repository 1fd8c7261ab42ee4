#!/usr/bin/env bash
# numpy 2.4.6: np.sort is several times slower with AVX-512 than without it, on an AMD processor that has it.
#
# NumPy picks the path of its sort by what a processor can do, and not by how fast it does it; storing compressed
# vectors, which the AVX-512 path lives on, is known to be slow on some AMD processors. NPY_DISABLE_CPU_FEATURES
# takes the AVX2 path of the same library; it is read when NumPy is imported. The result is the same, bit for bit.
# float64, int64, uint64 and uint32 were seen to be concerned. A stable sort of float64 is another algorithm.
#
# Seen on an EPYC: 5 million float64 in 0.32 s with AVX-512, 0.055 s without.
# Says so and ends well on a processor of another make, or without AVX-512.
set -euo pipefail
grep -q AuthenticAMD /proc/cpuinfo && grep -q avx512f /proc/cpuinfo || { echo "no AMD processor with AVX-512 here"; exit 0; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
cat > "$folder/sort.py" <<'PYTHON'
import time

import numpy as np

scores = np.random.default_rng(0).normal(size=5_000_000)
seconds = []
for _ in range(5):
    start = time.process_time()
    ordered = np.sort(scores)
    seconds.append(time.process_time() - start)
print(min(seconds), ordered[::1_000_000].tobytes().hex())
PYTHON
read -r with first < <("$folder/venv/bin/python" "$folder/sort.py")
read -r without second < <(NPY_DISABLE_CPU_FEATURES="X86_V4 AVX512_ICL AVX512_SPR" "$folder/venv/bin/python" -W ignore "$folder/sort.py")
echo "numpy 2.4.6, 5 million float64: $with s with AVX-512, $without s without"
test "$first" = "$second"
python3 -c "import sys; sys.exit(not float(sys.argv[1]) > 2 * float(sys.argv[2]))" "$with" "$without"
