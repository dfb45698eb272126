import numpy
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, Span

from spacy_relext import Pairs, get_entities
from spacy_relext import pairs as pairs_module
from spacy_relext.pairs import count_between

WORDS = "Ada met Bo in Cork . Then Dee left Erfurt .".split()


def make_doc():
    doc = Doc(spacy.blank("en").vocab, words=WORDS)
    doc.ents = [
        Span(doc, 0, 1, label="PER"),
        Span(doc, 2, 3, label="PER"),
        Span(doc, 4, 5, label="LOC"),
        Span(doc, 7, 8, label="PER"),
        Span(doc, 9, 10, label="LOC"),
    ]
    return doc


@pytest.fixture
def doc():
    return make_doc()


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


@pytest.mark.parametrize("inner", [(0, 1), (1, 2), (2, 3)])
def test_nested_entities_make_pairs(doc, inner):
    doc.spans["sc"] = [Span(doc, 0, 3, label="PER"), Span(doc, *inner, label="PER")]
    assert len(Pairs.all([get_entities(doc, "sc")])) == 2


def test_entities_of_a_span_group_come_in_text_order_without_empty_ones(doc):
    bounds = [(4, 6), (0, 3), (2, 2), (0, 1)]
    doc.spans["sc"] = [Span(doc, start, end, label="PER") for start, end in bounds]
    found = [(span.start, span.end) for span in get_entities(doc, "sc")]
    assert found == [(0, 1), (0, 3), (4, 6)]


def test_flat_bounds_point_into_the_tokens_of_the_batch(doc):
    empty, pairs = Doc(doc.vocab), all_pairs(doc, Doc(doc.vocab), doc)
    starts, ends = pairs.flat_bounds([len(doc), len(empty), len(doc)])
    tokens = [token.text for token in (*doc, *empty, *doc)]
    found = [" ".join(tokens[i:j]) for i, j in zip(starts, ends)]
    assert found == 2 * [ent.text for ent in doc.ents]


def test_missing_span_group_is_empty(doc):
    assert get_entities(doc, "nothing") == []


def test_tokens_between(doc):
    doc.spans["sc"] = [Span(doc, 0, 3, "A"), Span(doc, 2, 4, "B"), Span(doc, 6, 7, "C")]
    pairs = Pairs.all([get_entities(doc, "sc")])
    assert count_between(pairs).tolist() == [0, 3, 0, 2, 3, 2]


def test_find_and_reverse(doc):
    pairs = all_pairs(doc, doc)
    assert pairs.find(pairs.head, pairs.tail).tolist() == list(range(len(pairs)))
    assert (pairs.head[pairs.reverse] == pairs.tail).all()
    assert (pairs.tail[pairs.reverse] == pairs.head).all()
    one_way = pairs.select(pairs.head < pairs.tail)
    assert one_way.reverse.tolist() == list(range(len(one_way)))
    assert one_way.find(numpy.asarray([1]), numpy.asarray([0])).tolist() == [-1]


@settings(max_examples=60)
@given(
    docs=st.lists(
        st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=4), max_size=4), max_size=3
    ),
    block=st.integers(1, 20),
)
def test_closest_mentions_are_those_of_a_plain_search(docs, block):
    """docs: for each its entities, as the tokens that they are mentioned at."""
    doc = Doc(spacy.blank("en").vocab, words=["x"] * 10)
    entities = [
        [[Span(doc, i, i + 1, "X") for i in sorted(places)] for places in of_doc]
        for of_doc in docs
    ]
    flat = [entity for of_doc in entities for entity in of_doc]
    mentions = [(row, span.start) for row, entity in enumerate(flat) for span in entity]
    before, pairs_module.BLOCK = pairs_module.BLOCK, block
    try:
        pairs = Pairs.all(entities)
        heads, tails = pairs.closest
    finally:
        pairs_module.BLOCK = before
    assert pairs.n_mentions.tolist() == [len(entity) for entity in flat]
    for h, t, head, tail, between in zip(
        pairs.head, pairs.tail, heads, tails, count_between(pairs)
    ):
        assert (mentions[head][0], mentions[tail][0]) == (h, t)
        # A mention that both have tells of nothing between them.
        apart = (abs(a.start - b.start) - 1 for a in flat[h] for b in flat[t])
        least = min((n for n in apart if n >= 0), default=0)
        assert between == least == max(0, abs(mentions[head][1] - mentions[tail][1]) - 1)
    some = pairs.select(pairs.head > pairs.tail)
    assert some.closest[0].tolist() == heads[pairs.head > pairs.tail].tolist()


def test_entities_of_the_same_mentions_make_no_pair(doc):
    ada, bo, *_ = doc.ents
    twice = Pairs.all([[[ada, bo], [ada, bo], [ada]]])
    assert list(zip(twice.head.tolist(), twice.tail.tolist())) == [(0, 2), (1, 2), (2, 0), (2, 1)]


def test_entities_on_the_same_tokens_make_no_pair(doc):
    ada, other = Span(doc, 0, 1, label="PER"), Span(doc, 0, 1, label="ORG")
    assert len(Pairs.all([[[ada, other], [other]]])) == 0
