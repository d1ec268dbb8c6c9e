"""Answers cut from contexts: reading, windows and post-processing against transformers' example, training, answering.

transformers 5 has no pipeline for question answering any more; its example (run_qa) is what these are compared with.
"""

import csv
import dataclasses
import json
import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from core.data.cells import Answer
from core.data.column_mapping import ColumnMapping
from core.data.dataset.edits import Edits
from core.data.dataset.recipe import Recipe
from core.data.dataset.steps import DropRows, TidyTexts
from core.data.decisions.preparation import Preparation
from core.data.reading.read_table import read_table
from core.data.sources.references import open_table
from core.errors import LabError
from core.training.batches.spans import answers_in, mean_loss
from core.training.batches.windows import WindowBatcher, cut_windows, token_places
from core.training.plan.plan import Plan
from core.training.run.prepare import prepare
from core.training.tasks import task_of
from tests.families import FAMILIES, family_folder
from tests.tiny_training import same_weights, stop_at, train_here

PLAIN = ("the", "a", "cat", "dog", "sat", "on", "mat", "was", "not")
SQUAD = Path(__file__).resolve().parents[2] / "data" / "squad11"
COLUMNS = {"text_column": "question", "pair_column": "context", "label_column": "answer"}


def write_questions(path: Path, rows: int = 120, *, seed: int = 0, unanswerable: float = 0.0) -> Path:
    """Questions whose answer is “good”, “bad” or “very good” wherever it stands; without any where there is none."""
    chance = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["question", "context", "answer", "start"])
        for i in range(rows):
            words = [chance.choice(PLAIN) for _ in range(chance.randint(2, 8))]
            answer = "" if chance.random() < unanswerable else chance.choice(("good", "bad", "very good"))
            place = chance.randint(0, len(words))
            start = len(" ".join([*words[:place], ""])) if place else 0
            words[place:place] = [answer] if answer else []
            writer.writerow(["film", " ".join([*words, str(i)]), answer, start if answer else ""])
    return path


@pytest.fixture
def plan(tmp_path: Path, tiny_model_folder: Path) -> Plan:
    return Plan(
        data=str(write_questions(tmp_path / "data.csv")), task="question-answering", answer_start_column="start",
        model=str(tiny_model_folder), epochs=2.0, batch_size=8, learning_rate=3e-3, max_length=32, window_overlap=8,
        precision="fp32", **COLUMNS,
    )  # fmt: skip


def examples_of(path: Path, rows: list[dict], **settings: object):
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    plan = Plan(data=str(path), task="question-answering", **COLUMNS, **settings)
    return task_of(plan.task).read(open_table(plan.data), plan)


def row(context: str, answer: str = "", start: str = "", question: str = "film?") -> dict[str, str]:
    return {"question": question, "context": context, "answer": answer, "start": start}


# Reading


def test_answers_are_found_by_their_characters(tmp_path: Path) -> None:
    rows = [
        row("Rome and Rome", "Rome", "9"),
        row("Rome or Rome"),
        row("in Rome, in Oslo", '[{"text": "Oslo", "answer_start": 12}, {"text": "in Oslo", "answer_start": 9}]'),
        row("aa    aa", "    aa ", "2"),  # white space is no part of an answer
    ]
    found = examples_of(tmp_path / "a.jsonl", rows, answer_start_column="start")
    assert list(found.rows.labels) == [
        (Answer("Rome", 9),),
        (),
        (Answer("Oslo", 12), Answer("in Oslo", 9)),
        (Answer("aa", 6),),
    ]
    assert (found.rows.texts[0], found.rows.pairs[0], found.label_names) == ("film?", "Rome and Rome", ())
    without = examples_of(tmp_path / "a.jsonl", rows)
    assert without.rows.labels[0] == (Answer("Rome", 0),)  # the first place where no start is given


