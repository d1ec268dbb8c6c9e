"""A tag for each word: reading, tokens and losses against transformers, training with a tiny BERT, and tagging."""

import csv
import dataclasses
import json
import random
from pathlib import Path

import numpy as np
import pytest

from core.data.cells import items_of
from core.data.column_mapping import ColumnMapping
from core.data.dataset.edits import Edits
from core.data.dataset.recipe import Recipe
from core.data.dataset.steps import DropRows
from core.data.decisions.preparation import Preparation
from core.data.reading.read_table import read_table
from core.data.sources.references import open_table
from core.errors import LabError
from core.training.plan.plan import Plan
from core.training.tasks import task_of
from tests.families import FAMILIES, family_folder
from tests.tiny_training import same_weights, stop_at, train_here

PLAIN = ("the", "a", "sat", "on", "was", "good", "bad", "not")
NAMES = {"cat": "B-PER", "dog": "B-PER", "film": "B-LOC", "mat": "B-LOC"}
CONLL = Path(__file__).resolve().parents[2] / "data" / "conll2003"


def write_sentences(path: Path, rows: int = 120, *, seed: int = 0) -> Path:
    """Sentences in which two words stand for people and two for places, of which “very” can be the beginning."""
    chance = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["words", "tags"])
        for i in range(rows):
            words, tags = [], []
            for _ in range(chance.randint(2, 6)):
                words.append(chance.choice(PLAIN))
                tags.append("O")
                if chance.random() < 0.5:
                    name = chance.choice(list(NAMES))
                    is_long = NAMES[name] == "B-LOC" and chance.random() < 0.5
                    words += ["very", name] if is_long else [name]
                    tags += ["B-LOC", "I-LOC"] if is_long else [NAMES[name]]
            writer.writerow([" ".join([*words, str(i)]), " ".join([*tags, "O"])])
    return path


@pytest.fixture
def plan(tmp_path: Path, tiny_model_folder: Path) -> Plan:
    return Plan(
        data=str(write_sentences(tmp_path / "data.csv")), task="token-classification", text_column="words",
        label_column="tags", model=str(tiny_model_folder), epochs=2.0, batch_size=8, learning_rate=3e-3, max_length=24,
        precision="fp32",
    )  # fmt: skip


def examples_of(path: Path, content: str, **settings: object):
    path.write_text("words\ttags\n" + content, encoding="utf-8")
    plan = Plan(data=str(path), task="token-classification", text_column="words", label_column="tags", **settings)
    return task_of(plan.task).read(open_table(plan.data), plan)


