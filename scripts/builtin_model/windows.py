"""A corpus to masked batches: windows of whole sentences, batches of similar length, masks by BERT's rule.

Everything follows from the seed and a number: batch n of shard k is the same whenever and wherever it is made, which is
what makes an interrupted training continue as if nothing had happened.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from core.training.batches.encoding import Batcher, Encoded
from scripts.builtin_model.corpus import Corpus

# A window takes whole sentences while they fit a limit drawn for it; 0 means one sentence. Everyday sentences are
# short and stand alone, so most windows are one sentence.
_LIMITS = np.array([0, 48, 96, 126])  # tokens without [CLS] and [SEP]
_LIMIT_CHANCES = (0.7, 0.15, 0.1, 0.05)
_FEWEST_TOKENS = 4  # a shorter window says nothing
_MASKED, _RANDOM = 0.8, 0.1  # of the chosen positions; the rest stay as they are
_PLAIN_FREQUENCY = 2e-4  # of a token: commoner ones are chosen less often, by the square root of the ratio
_LEAST_WEIGHT = 0.5  # but never less than this against a rare token

_HELD_OUT = 2**31  # a shard number that training never reaches
_WINDOWS, _MASKS, _ORDER = range(3)  # what a random number is drawn for


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What masking has to know of a tokenizer."""

    size: int
    pad: int
    cls: int
    sep: int
    mask: int
    special: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerFast) -> "Vocabulary":
        return cls(
            size=len(tokenizer),
            pad=tokenizer.pad_token_id,
            cls=tokenizer.cls_token_id,
            sep=tokenizer.sep_token_id,
            mask=tokenizer.mask_token_id,
            special=tuple(tokenizer.all_special_ids),
        )

    @property
    def ordinary(self) -> np.ndarray:
        """The ids that another may be replaced by: all but the special ones, (id,)."""
        return np.setdiff1d(np.arange(self.size), self.special)


@dataclass(frozen=True, slots=True)
class Masked:
    """A batch: `ids` with masks, `clean` without, both (text, pos); what is hidden at flat `positions` is `answers`."""

    ids: torch.Tensor
    clean: torch.Tensor
    attention_mask: torch.Tensor
    positions: torch.Tensor  # (answer,) into (text * pos,)
    answers: torch.Tensor  # (answer,)

    @property
    def tokens(self) -> int:
        """Tokens in the batch, special tokens included and padding not."""
        return int(self.attention_mask.sum())


def token_weights(corpus: Corpus, size: int) -> np.ndarray:
    """How likely each token is to be chosen for masking, against a rare one: (id,).

    “the” and “,” make up a third of any text and are soon learned; choosing them half as often leaves more of each
    batch to the words that carry the meaning.
    """
    frequency = np.bincount(corpus.ids, minlength=size) / max(len(corpus.ids), 1)
    return np.clip(np.sqrt(_PLAIN_FREQUENCY / np.maximum(frequency, 1e-9)), _LEAST_WEIGHT, 1.0)


def mask(
    batch: dict[str, torch.Tensor],
    vocabulary: Vocabulary,
    random: np.random.Generator,
    *,
    share: float,
    weights: np.ndarray | None = None,
) -> Masked:
    """Choose `share` of the positions of each text, at least one: 80 % become [MASK], 10 % another token, 10 % stay.

    Special tokens and padding are never chosen. `weights` (id,) makes some tokens likelier than others.
    """
    clean = batch["input_ids"].numpy()  # (text, pos)
    may = ~np.isin(clean, vocabulary.special)
    wanted = may.sum(1) * share
    counts = np.maximum(1, np.floor(wanted + random.random(len(clean)))).astype(int)
    # The largest of u^(1/w) are a weighted sample without replacement (Efraimidis and Spirakis 2006).
    keys = random.random(clean.shape)
    if weights is not None:
        keys **= 1 / weights[clean]
    keys[~may] = -1.0
    ranks = (-keys).argsort(1).argsort(1)
    chosen = (ranks < counts[:, None]) & may
    ids = clean.copy()
    fate = random.random(clean.shape)
    ids[chosen & (fate < _MASKED)] = vocabulary.mask
    replaced = chosen & (fate >= _MASKED) & (fate < _MASKED + _RANDOM)
    ids[replaced] = random.choice(vocabulary.ordinary, replaced.sum())
    positions = np.flatnonzero(chosen)
    return Masked(
        ids=torch.from_numpy(ids),
        clean=batch["input_ids"],
        attention_mask=batch["attention_mask"],
        positions=torch.from_numpy(positions),
        answers=torch.from_numpy(clean.reshape(-1)[positions]),
    )


