"""Which part of a layer's attention is shown, between tokens or whole words, with or without [CLS] and [SEP].

Runs no network and knows no layer: it cuts and merges what `core.explore.attention.weights` gives.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from core.errors import LabError
from core.explore.attention.weights import normalise_rows
from core.explore.tokens import Tokens

PARTS = ("all", "A→A", "A→B", "B→A", "B→B")  # from the queries of one text to the keys of the other

# A mask written out in the text stands for one of its words; other special tokens say nothing of their own.
_MASKS = ("[MASK]", "<mask>")


@dataclass(frozen=True, slots=True)
class Unit:
    """What one row or column stands for: a token, or a whole word, at `positions` of the text.

    `sequence` is 0 for the first text, 1 for the second, None for special tokens that were added. `is_special` leaves
    [MASK] out.
    """

    label: str
    positions: tuple[int, ...]
    sequence: int | None
    is_special: bool


@dataclass(frozen=True, slots=True)
class Selection:
    """What of a layer's attention is shown. `renormalise` brings the rows back to a sum of 1 after hiding."""

    whole_words: bool = False
    hide_special: bool = False
    renormalise: bool = False
    parts: str = "all"

    def __post_init__(self) -> None:
        if self.parts not in PARTS:
            raise LabError(f"There is no part of attention called “{self.parts}”.", f"Use one of {', '.join(PARTS)}.")


@dataclass(frozen=True, slots=True, eq=False)
class Selected:
    """Attention between units: `values` has one row for each of `queries`, one column for each of `keys`."""

    queries: tuple[Unit, ...]
    keys: tuple[Unit, ...]
    values: Float[Tensor, "*more query key"]


def units(tokens: Tokens, *, whole_words: bool = False) -> tuple[Unit, ...]:
    """The tokens of a text as units, or its words as the tokenizer found them; added special tokens stand alone.

    A token is labelled as in the vocabulary, a word as in the text.
    """
    groups: list[list[int]] = []
    for position, (word, sequence) in enumerate(zip(tokens.word_index, tokens.sequence, strict=True)):
        before = position - 1
        continues = groups and (word, sequence) == (tokens.word_index[before], tokens.sequence[before])
        if whole_words and continues and word is not None:
            groups[-1].append(position)
        else:
            groups.append([position])
    return tuple(_unit(tokens, positions, whole_words) for positions in groups)


def select(weights: Float[Tensor, "*more query key"], tokens: Tokens, selection: Selection) -> Selected:
    """Cut and merge the attention of a text to what `selection` asks for.

    Tokens become words first: attention *to* a word is the sum over its tokens, attention *from* a word the mean over
    them, so that rows keep their sums (Clark et al. 2019, section 4.1). Special tokens are then taken out, as queries
    and as keys, and what is outside the chosen pair of texts; an added special token shown belongs to the text before
    it, the first to text A. `renormalise` comes last; a row with nothing left stays zero. Positions beyond the text's
    length (padding) are left out. Raises `LabError` when a second text is asked for that is not there.
    """
    everything = units(tokens, whole_words=selection.whole_words)
    sides = _sides(everything)
    shown = [not (selection.hide_special and unit.is_special) for unit in everything]
    if selection.parts == "all":
        queries = keys = [index for index, each in enumerate(shown) if each]
    else:
        if 1 not in sides:
            raise LabError("There is no second text to look from or at.", "Type a second text, or show all attention.")
        queries, keys = (
            [index for index, each in enumerate(shown) if each and sides[index] == "AB".index(name)]
            for name in selection.parts.split("→")
        )
    chosen_queries, chosen_keys = (tuple(everything[index] for index in indices) for indices in (queries, keys))
    values = weights[..., : len(tokens), : len(tokens)]
    if selection.whole_words:
        membership = _membership(everything, len(tokens)).to(values)
        averaging = membership / membership.sum(1, keepdim=True)
        values = averaging[queries] @ (values @ membership[keys].T)
    elif max(len(queries), len(keys)) < len(tokens):
        values = values[..., queries, :][..., keys]
    return Selected(chosen_queries, chosen_keys, normalise_rows(values) if selection.renormalise else values)


def link_table(
    selected: Selected, *, heads: Sequence[int] | None = None, top_k: int | None = None
) -> dict[str, np.ndarray]:
    """Every weight of (head, query, key) as a row of a table, by column, each (head · query · key,): for CSV, exact.

    Columns: `head`, `query_position` (of the unit's first token), `query`, `key_position`, `key`, `weight`. `heads`
    are the numbers of the heads in `selected.values`, 0 and up by default. With `top_k` only so many links a head,
    strongest first.
    """
    values = selected.values.flatten(-2)  # (head, query · key)
    count = values.shape[-1] if top_k is None else min(top_k, values.shape[-1])
    if top_k is None:
        flat = torch.arange(count).expand(len(values), -1)
    else:
        values, flat = values.topk(count)
    query, key = np.divmod(flat.flatten().numpy(), max(1, len(selected.keys)))
    table = {"head": np.repeat(range(len(values)) if heads is None else heads, count).astype(int)}
    for name, chosen, index in (("query", selected.queries, query), ("key", selected.keys, key)):
        table[f"{name}_position"] = np.array([unit.positions[0] for unit in chosen], int)[index]
        table[name] = np.array([unit.label for unit in chosen], object)[index]
    return table | {"weight": values.flatten().numpy()}


def _unit(tokens: Tokens, positions: list[int], whole_words: bool) -> Unit:
    first, token = positions[0], tokens.tokens[positions[0]]
    label = tokens.surface(*positions) if whole_words else token
    is_special = tokens.is_special[first] and token not in _MASKS
    return Unit(label or token, tuple(positions), tokens.sequence[first], is_special)


def _sides(everything: Sequence[Unit]) -> list[int]:
    """0 or 1 for each unit: its text, and for added special tokens that of the last word before them."""
    found, last = [], 0
    for unit in everything:
        last = last if unit.sequence is None else unit.sequence
        found.append(last)
    return found


def _membership(everything: Sequence[Unit], length: int) -> Float[Tensor, "unit pos"]:
    """1 where a position belongs to a unit."""
    unit_of = torch.tensor([index for index, unit in enumerate(everything) for _ in unit.positions])
    return (unit_of == torch.arange(len(everything))[:, None]).float().reshape(len(everything), length)
