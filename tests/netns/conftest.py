# SPDX-License-Identifier: GPL-2.0-only
import pytest

import topology
from lab import Lab


@pytest.fixture
def net():
    """the balancer's lab of tests/topology.py"""
    with Lab() as lab:
        topology.balancer(lab)
        yield lab