def tagger(folder: Path, source: Path, labels: tuple[str, ...] = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")) -> str:
    """A model folder with a random head for these tags, far from uniform."""
    import torch

    from core.models.loading import load_for_training

    torch.manual_seed(1)
    network, tokenizer = load_for_training(str(source), task="token-classification", labels=labels)
    torch.nn.init.normal_(network.classifier.weight, std=1.0)
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


# Reading


def test_words_and_tags_become_numbers_in_the_chosen_order(tmp_path: Path) -> None:
    rows = 'anna sat\tB-PER O\n["New York", "is", "10"]\tB-LOC O I-LOC\n'
    found = examples_of(tmp_path / "a.tsv", rows)
    assert found.label_names == ("B-LOC", "B-PER", "I-LOC", "O")
    assert list(found.rows.texts) == [("anna", "sat"), ("New York", "is", "10")]
    assert list(found.rows.labels) == [(1, 3), (0, 3, 2)]
    mapping = ColumnMapping.of("token-classification", tokens="words", tags="tags").with_labels(
        ["O", "B-PER"], {"B-PER": "person"}
    )
    found = examples_of(tmp_path / "a.tsv", rows, preparation=Preparation(mapping=mapping).to_json())
    assert found.label_names == ("O", "person", "B-LOC", "I-LOC")
    assert list(found.rows.labels) == [(1, 0), (2, 0, 3)]


def test_corrections_and_dropped_rows_apply_to_words_and_tags(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("words\ttags\nanna sat\tO O\nbad\tO O O\nrome\tB-LOC\n", encoding="utf-8")
    table = read_table(path)
    edits = Edits(table.content_hash).set(table, 0, "tags", "B-PER O").set(table, 2, "words", "oslo")
    preparation = Preparation(edits=edits, recipe=Recipe((DropRows((1,)),)))
    found = examples_of(path, path.read_text("utf-8").split("\n", 1)[1], preparation=preparation.to_json())
    assert list(found.rows.row_ids) == [0, 2]
    assert list(found.rows.texts) == [("anna", "sat"), ("oslo",)]
    assert [[found.label_names[i] for i in row] for row in found.rows.labels] == [["B-PER", "O"], ["B-LOC"]]


def test_a_test_file_takes_the_names_of_the_training_file_and_nothing_made_for_its_rows(tmp_path: Path) -> None:
    table_path = tmp_path / "test.tsv"
    table_path.write_text("words\ttags\nrome\tB-LOC\nanna sat\tB-PER O\n", encoding="utf-8")
    mapping = ColumnMapping.of("token-classification", tokens="words", tags="tags").with_labels(
        ["O", "B-PER", "B-LOC"], {"B-LOC": "place"}
    )
    preparation = Preparation(mapping=mapping, edits=Edits("another file"), recipe=Recipe((DropRows((0,)),)))
    plan = Plan(
        data="sample:reviews", task="token-classification", text_column="words", label_column="tags",
        preparation=preparation.to_json(),
    )  # fmt: skip
    task = task_of(plan.task)
    found = task.read(read_table(table_path), plan, ("O", "B-PER", "place"))
    assert list(found.rows.labels) == [(2,), (1, 0)]


def test_B07_a_tag_that_only_the_test_file_has_is_refused_with_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "test.tsv"
    path.write_text("words\ttags\nrome\tB-GPE\nanna sat\tB-PER O\noslo\tB-MISC\n", encoding="utf-8")
    plan = Plan(data="d", task="token-classification", text_column="words", label_column="tags")
    with pytest.raises(LabError, match=r"'B-GPE', 'B-MISC': rows 1, 3\.") as told:
        task_of(plan.task).read(read_table(path), plan, ("O", "B-PER", "B-LOC"))
    assert told.value.remedy


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("a b\tO\nb\tB-X\nc\tO O\n", "rows 1, 3: row 1 has 2 words and 1 tag"),
        ("a\tO\n[]\t[]\nb\tB-X\n", "no word in row 2"),
        ("a b\tO O\nb\tO\n", "All words have the tag 'O'"),
        ("".join(f"a{i}\tt{i}\n" for i in range(5_001)), "5,001 different tags"),
    ],
)
def test_B04_what_cannot_be_learned_from_is_refused(tmp_path: Path, rows: str, problem: str) -> None:
    with pytest.raises(LabError, match=problem):
        examples_of(tmp_path / "a.tsv", rows)


# Tokens and batches


SENTENCES = [
    ("the", "cat", "playing", "with", "naïve", "café"),
    ("a",),
    ("New York", "is", "not", "very", "good"),
    ("a", "\u200b", "dog", ""),  # a format character, and nothing at all
    ("mat",) * 30,
]
TAGS = [tuple(i % 3 for i in range(len(words))) for words in SENTENCES]


def batches_of(folder: Path, sentences: list, tags: list, max_length: int = 24):
    from transformers import AutoTokenizer

    from core.training.batches.words import WordBatcher, encode_words

    tokenizer = AutoTokenizer.from_pretrained(folder)
    words = encode_words(tokenizer, sentences, max_length=max_length, unknown=tokenizer.unk_token)
    return tokenizer, WordBatcher.of(words, tags, tokenizer.pad_token_id)


def as_in_the_example(tokenizer, sentences, tags, max_length):
    """`tokenize_and_align_labels` of transformers' example of token classification (run_ner)."""
    inputs = tokenizer(
        [list(words) for words in sentences], is_split_into_words=True, truncation=True, max_length=max_length
    )
    labels = []
    for i, own in enumerate(tags):
        before, row = None, []
        for word in inputs.word_ids(batch_index=i):
            row.append(-100 if word is None or word == before else own[word])
            before = word
        labels.append(row)
    return inputs["input_ids"], labels


