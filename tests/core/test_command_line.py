"""The command line of a plan: parsed again it gives the same plan."""

import shlex

import pytest

from core.data.reading import ReadOptions
from core.training.options import command_line, parser, plan_of
from core.training.plan import Plan

MINIMAL = {"data": "d.csv", "text_column": "t", "label_column": "l"}


def parsed(command: str) -> Plan:
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "core.training"]
    return plan_of(parser("").parse_args(words[3:]))[0]


@pytest.mark.parametrize(
    "settings",
    [
        MINIMAL,
        {**MINIMAL, "data": "a b/ü's.csv", "text_column": "-t", "label_column": "$HOME `x`", "name": '-- a\n"b"'},
        {**MINIMAL, "epochs": 0.5, "learning_rate": 3e-5, "compile": True, "retry_on_memory": True, "pair_column": "p"},
        {"data": "d", "task": "multi-label", "text_column": "t", "label_column": "l", "label_separator": ";"},
        {"data": "d", "task": "multi-label", "text_column": "t", "label_columns": ("a", "b c")},
        {"data": "d", "task": "multiple-choice", "text_column": "t", "choice_columns": ("x", "y"), "label_column": "l"},
        {"data": "d", "task": "masked-language", "text_column": "t", "mask_share": 0.3, "whole_words": True},
        {**MINIMAL, "reading": ReadOptions(delimiter="\t", header=False, quoting=False, encoding="gbk", fill=True)},
    ],
)
def test_a_command_line_gives_the_same_plan(settings: dict) -> None:
    plan = Plan(**settings)
    assert parsed(command_line(plan)) == plan


def test_what_only_a_file_can_hold_has_no_command_line() -> None:
    from core.data.mapping import Mapping
    from core.data.preparation import Preparation

    mapping = Mapping.of("sequence-classification", text="t", label="l").with_labels(("b", "a"))
    assert command_line(Plan(**MINIMAL, preparation=Preparation(mapping).to_json())) is None
    assert command_line(Plan(**MINIMAL, reading=ReadOptions(header=True))) is None  # the options only say that none is
    choices = {"task": "multiple-choice", "text_column": "t", "choice_columns": ("-x", "y"), "label_column": "l"}
    assert command_line(Plan(data="d", **choices)) is None
