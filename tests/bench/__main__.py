"""Benchmarks: `python -m tests.bench [group …]` prints one JSON object a line; without a group, all of them.

A group is a module of this package with a function `run()` that yields results: name, value, unit, rival, detail.
"""

import importlib
import json
import pkgutil
import sys
from pathlib import Path


def main(groups: list[str]) -> int:
    """Run the groups named; 0, or 2 when one is unknown."""
    known = sorted(
        module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]) if module.name[0] != "_"
    )
    if unknown := set(groups) - set(known):
        sys.stderr.write(f"no such group: {', '.join(sorted(unknown))}; there are: {', '.join(known)}\n")
        return 2
    for group in groups or known:
        for result in importlib.import_module(f"tests.bench.{group}").run():
            sys.stdout.write(json.dumps(result, ensure_ascii=False, allow_nan=False) + "\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
