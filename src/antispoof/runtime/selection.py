"""Which bundles judge which sensors of a presentation."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING

from antispoof.errors import InputError
from antispoof.runtime.examiner import Examiner
from antispoof.sensing.modalities import modalities

if TYPE_CHECKING:
    from antispoof.runtime.site import SiteCalibration

__all__ = ["Candidates", "choose"]


class Candidates:
    """Bundles that may judge, in order of preference; those after the first are read when they are needed.

    Args:
        first: loaded already.
        others: each gives one further examiner.
    """

    def __init__(self, first: Examiner, others: Sequence[Callable[[], Examiner]] = ()) -> None:
        self.first = first
        self._others = others
        self._lock = threading.Lock()
        self._read: tuple[Examiner, ...] | None = None if others else (first,)

    def at_site(self, site: SiteCalibration) -> Candidates:
        """Return the same with the bundle that a site calibration belongs to at that site.

        Raises:
            InputError: it belongs to none of them, or to one that another judges before.
        """
        if site.bundle == self.first.metadata.name or not self._others:
            rest = [partial(self._other, index) for index in range(len(self._others))]
            return Candidates(self.first.at_site(site), rest)
        found = [each.at_site(site) if each.metadata.name == site.bundle else each for each in self.all()]
        _see_that_it_counts(site, found)
        return Candidates(found[0], [partial(found.__getitem__, index) for index in range(1, len(found))])

    def _other(self, index: int) -> Examiner:
        return self.all()[1 + index]

    def all(self) -> tuple[Examiner, ...]:
        """Return every bundle."""
        with self._lock:
            if self._read is None:
                self._read = (self.first, *(read() for read in self._others))
            return self._read

    def check_sites(self, sites: Sequence[SiteCalibration]) -> None:
        """Raise `InputError` where a site calibration has no say, and none is in its place."""
        if any(site is not self.first.site for site in sites):
            for site in sites:
                _see_that_it_counts(site, self.all())

    def check(self, name: str) -> None:
        """Raise `InputError` where no bundle looks at a modality, `UnknownNameError` where there is none."""
        if name in self.first.metadata.modalities:
            return
        modalities[name]  # an unknown name is told apart from one that no bundle uses
        judged = dict.fromkeys(each for examiner in self.all() for each in examiner.metadata.modalities)
        if name not in judged:
            if len(self.all()) == 1:
                raise InputError(
                    f"bundle {self.first.metadata.name!r} judges {', '.join(judged)}; it cannot use {name}"
                )
            raise InputError(f"no bundle here judges {name}; they judge {', '.join(judged)}")

    def for_modalities(self, usable: Collection[str]) -> tuple[tuple[Examiner, tuple[str, ...]], ...]:
        """Choose among them, see `choose`; only the first is looked at where it covers all exactly."""
        if set(usable) == set(self.first.metadata.modalities):
            return ((self.first, self.first.metadata.modalities),) if usable else ()
        return choose(self.all(), usable)


def _see_that_it_counts(site: SiteCalibration, candidates: Sequence[Examiner]) -> None:
    """Raise `InputError` where the bundle of a site does not judge, and whichever does has no site."""
    from antispoof.runtime.site import how_to_refit

    owner = next((each for each in candidates if site.belongs_to(each.metadata)), None)
    if owner is None:
        if any(each.site is not None for each in candidates):
            return
        known = ", ".join(each.metadata.name for each in candidates)
        raise InputError(
            f"this site calibration belongs to bundle {site.owner}; here are {known}. "
            f"{how_to_refit(candidates[0].metadata)}"
        )
    sensors = set(owner.metadata.modalities)
    judge = next(each for each in candidates if set(each.metadata.modalities) == sensors)
    if judge.site is None:
        raise InputError(
            f"this site calibration belongs to bundle {site.owner}, but {judge.metadata.name!r} judges "
            f"{', '.join(sensors)} here: name the bundle, as in --bundle {owner.metadata.name}. Or go on to "
            f"{judge.metadata.name!r}. {how_to_refit(judge.metadata)}"
        )


def choose(
    candidates: Sequence[Examiner], usable: Collection[str]
) -> tuple[tuple[Examiner, tuple[str, ...]], ...]:
    """Cover modalities with bundles, no modality twice.

    The bundle that looks at most of what is left is taken first; of two, the one that misses fewer of its
    sensors, then the one named first.

    Args:
        candidates: in order of preference.
        usable: modalities of which there is a usable sample.

    Returns:
        bundles, each with the modalities it judges, in its own order.
    """
    left, chosen = set(usable), []
    while left:
        covers = [tuple(m for m in each.metadata.modalities if m in left) for each in candidates]
        best = max(
            range(len(candidates)),
            key=lambda k: (len(covers[k]), -len(candidates[k].metadata.modalities), -k),
        )
        if not covers[best]:
            break
        chosen.append((candidates[best], covers[best]))
        left -= set(covers[best])
    return tuple(chosen)
