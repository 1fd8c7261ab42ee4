"""What holds for every registered modality."""

from __future__ import annotations

from pathlib import Path

import pytest

from antispoof.errors import MediaError
from antispoof.sensing.modalities import modalities


@pytest.mark.parametrize("name", modalities)
def test_it_knows_its_name_and_unit(name: str) -> None:
    assert modalities[name].name == name
    assert modalities[name].unit


@pytest.mark.parametrize("name", modalities)
def test_every_reason_has_advice_in_neutral_words(name: str) -> None:
    assert modalities[name].reasons
    for code, advice in modalities[name].reasons.items():
        assert code.isidentifier()
        assert ":" in advice
        assert not {"attack", "spoof", "fake", "fraud"} & set(advice.split())


@pytest.mark.parametrize("name", modalities)
@pytest.mark.parametrize("content", [b"", b"\0", b"not media", bytes(5000)])
def test_bytes_that_are_no_media_are_refused(name: str, content: bytes) -> None:
    with pytest.raises(MediaError):
        modalities[name].load(content)


@pytest.mark.parametrize("name", modalities)
def test_the_reference_page_tells_all_of_it(name: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "modalities.md").read_text(encoding="utf-8")
    part = page.partition(f"## {name}\n")[2].partition("\n## ")[0]
    assert modalities[name].unit in part
    for code, advice in modalities[name].reasons.items():
        assert f"| `{code}` | {advice} |" in part, f"docs/reference/modalities.md lacks {code}"
