"""The page's own code: its types, its pure parts, and that it needs nothing from another host."""

import re
import subprocess
from pathlib import Path

import pytest

from speakerline.services.gateway.routes.page import whole_pages
from tests.gateway.running import Running
from tests.page.node import node

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "services/gateway/page"
TYPESCRIPT = HERE / "node_modules/typescript/bin/tsc"


def test_its_types_are_right() -> None:
    if not TYPESCRIPT.is_file():
        pytest.skip("TYPESCRIPT IS NOT INSTALLED: the page's types were not checked; see deploy/setup.sh page")
    done = subprocess.run([node(), TYPESCRIPT, "--project", HERE], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout


def test_every_file_asks_for_the_check_of_its_types() -> None:
    assert [path.name for path in PAGE.glob("*.js") if not path.read_text().startswith("// @ts-check\n")] == []


def test_its_pure_parts_do_what_they_say() -> None:
    done = subprocess.run([node(), "--test", *HERE.glob("*.test.js")], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout
    passed = re.search(r"^# pass (\d+)$", done.stdout, re.MULTILINE)
    assert passed and int(passed[1]) >= 18


@pytest.mark.parametrize("path", sorted(PAGE.glob("*.*")), ids=lambda path: path.name)
def test_it_loads_nothing_from_another_host(path: Path) -> None:
    """XML namespaces are names, not addresses."""
    text = path.read_text().replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"(https?:)?//[a-z0-9-]+\.[a-z]", text)


def test_all_its_pages_have_the_same_head() -> None:
    head, pages = (PAGE / "head.html").read_text(), whole_pages()
    assert sorted([*pages, "head.html"]) == sorted(path.name for path in PAGE.glob("*.html"))
    assert all(head in text and "<!--" not in text for text in pages.values())


@pytest.mark.parametrize("name", [path.name for path in PAGE.glob("*.html") if path.name != "head.html"])
def test_a_page_names_all_modules_that_it_needs_so_that_they_are_loaded_together(name: str) -> None:
    """A module that is imported in a way that the gateway does not find would be asked for late."""
    page = whole_pages()[name]
    named = set(re.findall(r'(?:modulepreload" href|script type="module" src)="([^"]+)"', page))
    imported = {one for module in named for one in re.findall(r'\bfrom "\./(.+?)"', (PAGE / module).read_text())}
    assert imported <= named
    assert page.index("<script") < page.index("modulepreload") < page.index("</head>")


async def test_a_page_that_the_browser_has_is_not_sent_again(gateway: Running) -> None:
    pages = [await gateway.client.get(path) for path in ("/", "/index.html", "/call.html")]
    assert [page.text for page in pages] == [whole_pages()[name] for name in ("index.html", "index.html", "call.html")]
    again = [await gateway.client.get("/", headers={"If-None-Match": page.headers["etag"]}) for page in pages]
    assert [answer.status_code for answer in again] == [304, 304, 200]
    assert {answer.headers["cache-control"] for answer in again} == {"no-cache"}
    assert (await gateway.client.get("/head.html")).status_code == 404
    assert (await gateway.client.post("/call.html")).status_code == 405


@pytest.mark.parametrize("path", sorted(PAGE.glob("*.html")), ids=lambda path: path.name)
def test_its_policy_allows_what_is_in_it(path: Path) -> None:
    """`default-src 'self'` forbids scripts and styles that stand in the page."""
    text = path.read_text()
    assert re.findall(r"<script(?![^>]*\bsrc=)", text) == []
    assert re.findall(r"<style|\bstyle=|\bon[a-z]+=", text) == []
