"""spaCy's own .spacy files, whose docs carry relations in one of four ways: as this package
does, in `doc._.rel` as the tutorial's component or spacy-llm does, or in GLiREL's list.

The tutorial keeps a score for every pair; 0.5 is enough here. It names an entity by its
first token, spacy-llm by its position in `doc.ents`, GLiREL by its tokens.
"""

from dataclasses import replace
from pathlib import Path
from typing import (
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    Sequence,
    Tuple,
    Union,
)

from spacy.lang.lex_attrs import LEX_ATTRS
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from ..corpus import read_doc_bin
from ..entities import as_stored_key
from ..records import find_sentence, get_mentions
from ..relation import get_relations
from ..user_data import (
    SYMMETRIC_KEY,
    get_name,
    has_relations,
)
from .annotations import get_attributes, get_clusters, get_entity_groups
from .corpus_writer import CorpusWriter
from .files import walk
from .read import MALFORMED, Head, build_each, tell_malformed
from .report import DROPPED
from .source import (
    Bounds,
    Problem,
    SourceDoc,
    SourceEntity,
    SourceRelation,
    is_int,
)

SUFFIXES = (".spacy",)
THRESHOLD = 0.5
# Where others keep relations: the tutorial and spacy-llm, and GLiREL.
OTHERS = ("rel", "relations")

Found = Tuple[Any, Any, str, float]


def is_spacy(head: Head) -> bool:
    """Whether a file is of spaCy's."""
    return head.path.suffix in SUFFIXES


def write_spacy(path: Path) -> CorpusWriter:
    """A writer of a .spacy file.

    path (Path): The file.
    RETURNS (CorpusWriter): The writer.
    """
    return CorpusWriter(path)


def read_spacy(path: Path) -> Iterator[Union[SourceDoc, Problem]]:
    """Read docs.

    path (Path): A .spacy file, or a folder of them.
    YIELDS (Union[SourceDoc, Problem]): The docs as annotated; files that are none, and docs
        whose user data are not what was stored.
    """
    for file in walk(path, SUFFIXES):
        try:
            docs = read_doc_bin(file)
        except ValueError as error:
            yield Problem(str(file), "document", DROPPED, str(error))
            continue
        # One a file, or the words of all would pile up in it.
        vocab = Vocab(lex_attr_getters=LEX_ATTRS)
        for number, doc in enumerate(docs.get_docs(vocab), 1):
            place = f"{file}:{number}"
            try:
                source: Union[SourceDoc, Problem] = _as_source(doc, place)
            except MALFORMED as error:
                reason = f"its user data are malformed: {tell_malformed(error)}"
                source = Problem(place, "document", DROPPED, reason)
            yield source


