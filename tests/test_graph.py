import csv
import io
from pathlib import Path

import pytest

from spacy_relext.graph import build_network, get_edges, write_csv, write_graphml
from spacy_relext.graph.rdf import NIF, build_rdf, write_rdf

TEXT = "Ada Lund met Bo. ada  LUND runs Acme & Sons."


def entity(id, text, label="PERSON", kb_id="", start=0):
    return dict(
        id=id, start=start, end=start + len(text), text=text, label=label, kb_id=kb_id
    )


def relation(head, tail, label="MET", score=0.9, symmetric=False, start=0, end=16):
    sentence = {"start": start, "end": end}
    return dict(
        head=head,
        tail=tail,
        label=label,
        score=score,
        symmetric=symmetric,
        sentence=sentence,
        head_mentions=[head],
        tail_mentions=[tail],
        evidence=[],
    )


def record(entities, relations, id="doc 1", text=TEXT):
    return dict(id=id, source=id, text=text, entities=entities, relations=relations)


@pytest.fixture
def records():
    ada, bo = entity(0, "Ada Lund"), entity(1, "Bo")
    again, company = entity(2, "ada  LUND"), entity(3, "Acme & Sons", "ORG")
    runs = relation(2, 3, "RUNS", 0.6, start=17, end=44)
    return [record([ada, bo, again, company], [relation(0, 1), runs])]


def test_names_are_merged(records):
    met, runs = get_edges(records)
    assert met.head.iri == runs.head.iri == "https://example.org/entity/person/ada_lund"
    assert runs.tail.iri == "https://example.org/entity/org/acme_&_sons"
    assert met.sentences == ((0, 16, TEXT[:16]),)
    assert runs.sentences == ((17, 44, TEXT[17:]),)
    assert met.document == "https://example.org/document/doc%201"


def test_an_entity_with_many_mentions_is_one_node():
    """That of its longest name, or of its id where one of them is linked."""
    mentions = [entity(0, "Ada Lund"), entity(1, "Lund", start=30), entity(2, "Bo", start=13)]
    told = {**relation(1, 2), "head_mentions": [0, 1], "tail_mentions": [2]}
    [edge] = get_edges([record(mentions, [told])])
    assert edge.head.iri == "https://example.org/entity/person/ada_lund"
    mentions[1]["kb_id"] = "Q1"
    [edge] = get_edges([record(mentions, [told])])
    assert edge.head.iri == "http://www.wikidata.org/entity/Q1"


def test_a_mention_of_both_entities_names_neither():
    mentions = [
        entity(0, "Ada Lund", kb_id="Q1|Q2"),
        entity(1, "Lund", kb_id="Q1"),
        entity(2, "Bo", kb_id="Q2"),
    ]
    told = {**relation(1, 2), "head_mentions": [0, 1], "tail_mentions": [0, 2]}
    [edge] = get_edges([record(mentions, [told])])
    assert edge.head.iri.endswith("/Q1") and edge.tail.iri.endswith("/Q2")


def find_ends(kb_ids, ends, separator="|"):
    """The ids of heads and tails in a doc of mentions with ids, several joined by "|". An
    end is given as the numbers of the mentions of an entity."""
    mentions = [entity(i, f"called {kb_id}", "X", kb_id) for i, kb_id in enumerate(kb_ids)]
    told = [
        {**relation(head[0], tail[0], str(i)), "head_mentions": head, "tail_mentions": tail}
        for i, (head, tail) in enumerate(ends)
    ]
    edges = get_edges([record(mentions, told)], separator=separator)
    return [(edge.head.kb_id, edge.tail.kb_id) for edge in edges]


@pytest.mark.parametrize("separator", ["|", None])
def test_entities_with_a_mention_in_common_are_two_nodes(separator):
    kb_ids = ["A", "B", "A|B", "A|B", "Z"]
    ends = [([0, 2, 3], [4]), ([1, 2, 3], [4])]
    assert find_ends(kb_ids, ends, separator) == [("A", "Z"), ("B", "Z")]


