"""A plane is told from a body by how it moves, and what does not move tells nothing."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from filmed import HEIGHT, WIDTH, head, noisy, print_of
from numpy.typing import NDArray

from antispoof.sensing.cues import Measured, cues
from antispoof.sensing.watch import Watch


def relief(pictures: object) -> Measured:
    watch = Watch(["face_relief"])
    for time_s, picture in pictures:  # type: ignore[attr-defined]
        watch.see(time_s, picture)
    (found,) = watch.measured()
    return found


def numbers(found: Measured) -> dict[str, float]:
    assert found.features is not None, found.reasons
    assert np.isfinite(found.features).all()
    return dict(zip(cues["face_relief"].features, found.features.tolist(), strict=True))


@pytest.mark.parametrize(("rate", "noise"), [(5, 1.0), (15, 3.0)])
def test_a_print_is_a_plane_and_a_head_is_none(
    portrait: NDArray[np.uint8], rate: float, noise: float
) -> None:
    body = numbers(relief(head(portrait, rate=rate, noise=noise)))
    plane = numbers(relief(print_of(portrait, rate=rate, noise=noise)))
    assert body["unlike_plane"] > plane["unlike_plane"] + 0.5, "more is left by a plane"
    assert body["nose"] > plane["nose"] + 0.5, "the nose moves against the plane"
    assert body["nose_sure"] > plane["nose_sure"] + 0.5, "and more than points are followed wrongly"
    assert body["nose_explains"] > plane["nose_explains"] + 0.1


@pytest.mark.parametrize("rate", [5, 8])
def test_who_sways_less_than_anybody_who_taught_is_not_spoken_against(
    portrait: NDArray[np.uint8], rate: int
) -> None:
    rng = np.random.default_rng(1)

    def swaying(far: float) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        for time_s in np.arange(2 * rate) / rate:
            across, down = far * np.sin(2.1 * time_s), 0.4 * far * np.sin(1.3 * time_s)
            moved = np.array([[1, 0, across], [0, 1, down]])
            shown = cv2.warpAffine(portrait, moved, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
            yield float(time_s), noisy(shown, rng, 1.5)

    assert relief(swaying(8)).reasons == ("too_still",), "by a twelfth of the face"
    assert relief(swaying(14)).reasons == (), "by a seventh"


def test_what_does_not_move_or_is_too_short_tells_nothing(portrait: NDArray[np.uint8]) -> None:
    rng = np.random.default_rng(0)
    still = next(print_of(portrait))[1].astype(np.float32)
    pictures = [
        (k / 10, np.clip(still + rng.normal(0, 2, still.shape), 0, 255).astype(np.uint8)) for k in range(15)
    ]
    found = relief(pictures)
    assert (found.features, found.reasons) == (None, ("too_still",))
    assert relief([]).reasons == ("no_face",)
    assert relief(pictures[:1]).reasons == ("too_short",)
    assert relief([(time_s * 10, picture) for time_s, picture in pictures[:6]]).reasons == ("too_short",), (
        "one picture a second"
    )
    blank = [(k / 10, np.full((90, 120, 3), 99, np.uint8)) for k in range(6)]
    assert relief([*pictures[:5], *((1 + t, p) for t, p in blank)]).reasons == ("no_face",)
    assert set(cues["face_relief"].reasons) >= {"no_face", "too_short", "too_still", "interlaced"}
