"""The page: static files, without a build step and without anything from another host.

Each page of HTML has the line HEAD, in whose place it gets what all pages have in their head: `head.html`. The head
ends with the names of all modules that are imported, so that a browser asks for them together.
"""

import re
from hashlib import sha256
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parents[1] / "page"
NAMES = {".": "index.html", "docs": "docs.html"}
"""Of pages whose address is not that of their file."""
HEAD = "    <!-- head.html -->\n"
HEAD_END = "  </head>\n"
PRELOAD = '    <link rel="modulepreload" href="{name}">\n'
_MODULE = re.compile(r'<script type="module" src="([^"]+)"')
_IMPORT = re.compile(r'^(?:import|\}) .*from "\./([^"]+)";$', re.MULTILINE)

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # asks each time whether it changed: a new version is there at once
}


class Page(StaticFiles):
    """The files of the page, each with headers that let it load nothing but itself."""

    def __init__(self) -> None:
        super().__init__(directory=FOLDER)
        self._pages = whole_pages()

    async def get_response(self, path: str, scope: Scope) -> Response:
        name = NAMES.get(path, path)
        if scope["method"] not in ("GET", "HEAD") or not name.endswith(".html"):
            response = await super().get_response(path, scope)
        elif name in self._pages:
            response = self._page(self._pages[name], Headers(scope=scope))
        else:
            raise HTTPException(404)
        response.headers.update(HEADERS)
        return response

    def _page(self, text: str, request: Headers) -> Response:
        response = HTMLResponse(text, headers={"ETag": f'"{sha256(text.encode()).hexdigest()[:32]}"'})
        return NotModifiedResponse(response.headers) if self.is_not_modified(response.headers, request) else response


def whole_pages() -> dict[str, str]:
    """The pages of HTML by their name, with what is in all their heads."""
    head = (FOLDER / "head.html").read_text()
    pages = {path.name: path.read_text() for path in FOLDER.glob("*.html")}
    return {name: _whole(text, head) for name, text in pages.items() if HEAD in text}


def _whole(page: str, head: str) -> str:
    own = _MODULE.findall(page)
    found: dict[str, None] = dict.fromkeys(own)
    for name in own:
        _find_imports(name, found)
    preloads = "".join(PRELOAD.format(name=name) for name in found if name not in own)
    return page.replace(HEAD, head).replace(HEAD_END, preloads + HEAD_END)


def _find_imports(name: str, found: dict[str, None]) -> None:
    """Add what the module imports, and what that imports, to what is found."""
    for imported in _IMPORT.findall((FOLDER / name).read_text()):
        if imported not in found:
            found[imported] = None
            _find_imports(imported, found)
