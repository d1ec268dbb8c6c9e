"""Which models there are to choose from, and where each one lies. Loads nothing."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from core.errors import LabError
from core.workspace import runs_directory

BUILTIN = "builtin"
BUILTIN_FOLDER = Path(__file__).parent / "builtin"
HUB_SUGGESTIONS = (
    "bert-base-uncased",
    "bert-base-cased",
    "distilbert-base-uncased",
    "bert-base-chinese",
    "bert-base-multilingual-cased",
    "roberta-base",
)

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One line of the model list. `open_model(reference)` opens it."""

    reference: str
    title: str
    kind: str  # "builtin" | "run" | "hub"


def entries() -> tuple[ModelEntry, ...]:
    """The models at hand without a network: the built-in one, then the finished runs, newest first."""
    runs = [path for path in runs_directory().iterdir() if (path / "model" / "config.json").is_file()]
    runs.sort(key=lambda path: (path / "model").stat().st_mtime, reverse=True)
    return (
        ModelEntry(BUILTIN, "Built-in BERT", "builtin"),
        *(ModelEntry(path.name, f"Run: {run_title(path)}", "run") for path in runs),
    )


def run_title(folder: Path) -> str:
    """The name a person gave a run, or its id."""
    try:
        name = json.loads((folder / "data.json").read_text("utf-8")).get("name")
    except (OSError, ValueError, AttributeError):
        name = None
    return str(name or folder.name)


def locate(reference: str) -> Path | None:
    """The folder of the model called `reference`, or None when the name can only be a Hub id.

    `reference` is "builtin", the id of a finished run, a path to a local folder, or a Hub id.
    Raises `LabError` for anything else; no request is ever made here.
    """
    reference = reference.strip()
    if reference == BUILTIN:
        return BUILTIN_FOLDER
    if _RUN_ID.fullmatch(reference) and (runs_directory() / reference).is_dir():
        folder = runs_directory() / reference / "model"
        if not (folder / "config.json").is_file():
            raise LabError(
                f"The run “{reference}” has no trained model yet.",
                "Wait until it has finished, or choose another model.",
            )
        return folder
    if "://" not in reference and Path(reference).expanduser().is_dir():
        return Path(reference).expanduser().resolve()
    if _HUB_ID.fullmatch(reference) and ".." not in reference:
        return None
    raise LabError(
        f"“{reference[:100]}” is neither a model at hand, nor a folder on this machine, nor the name of a Hub model.",
        "Use “builtin”, the id of a finished run, the path of a model folder, or a name such as “bert-base-uncased”.",
    )
