"""Fixtures of the tests of the runtime."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.serving import Serve, Services


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    services = Services(tmp_path)
    yield services.start
    services.close()
