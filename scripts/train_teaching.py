"""Trains the teaching model, from nothing, on a toy language: `.venv/bin/python scripts/train_teaching.py`.

Writes weights, configuration and tokenizer into core/models/teaching/ again (its README.md is written by hand) and logs
the scores that stand in that README. Takes two to three minutes on one core. The same seed gives the same weights, bit
for bit, on the same machine with the same torch; elsewhere floating-point sums differ and so, in the end, do weights.

The language. A clause is a number word, an animal and its verb, which agree: “one dog barks”, “two dogs bark”. A
sentence is one clause, or two joined by “and”, and a full stop. WordPiece cuts “barks” and “dogs” into a stem and ##s.

The tasks, BERT's own (Devlin et al. 2019, section 3.1): bring back what is hidden, and judge a pair of sentences. Here
the judgement is whether they share an animal: class 0, which BERT calls “is next”, when they do, 1 when they do not.
"""

import argparse
import itertools
import logging
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy
from transformers import BertConfig, BertForPreTraining, BertTokenizerFast
from transformers.models.bert.modeling_bert import BertForPreTrainingOutput
from transformers.utils import logging as transformers_logging

FOLDER = Path(__file__).resolve().parent.parent / "core" / "models" / "teaching"

VERBS = {"dog": "bark", "cat": "meow", "cow": "moo", "duck": "quack"}
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
VOCABULARY = (*SPECIAL, "one", "two", *VERBS, *VERBS.values(), "##s", "and", ".")
POSITIONS = 24  # the longest pair takes 23
HELD_OUT_PAIRS = 0.25

SHARED, NOT_SHARED = 0, 1  # classes of a pair
IGNORED = -100  # the label that `cross_entropy` leaves out

HIDDEN = "hidden"  # one token, or all tokens of a word, under a mask each
STEM = "stem"  # a word of two tokens under one mask, as people type it; the answer is its stem
PLAIN = "plain"  # nothing is hidden, and each position answers with the token that stands there
_LOSS_WEIGHT = {HIDDEN: 1.0, STEM: 1.0, PLAIN: 0.3}
_SINGLES_SHARE = 3.0  # of sentences alone in a batch, against one kind of pairs: without it they are too few to count

logger = logging.getLogger("train_teaching")


@dataclass(frozen=True, slots=True)
class Settings:
    """How to train. The decay rises late: from the start it would keep the pair task from being learned at all."""

    seed: int = 1
    steps: int = 7_000
    batch_size: int = 256
    learning_rate: float = 0.02  # falls to 0 in a straight line over the last `falling` of the steps
    falling: float = 0.7
    warmup_steps: int = 100
    weight_decay: float = 0.02  # of matrices only
    late_weight_decay: float = 0.04  # of all weights, from `late` on, so that they end small enough to be read
    late: float = 0.6
    initial_deviation: float = 0.35  # of the initial weights: 1 / sqrt(8), where BERT's 0.02 is too timid for 8 wide


@dataclass(frozen=True, slots=True)
class Clause:
    """One statement: “one dog barks”. `number` is "one" or "two", `animal` a key of `VERBS`."""

    number: str
    animal: str

    def __str__(self) -> str:
        verb = VERBS[self.animal]
        return f"one {self.animal} {verb}s" if self.number == "one" else f"two {self.animal}s {verb}"


