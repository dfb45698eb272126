import json

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, Span

from spacy_relext import Relation
from spacy_relext.records import as_doc, as_record, load_records

NLP = spacy.blank("en")


@st.composite
def docs(draw):
    """Docs whose spans nest, overlap and begin with whatever token there is."""
    words = st.lists(st.text("aé北\u0301 \n.-\U0001f600", min_size=1, max_size=3), min_size=1)
    words = draw(words)
    spaces = draw(st.lists(st.booleans(), min_size=len(words), max_size=len(words)))
    doc = Doc(NLP.vocab, words=words, spaces=spaces)
    index = st.integers(0, len(doc) - 1)
    bounds = draw(st.lists(st.tuples(index, index, st.sampled_from("AB")), max_size=5))
    spans = [Span(doc, min(i, j), max(i, j) + 1, label) for i, j, label in bounds]
    doc.spans["sc"] = [span for span in spans if span.text.strip()]
    if doc.spans["sc"]:
        ends = st.sampled_from(list(doc.spans["sc"]))
        pairs = draw(st.lists(st.tuples(ends, ends, st.floats(0, 1)), max_size=4))
        doc._.relations = [Relation(head, tail, "R", score) for head, tail, score in pairs]
    return doc


def place(span):
    """Where its text is, without spaces before and after it."""
    indent = len(span.text) - len(span.text.lstrip())
    return span.start_char + indent, span.text.strip(), span.label_


def places(relation):
    return place(relation.head), relation.label, place(relation.tail)


def texts_of(relations):
    return {(r.head.text, r.head.label_, r.label, r.tail.text, r.tail.label_) for r in relations}


@settings(max_examples=60)
@given(docs())
def test_what_a_record_says_is_in_the_text(doc):
    record = json.loads(json.dumps(as_record(doc, spans_keys=["sc", None])))
    assert record["text"] == doc.text
    for entity in record["entities"]:
        assert record["text"][entity["start"] : entity["end"]] == entity["text"]
    shown = {entity["id"]: entity for entity in record["entities"]}
    assert {(x["text"], x["label"]) for x in shown.values()} == {
        (span.text, span.label_) for span in doc.spans["sc"]
    }
    told = []
    for rel in record["relations"]:
        head, tail, sentence = shown[rel["head"]], shown[rel["tail"]], rel["sentence"]
        assert sentence["start"] <= head["start"] and head["end"] <= sentence["end"]
        assert sentence["start"] <= tail["start"] and tail["end"] <= sentence["end"]
        told.append((head["text"], head["label"], "R", tail["text"], tail["label"]))
    assert set(told) == texts_of(doc._.relations)
    scores = [rel["score"] for rel in record["relations"]]
    assert scores == sorted(scores, reverse=True)


@settings(max_examples=60)
@given(docs())
def test_a_doc_of_a_record_shows_the_same(doc):
    record = as_record(doc, spans_keys=["sc"])
    shown = as_doc(record, NLP.vocab)
    assert shown.text == doc.text
    assert set(map(place, shown.spans["entities"])) == set(map(place, doc.spans["sc"]))
    # Of two that differ in spaces at the ends of their mentions, one is shown.
    assert set(map(places, shown._.relations)) == set(map(places, doc._.relations))


def test_sentences_of_a_relation():
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    doc = nlp("Ada left. Bo met Cy. Di came.")
    ada, bo, cy = Span(doc, 0, 1), Span(doc, 3, 4), Span(doc, 5, 6)
    doc._.relations = [Relation(bo, cy, "MET", 0.5), Relation(cy, ada, "KNOWS", 0.25)]
    record = as_record(doc, symmetric_labels=["KNOWS"])
    told = [doc.text[r["sentence"]["start"] : r["sentence"]["end"]] for r in record["relations"]]
    assert told == ["Bo met Cy.", "Ada left. Bo met Cy."]
    assert [rel["symmetric"] for rel in record["relations"]] == [False, True]


def test_evidence_survives():
    """Also where other words than those of the record's doc would be cut at spaces."""
    doc = Doc(NLP.vocab, words=["Ada", "left", ".", "Bo", "rose"], spaces=[1, 0, 0, 1, 0])
    relation = Relation(doc[0:1], doc[3:4], "MET", evidence=(doc[:3], doc[3:5]))
    doc._.relations = [relation]
    [found] = as_doc(as_record(doc), NLP.vocab)._.relations
    assert [sent.text for sent in found.evidence] == ["Ada left.", "Bo rose"]


