"""Fine-tune, the form: every task, presets and knobs, what is foreseen, what is refused, the plan that is launched."""

import shlex
from pathlib import Path

import pytest

from core.data.column_mapping import ColumnMapping
from core.data.dataset.edits import Edits
from core.data.dataset.recipe import Recipe
from core.data.dataset.steps import MergeLabels
from core.data.decisions.preparation import Preparation
from core.data.decisions.store import load, save
from core.data.reading.read_table import ReadOptions
from core.data.sources.references import open_table
from core.data.sources.uploads import store_upload
from core.errors import LabError
from core.runs.folder import Run, create_run
from core.runs.slurm import SlurmOptions
from core.runs.status import write_status
from core.training.estimate.estimate import Measured
from core.training.estimate.speeds import Device
from core.training.forms.cli import parser, plan_of
from core.training.plan.plan import Plan
from tests.pages.conftest import words_on

FINE_TUNE = "train/fine_tune/page.py"
SENTENCES = ["the cat sat", "a dog was on the mat", "the film was very good", "not a bad play"] * 5


def button(app, label: str):
    return next(each for each in app.button if each.label == label)


def labels(app) -> list[str]:
    return [each.label for each in app.button]


asked: list[SlurmOptions | None] = []  # of a cluster, for each plan that was launched


