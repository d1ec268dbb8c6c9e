"""Keeps the import rule of the architecture: who may import whom, and what `import core` may load.

Reads the sources without running them; imports written inside functions and for type checking count too.
Does not judge which outside library a part of the core uses, beyond Streamlit.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent

GROUND = {"core.tasks", "core.errors", "core.workspace", "core.machine", "core.memory"}
# A part of the core and what it may import beside itself. `core` alone is the face, which names every part lazily.
MAY_IMPORT = {
    **dict.fromkeys(GROUND, GROUND),
    "core.models": GROUND,
    "core.data": GROUND,
    "core.runs": GROUND,
    "core.explore": GROUND | {"core.models"},
    "core.training": GROUND | {"core.models", "core.data", "core.runs"},
    "core.inference": GROUND | {"core.models", "core.data", "core.runs", "core.explore", "core.training"},
    "core.reports": GROUND | {"core.data", "core.runs", "core.training"},
    "core.charts": set(),
}
# The same inside a part: a module or folder of it, and what else of the part it may import beside itself.
DATA_GROUND = {
    f"core.data.{name}"
    for name in ("table", "views", "cells", "limits", "csv_safety", "column_mapping", "column_names")
}
PLANS = {"core.training.plan", "core.training.estimate"}
TASKS = {"core.training.scores", "core.training.batches", "core.training.tasks"}
INSIDE = {
    **dict.fromkeys(DATA_GROUND, DATA_GROUND),
    "core.data.reading": DATA_GROUND,
    "core.data.sources": DATA_GROUND | {"core.data.reading"},
    "core.data.dataset": DATA_GROUND,
    **{f"core.data.{part}": DATA_GROUND | {"core.data.dataset"} for part in ("columns", "decisions", "quality")},
    "core.training.plan": set(),
    "core.training.estimate": {"core.training.plan"},
    "core.training.forms": PLANS,
    "core.training.scores": set(),
    "core.training.batches": {"core.training.scores"},
    "core.training.tasks": {"core.training.plan", "core.training.scores", "core.training.batches"},
    "core.training.run": PLANS | TASKS,
    "core.training.probe": PLANS | TASKS | {"core.training.forms", "core.training.run"},
    "core.explore.tokens": set(),
    "core.explore.trace_steps": set(),
    "core.explore.trace": {"core.explore.tokens", "core.explore.trace_steps"},
    "core.explore.walkthrough": {"core.explore.tokens", "core.explore.trace"},
}
# Pages compute nothing, so they have no use for these.
COMPUTING = {
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "accelerate",
    "datasets",
    "sklearn",
    "scipy",
    "bertviz",
}


@dataclass(frozen=True, slots=True)
class Import:
    """One import: who, on which line, of what. `imported` is a module, or the nearest one that is a file."""

    importer: str
    line: int
    imported: str


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def modules_of(root: Path) -> dict[str, Path]:
    """`app.py` and every file below core/ and pages/, by module name."""
    files = [*root.glob("app.py"), *root.glob("core/**/*.py"), *root.glob("pages/**/*.py")]
    return {".".join(f.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): f for f in sorted(files)}


def imports_of(module: str, file: Path, modules: dict[str, Path]) -> Iterator[Import]:
    """Every import that the file writes down, relative ones resolved, `import_module("…")` included."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    folders = {name.rpartition(".")[0] for name in modules}
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), str(file))):
        match node:
            case ast.Import():
                for alias in node.names:
                    yield Import(module, node.lineno, alias.name)
            case ast.ImportFrom():
                above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
                base = ".".join([*above, *filter(None, [node.module])])
                for alias in node.names:
                    name = f"{base}.{alias.name}"
                    yield Import(module, node.lineno, name if name in modules or name in folders else base)
            case ast.Call(func=ast.Attribute(attr=called) | ast.Name(id=called), args=[ast.Constant(str(name)), *_]):
                if called in ("import_module", "__import__"):
                    yield Import(module, node.lineno, name)


def objection(found: Import) -> str | None:
    """Why the import breaks the rule, or None."""
    importer, imported = found.importer, found.imported
    library = imported.partition(".")[0]
    if library == "tests":
        return "the product imports no tests"
    if within(importer, "core"):
        return objection_in_core(importer, imported)
    if library in COMPUTING:
        return "pages compute nothing: ask the core"
    if library == "app":
        return "nothing imports the router"
    if library == "pages" and not any(within(imported, allowed) for allowed in (*COMMON, *own_folder(importer))):
        return "no page is imported, only pages.shared and pages.components"
    return None


