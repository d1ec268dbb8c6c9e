"""Programs that run as two ranks of one group, over gloo on the processor, as a training of several processes does."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
_BEGINNING = """
import os, sys, time
import torch
from core.training.run.ranks import join_ranks

torch.set_num_threads(1)
ranks = join_ranks(cards=False)

def tell(*words):
    sys.stdout.write("told " + str(ranks.rank) + ": " + " ".join(map(str, words)) + chr(10))
    sys.stdout.flush()
"""


# Threads of gloo may still hold the last message, and abort an interpreter that is taking itself apart.
_END = """
sys.stdout.flush()
os._exit(0)
"""


def run_ranks(program: str, folder: Path, *, seconds: float = 40.0) -> subprocess.CompletedProcess[str]:
    """Run `program`, which finds itself as one of two `ranks` and can `tell`; who is silent for `seconds` is given up.

    Ended as by the launcher: by torchrun, all when one fails.
    """
    script = folder / "program.py"
    script.write_text(_BEGINNING + program + _END)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--log-dir={os.devnull}"]
    command = [*torchrun, "--nproc-per-node=2", str(script)]
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "BERTLAB_RANK_SECONDS": str(seconds)
    }  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=150, check=False)


def told(answer: subprocess.CompletedProcess[str]) -> list[str]:
    """What the ranks have told, each line after the number of its rank, sorted."""
    return sorted(line.removeprefix("told ") for line in answer.stdout.splitlines() if line.startswith("told "))
