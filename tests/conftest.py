# SPDX-License-Identifier: GPL-2.0-only
"""What every test can ask for: `lab`, an empty lab of its own; `long`, true for `make test-long`."""
import fcntl
import os

import pytest

import lab as labs


def pytest_sessionstart(session):
    if os.geteuid() != 0:
        pytest.exit("the tests make network namespaces and load BPF programs: run them as root", returncode=4)
    labs.raise_on_signals()
    labs.ensure_bpffs()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """The tests of a file that share what is made once for it go to one of the two processes: else both would make it."""
    for item in items:
        shared = [fixture for found in item._fixtureinfo.name2fixturedefs.values() for fixture in found if fixture.scope == "module"]
        if shared and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.module.__name__))


@pytest.fixture
def lab():
    with labs.Lab() as made:
        yield made


@pytest.fixture(scope="session")
def long():
    return os.environ.get("WEIR_LONG") == "1"


@pytest.fixture(autouse=True)
def turn(request):
    """The suite runs as two processes side by side; what measures time or counts what is lost (`alone`) waits for the other
    one's test and keeps it waiting. Who wants to be alone holds the gate meanwhile, so that it gets its turn."""
    directory = os.environ.get("WEIR_BUILD", "build")
    with open(os.path.join(directory, "tests.gate"), "w") as gate, open(os.path.join(directory, "tests.lock"), "w") as lock:
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(lock, fcntl.LOCK_EX if request.node.get_closest_marker("alone") else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        yield
