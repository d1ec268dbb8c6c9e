"""Which runs still read a data set: it must not be deleted under them."""

from core.data.sources import hub
from core.errors import LabError
from core.runs.folder import Run, list_runs
from core.training.plan.plan import Plan


def readers(reference: str) -> list[Run]:
    """The active runs (queued ones, too) that train, validate or test on a data set."""
    names = {reference}
    if reference.startswith("hub:"):  # a plan names the folder that it was fetched to
        names.add(str(hub.folder_of(reference.removeprefix("hub:")).resolve()))
    return [run for run in list_runs() if run.status().is_active and names.intersection(_read_by(run))]


def _read_by(run: Run) -> tuple[str | None, ...]:
    try:
        plan = Plan.of_record(run.plan_text())
    except LabError:  # damaged, or deleted meanwhile: it reads nothing
        return ()
    return plan.data, plan.validation_data, plan.test_data
