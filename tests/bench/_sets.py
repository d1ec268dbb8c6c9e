"""The public data sets that quality is measured on: options of `python -m core.training` for each, and what to report.

They lie beside the repository, not in it; `DATA` may not be there.
"""

from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
DATA = REPOSITORY.parent / "shared" / "data"


@dataclass(frozen=True)
class Set:
    """`options`: how its columns are found; `settings`: how it is trained; `scores`: what is reported, the main one
    first; `baseline`: the score in the same metrics that costs nothing."""

    options: dict[str, object]
    scores: tuple[str, ...]
    baseline: str | None
    settings: dict[str, object] = field(default_factory=dict)


_RAW = {"no-quoting": True, "delimiter": "tab"}
_SMALL = {"epochs": 3, "batch-size": 32, "learning-rate": 1e-4}

SETS = {
    "cola": Set(
        {"data": DATA / "cola/in_domain_train.tsv", "test-data": DATA / "cola/out_of_domain_dev.tsv", **_RAW,
         "no-header": True, "text-column": "column_4", "label-column": "column_2"},
        ("mcc", "accuracy"), "majority_accuracy", _SMALL,
    ),
    "emotion": Set(
        {"data": DATA / "emotion/train.txt", "validation-data": DATA / "emotion/val.txt",
         "test-data": DATA / "emotion/test.txt", "no-header": True, "delimiter": ";",
         "text-column": "column_1", "label-column": "column_2"},
        ("accuracy", "macro_f1"), "majority_accuracy", _SMALL,
    ),
    "stsb": Set(
        {"task": "regression", "data": DATA / "glue/STS-B/train.tsv", "test-data": DATA / "glue/STS-B/dev.tsv", **_RAW,
         "text-column": "sentence1", "pair-column": "sentence2", "label-column": "score"},
        ("pearson", "spearman", "rmse"), "mean_rmse", _SMALL,
    ),
    "mrpc": Set(
        {"data": DATA / "glue/MRPC/train.tsv", "test-data": DATA / "glue/MRPC/dev.tsv", **_RAW,
         "text-column": "#1 String", "pair-column": "#2 String", "label-column": "Quality"},
        ("accuracy", "macro_f1"), "majority_accuracy", _SMALL | {"epochs": 5},
    ),
    "conll": Set(
        {"task": "token-classification", "data": DATA / "conll2003/train.txt",
         "validation-data": DATA / "conll2003/valid.txt", "test-data": DATA / "conll2003/test.txt",
         "text-column": "tokens", "label-column": "tags"},
        ("f1", "precision", "recall", "token_accuracy"), "majority_accuracy", _SMALL | {"batch-size": 16},
    ),
    "squad": Set(
        {"task": "question-answering", "data": DATA / "squad11/dev-v1.1.bloomsbury_half.json",
         "test-data": DATA / "squad11/test-v1.1.bloomsbury_half.json",
         "text-column": "question", "pair-column": "context", "label-column": "answers"},
        ("f1", "exact_match"), None,
        _SMALL | {"epochs": 1, "max-length": 256, "window-overlap": 64, "batch-size": 16},
    ),
    "codah": Set(
        {"task": "multiple-choice", "data": DATA / "codah/full_data.tsv", **_RAW, "no-header": True,
         "text-column": "column_2", "choice-columns": ["column_3", "column_4", "column_5", "column_6"],
         "label-column": "column_7"},
        ("accuracy",), "chance_accuracy", _SMALL | {"batch-size": 16},
    ),
    "sms_spam": Set(
        {"data": DATA / "sms_spam/SMSSpamCollection", **_RAW, "no-header": True,
         "text-column": "column_2", "label-column": "column_1"},
        ("accuracy", "macro_f1"), "majority_accuracy", _SMALL,
    ),
    "chnsenticorp": Set(
        {"data": DATA / "chnsenticorp/train.tsv", "validation-data": DATA / "chnsenticorp/dev.tsv",
         "test-data": DATA / "chnsenticorp/test.tsv", **_RAW, "text-column": "text_a", "label-column": "label"},
        ("accuracy", "macro_f1"), "majority_accuracy", _SMALL,
    ),
}  # fmt: skip


def arguments(options: dict[str, object]) -> list[str]:
    """Options as the command line takes them: True is a flag, a list several values."""
    words: list[str] = []
    for name, value in options.items():
        words.append(f"--{name}")
        if value is not True:
            words += map(str, value if isinstance(value, list) else [value])
    return words
