"""Masked language: windows, masks, scores against transformers, exact continuation, tied weights."""

import csv
import dataclasses
import random
from pathlib import Path

import numpy as np
import pytest

from core.errors import LabError
from core.runs.folder import create_run
from core.training.plan.plan import Plan
from tests.tiny_training import same_weights, stop_at, train_here, weights

SENTENCES = ("the cat sat on the mat.", "the dog was playing on the mat.", "a good film was not bad.")


def write_texts(path: Path, rows: int = 40, *, seed: int = 0) -> Path:
    """Texts of one to four sentences out of three, so that what is hidden can be learned."""
    chance = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text"])
        for row in range(rows):
            writer.writerow([" ".join(chance.choice(SENTENCES) for _ in range(chance.randint(1, 4))) + f" {row}"])
    return path


@pytest.fixture
def plan(tmp_path: Path, tiny_model_folder: Path) -> Plan:
    return Plan(
        data=str(write_texts(tmp_path / "texts.csv")), text_column="text", task="masked-language",
        model=str(tiny_model_folder), epochs=2.0, batch_size=8, learning_rate=3e-3, max_length=24, precision="fp32",
        checkpoint_seconds=0.0,
    )  # fmt: skip


@pytest.fixture
def tokenizer(tiny_model_folder: Path):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_model_folder)


def batches(tokenizer, texts, plan: Plan, **changes):
    from core.training.batches.examples import Rows
    from core.training.tasks import task_of

    rows = Rows(range(len(texts)), texts, ())
    return task_of("masked-language").encode(tokenizer, rows, dataclasses.replace(plan, **changes))


def unhidden(batch) -> list[list[int]]:
    """The ids of a batch with what was hidden put back, without padding."""
    ids = batch["labels"].where(batch["labels"] >= 0, batch["input_ids"])
    return [row[mask.bool()].tolist() for row, mask in zip(ids, batch["attention_mask"], strict=True)]


def test_windows_lose_nothing(tokenizer, plan: Plan) -> None:
    texts = ["the cat sat on the mat . " * 9, "the cat", "", "a very good film"]
    made = batches(tokenizer, texts, plan, max_length=16)
    assert made.cut_count == 0
    assert made.rows.tolist() == [0, 0, 0, 0, 0, 1, 3]  # 63 tokens, 14 a window; the empty text has none
    assert made.lengths.max() == 16
    shown = unhidden(made(range(len(made))))
    assert all(row[0] == tokenizer.cls_token_id and row[-1] == tokenizer.sep_token_id for row in shown)
    for number, text in enumerate(texts):
        inner = [token for row, owner in zip(shown, made.rows, strict=True) if owner == number for token in row[1:-1]]
        assert inner == tokenizer(text, add_special_tokens=False)["input_ids"]


def test_masks_depend_on_seed_epoch_and_position_alone(tokenizer, plan: Plan) -> None:
    texts = [f"the cat sat on mat {i} and was very good" for i in range(10, 40)]  # all of one length
    made, again = batches(tokenizer, texts, plan), batches(tokenizer, texts, plan)

    def drawn(source, positions) -> list[tuple]:
        batch = source(positions)
        return [
            (tuple(i), tuple(t)) for i, t in zip(batch["input_ids"].tolist(), batch["labels"].tolist(), strict=True)
        ]

    held_out = drawn(made, range(30))
    assert drawn(again, range(30)) == held_out == drawn(made, range(30))
    assert drawn(made, [7, 3]) == [held_out[7], held_out[3]]
    made.set_epoch(0)
    first = drawn(made, range(30))
    made.set_epoch(1)
    second = drawn(made, range(30))
    assert len({*held_out, *first, *second}) == 90
    made.set_epoch(0)
    assert drawn(made, range(30)) == first
    assert drawn(batches(tokenizer, texts, plan, seed=1), range(30)) != held_out


