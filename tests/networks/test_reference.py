"""The reference page, the command that writes it, and costs against published numbers."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from antispoof.networks.attention import Attention, attention_macs
from antispoof.networks.cost import cost
from antispoof.networks.encoders import encoders
from antispoof.networks.fusion import fusions
from antispoof.networks.losses import losses

Run = Callable[..., tuple[int, str, str]]

# Published sizes of the whole networks, less their classifiers of 1000 classes.
PUBLISHED = {
    "resnet18": 11_689_512 - 513_000,
    "resnet34": 21_797_672 - 513_000,
    "resnet50": 25_557_032 - 2_049_000,
    "densenet121": 7_978_856 - 1_025_000,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_networks_are_as_large_as_published(name: str) -> None:
    with torch.device("meta"):
        encoder = encoders[name](3)
    assert sum(p.numel() for p in encoder.parameters()) == PUBLISHED[name]


def test_resnet18_is_as_much_work_as_published() -> None:
    """1.814 billion multiply-accumulates at 224 × 224, 512 thousand of them in the classifier."""
    with torch.device("meta"):
        counted = cost(encoders["resnet18"](3), torch.zeros(1, 3, 224, 224))
    assert counted.macs == 1_814_073_344 - 512_000


def test_macs_by_hand() -> None:
    layers = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.Flatten(), nn.Linear(8 * 16, 5))
    counted = cost(layers, torch.zeros(1, 3, 4, 4))
    assert counted.parameters == 3 * 8 * 9 + 8 * 16 * 5 + 5
    assert counted.macs == 16 * 8 * 3 * 9 + 8 * 16 * 5


@pytest.mark.parametrize("kind", ["full", "linear", "windowed"])
def test_attention_costs_what_is_documented(kind: str) -> None:
    width, heads, side, window = 32, 4, 14, 7
    with torch.device("meta"):
        attention = Attention(width, heads, kind, window)
        counted = cost(attention, torch.zeros(1, side * side, width), side, side).macs
    tokens = side * side
    documented = attention_macs(kind, tokens, width, heads, window) + 4 * tokens * width * width
    normaliser = tokens * width if kind == "linear" else 0
    assert counted == documented + normaliser


def test_the_page_is_up_to_date(run: Run) -> None:
    code, out, _ = run("networks", "--markdown")
    assert code == 0
    page = Path(__file__).parents[2] / "docs" / "reference" / "networks.md"
    assert page.read_text(encoding="utf-8") == out, (
        "run: antispoof networks --markdown > docs/reference/networks.md"
    )


def test_the_list_and_one_in_full(run: Run) -> None:
    code, out, _ = run("networks")
    assert code == 0
    for name in ("mobile", "weighed_evidence", "paired"):
        assert name in out
    code, out, _ = run("networks", "resnet18")
    assert code == 0
    assert "CVPR 2016" in out
    assert "| `width` | `64` |" in out
    assert "11,176,512 parameters" in out
    code, _, err = run("networks", "resnet81")
    assert code == 3
    assert "did you mean" in err


def test_the_listing_needs_no_torch_and_names_all_that_is_registered() -> None:
    code = (
        "import sys; sys.modules['torch'] = None; from antispoof.networks.listing import listing;"
        "print({kind: [name for name, _ in rows] for kind, rows in listing().items()})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ast.literal_eval(done.stdout) == {
        "Encoders": list(encoders),
        "Fusions": list(fusions),
        "Losses": list(losses),
    }
