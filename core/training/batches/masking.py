"""Hiding tokens of one sequence for masked-language training, by transformers' own rules. Knows no text."""

from typing import Any

import numpy as np
from tokenizers import Encoding
from transformers import DataCollatorForLanguageModeling, PreTrainedTokenizerFast

from core.errors import LabError
from core.training.batches.encoding import IGNORED


class Masker:
    """Draws and hides tokens as `DataCollatorForLanguageModeling` does (Devlin et al. 2019, § 3.1).

    Each ordinary token is drawn with probability `share`. Of the drawn, 80 % become the mask, 10 % a random token and
    10 % stay. With `whole_words` words are drawn, and all tokens of a drawn word become the mask: transformers replaces
    none by others then. What a word is comes from the tokenizer, so that in Chinese it is a character; the collator
    alone would take everything without a space between for one word. Special tokens are never drawn, and neither are
    unknown tokens, which nobody would want to have guessed.

    Raises `LabError` for a tokenizer without a mask.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, *, share: float, whole_words: bool) -> None:
        if tokenizer.mask_token is None:
            raise LabError("This model's tokenizer has no mask.", "Choose a model that was trained by hiding tokens.")
        outcomes: dict[str, Any] = {"mask_replace_prob": 1.0, "random_replace_prob": 0.0} if whole_words else {}
        self._collator = DataCollatorForLanguageModeling(
            tokenizer, mlm_probability=share, whole_word_mask=whole_words, **outcomes
        )
        self._special = np.array(tokenizer.all_special_ids)
        self.whole_words = whole_words

    def can_hide(self, ids: np.ndarray) -> np.ndarray:
        """Whether each token may be drawn: bool (pos,)."""
        return ~np.isin(ids, self._special)

    def hide(
        self, ids: np.ndarray, words: np.ndarray | None, random: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """The ids that the network reads and their labels: the original where drawn, else `IGNORED`; both (pos,).

        `words` numbers the word of each token, for whole words. A sequence of which nothing was drawn is drawn again,
        so that each has something to guess; one token at least must be such that `can_hide`.
        """
        special = ~self.can_hide(ids)[None]
        # The collator takes tokens for one word where one ends at the place where the next begins.
        places = None if words is None else np.stack([words, words], axis=-1)[None]
        self._collator.generator = random
        while True:
            hidden, labels = self._collator.numpy_mask_tokens(ids[None].astype(np.int64), special, places)
            if (labels != IGNORED).any():
                return hidden[0], labels[0]


def word_numbers(encoding: Encoding) -> np.ndarray:
    """The number of the word that each token belongs to, as the tokenizer cuts words; −1 for special tokens: (pos,)."""
    return np.array([-1 if word is None else word for word in encoding.word_ids], np.int32)
