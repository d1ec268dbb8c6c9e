"""Texts as windows that follow one another, for masked-language training: nothing of a long text is lost."""

from collections.abc import Iterator, Sequence

import numpy as np
from tokenizers import Encoding
from transformers import PreTrainedTokenizerFast

from core.training.batches.encoding import CHUNK, encodings_of, joined
from core.training.batches.masked_batches import Unmasked
from core.training.batches.masking import Masker, word_numbers


class TextWindows:
    """Windows of at most `max_length` tokens; a text that is longer gives several, a short one stays as it is.

    Left out are only windows without a token that could be hidden: of empty texts, or of unknown tokens only.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], masker: Masker, *, max_length: int
    ) -> None:
        rows: list[int] = []
        words: list[np.ndarray] = []

        def windows() -> Iterator[Encoding]:
            for start in range(0, len(texts), CHUNK):
                chunk = list(texts[start : start + CHUNK])
                batch = tokenizer(chunk, truncation=True, max_length=max_length, padding=False)
                for row, encoding in enumerate(encodings_of(batch), start):
                    for window in (encoding, *encoding.overflowing):
                        if masker.can_hide(np.asarray(window.ids)).any():
                            rows.append(row)
                            if masker.whole_words:
                                words.append(word_numbers(window))
                            yield window

        self._encoded = joined(windows(), has_segments="token_type_ids" in tokenizer.model_input_names)
        self._words = np.concatenate(words) if words else None
        self.rows = np.array(rows, np.int64)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each window, special tokens included: (window,)."""
        return self._encoded.lengths

    def sequence(self, position: int, random: np.random.Generator) -> Unmasked:
        """The window at a position; nothing is drawn."""
        encoded = self._encoded
        part = slice(encoded.starts[position], encoded.starts[position + 1])
        return Unmasked(
            ids=encoded.ids[part],
            segments=None if encoded.segments is None else encoded.segments[part],
            words=None if self._words is None else self._words[part],
        )
