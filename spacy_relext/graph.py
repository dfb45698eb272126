"""Records as a knowledge graph: entities merged into nodes, and relations as edges that
tell the sentence they were found in."""

import csv
from collections import Counter
from hashlib import sha256
from importlib import import_module
from itertools import chain, groupby, islice, product, repeat
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

from .grouping import check_separator
from .iri import complete_prefixes, make_iri, make_place_iri
from .nodes import ROLES, Node, find_nodes
from .records import Record, get_mention_ids, make_writable

if TYPE_CHECKING:
    import networkx
    import rdflib

# The NLP Interchange Format, for pieces of text.
NIF = "http://persistence.uni-leipzig.org/nlp2rdf/ontologies/nif-core#"
# How many edges, or names, are a part of a graph that is written part by part.
AT_ONCE = 500
COLUMNS = (
    "head head_name head_type relation label tail tail_name tail_type symmetric score "
    "document start end sentence"
).split()


class Edge(NamedTuple):
    """A relation of the graph, as one sentence tells it. `relation` and `document` are
    IRIs; `start` and `end` are the sentence's place in the document, in characters."""

    head: Node
    relation: str
    label: str
    tail: Node
    symmetric: bool
    score: float
    document: str
    start: int
    end: int
    sentence: str


def get_edges(
    records: Iterable[Record],
    *,
    prefixes: Optional[Mapping[str, str]] = None,
    min_score: float = 0.0,
    separator: Optional[str] = None,
) -> Iterator[Edge]:
    """The edges of the graph, one for each sentence that tells of a relation. Entities
    that are linked are one node where their id is the same; others where their type and
    the name that is longest are, but for case, width and spaces.

    The id of an entity is that which most of its mentions have; those of another entity
    as well count only where there are no others. Of several such ids it is the one with
    the fewest mentions in the doc, and then that of the longest mention. Where this mention
    has several of them, as "D1|D2" alone, the relation is told of each.

    An id, label or type may be an IRI (`http://dbpedia.org/resource/Graz`), or begin with
    the name of a prefix and a colon (`dbr:Graz`); all others get the prefix of their kind.

    records (Iterable[Record]): The records, see `spacy_relext.records`. Those of one id
        that follow each other are of one document.
    prefixes (Optional[Mapping[str, str]]): What IRIs begin with, by name. In addition to,
        or in place of, `spacy_relext.iri.PREFIXES`.
    min_score (float): Relations with a lower score are left out.
    separator (Optional[str]): What stands between the ids of a mention of several
        entities, as it was given to `group_by_kb_id`. None where that does not occur.
    YIELDS (Edge): The edges, those of one document by their score. Of two of one label
        between the same nodes in one sentence there is the better one only.
    RAISES (ValueError): Where a prefix is no IRI, or `separator` is empty.
    """
    check_separator("get_edges", separator)
    prefixes = complete_prefixes(prefixes)
    for _, of_one in groupby(records, itemgetter("id")):
        found = (_list_edges(record, prefixes, min_score, separator) for record in of_one)
        edges = chain.from_iterable(found)
        seen: Set[Tuple] = set()
        for edge in sorted(edges, key=attrgetter("score"), reverse=True):
            # With the sentence, as texts that differ may have one id.
            place = edge.start, edge.end, edge.sentence
            key = edge.head.iri, edge.relation, edge.tail.iri, *place
            if key not in seen:
                seen.add(key)
                yield edge


def build_rdf(
    edges: Iterable[Edge], prefixes: Optional[Mapping[str, str]] = None
) -> "rdflib.Graph":
    """The graph as RDF. An edge is a triple, and for each sentence that tells of it a
    statement about that triple (`rdf:Statement`) with its score, derived from the
    sentence: that is what Turtle and SPARQL can say in their present versions, while a
    question that needs no evidence does not meet it. The sentence is a `nif:Sentence` with
    its text, place and document. A node has the name that most of its edges show as
    `rdfs:label`, and others as `skos:altLabel`; types and relations likewise.

    edges (Iterable[Edge]): The edges.
    prefixes (Optional[Mapping[str, str]]): As they were given to `get_edges`.
    RETURNS (rdflib.Graph): The graph.
    RAISES (ImportError): Without rdflib.
    """
    prefixes = complete_prefixes(prefixes)
    shown: Counter = Counter()
    told = chain.from_iterable(_describe(edge, prefixes, shown) for edge in edges)
    return _collect(chain(told, _list_names(shown)), prefixes)


