"""The head that a text opens with, and what a head is said to do: by attention made by hand, and by the models."""

from types import SimpleNamespace

import pytest
import torch

from core import open_model, tokenize, trace
from core.explore import examples
from core.explore.attention.head_roles import (
    AFTER,
    BEFORE,
    CLOSING,
    ITSELF,
    OPENING,
    WORDS,
    clearest_head,
    head_role,
    most_changed_head,
)


@pytest.fixture(scope="module")
def model():
    return open_model("builtin")


def made(model, text: str, layers: list[list[dict[int, int] | None]]):
    """A trace of attention made by hand: each head as {query: key it looks at alone}, other rows (None: all) evenly."""
    tokens = tokenize(model, text)
    length = len(tokens)
    found = {}
    for number, heads in enumerate(layers):
        shares = torch.full((len(heads), length, length), 1 / length)
        for head, looks in enumerate(heads):
            for query, key in (looks or {}).items():
                shares[head, query] = torch.nn.functional.one_hot(torch.tensor(key), length).float()
        found[f"layer.{number}.probabilities"] = shares

    class Made(SimpleNamespace):
        def __getitem__(self, name: str) -> torch.Tensor:
            return found[name]

    return Made(tokens=tokens, layers=len(layers), heads=len(layers[0]))


SENTENCE = "the cat sat"  # [CLS] the cat sat [SEP]: own tokens at 1, 2, 3
LOOKS = {
    BEFORE: {1: 0, 2: 1, 3: 2},
    AFTER: {1: 2, 2: 3, 3: 4},
    ITSELF: {1: 1, 2: 2, 3: 3},
    OPENING: {1: 0, 2: 0, 3: 0},
    CLOSING: {1: 4, 2: 4, 3: 4},
    WORDS: {1: 3, 2: 2, 3: 1},
}


@pytest.mark.parametrize("looks", LOOKS)
def test_a_head_is_named_after_where_it_looks(model, looks: str):
    role = head_role(made(model, SENTENCE, [[None, LOOKS[looks]]]), 0, 1)
    assert role.looks == looks
    assert role.share == pytest.approx(1)
    assert role.strongest in ({(1, 3), (3, 1)} if looks == WORDS else {(1, 2), (2, 3), (2, 1), (3, 2), (1, 3), (3, 1)})


def test_an_even_head_is_named_after_no_place_and_half_of_the_attention_is_enough(model):
    assert head_role(made(model, SENTENCE, [[None]]), 0, 0).looks == WORDS
    half = made(model, SENTENCE, [[{1: 0, 2: 1}]])  # before: 1, 1 and 1/5
    assert head_role(half, 0, 0).looks == BEFORE
    assert head_role(half, 0, 0).share == pytest.approx((1 + 1 + 0.2) / 3)


def test_heads_that_rest_or_spread_or_keep_to_themselves_are_not_opened(model):
    others = [LOOKS[OPENING], LOOKS[CLOSING], LOOKS[ITSELF], None]
    assert clearest_head(made(model, SENTENCE, [others, [*others[:2], LOOKS[WORDS], None]])) == (1, 2)
    # By hand: two tokens of three look at another one alone, the third keeps to itself; an even head has 1/5.
    assert clearest_head(made(model, SENTENCE, [[None, {1: 2, 2: 1, 3: 3}, LOOKS[ITSELF]]])) == (0, 1)
    assert clearest_head(made(model, SENTENCE, [[LOOKS[BEFORE], LOOKS[AFTER]]])) == (0, 0)  # equal: the lowest


def test_the_head_that_changed_most_is_the_one_with_the_largest_difference(model):
    one = made(model, SENTENCE, [[LOOKS[BEFORE], None], [LOOKS[AFTER], None]])
    other = made(model, SENTENCE, [[LOOKS[BEFORE], {1: 1}], [LOOKS[ITSELF], None]])
    assert most_changed_head(one, other) == (1, 0)  # 1; the other one by 4/5 at most
    assert most_changed_head(one, made(model, SENTENCE, [[LOOKS[BEFORE], LOOKS[WORDS]]])) == (0, 1)  # fewer layers
    longer = made(model, "the cat sat down", [[None, None]])
    assert most_changed_head(one, longer) == clearest_head(one)


@pytest.mark.parametrize("text", ["cat", "[SEP]"])
def test_without_a_second_word_the_first_head_is_taken(model, text: str):
    t = trace(model, tokenize(model, text))
    assert clearest_head(t) == (0, 0)
    assert head_role(t, 3, 1).strongest is None


@pytest.mark.parametrize("example", [each for each in vars(examples).values() if isinstance(each, examples.Example)])
def test_the_head_opened_puts_more_on_another_word_than_any_other(example: examples.Example):
    """Counted one by one, against the model's own attention."""
    t = trace(own := open_model(example.model), tokenize(own, example.text))
    tokens = t.tokens
    words = [place for place, side in enumerate(tokens.sequence) if side is not None]
    output = own.network.base_model(torch.tensor([tokens.ids]), output_attentions=True)
    means = {
        (layer, head): sum(max(rows[query][key] for key in words if key != query) for query in words) / len(words)
        for layer, attention in enumerate(output.attentions)
        for head, rows in enumerate(attention[0].tolist())
    }
    assert clearest_head(t) == max(means, key=lambda each: round(means[each], 6))


def test_what_the_models_that_ship_open_with(model):
    """The built-in model's head follows the order of words; the teaching model's is the one that asks “one or two”."""
    t = trace(model, tokenize(model, examples.ATTENDED.text))
    assert head_role(t, *clearest_head(t)).looks == BEFORE
    assert head_role(t, *clearest_head(t)).share > 0.99
    teaching = open_model("teaching")
    t = trace(teaching, tokenize(teaching, examples.TEACHING.text))
    assert clearest_head(t) == (1, 0)
    role = head_role(t, 1, 0)
    assert (role.looks, [t.tokens.tokens[place] for place in role.strongest]) == (WORDS, ["[MASK]", "##s"])
