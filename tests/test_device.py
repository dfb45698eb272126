"""That it computes on a GPU as on a CPU, and does not wait for it more than it has to."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from .processes import run_python


@pytest.mark.skipif(
    find_spec("cupy") is not None, reason="where CuPy is installed, none is emulated"
)
def test_on_an_emulated_device():
    """In a process of its own, as it takes the place of CuPy there."""
    options = ["-q", "-n0", "-p", "tests.emulated_device", "-p", "no:cacheprovider"]
    tests = Path(__file__).with_name("on_device.py")
    done = run_python("-m", "pytest", *options, tests, timeout=300, cwd=tests.parents[1])
    assert done.returncode == 0, done.stdout + done.stderr
