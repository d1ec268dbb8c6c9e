"""Write docs/faults.md: what can go wrong, and the tests that show that it is dealt with.

A test of a fault carries its number in its name, as `test_D04_…`; what each number stands for is written here.
`python -m scripts.fault_catalogue` writes the page, and a test checks that it is up to date.
"""

import ast
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "faults.md"
NUMBER = re.compile(r"(?<=_)[A-Z][0-9]{2}(?=_)")

PARTS = {
    "A": "Reading a file",
    "B": "Labels and splits",
    "C": "Security",
    "D": "State of a training",
    "E": "Supervision of runs",
    "F": "Looking inside a model",
    "G": "Opening a model",
    "I": "Several people, several tabs",
}
FAULTS = {
    "A01": "A file in UTF-16 is decoded, and the encoding is shown",
    "A02": "A byte order mark does not get into the first column's name",
    "A03": "Bytes that several encodings can mean are not decoded by a silent guess: a preview asks",
    "A04": "NUL characters are refused, or removed and counted",
    "A05": "A few rows with too many or too few cells are refused with their numbers",
    "A06": "When every row has too many or too few cells, nothing is shifted into other columns",
    "A07": "A quote that is never closed is refused with its row",
    "A08": "A line break inside a cell does not start a row",
    "A09": "Semicolons and tabs are found as separators, shown, and can be changed",
    "A10": "A file without rows is refused and not kept",
    "A11": "Columns with the same name or none get names that can be seen",
    "A12": "An enormous cell is refused, and the limit is named",
    "A13": "An enormous file is refused before it takes memory",
    "A14": "Little data that unpacks to very much is cut off within bounded memory",
    "A15": "A hostile workbook is refused in bounded time and memory, without following what it points to",
    "A16": "A file that is not what its name says is refused by what it holds",
    "A17": "JSON that is cut off, nested too deep, mixed or ambiguous is refused with its line",
    "A18": "Half of a surrogate pair is refused, or replaced and counted",
    "A19": "Right-to-left text, zero-width characters and emoji are kept exactly",
    "B01": "Words such as “NA” and “null” are texts like any other",
    "B02": "A label that is blank or no finite number is refused with its rows",
    "B03": "Labels are told apart as they are written: “01” is not “1”, and no label becomes 0.0",
    "B04": "Data with a single label is refused",
    "B05": "A column with thousands of different labels is pointed out, and lists of it are cut",
    "B06": "A class with a single row is pointed out, and data can be split all the same",
    "B07": "A label that only the test data has is refused, or its rows are left out when asked",
    "B08": "Texts that stand in both training and test data are counted and pointed out",
    "B09": "Data whose rows are all the same is refused",
    "B10": "The same text with different labels is pointed out with its rows",
    "B11": "A text column of numbers or of nothing is pointed out, and is always read as texts",
    "C02": "Only this machine reaches the app by default, and requests under a forged name are denied",
    "C03": "The name of an upload never decides where it is stored",
    "C04": "An odd id of a run finds nothing and deletes nothing",
    "C05": "What lies outside a run's folder is not served, whatever points to it",
    "C06": "A path that names another machine causes no request",
    "C07": "Markup in cells, labels, tokens and file names stays text in every view",
    "C08": "A cell that a spreadsheet would compute is escaped when exported",
    "C09": "A model that brings programs of its own is refused, and they do not run",
    "C10": "A checkpoint with a hostile pickle is never executed",
    "C11": "Keys of the environment get into no log and into no run folder",
    "D01": "A training that is killed again and again ends with the weights of an undisturbed one",
    "D02": "A damaged checkpoint is named, and the one before it is used",
    "D03": "A checkpoint that is half removed is never chosen",
    "D04": "A full disk is named, the last good checkpoint stays, and the run goes on once there is room",
    "D05": "A finished run that is resumed trains no further step",
    "D06": "A run that is stopped goes on exactly where it was",
    "D07": "A loss that is no finite number ends the training with the step named",
    "D08": "A run is not resumed with other data or settings than it began with",
    "D09": "After a resume scores and events cover the whole run, in strict JSON",
    "E01": "A run goes on when the app ends, and how it ended can be read later",
    "E02": "Stopping a training of several processes leaves none of them",
    "E03": "A process that ignores being asked to end is gone after the grace time",
    "E04": "A run whose supervisor was killed is shown as lost, holds no device and leaves no process",
    "E05": "A process number that has been given to another process deceives nobody",
    "E06": "Of two launches on one device one runs and the other waits",
    "E07": "When one process of several fails, all end within bounded time",
    "E08": "Running out of memory is named, with something that helps",
    "E09": "A process that gives no sign of life is shown as stalled",
    "E10": "Torn logs and folders that vanish do not break the page",
    "F01": "Nothing, spaces, emoji, very long words and very long texts are all answered",
    "F02": "A text longer than the model reads is cut where it can be seen",
    "F03": "Special tokens and markup that somebody typed are shown as they are",
    "F04": "In every script, marks point at the right characters",
    "F05": "A model without what a page needs is named, and one that has it is offered",
    "F06": "Many people at once all get their own answers",
    "F07": "A model that cannot be fetched is named, with those that are here",
    "G06": "A model's labels belong to the right outputs, in whatever order they are named",
    "G11": "Weights that are replaced under the same name are noticed",
    "I01": "No correction is lost when several sessions make them at once",
    "I02": "One file under two names keeps one set of decisions",
    "I03": "Every view shows the same rows once they are fixed",
    "I04": "Nothing slow happens while others wait for a lock",
    "I05": "What is kept in memory has a limit in bytes",
}


def cited(root: Path) -> dict[str, list[str]]:
    """The tests that name each fault, as `tests/file.py::test`, by the fault's number."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted((root / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for number in NUMBER.findall(f"{node.name}_"):
                    found[number].append(f"{path.relative_to(root).as_posix()}::{node.name}")
    return dict(found)


def page(tests: dict[str, list[str]]) -> str:
    """The page in Markdown. Raises `KeyError` for a number that has no text in `FAULTS`."""
    lines = [
        "# What can go wrong",
        "",
        "Each fault has a number, which the tests that show that it is dealt with carry in their names: "
        '`make test ARGS="-k D04"` runs those of one fault. Written by `make docs`; do not edit.',
    ]
    for part, title in PARTS.items():
        lines += ["", f"## {part}. {title}", ""]
        for number in sorted(number for number in FAULTS.keys() | tests.keys() if number[0] == part):
            lines.append(f"- **{number}** {FAULTS[number]}.")
            lines += [f"  - `{test}`" for test in tests.get(number, [])]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(cited(ROOT)), encoding="utf-8")
