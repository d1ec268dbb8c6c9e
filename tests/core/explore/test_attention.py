"""Attention for drawing, and its summaries. Oracles: cases worked out by hand, and the same formulas as plain loops."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core import LabError, open_model, tokenize, trace
from core.explore.attention import summaries
from core.explore.attention.selection import PARTS, Selection, link_table, select, units
from core.explore.attention.summaries import (
    corpus_statistics,
    head_statistics,
    mean_over_heads,
    mean_over_layers,
    rollout,
)
from core.explore.attention.weights import KINDS, attention_weights, normalise_rows, value_norms
from core.models.loading import Model
from tests.families import FAMILIES, family_folder

TEXT, PAIR = "the cat playing xy on the mat", "a dogs played"
WORDS = ("the", "cat", "playing", "xylophone", "naïve", "!", "42", "[MASK]")
MEASURES = ("entropy", "distance", "cls", "sep", "itself", "previous", "following")
CLOSE = 1e-6


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    folder = tmp_path_factory.mktemp("families")
    return {family: open_model(str(family_folder(family, "encoder", folder / family))) for family in FAMILIES}


@pytest.fixture(scope="module")
def bert(models) -> Model:
    return models["bert"]


class HandTrace:
    """As `Trace`, with attention given as one tensor (batch, head, query, key) a layer. [CLS] is 1, [SEP] is 2."""

    def __init__(self, *shares: list, ids: list[list[int]], real: list[list[int]] | None = None) -> None:
        self.shares = [torch.tensor(each, dtype=torch.float32) for each in shares]
        self.layers = len(shares)
        self.inputs = {"input_ids": torch.tensor(ids), "attention_mask": torch.ones(len(ids), len(ids[0]))}
        if real is not None:
            self.inputs["attention_mask"] = torch.tensor(real)
        self.model = SimpleNamespace(tokenizer=SimpleNamespace(cls_token_id=1, sep_token_id=2))

    def __getitem__(self, name: str) -> torch.Tensor:
        return self.shares[int(name.split(".")[1])]


# --- weights


@pytest.mark.parametrize("family", FAMILIES)
def test_probabilities_are_the_traces(models, family: str):
    t = trace(models[family], tokenize(models[family], TEXT))
    for layer in range(t.layers):
        assert torch.equal(attention_weights(t, layer), t[f"layer.{layer}.probabilities"])


@pytest.mark.parametrize("family", FAMILIES)
def test_norm_weighting_equals_plain_loops(models, family: str):
    t = trace(models[family], tokenize(models[family], TEXT, PAIR))
    length, heads = len(t.tokens), t.heads
    for layer in range(t.layers):
        parts = t.parts.layers[layer]
        size = parts.head_dim
        value_weight, value_bias = parts.value.weight.double().numpy(), parts.value.bias.double().numpy()
        output = parts.projection.weight.double().numpy()
        hidden = t.hidden_states[layer][0].double().numpy()
        shares = t[f"layer.{layer}.probabilities"].double().numpy()
        expected = np.zeros((heads, length, length))
        for head in range(heads):
            own = slice(head * size, (head + 1) * size)
            for key in range(length):
                message = output[:, own] @ (value_weight[own] @ hidden[key] + value_bias[own])
                for query in range(length):
                    expected[head, query, key] = np.sqrt(((shares[head, query, key] * message) ** 2).sum())
        np.testing.assert_allclose(attention_weights(t, layer, kind="norm-weighted"), expected, rtol=1e-4, atol=CLOSE)
        rows = attention_weights(t, layer, kind="norm-weighted", row_normalised=True)
        np.testing.assert_allclose(rows, expected / expected.sum(-1, keepdims=True), rtol=1e-4, atol=CLOSE)
        assert value_norms(t, layer).shape == (heads, length)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_a_padded_text_are_those_of_the_text_alone(models, kind: str):
    for model in models.values():
        together = trace(model, [tokenize(model, "cat"), tokenize(model, TEXT)])
        alone = trace(model, tokenize(model, "cat"))
        length = len(alone.tokens)
        for layer in range(alone.layers):
            padded = attention_weights(together, layer, kind=kind)[0]
            expected = attention_weights(alone, layer, kind=kind)
            torch.testing.assert_close(padded[:, :length, :length], expected, atol=1e-5, rtol=1e-5)
            shown, own = (select(each, alone.tokens, Selection(whole_words=True)).values for each in (padded, expected))
            torch.testing.assert_close(shown, own, atol=1e-5, rtol=1e-5)


def test_what_there_is_not_is_refused(bert):
    t = trace(bert, tokenize(bert, TEXT))
    for layer in (-1, 3):
        with pytest.raises(LabError, match="no layer"):
            attention_weights(t, layer)
    with pytest.raises(LabError, match="norm-weighted"):
        attention_weights(t, 0, kind="gradients")
    with pytest.raises(LabError, match="A→B"):
        Selection(parts="B")
    for parts in PARTS[1:]:
        with pytest.raises(LabError, match="second text"):
            select(attention_weights(t, 0), t.tokens, Selection(parts=parts))


# --- units


def test_words_are_whole_and_special_tokens_stand_alone(bert):
    tokens = tokenize(bert, "Playing [MASK] xy", "the Cat")
    assert [unit.label for unit in units(tokens)] == [
        *("[CLS]", "play", "##ing", "[MASK]", "x", "##y", "[SEP]", "the", "cat", "[SEP]"),
    ]
    whole = units(tokens, whole_words=True)
    assert [unit.label for unit in whole] == ["[CLS]", "Playing", "[MASK]", "xy", "[SEP]", "the", "Cat", "[SEP]"]
    assert [unit.positions for unit in whole] == [(0,), (1, 2), (3,), (4, 5), (6,), (7,), (8,), (9,)]
    assert [unit.sequence for unit in whole] == [None, 0, 0, 0, None, 1, 1, None]
    assert [unit.label for unit in whole if unit.is_special] == ["[CLS]", "[SEP]", "[SEP]"]  # not [MASK]


def test_words_of_byte_level_tokens_are_read_from_the_text(models):
    whole = units(tokenize(models["roberta"], "the naïve 😀<mask>", "cat"), whole_words=True)
    assert [unit.label for unit in whole] == ["<s>", "the", "naïve", "😀", "<mask>", "</s>", "</s>", "cat", "</s>"]
    assert [unit.is_special for unit in whole] == [True, False, False, False, False, True, True, False, True]
    spaced = units(tokenize(models["roberta"], "the <mask>"), whole_words=True)
    assert [unit.label for unit in spaced] == ["<s>", "the", "Ġ", "<mask>", "</s>"]  # a space alone has no letters


texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=7).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(text=texts, pair=st.none() | texts, family=st.sampled_from(FAMILIES))
def test_every_position_belongs_to_exactly_one_unit(models, text: str, pair: str | None, family: str):
    tokens = tokenize(models[family], text, pair)
    for whole_words in (False, True):
        placed = [position for unit in units(tokens, whole_words=whole_words) for position in unit.positions]
        assert placed == list(range(len(tokens)))


# --- selection


def test_merging_is_a_sum_over_keys_and_a_mean_over_queries(bert):
    tokens = tokenize(bert, "playing cat")  # [CLS] play ##ing cat [SEP]
    weights = torch.tensor(
        [
            [0.10, 0.20, 0.30, 0.25, 0.15],
            [0.50, 0.10, 0.10, 0.10, 0.20],
            [0.10, 0.30, 0.20, 0.20, 0.20],
            [0.00, 0.60, 0.40, 0.00, 0.00],
            [0.20, 0.20, 0.20, 0.20, 0.20],
        ]
    )[None]
    merged = select(weights, tokens, Selection(whole_words=True))
    assert (
        [unit.label for unit in merged.queries]
        == ["[CLS]", "playing", "cat", "[SEP]"]
        == [unit.label for unit in merged.keys]
    )
    expected = [[0.1, 0.5, 0.25, 0.15], [0.3, 0.35, 0.15, 0.2], [0.0, 1.0, 0.0, 0.0], [0.2, 0.4, 0.2, 0.2]]
    torch.testing.assert_close(merged.values[0], torch.tensor(expected))

    hidden = select(weights, tokens, Selection(whole_words=True, hide_special=True))
    torch.testing.assert_close(hidden.values[0], torch.tensor([[0.35, 0.15], [1.0, 0.0]]))
    shares = select(weights, tokens, Selection(whole_words=True, hide_special=True, renormalise=True))
    torch.testing.assert_close(shares.values[0], torch.tensor([[0.7, 0.3], [1.0, 0.0]]))


def test_a_row_with_nothing_left_stays_zero(bert):
    tokens = tokenize(bert, "cat mat")
    weights = torch.zeros(1, 4, 4)
    weights[..., 0] = 1  # everyone looks at [CLS] alone
    shown = select(weights, tokens, Selection(hide_special=True, renormalise=True))
    assert torch.equal(shown.values, torch.zeros(1, 2, 2))


@pytest.mark.parametrize(
    ("parts", "queries", "keys"),
    [
        ("A→A", ["[CLS]", "cat", "[SEP]"], ["[CLS]", "cat", "[SEP]"]),
        ("A→B", ["[CLS]", "cat", "[SEP]"], ["a", "mat", "[SEP]"]),
        ("B→A", ["a", "mat", "[SEP]"], ["[CLS]", "cat", "[SEP]"]),
        ("B→B", ["a", "mat", "[SEP]"], ["a", "mat", "[SEP]"]),
    ],
)
@pytest.mark.parametrize("hide_special", [False, True])
def test_pairs_are_told_apart(bert, parts: str, queries: list[str], keys: list[str], hide_special: bool):
    tokens = tokenize(bert, "cat", "a mat")
    weights = torch.arange(36.0).reshape(1, 6, 6)
    shown = select(weights, tokens, Selection(parts=parts, hide_special=hide_special))
    queries, keys = ([each for each in labels if not (hide_special and "[" in each)] for labels in (queries, keys))
    assert [unit.label for unit in shown.queries] == queries
    assert [unit.label for unit in shown.keys] == keys
    for row, query in enumerate(shown.queries):
        for column, key in enumerate(shown.keys):
            assert shown.values[0, row, column] == weights[0, query.positions[0], key.positions[0]]


@settings(max_examples=80, deadline=None)
@given(
    text=texts,
    pair=texts,
    whole_words=st.booleans(),
    hide_special=st.booleans(),
    renormalise=st.booleans(),
    parts=st.sampled_from(PARTS),
    family=st.sampled_from(FAMILIES),
    seed=st.integers(0, 1000),
)
def test_any_selection_equals_plain_loops(
    models, text, pair, whole_words, hide_special, renormalise, parts, family, seed
):
    tokens = tokenize(models[family], text, pair)
    generator = torch.Generator().manual_seed(seed)
    weights = torch.rand(2, len(tokens), len(tokens), generator=generator).softmax(-1)
    shown = select(weights, tokens, Selection(whole_words, hide_special, renormalise, parts))
    assert shown.values.shape == (2, len(shown.queries), len(shown.keys))
    expected = np.zeros(shown.values.shape)
    for head in range(2):
        for row, query in enumerate(shown.queries):
            for column, key in enumerate(shown.keys):
                for q in query.positions:
                    for k in key.positions:
                        expected[head, row, column] += weights[head, q, k].item() / len(query.positions)
    if renormalise:
        expected /= expected.sum(-1, keepdims=True)
    np.testing.assert_allclose(shown.values, expected, atol=CLOSE)
    if parts == "all" and (renormalise or not hide_special) and shown.keys:
        torch.testing.assert_close(shown.values.sum(-1), torch.ones(shown.values.shape[:-1]))
    assert not (hide_special and any(unit.is_special for unit in (*shown.queries, *shown.keys)))


def test_a_text_of_special_tokens_alone_leaves_nothing(bert):
    tokens = tokenize(bert, "[SEP]")
    shown = select(torch.ones(2, 3, 3), tokens, Selection(whole_words=True, hide_special=True, renormalise=True))
    assert shown.values.shape == (2, 0, 0)
    assert all(len(column) == 0 for column in link_table(shown).values())


# --- tables


@pytest.mark.parametrize("family", FAMILIES)
def test_the_table_holds_the_traces_own_numbers(models, family: str):
    t = trace(models[family], tokenize(models[family], TEXT, PAIR))
    selected = select(attention_weights(t, 1), t.tokens, Selection())
    table = link_table(selected)
    weights, length = t["layer.1.probabilities"], len(t.tokens)
    assert {len(column) for column in table.values()} == {t.heads * length**2}
    for head, query, name, key, other, weight in zip(*table.values(), strict=True):
        assert weight == weights[head, query, key]
        assert (name, other) == (t.tokens.tokens[query], t.tokens.tokens[key])

    strongest = link_table(select(weights[[2, 3]], t.tokens, Selection()), heads=[2, 3], top_k=5)
    assert list(strongest["head"]) == [2] * 5 + [3] * 5
    for head in (2, 3):
        expected = np.sort(weights[head].flatten().numpy())[::-1][:5]
        np.testing.assert_array_equal(strongest["weight"][strongest["head"] == head], expected)
    assert len(link_table(selected, top_k=10**6)["weight"]) == t.heads * length**2


# --- summaries


def test_roll_out_by_hand():
    first = [[[0.5, 0.5], [0.0, 1.0]], [[0.5, 0.5], [1.0, 0.0]]]  # two heads; their mean [[.5, .5], [.5, .5]]
    second = [[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]]]  # mean [[1, 0], [.5, .5]]
    t = HandTrace([first], [second], ids=[[1, 2]])
    # A_0 = [[.75, .25], [.25, .75]], A_1 = [[1, 0], [.25, .75]], R_1 = A_1 A_0
    expected = [[[0.75, 0.25], [0.25, 0.75]], [[0.75, 0.25], [0.375, 0.625]]]
    torch.testing.assert_close(rollout(t)[0], torch.tensor(expected))
    torch.testing.assert_close(mean_over_heads(t)[0, 1], torch.tensor([[1.0, 0.0], [0.5, 0.5]]))
    torch.testing.assert_close(mean_over_layers(t)[0, 1], torch.tensor([[0.75, 0.25], [1.0, 0.0]]))


@pytest.mark.parametrize("family", FAMILIES)
def test_roll_out_equals_plain_loops(models, family: str):
    t = trace(models[family], tokenize(models[family], TEXT))
    found = rollout(t)
    so_far = np.eye(len(t.tokens))
    for number in range(t.layers):
        mixed = np.mean([head.double().numpy() for head in t[f"layer.{number}.probabilities"]], axis=0)
        so_far = (0.5 * mixed + 0.5 * np.eye(len(t.tokens))) @ so_far
        np.testing.assert_allclose(found[number], so_far, atol=CLOSE)
    torch.testing.assert_close(found.sum(-1), torch.ones(found.shape[:-1]))
    torch.testing.assert_close(mean_over_heads(t).sum(-1), torch.ones(found.shape[:-1]))
    assert mean_over_layers(t).shape == (t.heads, len(t.tokens), len(t.tokens))
    batched = rollout(trace(models[family], [tokenize(models[family], "cat"), t.tokens]))
    torch.testing.assert_close(batched[1], found, atol=1e-5, rtol=1e-5)


def test_head_statistics_by_hand():
    quarter = [0.25] * 4
    shares = [[1.0, 0, 0, 0], [0.5, 0, 0.5, 0], quarter, [0, 0, 1.0, 0]]
    found = head_statistics(HandTrace([[shares]], ids=[[1, 7, 8, 2]]))
    values = {name: getattr(found, name).item() for name in MEASURES}
    assert values == pytest.approx(
        {
            "entropy": (0 + 1 + 2 + 0) / 4,
            "distance": (0 + 1 + (2 + 1 + 0 + 1) / 4 + 1) / 4,
            "cls": (1 + 0.5 + 0.25 + 0) / 4,
            "sep": (0 + 0 + 0.25 + 0) / 4,
            "itself": (1 + 0 + 0.25 + 0) / 4,
            "previous": (0.5 + 0.25 + 1) / 3,
            "following": (0 + 0.5 + 0.25) / 3,
        }
    )
    assert (found.queries, found.done, found.total) == (4, 1, 1)


def test_padding_is_neither_query_nor_key():
    text = [[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.3, 0.3, 0.4]]  # its third position is padding, with [SEP]'s id
    whole = [[0.2, 0.3, 0.5], [0.2, 0.3, 0.5], [0.2, 0.3, 0.5]]
    found = head_statistics(HandTrace([[text], [whole]], ids=[[1, 7, 2], [1, 7, 2]], real=[[1, 1, 0], [1, 1, 1]]))
    assert found.queries == 5
    assert found.cls.item() == pytest.approx((0.5 + 1.0 + 3 * 0.2) / 5)
    assert found.sep.item() == pytest.approx(3 * 0.5 / 5)
    assert found.previous.item() == pytest.approx((1.0 + 0.2 + 0.3) / 3)


@pytest.mark.parametrize("family", FAMILIES)
def test_statistics_of_many_texts_are_the_mean_over_all_positions(models, family: str, monkeypatch):
    model = models[family]
    texts = ["cat", TEXT, " ", "the mat was very good", "", TEXT + " " + TEXT, "a naïve dog"]
    singles = [head_statistics(trace(model, tokenize(model, text))) for text in texts if text.strip()]
    for positions, pairs, ahead in ((2_048, 2**19, 1_024), (30, 2**19, 2), (2_048, 200, 1_024)):
        monkeypatch.setattr(summaries, "POSITIONS_AT_ONCE", positions)
        monkeypatch.setattr(summaries, "PAIRS_AT_ONCE", pairs)
        monkeypatch.setattr(summaries, "_TOKENIZED_AHEAD", ahead)
        *_, found = seen = list(corpus_statistics(model, texts))
        assert [each.done for each in seen] == sorted({each.done for each in seen})
        assert (found.done, found.total) == (5, 5)
        assert found.queries == sum(single.queries for single in singles)
        for name in MEASURES:
            weights = [single.queries - (name in ("previous", "following")) for single in singles]
            expected = np.average([getattr(single, name) for single in singles], axis=0, weights=weights)
            np.testing.assert_allclose(getattr(found, name), expected, atol=1e-5, err_msg=name)
            assert getattr(found, name).shape == (model.config.num_hidden_layers * (1 + (family == "albert")), 4)


def test_statistics_of_pairs_and_of_cut_texts(bert):
    *_, found = corpus_statistics(bert, [TEXT, "cat"], [PAIR, "mat"], max_length=8)
    singles = [
        head_statistics(trace(bert, tokenize(bert, *each, max_length=8))) for each in ((TEXT, PAIR), ("cat", "mat"))
    ]
    assert found.queries == 8 + 5
    expected = (singles[0].sep * 8 + singles[1].sep * 5) / 13
    np.testing.assert_allclose(found.sep, expected, atol=CLOSE)


def test_F01_no_texts_are_refused_at_once(bert):
    for nothing in ([], ["", "  "]):
        with pytest.raises(LabError, match="no text"):
            corpus_statistics(bert, nothing)
    with pytest.raises(LabError, match="2 texts but 1"):
        corpus_statistics(bert, ["a", "b"], ["c"])


def test_the_built_in_models_rows_sum_to_one_and_its_entropies_are_possible():
    model = open_model("builtin")
    t = trace(model, tokenize(model, "The unaffable cat sat on the mat, and the dog watched it."))
    found = head_statistics(t)
    assert (found.entropy >= 0).all()
    assert (found.entropy <= math.log2(len(t.tokens))).all()
    for layer in range(t.layers):
        for kind in KINDS:
            shown = select(
                attention_weights(t, layer, kind=kind), t.tokens, Selection(True, hide_special=True, renormalise=True)
            )
            torch.testing.assert_close(shown.values.sum(-1), torch.ones(shown.values.shape[:-1]))


def test_rows_of_zeros_stay_zeros():
    assert torch.equal(normalise_rows(torch.tensor([[0.0, 0.0], [1.0, 3.0]])), torch.tensor([[0, 0], [0.25, 0.75]]))
