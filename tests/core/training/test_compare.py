"""Settings in which plans differ, as people read them."""

from dataclasses import replace

from core.data.column_mapping import ColumnMapping
from core.data.decisions.preparation import Preparation
from core.data.reading.read_table import ReadOptions
from core.training.forms.compare import differing
from core.training.plan.plan import Plan

PLAN = Plan(data="sample:reviews", text_column="text", label_column="label")


def test_only_what_differs_is_named_and_names_of_runs_are_not_compared():
    assert differing([PLAN, replace(PLAN, name="other")]) == {}
    found = differing([PLAN, replace(PLAN, epochs=5.0), replace(PLAN, learning_rate=1e-4)])
    assert found == {"Epochs": ("3", "5", "3"), "Learning rate": ("5e-5", "5e-5", "1e-4")}


def test_every_kind_of_value_is_put_into_words():
    named = Preparation(mapping=ColumnMapping.of("sequence-classification", text="text", label="label")).to_json()
    other = replace(
        PLAN, preparation=named, reading=ReadOptions(header=False), pair_column="more",
        scheduler="cosine_with_restarts", compile=True,
    )  # fmt: skip
    assert differing([PLAN, other]) == {
        "Second text column": ("none", "more"),
        "Reading": ("detected", "header False"),
        "Preparation": ("nothing decided", "names of labels"),
        "Schedule": ("linear", "cosine with restarts"),
        "Compile": ("off", "on"),
    }


def test_lists_of_columns_are_written_with_commas():
    choice = replace(PLAN, task="multiple-choice", choice_columns=("a", "b"))
    found = differing([choice, replace(choice, choice_columns=("a", "b", "c"))])
    assert found == {"Choice columns": ("a, b", "a, b, c")}
