"""What of a corpus will keep a relation extractor from learning or being scored."""

from collections import Counter, defaultdict
from typing import (
    Any,
    Collection,
    Dict,
    Iterable,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import filter_spans

from .alignment import Aligner
from .candidates import PairGenerator
from .entities import as_key, get_entities
from .grouping import Grouping, get_entity_relations, group_entities
from .pairs import Pairs
from .relation import Relation, get_relations
from .scorer import score_relations
from .truths import match_relations
from .user_data import has_relations

# From this share on of its relations being said both ways, a label looks symmetric; or,
# where its entities are of one type, of them being said in the order of the text.
SYMMETRIC_SHARE = 0.8
IN_ORDER_SHARE = 0.95
# With fewer relations nothing is said of a label.
MIN_RELATIONS = 10


class Setup(NamedTuple):
    """What a config says of the component.

    pairs (PairGenerator): Which pairs are candidates.
    spans_key (Optional[str]): Where entities are.
    symmetric_labels (Sequence[str]): Labels of relations without direction.
    window (Optional[int]): Tokens that an encoder sees at once, None where it knows no end.
    grouping (Optional[Callable]): Which mentions are of one entity, None where each is one.
    labels (Optional[Collection[str]]): Those that the component learns, None for those of
        the training data.
    learns_pairs (bool): Whether a pair generator that learns does so in this training.
    """

    pairs: PairGenerator
    spans_key: Optional[str] = None
    symmetric_labels: Sequence[str] = ()
    window: Optional[int] = 128
    grouping: Optional[Grouping] = None
    labels: Optional[Collection[str]] = None
    learns_pairs: bool = True

    def select(self, relations: Iterable[Relation]) -> List[Relation]:
        """Those of some relations that the component learns.

        relations (Iterable[Relation]): The relations.
        RETURNS (List[Relation]): Those with one of its labels.
        """
        return [rel for rel in relations if self.labels is None or rel.label in self.labels]


def inspect_corpus(examples: Iterable[Example], setup: Setup) -> Dict[str, Any]:
    """Count what is in a corpus, and what of it is out of reach.

    examples (Iterable[Example]): The corpus. Where a pair generator learns from the
        training data, it has done so.
    setup (Setup): The component's.
    RETURNS (Dict[str, Any]): Numbers of `docs`, those not `annotated`, `entities`, of
        those `misaligned` and `nested`, or all as `not_grouped` where there is a grouping
        and it puts no two together; `relations` that the component learns, of those
        `without_entities`, of an entity `to_itself`, and others `out_of_reach`; candidate `pairs` of annotated docs, of those
        `pairs_without_relation`; docs longer than the window (`long_docs`); all `labels`
        with their numbers of relations; `types_of_labels` with those of each label by
        entity types; `looks_symmetric`, why by label that the component learns.
    """
    counts: Counter = Counter()
    labels: Counter = Counter()
    types: Dict[str, Counter] = defaultdict(Counter)
    by_label: Dict[str, List[Relation]] = defaultdict(list)
    to_itself: Set[Tuple] = set()
    annotated = []

    def candidates(docs: Sequence[Doc]) -> Pairs:
        entities = [group_entities(doc, setup.grouping, setup.spans_key) for doc in docs]
        return setup.pairs(docs, Pairs.all(entities))

    for example in examples:
        doc = example.reference
        counts["docs"] += 1
        counts["not_annotated"] += not has_relations(doc)
        is_long = setup.window is not None and len(example.predicted) > setup.window
        counts["long_docs"] += is_long
        entities = get_entities(doc, setup.spans_key)
        counts["entities"] += len(entities)
        counts["nested"] += len(entities) - len(filter_spans(entities))
        if setup.grouping is not None:
            groups = group_entities(doc, setup.grouping, setup.spans_key)
            counts["grouped"] += sum(len(mentions) > 1 for mentions in groups)
        aligner = Aligner(example)
        for entity in entities:
            bounds = aligner.align(entity)
            counts["misaligned"] += not _has_text(example.predicted, bounds, entity)
        relations = get_entity_relations(doc, setup.grouping, setup.spans_key)
        for relation in relations:
            labels[relation.label] += 1
            types[relation.label][relation.head.label_, relation.tail.label_] += 1
        keys = {as_key(entity) for entity in entities}
        for relation in setup.select(relations):
            counts["relations"] += 1
            heads, tails = (
                frozenset((span.start, span.end) for span in mentions)
                for mentions in (relation.head_mentions, relation.tail_mentions)
            )
            if heads == tails:
                to_itself.add((counts["docs"], heads, relation.label))
            else:
                by_label[relation.label].append(relation)
            main = as_key(relation.head), as_key(relation.tail)
            counts["without_entities"] += not keys.issuperset(main)
        if has_relations(doc):
            pairs = candidates([example.predicted])
            counts["pairs"] += len(pairs)
            counts["pairs_without_relation"] += _count_without(example, pairs, setup)
            annotated.append(example)
    scores = score_relations(
        annotated,
        labels=setup.labels,
        candidates=candidates,
        symmetric_labels=setup.symmetric_labels,
        grouping=setup.grouping,
        spans_key=setup.spans_key,
    )
    recall = scores["rels_candidate_recall"]
    if setup.grouping is not None and not counts["grouped"]:
        counts["not_grouped"] = counts["entities"]
    # What is annotated twice is one relation to find.
    n_distinct = sum(row["support"] for row in (scores["rels_per_type"] or {}).values())
    missed = 0 if recall is None else round((1 - recall) * n_distinct)
    return {
        **{name: counts[name] for name in COUNTS},
        "to_itself": len(to_itself),
        "out_of_reach": max(0, missed - len(to_itself)),
        "labels": dict(labels.most_common()),
        "types_of_labels": {
            label: {" → ".join(pair): n for pair, n in found.most_common()}
            for label, found in types.items()
        },
        "looks_symmetric": {
            label: reason
            for label, found in by_label.items()
            if label not in setup.symmetric_labels and (reason := _looks_symmetric(found))
        },
    }


COUNTS = (
    "docs", "not_annotated", "long_docs", "entities", "misaligned", "nested", "not_grouped",
    "relations", "without_entities", "pairs", "pairs_without_relation",
)  # fmt: skip


def find_shared_texts(first: Iterable[Doc], second: Iterable[Doc]) -> List[str]:
    """Texts that two corpora share, but for case and whitespace.

    first (Iterable[Doc]): The one.
    second (Iterable[Doc]): The other.
    RETURNS (List[str]): The texts, as the second has them.
    """
    known = {_plain(doc) for doc in first}
    return [doc.text for doc in second if _plain(doc) in known]


def _plain(doc: Doc) -> str:
    return " ".join(doc.text.split()).casefold()


def _has_text(doc: Doc, bounds: Optional[Tuple[int, int]], entity: Span) -> bool:
    """Whether what is between the bounds is what the entity is, but for whitespace."""
    if bounds is None:
        return False
    text = doc[bounds[0] : bounds[1]].text
    return "".join(text.split()) == "".join(entity.text.split())


def _count_without(example: Example, pairs: Pairs, setup: Setup) -> int:
    """The candidate pairs that training has no relation for."""
    relations = setup.select(get_relations(example.reference))
    labels = sorted({relation.label for relation in relations})
    matches = match_relations(
        [example], pairs, labels, setup.symmetric_labels, setup.grouping, setup.spans_key
    )
    return len(pairs) - len({pair for pair, _, _ in matches})


def _looks_symmetric(relations: List[Relation]) -> str:
    """Why the relations of a label look as if they had no direction, "" where not."""
    if len(relations) < MIN_RELATIONS:
        return ""
    ends = {(id(x.head.doc), as_key(x.head), as_key(x.tail)) for x in relations}
    n_both = sum((doc, tail, head) in ends for doc, head, tail in ends)
    if n_both / len(ends) >= SYMMETRIC_SHARE:
        return f"{n_both} of {len(ends)} are annotated both ways"
    same_type = sum(x.head.label == x.tail.label for x in relations)
    in_order = sum(x.head.start < x.tail.start for x in relations)
    if min(same_type, in_order) / len(relations) >= IN_ORDER_SHARE:
        return (
            f"{in_order} of {len(relations)} go from the first to the second mention, and "
            "both are of one type"
        )
    return ""
