"""The stretch of a passage that answers a question, or that there is none."""

from core.tasks.common import F1
from core.tasks.spec import Baseline, Metric, Role, TaskSpec

_SILENCE = Baseline("never answering", "no_answer_f1")

SPEC = TaskSpec(
    name="question-answering",
    title="Answer questions",
    meaning="The stretch of a passage that answers a question about it.",
    noun="question",
    roles=(
        Role("question", "Question", "What is asked.", setting="text_column", segment=1),
        Role("context", "Context", "The passage in which the answer stands.", setting="pair_column", segment=2),
        Role(
            "answer",
            "Answer",
            "The answer, word for word as in the context; empty where there is none.",
            setting="label_column",
            holds="answer",
        ),
        Role(
            "answer_start",
            "Answer start",
            "Where the answer begins in the context, in characters from 0.",
            is_required=False,
            setting="answer_start_column",
            holds="number",
        ),
    ),
    is_placed=True,
    grouped_by="context",
    head="question-answering",
    pipeline="question-answering",
    reads_windows=True,
    settings=("answer_start_column", "window_overlap"),
    # As in transformers' run_qa (384, overlap 128).
    lengths={"quick": 256, "balanced": 384, "best": 384},
    learning_rate=5e-5,  # Devlin et al. 2019, for SQuAD
    curves=("f1", "exact_match"),
    metrics=(
        F1.against(_SILENCE),
        Metric(
            "exact_match",
            "Exact match",
            "The share of answers that are right to the letter.",
            is_share=True,
            counts_rows=True,
        ).against(_SILENCE),
    ),
)