def test_a_card_that_pads_to_eight_draws_the_same(tokenizer, plan: Plan) -> None:
    from core.training.batches.examples import Rows
    from core.training.tasks import task_of

    rows = Rows(range(2), ["the cat sat on the mat", "a dog"], ())
    plain, padded = (task_of("masked-language").encode(tokenizer, rows, plan, multiple=each) for each in (1, 8))
    one, other = plain([0, 1]), padded([0, 1])
    assert other["labels"].shape == (2, 8)
    size = one["labels"].shape[1]
    assert all((one[name] == other[name][:, :size]).all() for name in one)
    assert (other["labels"][:, size:] == -100).all()


def test_tokens_are_hidden_by_the_rule_and_special_ones_never(tokenizer, plan: Plan) -> None:
    text = "the cat sat on [MASK] mat \N{GRINNING FACE} and [SEP] the dog was very good here"
    made = batches(tokenizer, [text] * 2000, plan, max_length=64)
    batch = made(range(2000))
    ids = tokenizer(text)["input_ids"]
    special = np.isin(ids, tokenizer.all_special_ids)
    assert special.sum() == 5  # [CLS], [MASK], [UNK], and [SEP] twice
    labels = batch["labels"].numpy()
    assert (labels[:, special] == -100).all()
    ordinary, shown = labels[:, ~special], batch["input_ids"].numpy()[:, ~special]
    drawn = ordinary != -100
    assert drawn.any(axis=1).all()
    assert drawn.mean() == pytest.approx(0.15 / (1 - 0.85 ** drawn.shape[1]), abs=0.01)  # given that one is drawn
    assert (shown[~drawn] == np.broadcast_to(np.array(ids)[~special], shown.shape)[~drawn]).all()
    assert (shown[drawn] == tokenizer.mask_token_id).mean() == pytest.approx(0.8, abs=0.03)
    assert (shown[drawn] == ordinary[drawn]).mean() == pytest.approx(0.1, abs=0.03)


def test_whole_words_are_hidden_together_and_chinese_characters_are_words(tmp_path: Path, plan: Plan) -> None:
    from transformers import BertTokenizerFast

    vocabulary = tmp_path / "vocab.txt"
    vocabulary.write_text(
        "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nplay\n##ing\n##ed\ncat\n天\n气\n很\n好\n", encoding="utf-8"
    )
    tokenizer = BertTokenizerFast(vocab=str(vocabulary))
    made = batches(tokenizer, ["playing played cat 天气很好"] * 500, plan, whole_words=True)
    batch = made(range(500))
    drawn = batch["labels"].numpy() != -100
    assert (drawn[:, 1] == drawn[:, 2]).all()
    assert (drawn[:, 3] == drawn[:, 4]).all()
    assert (drawn[:, 1] != drawn[:, 3]).any()
    assert all((drawn[:, one] != drawn[:, one + 1]).any() for one in (6, 7, 8))
    assert (batch["input_ids"].numpy()[drawn] == tokenizer.mask_token_id).all()
    assert drawn[:, 1].mean() == pytest.approx(0.15 / (1 - 0.85**7), abs=0.06)


def test_a_short_text_has_always_something_to_guess(tokenizer, plan: Plan) -> None:
    made = batches(tokenizer, ["cat", "\N{GRINNING FACE}", "dog"], plan, mask_share=0.01)
    assert made.rows.tolist() == [0, 2]  # unknown tokens are nothing to guess
    assert ((made([0, 1])["labels"] >= 0).sum(dim=1) == 1).all()
    with pytest.raises(LabError, match="could be hidden"):
        batches(tokenizer, ["", "\N{GRINNING FACE}"], plan)