@pytest.fixture(name="launched")
def launched_plans(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """The plans that the page launches; a run that has ended already stands in for each."""
    plans: list[Plan] = []
    asked.clear()

    def launch(plan: Plan, *, slurm: SlurmOptions | None = None) -> Run:
        plans.append(plan)
        asked.append(slurm)
        run = create_run(plan.to_yaml(), name=plan.name)
        write_status(run.path, "stopped", message="Stopped at step 1.")
        return run

    monkeypatch.setattr("core.training.launch", launch)
    return plans


def lines(header: str, *rows: str) -> bytes:
    return "\n".join([header, *rows, ""]).encode()


FILES = {
    "sequence-classification": lines("text,label", *(f"{text},{'ab'[i % 2]}" for i, text in enumerate(SENTENCES))),
    "multi-label": lines(
        "text,labels", *(f'{text},"{("a", "a;b", "b", "")[i % 4]}"' for i, text in enumerate(SENTENCES))
    ),
    "regression": lines("text,score", *(f"{text},{i / 2}" for i, text in enumerate(SENTENCES))),
    "token-classification": lines(
        "tokens,tags", *(f"{text},{' '.join('OB'[i % 2] for i, _ in enumerate(text.split()))}" for text in SENTENCES)
    ),
    "question-answering": lines("question,context,answer", *(f"who?,{text},{text.split()[1]}" for text in SENTENCES)),
    "multiple-choice": lines("ctx,ending0,ending1,label", *(f"{t},go,stay,{i % 2}" for i, t in enumerate(SENTENCES))),
    "masked-language": lines("text", *SENTENCES),
}
COLUMNS = {
    "sequence-classification": {"text_column": "text", "label_column": "label"},
    "multi-label": {"text_column": "text", "label_column": "labels", "label_separator": ";"},
    "regression": {"text_column": "text", "label_column": "score"},
    "token-classification": {"text_column": "tokens", "label_column": "tags"},
    "question-answering": {"text_column": "question", "pair_column": "context", "label_column": "answer"},
    "multiple-choice": {"text_column": "ctx", "choice_columns": ("ending0", "ending1"), "label_column": "label"},
    "masked-language": {"text_column": "text"},
}
WORDS = {
    "sequence-classification": "20 single texts in 2 classes: a, b",
    "multi-label": "20 single texts with 2 labels: a, b",
    "regression": "20 single texts with a number each",
    "token-classification": "20 sentences with 2 tags: B, O",
    "question-answering": "20 questions",
    "multiple-choice": "20 rows with 2 choices each",
    "masked-language": "20 texts: no labels are needed",
}


def open_task(open_page, task: str, content: bytes | None = None, **more: str):
    upload = store_upload(FILES[task] if content is None else content, f"{task}.csv")
    return open_page(FINE_TUNE, task=task, data=upload.reference, **more)


@pytest.mark.parametrize("task", FILES)
def test_every_task_is_planned_as_its_columns_say(open_page, launched, task: str):
    app = open_task(open_page, task)
    assert not app.exception
    assert not app.error
    assert WORDS[task] in words_on(app)
    button(app, "Start training").click().run()
    assert not app.exception
    (plan,) = launched
    assert plan.task == task
    assert {name: getattr(plan, name) for name in COLUMNS[task]} == COLUMNS[task]
    assert (plan.epochs, plan.batch_size, plan.learning_rate) == (5.0, 8, 1e-4)  # Balanced, for few rows


@pytest.mark.parametrize(
    ("task", "content", "words", "fix"),
    [
        ("regression", b"text,score\na b,1\nc d,x\ne f,2\n", "no number in row 2", "Drop chosen rows"),
        ("token-classification", b"tokens,tags\na b,O B\nc d,O\ne f,O B\n", "row 2 has 2 words", "Drop chosen rows"),
        ("question-answering", b"question,context,answer\nwho?,me,me\nwho?,me,you\n", "row 2", "Drop chosen rows"),
        ("multiple-choice", b"ctx,ending0,ending1,label\nwe,go,stay,0\nyou,go,stay,7\n", "row 2", None),
        ("sequence-classification", b"text,label\na,x\nc,\ne,y\ng,y\n", "row 2", "Drop rows without a usable label"),
        ("sequence-classification", b"text,label\na b,x\nc d,x\n", "All rows have the label", None),
    ],
)
def test_B02_what_is_wrong_with_the_rows_is_told_before_a_start(open_page, task, content, words, fix):
    app = open_task(open_page, task, content)
    assert not app.exception
    for box in app.selectbox:
        if (box.label, box.value) == ("Score", "(none)"):  # with a word among its cells nothing suggests it
            box.set_value("score").run()
    assert words in app.error[0].value.replace("\\", "")
    assert "Start training" not in labels(app)
    if fix:
        button(app, fix).click().run()
        assert not app.error
        assert "Start training" in labels(app)


def test_labels_that_have_names_may_be_merged_and_corrected(open_page, launched):
    rows = [f"text {n},{('neg', 'pos', 'Pos')[n % 3]}" for n in range(32)]
    reference = store_upload(lines("text,label", *rows), "merged.csv").reference
    table = open_table(reference)
    named = ColumnMapping.of("sequence-classification", text="text", label="label")
    save(table.content_hash, named.with_labels(("pos", "neg"), {"pos": "good", "neg": "bad"}))
    save(table.content_hash, Recipe((MergeLabels(),)))
    save(table.content_hash, Edits(table.content_hash).set(table, 0, "label", "middling"))
    app = open_page(FINE_TUNE, task="sequence-classification", data=reference)
    assert not app.exception
    assert not app.error
    assert "32 single texts in 3 classes: good, bad, middling" in words_on(app)
    button(app, "Start training").click().run()
    assert Preparation.from_json(launched[0].preparation).dataset(table, launched[0].mapping()).label_names == (
        "good",
        "bad",
        "middling",
    )


def test_the_form_foresees_steps_and_time(open_page):
    app = open_page(FINE_TUNE, data="sample:questions")
    assert not app.exception
    assert "420 single texts in 6 classes" in words_on(app)
    assert "**210 steps**" in words_on(app)  # 336 training rows in batches of 8, five times
    assert "no training has finished here so far" in words_on(app)
    assert button(app, "Start training")


def test_pairs_are_recognised(open_page):
    app = open_page(FINE_TUNE, data="sample:pairs")
    assert not app.exception
    assert "400 pairs of texts in 2 classes" in words_on(app)
    assert app.selectbox(key="knob-truncation").value == "longest"


def test_without_a_label_the_form_says_what_to_choose(open_page):
    app = open_page(FINE_TUNE)
    next(box for box in app.selectbox if box.label == "Label").set_value("(none)").run()
    assert not app.exception
    assert "No column is chosen for “Label”" in words_on(app)
    assert "Start training" not in labels(app)


def test_the_same_column_twice_is_refused(open_page):
    app = open_page(FINE_TUNE)
    next(box for box in app.selectbox if box.label == "Label").set_value("text").run()
    assert not app.exception
    assert len(app.error) == 1
    assert "Start training" not in labels(app)


def test_F07_a_model_that_cannot_be_fetched_is_told_before_the_start(open_page, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    app = open_page(FINE_TUNE, **{"start-model": "other", "start-model-name": "bert-base-uncased"})
    assert not app.exception
    assert "could not be fetched" in words_on(app)
    assert "Start training" not in labels(app)


def test_validation_and_test_can_come_from_files_of_their_own(open_page, launched):
    more = store_upload(lines("text,label", "a film,a", "a play,b"), "more.csv").reference
    app = open_task(open_page, "sequence-classification")
    app.selectbox(key="test-file").set_value(more).run()
    assert "the test file gives the scores" in words_on(app)
    app.selectbox(key="validation-file").set_value(more).run()
    assert "validation and test come from the files" in words_on(app)
    assert not app.exception
    button(app, "Start training").click().run()
    assert (launched[0].validation_data, launched[0].test_data) == (more, more)
    assert launched[0].data not in app.selectbox(key="test-file").options


def test_a_test_file_is_read_by_its_own_form_and_may_use_the_files_labels(open_page, launched):
    quoted = lines("text\tlabel", '"he said ""no"""\ta', "a play\tb")
    more = store_upload(quoted, "more.tsv").reference
    reference = store_upload(FILES["sequence-classification"], "sequence-classification.csv").reference
    table = open_table(reference)
    named = ColumnMapping.of("sequence-classification", text="text", label="label")
    save(table.content_hash, named.with_labels(("a", "b"), {"a": "good"}))
    app = open_page(FINE_TUNE, task="sequence-classification", data=reference)
    app.selectbox(key="test-file").set_value(more).run()
    assert not app.exception
    assert not app.error
    button(app, "Start training").click().run()
    assert (launched[0].test_data, launched[0].reading) == (more, ReadOptions())
    assert Preparation.from_json(launched[0].preparation).mapping.titles() == {"a": "good", "b": "b"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"sentence,label\na film,a\n", "no column 'text'"),
        (b"text,label\na film,a\na play,c\n", "c"),
        (b"text,label\na film,a\na play,\n", "row 2"),
    ],
)
def test_B07_a_test_file_that_does_not_fit_is_refused_before_a_start(open_page, content: bytes, words: str):
    more = store_upload(content, "more.csv").reference
    app = open_task(open_page, "sequence-classification")
    app.selectbox(key="test-file").set_value(more).run()
    assert not app.exception
    problem = app.error[0].value.replace("\\", "")
    assert "The test file does not fit" in problem
    assert words in problem
    assert "Start training" not in labels(app)


