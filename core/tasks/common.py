"""Roles, metrics and baselines that several tasks share."""

from core.tasks.spec import Baseline, Metric, Role

TEXT = Role("text", "Text", "What BERT will read.", setting="text_column", segment=1)
PAIR = Role(
    "pair",
    "Second text",
    "Only for tasks about two texts, such as “do these mean the same?”",
    is_required=False,
    setting="pair_column",
    segment=2,
)

ACCURACY = Metric("accuracy", "Accuracy", "The share of rows whose answer is right.", is_share=True, counts_rows=True)
MAJORITY_ACCURACY = Metric(
    "majority_accuracy", "Majority", "The accuracy of always answering the commonest label.", is_share=True
)
PRECISION = Metric("precision", "Precision", "Of what the model named, the share that is right.")
RECALL = Metric("recall", "Recall", "Of what was to be found, the share that the model named.")
F1 = Metric("f1", "F1", "The harmonic mean of precision and recall.")
MACRO_F1 = Metric("macro_f1", "Macro F1", "F1 of each class, averaged: rare classes count as much as common ones.")


def commonest(noun: str, name: str) -> Baseline:
    """Always answering what is commonest in the training data; `name` is that of its score."""
    return Baseline(f"always answering the commonest {noun}", name)