@pytest.mark.parametrize(
    "kb_ids, expected",
    [
        (["A", "A|B"], ["A"]),
        (["B|A", "C|A", "D"], ["A"]),
        (["B", "A", "A"], ["A"]),
        (["A|B", "A|B|C"], ["A", "B"]),
        (["A|B"], ["A", "B"]),
        # The longest mention, of those of one id.
        (["A", "BB", "A|BB"], ["BB"]),
        (["", "A|A"], ["A"]),
        ([" A | NIL "], ["A"]),
        (["", "NIL"], [""]),
    ],
)
def test_the_ids_of_an_entity(kb_ids, expected):
    """What its mentions have in common; each where that can't be told."""
    head = list(range(len(kb_ids)))
    found = find_ends([*kb_ids, "Z"], [(head, [len(kb_ids)])])
    assert found == [(id_, "Z") for id_ in expected]


def test_an_id_that_has_a_mention_elsewhere_is_another_entity():
    """Also where no relation is told of that."""
    assert find_ends(["A|B", "B", "Z"], [([0], [2])]) == [("A", "Z")]


def test_a_mention_without_an_id_does_not_say_that_there_is_none():
    ends = [([0, 1], [3]), ([1, 2], [3])]
    assert find_ends(["", "A", "B", "Z"], ends) == [("A", "Z"), ("B", "Z")]


def test_an_entity_is_not_its_own_other_end():
    assert find_ends(["A|B", "A|B"], [([0], [1])]) == [("A", "B"), ("B", "A")]
    assert find_ends(["A", "A"], [([0], [1])]) == [("A", "A")]


def test_two_entities_of_one_mention_are_two_nodes():
    mentions = [entity(0, "Ada", kb_id="A"), entity(1, "Ada", kb_id="B"), entity(2, "Bo")]
    edges = get_edges([record(mentions, [relation(0, 2), relation(1, 2, score=0.8)])])
    assert [(edge.head.kb_id, edge.score) for edge in edges] == [("A", 0.9), ("B", 0.8)]


def test_a_part_of_the_mentions_is_no_other_entity():
    """As where a relation is given for a mention alone."""
    mentions = [entity(0, "Ada Lund"), entity(1, "Lund"), entity(2, "Bo")]
    whole = {**relation(0, 2), "head_mentions": [0, 1], "tail_mentions": [2]}
    edges = get_edges([record(mentions, [whole, relation(0, 2, "HIRED")])])
    assert [edge.head.name for edge in edges] == ["Ada Lund"] * 2


def test_an_empty_separator_is_named():
    with pytest.raises(ValueError, match="separator must not be empty"):
        list(get_edges([], separator=""))


def test_same_name_of_two_types():
    made = [entity(0, "Paris"), entity(1, "Paris", "PLACE")]
    [edge] = get_edges([record(made, [relation(0, 1, "BORN_IN")])])
    assert edge.head.iri != edge.tail.iri


def test_ids_go_before_names():
    """Two people of one name, and one with two."""
    linked = [entity(0, "Ada Lund", kb_id="Q1"), entity(1, "Ada Lund", kb_id="Q2")]
    linked += [entity(2, "Lund", kb_id="Q1"), entity(3, "Ada Lund", kb_id="NIL")]
    made = [relation(0, 1), relation(2, 1, "KNOWS"), relation(3, 1, "HIRED")]
    first, second, third = get_edges([record(linked, made)])
    assert first.head.iri == second.head.iri == "http://www.wikidata.org/entity/Q1"
    assert first.tail.iri == "http://www.wikidata.org/entity/Q2"
    assert third.head.iri == "https://example.org/entity/person/ada_lund"


def test_prefixes():
    made = [entity(0, "Graz", "dbo:City", "dbr:Graz"), entity(1, "Styria", kb_id="Q41358")]
    made[1]["kb_id"] = "http://dbpedia.org/resource/Styria"
    prefixes = {"dbr": "http://dbpedia.org/resource/", "relation": "urn:x:"}
    [edge] = get_edges([record(made, [relation(0, 1, "IN")])], prefixes=prefixes)
    assert edge.head.iri == "http://dbpedia.org/resource/Graz"
    assert edge.tail.iri == "http://dbpedia.org/resource/Styria"
    assert edge.relation == "urn:x:IN"
    with pytest.raises(ValueError, match="prefix 'kb' must be an IRI.*'wikidata'"):
        list(get_edges([], prefixes={"kb": "wikidata"}))


