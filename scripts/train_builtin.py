"""Makes the built-in model, step by step: `.venv/bin/python -m scripts.train_builtin STEP …`, STEP being

    prepare   text (one paragraph a line) -> token ids in one file, with the held-out paragraphs marked
    train     masked-language training from a model folder; killed and called again, it goes on where it was
    score     a model folder on the held-out paragraphs
    export    the newest checkpoint -> a standard Hugging Face folder in half precision

The whole way, with the texts of the built-in model (English Wikipedia, English novels):

    .venv/bin/python -m scripts.train_builtin prepare wiki_en.txt.gz novels_en.txt.gz --output corpus.npz
    .venv/bin/python -m scripts.train_builtin train corpus.npz --work work --minutes 90 --mix 60,40 --hold minilm
    .venv/bin/python -m scripts.train_builtin export --work work --output model

It starts from the built-in model as it is (`--start builtin`) or from any folder with a BERT; one without a
masked-language head gets a new one. `--hold FOLDER` names a sentence-embedding model whose embeddings (the mean over a
text's positions) the trained one is to keep near: masked-language training alone lets them drift, and with them what
fine-tuning on few examples starts from.

A budget of `--tokens` repeats exactly on the same machine with the same torch: windows, batches and masks follow from
the seed. A budget of `--minutes` lets the learning rate fall with the time that steps took, so that it ends at 0
however busy the machine is; how many steps that makes differs each time. A process that is held up (SIGSTOP) loses no
budget. A corpus file whose name ends in .xz takes minutes to write and half the room: for carrying it elsewhere.
"""

import argparse
import logging
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from core.models.catalogue import BUILTIN_FOLDER
from core.training.estimate.precision import choose_precision, training_threads

if TYPE_CHECKING:
    from transformers import BertForMaskedLM, PreTrainedTokenizerFast

BUILTIN = "builtin"
_NICENESS = 19
_SCORED_TOKENS = 50_000  # held-out tokens scored while training; `score` takes them all
# A tokenizer saved by sentence-transformers cuts at 128 tokens and pads: neither belongs into a model folder.
_NOT_OURS = ("max_length", "stride", "truncation_side", "truncation_strategy", "pad_to_multiple_of", "padding_side",
             "pad_token_type_id")  # fmt: skip

logger = logging.getLogger("train_builtin")


def main(arguments: list[str] | None = None) -> int:
    """Run one step; 0 when it came to its end, 130 when it was stopped before."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    options = _parser().parse_args(arguments)
    # Read when torch is imported, in the steps: threads that spin while they wait take the time of those that work.
    for name, value in {"OMP_NUM_THREADS": str(training_threads()), "GOMP_SPINCOUNT": "1000"}.items():
        os.environ.setdefault(name, value)
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    return options.step(options)


def prepare(options: argparse.Namespace) -> int:
    """Text files to one file of token ids."""
    from scripts.builtin_model.corpus import make_corpus, save_corpus

    corpus = make_corpus(load_tokenizer(folder_of(options.start)), options.texts)
    save_corpus(corpus, options.output)
    logger.info(
        "%d tokens in %d sentences in %d paragraphs, %d of them held out: %.1f MiB",
        len(corpus.ids), len(corpus.sentence_lengths), len(corpus), corpus.is_held_out.sum(),
        options.output.stat().st_size / 2**20,
    )  # fmt: skip
    return 0


def train(options: argparse.Namespace) -> int:
    """Train to the end of the budget, or until asked to stop."""
    import torch
    from transformers import BertModel, set_seed

    from core.training.run.job import prepare_torch
    from scripts.builtin_model.corpus import load_corpus
    from scripts.builtin_model.learning import Learner, Settings
    from scripts.builtin_model.windows import Shards, Vocabulary, held_out_batches

    os.nice(_NICENESS)
    prepare_torch()
    settings = Settings(
        seed=options.seed,
        tokens=options.tokens,
        seconds=None if options.minutes is None else options.minutes * 60,
        learning_rate=options.learning_rate,
        batch_tokens=options.batch_tokens,
        hold_weight=options.hold_weight if options.hold else 0.0,
        hold_every=options.hold_every,
        checkpoint_seconds=options.checkpoint_seconds,
    )
    set_seed(settings.seed)  # for the head of a model that comes without one
    start = folder_of(options.start)
    corpus, vocabulary = load_corpus(options.corpus), Vocabulary.of(load_tokenizer(start))
    on_card = torch.cuda.is_available()
    shards = Shards(
        corpus, vocabulary, mix=options.mix or [1.0] * len(corpus.file_paragraphs),
        batch_tokens=settings.batch_tokens, mask_share=settings.mask_share, seed=settings.seed,
        shard_tokens=max(500_000, 20 * settings.batch_tokens), multiple=8 if on_card else 1,
    )  # fmt: skip
    network = load_network(start)
    if not on_card:  # on two cores and texts this short, plain attention trains 1.5 times as fast as the fused one
        network.set_attn_implementation("eager")
    learner = Learner(
        network, shards,
        held_out_batches(corpus, vocabulary, most_tokens=_SCORED_TOKENS), settings, options.work,
        teacher=BertModel.from_pretrained(options.hold, dtype=torch.float32) if options.hold else None,
        precision=choose_precision(options.precision), workers=(os.cpu_count() or 1) - 1 if on_card else 0,
    )  # fmt: skip
    if learner.resume():
        logger.info("goes on from step %d", learner.progress.step)
    logger.info("%s, held out before: %s", settings, learner.score())
    is_done = learner.run()
    logger.info("%s, held out after: %s", learner.progress, learner.score())
    return 0 if is_done else 130


def score(options: argparse.Namespace) -> int:
    """Loss, top-1 and top-5 of a model on all held-out paragraphs."""
    from core.training.run.job import prepare_torch
    from scripts.builtin_model.corpus import load_corpus
    from scripts.builtin_model.learning import masked_scores
    from scripts.builtin_model.windows import Vocabulary, held_out_batches

    prepare_torch()
    folder = folder_of(options.start)
    batches = held_out_batches(load_corpus(options.corpus), Vocabulary.of(load_tokenizer(folder)))
    logger.info("%s", masked_scores(load_network(folder).eval(), batches))
    return 0


def export(options: argparse.Namespace) -> int:
    """The newest checkpoint as a folder that transformers, and the app, can open."""
    from core.training.run import checkpoints
    from scripts.builtin_model.learning import load_weights

    start = folder_of(options.start)
    newest = checkpoints.newest_sound(
        options.work, on_damage=lambda path, reason: logger.warning("%s: %s", path, reason)
    )
    if newest is None:
        logger.error("%s holds no checkpoint", options.work)
        return 1
    network = load_network(start)
    load_weights(network, newest)
    save_folder(network, load_tokenizer(start), options.output)
    if (start / "vocab.txt").is_file():
        shutil.copyfile(start / "vocab.txt", options.output / "vocab.txt")
    logger.info("%s is now in %s", newest.name, options.output)
    return 0


def folder_of(reference: str) -> Path:
    """The folder of a model: the built-in one, or the one named."""
    return BUILTIN_FOLDER if reference == BUILTIN else Path(reference)


def load_network(folder: Path) -> "BertForMaskedLM":
    """A BERT with a masked-language head in full precision; the head is new where the folder has none."""
    import torch
    from transformers import BertForMaskedLM

    return BertForMaskedLM.from_pretrained(folder, dtype=torch.float32)


def load_tokenizer(folder: Path) -> "PreTrainedTokenizerFast":
    """The tokenizer without any cutting or padding of its own."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    for name in _NOT_OURS:
        tokenizer.init_kwargs.pop(name, None)
    return tokenizer


