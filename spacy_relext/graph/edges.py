"""The edges of a graph, as a table and as a network."""

import csv
from collections import Counter
from importlib import import_module
from itertools import chain, groupby, product
from operator import attrgetter, itemgetter
from pathlib import Path
from types import ModuleType
from typing import (
    TYPE_CHECKING,
    Any,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Set,
    TextIO,
    Tuple,
)

from ..grouping import check_separator
from ..records import Record, make_writable
from .iri import complete_prefixes, make_iri
from .nodes import ROLES, Node, find_nodes

if TYPE_CHECKING:
    import networkx

# Between the texts of sentences that tell of a relation together.
GAP = " … "
COLUMNS = (
    "head head_name head_type head_kb_id relation label tail tail_name tail_type tail_kb_id "
    "symmetric score document start end sentence"
).split()


class Sentence(NamedTuple):
    """What tells of a relation; `start` and `end` are its place in the document, in
    characters."""

    start: int
    end: int
    text: str


class Edge(NamedTuple):
    """A relation of the graph, as one sentence tells it, or several do together.
    `relation` and `document` are IRIs."""

    head: Node
    relation: str
    label: str
    tail: Node
    symmetric: bool
    score: float
    document: str
    sentences: Tuple[Sentence, ...]

    def get_place(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Union[int, str]]): From where to where in the document
        `sentences` stand, as `start` and `end`, and their texts as `sentence`."""
        start = self.sentences[0].start
        end = max(sentence.end for sentence in self.sentences)
        text = GAP.join(sentence.text for sentence in self.sentences)
        return {"start": start, "end": end, "sentence": text}


def get_edges(
    records: Iterable[Record],
    *,
    prefixes: Optional[Mapping[str, str]] = None,
    min_score: float = 0.0,
    separator: Optional[str] = None,
) -> Iterator[Edge]:
    """The edges of the graph, one for each place that tells of a relation: the sentences of
    its evidence, or else all from the first that its mentions stand in to the last.

    Entities that are linked are one node where their id is the same; others where their
    type and the name that is longest are, but for case, width and spaces.

    The id of an entity is that which most of its mentions have; those of another entity
    as well count only where there are no others. Of several such ids it is the one with
    the fewest mentions in the doc, and then that of the longest mention. Where this mention
    has several of them, as "D1|D2" alone, the relation is told of each.

    An id, label or type may be an IRI (`http://dbpedia.org/resource/Graz`), or begin with
    the name of a prefix and a colon (`dbr:Graz`); all others get the prefix of their kind.

    records (Iterable[Record]): The records, see `spacy_relext.records`. Those of one id
        that follow each other are of one document.
    prefixes (Optional[Mapping[str, str]]): What IRIs begin with, by name. In addition to,
        or in place of, `spacy_relext.graph.PREFIXES`.
    min_score (float): Relations with a lower score are left out.
    separator (Optional[str]): What stands between the ids of a mention of several
        entities, as it was given to `group_by_kb_id`. None where that does not occur.
    YIELDS (Edge): The edges, those of one document by their score. Of two of one label
        between the same nodes in the same sentences there is the better one only.
    RAISES (ValueError): Where a prefix is no IRI, or `separator` is empty.
    """
    check_separator("get_edges", separator)
    prefixes = complete_prefixes(prefixes)
    for _, of_one in groupby(records, itemgetter("id")):
        found = (_list_edges(record, prefixes, min_score, separator) for record in of_one)
        edges = chain.from_iterable(found)
        seen: Set[Tuple] = set()
        for edge in sorted(edges, key=attrgetter("score"), reverse=True):
            # With the sentences, as texts that differ may have one id.
            key = edge.head.iri, edge.relation, edge.tail.iri, edge.sentences
            if key not in seen:
                seen.add(key)
                yield edge


def build_network(edges: Iterable[Edge]) -> "networkx.MultiDiGraph":
    """The graph as networkx has it: an edge for each place that tells of a relation, with
    `label`, `score` and the place. A node has the `name`, `type` and `kb_id` that most of
    its edges show, each by itself, of several the first by the alphabet.

    edges (Iterable[Edge]): The edges.
    RETURNS (networkx.MultiDiGraph): The graph; its nodes are named by their IRIs.
    RAISES (ImportError): Without networkx.
    """
    network = require("networkx").MultiDiGraph()
    shown: Counter = Counter()
    for edge in edges:
        for node in (edge.head, edge.tail):
            shown.update((node.iri, field, value) for field, value in _list_fields(node))
        fields = edge._asdict()
        for name in (*ROLES, "sentences"):
            del fields[name]
        network.add_edge(edge.head.iri, edge.tail.iri, **fields, **edge.get_place())
    for iri, found in groupby(rank(shown), itemgetter(0)):
        fields: Dict[str, str] = {}
        for _, field, value in found:
            fields.setdefault(field, value)
        network.add_node(iri, **fields)
    return network


def write_graphml(network: "networkx.MultiDiGraph", path: Path) -> None:
    """Write what `build_network` made as GraphML, for Gephi, Cytoscape, yEd and others.

    network (networkx.MultiDiGraph): The graph.
    path (Path): The file.
    """
    require("networkx").write_graphml(network, path)


def write_csv(edges: Iterable[Edge], file: TextIO) -> int:
    """The edges as a table, a row for each place that tells of a relation.

    edges (Iterable[Edge]): The edges; none is held in memory.
    file (TextIO): Where to, opened with `newline=""`.
    RETURNS (int): Number of edges.
    """
    n_edges = 0
    writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
    writer.writeheader()
    for edge in edges:
        row: Dict[str, Any] = {**edge._asdict(), **edge.get_place()}
        for role in ROLES:
            node = row[role]
            row[role] = node.iri
            row.update((f"{role}_{field}", value) for field, value in _list_fields(node))
        writer.writerow(row)
        n_edges += 1
    return n_edges


def rank(shown: Counter) -> List[Tuple]:
    """Put what edges show of IRIs in order.

    shown (Counter): How often each was shown, tuples that begin with the IRI.
    RETURNS (List[Tuple]): The tuples by IRI, that which was shown most first, of several
        the first by the alphabet.
    """

    def place(found: Tuple) -> Tuple:
        return found[0], -shown[found], found

    return sorted(shown, key=place)


def require(name: str) -> ModuleType:
    """Import what a format needs.

    name (str): The package.
    RETURNS (ModuleType): The package.
    RAISES (ImportError): Where it is not there, with what to do.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f"This format of the graph needs {name}, which comes with the extra [graph]: "
            "pip install 'spacy-relext[graph]'"
        ) from error


