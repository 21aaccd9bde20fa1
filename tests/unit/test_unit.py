# SPDX-License-Identifier: GPL-2.0-only
"""The C unit tests: each tests/unit/NAME.c is a program of cmocka tests."""
import os
import subprocess
from pathlib import Path

import pytest

from lab import BUILD

HERE = Path(__file__).parent


@pytest.mark.parametrize("name", sorted(source.stem for source in HERE.glob("*.c")))
def test_unit(name):
    done = subprocess.run([os.path.join(BUILD, "tests/unit", name)], cwd=HERE.parent.parent, text=True, timeout=120,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, f"{name}: exit status {done.returncode}\n{done.stdout}"
