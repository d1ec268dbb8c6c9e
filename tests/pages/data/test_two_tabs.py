"""Two tabs at one file, each an app run of its own: nothing is lost, one's own is taken back, and what changed is said.

An app run of tests cannot type into a table, so a field beside it takes a message as a browser sends it: every cell
that was typed since the table was drawn, the old ones again.
"""

import json

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core import memory
from core.data import decisions
from core.data.column_mapping import ColumnMapping
from core.data.dataset.edits import Edits
from core.data.dataset.recipe import Recipe
from core.data.decisions.preparation import Preparation
from core.data.reading.read_table import ReadOptions
from core.data.sources import uploads
from core.data.sources.references import open_table
from tests.pages.conftest import words_on

PAGE = "data/datasets/page.py"
SORTED = "text,label\n" + "".join(f"row number {n},{'ab'[n % 2]}\n" for n in range(40))


@pytest.fixture(autouse=True)
def typing(monkeypatch):
    real = st.data_editor

    def data_editor(frame, *, key, on_change, args=(), **options):
        def typed() -> None:
            cells = json.loads(st.session_state[f"typed-{key}"])
            st.session_state[f"state-{key}"] = {int(place): columns for place, columns in cells.items()}
            st.session_state[key] = {"edited_rows": st.session_state[f"state-{key}"]}
            on_change(*args)

        real(frame, key=f"{key}-shown", **options)
        st.text_area("Typed", key=f"typed-{key}", on_change=typed)

    monkeypatch.setattr(st, "data_editor", data_editor)


@pytest.fixture
def reference(workspace) -> str:
    return uploads.store_upload(SORTED.encode(), "tabs.csv").reference


def typed_into(app: AppTest, name: str, cells: dict[int, dict]) -> AppTest:
    """What the browser sends after one more cell: all `cells` typed so far."""
    area = next(area for area in app.text_area if str(area.key).startswith(f"typed-{name}-"))
    app = area.set_value(json.dumps(cells)).run()
    assert not app.exception
    return app


def frame_of(app: AppTest, name: str):
    return next(each.value for each in app.dataframe if str(each.key).startswith(f"{name}-"))


def said(app: AppTest) -> str:
    """The prose of a page as a person reads it."""
    return words_on(app).replace("\\", "").replace("\u2060", "")


def labels_kept(reference: str) -> list[str]:
    table = open_table(reference)
    return (Preparation.of(table.content_hash).edits or Edits(table.content_hash)).apply(table)["label"]


def press(app: AppTest, label: str) -> AppTest:
    app = next(button for button in app.button if button.label == label).click().run()
    assert not app.exception
    return app


def selected(app: AppTest, label: str):
    return next(box for box in app.selectbox if box.label == label)


def test_I01_a_message_of_one_tab_does_not_repeat_its_old_cells_over_the_other_tabs(open_page, reference):
    """A sets row 5, B sets row 5 again, A corrects row 6: B's correction stays."""
    a, b = (open_page(PAGE, data=reference, show="Rows") for _ in range(2))
    a = typed_into(a, "rows", {5: {"label": "of a"}})
    b = typed_into(b, "rows", {5: {"label": "of b"}})
    assert "Row 6, label was changed meanwhile: was “of a”, is now “of b” (yours)" in said(b)
    a = typed_into(a, "rows", {5: {"label": "of a"}, 6: {"label": "of a, too"}})
    assert labels_kept(reference)[5:7] == ["of b", "of a, too"]
    assert "Row 6, label was changed meanwhile: was “of a”, is now “of b”" in said(a)
    assert frame_of(a, "rows")["label"].iloc[5] == "of b"


def test_I01_undo_takes_back_ones_own_and_says_where_anothers_stays(open_page, reference):
    a, b = (open_page(PAGE, data=reference, show="Rows") for _ in range(2))
    a = typed_into(a, "rows", {5: {"label": "of a"}})
    b = typed_into(b, "rows", {6: {"label": "of b"}})
    b = typed_into(b, "rows", {6: {"label": "of b"}, 5: {"label": "over a"}})
    a = press(a, "Undo the last correction")
    assert labels_kept(reference)[5:7] == ["over a", "of b"]
    assert "is taken back. It was changed meanwhile to “over a”, which stays" in said(a)
    b = press(b, "Undo the last correction")
    assert labels_kept(reference)[5:7] == ["b", "of b"]
    press(b, "Undo the last correction")
    assert labels_kept(reference)[5:7] == ["b", "a"]


