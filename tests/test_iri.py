import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spacy_relext.iri import PREFIXES, SCHEMES, complete_prefixes, make_iri, make_name_iri

# What RFC 3987 lets stand nowhere in an IRI.
FORBIDDEN = re.compile(r"[\x00-\x20<>\"{}|\\^`]")


@given(name=st.text(), kind=st.sampled_from(["kb", "relation", "type", "document"]))
@example(name="http://", kind="kb")
@example(name="urn:a b", kind="kb")
def test_whatever_the_name_an_iri_comes_of_it(name, kind):
    iri = make_iri(name, kind, PREFIXES)
    if name not in SCHEMES and name.startswith(SCHEMES):
        assert iri.startswith(SCHEMES)
    else:
        assert iri.startswith(tuple(PREFIXES.values()))
    assert not FORBIDDEN.search(iri)
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


def test_iris_and_names_with_a_prefix_are_left_as_they_are():
    prefixes = complete_prefixes({"dbr": "http://dbpedia.org/resource/"})
    assert make_iri("dbr:Graz", "kb", prefixes) == "http://dbpedia.org/resource/Graz"
    assert make_iri("http://a.org/x?y=1#z", "kb", prefixes) == "http://a.org/x?y=1#z"
    # The name of no prefix, so a part of the id.
    assert make_iri("dbp:Graz", "kb", prefixes) == PREFIXES["kb"] + "dbp:Graz"