@pytest.mark.parametrize("family", FAMILIES)
def test_tokens_and_labels_are_those_of_transformers_example(family: str, tmp_path: Path) -> None:
    sentences = [words for words in SENTENCES if all(word.isprintable() and word for word in words)]
    tags = [tuple(i % 3 for i in range(len(words))) for words in sentences]
    folder = family_folder(family, "encoder", tmp_path)
    tokenizer, batches = batches_of(folder, sentences, tags)
    if family == "roberta":  # the example, too, sets this for byte-level tokens
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(folder, add_prefix_space=True)
    ids, labels = as_in_the_example(tokenizer, sentences, tags, 24)
    batch = batches(range(len(sentences)))
    for row, (own, expected) in enumerate(zip(ids, labels, strict=True)):
        assert batch["input_ids"][row, : len(own)].tolist() == own
        assert batch["labels"][row, : len(own)].tolist() == expected
        assert set(batch["labels"][row, len(own) :].tolist()) <= {-100}
        assert batch["attention_mask"][row].sum() == len(own)
    assert batches.cut_count == sum(len(own) == 24 for own in ids) > 0


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_every_word_that_is_not_cut_has_a_first_token(family: str, tmp_path: Path) -> None:
    _, batches = batches_of(family_folder(family, "encoder", tmp_path), SENTENCES, TAGS, max_length=40)
    kept = batches.words.kept.tolist()
    assert kept[:4] == [len(words) for words in SENTENCES[:4]]
    batch = batches([3, 0])
    assert batch["labels"][0][batch["labels"][0] >= 0].tolist() == list(TAGS[3])


def test_chinese_characters_are_words(tmp_path: Path) -> None:
    from transformers import BertTokenizerFast

    vocabulary = tmp_path / "vocab.txt"
    vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"我在北京住"]), encoding="utf-8")
    BertTokenizerFast(vocab=str(vocabulary)).save_pretrained(tmp_path)
    _, batches = batches_of(tmp_path, [tuple("我在北京"), ("北京", "住")], [(0, 1, 2, 3), (2, 1)])
    batch = batches([0, 1])
    assert batch["labels"].tolist() == [[-100, 0, 1, 2, 3, -100], [-100, 2, -100, 1, -100, -100]]
    assert batch["input_ids"][1].tolist() == [2, 7, 8, 9, 3, 0]


def test_the_loss_is_the_networks_own_and_weights_and_smoothing_are_those_of_torch(plan: Plan, tmp_path: Path) -> None:
    import torch

    from core.models.loading import load_for_training
    from core.training.run.scoring import outputs_of

    task = task_of(plan.task)
    found = task.read(open_table(plan.data), plan)
    names = found.label_names
    folder = tagger(tmp_path / "tagger", Path(plan.model), names)
    network, tokenizer = load_for_training(folder, task=task.head(plan), labels=names)
    batches = task.encode(tokenizer, found.rows, plan)
    batch = batches(range(len(batches)))
    network.eval()
    with torch.inference_mode():
        output = network(**batch)
    outputs = outputs_of(network, batches, task.outputs)
    assert [each.shape for each in outputs] == [(len(words), len(names)) for words in found.rows.texts]
    assert outputs[7].dtype == np.float32
    scores = task.quick_scores(outputs, batches, found.rows, names)
    assert scores["loss"] == pytest.approx(output.loss.item(), rel=1e-5)
    assert task.loss(plan, found.rows, len(names)) is None
    flat = np.array([number for row in found.rows.labels for number in row])
    counts = np.bincount(flat, minlength=len(names))
    weights = torch.tensor(len(flat) / (len(names) * counts), dtype=torch.float32)
    weighted = dataclasses.replace(plan, class_weights="balanced", label_smoothing=0.1)
    expected = torch.nn.functional.cross_entropy(
        output.logits[batch["labels"] >= 0], torch.tensor(flat), weight=weights, label_smoothing=0.1
    )
    ours = task.loss(weighted, found.rows, len(names))(output, batch["labels"])
    assert ours.item() == pytest.approx(expected.item(), rel=1e-5)


