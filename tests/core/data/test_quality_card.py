"""The health card: each case of the fault catalogue that is about content, its rows, and a fix that cures it."""

from collections import Counter
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data.dataset.dataset import build_dataset
from core.data.dataset.notices import Finding, in_order, numbers, shown
from core.data.dataset.recipe import Recipe
from core.data.dataset.row_selection import RowSelection, select_rows
from core.data.quality.card import Measured, health_card
from core.data.quality.coverage import coverage
from core.data.quality.near import near_duplicates
from core.data.quality.profile import profile
from core.data.reading.read_table import ReadOptions, read_table
from core.data.views import Strings
from core.errors import LabError, counted
from core.training.plan.plan import Plan
from tests.columns import classes


def table_of(*rows, header="text,label"):
    text = "\n".join([header, *rows]) + "\n"
    return read_table(text.encode(), name="x.csv", options=ReadOptions(header=True, delimiter=","))


def selection(*rows):
    return select_rows(table_of(*rows), classes("text", "label"))


def bad(*rows, **measured):
    """Findings that are not good, by key, but for that there are few rows: so there are in every test."""
    card = health_card(selection(*rows), Measured(**measured))
    return {each.key: each for each in card.findings if each.severity != "good" and each.key != "too_few"}


GOOD = tuple(f"a fine text of number {n} it is,{'x' if n % 2 else 'y'}" for n in range(40))
ENOUGH = tuple(f"{row[:-2]} of {n},{row[-1]}" for n in range(3) for row in GOOD)


def fixed(finding, *rows):
    """What the card still says under this key after the fix."""
    after, _ = finding.step.apply(selection(*rows))
    return health_card(after)[finding.key]


def test_a_sound_set_is_said_to_be_sound():
    card = health_card(selection(*ENOUGH))
    assert {finding.severity for finding in card.findings} == {"good"}
    assert card.verdict == "Ready to train on: nothing to fix was found."
    assert {"empty", "unlabelled", "duplicates", "contradictions", "imbalance", "kinds", "odd"} <= {
        f.key for f in card.findings
    }


def test_few_rows_are_said_to_be_few():
    card = health_card(selection(*ENOUGH[:99]))
    assert card["too_few"].what == "99 rows are enough to try the steps, too few to learn from."
    assert card.verdict == "Ready to train on, after a look at 1 thing."
    assert health_card(selection(*ENOUGH[:100]))["too_few"] is None


def test_what_to_do_first_stands_first():
    card = health_card(selection(*ENOUGH, ",x", ENOUGH[0], "one thing,"))
    severities = [finding.severity for finding in card.findings]
    assert severities == sorted(severities, key=["fix", "warn", "good"].index)
    assert card.verdict == "Fix 2 things before training, and look at 1 more."
    assert len(card.of("fix")) == 2
    assert card["nothing"] is None


def test_B01_words_for_nothing_stay_text_and_are_said():
    finding = bad(*GOOD, "NA,x", "null,y", "None,x")["placeholders"]
    assert (finding.severity, finding.rows, finding.fix) == ("warn", (40, 41, 42), None)


def test_B02_missing_labels_have_a_fix():
    rows = (*GOOD, "one more,", "another one,nan")
    finding = bad(*rows)["unlabelled"]
    assert (finding.severity, finding.rows, finding.fix) == ("fix", (40, 41), "drop_unlabelled")
    assert "rows 41, 42" in finding.what
    assert fixed(finding, *rows).severity == "good"
    assert bad("a,", "b, ")["no_label"].severity == "fix"


def test_B03_labels_that_look_alike():
    rows = (*(f"text {n},Good" for n in range(9)), *(f"other {n},good " for n in range(9)), *GOOD)
    finding = bad(*rows)["alike_labels"]
    assert finding.fix == "merge_labels"
    assert fixed(finding, *rows) is None
    spaces = (*GOOD, *(f"text {n},very{' ' * (1 + n % 2)}good" for n in range(9)))
    assert bad(*spaces)["alike_labels"].fix == "merge_labels"
    numbers_only = bad(*(f"text {n},{'01' if n % 2 else '1'}" for n in range(120)))["alike_labels"]
    assert (numbers_only.severity, numbers_only.fix) == ("warn", None)


def test_B04_one_label_only():
    assert bad("one,x", "two,x")["one_label"].severity == "fix"