def test_a_preset_is_chosen_and_a_changed_setting_makes_it_custom(open_page, launched):
    app = open_page(FINE_TUNE)
    assert app.segmented_control(key="preset-pick").value == "balanced"
    assert "epochs **5**" in words_on(app)
    app.segmented_control(key="preset-pick").set_value("best").run()
    assert "schedule **cosine**" in words_on(app)
    app.number_input(key="knob-epochs").set_value(4.0).run()
    assert app.segmented_control(key="preset-pick").value == "custom"
    assert "epochs **4** instead of 10" in words_on(app)
    assert app.query_params["preset"] == "best"
    assert app.query_params["changed"] == "epochs:4.0"
    button(app, "Start training").click().run()
    assert (launched[0].epochs, launched[0].scheduler) == (4.0, "cosine")
    button(app, "Undo the changes").click().run()
    assert app.segmented_control(key="preset-pick").value == "best"
    assert app.number_input(key="knob-epochs").value == 10.0
    assert "changed" not in app.query_params


def test_a_link_reopens_task_preset_and_changes(open_page, launched):
    changed = "epochs:0.5,learning_rate:3e-05,lora_rank:8,whole_words:True"
    app = open_task(open_page, "masked-language", preset="quick", changed=changed)
    assert not app.exception
    assert app.selectbox(key="task").value == "masked-language"
    assert app.segmented_control(key="preset-pick").value == "custom"
    button(app, "Start training").click().run()
    plan = launched[0]
    assert (plan.epochs, plan.learning_rate, plan.lora_rank, plan.whole_words) == (0.5, 3e-5, 8, True)
    assert plan.max_length == 64


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ("epochs:5000", "Epochs must lie between"),
        ("max_length:4096", "Maximum length is 4,096"),
        ("frozen_layers:7", "Frozen layers is 7"),
        ("scheduler:steep", "Schedule cannot be"),
        ("learning_rate:fast", "Learning rate must be a number"),
        ("model:x", "no setting “model”"),
        ("seed:nan", "Seed must be a whole number"),
    ],
)
def test_a_setting_out_of_its_limits_is_refused_in_words(open_page, changed: str, words: str):
    app = open_page(FINE_TUNE, changed=changed)
    assert not app.exception
    assert words in app.error[0].value.replace("\\", "")
    assert app.segmented_control(key="preset-pick").value == "balanced"


