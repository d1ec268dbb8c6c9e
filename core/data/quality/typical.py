"""The words that set each label apart from the others: weighted log-odds with an informative Dirichlet prior.

The statistic is that of Monroe, Colaresi and Quinn (2008), “Fightin' Words”, Political Analysis 16(4), equations 16, 20
and 22: frequent words that all labels share, and rare ones that occur by chance, score near zero.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from core.data.dataset.dataset import Dataset
from core.data.dataset.words import terms_of

_BATCH = 5_000
_MOST_TERMS = 1_000_000  # different words kept while counting; beyond it those seen once are forgotten


@dataclass(frozen=True, slots=True)
class TypicalWord:
    """A word and how typical it is: `z` above about 2 is hardly chance. `count` in this label, `others` elsewhere."""

    word: str
    z: float
    count: int
    others: int


@dataclass(frozen=True, slots=True)
class TypicalWords:
    """For each label its words, the most typical first. `rows` is how many examples were read."""

    by_label: dict[str, tuple[TypicalWord, ...]]
    rows: int


def typical_words(
    dataset: Dataset,
    *,
    most: int = 20,
    fewest: int = 3,
    terms: Callable[[str], Iterable[str]] = terms_of,
    on_progress: Callable[[float], None] | None = None,
) -> TypicalWords:
    """The `most` typical words of each label, among those that occur at least `fewest` times in all.

    Words are lower-cased and without punctuation; where a script has no spaces (Chinese, Thai) they are pairs of
    neighbouring characters. `on_progress(share)` is called between batches; what it raises ends the work.
    """
    counts = count_terms(dataset, terms=terms, on_progress=on_progress)
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    words = sorted(word for word, count in total.items() if count >= fewest)
    place_of = {word: place for place, word in enumerate(words)}
    everywhere = np.array([total[word] for word in words], np.int64)
    by_label = {}
    for name, each in zip(dataset.label_names, counts, strict=True):  # a table of all labels could be gigabytes
        own = np.zeros(len(words), np.int64)
        for word in each.keys() & place_of.keys():
            own[place_of[word]] = each[word]
        z = log_odds(own, everywhere)
        by_label[name] = tuple(
            TypicalWord(words[place], float(z[place]), int(own[place]), int(everywhere[place] - own[place]))
            for place in np.argsort(-z, kind="stable")[:most].tolist()
            if z[place] > 0
        )
    return TypicalWords(by_label, len(dataset))


def count_terms(
    dataset: Dataset,
    *,
    terms: Callable[[str], Iterable[str]] = terms_of,
    on_progress: Callable[[float], None] | None = None,
) -> list[Counter[str]]:
    """How often each word occurs under each label, both texts of a pair taken together."""
    counts: list[Counter[str]] = [Counter() for _ in dataset.label_names]
    columns = dataset.text_columns()
    for start in range(0, len(dataset), _BATCH):
        labels = dataset.labels.array[start : start + _BATCH].tolist()
        for column in columns:
            for label, text in zip(labels, column[start : start + _BATCH], strict=False):
                counts[label].update(terms(text))
        if sum(map(len, counts)) > _MOST_TERMS:
            counts = [Counter({word: n for word, n in each.items() if n > 1}) for each in counts]
        if on_progress is not None:
            on_progress(min(1.0, (start + _BATCH) / len(dataset)))
    return counts


def log_odds(own: Sequence[int] | np.ndarray, everywhere: Sequence[int] | np.ndarray) -> np.ndarray:
    """z-scores of the log-odds of each word in a label against all other labels, from its counts there and in all:
    (word,).

    With y the count of a word in the label, n all words of the label, y' and n' the same in the other labels, and the
    prior α_w = y + y', α₀ = Σ α_w:
    δ = ln((y + α_w) / (n + α₀ - y - α_w)) - ln((y' + α_w) / (n' + α₀ - y' - α_w)),
    variance ≈ 1/(y + α_w) + 1/(y' + α_w), and z = δ / √variance; 0 where there is no other label or word.
    """
    own, alpha = np.asarray(own, float), np.asarray(everywhere, float)
    others = alpha - own
    if not others.any():
        return np.zeros_like(own)
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = np.log(own + alpha) - np.log(own.sum() + alpha.sum() - own - alpha)
        outside = np.log(others + alpha) - np.log(others.sum() + alpha.sum() - others - alpha)
        z = (inside - outside) / np.sqrt(1 / (own + alpha) + 1 / (others + alpha))
    return np.where(np.isfinite(z), z, 0.0)
