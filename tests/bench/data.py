"""What a large table costs: reading and profiling 1,000,000 rows of 20 words, against plain `pandas.read_csv`.

Each side runs in a process of its own, three times in turn, on the same file. Time is that of the work alone, without
imports (processor time, of all threads, stands beside it for busy machines); memory is the peak of the whole process.
The search is timed in the process that has read the table.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

ROWS = 1_000_000
WORDS = 20
ROUNDS = 3
PEAK = """
import json, re, sys, time
from pathlib import Path
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1000
path = Path(sys.argv[1])
"""
PANDAS = f"""{PEAK}
import pandas
start, cpu = time.perf_counter(), time.process_time()
frame = pandas.read_csv(path)
seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
print(json.dumps({{"rows": len(frame), "seconds": seconds, "cpu_seconds": cpu, "megabytes": peak()}}))
"""
OURS = f"""{PEAK}
import pandas  # which parts of Arrow load on first use, and the app has loaded
from tests.columns import classes
from core.data.dataset.dataset import build_dataset
from core.data.dataset.browse import search
from core.data.quality.profile import profile
from core.data.reading.read_table import read_table
start, cpu = time.perf_counter(), time.process_time()
table = read_table(path)
read = time.perf_counter() - start
megabytes_read = peak()
found = profile(build_dataset(table, classes("text", "label")))
seconds, cpu, megabytes = time.perf_counter() - start, time.process_time() - cpu, peak()
searches = {{}}
for query, regex in (("bacado", False), ("no such words", False), ("\\\\bbaca\\\\w+ da", True)):
    start = time.perf_counter()
    search(table, query, regex=regex)
    searches[query] = time.perf_counter() - start
print(json.dumps({{"rows": found.rows, "seconds": seconds, "cpu_seconds": cpu, "megabytes": megabytes,
    "read_seconds": read, "megabytes_read": megabytes_read, "searches": searches}}))
"""


def run() -> Iterator[dict[str, Any]]:
    """Yield `data.slowdown.1m`, `data.extra_megabytes.1m` and `data.search_seconds.1m` (the slowest kind of search)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        _write(path)
        size = path.stat().st_size / 1e6
        rounds = [(_measure(PANDAS, path), _measure(OURS, path)) for _ in range(ROUNDS)]
    theirs, ours = zip(*rounds, strict=True)
    rival = "pandas.read_csv of the same file, which profiles nothing"
    yield {
        "name": "data.slowdown.1m",
        "value": round(median(our["seconds"] / their["seconds"] for their, our in rounds), 2),
        "unit": "times the rival's seconds",
        "rival": rival,
        "detail": {
            "file_megabytes": round(size),
            "ours_seconds": _each(ours, "seconds"),
            "ours_seconds_of_reading": _each(ours, "read_seconds"),
            "ours_cpu_seconds": _each(ours, "cpu_seconds"),
            "pandas_seconds": _each(theirs, "seconds"),
            "pandas_cpu_seconds": _each(theirs, "cpu_seconds"),
        },
    }
    yield {
        "name": "data.extra_megabytes.1m",
        "value": round(median(our["megabytes"] - their["megabytes"] for their, our in rounds)),
        "unit": "megabytes above the rival's peak",
        "rival": rival,
        "detail": {
            "ours": _each(ours, "megabytes"),
            "ours_after_reading": _each(ours, "megabytes_read"),
            "pandas": _each(theirs, "megabytes"),
        },
    }
    searches = {query: median(our["searches"][query] for our in ours) for query in ours[0]["searches"]}
    yield {
        "name": "data.search_seconds.1m",
        "value": round(max(searches.values()), 3),
        "unit": "seconds",
        "rival": "none: an absolute wait, of the slowest search",
        "detail": {query: round(seconds, 3) for query, seconds in searches.items()},
    }


def _write(path: Path) -> None:
    """The table: words drawn by Zipf's law, four labels, one row in a hundred a repeat."""
    draw = np.random.default_rng(0)
    syllables = [consonant + vowel for consonant in "bcdfghklmnprstvz" for vowel in "aeiou"]
    words = np.array([a + b + c for a in syllables for b in syllables for c in ("", "ca", "do")])
    draw.shuffle(words)
    weights = 1 / np.arange(1, len(words) + 1)
    chosen = words[draw.choice(len(words), (ROWS, WORDS), p=weights / weights.sum())]
    repeats = draw.integers(0, ROWS, ROWS // 100)
    chosen[repeats] = chosen[0]
    labels = draw.choice(np.array(["joy", "fear", "anger", "none"]), ROWS)
    with path.open("w", encoding="utf-8") as file:
        file.write("text,label\n")
        for row, label in zip(chosen, labels, strict=True):
            file.write(f"{' '.join(row)},{label}\n")


def _measure(code: str, path: Path) -> dict[str, Any]:
    """What one fresh process reports."""
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    if found["rows"] != ROWS:
        raise RuntimeError(f"{found['rows']:,} rows were read instead of {ROWS:,}")
    return found


def _each(rounds: tuple[dict[str, Any], ...], key: str) -> list[float]:
    return [round(each[key], 2) for each in rounds]
