"""A game: guess the hidden word before BERT does. Sentences of the lab's own, or any text; keeps no score."""

import random
import re
from dataclasses import dataclass
from pathlib import Path

from core.errors import LabError
from core.explore.fill_mask.candidates import compare_candidates
from core.explore.fill_mask.cloze import check_masked_lm
from core.explore.fill_mask.fill_mask import predict_masks, rank, top_tokens
from core.explore.fill_mask.masks import Word, words
from core.models import catalogue
from core.models.loading import Model

_SENTENCES = Path(__file__).with_name("guessing_sentences.txt")
_TEACHING = ("{two} dogs bark.", "one {cat} meows and two dogs bark.", "two ducks quack {and} one cow moos.")
MOST_WORDS = 100
_LEAST_LETTERS = 3


@dataclass(frozen=True, slots=True)
class Round:
    """One sentence with one word hidden: `text` holds the model's mask where `answer`, one token, stood."""

    text: str
    answer: str
    token_id: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a guess and the model fared: who found the word, and what the model thought of either.

    The model is right when the word is among its `guesses`, as many as it has tries: (word, probability), best first.
    `answer_rank` counts from 1. `guess_probability` is None where the model cannot read the guess as a word.
    """

    person_is_right: bool
    model_is_right: bool
    guesses: tuple[tuple[str, float], ...]
    answer_rank: int
    answer_probability: float
    guess_probability: float | None


def sentence_rounds(model: Model, *, seed: int = 0) -> list[Round]:
    """The lab's own sentences as rounds, shuffled, without those whose hidden word the model has no single token for.

    Raises `LabError` when the model has no masked-language head, or knows none of the words.
    """
    check_masked_lm(model)
    own = model.reference == catalogue.TEACHING
    lines = _TEACHING if own else _SENTENCES.read_text("utf-8").splitlines()
    rounds = []
    for line in lines:
        before, answer, after = re.split(r"[{}]", line)
        text = f"{before}{answer}{after}"
        word = next(each for each in words(model, text) if each.start >= len(before))
        if len(word.token_ids) == 1:
            rounds.append(_round(model, text, word))
    if not rounds:
        raise LabError("This model knows none of the game's English words.", "Play with a text of your own.")
    return _shuffled(rounds, seed)


def text_rounds(model: Model, text: str, *, seed: int = 0) -> list[Round]:
    """Any text as rounds: each word that is one token of the vocabulary hidden once, shuffled.

    Words shorter than three letters are left out. Raises `LabError` when none is left, beyond `MOST_WORDS` words,
    and without a masked-language head.
    """
    check_masked_lm(model)
    found = words(model, text)
    if len(found) > MOST_WORDS:
        raise LabError(f"The text has {len(found):,} words; the game takes {MOST_WORDS}.", "Play with a part of it.")
    if any(word.is_mask for word in found):
        raise LabError("The text holds a [MASK] already.", "Type it whole: the game hides a word by itself.")
    rounds = [
        _round(model, text, word)
        for word in found
        if len(word.token_ids) == 1 and word.text.isalpha() and len(word.text) >= _LEAST_LETTERS
    ]
    if not rounds:
        raise LabError("The text holds no word to hide.", "Type a sentence of a few ordinary words.")
    return _shuffled(rounds, seed)


def judge(model: Model, played: Round, guess: str, *, tries: int = 1) -> Verdict:
    """Compare a guess, and the model's own, with the hidden word; case does not matter, nor what the model cannot see.

    Where it reads “cafe” and “café” alike, either is right for both.
    Raises `LabError` as `core.explore.fill_mask.fill_mask.predict_masks`.
    """
    predictions = predict_masks(model, played.text)
    (answers,) = top_tokens(model, predictions, top_k=tries)
    found, probability = rank(predictions, 0, played.token_id)
    return Verdict(
        person_is_right=guess.strip().casefold() == played.answer.casefold()
        or _token_ids(model, guess) == [played.token_id],
        model_is_right=found <= tries,
        guesses=tuple(answers),
        answer_rank=found,
        answer_probability=probability,
        guess_probability=_probability(model, played.text, guess),
    )


def _probability(model: Model, text: str, guess: str) -> float | None:
    try:
        return compare_candidates(model, text, [guess])[0].probability
    except LabError:
        return None


def _token_ids(model: Model, guess: str) -> list[int]:
    return [token_id for word in words(model, guess) for token_id in word.token_ids]


def _round(model: Model, text: str, word: Word) -> Round:
    return Round(f"{text[: word.start]}{model.mask_token}{text[word.end :]}", word.text, word.token_ids[0])


def _shuffled(rounds: list[Round], seed: int) -> list[Round]:
    return random.Random(seed).sample(rounds, len(rounds))
