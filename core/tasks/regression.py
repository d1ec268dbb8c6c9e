"""A number for each text or pair."""

from core.tasks.common import PAIR, TEXT
from core.tasks.spec import Baseline, Metric, Role, TaskSpec

_MEAN = Baseline("always answering the mean", value=0.0)  # which correlates with nothing

SPEC = TaskSpec(
    name="regression",
    title="Guess a number",
    meaning="A number for each text or pair of texts: how much two sentences mean the same.",
    data_note=" with a number each",
    roles=(
        TEXT,
        PAIR,
        Role("score", "Score", "The number that BERT should learn to guess.", setting="label_column", holds="number"),
    ),
    head="sequence-classification",
    problem_type="regression",
    pipeline="text-classification",
    settings=("truncation",),
    curves=("pearson", "spearman"),
    metrics=(
        Metric(
            "pearson",
            "Pearson",
            "Linear correlation with the true values: 0 is none, 1 is perfect.",
            baselines=(_MEAN,),
        ),
        Metric("spearman", "Spearman", "Correlation of the ranks: whether the order is right.", baselines=(_MEAN,)),
        Metric(
            "rmse",
            "RMSE",
            "Root of the mean squared difference, in the unit of the value.",
            has_own_scale=True,
            is_lower_better=True,
            baselines=(Baseline("always answering the mean", "mean_rmse"),),
        ),
        Metric(
            "mae",
            "Mean error",
            "Mean absolute difference, in the unit of the value.",
            has_own_scale=True,
            is_lower_better=True,
        ),
        Metric("r2", "R²", "The share of the variance that is explained; below 0 the mean would do better."),
    ),
    further=(
        Metric(
            "mse",
            "Squared error",
            "Mean squared difference from the true value.",
            has_own_scale=True,
            is_lower_better=True,
        ),
    ),
)
