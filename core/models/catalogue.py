"""Which models there are to choose from, and where each one lies. Loads nothing."""

import re
from dataclasses import dataclass
from pathlib import Path

from core.errors import LabError
from core.workspace import newest_first, run_folder, run_folders, run_id, run_name

BUILTIN = "builtin"
BUILTIN_FOLDER = Path(__file__).parent / "builtin"
TEACHING = "teaching"  # so small that every matrix fits on the screen; made by scripts/train_teaching.py
TEACHING_FOLDER = Path(__file__).parent / "teaching"
HUB_SUGGESTIONS = (
    "bert-base-uncased",
    "bert-base-cased",
    "distilbert-base-uncased",
    "bert-base-chinese",
    "bert-base-multilingual-cased",
    "roberta-base",
)

_SHIPPED = {BUILTIN: BUILTIN_FOLDER, TEACHING: TEACHING_FOLDER}
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One line of the model list. `open_model(reference)` opens it. `is_run`: trained here, not shipped."""

    reference: str
    title: str
    is_run: bool


def entries() -> tuple[ModelEntry, ...]:
    """The models at hand without a network: the two that ship, then the finished runs, newest first."""
    runs = newest_first(path for path in run_folders().values() if (path / "model" / "config.json").is_file())
    return (
        ModelEntry(BUILTIN, "Built-in BERT", is_run=False),
        ModelEntry(TEACHING, "Teaching BERT (8 wide)", is_run=False),
        *(ModelEntry(run_id(path), f"Run: {run_name(path)}", is_run=True) for path in runs),
    )


def locate(reference: str) -> Path | None:
    """The folder of the model called `reference`, or None when the name can only be a Hub id.

    `reference` is "builtin", "teaching", the id of a finished run, a path to a local folder, or a Hub id.
    Raises `LabError` for anything else; no request is ever made here.
    """
    reference = reference.strip()
    if reference in _SHIPPED:
        return _SHIPPED[reference]
    if (run := run_folder(reference)) is not None:
        folder = run / "model"
        if not (folder / "config.json").is_file():
            raise LabError(
                f"The run “{reference}” has no trained model yet.",
                "Wait until it has finished, or choose another model.",
            )
        return folder
    if (folder := _local_folder(reference)) is not None:
        return folder
    if _HUB_ID.fullmatch(reference) and ".." not in reference:
        return None
    raise LabError(
        f"“{reference[:100]}” is neither a model at hand, nor a folder on this machine, nor the name of a Hub model.",
        "Use “builtin”, “teaching”, the id of a finished run, the path of a model folder, "
        "or a name such as “bert-base-uncased”.",
    )


def _local_folder(reference: str) -> Path | None:
    """The folder on this machine that a path names; None when it names none, or is no path at all."""
    try:
        folder = Path(reference).expanduser()
        return folder.resolve() if reference and "://" not in reference and folder.is_dir() else None
    except (OSError, RuntimeError, ValueError):  # a name too long, a home of nobody, a NUL
        return None
