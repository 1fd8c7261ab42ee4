#!/usr/bin/env bash
# cheshm 2.5.0: a wheel that says "License: MIT" holds compiled detectors under GPL and non-commercial terms.
#
# It finds pupil, glint and limbus in eye pictures, and its metadata name one licence, MIT. Five of its eight
# compiled pupil detectors are under other terms, which stand in a LICENSE beside each: Starburst (GPL), and ExCuSe,
# ElSe, PuRe, PuReST (no commercial use). "Only the ones you import are loaded" is true, but whoever ships the
# wheel ships all of them. It also requires dearpygui, and opencv-python, whose files overwrite those of
# opencv-python-headless: both packages own the folder cv2, and pip does not object.
#
# Seen: metadata "MIT", five LICENSE files with other terms, both requirements.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip download --quiet --no-deps --only-binary :all: --python-version 3.11 \
    --platform manylinux2014_x86_64 -d "$folder" cheshm==2.5.0
python3 - "$folder" <<'PYTHON'
import pathlib
import re
import sys
import zipfile

(path,) = pathlib.Path(sys.argv[1]).glob("cheshm-*.whl")
wheel = zipfile.ZipFile(path)
names = wheel.namelist()
(metadata,) = (wheel.read(name).decode() for name in names if name.endswith(".dist-info/METADATA"))
assert re.search(r"^License: MIT$", metadata, re.M)
needs = set(re.findall(r"^Requires-Dist: ([\w-]+)$", metadata, re.M))
other = {
    name.split("/")[-2]
    for name in names
    if name.endswith("/LICENSE")
    and re.search(r"non-?commercial|GNU General Public", wheel.read(name).decode(), re.I)
}
compiled = {name.split("/")[-2] for name in names if name.endswith(".so") and "pupil_detectors" in name}
print(f"{path.name}: License: MIT; compiled under other terms: {', '.join(sorted(other & compiled))}")
print(f"requires: {', '.join(sorted(needs))}")
assert {"ExCuSe", "ElSe", "PuRe", "PuReST", "Starburst"} <= other & compiled, (other, compiled)
assert {"opencv-python", "dearpygui"} <= needs
PYTHON
