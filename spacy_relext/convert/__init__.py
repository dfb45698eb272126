"""File formats of annotations, read and written: one module a format.

A reader yields documents as annotated, and problems in place of what is none; `DocBuilder`
makes docs of them, the one place where characters are aligned with tokens.
"""

from itertools import islice
from pathlib import Path
from typing import (
    Callable,
    Collection,
    Dict,
    Iterator,
    NamedTuple,
    Optional,
    Sequence,
    Union,
)

from .brat import SUFFIXES as BRAT_SUFFIXES
from .brat import is_brat, read_brat
from .brat_writer import BratWriter, name_labels
from .doccano import is_doccano, read_doccano, write_doccano
from .docred import is_docred, read_docred
from .dygie import is_dygie, read_dygie
from .extracted import is_extracted, read_extracted, write_extracted
from .fewrel import is_fewrel, read_fewrel
from .files import walk
from .knowledgenet import is_knowledgenet, read_knowledgenet
from .label_studio import is_label_studio, read_label_studio
from .prodigy import is_prodigy, read_prodigy, write_prodigy
from .pubtator import SUFFIXES as PUBTATOR_SUFFIXES
from .pubtator import is_pubtator, read_pubtator
from .read import JSON_SUFFIXES, Head, peek
from .semeval import SUFFIXES as SEMEVAL_SUFFIXES
from .semeval import is_semeval, read_semeval
from .source import Problem, SourceDoc
from .spacy_docs import SUFFIXES as SPACY_SUFFIXES
from .spacy_docs import is_spacy, read_spacy, write_spacy
from .spert import is_spert, read_spert
from .tacred import is_tacred, read_tacred
from .writers import Writer

# Files of a folder that are looked at.
N_GUESSED = 20
# What only docs have a place for, by the names in `losses.LOSSES`.
NOWHERE = ("ent_ids", "cats", "clusters")


class Format(NamedTuple):
    """A format.

    read (Callable[[Path], Iterator[Union[SourceDoc, Problem]]]): Reads a file, or a folder.
    is_it (Callable[[Head], bool]): Whether a file looks like it.
    suffixes (Sequence[str]): How the names of the files end that are read of a folder.
    write (Optional[Callable[..., Writer]]): Begins a file, or a folder, of it, given its
        path; with `name_labels` also the names, as `names`, where there are any. None
        where it is read alone.
    suffix (str): How the name of what is written ends, "" for a folder.
    loses (Sequence[str]): What it has no place for of a doc, by the names in
        `losses.LOSSES`.
    name_labels (Optional[Callable[[Collection[str]], Dict[str, str]]]): What it calls
        those of all labels of a corpus that it has no place for. None where it takes any.
    """

    read: Callable[[Path], Iterator[Union[SourceDoc, Problem]]]
    is_it: Callable[[Head], bool]
    suffixes: Sequence[str] = JSON_SUFFIXES
    write: Optional[Callable[..., Writer]] = None
    suffix: str = ""
    loses: Sequence[str] = ()
    name_labels: Optional[Callable[[Collection[str]], Dict[str, str]]] = None


FORMATS: Dict[str, Format] = {
    "brat": Format(
        read_brat,
        is_brat,
        BRAT_SUFFIXES,
        BratWriter,
        loses=(
            *NOWHERE,
            "spaced_values",
            "spaced_ids",
            "mentions",
            "evidence",
            "symmetric",
            "annotated",
        ),
        name_labels=name_labels,
    ),
    "doccano": Format(
        read_doccano,
        is_doccano,
        write=write_doccano,
        suffix=".jsonl",
        loses=(
            *NOWHERE,
            "attributes",
            "ids",
            "scores",
            "mentions",
            "evidence",
            "symmetric",
        ),
    ),
    "docred": Format(read_docred, is_docred),
    "dygie": Format(read_dygie, is_dygie),
    "fewrel": Format(read_fewrel, is_fewrel),
    # What `extract` writes, and `graph` and `render` read.
    "jsonl": Format(
        read_extracted,
        is_extracted,
        write=write_extracted,
        suffix=".jsonl",
        loses=(*NOWHERE, "attributes"),
    ),
    "knowledgenet": Format(read_knowledgenet, is_knowledgenet),
    "label_studio": Format(read_label_studio, is_label_studio),
    "prodigy": Format(
        read_prodigy,
        is_prodigy,
        write=write_prodigy,
        suffix=".jsonl",
        loses=(*NOWHERE, "attributes", "mentions", "evidence", "symmetric"),
    ),
    "pubtator": Format(read_pubtator, is_pubtator, PUBTATOR_SUFFIXES),
    "semeval": Format(read_semeval, is_semeval, SEMEVAL_SUFFIXES),
    "spacy": Format(read_spacy, is_spacy, SPACY_SUFFIXES, write_spacy, ".spacy"),
    "spert": Format(read_spert, is_spert),
    "tacred": Format(read_tacred, is_tacred),
}


# The formats that are written, too.
TARGETS = [name for name, format in FORMATS.items() if format.write]


def guess_format(path: Path) -> str:
    """The format of a file, or of the files of a folder.

    path (Path): The file or folder.
    RETURNS (str): Its name in `FORMATS`.
    RAISES (ValueError): Where no format is like it, or several are.
    """
    files = (file for file in walk(path, ()) if file.is_file())
    found: Dict[str, Path] = {}
    for file in islice(files, N_GUESSED):
        for head in peek(file):
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
