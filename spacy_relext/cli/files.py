"""What the commands have in common in how they treat files."""

from pathlib import Path
from typing import Iterable


def check_apart(inputs: Iterable[Path], output: Path) -> None:
    """Make sure that no input is written over.

    inputs (Iterable[Path]): What is read.
    output (Path): What is written.
    RAISES (ValueError): Where both are one file.
    """
    if output.resolve() in {path.resolve() for path in inputs}:
        raise ValueError(f"{output} cannot be input and output")
