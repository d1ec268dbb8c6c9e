"""The small data sets that come with the app, so that every page has something to show. Written for it; free to use."""

from dataclasses import dataclass
from pathlib import Path

from core.data.column_mapping import CLASSIFICATION, ColumnMapping
from core.errors import LabError

_FOLDER = Path(__file__).resolve().parent / "sample_files"


@dataclass(frozen=True, slots=True)
class Sample:
    """A data set that ships: `reference` opens it with `open_table`, `mapping` says what is what."""

    name: str
    title: str
    description: str
    mapping: ColumnMapping

    @property
    def reference(self) -> str:
        """What `open_table` and a plan call it."""
        return f"sample:{self.name}"

    @property
    def path(self) -> Path:
        """The CSV file."""
        return _FOLDER / f"{self.name}.csv"


_TEXTS = ColumnMapping.of(CLASSIFICATION, text="text", label="label")
_SAMPLES = (
    Sample("reviews", "Reviews", "Short reviews, each positive or negative.", _TEXTS),
    Sample("questions", "Questions", "Questions to a public library, sorted by what they are about.", _TEXTS),
    Sample(
        "pairs",
        "Sentence pairs",
        "Two sentences each: do they mean the same?",
        ColumnMapping.of(CLASSIFICATION, text="first", pair="second", label="label"),
    ),
)


def samples() -> tuple[Sample, ...]:
    """All data sets that ship, the simplest first."""
    return _SAMPLES


def find_sample(name: str) -> Sample:
    """One of them by its name. Raises LabError."""
    for sample in _SAMPLES:
        if sample.name == name:
            return sample
    raise LabError(f"There is no sample {name!r}.", f"The samples are {', '.join(s.name for s in _SAMPLES)}.")