@pytest.mark.parametrize("next_sentence", [False, True])
def test_scores_equal_transformers_loss(tiny_model_folder: Path, tokenizer, plan: Plan, next_sentence: bool) -> None:
    import torch
    import transformers

    from core.training.run.scoring import outputs_of
    from core.training.tasks import task_of

    kind = transformers.AutoModelForPreTraining if next_sentence else transformers.AutoModelForMaskedLM
    transformers.utils.logging.set_verbosity_error()
    torch.manual_seed(0)
    network = kind.from_pretrained(tiny_model_folder).eval()
    texts = [f"the cat sat on mat {i}. a very good film" for i in range(20)]
    made = batches(tokenizer, texts, plan, next_sentence=next_sentence)
    task = task_of("masked-language")
    scores = task.quick_scores(outputs_of(network, made, task.outputs), made, None, ())
    batch = made(range(len(made)))
    with torch.inference_mode():
        output = network(**batch)
    expected, right = output.loss.item(), batch["labels"] >= 0
    logits = output.prediction_logits if next_sentence else output.logits
    if next_sentence:
        pairs = torch.nn.functional.cross_entropy(output.seq_relationship_logits, batch["next_sentence_label"])
        expected -= pairs.item()
        judged = output.seq_relationship_logits.argmax(-1) == batch["next_sentence_label"]
        assert scores["next_sentence_accuracy"] == pytest.approx(judged.float().mean().item())
    assert scores["loss"] == pytest.approx(expected, abs=1e-4)
    assert scores["perplexity"] == pytest.approx(np.exp(scores["loss"]))
    ranks = (logits[right] > logits[right].gather(1, batch["labels"][right][:, None])).sum(1)
    assert scores["masked_accuracy"] == pytest.approx((ranks == 0).float().mean().item())
    assert scores["masked_top5"] == pytest.approx((ranks < 5).float().mean().item())


