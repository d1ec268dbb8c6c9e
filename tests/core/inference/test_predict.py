"""Predicting: against a plain loop, one text at a time."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import LabError
from core.inference.predict import predict, predict_labels, predict_scores, task_of_model
from core.models.inference_settings import InferenceSettings, write_settings
from core.models.loading import Model, open_model
from core.reports.report import read_report
from core.runs.folder import Run
from core.tasks import SPECS


@pytest.fixture(scope="module")
def classifier(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Model:
    import torch

    from core.models.loading import load_for_training

    torch.manual_seed(1)
    labels = ("ant", "bee", "cat")
    network, tokenizer = load_for_training(str(tiny_model_folder), task="sequence-classification", labels=labels)
    torch.nn.init.normal_(network.classifier.weight, std=2.0)
    folder = tmp_path_factory.mktemp("classifier")
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return open_model(str(folder))


TEXTS = ["the cat sat", "", "good " * 40, "a", "bad film", "not very good", "dog on the mat " * 200, "the cat sat"]


@pytest.mark.parametrize("pairs", [None, ["x", "the dog", "", "play " * 30, "bad", "a", "mat", "x"]])
def test_equals_a_plain_loop(classifier: Model, pairs: list[str] | None) -> None:
    import torch

    answer = predict(classifier, TEXTS, pairs, batch_size=3)
    for i, text in enumerate(TEXTS):
        second = None if pairs is None else [pairs[i]]  # lists: a lone "" would be taken for no pair at all
        inputs = classifier.tokenizer([text], second, truncation=True, max_length=512, return_tensors="pt")
        with torch.inference_mode():
            expected = classifier.network(**inputs).logits.softmax(-1)[0].numpy()
        assert answer.probabilities[i] == pytest.approx(expected, abs=1e-5)
        assert answer.labels[i] == classifier.labels[int(expected.argmax())]
    assert answer.probabilities.sum(axis=1) == pytest.approx(1.0)
    assert answer.cut_count == 1
    assert len(set(answer.labels)) > 1


def test_no_texts_no_predictions(classifier: Model) -> None:
    answer = predict(classifier, [])
    assert answer.labels == ()
    assert answer.probabilities.shape == (0, 3)


def test_progress_counts_up_to_all(classifier: Model) -> None:
    seen: list[int] = []
    predict(classifier, TEXTS, batch_size=3, on_progress=seen.append)
    assert seen == [3, 6, 8]


def test_refusals(classifier: Model, tiny_model_folder: Path) -> None:
    with pytest.raises(LabError, match="classes"):
        predict(open_model(str(tiny_model_folder)), ["a"])
    with pytest.raises(LabError, match="second"):
        predict(classifier, ["a", "b"], ["a"])


def test_report_of_a_folder_that_is_gone(tmp_path: Path) -> None:
    report = read_report(Run(tmp_path / "gone"))
    assert (report.metrics, report.predictions, report.mistakes, report.confusion) == ({}, (), (), ())


def model_of(folder: Path, source: Path, labels: tuple[str, ...], problem_type: str | None) -> Model:
    """A model with a random head, far from uniform."""
    import torch

    from core.models.loading import load_for_training

    torch.manual_seed(2)
    network, tokenizer = load_for_training(
        str(source), task="sequence-classification", labels=labels, problem_type=problem_type
    )
    torch.nn.init.normal_(network.classifier.weight, std=2.0)
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return open_model(str(folder))


@pytest.mark.parametrize("kind", ["multi-label", "regression"])
def test_several_labels_and_scores_equal_a_plain_loop(kind: str, tiny_model_folder: Path, tmp_path: Path) -> None:
    import torch

    is_score = kind == "regression"
    labels = ("stars",) if is_score else ("ant", "bee", "cat")
    problem = "regression" if is_score else "multi_label_classification"
    model = model_of(tmp_path / kind, tiny_model_folder, labels, problem)
    assert task_of_model(model) == kind
    found = (predict_scores if is_score else predict_labels)(model, TEXTS, batch_size=3)
    assert found.cut_count == 1
    for i, text in enumerate(TEXTS):
        inputs = model.tokenizer([text], truncation=True, max_length=512, return_tensors="pt")
        with torch.inference_mode():
            logits = model.network(**inputs).logits[0]
        if is_score:
            assert found.values[i] == pytest.approx(float(logits[0]), abs=1e-4)
        else:
            expected = logits.sigmoid().numpy()
            assert found.probabilities[i] == pytest.approx(expected, abs=1e-5)
            assert found.labels[i] == tuple(name for name, chance in zip(labels, expected, strict=True) if chance > 0.5)
    with pytest.raises(LabError, match="classes"):
        predict(model, ["a"])


def test_tasks_of_one_head_and_kind_are_told_apart_by_what_the_run_has_written(
    tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = SPECS["sequence-classification"]
    monkeypatch.setitem(SPECS, "choice-of-two", replace(first, name="choice-of-two"))
    folder = tmp_path / "two"
    assert task_of_model(model_of(folder, tiny_model_folder, ("a", "b"), None)) == first.name
    for task, expected in (
        ("choice-of-two", "choice-of-two"), ("", first.name), ("of-a-later-version", first.name),
        ("question-answering", first.name),
    ):  # fmt: skip
        write_settings(folder, InferenceSettings(max_length=40, position_limit=512, task=task))
        model = open_model(str(folder))
        assert task_of_model(model) == expected
        assert set(predict(model, TEXTS).labels) <= {"a", "b"}
        with pytest.raises(LabError, match="several labels"):
            predict_labels(model, TEXTS)


def test_nothing_to_predict(tiny_model_folder: Path, tmp_path: Path) -> None:
    score = model_of(tmp_path / "score", tiny_model_folder, ("stars",), None)  # one label and no kind
    assert task_of_model(score) == "regression"
    assert predict_scores(score, []).values.shape == (0,)
    several = model_of(tmp_path / "several", tiny_model_folder, ("a", "b"), "multi_label_classification")
    assert predict_labels(several, []).labels == ()
    for wrong, work in ((score, predict_labels), (several, predict_scores)):
        with pytest.raises(LabError, match="Fine-tune"):
            work(wrong, ["a"])