def _as_source(doc: Doc, place: str) -> SourceDoc:
    own = list(get_relations(doc))
    mentions, positions = get_mentions(doc, own, (None, *get_entity_groups(doc)))

    def name(span: Span) -> str:
        return _name(mentions[positions[as_stored_key(span)]])

    clusters = get_clusters(doc)
    cluster_of: Dict[Bounds, str] = {}
    for key, cluster in clusters.items():
        for span in cluster:
            # Of several the first, as a span has one id; `clusters` tells all.
            cluster_of.setdefault((span.start, span.end), key)
    entity_of: Dict[str, str] = {}
    for relation in own:
        for group in (relation.head_mentions, relation.tail_mentions):
            for span in group if len(group) > 1 else ():
                entity_of.setdefault(name(span), f"entity of {name(group[0])}")
    attributes = get_attributes(doc, mentions)
    entities: Dict[str, SourceEntity] = {}
    ids: Dict[Bounds, str] = {}
    for span in mentions:
        entity = replace(
            _as_entity(span, place),
            cluster=span.id_
            or cluster_of.get((span.start, span.end))
            or entity_of.get(name(span), ""),
            attributes=tuple(attributes.get(as_stored_key(span), ())),
        )
        entities[entity.id] = entity
        ids.setdefault((span.start, span.end), entity.id)

    symmetric = doc.user_data.get(SYMMETRIC_KEY, ())
    relations = [
        SourceRelation(
            name(r.head),
            name(r.tail),
            r.label,
            place,
            r.score,
            tuple(map(name, r.head_mentions)),
            tuple(map(name, r.tail_mentions)),
            tuple((sent.start_char, sent.end_char) for sent in r.evidence),
            r.label in symmetric,
            find_sentence(doc, r),
        )
        for r in own
    ]
    problems: List[Problem] = []

    def add_relations(found: Tuple[Callable[[Any], List[Found]], Any]) -> None:
        read, item = found
        made = [
            SourceRelation(head, tail, label, place, min(1.0, max(0.0, float(score))))
            for head, tail, label, score in read(item)
        ]
        relations.extend(made)

    others = _list_others(doc, ids, list(map(name, doc.ents)))
    build_each(others, add_relations, "relation", place, problems)
    annotated = has_relations(doc) or any(_get_others(doc, x) is not None for x in OTHERS)
    for key in OTHERS:
        # They are the package's own from here on, and would be there twice.
        doc.user_data.pop(_get_key(key), None)
    starts: Tuple[int, ...] = ()
    if doc.has_annotation("SENT_START"):
        starts = tuple(sent.start_char for sent in doc.sents)
    return SourceDoc(
        get_name(doc, place),
        place,
        doc.text,
        list(entities.values()),
        relations,
        problems,
        [token.text for token in doc],
        [bool(token.whitespace_) for token in doc],
        starts,
        annotated,
        {key: [_as_entity(x, place) for x in found] for key, found in clusters.items()},
        doc,
    )


def _as_entity(span: Span, place: str) -> SourceEntity:
    return SourceEntity(
        _name(span),
        span.start_char,
        span.end_char,
        span.label_,
        place,
        kb_id=span.kb_id_,
        cluster=span.id_,
    )


def _get_others(doc: Doc, key: str) -> Any:
    return doc.user_data.get(_get_key(key))


def _get_key(name: str) -> Tuple[str, str, None, None]:
    """Where `doc.user_data` has a custom attribute of the doc."""
    return ("._.", name, None, None)


def _list_others(
    doc: Doc, ids: Dict[Bounds, str], ents: Sequence[str]
) -> Iterator[Tuple[Callable[[Any], List[Found]], Any]]:
    """What others keep in a doc, each with what makes relations of it."""
    first_tokens: Dict[int, str] = {}
    for (start, _), id in sorted(ids.items(), key=lambda item: -item[0][1]):
        first_tokens.setdefault(start, id)

    def read_pair(item: Any) -> List[Found]:
        (head, tail), scores = item
        head, tail = (first_tokens.get(end, f"token {end}") for end in (head, tail))
        return [(head, tail, *found) for found in scores.items() if found[1] >= THRESHOLD]

    def read_item(item: Any) -> List[Found]:
        item = item if isinstance(item, dict) else vars(item)
        positions = item["dep"], item["dest"]
        for position in positions:
            # A negative one would count from the end.
            if not is_int(position) or not 0 <= position < len(ents):
                raise ValueError(f"there is no entity {position!r}, but {len(ents)}")
        head, tail = (ents[position] for position in positions)
        return [(head, tail, item["relation"], 1.0)]

    def read_positions(item: Any) -> List[Found]:
        ends = (tuple(item[f"{end}_pos"]) for end in ("head", "tail"))
        head, tail = (ids.get(end, f"tokens {end[0]}–{end[1]}") for end in ends)
        return [(head, tail, item["label"], item.get("score", 1.0))]

    for key, read in zip(OTHERS, (read_item, read_positions)):
        found = _get_others(doc, key)
        if key == "rel" and isinstance(found, dict):
            read, found = read_pair, list(found.items())
        found = [] if found is None else found
        for item in found if isinstance(found, (list, tuple)) else [found]:
            yield read, item


def _name(span: Span) -> str:
    return f"tokens {span.start}–{span.end} {span.label_} {span.kb_id_}".rstrip()