def save_folder(network: "BertForMaskedLM", tokenizer: "PreTrainedTokenizerFast", folder: Path) -> None:
    """A standard Hugging Face folder with weights in half precision, whole or not there."""
    from core.training.run.model_folder import save_model

    tokenizer.model_max_length = network.config.max_position_embeddings
    save_model(folder, network.half(), tokenizer)
    (folder / "model.safetensors").chmod(0o644)  # written for its owner alone, which an image of the app would keep


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.train_builtin",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    steps = parser.add_subparsers(required=True, metavar="STEP")

    def step(run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        added = steps.add_parser(run.__name__, help=run.__doc__, description=run.__doc__)
        added.set_defaults(step=run)
        added.add_argument("--start", default=BUILTIN, help="“builtin”, or a model folder (default: builtin)")
        return added

    preparing = step(prepare)
    preparing.add_argument("texts", nargs="+", type=Path, help="text files, gzipped or not, one paragraph a line")
    preparing.add_argument("--output", type=Path, required=True, help="the file to write, .npz or (small, slow) .xz")

    training = step(train)
    training.add_argument("corpus", type=Path, help="what `prepare` wrote")
    training.add_argument("--work", type=Path, required=True, help="a folder for the checkpoints, outside of git")
    budget = training.add_mutually_exclusive_group(required=True)
    budget.add_argument("--tokens", type=int, help="how many tokens to train on: repeatable")
    budget.add_argument("--minutes", type=float, help="how long to train, counting the steps alone")
    training.add_argument("--mix", type=_shares, help="share of each text file, such as 60,40 (default: equal)")
    training.add_argument("--hold", type=Path, help="a BERT of the same vocabulary to keep near")
    training.add_argument("--hold-weight", type=float, default=1.0)
    training.add_argument("--hold-every", type=int, default=4, help="steps between two looks at it (default: 4)")
    training.add_argument("--learning-rate", type=float, default=3e-4, help="the highest (default: 3e-4)")
    training.add_argument("--batch-tokens", type=int, default=2_048, help="tokens a batch (default: 2,048)")
    training.add_argument("--precision", choices=("auto", "bf16", "fp32"), default="auto")
    training.add_argument("--checkpoint-seconds", type=float, default=240.0)
    training.add_argument("--seed", type=int, default=1)

    scoring = step(score)
    scoring.add_argument("corpus", type=Path, help="what `prepare` wrote")

    exporting = step(export)
    exporting.add_argument("--work", type=Path, required=True, help="the folder of the checkpoints")
    exporting.add_argument("--output", type=Path, required=True, help="the model folder to write")
    return parser


def _shares(text: str) -> list[float]:
    return [float(each) for each in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
