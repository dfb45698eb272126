"""Which mentions of a doc are of one entity."""

from collections import defaultdict
from functools import partial
from itertools import product
from operator import ne
from typing import (
    Any,
    Callable,
    Dict,
    Hashable,
    Iterable,
    Iterator,
    List,
    Optional,
    Sequence,
    Tuple,
)

from spacy.pipeline import EntityLinker
from spacy.tokens import Doc, Span
from spacy.util import registry

from .entities import Entity, as_key, as_linked_key, get_entities, list_spans
from .relation import Relation, get_relations

# What the keys of clusters of mentions in `doc.spans` begin with, as spacy-experimental
# names them.
CLUSTERS_PREFIX = "coref_clusters"

# Puts the mentions of a doc, in text order, into groups, one an entity. A mention may be
# in several groups, and spans that are none of the mentions may be added to them.
Grouping = Callable[[Doc, Sequence[Span]], Iterable[Sequence[Span]]]


@registry.misc("spacy-relext.group_by_kb_id.v1")
def configure_group_by_kb_id(separator: Optional[str] = None) -> Grouping:
    """Mentions that are linked to one id of a knowledge base are of one entity. One
    that is not linked, or to `EntityLinker.NIL` by an `entity_linker` that knows none, is
    an entity of its own.

    separator (Optional[str]): What stands between the ids of a mention of several
        entities, "|" in PubTator's files; it is then a mention of each. None where
        that does not occur.
    RAISES (ValueError): Where `separator` is empty.
    """
    check_separator("spacy-relext.group_by_kb_id.v1", separator)
    return partial(group_by_kb_id, separator=separator)


def group_by_kb_id(
    doc: Doc, mentions: Sequence[Span], *, separator: Optional[str] = None
) -> List[List[Span]]:
    return _group((mention, read_ids(mention.kb_id_, separator)) for mention in mentions)


@registry.misc("spacy-relext.group_by_ent_id.v1")
def configure_group_by_ent_id() -> Grouping:
    """Mentions with one `ent_id_` (`id_` of the span, as the entity ruler and
    `relext convert` set it) are of one entity. One without is an entity of its own."""
    return group_by_ent_id


def group_by_ent_id(doc: Doc, mentions: Sequence[Span]) -> List[List[Span]]:
    return _group((mention, [mention.id_]) for mention in mentions)


@registry.misc("spacy-relext.group_by_text.v1")
def configure_group_by_text(ignore_case: bool = False) -> Grouping:
    """Mentions of one name and one type are of one entity.

    ignore_case (bool): Whether names that differ in case alone are one.
    """
    return partial(group_by_text, ignore_case=ignore_case)


def group_by_text(
    doc: Doc, mentions: Sequence[Span], *, ignore_case: bool = False
) -> List[List[Span]]:
    def name(mention: Span) -> Tuple[str, str]:
        return mention.label_, normal_text(mention.text, ignore_case)

    return _group((mention, [name(mention)]) for mention in mentions)


@registry.misc("spacy-relext.group_by_cluster.v1")
def configure_group_by_cluster(
    prefix: str = CLUSTERS_PREFIX, only_entities: bool = False
) -> Grouping:
    """Mentions in one coreference cluster are of one entity, and so are the cluster's
    other spans, such as pronouns. A mention in no cluster is an entity of its own; a
    cluster without any mention is none. What counts are the tokens of a span: one that
    merely overlaps a mention is another span.

    prefix (str): What the keys of the clusters in `doc.spans` begin with, as
        spacy-experimental and `relext convert` name them.
    only_entities (bool): Whether to leave out the spans that are no mentions.
    """
    return partial(group_by_cluster, prefix=prefix, only_entities=only_entities)


def group_by_cluster(
    doc: Doc,
    mentions: Sequence[Span],
    *,
    prefix: str = CLUSTERS_PREFIX,
    only_entities: bool = False,
) -> List[List[Span]]:
    of_bounds: Dict[Tuple[int, int], List[Span]] = defaultdict(list)
    for mention in mentions:
        of_bounds[mention.start, mention.end].append(mention)
    groups, clustered = [], set()
    for key, cluster in doc.spans.items():
        if not key.startswith(prefix):
            continue
        bounds = sorted({(span.start, span.end) for span in list_spans(cluster)})
        inside = [mention for bound in bounds for mention in of_bounds.get(bound, ())]
        if not inside:
            continue
        clustered.update((mention.start, mention.end) for mention in inside)
        if not only_entities:
            inside.extend(
                Span(doc, *bound, label=inside[0].label, kb_id=inside[0].kb_id)
                for bound in bounds
                if bound not in of_bounds
            )
        groups.append(inside)
    alone = (m for m in mentions if (m.start, m.end) not in clustered)
    return [*groups, *([mention] for mention in alone)]


def group_entities(
    doc: Doc, grouping: Optional[Grouping], spans_key: Optional[str] = None
) -> List[Entity]:
    """The entities of a doc between which relations are sought.

    doc (Doc): The doc.
    grouping (Optional[Callable[[Doc, Sequence[Span]], Iterable[Sequence[Span]]]]): Which
        mentions are of one entity; None makes each an entity.
    spans_key (Optional[str]): Where mentions are: None for `doc.ents`, else the group
        of `doc.spans`.
    RETURNS (List[Union[Span, List[Span]]]): The entities in the order of their first
        mentions: spans without a grouping, else lists of mentions in text order. Those
        without a mention are left out.
    RAISES (ValueError): Where the grouping returns anything but lists of spans of the doc.
    """
    if grouping is None:
        return get_entities(doc, spans_key)
    mentions = get_entities(doc, spans_key, as_linked_key)
    groups = [_as_list(group) for group in _as_list(grouping(doc, mentions))]
    for span in (span for group in groups for span in group):
        if not isinstance(span, Span) or span.doc is not doc or not len(span):
            raise _name_wrong(span)
    distinct = [{as_key(span): span for span in group} for group in groups if group]
    entities = [[spans[key] for key in sorted(spans)] for spans in distinct]
    return sorted(entities, key=lambda entity: [as_key(span) for span in entity])