def write_rdf(
    edges: Iterable[Edge],
    file: TextIO,
    format: str = "turtle",
    prefixes: Optional[Mapping[str, str]] = None,
) -> int:
    """The graph as `build_rdf` makes it, written part by part: rdflib takes memory for all
    that is in a graph, and to write it as Turtle time by the square of that. What several
    parts say is written in each of them, and names come last.

    edges (Iterable[Edge]): The edges; a part of them is held in memory, and all names.
    file (TextIO): Where to.
    format (str): `turtle` or `nt`, that is N-Triples.
    prefixes (Optional[Mapping[str, str]]): As they were given to `get_edges`.
    RETURNS (int): Number of edges.
    RAISES (ImportError): Without rdflib.
    """
    prefixes = complete_prefixes(prefixes)
    shown: Counter = Counter()
    n_edges = 0
    for part in _cut(edges):
        told = chain.from_iterable(_describe(edge, prefixes, shown) for edge in part)
        file.write(_collect(told, prefixes).serialize(format=format))
        n_edges += len(part)
    for names in _cut(_list_names(shown)):
        file.write(_collect(names, prefixes).serialize(format=format))
    return n_edges


def build_network(edges: Iterable[Edge]) -> "networkx.MultiDiGraph":
    """The graph as networkx has it: an edge for each sentence that tells of a relation,
    with `label`, `score` and the fields of its evidence. A node has the `name` and `type`
    that most of its edges show, of several the first by the alphabet, and its `kb_id`.

    edges (Iterable[Edge]): The edges.
    RETURNS (networkx.MultiDiGraph): The graph; its nodes are named by their IRIs.
    RAISES (ImportError): Without networkx.
    """
    network = _require("networkx").MultiDiGraph()
    shown: Counter = Counter()
    for edge in edges:
        shown.update((edge.head, edge.tail))
        fields = edge._asdict()
        head, tail = fields.pop("head"), fields.pop("tail")
        network.add_edge(head.iri, tail.iri, **fields)
    for iri, nodes in groupby(_rank(shown), attrgetter("iri")):
        fields = next(nodes)._asdict()
        del fields["iri"]
        network.add_node(iri, **fields)
    return network


def write_graphml(network: "networkx.MultiDiGraph", path: Path) -> None:
    """Write what `build_network` made as GraphML, for Gephi, Cytoscape, yEd and others.

    network (networkx.MultiDiGraph): The graph.
    path (Path): The file.
    """
    _require("networkx").write_graphml(network, path)


def write_csv(edges: Iterable[Edge], file: TextIO) -> int:
    """The edges as a table, a row for each sentence that tells of a relation.

    edges (Iterable[Edge]): The edges; none is held in memory.
    file (TextIO): Where to, opened with `newline=""`.
    RETURNS (int): Number of edges.
    """
    n_edges = 0
    writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
    writer.writeheader()
    for edge in edges:
        row: Dict[str, Any] = edge._asdict()
        for role in ROLES:
            node = row[role]
            row.update({role: node.iri, f"{role}_name": node.name, f"{role}_type": node.type})
        writer.writerow(row)
        n_edges += 1
    return n_edges


def _list_edges(
    record: Record, prefixes: Mapping[str, str], min_score: float, separator: Optional[str]
) -> Iterator[Edge]:
    text, document = record["text"], make_iri(record["id"], "document", prefixes)
    nodes = find_nodes(record, separator, prefixes)
    for rel in record["relations"]:
        if rel["score"] < min_score:
            continue
        iri = make_iri(rel["label"], "relation", prefixes)
        start, end = rel["sentence"]["start"], rel["sentence"]["end"]
        heads, tails = (nodes[frozenset(get_mention_ids(rel, role))] for role in ROLES)
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
                start=start,
                end=end,
                sentence=make_writable(text[start:end]),
            )


