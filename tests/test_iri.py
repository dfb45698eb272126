import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spacy_relext.graph.iri import (
    PREFIXES,
    SCHEMES,
    complete_prefixes,
    make_iri,
    make_name_iri,
    make_place_iri,
)

# What RFC 3987 lets stand nowhere in an IRI.
FORBIDDEN = re.compile(r"[\x00-\x20<>\"{}|\\^`\[\]]|%(?![0-9A-Fa-f]{2})|#.*#")


@given(name=st.text(), kind=st.sampled_from(["kb", "relation", "type", "document"]))
@example(name="http://", kind="kb")
@example(name="urn:a b", kind="kb")
@example(name="http://x.y/100%[a#b#c", kind="document")
def test_whatever_the_name_an_iri_comes_of_it(name, kind):
    iri = make_iri(name, kind, PREFIXES)
    if not name.startswith(SCHEMES):
        assert iri.startswith(tuple(PREFIXES.values()))
    assert iri.startswith(SCHEMES)
    assert not FORBIDDEN.search(iri)
    assert not FORBIDDEN.search(make_place_iri(iri, 0, 9))
    assert not FORBIDDEN.search(make_name_iri(kind, name, PREFIXES))


@given(name=st.text(st.characters(categories=["L", "N"]), min_size=1))
def test_letters_of_all_scripts_are_legible(name):
    assert make_iri(name, "kb", PREFIXES) == PREFIXES["kb"] + name


@pytest.mark.parametrize("name", ["ADA LUND", " Ada\n\tLund ", "Ａｄａ Lund"])
def test_names_that_differ_in_case_width_and_spaces_are_one(name):
    iri = make_name_iri("PERSON", name, PREFIXES)
    assert iri == "https://example.org/entity/person/ada_lund"


def test_types_keep_names_apart():
    kinds = {make_name_iri(type_, "May", PREFIXES) for type_ in ("PERSON", "DATE", "")}
    assert len(kinds) == 3


@given(st.lists(st.text().filter(lambda name: ":" not in name), min_size=2, unique=True))
def test_names_that_differ_have_iris_that_differ(names):
    iris = {make_iri(name, "document", PREFIXES) for name in names}
    places = {make_place_iri(iri, *place) for iri in iris for place in ((0, 9), (0, 99))}
    assert (len(iris), len(places)) == (len(names), 2 * len(names))


@pytest.mark.parametrize(
    "name, iri",
    [
        ("http://a.org/x[1]?y=%5B%", "http://a.org/x%5B1%5D?y=%5B%25"),
        ("http://a.org/x#y#z[%", "http://a.org/x#y%23z%5B%25"),
        ("http://[::1]/x", "http://[::1]/x"),
        ("https://[::1]:80/?q=http://[::1]", "https://[::1]:80/?q=http://%5B::1%5D"),
        ("http://a.org/%c3%A4?y=1#z", "http://a.org/%c3%A4?y=1#z"),
    ],
)
def test_iris_are_escaped_where_they_are_none(name, iri):
    assert make_iri(name, "kb", PREFIXES) == iri
    assert make_iri(iri, "kb", PREFIXES) == iri


@pytest.mark.parametrize("name", ["http://", "urn:", "urn://x", "http://Note: a", "https://a@b@c"])
def test_what_begins_as_an_iri_and_is_none_is_a_name(name):
    assert make_iri(name, "kb", PREFIXES).startswith(PREFIXES["kb"])


def test_place_in_a_document_with_a_fragment():
    assert make_place_iri("http://a.org/x", 0, 9) == "http://a.org/x#char=0,9"
    assert make_place_iri("http://a.org/x#y", 0, 9) == "http://a.org/x#y&char=0,9"


def test_iris_and_names_with_a_prefix_are_left_as_they_are():
    prefixes = complete_prefixes({"dbr": "http://dbpedia.org/resource/"})
    assert make_iri("dbr:Graz", "kb", prefixes) == "http://dbpedia.org/resource/Graz"
    assert make_iri("http://a.org/x?y=1#z", "kb", prefixes) == "http://a.org/x?y=1#z"
    # The name of no prefix, so a part of the id.
    assert make_iri("dbp:Graz", "kb", prefixes) == PREFIXES["kb"] + "dbp:Graz"
