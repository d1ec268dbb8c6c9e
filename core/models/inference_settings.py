"""How a trained model reads what it predicts for: what its scores were measured with, kept beside its weights.

A file of its own in the folder of a run's model, so that it goes wherever the folder goes. Training writes it; every
way of predicting reads it. Reads and writes small JSON only, and cuts no text.
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import LabError

FILE = "bertlab.json"
OLDER_CAN_DECLINE = "can_decline"  # where runs of earlier versions kept it: in config.json


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceSettings:
    """What decides a prediction beside the weights; fields that a task has no use for keep their defaults.

    - `max_length`: tokens of one input, special tokens included; longer texts are cut, or read in windows
    - `position_limit`: the most tokens that network and tokenizer take, to look at or to train further
    - `truncation`: which text of a pair is cut: "longest", "first" or "second"
    - `window_overlap`, `longest_answer`, `can_decline`: for answers, the tokens that windows of a passage share, the
      most tokens of an answer, and whether “no answer” may be given
    - `threshold`: of several labels, those whose probability is above it are given
    - `choices`: what the training file calls the choices, in order
    - `task`: what was learned, as `core.tasks` calls it; "" in folders of earlier versions
    """

    max_length: int
    position_limit: int
    truncation: str = "longest"
    window_overlap: int = 64
    longest_answer: int = 30
    can_decline: bool = False
    threshold: float = 0.5
    choices: tuple[str, ...] = ()
    task: str = ""


def write_settings(folder: Path, settings: InferenceSettings) -> None:
    """Write the settings into the folder of a model."""
    text = json.dumps(dataclasses.asdict(settings), ensure_ascii=False, indent=2)
    (folder / FILE).write_text(text + "\n", encoding="utf-8")


def read_settings(folder: Path) -> InferenceSettings | None:
    """The settings in the folder of a model; None where there are none: a model from elsewhere, or an older run.

    Raises `LabError` when they are there but cannot be used: other numbers than those of the scores would follow.
    """
    try:
        text = (folder / FILE).read_text("utf-8")
    except OSError:
        return None
    except ValueError as error:
        raise _damaged(folder) from error
    try:
        values = json.loads(text)
        names = {item.name for item in dataclasses.fields(InferenceSettings)}
        known = {name: value for name, value in values.items() if name in names}  # a later version may write more
        known["choices"] = tuple(known.get("choices", ()))
        settings = InferenceSettings(**known)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(folder) from error
    if not _is_sound(settings):
        raise _damaged(folder)
    return settings


def _is_sound(settings: InferenceSettings) -> bool:
    def whole(value: Any, least: int) -> bool:
        return type(value) is int and value >= least

    return (
        whole(settings.max_length, 1)
        and whole(settings.position_limit, settings.max_length)
        and settings.truncation in ("longest", "first", "second")
        and whole(settings.window_overlap, 0)
        and whole(settings.longest_answer, 1)
        and type(settings.can_decline) is bool
        and type(settings.threshold) in (int, float)
        and 0 <= settings.threshold <= 1
        and all(isinstance(name, str) for name in (*settings.choices, settings.task))
    )


def _damaged(folder: Path) -> LabError:
    return LabError(
        f"The file {FILE} in “{folder.name}”, which says how the model reads texts, is damaged.",
        "Copy the whole folder of the model again. Without the file the model opens, but reads texts to its own limit.",
    )
