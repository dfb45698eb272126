"""A knowledge graph as RDF."""

from collections import Counter
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from itertools import chain, groupby, islice, repeat
from operator import itemgetter
from typing import (
    TYPE_CHECKING,
    Any,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    TextIO,
    Tuple,
)

from .edges import Edge, rank, require
from .iri import complete_prefixes, make_iri, make_place_iri

if TYPE_CHECKING:
    import rdflib

# The NLP Interchange Format, for pieces of text.
NIF = "http://persistence.uni-leipzig.org/nlp2rdf/ontologies/nif-core#"
# How many edges, or names, are a part of a graph that is written part by part.
AT_ONCE = 500


def build_rdf(
    edges: Iterable[Edge], prefixes: Optional[Mapping[str, str]] = None
) -> "rdflib.Graph":
    """The graph as RDF. An edge is a triple, and for each place that tells of it a
    statement about that triple (`rdf:Statement`) with its score, derived from the
    sentences: that is what Turtle and SPARQL can say in their present versions, while a
    question that needs no evidence does not meet it. A sentence is a `nif:Sentence` with
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


def _describe(edge: Edge, prefixes: Mapping[str, str], shown: Counter) -> Iterator[Tuple]:
    """What RDF says of an edge, its ends and its sentences, in triples; all but names,
    which are counted."""
    rdflib = require("rdflib")
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
    sentences = []
    for start, end, text in edge.sentences:
        sentences.append(iri(make_place_iri(edge.document, start, end)))
        yield sentences[-1], rdf.type, nif.Sentence
        yield sentences[-1], nif.anchorOf, literal(text)
        yield sentences[-1], nif.referenceContext, iri(edge.document)
        for place, offset in ((nif.beginIndex, start), (nif.endIndex, end)):
            yield sentences[-1], place, literal(offset, datatype=xsd.nonNegativeInteger)
    # Named after what it says, so that graphs can be put together.
    name = sha256(" ".join((*triple, *sentences)).encode("utf-8")).hexdigest()[:32]
    statement = iri(prefixes["statement"] + name)
    yield statement, rdf.type, rdf.Statement
    for role, part in zip((rdf.subject, rdf.predicate, rdf.object), triple):
        yield statement, role, part
    # Of a double Turtle shows seven digits, and one statement would have two scores. Of
    # decimals readers need not take more than 18. Turtle puts one at least.
    score = f"{round(Decimal(repr(float(edge.score))), 18).normalize():f}"
    score = score if "." in score else f"{score}.0"
    yield statement, relext.score, literal(score, datatype=xsd.decimal)
    for sentence in sentences:
        yield statement, rdflib.PROV.wasDerivedFrom, sentence


def _list_names(shown: Counter) -> Iterator[Tuple]:
    """Of the names that were counted with their IRIs, triples."""
    rdflib = require("rdflib")
    for iri, names in groupby(rank(shown), itemgetter(0)):
        roles = chain([rdflib.RDFS.label], repeat(rdflib.SKOS.altLabel))
        for role, (_, name) in zip(roles, names):
            yield rdflib.URIRef(iri), role, rdflib.Literal(name)


def _cut(items: Iterable[Any]) -> Iterator[List[Any]]:
    items = iter(items)
    while part := list(islice(items, AT_ONCE)):
        yield part


def _collect(triples: Iterable[Tuple], prefixes: Mapping[str, str]) -> "rdflib.Graph":
    graph = require("rdflib").Graph()
    graph.namespace_manager = _get_namespaces()(graph)
    for name, beginning in {**prefixes, "nif": NIF}.items():
        graph.bind(name, beginning, replace=True)
    for triple in triples:
        graph.add(triple)
    return graph


@lru_cache
def _get_namespaces() -> type:
    """The prefixes of a graph. rdflib makes one for a predicate that has none, be it of half
    an escape (`city%20/%` of `city%20/%20region`), which strict readers refuse, or of a
    predicate that ends in a dot, where it forgets to declare it."""
    namespace = require("rdflib").namespace

    class Namespaces(namespace.NamespaceManager):
        def compute_qname(self, uri: str, generate: bool = True) -> Tuple:
            if generate:
                beginning, name = namespace.split_uri(uri)
                generate = not beginning.endswith("%") and not name.endswith(".")
            return super().compute_qname(uri, generate)

    return Namespaces
