# SPDX-License-Identifier: GPL-2.0-only
"""What every test can ask for: `lab`, an empty lab of its own; `long`, true for `make test-long`."""
import os

import pytest

import lab as labs


def pytest_sessionstart(session):
    if os.geteuid() != 0:
        pytest.exit("the tests make network namespaces and load BPF programs: run them as root", returncode=4)
    labs.raise_on_signals()
    labs.ensure_bpffs()


@pytest.fixture
def lab():
    with labs.Lab() as made:
        yield made


@pytest.fixture(scope="session")
def long():
    return os.environ.get("WEIR_LONG") == "1"
