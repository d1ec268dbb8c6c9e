"""Pairs for next-sentence training: sentences, parts, which pairs are drawn, and which families learn from them."""

import dataclasses
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import LabError
from core.training.plan.plan import Plan
from tests.core.training.test_masked_language import batches, plan, tokenizer, unhidden  # noqa: F401
from tests.families import family_folder
from tests.tiny_training import train_here


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It rained. We stayed in.", ["It rained. ", "We stayed in."]),
        ("“Really?” she said! 3.5 is a number…", ["“Really?” ", "she said! ", "3.5 is a number…"]),
        ("天气很好。我们去公园！好吗？", ["天气很好。", "我们去公园！", "好吗？"]),
        ("他说：“好。”她走了。", ["他说：“好。”", "她走了。"]),
        ("one line\n\n another", ["one line\n\n ", "another"]),
        ("no end", ["no end"]),
        (" \n begins late. then ends. ", [" \n begins late. ", "then ends. "]),
        ("", [""]),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    from core.training.batches.sentences import sentence_starts

    places = [0, *sentence_starts(text), len(text)]
    assert [text[one:two] for one, two in pairwise(places)] == sentences


def test_parts_by_hand() -> None:
    from core.training.batches.sentences import parts_of

    assert parts_of(20, [4, 11], [1, 4, 9, 11], 30) == [(0, 11), (11, 20)]  # the sentence nearest to the middle
    assert parts_of(20, [], [3, 9, 12], 30) == [(0, 9), (9, 20)]  # one sentence: the word
    assert parts_of(1, [], [], 30) == [(0, 1)]  # one word
    assert parts_of(20, [4], [4, 8, 10], 12) == [(0, 10), (10, 20)]  # the sentence would leave too much
    assert parts_of(9, [], [], 6) == [(0, 4), (4, 9)]  # a word too long
    assert parts_of(40, [5, 9, 18, 22], [], 10) == [(0, 9), (9, 18), (18, 22), (22, 32), (32, 40)]


@given(st.integers(0, 200), st.sets(st.integers(1, 199)), st.sets(st.integers(1, 199)), st.integers(1, 40))
def test_parts_hold_all_and_none_is_too_long(length: int, sentences: set, words: set, limit: int) -> None:
    from core.training.batches.sentences import parts_of

    inner = sorted(place for place in sentences if place < length)
    parts = parts_of(length, inner, sorted(place for place in words | sentences if place < length), limit)
    assert parts[0][0] == 0
    assert parts[-1][1] == length
    assert all(one[1] == two[0] for one, two in pairwise(parts))
    assert all(end - start <= limit for start, end in parts)
    assert length == 0 or all(end > start for start, end in parts)


TEXTS = [f"the cat {i} sat on a mat. the dog {i} was playing." for i in range(10, 40)]


def split_pairs(batch, tokenizer) -> list[tuple[str, str]]:  # noqa: F811
    found = []
    for ids, segments in zip(unhidden(batch), batch["token_type_ids"].tolist(), strict=True):
        middle = ids.index(tokenizer.sep_token_id)
        assert ids[0] == tokenizer.cls_token_id
        assert ids[-1] == tokenizer.sep_token_id
        assert segments[: len(ids)] == [0] * (middle + 1) + [1] * (len(ids) - middle - 1)
        found.append((tokenizer.decode(ids[1:middle]), tokenizer.decode(ids[middle + 1 : -1])))
    return found


def test_half_of_the_pairs_follow_and_the_others_come_from_another_text(tokenizer, plan: Plan) -> None:  # noqa: F811
    made = batches(tokenizer, TEXTS, plan, next_sentence=True, max_length=64)
    assert len(made) == 30
    labels, seen = [], []
    for epoch in range(20):
        made.set_epoch(epoch)
        batch = made(range(30))
        labels += batch["next_sentence_label"].tolist()
        seen.append(batch["next_sentence_label"].tolist())
        for number, ((one, two), label) in enumerate(
            zip(split_pairs(batch, tokenizer), seen[-1], strict=True), start=10
        ):
            assert one == f"the cat {number} sat on a mat."
            assert (two == f"the dog {number} was playing.") == (label == 0)
            assert str(number) not in two or label == 0
    assert np.mean(labels) == pytest.approx(0.5, abs=0.06)
    assert len({tuple(each) for each in seen}) == 20


