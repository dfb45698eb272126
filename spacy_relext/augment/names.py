"""Where the texts come from that entities are replaced by."""

from pathlib import Path
from typing import Dict, List, Optional

from spacy.tokens import Span
from spacy.training import Corpus
from spacy.training.corpus import FILE_TYPE, walk_corpus
from spacy.util import ensure_path
from spacy.vocab import Vocab

from ..pairs import get_entities


class Names:
    """The texts of the entities of a corpus, by type.

    path (Optional[Path]): A .spacy file, or a directory of such.
    spans_key (Optional[str]): None for `doc.ents`, else the group of `doc.spans`.
    RAISES (ValueError): Where there is nothing at the path.
    """

    def __init__(self, path: Optional[Path], spans_key: Optional[str]) -> None:
        if path is None or not ensure_path(path).exists():
            raise ValueError(
                "spacy-relext.replace_entities.v1: path must be that of a .spacy file "
                f"or of a directory of such, found nothing at: {path}"
            )
        self._path = path
        self._spans_key = spans_key
        self._names: Optional[Dict[str, List[str]]] = None

    def read(self, vocab: Vocab) -> Dict[str, List[str]]:
        """The texts, each once a type; the corpus is read by the first call.

        vocab (Vocab): What to read the corpus with.
        RETURNS (Dict[str, List[str]]): For each type the texts.
        RAISES (ValueError): Where the corpus has no entities.
        """
        if self._names is None:
            names: Dict[str, Dict[str, None]] = {}
            locations = walk_corpus(self._path, FILE_TYPE)
            for doc in Corpus(self._path).read_docbin(vocab, locations):
                for span in get_entities(doc, self._spans_key):
                    if normal_text(span):
                        names.setdefault(span.label_, {})[normal_text(span)] = None
            if not names:
                group = f"doc.spans[{self._spans_key!r}]" if self._spans_key else "doc.ents"
                raise ValueError(
                    "spacy-relext.replace_entities.v1: path must lead to docs with "
                    f"entities, found: {self._path}, whose docs have none in {group}"
                )
            self._names = {label: list(texts) for label, texts in names.items()}
        return self._names


def normal_text(span: Span) -> str:
    """The text of an entity, the same wherever a line was broken.

    span (Span): The entity.
    RETURNS (str): Its text, with single spaces.
    """
    return " ".join(span.text.split())
