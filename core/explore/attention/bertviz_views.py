"""bertviz's head, model and neuron view of one trace, each a whole HTML document: `st.iframe(document, height=600)`.

Drawn by bertviz's own scripts (`bertviz/head_view.js` and its sisters) from the trace's own weights, queries and keys.
bertviz's Python part is not used: it wants a notebook, and writes every weight twice with 17 digits (104 MB for 128
tokens of a 12 × 12 model, against 8 MB here). How a document is made safe and offline: `bertviz_page`.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.errors import LabError
from core.explore.attention.bertviz_page import STEPS, Theme, document, menu
from core.explore.trace import Trace
from core.models.layer_names import number

# bertviz draws one SVG line a weight, and in the head view two boxes more. Measured with 12 layers of 12 heads in
# headless Chromium on two busy CPU cores, drawing and then the answer to the mouse:
#   head view    64: 52,000 elements, 1.6 s, 0.3 s     128: 202,000 elements, 4.0 s, 0.7 s
#   model view   16: 40,000 elements, 0.9 s             32: 153,000 elements, 2.8 s
#   neuron view  32: 14,000 elements, 0.6 s, 0.1 s      64: 43,000 elements, 1.2 s, 0.1 s
HEAD_VIEW_POSITIONS = 128
HEAD_VIEW_POSITIONS_ALL_LAYERS = 64  # 2.7 MB; at 128 all layers take 7.7 MB (a pair twice that), one layer 1.0 MB
MODEL_VIEW_POSITIONS = 32
NEURON_VIEW_POSITIONS = 64  # 1.1 MB: one layer with its queries and keys

# What bertviz calls the parts of a pair, with the sides of its rows (queries) and columns (keys).
_PARTS = (("aa", "A", "A"), ("bb", "B", "B"), ("ab", "A", "B"), ("ba", "B", "A"))


def head_view(
    t: Trace, *, layers: Sequence[int] | None = None, layer: int | None = None, theme: Theme = "light"
) -> str:
    """All heads of one layer at a time, as coloured lines between two columns of tokens.

    `layers` are those that can be chosen in the document (default: all), `layer` the one that it opens with.
    Raises `LabError` for a text that is too long (`HEAD_VIEW_POSITIONS`; beyond `HEAD_VIEW_POSITIONS_ALL_LAYERS` one
    layer a document), for a layer that is not there, and for a trace of several texts.
    """
    names = _names(t, "head view", HEAD_VIEW_POSITIONS)
    layers = _layers(t, layers)
    if len(names) > HEAD_VIEW_POSITIONS_ALL_LAYERS and len(layers) > 1:
        raise LabError(
            f"The text takes {len(names)} positions: beyond {HEAD_VIEW_POSITIONS_ALL_LAYERS}, bertviz's head view is "
            "made for one layer at a time.",
            "Choose one layer, or shorten the text.",
        )
    layer = layers[0] if layer is None else layer
    if layer not in layers:
        raise LabError(f"layer.{layer} is not among the layers of this view.", f"Choose one of {_listed(layers)}.")
    parts = _named_parts(t, names, layers)
    params = {"attention": parts, "default_filter": "0", "layer": layer, "heads": None, "include_layers": layers}
    controls = menu("Layer", "layer") + _menu_of_parts({str(at): part["name"] for at, part in enumerate(parts)})
    return document("head", params, controls, theme)


def model_view(t: Trace, *, layers: Sequence[int] | None = None, theme: Theme = "light") -> str:
    """Every head of every layer as a small picture in a grid of layers × heads; a click enlarges one.

    `layers` are the rows (default: all). Raises `LabError` as `head_view` does; the limit is `MODEL_VIEW_POSITIONS`.
    """
    names = _names(t, "model view", MODEL_VIEW_POSITIONS)
    layers = _layers(t, layers)
    parts = _named_parts(t, names, layers)
    params = {
        "attention": parts,
        "default_filter": "0",
        "display_mode": theme,
        "include_layers": layers,
        "include_heads": list(range(t.heads)),
        "total_heads": t.heads,
    }
    controls = _menu_of_parts({str(at): part["name"] for at, part in enumerate(parts)})
    return document("model", params, controls, theme)


def neuron_view(t: Trace, *, layer: int, head: int = 0, theme: Theme = "light") -> str:
    """How one layer's attention comes about: a token's query times each key, number by number, summed, soft-maxed.

    Queries and keys are the trace's own. What bertviz heads “q · k” is divided by √head_dim, as in the model, so its
    softmax is the attention shown beside it. All heads of the layer can be chosen; it opens with `head`.
    Raises `LabError` as `head_view` does; the limit is `NEURON_VIEW_POSITIONS`.
    """
    names = _names(t, "neuron view", NEURON_VIEW_POSITIONS)
    _layers(t, [layer])
    if head not in range(t.heads):
        raise LabError(f"There is no head {head}.", f"The heads of this model are 0 to {t.heads - 1}, as in code.")
    sides = _sides(t, len(names))
    attention, query, key = (_packed(t[f"layer.{layer}.{name}"]) for name in ("probabilities", "query", "key"))

    def part(left: slice, right: slice) -> dict[str, Any]:
        return {
            "attn": [attention[:, left, right].tolist()],
            "queries": [query[:, left].tolist()],
            "keys": [key[:, right].tolist()],
            "left_text": names[left],
            "right_text": names[right],
        }

    parts = {"all": part(slice(None), slice(None))}
    parts |= {name: part(sides[left], sides[right]) for name, left, right in _PARTS if sides}
    params = {
        "attention": parts,
        "default_filter": "all",
        "bidirectional": True,
        "display_mode": theme,
        "layer": 0,  # of those in `attention`
        "layer_name": number(layer),
        "head": head,
    }
    labels = {"all": "All"} | {name: _part_label(left, right) for name, left, right in _PARTS}
    controls = menu("Layer", "layer") + menu("Head", "att_head")
    controls += _menu_of_parts({name: labels[name] for name in parts})
    return document("neuron", params, controls, theme)


def _names(t: Trace, view: str, most: int) -> list[str]:
    """What stands at each position, readable; a byte-level token that is no whole character shows the character."""
    if t.is_list:
        raise LabError("bertviz shows one text at a time, and this trace holds several.", "Trace one text.")
    padding = t.inputs["input_ids"].shape[1] - len(t.tokens)
    if len(t.tokens) + padding > most:
        raise LabError(
            f"The text takes {len(t.tokens) + padding} positions, and bertviz's {view} {most} at most: it draws each "
            "weight as a line of its own, and the browser would stand still.",
            "Shorten the text, or use the lab's own attention view.",
        )
    tokenizer = t.model.tokenizer
    names = [tokenizer.convert_tokens_to_string([token]) for token in t.tokens.tokens]
    names = [t.tokens.surface(at) if "\ufffd" in name else name for at, name in enumerate(names)]
    return names + [str(tokenizer.pad_token)] * padding


def _layers(t: Trace, wanted: Sequence[int] | None) -> list[int]:
    layers = list(range(t.layers) if wanted is None else wanted)
    if not layers or not set(layers) <= set(range(t.layers)):
        problem = f"This model has no {_listed(layers)}." if layers else "There is no layer chosen."
        raise LabError(problem, f"It has layer.0 to layer.{t.layers - 1}, as in code.")
    return layers


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(f"layer.{each}" for each in numbers)


def _sides(t: Trace, positions: int) -> dict[str, slice]:
    """The positions of text A and of text B with the special tokens after each; empty when there is no pair."""
    if 1 not in t.tokens.sequence:
        return {}
    start = t.tokens.sequence.index(1)
    return {"A": slice(0, start), "B": slice(start, positions)}


def _part_label(left: str, right: str) -> str:
    return f"Sentence {left} -> Sentence {right}"


def _named_parts(t: Trace, names: list[str], layers: list[int]) -> list[dict[str, Any]]:
    """The attention as head and model view take it: all of it and, of a pair, its four parts.

    `attn` is (layer, head, query, key), in `STEPS`-ths.
    """
    attention = torch.stack([_packed(t[f"layer.{layer}.probabilities"]) for layer in layers])
    sides = _sides(t, len(names))
    wanted = [("All" if sides else None, slice(None), slice(None))]
    wanted += [(_part_label(left, right), sides[left], sides[right]) for _, left, right in _PARTS if sides]
    return [
        {
            "name": name,
            "attn": attention[:, :, left, right].tolist(),
            "left_text": names[left],
            "right_text": names[right],
        }
        for name, left, right in wanted
    ]


def _packed(values: Float[Tensor, "..."]) -> Int[Tensor, "..."]:
    """Values as whole numbers of `STEPS`-ths. Raises `LabError` where one is not a number."""
    if not values.isfinite().all():
        raise LabError("The model computes values that are not numbers.", "Choose another model or checkpoint.")
    return (values * STEPS).round().int()


def _menu_of_parts(labels: dict[str, str]) -> str:
    """The choice between the parts of a pair, by their keys; nothing when there is one part only."""
    return menu("Attention", "filter", labels) if len(labels) > 1 else ""
