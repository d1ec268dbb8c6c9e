"""The resources of a run: the slots of a device it takes, how often it is tried, how long it may take to stop. Starts
nothing."""

import argparse
import dataclasses
from typing import Self

from core.machine import cuda_names

GRACE_SECONDS = 60.0  # from the wish to stop to TERM: long enough for a slow step and a checkpoint
SILENT_SECONDS = 15.0  # without a sign of life, after which a process counts as paused


@dataclasses.dataclass(frozen=True, slots=True)
class Resources:
    """`count` of the `of` slots of a device, `attempts` in all when memory runs out, seconds to stop by itself.

    `silent_seconds`: how long the training may give no sign of life before the run counts as stalled.
    """

    device: str = "cpu"
    count: int = 1
    of: int = 1
    attempts: int = 1
    grace_seconds: float = GRACE_SECONDS
    silent_seconds: float = SILENT_SECONDS

    @property
    def slots(self) -> tuple[str, ...]:
        """The names of all slots; those of graphics cards are the ones that CUDA knows them by."""
        return cuda_names(self.of) if self.device == "cuda" else tuple(map(str, range(self.of)))

    def options(self) -> list[str]:
        """The resources as options of the command line."""
        given = dataclasses.asdict(self).items()
        return [part for name, value in given for part in (f"--{name.replace('_', '-')}", str(value))]

    @staticmethod
    def add_options(parser: argparse.ArgumentParser) -> None:
        """Let a command line understand `options`."""
        for field in dataclasses.fields(Resources):
            option = f"--{field.name.replace('_', '-')}"
            parser.add_argument(option, type=type(field.default), default=field.default)

    @classmethod
    def from_options(cls, options: argparse.Namespace) -> Self:
        """The resources that a command line named."""
        return cls(**{field.name: getattr(options, field.name) for field in dataclasses.fields(cls)})
