"""Starts the ranks of a training: `python -m core.training.run.launcher FOLDER COUNT`. One rank is the worker itself.

Several on one machine are started by torchrun (`torch.distributed.run`), which ends all when one fails. Under SLURM
this runs once on each node; the nodes find each other by SLURM's variables.
"""

import os
import signal
import sys
from pathlib import Path

from core.runs.beat import Beat
from core.runs.folder import OUTCOME, Run
from core.runs.process import die_with_parent
from core.runs.status import write_record
from core.runs.supervisor import PARENT_VARIABLE
from core.training.plan.plan import Plan
from core.training.run.failures import killed
from core.training.run.worker import main as work

_FIRST_PORT = 20_000  # jobs on the same node take different ones
_NO_FOLDERS = (f"--log-dir={os.devnull}",)  # the ranks write to the run's own log; torchrun's stay empty, and stay


def main(folder: Path, count: int) -> None:
    """Run `count` ranks to their end; exits as torchrun does, 1 when one of them failed."""
    if count == 1:
        sys.exit(work(folder))
    if parent := os.environ.get(PARENT_VARIABLE):
        die_with_parent(int(parent))
    os.environ[PARENT_VARIABLE] = str(os.getpid())  # the ranks' own parent
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import main as torchrun

    Beat(folder, f"launcher-{os.environ.get('SLURM_NODEID', '0')}").start()
    try:
        torchrun([*_rendezvous(count), *_signals(), *_NO_FOLDERS, "-m", "core.training.run.worker", str(folder)])
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        if failure.exitcode == -signal.SIGKILL:  # it left no word, and the others only that it was gone
            again = Plan.of_record(Run(folder).plan_text()).retry_on_memory
            write_record(folder / OUTCOME, killed(rank, again=again))
        sys.exit(1)


def _signals() -> list[str]:
    """Under SLURM this process is deaf to TERM, which the supervisor answers; torchrun has to stay so, too."""
    is_deaf = signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    return ["--signals-to-handle=SIGINT,SIGHUP,SIGQUIT"] if is_deaf else []


def _rendezvous(count: int) -> list[str]:
    nodes = int(os.environ.get("SLURM_NNODES", "1"))
    if nodes == 1:
        return ["--standalone", f"--nproc-per-node={count}"]
    job = int(os.environ["SLURM_JOB_ID"])
    head = os.environ["SLURM_LAUNCH_NODE_IPADDR"]  # where srun was called: the first node of the job
    return [
        f"--nnodes={nodes}",
        f"--nproc-per-node={count // nodes}",
        f"--node-rank={os.environ['SLURM_NODEID']}",
        f"--rdzv-id={job}",
        "--rdzv-backend=c10d",
        f"--rdzv-endpoint={head}:{_FIRST_PORT + job % 10_000}",
    ]


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
