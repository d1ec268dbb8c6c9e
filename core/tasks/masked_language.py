"""Words that are hidden in texts without labels."""

from core.tasks.common import TEXT
from core.tasks.spec import Baseline, Metric, TaskSpec

SPEC = TaskSpec(
    name="masked-language",
    title="Learn the language of these texts",
    meaning="Words that are hidden in texts without labels: makes a model at home in their language.",
    noun="text",
    data_note=": no labels are needed",
    roles=(TEXT,),
    head="masked-lm",
    pipeline="fill-mask",
    reads_windows=True,
    predicts_vocabulary=True,
    settings=("from_scratch", "mask_share", "whole_words", "next_sentence"),
    learning_rate=5e-5,  # as transformers' run_mlm
    best={"whole_words": True},  # harder than tokens of words, and better (Cui et al. 2021)
    curves=("masked_accuracy", "masked_top5", "next_sentence_accuracy"),  # the last where pairs are judged
    metrics=(
        Metric(
            "masked_accuracy",
            "Hidden tokens right",
            "The share of hidden tokens whose first guess is right.",
            is_share=True,
        ).against(Baseline("always guessing the commonest token", "majority_accuracy")),
        Metric(
            "masked_top5",
            "Right among five",
            "The share of hidden tokens that are among the first five guesses.",
            is_share=True,
        ),
        Metric(
            "perplexity",
            "Perplexity",
            "Among how many equally likely tokens the model hesitates, on average.",
            has_own_scale=True,
            is_lower_better=True,
        ),
        Metric(
            "next_sentence_accuracy",
            "Next sentence right",
            "The share of pairs of which the model says rightly whether they follow each other.",
            is_share=True,
        ).against(Baseline("throwing a coin", value=0.5)),
    ),
    predicts_rows=False,
)