def get_entity_relations(
    doc: Doc, grouping: Optional[Grouping], spans_key: Optional[str] = None
) -> List[Relation]:
    """The relations of a doc, as relations between its entities.

    - A mention of a relation is that of the doc on the same tokens, whatever its label.
    - A relation that names some mentions of an entity is one of all of them.
    - A mention of several entities stands for the one that it is linked to; where that
      does not tell, for one that has no other mention, or else for the first.
    - It does not stand for the entity at the other end of the relation, if it has another.

    doc (Doc): The doc.
    grouping (Optional[Callable]): As of `group_entities`, and so is the next.
    spans_key (Optional[str]): Where mentions are.
    RETURNS (List[Relation]): The relations.
    """
    relations = list(get_relations(doc))
    if not relations:
        return relations
    own: Dict[Tuple, Tuple[Span, Sequence[Span]]] = {}
    holders: Dict[Tuple, List[Sequence[Span]]] = defaultdict(list)
    entities = group_entities(doc, grouping, spans_key)
    if grouping is None:
        entities = [[mention] for mention in entities]
    # One that has no other mention comes first.
    for entity in sorted(entities, key=_has_others):
        for span in entity:
            holders[as_key(span)].append(entity)
            for key in _get_keys(span):
                own.setdefault(key, (span, entity))

    def find(mention: Span) -> Tuple[Span, Sequence[Span]]:
        found = (own[key] for key in _get_keys(mention) if key in own)
        return next(found, (mention, [mention]))

    def complete(
        main: Span, mentions: Sequence[Span]
    ) -> Tuple[Span, List[Tuple[Span, ...]]]:
        """The mention, and the entities that it may be of, the likeliest first."""
        span, entity = find(main)
        if len(mentions) == 1:
            others = (other for other in holders[as_key(span)] if span in other)
            return span, [tuple(entity), *map(tuple, others)]
        given = [find(mention)[0] for mention in mentions]
        keys = set(map(as_key, given))
        around = (x for x in holders[as_key(span)] if keys.issubset(map(as_key, x)))
        return span, [tuple(min(around, key=len, default=given))]

    completed = []
    for rel in relations:
        head, heads = complete(rel.head, rel.head_mentions)
        tail, tails = complete(rel.tail, rel.tail_mentions)
        ends = heads[0], tails[0]
        if head != tail:
            # A mention of both entities is that of the one which the other end is not.
            ends = next((pair for pair in product(heads, tails) if ne(*pair)), ends)
        completed.append(Relation(head, tail, rel.label, rel.score, *ends, rel.evidence))
    return completed


def read_ids(kb_id: str, separator: Optional[str] = None) -> List[str]:
    """The ids of a knowledge base that a mention is linked to.

    kb_id (str): The `kb_id_` of the mention.
    separator (Optional[str]): What stands between several ids, None where that does not
        occur.
    RETURNS (List[str]): The ids, without `EntityLinker.NIL`, which is none.
    """
    ids = [id_.strip() for id_ in (kb_id.split(separator) if separator else [kb_id])]
    return [id_ for id_ in ids if id_ and id_ != EntityLinker.NIL]


def normal_text(text: str, ignore_case: bool = False) -> str:
    """What the texts of mentions are told by, the same wherever a line was broken.

    text (str): The text.
    ignore_case (bool): Whether texts that differ in case alone are one.
    RETURNS (str): The text, with single spaces.
    """
    text = " ".join(text.split())
    return text.casefold() if ignore_case else text


def check_separator(name: str, separator: Optional[str]) -> None:
    """Check that ids can be told apart.

    name (str): What was given the separator.
    separator (Optional[str]): The separator.
    RAISES (ValueError): Where it is empty.
    """
    if separator == "":
        raise ValueError(f"{name}: separator must not be empty; leave it out for none")


def _group(keyed: Iterable[Tuple[Span, Iterable[Hashable]]]) -> List[List[Span]]:
    """Mentions by their keys; those without one, or with an empty one, are alone."""
    groups: Dict[Hashable, List[Span]] = defaultdict(list)
    for i, (mention, keys) in enumerate(keyed):
        for key in [key for key in keys if key] or [(i, None)]:
            groups[key].append(mention)
    return list(groups.values())


def _as_list(found: Any) -> List:
    # What goes wrong in a generator as it runs is not a matter of what it returns.
    try:
        items = iter(found)
    except TypeError:
        raise _name_wrong(found) from None
    return list(items)


def _name_wrong(found: Any) -> ValueError:
    return ValueError(
        "A grouping must return lists of spans with tokens of the doc that it is given, "
        f"found: {found!r}"
    )


def _has_others(entity: Sequence[Span]) -> bool:
    return len(entity) > 1


def _get_keys(span: Span) -> Iterator[Tuple]:
    """What a mention is told by, the surest first."""
    yield as_linked_key(span)
    yield as_key(span)
    yield span.start, span.end
