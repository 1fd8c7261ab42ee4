"""The page that ships is the one that its sources make, and asks nobody else for anything."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WEB = ROOT / "web"
STATIC = ROOT / "src" / "antispoof" / "service" / "static"
SOURCES = (
    "index.html",
    "package-lock.json",
    "package.json",
    "package/src",
    "public",
    "src",
    "tsconfig.json",
    "vite.config.js",
)


LANGUAGES = {
    path.stem: json.loads(path.read_text("utf-8")) for path in (WEB / "src/languages").glob("*.json")
}


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
    assert sum(file.stat().st_size for file in built) < 90_000
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
    words = json.dumps(list(LANGUAGES["en"]["page"].values()) + list(LANGUAGES["en"]["said"].values()))
    words += json.dumps([LANGUAGES["en"][part] for part in ("hints", "instructions", "notices", "advice")])
    words = words.lower()
    for word in ("attack", "spoof", "fake", "fraud", "replay", "score", "verdict", "suspicious", "detected"):
        assert word not in words, word


def shape(words: object) -> object:
    """Keys, how many words a list has, and the places for values; whether there is text."""
    if isinstance(words, dict):
        return {key: shape(value) for key, value in words.items()}
    if isinstance(words, list):
        return [shape(value) for value in words]
    assert isinstance(words, str)
    return (bool(words.strip()), sorted(re.findall(r"\{\w+\}", words)))


@pytest.mark.parametrize("code", sorted(LANGUAGES))
def test_each_language_says_everything(code: str) -> None:
    words, english = LANGUAGES[code], LANGUAGES["en"]
    assert shape({**words, "direction": ""}) == shape({**english, "direction": ""})
    assert words["direction"] == ("rtl" if code == "ar" else "ltr")
    same = [key for key in english["page"] if words["page"][key] == english["page"][key]]
    assert code == "en" or not same, "left in English"


def test_what_the_service_advises_is_translated() -> None:
    from antispoof.challenges import challenges
    from antispoof.challenges.live import REPEATED_ADVICE
    from antispoof.sensing.frames import REASONS
    from antispoof.sensing.modalities import modalities

    judged = [modalities[name].reasons.values() for name in ("face_rgb", "voice")]
    followed = [challenges[name].reasons.values() for name in challenges]
    sentences = {each for some in (*judged, *followed, REASONS.values()) for each in some} | {REPEATED_ADVICE}
    assert sentences - set(LANGUAGES["en"]["advice"]) == set(), (
        "say it in web/src/languages/*.json, and build"
    )


def test_every_word_of_the_page_is_in_the_languages() -> None:
    html = (WEB / "index.html").read_text()
    named = re.findall(r'data-(?:words|label)="(\w+)"', html)
    assert len(named) > 15
    assert set(named) <= set(LANGUAGES["en"]["page"])
    code = "".join(path.read_text() for path in (WEB / "src").glob("*.ts"))
    for part in ("page", "said"):
        unsaid = [
            key for key in LANGUAGES["en"][part] if key not in named and not re.search(rf"\.{key}\b", code)
        ]
        assert not unsaid, f"nobody says {part}.{unsaid}"
