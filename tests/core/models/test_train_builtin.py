"""The script that trains the built-in model: its masks, its held-out slice, and that an interruption costs nothing."""

import dataclasses
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer, BertModel

from core import fill_mask, open_model
from scripts import train_builtin
from scripts.builtin_model import learning
from scripts.builtin_model.corpus import (
    Corpus,
    is_held_out,
    load_corpus,
    make_corpus,
    read_paragraphs,
    save_corpus,
    sentences,
)
from scripts.builtin_model.learning import Learner, Settings, learning_rate_factor, masked_loss, masked_scores
from scripts.builtin_model.windows import Masked, Shards, Vocabulary, held_out_batches, mask, token_weights
from tests.bench import cloze

SETTINGS = Settings(tokens=3_000, batch_tokens=256, learning_rate=1e-3, checkpoint_seconds=1e9, score_seconds=1e9)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small gain nothing from a second thread, and lose much beside a busy process."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two files of 1,200 and 400 paragraphs, each of one to three sentences about a number of its own."""
    folder = tmp_path_factory.mktemp("texts")
    sentence = "The {} sat on the mat. It was not {}! Film {} was very good."
    files = []
    for name, count in (("one.txt", 1_200), ("two.txt", 400)):
        lines = [" ".join(sentence.split(". ")[: i % 3 + 1]).format(i, name[:3], i) for i in range(count)]
        files.append(folder / name)
        files[-1].write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    return files


@pytest.fixture(scope="module")
def vocabulary(tiny_model_folder: Path) -> Vocabulary:
    return Vocabulary.of(train_builtin.load_tokenizer(tiny_model_folder))


@pytest.fixture(scope="module")
def corpus(texts: list[Path], tiny_model_folder: Path) -> Corpus:
    return make_corpus(train_builtin.load_tokenizer(tiny_model_folder), texts)


@pytest.fixture
def learner(corpus: Corpus, vocabulary: Vocabulary, tiny_model_folder: Path, tmp_path: Path):
    """Makes a learner whose checkpoints go to a folder of this name."""

    def make(name: str, settings: Settings = SETTINGS, **options) -> Learner:
        network = train_builtin.load_network(tiny_model_folder)
        return Learner(
            network, shards(corpus, vocabulary, seed=settings.seed), [], settings, tmp_path / name, **options
        )

    return make


def shards(corpus: Corpus, vocabulary: Vocabulary, *, seed: int = 1, mix: tuple[float, ...] = (3, 1)) -> Shards:
    return Shards(corpus, vocabulary, mix=mix, batch_tokens=256, mask_share=0.2, seed=seed, shard_tokens=2_000)


def weights_of(learner: Learner) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for weight in learner.network.parameters()])


def test_sentences_end_where_people_would_say_so() -> None:
    assert sentences('He met Mr. Brown. "Come in!" said J. R. Smith.') == [
        "He met Mr. Brown.",
        '"Come in!" said J. R. Smith.',
    ]
    assert sentences("It cost 3.50 dollars (about 3 euros). Was it much? no.") == [
        "It cost 3.50 dollars (about 3 euros).",
        "Was it much? no.",
    ]
    assert sentences("No. 5 is alive.") == ["No. 5 is alive."]
    assert sentences("No full stop") == ["No full stop"]


def test_the_corpus_holds_the_text_and_nothing_else(corpus: Corpus, texts: list[Path], tiny_model_folder: Path) -> None:
    paragraphs = [paragraph for file in texts for paragraph in read_paragraphs(file)]
    tokenizer = AutoTokenizer.from_pretrained(tiny_model_folder)
    assert corpus.ids.tolist() == tokenizer(" ".join(paragraphs), add_special_tokens=False)["input_ids"]
    assert corpus.file_paragraphs.tolist() == [1_200, 400]
    assert corpus.paragraph_sentences.sum() == len(corpus.sentence_lengths)
    assert corpus.sentence_lengths.sum() == len(corpus.ids)


@pytest.mark.parametrize("name", ["corpus.npz", "corpus.xz"])
def test_a_saved_corpus_comes_back(corpus: Corpus, tmp_path: Path, name: str) -> None:
    save_corpus(corpus, tmp_path / name)
    again = load_corpus(tmp_path / name)
    for field in dataclasses.fields(Corpus):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(corpus, field.name))


