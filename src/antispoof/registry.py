"""Explicit name → thing. A folder is a registry: its modules are imported on first use.

Adding an encoder, a modality or a simulated instrument is one new file whose function or class carries
``@registry.register("its_name")``. Nobody edits a list.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Generic, TypeVar

from antispoof.errors import UnknownNameError

__all__ = ["Registry"]

T = TypeVar("T")


class Registry(Generic[T]):
    """Named things of one kind, discovered in one package.

    Args:
        kind: what the things are called in messages, for example ``"encoder"``.
        package: dotted name of the folder whose modules register them.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self.package = package
        self._things: dict[str, T] = {}
        self._discovered = False

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that files a thing under ``name``; a name can be taken once."""

        def file_under(thing: T) -> T:
            if name in self._things:
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            self._things[name] = thing
            return thing

        return file_under

    def __getitem__(self, name: str) -> T:
        """Return the thing called ``name``; raise `UnknownNameError` with the nearest names otherwise."""
        self._find(name)
        try:
            return self._things[name]
        except KeyError:
            raise UnknownNameError(self.kind, name, self._things) from None

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names in alphabetical order."""
        self._discover()
        return iter(sorted(self._things))

    def __len__(self) -> int:
        """Return how many things are registered."""
        self._discover()
        return len(self._things)

    def __contains__(self, name: object) -> bool:
        """Tell whether ``name`` is registered."""
        self._find(name)
        return name in self._things

    def _find(self, name: object) -> None:
        """Import what registers a name: the module that is called so, or else all of them."""
        if self._discovered or name in self._things:
            return
        module = f"{self.package}.{name}"
        if isinstance(name, str) and name.isidentifier() and find_spec(module) is not None:
            importlib.import_module(module)
        if name not in self._things:
            self._discover()

    def _discover(self) -> None:
        if self._discovered:
            return
        self._discovered = True
        folder = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(folder.__path__):
            importlib.import_module(f"{self.package}.{module.name}")
