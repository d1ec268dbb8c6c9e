"""The process that trains: `python -m core.training.run.worker FOLDER`, started by the supervisor and ended with it.

Leaves its result in `outcome.json`, whatever happens; what it prints goes to `train.log`.
"""

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.runs.beat import RANK, Beat
from core.runs.events import read_events
from core.runs.folder import CHECKPOINTS, OUTCOME
from core.runs.process import die_with_parent
from core.runs.status import read_json, write_record
from core.runs.supervisor import ATTEMPT_VARIABLE, PARENT_VARIABLE
from core.training.estimate.precision import training_threads
from core.training.run.diverging import diverged
from core.training.run.failures import explain, is_out_of_memory
from core.workspace import remove_folder

if TYPE_CHECKING:
    from core.training.run.job import Job

_NICENESS = 5  # people at the same machine come first

logger = logging.getLogger(__name__)


def main(folder: Path) -> int:
    """Train the run in `folder`; 0 when it finished or was stopped, 1 when it failed."""
    if parent := os.environ.get(PARENT_VARIABLE):
        die_with_parent(int(parent))
    beat = Beat(folder, f"{RANK}{os.environ.get('RANK', '0')}")
    if not parent:
        return _work(folder, beat, is_watched=False)
    with beat.kept():
        return _work(folder, beat, is_watched=True)


def _work(folder: Path, beat: Beat, *, is_watched: bool) -> int:
    os.nice(_NICENESS)
    if "WORLD_SIZE" not in os.environ:  # with several visible, the Trainer would split each batch among them
        os.environ["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    for name, value in _threading().items():
        os.environ.setdefault(name, value)  # read when torch is imported, further down
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    attempt = int(os.environ.get(ATTEMPT_VARIABLE, "0"))
    job = None
    try:
        import torch

        from core.training.run.job import Job, prepare_torch
        from core.training.run.ranks import join_ranks

        prepare_torch()
        ranks = join_ranks(cards=torch.cuda.is_available())
        job = Job(folder, ranks=ranks, attempt=attempt, beat=beat)
        state = job.run()
        if ranks.is_first:
            message, remedy = _words_of_a_stop(job) if state == "stopped" else ("", "")
            if state == "finished" and (problem := diverged(read_events(folder))):
                message, remedy = problem.problem, problem.remedy
            write_record(folder / OUTCOME, {"state": state, "message": message, "remedy": remedy})
            if state == "finished" and not is_watched:  # else the supervisor does, once this has ended well
                remove_folder(folder / CHECKPOINTS)
        return 0
    except BaseException as error:
        logger.exception("The training failed")
        problem = explain(error, folder, job.step if job is not None else 0)
        outcome: dict[str, Any] = {"state": "failed", "message": problem.problem, "remedy": problem.remedy}
        if job is not None and job.plan.retry_on_memory and is_out_of_memory(error) and not job.is_smallest:
            outcome["again"] = True
        leave(folder, outcome)
        return 1


def _words_of_a_stop(job: "Job") -> tuple[str, str]:
    if job.is_training:
        return f"Stopped at step {job.step}.", "Resume the run: it continues exactly where it stopped."
    return "Stopped while it was getting ready to train.", "Resume the run: it continues exactly where it was."


def _threading() -> dict[str, str]:
    """Settings of the OpenMP threads that multiply matrices.

    By default they spin for about a millisecond while they wait for each other; as soon as anything else uses the
    processor (the app, for one) they burn the time that the one they wait for needs. Measured in examples a second,
    two threads on two cores, alone and beside one busy process: default 300 and 7, never spinning
    (OMP_WAIT_POLICY=passive) 220 and 200, spinning shortly 310 and 154.
    """
    return {"OMP_NUM_THREADS": str(training_threads()), "GOMP_SPINCOUNT": "1000", "KMP_BLOCKTIME": "1"}


def leave(folder: Path, outcome: dict[str, Any]) -> None:
    """Write the outcome, unless another rank, which failed first, has."""
    if read_json(folder / OUTCOME):
        return
    try:
        write_record(folder / OUTCOME, outcome)
    except OSError:
        logger.exception("The outcome could not be written")


if __name__ == "__main__":  # a rank of several
    exit_code = main(Path(sys.argv[1]))
    logging.shutdown()
    sys.stdout.flush()
    os._exit(exit_code)  # a thread of gloo may still hold the last message, and abort Python's own end
