"""Every Python example in README and docs/ runs as printed, page by page, in a folder with a few pictures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import soundfile

ROOT = Path(__file__).parents[1]
ALL = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES = {
    page.relative_to(ROOT).as_posix(): blocks
    for page in ALL
    if (blocks := re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S))
}
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)?(?:#([\w-]+))?\)", re.S)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, portrait: Any, encode: Any, speech: Any) -> Path:
    """An empty folder but for what the pages take for granted: a picture, a recording, ``site.json``."""
    monkeypatch.chdir(tmp_path)
    soundfile.write(tmp_path / "clip.wav", speech, 16_000)
    (tmp_path / "selfie.jpg").write_bytes(encode(portrait, "JPEG", quality=90))
    return tmp_path


@pytest.mark.parametrize("page", PAGES)
def test_examples_run(page: str, folder: Path) -> None:
    source = "\n".join(PAGES[page])
    if "antispoof.load" in source:
        write_site_of_the_default_bundle(folder / "site.json")
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in PAGES[page]:
        exec(compile(block, page, "exec"), namespace)


def write_site_of_the_default_bundle(path: Path) -> None:
    import antispoof

    metadata = antispoof.load().bundle.metadata
    site = antispoof.SiteCalibration(
        bundle=metadata.name,
        bundle_sha256=metadata.sha256,
        shift=-0.5,
        shift_interval=(-1.0, 0.0),
        bona_fide=20,
        distinct=18,
        attack=0,
        rejected=0,
        suspicious=(),
        advice=(),
    )
    antispoof.write_site(site, path)


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda p: p.name
)
def test_links_lead_somewhere(page: Path) -> None:
    for target, heading in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        file = page.parent / target if target else page
        assert file.exists(), f"{page.name} links to {target}"
        if heading:
            titles = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.M)
            anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
            assert heading in anchors, f"{page.name} links to {target}#{heading}"