def test_B05_many_labels_and_too_many():
    assert bad(*(f"text {n},label {n % 250}" for n in range(500)))["many_labels"].severity == "warn"
    finding = bad(*(f"text {n},label {n}" for n in range(5_001)))["many_labels"]
    assert (finding.severity, "limit is 5,000" in finding.what) == ("fix", True)


def test_B05_a_column_of_ids_is_told_at_once():
    """Each of its labels was once compared with all others: minutes for so many."""
    found = bad(*(f"text {n},id {n}" for n in range(100_000)))
    assert found["many_labels"].severity == "fix"
    assert len(found["single_row"].rows) == 100_000


def test_B06_labels_with_one_row_or_few():
    found = bad(*GOOD, "one more,rare", *(f"scarce {n},few" for n in range(3)))
    assert (found["single_row"].rows, found["few_rows"].rows) == ((40,), (41, 42, 43))


def test_B09_all_the_same():
    assert bad("same,x", "same,y", "same,x")["all_same"].severity == "fix"


def test_B09_duplicates_have_a_fix():
    rows = (*GOOD, GOOD[0], GOOD[0], GOOD[1], f"{GOOD[2][:-1]}other")
    finding = bad(*rows)["duplicates"]
    assert (finding.severity, finding.rows, finding.fix) == ("warn", (40, 41, 42), "drop_duplicates")
    after, line = finding.step.apply(selection(*rows))
    assert line == "3 rows that repeat an earlier one were dropped."  # not the text that has another label
    assert health_card(after)["duplicates"].severity == "good"


def test_B09_repeats_are_not_dropped_where_rows_hold_more_than_their_texts():
    rows = select_rows(table_of(*GOOD, GOOD[0]), classes("text"))
    for task, fix in (("regression", None), ("multiple-choice", None), ("masked-language", "drop_duplicates")):
        finding = health_card(rows, task=task)["duplicates"]
        assert (finding.rows, finding.fix) == ((40,), fix)


def test_texts_with_tags_or_answers_are_not_tidied():
    rows = select_rows(table_of(*GOOD, "one <br /> two,x"), classes("text"))
    for task, fix in (("token-classification", None), ("question-answering", None), ("regression", "tidy_texts")):
        finding = health_card(rows, task=task)["untidy"]
        assert (finding.rows, finding.fix) == ((40,), fix)


def test_B10_contradictions_with_rows_and_a_fix():
    rows = (*GOOD, "one text,x", "one text,y", "one text,x")
    finding = bad(*rows)["contradictions"]
    assert (finding.severity, finding.rows, finding.fix) == ("fix", (40, 41, 42), "drop_contradictions")
    assert "1 text stands under different labels, in 3 rows; the first in rows 41, 42, 43." in finding.what
    assert fixed(finding, *rows).severity == "good"


def test_B10_a_row_without_a_label_or_a_text_contradicts_nothing():
    found = bad(*GOOD, "good film,pos", "good film,", "one text,x", "one text,y", "one text,nan", ",x", ",y")
    rows = [found[key].rows for key in ("contradictions", "unlabelled", "empty")]
    assert rows == [(42, 43), (41, 44), (45, 46)]
    assert "contradictions" not in bad(*GOOD, "good film,pos", "good film,")


def test_B11_numbers_dates_and_empty_texts():
    assert bad(*(f"{n},{'x' if n % 2 else 'y'}" for n in range(120)))["numbers"].severity == "fix"
    assert bad(*(f"2024-01-{n + 10},{'x' if n % 2 else 'y'}" for n in range(20)))["dates"].severity == "fix"
    assert bad(*GOOD, "17,x")["numbers"].severity == "warn"
    assert bad(*GOOD, "https://a.b,x")["addresses"].rows == (40,)
    rows = (*GOOD, ",x", "  ,y")
    finding = bad(*rows)["empty"]
    assert (finding.severity, finding.rows, finding.fix) == ("fix", (40, 41), "drop_empty")
    assert fixed(finding, *rows).severity == "good"


def test_imbalance_has_a_cap_that_fixes_it():
    rows = tuple(f"text of number {n},{'x' if n % 20 else 'y'}" for n in range(400))
    finding = bad(*rows)["imbalance"]
    assert (finding.fix, "95%" in finding.what) == ("cap_classes", True)
    assert fixed(finding, *rows).severity == "good"