def objection_in_core(importer: str, imported: str) -> str | None:
    """The same for a module of the core."""
    library = imported.partition(".")[0]
    if library == "streamlit":
        return "the core knows no Streamlit"
    if library in ("pages", "app"):
        return "the core knows no page"
    part, inner = (".".join(importer.split(".")[:depth]) for depth in (2, 3))
    if library != "core" or part == "core":
        return None
    if part not in MAY_IMPORT:
        return f"{part} has no floor yet: give it one in MAY_IMPORT"
    if not any(within(imported, below) for below in MAY_IMPORT[part] | {part}):
        return f"{part} stands on {', '.join(sorted(MAY_IMPORT[part]))} only"
    if within(imported, part) and importer != part:
        if inner in INSIDE and not any(within(imported, below) for below in INSIDE[inner] | {inner}):
            return f"{inner} stands on {', '.join(sorted(INSIDE[inner])) or 'nothing'} of {part} only"
        if part in ("core.data",) and inner not in INSIDE:
            return f"{inner} has no floor yet: give it one in INSIDE"
    return None


COMMON = ("pages.shared", "pages.components")


def own_folder(importer: str) -> tuple[str, ...]:
    """The folder of a page, whose modules may import one another: "pages.train.runs" for "pages.train.runs.scores"."""
    parts = importer.split(".")
    return (".".join(parts[:3]),) if len(parts) > 3 and parts[1] not in ("shared", "components") else ()


def users_of(modules: dict[str, Path]) -> dict[str, set[str]]:
    """For each module of `pages.shared` the pages that need it, directly or through other common modules.

    The router runs before every page, so what it needs counts as needed by the router and by a page.
    """
    importers: dict[str, set[str]] = {name: set() for name in modules}
    for module, file in modules.items():
        for each in imports_of(module, file, modules):
            if each.imported in importers and each.imported != module:
                importers[each.imported].add(module)

    def pages_above(module: str, seen: frozenset[str]) -> set[str]:
        found: set[str] = set()
        for each in importers[module] - seen:
            if any(within(each, common) for common in COMMON):
                found |= pages_above(each, seen | {each})
            else:
                found |= set(own_folder(each)) or {each}
        return found

    common = [name for name in modules if within(name, "pages.shared") and name != "pages.shared"]
    return {name: pages_above(name, frozenset({name})) for name in common}


def violations(root: Path) -> list[str]:
    """One sentence for each import below `root` that breaks the rule, as `file:line: what: why`."""
    modules = modules_of(root)
    found = (each for module, file in modules.items() for each in imports_of(module, file, modules))
    return [
        f"{modules[each.importer].relative_to(root)}:{each.line}: imports {each.imported}: {why}"
        for each in found
        if (why := objection(each))
    ]


def test_every_import_keeps_the_rule():
    assert len(modules_of(PROJECT)) > 20
    assert violations(PROJECT) == []


def test_what_only_one_page_uses_lies_in_its_folder():
    assert {name: users for name, users in users_of(modules_of(PROJECT)).items() if len(users) < 2} == {}


def test_no_name_stands_for_two_things_in_one_part():
    # `page.py` means the same everywhere, and a task has one name in `tasks` and in `scores`.
    places: dict[tuple[str, str], list[str]] = {}
    for module in modules_of(PROJECT):
        parts = module.split(".")
        depth = 2 if parts[0] == "core" else 3
        if len(parts) > depth and parts[-1] not in ("page", parts[-2]) and not within(module, "core.training.scores"):
            places.setdefault((".".join(parts[:depth]), parts[-1]), []).append(module)
    assert {name: modules for (_, name), modules in places.items() if len(modules) > 1} == {}


def test_only_the_router_lies_directly_in_the_pages_folder():
    # Streamlit's old kind of app would offer any other as a page of its own, past the router.
    assert [file.name for file in PROJECT.glob("pages/*.py")] == ["router.py"]


@pytest.mark.parametrize(
    "module", ["core", "core.data.reading.read_table", "core.runs.folder", "core.training.plan.plan"]
)
def test_importing_loads_nothing_heavy(module: str):
    heavy = {"torch", "transformers", "streamlit"}
    if module == "core":
        heavy |= {"datasets", "sklearn", "pandas", "pyarrow", "plotly"}
    code = f"import sys, {module}; print(*sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


TREE = [
    "app.py",
    *("core/__init__.py", "core/errors.py", "core/charts/bars.py"),
    *("core/models/__init__.py", "core/models/loading.py"),
    *("core/explore/tokens.py", "core/explore/trace.py"),
    *("core/data/table.py", "core/data/reading/read_table.py", "core/data/sources/uploads.py"),
    *("core/data/dataset/dataset.py", "core/data/decisions/store.py", "core/data/columns/guess.py"),
    *("core/training/plan/plan.py", "core/training/forms/presets.py", "core/training/estimate/shapes.py"),
    *("core/training/scores/bootstrap.py", "core/training/batches/encoding.py", "core/training/tasks/task.py"),
    *("core/training/run/job.py", "core/inference/predict.py", "core/reports/report.py"),
    *("pages/router.py", "pages/shared/state.py", "pages/components/matrix/matrix.py"),
    *("pages/explore/tokens/page.py", "pages/explore/tokens/steps.py", "pages/train/runs/page.py"),
]


