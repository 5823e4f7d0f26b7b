"""Open Graph tags: what a link to the app looks like elsewhere, written into the page's own HTML.

Gradio's template names Gradio there, and what it is given as `head` is added by a script, which
those who draw previews of links do not run. So the answer to GET / is rewritten on its way.
"""

import html
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vclip.ui.texts import Texts

CHARSET = '<meta charset="utf-8" />'  # has to be among the first bytes of a page
OTHERS = re.compile(r'<meta\s+(?:property="og:|name="twitter:)[^>]*>\s*')


def tags(texts: Texts, base: str) -> str:
    """Open Graph and Twitter tags. `base` is the public address without a slash, perhaps empty."""
    said = {
        "og:type": "website",
        "og:title": f"{texts.title} · {texts.tagline}",
        "og:description": texts.caution,
        "og:image": f"{base}/thumbnail.png",
        "og:image:width": "1200",
        "og:image:height": "630",
        "twitter:card": "summary_large_image",
        "description": texts.caution,
    } | ({"og:url": base} if base else {})
    return "".join(
        f'<meta {"property" if name.startswith("og:") else "name"}="{name}" '
        f'content="{html.escape(content)}">'
        for name, content in said.items()
    )


class OpenGraphTags:
    """ASGI middleware that puts `tags` in the place of Gradio's in the page at /."""

    def __init__(self, app: ASGIApp, tags: str) -> None:
        self._app, self._tags = app, tags

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on but the page itself."""
        if scope["type"] != "http" or scope["path"] != "/" or scope["method"] != "GET":
            return await self._app(scope, receive, send)
        plain = [(k, v) for k, v in scope["headers"] if k.lower() != b"accept-encoding"]
        await self._app({**scope, "headers": plain}, receive, self._rewriting(send))
        return None

    def _rewriting(self, send: Send) -> Send:
        start: Message = {}
        body = bytearray()

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            page = self.rewrite(body.decode()).encode()
            headers = [(k, v) for k, v in start["headers"] if k.lower() != b"content-length"]
            headers.append((b"content-length", str(len(page)).encode()))
            await send({**start, "headers": headers})
            await send({"type": "http.response.body", "body": page})

        return collect

    def rewrite(self, page: str) -> str:
        """The page with our tags instead of all others."""
        return OTHERS.sub("", page).replace(CHARSET, CHARSET + self._tags, 1)
