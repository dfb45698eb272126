"""What the commands have in common in how they treat files."""

from pathlib import Path
from typing import Callable, Iterable, List

from spacy.language import Language
from spacy.training import Example
from spacy.training.corpus import walk_corpus

from ..corpus import read_doc_bin


def check_apart(inputs: Iterable[Path], output: Path) -> None:
    """Make sure that no input is written over.

    inputs (Iterable[Path]): What is read.
    output (Path): What is written.
    RAISES (ValueError): Where both are one file.
    """
    if output.resolve() in {path.resolve() for path in inputs}:
        raise ValueError(f"{output} cannot be input and output")


def load_examples(
    path: Path, reader: Callable[[Language], Iterable[Example]], nlp: Language
) -> List[Example]:
    """Read all of a corpus.

    path (Path): A .spacy file, or a directory of such, for the errors.
    reader (Callable[[Language], Iterable[Example]]): What reads it.
    nlp (Language): The pipeline that tokenizes the texts.
    RETURNS (List[Example]): The examples.
    RAISES (ValueError): Where it can't be read, or has no docs.
    """
    try:
        examples = list(reader(nlp))
    except Exception as error:
        # spaCy does not say of which file.
        _check_files(path)
        if isinstance(error, ValueError):
            raise ValueError(f"{path}: {error}") from None
        raise
    if not examples:
        raise ValueError(f"No docs in {path}: give a .spacy file, or a directory of such")
    return examples


def _check_files(path: Path) -> None:
    for file in walk_corpus(path, ".spacy"):
        try:
            read_doc_bin(file)
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from None
