"""Masked language: hidden tokens are guessed, on texts without labels; with it, whether two parts belong together."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from core.data.table import Table
from core.errors import LabError
from core.models.checks import check_folder
from core.models.inference_settings import InferenceSettings
from core.models.loading import MASKED_LM, PRETRAINING, pad_id
from core.tasks.masked_language import SPEC
from core.training.batches.encoding import IGNORED
from core.training.batches.examples import Examples, Prepared, Rows
from core.training.batches.masked_batches import MaskedBatches
from core.training.batches.masking import Masker
from core.training.batches.sentence_pairs import SentencePairs
from core.training.batches.text_windows import TextWindows
from core.training.plan.plan import Plan
from core.training.scores import language
from core.training.tasks.task import RandomText, Task, rows_without_label
from core.training.tasks.text import write_predictions

# The columns of what is kept of a hidden token: which it is, the likeliest token, −log p(token) in nats, whether it is
# among the five likeliest, and whether the sequence's pair was judged rightly (NaN where there are no pairs).
TOKEN, GUESS, LOSS, AMONG_FIVE, PAIR_RIGHT = range(5)
# What the network of a family calls the label of a pair, and whether wrong pairs are swapped ones.
_PAIRS = {"bert": ("next_sentence_label", False), "albert": ("sentence_order_label", True)}


_HOW_TO_USE = """\
```python
from transformers import pipeline

model = pipeline("fill-mask", model=".", tokenizer_kwargs={{"truncation": True}})
model("A text with {mask}.")
```
"""


class MaskedLanguage(Task):
    """Further training on texts of one's own, from a model or from scratch (Devlin et al. 2019, § 3.1).

    The loss is that of transformers' models: the mean over hidden tokens, and for pairs that of the pairs added.
    """

    compares_with_start = True
    spec = SPEC

    def read(self, table: Table, plan: Plan, label_names: Sequence[str] | None = None) -> Examples:
        dataset, _ = rows_without_label(table, plan, plan.text_column, is_other_file=label_names is not None)
        return Examples(dataset, Rows(dataset.row_ids, dataset.texts, ()), ())

    def encode(self, tokenizer: PreTrainedTokenizerFast, rows: Rows, plan: Plan, *, multiple: int = 1) -> MaskedBatches:
        masker = Masker(tokenizer, share=plan.mask_share, whole_words=plan.whole_words)
        options: dict[str, Any] = {"seed": plan.seed, "pad_id": pad_id(tokenizer), "multiple": multiple}
        if not plan.next_sentence:
            windows = TextWindows(tokenizer, rows.texts, masker, max_length=plan.max_length)
            return MaskedBatches(windows, masker, **options)
        name, swaps = _pairs_of(Path(tokenizer.name_or_path))
        pairs = SentencePairs(tokenizer, rows.texts, masker, max_length=plan.max_length, swaps=swaps)
        return MaskedBatches(pairs, masker, sentence_name=name, **options)

    def head(self, plan: Plan) -> str:
        return PRETRAINING if plan.next_sentence else MASKED_LM

    def head_options(self, label_names: Sequence[str]) -> dict[str, Any]:
        return {"num_labels": 2}  # ALBERT's head for pairs has as many outputs

    def outputs(self, output: Any, batch: dict[str, torch.Tensor]) -> list[np.ndarray]:
        """What is kept of the hidden tokens of each sequence: (hidden, 5), see `TOKEN` and the names beside it."""
        logits = output.logits if "logits" in output else output.prediction_logits
        is_hidden = batch["labels"] != IGNORED  # (batch, pos)
        scores = logits[is_hidden.to(logits.device)].float()  # (hidden, vocab)
        tokens = batch["labels"][is_hidden].to(scores.device)
        likeliest = scores.topk(5).indices
        counts = is_hidden.sum(dim=1)
        found = torch.stack(
            [
                tokens.float(),
                likeliest[:, 0].float(),
                torch.nn.functional.cross_entropy(scores, tokens, reduction="none"),
                (likeliest == tokens[:, None]).any(dim=1).float(),
                _pairs_right(output, batch).repeat_interleave(counts).to(scores.device),
            ],
            dim=1,
        )
        return [each.numpy() for each in found.cpu().split(counts.tolist())]

    def quick_scores(
        self, outputs: Sequence[np.ndarray], batches: MaskedBatches, rows: Rows, names: Sequence[str]
    ) -> dict:
        return language.quick(*_sums(outputs))

    def evaluate(
        self, folder: Path, prepared: Prepared, outputs: Sequence[np.ndarray], batches: MaskedBatches
    ) -> dict[str, Any]:
        """`predictions.csv` has a line for each text: how many tokens were hidden, found first, and their mean loss.

        `majority_accuracy` is what always guessing one token gives, the commonest of those that were hidden.
        """
        rows = prepared.test
        hidden, found, loss = (np.zeros(len(rows)) for _ in range(3))
        for row, each in zip(batches.rows, outputs, strict=True):
            hidden[row] += len(each)
            found[row] += (each[:, GUESS] == each[:, TOKEN]).sum()
            loss[row] += each[:, LOSS].sum(dtype=np.float64)
        write_predictions(
            folder,
            rows,
            {
                "hidden": hidden.astype(int).tolist(),
                "found": found.astype(int).tolist(),
                "loss": [
                    "" if not count else total / count for count, total in zip(hidden, loss.tolist(), strict=True)
                ],
            },
        )
        tokens = np.concatenate([each[:, TOKEN] for each in outputs]).astype(np.int64)
        commonest = np.bincount(tokens).max() / len(tokens)
        return language.full(*_sums(outputs)) | {"majority_accuracy": float(commonest), "rows": len(rows)}

    def random_rows(self, counts: Sequence[int], text: RandomText, *, has_pairs: bool, sequences: int) -> Rows:
        """Two sentences each, for pairs of them."""
        texts = [" ".join([*text(count // 2 - 2), ".", *text(count // 2)]) for count in counts]
        return Rows(range(len(counts)), texts, [])

    def how_to_use(self, settings: InferenceSettings, *, has_pairs: bool, mask: str) -> str:
        return _HOW_TO_USE.format(mask=mask)


def _pairs_of(folder: Path) -> tuple[str, bool]:
    """How a model learns from pairs, see `_PAIRS`. Raises `LabError` for families that never learned from any."""
    family = check_folder(folder)["model_type"]
    if family not in _PAIRS:
        raise LabError(
            f"Models of the family {family} have no head that judges pairs of sentences.",
            "Train without “next sentence”, or choose a BERT or an ALBERT.",
        )
    return _PAIRS[family]


def _pairs_right(output: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """1 where the pair of a sequence was judged rightly, else 0; NaN where there are no pairs: (batch,)."""
    name = next((name for name, _ in _PAIRS.values() if name in batch), None)
    if name is None:
        return torch.full((len(batch["labels"]),), torch.nan)
    logits = output.seq_relationship_logits if "seq_relationship_logits" in output else output.sop_logits
    return (logits.argmax(dim=-1).cpu() == batch[name]).float()


def _sums(outputs: Sequence[np.ndarray]) -> tuple[float, int, int, int, int, int]:
    """What `language.quick` takes: sum of losses, found first, among five, hidden; pairs judged rightly, pairs."""
    if not outputs:
        return 0.0, 0, 0, 0, 0, 0
    every = np.concatenate(outputs)
    pairs = np.array([each[0, PAIR_RIGHT] for each in outputs])
    pairs = pairs[~np.isnan(pairs)]
    return (
        float(every[:, LOSS].sum(dtype=np.float64)),
        int((every[:, GUESS] == every[:, TOKEN]).sum()),
        int(every[:, AMONG_FIVE].sum()),
        len(every),
        int(pairs.sum()),
        len(pairs),
    )
