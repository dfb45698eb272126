"""What files of other tools have no place for."""

import re
from itertools import chain
from typing import (
    Callable,
    Dict,
    FrozenSet,
    Iterable,
    Iterator,
    List,
    Mapping,
    Sequence,
    Tuple,
)

from spacy.tokens import Doc, Span

from ..user_data import SOURCE_KEY, SYMMETRIC_KEY
from .annotations import Annotations, get_annotations
from .report import DROPPED, REWRITTEN
from .source import Bounds, Problem


def _count_ent_ids(found: Annotations) -> int:
    """Entities with an `ent_id_`, but for one that tells no more than a cluster does, as
    those that a converter sets: what becomes of it is what becomes of the cluster."""
    groups: Dict[str, List[Span]] = {}
    for span in found.mentions:
        if span.id_ and span.id_ not in found.clusters:
            groups.setdefault(span.id_, []).append(span)
    told = {_as_bounds(cluster) for cluster in found.clusters.values()}
    return sum(len(x) for x in groups.values() if _as_bounds(x) not in told)


def _count_spaced_values(found: Annotations) -> int:
    attributes = chain.from_iterable(found.attributes.values())
    said = [str(value) for _, value in attributes]
    return sum(not x or x != " ".join(x.split()) for x in said)


def _count_cats(found: Annotations) -> int:
    return int(bool(found.doc.cats))


def _count_clusters(found: Annotations) -> int:
    """Clusters of several mentions, but for those that are all mentions of a relation's
    head or tail: what becomes of these is what becomes of the relation's."""
    groups = (x for r in found.relations for x in (r.head_mentions, r.tail_mentions))
    told = {_as_bounds(group) for group in groups}
    return sum(len(x) > 1 and _as_bounds(x) not in told for x in found.clusters.values())


def _count_symmetric(found: Annotations) -> int:
    symmetric = found.doc.user_data.get(SYMMETRIC_KEY, ())
    return sum(relation.label in symmetric for relation in found.relations)


def _as_bounds(mentions: Iterable[Span]) -> FrozenSet[Bounds]:
    return frozenset((span.start, span.end) for span in mentions)


SPACE = re.compile(r"\s")

# What a format may have no place for: the kind of problem that this is, what becomes of
# it, the reason, and how many of it a doc has.
LOSSES: Dict[str, Tuple[str, str, str, Callable[[Annotations], int]]] = {
    "attributes": (
        "attribute",
        DROPPED,
        "the format has no place for the attributes of an entity",
        lambda found: sum(map(len, found.attributes.values())),
    ),
    "spaced_values": (
        "attribute",
        REWRITTEN,
        "the format has one space for any whitespace in a value, and none for an empty one",
        _count_spaced_values,
    ),
    "ids": (
        "note",
        DROPPED,
        "the format has no place for the kb_id of an entity",
        lambda found: sum(bool(span.kb_id) for span in found.mentions),
    ),
    "spaced_ids": (
        "note",
        DROPPED,
        "the format has no place for a kb_id with a space in it",
        lambda found: sum(bool(SPACE.search(span.kb_id_)) for span in found.mentions),
    ),
    "ent_ids": (
        "note",
        DROPPED,
        "the format has no place for the ent_id_ of an entity",
        _count_ent_ids,
    ),
    "cats": (
        "note",
        DROPPED,
        "the format has no place for the categories of a doc",
        _count_cats,
    ),
    "scores": (
        "note",
        DROPPED,
        "the format has no place for the score of a relation",
        lambda found: sum(relation.score < 1 for relation in found.relations),
    ),
    "mentions": (
        "note",
        DROPPED,
        "the format has no place for the other mentions of a relation's entities",
        lambda found: sum(
            len(relation.head_mentions) + len(relation.tail_mentions) > 2
            for relation in found.relations
        ),
    ),
    "evidence": (
        "note",
        DROPPED,
        "the format has no place for the evidence of a relation",
        lambda found: sum(bool(relation.evidence) for relation in found.relations),
    ),
    "clusters": (
        "note",
        DROPPED,
        "the format has no place for a cluster of mentions",
        _count_clusters,
    ),
    "symmetric": (
        "note",
        DROPPED,
        "the format has no place for a relation having no direction",
        _count_symmetric,
    ),
    "annotated": (
        "note",
        DROPPED,
        "the format has no place for whether relations were annotated: there are none",
        lambda found: int(not found.has_relations),
    ),
}


def find_losses(
    doc: Doc, loses: Sequence[str], names: Mapping[str, str]
) -> Iterator[Problem]:
    """What a format does not keep of a doc.

    doc (Doc): The doc, made by `DocBuilder`.
    loses (Sequence[str]): What the format has no place for, names in `LOSSES`.
    names (Mapping[str, str]): Labels that it has no place for, each with what it is
        called there.
    YIELDS (Problem): One for each attribute, and for what has such a label; a note for
        each entity, relation or cluster that has it, or for the doc.
    """
    found = get_annotations(doc)
    _, place = doc.user_data[SOURCE_KEY]
    for name in loses:
        kind, fate, reason, count = LOSSES[name]
        for _ in range(count(found)):
            yield Problem(place, kind, fate, reason)
    attributes = chain.from_iterable(found.attributes.values())
    for kind, labels in (
        ("entity", [span.label_ for span in found.mentions]),
        ("relation", [relation.label for relation in found.relations]),
        ("attribute", [name for name, _ in attributes]),
    ):
        for label in labels:
            if label in names:
                reason = (
                    f"the format has no place for the label {label!r}, which becomes "
                    f"{names[label]!r}, a name that no other has"
                )
                yield Problem(place, kind, REWRITTEN, reason)
