"""Handing a run to a SLURM cluster: what to ask for, and submitting it with submitit. Waits for nothing.

The run's folder and this project have to lie on a disk that all nodes share. What happens on the nodes stands in
`slurm_job`, how the run is doing in `slurm_status`.
"""

import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core.errors import LabError, first_line
from core.runs.folder import Run
from core.runs.launch import environment, launching
from core.runs.resources import GRACE_SECONDS, Resources
from core.runs.status import SLURM, make_room, read_json, write_record, write_status
from core.workspace import PROJECT_ROOT, is_full

_NOTICE_SECONDS = 120  # ahead of the time limit and beside the time to stop gracefully: SLURM may be a minute late
_NAME = re.compile(r"[\w.,@+:-]*")
_MEMORY = re.compile(r"([1-9]\d*[KMGT]B?)?", re.IGNORECASE)
_OPTION = re.compile(r"[a-z][a-z0-9-]*")


def is_here() -> bool:
    """Whether SLURM can be reached from this machine, by its programs."""
    return not _missing_programs()


def _missing_programs() -> list[str]:
    return [program for program in ("sbatch", "srun", "squeue") if shutil.which(program) is None]


@dataclass(frozen=True, slots=True)
class SlurmOptions:
    """What a job asks SLURM for. Empty or 0 leaves it to the cluster. Raises `LabError` for what SLURM cannot mean."""

    partition: str = ""
    account: str = ""
    nodes: int = 1
    gpus_per_node: int = 0
    cpus_per_task: int = 1  # one task a node
    memory: str = ""  # of each node, e.g. "64GB"
    time_limit_minutes: int = 1440
    requeues: int = 100  # how often an interrupted job is queued again
    further: Mapping[str, str] = field(default_factory=dict)  # of sbatch, e.g. {"qos": "long"}; "" for a mere switch

    def __post_init__(self) -> None:
        lowest_of = {"nodes": 1, "gpus_per_node": 0, "cpus_per_task": 1, "time_limit_minutes": 1, "requeues": 0}
        for name, lowest in lowest_of.items():
            if getattr(self, name) < lowest:
                raise LabError(f"“{name}” is {getattr(self, name)}.", f"Choose a whole number from {lowest} on.")
        patterns = {"partition": (_NAME, "gpu"), "account": (_NAME, "lab"), "memory": (_MEMORY, "64GB")}
        for name, (pattern, example) in patterns.items():
            if not pattern.fullmatch(getattr(self, name)):
                raise LabError(f"“{getattr(self, name)[:50]}” is no {name} for SLURM.", f"Write it like “{example}”.")
        for name, value in self.further.items():
            if not _OPTION.fullmatch(name) or not value.isprintable():
                problem = f"“{name[:50]}” is no option of sbatch, or its value is no plain text."
                raise LabError(problem, "Write options like “qos: long”, without dashes.")

    def parameters(self) -> dict[str, object]:
        """The same in the names of submitit's SLURM executor."""
        return {
            "partition": self.partition or None,
            "account": self.account or None,
            "nodes": self.nodes,
            "ntasks_per_node": 1,
            "gpus_per_node": self.gpus_per_node or None,
            "cpus_per_task": self.cpus_per_task,
            "mem": self.memory or None,
            "time": self.time_limit_minutes,
            "additional_parameters": {"requeue": True, **{name: value or True for name, value in self.further.items()}},
        }


@dataclass(frozen=True, slots=True)
class SlurmExecutor:
    """Runs on a SLURM cluster: each in a job of its own, which is queued again when SLURM interrupts it."""

    options: SlurmOptions = field(default_factory=SlurmOptions)
    grace_seconds: float = GRACE_SECONDS

    def submit(self, run: Run, command: Sequence[str], *, attempts: int = 1) -> None:
        """Put a job for the run into SLURM's queue, and return at once.

        Every node starts `command` once; the first does so under a supervisor, which starts it again when memory runs
        out, `attempts` times in all (on several nodes never: the others would not follow). Raises `LabError` when the
        run is active already, where there is no SLURM, and with SLURM's own words when it refuses the job.
        """
        if missing := _missing_programs():
            problem = f"SLURM cannot be reached from here: there is no program “{missing[0]}”."
            raise LabError(problem, "Start BERT Lab on a login node of the cluster, or train on this machine.")
        with launching(run):
            make_room(run.path / SLURM)  # before there is a job that nobody would know
            try:
                job = self._submit(run, command, attempts)
            except (RuntimeError, OSError) as error:
                if isinstance(error, OSError) and is_full(error):
                    raise
                refusal = (str(error).strip().splitlines() or [first_line(error)])[-1].removeprefix("sbatch: error: ")
                problem = f"SLURM did not take the job: {refusal[:300]}."
                remedy = "Change what the job asks for, such as its partition, account, time or memory."
                write_status(run.path, "failed", message=problem, remedy=remedy)
                raise LabError(problem, remedy) from error
            if not read_json(run.path / SLURM):  # else it has started already, and tells more
                write_record(run.path / SLURM, {"job": job, "interrupted": False})

    def _submit(self, run: Run, command: Sequence[str], attempts: int) -> str:
        """The number of the job."""
        import submitit  # sets up logging when it is imported

        from core.runs.slurm_job import SlurmTask

        attempts = attempts if self.options.nodes == 1 else 1
        resources = Resources(device=f"slurm-{run.id}", attempts=attempts, grace_seconds=self.grace_seconds)
        task = SlurmTask(run.path, command, resources, requeues=self.options.requeues)
        # One more than the task allows itself, so that it is the one to say why it ends.
        executor = submitit.SlurmExecutor(run.path / "slurm", max_num_timeout=self.options.requeues + 1)
        executor.update_parameters(
            **self.options.parameters(),
            job_name=f"bert-lab-{run.id}",
            signal_delay_s=min(round(self.grace_seconds) + _NOTICE_SECONDS, self.options.time_limit_minutes * 30),
            setup=[f"export {name}={shlex.quote(value)}" for name, value in environment().items()],
            srun_args=[f"--wait={_NOTICE_SECONDS}", f"--chdir={PROJECT_ROOT}"],
        )
        return executor.submit(task).job_id
