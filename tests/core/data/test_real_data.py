"""Sets in the form of public ones, of every awkward kind, open with the right counts and no option given.

`tests/data/write.py` says how they were made.
"""

from pathlib import Path

import pytest

from core.data.columns.guess import guess_mapping
from core.data.columns.task_guess import guess_task
from core.data.dataset.dataset import build_dataset
from core.data.reading.read_table import ReadOptions, read_table
from core.errors import LabError
from tests.columns import classes

DATA = Path(__file__).resolve().parents[2] / "data"

SENTENCES = classes("sentence", "label")
PARAPHRASES = classes("#1 String", "Quality", "#2 String")
UNLABELLED = classes("#1 String", pair="#2 String")
SIMILARITY = classes("sentence1", "score", "sentence2")
ENTAILMENT = classes("sentence1", "label", "sentence2")


@pytest.mark.parametrize(
    ("path", "rows", "columns"),
    [
        (
            "airline_tweets/Tweets.csv",
            240,
            classes("text", "airline_sentiment"),
        ),
        (
            "cola/in_domain_train.tsv",
            80,
            classes("column_4", "column_2"),
        ),
        (
            "cola/out_of_domain_dev.tsv",
            30,
            classes("column_4", "column_2"),
        ),
        ("emotion/train.txt", 166, classes("column_1", "column_2")),
        ("emotion/val.txt", 60, classes("column_1", "column_2")),
        ("emotion/test.txt", 66, classes("column_1", "column_2")),
        ("imdb/imdb_train.csv.gz", 60, classes("text", "label")),
        ("imdb/imdb_test.csv.gz", 60, classes("text", "label")),
        ("glue/SST-2/train.tsv", 120, SENTENCES),
        ("glue/SST-2/dev.tsv", 40, SENTENCES),
        ("glue/SST-2/test.tsv", 40, classes("sentence")),
        ("glue/MRPC/train.tsv", 90, PARAPHRASES),
        ("glue/MRPC/dev.tsv", 36, PARAPHRASES),
        ("glue/MRPC/test.tsv", 40, UNLABELLED),
        ("glue/MRPC/msr_paraphrase_train.txt", 100, PARAPHRASES),
        ("glue/MRPC/msr_paraphrase_test.txt", 40, PARAPHRASES),
        ("glue/STS-B/train.tsv", 90, SIMILARITY),
        ("glue/STS-B/dev.tsv", 40, SIMILARITY),
        ("glue/STS-B/test.tsv", 40, None),
        ("glue/RTE/train.tsv", 80, ENTAILMENT),
        ("glue/RTE/dev.tsv", 30, ENTAILMENT),
        ("glue/RTE/test.tsv", 40, classes("sentence1", pair="sentence2")),
        ("chnsenticorp/train.tsv", 80, classes("text_a", "label")),
        ("chnsenticorp/dev.tsv", 40, classes("text_a", "label")),
        ("chnsenticorp/test.tsv", 40, classes("text_a", "label")),
        ("banking77/train.csv", 160, classes("text", "category")),
        ("banking77/test.csv", 64, classes("text", "category")),
        (
            "sms_spam/SMSSpamCollection",
            1_200,
            classes("column_2", "column_1"),
        ),
        ("codah/full_data.tsv", 80, None),
        ("glue/MRPC/dev_ids.tsv", 36, None),
        ("cloze_dev.tsv", 12, None),
        ("chinese_vocab/vocab.txt", 156, None),
    ],
)
def test_rows_and_columns(path, rows, columns):
    table = read_table(DATA / path)
    assert len(table) == rows
    if columns is not None:
        assert guess_mapping(table, "sequence-classification") == columns


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        ("airline_tweets/Tweets.csv", {"negative": 150, "neutral": 50, "positive": 40}),
        ("cola/in_domain_train.tsv", {"0": 24, "1": 56}),
        ("glue/SST-2/train.tsv", {"0": 60, "1": 60}),
        ("glue/MRPC/train.tsv", {"0": 30, "1": 60}),
        ("glue/RTE/train.tsv", {"entailment": 40, "not_entailment": 40}),
        ("chnsenticorp/train.tsv", {"0": 40, "1": 40}),
        ("imdb/imdb_train.csv.gz", {"neg": 30, "pos": 30}),
        ("sms_spam/SMSSpamCollection", {"ham": 1050, "spam": 150}),
    ],
)
def test_label_counts_are_those_of_the_source(path, counts):
    table = read_table(DATA / path)
    dataset = build_dataset(table, guess_mapping(table, "sequence-classification"))
    assert {name: dataset.labels.count(n) for n, name in enumerate(dataset.label_names)} == counts