def test_a_run_learns_and_opens_everywhere(plan: Plan, tmp_path: Path) -> None:
    import transformers

    from core.explore.fill_mask.fill_mask import fill_mask
    from core.models.loading import MASKED_LM, open_model

    easy = tmp_path / "easy.csv"
    easy.write_text("text\n" + "".join(f"the cat sat on the mat {i} the dog was playing\n" for i in range(80)), "utf-8")
    run, state = train_here(
        dataclasses.replace(
            plan, data=str(easy), epochs=12.0, learning_rate=5e-3, mask_share=0.3, evaluations_per_epoch=1
        )
    )
    assert state == "finished"
    metrics = run.metrics()
    assert metrics["masked_accuracy"] > metrics["majority_accuracy"] + 0.2
    assert metrics["masked_top5"] >= metrics["masked_accuracy"]
    assert metrics["perplexity"] == pytest.approx(np.exp(metrics["loss"]))
    assert metrics["rows"] == 8
    losses = [event["loss"] for event in run.events() if event["kind"] == "evaluation"]
    assert losses[-1] < losses[0] - 0.5
    with (run.path / "evaluation" / "predictions.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [int(line["row"]) for line in lines] == run.row_ids()["test"]
    assert sum(int(line["hidden"]) for line in lines) == metrics["masked_pieces"]
    loss = sum(int(line["hidden"]) * float(line["loss"]) for line in lines)
    assert loss / metrics["masked_pieces"] == pytest.approx(metrics["loss"], abs=1e-5)
    model = open_model(run.id)
    assert model.task == MASKED_LM
    assert fill_mask(model, "the cat sat on the [MASK].")
    folder = str(run.path / "model")
    assert type(transformers.AutoModelForMaskedLM.from_pretrained(folder)).__name__ == "BertForMaskedLM"
    guesses = transformers.pipeline("fill-mask", model=folder)("the [MASK] sat on the mat.")
    assert guesses[0]["token_str"] == "cat"


@pytest.mark.parametrize(
    "changes",
    [
        {"next_sentence": True},
        pytest.param({}, marks=pytest.mark.slow),
        pytest.param({"whole_words": True, "evaluations_per_epoch": 1}, marks=pytest.mark.slow),
    ],
)
def test_stopped_and_resumed_equals_uninterrupted(plan: Plan, monkeypatch: pytest.MonkeyPatch, changes: dict) -> None:
    plan = dataclasses.replace(plan, **changes)
    whole, _ = train_here(plan)
    steps = [event["step"] for event in whole.events() if event["kind"] == "train"][-1]
    for stop in (2, steps - 2) if not changes else (steps - 2,):  # in the first epoch, in the second
        with monkeypatch.context() as patch:
            stop_at(patch, stop)
            run, state = train_here(plan)
        assert state == "stopped"
        (run.path / "STOP").unlink()
        assert train_here(plan, run)[1] == "finished"
        assert same_weights(whole, run)
        for kind in ("train", "evaluation"):
            ours, theirs = ([e["loss"] for e in each.events() if e["kind"] == kind] for each in (run, whole))
            assert ours == theirs
        assert run.metrics() == whole.metrics()


def test_the_best_weights_are_the_model_and_stay_tied(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    import transformers
    from safetensors.torch import load_file

    from core.training.tasks.masked_language import MaskedLanguage

    def score(values: list[float]) -> None:
        left = iter(values)
        monkeypatch.setattr(MaskedLanguage, "quick_scores", lambda *_: {"loss": 1.0, "masked_accuracy": next(left)})

    every = schedule_of(plan).evaluate_every
    score([0.2, 0.9])
    run = create_run(plan.to_yaml())
    with monkeypatch.context() as patch:
        stop_at(patch, 2 * every)  # the second evaluation is the best, and the run stops there
        assert train_here(plan, run)[1] == "stopped"
    best = load_file(run.path / "checkpoints" / f"step-{2 * every}" / "model.safetensors")
    (run.path / "STOP").unlink()
    score([0.4, 0.1])
    with monkeypatch.context() as patch:
        stop_at(patch, 2 * every + 1)  # here the best is no longer the newest
        assert train_here(plan, run)[1] == "stopped"
    (run.path / "STOP").unlink()
    score([0.4, 0.1, 0.3])  # the last is the starting model's
    assert train_here(plan, run)[1] == "finished"
    assert run.metrics()["before"] == {"loss": 1.0, "masked_accuracy": 0.3}
    saved = weights(run)
    assert saved.keys() == best.keys()
    assert all(torch.equal(best[name], value) for name, value in saved.items())
    network = transformers.AutoModelForMaskedLM.from_pretrained(run.path / "model")
    embeddings = network.get_input_embeddings().weight
    assert network.get_output_embeddings().weight is embeddings
    assert torch.equal(embeddings, best["bert.embeddings.word_embeddings.weight"])


def schedule_of(plan: Plan):
    from transformers import AutoTokenizer

    from core.training.estimate.estimate import schedule
    from core.training.run.prepare import prepare
    from core.training.tasks import task_of

    task = task_of(plan.task)
    rows = prepare(plan, task).train
    return schedule(plan, len(task.encode(AutoTokenizer.from_pretrained(plan.model), rows, plan)))


def test_from_scratch_begins_with_random_weights(plan: Plan) -> None:
    import torch
    from safetensors.torch import load_file

    slow = dataclasses.replace(plan, epochs=0.2, learning_rate=1e-8)
    continued, fresh = (train_here(dataclasses.replace(slow, from_scratch=each))[0] for each in (False, True))
    start = load_file(Path(plan.model) / "model.safetensors")
    name = "bert.encoder.layer.0.attention.self.query.weight"
    assert torch.allclose(weights(continued)[name], start[name], atol=1e-5)
    assert weights(fresh)[name].shape == start[name].shape
    assert not torch.allclose(weights(fresh)[name], start[name], atol=1e-2)
    assert same_weights(fresh, train_here(dataclasses.replace(slow, from_scratch=True))[0])


def test_corrections_belong_to_the_training_file(plan: Plan, tmp_path: Path) -> None:
    from core.data.dataset.edits import Edits
    from core.data.decisions.preparation import Preparation
    from core.data.sources.references import open_table
    from core.training.run.prepare import prepare
    from core.training.tasks import task_of

    table = open_table(plan.data)
    edits = Edits(table.content_hash).set(table, 0, "text", "the cat was corrected")
    corrected = Preparation(edits=edits).to_json()
    test = write_texts(tmp_path / "test.csv", 5, seed=9)
    prepared = prepare(dataclasses.replace(plan, preparation=corrected, test_data=str(test)), task_of(plan.task))
    assert len(prepared.test) == 5
    assert "the cat was corrected" in (*prepared.train.texts, *prepared.validation.texts)
