"""Which of several texts continues a beginning, or answers a question about it."""

from core.tasks.common import ACCURACY
from core.tasks.spec import Baseline, Metric, Role, TaskSpec

SPEC = TaskSpec(
    name="multiple-choice",
    title="Pick the right choice",
    meaning="The one of several texts that continues a beginning, or answers a question about it.",
    data_note=" with {choices} choices each",
    roles=(
        Role("context", "Beginning", "What all choices continue or answer.", setting="text_column", segment=1),
        Role(
            "question",
            "Question",
            "Put between the beginning and each choice, where there is one.",
            is_required=False,
            setting="pair_column",
            segment=1,
        ),
        Role(
            "choices",
            "Choices",
            "One column for each choice, in order.",
            is_list=True,
            setting="choice_columns",
            segment=2,
        ),
        Role(
            "label",
            "Right choice",
            "The number of the right choice, or its column's name.",
            setting="label_column",
            holds="choice",
        ),
    ),
    head="multiple-choice",
    pipeline="multiple-choice",
    settings=("choice_columns", "label_smoothing"),
    curves=("accuracy",),
    metrics=(
        ACCURACY.against(
            Baseline("guessing blindly", "chance_accuracy"),
            Baseline("always choosing the commonest place", "majority_accuracy"),
        ),
    ),
    further=(Metric("chance_accuracy", "Chance", "The accuracy of answering blindly.", is_share=True),),
)
