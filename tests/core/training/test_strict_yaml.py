"""A plan written by hand: no alias that grows without end, and no key that is set twice."""

import time

import pytest

from core.errors import LabError
from core.training.plan.plan import Plan

START = "data: d\ntext_column: t\nlabel_column: l\n"


def test_an_alias_bomb_is_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    began = time.monotonic()
    with pytest.raises(LabError, match="alias"):
        Plan.from_yaml("\n".join(lines))
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("text", ["name: &x a\nmodel: *x\n", "reading: &r {delimiter: ','}\nname: *r\n"])
def test_an_alias_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(LabError, match="Line 5 of the plan"):
        Plan.from_yaml(START + text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("epochs: 2\nepochs: 3\n", "“epochs” is set twice in the plan, in lines 4 and 5"),
        ("data: other\n", "“data” is set twice in the plan, in lines 1 and 4"),
        ("'epochs': 2\nepochs: 3\n", "“epochs” is set twice"),
        ("reading: {delimiter: ',', delimiter: ';'}\n", "“delimiter” is set twice in the plan, in line 4"),
    ],
)
def test_a_key_that_is_set_twice_is_told_with_its_lines(text: str, words: str) -> None:
    with pytest.raises(LabError, match=words):
        Plan.from_yaml(START + text)


def test_a_plan_written_by_the_lab_is_read_by_it() -> None:
    plan = Plan(data="d", text_column="t", label_column="l", name="*a &b <<")
    assert Plan.from_yaml(plan.to_yaml()) == plan
    assert Plan.of_record(plan.to_yaml()) == plan


def test_a_key_of_the_preparation_that_stands_twice_is_refused() -> None:
    with pytest.raises(LabError, match="“task” stands twice in the plan's preparation"):
        Plan.from_yaml(START + """preparation: '{"mapping": {"task": "a", "task": "b"}}'\n""")


def test_the_plan_of_an_earlier_run_is_read_whatever_limits_have_become() -> None:
    text = START + "learning_rate: 1.0\nwarmup_share: 1.0\nlora_alpha: 8.0\nepochs: '5e-1'\n"
    with pytest.raises(LabError):
        Plan.from_yaml(text)
    plan = Plan.of_record(text)
    assert (plan.learning_rate, plan.epochs, plan.batch_size) == (1.0, 0.5, 32)
    assert plan.mapping()["label"] == "l"
    for broken in ("", "[", "- a", "data: d", START + "epochs: many\n", START + "task: none\n"):
        with pytest.raises(LabError):
            Plan.of_record(broken)
