"""A real browser to look at pages with, where there is one."""

import shutil
import subprocess
from pathlib import Path

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium")

# Nothing is asked of the network, and nothing kept.
OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()
# As the setting of the system would have it.
DARK = "--blink-settings=preferredColorScheme=0"


def browse(address: str, folder: Path, *options: str) -> str:
    """Open a page.

    address (str): Where it is.
    folder (Path): Where the browser may keep what it has to.
    *options (str): More options of the command line.
    RETURNS (str): What it prints.
    """
    profile = f"--user-data-dir={folder / 'profile'}"
    done = subprocess.run(
        [CHROMIUM, *OPTIONS, profile, *options, address],
        capture_output=True,
        timeout=120,
        check=True,
    )
    return done.stdout.decode("utf8")
