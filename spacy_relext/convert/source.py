"""What a file of annotations says, before any tokenizer has seen it."""

from dataclasses import dataclass, field, replace
from itertools import chain
from typing import (
    Any,
    Collection,
    Dict,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

from spacy.tokens import Doc, Span, SpanGroup

from ..user_data import is_custom, is_of_doc

Attribute = Tuple[str, Any]
Bounds = Tuple[int, int]


class Problem(NamedTuple):
    """What does not come through as it was annotated.

    place (str): Where it stands, as `file:line`.
    kind (str): What it is of: "document", "entity", "relation", "attribute", "note".
    fate (str): What becomes of it: "dropped", or what is done to keep it.
    reason (str): Why.
    """

    place: str
    kind: str
    fate: str
    reason: str


@dataclass(frozen=True)
class SourceEntity:
    """A mention as annotated.

    id (str): What relations call it; unique in its document.
    start, end (int): Where it lies in the text, in characters, end exclusive.
    label (str): Its type.
    place (str): Where it stands.
    text (Optional[str]): What the file says that it reads, None where it does not.
    kb_id (str): Its id in a knowledge base.
    cluster (str): What all mentions of one thing have in common within the document.
    gaps (bool): Whether it leaves out words between its start and end.
    attributes (Tuple[Tuple[str, Any]]): Name and value of each.
    """

    id: str
    start: int
    end: int
    label: str
    place: str
    text: Optional[str] = None
    kb_id: str = ""
    cluster: str = ""
    gaps: bool = False
    attributes: Tuple[Attribute, ...] = ()

    def __post_init__(self) -> None:
        _check_types(self, int, "start", "end")
        _check_types(self, str, "label", "kb_id")
        _check_types(self, (str, type(None)), "text")


@dataclass(frozen=True)
class SourceRelation:
    """A relation as annotated.

    head, tail (str): Id of an entity, or the cluster of several.
    label (str): Its label.
    place (str): Where it stands.
    score (float): How sure it is, 0 to 1.
    head_mentions, tail_mentions (Tuple[str, ...]): Ids of all mentions of the two, where
        `head` and `tail` are those that tell most. Empty where there are no others, or
        the cluster tells them.
    evidence (Tuple[Bounds, ...]): Where each sentence that tells of it lies in the text,
        in characters, end exclusive.
    symmetric (bool): Whether it is said to have no direction.
    sentence (Optional[Bounds]): Where all that stands between its head and tail lies, from
        the first of their sentences to the last, as far as that is known.
    """

    head: str
    tail: str
    label: str
    place: str
    score: float = 1.0
    head_mentions: Tuple[str, ...] = ()
    tail_mentions: Tuple[str, ...] = ()
    evidence: Tuple[Bounds, ...] = ()
    symmetric: bool = False
    sentence: Optional[Bounds] = None

    def __post_init__(self) -> None:
        _check_types(self, str, "label")
        _check_types(self, (int, float), "score")
        _check_types(self, bool, "symmetric")
        if not all(isinstance(char, int) for char in chain.from_iterable(self.evidence)):
            raise TypeError(f"'evidence' is not of integers: {self.evidence!r}")
        if not all(isinstance(char, int) for char in self.sentence or ()):
            raise TypeError(f"'sentence' is not of integers: {self.sentence!r}")


@dataclass(frozen=True)
class SourceDoc:
    """A document as annotated.

    id (str): Its name.
    place (str): Where it stands.
    text (str): Its text.
    entities (List[SourceEntity]): Its mentions.
    relations (List[SourceRelation]): Its relations.
    problems (List[Problem]): What a reader could not make one of these of.
    words (Optional[List[str]]): The tokens, where the file has them.
    spaces (Optional[List[bool]]): Whether a space follows each of them; None where the
        file does not say, and `text` has one between any two.
    sent_starts (Tuple[int, ...]): Characters that sentences begin at, where it says so.
    has_relations (bool): Whether relations were annotated, also where there are none.
        True where the file can't say.
    clusters (Dict[str, List[SourceEntity]]): Mentions by their cluster's key in
        `doc.spans`, where they need not be entities, nor each in one cluster. Empty
        where the `cluster` of the entities tells.
    doc (Optional[Doc]): The doc that all this was read of, with what else is in it. None
        where the file has none.
    """

    id: str
    place: str
    text: str
    entities: List[SourceEntity] = field(default_factory=list)
    relations: List[SourceRelation] = field(default_factory=list)
    problems: List[Problem] = field(default_factory=list)
    words: Optional[List[str]] = None
    spaces: Optional[List[bool]] = None
    sent_starts: Tuple[int, ...] = ()
    has_relations: bool = True
    clusters: Dict[str, List[SourceEntity]] = field(default_factory=dict)
    doc: Optional[Doc] = None

    def __post_init__(self) -> None:
        _check_types(self, str, "text")


def _check_types(found: Any, type_: Union[type, Tuple], *names: str) -> None:
    """Files may hold anything; what is made of them is of the types that are promised.

    RAISES (TypeError): Where a field is of another type.
    """
    for name in names:
        value = getattr(found, name)
        if not isinstance(value, type_):
            raise TypeError(f"{name!r} is of type {type(value).__name__}: {value!r}")


def join_words(
    words: Sequence[str], spaces: Optional[Sequence[bool]] = None
) -> Tuple[str, List[Tuple[int, int]]]:
    """The text of tokens, and where each of them lies.

    words (Sequence[str]): The tokens.
    spaces (Optional[Sequence[bool]]): Whether a space follows each; None for one between
        any two.
    RETURNS (Tuple[str, List[Tuple[int, int]]]): The text; start and end in characters of
        each token.
    """
    if spaces is None:
        spaces = [True] * (len(words) - 1) + [False]
    pieces, bounds, start = [], [], 0
    for word, space in zip(words, spaces):
        bounds.append((start, start + len(word)))
        pieces.append(f"{word} " if space else word)
        start += len(pieces[-1])
    return "".join(pieces), bounds


def cut_at(source: SourceDoc, starts: Sequence[int]) -> List[SourceDoc]:
    """Cut a document in pieces. A mention is never cut, and what lies between the pieces
    that it touches isn't either. A relation from piece to piece is dropped, and so are
    mentions and evidence of one that stand in another piece. A cluster has one key in all
    of them. Categories of a doc, which are of the whole, are dropped.

    source (SourceDoc): The document.
    starts (Sequence[int]): Characters that pieces begin at.
    RETURNS (List[SourceDoc]): The pieces that are more than whitespace. Its problems go
        with the first.
    """
    mentions = chain(source.entities, *source.clusters.values())
    inside = {i for mention in mentions for i in range(mention.start + 1, mention.end)}
    bounds = sorted({0, len(source.text), *starts} - inside)
    pieces = []
    problems = list(source.problems)
    for start, end in zip(bounds, bounds[1:]):
        text = source.text[start:end]
        if not text.strip():
            continue
        start += len(text) - len(text.lstrip())
        text = text.strip()
        pieces.append((start, start + len(text)))
    if len(pieces) < 2:
        return [source]
    if source.doc is not None and source.doc.cats:
        reason = "categories of a doc, which is cut in pieces"
        problems.append(Problem(source.place, "note", "dropped", reason))
    piece_of = {}
    entities: List[List[SourceEntity]] = [[] for _ in pieces]
    index = 0
    for entity in sorted(source.entities, key=lambda entity: entity.start):
        while index + 1 < len(pieces) and pieces[index + 1][0] <= entity.start:
            index += 1
        piece_of[entity.id] = index
        entities[index].append(_move(entity, *pieces[index]))

    def cut_relation(relation: SourceRelation, index: int) -> SourceRelation:
        start, end = pieces[index]
        every = relation.head_mentions, relation.tail_mentions
        heads, tails = (tuple(id for id in ids if piece_of[id] == index) for ids in every)
        outside = "".join(
            source.text[first:start] + source.text[end:last]
            for first, last in relation.evidence
        )
        if (heads, tails) != every or outside.strip():
            reason = "mentions or evidence of a relation, in another piece of the document"
            problems.append(Problem(relation.place, "note", "dropped", reason))
        evidence = tuple(
            _shift(first, last, start, end)
            for first, last in relation.evidence
            if first < end and start < last
        )
        sentence = relation.sentence and _shift(*relation.sentence, start, end)
        return replace(
            relation,
            head_mentions=heads,
            tail_mentions=tails,
            evidence=evidence,
            sentence=sentence,
        )

    relations: List[List[SourceRelation]] = [[] for _ in pieces]
    for relation in source.relations:
        head, tail = (piece_of.get(end, 0) for end in (relation.head, relation.tail))
        if head == tail:
            relations[head].append(cut_relation(relation, head))
        else:
            reason = "between two pieces that the document is cut in"
            problems.append(Problem(relation.place, "relation", "dropped", reason))
    return [
        replace(
            source,
            id=f"{source.id}#{i}",
            text=source.text[start:end],
            entities=entities[i],
            relations=relations[i],
            problems=[] if i else problems,
            sent_starts=_cut_sent_starts(source, start, end),
            clusters=_cut_clusters(source, start, end),
            **_cut_words(source, start, end),
        )
        for i, (start, end) in enumerate(pieces)
    ]


def _shift(first: int, last: int, start: int, end: int) -> Bounds:
    """Bounds as they are in a piece from `start` to `end`, cut off at both."""
    return max(first, start) - start, min(last, end) - start


def _move(mention: SourceEntity, start: int, end: int) -> SourceEntity:
    first, last = _shift(mention.start, mention.end, start, end)
    return replace(mention, start=first, end=last)


def _cut_sent_starts(source: SourceDoc, start: int, end: int) -> Tuple[int, ...]:
    if not source.sent_starts:
        return ()
    # A piece may begin within a sentence, and what is left of it is one.
    return (0, *(char - start for char in source.sent_starts if start < char < end))


def _cut_clusters(
    source: SourceDoc, start: int, end: int
) -> Dict[str, List[SourceEntity]]:
    found = {
        key: [_move(x, start, end) for x in cluster if x.start < end and start < x.end]
        for key, cluster in source.clusters.items()
    }
    return {key: cluster for key, cluster in found.items() if cluster}


def _cut_words(source: SourceDoc, start: int, end: int) -> Dict[str, Any]:
    if source.words is None:
        return {}
    _, bounds = join_words(source.words, source.spaces)
    within = [i for i, bound in enumerate(bounds) if start <= bound[0] < end]
    spaces, doc = source.spaces, source.doc
    return {
        "doc": doc and _cut_doc(doc[within[0] : within[-1] + 1], source.clusters),
        "words": [source.words[i] for i in within],
        # The piece ends with its last word.
        "spaces": spaces and [spaces[i] for i in within[:-1]] + [False],
    }


def _cut_doc(piece: Span, clusters: Collection[str]) -> Doc:
    """A piece of a doc, with what is in each group of spans. A cluster that has nothing
    there is left out, where an empty group of entities says that there are none."""
    doc = piece.as_doc()
    shift, length = piece.start_char, len(doc.text)
    for key, value in piece.doc.user_data.items():
        if is_of_doc(key):
            doc.user_data[key] = value
        elif is_custom(key):
            start, end = key[2] - shift, None if key[3] is None else key[3] - shift
            if 0 <= start < length and (end is None or end <= length):
                doc.user_data[(*key[:2], start, end)] = value
    for key, group in piece.doc.spans.items():
        spans = [
            Span(
                doc,
                span.start - piece.start,
                span.end - piece.start,
                label=span.label,
                kb_id=span.kb_id,
                span_id=span.id,
            )
            for span in group
            if piece.start <= span.start and span.end <= piece.end
        ]
        if spans or key not in clusters:
            doc.spans[key] = SpanGroup(doc, name=group.name, attrs=group.attrs, spans=spans)
    return doc
