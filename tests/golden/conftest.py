# SPDX-License-Identifier: GPL-2.0-only
import pytest

from lab import Lab


@pytest.fixture(scope="module")
def box():
    """a host with one device, eth0, and nothing but `weir` to do; tests of a module share it, and say `weir reset` first"""
    with Lab() as lab:
        lab.ns("lb", router=True)
        lab.ns("peer")
        lab.veth("lb", "eth0", ["10.1.0.1/24", "2001:db8:1::1/64"], "peer", "eth0", ["10.1.0.11/24"])
        yield lab


@pytest.fixture
def weir(box):
    """runs one command: weir("vip add ...") -> completed process; the instance is empty at first"""
    box.weir("reset")
    yield lambda command, **more: box.weir(command, check=False, **more)
    box.weir("reset")
