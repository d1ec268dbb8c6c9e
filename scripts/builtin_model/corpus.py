"""Plain text to token ids, sentence by sentence, and the rule that keeps a slice of it away from training.

Knows neither windows nor masks: those are drawn again for every pass over the text.
"""

import gzip
import hashlib
import io
import lzma
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from transformers import PreTrainedTokenizerFast

HELD_OUT_ONE_IN = 200
LONGEST_SENTENCE = 126  # tokens; with [CLS] and [SEP] 128. What is longer is cut
_CHUNK = 20_000  # paragraphs tokenized at once
_MOST_TOKENS = 2**16  # the vocabulary has to fit 16 bits

_SENTENCE_END = re.compile(r"[.!?][\"”’')\]]*\s+(?=[\"“‘'(\[]*[A-Z])")
_NO_END = re.compile(
    r"(?:^|[\s(\"“‘'])(?:[A-Za-z]|Mr|Mrs|Ms|Dr|St|Prof|Rev|Hon|Gen|Col|Capt|Lt|Sgt|Jr|Sr|vs|No|cf|ca|al)\."
)
# 16-bit numbers: the encoder then treats low and high bytes apart
_XZ = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 2**27, "lc": 0, "lp": 1, "pb": 1}]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Paragraphs as token ids without special tokens, in the order of the files.

    Sentence i is the next `sentence_lengths[i]` ids, paragraph j the next `paragraph_sentences[j]` sentences, and file
    k the next `file_paragraphs[k]` paragraphs.
    """

    ids: np.ndarray  # uint16 (token,)
    sentence_lengths: np.ndarray  # uint8 (sentence,)
    paragraph_sentences: np.ndarray  # uint16 (paragraph,)
    is_held_out: np.ndarray  # bool (paragraph,)
    file_paragraphs: np.ndarray  # int64 (file,)

    def __len__(self) -> int:
        return len(self.paragraph_sentences)


def is_held_out(paragraph: str) -> bool:
    """Whether training never sees this paragraph: by its own text, so that a repeated one is held out everywhere.

    One in `HELD_OUT_ONE_IN`: where the first four bytes of the SHA-256 of its UTF-8 text, as a number, divide evenly.
    """
    digest = hashlib.sha256(paragraph.encode("utf-8")).digest()
    return int.from_bytes(digest[:4], "big") % HELD_OUT_ONE_IN == 0


def sentences(paragraph: str) -> list[str]:
    """Cut after a full stop, question or exclamation mark before a capital letter; not after “Mr.” or an initial.

    >>> sentences('He met Mr. Brown. "Come in!" said J. Smith.')
    ['He met Mr. Brown.', '"Come in!" said J. Smith.']
    """
    found, start = [], 0
    for match in _SENTENCE_END.finditer(paragraph):
        dot = match.start() + 1
        if _NO_END.fullmatch(paragraph, _word_start(paragraph, match.start()), dot):
            continue
        found.append(paragraph[start : match.end()].strip())
        start = match.end()
    found.append(paragraph[start:].strip())
    return [sentence for sentence in found if sentence]


def read_paragraphs(file: Path) -> Iterator[str]:
    """The lines of a text file, gzipped or not, without the blank ones."""
    opener = gzip.open if file.suffix == ".gz" else open
    with opener(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            if paragraph := line.strip():
                yield paragraph


def tokenize(tokenizer: PreTrainedTokenizerFast, paragraphs: Sequence[str]) -> tuple[np.ndarray, ...]:
    """Ids, sentence lengths and sentences a paragraph of some paragraphs, as in `Corpus`.

    Asks the tokenizer's own engine: for these many texts, transformers' wrapping would take ten times as long.
    """
    split = [sentences(paragraph) for paragraph in paragraphs]
    flat = [sentence for part in split for sentence in part]
    encodings = tokenizer.backend_tokenizer.encode_batch_fast(flat, add_special_tokens=False)
    ids = [np.array(encoding.ids[:LONGEST_SENTENCE], np.uint16) for encoding in encodings]
    lengths = np.array([len(each) for each in ids], np.uint8)
    counts = np.array([len(part) for part in split], np.uint16)
    return np.concatenate(ids) if ids else np.zeros(0, np.uint16), lengths, counts


def make_corpus(tokenizer: PreTrainedTokenizerFast, files: Sequence[Path], *, only_held_out: bool = False) -> Corpus:
    """Read and tokenize files of one paragraph a line; `only_held_out` leaves out what is for training."""
    if len(tokenizer) > _MOST_TOKENS:
        raise ValueError(f"a vocabulary of {len(tokenizer)} entries does not fit 16 bits")
    parts: list[tuple[np.ndarray, ...]] = []
    held_out: list[bool] = []
    file_paragraphs = []
    for file in files:
        before, waiting = len(held_out), []
        for paragraph in read_paragraphs(file):
            is_kept_away = is_held_out(paragraph)
            if only_held_out and not is_kept_away:
                continue
            held_out.append(is_kept_away)
            waiting.append(paragraph)
            if len(waiting) == _CHUNK:
                parts.append(tokenize(tokenizer, waiting))
                waiting = []
        parts.append(tokenize(tokenizer, waiting))
        file_paragraphs.append(len(held_out) - before)
    ids, lengths, counts = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Corpus(ids, lengths, counts, np.array(held_out, bool), np.array(file_paragraphs))


def save_corpus(corpus: Corpus, file: Path) -> None:
    """Write one file; as small as it gets when its name ends in .xz, which takes minutes."""
    buffer = io.BytesIO()
    np.savez(buffer, **{name: getattr(corpus, name) for name in Corpus.__dataclass_fields__})
    data = buffer.getvalue()
    if file.suffix == ".xz":
        data = lzma.compress(data, format=lzma.FORMAT_XZ, filters=_XZ)
    file.write_bytes(data)


def load_corpus(file: Path) -> Corpus:
    """The corpus in a file that `save_corpus` wrote."""
    data = file.read_bytes()
    if file.suffix == ".xz":
        data = lzma.decompress(data)
    with np.load(io.BytesIO(data)) as arrays:
        return Corpus(**{name: arrays[name] for name in Corpus.__dataclass_fields__})


def _word_start(text: str, end: int) -> int:
    """Where the word that ends before `end` begins, with the character before it."""
    return max(0, text.rfind(" ", 0, end))
