"""Docs into .spacy files, without keeping them all in memory."""

import re
from pathlib import Path

from spacy.tokens import Doc, DocBin

# Docs of one file, and their tokens. Writing takes about 400 bytes a token.
MAX_DOCS = 10_000
MAX_TOKENS = 1_000_000
# As `CorpusWriter` names the files of a folder.
PART = re.compile(r"\d{4,}\.spacy")


class CorpusWriter:
    """Writes a .spacy file. Where one would grow too large it is a folder of that name
    with several, which spaCy's readers take in its place."""

    def __init__(
        self, path: Path, max_docs: int = MAX_DOCS, max_tokens: int = MAX_TOKENS
    ):
        """Begin a file.

        path (Path): The file.
        max_docs (int): Docs of one file.
        max_tokens (int): Tokens that one file has at most, unless it is of one doc.
        """
        self.path = path
        self.max_docs = max_docs
        self.max_tokens = max_tokens
        self.n_files = 0
        self._n_tokens = 0
        self._bin = self._new()

    def add(self, doc: Doc) -> None:
        """Take a doc.

        doc (Doc): The doc.
        """
        is_full = len(self._bin) == self.max_docs
        if len(self._bin) and (is_full or self._n_tokens + len(doc) > self.max_tokens):
            self._flush(self.path)
        self._bin.add(doc)
        self._n_tokens += len(doc)

    def close(self) -> None:
        """Write what is not written yet."""
        if self.n_files:
            self._flush(self.path)
        else:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._bin.to_disk(self.path)

    def _flush(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.n_files += 1
        self._bin.to_disk(folder / f"{self.n_files:04}.spacy")
        self._bin, self._n_tokens = self._new(), 0

    @staticmethod
    def _new() -> DocBin:
        # Relations live in user_data, which a DocBin drops unless told otherwise.
        return DocBin(store_user_data=True)


def is_part(path: Path) -> bool:
    """Whether a file is named as one of those that a large corpus is written to.

    path (Path): The file.
    RETURNS (bool): Whether it is.
    """
    return path.is_file() and PART.fullmatch(path.name) is not None