def test_a_cap_is_offered_only_where_it_is_one():
    rows = tuple(f"text of number {n},{'x' if n < 100 else 'y'}" for n in range(103))
    finding = bad(*rows)["imbalance"]
    assert (finding.step.rows, "cap each at 12" in finding.remedy) == (12, True)
    assert fixed(finding, *rows).severity == "good"
    rows = tuple(f"text of number {n},{'x' if n < 100 else 'y'}" for n in range(101))
    capped, _ = bad(*rows)["imbalance"].step.apply(selection(*rows))  # to eight: one row is too few anyway
    finding = health_card(capped)["imbalance"]
    assert (finding.step, "cap" in finding.remedy) == (None, False)


def test_uneven_labels_are_told_with_the_setting_that_weighs_them():
    setting = next(field for field in fields(Plan) if field.name == "class_weights")
    name, choice = setting.metadata["title"], "balanced"
    assert choice in setting.metadata["choices"]
    uneven = tuple(f"text of number {n},{'x' if n % 20 else 'y'}" for n in range(400))
    scarce = (*(f"text of number {n},label {n % 8}" for n in range(400)), "one more,few", "another one,few")
    for rows in (uneven, scarce):
        assert f"“{name}: {choice}” of Fine-tune" in bad(*rows)["imbalance"].remedy


def test_even_labels_with_a_rare_one_are_not_to_be_capped():
    """Of 64 labels of nearly one size the commonest is no answer to give always, and capping would cost most rows."""
    sizes = [*range(100, 163), 15]
    rows = [f"text {n} of label {label},label {label}" for label, size in enumerate(sizes) for n in range(size)]
    finding = bad(*rows)["imbalance"]
    assert "1 label has far fewer rows than most others (half of all have 130 or more): 'label 63'." in finding.what
    assert "lways" not in finding.what
    assert (finding.step, "cap" in finding.remedy) == (None, False)
    even = [f"text {n} of label {label},label {label}" for label, size in enumerate(sizes[:63]) for n in range(size)]
    assert health_card(selection(*even))["imbalance"].severity == "good"
    towering = [*even, *(f"text {n},label 0" for n in range(700))]
    finding = bad(*towering)["imbalance"]
    assert "lways" not in finding.what  # in one of ten rows it would be right
    assert finding.fix == "cap_classes"
    assert fixed(finding, *towering).severity == "good"


def test_B10_labels_that_only_look_different_are_merged_before_contradictions_are_counted():
    rows = (*GOOD, "one text,pos", "one text,Pos", "one text, pos", "other text,pos", "other text,POS", "other text,x")
    found = bad(*rows)
    assert found["contradictions"].rows == (43, 44, 45)
    after, line = found["contradictions"].step.apply(selection(*rows))
    assert (set(range(46)) - set(after.row_ids.tolist()), line[:6]) == ({45}, "1 row ")
    assert "contradictions" not in bad(*rows[:43])


def test_one_count_of_repeats_and_of_contradictions_everywhere():
    """Notices, the health card, the profile and what the fixes say they dropped."""
    rows = (*GOOD, GOOD[0], GOOD[0], GOOD[1], f"{GOOD[2][:-1]}other", f"{GOOD[4][:-1]}Y", GOOD[3].upper())
    table = table_of(*rows)
    made, card = (
        build_dataset(table, classes("text", "label")),
        health_card(selection(*rows)),
    )
    measured = profile(made)
    assert measured.duplicate_rows == 3
    assert any(notice.startswith("3 rows repeat an earlier one;") for notice in made.notices)
    assert card["duplicates"].what.startswith("3 rows repeat an earlier one")
    assert card["duplicates"].step.apply(selection(*rows))[1].startswith("3 rows that repeat")
    assert len(measured.contradictions) == 1
    assert any("1 text occurs with different labels" in notice for notice in made.notices)
    assert card["contradictions"].what.startswith("1 text stands under different labels")


def test_near_duplicates_and_near_contradictions():
    rows = (*GOOD, "the weather is nice today in town,x", "The weather is nice today in town!,y")
    near = near_duplicates(
        build_dataset(table_of(*rows), classes("text", "label")),
        threshold=0.9,
    )
    found = bad(*rows, near=near)
    assert (found["near_duplicates"].rows, found["near_duplicates"].fix) == ((41,), "drop_rows")
    assert found["near_contradictions"].rows == (40, 41)
    after, line = found["near_duplicates"].step.apply(selection(*rows))
    assert (len(after), line) == (41, "1 row (nearly the same as an earlier row) was dropped.")
    assert health_card(selection(*rows), Measured(near=()))["near_duplicates"].severity == "good"


