"""BERT Lab's engine: everything that computes, one flat face for notebooks, scripts and pages.

>>> from core import open_model, fill_mask
>>> model = open_model("builtin")
>>> fill_mask(model, "Tokyo is a city in [MASK].", top_k=3)
[[('japan', 0.49...), ('tokyo', 0.05...), ('china', 0.04...)]]

>>> from core import Plan, open_run, train
>>> run = train(Plan(data="sample:reviews", text_column="text", label_column="label"))  # doctest: +SKIP
>>> run.metrics(), run.predict(["a text"]), open_run(run.id)  # doctest: +SKIP

Names are imported when first used: `import core` loads no torch.
"""

import importlib
from typing import Any

_HOME = {  # where each name lives; behind a colon what it is called there, where that is another name
    "LabError": "core.errors",
    "Model": "core.models.loading",
    "open_model": "core.models.loading",
    "Tokens": "core.explore.tokens",
    "tokenize": "core.explore.tokens",
    "Trace": "core.explore.trace",
    "trace": "core.explore.trace",
    "agreement": "core.explore.agreement",
    "fill_mask": "core.explore.fill_mask.fill_mask",
    "fill_jointly": "core.explore.fill_mask.fill_mask",
    "compare_candidates": "core.explore.fill_mask.candidates",
    "logit_lens": "core.explore.fill_mask.logit_lens",
    "surprise": "core.explore.fill_mask.surprise",
    "training_example": "core.explore.fill_mask.training_example",
    "next_sentence": "core.explore.fill_mask.next_sentence",
    "ReadOptions": "core.data.table",
    "Table": "core.data.table",
    "read_table": "core.data.sources.references:open_table",
    "ColumnMapping": "core.data.column_mapping",
    "build_dataset": "core.data.dataset.dataset",
    "Plan": "core.training.plan.plan",
    "plan_from_preset": "core.training.forms.presets",
    "launch": "core.inference.run",
    "train": "core.inference.run",
    "resume": "core.inference.run",
    "Run": "core.inference.run",
    "list_runs": "core.inference.run",
    "open_run": "core.inference.run",
    "SlurmOptions": "core.runs.slurm",
    "predict": "core.inference.predict",
    "predict_labels": "core.inference.predict",
    "predict_scores": "core.inference.predict",
    "predict_table": "core.inference.table",
    "tag_texts": "core.inference.tag",
    "tag_words": "core.inference.tag",
    "answer": "core.inference.answer",
    "choose": "core.inference.choose",
}

__all__ = sorted(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]  # the names stand in one place


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'core' has no attribute {name!r}")
    module, _, own_name = _HOME[name].partition(":")
    return getattr(importlib.import_module(module), own_name or name)


def __dir__() -> list[str]:
    return __all__