def test_corrections_of_a_tab_that_was_closed_can_be_taken_back_one_by_one(open_page, reference):
    a = open_page(PAGE, data=reference, show="Rows")
    a = typed_into(a, "rows", {1: {"label": "first"}})
    typed_into(a, "rows", {1: {"label": "first"}, 2: {"label": "second"}})
    again = open_page(PAGE, data=reference, show="Rows")
    assert "made in another tab, or before this page was loaded" in said(again)
    again = press(again, "Undo")  # the one that is not the last
    assert labels_kept(reference)[1:3] == ["b", "second"]
    press(again, "Undo the last correction")
    assert labels_kept(reference)[1:3] == ["b", "a"]


def test_a_cell_that_is_refused_does_not_hold_up_the_next(open_page, reference):
    a = open_page(PAGE, data=reference, show="Rows")
    a = typed_into(a, "rows", {1: {"label": "with\0nul"}})
    assert "NUL" in said(a)
    a = typed_into(a, "rows", {1: {"label": "with\0nul"}, 2: {"label": "good"}})
    assert labels_kept(reference)[1:3] == ["b", "good"]
    assert "NUL" not in said(a)  # said once


def test_a_table_begins_again_when_a_cell_shows_what_is_not_kept_but_not_while_somebody_types(open_page, reference):
    def key_of(app: AppTest) -> str:
        return next(str(each.key) for each in app.dataframe if str(each.key).startswith("rows-"))

    a, b = (open_page(PAGE, data=reference, show="Rows") for _ in range(2))
    first = key_of(a)
    a = typed_into(a, "rows", {5: {"label": "of a"}})
    typed_into(b, "rows", {5: {"label": "of b"}})
    a = typed_into(a, "rows", {5: {"label": "of a"}, 6: {"label": "c"}})
    assert key_of(a) == first
    a = press(a, "Some cells in the table show what was typed, and something else is kept. Show what is kept")
    assert key_of(a) != first
    a = typed_into(a, "rows", {5: {"label": "of a"}})  # the same text again, on purpose
    assert labels_kept(reference)[5:7] == ["of a", "c"]


def test_rows_stay_where_they_are_while_somebody_types(open_page, reference):
    app = open_page(PAGE, data=reference, show="Rows")
    app.multiselect(key="rows-labels").select("a").run()
    assert len(frame_of(app, "rows")) == 20
    app = typed_into(app, "rows", {0: {"label": "b"}})
    assert list(frame_of(app, "rows")["label"])[:2] == ["b", "a"]
    app = typed_into(app, "rows", {0: {"label": "b"}, 1: {"label": "b"}})
    assert labels_kept(reference)[:4] == ["b", "b", "b", "b"]
    app = app.text_input(key="search").set_value("row").run()
    assert len(frame_of(app, "rows")) == 18


def test_names_that_two_tabs_give_to_labels_are_both_kept(open_page, reference):
    a, b = (open_page(PAGE, data=reference, show="Labels") for _ in range(2))
    a = typed_into(a, "label-names", {0: {"Name": "good"}})
    b = typed_into(b, "label-names", {1: {"Name": "bad"}})
    content_hash = open_table(reference).content_hash
    assert decisions.load(content_hash, ColumnMapping).titles() == {"a": "good", "b": "bad"}
    assert "The name of the label “a” was changed meanwhile: was “a”, is now “good”" in said(b)
    assert list(frame_of(b, "label-names")["Name"]) == ["good", "bad"]
    a = typed_into(a, "label-names", {0: {"Name": "good"}, 1: {"Name": "worse"}})
    assert "The name of the label “b” was changed meanwhile: was “bad”, is now “worse” (yours)" in said(a)
    a = typed_into(a, "label-names", {0: {"Name": ""}, 1: {"Name": "worse"}})
    assert decisions.load(content_hash, ColumnMapping).titles() == {"a": "a", "b": "worse"}
    a = typed_into(a, "label-names", {0: {"Name": "", "Number": 1}, 1: {"Name": "worse"}})
    assert decisions.load(content_hash, ColumnMapping).id2label() == {0: "worse", 1: "a"}
    assert list(frame_of(a, "label-names")["In the file"]) == ["b", "a"]


def test_undo_of_a_fix_takes_back_ones_own(open_page):
    messy = "text,label\n" + "".join(f"row {n // 2},{'ab'[n // 2 % 2]}\n" for n in range(40)) + '" ",a\n'
    reference = uploads.store_upload(messy.encode(), "messy.csv").reference
    a, b = (open_page(PAGE, data=reference, show="Health") for _ in range(2))
    a = press(a, "Drop rows without a text")
    b = press(b, "Drop exact duplicates")
    assert "The fix “Drop rows without a text” was changed meanwhile: was “not applied”, is now “applied”" in said(b)
    content_hash = open_table(reference).content_hash
    assert [step.kind for step in decisions.load(content_hash, Recipe).steps] == ["drop_empty", "drop_duplicates"]
    press(a, "Undo the last fix")
    assert [step.kind for step in decisions.load(content_hash, Recipe).steps] == ["drop_duplicates"]


