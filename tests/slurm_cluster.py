"""A real SLURM on this machine for tests: munge, the controller and two nodes, in a temporary folder, ended by number.

Needs Debian's slurm-wlm and munge (`scripts/setup-slurm`) and root, and skips plainly without them.
"""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel")
NODES = ("one", "two")
_START_SECONDS = 30

# A requeued job waits for `cred_expire` (120 s by default) and the next look of the scheduler (30 to 60 s). Both nodes
# are this machine, which `config_overrides` lets be larger than it is. Partition "urgent" takes nodes from "main".
_CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobRequeue=1
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,bf_interval=2
MailProg=/bin/true
{nodes}
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=main Nodes=ALL Default=YES PriorityTier=1 GraceTime=60
PartitionName=urgent Nodes=ALL MaxTime=60 PriorityTier=2 PreemptMode=OFF
"""


@pytest.fixture(scope="session")
def slurm_cluster() -> Iterator[Path]:
    """A running cluster of two nodes with one core each, partition "main"; `SLURM_CONF` names it. Its folder."""
    missing = [program for program in NEEDED if shutil.which(program) is None]
    if missing:
        pytest.skip(f"SLURM is not installed ({', '.join(missing)} missing): scripts/setup-slurm installs it")
    if os.geteuid() != 0:
        pytest.skip("a SLURM cluster of its own needs root")
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))  # not below pytest's own, where the user munge may not look
    folder.chmod(0o755)
    with contextlib.ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        patch.setenv("SLURM_CONF", str(_configure(folder)))
        for command in (
            ["munged", "--foreground", "--force", f"--socket={folder}/munge.socket", f"--key-file={folder}/munge.key",
             f"--pid-file={folder}/munge.pid", f"--log-file={folder}/munge.log", f"--seed-file={folder}/munge.seed"],
            ["slurmctld", "-D"],
            *(["slurmd", "-D", "-N", node] for node in NODES),
        ):  # fmt: skip
            stack.enter_context(_daemon(command, folder / f"{command[0]}.out"))
        _wait_until_idle(folder)
        yield folder


def slurm(*command: str) -> str:
    """What a command of SLURM answers."""
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.strip()


def _configure(folder: Path) -> Path:
    (folder / "state").mkdir()
    (folder / "munge.key").write_bytes(secrets.token_bytes(128))
    (folder / "munge.key").chmod(0o600)
    controller_port, *node_ports = _free_ports(1 + len(NODES))
    host = socket.gethostname().split(".")[0]
    nodes = [
        f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=1 RealMemory=1000 State=UNKNOWN"
        for node, port in zip(NODES, node_ports, strict=True)
    ]
    path = folder / "slurm.conf"
    path.write_text(
        _CONFIGURATION.format(folder=folder, host=host, controller_port=controller_port, nodes="\n".join(nodes))
    )
    return path


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextlib.contextmanager
def _daemon(command: list[str], output: Path) -> Iterator[None]:
    with output.open("ab") as file:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_idle(folder: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    states: list[str] = []
    while states != ["idle"] * len(NODES):
        if time.monotonic() > end:
            logs = "\n".join(f"{log.name}:\n{log.read_text()[-2000:]}" for log in sorted(folder.glob("*.[lo][ou][gt]")))
            pytest.fail(f"the SLURM cluster did not start: nodes are {states}\n{logs}")
        time.sleep(0.2)
        with contextlib.suppress(subprocess.SubprocessError):
            states = slurm("sinfo", "--noheader", "--Node", "--partition=main", "--format=%t").split()