def test_training_never_sees_what_is_held_out(corpus: Corpus, vocabulary: Vocabulary, texts: list[Path]) -> None:
    paragraphs = [paragraph for file in texts for paragraph in read_paragraphs(file)]
    assert corpus.is_held_out.tolist() == [is_held_out(paragraph) for paragraph in paragraphs]
    assert 2 <= corpus.is_held_out.sum() <= 20
    made = shards(corpus, vocabulary)
    ends = np.cumsum(made._layout.paragraph_lengths)
    parts = np.split(corpus.ids, ends[:-1])
    held_out = {tuple(part) for part, kept in zip(parts, corpus.is_held_out, strict=True) if kept}
    trained = {tuple(part) for part, kept in zip(parts, corpus.is_held_out, strict=True) if not kept}
    seen = set()
    for number in range(40):  # more than two readings of either file
        for paragraph in made._paragraphs(number):
            seen.add(tuple(parts[paragraph]))
    assert seen == trained
    assert not seen & held_out
    batches = held_out_batches(corpus, vocabulary)
    scored = {window for batch in batches for window in windows_of(batch)}
    assert scored
    for window in scored:
        assert any(contains(paragraph, window) for paragraph in held_out)


def windows_of(batch: Masked) -> list[tuple[int, ...]]:
    """The texts of a batch without [CLS], [SEP] and padding."""
    lengths = batch.attention_mask.sum(1).tolist()
    return [tuple(row[1 : length - 1]) for row, length in zip(batch.clean.tolist(), lengths, strict=True)]


def contains(whole: tuple[int, ...], part: tuple[int, ...]) -> bool:
    return any(whole[i : i + len(part)] == part for i in range(len(whole) - len(part) + 1))


def test_each_file_has_its_share_and_every_reading_its_own_order(corpus: Corpus, vocabulary: Vocabulary) -> None:
    made = shards(corpus, vocabulary, mix=(1, 1))
    first_file = corpus.file_paragraphs[0]
    drawn = np.concatenate([made._paragraphs(number) for number in range(10)])
    lengths = made._layout.paragraph_lengths
    share = lengths[drawn[drawn < first_file]].sum() / lengths[drawn].sum()
    assert share == pytest.approx(0.5, abs=0.01)
    small = drawn[drawn >= first_file]
    once = int((~corpus.is_held_out[first_file:]).sum())
    assert len(set(small[:once])) == once  # all of it before any of it again
    assert small[:20].tolist() != small[once : once + 20].tolist()
    with pytest.raises(ValueError, match="a share for each of 2 files"):
        shards(corpus, vocabulary, mix=(1,))


def test_a_shard_is_the_same_whoever_makes_it(corpus: Corpus, vocabulary: Vocabulary) -> None:
    first, second = shards(corpus, vocabulary), shards(corpus, vocabulary)
    second[5]
    for ours, theirs in zip(first[3], second[3], strict=True):
        assert torch.equal(ours.ids, theirs.ids)
        assert torch.equal(ours.positions, theirs.positions)
    assert not torch.equal(shards(corpus, vocabulary, seed=2)[3][0].ids, first[3][0].ids)


def test_masks_follow_the_rule_of_bert(vocabulary: Vocabulary) -> None:
    random = np.random.default_rng(0)
    ids = random.choice(vocabulary.ordinary, (500, 40))
    ids[:, 0], ids[:, 30], ids[:, 31:] = vocabulary.cls, vocabulary.sep, vocabulary.pad
    batch = {
        "input_ids": torch.from_numpy(ids),
        "attention_mask": torch.from_numpy((ids != vocabulary.pad).astype(int)),
    }
    masked = mask(batch, vocabulary, random, share=0.15)
    clean, seen = ids.reshape(-1)[masked.positions], masked.ids.flatten()[masked.positions].numpy()
    assert len(masked.positions) == pytest.approx(0.15 * 29 * 500, rel=0.02)
    assert masked.answers.tolist() == clean.tolist()
    assert not np.isin(clean, vocabulary.special).any()
    assert (seen == vocabulary.mask).mean() == pytest.approx(0.8, abs=0.03)
    assert (seen == clean).mean() == pytest.approx(0.1, abs=0.02)
    assert not np.isin(seen[seen != vocabulary.mask], vocabulary.special).any()
    untouched = np.ones(ids.size, bool)
    untouched[masked.positions] = False
    assert (masked.ids.flatten().numpy() == ids.reshape(-1))[untouched].all()
    assert torch.equal(masked.clean, batch["input_ids"])