def test_one_setting_out_of_its_limits_leaves_the_others(open_page, launched):
    app = open_task(open_page, "sequence-classification", changed="epochs:0.5,frozen_layers:8,learning_rate:3e-05")
    assert len(app.error) == 1
    assert "Frozen layers is 8" in app.error[0].value
    button(app, "Start training").click().run()
    assert (launched[0].epochs, launched[0].learning_rate, launched[0].frozen_layers) == (0.5, 3e-5, 0)


def test_files_and_name_outlive_a_look_at_another_page(open_page, launched):
    more = store_upload(lines("text,label", "a film,a", "a play,b"), "more.csv").reference
    app = open_task(open_page, "sequence-classification")
    app.selectbox(key="test-file").set_value(more).run()
    app.text_input(key="run-name").set_value("My run").run()
    app.switch_page("data/datasets/page.py").run()
    app.switch_page(FINE_TUNE).run()
    assert not app.exception
    button(app, "Start training").click().run()
    assert (launched[0].name, launched[0].test_data, launched[0].validation_data) == ("My run", more, None)


def test_a_batch_that_cannot_be_shared_is_told_at_its_field(open_page):
    app = open_page(FINE_TUNE)
    app.number_input(key="knob-accumulation").set_value(3).run()
    assert not app.exception
    assert words_on(app).count("A batch of 8 cannot be cut into 3 equal parts") == 2  # at its field, and at the end
    assert "Start training" not in labels(app)
    app.number_input(key="knob-batch_size").set_value(9).run()
    assert not app.error
    assert "Start training" in labels(app)


@pytest.mark.parametrize("task", FILES)
def test_only_knobs_that_the_task_heeds_are_shown(open_page, task: str):
    app = open_task(open_page, task)
    kinds = (app.selectbox, app.number_input, app.toggle)
    shown = {each.key.removeprefix("knob-") for kind in kinds for each in kind if (each.key or "").startswith("knob-")}
    language = {"mask_share", "whole_words", "next_sentence", "from_scratch"}
    assert (language <= shown) == (task == "masked-language")
    assert ("window_overlap" in shown) == (task == "question-answering")
    assert ("class_weights" in shown) == (task in ("sequence-classification", "token-classification"))
    assert "lora_alpha" not in shown  # until a rank is chosen
    assert {"epochs", "learning_rate", "seed", "processes", "retry_on_memory"} <= shown


def test_a_knob_shows_its_limits_from_plan_and_model(open_page, tiny_model_folder: Path):
    app = open_page(FINE_TUNE)
    assert app.number_input(key="knob-max_length").max == 512
    assert app.number_input(key="knob-frozen_layers").max == 6
    assert app.number_input(key="knob-epochs").min == 0.01


def test_the_plan_and_the_command_line_are_those_that_start(open_page, launched):
    app = open_page(FINE_TUNE, changed="epochs:2.0,compile:True")
    command = next(each.value for each in app.code if each.value.startswith("python -m core.training"))
    button(app, "Start training").click().run()
    parsed, _ = plan_of(parser("").parse_args(shlex.split(command)[3:]))
    assert parsed == launched[0]
    assert any(each.proto.label == "plan.yaml" for each in app.get("download_button"))


def test_E06_a_double_click_starts_one_run(open_page, launched):
    app = open_page(FINE_TUNE)
    button(app, "Start training").click().run()
    button(app, "Start training").click().run()
    assert len(launched) == 1


def test_measuring_first_says_so_and_its_failure_is_told(open_page, monkeypatch):
    asked = []
    monkeypatch.setattr("core.training.probe.probe.start", lambda plan, lengths: asked.append(plan))
    app = open_page(FINE_TUNE)
    button(app, "Measure first").click().run()
    assert len(asked) == 1
    monkeypatch.setattr("core.training.probe.probe.measured", lambda plan, lengths: Measured(2.0, 3_000_000_000))
    app.run()
    assert "measured with a few steps" in words_on(app)
    assert "**3.0 GB**" in words_on(app)

    def fail(plan, lengths):
        raise LabError("A step of this plan needs more memory than there is.", "Choose a smaller batch size.")

    monkeypatch.setattr("core.training.probe.probe.measured", fail)
    app.run()
    assert not app.exception
    assert "needs more memory than there is" in app.error[0].value.replace("\\", "")
    assert "Measure again" in labels(app)


