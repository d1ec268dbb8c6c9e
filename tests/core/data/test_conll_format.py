"""Tagged sentences: one row a sentence, tokens and tags side by side; what does not fit is refused by its line."""

import gzip

import pytest

from core.data import limits
from core.data.cells import items_of
from core.data.column_mapping import ColumnMapping
from core.data.columns.check import check_mapping
from core.data.reading.read_table import ReadOptions, read_table
from core.errors import LabError

SENTENCES = "EU B-ORG\nrejects O\n\nPeter B-PER\nBlackburn I-PER\n\n"


def rows(table):
    return list(zip(*(table[name] for name in table.columns), strict=True))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("sign", [" ", "\t", "  "])
@pytest.mark.parametrize("name", ["x.txt", "x.conll", "train", "x.txt.gz"])
def test_sentences_become_rows(name, sign, end):
    content = SENTENCES.replace(" ", sign).replace("\n", end).encode()
    table = read_table(gzip.compress(content) if name.endswith("gz") else content, name=name)
    assert table.columns == ("tokens", "tags")
    assert rows(table) == [("EU rejects", "B-ORG O"), ("Peter Blackburn", "B-PER I-PER")]
    assert table.options == ReadOptions(format="conll", encoding="utf-8")
    assert table.notices == ()


def test_documents_are_skipped_with_a_count_and_further_columns_kept():
    text = "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\n \n"
    text += "-DOCSTART- -X- -X- O\n\nPeter NNP B-NP B-PER\nsays VBZ B-VP O\n"
    table = read_table(text.encode(), name="eng.train.txt")
    assert table.columns == ("tokens", "column_2", "column_3", "tags")
    assert rows(table) == [
        ("EU rejects", "NNP VBZ", "B-NP B-VP", "B-ORG O"),
        ("Peter says", "NNP VBZ", "B-NP B-VP", "B-PER O"),
    ]
    assert table.notices == (
        "Each line holds 4 cells: the first is the token, cell 4 the tag.",
        "2 lines that only begin a document (-DOCSTART-) were left out.",
    )


def test_the_tags_are_the_last_column_that_holds_tags():
    table = read_table(b"EU B-ORG 0\nrejects O 0\n\nPeter B-PER 0\nsays O 0\n", name="x.txt")
    assert table.columns == ("tokens", "tags", "column_3")


def test_other_tags_need_the_ending_of_the_name():
    text = b"the DET\ncat NOUN\n\nit PRON\nsat VERB\n"
    assert rows(read_table(text, name="x.conll")) == [("the cat", "DET NOUN"), ("it sat", "PRON VERB")]
    assert read_table(text, name="x.txt").options.format == "txt"
    assert len(read_table(text, name="x.txt", options=ReadOptions(format="conll"))) == 2


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a B-X\nb O\n\nc B-X\nd O\n", "x.csv"),  # a CSV stays one
        ("a B-X\nb O\nc B-X\nd O\n", "x.txt"),  # no sentence ends
        ("one line\nof plain text\n\nand more\nof it all\n", "x.txt"),
        ("x O\ny O\n\nz O\nw O\n", "x.txt"),
    ],
)
def test_what_is_not_taken_for_tagged_sentences(text, name):
    assert read_table(text.encode(), name=name).options.format != "conll"


def test_a_person_can_read_the_lines_instead():
    for name in ("x.txt", "x.conll"):
        table = read_table(SENTENCES.encode(), name=name, options=ReadOptions(delimiter="", header=False))
        assert table["column_1"][0] == "EU B-ORG"
        assert read_table(SENTENCES.encode(), name=name, options=table.options).data.equals(table.data)


def test_every_sign_in_a_token_is_kept():
    tokens = ['"', "\u200b", "NA", "01", "👩‍👩‍👧", "e\u0301", "a\u00a0b", "\u2028", "\x85"]
    text = "".join(f"{token}\tO\n" for token in tokens) + "\nEU\tB-ORG\n"
    table = read_table(text.encode(), name="x.txt")
    assert items_of(table["tokens"][0]) == tokens
    assert len(table) == 2


@pytest.mark.parametrize(
    "tokens", [("[", "1", "]"), ("[2]",), ("10\u00a0000", "km"), ("[", "]"), ("{}",), ('["a"]', "b")]
)
def test_tokens_that_read_as_a_list_or_hold_white_space_survive_their_cell(tokens):
    text = "EU\tB-ORG\n\n" + "".join(f"{token}\tO\n" for token in tokens)
    table = read_table(text.encode(), name="x.conll")
    assert [(items_of(words), items_of(tags)) for words, tags in rows(table)] == [
        (["EU"], ["B-ORG"]),
        (list(tokens), ["O"] * len(tokens)),
    ]
    mapping = ColumnMapping.of("token-classification", tokens="tokens", tags="tags")
    assert [finding.key for finding in check_mapping(table, mapping)] == ["mapping"]  # all rows fit


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("EU B-ORG\nrejects O O\n", "Line 2 has 3 cells, but the first line has 2"),
        ("EU B-ORG\n\nrejects\n", "Line 3 has 1 cells"),
        ("EU\nrejects\n", "Line 1 holds a token without a tag"),
        ("EU\tB-ORG\nNew York\tB-LOC\n", "Line 2 holds an empty cell or one with a space"),
        ("EU\tB-ORG\n\tO\n", "Line 2 holds an empty cell"),
        ("\n \n", "no rows"),
        ("-DOCSTART- O\n", "no rows"),
    ],
)
def test_A05_ragged_lines_are_refused_with_their_number(text, match):
    with pytest.raises(LabError, match=match):
        read_table(text.encode(), name="x.conll")


def test_A12_a_sentence_without_an_end_and_a_long_line_are_refused(monkeypatch):
    monkeypatch.setattr(limits, "MAX_CELL_CHARACTERS", 1000)
    with pytest.raises(LabError, match="1,000 characters: the sentence of line 143"):
        read_table(b"token O\n" * 1000 + b"\nx O\n", name="x.conll")
    with pytest.raises(LabError, match="1,000 characters: line 2"):
        read_table(b"token O\n" + b"x" * 5000 + b" O\n", name="x.conll")
