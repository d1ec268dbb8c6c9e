"""What a classifier's answers are called: names from its configuration, however they are numbered there.

transformers takes `id2label` for a list in which each number from 0 stands once. Files from elsewhere start at 1, leave
numbers out, name nothing, or name two classes alike; how many answers there are is then known from the weights alone.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from core.errors import LabError

_NUMBER = re.compile(r"-?\d{1,9}", re.ASCII)


def check_labels(config: Mapping[str, Any], name: str) -> None:
    """Raise `LabError` where `id2label` does not give names by number. `name` is what the folder is called."""
    written = config.get("id2label")
    if written is None or (isinstance(written, dict) and all(_NUMBER.fullmatch(str(key)) for key in written)):
        return
    raise LabError(
        f"In config.json of the model “{name}” the names of the labels (id2label) are not numbered.",
        'Write them as numbers with names, for instance {"0": "negative", "1": "positive"}.',
    )


def label_names(written: Mapping[Any, Any] | None, count: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of `count` answers in the order of the logits, all different; and notices for people, if any.

    `written` is `id2label` as `check_labels` lets it pass. As many names as answers, but numbered otherwise (from 1, or
    with gaps), are taken in the order of their numbers; else a name belongs to the answer of its number. Answers
    without a name are called LABEL_0, LABEL_1 …, as in transformers.

    >>> label_names({"1": "no", "2": "yes"}, 2)[0], label_names({"0": "no", "2": "yes"}, 3)[0]
    (('no', 'yes'), ('no', 'LABEL_1', 'yes'))
    """
    numbered = {int(key): _as_text(name) for key, name in (written or {}).items()}
    notices = []
    if numbered and set(numbered) != set(range(count)):
        if len(numbered) == count:
            listed = ", ".join(map(str, sorted(numbered)[:4])) + (" …" if count > 4 else "")
            notices.append(f"Its labels are numbered {listed} and not from 0 on: they were taken in this order.")
            numbered = {place: numbered[key] for place, key in enumerate(sorted(numbered))}
        else:
            notices.append(
                f"It names {len(numbered)} labels and answers with {count}: "
                "names were given by their numbers, and LABEL_ and a number where there is none."
            )
    elif None in numbered.values():
        notices.append("Some of its labels have no name: they are called LABEL_ and their number.")
    names: dict[str, None] = {}
    repeated = False
    for place in range(count):
        name = numbered.get(place) or f"LABEL_{place}"
        while name in names:
            repeated, name = True, f"{name} ({place})"
        names[name] = None
    if repeated:
        notices.append("Some of its labels have the same name: a number was added to tell them apart.")
    return tuple(names), tuple(notices)


def count_of(folder: Path, weight: str) -> int | None:
    """How many rows the tensor called `weight` has in a folder's safetensors files; None where it is not in them."""
    for file in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(file, framework="pt") as tensors:
                if weight in tensors.keys():  # noqa: SIM118 (not a mapping)
                    return tensors.get_slice(weight).get_shape()[0]
        except (OSError, SafetensorError):  # opening the model says so in words
            return None
    return None


def _as_text(name: object) -> str | None:
    """A label as people read it; None for what is no name."""
    return str(name).strip() or None if isinstance(name, str | int | float) else None
