"""Check what is about to be published: what the archives hold, and that an installed wheel judges a picture.

    python tools/check_release.py contents dist/*    # with any Python
    python tools/check_release.py installed          # with the Python that has the wheel alone

The face that is judged is rendered by the installed package: neither archive holds a picture of anybody.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from collections import Counter
from pathlib import Path, PurePosixPath

BUNDLES = (
    "face-rgb.onnx",
    "face-rgb-edge.onnx",
    "face-multispectral.onnx",
    "fingerprint-edge.onnx",
    "voice-edge.onnx",
)
BELONGS_NOWHERE = {"tests", "benchmarks", "examples", "docs", "node_modules", "__pycache__", "conftest.py"}
CAPTURES = {".jpg", ".jpeg", ".png", ".webp", ".wav", ".flac", ".mp3", ".npz", ".npy", ".csv", ".parquet"}


def names_in(archive: Path) -> list[PurePosixPath]:
    """Every file in a wheel or source distribution."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return [PurePosixPath(name) for name in wheel.namelist() if not name.endswith("/")]
    with tarfile.open(archive) as sdist:
        return [PurePosixPath(member.name) for member in sdist if member.isfile()]


def faults_of(names: list[PurePosixPath]) -> list[str]:
    """What is in an archive and should not be, or the other way round."""
    present = {name.name for name in names}
    needed = (*BUNDLES, "LICENSE", "py.typed")
    return [
        *(f"{name} is missing" for name in needed if name not in present),
        *(f"{name} does not belong here" for name in names if BELONGS_NOWHERE & set(name.parts)),
        *(f"{name} may be a capture of somebody" for name in names if name.suffix.lower() in CAPTURES),
    ]


def check_contents(archives: list[Path]) -> None:
    kinds = Counter(archive.suffix for archive in archives)
    if kinds != {".whl": 1, ".gz": 1}:
        sys.exit(f"error: expected one wheel and one source distribution, got {[a.name for a in archives]}")
    for archive in archives:
        names = names_in(archive)
        if faults := faults_of(names):
            sys.exit("\n".join(f"error: {archive.name}: {fault}" for fault in faults))
        print(f"{archive.name}: {len(names)} files, {archive.stat().st_size / 1e6:.1f} MB")


def check_installed() -> None:
    import antispoof

    print(f"antispoof {antispoof.__version__} from {Path(antispoof.__file__).parent}")
    command = Path(sysconfig.get_path("scripts")) / "antispoof"
    with tempfile.TemporaryDirectory() as folder:
        scenes = Path(folder) / "scenes"
        two = ["--subjects", "1", "--bona-fide", "1", "--attacks", "1", "--size", "256"]
        subprocess.run([command, "simulate", "scene", scenes, *two], check=True)
        face = sorted(scenes.rglob("*_face_rgb.png"))[0]
        result = subprocess.run(
            [command, "check", face, "--json"], capture_output=True, text=True, check=False
        )
    if result.returncode not in (0, 1) or '"score"' not in result.stdout:  # 0 bona fide, 1 attack
        sys.exit(f"error: antispoof check exited with {result.returncode}\n{result.stdout}{result.stderr}")
    print(f"antispoof check judged a simulated face: exit code {result.returncode}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["contents", *archives]:
            check_contents([Path(name) for name in archives])
        case ["installed"]:
            check_installed()
        case _:
            sys.exit(__doc__)
