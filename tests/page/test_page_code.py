"""The page's own code: its types, its pure parts, and that it needs nothing from another host."""

import re
import subprocess
from pathlib import Path

import pytest

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
    assert passed and int(passed[1]) >= 14


@pytest.mark.parametrize("path", sorted(PAGE.glob("*.*")), ids=lambda path: path.name)
def test_it_loads_nothing_from_another_host(path: Path) -> None:
    """XML namespaces are names, not addresses."""
    text = path.read_text().replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"(https?:)?//[a-z0-9-]+\.[a-z]", text)


@pytest.mark.parametrize("path", sorted(PAGE.glob("*.html")), ids=lambda path: path.name)
def test_its_policy_allows_what_is_in_it(path: Path) -> None:
    """`default-src 'self'` forbids scripts and styles that stand in the page."""
    text = path.read_text()
    assert re.findall(r"<script(?![^>]*\bsrc=)", text) == []
    assert re.findall(r"<style|\bstyle=|\bon[a-z]+=", text) == []
