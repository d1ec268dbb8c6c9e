"""AppTest runs of the whole app, one page at a time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

ROUTER = Path(__file__).parent.parent.parent / "pages" / "router.py"


@pytest.fixture(scope="session")
def _pages() -> dict[str, Any]:
    """The pages that the router registers, with which a test can open one of them without running Home first."""
    return AppTest.from_file(str(ROUTER), default_timeout=60).run()._registered_pages


@pytest.fixture
def open_page(_pages: dict[str, Any]) -> Callable[..., AppTest]:
    """`open_page("explore/tokens/page.py", text="…")` runs the page as a link with these values does."""

    def opened(page: str, **query: str) -> AppTest:
        app = AppTest.from_file(str(ROUTER), default_timeout=60)
        app._registered_pages = _pages
        for name, value in query.items():
            app.query_params[name] = value
        return app.switch_page(page).run()

    return opened


def words_on(app: AppTest) -> str:
    """All prose of the page, for looking up a word in it."""
    kinds = ("title", "subheader", "markdown", "caption", "info", "success", "error", "warning", "metric")
    return "\n".join(str(element.value) for kind in kinds for element in getattr(app, kind))