def test_words_beyond_the_limit_count_as_answered_with_O(plan: Plan, tiny_model_folder: Path) -> None:
    import torch
    from transformers import AutoTokenizer
    from transformers.modeling_outputs import TokenClassifierOutput

    from core.training.batches.examples import Rows

    task, names = task_of(plan.task), ("O", "B-PER")
    rows = Rows([0, 1], [("cat",) * 8, ("dog",)], [(1, 0, 0, 0, 0, 0, 1, 0), (1,)])
    tokenizer = AutoTokenizer.from_pretrained(tiny_model_folder)
    batches = task.encode(tokenizer, rows, dataclasses.replace(plan, max_length=7))
    assert (batches.cut_count, batches.words.kept.tolist()) == (1, [5, 1])
    batch = batches([0, 1])
    logits = np.zeros((2, 7, 2), np.float32)
    logits[..., 1] = 3.0  # B-PER everywhere

    outputs = task.outputs(TokenClassifierOutput(logits=torch.from_numpy(logits)), batch)
    assert [each.shape for each in outputs] == [(5, 2), (1, 2)]
    scores = task.quick_scores(outputs, batches, rows, names)
    # B-PER five times, then O three times; and B-PER: 2 of 3 people found, 6 said; 2 of the cut words are no names
    assert scores["token_accuracy"] == pytest.approx(4 / 9)
    assert (scores["precision"], scores["recall"]) == (2 / 6, 2 / 3)
    right, wrong = np.log(1 + np.exp(-3.0)), np.log(1 + np.exp(3.0))
    assert scores["loss"] == pytest.approx((2 * right + 4 * wrong) / 6)


# Training


def test_a_tiny_model_learns_and_its_run_shows_and_opens_right(plan: Plan) -> None:
    from transformers import AutoModelForTokenClassification, pipeline

    from core.inference.tag import tag_words
    from core.models.loading import open_model
    from core.reports.report import read_report

    run, state = train_here(dataclasses.replace(plan, epochs=8.0, class_weights="balanced"))
    assert state == "finished"
    metrics = run.metrics()
    assert metrics["f1"] > 0.95
    assert metrics["majority_f1"] == 0.0
    assert (metrics["unit"], metrics["cut_words"]) == ("entity", 0)
    assert [entry["label"] for entry in metrics["per_class"]] == ["LOC", "PER"]
    assert run.data()["label_names"] == ["B-LOC", "B-PER", "I-LOC", "O"]
    with (run.path / "evaluation" / "predictions.csv").open(encoding="utf-8", newline="") as file:
        written = list(csv.DictReader(file))
    assert list(written[0]) == ["row", "text", "tags", "predicted"]
    assert [int(row["row"]) for row in written] == run.row_ids()["test"]
    table = open_table(plan.data)
    assert [row["text"] for row in written] == [table["words"][int(row["row"])] for row in written]
    assert [row["tags"] for row in written] == [table["tags"][int(row["row"])] for row in written]
    confusion = json.loads((run.path / "evaluation" / "confusion.json").read_text("utf-8"))
    assert sum(map(sum, confusion["counts"])) == metrics["tokens"] == sum(len(row["tags"].split()) for row in written)
    assert read_report(run).confusion == tuple(map(tuple, confusion["counts"]))

    network = AutoModelForTokenClassification.from_pretrained(run.path / "model")
    assert network.config.id2label == {0: "B-LOC", 1: "B-PER", 2: "I-LOC", 3: "O"}
    model = open_model(run.id)
    assert (model.task, model.labels) == ("token-classification", ("B-LOC", "B-PER", "I-LOC", "O"))
    again = tag_words(model, [row["text"].split() for row in written])
    assert [" ".join(tag.tag for tag in tags) for tags in again.tags] == [row["predicted"] for row in written]
    people = pipeline("token-classification", model=str(run.path / "model"), aggregation_strategy="first")
    found = people("the cat sat on a very film")
    assert [(each["entity_group"], each["word"]) for each in found] == [("PER", "cat"), ("LOC", "very film")]


