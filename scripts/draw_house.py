"""Draws docs/pictures/house.svg: the floors of the house, what each folder is for, and how many modules it holds.

`python -m scripts.draw_house` writes it; a test holds it against the folders as they are. Who may import whom is kept
by tests/test_import_rule.py.
"""

from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "pictures" / "house.svg"

WIDTH, MARGIN, GAP, LINE = 1160, 20, 12, 19
# From the roof to the ground: the floor, and its rooms as (folder, what it does, its parts).
FLOORS = (
    (
        "On screen",
        (
            (
                "pages/explore",
                "one folder a page",
                ("tokens", "anatomy", "inside_a_layer", "attention", "embeddings", "fill_mask"),
            ),
            ("pages/data", "", ("datasets",)),
            ("pages/train", "", ("fine_tune", "runs")),
            ("pages/start", "", ("home",)),
        ),
    ),
    (
        "For all pages",
        (
            ("pages/shared", "what two pages or more use: navigation, the address, the model, the data, runs", ()),
            ("pages/components", "components of our own: Python, script and style of each in one folder", ()),
        ),
    ),
    (
        "Third floor",
        (
            ("core/inference", "a trained model answers", ()),
            ("core/reports", "what a finished run has to show", ()),
            ("core/charts", "values in, figures out; imports nothing of core", ()),
        ),
    ),
    (
        "Second floor",
        (
            ("core/explore", "tokens → trace → walkthrough", ("attention", "fill_mask", "embeddings", "walkthrough")),
            (
                "core/training",
                "plan → estimate → forms;  scores → batches → tasks → run → probe",
                ("plan", "estimate", "forms", "scores", "batches", "tasks", "run", "probe"),
            ),
        ),
    ),
    (
        "First floor",
        (
            ("core/models", "what can be opened, and whether it is safe", ("anatomy",)),
            (
                "core/data",
                "reading → sources;  dataset → columns, decisions, quality",
                ("reading", "sources", "dataset", "columns", "decisions", "quality"),
            ),
            ("core/runs", "the run folder and its supervisor", ()),
        ),
    ),
    ("Ground", (("core", "errors, workspace, machine, memory", ()), ("core/tasks", "what each task is, as data", ()))),
)


def modules(folder: str, *, deep: bool = True) -> int:
    """How many modules lie in a folder, `__init__` aside."""
    found = (ROOT / folder).glob("**/*.py" if deep else "*.py")
    return sum(file.name != "__init__.py" for file in found)


def picture() -> str:
    """The whole SVG."""
    body: list[str] = []
    top = MARGIN
    for title, rooms in FLOORS:
        weights = [2 + len(parts) for _, _, parts in rooms]
        room_width = WIDTH - 2 * MARGIN - 110 - GAP * (len(rooms) - 1)
        height = max(
            _height(words, parts, room_width * weight / sum(weights))
            for (_, words, parts), weight in zip(rooms, weights, strict=True)
        )
        body.append(f'<text class="floor" x="{MARGIN}" y="{top + 24}">{title}</text>')
        left = MARGIN + 110.0
        for (folder, words, parts), weight in zip(rooms, weights, strict=True):
            width = room_width * weight / sum(weights)
            body += _room(folder, words, parts, left, top, width, height)
            left += width + GAP
        top += height + GAP
    style = (
        "text{font:13px system-ui,sans-serif;fill:#22242b}.floor{font-weight:600;fill:#6b7080}.name{font-weight:600}"
        ".words{fill:#565b69;font-size:12px}.part{font-size:12px}"
        "rect.room{fill:#f4f5fb;stroke:#8d94b8}rect.part{fill:#fff;stroke:#c3c8de}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top - GAP + MARGIN:.0f}" role="img" '
        f'aria-label="The house: each floor imports only those below it">\n<style>{style}</style>\n'
        f'<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _wrapped(words: str, width: float) -> list[str]:
    lines: list[str] = []
    for word in words.split():
        if lines and len(lines[-1]) + len(word) + 1 <= (width - 20) / 6.2:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _rows(parts: tuple[str, ...], width: float) -> list[list[str]]:
    rows: list[list[str]] = []
    room = 0.0
    for part in parts:
        if not rows or room < _part_width(part):
            rows.append([])
            room = width - 20
        rows[-1].append(part)
        room -= _part_width(part) + 6
    return rows


def _part_width(part: str) -> float:
    return len(part) * 7.4 + 16


def _height(words: str, parts: tuple[str, ...], width: float) -> int:
    return 34 + LINE * len(_wrapped(words, width)) + 30 * len(_rows(parts, width)) + 4


def _room(folder: str, words: str, parts: tuple[str, ...], left: float, top: float, width: float, height: float):
    yield f'<rect class="room" x="{left:.0f}" y="{top}" width="{width:.0f}" height="{height}" rx="8"/>'
    count = modules(folder, deep=folder != "core")
    yield f'<text class="name" x="{left + 10:.0f}" y="{top + 22}">{folder}/ <tspan class="words">{count}</tspan></text>'
    y = top + 22
    for line in _wrapped(words, width):
        y += LINE
        yield f'<text class="words" x="{left + 10:.0f}" y="{y}">{escape(line)}</text>'
    for row in _rows(parts, width):
        y += 30
        x = left + 10
        for part in row:
            yield f'<rect class="part" x="{x:.0f}" y="{y - 16}" width="{_part_width(part):.0f}" height="24" rx="5"/>'
            yield f'<text class="part" x="{x + 7:.0f}" y="{y + 1}">{part}</text>'
            x += _part_width(part) + 6


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
