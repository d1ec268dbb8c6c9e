"""Pairs of neighbouring parts of texts, for training on the next sentence or on the order of sentences."""

from collections.abc import Sequence

import numpy as np
from transformers import PreTrainedTokenizerFast

from core.training.batches.encoding import CHUNK, encodings_of
from core.training.batches.masked_batches import Unmasked
from core.training.batches.masking import Masker, word_numbers
from core.training.batches.sentences import parts_of, sentence_starts

_SPECIAL = 3  # [CLS] first [SEP] second [SEP]


class SentencePairs:
    """Pairs of at most `max_length` tokens: each part of a text stands in at least one, and none is cut.

    Half of the draws are wrong pairs. With `swaps` they are the same parts in the wrong order (ALBERT, Lan et al. 2020,
    § 3.1); otherwise the second is any part of another text (Devlin et al. 2019, § 3.1), and where there is no other
    text no pair is wrong. Parts are whole sentences of up to half of the room, as `batches.sentences` puts them
    together. Texts of a single word have no two parts and are left out, as are pairs whose first part holds no
    token that could be hidden.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerFast,
        texts: Sequence[str],
        masker: Masker,
        *,
        max_length: int,
        swaps: bool,
    ) -> None:
        self._first_id, self._between_id = tokenizer.cls_token_id, tokenizer.sep_token_id
        self._swaps = swaps
        limit = max(1, (max_length - _SPECIAL) // 2)
        ids: list[np.ndarray] = []
        words: list[np.ndarray] = []
        spans: list[tuple[int, int]] = []  # of each part in all tokens
        firsts: list[int] = []  # of each pair, among the parts
        rows: list[int] = []
        text_spans: list[tuple[int, int]] = []  # of each pair, the parts of its text
        offset = 0
        for start in range(0, len(texts), CHUNK):
            chunk = list(texts[start : start + CHUNK])
            batch = tokenizer(chunk, add_special_tokens=False, truncation=False, padding=False, verbose=False)
            for row, encoding in enumerate(encodings_of(batch), start):
                tokens, numbers = np.asarray(encoding.ids, np.int32), word_numbers(encoding)
                begins = [begin for begin, _ in encoding.offsets]
                sentences = np.unique(np.searchsorted(begins, sentence_starts(texts[row])))
                inner = sentences[(sentences > 0) & (sentences < len(tokens))].tolist()
                parts = parts_of(len(tokens), inner, (np.flatnonzero(np.diff(numbers)) + 1).tolist(), limit)
                if len(parts) < 2:
                    continue
                own = (len(spans), len(spans) + len(parts))
                last = len(parts) - 2
                for first in (*range(0, last, 2), last):
                    if masker.can_hide(tokens[slice(*parts[first])]).any():
                        firsts.append(own[0] + first)
                        text_spans.append(own)
                        rows.append(row)
                spans += [(offset + begin, offset + end) for begin, end in parts]
                ids.append(tokens)
                words.append(numbers)
                offset += len(tokens)
        self._ids = np.concatenate(ids) if ids else np.zeros(0, np.int32)
        self._words = np.concatenate(words) if words and masker.whole_words else None
        self._spans = np.array(spans, np.int64).reshape(-1, 2)
        self._firsts = np.array(firsts, np.int64)
        self._text_spans = np.array(text_spans, np.int64).reshape(-1, 2)
        self.rows = np.array(rows, np.int64)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each pair as it stands in its text, special tokens included; a wrong one may differ: (pair,)."""
        sizes = np.diff(self._spans, axis=1)[:, 0]
        return sizes[self._firsts] + sizes[self._firsts + 1] + _SPECIAL

    def sequence(self, position: int, random: np.random.Generator) -> Unmasked:
        """A pair as it stands in its text (label 0) or, as often, a wrong one (label 1)."""
        one, two = int(self._firsts[position]), int(self._firsts[position]) + 1
        is_wrong = random.random() < 0.5
        if is_wrong and self._swaps:
            one, two = two, one
        elif is_wrong:
            begin, end = self._text_spans[position]
            others = len(self._spans) - (end - begin)
            is_wrong = others > 0
            if is_wrong:
                two = int(random.integers(others))
                two += int(end - begin) * (two >= begin)
        return self._joined(slice(*self._spans[one]), slice(*self._spans[two]), int(is_wrong))

    def _joined(self, first: slice, second: slice, label: int) -> Unmasked:
        start, between = np.array([self._first_id]), np.array([self._between_id])
        ids = np.concatenate([start, self._ids[first], between, self._ids[second], between])
        segments = np.zeros(len(ids), np.int8)
        segments[first.stop - first.start + 2 :] = 1
        words = None
        if self._words is not None:
            no_word = np.array([-1])
            words = np.concatenate([no_word, self._words[first], no_word, self._words[second], no_word])
        return Unmasked(ids, segments, words, label)
