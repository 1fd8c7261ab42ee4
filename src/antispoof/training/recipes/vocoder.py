"""A small neural vocoder, trained for minutes to make spoofs with; not a detector.

`antispoof simulate speech --vocoder NAME=run/vocoder.safetensors` copies speech with it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, field_validator
from torch import Tensor

from antispoof.data.presentation import CaptureFile, Presentation
from antispoof.errors import InputError
from antispoof.networks.vocoders import HOP, MelSpectrogram, Vocoder, vocoders
from antispoof.simulation.speech.collection import speech_files
from antispoof.simulation.speech.recording import RATE, read_speech
from antispoof.training.checkpoint import load_weights, read_state, write_state, write_tensors
from antispoof.training.recipe import Recipe, recipes
from antispoof.training.reporter import SILENT, Reporter
from antispoof.training.run_folder import claim, presentations_digest
from antispoof.training.schema import Experiment

__all__ = ["VocoderExperiment", "train_on"]

WEIGHTS, LAST = "vocoder.safetensors", "last.safetensors"
KEPT_EVERY = 25  # steps: so many are done again at most by a run that was interrupted
Positive = Annotated[int, Field(gt=0)]


class VocoderExperiment(Experiment):
    """One experiment file.

    Attributes:
        speech: folder of recordings.
        vocoder: name of the network.
        rates: sample rates that it learns to work at.
        steps: of training.
        batch_size: pieces a step.
        frames: length of a piece, in frames of 256 samples.
        learning_rate: the highest of the schedule.
        warm_up: share of the steps in which no critic is asked.
    """

    recipe: Literal["vocoder"]
    speech: Path
    vocoder: str
    rates: Annotated[tuple[Annotated[int, Field(ge=8000, le=48000)], ...], Field(min_length=1)] = (
        16000,
        20000,
        24000,
    )
    steps: Positive
    batch_size: Positive = 16
    frames: Annotated[int, Field(ge=8)] = 24
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    warm_up: Annotated[float, Field(ge=0, le=1)] = 0.3

    @field_validator("vocoder")
    @classmethod
    def _known(cls, name: str) -> str:
        vocoders[name]
        return name


def train_on(
    experiment: VocoderExperiment, presentations: tuple[Presentation, ...], report: Reporter = SILENT
) -> Path:
    """Train it on bona fide speech, and leave ``vocoder.safetensors``; an interrupted run goes on.

    Raises:
        InputError: there is no speech, or none that is long enough, or the run folder is of another
            experiment.
        TrainingError: the disk is full.
    """
    files = [p.captures["voice"].path for p in presentations if p.bona_fide and "voice" in p.captures]
    pieces = _Pieces(experiment, files)
    if claim(experiment, {"presentations_sha256": presentations_digest(presentations)}, WEIGHTS):
        report.say(f"{experiment.run_dir} is finished already")
        return experiment.run_dir
    torch.manual_seed(experiment.seed)
    network, spectrogram = vocoders[experiment.vocoder](), MelSpectrogram()
    own = [p for name, p in network.named_parameters() if not name.startswith("critic.")]
    optimizer = torch.optim.AdamW(own, experiment.learning_rate, betas=(0.8, 0.99))
    critic = network.critic
    judge = None
    if critic is not None:
        judge = torch.optim.AdamW(critic.parameters(), experiment.learning_rate * 0.4, betas=(0.8, 0.99))
    progress = _Progress(experiment.run_dir / LAST, network, optimizer, judge, pieces.rng)
    for step in range(progress.steps_done(), experiment.steps):
        share = step / experiment.steps
        for group in optimizer.param_groups:
            group["lr"] = experiment.learning_rate * (0.02 + 0.49 * (1 + np.cos(np.pi * share)))
        wave = pieces.draw()
        mel = spectrogram(wave)
        judged = judge is not None and share >= experiment.warm_up
        if judge is not None and judged:
            judge.zero_grad()
            network.critic_loss(mel, wave).backward()  # type: ignore[no-untyped-call]
            judge.step()
        optimizer.zero_grad()
        loss = network.loss(mel, wave, judged)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(own, 1.0)
        optimizer.step()
        if (step + 1) % KEPT_EVERY == 0:
            progress.keep(step + 1)
        report.progress(f"vocoder, loss {float(loss.detach()):.3f}", step + 1, experiment.steps)
    state = {name: value for name, value in network.state_dict().items() if not name.startswith("critic.")}
    write_tensors(experiment.run_dir / WEIGHTS, state, {"experiment": dict(experiment.record())})
    return experiment.run_dir


class _Progress:
    """Where a training is: weights, optimizers and what is drawn next. It ends as if it had not stopped."""

    def __init__(
        self,
        path: Path,
        network: Vocoder,
        optimizer: torch.optim.Optimizer,
        judge: torch.optim.Optimizer | None,
        rng: np.random.Generator,
    ) -> None:
        self.path, self.network, self.rng = path, network, rng
        self.optimizers = [optimizer, *([] if judge is None else [judge])]

    def keep(self, steps: int) -> None:
        """Write it down after so many steps."""
        state = {
            "steps": steps,
            "network": self.network.state_dict(),
            "optimizers": [one.state_dict() for one in self.optimizers],
            "numpy": self.rng.bit_generator.state,
            "torch": torch.get_rng_state(),
        }
        write_state(self.path, state)

    def steps_done(self) -> int:
        """Take up what an interrupted run left, and return after how many steps."""
        if not self.path.exists():
            return 0
        state = read_state(self.path)
        load_weights(self.network, state["network"], self.path)
        for one, kept in zip(self.optimizers, state["optimizers"], strict=True):
            one.load_state_dict(kept)
        self.rng.bit_generator.state = state["numpy"]
        torch.set_rng_state(state["torch"])
        return int(state["steps"])


class _Pieces:
    """Pieces of speech at several rates and levels."""

    def __init__(self, experiment: VocoderExperiment, files: list[Path]) -> None:
        import soxr

        self.length, self.count = experiment.frames * HOP, experiment.batch_size
        self.rng = np.random.default_rng(experiment.seed)
        self.speech: list[NDArray[np.float32]] = []
        for path in files:
            samples = read_speech(path)
            samples = samples * 0.05 / max(float(np.sqrt(np.mean(samples**2))), 1e-6)
            versions = [
                np.asarray(soxr.resample(samples, RATE, rate), np.float32) for rate in experiment.rates
            ]
            self.speech += [v for v in versions if len(v) > self.length]
        if not self.speech:
            raise InputError(f"{experiment.speech}: no recording is longer than {self.length} samples")

    def draw(self) -> Tensor:
        """Return (B, N)."""
        rows = []
        for _ in range(self.count):
            samples = self.speech[self.rng.integers(len(self.speech))]
            start = int(self.rng.integers(len(samples) - self.length))
            rows.append(samples[start : start + self.length] * 10 ** self.rng.uniform(-0.4, 0.3))
        return torch.from_numpy(np.clip(np.stack(rows), -1, 1).astype(np.float32))


class _Vocoder(Recipe[VocoderExperiment]):
    summary = "a small neural vocoder to make spoofs with"
    experiment = VocoderExperiment
    makes = "a vocoder, which is no detector: use it with simulate speech --vocoder"

    def presentations(self, experiment: VocoderExperiment) -> tuple[Presentation, ...]:
        return tuple(
            Presentation(id=str(path), dataset="speech", captures={"voice": CaptureFile(path)})
            for path in speech_files(experiment.speech)
        )

    def train_on(
        self,
        experiment: VocoderExperiment,
        presentations: tuple[Presentation, ...],
        report: Reporter = SILENT,
    ) -> Path:
        return train_on(experiment, presentations, report)


recipes.register("vocoder")(_Vocoder())
