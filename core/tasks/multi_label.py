"""Any number of labels for each text or pair."""

from core.tasks.common import MACRO_F1, PAIR, TEXT, commonest
from core.tasks.spec import Metric, Role, TaskSpec

SPEC = TaskSpec(
    name="multi-label",
    title="Give several labels",
    meaning="Any number of labels for each text: the topics of an article.",
    roles=(
        TEXT,
        PAIR,
        Role(
            "labels",
            "Labels",
            "One column with all labels of a row, or one of 0 and 1 for each.",
            is_list=True,
            setting="label_column",
            list_setting="label_columns",
            holds="labels",
        ),
    ),
    head="sequence-classification",
    problem_type="multi_label_classification",
    pipeline="text-classification",
    settings=("label_columns", "label_separator", "truncation"),
    curves=("micro_f1", "macro_f1", "subset_accuracy"),
    metrics=(
        Metric("micro_f1", "Micro F1", "F1 over the decisions on all labels together.").against(
            commonest("set of labels", "majority_micro_f1")
        ),
        MACRO_F1,
        Metric(
            "subset_accuracy",
            "All labels right",
            "The share of rows with every label right.",
            is_share=True,
            counts_rows=True,
        ).against(commonest("set of labels", "majority_accuracy")),
        Metric(
            "hamming_loss",
            "Labels wrong",
            "The share of single labels that are wrong.",
            is_share=True,
            is_lower_better=True,
        ),
    ),
    further=(
        Metric("micro_precision", "Micro precision", "Precision over the decisions on all labels together."),
        Metric("micro_recall", "Micro recall", "Recall over the decisions on all labels together."),
        Metric("samples_f1", "F1 per row", "F1 of each row's labels, averaged."),
    ),
)
