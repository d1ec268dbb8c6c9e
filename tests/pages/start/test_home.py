"""Home shows three doors and this machine, without opening a model."""

import subprocess
import sys

from tests.pages.conftest import ROUTER, words_on


def test_home_names_the_doors_and_the_machine(open_page):
    app = open_page("start/home/page.py")
    assert not app.exception
    for words in ("Look inside", "Bring your data", "Teach it your task", "Built-in BERT", "Free disk"):
        assert words in words_on(app)


def test_home_imports_no_torch():
    code = (
        "import sys; from streamlit.testing.v1 import AppTest; "
        f"app = AppTest.from_file({str(ROUTER)!r}, default_timeout=60).run(); assert not app.exception; "
        "heavy = {'torch', 'transformers', 'datasets', 'sklearn'} & set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROUTER.parent.parent, check=False
    )
    assert done.returncode == 0, done.stderr
