"""One process, several on this machine, or several on several machines.

On this machine the others are started here, and run the same recipe with another rank. On several machines
``torchrun`` starts all of them: what it says in the environment is followed.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any

import torch
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.pytorch.strategies import DDPStrategy

from antispoof.errors import TrainingError
from antispoof.training.recipes.supervised.experiment import TrainingSettings

__all__ = ["Processes", "processes"]


@dataclass(frozen=True, slots=True)
class Processes:
    """Which of how many processes this is.

    Attributes:
        rank: 0 in the one that writes and speaks.
        world: how many there are.
        trainer_arguments: for Lightning's trainer.
        plugins: for Lightning's trainer.
    """

    rank: int
    world: int
    trainer_arguments: dict[str, Any] = field(default_factory=dict)
    plugins: tuple[Any, ...] = ()

    def gathered(self, part: list[Any]) -> list[Any]:
        """Return the parts of all processes, in the order of their ranks."""
        if self.world == 1:
            return part
        parts: list[Any] = [None] * self.world
        torch.distributed.all_gather_object(parts, part)
        return [one for some in parts for one in some]


@contextmanager
def processes(settings: TrainingSettings, task: tuple[Any, ...]) -> Iterator[Processes]:
    """Start the other processes, and wait for them at the end.

    Args:
        settings: how many, on what.
        task: arguments of `antispoof.training.recipes.supervised.fit.join`, for the others.
    """
    if "WORLD_SIZE" in os.environ:  # this process was started by torchrun, or below
        yield _distributed(settings)
        return
    if settings.processes == 1:
        yield Processes(0, 1, {"accelerator": settings.accelerator, "devices": 1})
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    world = settings.processes
    common = {"WORLD_SIZE": world, "LOCAL_WORLD_SIZE": world, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    spawn = get_context("spawn")
    others = [
        spawn.Process(target=_other, args=(task, {**common, "RANK": rank, "LOCAL_RANK": rank}), daemon=True)
        for rank in range(1, world)
    ]
    own = {**common, "RANK": 0, "LOCAL_RANK": 0}
    threads = torch.get_num_threads()
    for other in others:
        other.start()
    os.environ.update({name: str(value) for name, value in own.items()})
    try:
        torch.set_num_threads(max(1, threads // world))
        yield _distributed(settings)
        for other in others:
            other.join()
            if other.exitcode:
                raise TrainingError(f"one of {world} processes failed; its message stands above")
    finally:
        for other in others:
            other.terminate()
        for name in own:
            os.environ.pop(name, None)
        torch.set_num_threads(threads)
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def _distributed(settings: TrainingSettings) -> Processes:
    rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    local = int(os.environ.get("LOCAL_WORLD_SIZE", world))
    arguments = {
        "accelerator": settings.accelerator,
        "devices": local,
        "num_nodes": world // local,
        # Heads and gates that no loss looks at in a step get no gradient.
        "strategy": DDPStrategy(find_unused_parameters=True),
        "sync_batchnorm": torch.cuda.is_available() and settings.accelerator != "cpu",
    }
    return Processes(rank, world, arguments, (TorchElasticEnvironment(),))


def _other(task: tuple[Any, ...], environment: dict[str, Any]) -> None:
    os.environ.update({name: str(value) for name, value in environment.items()})
    torch.set_num_threads(max(1, torch.get_num_threads() // int(environment["WORLD_SIZE"])))
    from antispoof.training.recipes.supervised.fit import join

    join(*task)