@pytest.mark.parametrize(
    "words, shown",
    [
        ([" ", "Ada", "rose"], " "),
        (["Ada", " ", "rose"], "Ada"),
        (["Ada", " ", " ", "rose"], " "),
        (["Ada", "\n", "rose"], "\n"),
        (["Ada", "rose", " "], "rose"),
        ([" "], " "),
    ],
)
def test_an_entity_that_is_a_space(words, shown):
    """Where it has no token of its own it is the word that it stands behind."""
    doc = Doc(NLP.vocab, words=words, spaces=[False] * len(words))
    found = [i for i, word in enumerate(words) if word.isspace()][-1]
    space, other = Span(doc, found, found + 1, "A"), Span(doc, 0, 1, "B")
    doc.spans["sc"] = [space, other]
    doc._.relations = [Relation(space, other, "R"), Relation(other, space, "R")]
    copy = as_doc(as_record(doc, spans_keys=["sc"]), NLP.vocab)
    assert copy.text == doc.text
    assert {(rel.head.text, rel.head.label_) for rel in copy._.relations} == {
        (shown, "A"),
        (words[0], "B"),
    }


def test_kb_ids_survive():
    doc = NLP("Ada left")
    doc.ents = [Span(doc, 0, 1, "PERSON", kb_id="Q7259")]
    record = as_record(doc)
    assert record["entities"][0]["kb_id"] == "Q7259"
    assert as_doc(record, NLP.vocab).ents[0].kb_id_ == "Q7259"


def test_what_became_one_since_is_there_once():
    """As where a component behind the extractor merges tokens, or links entities."""
    doc = NLP("Ada left New York City")
    ada, city = Span(doc, 0, 1, "PER"), Span(doc, 2, 5, "GPE")
    inner = Span(doc, 2, 4, "GPE")
    doc.spans["sc"] = [ada, inner, city]
    doc._.relations = [
        Relation(ada, inner, "LEFT", 0.75),
        Relation(ada, city, "LEFT", 0.875),
        Relation(ada, city, "SAW", 0.5, [ada], [inner, city]),
    ]
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[2:5])
    doc.spans["linked"] = [Span(doc, 2, 3, "GPE", kb_id="Q60")]
    record = as_record(doc, spans_keys=["sc", "linked"])
    assert [x["kb_id"] for x in record["entities"]] == ["", "Q60"]
    told = [(r["label"], r["score"], r["tail_mentions"]) for r in record["relations"]]
    assert told == [("LEFT", 0.875, [1]), ("SAW", 0.5, [1])]


GOOD = {
    "id": "a",
    "source": "a.txt",
    "text": "Ada left",
    "entities": [{"id": 0, "start": 0, "end": 3, "text": "Ada", "label": "P", "kb_id": ""}],
    "relations": [
        {
            "head": 0,
            "tail": 0,
            "label": "R",
            "score": 0.5,
            "symmetric": False,
            "sentence": {"start": 0, "end": 8},
            "head_mentions": [0],
            "tail_mentions": [0],
            "evidence": [],
        }
    ],
}
ENTITY, RELATION = GOOD["entities"][0], GOOD["relations"][0]


def test_load(tmp_path):
    path = tmp_path / "out.jsonl"
    failed = {"id": "b", "source": "b.txt", "text": "x", "error": "ValueError: no"}
    # As `relext convert` writes a doc whose relations nobody annotated.
    bare = {key: value for key, value in GOOD.items() if key != "relations"}
    path.write_text("\n".join(map(json.dumps, [GOOD, failed, bare, GOOD])))
    assert list(load_records(path)) == [GOOD, {**bare, "relations": []}, GOOD]


def test_entity_without_a_text_has_that_of_the_document(tmp_path):
    bare = {key: value for key, value in ENTITY.items() if key != "text"}
    path = tmp_path / "out.jsonl"
    path.write_text(json.dumps({**GOOD, "entities": [bare]}))
    assert list(load_records(path)) == [GOOD]


