"""Vectors, maps and neighbours. Oracles: the network itself, scikit-learn, SciPy, fill_mask, hand cases."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import orthogonal_procrustes
from sklearn.decomposition import PCA
from sklearn.metrics.pairwise import cosine_similarity

from core import LabError, fill_mask, open_model, tokenize, trace
from core.charts.attention import cosine_heatmap
from core.charts.curves import lines_by_layer
from core.charts.scatter import MOST_LABELS, data_map, token_map
from core.charts.style import SVG_POINTS
from core.explore.embeddings import dataset_map, neighbours, vectors
from core.explore.embeddings import store as store
from core.explore.embeddings.projection import align, project, project_layers
from core.explore.embeddings.vectors import Place, embed, place_vectors, places, pool, sentence_vectors, tokenize_all
from core.models.layer_names import state_name
from core.models.loading import load_for_training
from tests.families import FAMILIES, family_folder

TEXTS = ["the cat sat on the mat", "a", "the dog was not very good and the film was bad", "play"]
EVIL = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def model():
    return open_model("builtin")


@pytest.fixture(scope="module")
def tiny(tiny_model_folder):
    return open_model(str(tiny_model_folder))


@pytest.fixture(scope="module")
def cloud() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(40, 12)) * np.arange(1, 13)


def states_of(model, text: str, pair: str | None = None) -> torch.Tensor:
    """(layer + 1, pos, hidden), asked of transformers directly."""
    encoded = model.tokenizer(text, pair, return_tensors="pt")
    with torch.inference_mode():
        return torch.stack(model.network.base_model(**encoded, output_hidden_states=True).hidden_states)[:, 0]


# Vectors


@pytest.mark.parametrize("head", ["masked-lm", "sequence-classification"])
@pytest.mark.parametrize("family", FAMILIES)
def test_batches_of_texts_equal_single_texts_in_every_family(family: str, head: str, tmp_path):
    model = open_model(str(family_folder(family, head, tmp_path)))
    found = embed(model, TEXTS)
    assert found.vectors.shape == (model.layers + 1, len(TEXTS), 24)
    for number, text in enumerate(TEXTS):
        alone = states_of(model, text)
        np.testing.assert_allclose(found.vectors[:, number], alone.mean(1).numpy(), atol=1e-5)
        first = embed(model, TEXTS, pooling="cls", layers=[1]).vectors[0, number]
        np.testing.assert_allclose(first, alone[1, 0].numpy(), atol=1e-5)
    traced = sentence_vectors(trace(model, tokenize_all(model, TEXTS)))
    np.testing.assert_allclose(traced, found.vectors, atol=1e-5)


def test_the_mean_ignores_padding_by_hand():
    hidden = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [1e6, -1e6]]])
    mask = torch.tensor([[1, 1, 0]])
    assert pool(hidden, mask, "mean").tolist() == [[2.0, 3.0]]
    assert pool(hidden, mask, "cls").tolist() == [[1.0, 2.0]]
    with pytest.raises(LabError, match="no pooling"):
        pool(hidden, mask, "max")


def test_pairs_and_progress_and_cutting(tiny):
    heard = []
    found = embed(tiny, ["the cat", "a " * 90], ["sat", "mat"], max_length=16, on_progress=heard.append)
    np.testing.assert_allclose(found.vectors[:, 0], states_of(tiny, "the cat", "sat").mean(1).numpy(), atol=1e-5)
    assert found.cut_count == 1
    assert heard == sorted(heard)
    assert heard[-1] == 1


@pytest.mark.parametrize(
    ("texts", "options", "problem"),
    [
        (["a"], {"layers": [9]}, r"no hidden_states\[9\]"),
        (["a"], {"pairs": []}, "1 texts but 0 second"),
        (["a\ud800"], {}, "half a character"),
    ],
)
def test_what_cannot_be_read_is_refused(tiny, texts, options, problem):
    with pytest.raises(LabError, match=problem):
        embed(tiny, texts, **options)


def test_no_text_gives_no_vectors(tiny):
    assert embed(tiny, []).vectors.shape == (3, 0, 32)
    with pytest.raises(LabError, match="no text"):
        tokenize_all(tiny, [])


def test_words_are_the_mean_of_their_tokens(model):
    tokens = tokenize_all(model, ["an unaffable cat", "cats"])
    t = trace(model, tokens)
    words = places(tokens, whole_words=True)
    assert [(word.text, word.name) for word in words] == [(0, "an"), (0, "unaffable"), (0, "cat"), (1, "cats")]
    alone = states_of(model, "an unaffable cat")
    np.testing.assert_allclose(place_vectors(t, words)[:, 1], alone[:, 2:5].mean(1).numpy(), atol=1e-5)
    each_token = places(tokens, with_special=True)
    assert [place.name for place in each_token] == [*tokens[0].tokens, *tokens[1].tokens]
    assert place_vectors(t, each_token).shape == (7, len(each_token), 384)
    assert place_vectors(t, ()).shape == (7, 0, 384)


def test_sentences_are_lines_and_counted_when_left_out():
    assert vectors.sentences(" one \n\n two") == (("one", "two"), 0)
    assert vectors.sentences("x\n" * 20)[1] == 20 - vectors.MOST_SENTENCES


def test_rows_are_drawn_once_and_for_all():
    rows = vectors.sample_rows(1000, 50)
    assert rows == vectors.sample_rows(1000, 50) == sorted(set(rows))
    assert len(rows) == 50
    assert vectors.sample_rows(3, 50) == [0, 1, 2]


# Projection


@pytest.mark.parametrize("shape", [(40, 12), (5, 200), (3000, 300)])
def test_pca_equals_scikit_learns_up_to_sign(shape):
    points = np.random.default_rng(1).normal(size=shape) * np.linspace(1, 3, shape[1])
    found, oracle = project(points, "PCA"), PCA(2, svd_solver="full").fit(points)
    expected = oracle.transform(points)
    expected *= np.sign((expected * found.points).sum(0))
    np.testing.assert_allclose(found.points, expected, atol=1e-6)
    np.testing.assert_allclose(found.explained, oracle.explained_variance_ratio_, rtol=1e-6)


@pytest.mark.parametrize("points", [np.ones((1, 4)), np.ones((6, 4)), np.eye(2), np.zeros((3, 1))])
def test_pca_of_next_to_nothing(points):
    found = project(points, "PCA")
    assert found.points.shape == (len(points), 2)
    assert np.isfinite(found.points).all()
    assert all(0 <= share <= 1 for share in found.explained)


@pytest.mark.parametrize("method", ["t-SNE", "UMAP"])
def test_neighbours_stay_together_and_a_seed_gives_one_map(method: str):
    random = np.random.default_rng(0)
    centres = np.repeat(np.eye(3, 20) * 10, 8, axis=0)
    vectors = centres + random.normal(size=centres.shape) * 0.1
    found = project(vectors, method, seed=3).points
    np.testing.assert_array_equal(found, project(vectors, method, seed=3).points)
    assert not np.array_equal(found, project(vectors, method, seed=4).points)
    group = np.arange(24) // 8
    distances = np.linalg.norm(found[:, None] - found[None], axis=-1) + np.eye(24) * 1e9
    assert (group[distances.argmin(1)] == group).all()
    with pytest.raises(LabError, match="at least 5 points"):
        project(vectors[:4], method)
    for small in (vectors[:5], np.ones((7, 4))):
        assert np.isfinite(project(small, method).points).all()


def test_unknown_methods_and_nothing_are_refused(cloud):
    with pytest.raises(LabError, match="no projection"):
        project(cloud, "LDA")
    with pytest.raises(LabError, match="nothing to draw"):
        project(np.zeros((0, 4)), "PCA")


def test_alignment_is_orthogonal_procrustes(cloud):
    points = cloud[:, :2]
    angle = 0.7
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]) @ np.diag([1, -1])
    np.testing.assert_allclose(align(points @ turn, points), points, atol=1e-9)
    other = cloud[:, 2:4]
    expected = other @ orthogonal_procrustes(other, points)[0]
    np.testing.assert_allclose(align(other, points), expected, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(align(other, points), axis=1), np.linalg.norm(other, axis=1))


def test_layers_that_differ_by_a_turn_alone_stand_still(cloud):
    turn, _ = np.linalg.qr(np.random.default_rng(5).normal(size=(12, 12)))
    heard = []
    maps = project_layers(np.stack([cloud, cloud @ turn, cloud * 3]), "PCA", on_progress=heard.append)
    for layer in maps.points[1:]:
        np.testing.assert_allclose(layer, maps.points[0], atol=1e-6)
    np.testing.assert_allclose((maps.points**2).sum(2).mean(1), 1)
    assert heard[-1] == 1


# Neighbours


def test_cosines_equal_scikit_learns_and_hand_cases(cloud):
    np.testing.assert_allclose(neighbours.cosine_matrix(cloud), cosine_similarity(cloud), atol=1e-12)
    assert neighbours.cosine_matrix(np.array([[3, 4], [4, 3], [0, 0]])).tolist() == [
        [pytest.approx(1), pytest.approx(0.96), 0],
        [pytest.approx(0.96), pytest.approx(1), 0],
        [0, 0, 0],
    ]
    np.testing.assert_allclose(
        neighbours.cosines(cloud[:3], cloud[3:6]), cosine_similarity(cloud)[[0, 1, 2], [3, 4, 5]]
    )


def test_most_alike_looks_past_equal_names():
    values = np.array([[1, 0.9, 0.2], [0.9, 1, 0.3], [0.2, 0.3, 1]])
    assert neighbours.most_alike(values, ["the", "The", "cat"]) == (1, 2)
    assert neighbours.most_alike(values, ["a", "a", "a"]) is None


def test_one_word_in_several_sentences(model):
    texts = ["The bank of the river.", "The Bank lends money.", "A bank."]
    t = trace(model, tokenize_all(model, texts))
    found = neighbours.word_in_contexts(t, " BANK ")
    assert [place.text for place in found.places] == [0, 1, 2]
    assert found.pairs == ((0, 1), (0, 2), (1, 2))
    first, second = states_of(model, texts[0])[:, 2].numpy(), states_of(model, texts[1])[:, 2].numpy()
    expected = [cosine_similarity(a[None], b[None])[0, 0] for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(found.cosines[:, 0], expected, atol=1e-5)
    assert found.cosines[0].min() > 0.9
    with pytest.raises(LabError, match="stands in 1 of the two"):
        neighbours.word_in_contexts(t, "river")
    assert neighbours.repeated_words(t.texts) == ("bank", "the", ".")


def test_the_baseline_is_of_different_texts_and_seeded(tiny):
    t = trace(tiny, tokenize_all(tiny, ["the cat", "a dog sat"]))
    found = neighbours.random_pair_cosines(t, pairs=200)
    assert found.shape == (3, 200)
    np.testing.assert_array_equal(found, neighbours.random_pair_cosines(t, pairs=200))
    vectors = place_vectors(t, places(t.texts))
    own = [place.text for place in places(t.texts)]
    for layer in range(3):
        whole = neighbours.cosine_matrix(vectors[layer])
        possible = whole[np.ix_(np.array(own) == 0, np.array(own) == 1)].ravel()
        assert np.abs(found[layer][:, None] - possible).min(1).max() < 1e-6
    with pytest.raises(LabError, match="no two texts"):
        neighbours.random_pair_cosines(trace(tiny, [tokenize(tiny, "the cat")]))


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_the_baseline_of_whole_texts(tiny, pooling: str):
    t = trace(tiny, tokenize_all(tiny, ["the cat", "a dog sat"]))
    found = neighbours.random_pair_cosines(t, pooling=pooling, pairs=5)
    first, second = np.moveaxis(sentence_vectors(t, pooling), 1, 0)  # (layer + 1, hidden) each
    np.testing.assert_allclose(found, np.repeat(neighbours.cosines(first, second)[:, None], 5, axis=1), atol=1e-6)


@pytest.mark.parametrize("word", ["bank", "paris", "seven"])
def test_the_nearest_entry_to_a_word_is_itself(model, word: str):
    found = neighbours.nearest_tokens(model, model.tokenizer.convert_tokens_to_ids(word), top_k=8)
    assert found[0] == (word, pytest.approx(1, abs=1e-5))
    assert [value for _, value in found] == sorted((value for _, value in found), reverse=True)
    table = model.network.get_input_embeddings().weight.numpy()
    ids = model.tokenizer.convert_tokens_to_ids([name for name, _ in found])
    np.testing.assert_allclose(
        [value for _, value in found], cosine_similarity(table[ids[:1]], table[ids])[0], atol=1e-5
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_the_last_lens_is_the_models_own_prediction(family: str, tmp_path):
    model = open_model(str(family_folder(family, "masked-lm", tmp_path)))
    mask = model.tokenizer.mask_token
    text = f"the {mask} sat"
    t = trace(model, tokenize_all(model, [text]))
    position = t.texts[0].tokens.index(mask)
    guesses = neighbours.logit_lens_at(model, t, Place(0, (position,), mask), t.layers, top_k=6)
    (expected,) = fill_mask(model, text, top_k=6)
    assert [value for _, value in guesses] == pytest.approx([value for _, value in expected], abs=1e-6)
    token_id = t.texts[0].ids[position]
    assert neighbours.nearest_tokens(model, token_id)[0][1] == pytest.approx(1, abs=1e-5)


def test_F05_no_head_no_lens(tiny_model_folder, tmp_path):
    network, tokenizer = load_for_training(str(tiny_model_folder), task="sequence-classification", labels=("no", "yes"))
    network.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    model = open_model(str(tmp_path))
    t = trace(model, tokenize_all(model, ["the cat"]))
    with pytest.raises(LabError, match="no masked-language head") as caught:
        neighbours.logit_lens_at(model, t, Place(0, (1,), "the"), 1)
    assert "built-in" in caught.value.remedy


# What is remembered


def test_a_map_is_remembered_to_the_last_bit(tiny):
    stages = []
    made = dataset_map.text_map(tiny, TEXTS, layer=2, on_progress=lambda stage, share: stages.append(stage))
    again = dataset_map.text_map(tiny, TEXTS, layer=2, on_progress=lambda stage, share: stages.append("again"))
    assert (made.remembered, again.remembered) == (False, True)
    np.testing.assert_array_equal(made.points, again.points)
    assert made.explained == again.explained
    assert stages == ["reading", "projecting"]
    np.testing.assert_array_equal(made.points, project(embed(tiny, TEXTS, layers=[2]).vectors[0], "PCA").points)


def test_one_pass_serves_every_layer(tiny):
    stages = []
    for layer in range(3):
        found = dataset_map.text_map(tiny, TEXTS, layer=layer, on_progress=lambda stage, share: stages.append(stage))
        assert found.cut_count == 0
    assert stages.count("reading") == 1
    assert stages.count("projecting") == 3


@pytest.mark.parametrize(
    "change",
    [
        {"texts": [*TEXTS[:3], "other"]},
        {"pairs": TEXTS},
        {"layer": 1},
        {"pooling": "cls"},
        {"max_length": 5},
        {"seed": 1},
    ],
)
def test_another_question_gets_its_own_map(tiny, change: dict):
    settings = {"texts": TEXTS, "pairs": None, "layer": 2}
    dataset_map.text_map(tiny, **settings)
    assert not dataset_map.text_map(tiny, **(settings | change)).remembered


def test_a_model_with_other_weights_gets_its_own_map(tiny, tmp_path):
    other = open_model(str(family_folder("bert", "masked-lm", tmp_path)))
    assert tiny.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    "damage", ["empty", "halved", "flipped", "no note", "broken note", "another's note", "a folder"]
)
def test_damaged_files_are_computed_anew(tiny, damage: str):
    made = dataset_map.text_map(tiny, TEXTS, layer=2)
    files = sorted(store.folder().glob("*.npy"))
    assert len(files) == 4  # three layers, one map
    for file in files:
        content, note = file.read_bytes(), file.with_suffix(".json")
        if damage == "empty":
            file.write_bytes(b"")
        elif damage == "halved":
            file.write_bytes(content[: len(content) // 2])
        elif damage == "flipped":
            file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        elif damage == "no note":
            note.unlink()
        elif damage == "broken note":
            note.write_text('{"sha256": ', "utf-8")
        elif damage == "another's note":
            note.write_text('{"sha256": "0", "details": []}', "utf-8")
        else:
            file.unlink()
            file.mkdir()
    again = dataset_map.text_map(tiny, TEXTS, layer=2)
    assert not again.remembered
    np.testing.assert_array_equal(again.points, made.points)
    assert dataset_map.text_map(tiny, TEXTS, layer=2).remembered == (damage != "a folder")


def test_a_full_disk_is_no_error(tiny, monkeypatch):
    def refuse(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "write_atomically", refuse)
    assert not dataset_map.text_map(tiny, TEXTS, layer=1).remembered
    assert not dataset_map.text_map(tiny, TEXTS, layer=1).remembered


def test_the_longest_unused_are_forgotten(monkeypatch):
    monkeypatch.setattr(store, "MOST_BYTES", 3_000)
    for name in ("a", "b", "c", "d"):
        store.save(name, np.zeros(100), {})
    assert store.load("a") is None
    assert store.load("d") is not None
    assert len(list(store.folder().glob("*.npy"))) == len(list(store.folder().glob("*.json"))) == 3


def test_keys_tell_lists_apart():
    assert store.key_of(["a", "b"], []) != store.key_of(["a"], ["b"]) != store.key_of(["ab"], [])
    assert store.key_of(["a"], 1) == store.key_of(("a",), 1)


def test_what_progress_raises_ends_the_computation(tiny):
    class Cancelled(Exception):
        pass

    def cancel(stage, share):
        raise Cancelled

    with pytest.raises(Cancelled):
        dataset_map.text_map(tiny, TEXTS, layer=2, on_progress=cancel)
    assert not store.folder().exists()


# Charts


NAMES = [state_name(index) for index in range(3)]


def test_the_token_map_has_a_frame_a_layer_and_opens_where_told():
    points = np.arange(3 * 4 * 2, dtype=float).reshape(3, 4, 2)
    chart = token_map(
        points, ["a", EVIL, "c", "c"], [0, 0, 1, 1], ["one", EVIL], followed=2, layer=1, layer_names=NAMES
    )
    assert [frame.name for frame in chart.frames] == ["0", "1", "2"]
    for layer, frame in enumerate(chart.frames):
        assert list(frame.data[0].x) == points[layer, :2, 0].tolist()
        assert list(frame.data[1].y) == points[layer, 2:, 1].tolist()
        assert list(frame.data[2].x) == [points[layer, 2, 0]]
    assert list(chart.data[0].x) == points[1, :2, 0].tolist()
    assert list(chart.data[3].x) == points[:, 2, 0].tolist()
    (slider,) = chart.layout.sliders
    assert (slider.active, slider.currentvalue.prefix) == (1, "After ")
    assert [step.label for step in slider.steps] == NAMES
    assert list(chart.data[3].customdata) == NAMES
    assert "<" not in chart.data[0].text[1] + chart.data[1].name


def test_names_that_would_lie_on_others_are_left_out_but_not_the_one_that_is_followed():
    points = np.array([[[0.0, 0.0], [0.001, 0.0], [1.0, 1.0]]])
    figure = token_map(points, ["one", "two", "three"], [0, 0, 0], ["text"], followed=1, layer_names=NAMES[:1])
    assert figure.data[0].text == ("\u200b", "two", "three")  # nothing to see, but a name that can move
    assert figure.data[0].hovertext == ("one", "two", "three")


def test_the_data_map_keeps_places_and_text_is_text():
    labels = [1, 0, 1, 0]
    chart = data_map(np.arange(8.0).reshape(4, 2), [EVIL, "", "x" * 500, "b"], labels, ["no", EVIL], axes=("1", "2"))
    assert [list(trace.customdata) for trace in chart.data] == [[1, 3], [0, 2]]
    assert list(chart.data[1].x) == [0, 4]
    assert "<img" not in chart.to_json()
    assert chart.data[0].type == "scatter"
    assert max(len(note) for note in chart.data[1].hovertext) < 300


def test_many_points_are_drawn_by_webgl_and_many_labels_share_a_colour():
    count = SVG_POINTS + 1
    labels = [number % 30 for number in range(count)]
    chart = data_map(np.zeros((count, 2)), [""] * count, labels, [str(n) for n in range(30)], axes=("1", "2"))
    assert {trace.type for trace in chart.data} == {"scattergl"}
    assert len(chart.data) == MOST_LABELS
    assert chart.data[-1].name == "23 more labels"
    assert sorted(place for trace in chart.data for place in trace.customdata) == list(range(count))
    assert len(data_map(np.zeros((3, 2)), ["a"] * 3, [], [], axes=("1", "2")).data) == 1


def test_heatmap_and_lines_hold_their_values():
    values = np.array([[1, -0.5], [-0.5, 1]])
    chart = cosine_heatmap(values, ["a", EVIL])
    assert np.asarray(chart.data[0].z).tolist() == values.tolist()
    assert chart.data[0].zmin == -0.5
    assert "<" not in chart.data[0].text[0][1]
    lines = lines_by_layer(
        {EVIL: [0.5, 0.6]}, np.array([[0, 0.1, 0.2]] * 2), baseline_name="random", y_title="cosine", names=NAMES[:2]
    )
    assert list(lines.layout.xaxis.ticktext) == list(lines.data[0].text) == ["embeddings", "layer 1"]
    assert list(lines.data[0].y) == [0.5, 0.6]
    assert list(lines.data[-1].y) == [0.1, 0.1]
    assert "<" not in lines.data[0].name