def test_columns_that_another_tab_chose_are_taken_over_and_told(open_page):
    rows = "text,other,label\n" + "".join(f"row {n},word {n},{'ab'[n % 2]}\n" for n in range(20))
    reference = uploads.store_upload(rows.encode(), "columns.csv").reference
    a, b = (open_page(PAGE, data=reference) for _ in range(2))
    selected(a, "Text").set_value("other").run()
    b = b.run()
    assert selected(b, "Text").value == "other"
    assert "The column for “Text” was changed meanwhile: was “text”, is now “other”" in said(b)
    content_hash = open_table(reference).content_hash
    assert decisions.load(content_hash, ColumnMapping)["text"] == "other"
    selected(b, "Second text").set_value("text").run()
    a = a.run()
    mapping = decisions.load(content_hash, ColumnMapping)
    assert (mapping["text"], mapping["pair"]) == ("other", "text")
    assert selected(a, "Second text").value == "text"


def test_columns_of_another_task_are_taken_over_and_not_written_back(open_page):
    rows = "text,one,two\n" + "".join(f"row {n},{n},{n + 1}\n" for n in range(20))
    reference = uploads.store_upload(rows.encode(), "scores.csv").reference
    a, b = (open_page(PAGE, data=reference, task="regression") for _ in range(2))
    selected(a, "Score").set_value("one").run()
    selected(b, "Score").set_value("two").run()
    a.run()
    a.run()
    assert decisions.load(open_table(reference).content_hash, ColumnMapping)["score"] == "two"
    assert selected(a, "Score").value == "two"


def test_how_a_file_is_read_is_taken_over_from_another_tab_and_told(open_page, reference):
    a, b = (open_page(PAGE, data=reference) for _ in range(2))
    next(each for each in a.toggle if each.label == "First row holds names").set_value(False).run()
    b = b.run()
    assert "**41 rows**, 2 columns" in said(b)
    assert "How the file is read (header) was changed meanwhile" in said(b)
    assert decisions.load(open_table(reference).content_hash, ReadOptions) == ReadOptions(header=False)
    a = a.run()
    assert "**41 rows**, 2 columns" in said(a)


def test_splits_that_two_tabs_keep_are_told(open_page, reference):
    a, b = (open_page(PAGE, data=reference, show="Splits") for _ in range(2))
    b.number_input(key="split-seed").set_value(7).run()
    press(a, "Keep these splits")
    b = press(b, "Keep these splits")
    assert "The division into splits was changed meanwhile: was “32 / 4 / 4 rows, by shares, seed 42”" in said(b)
    a = press(a, "Forget these splits")  # those that it shows, which are gone
    assert "replaced meanwhile" in said(a)
    kept = Preparation.of(open_table(reference).content_hash).splits
    assert kept.seed == 7


def test_a_deleted_upload_stays_deleted_when_another_tab_corrects_a_cell(open_page, reference, workspace):
    a, b = (open_page(PAGE, data=reference, show="Rows") for _ in range(2))
    a = typed_into(a, "rows", {5: {"label": "c"}})
    press(b, "Delete for good")
    a = typed_into(a, "rows", {5: {"label": "c"}, 6: {"label": "d"}})
    assert "deleted meanwhile" in said(a)
    assert [path.name for path in (workspace / "choices").iterdir()] == []


def test_what_nobody_changed_is_neither_read_nor_applied_again(open_page, reference, monkeypatch):
    a = open_page(PAGE, data=reference, show="Rows")
    typed_into(a, "rows", {5: {"label": "c"}})
    monkeypatch.setattr(memory, "TICK_NS", 0)
    a = open_page(PAGE, data=reference, show="Rows")
    done = []
    for owner, name in ((Edits, "apply"), (Edits, "from_dict"), (Recipe, "from_dict"), (ColumnMapping, "from_dict")):
        real = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *given, real=real, name=name: done.append(name) or real(*given))
    a.run()
    assert not a.exception
    assert done == []


def test_fixes_that_cannot_be_done_any_more_can_be_taken_back(open_page):
    """Another tab takes the label away that a fix needs: the page says so, and is no trap."""
    rows = "text,label\n" + "".join(f"row {n},{'ab'[n % 2]}\n" for n in range(40)) + "no label,\n"
    reference = uploads.store_upload(rows.encode(), "unlabelled.csv").reference
    a, b = (open_page(PAGE, data=reference, show="Health") for _ in range(2))
    a = press(a, "Drop rows without a usable label")
    selected(b, "Label").set_value("(none)").run()
    a = a.run()
    assert "needs a label column" in said(a)
    a = press(a, "Undo the last fix")
    assert "needs a label column" not in said(a)
    assert decisions.load(open_table(reference).content_hash, Recipe) is None
