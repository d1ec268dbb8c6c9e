"""The server: the router behind plain security headers. `streamlit run app.py` starts it. Nothing else.

The router is a script of its own because Streamlit takes a folder called `pages` beside its script for an old kind of
app: the first visit after a start, by a link to any page but Home, would then say “page not found”.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"referrer-policy", b"same-origin"),
)


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


app = st.App(Path(__file__).parent / "pages" / "router.py", middleware=[Middleware(SecurityHeaders)])
