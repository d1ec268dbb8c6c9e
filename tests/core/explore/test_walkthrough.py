"""The walkthrough. Oracles: the trace, which agrees with transformers; hand numbers; the programs it shows, run."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from core import LabError, open_model, tokenize, trace
from core.explore.trace import Trace
from core.explore.walkthrough import Focus, View, arithmetic, missing_heads, most_attended, stages
from core.explore.walkthrough.code import code
from core.models.loading import Model
from tests.families import FAMILIES, family_folder

TEXT, PAIR = "the cat sat on the mat", "a dog"
FOCUS = Focus(layer=1, head=2, position=3)
PROJECT = Path(__file__).parents[3]
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
            if view.tensor is None:
                continue
            tensor = t[view.tensor]
            if view.tensor.endswith("logits"):  # of the chosen token, the highest or all
                scores = tensor[focus.position] if tensor.ndim == 2 else tensor
                shown = scores.topk(20).values if view.tensor.startswith("mlm") else scores
                np.testing.assert_array_equal(view.matrix().values[0], shown.numpy())
                continue
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


PROGRAMS = [case for case in CASES if case == "builtin" or not case.endswith("pre-training") or case.startswith("bert")]


@pytest.mark.parametrize("case", PROGRAMS)
def test_every_program_runs_as_shown_and_gives_the_traces_numbers(traces, case: str):
    t = traces[case]
    setups: dict[str, dict] = {}  # the first lines are the same for all stages: run once, they are right for each
    for focus in (Focus(1, 2, 3), Focus(t.layers - 1, 0, 1)):
        for stage in stages(t, focus):
            program = code(t, focus, stage.key)
            assert program.text.startswith(program.setup)
            assert max(map(len, program.text.splitlines())) <= 200
            if program.setup not in setups:
                exec(compile(program.setup, "setup", "exec"), setups.setdefault(program.setup, {}))
            variables = dict(setups[program.setup])
            exec(compile(program.text.removeprefix(program.setup), stage.key, "exec"), variables)
            assert program.results
            for variable, name in program.results.items():
                expected = t[name]
                if t.axes(name)[0] == "head":
                    expected = expected[focus.head]
                difference = (variables[variable] - expected).abs().max()
                assert difference <= 1e-5 * max(1, expected.abs().max()), (stage.key, name)
            if stage.key in ("masked-lm", "classifier", "next-sentence"):
                shown = stage.views[-1].matrix()
                if stage.key == "masked-lm":
                    assert variables["guesses"] == list(shown.columns[:5])
                else:
                    np.testing.assert_allclose(variables["shares"], shown.values[0], atol=1e-5)
    assert len(setups) == 1


def test_a_whole_program_runs_on_its_own(traces):
    program = code(traces["builtin"], Focus(1, 2, 3), "context")
    done = subprocess.run(
        [sys.executable, "-c", program.text], cwd=PROJECT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


def test_stages_come_in_the_order_of_the_forward_pass(traces):
    def keys(case: str) -> list[str]:
        return [stage.key for stage in stages(traces[case], Focus(0, 0, 0))]

    assert keys("builtin") == ["embeddings", *LAYER_STAGES, "masked-lm"]
    assert keys("bert pre-training") == ["embeddings", *LAYER_STAGES, "pooler", "masked-lm", "next-sentence"]
    assert keys("distilbert sequence-classification") == ["embeddings", *LAYER_STAGES, "classifier"]


def test_F05_heads_that_are_missing_are_named(traces):
    assert missing_heads(traces["builtin"]) == ("pooler", "next-sentence head", "classification head for whole texts")
    assert missing_heads(traces["bert pre-training"]) == ("classification head for whole texts",)


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
    view = view_of(trace(model, tokens), "masked-lm", "Probabilities", Focus(0, 0, tokens.tokens.index("[MASK]")))
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
    for name, value in (("gelu", 0.8413447), ("relu", 1.0), ("tanh", 0.7615942), ("gelu_new", 0.8411920)):
        assert arithmetic.activation(1.0, name, sentence="s").value == pytest.approx(value)
    assert arithmetic.activation(-1.0, "relu", sentence="s").value == 0
    assert arithmetic.total([("a", 1.0), ("b", 2.5)], sentence="s").value == 3.5


def test_nothing_is_computed_before_a_view_is_asked():
    model = open_model("builtin")
    t = trace(model, tokenize(model, "The cat sat on the mat."))
    assert stages(t, Focus(3, 5, 2))
    assert not t._memory._tensors


@pytest.mark.parametrize("focus", [Focus(9, 0, 0), Focus(0, 12, 0), Focus(0, 0, 90), Focus(-1, 0, 0)])
def test_a_focus_outside_of_the_trace_is_refused(traces, focus: Focus):
    with pytest.raises(LabError, match="There is no"):
        stages(traces["builtin"], focus)


def test_several_texts_are_refused(traces):
    model = traces["builtin"].model
    with pytest.raises(LabError, match="one text"):
        stages(trace(model, [tokenize(model, "a"), tokenize(model, "b")]), Focus(0, 0, 0))


def test_matrices_cannot_be_written_to(traces):
    view = view_of(traces["builtin"], "feed-forward", "Widened")
    weights = view.operands(0, 0)[1].matrix.values
    with pytest.raises(ValueError, match="read-only"):
        weights *= 2


def test_what_a_token_attends_to_most(traces):
    t = traces["builtin"]
    shares = t["layer.3.probabilities"][5, 2, : len(t.tokens)].numpy()
    order = np.argsort(-shares)[:3]
    found = most_attended(t, Focus(3, 5, 2))
    assert [place for place, _ in found] == order.tolist()
    assert [share for _, share in found] == pytest.approx(shares[order].tolist())


def test_scores_that_do_not_compete_get_no_softmax(tmp_path):
    folder = family_folder("bert", "sequence-classification", tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"problem_type": "multi_label_classification"}))
    model = open_model(str(folder))
    t = trace(model, tokenize(model, TEXT))
    assert [view.title for view in stages(t, Focus(0, 0, 0))[-1].views] == ["Scores"]
    assert "softmax" not in code(t, Focus(0, 0, 0), "classifier").text


def test_every_stage_speaks_plainly(traces):
    for case in CASES:
        for stage in stages(traces[case], Focus(0, 0, 0)):
            assert stage.words.endswith((".", "?"))
            for view in stage.views:
                assert view.words.endswith(".")
                assert "\\" not in view.words
                assert view.formula
                assert "→" in view.shapes
