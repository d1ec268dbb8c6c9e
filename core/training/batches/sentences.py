"""Where the sentences of a text begin, and how they are put together to the parts that make pairs. Knows no model."""

import re
from collections.abc import Sequence
from itertools import pairwise

# A full stop ends a sentence where white space follows, a Chinese one wherever it stands; quotes and brackets that
# close belong to it. So does the end of a line.
_END = re.compile(r"[.!?…]+[\"'”’»)\]]*\s+|[。！？]+[\"'”’」』）]*\s*|\s*\n\s*")


def sentence_starts(text: str) -> list[int]:
    """The characters at which the second and further sentences begin.

    By signs only: “Dr. Smith” is cut, which does no harm where sentences are only asked whether they are neighbours.

    >>> sentence_starts("It rained. We stayed in.")
    [11]
    """
    starts = [match.end() for match in _END.finditer(text)]
    return [start for start in starts if text[:start].strip() and start < len(text)]


def parts_of(length: int, sentences: Sequence[int], words: Sequence[int], limit: int) -> list[tuple[int, int]]:
    """Cut `length` tokens into neighbouring parts of at most `limit`, as (start, end).

    `sentences` and `words` are the tokens at which they begin, in rising order and without the first. A text that two
    parts can hold is cut in two, at the sentence nearest to its middle, or where none is apt at the word; a single word
    stays one part. Of longer ones sentences are put together as long as they fit, and one that does not fit is cut.
    """
    if length <= 2 * limit:
        apt = [[place for place in places if length - limit <= place <= limit] for places in (sentences, words)]
        places = apt[0] or apt[1] or ([length // 2] if length > limit else [])
        if not places:
            return [(0, length)]
        middle = min(places, key=lambda place: abs(2 * place - length))
        return [(0, middle), (middle, length)]
    parts, start = [], 0
    for begin, end in pairwise([0, *sentences, length]):
        if end - start > limit and begin > start:
            parts.append((start, begin))
            start = begin
        while end - start > limit:
            parts.append((start, start + limit))
            start += limit
    return [*parts, (start, length)]