class Shards(torch.utils.data.Dataset):
    """The training text in shards of about `shard_tokens` tokens, each a list of masked batches, without end.

    A shard takes its paragraphs from every file, by `mix`; each file is read in a random order, and in another one when
    it has come to its end. Shards are as good as the loader that asks for them: any process can make any of them.
    """

    def __init__(
        self,
        corpus: Corpus,
        vocabulary: Vocabulary,
        *,
        mix: Sequence[float],
        batch_tokens: int,
        mask_share: float,
        seed: int,
        shard_tokens: int = 500_000,
        multiple: int = 1,
    ) -> None:
        if len(mix) != len(corpus.file_paragraphs) or min(mix) < 0:
            raise ValueError(f"the mix needs a share for each of {len(corpus.file_paragraphs)} files. Got {mix}")
        self._corpus, self._vocabulary = corpus, vocabulary
        self._shares = np.asarray(mix, float) / sum(mix)
        self._batch_tokens, self._mask_share, self._seed = batch_tokens, mask_share, seed
        self._shard_tokens, self._multiple = shard_tokens, multiple
        self._weights = token_weights(corpus, vocabulary.size)
        self._layout = _Layout.of(corpus)
        ends = np.cumsum(corpus.file_paragraphs)
        self._files = [np.arange(end - count, end) for end, count in zip(ends, corpus.file_paragraphs, strict=True)]
        self._files = [file[~corpus.is_held_out[file]] for file in self._files]

    def __len__(self) -> int:
        return _HELD_OUT

    def __getitem__(self, shard: int) -> list[Masked]:
        paragraphs = self._paragraphs(shard)
        windows = list(_windows(self._layout, paragraphs, np.random.default_rng([self._seed, _WINDOWS, shard])))
        random = np.random.default_rng([self._seed, _MASKS, shard])
        batcher = Batcher(_encoded(self._corpus, windows, self._vocabulary), None, self._vocabulary.pad, self._multiple)
        batches = similar_lengths(batcher.encoded.lengths, self._batch_tokens, random)
        return [
            mask(batcher(batch), self._vocabulary, random, share=self._mask_share, weights=self._weights)
            for batch in batches
        ]

    def _paragraphs(self, shard: int) -> np.ndarray:
        """The paragraphs of a shard: of each file, those that begin within its stretch of the endless reading."""
        chosen = []
        for number, (file, share) in enumerate(zip(self._files, self._shares, strict=True)):
            lengths = self._layout.paragraph_lengths[file]
            total = int(lengths.sum())
            if not total:
                continue
            start, end = (int(self._shard_tokens * share * each) for each in (shard, shard + 1))
            for reading in range(start // total, -(-end // total)):
                random = np.random.default_rng([self._seed, _ORDER, number, reading])
                order = random.permutation(len(file))
                begins = reading * total + np.cumsum(lengths[order]) - lengths[order]
                chosen.append(file[order[(begins >= start) & (begins < end)]])
        return np.concatenate(chosen)


def held_out_batches(
    corpus: Corpus, vocabulary: Vocabulary, *, most_tokens: int | None = None, batch_tokens: int = 4_096
) -> list[Masked]:
    """The held-out paragraphs, or an even sample of them, with 15 % masked; always the same ones in the same places."""
    random = np.random.default_rng([0, _HELD_OUT])
    layout = _Layout.of(corpus)
    paragraphs = random.permutation(np.flatnonzero(corpus.is_held_out))
    if most_tokens is not None:
        paragraphs = paragraphs[np.cumsum(layout.paragraph_lengths[paragraphs]) <= most_tokens]
    windows = list(_windows(layout, paragraphs, random))
    batcher = Batcher(_encoded(corpus, windows, vocabulary), None, vocabulary.pad)
    batches = similar_lengths(batcher.encoded.lengths, batch_tokens, random)
    return [mask(batcher(batch), vocabulary, random, share=0.15) for batch in batches]


def similar_lengths(lengths: np.ndarray, most_tokens: int, random: np.random.Generator) -> list[np.ndarray]:
    """Positions in batches of similar length, padded never more than `most_tokens`; the batches in random order.

    `SimilarLengths` counts texts where this counts tokens: a language model learns from each token, so batches of short
    and of long texts should weigh the same.
    """
    order = random.permutation(len(lengths))
    order = order[np.argsort(lengths[order], kind="stable")[::-1]]
    batches, start = [], 0
    while start < len(order):
        count = max(1, most_tokens // int(lengths[order[start]]))
        batches.append(order[start : start + count])
        start += count
    return [batches[i] for i in random.permutation(len(batches))]


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where in a corpus things begin."""

    sentence_starts: np.ndarray  # int64 (sentence + 1,), in tokens
    paragraph_starts: np.ndarray  # int64 (paragraph + 1,), in sentences
    paragraph_lengths: np.ndarray  # int64 (paragraph,), in tokens

    @classmethod
    def of(cls, corpus: Corpus) -> "_Layout":
        sentences = np.concatenate([[0], np.cumsum(corpus.sentence_lengths, dtype=np.int64)])
        paragraphs = np.concatenate([[0], np.cumsum(corpus.paragraph_sentences, dtype=np.int64)])
        return cls(sentences, paragraphs, np.diff(sentences[paragraphs]))


def _windows(layout: _Layout, paragraphs: np.ndarray, random: np.random.Generator) -> Iterator[tuple[int, int]]:
    """First and last token (exclusive) of each window. None reaches beyond its paragraph."""
    for paragraph in paragraphs:
        first, last = layout.paragraph_starts[paragraph : paragraph + 2]
        starts = layout.sentence_starts[first : last + 1].tolist()
        limits = random.choice(_LIMITS, len(starts), p=_LIMIT_CHANCES).tolist()
        begin = 0
        while begin < len(starts) - 1:
            end = begin + 1
            while end < len(starts) - 1 and starts[end + 1] - starts[begin] <= limits[begin]:
                end += 1
            if starts[end] - starts[begin] >= _FEWEST_TOKENS:
                yield starts[begin], starts[end]
            begin = end


def _encoded(corpus: Corpus, windows: Sequence[tuple[int, int]], vocabulary: Vocabulary) -> Encoded:
    """The windows between [CLS] and [SEP]."""
    lengths = np.array([end - begin + 2 for begin, end in windows], np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    ids = np.empty(starts[-1], np.int32)
    for (begin, end), start in zip(windows, starts[:-1].tolist(), strict=True):
        ids[start + 1 : start + 1 + end - begin] = corpus.ids[begin:end]
    ids[starts[:-1]] = vocabulary.cls
    ids[starts[1:] - 1] = vocabulary.sep
    return Encoded(ids=ids, segments=None, starts=starts, is_cut=np.zeros(len(windows), bool))
