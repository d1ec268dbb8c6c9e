"""What is known of a task before anything is read or computed: its words, columns, settings, metrics. Plain data.

Every floor may import this package and nothing here imports another. What a floor *does* for a task stands in that
floor, see `core.tasks`. Look for roles, metrics and baselines in `core.tasks.common` before you write your own: a name
of a metric means the same in every task.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

_EXACT = 1e-9  # what is nearer to 0 or 1 is rounding
_NAMES = {"F1", "F1 per row", "MCC", "Pearson", "Spearman", "R²", "RMSE"}


@dataclass(frozen=True, slots=True)
class Role:
    """A part that a column plays in a task.

    is_list: several columns may play it, in the order chosen.
    setting: the setting of a plan that names its column; list_setting: the one that names several, where it is another.
    segment: 1 or 2 where the network reads it as its first or second text; 0 for what is learned.
    holds: what a cell holds: "text", "words", "label" (one class), "labels" (several), "number", "choice", "answer".

    The name is the task's own; whatever is asked of a part goes by its segment and what it holds.
    """

    name: str
    title: str
    help: str
    is_required: bool = True
    is_list: bool = False
    setting: str = ""
    list_setting: str = ""
    segment: int = 0
    holds: str = "text"


@dataclass(frozen=True, slots=True)
class Baseline:
    """What can be had without a model. `words` follow “by” or “than”.

    name: that of its value in `metrics.json`, which the task's `evaluate` must write; value: the value itself where it
    needs no data.
    """

    words: str
    name: str = ""
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Metric:
    """A score of `metrics.json` and of the evaluations, as people read it.

    is_share: from 0 to 1, read as per cent. has_own_scale: neither a share nor a correlation, so it is not drawn beside
    others. counts_rows: the share of rows that are right, independent of one another, so that Wilson's interval holds.
    """

    name: str
    title: str
    meaning: str = ""
    is_share: bool = False
    has_own_scale: bool = False
    is_lower_better: bool = False
    counts_rows: bool = False
    baselines: tuple[Baseline, ...] = ()

    @property
    def validation_title(self) -> str:
        """The title after “Validation”: words begin small there, names and abbreviations do not."""
        return f"Validation {self.title if self.title in _NAMES else self.title[:1].lower() + self.title[1:]}"

    def against(self, *baselines: Baseline) -> "Metric":
        """The same metric, where a task has baselines for it."""
        return replace(self, baselines=baselines)

    def written(self, value: float) -> str:
        """A value as people read it.

        >>> Metric("accuracy", "Accuracy", is_share=True).written(0.75), Metric("mcc", "MCC").written(0.4541)
        ('75.0%', '0.454')
        >>> Metric("perplexity", "Perplexity", has_own_scale=True).written(12.345)
        '12.35'

        What is not quite all or nothing is not written as if it were, where four more digits tell the difference.

        >>> [Metric("accuracy", "Accuracy", is_share=True).written(value) for value in (2999 / 3000, 1.0)]
        ['99.97%', '100.0%']
        """
        if self.has_own_scale:
            return f"{value:.4g}"
        sign, digits = ("%", 1) if self.is_share else ("f", 3)
        scale = 100 if self.is_share else 1
        for more in range(5):
            text = f"{value:.{digits + more}{sign}}"
            if abs(float(text.rstrip("%"))) not in (0, scale) or min(abs(value), abs(abs(value) - 1)) < _EXACT:
                return text
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpec:
    """One task. `name` stands in plans, run folders and addresses, so it never changes."""

    # For people.
    name: str
    title: str
    meaning: str
    noun: str = "row"  # what a row of the data is called, in the singular
    data_note: str = ""  # what each row has beside its text; may contain {choices}, their number
    labels_note: str = "with {} labels"  # how many labels there are

    # The data. `is_placed`: what is learned has its place in the text (a word, a character), so that no character of
    # it may change. `grouped_by`: the role whose equal cells stay in one part of a split.
    roles: tuple[Role, ...]
    is_placed: bool = False
    grouped_by: str = ""

    # The network. `head`: as `core.models.loading` calls it; `problem_type`: of transformers, says what the logits of a
    # head for texts mean. Several tasks may have the same two: a run writes the task's name beside the model.
    # `reads_windows`: long texts are read in several windows. `predicts_vocabulary`: each token is compared with all.
    head: str
    problem_type: str = ""
    pipeline: str  # what model hubs call it
    reads_windows: bool = False
    predicts_vocabulary: bool = False

    # The plan. `settings`: those that only some tasks use, also those that the base class of the training reads: a
    # `TextTask` with pairs needs "truncation". `lengths`: tokens of a text by preset, where the usual
    # number does not suit; `learning_rate`: of models as large as BERT-base; `best`: further settings of that preset.
    settings: tuple[str, ...] = ()
    lengths: Mapping[str, int] = field(default_factory=dict)
    learning_rate: float = 3e-5
    best: Mapping[str, Any] = field(default_factory=dict)

    # The scores. `curves`: those of every evaluation during the training; the first chooses the best moment (higher is
    # better). `metrics`: those of a finished run that matter, the main one first; `further`: known by title only.
    # `predicts_rows`: a model says something about each row of a file.
    curves: tuple[str, ...]
    metrics: tuple[Metric, ...]
    further: tuple[Metric, ...] = ()
    predicts_rows: bool = True

    @property
    def inputs(self) -> tuple[Role, ...]:
        """The roles that the network reads."""
        return tuple(role for role in self.roles if role.segment)

    @property
    def text_role(self) -> Role:
        """The input that stands for a row where one text does: the one that rows are grouped by, else the first."""
        return next((role for role in self.inputs if role.name == self.grouped_by), self.inputs[0])

    @property
    def logits_kind(self) -> tuple[str, str]:
        """What the logits mean: the same for tasks that the same function predicts."""
        return self.head, self.problem_type

    @property
    def label_role(self) -> Role | None:
        """The role whose cells hold labels that can be put in order and given names; None where there are none."""
        return next((role for role in self.roles if role.holds in ("label", "labels")), None)

    @property
    def has_classes(self) -> bool:
        """Whether each row has one label, which a data set knows as its class."""
        return self.label_role is not None and self.label_role.holds == "label"

    @property
    def is_whole_in_selection(self) -> bool:
        """Whether texts and class are all that a row says; other tasks have scores, tags or answers beside them."""
        return all(role.segment or role.holds == "label" for role in self.roles)

    @property
    def takes_pairs(self) -> bool:
        """Whether the network reads a second text beside the first."""
        return any(role.segment == 2 for role in self.roles)

    def role(self, name: str) -> Role:
        """The role of this name. Raises KeyError."""
        return {role.name: role for role in self.roles}[name]

    def column_settings(self) -> dict[str, str]:
        """For each role the setting of a plan that names its column."""
        return {role.name: role.setting for role in self.roles}
