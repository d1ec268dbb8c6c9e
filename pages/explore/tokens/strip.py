"""A tokenized text as a strip: special tokens, the others where they stand in the text, and what was cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pages.components.token_strip.token_strip import Span, span

if TYPE_CHECKING:
    from core.explore.tokens import Tokens

UNKNOWN = ("[UNK]", "<unk>")  # in all families the lab opens
SHOWN_CHARACTERS = 20_000


def spans(tokens: Tokens) -> list[Span]:
    """The strip's view of a tokenized input: special tokens, the others where they stand in the text, what was cut."""
    drawn: list[Span] = []
    cursor = {0: 0, 1: 0}
    sources = {0: tokens.text, 1: tokens.pair or ""}
    kinds = {0: "cut" if tokens.cut_text else "gap", 1: "cut" if tokens.cut_pair else "gap"}
    # Where the rest of each text is drawn: behind its last token, or, without any, where its tokens would have stood.
    ends = {0: 1, 1: len(tokens) - 1}
    ends |= {side: position + 1 for position, side in enumerate(tokens.sequence) if side is not None}
    for position, token in enumerate(tokens.tokens):
        side = tokens.sequence[position]
        segment = tokens.segments[position]
        if side is None:
            for ended in (each for each, end in ends.items() if end == position):
                if rest := sources[ended][cursor[ended] :]:
                    drawn.append(span(rest[:SHOWN_CHARACTERS], kinds[ended]))
            drawn.append(span(token, "special", segment=segment, note=_note(tokens, position), index=position))
            continue
        start, end = tokens.offsets[position]
        if start > cursor[side]:
            drawn.append(span(sources[side][cursor[side] : start], "gap"))
        kind = "special" if tokens.is_special[position] else "unknown" if token in UNKNOWN else "token"
        surface = sources[side][max(start, cursor[side]) : end] or "·"
        note = _note(tokens, position)
        word = tokens.word_index[position] or 0
        drawn.append(span(surface, kind, group=word, segment=segment, note=note, index=position))
        cursor[side] = max(cursor[side], end)
    return drawn


def _note(tokens: Tokens, position: int) -> str:
    start, end = tokens.offsets[position]
    where = "added by the tokenizer" if tokens.sequence[position] is None else f"characters {start} to {end}"
    return f"{tokens.tokens[position]} · position {position} · id {tokens.ids[position]} · {where}"
