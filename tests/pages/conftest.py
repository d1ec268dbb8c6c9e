"""AppTest runs of the whole app, one page at a time."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

ROUTER = Path(__file__).parent.parent.parent / "pages" / "router.py"


@pytest.fixture
def open_page() -> Callable[..., AppTest]:
    """`open_page("explore/tokens/page.py", text="…")` runs the page with these values in its address."""

    def opened(page: str, **query: str) -> AppTest:
        app = AppTest.from_file(str(ROUTER), default_timeout=60)
        for name, value in query.items():
            app.query_params[name] = value
        return app.run().switch_page(page).run()

    return opened


def words_on(app: AppTest) -> str:
    """All prose of the page, for looking up a word in it."""
    kinds = ("title", "subheader", "markdown", "caption", "info", "success", "error", "warning", "metric")
    return "\n".join(str(element.value) for kind in kinds for element in getattr(app, kind))
