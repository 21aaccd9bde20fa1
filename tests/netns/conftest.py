# SPDX-License-Identifier: GPL-2.0-only
import pytest

import topology
from lab import Lab


@pytest.fixture(scope="module")
def built():
    """the balancer's lab of tests/topology.py, for all tests of a file"""
    with Lab() as lab:
        topology.balancer(lab)
        yield lab


@pytest.fixture
def net(built):
    with topology.afresh(built):
        yield built
