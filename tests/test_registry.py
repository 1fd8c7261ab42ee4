import pytest

from antispoof.errors import UnknownNameError
from antispoof.registry import Registry


def test_an_unknown_name_lists_the_nearest_known_one() -> None:
    registry: Registry[int] = Registry("number", "antispoof.bundles")
    registry.register("seven")(7)
    assert registry["seven"] == 7
    with pytest.raises(UnknownNameError, match="unknown number 'sevn'; did you mean 'seven'"):
        registry["sevn"]


def test_a_name_is_taken_once() -> None:
    registry: Registry[int] = Registry("number", "antispoof.bundles")
    registry.register("one")(1)
    with pytest.raises(ValueError, match="'one' is registered twice"):
        registry.register("one")(2)
