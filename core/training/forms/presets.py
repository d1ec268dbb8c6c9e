"""Quick look, Balanced, Best: three complete sets of settings, by task, amount of data, model and device.

Each value that differs from a plan's default has its reason beside it; what Balanced gives on the samples is in
`docs/measurements.md`. No preset takes rows away: Quick look trains for a part of an epoch when one would take too
long, and says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from core.errors import LabError
from core.tasks import FIRST, spec_of
from core.training.estimate.estimate import memory_of, work_per_token
from core.training.estimate.shapes import Shape, shape_of
from core.training.estimate.speeds import Device, device_here
from core.training.estimate.token_lengths import load_of
from core.training.forms.editable import defaults, written
from core.training.forms.preflight import lengths_of_plan
from core.training.plan.plan import FIELDS, Plan

QUICK, BALANCED, BEST = "quick", "balanced", "best"
PRESETS = {QUICK: "Quick look", BALANCED: "Balanced", BEST: "Best"}

NOTHING_TURNED: Mapping[str, Any] = MappingProxyType({})
_FEW_ROWS = 1_000
_MANY_ROWS = 50_000
_SMALL_MODEL = 50_000_000  # weights
_QUICK_SECONDS = 45.0  # of training: with start and scores about a minute
_ROUND_EPOCHS = (3.0, 2.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
_USUAL_TOKENS = 40  # of a text whose length is not known
_ROOM = 0.7  # the share of the device's memory that a preset fills
_PARTS = (1, 2, 4, 8, 16, 32)
_ALWAYS_SAID = ("epochs", "learning_rate", "batch_size", "max_length")

# Tokens of a text. Short texts cost nothing, so a limit matters only for long ones.
_LENGTHS = {QUICK: 64, BALANCED: 128, BEST: 256}


@dataclass(frozen=True, slots=True)
class Preset:
    """`settings` holds every setting that the task uses; `why` says in sentences what was chosen for what reason."""

    name: str
    settings: dict[str, Any]
    why: tuple[str, ...]

    def said(self) -> dict[str, str]:
        """The value of each setting that is always said, or that the preset sets otherwise than a plan, in words."""
        return {
            name: written(FIELDS[name], value)
            for name, value in self.settings.items()
            if name in _ALWAYS_SAID or value != FIELDS[name].default
        }


def plan_from_preset(preset: str = BALANCED, /, **settings: Any) -> Plan:
    """A plan with the settings of a preset, as far as `settings` (those of `Plan`) do not say otherwise.

    Reads the data, for its length, and this machine's speed and memory: elsewhere the same call may give another plan.
    The page Fine-tune and the command line start with the same. Raises `LabError` as `Plan` and for data that cannot be
    read.

    >>> plan_from_preset(data="sample:reviews", text_column="text", label_column="label").learning_rate
    0.0001
    """
    return preset_and_plan(preset, **settings)[1]


def preset_and_plan(name: str = BALANCED, /, **settings: Any) -> tuple[Preset, Plan]:
    """The preset that fits these settings of a plan, and the plan of both; see `plan_from_preset`."""
    Plan(**settings)  # refused before anything is read
    turned = defaults(settings.get("task", FIRST))
    fixed = Plan(**{key: value for key, value in settings.items() if key not in turned})
    load = load_of(fixed, lengths_of_plan(fixed))
    chosen = preset(
        name,
        task=fixed.task,
        rows=load.rows,
        shape=shape_of(fixed.model),
        device=device_here(),
        tokens=load.tokens,
        sequences=load.sequences,
        turned=settings,
    )
    return chosen, Plan(**{**chosen.settings, **settings})


def preset(
    name: str,
    *,
    task: str,
    rows: int,
    shape: Shape,
    device: Device,
    tokens: float = _USUAL_TOKENS,
    sequences: int = 1,
    turned: Mapping[str, Any] = NOTHING_TURNED,
) -> Preset:
    """One of `PRESETS` for so many rows of texts of so many `tokens` (`sequences` of them a row) and a model's shape.

    `turned`: settings that somebody chose otherwise. They are not taken over, but others are fitted to them: learning
    rate and alpha to LoRA (the presets train all weights), overlap and parts of a batch to length and batch size.

    A model moves only as far as its steps carry it: with few rows it needs more epochs and smaller batches to take the
    two hundred steps or so below which a new head stays a guess. Small models bear a larger learning rate than the
    2e-5 to 5e-5 that Devlin et al. (2019, appendix A.3) give for BERT-base.

    >>> from core.training.estimate.shapes import shape_of
    >>> device = Device("cpu", "fp32", 7e10, 16 * 10**9)
    >>> chosen = preset("balanced", task="regression", rows=400, shape=shape_of("builtin"), device=device).settings
    >>> chosen["epochs"], chosen["batch_size"], chosen["learning_rate"]
    (5.0, 8, 0.0001)
    """
    if name not in PRESETS:
        raise LabError(f"There is no preset “{name[:80]}”.", f"Choose one of: {', '.join(PRESETS)}.")
    is_small = shape.weights < _SMALL_MODEL
    size = 0 if rows < _FEW_ROWS else 1 if rows < _MANY_ROWS else 2
    length = min(shape.longest, spec_of(task).lengths.get(name, _LENGTHS[name]))
    chosen = defaults(task) | {
        "epochs": (5.0, 3.0, 2.0)[size],
        "batch_size": (8, 32, 32)[size],
        "learning_rate": _learning_rate(task, is_small=is_small),
        "max_length": length,
        "retry_on_memory": True,  # it changes nothing while the memory suffices, and then the run goes on
    }
    if "window_overlap" in chosen:
        chosen["window_overlap"] = min(128, turned.get("max_length", length) // 3)
    why = []
    if size == 0:
        why.append("Few rows: small batches and more epochs give the model enough steps to learn from.")
    if is_small:
        why.append("A small model bears a larger learning rate.")
    if name == QUICK:
        why = [_quicken(chosen, task, rows, shape, device, min(tokens, length) * sequences)]
    elif name == BEST:
        why.append(_improve(chosen, task, size, is_small=is_small))
    if rank := turned.get("lora_rank", 0):
        why.append(_adapt(chosen, rank, is_small=is_small))
    if parts := _parts_that_fit({**chosen, **turned}, task, shape, device, sequences):
        chosen["accumulation"] = parts
        why.append(f"The memory is small for this model: a batch is worked off in {parts} parts.")
    return Preset(name, chosen, tuple(why))


def _learning_rate(task: str, *, is_small: bool) -> float:
    if is_small:
        return 1e-4
    return spec_of(task).learning_rate  # of the 2e-5 to 5e-5 of Devlin et al. 2019


def _adapt(chosen: dict[str, Any], rank: int, *, is_small: bool) -> str:
    """Settings for LoRA, whose small matrices begin at zero and take larger steps than weights.

    4e-4 as Hu et al. (2021, table 9) for models as large as BERT-base. The built-in model reaches a macro F1 of 0.26 at
    1e-4 and of 0.62 at 1e-3 (sample questions, six classes, rank 8, three epochs, one seed).
    """
    chosen["lora_alpha"] = 2.0 * rank
    chosen["learning_rate"] = 1e-3 if is_small else 4e-4
    return "LoRA needs a larger learning rate, as only its small matrices learn."


def _quicken(chosen: dict[str, Any], task: str, rows: int, shape: Shape, device: Device, tokens_per_row: float) -> str:
    """Fewer epochs and shorter texts; small batches, for many steps in little time. Says how much is seen."""
    work = sum(work_per_token(shape, task=task, tokens=tokens_per_row))
    seconds_per_epoch = 0.8 * rows * tokens_per_row * work / device.flops
    affordable = _QUICK_SECONDS / max(seconds_per_epoch, 1e-9)
    most = min(chosen["epochs"], affordable)
    chosen["epochs"] = next((each for each in _ROUND_EPOCHS if each <= most), _ROUND_EPOCHS[-1])
    if device.kind == "cpu":
        chosen["batch_size"] = 8
    chosen["evaluations_per_epoch"] = 1
    cut = f"texts longer than {chosen['max_length']} tokens are cut."
    if chosen["epochs"] >= 1:
        return f"At most a minute of training: every row is seen, but {cut}"
    share = f"about {chosen['epochs']:.0%} of the training rows, drawn at random,"
    return f"About a minute of training: in that time {share} are seen, and {cut} No row is taken out."


def _improve(chosen: dict[str, Any], task: str, size: int, *, is_small: bool) -> str:
    """More epochs than needed, ended by early stopping.

    Long training with small steps and a warm-up is what makes fine-tuning on few rows steady (Mosbach et al. 2021, “On
    the stability of fine-tuning BERT”; Zhang et al. 2021, “Revisiting few-sample BERT fine-tuning”).
    """
    chosen["epochs"] = (10.0, 6.0, 3.0)[size]
    chosen["scheduler"] = "cosine"  # stays high for longer and ends softly
    chosen["evaluations_per_epoch"] = (2, 4, 8)[size]  # the best of many moments is kept
    chosen["early_stopping"] = 2 * chosen["evaluations_per_epoch"]  # two epochs without a better one
    if not is_small:
        chosen["learning_rate"] = min(chosen["learning_rate"], 2e-5)
    chosen |= spec_of(task).best
    return "Longer, with a learning rate that falls softly; it ends when two epochs bring nothing better."


def _parts_that_fit(chosen: Mapping[str, Any], task: str, shape: Shape, device: Device, sequences: int) -> int | None:
    """In how many equal parts a batch must be worked off to fit the memory; None when it fits whole or has none."""
    share = chosen["batch_size"] // chosen["processes"]  # of one device
    possible = [parts for parts in _PARTS if parts <= share and share % parts == 0]

    def fits(parts: int) -> bool:
        texts = share // parts * sequences
        taken = memory_of(shape, task=task, texts=texts, tokens=chosen["max_length"], kind=device.kind)
        return taken <= _ROOM * device.memory_bytes

    parts = next(filter(fits, possible), possible[-1] if possible else 1)
    return parts if parts > 1 else None
