"""Settings to start from, by how much there is to learn from and how large the model is. Trains nothing."""

from dataclasses import dataclass

from core.training.foresee import count_weights

_FEW_ROWS = 1_000
_MANY_ROWS = 50_000
_SMALL_MODEL = 50_000_000  # weights


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Settings of a `Plan` that depend on data and model."""

    epochs: float
    batch_size: int
    learning_rate: float


def suggest(rows: int, model: str) -> Suggestion:
    """Sensible settings for a data set of so many rows and a model, by its reference.

    A model moves only as far as its steps carry it: with few rows it needs more epochs and smaller batches to take the
    two hundred steps or so below which a new head stays a guess. Small models bear a larger learning rate than the
    2e-5 to 5e-5 that Devlin et al. (2019, appendix A.3) give for BERT-base. See `docs/measurements.md` for the runs.

    >>> suggest(400, "builtin")
    Suggestion(epochs=5.0, batch_size=8, learning_rate=0.0001)
    """
    weights, _ = count_weights(model)
    learning_rate = 1e-4 if weights < _SMALL_MODEL else 3e-5
    if rows < _FEW_ROWS:
        return Suggestion(epochs=5.0, batch_size=8, learning_rate=learning_rate)
    if rows < _MANY_ROWS:
        return Suggestion(epochs=3.0, batch_size=32, learning_rate=learning_rate)
    return Suggestion(epochs=2.0, batch_size=32, learning_rate=learning_rate)
