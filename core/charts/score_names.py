"""What people read for the scores of every task, in one table: title, meaning, how the number is written.

Scores are computed elsewhere; one that is not in the table is shown under its own name, as a number around 0 to 1.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Score:
    """`is_share`: from 0 to 1, read as per cent. `has_own_scale`: neither a share nor a correlation, so it is not drawn
    beside others."""

    title: str
    meaning: str = ""
    is_share: bool = False
    has_own_scale: bool = False

    @property
    def validation_title(self) -> str:
        """The title after “Validation”: words begin small there, names and abbreviations do not."""
        return f"Validation {self.title if self.title in _NAMES else self.title[:1].lower() + self.title[1:]}"


SCORES = {
    "accuracy": Score("Accuracy", "The share of rows whose answer is right.", is_share=True),
    "balanced_accuracy": Score("Balanced accuracy", "Recall of each class, averaged.", is_share=True),
    "majority_accuracy": Score("Majority", "The accuracy of always answering the commonest label.", is_share=True),
    "chance_accuracy": Score("Chance", "The accuracy of answering blindly.", is_share=True),
    "token_accuracy": Score("Words right", "The share of words with the right tag.", is_share=True),
    "precision": Score("Precision", "Of what the model named, the share that is right."),
    "recall": Score("Recall", "Of what was to be found, the share that the model named."),
    "f1": Score("F1", "The harmonic mean of precision and recall."),
    "macro_precision": Score("Macro precision", "Precision of each class, averaged."),
    "macro_recall": Score("Macro recall", "Recall of each class, averaged."),
    "macro_f1": Score("Macro F1", "F1 of each class, averaged: rare classes count as much as common ones."),
    "micro_precision": Score("Micro precision", "Precision over the decisions on all labels together."),
    "micro_recall": Score("Micro recall", "Recall over the decisions on all labels together."),
    "micro_f1": Score("Micro F1", "F1 over the decisions on all labels together."),
    "weighted_precision": Score("Weighted precision", "Precision of each class, averaged by its number of rows."),
    "weighted_recall": Score("Weighted recall", "Recall of each class, averaged by its number of rows."),
    "weighted_f1": Score("Weighted F1", "F1 of each class, averaged by its number of rows."),
    "samples_f1": Score("F1 per row", "F1 of each row's labels, averaged."),
    "mcc": Score("MCC", "Matthews correlation: 0 is chance, 1 is perfect."),
    "subset_accuracy": Score("All labels right", "The share of rows with every label right.", is_share=True),
    "hamming_loss": Score("Labels wrong", "The share of single labels that are wrong.", is_share=True),
    "pearson": Score("Pearson", "Linear correlation with the true values: 0 is none, 1 is perfect."),
    "spearman": Score("Spearman", "Correlation of the ranks: whether the order is right."),
    "r2": Score("R²", "The share of the variance that is explained; below 0 the mean would do better."),
    "mse": Score("Squared error", "Mean squared difference from the true value.", has_own_scale=True),
    "rmse": Score("RMSE", "Root of the mean squared difference, in the unit of the value.", has_own_scale=True),
    "mae": Score("Mean error", "Mean absolute difference, in the unit of the value.", has_own_scale=True),
    "exact_match": Score("Exact match", "The share of answers that are right to the letter.", is_share=True),
    "masked_accuracy": Score(
        "Hidden pieces right", "The share of hidden pieces whose first guess is right.", is_share=True
    ),
    "masked_top5": Score(
        "Right among five", "The share of hidden pieces that are among the first five guesses.", is_share=True
    ),
    "next_sentence_accuracy": Score(
        "Next sentence right", "The share of pairs told rightly to follow each other or not.", is_share=True
    ),
    "perplexity": Score(
        "Perplexity", "Among how many equally likely pieces the model hesitates, on average.", has_own_scale=True
    ),
}
_EXACT = 1e-9  # what is nearer to 0 or 1 is rounding
_NAMES = {"F1", "F1 per row", "MCC", "Pearson", "Spearman", "R²", "RMSE"}


def score_of(name: str) -> Score:
    """The score that the events and `metrics.json` call `name`.

    >>> score_of("macro_f1").title, score_of("my_own").title
    ('Macro F1', 'My own')
    """
    words = name.replace("_", " ").strip() or name
    return SCORES.get(name) or Score(words[:1].upper() + words[1:])


def written(name: str, value: float) -> str:
    """A value of the score `name` as people read it.

    >>> written("accuracy", 0.75), written("mcc", 0.4541), written("perplexity", 12.345)
    ('75.0%', '0.454', '12.35')

    What is not quite all or nothing is not written as if it were, where four more digits tell the difference.

    >>> written("accuracy", 2999 / 3000), written("f1", 0.99996), written("accuracy", 1.0)
    ('99.97%', '0.99996', '100.0%')
    """
    score = score_of(name)
    if score.has_own_scale:
        return f"{value:.4g}"
    sign, digits = ("%", 1) if score.is_share else ("f", 3)
    scale = 100 if score.is_share else 1
    for more in range(5):
        text = f"{value:.{digits + more}{sign}}"
        if abs(float(text.rstrip("%"))) not in (0, scale) or min(abs(value), abs(abs(value) - 1)) < _EXACT:
            return text
    return text
