"""The names that columns of texts and labels usually have: reading tells a header by them, guesses begin with them."""

import re

TEXT_NAMES = (
    "text", "sentence", "review", "tweet", "content", "message", "question", "body", "comment", "utterance", "query",
    "prompt", "post", "sms", "review_text", "review_body", "sentence1", "text_a", "document", "passage", "article",
    "headline", "title", "description", "summary", "premise", "hypothesis", "context", "first",
)  # fmt: skip
LABEL_NAMES = (
    "label", "labels", "class", "category", "sentiment", "target", "intent", "emotion", "gold_label", "label_text",
    "quality", "is_duplicate", "topic", "tag", "rating", "stars", "score", "polarity", "stance", "toxic", "spam", "y",
)  # fmt: skip
PAIR_NAMES = (
    ("premise", "hypothesis"), ("first", "second"), ("question", "sentence"), ("question", "answer"),
    ("query", "passage"), ("query", "document"), ("context", "response"), ("left", "right"),
    ("sentence1", "sentence2"), ("question1", "question2"), ("text_a", "text_b"),
)  # fmt: skip
_STEMS = "sentence|question|text|string|phrase|sent|document|doc|review|title|utterance|claim|query|tweet|s|q"
_OTHER_USUAL = (
    "id", "index", "idx", "name", "date", "source", "split", "language", "lang", "user", "answer", "response",
)  # fmt: skip
_USUAL = frozenset((*TEXT_NAMES, *LABEL_NAMES, *_OTHER_USUAL, *(name for pair in PAIR_NAMES for name in pair)))


def is_usual_name(cell: str) -> bool:
    """Whether a cell is one of the names that columns of such data usually have.

    >>> is_usual_name(" Label"), is_usual_name("joy")
    (True, False)
    """
    name = plain_name(cell)
    return name in _USUAL or stem_and_number(name) is not None


def plain_name(name: str) -> str:
    """Lower case, runs of anything but letters and digits as one underscore.

    >>> plain_name("#1 String")
    '1_string'
    """
    return re.sub(r"[\W_]+", "_", name.casefold()).strip("_")


def stem_and_number(name: str) -> tuple[str, str] | None:
    """Stem and number of a plain name that comes in twos, such as sentence1, text_b or 2_string; None for others."""
    match = re.fullmatch(rf"(?P<stem>{_STEMS})_?(?P<n>[12ab])|(?P<n2>[12])_?(?P<stem2>{_STEMS})", name)
    return (match["stem"] or match["stem2"], match["n"] or match["n2"]) if match else None
