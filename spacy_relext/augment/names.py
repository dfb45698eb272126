"""Where the texts come from that entities are replaced by."""

from pathlib import Path
from typing import Dict, List, NamedTuple, Optional

from spacy.training import Corpus
from spacy.training.corpus import FILE_TYPE, walk_corpus
from spacy.util import ensure_path
from spacy.vocab import Vocab

from ..entities import get_entities
from ..grouping import normal_text, read_ids


class Name(NamedTuple):
    """What an entity is called.

    text (str): The text, with single spaces.
    kb_id (Optional[str]): The id of what it names in a knowledge base, "" where it has
        none; None for a new name of the same thing.
    """

    text: str
    kb_id: Optional[str]


class NamesOfType(NamedTuple):
    """The names of the entities of one type.

    all (List[Name]): Each text once.
    linked (List[Name]): Those of them that have an id.
    """

    all: List[Name]
    linked: List[Name]


class Names:
    """The names of the entities of a corpus, by type.

    path (Optional[Path]): A .spacy file, or a directory of such.
    spans_key (Optional[str]): None for `doc.ents`, else the group of `doc.spans`.
    separator (Optional[str]): What stands between the ids of a mention of several
        entities, whose text is no name; None where that does not occur.
    RAISES (ValueError): Where there is nothing at the path.
    """

    def __init__(
        self,
        path: Optional[Path],
        spans_key: Optional[str],
        separator: Optional[str],
    ) -> None:
        if path is None or not ensure_path(path).exists():
            raise ValueError(
                "spacy-relext.replace_entities.v1: path must be that of a .spacy file "
                f"or of a directory of such, found nothing at: {path}"
            )
        self._path = path
        self._spans_key = spans_key
        self._separator = separator
        self._names: Optional[Dict[str, NamesOfType]] = None

    def read(self, vocab: Vocab) -> Dict[str, NamesOfType]:
        """The names, each text once a type, with the first id that it has; the corpus
        is read by the first call.

        vocab (Vocab): What to read the corpus with.
        RETURNS (Dict[str, NamesOfType]): For each type the names.
        RAISES (ValueError): Where the corpus has no entities.
        """
        if self._names is None:
            names: Dict[str, Dict[str, str]] = {}
            locations = walk_corpus(self._path, FILE_TYPE)
            for doc in Corpus(self._path).read_docbin(vocab, locations):
                for span in get_entities(doc, self._spans_key):
                    text, known = normal_text(span.text), names.setdefault(span.label_, {})
                    ids = set(read_ids(span.kb_id_, self._separator))
                    if text and len(ids) < 2:
                        known[text] = known.get(text) or "".join(ids)
            if not any(names.values()):
                group = f"doc.spans[{self._spans_key!r}]" if self._spans_key else "doc.ents"
                raise ValueError(
                    "spacy-relext.replace_entities.v1: path must lead to docs with "
                    f"entities, found: {self._path}, whose docs have none in {group}"
                )
            # Filtering them for each entity that is replaced would take longer than the
            # rest of it.
            self._names = {}
            for label, known in names.items():
                of_type = [Name(*item) for item in known.items()]
                linked = [name for name in of_type if name.kb_id]
                self._names[label] = NamesOfType(of_type, linked)
        return self._names
