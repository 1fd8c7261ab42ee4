"""What tests of training share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import stand_ins


@pytest.fixture(scope="module")
def stand_in_sensors() -> Iterator[None]:
    """Register sensors whose samples are small plates."""
    with pytest.MonkeyPatch.context() as patch:
        stand_ins.register(patch)
        yield
