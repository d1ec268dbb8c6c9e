"""The small pictures of all heads, and the layers × heads map of a number: values against the trace."""

import numpy as np
import pytest
import torch

from core import open_model, tokenize, trace
from core.charts.attention import GAP, MOST_HEADS_WRITTEN, head_map, heads_picture
from core.explore.attention.head_grid import LARGEST, thumbnails


@pytest.mark.parametrize("text", ["two dogs bark.", "one cat moos and " * 20])
def test_each_picture_shows_the_largest_shares_by_their_root(text: str):
    model = open_model("builtin")
    t = trace(model, tokenize(model, text))
    pictures = thumbnails(t)
    side = min(len(t.tokens), LARGEST)
    assert pictures.dtype == torch.uint8
    assert pictures.shape == (t.layers, t.heads, side, side)
    assert (pictures.amax((2, 3)) == 255).all()
    if side == len(t.tokens):
        shares = t["layer.2.probabilities"][1]
        torch.testing.assert_close(pictures[2, 1] / 255, (shares / shares.max()).sqrt(), atol=0.5 / 255 + 1e-6, rtol=0)


def test_a_map_holds_each_number_at_its_layer_and_head():
    values = np.arange(6.0).reshape(2, 3)
    values[0, 1] = np.nan
    figure = head_map(values, title="t", unit="bits")
    (drawn,) = figure.data
    np.testing.assert_array_equal(drawn.z, values)
    assert (drawn.zmin, drawn.zmax) == (0, 5)
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("head", "layer")
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]  # the first layer on top
    assert (drawn.y, drawn.x) == ((1, 2), (1, 2, 3))  # counted from 1, as everywhere on the pages
    assert "bits" in drawn.hovertemplate


def test_a_map_of_nothing_measured_and_of_many_heads():
    assert head_map(np.full((2, 2), np.nan), title="t").data[0].zmax == 1
    assert head_map(np.zeros((1, MOST_HEADS_WRITTEN + 1)), title="t").data[0].texttemplate is None


def test_all_heads_in_one_picture_stand_at_their_places():
    pictures = np.arange(2 * 3 * 2 * 2, dtype=np.uint8).reshape(2, 3, 2, 2)
    figure = heads_picture(pictures, title="t")
    (drawn,) = figure.data
    assert (figure.layout.yaxis.ticktext, figure.layout.xaxis.ticktext) == (("1", "2"), ("1", "2", "3"))
    side = 2 + GAP
    np.testing.assert_array_equal(drawn.z[side : side + 2, 2 * side : 2 * side + 2], pictures[1, 2])
    assert np.isnan(drawn.z[2]).all()
