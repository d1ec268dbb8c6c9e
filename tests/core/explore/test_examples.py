"""The texts that ship: the model that meets each is right, and pages have none of their own."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest

from core import fill_mask, open_model, tokenize, trace
from core.explore import examples
from core.explore.answers import mask_positions
from core.explore.embeddings.neighbours import word_in_contexts
from core.explore.embeddings.vectors import tokenize_all
from core.explore.examples import Example
from core.explore.fill_mask.candidates import compare_candidates
from core.explore.fill_mask.guessing_game import judge, sentence_rounds, text_rounds
from core.explore.fill_mask.logit_lens import logit_lens
from core.explore.fill_mask.next_sentence import next_sentence
from core.explore.fill_mask.surprise import surprise
from core.explore.fill_mask.training_example import training_example
from core.explore.tokens import readable

ROOT = Path(__file__).parents[3]
SHIPPED = {name: value for name, value in vars(examples).items() if isinstance(value, Example)}
HIDDEN = [name for name, example in SHIPPED.items() if "[MASK]" in example.text]


@pytest.fixture(scope="module")
def models():
    return {name: open_model(name) for name in ("builtin", "teaching")}


@pytest.mark.parametrize(
    ("name", "pair"),
    [(name, pair) for name in HIDDEN for pair in dict.fromkeys([None, SHIPPED[name].pair])],
)
def test_the_model_is_right_about_every_hidden_word(models, name: str, pair: str | None):
    example = SHIPPED[name]
    model = models[example.model]
    tokens = tokenize(model, example.text, pair)
    lens = logit_lens(trace(model, tokens), mask_positions(model, tokens)[0])
    assert readable(model, lens.answer) == example.answer


def test_an_example_with_an_answer_hides_a_word_and_the_other_way_round():
    assert [name for name, example in SHIPPED.items() if example.answer is not None] == HIDDEN
    assert len(HIDDEN) >= 6


def test_the_answer_rises_from_far_below_layer_by_layer(models):
    model = models["builtin"]
    tokens = tokenize(model, examples.HIDDEN.text)
    ranks = logit_lens(trace(model, tokens), mask_positions(model, tokens)[0]).ranks
    assert ranks[0] > 1_000
    assert ranks[-1] == 1
    assert list(ranks) == sorted(ranks, reverse=True)


def test_given_words_change_places_from_one_sentence_to_the_other(models):
    given = [word.strip() for word in examples.GIVEN_WORDS.split("|")]
    first, second = (
        max(compare_candidates(models["builtin"], each.text, given), key=lambda word: word.share).word
        for each in (examples.GIVEN, examples.GIVEN_OTHER)
    )
    assert (first, second) == (examples.GIVEN.answer, examples.GIVEN_OTHER.answer) == ("she", "he")


@pytest.mark.parametrize(
    ("strange", "ordinary", "token"),
    [
        (examples.SURPRISING, examples.LESS_SURPRISING, "sand"),
        (examples.TEACHING_SURPRISING, examples.TEACHING_LESS_SURPRISING, "."),
    ],
)
def test_the_strange_sentence_scores_less_and_its_strange_token_stands_out(
    models, strange: Example, ordinary: Example, token: str
):
    model = models[strange.model]
    *_, first = surprise(model, tokenize(model, strange.text))
    *_, second = surprise(model, tokenize(model, ordinary.text))
    assert first.score < second.score
    assert first.tokens.tokens[first.positions[int(np.argmax(first.bits))]] == token


def test_one_word_means_two_things_and_its_vectors_say_so(models):
    """“bank”: both places by a river, and both for money, are more alike than any of two kinds."""
    found = word_in_contexts(
        trace(models["builtin"], tokenize_all(models["builtin"], examples.SENTENCES.text.splitlines())), "bank"
    )
    last = dict(zip(found.pairs, found.cosines[-1], strict=True))
    alike = {(0, 1), (2, 3)}
    assert min(last[pair] for pair in alike) > max(last[pair] for pair in last.keys() - alike) + 0.1


def test_the_training_example_that_opens_is_brought_back(models):
    model = models["builtin"]
    drawn = training_example(model, tokenize(model, examples.LEARNED_FROM.text), share=0.15, seed=1).drawn
    assert len(drawn) >= 3
    assert all(each.likeliest == each.original for each in drawn)


def test_the_first_round_of_the_game_is_one_that_the_model_wins(models):
    for name, whole in (("builtin", examples.LEARNED_FROM), ("teaching", examples.TEACHING_WHOLE)):
        model = models[name]
        for rounds in (sentence_rounds(model, seed=1), text_rounds(model, whole.text, seed=1)):
            assert judge(model, rounds[0], "").answer_rank == 1


def test_the_second_sentence_follows_the_first(models):
    model = models["teaching"]
    found = next_sentence(model, tokenize(model, examples.TEACHING_FIRST.text, examples.TEACHING_SECOND.text))
    assert found.answers[int(np.argmax(found.probabilities))] == "it follows"


def test_the_example_of_the_tokens_page_is_cut_as_it_says(models):
    tokens = tokenize(models["builtin"], examples.LONG_WORDS.text).tokens
    assert [token for token in tokens if token.startswith("##")]  # words of several tokens
    assert "naively" in "".join(tokens).replace("##", "")  # lower-cased, without the accent


def test_pages_have_no_example_of_their_own():
    """What a field starts with stands in `core.explore.examples`, where the tests above see it."""
    fields = 0
    for path in ROOT.glob("pages/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                name = node.func.id if isinstance(node.func, ast.Name) else ""
                given = [each.value for each in node.keywords if each.arg == "example"]
                given += node.args if name in ("example", "example_pair", "type_text", "type_masked") else []
                fields += len(given)
                written = [each.value for each in given if isinstance(each, ast.Constant) and each.value]
                assert not written, f"{path}:{node.lineno} {written}"
    assert fields > 20


@pytest.mark.parametrize("name", ["README.md", "docs/guide.md", "core/__init__.py"])
def test_what_the_documents_fill_is_what_the_model_says(models, name: str):
    found = re.findall(
        r'fill_mask\(model, "(.+?)".*\)\s*#? ?\[\[\(\'(\w+)\', ([\d.]+?)[….]', (ROOT / name).read_text("utf-8")
    )
    assert found
    shipped = {example.text: example.answer for example in SHIPPED.values()}
    for text, answer, probability in found:
        ((best, share), *_) = fill_mask(models["builtin"], text)[0]
        assert best == answer == shipped[text]
        assert f"{share:.9f}".startswith(probability)