def _cut(items: Iterable[Any]) -> Iterator[List[Any]]:
    items = iter(items)
    while part := list(islice(items, AT_ONCE)):
        yield part


def _rank(shown: Counter) -> List[Tuple]:
    """What was shown of each IRI, by IRI, and that which was shown most first."""

    def rank(found: Tuple) -> Tuple:
        return found[0], -shown[found], found

    return sorted(shown, key=rank)


def _collect(triples: Iterable[Tuple], prefixes: Mapping[str, str]) -> "rdflib.Graph":
    graph = _require("rdflib").Graph()
    for name, beginning in {**prefixes, "nif": NIF}.items():
        graph.bind(name, beginning, replace=True)
    for triple in triples:
        graph.add(triple)
    return graph


def _list_names(shown: Counter) -> Iterator[Tuple]:
    """Of the names that were counted with their IRIs, triples."""
    rdflib = _require("rdflib")
    for iri, names in groupby(_rank(shown), itemgetter(0)):
        properties = chain([rdflib.RDFS.label], repeat(rdflib.SKOS.altLabel))
        for property, (_, name) in zip(properties, names):
            yield rdflib.URIRef(iri), property, rdflib.Literal(name)


def _describe(edge: Edge, prefixes: Mapping[str, str], shown: Counter) -> Iterator[Tuple]:
    """What RDF says of an edge, its ends and its sentence, in triples; all but names, which
    are counted."""
    rdflib = _require("rdflib")
    iri, literal = rdflib.URIRef, rdflib.Literal
    rdf, xsd = rdflib.RDF, rdflib.XSD
    nif, relext = rdflib.Namespace(NIF), rdflib.Namespace(prefixes["relext"])
    shown[edge.relation, edge.label] += 1
    for node in (edge.head, edge.tail):
        about = iri(node.iri)
        shown[node.iri, node.name] += 1
        if node.type:
            type_ = make_iri(node.type, "type", prefixes)
            yield about, rdf.type, iri(type_)
            shown[type_, node.type] += 1
        if node.kb_id:
            yield about, rdflib.DCTERMS.identifier, literal(node.kb_id)
    triple = iri(edge.head.iri), iri(edge.relation), iri(edge.tail.iri)
    yield triple
    if edge.symmetric:
        yield triple[::-1]
        yield triple[1], rdf.type, rdflib.OWL.SymmetricProperty
    sentence = iri(make_place_iri(edge.document, edge.start, edge.end))
    yield sentence, rdf.type, nif.Sentence
    yield sentence, nif.anchorOf, literal(edge.sentence)
    yield sentence, nif.referenceContext, iri(edge.document)
    for place, offset in ((nif.beginIndex, edge.start), (nif.endIndex, edge.end)):
        yield sentence, place, literal(offset, datatype=xsd.nonNegativeInteger)
    # Named after what it says, so that graphs can be put together.
    name = sha256(" ".join((*triple, sentence)).encode("utf-8")).hexdigest()[:32]
    statement = iri(prefixes["statement"] + name)
    yield statement, rdf.type, rdf.Statement
    for role, part in zip((rdf.subject, rdf.predicate, rdf.object), triple):
        yield statement, role, part
    yield statement, relext.score, literal(edge.score, datatype=xsd.double)
    yield statement, rdflib.PROV.wasDerivedFrom, sentence


def _pair(heads: Iterable[Node], tails: Iterable[Node]) -> List[Tuple[Node, Node]]:
    """Heads with tails, and none with itself where there is another."""
    pairs = list(product(heads, tails))
    return [(head, tail) for head, tail in pairs if head.iri != tail.iri] or pairs


def _require(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f"This format of the graph needs {name}, which comes with the extra [graph]: "
            "pip install 'spacy-relext[graph]'"
        ) from error
