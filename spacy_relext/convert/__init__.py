"""File formats of annotations, read and written: one module a format.

A reader yields documents as annotated, and problems in place of what is none; `DocBuilder`
makes docs of them, the one place where characters are aligned with tokens.
"""

from itertools import islice
from pathlib import Path
from typing import Callable, Dict, Iterator, NamedTuple, Union

from .brat import is_brat, read_brat
from .read import Head, peek, walk
from .source import Problem, SourceDoc

# Files of a folder that are looked at.
N_GUESSED = 20


class Format(NamedTuple):
    """A format.

    read (Callable[[Path], Iterator[Union[SourceDoc, Problem]]]): Reads a file, or a folder.
    is_it (Callable[[Head], bool]): Whether a file looks like it.
    """

    read: Callable[[Path], Iterator[Union[SourceDoc, Problem]]]
    is_it: Callable[[Head], bool]


FORMATS: Dict[str, Format] = {
    "brat": Format(read_brat, is_brat),
}


def guess_format(path: Path) -> str:
    """The format of a file, or of the files of a folder.

    path (Path): The file or folder.
    RETURNS (str): Its name in `FORMATS`.
    RAISES (ValueError): Where no format is like it, or several are.
    """
    files = (file for file in walk(path, ()) if file.is_file())
    found: Dict[str, Path] = {}
    for file in islice(files, N_GUESSED):
        head = peek(file)
        for name, format in FORMATS.items():
            if format.is_it(head):
                found.setdefault(name, file)
    if len(found) == 1:
        return next(iter(found))
    those = ", ".join(f"{name} ({file})" for name, file in found.items())
    raise ValueError(
        f"Which format {path} has is unclear: {those or 'it looks like none'}. Say it "
        f"with --format: {', '.join(FORMATS)}"
    )