def test_glue_is_read_without_quoting_and_mrpc_without_its_mark():
    for path in ("glue/MRPC/train.tsv", "glue/RTE/train.tsv", "glue/STS-B/train.tsv"):
        assert read_table(DATA / path).options.quoting is False
    assert read_table(DATA / "glue/MRPC/train.tsv").columns[0] == "Quality"


def test_the_broken_message_is_joined_and_named():
    table = read_table(DATA / "sms_spam/SMSSpamCollection")
    assert table["column_2"][4].endswith("\nre though")
    assert [notice for notice in table.notices if notice.startswith("Line 6 ")]


def test_A05_rows_with_extra_fields_are_refused_by_number():
    with pytest.raises(LabError, match=r"10 of 40 rows.*row 31 \(line 31\) has 9"):
        read_table(DATA / "glue/STS-B/original/sts-test.tsv")


def test_rows_with_extra_fields_open_when_shorter_rows_are_filled_up():
    table = read_table(DATA / "glue/STS-B/original/sts-test.tsv", options=ReadOptions(fill=True))
    assert (len(table), len(table.columns)) == (40, 9)
    assert table["column_7"][0] == "Leo visited the clumsy bakery in Quito before noon."
    assert sum(bool(cell) for cell in table["column_9"]) == 10


@pytest.mark.parametrize(("path", "rows"), [("train", 150), ("valid", 60), ("test", 60)])
def test_conll2003(path, rows):
    table = read_table(DATA / f"conll2003/{path}.txt")
    assert len(table) == rows
    assert table.columns == ("tokens", "tags", "column_3")
    tokens, tags = ([cell.split(" ") for cell in table[name]] for name in ("tokens", "tags"))
    assert list(map(len, tokens)) == list(map(len, tags))
    assert sum(map(len, tokens)) == {"train": 1_860, "valid": 744, "test": 744}[path]
    kinds = {"PER", "LOC", "ORG", "MISC"}
    assert {tag for row in tags for tag in row} == {"O", *(f"{sign}-{kind}" for sign in "BI" for kind in kinds)}


@pytest.mark.parametrize(("half", "rows"), [("dev", 36), ("test", 36)])
def test_squad11(half, rows):
    table = read_table(DATA / f"squad11/{half}-v1.1.bloomsbury_half.json")
    assert len(table) == len(set(table["id"])) == rows
    assert len(set(table["title"])) == 4
    assert table.notices == ()
    starts = map(int, table["answer_start"])
    for context, answer, start in zip(table["context"], table["answer"], starts, strict=True):
        assert context[start:].startswith(answer)


def test_codah():
    table = read_table(DATA / "codah/full_data.tsv")
    assert len(table.columns) == 7
    assert {label: table["column_7"].count(label) for label in "0123"} == dict.fromkeys("0123", 20)


@pytest.mark.parametrize(("path", "rows"), [("novels_en.txt.gz", 90), ("wiki_en.txt.gz", 120)])
def test_corpora_open_one_text_a_line(path, rows):
    table = read_table(DATA / "corpus" / path)
    assert len(table) == rows
    assert table.options.format == "txt"


def test_cells_agree_with_the_csv_module():
    import csv

    with (DATA / "airline_tweets/Tweets.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    table = read_table(DATA / "airline_tweets/Tweets.csv")
    assert [list(row) for row in zip(*(table[name] for name in table.columns), strict=True)] == rows[1:]


@pytest.mark.parametrize(
    ("path", "task"),
    [
        ("airline_tweets/Tweets.csv", "sequence-classification"),
        ("codah/full_data.tsv", "multiple-choice"),
        ("cola/in_domain_train.tsv", "sequence-classification"),
        ("conll2003/valid.txt", "token-classification"),
        ("emotion/val.txt", "sequence-classification"),
        ("glue/MRPC/train.tsv", "sequence-classification"),
        ("glue/RTE/train.tsv", "sequence-classification"),
        ("glue/STS-B/train.tsv", "regression"),
        ("imdb/imdb_test.csv.gz", "sequence-classification"),
        ("squad11/dev-v1.1.bloomsbury_half.json", "question-answering"),
    ],
)
def test_the_task_is_seen(path: str, task: str):
    assert guess_task(read_table(DATA / path)) == task
