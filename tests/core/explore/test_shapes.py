"""Signatures say the shapes of tensors and arrays (jaxtyping): what comes back has them, one size for each name."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from jaxtyping import jaxtyped

from core import open_model, tokenize, trace
from core.explore.answers import answer_logits, likeliest
from core.explore.attention import ablation, attribution, summaries, weights
from core.explore.attention.head_grid import thumbnails
from core.explore.attention.selection import Selection, select
from core.explore.embeddings import neighbours, vectors
from core.explore.fill_mask.fill_mask import predict_masks
from core.explore.fill_mask.logit_lens import logit_lens
from core.explore.fill_mask.surprise import surprise
from core.explore.tokens import model_inputs
from core.explore.trace import encoder_states
from core.explore.trace_steps import join_heads, split_heads
from core.explore.walkthrough.context import WalkthroughContext
from core.explore.walkthrough.view import Focus
from core.models.loading import Model

TEXT = "the cat [MASK] sat"


@pytest.fixture(scope="module")
def model(tiny_model_folder: Path) -> Model:
    return open_model(str(tiny_model_folder))


def holds(value: Any, hint: Any) -> bool:
    """Whether a value, or each entry of a tuple, is as its hint says; hints that say no shape hold."""
    if getattr(hint, "__origin__", None) is tuple:
        return all(holds(each, hint.__args__[0]) for each in value)
    alternatives = getattr(hint, "__args__", None) or (hint,)
    with_shape = [each for each in alternatives if hasattr(each, "dim_str")]
    return not with_shape or value is None or any(isinstance(value, each) for each in with_shape)


def check(made: Any, function: Any) -> None:
    """Hold what a function made against its hint, or against those of the fields of the dataclass that it made."""
    assert holds(made, get_type_hints(function)["return"]), function.__name__
    if dataclasses.is_dataclass(made):
        for name, hint in get_type_hints(type(made)).items():
            assert holds(getattr(made, name), hint), f"{function.__name__}: {name}"


def of_one_text(model: Model) -> Iterator[tuple[Any, tuple]]:
    t = trace(model, tokenize(model, TEXT))
    inputs = model_inputs(model, t.tokens)
    yield encoder_states, (model.network, inputs)
    yield answer_logits, (model.network, model.task, inputs, [3])
    yield split_heads, (t["layer.0.joined_context"], t.heads)
    yield join_heads, (t["layer.0.query"],)
    yield weights.attention_weights, (t, 1)
    yield weights.value_norms, (t, 1)
    yield summaries.rollout, (t,)
    yield summaries.mean_over_heads, (t,)
    yield summaries.mean_over_layers, (t,)
    yield summaries.head_statistics, (t,)
    yield thumbnails, (t,)
    yield select, (t["layer.0.probabilities"], t.tokens, Selection(whole_words=True))
    yield ablation.ablate_heads, (model, t.tokens, {(0, 1)})
    yield attribution.integrated_gradients, (t, likeliest(model, t.tokens))
    yield predict_masks, (model, TEXT)
    yield logit_lens, (t, 3)
    context = WalkthroughContext(t, Focus(1, 0, 2))
    yield context.entry, ()
    yield context.last, ()
    yield context.tensor, ("layer.1.query",)
    yield context.matrix, ("layer.1.scores",)


def of_two_texts(model: Model) -> Iterator[tuple[Any, tuple]]:
    t = trace(model, [tokenize(model, TEXT), tokenize(model, "the dog")])
    yield split_heads, (t["layer.0.joined_context"], t.heads)
    yield weights.attention_weights, (t, 1)
    yield summaries.rollout, (t,)
    yield vectors.place_vectors, (t, vectors.places(t.texts))
    yield vectors.sentence_vectors, (t,)
    yield neighbours.cosine_matrix, (vectors.sentence_vectors(t)[0],)
    yield neighbours.random_pair_cosines, (t,)
    yield neighbours.word_in_contexts, (t, "the")


@pytest.mark.parametrize("calls", [of_one_text, of_two_texts])
def test_what_comes_back_has_the_shape_of_the_signature(model: Model, calls: Any):
    for function, arguments in calls(model):
        with jaxtyped("context"):
            check(function(*arguments), function)


def test_what_comes_step_by_step_has_the_shapes_of_its_fields(model: Model):
    tokens = tokenize(model, TEXT)
    t = trace(model, tokens)
    for function, arguments in (
        (ablation.ablate_each_head, (model, tokens)),
        (attribution.occlusion, (t, likeliest(model, tokens))),
        (surprise, (model, tokens)),
    ):
        for made in function(*arguments):
            with jaxtyped("context"):
                for name, hint in get_type_hints(type(made)).items():
                    assert holds(getattr(made, name), hint), f"{function.__name__}: {name}"


def test_a_wrong_shape_would_be_found(model: Model):
    t = trace(model, tokenize(model, TEXT))
    with jaxtyped("context"), pytest.raises(AssertionError, match="attention_weights"):
        check(t["layer.0.query"][0], weights.attention_weights)
