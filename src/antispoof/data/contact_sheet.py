"""A picture of a collection: rows of presentations, one kind a row, all sensors side by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from antispoof.data.files import picture_of
from antispoof.data.presentation import Presentation
from antispoof.errors import MediaError

__all__ = ["contact_sheet"]

_MARGIN = 6
_LABEL = 18


def contact_sheet(
    presentations: Sequence[Presentation],
    path: str | Path,
    *,
    columns: int = 6,
    side: int = 112,
    seed: int = 0,
) -> None:
    """Write a PNG: for each kind (bona fide first), up to ``columns`` presentations drawn by ``seed``.

    Subjects differ within a row as far as there are several. A file that cannot be read is a crossed-out
    tile; a collection that holds simulated presentations says so in its title line.

    Args:
        presentations: at least one.
        path: where the picture goes.
        columns: presentations a row.
        side: pixels of one tile.
        seed: which presentations are shown.
    """
    from PIL import Image, ImageDraw, ImageFont

    present = {name for p in presentations for name in p.captures}
    modalities = sorted(present, key=lambda name: (name != "face_rgb", name))
    kinds: dict[str, list[Presentation]] = defaultdict(list)
    for p in presentations:
        kinds[p.pai_species or ""].append(p)
    rng = np.random.Generator(np.random.PCG64(seed))
    rows = [(kind or "bona fide", _choose(kinds[kind], columns, rng)) for kind in sorted(kinds)]
    columns = max(len(chosen) for _, chosen in rows)
    block = side * len(modalities) + _MARGIN
    width = max(columns * block + _MARGIN, 360)
    sheet = Image.new(
        "RGB", (width, _LABEL + len(rows) * (side + _LABEL + _MARGIN) + _MARGIN), (250, 250, 250)
    )
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(12)
    simulated = sum(p.simulated for p in presentations)
    title = f"{len(presentations)} presentations · {', '.join(modalities)}"
    draw.text((_MARGIN, 3), title + (f" · {simulated} SIMULATED" if simulated else ""), (90, 90, 90), font)
    top = _LABEL
    for kind, chosen in rows:
        draw.text(
            (_MARGIN, top + 2),
            f"{kind} ({len(kinds['' if kind == 'bona fide' else kind])})",
            (20, 20, 20),
            font,
        )
        top += _LABEL
        for column, p in enumerate(chosen):
            for index, name in enumerate(modalities):
                left = _MARGIN + column * block + index * side
                if name not in p.captures:
                    continue
                try:
                    sheet.paste(Image.fromarray(picture_of(p.captures[name], side, name)), (left, top))
                except MediaError:
                    draw.rectangle(
                        (left, top, left + side - 1, top + side - 1), (225, 225, 225), (200, 60, 60)
                    )
                    draw.line((left, top, left + side - 1, top + side - 1), (200, 60, 60), 2)
        top += side + _MARGIN
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, format="PNG")


def _choose(rows: Sequence[Presentation], number: int, rng: np.random.Generator) -> list[Presentation]:
    shuffled = [rows[i] for i in rng.permutation(len(rows))]
    seen: dict[object, int] = defaultdict(int)
    rank = []
    for p in shuffled:
        rank.append(seen[p.person or p.id])
        seen[p.person or p.id] += 1
    order = sorted(
        range(len(shuffled)), key=lambda i: rank[i]
    )  # a second picture of anybody comes after all firsts
    return [shuffled[i] for i in order[:number]]
