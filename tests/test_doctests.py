"""Examples in docstrings do what they say. They know the names of `core`, and `model`, which is the built-in one.

Those that need a trained run say so themselves, by `doctest: +SKIP`: a training takes too long here.
"""

import doctest
import importlib
from pathlib import Path

import pytest

import core
from core.workspace import PROJECT_ROOT

FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
SOURCES = sorted(
    path.relative_to(PROJECT_ROOT)
    for folder in ("core", "pages", "tests")
    for path in (PROJECT_ROOT / folder).rglob("*.py")
    if path.name != "test_doctests.py" and ">>> " in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_examples_in_docstrings(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(".".join(source.with_suffix("").parts))
    tests = [test for test in doctest.DocTestFinder(exclude_empty=True).find(module) if test.examples]
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    printed: list[str] = []
    for test in tests:
        words = "".join(example.source for example in test.examples)
        given = {name: getattr(core, name) for name in core.__all__ if name in words}
        if "model" in words:
            given["model"] = core.open_model("builtin")
        test.globs = given | test.globs
        runner.run(test, out=printed.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(printed)
