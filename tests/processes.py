"""Python in a process of its own."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Any


def run_python(*args: Any, timeout: float, **options: Any) -> subprocess.CompletedProcess:
    """Run Python, and end what it started with it: those that hang outlive it else.

    *args (Any): Its command line, as strings or paths.
    timeout (float): The time limit, in seconds.
    **options (Any): Options of the process.
    RETURNS (CompletedProcess): What it came to, with its output as text.
    RAISES (TimeoutExpired): Where it takes longer.
    """
    command = [sys.executable, *map(str, args)]
    pipe = subprocess.PIPE
    options.update(stdout=pipe, stderr=pipe, text=True, start_new_session=True)
    with subprocess.Popen(command, **options) as process:
        try:
            output, errors = process.communicate(timeout=timeout)
        finally:
            # None may be left.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(command, process.returncode, output, errors)