@dataclass(frozen=True, slots=True)
class Sentence:
    """One clause or two. `is_held_out`: training never sees this sentence, alone or in a pair."""

    clauses: tuple[Clause, ...]
    is_held_out: bool

    def __str__(self) -> str:
        return " and ".join(map(str, self.clauses)) + "."

    @property
    def animals(self) -> set[str]:
        return {clause.animal for clause in self.clauses}


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sentences to be judged. `is_held_out`: training never sees this pair."""

    first: Sentence
    second: Sentence
    is_held_out: bool

    @property
    def label(self) -> int:
        return SHARED if self.first.animals & self.second.animals else NOT_SHARED


@dataclass(frozen=True, slots=True)
class Exercise:
    """One input with its answers: `answers` holds a vocabulary row, or `IGNORED`, for each position.

    `task` is `HIDDEN`, `STEM` or `PLAIN`; `kind` says which sort of text it is: "1" and "2" for a sentence of so many
    clauses, "1+2" for a pair. `label` is that of the pair, `IGNORED` for a sentence alone.
    """

    ids: tuple[int, ...]
    segments: tuple[int, ...]
    answers: tuple[int, ...]
    label: int
    task: str
    kind: str


@dataclass(frozen=True, slots=True)
class Tensors:
    """Exercises side by side, padded: `ids`, `segments`, `attention_mask`, `answers`, `weights` are (exercise, pos)."""

    ids: torch.Tensor
    segments: torch.Tensor
    attention_mask: torch.Tensor
    answers: torch.Tensor
    weights: torch.Tensor  # of each answer in the loss
    labels: torch.Tensor  # (exercise,)

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Score:
    """How many answers are right, and how sure the model is of the right ones, on average and at least."""

    answers: int
    accuracy: float
    mean_probability: float
    least_probability: float

    def __str__(self) -> str:
        return (
            f"{self.accuracy:.2%} of {self.answers:,} right, "
            f"probability {self.mean_probability:.4f}, at least {self.least_probability:.3f}"
        )


def sentences() -> tuple[Sentence, ...]:
    """All 72 sentences: 8 of one clause, 64 of two. Of the latter 16 are held out: each clause twice in each place."""
    clauses = [Clause(number, animal) for animal in VERBS for number in ("one", "two")]
    pairs = itertools.product(range(len(clauses)), repeat=2)
    return (
        *(Sentence((clause,), is_held_out=False) for clause in clauses),
        *(Sentence((clauses[i], clauses[j]), is_held_out=(j - i) % len(clauses) in (1, 4)) for i, j in pairs),
    )


def sentence_pairs() -> tuple[Pair, ...]:
    """All 5,184 pairs. Held out are those with a held-out sentence, and a quarter of the others, always the same."""
    chance = random.Random(0)
    return tuple(
        Pair(first, second, first.is_held_out or second.is_held_out or chance.random() < HELD_OUT_PAIRS)
        for first, second in itertools.product(sentences(), repeat=2)
    )


def make_tokenizer(folder: Path) -> BertTokenizerFast:
    """A BERT tokenizer over `VOCABULARY`; its vocab.txt is written into `folder`."""
    file = folder / "vocab.txt"
    file.write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    return BertTokenizerFast(vocab=str(file), do_lower_case=True, model_max_length=POSITIONS)


def exercises(tokenizer: BertTokenizerFast, first: Sentence, second: Sentence | None = None) -> Iterator[Exercise]:
    """Everything that can be asked about a sentence or a pair: each token hidden, each word hidden, nothing hidden.

    What is hidden is always determined by the rest, and so is whether two sentences share an animal: of an animal and
    its verb, only one is ever hidden.
    """
    encoded = tokenizer(str(first), None if second is None else str(second))
    ids, segments = tuple(encoded["input_ids"]), tuple(encoded["token_type_ids"])
    kind = str(len(first.clauses)) if second is None else f"{len(first.clauses)}+{len(second.clauses)}"
    label = IGNORED if second is None else Pair(first, second, is_held_out=False).label
    words: dict[tuple[int, int], list[int]] = {}
    for position, word in enumerate(encoded.word_ids()):
        if word is not None:
            words.setdefault((segments[position], word), []).append(position)

    def asked(task: str, positions: Iterable[int], inputs: Sequence[int]) -> Exercise:
        answers = tuple(each if position in positions else IGNORED for position, each in enumerate(ids))
        return Exercise(tuple(inputs), segments, answers, label, task, kind)

    def hide(positions: Sequence[int]) -> list[int]:
        return [tokenizer.mask_token_id if position in positions else each for position, each in enumerate(ids)]

    for positions in words.values():
        for position in positions:
            yield asked(HIDDEN, [position], hide([position]))
        if len(positions) > 1:
            yield asked(HIDDEN, positions, hide(positions))
            stem, rest = positions
            whole = asked(STEM, [stem], hide([stem]))
            parts = (each[:rest] + each[rest + 1 :] for each in (whole.ids, whole.segments, whole.answers))
            yield Exercise(*parts, label, STEM, kind)
    yield asked(PLAIN, [position for positions in words.values() for position in positions], ids)


def all_exercises(tokenizer: BertTokenizerFast, *, held_out: bool) -> list[Exercise]:
    """The exercises that training sees, or those that it never sees."""
    alone = ((each, None) for each in sentences() if each.is_held_out == held_out)
    pairs = ((pair.first, pair.second) for pair in sentence_pairs() if pair.is_held_out == held_out)
    return [each for first, second in (*alone, *pairs) for each in exercises(tokenizer, first, second)]


def as_tensors(chosen: Sequence[Exercise]) -> Tensors:
    """Pad exercises to the longest of them."""
    length = max(len(each.ids) for each in chosen)

    def padded(rows: Iterable[Sequence[int]], filler: int) -> torch.Tensor:
        return torch.tensor([[*row, *[filler] * (length - len(row))] for row in rows])

    ids = padded((each.ids for each in chosen), VOCABULARY.index("[PAD]"))
    answers = padded((each.answers for each in chosen), IGNORED)
    task_weights = torch.tensor([_LOSS_WEIGHT[each.task] for each in chosen])
    return Tensors(
        ids=ids,
        segments=padded((each.segments for each in chosen), 0),
        attention_mask=padded(([1] * len(each.ids) for each in chosen), 0),
        answers=answers,
        weights=(answers != IGNORED) * task_weights[:, None],
        labels=torch.tensor([each.label for each in chosen]),
    )


def make_network(settings: Settings) -> BertForPreTraining:
    """The untrained network: 2 layers, 2 heads of 4, 8 wide, feed-forward 16. No dropout: 8 numbers can spare none."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        return BertForPreTraining(
            BertConfig(
                vocab_size=len(VOCABULARY),
                hidden_size=8,
                num_hidden_layers=2,
                num_attention_heads=2,
                intermediate_size=16,
                max_position_embeddings=POSITIONS,
                hidden_dropout_prob=0.0,
                attention_probs_dropout_prob=0.0,
                initializer_range=settings.initial_deviation,
            )
        )


