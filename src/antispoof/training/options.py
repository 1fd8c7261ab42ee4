"""Options in experiment files, checked against the signature of what they are options of."""

from __future__ import annotations

import difflib
import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from antispoof.errors import ExperimentError

__all__ = ["checked_options"]


def checked_options(what: str, factory: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a factory, converted to the types that it names.

    Args:
        what: for messages, for example ``"encoder 'mobile'"``.
        factory: its keyword-only arguments, and those with a default, are the options.
        given: name → value, as YAML gives them.

    Raises:
        ExperimentError: an option is unknown (the nearest known one is named), missing, or of another type.
    """
    function: Any = factory.__init__ if inspect.isclass(factory) else factory
    hints = typing.get_type_hints(function)
    parameters = inspect.signature(factory).parameters.values()
    named = {
        p.name: p
        for p in parameters
        if p.kind is p.KEYWORD_ONLY or (p.kind is p.POSITIONAL_OR_KEYWORD and p.default is not p.empty)
    }
    for name in given:
        if name not in named and not any(p.kind is p.VAR_KEYWORD for p in parameters):
            close = difflib.get_close_matches(name, named, n=1)
            known = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(named) or 'none'}"
            raise ExperimentError(f"{what} has no option {name!r}; {known}")
    for name, parameter in named.items():
        if parameter.default is parameter.empty and name not in given:
            raise ExperimentError(f"{what} needs the option {name!r}")
    checked = {}
    for name, value in given.items():
        config = ConfigDict(arbitrary_types_allowed=True)
        try:
            checked[name] = TypeAdapter(hints.get(name, Any), config=config).validate_python(value)
        except ValidationError as error:
            raise ExperimentError(
                f"{what}, option {name!r}: {error.errors()[0]['msg']}, got {value!r}"
            ) from None
    return checked
