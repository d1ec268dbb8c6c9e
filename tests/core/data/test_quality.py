"""Statistics of the explorer against scikit-learn, brute force or numbers worked out by hand."""

import math
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from core.data.columns.guess import guess_mapping
from core.data.dataset.dataset import Dataset, build_dataset
from core.data.dataset.splits import Splits, split
from core.data.dataset.words import words_of
from core.data.quality.coverage import coverage
from core.data.quality.kinds import kinds_of, odd_characters
from core.data.quality.leaks import find_leaks, leaks_within
from core.data.quality.lengths import length_histogram, lengths_by_label
from core.data.quality.near import (
    NearPair,
    jaccard,
    join_groups,
    near_between,
    near_duplicates,
    shingles,
)
from core.data.quality.scripts import script_mix, script_of
from core.data.quality.typical import count_terms, log_odds, typical_words
from core.data.reading.read_table import read_table
from core.data.views import Strings
from tests.columns import classes

DATA = Path(__file__).resolve().parents[2] / "data"
WORDS = [*"abcdefghijklmnopqrst"]


def dataset(texts, labels=(), pairs=None, names=None):
    names = names or tuple("xyz"[: max(labels, default=-1) + 1])
    return Dataset(range(len(texts)), texts, pairs, labels, names, "h", ())


def sentences(count, seed, length=12):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, length)) for _ in range(count)]


def test_lengths_by_label_are_those_of_numpy():
    lengths, labels = np.array([1, 2, 3, 4, 600, 200, 129]), np.array([0, 0, 0, 0, 2, 2, 2])
    whole, x, z = lengths_by_label(lengths, labels, ("x", "y", "z"))
    assert (whole.name, whole.rows, whole.longest) == ("", 7, 600)
    assert whole.share_over == {128: 3 / 7, 256: 1 / 7, 512: 1 / 7}
    assert (x.name, x.rows, x.mean, x.shortest, x.lower_quartile, x.median, x.upper_quartile) == (
        "x",
        4,
        2.5,
        1,
        1.75,
        2.5,
        3.25,
    )
    assert z.share_over == pytest.approx({128: 1, 256: 1 / 3, 512: 1 / 3})
    assert z.p95 == pytest.approx(np.percentile([600, 200, 129], 95))
    assert [each.name for each in lengths_by_label(lengths, [], ())] == [""]
    assert lengths_by_label([], [], ("x",)) == ()


def test_histograms_count_every_example_once():
    lengths, labels = np.random.default_rng(0).integers(0, 500, 1000), np.arange(1000) % 20
    found = length_histogram(lengths, labels, [str(n) for n in range(20)], bins=30)
    assert len(found.counts) == 13
    assert sum(found.counts.values()).tolist() == np.histogram(lengths, found.edges)[0].tolist()
    assert found.counts["other labels"].sum() == 400
    assert length_histogram(np.array([0]), [], ()).counts[""].tolist() == [1]


def test_log_odds_by_hand():
    # Monroe et al. (2008), equations 16, 20 and 22, with the counts of both labels as the prior
    counts = [[4, 6], [1, 9]]
    alpha, total = (5, 15), 20
    z = np.array([log_odds(own, alpha) for own in counts])
    for word in range(2):
        own, other, prior = counts[0][word], counts[1][word], alpha[word]
        delta = math.log((own + prior) / (10 + total - own - prior)) - math.log(
            (other + prior) / (10 + total - other - prior)
        )
        assert z[0, word] == pytest.approx(delta / math.sqrt(1 / (own + prior) + 1 / (other + prior)))
    assert z[0] == pytest.approx(-z[1])
    assert z[0, 0] > 0 > z[0, 1]
    assert log_odds([3, 2], [3, 2]).tolist() == [0, 0]
    assert log_odds([], []).shape == (0,)
    assert log_odds([3], [5]).tolist() == [0]  # the only word is everywhere all there is


