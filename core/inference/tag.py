"""Tagging with a model for tokens: words or texts in, a tag for each word with its place out. Keeps nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import LabError
from core.models.loading import TOKEN_CLASSIFICATION, Model, pad_id
from core.training.batches.words import WordBatcher, encode_words, first_token_logits
from core.training.run.scoring import outputs_of
from core.training.scores.classification import softmax
from core.training.scores.tagging import stretches_of, unit_of
from core.training.tasks.token_classification import OUTSIDE


@dataclass(frozen=True, slots=True)
class Tag:
    """A word and its tag; `start` and `end` are its first character in the text and the one behind its last.

    A word beyond what the model reads has the tag “O” with probability 0.
    """

    word: str
    tag: str
    probability: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Entity:
    """Words that belong together, with the mean probability of their tags; `start` and `end` are characters."""

    kind: str
    text: str
    probability: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Tagged:
    """One entry for each text, in the order given: `tags` of its words; `cut_count` texts were longer than is read."""

    texts: tuple[str, ...]
    tags: tuple[tuple[Tag, ...], ...]
    cut_count: int

    def entities(self) -> tuple[tuple[Entity, ...], ...]:
        """The entities of each text, where the tags are B-/I- tags (as seqeval reads them); none with other tags."""
        return tuple(_entities(text, tags) for text, tags in zip(self.texts, self.tags, strict=True))


def tag_words(
    model: Model,
    sentences: Sequence[Sequence[str]],
    *,
    batch_size: int = 64,
    on_progress: Callable[[int], None] | None = None,
) -> Tagged:
    """Tag every word of every sentence; places are those in the words parted by blanks.

    `on_progress` hears how many sentences are done. Raises `LabError` when the model does not tag words.

    >>> tag_words(open_model(run.id), [["Peter", "lives", "in", "Rome"]]).entities()[0][1].kind  # doctest: +SKIP
    'LOC'
    """
    texts = [" ".join(words) for words in sentences]
    places = [_places(words) for words in sentences]
    return _tag(model, texts, places, batch_size, on_progress)


def tag_texts(
    model: Model, texts: Sequence[str], *, batch_size: int = 64, on_progress: Callable[[int], None] | None = None
) -> Tagged:
    """Tag every word of every text. Words are those of the tokenizer, which parts punctuation from them, too.

    Arguments and errors as for `tag_words`.
    """
    found = model.encodings(list(texts), add_special_tokens=False) if texts else []
    places = [
        [
            place
            for word in dict.fromkeys(encoding.word_ids)
            if word is not None and (place := encoding.word_to_chars(word))
        ]
        for encoding in found
    ]
    return _tag(model, texts, places, batch_size, on_progress)


def _tag(
    model: Model,
    texts: Sequence[str],
    places: Sequence[Sequence[tuple[int, int]]],
    batch_size: int,
    on_progress: Callable[[int], None] | None,
) -> Tagged:
    """Tag the words that stand at `places` (first character, the one behind the last) of each text."""
    if model.task != TOKEN_CLASSIFICATION:
        raise LabError(f"The model “{model.title}” does not tag words.", "Fine-tune it on tagged words first.")
    sentences = [[text[start:end] for start, end in own] for text, own in zip(texts, places, strict=True)]
    unknown = str(model.tokenizer.unk_token)
    words = encode_words(model.encode, sentences, max_length=model.inference.max_length, unknown=unknown)
    batches = WordBatcher.of(words, None, pad_id(model.tokenizer))
    logits = outputs_of(
        model.network,
        batches,
        lambda output, batch: first_token_logits(output.logits, batch["labels"]),
        batch_size=batch_size,
        on_batch=on_progress,
    )
    tags = [
        tuple(
            Tag(word, *answer, *place)
            for word, answer, place in zip(own, _answers(model, found, len(own)), where, strict=True)
        )
        for own, found, where in zip(sentences, logits, places, strict=True)
    ]
    return Tagged(tuple(texts), tuple(tags), batches.cut_count)


def _answers(model: Model, logits: np.ndarray, words: int) -> list[tuple[str, float]]:
    """Tag and probability of each word, of logits (word, label) of those that were read."""
    chances = softmax(logits)
    numbers = chances.argmax(axis=1).tolist()
    found = [(model.labels[number], float(chances[i, number])) for i, number in enumerate(numbers)]
    return found + [(OUTSIDE, 0.0)] * (words - len(found))


def _places(words: Sequence[str]) -> list[tuple[int, int]]:
    """Where each word stands in the words parted by blanks."""
    ends = np.cumsum([len(word) + 1 for word in words], dtype=np.int64) - 1
    return [(int(end) - len(word), int(end)) for word, end in zip(words, ends, strict=True)]


def _entities(text: str, tags: Sequence[Tag]) -> tuple[Entity, ...]:
    names = [each.tag for each in tags]
    if not names or unit_of(names) == "token":
        return ()
    found = []
    for kind, first, last in stretches_of(names, "entity"):
        start, end = tags[first].start, tags[last].end
        probability = float(np.mean([each.probability for each in tags[first : last + 1]]))
        found.append(Entity(kind, text[start:end], probability, start, end))
    return tuple(found)
