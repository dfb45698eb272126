import pickle
import subprocess
import sys

import numpy
import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span

import spacy_relext.relation
from spacy_relext import Relation, get_relations, has_relations, set_relations
from spacy_relext.entities import get_entities


@pytest.fixture
def nlp():
    return spacy.blank("en")


@pytest.fixture
def doc(nlp):
    doc = nlp("Ada Byron of New York married Bo in Cork")
    doc.ents = [
        Span(doc, 0, 2, label="PER", kb_id="Q7259"),
        Span(doc, 3, 5, label="LOC"),
        Span(doc, 6, 7, label="PER"),
        Span(doc, 8, 9, label="LOC"),
    ]
    ada, york, bo, cork = doc.ents
    doc._.relations = [
        Relation(ada, york, "FROM", 0.25),
        Relation(ada, bo, "SPOUSE", 0.75),
    ]
    return doc


def check(doc, ada="Ada Byron"):
    spouse, origin = doc._.relations
    assert (spouse.head.text, spouse.tail.text) == (ada, "Bo")
    assert (spouse.label, spouse.score) == ("SPOUSE", 0.75)
    assert (spouse.head.label_, spouse.head.kb_id_) == ("PER", "Q7259")
    assert (origin.head.text, origin.tail.text, origin.label) == (ada, "New York", "FROM")
    assert spouse.head.doc is doc


def test_reads_as_a_sequence_best_first(doc):
    check(doc)
    assert len(doc._.relations) == 2
    assert doc._.relations[0].head in doc.ents
    assert get_relations(doc) == doc._.relations


def test_relation_is_immutable(doc):
    with pytest.raises(AttributeError):
        doc._.relations[0].label = "OTHER"
    with pytest.raises(AttributeError):
        doc._.relations.append(doc._.relations[0])
    assert len(set(doc._.relations)) == 2


def test_not_annotated_is_not_the_same_as_none(nlp):
    doc = nlp("Ada")
    assert doc._.relations == () and not has_relations(doc)
    doc._.relations = []
    assert doc._.relations == () and has_relations(doc)


def test_survives_bytes(nlp, doc):
    check(Doc(nlp.vocab).from_bytes(doc.to_bytes()))


def test_survives_disk(nlp, doc, tmp_path):
    doc.to_disk(tmp_path / "doc")
    check(Doc(nlp.vocab).from_disk(tmp_path / "doc"))


def test_survives_docbin(nlp, doc):
    data = DocBin(store_user_data=True, docs=[doc]).to_bytes()
    (loaded,) = DocBin().from_bytes(data).get_docs(spacy.blank("en").vocab)
    check(loaded)
    loaded._.relations = loaded._.relations
    check(loaded)


def test_docbin_without_user_data_reads_as_not_annotated(nlp, doc):
    (loaded,) = DocBin(docs=[doc]).get_docs(nlp.vocab)
    assert not has_relations(loaded)


def test_survives_pickle_and_copy(doc):
    check(pickle.loads(pickle.dumps(doc)))
    check(doc.copy())


def test_survives_other_processes(nlp, doc):
    nlp.add_pipe("sentencizer")
    for processed in nlp.pipe([doc, doc.copy()], n_process=2):
        check(processed)


def test_does_not_hinder_json(doc):
    assert doc.to_json()["text"] == doc.text


def test_survives_retokenisation_elsewhere(doc):
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[7:9])
    check(doc)
    with doc.retokenize() as retokenizer:
        retokenizer.split(doc[2], ["o", "f"], heads=[doc[1], doc[1]])
    check(doc)


def test_survives_retokenisation_of_a_mention(doc):
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[0:3])
    assert {rel.head.text for rel in doc._.relations} == {"Ada Byron of"}


def test_survives_spans_that_retokenisation_leaves_elsewhere(nlp):
    """Of groups of spans spaCy changes neither the tokens nor the characters."""
    doc = nlp("Ada met Bo in New York today or tomorrow")
    ada, bo, today = (Span(doc, i, i + 1, label="X") for i in (0, 2, 6))
    doc.spans["sc"] = [ada, bo, today]
    doc.spans["end"] = [Span(doc, 8, 9, label="T", kb_id="Q1", span_id="a")]
    doc._.relations = [Relation(ada, today, "ON")]
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[4:6])
    (relation,) = doc._.relations
    assert (relation.head.text, relation.tail.text) == ("Ada", "today")
    assert relation.tail.label_ == "X"
    assert [span.text for span in get_entities(doc, "sc")] == ["Ada", "Bo", "today"]
    # It was beyond the end.
    (end,) = get_entities(doc, "end")
    assert (end.text, end.label_, end.kb_id_, end.id_) == ("tomorrow", "T", "Q1", "a")


def test_later_knowledge_of_an_entity_is_seen(doc):
    ada, *others = doc.ents
    others[1].kb_id_ = "Q1"
    doc.ents = [ada, others[0], Span(doc, 6, 7, label="PER", kb_id="Q1"), others[2]]
    assert doc._.relations[0].tail.kb_id_ == "Q1"