def test_why_nothing_is_measured_while_a_training_is_active_is_told(open_page):
    app = open_page(FINE_TUNE)
    run = create_run("plan", name="Busy")
    write_status(run.path, "queued")
    button(app, "Measure first").click().run()
    assert not app.exception
    assert "A training is active" in app.error[0].value


def test_E08_too_little_memory_is_foreseen_with_a_remedy(open_page, monkeypatch):
    small = Device("cpu", "fp32", 1e11, memory_bytes=4 * 10**9)
    monkeypatch.setattr("core.training.estimate.estimate.device_here", lambda precision: small)
    app = open_page(FINE_TUNE, changed="batch_size:64,max_length:512")
    assert not app.exception
    assert not app.warning  # short texts are read as they are
    app = open_task(
        open_page,
        "sequence-classification",
        lines("text,label", *(f"{'word ' * 600}{i},{'ab'[i % 2]}" for i in range(100))),
        changed="batch_size:64,max_length:512",
    )
    assert "The memory will not suffice" in app.warning[0].value
    assert "more accumulation" in app.warning[0].value


def test_columns_chosen_on_datasets_are_taken_over(open_page):
    upload = store_upload(b"text,note,grade,score\na b,x,7,1\nc d,y,8,2\ne f,z,9,3\n", "scores.csv")
    datasets = open_page("data/datasets/page.py", task="regression", data=upload.reference)
    box = next(box for box in datasets.selectbox if box.label == "Score")
    assert box.value == "score"
    box.set_value("grade").run()
    app = open_page(FINE_TUNE, task="regression", data=upload.reference)
    assert next(box for box in app.selectbox if box.label == "Score").value == "grade"


def test_names_of_labels_outlive_a_look_at_another_task(open_page):
    upload = store_upload(b"text,label,a,b\na b,x,1,2\nc d,y,2,3\ne f,y,3,1\n", "named.csv")
    content_hash = open_table(upload.reference).content_hash
    named = ColumnMapping.of("sequence-classification", text="text", label="label").with_labels(
        ("y", "x"), {"y": "yes"}
    )
    save(content_hash, named)
    app = open_page(FINE_TUNE, task="regression", data=upload.reference)
    next(box for box in app.selectbox if box.label == "Score").set_value("b").run()
    assert not app.exception
    assert load(content_hash, ColumnMapping) == named


def test_C07_labels_and_columns_with_markup_stay_text(open_page):
    content = lines("text,[l](https://example.org)", "a b,<b>x</b>", "c d,**y**", "e f,**y**")
    app = open_task(open_page, "sequence-classification", content)
    next(box for box in app.selectbox if box.label == "Label").set_value("[l](https://example.org)").run()
    assert not app.exception
    assert "](https" not in words_on(app)
    assert "**y**" not in words_on(app)


@pytest.mark.parametrize("there", [True, False])
def test_a_cluster_is_offered_where_there_is_one(open_page, launched, monkeypatch: pytest.MonkeyPatch, there: bool):
    monkeypatch.setattr("pages.train.fine_tune.cluster.is_here", lambda: there)
    app = open_page(FINE_TUNE, data="sample:reviews", task="sequence-classification")
    offered = [each for each in app.get("button_group") if each.key == "where"]
    assert bool(offered) == there
    if there:
        offered[0].set_value("SLURM cluster").run()
        next(each for each in app.text_input if each.label == "Partition").set_value("gpu").run()
        next(each for each in app.number_input if each.label == "Nodes").set_value(2).run()
    button(app, "Start training").click().run()
    assert asked == [SlurmOptions(partition="gpu", nodes=2) if there else None]


def test_a_test_file_that_becomes_the_training_data_is_no_old_address(open_page):
    app = open_page("train/fine_tune/page.py", data="sample:reviews")
    app.selectbox(key="test-file").set_value("sample:questions").run()
    assert app.query_params["test-file"] == "sample:questions"
    app.selectbox(key="data").set_value("sample:questions").run()
    assert not app.exception
    assert "The link names" not in words_on(app)