def test_typical_words_of_thousands_of_labels_take_no_table_of_all_of_them():
    texts = [f"word{n % 4_000} other{n % 3_999} more{n}" for n in range(12_000)]
    labels = [n % 4_000 for n in range(12_000)]
    data = dataset(texts, labels, names=tuple(map(str, range(4_000))))
    tracemalloc.start()
    found = typical_words(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.by_label["7"][0].word == "word7"
    assert peak < 100_000_000  # a table of 4,000 labels and 8,000 words takes 256 MB


def test_words_are_counted_as_scikit_learn_does():
    texts = [*sentences(60, 1), "Don't, DON'T! été 3 a_b"]
    labels = [n % 3 for n in range(61)]
    counts = count_terms(dataset(texts, labels))
    vectorizer = CountVectorizer(analyzer=words_of)
    table = vectorizer.fit_transform(texts).toarray()
    for label, own in enumerate(counts):
        expected = table[np.array(labels) == label].sum(axis=0)
        assert {word: expected[place] for word, place in vectorizer.vocabulary_.items() if expected[place]} == own
    plain = CountVectorizer(token_pattern=r"(?u)\b\w+\b").fit_transform(sentences(60, 1)).sum()
    assert sum(each.total() for each in count_terms(dataset(sentences(60, 1), [0] * 60))) == plain


def test_typical_words_tell_the_labels_apart():
    texts = [text + (" awful" if n % 2 else " lovely") for n, text in enumerate(sentences(100, 2))]
    shares = []
    found = typical_words(dataset(texts, [n % 2 for n in range(100)]), on_progress=shares.append)
    assert (found.by_label["x"][0].word, found.by_label["y"][0].word) == ("lovely", "awful")
    best = found.by_label["y"][0]
    assert (best.count, best.others, found.rows, shares) == (50, 0, 100, [1.0])
    assert best.z > 2 > found.by_label["y"][-1].z
    assert typical_words(dataset(["a b"] * 4, [0, 0, 0, 0])).by_label == {"x": ()}


def test_typical_words_of_chinese_are_pairs_of_signs():
    texts = ["这个酒店很好看", "房间很好看", "服务很差劲", "早餐很差劲"] * 3
    found = typical_words(dataset(texts, [0, 0, 1, 1] * 3))
    assert {"好看", "很好"} <= {word.word for word in found.by_label["x"]}
    assert {"差劲", "很差"} <= {word.word for word in found.by_label["y"]}


def test_coverage_counts_tokens_and_unknown_words():
    vocabulary = {"a": 1, "b": 2, "c": 3}
    data = dataset(["a b zzz", "a", "", "zzz q"], pairs=["c", "c c", "b", "a"])

    def encode(texts):
        return [[vocabulary.get(word, 0) for word in text.split()] for text in texts]

    shares = []
    found = coverage(data, encode, unknown_id=0, vocabulary_size=10, on_progress=shares.append)
    assert (found.tokens, found.unknown, found.words, found.used, found.rows) == (11, 3, 11, 4, (0, 3))
    assert found.unknown_words == (("zzz", 2), ("q", 1))
    assert (found.unknown_share, found.used_share, found.tokens_per_word) == (3 / 11, 0.4, 1)
    assert shares == [1.0]
    assert coverage(data, encode, unknown_id=None, vocabulary_size=10).unknown == 0


def test_the_work_ends_when_the_listener_raises():
    def cancel(share):
        raise KeyboardInterrupt

    data = dataset(sentences(20, 3), [0, 1] * 10)
    for work in (
        lambda: typical_words(data, on_progress=cancel),
        lambda: near_duplicates(data, on_progress=cancel),
        lambda: coverage(data, lambda texts: [[0]] * len(texts), unknown_id=0, vocabulary_size=1, on_progress=cancel),
    ):
        with pytest.raises(KeyboardInterrupt):
            work()


def brute_force(texts, threshold):
    sets = [set(shingles(text).tolist()) for text in texts]
    pairs = {}
    for b in range(len(texts)):
        for a in range(b):
            if texts[a] != texts[b]:
                similarity = len(sets[a] & sets[b]) / len(sets[a] | sets[b])
                if similarity >= threshold:
                    pairs[a, b] = similarity
    return pairs


@pytest.mark.parametrize("threshold", [0.5, 0.8, 0.92])
def test_near_duplicates_are_those_of_brute_force(threshold):
    rng = np.random.default_rng(7)
    texts = sentences(150, 4, length=60)
    for text in texts[:100]:
        words = text.split()
        for _ in range(int(rng.integers(1, 6))):
            words[int(rng.integers(len(words)))] = str(rng.choice(WORDS))
        texts.append(" ".join(words))
    texts = list(dict.fromkeys(texts))
    expected = brute_force(texts, threshold)
    found = {
        (pair.first, pair.second): pair.similarity for pair in near_duplicates(dataset(texts), threshold=threshold)
    }
    assert len(expected) > 3
    assert set(found) <= set(expected)
    assert len(found) >= 0.99 * len(expected)
    assert all(similarity == pytest.approx(expected[pair]) for pair, similarity in found.items())


def test_near_duplicates_by_hand():
    texts = ["The cat sat on the mat", "the cat sat, on the mat!", "The cat sat on the mat", "A dog ran", "", "?", "hi"]
    assert near_duplicates(dataset(texts)) == (NearPair(0, 1, 1.0),)
    assert jaccard(shingles("a b c d"), shingles("a b c e")) == 2 / 4
    assert jaccard(shingles("很好看"), shingles("很好看！")) == 1
    pairs = near_duplicates(dataset(["a b c"] * 3, pairs=["d e f", "d e f!", "x y z"]))
    assert pairs == (NearPair(0, 1, 1.0),)
    with pytest.raises(ValueError, match="threshold"):
        near_duplicates(dataset(texts), threshold=0)


def test_groups_of_near_and_equal_examples_are_joined():
    data = dataset(["a", "b", "a", "c", "d"])
    pairs = [NearPair(0, 1, 0.9), NearPair(1, 3, 0.9)]
    assert join_groups(data.first_equal(), pairs).tolist() == [0, 0, 0, 0, 4]
    assert join_groups(data.first_equal(), []).tolist() == [0, 1, 0, 3, 4]


def test_B08_leaks_between_two_files_exact_and_near():
    train = dataset(["one two three four five six", "seven", "eight", "nine"], [0, 1, 0, 0])
    test = dataset(
        ["seven", "One two three four five six!", "other", "eight", "seven"], [0, 0, 1, 0, 1], names=("x", "new")
    )
    leaks = find_leaks(train, test)
    assert (leaks.exact, leaks.other_labels) == ((0, 3, 4), (0, 4))
    assert leaks.near == (NearPair(0, 1, 1.0),)
    assert leaks.exact_share == 0.6
    assert find_leaks(train, test, near=False).near == ()
    assert near_between(train, dataset(["seven"], pairs=["a"])) == ()


def test_B08_leaks_within_splits():
    data = dataset(["a b c d", "A b c d", "e", "e", "f"])
    parts = Splits((0, 2), (1,), (3, 4))
    assert leaks_within(data, parts) == (3,)
    assert leaks_within(data, parts, near_duplicates(data)) == (1, 3)
    assert leaks_within(data, split(data)) == ()


def test_scripts_of_letters_and_rows():
    texts = ["Hello", "Привет мир", "你好吗", "123 !", "Hello мир", "にほん", "é" * 20 + "Ж", "", "ﬁne ½ ª"]
    mix = script_mix(dataset(texts))
    assert {script.name: script.rows for script in mix.scripts} == {
        "Latin": 4, "no letters": 2, "Cyrillic": 1, "Han": 1, "Hiragana": 1,
    }  # fmt: skip
    assert sum(script.letters for script in mix.scripts) == sum(map(str.isalpha, "".join(texts)))
    assert mix.mixed == (4,)
    assert [mix.scripts[place].name for place in mix.main][:4] == ["Latin", "Cyrillic", "Han", "no letters"]
    assert [script_of(letter) for letter in "Ａアー가ʼµª々ß"] == [
        "Latin", "Katakana", "Katakana", "Hangul", "", "Greek", "Latin", "Han", "Latin",
    ]  # fmt: skip
    japanese = script_mix(dataset(["私は学生です。", "カタカナも漢字も", "私の name は", "房间很好"]))
    assert japanese.mixed == (2,)  # Japanese is written in three scripts at once
    shares = []
    both = script_mix(dataset(["a", "b"], pairs=["жжж", "c"]), on_progress=shares.append)
    assert shares == [1.0]
    assert [both.scripts[place].name for place in both.main] == ["Cyrillic", "Latin"]


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("numbers", ["3", " -3.5 ", "1e-7", "1,234,567.89", "$5", "12 %", "1 000", "003"]),
        ("dates", ["2024-01-31", "31.12.2024", "1/2/24", "3 March 2024", "March 3rd, 2024", "2024-01-31T10:20:30Z"]),
        ("addresses", ["https://a.b/c?d=e", "www.example.org", "a.b@c.org", "HTTP://X.Y"]),
        ("placeholders", ["NA", "n/a", "null", "None", "-", "???", "NaN"]),
        ("wordless", ["!!", "🙂", ":-)", ""]),
        (None, ["a text", "3 apples", "see https://a.b", "NATO", "in 2024", "May", "1.2.3.4.5"]),
    ],
)
def test_B01_B11_kinds_of_texts(kind, texts):
    found = kinds_of(Strings(texts))
    for name in ("numbers", "dates", "addresses", "placeholders", "wordless"):
        wanted = [kind == name and text != "" for text in texts]
        assert getattr(found, name).tolist() == wanted, name
    if kind and kind != "wordless":
        assert found.shares()[kind] == 1


