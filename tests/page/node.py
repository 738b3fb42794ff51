"""Node.js, which runs the page's own code in tests."""

import shutil

import pytest


def node() -> str:
    """The path of `node`; skips the test, loudly, where there is none."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("NODE IS NOT INSTALLED: the page's code was not tested; `make setup` installs it on Debian")
    return found
