"""python -m spacy relext graph"""

from collections import Counter
from enum import Enum
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Mapping, Optional, Sequence

import typer
from wasabi import msg

from ..graph import (
    PREFIXES,
    build_network,
    get_edges,
    write_csv,
    write_graphml,
    write_rdf,
)
from ..records import Record, load_records
from . import relext
from .files import check_apart, check_file, replace_whole, warn_of_failed


class Format(str, Enum):
    """How the graph is written: as RDF in Turtle or N-Triples, for graph tools, or as a
    table."""

    ttl = "ttl"
    nt = "nt"
    graphml = "graphml"
    csv = "csv"


# What rdflib calls its formats.
RDF_NAMES = {"ttl": "turtle", "nt": "nt"}


@relext.command("graph")
def graph_cli(
    # fmt: off
    inputs: List[Path] = typer.Argument(..., help="Output of `spacy relext extract`", exists=True, dir_okay=False),
    format: Format = typer.Option(Format.ttl, "--format", "-f", help="ttl or nt (RDF, need rdflib), graphml (needs networkx) or csv"),
    output: Optional[Path] = typer.Option(None, "--output", "-o", help="Output file; by default the first input's name with the format as its end", dir_okay=False),
    prefix: List[str] = typer.Option([], "--prefix", "-p", help=f"NAME=IRI, once or more: what IRIs begin with. Names that have a default: {', '.join(PREFIXES)}"),
    min_score: float = typer.Option(0.0, "--min-score", "-s", help="Leave relations with a lower score out", min=0.0, max=1.0),
    separator: Optional[str] = typer.Option(None, "--separator", "-S", help="What stands between the ids of a mention of several entities, such as |"),
    # fmt: on
) -> None:
    """Build a knowledge graph from extracted relations.

    Entities are one node where they have the same kb_id, or without one the same type and
    name. Every edge keeps its score, its document and its sentence.
    """
    output = output or inputs[0].with_suffix(f".{format.value}")
    try:
        prefixes = _parse_prefixes(prefix)
        found = graph(
            inputs,
            output,
            format=format.value,
            prefixes=prefixes,
            min_score=min_score,
            separator=separator,
        )
    except (ImportError, ValueError, OSError) as error:
        msg.fail("No graph built", str(error), exits=1)
    msg.good(f"Graph in {output}: {found}")


def graph(
    inputs: Sequence[Path],
    output: Path,
    *,
    format: str = "ttl",
    prefixes: Optional[Mapping[str, str]] = None,
    min_score: float = 0.0,
    separator: Optional[str] = None,
) -> str:
    """Build a knowledge graph from extracted relations, see `spacy_relext.graph`.

    inputs (Sequence[Path]): What `spacy relext extract` wrote.
    output (Path): The file of the graph.
    format (str): `ttl`, `nt`, `graphml` or `csv`.
    prefixes (Optional[Mapping[str, str]]): What IRIs begin with, by name.
    min_score (float): Relations with a lower score are left out.
    separator (Optional[str]): What stands between the ids of a mention of several
        entities. None where that does not occur.
    RETURNS (str): How large it is.
    RAISES (ValueError): On a line that is no record, a prefix that is no IRI, an empty
        separator, an input that is no file, or an output that is an input. Nothing is
        written then.
    RAISES (ImportError): Where the format needs a package that is not there.
    """
    check_apart(inputs, output)
    failed: Counter = Counter()
    records = _watch_ids(_load_documents(inputs, failed))
    edges = get_edges(
        records, prefixes=prefixes, min_score=min_score, separator=separator
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    if Format(format) is Format.graphml:
        network = build_network(edges)
        with replace_whole(output) as part:
            write_graphml(network, part)
        found = f"{network.number_of_nodes()} nodes and {network.number_of_edges()} edges"
    else:
        with replace_whole(output) as part:
            with part.open("w", encoding="utf-8", newline="") as file:
                if Format(format) is Format.csv:
                    n_edges = write_csv(edges, file)
                else:
                    n_edges = write_rdf(edges, file, RDF_NAMES[format], prefixes)
        found = f"{n_edges} edges"
    warn_of_failed(failed)
    return found


def _load_documents(inputs: Sequence[Path], failed: Counter) -> Iterator[Record]:
    """The records, those of one id after each other. None is held in memory whose id no
    other has, so what is read has to be there twice."""
    for path in inputs:
        check_file(path)
    counts = Counter(x["id"] for x in chain.from_iterable(map(load_records, inputs)))
    held: List[Record] = []
    for record in chain.from_iterable(load_records(path, failed) for path in inputs):
        if counts[record["id"]] > 1:
            held.append(record)
        else:
            yield record
    yield from sorted(held, key=itemgetter("id"))


def _watch_ids(records: Iterable[Record]) -> Iterator[Record]:
    """Warn in the end of documents that are there twice, and where the graph has one for
    texts that differ."""
    texts: Dict[str, int] = {}
    again, shared = set(), set()
    for record in records:
        id_, text = record["id"], hash(record["text"])
        if id_ in texts:
            (again if texts[id_] == text else shared).add(id_)
        texts.setdefault(id_, text)
        yield record
    if again:
        msg.warn(
            f"Documents that come more than once: {len(again)}, such as {min(again)!r}",
            "Each of their relations is one edge, with the best of its scores.",
        )
    if shared:
        msg.warn(
            f"Ids that name more than one text: {len(shared)}, such as {min(shared)!r}",
            "Such texts are one document of the graph, so that what is told in one of them "
            "seems to be told in the others.",
        )


def _parse_prefixes(given: Iterable[str]) -> Dict[str, str]:
    prefixes = {}
    for option in given:
        name, equals, iri = option.partition("=")
        if not name or not equals:
            raise ValueError(f"--prefix must be NAME=IRI, found: {option!r}")
        prefixes[name] = iri
    return prefixes
