"""What layers and heads are called wherever people read: counted from 1, with the name in code beside it.

Code counts from 0: the third layer is `layer.2`, its attention `attentions[2]`. Hidden states are one more, as
`hidden_states[0]` is what the embeddings hand to the first layer: what leaves the third layer is `hidden_states[3]`.
So the number in words is that of the hidden state. Addresses, traces and functions keep the numbers of code.
"""

import numpy as np
from numpy.typing import ArrayLike

FROM_ONE = "Counted from 1. In code from 0: layer 1 is `layer.0`, and what leaves it is `hidden_states[1]`."
HEADS_FROM_ONE = "Counted from 1; in code from 0. Each head attends in its own way."
STATES_IN_CODE = "In code, `hidden_states[0]` is the embeddings and `hidden_states[1]` what leaves layer 1 (`layer.0`)."


def number(index: int) -> str:
    """The number of a layer or a head, by its index in code.

    >>> number(2)
    '3'
    """
    return str(index + 1)


def layer_name(layer: int) -> str:
    """A layer in words, by its index in code.

    >>> layer_name(2)
    'layer 3'
    """
    return f"layer {number(layer)}"


def head_name(layer: int, head: int) -> str:
    """A head of a layer in words, by their indices in code.

    >>> head_name(2, 0)
    'layer 3, head 1'
    """
    return f"{layer_name(layer)}, head {number(head)}"


def short_head_name(layer: int, head: int) -> str:
    """A head where there is little room.

    >>> short_head_name(2, 0)
    '3·1'
    """
    return f"{number(layer)}·{number(head)}"


def file_name(layer: int, head: int | None = None) -> str:
    """A layer, or a head, in the name of a file.

    >>> file_name(2), file_name(2, 0)
    ('layer-3', 'layer-3-head-1')
    """
    return f"layer-{number(layer)}" if head is None else f"layer-{number(layer)}-head-{number(head)}"


def in_code(layer: int, head: int | None = None) -> str:
    """A layer, or a head, as code calls it.

    >>> in_code(2), in_code(2, 0)
    ('layer.2', 'layer.2 head 0')
    """
    return f"layer.{layer}" if head is None else f"layer.{layer} head {head}"


def head_columns(layers: ArrayLike, heads: ArrayLike) -> dict[str, np.ndarray]:
    """Columns of a table with one row a head: both numbers in words, and the name in code. One layer, or one a row.

    >>> {name: column.tolist() for name, column in head_columns([0, 1], [0, 5]).items()}
    {'layer': [1, 2], 'head': [1, 6], 'in code': ['layer.0 head 0', 'layer.1 head 5']}
    """
    layers, heads = np.broadcast_arrays(np.asarray(layers, int), np.asarray(heads, int))
    counts = layers.max(initial=-1) + 1, heads.max(initial=-1) + 1
    names = np.array([in_code(*each) for each in np.ndindex(counts)], object).reshape(counts)
    return {"layer": layers + 1, "head": heads + 1, "in code": names[layers, heads]}


def state_name(index: int) -> str:
    """Where a hidden state comes from, by its index in `hidden_states`.

    >>> state_name(0), state_name(3)
    ('embeddings', 'layer 3')
    """
    return f"layer {index}" if index else "embeddings"


def short_state_name(index: int) -> str:
    """The same where “layer” stands above.

    >>> short_state_name(0), short_state_name(3)
    ('embeddings', '3')
    """
    return str(index) if index else "embeddings"


def after_state(index: int) -> str:
    """When a hidden state is there.

    >>> after_state(0), after_state(3)
    ('after the embeddings', 'after layer 3')
    """
    return f"after {state_name(index)}" if index else "after the embeddings"


def state_columns(index: int) -> dict[str, str]:
    """What a table says of one hidden state: its name in words, and in code.

    >>> state_columns(3)
    {'After': 'layer 3', 'In code': 'hidden_states[3]'}
    """
    return {"After": state_name(index), "In code": f"hidden_states[{index}]"}