def test_an_answer_that_a_fix_moved_is_found_again(tmp_path: Path) -> None:
    rows = [
        row("  Rome and Rome<br />is Rome", "Rome", "11"),  # the second of three, now at 9
        row("Rome is Rome", "Rome", "500"),  # nearest to where it should be
        row("gone", "Rome", "0"),
    ]
    preparation = Preparation(recipe=Recipe((TidyTexts(), DropRows((2,)))))
    found = examples_of(tmp_path / "a.jsonl", rows, answer_start_column="start", preparation=preparation.to_json())
    assert found.rows.pairs[0] == "Rome and Rome is Rome"
    assert list(found.rows.labels) == [(Answer("Rome", 9),), (Answer("Rome", 8),)]
    assert list(found.rows.row_ids) == [0, 1]


def test_corrections_apply_to_answers_too(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [row("in Rome", "Rom e"), row("in Oslo", "Oslo")]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    table = read_table(path)
    edits = Edits(table.content_hash).set(table, 0, "answer", "Rome")
    found = examples_of(path, rows, preparation=Preparation(edits=edits).to_json())
    assert found.rows.labels[0] == (Answer("Rome", 3),)
    with pytest.raises(LabError, match="does not stand in the context in row 1"):
        examples_of(path, rows)


def test_questions_about_one_context_stay_in_one_part(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [row(f"context {i // 5}", question=f"question {i}") for i in range(60)]
    found = examples_of(path, rows)
    assert found.groups.tolist() == [i // 5 * 5 for i in range(60)]
    plan = Plan(data=str(path), task="question-answering", **COLUMNS)
    prepared = prepare(plan, task_of(plan.task))
    parts = [set(part.pairs) for part in (prepared.train, prepared.validation, prepared.test)]
    assert sorted(map(len, parts)) == [1, 1, 10]
    assert len(set.union(*parts)) == 12
    alone = examples_of(path, [row("one context", question=f"question {i}") for i in range(20)])
    assert alone.groups is None  # else nothing would be left to score


def test_a_test_file_is_read_without_what_was_made_for_the_training_file(tmp_path: Path) -> None:
    path = tmp_path / "test.jsonl"
    path.write_text(json.dumps(row(" in Rome", "Rome", "4")), encoding="utf-8")
    columns = {"question": "question", "context": "context", "answer": "answer"}
    preparation = Preparation(
        mapping=ColumnMapping.of("question-answering", **columns),
        edits=Edits("another file"),
        recipe=Recipe((TidyTexts(),)),
    )
    plan = Plan(data="d", task="question-answering", preparation=preparation.to_json(), **COLUMNS)
    found = task_of(plan.task).read(read_table(path), plan, ())
    assert list(found.rows.labels) == [(Answer("Rome", 4),)]


# Windows


DOG = "the dog sat, playing on the mat. " * 4
QUESTIONS = ["a cat?", "who sat on the mat", "naïve?", "film", "all?"]
CONTEXTS = [DOG, "Very good café — not bad! " * 3, "", "cat", DOG]


def cut_by_hand(tokenizer, question: str, context: str, max_length: int, overlap: int) -> list[list[int]]:
    """Windows cut from the tokens of the context by a plain loop; each with its special tokens."""
    tokens = tokenizer([context], add_special_tokens=False)["input_ids"][0]
    own = tokenizer([question], add_special_tokens=False)["input_ids"][0]
    whole = tokenizer([question], [context])["input_ids"][0]
    head, tail = whole[: len(whole) - len(tokens) - 1], whole[len(whole) - 1 :]
    room = max_length - len(head) - len(tail)
    assert head[-len(own) - 1 : -1] == own or head[-len(own) - 2 : -2] == own  # RoBERTa parts them by two tokens
    windows, start = [], 0
    while True:
        windows.append(head + tokens[start : start + room] + tail)
        if start + room >= len(tokens):
            return windows
        start += room - overlap


def as_in_the_example(tokenizer, question: str, context: str, answer: Answer | None, max_length: int, overlap: int):
    """`prepare_train_features` of transformers' example of question answering (run_qa), for one question."""
    examples = tokenizer(
        [question], [context], truncation="only_second", max_length=max_length, stride=overlap,
        return_overflowing_tokens=True, return_offsets_mapping=True,
    )  # fmt: skip
    found = []
    for i, offsets in enumerate(examples["offset_mapping"]):
        sequence_ids = examples.sequence_ids(i)
        if answer is None or 1 not in sequence_ids:
            found.append((0, 0))
            continue
        start_char, end_char = answer.start, answer.start + len(answer.text)
        first = 0
        while sequence_ids[first] != 1:
            first += 1
        last = len(sequence_ids) - 1
        while sequence_ids[last] != 1:
            last -= 1
        if not (offsets[first][0] <= start_char and offsets[last][1] >= end_char):
            found.append((0, 0))
            continue
        behind = len(offsets)
        while first < behind and offsets[first][0] <= start_char and sequence_ids[first] == 1:
            first += 1
        while offsets[last][1] >= end_char and sequence_ids[last] == 1:
            last -= 1
        found.append((first - 1, last + 1))
    return examples["input_ids"], found


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("overlap", [0, 5])
def test_windows_and_labels_are_those_of_transformers_example(family: str, overlap: int, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(family_folder(family, "encoder", tmp_path))
    answers = [Answer("playing", 46), Answer("good café", 31), None, Answer("cat", 0), Answer(DOG[4:120], 4)]
    assert all(c[a.start :].startswith(a.text) for c, a in zip(CONTEXTS, answers, strict=True) if a)
    max_length = 48 if family == "roberta" else 36
    windows = cut_windows(tokenizer, QUESTIONS, CONTEXTS, max_length=max_length, overlap=overlap)
    batches = WindowBatcher(windows, token_places(windows, answers), tokenizer.pad_token_id)
    batch = batches(range(len(batches)))
    assert np.bincount(windows.rows).min() == 1 < np.bincount(windows.rows).max()
    held = 0
    for number, (question, context, answer) in enumerate(zip(QUESTIONS, CONTEXTS, answers, strict=True)):
        ids, places = as_in_the_example(tokenizer, question, context, answer, max_length, overlap)
        assert ids == cut_by_hand(tokenizer, question, context, max_length, overlap)
        own = windows.of_row(number)
        assert [batch["input_ids"][i, : batches.lengths[i]].tolist() for i in own] == ids
        assert [(int(batch["start_positions"][i]), int(batch["end_positions"][i])) for i in own] == places
        for i, (first, last) in zip(own, places, strict=True):
            if first:
                held += 1
                offsets = windows.offsets_of(i)
                assert context[offsets[first, 0] : offsets[last, 1]] == answer.text
    assert held >= 3
    assert batches.cut_count == 0


def test_windows_share_at_most_half_of_the_room(tiny_model_folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model_folder)
    long_question, context = " ".join(["cat"] * 15), " ".join(["mat"] * 40)
    windows = cut_windows(tokenizer, ["cat", long_question], [context, context], max_length=24, overlap=8)
    assert windows.rows.tolist() == [0] * 3 + [1] * 13  # room 20: 20, then 12 each; room 6: 6, then 3 each
    assert windows.encoded.lengths.tolist() == [24, 24, 20] + [24] * 12 + [22]


def test_a_question_that_leaves_no_room_is_refused_with_its_row(plan: Plan, tiny_model_folder: Path) -> None:
    from transformers import AutoTokenizer

    from core.training.batches.examples import Rows

    tokenizer = AutoTokenizer.from_pretrained(tiny_model_folder)
    rows = Rows([3, 8], ["cat", "cat " * 29], [(), ()], ["mat", "mat"])
    with pytest.raises(LabError, match=r"fills the 32 tokens that are read in row 9\.") as told:
        task_of(plan.task).encode(tokenizer, rows, plan)
    assert "larger maximum length" in told.value.remedy
    assert len(task_of(plan.task).encode(tokenizer, rows.take([0]), plan)) == 1
    rows = Rows([8], ["cat " * 28], [()], ["mat mat"])  # one token of room
    assert len(task_of(plan.task).encode(tokenizer, rows, plan)) == 2


# From logits to answers


def postprocessed(starts, ends, windows, context: str, can_decline: bool, most_tokens: int = 30):
    """`postprocess_qa_predictions` of transformers' example (run_qa) for one question, with every token a candidate."""
    null, candidates = None, []
    for window, (start_logits, end_logits) in enumerate(zip(starts, ends, strict=True)):
        offsets = [tuple(pair) if pair[0] >= 0 else None for pair in windows.offsets_of(window).tolist()]
        score = start_logits[0] + end_logits[0]
        null = score if null is None else min(null, score)
        for i in np.argsort(-start_logits):
            for j in np.argsort(-end_logits):
                if offsets[i] is None or offsets[j] is None or j < i or j - i + 1 > most_tokens:
                    continue
                candidates.append((start_logits[i] + end_logits[j], context[offsets[i][0] : offsets[j][1]]))
    best = max(candidates, key=lambda each: each[0])
    return "" if can_decline and null > best[0] else best[1]


@pytest.mark.parametrize("can_decline", [False, True])
def test_answers_are_those_of_transformers_example(tiny_model_folder: Path, can_decline: bool) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model_folder)
    declined = 0
    for seed in range(30):
        chance = np.random.default_rng(seed)
        windows = cut_windows(tokenizer, QUESTIONS[:1], CONTEXTS[:1], max_length=24, overlap=5)
        outputs = [chance.normal(size=(2, length)).astype(np.float32) for length in windows.encoded.lengths]
        for logits in outputs:
            logits[:, 0] += 2.5
        (found,) = answers_in(outputs, windows, CONTEXTS[:1], can_decline=can_decline)
        starts, ends = zip(*outputs, strict=True)
        assert found.best.text == postprocessed(starts, ends, windows, CONTEXTS[0], can_decline)
        declined += found.is_declined
        if not found.is_declined:
            assert CONTEXTS[0][found.best.start : found.best.end] == found.best.text
    assert (0 < declined < 30) if can_decline else not declined


def test_further_answers_do_not_overlap_and_probabilities_are_softmaxes(tiny_model_folder: Path) -> None:
    from scipy.special import softmax
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model_folder)
    context = "cat dog mat good"
    windows = cut_windows(tokenizer, ["film"], [context], max_length=24, overlap=5)
    logits = np.zeros((2, 8), np.float32)  # [CLS] film [SEP] cat dog mat good [SEP]
    logits[0, [3, 5]], logits[1, [4, 6]] = [5, 3], [5, 2]
    logits[:, [1, 2, 7]] = 50  # outside the context nothing counts
    (found,) = answers_in([logits], windows, [context], can_decline=True, count=3)
    assert [(each.text, each.start, each.end, each.logit) for each in found.found] == [
        ("cat dog", 0, 7, 10.0),
        ("mat good", 8, 16, 5.0),
    ]
    places = [0, 3, 4, 5, 6]
    chances = softmax(logits[:, places].astype(np.float64), axis=1)
    assert found.found[0].probability == pytest.approx(chances[0, 1] * chances[1, 2])
    assert found.no_answer.probability == pytest.approx(chances[0, 0] * chances[1, 0])
    assert (found.no_answer.logit, found.is_declined) == (0.0, False)


def test_further_answers_are_the_best_of_what_is_left(tiny_model_folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model_folder)
    context = "cat dog mat good bad film the a"
    windows = cut_windows(tokenizer, ["film"], [context], max_length=24, overlap=5)
    for seed in range(20):
        logits = np.random.default_rng(seed).normal(size=(2, 12)).astype(np.float32)
        (found,) = answers_in([logits], windows, [context], can_decline=True, count=4)
        spans = sorted(
            ((i, j) for i in range(3, 11) for j in range(i, 11)),
            key=lambda span: -(logits[0, span[0]] + logits[1, span[1]]),
        )
        kept: list[tuple[int, int]] = []
        for i, j in spans:
            if len(kept) < 4 and all(j < first or last < i for first, last in kept):
                kept.append((i, j))
        words = context.split()
        assert [each.text for each in found.found] == [" ".join(words[i - 3 : j - 2]) for i, j in kept]


def test_an_answer_in_two_windows_is_told_once(tiny_model_folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model_folder)
    context = "cat dog mat good bad film the a"
    windows = cut_windows(tokenizer, ["film"], [context], max_length=10, overlap=2)
    outputs = [np.zeros((2, length), np.float32) for length in windows.encoded.lengths]
    assert [len(each[0]) for each in outputs] == [10, 8]  # cat … film, bad … a
    outputs[0][:, 7], outputs[0][:, 4] = 3, 1  # bad, dog
    outputs[1][:, 3], outputs[1][:, 6] = 4, 2  # bad, a
    (found,) = answers_in(outputs, windows, [context], can_decline=True, count=2)
    assert [(each.text, each.logit) for each in found.found] == [("bad", 8.0), ("a", 4.0)]


def test_no_context_no_answer(tiny_model_folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model_folder)
    windows = cut_windows(tokenizer, ["film"], [""], max_length=24, overlap=5)
    (found,) = answers_in([np.zeros((2, 4), np.float32)], windows, [""], can_decline=False)
    assert (found.best.text, found.best.start, found.is_declined) == ("", None, True)


def test_the_validation_loss_is_the_mean_of_the_networks_own_over_windows(plan: Plan, tiny_model_folder: Path) -> None:
    import torch

    from core.models.loading import load_for_training
    from core.training.run.scoring import outputs_of

    task = task_of(plan.task)
    torch.manual_seed(0)
    network, tokenizer = load_for_training(str(tiny_model_folder), task=task.head(plan), **task.head_options(()))
    found = task.read(open_table(plan.data), plan)
    rows = found.rows.take(range(8))
    batches = task.encode(tokenizer, rows, dataclasses.replace(plan, max_length=12, window_overlap=2))
    assert len(batches) > len(rows)
    network.eval()
    with torch.inference_mode():
        losses = [network(**batches([i])).loss.item() for i in range(len(batches))]
    outputs = outputs_of(network, batches, task.outputs, batch_size=5)
    assert [each.shape for each in outputs] == [(2, length) for length in batches.lengths]
    assert mean_loss(outputs, batches.answers) == pytest.approx(np.mean(losses), rel=1e-5)
    assert task.quick_scores(outputs, batches, rows, ())["loss"] == pytest.approx(np.mean(losses), rel=1e-5)
    assert task.loss(plan, rows, 0) is None


# Training


def predictions(run) -> list[dict[str, str]]:
    with (run.path / "evaluation" / "predictions.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_tiny_model_learns_and_its_run_shows_and_opens_right(plan: Plan) -> None:
    import torch
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer

    from core.inference.answer import answer
    from core.models.loading import open_model

    run, state = train_here(dataclasses.replace(plan, epochs=10.0))
    assert state == "finished"
    metrics, written, table = run.metrics(), predictions(run), open_table(plan.data)
    assert metrics["f1"] > 0.9
    assert metrics["no_answer_f1"] == 0.0
    assert list(written[0]) == [
        "row", "text", "pair", "answers", "predicted", "start", "score", "exact_match", "f1",
    ]  # fmt: skip
    ids = [int(each["row"]) for each in written]
    assert ids == run.row_ids()["test"]
    assert [each["pair"] for each in written] == [table["context"][i] for i in ids]
    assert [json.loads(each["answers"]) for each in written] == [[table["answer"][i]] for i in ids]
    assert np.mean([float(each["f1"]) for each in written]) == pytest.approx(metrics["f1"])
    for each in written:
        assert each["pair"][int(each["start"]) :].startswith(each["predicted"])
        assert 0 < float(each["score"]) <= 1

    model = open_model(run.id)
    assert (model.task, model.labels, model.inference.can_decline) == ("question-answering", (), False)
    again = answer(model, [each["text"] for each in written], [each["pair"] for each in written])
    assert [each.best.text for each in again] == [each["predicted"] for each in written]
    network = AutoModelForQuestionAnswering.from_pretrained(run.path / "model")
    tokenizer = AutoTokenizer.from_pretrained(run.path / "model")
    inputs = tokenizer("film", "the cat was very good on a mat", return_tensors="pt")
    with torch.inference_mode():
        output = network(**inputs)
    tokens = inputs["input_ids"][0, output.start_logits.argmax() : output.end_logits.argmax() + 1]
    assert tokenizer.decode(tokens) == "very good"


def test_no_answer_is_learned_over_windows(plan: Plan, tmp_path: Path) -> None:
    from core.inference.answer import answer
    from core.models.loading import open_model

    data = write_questions(tmp_path / "some.csv", 160, unanswerable=0.4)
    run, _ = train_here(dataclasses.replace(plan, data=str(data), epochs=10.0, max_length=12, window_overlap=3))
    metrics = run.metrics()
    assert metrics["windows"] > metrics["rows"]
    assert min(metrics["answerable"]["rows"], metrics["unanswerable"]["rows"]) > 0
    assert metrics["f1"] > max(0.8, metrics["no_answer_f1"])
    none = [each for each in predictions(run) if not each["predicted"]]
    assert none
    assert {each["start"] for each in none} == {""}
    model = open_model(run.id)
    assert model.inference.can_decline
    context = "the cat sat on the mat " * 100  # far beyond one window, also of the 512 tokens read here
    asked = [f"{context}was good {context}", context]
    found = answer(model, ["film"] * 2, asked, can_decline=False)
    assert [each.is_declined for each in found] == [False, False]
    assert found[0].best.start == len(context) + 4


def test_stopped_and_resumed_equals_uninterrupted(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = dataclasses.replace(plan, epochs=1.0, max_length=12, window_overlap=3)
    whole, _ = train_here(plan)
    with monkeypatch.context() as patch:
        stop_at(patch, 7)
        run, state = train_here(plan)
    assert state == "stopped"
    (run.path / "STOP").unlink()
    assert train_here(plan, run)[1] == "finished"
    assert same_weights(whole, run)
    assert whole.metrics() == run.metrics()
    assert predictions(whole) == predictions(run)


def test_a_model_with_many_labels_is_a_start_too(plan: Plan, tiny_model_folder: Path, tmp_path: Path) -> None:
    from core.models.loading import load_for_training
    from core.training.run.network import open_network

    network, tokenizer = load_for_training(
        str(tiny_model_folder), task="token-classification", labels=[f"tag {i}" for i in range(9)]
    )
    network.save_pretrained(tmp_path / "tagger")
    tokenizer.save_pretrained(tmp_path / "tagger")
    opened, _ = open_network(dataclasses.replace(plan, model=str(tmp_path / "tagger")), task_of(plan.task), ())
    assert opened.config.num_labels == opened.qa_outputs.out_features == 2


# Answering


@pytest.fixture(scope="module")
def reader_folder(tmp_path_factory: pytest.TempPathFactory, tiny_model_folder: Path) -> str:
    import torch

    from core.models.loading import load_for_training

    torch.manual_seed(1)
    network, tokenizer = load_for_training(str(tiny_model_folder), task="question-answering")
    torch.nn.init.normal_(network.qa_outputs.weight, std=1.0)
    folder = tmp_path_factory.mktemp("reader")
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def test_answering_equals_a_plain_loop_over_windows(reader_folder: str) -> None:
    import torch

    from core.inference.answer import answer
    from core.models.loading import open_model

    model = open_model(reader_folder)
    questions, contexts = ["a cat?", "who"], ["the dog sat, playing on the mat. " * 60, "Very good café"]
    seen: list[int] = []
    model = dataclasses.replace(model, settings=dataclasses.replace(model.inference, window_overlap=20))
    found = answer(model, questions, contexts, top_k=3, batch_size=2, on_progress=seen.append)
    for question, context, answers in zip(questions, contexts, found, strict=True):
        inputs = model.tokenizer(
            [question], [context], truncation="only_second", max_length=512, stride=20,
            return_overflowing_tokens=True, padding=True, return_tensors="pt",
        )  # fmt: skip
        inputs.pop("overflow_to_sample_mapping")
        with torch.inference_mode():
            output = model.network(**inputs)
        windows = cut_windows(model.tokenizer, [question], [context], max_length=512, overlap=20)
        lengths = inputs["attention_mask"].sum(1).tolist()
        starts, ends = (
            [logits[:length].numpy() for logits, length in zip(each, lengths, strict=True)]
            for each in (output.start_logits, output.end_logits)
        )
        assert answers.best.text == postprocessed(starts, ends, windows, context, can_decline=False)
        assert len(answers.found) == 3
        assert [each.logit for each in answers.found] == sorted([each.logit for each in answers.found], reverse=True)
        spans = sorted((each.start, each.end) for each in answers.found)
        assert all(one[1] <= two[0] for one, two in pairwise(spans))
    assert seen[-1] == len(windows) + len(
        cut_windows(model.tokenizer, questions[:1], contexts[:1], max_length=512, overlap=20)
    )
    assert answer(model, [], []) == []


def test_refusals(reader_folder: str, tiny_model_folder: Path) -> None:
    from core.inference.answer import answer
    from core.models.loading import open_model

    with pytest.raises(LabError, match="does not look for answers"):
        answer(open_model(str(tiny_model_folder)), ["a"], ["b"])
    model = open_model(reader_folder)
    with pytest.raises(LabError, match="2 questions but 1 contexts"):
        answer(model, ["a", "b"], ["b"])
    with pytest.raises(LabError, match="fills the 512 tokens"):
        answer(model, ["cat " * 600], ["b"])


def test_squad_is_read_and_every_answer_is_found_in_its_windows(tiny_model_folder: Path) -> None:
    from transformers import AutoTokenizer

    plan = Plan(
        data=str(SQUAD / "dev-v1.1.bloomsbury_half.json"), task="question-answering", text_column="question",
        pair_column="context", label_column="answers", max_length=384, window_overlap=128,
    )  # fmt: skip
    task = task_of(plan.task)
    found = task.read(open_table(plan.data), plan)
    assert len(found.rows) == 36
    assert len(set(found.groups.tolist())) == 12
    assert {len(answers) for answers in found.rows.labels} >= {3, 4, 5}
    rows = found.rows.take(range(36))
    batches = task.encode(AutoTokenizer.from_pretrained(tiny_model_folder), rows, plan)
    shown: dict[int, str] = {}
    for window, (first, last) in enumerate(batches.answers.tolist()):
        if first:
            offsets, number = batches.windows.offsets_of(window), int(batches.windows.rows[window])
            shown[number] = rows.pairs[number][offsets[first, 0] : offsets[last, 1]]
    assert len(shown) == len(rows)
    exact = sum(shown[number] == answers[0].text for number, answers in enumerate(rows.labels))
    assert exact / len(rows) > 0.97  # the rest begins or ends within a word: letters after a sign, say
