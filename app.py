"""The server: the router behind plain security headers, for its own pages only. `streamlit run app.py` starts it.

The router is a script of its own because Streamlit takes a folder called `pages` beside its script for an old kind of
app: the first visit after a start, by a link to any page but Home, would then say “page not found”.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import streamlit as st
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

from pages.components.history.history import OneEntryAStep
from pages.shared.navigation import STEPS

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

POLICY_VIOLATION = 1008  # RFC 6455, section 7.4.1
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"referrer-policy", b"same-origin"),
)


class OwnPages:
    """Refuses a connection that a page of a foreign name opens (ASGI middleware).

    Streamlit would, too, but not before it has asked a host on the internet for this machine's address.
    """

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Send) -> None:
        if scope["type"] == "websocket" and _is_foreign(Headers(scope=scope).get("origin")):
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        else:
            await self.app(scope, receive, send)


def _is_foreign(origin: str | None) -> bool:
    """Whether a browser names a page that is neither under a name of the app nor of a site it was opened to."""
    if origin is None or origin in st.get_option("server.corsAllowedOrigins"):
        return False
    return not is_host_allowed(urlsplit(origin).netloc)


class SecurityHeaders:
    """Adds `HEADERS` to every answer (ASGI middleware)."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)


app = st.App(
    Path(__file__).parent / "pages" / "router.py",
    middleware=[Middleware(SecurityHeaders), Middleware(OwnPages), Middleware(OneEntryAStep, steps=STEPS)],
)
