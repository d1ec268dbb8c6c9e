"""What stands before the server: a page gets the script at its head, everything else passes as it is."""

import asyncio

import pytest

from pages.components.history.history import Message, OneEntryAStep, Send

PAGE = b"<html><head><title>t</title></head></html>"


def answered(parts: list[bytes], kind: bytes, *, status: int = 200, asked: dict[bytes, bytes], method: str = "GET"):
    """The request headers that reached the app, and the messages that were sent, for an answer in these parts."""
    reached: list[dict] = []
    sent: list[Message] = []

    async def app(scope: Message, receive: object, send: Send) -> None:
        reached.append(dict(scope["headers"]))
        headers = [(b"content-type", kind), (b"content-length", str(len(b"".join(parts))).encode()), (b"etag", b"1")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for place, part in enumerate(parts, start=1):
            await send({"type": "http.response.body", "body": part, "more_body": place < len(parts)})

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "headers": list(asked.items())}
    asyncio.run(OneEntryAStep(app, steps=["attention-view"])(scope, receive, send))
    return reached[0], sent


def test_a_page_gets_the_script_before_any_other():
    asked = {b"accept": b"text/html,*/*", b"accept-encoding": b"gzip", b"if-none-match": b"1", b"cookie": b"c"}
    reached, (start, body) = answered([PAGE[:9], PAGE[9:]], b"text/html; charset=utf-8", asked=asked)
    assert body["body"].startswith(b"<html><head><script>")
    assert body["body"].endswith(b"</script><title>t</title></head></html>")
    assert b'"attention-view"' in body["body"]
    headers = dict(start["headers"])
    assert headers[b"content-length"] == str(len(body["body"])).encode()
    assert b"etag" not in headers  # it names the file without the script
    assert reached == {b"accept": b"text/html,*/*", b"cookie": b"c"}


@pytest.mark.parametrize(
    ("kind", "asked", "options"),
    [
        (b"text/csv", {b"accept": b"text/html,*/*", b"range": b"bytes=0-"}, {}),
        (b"text/html", {b"accept": b"*/*", b"accept-encoding": b"gzip"}, {}),
        (b"text/html", {b"accept": b"text/html"}, {"status": 404}),
        (b"text/html", {b"accept": b"text/html"}, {"method": "HEAD"}),
    ],
)
def test_all_else_passes_as_it_is(kind: bytes, asked: dict[bytes, bytes], options: dict):
    reached, (start, *bodies) = answered([PAGE[:9], PAGE[9:]], kind, asked=asked, **options)
    assert reached == asked
    assert dict(start["headers"])[b"etag"] == b"1"
    assert [each["body"] for each in bodies] == [PAGE[:9], PAGE[9:]]
