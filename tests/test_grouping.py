import pickle

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span
from spacy.util import registry

from spacy_relext import Relation
from spacy_relext.grouping import get_entity_relations, group_entities

VOCAB = spacy.blank("en").vocab
WORDS = "Ada Lovelace met Babbage . She liked Mr Babbage , as Ada said .".split()
KB, ID, TEXT, CLUSTER = (f"group_by_{x}" for x in ("kb_id", "ent_id", "text", "cluster"))


def make_doc(*bounds):
    """bounds: start, end, label and ids."""
    doc = Doc(VOCAB, words=WORDS)
    doc.ents = [Span(doc, *bound[:3], **bound[3]) for bound in bounds]
    return doc


def named(doc, **ids):
    """Ada Lovelace, Babbage, Babbage, Ada."""
    places = [(0, 2, "P"), (3, 4, "P"), (8, 9, "P"), (11, 12, "P")]
    by_name = {(0, 2): ids, (11, 12): ids}
    return make_doc(*(place + (by_name.get(place[:2], {}),) for place in places))


def group(name, doc, **options):
    grouping = registry.misc.get(f"spacy-relext.{name}.v1")(**options)
    grouping = pickle.loads(pickle.dumps(grouping))
    return [[span.text for span in entity] for entity in group_entities(doc, grouping)]


APART = [["Ada Lovelace"], ["Babbage"], ["Babbage"], ["Ada"]]
ADA = [["Ada Lovelace", "Ada"], ["Babbage"], ["Babbage"]]


def test_without_a_grouping_each_mention_is_an_entity():
    assert [span.text for span in group_entities(named(None), None)] == [x for x, in APART]


def test_mentions_without_an_id_stay_apart():
    assert group(KB, named(None)) == group(ID, named(None)) == APART


def test_ids_group_mentions_also_after_a_doc_bin():
    doc = named(None, kb_id="Q7259", span_id="ada")
    again, = DocBin(docs=[doc]).get_docs(VOCAB)
    for doc in (doc, again):
        assert group(KB, doc) == group(ID, doc) == ADA


def test_a_mention_of_two_ids_is_one_of_both():
    doc = make_doc(
        (0, 2, "P", {"kb_id": "A"}), (3, 4, "P", {"kb_id": "A|B"}), (8, 9, "P", {"kb_id": "B"})
    )
    assert group(KB, doc, separator="|") == [["Ada Lovelace", "Babbage"], ["Babbage", "Babbage"]]
    assert group(KB, doc) == [["Ada Lovelace"], ["Babbage"], ["Babbage"]]


def test_what_no_id_is_links_nobody():
    """Nor what spaCy's entity_linker writes where it knows none."""
    doc = make_doc(
        (0, 2, "P", {"kb_id": "NIL"}), (3, 4, "P", {"kb_id": "A|"}),
        (8, 9, "P", {"kb_id": "A|A"}), (11, 12, "P", {"kb_id": "NIL"}),
    )  # fmt: skip
    together = ["Babbage", "Babbage"]
    assert group(KB, doc, separator="|") == [["Ada Lovelace"], together, ["Ada"]]


def test_a_mention_that_is_there_once_for_each_of_its_ids_is_one_of_both():
    doc = make_doc()
    doc.spans["sc"] = [
        Span(doc, start, start + 1, "P", kb_id=kb_id)
        for start, kb_id in ((0, "A"), (3, "A"), (3, "B"), (8, "B"))
    ]
    by_kb_id = registry.misc.get("spacy-relext.group_by_kb_id.v1")()
    found = group_entities(doc, by_kb_id, "sc")
    assert [[s.start for s in entity] for entity in found] == [[0, 3], [3, 8]]
    assert [span.start for span in group_entities(doc, None, "sc")] == [0, 3, 8]


def test_names_group_mentions_of_one_type():
    assert group(TEXT, named(None)) == [["Ada Lovelace"], ["Babbage", "Babbage"], ["Ada"]]
    doc = make_doc((3, 4, "P", {}), (8, 9, "ORG", {}))
    assert group(TEXT, doc) == [["Babbage"], ["Babbage"]]


def test_case_of_names():
    doc = Doc(VOCAB, words=["BP", "and", "bp"])
    doc.ents = [Span(doc, 0, 1, "ORG"), Span(doc, 2, 3, "ORG")]
    assert group(TEXT, doc) == [["BP"], ["bp"]]
    assert group(TEXT, doc, ignore_case=True) == [["BP", "bp"]]


def test_clusters_bring_their_other_spans():
    doc = named(None, kb_id="Q7259")
    doc.spans["coref_clusters_1"] = [doc[0:2], doc[5:6], doc[11:12]]
    # Contains a mention without being one, and has none: no entity.
    doc.spans["coref_clusters_2"] = [doc[7:9]]
    doc.spans["other"] = [doc[3:4], doc[8:9]]
    assert group(CLUSTER, doc) == [["Ada Lovelace", "She", "Ada"], ["Babbage"], ["Babbage"]]
    assert group(CLUSTER, doc, only_entities=True) == ADA
    she = group_entities(doc, registry.misc.get("spacy-relext.group_by_cluster.v1")())[0][1]
    assert (she.label_, she.kb_id_) == ("P", "Q7259")


def test_a_mention_may_be_in_two_clusters():
    doc = named(None)
    doc.spans["coref_clusters_1"] = [doc[0:2], doc[11:12]]
    doc.spans["coref_clusters_2"] = [doc[3:4], doc[11:12]]
    found = group(CLUSTER, doc)
    assert found == [["Ada Lovelace", "Ada"], ["Babbage", "Ada"], ["Babbage"]]


