"""Documents of formats that count in tokens."""

from itertools import chain
from typing import Any, Dict, Iterable, List, Sequence

from .report import DROPPED
from .source import (
    Bounds,
    Problem,
    SourceDoc,
    SourceEntity,
    SourceRelation,
    is_int,
    join_words,
)


def join_sentences(sentences: Sequence[Any]) -> List[Any]:
    """The tokens of a document.

    sentences (Sequence[Any]): The tokens of each of its sentences, as the file has them.
    RETURNS (List[Any]): All of them.
    RAISES (TypeError): Where a sentence is no list.
    """
    for i, sentence in enumerate(sentences):
        # A string has characters, which are none, and a dict has keys.
        if not isinstance(sentence, list):
            found = str(sentence)[:60]
            raise TypeError(f"sentence {i} is no list of strings: {found!r}")
    return list(chain.from_iterable(sentences))


class TokenDoc:
    """Builds a SourceDoc of tokens. What lies outside of them becomes a problem.

    words (List[str]): The tokens.
    entities (Dict[str, SourceEntity]): The entities so far, by their ids.
    relations (List[SourceRelation]): The relations so far.
    clusters (Dict[str, List[SourceEntity]]): The clusters so far, as of SourceDoc.
    problems (List[Problem]): What could be made neither of.
    """

    def __init__(self, id: str, place: str, words: Sequence[str]):
        """Begin a document.

        id (str): Its name.
        place (str): Where it stands.
        words (Sequence[str]): The tokens.
        RAISES (TypeError): Where the tokens are no strings.
        """
        if not isinstance(words, list) or not all(isinstance(w, str) for w in words):
            raise TypeError("the tokens are no list of strings")
        self.id, self.place = id, place
        # A token without a character would be none, and shift those that follow.
        self.words = [word or "\ufffd" for word in words]
        self._text, self._bounds = join_words(self.words)
        self._sent_starts: List[int] = []
        self.entities: List[SourceEntity] = []
        self.relations: List[SourceRelation] = []
        self.clusters: Dict[str, List[SourceEntity]] = {}
        self.problems: List[Problem] = []

    def add_sentence(self, start: int) -> None:
        """Note the beginning of a sentence.

        start (int): Its first token.
        """
        if start < len(self._bounds):
            self._sent_starts.append(self._bounds[start][0])

    def add_entity(
        self,
        id: str,
        start: int,
        end: int,
        label: str,
        end_included: bool = False,
        **more: Any,
    ) -> None:
        """Add a mention.

        id (str): What relations call it.
        start, end (int): Its tokens.
        label (str): Its type.
        end_included (bool): Whether `end` is its last token, and not the one after it.
        **more (Any): Other fields of SourceEntity.
        RAISES (TypeError): Where a value is of another type.
        """
        reason = self._find_fault(start, end, end_included)
        if reason:
            self.problems.append(Problem(self.place, "entity", DROPPED, reason))
            return
        chars = self._get_chars(start, end, end_included)
        self.entities.append(SourceEntity(id, *chars, label, self.place, **more))

    def add_cluster(
        self, key: str, mentions: Iterable[Bounds], end_included: bool = False
    ) -> None:
        """Add a cluster, after the entities. Its mentions need not be among them.

        key (str): Its key in `doc.spans`.
        mentions (Iterable[Bounds]): The tokens of each mention.
        end_included (bool): As of `add_entity`.
        """
        labels = {(x.start, x.end): x.label for x in reversed(self.entities)}
        cluster: List[SourceEntity] = []
        for start, end in mentions:
            reason = self._find_fault(start, end, end_included)
            if reason:
                self.note(f"a mention in a cluster: {reason}")
                continue
            chars = self._get_chars(start, end, end_included)
            label = labels.get(chars, "")
            id = f"mention {len(cluster)} in {key}"
            cluster.append(SourceEntity(id, *chars, label, self.place, cluster=key))
        if cluster:
            self.clusters[key] = cluster

    def _get_chars(self, start: int, end: int, end_included: bool) -> Bounds:
        last = end if end_included else end - 1
        return self._bounds[start][0], self._bounds[last][1]

    def _find_fault(self, start: int, end: int, end_included: bool) -> str:
        """Why a mention can't be where it is said to be, "" where it can."""
        n_words = len(self.words)
        said = f"tokens {start}–{end}, end {'included' if end_included else 'excluded'},"
        if not is_int(start) or not is_int(end):
            return f"tokens {start!r}–{end!r} are no whole numbers"
        if start > end:
            return f"{said} are none: its end comes before its start"
        if start == end and not end_included:
            return f"{said} are none; perhaps its end is given as included"
        if start >= 0 and end + end_included <= n_words:
            return ""
        reason = f"{said} are not within the document, which has {n_words}"
        # What it would be of the last tokens.
        excluded = end_included and 0 <= start < end == n_words
        return f"{reason}; perhaps its end is given as excluded" if excluded else reason

    def add_relation(
        self, head: str, tail: str, label: str, evidence: Sequence[Bounds] = ()
    ) -> None:
        """Add a relation.

        head, tail (str): Id of an entity, or a cluster.
        label (str): Its label.
        evidence (Sequence[Bounds]): The tokens of each sentence that tells of it.
        """
        chars = tuple(
            (self._bounds[start][0], self._bounds[end - 1][1]) for start, end in evidence
        )
        relation = SourceRelation(head, tail, label, self.place, evidence=chars)
        self.relations.append(relation)

    def note(self, reason: str) -> None:
        """Report what a doc has no place for.

        reason (str): What it is.
        """
        self.problems.append(Problem(self.place, "note", DROPPED, reason))

    def as_source(self, has_relations: bool = True) -> SourceDoc:
        """The document.

        has_relations (bool): Whether relations were annotated, as of SourceDoc.
        RETURNS (SourceDoc): The document.
        """
        return SourceDoc(
            self.id,
            self.place,
            self._text,
            self.entities,
            self.relations,
            self.problems,
            self.words,
            sent_starts=tuple(self._sent_starts),
            has_relations=has_relations,
            clusters=self.clusters,
        )