def plant(root: Path, file: str, source: str) -> None:
    for path in map(root.joinpath, TREE):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(source, encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("core/models/loading.py", "from core.data.table import Table"),
        ("core/models/loading.py", "from core.data import table"),
        ("core/models/loading.py", "from core import data"),
        ("core/models/loading.py", "from ..data import table"),
        ("core/models/loading.py", "def late():\n    import core.explore.trace"),
        ("core/models/__init__.py", "from ..explore import trace"),
        ("core/models/loading.py", "import importlib\nimportlib.import_module('core.training')"),
        ("core/explore/trace.py", "from core.data.table import Table"),
        ("core/explore/tokens.py", "from core.explore.trace import trace"),
        ("core/data/table.py", "from core.data.reading.read_table import read_table"),
        ("core/data/reading/read_table.py", "from core.data.sources.uploads import find_source"),
        ("core/data/reading/read_table.py", "from core.data.dataset import dataset"),
        ("core/data/dataset/dataset.py", "from core.data.columns.guess import guess_columns"),
        ("core/data/columns/guess.py", "from core.data.decisions import store"),
        ("core/data/decisions/store.py", "from core.data.sources import uploads"),
        ("core/data/newcomer.py", "from core.data.table import Table"),
        ("core/training/plan/plan.py", "from core.reports import report"),
        ("core/training/plan/plan.py", "from core.charts import bars"),
        ("core/training/plan/plan.py", "from core import open_model"),
        ("core/training/plan/plan.py", "from core.training.estimate.shapes import Shape"),
        ("core/training/estimate/shapes.py", "from core.training.forms import presets"),
        ("core/training/scores/bootstrap.py", "from core.training.plan.plan import Plan"),
        ("core/training/batches/encoding.py", "from core.training.tasks.task import Task"),
        ("core/training/tasks/task.py", "from core.training.run.job import run_job"),
        ("core/training/run/job.py", "from core.training.forms.presets import presets"),
        ("core/inference/predict.py", "from core.reports.report import Report"),
        ("core/reports/report.py", "from core.inference.predict import predict"),
        ("core/charts/bars.py", "from core.models.loading import Model"),
        ("core/errors.py", "from core.models import loading"),
        ("core/errors.py", "import streamlit as st"),
        ("core/__init__.py", "from streamlit import cache_data"),
        ("core/explore/trace.py", "from pages.shared import state"),
        ("core/newcomer/idea.py", "import core.errors"),
        ("core/errors.py", "from tests.conftest import workspace"),
        ("pages/explore/tokens/page.py", "from pages.train.runs import page"),
        ("pages/explore/tokens/page.py", "from ...train.runs.page import curve"),
        ("pages/explore/tokens/page.py", "import torch"),
        ("pages/explore/tokens/page.py", "from sklearn.decomposition import PCA"),
        ("pages/shared/state.py", "import pages.explore.tokens.page"),
        ("pages/components/matrix/matrix.py", "from pages.explore.tokens import steps"),
        ("pages/shared/state.py", "import app"),
        ("pages/router.py", "from pages.explore.tokens import page"),
        ("app.py", "from pages.explore.tokens import page"),
        ("app.py", "import transformers"),
    ],
)
def test_the_rule_objects(tmp_path: Path, file: str, source: str):
    plant(tmp_path, file, source)
    (sentence,) = violations(tmp_path)
    assert sentence.startswith(f"{file}:")


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("core/models/loading.py", "import torch\nfrom core.errors import LabError\nfrom . import loading"),
        ("core/explore/trace.py", "from core.models.loading import Model"),
        ("core/data/sources/uploads.py", "from core.data.reading.read_table import read_table"),
        ("core/data/decisions/store.py", "from core.data.dataset.dataset import Dataset\nfrom . import store"),
        ("core/inference/predict.py", "from core.explore import trace\nfrom core.training.plan.plan import Plan"),
        ("core/reports/report.py", "from core.training.scores import bootstrap\nfrom core.data.table import Table"),
        ("core/training/run/job.py", "from core.training.tasks.task import Task"),
        ("core/__init__.py", "from core.training.plan import plan"),
        (
            "pages/explore/tokens/page.py",
            "import core\nfrom core import open_model\nfrom pages.shared.state import state",
        ),
        (
            "pages/explore/tokens/page.py",
            "import streamlit as st\nfrom pages.explore.tokens.steps import show\nfrom . import steps",
        ),
        ("pages/shared/state.py", "from pages.components.matrix.matrix import matrix"),
        ("app.py", "import streamlit as st\nfrom pages.shared import state"),
    ],
)
def test_the_rule_lets_pass(tmp_path: Path, file: str, source: str):
    plant(tmp_path, file, source)
    assert violations(tmp_path) == []


def test_a_module_of_one_page_among_those_of_all_is_found(tmp_path: Path):
    plant(tmp_path, "pages/explore/tokens/page.py", "from pages.shared import state")
    assert users_of(modules_of(tmp_path)) == {"pages.shared.state": {"pages.explore.tokens"}}
    plant(tmp_path, "pages/train/runs/page.py", "import pages.components.matrix.matrix")
    plant(tmp_path, "pages/components/matrix/matrix.py", "from pages.shared.state import state")
    assert users_of(modules_of(tmp_path)) == {"pages.shared.state": {"pages.explore.tokens", "pages.train.runs"}}
