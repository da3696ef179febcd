"""Fixtures of the tests on real sockets."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest
from certificates import Tls


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return Tls(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() <= before
    assert sys.exc_info()[0] is None