def test_every_part_of_a_long_text_stands_in_a_pair_and_none_is_cut(tokenizer, plan: Plan) -> None:  # noqa: F811
    sentences = [f"the film {i} was good." for i in range(10, 27)]
    made = batches(tokenizer, [" ".join(sentences), "a dog. a cat."], plan, next_sentence=True, max_length=40)
    shown = {text for epoch in range(8) for text in _epoch(made, epoch, tokenizer)}
    assert all(any(sentence in text for text in shown) for sentence in sentences)
    for epoch in range(8):
        made.set_epoch(epoch)
        assert made(range(len(made)))["input_ids"].shape[1] <= 40


def _epoch(made, epoch: int, tokenizer) -> list[str]:  # noqa: F811
    made.set_epoch(epoch)
    return [text for pair in split_pairs(made(range(len(made))), tokenizer) for text in pair]


def test_texts_without_two_parts_are_left_out(tokenizer, plan: Plan) -> None:  # noqa: F811
    made = batches(tokenizer, ["cat", "", "good film"], plan, next_sentence=True)
    assert made.rows.tolist() == [2]
    batch = made([0])  # no other text has a part: nothing wrong to draw
    assert batch["next_sentence_label"].tolist() == [0]
    with pytest.raises(LabError, match="could be hidden"):
        batches(tokenizer, ["cat", "dog"], plan, next_sentence=True)


def test_albert_learns_the_order(plan: Plan, tmp_path: Path) -> None:  # noqa: F811
    from transformers import AutoTokenizer

    folder = family_folder("albert", "pre-training", tmp_path / "albert")
    tokenizer = AutoTokenizer.from_pretrained(folder)  # noqa: F811
    made = batches(tokenizer, TEXTS, plan, next_sentence=True, max_length=64)
    batch = made(range(30))
    assert set(batch["sentence_order_label"].tolist()) == {0, 1}
    pairs = zip(split_pairs(batch, tokenizer), batch["sentence_order_label"].tolist(), strict=True)
    for number, ((one, two), label) in enumerate(pairs, start=10):
        expected = (f"the cat {number} sat on a mat.", f"the dog {number} was playing.")
        assert (one, two) == (expected[::-1] if label else expected)
    run, state = train_here(dataclasses.replace(plan, model=str(folder), next_sentence=True, epochs=0.5, max_length=40))
    assert state == "finished"
    assert run.metrics()["next_sentence_pairs"] > 0


@pytest.mark.parametrize("family", ["distilbert", "roberta", "electra"])
def test_families_without_pairs_are_refused(plan: Plan, tmp_path: Path, family: str) -> None:  # noqa: F811
    folder = family_folder(family, "masked-lm", tmp_path / family)
    with pytest.raises(LabError, match=f"family {family} have no head") as caught:
        train_here(dataclasses.replace(plan, model=str(folder), next_sentence=True))
    assert "BERT or an ALBERT" in caught.value.remedy


@pytest.mark.parametrize("family", ["distilbert", "roberta", "electra", "albert"])
def test_every_family_learns_masked_language(plan: Plan, tmp_path: Path, family: str) -> None:  # noqa: F811
    import transformers

    folder = family_folder(family, "masked-lm", tmp_path / family)
    run, _ = train_here(dataclasses.replace(plan, model=str(folder), epochs=0.5, whole_words=family == "roberta"))
    network, report = transformers.AutoModelForMaskedLM.from_pretrained(run.path / "model", output_loading_info=True)
    assert not report["missing_keys"]
    assert network.get_output_embeddings().weight is network.get_input_embeddings().weight


def test_a_pre_training_run_opens_everywhere(plan: Plan) -> None:  # noqa: F811
    import transformers

    from core.explore.fill_mask.next_sentence import has_next_sentence
    from core.models.loading import MASKED_LM, open_model

    run, _ = train_here(dataclasses.replace(plan, next_sentence=True, from_scratch=True, max_length=40))
    metrics = run.metrics()
    assert 0 <= metrics["next_sentence_accuracy"] <= 1
    model = open_model(run.id)
    assert model.task == MASKED_LM
    assert has_next_sentence(model)
    folder = run.path / "model"
    network, report = transformers.AutoModelForPreTraining.from_pretrained(folder, output_loading_info=True)
    assert type(network).__name__ == "BertForPreTraining"
    assert not report["missing_keys"]
    assert len(transformers.pipeline("fill-mask", model=str(folder))("the [MASK] sat.")) == 5