def test_relation_between_mentions_alone_is_one_of_entities(tmp_path):
    """As those are whose records do not say of other mentions, nor of evidence."""
    bare = {key: RELATION[key] for key in [*RELATION][:6]}
    assert [*bare][-1] == "sentence"
    path = tmp_path / "out.jsonl"
    path.write_text(json.dumps({**GOOD, "relations": [bare]}))
    assert list(load_records(path)) == [GOOD]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "3",
        "[]",
        "{}",
        "",
        json.dumps({**GOOD, "text": None}),
        json.dumps({**GOOD, "id": 3}),
        json.dumps({**GOOD, "entities": [{**ENTITY, "end": 99}]}),
        json.dumps({**GOOD, "entities": [{**ENTITY, "start": 3}]}),
        json.dumps({**GOOD, "entities": [{**ENTITY, "kb_id": None}]}),
        json.dumps({**GOOD, "entities": [{**ENTITY, "text": None}]}),
        json.dumps({**GOOD, "entities": [{**ENTITY, "end": 3.0}]}),
        json.dumps({**GOOD, "entities": []}),
        json.dumps({**GOOD, "relations": [{**RELATION, "symmetric": None}]}),
        json.dumps(
            {**GOOD, "relations": [{**RELATION, "sentence": {"start": 0, "end": 8.0}}]}
        ),
        json.dumps({**GOOD, "relations": [{**RELATION, "score": "high"}]}),
        json.dumps({**GOOD, "relations": [{**RELATION, "score": 7}]}),
        json.dumps({**GOOD, "relations": [{**RELATION, "label": 7}]}),
        json.dumps({**GOOD, "relations": [{**RELATION, "sentence": {"start": 0, "end": 9}}]}),
    ],
)
def test_load_tells_the_line_that_is_no_record(tmp_path, line):
    path = tmp_path / "out.jsonl"
    path.write_text(f"{json.dumps(GOOD)}\n{line}\n{json.dumps(GOOD)}")
    records = load_records(path)
    assert next(records) == GOOD
    with pytest.raises(ValueError, match=r"out\.jsonl:2: no record"):
        next(records)


def make_linked_twice():
    """A doc in which one mention is of two entities."""
    doc = NLP("Vitamins A and B cure scurvy")
    bounds = [(0, 4, "CHEM", "D1"), (0, 4, "CHEM", "D2"), (5, 6, "DIS", "D9")]
    first, second, tail = (Span(doc, *x, kb_id=kb_id) for *x, kb_id in bounds)
    doc.spans["sc"] = [first, second, tail]
    doc._.relations = [
        Relation(first, tail, "CURES", 0.875),
        Relation(second, tail, "CURES", 0.75),
        Relation(first, second, "WITH", 0.5),
    ]
    return doc


def ends_of(doc):
    return [(rel.head.kb_id_, rel.tail.kb_id_) for rel in doc._.relations]


def test_two_ids_of_one_mention_are_two_entities():
    doc = make_linked_twice()
    record = as_record(doc, spans_keys=["sc"])
    ids = {x["id"]: x["kb_id"] for x in record["entities"]}
    assert sorted(ids.values()) == ["D1", "D2", "D9"]
    told = [(ids[rel["head"]], ids[rel["tail"]]) for rel in record["relations"]]
    assert told == [("D1", "D9"), ("D2", "D9"), ("D1", "D2")]
    shown = as_doc(record, NLP.vocab)
    assert ends_of(shown) == told
    assert as_record(shown, spans_keys=["entities", None]) == record


def test_an_entity_that_is_linked_in_one_place_only_is_one():
    """As where an `entity_linker` knows of `doc.ents` alone."""
    doc = NLP("Ada met Bo")
    ada, bo = Span(doc, 0, 1, "P"), Span(doc, 2, 3, "P")
    doc.spans["sc"] = [ada, bo]
    doc._.relations = [Relation(ada, bo, "MET")]
    doc.ents = [Span(doc, 0, 1, "P", kb_id="Q1"), bo]
    for keys in (["sc", None], [None, "sc"]):
        record = as_record(doc, spans_keys=keys)
        assert [(x["text"], x["kb_id"]) for x in record["entities"]] == [
            ("Ada", "Q1"),
            ("Bo", ""),
        ]
        assert (record["relations"][0]["head"], record["relations"][0]["tail"]) == (0, 1)
