"""How long it takes a new user to come from a clone to a signed result, by what the service guide says.

    python benchmarks/first_result.py
    python benchmarks/first_result.py --installer uv   # or pip-no-compile

Makes an environment of its own in a temporary folder, installs the clone into it with the extras `service`
and `client`, starts `antispoof serve`, and runs the Python block of the guide on three **simulated** pictures
of a person who never was. Prints the seconds of each step, by the clock and of processor time; what is
downloaded counts.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
PORT = 8942
INSTALLERS = {
    "pip": ("{python}", "-m", "pip", "install", "--quiet"),
    "pip-no-compile": ("{python}", "-m", "pip", "install", "--quiet", "--no-compile"),
    "uv": ("uv", "pip", "install", "--quiet", "--python", "{python}"),
}
FRAMES = """
from PIL import Image
from antispoof.simulation.scene.render import SceneSpec, render_scene

for number in range(3):
    picture = render_scene(SceneSpec(5, 1, number, None, "desk", "office"), 512)["face_rgb"]
    Image.fromarray(picture).save(f"frame{number}.jpg", quality=95)
"""


def example() -> str:
    """Return the block of the guide that uses the client."""
    guide = (ROOT / "docs" / "guides" / "service.md").read_text(encoding="utf-8")
    blocks = (found[1] for found in re.finditer(r"^```python\n(.*?)^```$", guide, re.M | re.S))
    return next(block for block in blocks if "from antispoof.client import Client" in block)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--installer", choices=INSTALLERS, default="pip")
    installer = INSTALLERS[parser.parse_args().installer]
    started = previous = (time.monotonic(), 0.0)

    def done(step: str, since: tuple[float, float] | None = None) -> None:
        nonlocal previous
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        now = (time.monotonic(), used.ru_utime + used.ru_stime)
        clock_s, processor_s = (a - b for a, b in zip(now, since or previous, strict=True))
        print(f"{step:34} {clock_s:6.1f} s {processor_s:6.1f} s", flush=True)
        previous = now

    code = example()
    lines = [line for line in code.splitlines() if line.strip() and not line.startswith("#")]
    with tempfile.TemporaryDirectory() as folder:
        python = f"{folder}/venv/bin/python"
        made = ("uv", "venv", "--quiet", "--python") if installer[0] == "uv" else ()
        subprocess.run(
            [*made, sys.executable, *(() if made else ("-m", "venv")), f"{folder}/venv"], check=True
        )
        done("an environment")
        words = [word.format(python=python) for word in installer]
        subprocess.run([*words, f"{ROOT}[service,client]"], check=True)
        done("installing '.[service,client]'")
        own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        subprocess.run([python, "-c", FRAMES], check=True, cwd=folder, env=own)
        done("three simulated pictures")
        serve = [python, "-u", "-m", "antispoof", "serve", "--port", str(PORT), "--state", f"{folder}/state"]
        with (
            Path(folder, "log").open("w") as log,
            subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=log, text=True, env=own) as service,
        ):
            try:
                assert service.stdout is not None
                key = next(found[0] for line in service.stdout if (found := re.search(r"ask_\S+", line)))
                done("antispoof serve, to the key")
                where = {"ANTISPOOF_URL": f"http://127.0.0.1:{PORT}", "ANTISPOOF_KEY": key}
                subprocess.run([python, "-c", code], check=True, cwd=folder, env={**own, **where})
                done(f"the guide's {len(lines)} lines, to the result")
            finally:
                service.terminate()
    done("together", started)


if __name__ == "__main__":
    main()