def train(chosen: Sequence[Exercise], settings: Settings) -> tuple[BertForPreTraining, list[float]]:
    """A network trained on these exercises, and its loss at each step: that of hidden tokens plus that of pairs."""
    network = make_network(settings).train()
    matrices = [each for each in network.parameters() if each.ndim > 1]
    others = [each for each in network.parameters() if each.ndim == 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=settings.learning_rate,
    )
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min(1.0, (step + 1) / settings.warmup_steps, (1 - step / settings.steps) / settings.falling),
    )
    data, chances = as_tensors(chosen), _chances(chosen)
    generator = torch.Generator().manual_seed(settings.seed)
    losses = []
    for step in range(settings.steps):
        if step == round(settings.late * settings.steps):
            for group in optimizer.param_groups:
                group["weight_decay"] = settings.late_weight_decay
        rows = torch.multinomial(chances, settings.batch_size, replacement=True, generator=generator)
        loss = _loss(network, data, rows)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
        if step % max(1, settings.steps // 10) == 0:
            logger.info("step %d: loss %.4f", step, losses[-1])
    return network.eval(), losses


@torch.inference_mode()
def evaluate(network: BertForPreTraining, chosen: Sequence[Exercise]) -> dict[str, Score]:
    """Scores of the answers by task, and under "pairs" those of the pairs in which nothing is hidden.

    "pairs with a mask" are the same judgements while something is hidden.
    """
    data = as_tensors(chosen)
    answers, judgements = [], []
    for rows in torch.arange(len(data)).split(4_096):
        output = _forward(network, data, rows)
        answers.append(output.prediction_logits.softmax(-1))
        judgements.append(output.seq_relationship_logits.softmax(-1))
    probabilities, pair_probabilities = torch.cat(answers), torch.cat(judgements)
    tasks = [each.task for each in chosen]
    scores = {}
    for task in dict.fromkeys(tasks):
        asked = (data.answers != IGNORED) & torch.tensor([each == task for each in tasks])[:, None]
        scores[task] = _score(probabilities[asked], data.answers[asked])
    for name, plain in (("pairs", True), ("pairs with a mask", False)):
        asked = (data.labels != IGNORED) & torch.tensor([(each == PLAIN) == plain for each in tasks])
        if asked.any():
            scores[name] = _score(pair_probabilities[asked], data.labels[asked])
    return scores


def save(network: BertForPreTraining, tokenizer: BertTokenizerFast, folder: Path) -> None:
    """Write a standard Hugging Face folder, but for vocab.txt, which `make_tokenizer` wrote."""
    network.save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)  # written for its owner alone, which an image of the app would keep
    tokenizer.save_pretrained(folder)


