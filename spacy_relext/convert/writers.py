"""Docs into files of other tools, to be looked through and corrected there."""

from pathlib import Path
from typing import Any, Callable, Dict, Protocol

import srsly
from spacy.tokens import Doc

from ..user_data import has_relations


class Writer(Protocol):
    """What takes docs, one after the other."""

    def add(self, doc: Doc) -> None:
        """Take a doc."""

    def close(self) -> None:
        """Write what is not written yet."""


class JsonLinesWriter:
    """Writes a line of JSON a doc. One without `relations` is of a doc of which nobody
    annotated any."""

    def __init__(self, path: Path, as_line: Callable[[Doc, int], Dict[str, Any]]):
        """Begin a file.

        path (Path): The file.
        as_line (Callable[[Doc, int], Dict[str, Any]]): Makes the record of a doc and its
            position, with the relations as `relations`.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", encoding="utf8")
        self._as_line = as_line
        self._n_docs = 0

    def add(self, doc: Doc) -> None:
        """Take a doc.

        doc (Doc): The doc.
        """
        line = self._as_line(doc, self._n_docs)
        if not has_relations(doc):
            del line["relations"]
        self._file.write(srsly.json_dumps(line) + "\n")
        self._n_docs += 1

    def close(self) -> None:
        """Close the file."""
        self._file.close()
