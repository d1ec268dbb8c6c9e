"""The walkthrough. Oracles: the trace, which agrees with transformers; hand numbers; the programs it shows, run."""

import math

import numpy as np
import pytest
import torch

from core import open_model, tokenize, trace
from core.explore import arithmetic
from core.explore.trace import Trace
from core.explore.walkthrough import Focus, Stage, View, missing_heads, stages
from core.explore.walkthrough.code import code
from core.models.loading import Model
from tests.families import FAMILIES, family_folder

TEXT, PAIR = "the cat sat on the mat", "a dog"
FOCUS = Focus(layer=1, head=2, position=3)
LAYER_STAGES = ["projections", "scores", "softmax", "context", "heads", "attention-norm", "feed-forward", "output-norm"]


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trace]:
    """One padded trace of a pair for every family and head, and for the built-in model."""
    folder = tmp_path_factory.mktemp("walks")

    def traced(model: Model) -> Trace:
        return trace(model, tokenize(model, TEXT, PAIR), padding=2)

    found = {"builtin": traced(open_model("builtin"))}
    for family in FAMILIES:
        for head in ("masked-lm", "sequence-classification", "pre-training"):
            path = family_folder(family, head, folder / f"{family}-{head}")
            found[f"{family} {head}"] = traced(open_model(str(path)))
    return found


CASES = [
    "builtin",
    *(f"{family} {head}" for family in FAMILIES for head in ("masked-lm", "sequence-classification", "pre-training")),
]


def view_of(t: Trace, stage: str, title: str, focus: Focus = FOCUS) -> View:
    (found,) = [each for each in stages(t, focus) if each.key == stage]
    (view,) = [each for each in found.views if each.title == title]
    return view


@pytest.mark.parametrize("case", CASES)
def test_the_arithmetic_behind_a_cell_comes_to_the_cells_value(traces, case: str):
    t = traces[case]
    draw = np.random.default_rng(0)
    for focus in (Focus(0, 0, 0), Focus(t.layers - 1, t.heads - 1, len(t.tokens) - 1)):
        for stage in stages(t, focus):
            for view in stage.views:
                matrix = view.matrix()
                assert matrix.values.shape == (len(matrix.rows), len(matrix.columns)), (stage.key, view.title)
                cells = draw.integers(0, matrix.values.shape, size=(6, 2)).tolist()
                for row, column in [*cells, list(matrix.strongest(focus.position))]:
                    behind = view.arithmetic(row, column)
                    expected = float(matrix.values[row, column])
                    size = max(1.0, float(np.abs(matrix.values[matrix.values > -1e30]).max(initial=0)))
                    assert behind.value == pytest.approx(expected, abs=1e-5 * size), (
                        stage.key,
                        view.title,
                        row,
                        column,
                    )
                    assert behind.sentence
                    if behind.terms:
                        total = math.fsum(term.left * term.right for term in behind.terms)
                        assert total == pytest.approx(behind.lines[0].value)


@pytest.mark.parametrize("case", CASES)
def test_views_of_named_tensors_show_the_trace(traces, case: str):
    t = traces[case]
    focus = Focus(1, 1, 2)
    for stage in stages(t, focus):
        for view in stage.views:
            if view.tensor is None or view.tensor.endswith("logits"):
                continue
            tensor = t[view.tensor]
            if t.axes(view.tensor)[0] == "head":
                tensor = tensor[focus.head]
            np.testing.assert_array_equal(view.matrix().values.reshape(tensor.shape), tensor.numpy(), view.tensor)


@pytest.mark.parametrize("case", CASES)
def test_what_goes_into_a_product_makes_it(traces, case: str):
    t = traces[case]
    for stage in stages(t, Focus(1, 1, 2)):
        for view in stage.views:
            if view.operands is None:
                continue
            result = view.matrix()
            row, column = result.strongest(2)
            goes_in = view.operands(row, column)
            behind = view.arithmetic(row, column)
            if behind.terms:
                left, right = goes_in
                assert (left.matrix.rows, right.matrix.columns) == (result.rows, result.columns), (
                    stage.key,
                    view.title,
                )
                terms = [(term.left, term.right) for term in behind.terms]
                made = zip(left.matrix.values[row].tolist(), right.matrix.values[:, column].tolist(), strict=True)
                assert list(made) == terms
                largest = max(terms, key=lambda pair: abs(pair[0] * pair[1]))
                assert largest == (left.matrix.values[left.cell], right.matrix.values[right.cell])
            elif view.title == "Added":
                np.testing.assert_allclose(sum(each.matrix.values for each in goes_in), result.values, atol=1e-5)
            else:
                assert all(each.matrix.values.shape == result.values.shape for each in goes_in)