def test_stopped_and_resumed_equals_uninterrupted(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = dataclasses.replace(plan, epochs=1.0)
    whole, _ = train_here(plan)
    with monkeypatch.context() as patch:
        stop_at(patch, 7)
        run, state = train_here(plan)
    assert state == "stopped"
    (run.path / "STOP").unlink()
    assert train_here(plan, run)[1] == "finished"
    assert same_weights(whole, run)
    assert whole.metrics() == run.metrics()


def test_cut_and_blank_words_are_written_so_that_they_are_read_again(plan: Plan, tmp_path: Path) -> None:
    data = tmp_path / "list.tsv"
    lines = [f'["New York", "[", "{i}"]\tB-LOC O O' for i in range(10)]
    data.write_text("\n".join(["words\ttags", *lines]), encoding="utf-8")
    run, _ = train_here(dataclasses.replace(plan, data=str(data), epochs=0.5, max_length=8))
    with (run.path / "evaluation" / "predictions.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert items_of(row["text"]) == ["New York", "[", row["row"]]
    assert items_of(row["predicted"])[1:] == ["O", "O"]  # n, e, w, y, o, r fill the room
    assert run.metrics()["cut_words"] == 2
    notes = [event["message"] for event in run.events() if event["kind"] == "note"]
    assert "8 of 8 training texts are longer than 8 tokens and are cut." in notes


def test_other_tags_than_entities_are_counted_by_word(plan: Plan, tmp_path: Path) -> None:
    data = tmp_path / "pos.tsv"
    lines = [f"the cat {i}\tDET NOUN NUM" for i in range(20)]
    data.write_text("\n".join(["words\ttags", *lines]), encoding="utf-8")
    run, _ = train_here(dataclasses.replace(plan, data=str(data), epochs=8.0))
    assert (run.metrics()["unit"], run.metrics()["f1"]) == ("token", 1.0)


# Opening and tagging


@pytest.mark.parametrize("family", ["bert", "distilbert", "electra"])
@pytest.mark.parametrize("task", ["token-classification", "question-answering", "multiple-choice"])
def test_a_trained_head_is_opened_with_its_model(family: str, task: str, tmp_path: Path) -> None:
    import torch

    from core.models.loading import load_for_training, open_model

    labels = {"token-classification": ("O", "B-X", "I-X"), "question-answering": ("start", "end")}.get(task)
    network, tokenizer = load_for_training(
        str(family_folder(family, "encoder", tmp_path / "encoder")), task=task, labels=labels
    )
    network.save_pretrained(tmp_path / "trained")
    tokenizer.save_pretrained(tmp_path / "trained")
    model = open_model(str(tmp_path / "trained"))
    assert (model.task, type(model.network)) == (task, type(network))
    assert model.labels == (labels if task == "token-classification" else ())
    inputs = tokenizer("the cat", return_tensors="pt")
    if task == "multiple-choice":
        inputs = {name: values[None] for name, values in inputs.items()}  # (batch, choice, pos)
    with torch.inference_mode():
        ours, theirs = model.network(**inputs), network.eval()(**inputs)
    assert torch.allclose(ours[0], theirs[0], atol=1e-5)


@pytest.fixture(scope="module")
def tagger_folder(tmp_path_factory: pytest.TempPathFactory, tiny_model_folder: Path) -> str:
    return tagger(tmp_path_factory.mktemp("tagger"), tiny_model_folder)


def test_tagging_texts_equals_transformers_pipeline(tagger_folder: str) -> None:
    from transformers import pipeline

    from core.inference.tag import tag_texts
    from core.models.loading import open_model

    texts = ["The cat, playing on the mat!", "", "good", "Café naïve; it's not a film."]
    found = tag_texts(open_model(tagger_folder), texts)
    theirs = pipeline("token-classification", model=tagger_folder, ignore_labels=[], aggregation_strategy="none")
    for text, tags in zip(texts, found.tags, strict=True):
        tokens = theirs(text) if text else []
        first = [token for token in tokens if not token["word"].startswith("##")]
        assert [(tag.tag, tag.start) for tag in tags] == [(token["entity"], token["start"]) for token in first]
        assert [tag.probability for tag in tags] == pytest.approx([token["score"] for token in first], abs=1e-5)
        assert [tag.word for tag in tags] == [text[tag.start : tag.end] for tag in tags]
    assert [tag.word for tag in found.tags[0]] == ["The", "cat", ",", "playing", "on", "the", "mat", "!"]
    assert len({tag.tag for tags in found.tags for tag in tags}) > 1
    assert found.cut_count == 0


def test_entities_are_those_of_seqeval_with_their_characters(tagger_folder: str) -> None:
    from seqeval.metrics.sequence_labeling import get_entities

    from core.inference.tag import tag_words
    from core.models.loading import open_model

    sentences = [["the", "cat", "sat", "on", "a", "mat", "and", "New York"], [], ["good"] * 40]
    seen: list[int] = []
    found = tag_words(open_model(tagger_folder), sentences, batch_size=2, on_progress=seen.append)
    assert seen == [2, 3]
    assert [len(tags) for tags in found.tags] == [8, 0, 40]
    assert found.texts[0] == "the cat sat on a mat and New York"
    assert (found.tags[0][7].start, found.tags[0][7].end) == (25, 33)
    for tags, entities in zip(found.tags, found.entities(), strict=True):
        expected = get_entities([tag.tag for tag in tags])
        assert [each.kind for each in entities] == [kind for kind, *_ in expected]
        spans = [(tags[first].start, tags[last].end) for _, first, last in expected]
        assert [(each.start, each.end) for each in entities] == spans
    assert sum(map(len, found.entities())) > 0


def test_F02_a_text_longer_than_the_model_reads_is_cut_visibly(tagger_folder: str) -> None:
    from core.inference.tag import tag_texts
    from core.models.loading import open_model

    found = tag_texts(open_model(tagger_folder), ["mat " * 600, "mat"])
    assert found.cut_count == 1
    assert len(found.tags[0]) == 600
    assert {tag.probability for tag in found.tags[0][510:]} == {0.0}
    assert {tag.tag for tag in found.tags[0][510:]} == {"O"}
    assert min(tag.probability for tag in found.tags[0][:510]) > 0


def test_a_model_that_tags_nothing_is_refused(tiny_model_folder: Path) -> None:
    from core.inference.tag import tag_words
    from core.models.loading import open_model

    with pytest.raises(LabError, match="does not tag words"):
        tag_words(open_model(str(tiny_model_folder)), [["a"]])


def test_conll_2003_is_read_and_encoded_whole(tiny_model_folder: Path) -> None:
    from transformers import AutoTokenizer

    plan = Plan(
        data=str(CONLL / "train.txt"), task="token-classification", text_column="tokens", label_column="tags",
        max_length=512,
    )  # fmt: skip
    task = task_of(plan.task)
    found = task.read(open_table(plan.data), plan)
    assert len(found.rows) == 150
    assert found.label_names == (
        "B-LOC", "B-MISC", "B-ORG", "B-PER", "I-LOC", "I-MISC", "I-ORG", "I-PER", "O",
    )  # fmt: skip
    assert sum(map(len, found.rows.labels)) == 1_860
    tests = task.read(read_table(CONLL / "valid.txt"), plan, found.label_names)
    assert sum(map(len, tests.rows.labels)) == 744
    batches = task.encode(AutoTokenizer.from_pretrained(tiny_model_folder), tests.rows, plan)
    kept = batches.words.kept
    assert kept.sum() == 744 - sum(
        len(words) - count for words, count in zip(tests.rows.texts, kept.tolist(), strict=True)
    )
    assert (kept == [len(words) for words in tests.rows.texts]).mean() > 0.99
    position = int(np.argmax(kept))
    labels = batches([position])["labels"][0]
    assert labels[labels >= 0].tolist() == list(tests.rows.labels[position][: kept[position]])