def test_of_an_entity_in_both_places_that_of_the_doc_is_taken(doc):
    """As it is the one that an entity linker knows more of."""
    ada, *_ = doc.ents
    doc.spans["sc"] = [Span(doc, ada.start, ada.end, label="PER")]
    check(doc)


def test_a_span_that_is_not_linked_does_not_hide_one_that_is(nlp):
    doc = nlp("Ada met Bo")
    linked = [Span(doc, i, i + 1, "P", kb_id=f"Q{i}") for i in (0, 2)]
    doc.spans["sc"] = linked
    set_relations(doc, [Relation(*linked, "MET")])
    for groups in ({"sc": linked}, {}):
        doc.spans.clear()
        doc.spans.update(groups)
        doc.ents = [Span(doc, 0, 1, "P"), Span(doc, 2, 3, "P")]
        (relation,) = doc._.relations
        assert (relation.head.kb_id_, relation.tail.kb_id_) == ("Q0", "Q2")


def test_entities_of_span_groups_are_found(nlp):
    doc = nlp("University of Cork")
    whole, part = Span(doc, 0, 3, label="ORG", kb_id="Q2"), Span(doc, 2, 3, label="LOC")
    doc.spans["sc"] = [whole, part]
    set_relations(doc, [Relation(whole, part, "IN")])
    assert doc._.relations[0].head.kb_id_ == "Q2"
    assert doc._.relations[0].tail.label_ == "LOC"


def test_spans_that_are_no_entities_keep_their_label(nlp):
    doc = nlp("Ada met Bo")
    doc._.relations = [Relation(Span(doc, 0, 1, label="X", kb_id="Q3"), doc[2:3], "MET")]
    assert doc.ents == ()
    (relation,) = doc._.relations
    assert (relation.head.label_, relation.head.kb_id_, relation.tail.label_) == ("X", "Q3", "")


def test_a_mention_without_a_label_is_the_entity_on_its_tokens(doc):
    bare = doc[0:2], doc[6:7], doc[2:3]
    ada, _, bo, _ = doc.ents
    of = Span(doc, 2, 3, label="WORD")
    doc._.relations = [
        Relation(bare[0], bare[1], "SPOUSE", 0.75, (ada, bare[2], bare[0])),
        Relation(ada, bo, "SPOUSE", 0.5, (ada, bare[2])),
    ]
    (relation,) = doc._.relations
    assert (relation.head, relation.tail) == (ada, bo)
    assert relation.head_mentions == (ada, bare[2])
    # Also where the entities are set later, and in a group.
    doc.spans["sc"] = [of]
    assert doc._.relations[0].head_mentions == (ada, of)


def test_of_several_labels_a_mention_without_one_has_that_of_the_doc_or_none(doc):
    ada, *others = doc.ents
    doc.spans["a"] = [doc[0:2], Span(doc, 0, 2, "POET"), Span(doc, 0, 2, "MOTHER")]
    for ents, label in ((doc.ents, "PER"), (others, "")):
        doc.ents = ents
        doc._.relations = [Relation(doc[0:2], doc[6:7], "SPOUSE")]
        assert doc._.relations[0].head.label_ == label


def test_same_relation_twice_is_kept_once(doc):
    ada, york, *_ = doc.ents
    doc._.relations = [Relation(ada, york, "FROM", 0.2), Relation(ada, york, "FROM", 0.9)]
    assert [rel.score for rel in doc._.relations] == [0.9]
    told = Relation(ada, york, "FROM", 0.5, evidence=[doc[:]])
    doc._.relations = [Relation(ada, york, "FROM", 0.2), told]
    assert [rel.score for rel in doc._.relations] == [0.5]


def test_relations_of_mentions_that_differ_in_their_link_alone_are_kept_apart(nlp):
    doc = nlp("Ada met Jordan")
    doc.spans["sc"] = [Span(doc, 2, 3, "PER", kb_id=kb_id) for kb_id in ("Q1", "Q2")]
    first, second = doc.spans["sc"]
    doc._.relations = [
        Relation(doc[0:1], first, "MET", 0.75),
        Relation(doc[0:1], second, "MET", 0.5),
        Relation(doc[0:1], first, "MET", 0.25, (), (first, second)),
        Relation(doc[0:1], second, "MET", 0.125),
    ]
    found = [(rel.tail.kb_id_, rel.score) for rel in doc._.relations]
    assert found == [("Q1", 0.75), ("Q2", 0.5), ("Q1", 0.25)]


def test_relations_of_mentions_that_nest_are_kept_apart(doc):
    ada, *_, cork = doc.ents
    city = Span(doc, 8, 9, label="CITY")
    mentions = [(h, t) for h in (ada, doc[0:1]) for t in (cork, doc[7:9], city)]
    doc._.relations = [Relation(*pair, "FROM") for pair in mentions]
    assert len(doc._.relations) == 6


@pytest.mark.parametrize("role, bounds", [("head", [(1, 1), (6, 7)]), ("tail", [(6, 7), (1, 1)])])
def test_span_without_tokens_is_an_error(doc, role, bounds):
    with pytest.raises(ValueError, match=f"{role} of a 'FROM' relation must be a span with tokens"):
        doc._.relations = [Relation(*(doc[i:j] for i, j in bounds), "FROM")]