@pytest.mark.parametrize("case", CASES)
def test_every_program_runs_as_shown_and_gives_the_traces_numbers(traces, case: str):
    t = traces[case]
    for focus in (Focus(1, 2, 3), Focus(t.layers - 1, 0, 1)):
        for stage in stages(t, focus):
            program = code(t, focus, stage.key)
            assert max(map(len, program.text.splitlines())) <= 200
            variables: dict[str, torch.Tensor] = {}
            exec(compile(program.text, stage.key, "exec"), variables)
            assert program.results
            for variable, name in program.results.items():
                expected = t[name]
                if t.axes(name)[0] == "head":
                    expected = expected[focus.head]
                difference = (variables[variable] - expected).abs().max()
                assert difference <= 1e-5 * max(1, expected.abs().max()), (stage.key, name)
            if stage.key == "masked-lm":
                shown = view_of(t, "masked-lm", "Probabilities", focus).matrix()
                assert variables["guesses"] == list(shown.columns[:5])


def test_stages_come_in_the_order_of_the_forward_pass(traces):
    def keys(case: str) -> list[str]:
        return [stage.key for stage in stages(traces[case], Focus(0, 0, 0))]

    assert keys("builtin") == ["embeddings", *LAYER_STAGES, "masked-lm"]
    assert keys("bert pre-training") == ["embeddings", *LAYER_STAGES, "pooler", "masked-lm", "next-sentence"]
    assert keys("distilbert sequence-classification") == ["embeddings", *LAYER_STAGES, "classifier"]


def test_F05_heads_that_are_missing_are_named(traces):
    assert missing_heads(traces["builtin"]) == ("pooler", "next-sentence head", "classification head")
    assert missing_heads(traces["bert pre-training"]) == ("classification head",)


def test_softmax_in_steps(traces):
    t = traces["bert masked-lm"]
    scaled, masked, exponentials, shares, wrong = (
        view_of(t, "softmax", title).matrix().values
        for title in ("Scaled", "Masked", "Exponentials", "Shares", "Wrong order")
    )
    real = len(t.tokens)
    assert len(scaled) == real + 2
    np.testing.assert_allclose(scaled, t["layer.1.scores"][2].numpy() / math.sqrt(6), rtol=1e-6)
    np.testing.assert_array_equal(masked[:, :real], scaled[:, :real])
    assert (masked[:, real:] < -1e30).all()
    np.testing.assert_allclose(exponentials.max(-1), 1)
    np.testing.assert_allclose(exponentials / exponentials.sum(-1, keepdims=True), shares, rtol=1e-5)
    np.testing.assert_allclose(shares.sum(-1), 1, rtol=1e-5)
    np.testing.assert_allclose(wrong.sum(-1), 1 / math.sqrt(6), rtol=1e-5)


def test_probabilities_of_the_mask_are_those_of_fill_mask():
    from core import fill_mask

    model = open_model("builtin")
    tokens = tokenize(model, "Paris is the capital of [MASK].")
    view = view_of(trace(model, tokens), "masked-lm", "Probabilities", Focus(0, 0, tokens.pieces.index("[MASK]")))
    shown = view.matrix()
    ((best, probability), *_) = fill_mask(model, tokens.text)[0]
    assert shown.columns[0] == best
    assert shown.values[0, 0] == pytest.approx(probability, abs=1e-5)


def test_the_strongest_cell_passes_over_masked_ones(traces):
    matrix = view_of(traces["bert masked-lm"], "softmax", "Masked").matrix()
    row, column = matrix.strongest(3)
    assert row == 3
    assert column < len(traces["bert masked-lm"].tokens)
    assert matrix.strongest(10_000)[0] == 0


def test_arithmetic_by_hand():
    found = arithmetic.dot_product(
        torch.tensor([1.0, -2.0]), torch.tensor([3.0, 0.5]), labels="ab", names=("x", "w"), sentence="s", bias=0.25
    )
    assert [term.product for term in found.terms] == [3.0, -1.0]
    assert [(line.label, line.value) for line in found.lines] == [
        ("sum of the 2 products", 2.0),
        ("+ bias", 0.25),
        ("= value", 2.25),
    ]
    norm = torch.nn.LayerNorm(4, eps=0.0)
    with torch.no_grad():
        norm.weight.fill_(2.0)
        norm.bias.fill_(1.0)
    found = arithmetic.layer_norm(torch.tensor([1.0, 1.0, 3.0, 3.0]), 2, norm, sentence="s")
    assert [line.value for line in found.lines] == [3.0, 2.0, 1.0, 1.0, 2.0, 1.0, 3.0]
    assert arithmetic.share_of_sum(torch.tensor([0.0, math.log(3)]), 1, sentence="s").value == pytest.approx(0.75)
    assert arithmetic.activation(0.0, "gelu", 0.0, sentence="s").value == 0.0
    assert arithmetic.activation(1.0, "gelu", 0.8413447, sentence="s").value == pytest.approx(0.8413447)
    assert arithmetic.total([("a", 1.0), ("b", 2.5)], sentence="s").value == 3.5


def test_every_stage_speaks_plainly(traces):
    for case in CASES:
        for stage in stages(traces[case], Focus(0, 0, 0)):
            assert isinstance(stage, Stage)
            assert stage.words.endswith((".", "?"))
            for view in stage.views:
                assert view.words.endswith(".")
                assert "\\" not in view.words
                assert view.formula
                assert "→" in view.shapes
