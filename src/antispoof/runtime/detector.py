"""From what the sensors saw to a verdict, in one call."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from antispoof.errors import InputError
from antispoof.runtime.batching import judge_each
from antispoof.runtime.bundle import Bundle, default_bundles, read_bundle
from antispoof.runtime.deciding import Decider
from antispoof.runtime.enrolment import examine_references, obvious_modality
from antispoof.runtime.examiner import Examiner
from antispoof.runtime.policy import Policy, read_policy
from antispoof.runtime.pool import Pool, cores
from antispoof.runtime.presentation import Looked, Presented, judge, look, look_at_burst, unjudged
from antispoof.runtime.references import Reference, References, as_list, digest_of
from antispoof.runtime.selection import Candidates
from antispoof.runtime.verdict import Verdict
from antispoof.sensing.capture import Sources
from antispoof.sensing.modalities import modalities

if TYPE_CHECKING:
    from antispoof.runtime.site import SiteCalibration

__all__ = ["Detector", "load"]

NO_POLICY = Policy.model_construct(  # without a check, which pydantic would prepare on every start
    name="none", description="whatever is there is fused, at the bundles' own thresholds"
)


def load(
    bundle: str | Path | Sequence[str | Path] | None = None,
    *,
    at: str | None = None,
    policy: str | Path | Policy | None = None,
    threads: int = 1,
) -> Detector:
    """Load a detector.

    Without ``bundle`` it judges pictures of faces with the default bundle; further sensors are judged by the
    other bundles that ship, which are loaded when they are first needed.

    Args:
        bundle: path of a bundle, or the name of one that ships; several judge together.
        at: operating point by name, or by rule such as ``"APCER<=5%"``; None takes each bundle's default.
        policy: a policy, the path of its file, or the name of one that ships; it sets the operating point.
        threads: how many threads one network may use.

    Raises:
        BundleError: the bundle is damaged.
        InputError: there is no such bundle, operating point or policy; ``at`` and ``policy`` are both given.

    Warns:
        UserWarning: one of several bundles never judges, as one named before it has the same sensors.

    Example:
        >>> import antispoof
        >>> detector = antispoof.load()
        >>> verdict = detector.check(face_rgb="selfie.jpg")
    """
    if isinstance(policy, (str, Path)):
        policy = read_policy(policy)
    if policy is not None and at is not None:
        raise InputError(f"at={at!r} and policy={policy.name!r}: the policy sets the operating point")
    names: list[str | Path]
    if bundle is not None:
        names = [bundle] if isinstance(bundle, (str, Path)) else list(bundle)
    elif policy is not None and policy.bundles:
        names = list(policy.bundles)
    else:
        names = [*default_bundles()]
    if not names:
        raise InputError("bundle: name at least one")
    first = read_bundle(names[0])
    others = [partial(read_bundle, name) for name in names[1:]]
    detector = Detector(first, others=others, at=at, policy=policy, threads=threads)
    if len(names) > 1 and (bundle is not None or (policy is not None and policy.bundles)):
        for said in detector.without_a_say():
            warnings.warn(said, stacklevel=2)
    return detector


class Detector:
    """Judges presentations; safe to use from several threads.

    Args:
        bundle: the model that is preferred, and loaded at once.
        others: further models, each read when it is first needed.
        at: operating point by name or rule; None takes each bundle's default.
        site: what `antispoof calibrate` learned from captures of the place where this runs.
        policy: how evidence becomes a verdict; None fuses what is there at the bundles' own thresholds.
        threads: how many threads one network may use.

    Raises:
        BundleError: the graph cannot be loaded.
        InputError: ``site`` belongs to another bundle, or one that ``policy`` names cannot be read.
        UnknownNameError: there is no operating point ``at``.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        others: Sequence[Callable[[], Bundle]] = (),
        at: str | None = None,
        site: SiteCalibration | None = None,
        policy: Policy | None = None,
        threads: int = 1,
    ) -> None:
        self.policy = policy
        self._rules = policy or NO_POLICY
        self._at = (at,) if at is not None else self._rules.at
        sites = _read_sites(self._rules)
        if site is not None:
            sites = [site, *(each for each in sites if each.bundle != site.bundle)]

        def examiner(made: Bundle) -> Examiner:
            named = [each for each in sites if each.bundle == made.metadata.name]
            fitting = [each for each in named if each.belongs_to(made.metadata)]
            return Examiner(made, threads, next(iter((*fitting, *named)), None))

        first = examiner(bundle)
        first.load()
        self._setup(Candidates(first, [partial(_read, examiner, read) for read in others]))
        self._candidates.check_sites(sites)

    def _setup(self, candidates: Candidates) -> None:
        first = candidates.first
        self._candidates = candidates
        self.bundle = first.bundle
        self.site = first.site
        self.operating_point = first.point(self._at, first.metadata.modalities)
        self._known: Mapping[str, References] = {}
        self._pool = Pool()

    @property
    def bundles(self) -> tuple[Bundle, ...]:
        """Every model that may judge, the preferred one first; those not needed so far are read now."""
        return tuple(examiner.bundle for examiner in self._candidates.all())

    def without_a_say(self) -> tuple[str, ...]:
        """Say of each bundle that never judges, since one before it has the same sensors, which that is."""
        first: dict[frozenset[str], Bundle] = {}
        found = []
        for bundle in self.bundles:
            about = bundle.metadata
            before = first.setdefault(frozenset(about.modalities), bundle).metadata
            if before is not about:
                found.append(
                    f"{about.name} {about.version} has no say: {before.name} {before.version}, named before "
                    f"it, judges {', '.join(about.modalities)}. Ask each by itself."
                )
        return tuple(found)

    @property
    def sites(self) -> tuple[SiteCalibration, ...]:
        """By what thresholds are moved; bundles not needed so far are read now."""
        return tuple(each.site for each in self._candidates.all() if each.site is not None)

    def calibrated(self, site: SiteCalibration | str | Path) -> Detector:
        """Return this detector at the operating point of a site; the networks are shared.

        Args:
            site: a site calibration, or the path of one; it belongs to one of the bundles.

        Raises:
            InputError: the file cannot be read, or belongs to none of the bundles.
        """
        from antispoof.runtime.site import read_site

        if isinstance(site, (str, Path)):
            site = read_site(site)
        other = Detector.__new__(Detector)
        other.policy, other._rules, other._at = self.policy, self._rules, self._at
        other._setup(self._candidates.at_site(site))
        other._known = {
            name: examiner.recounted(references)
            for name, references in self._known.items()
            for examiner, _ in other._candidates.for_modalities((name,))
        }
        return other

    def knowing(self, reference: Reference) -> Detector:
        """Return this detector for one person and device, of whom there are earlier bona fide captures.

        They are examined once and not kept; what is kept of each is its score, a few numbers and a digest: a
        sample that is the same picture once more is no new presentation, and its verdict says ``repeated``.

        Args:
            reference: captures; their modality is named where their content leaves a doubt, as in
                ``{"voice": ["enrolment.wav"]}``.

        Raises:
            MediaError: one is no usable media.
            InputError: one cannot be judged, as it shows no face for example, or is no capture in one piece;
                there is none; there are captures of this modality already.
            BundleError: the bundle that judges this modality has no rule for references.
        """
        known = examine_references(reference, self._candidates, self._pool.map)
        for name in set(known) & set(self._known):
            raise InputError(f"reference: captures of {name} are known already; hand in all of them at once")
        other = copy(self)
        other._known = {**self._known, **known}
        return other

    @property
    def references(self) -> Mapping[str, References]:
        """What is known of the person, by modality; see `knowing`."""
        return self._known

    def judges_alone(self, name: str, among: Collection[str]) -> bool:
        """Tell whether a modality, given with others, is judged by itself: then references can be used."""
        chosen = self._candidates.for_modalities(tuple(among))
        return any(examiner.metadata.modalities == (name,) for examiner, _ in chosen)

    def check(
        self,
        sample: Sources | None = None,
        /,
        *,
        reference: Reference | None = None,
        **sources: Sources | None,
    ) -> Verdict:
        """Judge one presentation.

        Args:
            sample: a picture of a face or a recording of a voice, where its content leaves no doubt which.
            **sources: modality name → path, bytes of a file, or decoded array; for example
                ``face_rgb="selfie.jpg", voice="answer.wav"``. A `Recording`, or a `Sample`, states what the
                numbers mean besides. A list holds several frames of the presentation, taken one after the
                other; of a clip by path, or a stack of frames, eight are picked. None stands for a sensor
                that is not there.
            reference: earlier bona fide captures of the same person and device, see `knowing`; without a name
                they are of the modality of the sample.

        Returns:
            The verdict. Samples that cannot be judged have no say; where nothing can be judged, or the policy
            asks for more, it is a ``non_response`` with the reasons.

        Raises:
            MediaError: a source is no usable media, or a list is empty or too long.
            InputError: no bundle looks at a modality that was given, or the policy does not allow it; what
                ``sample`` is a sample of is not plain; a reference cannot be used.
            BundleError: a network fails.
        """
        if sample is not None:
            name = obvious_modality(sample)
            if name in sources:
                raise InputError(f"{name} is given twice: by itself and as {name}=")
            sources = {name: sample, **sources}
        if reference is not None:
            if not isinstance(reference, Mapping) and len(sources) == 1:
                reference = {next(iter(sources)): as_list(reference)}
            return self.knowing(reference).check(**sources)
        return self.check_many([sources])[0]

    def check_many(self, presentations: Iterable[Mapping[str, Sources | None]]) -> list[Verdict]:
        """Judge presentations, several in one call of a network; the next are decoded meanwhile.

        Args:
            presentations: of each, modality name → source, as `check` takes them.

        Returns:
            what `check` says of each. A network sums in another order when it has several samples before it,
            so a score may differ in the last digits of single precision, less than 1e-5.

        Raises:
            MediaError: a source is no usable media; nothing is returned of the others.
            InputError: as `check`.
            BundleError: a network fails.
        """
        verdicts = []
        for judged in judge_each(self, presentations, self.look):
            if isinstance(judged.result, InputError):
                raise judged.result
            verdicts.append(judged.result)
        return verdicts

    def look(self, sources: Mapping[str, Sources | None]) -> Presented:
        """Decode one presentation, and look whether its samples can be judged: what needs no network.

        Args:
            sources: as `check` takes them.

        Raises:
            MediaError: a source is no usable media.
            InputError: no bundle looks at a modality that was given, or the policy does not allow it.
        """
        for name in self._known:
            if sources.get(name) is None:
                raise InputError(f"reference: there are captures of {name}, and no sample of it to judge")
        for name in sources:
            self._candidates.check(name)
            if not self._rules.allows(name):
                raise InputError(f"policy {self._rules.name!r} does not look at {name}")
        given = {name: source for name, source in sources.items() if source is not None}
        names = sorted(given)
        looked = self._looked({name: given[name] for name in names})
        for name, references in self._known.items():
            if any(digest_of(sample) in references.digests for sample, _ in looked[name].examined):
                looked[name] = looked[name].with_reason("repeated")
            looked[name] = replace(looked[name], copied=references.copied(looked[name].faces))
        beside = {name: unjudged(name, given[name], names) for name in names}
        return Presented(tuple(sources), looked, beside)

    def _looked(self, given: Mapping[str, Sources]) -> dict[str, Looked]:
        [*names] = given
        if len(names) == 1 and cores() > 1 and not modalities[names[0]].windowed:
            sources, chosen = given[names[0]], self._candidates.for_modalities(names)
            alone = len(chosen) == 1 and chosen[0][0].metadata.modalities == tuple(names)
            if alone and isinstance(sources, (list, tuple)) and len(sources) > 1:
                return {names[0]: look_at_burst(names[0], sources, chosen[0][0], self._pool.map)}
        return look(given, self._pool.map)

    def judge(self, presented: Sequence[Presented]) -> list[Verdict]:
        """Judge what was looked at, all in one call of each network that has a say.

        Raises:
            BundleError: a network fails.
        """
        chosen = [self._candidates.for_modalities(each.usable) for each in presented]
        asked: dict[Examiner, dict[int, Mapping[str, Looked]]] = {}
        for index, (each, choice) in enumerate(zip(presented, chosen, strict=True)):
            for examiner, names in choice:
                asked.setdefault(examiner, {})[index] = {name: each.looked[name] for name in names}
        answers = self._pool.map(lambda one: judge(one[0], list(one[1].values())), list(asked.items()))
        said = {
            (examiner, index): scored
            for (examiner, those), answer in zip(asked.items(), answers, strict=True)
            for index, scored in zip(those, answer, strict=True)
        }
        decider = Decider(self._candidates, self.policy, self._rules, self._at, self._known)
        return [
            decider.verdict(each, choice, [said[examiner, index] for examiner, _ in choice])
            for index, (each, choice) in enumerate(zip(presented, chosen, strict=True))
        ]


def _read_sites(rules: Policy) -> list[SiteCalibration]:
    if not rules.sites:
        return []
    from antispoof.runtime.site import read_site

    return [read_site(path) for paths in rules.sites.values() for path in paths]


def _read(examiner: Callable[[Bundle], Examiner], read: Callable[[], Bundle]) -> Examiner:
    return examiner(read())