def test_the_better_of_two():
    """Of mentions that are merged, in one sentence."""
    made = [entity(0, "Ada"), entity(1, "Bo"), entity(2, "ADA")]
    found = get_edges(
        [record(made, [relation(2, 1, score=0.4), relation(0, 1, score=0.8)])]
    )
    assert [edge.score for edge in found] == [0.8]


def test_low_scores(records):
    assert [edge.label for edge in get_edges(records, min_score=0.7)] == ["MET"]


def test_symmetric():
    made = [entity(0, "Bo"), entity(1, "Ada")]
    both = [relation(0, 1, symmetric=True), relation(1, 0, symmetric=True, score=0.5)]
    [edge] = get_edges([record(made, both)])
    assert (edge.head.name, edge.tail.name) == ("Ada", "Bo")
    rdflib = pytest.importorskip("rdflib")
    rdf = build_rdf([edge])
    ends = [rdflib.URIRef(node.iri) for node in (edge.head, edge.tail)]
    label = rdflib.URIRef(edge.relation)
    assert (ends[0], label, ends[1]) in rdf and (ends[1], label, ends[0]) in rdf


def test_the_question_of_the_readme(records):
    """As it is printed, also of a graph that has nothing to answer it with."""
    rdflib = pytest.importorskip("rdflib")
    readme = Path(__file__).parents[1] / "README.md"
    question = readme.read_text(encoding="utf8").split('graph.query("""')[1].split('"""')[0]
    for relation in records[0]["relations"]:
        relation["label"] = "FOUNDED" if relation["label"] == "RUNS" else "MET"
    for found, answer in (
        (records, [("Ada Lund", "Acme & Sons", "0.6", TEXT[17:])]),
        ([], []),
    ):
        file = io.StringIO()
        write_rdf(get_edges(found), file)
        rows = rdflib.Graph().parse(data=file.getvalue(), format="turtle").query(question)
        assert [tuple(map(str, row)) for row in rows] == answer


@pytest.mark.parametrize(
    "names, expected",
    [
        (["Lund", "Ada Lund", "Lund"], ["Lund", "Ada Lund"]),
        (["Lund", "Ada Lund", "Ada"], ["Ada", "Ada Lund", "Lund"]),
        (["Lund", "A", "Lund", "A", "B"], ["A", "B", "Lund"]),
    ],
)
def test_one_name_of_a_node_comes_first(names, expected):
    """The commonest, and of these the first by the alphabet, in RDF as in GraphML."""
    rdflib, _ = pytest.importorskip("rdflib"), pytest.importorskip("networkx")
    made = [
        record([entity(0, name, kb_id="Q1"), entity(1, "Bo")], [relation(0, 1)], f"doc {i}")
        for i, name in enumerate(names)
    ]
    rdf, node = build_rdf(get_edges(made)), "http://www.wikidata.org/entity/Q1"
    about = rdflib.URIRef(node)
    assert [str(name) for name in rdf.objects(about, rdflib.RDFS.label)] == expected[:1]
    others = sorted(map(str, rdf.objects(about, rdflib.SKOS.altLabel)))
    assert others == expected[1:]
    assert build_network(get_edges(made)).nodes[node]["name"] == expected[0]


def test_name_and_type_of_a_node_are_the_commonest_each(tmp_path):
    """And not those of the commonest of the mentions that have both in common."""
    pytest.importorskip("networkx")
    shown = [("Ada", "PER")] * 3 + [("Ada", "POET")] * 3 + [("Countess", "PER")] * 4
    made = [
        record([entity(0, *node, kb_id="Q1"), entity(1, "Bo")], [relation(0, 1)], f"doc {i}")
        for i, node in enumerate(shown)
    ]
    node = build_network(get_edges(made)).nodes["http://www.wikidata.org/entity/Q1"]
    assert node == {"name": "Ada", "type": "PER", "kb_id": "Q1"}


