"""The teaching model is what its card says, and the script that made it still trains."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from core import fill_mask, open_model
from core.models import catalogue
from core.models.loading import MASKED_LM, SEQUENCE_CLASSIFICATION, Model, load_for_training
from scripts.train_teaching import (
    HIDDEN,
    IGNORED,
    PLAIN,
    POSITIONS,
    STEM,
    VOCABULARY,
    Exercise,
    Settings,
    all_exercises,
    evaluate,
    make_network,
    make_tokenizer,
    sentence_pairs,
    sentences,
    train,
)


@pytest.fixture(scope="module")
def model() -> Model:
    return open_model(catalogue.TEACHING)


@pytest.fixture(scope="module")
def trained_on(model: Model) -> list[Exercise]:
    return all_exercises(model.tokenizer, held_out=False)


@pytest.fixture(scope="module")
def held_out(model: Model) -> list[Exercise]:
    return all_exercises(model.tokenizer, held_out=True)


@contextmanager
def without_head(model: Model, layer: int, head: int) -> Iterator[None]:
    """Put zeros in place of what one head hands on."""
    output = model.network.bert.encoder.layer[layer].attention.output.dense
    width = model.config.hidden_size // model.config.num_attention_heads

    def silence(_module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        context = inputs[0].clone()
        context[..., head * width : (head + 1) * width] = 0
        return (context, *inputs[1:])

    handle = output.register_forward_pre_hook(silence)
    try:
        yield
    finally:
        handle.remove()


def test_it_is_as_small_as_promised_and_has_every_part(model: Model):
    config = model.config
    assert (config.num_hidden_layers, config.num_attention_heads, config.hidden_size) == (2, 2, 8)
    assert (config.intermediate_size, config.vocab_size, model.max_length) == (16, len(VOCABULARY), POSITIONS)
    assert model.task == MASKED_LM
    names = {name for name, _ in model.network.named_parameters()}
    assert {
        "bert.pooler.dense.weight",
        "cls.predictions.transform.dense.weight",
        "cls.seq_relationship.weight",
    } <= names
    assert sum(each.numel() for each in model.network.parameters()) == 1_764


def test_its_weights_can_be_read(model: Model):
    weights = torch.cat([each.flatten() for each in model.network.parameters()]).abs()
    assert weights.max() < 5
    assert (weights > 2).sum() == 8


def test_the_folder_is_small_and_holds_no_pickles():
    files = [path for path in catalogue.TEACHING_FOLDER.iterdir() if path.is_file()]
    assert {path.suffix for path in files} == {".json", ".txt", ".md", ".safetensors"}
    assert sum(path.stat().st_size for path in files) < 60_000


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("One dog barks and two cats meow.", "one dog bark ##s and two cat ##s meow ."),
        ("two [MASK] quack.", "two [MASK] quack ."),
        ("one cow moos!", "one cow moo ##s [UNK]"),
        ("three dogs sing", "[UNK] dog ##s [UNK]"),
    ],
)
def test_words_are_cut_as_promised(model: Model, text: str, tokens: str):
    ids = model.encode(text)["input_ids"]
    assert model.tokenizer.convert_ids_to_tokens(ids) == ["[CLS]", *tokens.split(), "[SEP]"]


def test_the_language_is_counted_right():
    assert (len(sentences()), sum(each.is_held_out for each in sentences())) == (72, 16)
    assert (len(sentence_pairs()), sum(each.is_held_out for each in sentence_pairs())) == (5_184, 2_818)


def test_nothing_that_is_held_out_is_trained_on(trained_on: list[Exercise], held_out: list[Exercise]):
    assert not {each.ids for each in trained_on if each.task == PLAIN} & {each.ids for each in held_out}
    assert not {(each.ids, each.answers) for each in trained_on} & {(each.ids, each.answers) for each in held_out}


def test_whatever_is_hidden_has_one_answer(trained_on: list[Exercise], held_out: list[Exercise]):
    """Two exercises that look the same ask for the same: nothing here can only be guessed."""
    asked: dict[tuple[int, ...], tuple[tuple[int, ...], int]] = {}
    for each in (*trained_on, *held_out):
        assert asked.setdefault(each.ids, (each.answers, each.label)) == (each.answers, each.label)


@pytest.mark.slow
def test_it_solves_all_that_it_never_saw(model: Model, held_out: list[Exercise]):
    scores = evaluate(model.network, held_out)
    for task in (HIDDEN, STEM, PLAIN, "pairs"):
        assert scores[task].accuracy == 1, f"{task}: {scores[task]}"
        assert scores[task].mean_probability > 0.99
    assert scores["pairs with a mask"].accuracy > 0.999


def test_it_solves_what_it_was_trained_on(model: Model, trained_on: list[Exercise]):
    scores = evaluate(model.network, trained_on[::5])
    assert [scores[task].accuracy for task in (HIDDEN, STEM, PLAIN, "pairs")] == [1, 1, 1, 1]


def test_an_untrained_network_solves_none_of_it(held_out: list[Exercise]):
    scores = evaluate(make_network(Settings()).eval(), held_out[::50])
    assert scores[HIDDEN].accuracy < 0.3
    assert 0.2 < scores["pairs"].accuracy < 0.8


def test_one_head_alone_tells_one_from_two(model: Model, trained_on: list[Exercise], held_out: list[Exercise]):
    """Layer 2, head 1 (`layer.1 head 0`), as its card says: from a hidden number word it looks at the ##s."""
    one_hidden = [
        each
        for each in (*trained_on, *held_out)
        if each.kind in ("1", "2") and each.task == HIDDEN and sum(answer != IGNORED for answer in each.answers) == 1
    ]
    numbers, plural = {VOCABULARY.index("one"), VOCABULARY.index("two")}, VOCABULARY.index("##s")
    of_numbers = [each for each in one_hidden if numbers & set(each.answers)]
    others = [each for each in one_hidden if not numbers & set(each.answers)]
    with without_head(model, layer=1, head=0):
        assert evaluate(model.network, of_numbers)[HIDDEN].accuracy == pytest.approx(0.5, abs=0.05)
        assert evaluate(model.network, others)[HIDDEN].accuracy == 1
    shares = []
    for each in of_numbers:
        output = model.network(input_ids=torch.tensor([each.ids]), output_attentions=True)
        position = next(place for place, answer in enumerate(each.answers) if answer != IGNORED)
        row = output.attentions[1][0, 0, position]
        shares.append(sum(row[place].item() for place, token_id in enumerate(each.ids) if token_id == plural))
    assert sum(shares) / len(shares) > 0.9


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("one [MASK] barks and two cats meow.", "dog"),
        ("[MASK] dogs bark and one cow moos.", "two"),
        ("one duck quacks and two cows [MASK].", "moo"),
        ("two [MASK] meow.", "cat"),
    ],
)
def test_it_answers_people(model: Model, text: str, answer: str):
    ((best, probability), *_) = fill_mask(model, text)[0]
    assert best == answer
    assert probability > 0.9


def test_it_can_be_trained_on_within_its_positions():
    network, tokenizer = load_for_training(catalogue.TEACHING, task=SEQUENCE_CLASSIFICATION, labels=("no", "yes"))
    encoded = tokenizer("a text of quite other words " * 9, truncation=True, max_length=24, return_tensors="pt")
    assert network(**encoded).logits.shape == (1, 2)


def test_the_script_still_trains_and_repeats_itself(tmp_path, trained_on: list[Exercise]):
    assert make_tokenizer(tmp_path)("one dog barks.")["input_ids"] == [2, 5, 7, 11, 15, 17, 3]
    settings = dataclasses.replace(Settings(), steps=60, batch_size=64, warmup_steps=10)
    first, losses = train(trained_on[::40], settings)
    second, _ = train(trained_on[::40], settings)
    assert sum(losses[-5:]) < 0.75 * sum(losses[:5])
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(one, other)
