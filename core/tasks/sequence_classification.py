"""One label for each text or pair."""

from core.tasks.common import ACCURACY, MACRO_F1, MAJORITY_ACCURACY, PAIR, TEXT, commonest
from core.tasks.spec import Metric, Role, TaskSpec

SPEC = TaskSpec(
    name="sequence-classification",
    title="Sort texts into classes",
    meaning="One label for each text, or for each pair of texts: praise or blame, the same meaning or not.",
    labels_note="in {} classes",
    roles=(
        TEXT,
        PAIR,
        Role("label", "Label", "The class that BERT should learn to name.", setting="label_column", holds="label"),
    ),
    head="sequence-classification",
    problem_type="single_label_classification",
    pipeline="text-classification",
    settings=("truncation", "label_smoothing", "class_weights"),
    curves=("macro_f1", "accuracy"),
    metrics=(
        ACCURACY.against(commonest("label", "majority_accuracy")),
        MACRO_F1,
        Metric("weighted_f1", "Weighted F1", "F1 of each class, averaged by its number of rows."),
        Metric("macro_precision", "Macro precision", "Precision of each class, averaged."),
        Metric("macro_recall", "Macro recall", "Recall of each class, averaged."),
        Metric("mcc", "MCC", "Matthews correlation: 0 is chance, 1 is perfect."),
    ),
    further=(
        MAJORITY_ACCURACY,
        Metric("balanced_accuracy", "Balanced accuracy", "Recall of each class, averaged.", is_share=True),
        Metric("weighted_precision", "Weighted precision", "Precision of each class, averaged by its number of rows."),
        Metric("weighted_recall", "Weighted recall", "Recall of each class, averaged by its number of rows."),
    ),
)
