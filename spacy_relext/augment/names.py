"""Where the texts come from that entities are replaced by."""

import warnings
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Set, Tuple

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
        # By type, and by whether they have an id.
        self._names: Dict[Tuple[str, bool], List[Name]] = {}
        self._unlinked: Set[str] = set()

    def read(self, vocab: Vocab) -> None:
        """Read the names, each text once a type, with the first id that it has; only the
        first call does.

        vocab (Vocab): What to read the corpus with.
        RAISES (ValueError): Where the corpus has no entities.
        """
        if not self._names:
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
            for label, known in names.items():
                of_type = [Name(*item) for item in known.items()]
                linked = [name for name in of_type if name.kb_id]
                self._names[label, False] = of_type
                self._names[label, True] = linked
                if of_type and not linked:
                    self._unlinked.add(label)

    def get(self, label: str, linked: bool) -> List[Name]:
        """The names that an entity can get, once they are read. A warning tells, once a
        type, where there are none because none has an id.

        label (str): Its type.
        linked (bool): Whether it has an id, and needs a name that has one.
        RETURNS (List[Name]): The names.
        """
        if linked and label in self._unlinked:
            self._unlinked.remove(label)
            warnings.warn(
                f"spacy-relext.replace_entities.v1: no entity of type {label!r} in "
                f"{self._path} has a kb_id, so those that have one stay as they are"
            )
        return self._names.get((label, linked), [])
