"""Batches for masked-language training: sequences of a source, with tokens hidden again in every epoch.

What is drawn for a position depends on the seed, the epoch and the position alone. It is the same whatever else is in
the batch, however batches are shared by processes and after a resume; held-out batches, for which no epoch is set,
always draw the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from core.errors import LabError
from core.training.batches.encoding import IGNORED, Encoded, pad
from core.training.batches.masking import Masker


@dataclass(frozen=True, slots=True)
class Unmasked:
    """One input of the network before anything is hidden."""

    ids: np.ndarray  # (pos,)
    segments: np.ndarray | None  # (pos,)
    words: np.ndarray | None  # the number of each token's word (pos,); None where nobody asks for words
    sentence_label: int | None = None  # for pairs: 0 where the second part is the one that follows


class Source(Protocol):
    """What is hidden in: `rows` and `lengths` run parallel to the positions."""

    @property
    def rows(self) -> np.ndarray:
        """Which of the texts a position comes from: (position,)."""
        ...

    @property
    def lengths(self) -> np.ndarray:
        """Tokens, special tokens included: (position,)."""
        ...

    def sequence(self, position: int, random: np.random.Generator) -> Unmasked:
        """The input at a position; what there is to draw is drawn from `random`."""
        ...


class MaskedBatches:
    """Sequences of a source with hidden tokens, padded, with their labels. Nothing is cut.

    `sentence_name` is what the network calls the label of a pair. Raises `LabError` when there is nothing to hide.
    """

    cut_count = 0

    def __init__(
        self, source: Source, masker: Masker, *, seed: int, pad_id: int, multiple: int = 1, sentence_name: str = ""
    ) -> None:
        if not len(source.rows):
            raise LabError(
                "No text to learn from, or none that is held out, holds a token that could be hidden.",
                "Check the column of the text, and whether the model knows its script."
                + (" For “next sentence”, texts need two parts." if sentence_name else ""),
            )
        self.rows, self.lengths = source.rows, source.lengths
        self._source = source
        self._masker = masker
        self._seed = seed
        self._pad_id = pad_id
        self._multiple = multiple
        self._sentence_name = sentence_name
        self._draw = 0  # of held-out batches; epoch n is draw n + 1

    def set_epoch(self, epoch: int) -> None:
        """Draw as this epoch does from now on."""
        self._draw = epoch + 1

    def __len__(self) -> int:
        return len(self.rows)

    def __call__(self, positions: Sequence[int]) -> dict[str, torch.Tensor]:
        """What `pad` gives, `labels` (batch, pos) and for pairs their label (batch,)."""
        sequences, ids, labels = [], [], []
        for position in positions:
            random = np.random.default_rng([self._seed, self._draw, int(position)])
            sequence = self._source.sequence(int(position), random)
            hidden, right = self._masker.hide(sequence.ids, sequence.words, random)
            sequences.append(sequence)
            ids.append(hidden)
            labels.append(right)
        has_segments = sequences[0].segments is not None
        segments = np.concatenate([each.segments for each in sequences]) if has_segments else None
        starts = np.concatenate([[0], np.cumsum([len(each) for each in ids])])
        every, is_cut = range(len(ids)), np.zeros(len(ids), bool)
        batch = pad(
            Encoded(np.concatenate(ids), segments, starts, is_cut), every, self._pad_id, multiple=self._multiple
        )
        right = Encoded(np.concatenate(labels), None, starts, is_cut)
        batch["labels"] = pad(right, every, IGNORED, multiple=self._multiple)["input_ids"]
        if self._sentence_name:
            batch[self._sentence_name] = torch.tensor([each.sentence_label for each in sequences])
        return batch
