"""How well the built-in model fills in what is hidden: everyday sentences, and held-out text of its training corpus.

The model under test is the built-in one, or the folder that the variable AFTER names; beside it stands the one it
replaces, BEFORE (a folder, or the built-in one when only AFTER is named). The other rival knows word frequencies only:
its guess is always the same commonest pieces, counted in the very text that it is scored on.

Cloze: the share of prompts where an accepted answer is the first of the model's tokens, or among its first five, upper
and lower case alike. The prompts of `cloze_dev.tsv` are for looking, not for tuning: others are kept elsewhere.
Masked: pieces of the paragraphs that `scripts/builtin_model/corpus.py` keeps from training, 15 % of them hidden by
BERT's rule, in the same places for every model. A model trained before that rule existed may have seen some of them.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
DATA = REPOSITORY.parent / "shared" / "data"
PROMPTS = DATA / "cloze_dev.tsv"
TEXTS = (DATA / "corpus" / "wiki_en.txt.gz", DATA / "corpus" / "novels_en.txt.gz")
TOP = (1, 5)


def run() -> Iterator[dict[str, Any]]:
    """Yield `cloze.top1`, `cloze.top5`, `cloze.masked_top1` and `cloze.masked_top5`, in percent."""
    if missing := [str(path) for path in (PROMPTS, *TEXTS) if not path.is_file()]:
        sys.stderr.write(f"cloze: skipped, there is no {', '.join(missing)}\n")
        return
    from scripts.builtin_model.corpus import make_corpus
    from scripts.builtin_model.windows import Vocabulary, held_out_batches
    from scripts.train_builtin import BUILTIN, folder_of, load_tokenizer

    before, after = os.environ.get("BEFORE"), os.environ.get("AFTER") or BUILTIN
    if not before and after != BUILTIN:
        before = BUILTIN
    models = {"before": before, "after": after} if before else {"after": after}
    prompts = read_prompts(PROMPTS)
    answers = {name: _answers(reference, prompts) for name, reference in models.items()}

    tokenizer = load_tokenizer(folder_of(after))
    vocabulary = Vocabulary.of(tokenizer)
    corpus = make_corpus(tokenizer, TEXTS, only_held_out=True)
    batches = held_out_batches(corpus, vocabulary)
    masked = {name: _masked(folder_of(reference), batches) for name, reference in models.items()}
    common = _commonest(corpus.ids, max(TOP))
    words = tokenizer.convert_ids_to_tokens(common)
    hidden = [answer for batch in batches for answer in batch.answers.tolist()]

    for top in TOP:
        scores = {name: cloze_share(prompts, given, top) for name, given in answers.items()}
        frequency = cloze_share(prompts, [words] * len(prompts), top)
        misses = {"misses": _misses(prompts, answers["after"])} if top == 1 else {}
        yield _result(f"cloze.top{top}", scores, frequency, {"prompts": len(prompts), **misses})
    for top in TOP:
        scores = {name: each[f"top_{top}"] for name, each in masked.items()}
        frequency = sum(answer in common[:top] for answer in hidden) / len(hidden)
        losses = {name: round(each["loss"], 4) for name, each in masked.items()}
        yield _result(f"cloze.masked_top{top}", scores, frequency, {"pieces": len(hidden), "loss": losses})


def read_prompts(file: Path) -> list[tuple[str, set[str]]]:
    """Each sentence with its [MASK] and the answers that count as right, in lower case."""
    lines = file.read_text("utf-8").splitlines()[1:]
    rows = [line.split("\t") for line in lines if line]
    return [(prompt, {answer.casefold() for answer in accepted.split("|")}) for prompt, accepted in rows]


def cloze_share(prompts: list[tuple[str, set[str]]], given: list[list[str]], top: int) -> float:
    """The share of prompts where one of the first `top` tokens given is accepted."""
    right = [
        any(token.casefold() in accepted for token in tokens[:top])
        for (_, accepted), tokens in zip(prompts, given, strict=True)
    ]
    return sum(right) / len(right)


def _answers(reference: str, prompts: list[tuple[str, set[str]]]) -> list[list[str]]:
    """A model's first tokens for each prompt, as the page shows them."""
    from core import fill_mask, open_model

    model = open_model(reference)
    return [[token for token, _ in fill_mask(model, prompt, top_k=max(TOP))[0]] for prompt, _ in prompts]


def _masked(folder: Path, batches: list[Any]) -> dict[str, float]:
    from scripts.builtin_model.learning import masked_scores
    from scripts.train_builtin import load_network

    return masked_scores(load_network(folder).eval(), batches)


def _commonest(ids: Any, count: int) -> list[int]:
    import numpy as np

    return np.bincount(ids).argsort()[::-1][:count].tolist()


def _misses(prompts: list[tuple[str, set[str]]], given: list[list[str]]) -> dict[str, list[str]]:
    """The tokens given where the first is not accepted, by prompt."""
    pairs = zip(prompts, given, strict=True)
    return {prompt: tokens for (prompt, accepted), tokens in pairs if tokens[0].casefold() not in accepted}


def _result(name: str, scores: dict[str, float], frequency: float, detail: dict[str, Any]) -> dict[str, Any]:
    percent = {each: round(100 * score, 1) for each, score in scores.items()}
    rivals = {"before": percent["before"]} if "before" in percent else {}
    return {
        "name": name,
        "value": percent["after"],
        "unit": "%",
        "rival": "the commonest pieces" + (", the model before" if rivals else ""),
        "detail": {"commonest": round(100 * frequency, 1), **rivals, **detail},
    }
