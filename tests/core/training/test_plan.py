"""The plan: defaults, limits, YAML."""

import dataclasses
import subprocess
import sys

import pytest

from core.data.reading.read_table import ReadOptions
from core.errors import LabError
from core.training.plan.plan import Plan

MINIMAL = {"data": "sample:reviews", "text_column": "text", "label_column": "label"}


def test_every_setting_is_explained() -> None:
    for item in dataclasses.fields(Plan):
        assert item.metadata["title"]
        assert item.metadata["help"].endswith((".", "…”)."))
        if item.type in (int, float):
            assert item.metadata["low"] <= item.default <= item.metadata["high"]


def test_yaml_round_trip_keeps_everything() -> None:
    plan = Plan(
        data="a b/ü.csv", text_column="on", label_column="01", pair_column="null", model="x", epochs=0.5,
        learning_rate=3e-5, reading=ReadOptions(delimiter="\t", header=False), name="ein Name: mit #",
    )  # fmt: skip
    assert Plan.from_yaml(plan.to_yaml()) == plan


def test_yaml_number_without_a_point_is_a_number() -> None:
    assert Plan.from_yaml("data: d\ntext_column: t\nlabel_column: l\nlearning_rate: 2e-5").learning_rate == 2e-5


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("epochs", 0), ("epochs", float("nan")), ("epochs", "many"), ("batch_size", 0), ("batch_size", 1.5),
        ("batch_size", True), ("learning_rate", -1.0), ("learning_rate", float("inf")), ("max_length", 2),
        ("seed", -1), ("task", "translation"), ("precision", "fp8"), ("text_column", ""), ("label_column", None),
        ("pair_column", ""), ("data", " "), ("text_column", "label"), ("reading", {}), ("model", "a\0b"),
        ("seed", 10**400), ("seed", -(10**400)), ("epochs", 10**400),
    ],
)  # fmt: skip
def test_bad_setting_is_refused_in_words(setting: str, value: object) -> None:
    with pytest.raises(LabError) as caught:
        Plan(**{**MINIMAL, setting: value})
    assert caught.value.problem.endswith(".")
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "settings"), ("- a", "settings"), ("a: [", "YAML"), ("data: d", "lacks"),
        ("data: d\ntext_column: t\nlabel_column: l\nepoch: 3", "epoch"),
        ("data: d\ntext_column: yes\nlabel_column: l", "Text column"),
        ("data: d\ntext_column: t\nlabel_column: l\nreading: {wrong: 1}", "wrong"),
        ("data: !!python/object/apply:os.getcwd []", "YAML"), ("name: 2026-13-45", "YAML"),
        (f"seed: {'9' * 5000}", "YAML"), ("data: d\ntext_column: t\nlabel_column: l\ntask:", "Task must be"),
    ],
)  # fmt: skip
def test_bad_yaml_is_refused_in_words(text: str, word: str) -> None:
    with pytest.raises(LabError, match=word):
        Plan.from_yaml(text)


def test_one_label_column_of_0_and_1_is_none_to_choose_from() -> None:
    with pytest.raises(LabError, match="Only one label column"):
        Plan(data="d", task="multi-label", text_column="text", label_columns=("news",))


def test_planning_loads_no_torch() -> None:
    modules = "core.training, core.training.plan.plan, core.training.forms.presets, core.training.probe.probe"
    modules += ", core.runs.supervisor"
    code = f"import sys, {modules}; sys.exit(bool({{'torch', 'transformers'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
