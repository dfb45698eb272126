"""Records as a knowledge graph: entities merged into nodes, and relations as edges that
tell the sentences they were found in."""

from .edges import Edge, build_network, get_edges, write_csv, write_graphml
from .iri import PREFIXES
from .rdf import build_rdf, write_rdf

__all__ = [
    "PREFIXES",
    "Edge",
    "build_network",
    "build_rdf",
    "get_edges",
    "write_csv",
    "write_graphml",
    "write_rdf",
]
