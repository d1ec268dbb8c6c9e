"""A tag for each word of a sentence."""

from core.tasks.common import F1, PRECISION, RECALL, commonest
from core.tasks.spec import Metric, Role, TaskSpec

SPEC = TaskSpec(
    name="token-classification",
    title="Tag words",
    meaning="A tag for each word: names of people and places in a sentence.",
    noun="sentence",
    labels_note="with {} tags",
    roles=(
        Role(
            "tokens",
            "Words",
            "The words of a sentence, parted by spaces or as a JSON list.",
            setting="text_column",
            segment=1,
            holds="words",
        ),
        Role("tags", "Tags", "One tag for each word, written in the same way.", setting="label_column", holds="labels"),
    ),
    is_placed=True,
    head="token-classification",
    pipeline="token-classification",
    settings=("label_smoothing", "class_weights"),
    lengths={"balanced": 256},  # tags beyond the limit are not learned, so sentences get more room
    curves=("f1", "precision", "recall", "token_accuracy"),
    metrics=(
        F1.against(commonest("tag", "majority_f1")),
        PRECISION,
        RECALL,
        Metric("token_accuracy", "Words right", "The share of words with the right tag.", is_share=True).against(
            commonest("tag", "majority_accuracy")
        ),
    ),
)