def test_every_text_hides_something_and_common_tokens_hide_less(corpus: Corpus, vocabulary: Vocabulary) -> None:
    weights = token_weights(corpus, vocabulary.size)
    assert weights.min() == 0.5
    assert weights.max() == 1.0
    short = torch.tensor([[vocabulary.cls, 20, 30, vocabulary.sep]] * 3_000)
    weights = np.ones(vocabulary.size)
    weights[20] = 0.5
    masked = mask({"input_ids": short, "attention_mask": torch.ones_like(short)}, vocabulary,
                  np.random.default_rng(0), share=0.1, weights=weights)  # fmt: skip
    assert len(masked.positions) == len(short)  # one each
    assert (masked.answers == 20).double().mean().item() == pytest.approx(1 / 3, abs=0.03)


def test_the_loss_at_masks_alone_is_that_of_transformers(
    corpus: Corpus, vocabulary: Vocabulary, tiny_model_folder: Path
) -> None:
    network = train_builtin.load_network(tiny_model_folder).eval()
    batch = shards(corpus, vocabulary)[0][0]
    labels = torch.full_like(batch.ids, -100)
    labels.view(-1)[batch.positions] = batch.answers
    theirs = network(batch.ids, batch.attention_mask, labels=labels)
    hidden = network.bert(batch.ids, batch.attention_mask).last_hidden_state
    torch.testing.assert_close(masked_loss(network, hidden, batch), theirs.loss)
    scores = masked_scores(network, [batch])
    asked = labels != -100
    assert scores["loss"] == pytest.approx(theirs.loss.item(), rel=1e-5)
    assert scores["top_1"] == pytest.approx((theirs.logits.argmax(-1) == labels)[asked].double().mean().item())


def test_interrupted_and_resumed_gives_the_same_weights(learner, monkeypatch: pytest.MonkeyPatch) -> None:
    through = learner("through")
    assert through.run()
    assert through.progress.tokens >= 3_000

    step = Learner._step

    def interrupt(self: Learner, batch: Masked):
        if self.progress.step == 4 and not self._stop:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, batch)

    monkeypatch.setattr(Learner, "_step", interrupt)
    stopped = learner("stopped")
    assert not stopped.run()
    monkeypatch.undo()
    again = learner("stopped")
    assert again.resume()
    assert again.progress.step == 5
    again._workers = 1  # batches made by another process are the same
    assert again.run()
    assert again.progress.step == through.progress.step
    assert torch.equal(weights_of(again), weights_of(through))
    assert not torch.equal(weights_of(stopped), weights_of(through))


def test_a_kill_costs_no_more_than_the_steps_since_the_checkpoint(learner, monkeypatch: pytest.MonkeyPatch) -> None:
    often = dataclasses.replace(SETTINGS, checkpoint_seconds=0.0)
    through = learner("through")
    through.run()
    step = Learner._step

    def die(self: Learner, batch: Masked):
        if self.progress.step == 6:
            raise KeyboardInterrupt
        return step(self, batch)

    monkeypatch.setattr(Learner, "_step", die)
    killed = learner("killed", often)
    with pytest.raises(KeyboardInterrupt):
        killed.run()
    monkeypatch.undo()
    again = learner("killed", often)
    assert again.resume()
    assert again.progress.step == 6
    again.run()
    assert torch.equal(weights_of(again), weights_of(through))
    with pytest.raises(ValueError, match="other settings"):
        learner("killed", dataclasses.replace(often, learning_rate=2e-3)).resume()