def test_groups_without_a_mention_are_no_entities():
    doc = named(None)
    assert group_entities(doc, lambda doc, mentions: [[], mentions[:1]]) == [[doc.ents[0]]]


@pytest.mark.parametrize("wrong", [["Ada"], [Doc(VOCAB, words=["Ada"])[:]]])
def test_anything_but_spans_of_the_doc_is_named(wrong):
    with pytest.raises(ValueError, match="lists of spans .* found: .*Ada"):
        group_entities(named(None), lambda doc, mentions: [wrong])


@pytest.mark.parametrize("wrong", [None, [None], 1.5])
def test_anything_but_lists_is_named(wrong):
    """As of a function that forgets to return."""
    with pytest.raises(ValueError, match="lists of spans .* found: (None|1.5)"):
        group_entities(named(None), lambda doc, mentions: wrong)


def test_an_error_in_a_grouping_is_its_own():
    def fail(doc, mentions):
        yield mentions[:1]
        yield mentions + None

    with pytest.raises(TypeError):
        group_entities(named(None), fail)


def test_an_empty_separator_is_named():
    with pytest.raises(ValueError, match="separator must not be empty"):
        registry.misc.get("spacy-relext.group_by_kb_id.v1")(separator="")


def test_a_relation_of_a_mention_is_one_of_its_entity():
    doc = named(None, kb_id="Q7259")
    grouping = registry.misc.get("spacy-relext.group_by_kb_id.v1")()
    ada, babbage, _, _ = doc.ents
    doc._.relations = [Relation(ada, babbage, "MET")]
    (found,) = get_entity_relations(doc, grouping)
    assert [span.text for span in found.head_mentions] == ["Ada Lovelace", "Ada"]
    assert found.tail_mentions == (babbage,)
    # What is annotated is not added to.
    doc._.relations = [Relation(ada, babbage, "MET", 1.0, (ada, doc[5:6]))]
    (found,) = get_entity_relations(doc, grouping)
    assert [span.text for span in found.head_mentions] == ["Ada Lovelace", "She"]


def test_a_relation_of_a_span_is_one_of_the_entity_on_its_tokens():
    doc = named(None, kb_id="Q7259")
    grouping = registry.misc.get("spacy-relext.group_by_kb_id.v1")()
    ada, babbage, _, again = doc.ents
    other, lines = Span(doc, 0, 2, "AUTHOR"), Span(doc, 3, 4, "MAN")
    doc.spans["others"] = [other, lines]
    doc._.relations = [Relation(other, lines, "MET")]
    (found,) = get_entity_relations(doc, grouping)
    assert found.head_mentions == (ada, again) and found.tail_mentions == (babbage,)
    (found,) = get_entity_relations(doc, None)
    assert found.head_mentions == (ada,) and found.tail == babbage


def test_a_relation_of_a_mention_is_one_of_the_entity_that_it_is_linked_to():
    """Though that of the other has no other mention."""
    doc = make_doc()
    ada, one, other, again = doc.spans["sc"] = [
        Span(doc, start, start + 1, "P", kb_id=kb_id)
        for start, kb_id in ((0, "A"), (3, "B"), (3, "C"), (8, "C"))
    ]
    grouping = registry.misc.get("spacy-relext.group_by_kb_id.v1")()
    for tail, mentions in ((one, (one,)), (other, (other, again))):
        doc._.relations = [Relation(ada, tail, "MET")]
        (found,) = get_entity_relations(doc, grouping, "sc")
        assert tuple(found.tail_mentions) == mentions
    # Also where that is the other end.
    doc._.relations = [Relation(other, again, "MET")]
    (found,) = get_entity_relations(doc, grouping, "sc")
    assert found.head_mentions == found.tail_mentions == (other, again)


def test_a_mention_of_both_entities_is_of_the_one_that_the_other_end_is_not():
    doc = make_doc(
        *((start, start + 1, "P", {"kb_id": kb_id})
        for start, kb_id in ((0, "A"), (3, "A|B"), (5, "A"), (8, "B")))
    )  # fmt: skip
    grouping = registry.misc.get("spacy-relext.group_by_kb_id.v1")(separator="|")
    first, both, _, other = doc.ents
    for head, tail, heads, tails in (
        (first, both, [0, 3, 5], [3, 8]),
        (both, first, [3, 8], [0, 3, 5]),
        (both, other, [0, 3, 5], [3, 8]),
    ):
        doc._.relations = [Relation(head, tail, "MET")]
        (found,) = get_entity_relations(doc, grouping)
        assert [span.start for span in found.head_mentions] == heads
        assert [span.start for span in found.tail_mentions] == tails


@settings(max_examples=60)
@given(ids=st.lists(st.sampled_from(["", "A", "B", "C"]), max_size=8))
def test_no_mention_is_lost_or_doubled(ids):
    doc = Doc(VOCAB, words=["x"] * len(ids))
    doc.ents = [Span(doc, i, i + 1, "P", kb_id=id_) for i, id_ in enumerate(ids)]
    for name in (KB, ID, TEXT, CLUSTER):
        grouping = registry.misc.get(f"spacy-relext.{name}.v1")()
        entities = group_entities(doc, grouping)
        assert sorted(span.start for entity in entities for span in entity) == list(
            range(len(ids))
        )
        firsts = [entity[0].start for entity in entities]
        assert firsts == sorted(firsts)


def test_clusters_that_retokenisation_leaves_elsewhere():
    """spaCy moves no spans of a group."""
    doc = make_doc((3, 4, "P", {}))
    doc.spans["coref_clusters_1"] = [doc[3:4], doc[8:9]]
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[:2])
    assert group(CLUSTER, doc) == [["Babbage", "Babbage"]]