def test_odd_characters_are_found():
    texts = Strings(["caf\ufffd", "cafÃ©", "it\u00e2\u20ac\u2122s", "bell\x07", "zero\u200bwidth", "fine – “text” é"])
    texts = texts.join(Strings(["\x89\u00db\u00d2 read wrongly", "it\u00e2\x80\x99s", "\u00c3\x89t\u00e9"]))
    found = {name: positions.tolist() for name, positions in odd_characters(texts).items()}
    assert found == {"replacement": [0], "mojibake": [1, 2, 7, 8], "misread": [6], "control": [3], "invisible": [4]}


def test_nothing_and_no_labels_are_measured_too():
    assert script_mix(dataset([])).scripts == ()
    assert near_duplicates(dataset([])) == ()
    assert coverage(dataset([]), lambda texts: [], unknown_id=0, vocabulary_size=3).unknown_share == 0
    assert typical_words(dataset(["a b", "a b"])).by_label == {}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=12), min_size=1, max_size=15), st.data())
def test_any_text_is_measured(texts, data):
    labels = data.draw(st.lists(st.integers(0, 2), min_size=len(texts), max_size=len(texts)))
    made = dataset(texts, labels)
    typical_words(made, fewest=1)
    assert sum(script.rows for script in script_mix(made).scripts) == len(texts)
    kinds_of(made.texts)
    for pair in near_duplicates(made):
        assert pair.first < pair.second
        assert texts[pair.first] != texts[pair.second]


def test_real_tweets():
    table = read_table(DATA / "airline_tweets/Tweets.csv")
    made = build_dataset(table, classes("text", "airline_sentiment"))
    found = typical_words(made, most=5)
    assert found.by_label["positive"][0].word == "thank"
    assert "cancelled" in {word.word for word in typical_words(made).by_label["negative"]}
    test = build_dataset(
        read_table(DATA / "emotion/test.txt"),
        classes("column_1", "column_2"),
    )
    train = build_dataset(
        read_table(DATA / "emotion/train.txt"),
        guess_mapping(read_table(DATA / "emotion/train.txt"), "sequence-classification"),
    )
    texts = set(train.texts)
    assert len(find_leaks(train, test, near=False).exact) == sum(text in texts for text in test.texts) == 6
