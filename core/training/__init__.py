"""Training: a plan in, a run folder out. `train` waits for it, `launch` does not; both survive the caller's end."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.runs.folder import Run
    from core.runs.slurm import SlurmOptions
    from core.training.plan.plan import Plan

_ON_CLUSTER = "cluster.json"  # in the folder of a run: what its job asks SLURM for
MEMORY_ATTEMPTS = 8  # each with half as many rows at once: the last with a hundred and twenty-eighth


def launch(plan: "Plan", *, output: Path | None = None, slurm: "SlurmOptions | None" = None) -> "Run":
    """Start a run in processes of its own and return at once. It queues while another has the device.

    `output`: a new or empty folder to use instead of one below `workspace/runs`, which remembers where it lies.
    `slurm`: run it as a job of a cluster instead of here. Raises `LabError` when data or model cannot be found or read
    here, when model or machine do not allow a setting, or the cluster takes no job, and leaves no folder then;
    everything else is said by `run.status()`.
    """
    import dataclasses

    from core.runs.folder import create_run
    from core.runs.launch import nothing_left_on_failure
    from core.training.forms.preflight import check_start
    from core.workspace import remember_outside

    files = {name: getattr(plan, name) for name in ("data", "test_data", "validation_data")}
    absolute = {name: _absolute_file(reference) for name, reference in files.items() if reference is not None}
    plan = dataclasses.replace(plan, **absolute, model=_absolute_model(plan.model))
    check_start(plan, is_here=slurm is None)
    records = {} if slurm is None else {_ON_CLUSTER: dataclasses.asdict(slurm)}
    with nothing_left_on_failure(output) as made:
        run = create_run(plan.to_yaml(), name=plan.name, output=output, records=records)
        made.append(run.path)
        remember_outside(run.path)
        _submit(run)
    return run


def train(plan: "Plan", *, output: Path | None = None) -> "Run":
    """Start a run as `launch` does and wait for its end. Raises `LabError` when it did not finish.

    A plan is trained as it stands: `Plan` has fixed defaults, `plan_from_preset` those of the page and the command
    line. What there is to tell of a run that finished, such as a loss that ran away, is in `run.status().message`.

    >>> run = train(plan_from_preset(data="sample:reviews", text_column="text", label_column="label"))  # doctest: +SKIP
    >>> run.metrics()["accuracy"]  # doctest: +SKIP
    """
    from core.errors import LabError

    run = launch(plan, output=output)
    status = run.wait()
    if status.state != "finished":
        raise LabError(status.message or f"The run is {status.state}.", status.remedy or "Look at its log.")
    return run


def resume(run: "Run") -> "Run":
    """Continue an interrupted run in its folder, exactly, from its newest sound checkpoint; returns at once.

    One that ran on a cluster goes on there; one outside the workspace is in its list of runs from now on. Raises
    `LabError` when it is active or has finished, and when model or machine do not allow a setting.
    """
    from core.errors import LabError
    from core.training.forms.preflight import check_limits
    from core.training.plan.plan import Plan
    from core.workspace import remember_outside

    if run.status().state == "finished":
        raise LabError("This run has finished: nothing is left to train.", "Start a new run with more epochs.")
    check_limits(Plan.of_record(run.plan_text()), is_here=not (run.path / _ON_CLUSTER).exists())
    remember_outside(run.path)
    _submit(run)
    return run


def _submit(run: "Run") -> None:
    from core.errors import LabError
    from core.runs.executors import LocalExecutor, default_device
    from core.runs.slurm import SlurmExecutor, SlurmOptions
    from core.runs.status import read_json
    from core.training.plan.plan import Plan

    plan = Plan.of_record(run.plan_text())
    command = [sys.executable, "-m", "core.training.run.launcher", str(run.path), str(plan.processes)]
    attempts = MEMORY_ATTEMPTS if plan.retry_on_memory else 1
    if options := read_json(run.path / _ON_CLUSTER):
        slurm = SlurmOptions(**options)
        if plan.processes % slurm.nodes:
            problem = f"{plan.processes} devices cannot be spread evenly over {slurm.nodes} nodes."
            raise LabError(problem, "Choose as many devices as nodes, or a multiple.")
        SlurmExecutor(slurm).submit(run, command, attempts=attempts)
    else:
        device = default_device()
        count = plan.processes if device == "cuda" else 1
        LocalExecutor().submit(run, command, device=device, count=count, attempts=attempts)


def _absolute_file(reference: str) -> str:
    """The reference of a data file, as the worker understands it: it has a working directory of its own."""
    from core.data.sources.references import find_source

    path = find_source(reference)
    return reference if reference.startswith(("sample:", "upload:")) else str(path.resolve())


def _absolute_model(reference: str) -> str:
    """The same for a model: a local folder by its full path, anything else by its name."""
    from core.models import catalogue

    folder = catalogue.locate(reference)
    is_named = folder is None or reference in {entry.reference for entry in catalogue.entries()}
    return reference if is_named else str(folder)
