"""The page that ships is the one that its sources make, and asks nobody else for anything."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).parents[3]
WEB = ROOT / "web"
STATIC = ROOT / "src" / "antispoof" / "service" / "static"
SOURCES = (
    "index.html",
    "package-lock.json",
    "package.json",
    "public",
    "src",
    "tsconfig.json",
    "vite.config.js",
)


def digest(paths: Iterable[Path], start: Path) -> str:
    found = hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        found.update(f"{path.relative_to(start).as_posix()}\0{len(content)}\0".encode() + content)
    return found.hexdigest()


def files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [file for child in sorted(path.iterdir()) for file in files(child)]


def test_the_built_page_belongs_to_its_sources() -> None:
    stamp = json.loads((STATIC / "build.json").read_text())
    sources = [file for name in SOURCES for file in files(WEB / name)]
    advice = "the page's sources changed: run npm ci && npm run build in web/"
    assert stamp["sources"] == digest(sources, WEB), advice
    built = [file for file in files(STATIC) if file.name != "build.json"]
    assert stamp["built"] == digest(built, STATIC), "built files were changed by hand: build them in web/"


def test_the_page_is_small_and_loads_only_from_its_own_origin() -> None:
    built = [file for file in files(STATIC) if file.name != "build.json"]
    assert sum(file.stat().st_size for file in built) < 60_000
    for file in built:
        for address in re.findall(r"""(?:https?:)?//[\w.-]+\.[a-z]{2,}[^\s"'`)]*""", file.read_text()):
            assert address.endswith("www.w3.org/2000/svg"), (file.name, address)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_a_strict_content_security_policy_is_enough() -> None:
    """No inline script, style or handler; every control has a name."""
    page = Tags()
    html = (STATIC / "index.html").read_text()
    page.feed(html)
    for tag, attributes in page.tags:
        assert "style" not in attributes, tag
        assert not any(name.startswith("on") for name in attributes), tag
        if tag == "script":
            assert attributes.get("src"), "an inline script"
        if tag == "html":
            assert attributes.get("lang")
        if tag == "button":
            assert attributes.get("type") == "button"
    assert "<style" not in html
    script = (STATIC / "assets" / "page.js").read_text()
    assert "eval(" not in script
    assert "new Function" not in script


def test_what_a_person_reads_gives_no_verdict_away() -> None:
    words = (WEB / "src" / "words.ts").read_text().lower()
    for word in ("attack", "spoof", "fake", "fraud", "replay", "score", "verdict", "suspicious", "detected"):
        assert word not in words, word
