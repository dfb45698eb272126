"""Which node of a graph an entity is."""

from collections import Counter, defaultdict
from itertools import chain
from typing import Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Tuple

from ..grouping import read_ids
from ..records import EntityRecord, Record, make_writable
from .iri import make_iri, make_name_iri

ROLES = ("head", "tail")


class Node(NamedTuple):
    """An entity of the graph, as one mention shows it. Those of one `iri` are one."""

    iri: str
    name: str
    type: str
    kb_id: str


def find_nodes(
    record: Record, separator: Optional[str], prefixes: Mapping[str, str]
) -> Dict[FrozenSet[int], List[Node]]:
    """The nodes of the entities that the relations of a doc are between, chosen as
    `spacy_relext.graph.get_edges` says.

    record (Record): The doc.
    separator (Optional[str]): What stands between the ids of a mention of several
        entities. None where that does not occur.
    prefixes (Mapping[str, str]): What IRIs begin with, by name.
    RETURNS (Dict[FrozenSet[int], List[Node]]): For the mentions of each entity, by their
        numbers in the record, its node; several where it can't be told which it is.
    """
    mentions = {mention["id"]: mention for mention in record["entities"]}
    links = {id_: set(read_ids(x["kb_id"], separator)) for id_, x in mentions.items()}
    n_mentions = Counter(chain.from_iterable(links.values()))
    entities = {
        frozenset(relation[f"{role}_mentions"])
        for relation in record["relations"]
        for role in ROLES
    }
    entities_of: Dict[int, List[FrozenSet[int]]] = defaultdict(list)
    for entity in entities:
        for id_ in entity:
            entities_of[id_].append(entity)

    def find(entity: FrozenSet[int]) -> List[Node]:
        ids = [id_ for id_ in sorted(entity) if links[id_]] or sorted(entity)
        # A relation that is given for a part of the mentions makes no other entity of it.
        own = [
            id_
            for id_ in ids
            if all(other <= entity or other >= entity for other in entities_of[id_])
        ]
        ids = own or ids
        n_here = Counter(chain.from_iterable(links[id_] for id_ in ids))
        ranks = {kb_id: (n, -n_mentions[kb_id]) for kb_id, n in n_here.items()}
        highest = max(ranks.values(), default=None)
        best = {kb_id for kb_id, rank in ranks.items() if rank == highest}

        def rank_name(id_: int) -> Tuple[bool, int, int]:
            length = len(mentions[id_]["text"])
            return not best.isdisjoint(links[id_]), -len(links[id_]), length

        main = max(ids, key=rank_name)
        kb_ids = sorted(best & links[main]) or [""]
        return [_as_node(mentions[main], kb_id, prefixes) for kb_id in kb_ids]

    return {entity: find(entity) for entity in entities}


def _as_node(mention: EntityRecord, kb_id: str, prefixes: Mapping[str, str]) -> Node:
    name, type_ = make_writable(mention["text"]), make_writable(mention["label"])
    kb_id = make_writable(kb_id)
    if kb_id:
        return Node(make_iri(kb_id, "kb", prefixes), name, type_, kb_id)
    return Node(make_name_iri(type_, name, prefixes), name, type_, "")
