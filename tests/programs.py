"""Small programs that stand in for real ones."""

import subprocess
from pathlib import Path


def write_program(path: Path, script: str) -> None:
    """Write a shell script that can be started at once.

    Another process writes it: a file that this one has open is inherited by whatever another thread starts at the same
    moment, and a program that somebody may still write to cannot be started (“text file busy”).
    """
    write = ["/bin/sh", "-c", 'cat > "$0" && chmod 755 "$0"', str(path)]
    subprocess.run(write, input=f"#!/bin/sh\n{script}", text=True, check=True)
