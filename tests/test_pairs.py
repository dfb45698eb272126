import numpy
import pytest
import spacy
from spacy.tokens import Doc, Span

from spacy_relext import Pairs, Relation, get_entities
from spacy_relext.pairs import (
    configure_all_of,
    configure_entity_types,
    configure_sentence_window,
    configure_token_window,
    count_between,
)

WORDS = "Ada met Bo in Cork . Then Dee left Erfurt .".split()


@pytest.fixture
def doc():
    doc = Doc(spacy.blank("en").vocab, words=WORDS)
    doc.ents = [
        Span(doc, 0, 1, label="PER"),
        Span(doc, 2, 3, label="PER"),
        Span(doc, 4, 5, label="LOC"),
        Span(doc, 7, 8, label="PER"),
        Span(doc, 9, 10, label="LOC"),
    ]
    return doc


def texts(doc, pairs):
    entities = get_entities(doc)
    return {(entities[h].text, entities[t].text) for h, t in zip(pairs.head, pairs.tail)}


def all_pairs(*docs):
    return Pairs.all([get_entities(doc) for doc in docs])


def test_all_pairs_of_a_batch(doc):
    empty, single = Doc(doc.vocab), Doc(doc.vocab, words=["Ada"])
    single.ents = [Span(single, 0, 1, label="PER")]
    pairs = all_pairs(doc, empty, single, doc)
    assert len(pairs) == 40 and pairs.n_entities == 11
    assert pairs.doc.tolist() == [0] * 5 + [2] + [3] * 5
    assert (pairs.doc[pairs.head] == pairs.doc[pairs.tail]).all()
    assert len(set(zip(pairs.head.tolist(), pairs.tail.tolist()))) == 40
    assert (pairs.head != pairs.tail).all()


@pytest.mark.parametrize("docs", [[], [[]], [[], []]])
def test_no_entities_no_pairs(docs):
    pairs = Pairs.all(docs)
    assert len(pairs) == 0 and len(pairs.reverse) == 0
    assert pairs.find([], []).tolist() == []


def test_entities_at_identical_offsets_make_no_pair(doc):
    spans = [Span(doc, 0, 1, label=x) for x in ("PER", "ORG")] + [Span(doc, 2, 3, label="PER")]
    doc.spans["sc"] = [*spans, Span(doc, 0, 1, label="PER")]
    entities = get_entities(doc, "sc")
    assert [(e.start, e.label_) for e in entities].count((0, "PER")) == 1
    pairs = Pairs.all([entities])
    bounds = [(pairs.start[h], pairs.start[t]) for h, t in zip(pairs.head, pairs.tail)]
    assert sorted(bounds) == [(0, 2), (0, 2), (2, 0), (2, 0)]


def test_nested_entities_make_pairs(doc):
    doc.spans["sc"] = [Span(doc, 0, 3, label="PER"), Span(doc, 2, 3, label="PER")]
    assert len(Pairs.all([get_entities(doc, "sc")])) == 2


def test_missing_span_group_is_empty(doc):
    assert get_entities(doc, "nothing") == []


def test_token_window(doc):
    pairs = configure_token_window(max_tokens=1)([doc], all_pairs(doc))
    assert texts(doc, pairs) == {
        ("Ada", "Bo"), ("Bo", "Ada"), ("Bo", "Cork"), ("Cork", "Bo"),
        ("Dee", "Erfurt"), ("Erfurt", "Dee"),
    }
    pairs = all_pairs(doc)
    assert (count_between(pairs) >= 0).all()


def test_sentence_window(doc):
    for i, token in enumerate(doc):
        token.is_sent_start = i in (0, 6)
    within = configure_sentence_window(max_sentences=1)([doc, doc], all_pairs(doc, doc))
    assert len(within) == 2 * (6 + 2)
    assert len(configure_sentence_window(max_sentences=2)([doc], all_pairs(doc))) == 20


def test_sentence_window_needs_sentences(doc):
    with pytest.raises(ValueError, match="sentencizer"):
        configure_sentence_window(max_sentences=1)([doc], all_pairs(doc))
    no_pairs = all_pairs(Doc(doc.vocab, words=["x"]))
    assert len(configure_sentence_window(1)([Doc(doc.vocab, words=["x"])], no_pairs)) == 0


@pytest.mark.parametrize("configure", [configure_token_window, configure_sentence_window])
@pytest.mark.parametrize("limit", [0, -3])
def test_window_below_one_is_an_error(configure, limit):
    with pytest.raises(ValueError, match=f"at least 1, found: {limit}"):
        configure(limit)


def test_allowed_entity_types(doc):
    pairs = configure_entity_types([("PER", "LOC"), ("PER", "UNSEEN")])([doc], all_pairs(doc))
    assert len(pairs) == 6
    entities = get_entities(doc)
    assert {entities[h].label_ for h in pairs.head} == {"PER"}
    assert {entities[t].label_ for t in pairs.tail} == {"LOC"}


def test_learnt_entity_types_travel_as_state(doc):
    generator = configure_entity_types()
    assert len(generator([doc], all_pairs(doc))) == 20
    ents = doc.ents
    generator.initialize([Relation(ents[2], ents[0], "X"), Relation(ents[4], ents[1], "Y")])
    assert generator.state == {"allowed": [["LOC", "PER"]]}
    other = configure_entity_types()
    other.state = generator.state
    assert texts(doc, other([doc], all_pairs(doc))) == texts(doc, generator([doc], all_pairs(doc)))
    assert len(other([doc], all_pairs(doc))) == 6


def test_given_entity_types_are_not_learnt_over(doc):
    generator = configure_entity_types([("PER", "LOC")])
    generator.initialize([Relation(doc.ents[0], doc.ents[1], "X")])
    generator.state = {"allowed": [["PER", "PER"]]}
    assert generator.state == {}
    assert len(generator([doc], all_pairs(doc))) == 6


def test_entity_types_must_be_pairs():
    with pytest.raises(ValueError, match="pairs of a head and a tail type"):
        configure_entity_types([("PER", "LOC", "ORG")])


def test_all_of_narrows_in_turn(doc):
    types = configure_entity_types()
    generator = configure_all_of(configure_token_window(max_tokens=1), types)
    generator.initialize(iter([Relation(doc.ents[0], doc.ents[2], "X")]))
    assert texts(doc, generator([doc], all_pairs(doc))) == {("Bo", "Cork"), ("Dee", "Erfurt")}
    again = configure_all_of(configure_token_window(max_tokens=1), configure_entity_types())
    again.state = generator.state
    assert len(again([doc], all_pairs(doc))) == 2


def test_find_and_reverse(doc):
    pairs = all_pairs(doc, doc)
    assert pairs.find(pairs.head, pairs.tail).tolist() == list(range(len(pairs)))
    assert (pairs.head[pairs.reverse] == pairs.tail).all()
    assert (pairs.tail[pairs.reverse] == pairs.head).all()
    one_way = pairs.select(pairs.head < pairs.tail)
    assert one_way.reverse.tolist() == list(range(len(one_way)))
    assert one_way.find(numpy.asarray([1]), numpy.asarray([0])).tolist() == [-1]