@pytest.mark.parametrize(
    "name", ['say "hi"\n<b>', "a\x00b", "\\", "北京", "💡", "ta'u|{}^`"]
)
def test_odd_names(name, tmp_path):
    rdflib = pytest.importorskip("rdflib")
    made = [entity(0, name, kb_id=name), entity(1, name, name)]
    edges = list(get_edges([record(made, [relation(0, 1, name)], id=name)]))
    path = tmp_path / "graph.ttl"
    rdf = build_rdf(edges)
    rdf.serialize(path, format="turtle", encoding="utf-8")
    assert len(rdflib.Graph().parse(path)) == len(rdf)


@pytest.mark.parametrize("label", ["city / region", "says: yes", "%", "http://a.org/b."])
def test_no_prefix_ends_within_an_escape(label):
    """Strict readers refuse all of such a file, and rdflib does not."""
    rdflib = pytest.importorskip("rdflib")
    ends = [entity(0, "Ada", kb_id="http://a.org/c"), entity(1, "Bo", label)]
    file = io.StringIO()
    write_rdf(get_edges([record(ends, [relation(0, 1, label)])]), file)
    rows = [row for row in file.getvalue().splitlines() if row.startswith("@prefix")]
    assert rows and not [row for row in rows if row.endswith("%> .")]
    rdflib.Graph().parse(data=file.getvalue(), format="turtle")


@pytest.mark.parametrize("score", [0.9999999962, 1.2345678e-9, 0.0007769999210722744, 1, 0])
def test_scores_are_the_same_in_all_formats(score):
    rdflib = pytest.importorskip("rdflib")
    edges = list(get_edges([record([entity(0, "A"), entity(1, "B")], [relation(0, 1)])]))
    edges = [edge._replace(score=score) for edge in edges]
    found = []
    for format in ("turtle", "nt"):
        file = io.StringIO()
        write_rdf(edges, file, format)
        graph = rdflib.Graph().parse(data=file.getvalue(), format=format)
        predicate = rdflib.URIRef("https://example.org/relext/score")
        found.append(*graph.objects(predicate=predicate))
    assert found[0] == found[1] and float(found[0]) == pytest.approx(score, abs=1e-18)
    assert len(str(found[0]).partition(".")[2]) <= 18


SAID = """
@prefix d: <https://example.org/document/> .
@prefix e: <https://example.org/entity/> .
@prefix wd: <http://www.wikidata.org/entity/> .
@prefix t: <https://example.org/type/> .
@prefix r: <https://example.org/relation/> .
@prefix x: <https://example.org/relext/> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix dcterms: <http://purl.org/dc/terms/> .
@prefix nif: <http://persistence.uni-leipzig.org/nlp2rdf/ontologies/nif-core#> .
@prefix prov: <http://www.w3.org/ns/prov#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .

e:ada r:MET wd:Q1 . wd:Q1 r:MET e:ada .
e:ada rdfs:label "Ada" .
wd:Q1 rdfs:label "Bo"; a t:PERSON; dcterms:identifier "Q1" .
t:PERSON rdfs:label "PERSON" .
r:MET rdfs:label "MET"; a owl:SymmetricProperty .
<PLACE> a nif:Sentence; nif:anchorOf "Ada Lund met Bo."; nif:referenceContext d:1;
    nif:beginIndex "0"^^xsd:nonNegativeInteger; nif:endIndex "16"^^xsd:nonNegativeInteger .
<STATEMENT> a rdf:Statement; rdf:subject wd:Q1; rdf:predicate r:MET; rdf:object e:ada;
    x:score "0.9"^^xsd:decimal; prov:wasDerivedFrom <PLACE> .
"""


def test_all_that_rdf_says():
    """And nothing else: what a type, an id or symmetry adds, where there is one."""
    rdflib = pytest.importorskip("rdflib")
    made = [entity(0, "Ada", ""), entity(1, "Bo", kb_id="Q1")]
    [edge] = get_edges([record(made, [relation(0, 1, symmetric=True)], id="1")])
    rdf = build_rdf([edge])
    [place] = rdf.subjects(rdflib.RDF.type, rdflib.Namespace(NIF).Sentence)
    [statement] = rdf.subjects(rdflib.RDF.type, rdflib.RDF.Statement)
    said = SAID.replace("<PLACE>", place.n3()).replace("<STATEMENT>", statement.n3())
    assert set(rdf) == set(rdflib.Graph().parse(data=said, format="turtle"))