@pytest.mark.parametrize("score", [float("nan"), -0.1, 1.5, None])
def test_impossible_score_is_an_error(doc, score):
    with pytest.raises(ValueError, match="between 0 and 1"):
        doc._.relations = [Relation(doc.ents[0], doc.ents[1], "FROM", score)]
    check(doc)


def test_slices_and_entities_may_be_given_together(doc):
    ada, york, bo, cork = doc.ents
    for head, mentions in ((doc[0:2], (ada, bo)), (ada, (doc[0:2], doc[6:7]))):
        doc._.relations = [Relation(head, cork, "FROM", head_mentions=mentions)]
        (found,) = doc._.relations
        assert found.head == ada and found.head_mentions == (ada, bo)


def test_a_head_of_another_label_is_none_of_its_mentions(doc):
    ada, york, bo, cork = doc.ents
    with pytest.raises(ValueError, match="must be one of its own mentions"):
        doc._.relations = [
            Relation(Span(doc, 0, 2, "ROLE"), cork, "FROM", head_mentions=(ada, bo))
        ]


def test_relations_beyond_a_shorter_text_are_left_out(doc):
    ada, york, bo, cork = doc.ents
    entity = {"head_mentions": (ada, cork), "evidence": (doc[:3], doc[3:9])}
    doc._.relations = [
        Relation(ada, york, "FROM", 0.75, **entity),
        Relation(ada, cork, "FROM", 0.25),
    ]
    (found,) = doc[:5].as_doc(copy_user_data=True)._.relations
    assert (found.head.text, found.tail.text) == ("Ada Byron", "New York")
    assert found.head_mentions == (found.head,)
    assert [sentence.text for sentence in found.evidence] == ["Ada Byron of"]


def test_relations_between_the_tokens_of_another_text_are_left_out(nlp):
    """Characters that are a mention in the one are a space in the other."""
    doc = nlp("So I saw A and C")
    first, second = (Span(doc, i, i + 1, label="P") for i in (1, 3))
    doc.ents = [first, second]
    doc._.relations = [Relation(first, second, "R")]
    piece = doc[2:].as_doc(copy_user_data=True)
    assert piece.text[first.start_char] == " "
    assert not piece._.relations


def test_mentions_of_head_and_tail_are_told_apart(nlp):
    doc = nlp("a b c")
    a, b, c = (Span(doc, i, i + 1, label="X") for i in range(3))
    doc.ents = [a, b, c]
    doc._.relations = [
        Relation(a, c, "R", 1.0, (a, b), (c,)),
        Relation(a, c, "R", 0.9, (a,), (b, c)),
    ]
    assert [rel.score for rel in doc._.relations] == [1.0, 0.9]


def test_span_of_another_doc_is_an_error(nlp, doc):
    other = nlp("Ada Byron")
    with pytest.raises(ValueError, match="tail of a 'FROM' relation"):
        doc._.relations = [Relation(doc.ents[0], other[0:2], "FROM")]


def test_anything_else_is_an_error(doc):
    with pytest.raises(ValueError, match="takes spacy_relext.Relation objects"):
        doc._.relations = [("Ada", "Bo", "SPOUSE")]
    for no_list in (None, doc._.relations[0]):
        with pytest.raises(ValueError, match="takes a list of spacy_relext.Relation"):
            doc._.relations = no_list
    with pytest.raises(ValueError, match="label"):
        doc._.relations = [Relation(doc.ents[0], doc.ents[1], "")]


def test_extension_that_another_package_put_over_ours_is_named(nlp, doc):
    pipe = nlp.add_pipe("relation_extractor")
    prediction = pipe.candidates([doc]), numpy.zeros((12, 0), dtype="float32")
    pipe.set_annotations([doc], prediction)
    default, method, getter, setter = Doc.get_extension("relations")
    Doc.set_extension("relations", method=repr, force=True)
    try:
        with pytest.raises(ValueError, match="registered already, by builtins"):
            pipe.set_annotations([doc], prediction)
    finally:
        Doc.set_extension("relations", getter=getter, setter=setter, force=True)


def test_extension_of_another_package_does_not_hinder_the_import():
    code = (
        "from spacy.tokens import Doc\n"
        "Doc.set_extension('relations', default=[])\n"
        "import spacy, spacy_relext.extractor\n"
        "spacy.blank('en').add_pipe('sentencizer')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_extension_of_another_package_is_named():
    ours = Doc.remove_extension("relations")
    try:
        Doc.set_extension("relations", default=[])
        with pytest.raises(ValueError, match="registered already, with default"):
            spacy.blank("en").add_pipe("relation_extractor")
        Doc.set_extension("relations", getter=repr, force=True)
        with pytest.raises(ValueError, match="by builtins"):
            spacy_relext.relation.ensure_extension()
    finally:
        default, method, getter, setter = ours
        Doc.set_extension("relations", getter=getter, setter=setter, force=True)
