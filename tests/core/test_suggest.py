"""Suggested settings make a valid plan, and give few rows enough steps."""

import math
from dataclasses import asdict

import pytest

from core.training.foresee import count_weights, schedule
from core.training.plan import Plan
from core.training.suggest import suggest


@pytest.mark.parametrize("rows", [10, 400, 5_000, 1_000_000])
@pytest.mark.parametrize("model", ["builtin", "bert-base-uncased", "no such model"])
def test_a_suggestion_is_a_valid_plan(rows: int, model: str):
    plan = Plan(data="x.csv", text_column="text", label_column="label", model=model, **asdict(suggest(rows, model)))
    assert plan.epochs >= 2


def test_few_rows_get_two_hundred_steps():
    plan = Plan(data="x.csv", text_column="text", label_column="label", **asdict(suggest(400, "builtin")))
    assert schedule(plan, 320).steps == math.ceil(5 * 320 / 8) == 200


def test_larger_models_get_smaller_steps():
    assert suggest(400, "bert-base-uncased").learning_rate < suggest(400, "builtin").learning_rate


def test_weights_are_counted_from_the_configuration():
    from core import open_model

    total = sum(each.numel() for each in open_model("builtin").network.parameters())
    assert count_weights("builtin")[0] == pytest.approx(total, rel=0.02)
    assert count_weights("bert-base-uncased")[0] == pytest.approx(109_482_240, rel=0.02)
