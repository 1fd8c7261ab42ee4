"""Published networks as teachers: ONNX files whose knowledge is distilled, and which never ship.

minivision's networks (Apache-2.0) take BGR, 0..255, 80 × 80, of the face box enlarged about its middle, and
give three logits of which the second is bona fide.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError
from antispoof.files import onnx_session
from antispoof.sensing.capture import Box
from antispoof.sensing.faces import CropRecipe, crop

__all__ = ["Teacher"]

_BONA_FIDE = 1


class Teacher:
    """One teacher, one thread.

    Args:
        path: the ONNX file; its name ends in ``crop{scale}_{size}.onnx``, which says how it crops.

    Raises:
        InputError: no such file, not an ONNX file, or a name that does not tell the crop.
    """

    def __init__(self, path: Path) -> None:
        named = re.search(r"crop([\d.]+)_(\d+)\.onnx$", path.name)
        if named is None or not path.is_file():
            raise InputError(f"a teacher must be a file named …crop<scale>_<size>.onnx, got {str(path)!r}")
        self.recipe = CropRecipe(float(named[1]), int(named[2]), "inside")
        try:
            self._session: Any = onnx_session(path)
        except Exception as error:  # its exceptions share no base class
            raise InputError(f"ONNX Runtime cannot load the teacher {str(path)!r}: {error}") from None
        self._input = self._session.get_inputs()[0].name

    def __call__(self, image: NDArray[np.uint8], face: Box) -> float:
        """Log-odds, bona fide against everything else, of one face in an RGB picture."""
        patch = crop(image, face, self.recipe)[..., ::-1].transpose(2, 0, 1)
        logits = self._session.run(None, {self._input: patch[None].astype(np.float32)})[0][0].astype(
            np.float64
        )
        return float(logits[_BONA_FIDE] - np.logaddexp.reduce(np.delete(logits, _BONA_FIDE)))