def _list_edges(
    record: Record, prefixes: Mapping[str, str], min_score: float, separator: Optional[str]
) -> Iterator[Edge]:
    text, document = record["text"], make_iri(record["id"], "document", prefixes)
    nodes = find_nodes(record, separator, prefixes)
    for rel in record["relations"]:
        if rel["score"] < min_score:
            continue
        iri = make_iri(rel["label"], "relation", prefixes)
        told = rel["evidence"] or [rel["sentence"]]
        places = sorted({(place["start"], place["end"]) for place in told})
        sentences = tuple(Sentence(*x, make_writable(text[slice(*x)])) for x in places)
        heads, tails = (nodes[frozenset(rel[f"{role}_mentions"])] for role in ROLES)
        for head, tail in _pair(heads, tails):
            if rel["symmetric"] and tail.iri < head.iri:
                head, tail = tail, head
            yield Edge(
                head=head,
                relation=iri,
                label=make_writable(rel["label"]),
                tail=tail,
                symmetric=rel["symmetric"],
                score=rel["score"],
                document=document,
                sentences=sentences,
            )


def _list_fields(node: Node) -> List[Tuple[str, str]]:
    """What a node is beside its IRI."""
    return [(field, value) for field, value in node._asdict().items() if field != "iri"]


def _pair(heads: Iterable[Node], tails: Iterable[Node]) -> List[Tuple[Node, Node]]:
    """Heads with tails, and none with itself where there is another."""
    pairs = list(product(heads, tails))
    return [(head, tail) for head, tail in pairs if head.iri != tail.iri] or pairs
