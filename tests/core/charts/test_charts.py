"""Figures hold the values they were given, and names are text in them."""

import pandas as pd

from core.charts.bars import horizontal_bars, length_histogram
from core.charts.confusion import confusion_matrix
from core.charts.curves import curves


def test_bars_keep_order_and_values_even_when_names_repeat():
    figure = horizontal_bars(["a", "a", "b"], [0.5, 0.3, 0.2], title="t", percent=True)
    assert list(figure.data[0].x) == [0.5, 0.3, 0.2]
    assert list(figure.layout.yaxis.ticktext) == ["a", "a", "b"]
    assert list(figure.data[0].text) == ["50.0%", "30.0%", "20.0%"]


def test_long_names_are_shortened_and_kept_whole_on_hover():
    figure = horizontal_bars(["x" * 50], [3], title="t")
    assert len(figure.layout.yaxis.ticktext[0]) == 28
    assert figure.data[0].customdata[0] == "x" * 50


def test_C07_markup_in_a_name_stays_text():
    name = "<a href='https://example.org'>x</a>"
    assert "<" not in horizontal_bars([name], [1], title="t").layout.yaxis.ticktext[0]
    matrix = confusion_matrix([[1, 0], [0, 1]], [name, "b"])
    assert "<" not in matrix.layout.xaxis.ticktext[0] + matrix.data[0].customdata[0][0][0]
    assert "<" not in length_histogram([0, 1], {name: [1]}, unit="words").data[0].name


def test_limits_beyond_the_data_are_not_drawn():
    figure = length_histogram([0, 100, 200], {"a": [1, 1]}, unit="tokens", limits=(128, 256))
    assert [shape.x0 for shape in figure.layout.shapes] == [128]


def test_confusion_shares_are_of_the_true_class():
    figure = confusion_matrix([[3, 1], [0, 0]], ["a", "b"])
    assert [list(row) for row in figure.data[0].z] == [[0.75, 0.25], [0, 0]]
    assert [list(row) for row in figure.data[0].text] == [[3, 1], [0, 0]]


def test_names_that_are_alike_when_shortened_keep_columns_of_their_own():
    names = ["x" * 40 + end for end in "ab"]
    figure = confusion_matrix([[3, 1], [0, 2]], names, unit="words")
    assert list(figure.layout.xaxis.tickvals) == [0, 1]
    assert {len(name) for name in figure.layout.xaxis.ticktext} == {28}
    assert list(figure.data[0].customdata[0][1]) == names  # true, predicted
    assert "words" in figure.data[0].hovertemplate


def points(**lines: list[tuple[float, float]]) -> pd.DataFrame:
    rows = [
        {"x": x, "value": y, "curve": name.partition("_")[0], "line": name.partition("_")[2], "has_dot": True}
        for name, own in lines.items()
        for x, y in own
    ]
    return pd.DataFrame(rows, columns=["x", "value", "curve", "line", "has_dot"])


def test_curves_keep_their_points():
    table = points(one_measured=[(1, 0.5), (2, 0.4)], two_measured=[(1, 0.6)])
    figure = curves(table, title="t", x_title="step")
    assert [list(line.y) for line in figure.data] == [[0.5, 0.4], [0.6]]
    assert [line.showlegend for line in figure.data] == [True, True]
    assert figure.data[0].line.color != figure.data[1].line.color


def test_a_smoothed_curve_shares_its_colour_with_the_pale_one_behind_it():
    figure = curves(points(one_behind=[(1, 0.5)], one_smoothed=[(1, 0.5)]), title="t", x_title="step")
    behind, smoothed = figure.data
    assert behind.line.color == smoothed.line.color
    assert behind.opacity < smoothed.opacity == 1
    assert not behind.showlegend


def test_C07_markup_in_a_run_name_stays_text_in_its_curve():
    table = points(x_measured=[(1, 0.5)]).assign(curve="<b>x</b>")
    assert "<" not in curves(table, title="t", x_title="step").data[0].name


def test_no_points_give_an_empty_picture():
    assert len(curves(points(), title="t", x_title="step").data) == 0