def test_long_texts_and_unknown_tokens():
    tokens = np.full(40, 100)
    tokens[[3, 7]] = 129
    finding = bad(*GOOD, tokens=tokens)["long"]
    assert (finding.rows, finding.what) == (
        (3, 7),
        "2 texts are longer than 128 tokens (5.0%) and would be cut there.",
    )
    assert health_card(selection(*GOOD), Measured(tokens=tokens, limit=256))["long"].severity == "good"
    made = build_dataset(table_of(*GOOD), classes("text", "label"))

    def encode(texts):
        return [[0 if word.isdigit() else 1 for word in text.split()] for text in texts]

    finding = bad(*GOOD, coverage=coverage(made, encode, unknown_id=0, vocabulary_size=5))["unknown"]
    assert (finding.severity, len(finding.rows)) == ("fix", 40)
    known = coverage(made, encode, unknown_id=3, vocabulary_size=5)
    assert health_card(selection(*GOOD), Measured(coverage=known))["unknown"].severity == "good"


def test_odd_characters_and_html():
    rows = (*GOOD, "caf\ufffd au lait,x", "zero\u200bwidth here,y", '"  one<br />two",x', "<b>bold</b> &amp; more,y")
    rows = (*rows, "\x89ÛÒ what a day,x")
    found = bad(*rows)
    assert found["odd_misread"].rows == (44,)
    assert "odd" not in {each.key for each in health_card(selection(*GOOD, rows[44])).findings}  # which says: no damage
    assert found["entities"].rows == (43,)
    assert fixed(found["entities"], *rows) is None
    assert (found["odd_replacement"].rows, found["odd_replacement"].severity) == ((40,), "fix")
    assert (found["odd_invisible"].rows, found["untidy"].rows, found["html"].rows) == ((41,), (42,), (43,))
    assert fixed(found["untidy"], *rows) is None


def test_pairs_and_sets_without_labels():
    table = table_of("a b,c d,x", "e f,,y", header="first,second,label")
    card = health_card(select_rows(table, classes("first", "label", "second")))
    assert card["empty"].rows == (1,)
    assert {f.key for f in health_card(select_rows(table, classes("first"))).findings} == {
        "empty",
        "duplicates",
        "kinds",
        "odd",
        "too_few",
    }
    assert health_card(select_rows(table, classes("first"))).verdict == "The texts are ready, after a look at 1 thing."
    nothing = health_card(selection("a,x", "b,y").keep(np.zeros(2, bool)))
    assert nothing.rows == 0


CELLS = st.sampled_from(["", "a", "a", "A.", "b c", "3", "NA", "2024-01-01", " x ", "<br>", "\ufffd"])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(CELLS, st.sampled_from(["x", "X", "y", "", "nan", "01", "1"])), min_size=1, max_size=30))
def test_doing_every_offered_fix_ends_and_then_a_data_set_can_be_built_or_says_why(rows):
    start = select_rows(
        table_of(*(f'"{text}",{label}' for text, label in rows)),
        classes("text", "label"),
    )
    recipe = Recipe()
    for _ in range(20):
        card = health_card(recipe.apply(start).selection)
        for finding in card.findings:
            assert finding.what.endswith((".", "…"))
            assert bool(finding.remedy) == (finding.severity != "good")
            assert set(finding.rows) <= set(range(len(rows)))
        offered = [finding.step for finding in card.findings if finding.step]
        if not offered:
            break
        recipe = recipe.then(offered[0])
        try:
            recipe.apply(start)
        except LabError:  # no row would be left
            return
    else:
        pytest.fail("the fixes never end")
    assert not {"empty", "unlabelled", "contradictions"} & {f.key for f in card.of("fix")}


def test_findings_in_words():
    assert [
        f.key for f in in_order([Finding("a", "good", "."), Finding("b", "fix", "."), Finding("c", "warn", ".")])
    ] == [*"bca"]
    assert (counted(1, "row"), counted(1_000, "row"), counted(2, "is", "are")) == ("1 row", "1,000 rows", "2 are")
    assert shown(["a" * 100, "b"], 1) == f"{'a' * 80!r} and 1 more"
    assert numbers([3, 1, 3]) == (1, 3)
    assert Finding("a", "good", ".").rows == ()
    assert isinstance(selection("a,x", "b,y"), RowSelection)
    assert Counter(Strings(selection("a,x", "b,y").labels)) == {"x": 1, "y": 1}