def main() -> None:
    """Train, log the scores, save."""
    parser = argparse.ArgumentParser(description="Train the teaching model.")
    parser.add_argument("--output", type=Path, default=FOLDER, help="the folder to write")
    parser.add_argument("--seed", type=int, default=Settings().seed)
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    transformers_logging.disable_progress_bar()
    torch.set_num_threads(1)  # the sums of several threads would be added in any order
    chosen.output.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer(chosen.output)
    trained, held_out = (all_exercises(tokenizer, held_out=each) for each in (False, True))
    started = time.monotonic()
    network, _ = train(trained, Settings(seed=chosen.seed))
    logger.info("trained in %.0f s", time.monotonic() - started)
    for name, each in (("trained on", trained), ("held out", held_out)):
        for task, score in evaluate(network, each).items():
            logger.info("%s, %s: %s", name, task, score)
    logger.info("largest weight: %.2f", max(each.abs().max().item() for each in network.parameters()))
    save(network, tokenizer, chosen.output)


def _chances(chosen: Sequence[Exercise]) -> torch.Tensor:
    """How likely each exercise is to be drawn (not summing to 1): the few short texts as often as the many long ones,
    and pairs of either class as often as those of the other.
    """
    groups = [(each.kind, each.label) for each in chosen]
    counts = Counter(groups)
    return torch.tensor([(_SINGLES_SHARE if label == IGNORED else 1.0) / counts[kind, label] for kind, label in groups])


def _forward(network: BertForPreTraining, data: Tensors, rows: torch.Tensor) -> BertForPreTrainingOutput:
    return network(
        input_ids=data.ids[rows], token_type_ids=data.segments[rows], attention_mask=data.attention_mask[rows]
    )


def _loss(network: BertForPreTraining, data: Tensors, rows: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of the answers plus that of the pairs, as in BERT."""
    output = _forward(network, data, rows)
    answers, weights, labels = data.answers[rows], data.weights[rows], data.labels[rows]
    each = cross_entropy(output.prediction_logits.transpose(1, 2), answers, ignore_index=IGNORED, reduction="none")
    of_pairs = cross_entropy(output.seq_relationship_logits, labels, ignore_index=IGNORED, reduction="sum")
    return (each * weights).sum() / weights.sum() + of_pairs / (labels != IGNORED).sum().clamp(min=1)


def _score(probabilities: torch.Tensor, answers: torch.Tensor) -> Score:
    """`probabilities` is (answer, class), `answers` the right classes."""
    right = probabilities.gather(1, answers[:, None])[:, 0]
    return Score(
        answers=len(answers),
        accuracy=(probabilities.argmax(1) == answers).double().mean().item(),
        mean_probability=right.double().mean().item(),
        least_probability=right.min().item(),
    )


if __name__ == "__main__":
    main()