@pytest.mark.parametrize("format", ["turtle", "nt"])
def test_rdf_in_parts(records, format, monkeypatch):
    """Many documents make one graph, and are never held all at once."""
    rdflib = pytest.importorskip("rdflib")
    monkeypatch.setattr("spacy_relext.graph.rdf.AT_ONCE", 3)
    many = [{**records[0], "id": f"http://a.org/{i}#b"} for i in range(8)]
    file = io.StringIO()
    written = []

    def watch(edges):
        for edge in edges:
            written.append(len(file.getvalue()))
            yield edge

    assert write_rdf(watch(get_edges(many)), file, format) == 16
    assert len(set(written)) == 6
    found = rdflib.Graph().parse(data=file.getvalue(), format=format)
    assert set(found) == set(build_rdf(get_edges(many)))


def test_network(records, tmp_path):
    networkx = pytest.importorskip("networkx")
    network = build_network(get_edges([*records, {**records[0], "id": "doc 2"}]))
    path = tmp_path / "graph.graphml"
    write_graphml(network, path)
    read = networkx.read_graphml(path)
    assert read.number_of_nodes() == 3
    ada = "https://example.org/entity/person/ada_lund"
    assert read.nodes[ada]["type"] == "PERSON"
    # Each document tells of it.
    found = read.get_edge_data(ada, "https://example.org/entity/person/bo")
    assert [fields["score"] for fields in found.values()] == [0.9, 0.9]
    assert found[0]["sentence"] == TEXT[:16]


def test_csv(records):
    records[0]["entities"][1]["kb_id"] = "Q1"
    file = io.StringIO()
    assert write_csv(get_edges(records), file) == 2
    met, runs = csv.DictReader(io.StringIO(file.getvalue()))
    assert (met["head_name"], met["label"], met["tail_name"]) == ("Ada Lund", "MET", "Bo")
    assert (met["head_kb_id"], met["tail_kb_id"]) == ("", "Q1")
    assert (met["head_type"], runs["tail_type"]) == ("PERSON", "ORG")
    assert met["tail"] == "http://www.wikidata.org/entity/Q1"
    assert (runs["score"], runs["sentence"]) == ("0.6", TEXT[17:])


def test_evidence(records, tmp_path):
    """In place of all that stands between, and whatever order it is in."""
    rdflib, _ = pytest.importorskip("rdflib"), pytest.importorskip("networkx")
    text = f"{TEXT} They met twice. Who? They."
    bounds = [(44, 61), (0, 16), (44, 61), (49, 55)]
    evidence = [dict(start=start, end=end) for start, end in bounds]
    told = {**records[0]["relations"][0], "evidence": evidence}
    made = [{**records[0], "text": text, "relations": [told]}]
    [edge] = get_edges(made)
    # One within another ends before it.
    texts = [text[:16], text[44:61], text[49:55]]
    assert [sentence.text for sentence in edge.sentences] == texts
    rdf = build_rdf([edge])
    [statement] = rdf.subjects(rdflib.RDF.type, rdflib.RDF.Statement)
    path = rdflib.PROV.wasDerivedFrom / rdflib.Namespace(NIF).anchorOf
    assert sorted(map(str, rdf.objects(statement, path))) == sorted(texts)
    file = io.StringIO()
    write_csv([edge], file)
    [row] = csv.DictReader(io.StringIO(file.getvalue()))
    [(*_, fields)] = build_network([edge]).edges(data=True)
    for found in (row, fields):
        place = [str(found[name]) for name in ("start", "end", "sentence")]
        assert place == ["0", "61", " … ".join(texts)]


@pytest.mark.parametrize(
    "build, package", [(build_rdf, "rdflib"), (build_network, "networkx")]
)
def test_without_the_extra(build, package, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(ImportError, match=f"{package}.*spacy-relext\\[graph\\]"):
        build([])