def test_a_budget_of_time_counts_no_pauses(learner, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(np.arange(0, 1e6, 0.25).tolist())
    monkeypatch.setattr(learning.time, "monotonic", lambda: next(clock) + (3_600 if paused else 0))
    paused, step = False, Learner._step

    def pause(self: Learner, batch: Masked):
        nonlocal paused
        paused = self.progress.step >= 2
        return step(self, batch)

    monkeypatch.setattr(Learner, "_step", pause)
    settings = dataclasses.replace(SETTINGS, tokens=None, seconds=20.0)
    made = learner("time", settings)
    assert made.run()
    assert made.progress.step > 10  # an hour away was 15 of the 20 seconds at most
    assert made.progress.seconds == pytest.approx(20, abs=0.5)


def test_the_learning_rate_rises_and_falls_to_nothing() -> None:
    assert [learning_rate_factor(share, 0.2) for share in (0.0, 0.1, 0.2, 0.6, 1.0)] == [0.0, 0.5, 1.0, 0.5, 0.0]


def test_training_learns_and_holding_keeps_the_sentence_embedding(learner, tiny_model_folder: Path) -> None:
    settings = dataclasses.replace(SETTINGS, tokens=8_000, hold_every=1, hold_weight=20.0)
    distances = {}
    for weight in (0.0, 20.0):
        made = learner(f"hold-{weight}", dataclasses.replace(settings, hold_weight=weight),
                       teacher=BertModel.from_pretrained(tiny_model_folder, add_pooling_layer=False))  # fmt: skip
        batches = made._shards[1_000]
        before = masked_scores(made.network, batches)["loss"]
        made.run()
        assert masked_scores(made.network, batches)["loss"] < before - 0.5
        _, distance = made._step(batches[0])
        distances[weight] = distance.item()
    assert distances[20.0] < distances[0.0] / 2


def test_cloze_counts_accepted_answers_among_the_first(tmp_path: Path) -> None:
    file = tmp_path / "prompts.tsv"
    file.write_text("prompt\taccepted\nThe [MASK] sat.\tcat|Dog\nA [MASK].\tmat\n", encoding="utf-8")
    prompts = cloze.read_prompts(file)
    given = [["film", "DOG", "cat"], ["good", "bad", "very"]]
    assert [cloze.cloze_share(prompts, given, top) for top in (1, 2, 3)] == [0.0, 0.5, 0.5]


def test_the_steps_lead_from_text_to_a_model_that_opens(
    texts: list[Path], tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("GOMP_SPINCOUNT", "1")
    monkeypatch.setattr(os, "nice", lambda increment: 0)
    start = tmp_path / "start"
    tokenizer = AutoTokenizer.from_pretrained(tiny_model_folder)
    AutoModelForMaskedLM.from_pretrained(tiny_model_folder).save_pretrained(start)
    tokenizer.backend_tokenizer.enable_truncation(9)
    tokenizer.backend_tokenizer.enable_padding(length=9)
    tokenizer.init_kwargs["max_length"] = 9
    tokenizer.save_pretrained(start)
    shutil.copyfile(tiny_model_folder / "vocab.txt", start / "vocab.txt")
    corpus, work, output = (str(tmp_path / name) for name in ("corpus.npz", "work", "model"))
    steps = [
        ["prepare", *map(str, texts), "--output", corpus, "--start", str(start)],
        ["train", corpus, "--work", work, "--start", str(start), "--tokens", "1000", "--batch-tokens", "256"],
        ["score", corpus, "--start", str(start)],
        ["export", "--work", work, "--start", str(start), "--output", output],
    ]
    assert [train_builtin.main(step) for step in steps] == [0, 0, 0, 0]
    assert {path.name for path in Path(output).iterdir()} == {path.name for path in start.iterdir()}
    assert len(fill_mask(open_model(output), "The cat [MASK] on the mat.", top_k=3)[0]) == 3
    plain = AutoModelForMaskedLM.from_pretrained(output)
    assert plain.dtype == torch.float16
    trained = learning.load_file(next(Path(work).glob("step-*")) / "network.safetensors")
    for name, weight in plain.named_parameters():
        assert torch.equal(weight, trained[name].half())
    assert plain.config.hidden_dropout_prob == 0.1
    exported = AutoTokenizer.from_pretrained(output)
    assert len(exported("the cat sat on the very good mat and was not bad")["input_ids"]) > 12
    assert len(exported("the")["input_ids"]) == 3
    assert exported.model_max_length == 512
