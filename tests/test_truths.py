from dataclasses import replace

import numpy
import pytest
import spacy
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_relext import Pairs, Relation, get_entities, score_relations, set_relations
from spacy_relext.grouping import configure_group_by_kb_id, group_entities
from spacy_relext.truths import get_evidence, get_truths, match_relations


@pytest.fixture(params=["BIRD", "ORG"])
def head_label(request):
    return request.param


@pytest.fixture
def example(head_label):
    """Two entities on the same token, one on another; one of the two has a relation."""
    nlp = spacy.blank("en")
    predicted, reference = nlp("Kestrel hired Ada"), nlp("Kestrel hired Ada")
    for doc in (predicted, reference):
        bounds = [(0, 1, "BIRD"), (0, 1, "ORG"), (2, 3, "PER")]
        doc.spans["sc"] = [Span(doc, *bound) for bound in bounds]
    *kestrels, person = reference.spans["sc"]
    (head,) = [span for span in kestrels if span.label_ == head_label]
    reference._.relations = [Relation(head, person, "HIRED")]
    return Example(predicted, reference)


def true_types(example, pairs):
    """Labels of head and tail of the pairs that hold."""
    truths = get_truths(match_relations([example], pairs, ["HIRED"]), pairs, ["HIRED"])
    label = [example.predicted.vocab.strings[label] for label in pairs.label.tolist()]
    rows = truths[:, 0].nonzero()[0]
    return [(label[pairs.head[row]], label[pairs.tail[row]]) for row in rows]


def test_of_two_entities_on_the_same_tokens_the_label_decides(example, head_label):
    pairs = Pairs.all([get_entities(example.predicted, "sc")])
    assert true_types(example, pairs) == [(head_label, "PER")]


def test_where_no_label_fits_the_tokens_decide(example):
    example.predicted.spans["sc"] = [
        Span(example.predicted, 0, 1, "FIRM"), Span(example.predicted, 2, 3, "PER")
    ]  # fmt: skip
    pairs = Pairs.all([get_entities(example.predicted, "sc")])
    assert true_types(example, pairs) == [("FIRM", "PER")]


@pytest.mark.parametrize("head_label", ["BIRD"], indirect=True)
def test_a_mention_without_predicted_tokens_is_none(example):
    reference = Doc(example.reference.vocab, words=["Kestrel", "hired", " ", "Ada"])
    reference.spans["sc"] = [Span(reference, 0, 1, "BIRD"), Span(reference, 2, 3, "PER")]
    reference._.relations = [Relation(*reference.spans["sc"], "HIRED")]
    example = Example(example.predicted, reference)
    pairs = Pairs.all([get_entities(example.predicted, "sc")])
    assert true_types(example, pairs) == []


def test_a_relation_whose_pair_is_no_candidate_holds_for_no_other(example):
    pairs = Pairs.all([get_entities(example.predicted, "sc")])
    head_is_person = pairs.start[pairs.head] == 2
    assert head_is_person.sum() == 2
    assert true_types(example, pairs.select(head_is_person)) == []


def test_evidence_is_that_of_the_pair_in_the_tokens_that_were_found():
    nlp = spacy.blank("en")
    reference = nlp("Ada slept. Ada ran Kestrel. Bo left Kestrel.")
    words = "Ada slept. Ada ran Kestrel. Bo left Kestrel .".split()
    spaces = [True] * 7 + [False, False]
    predicted = Doc(nlp.vocab, words=words, spaces=spaces)
    predicted.ents = [Span(predicted, i, i + 1, "X") for i in (2, 5)]
    names = [Span(reference, i, i + 1, "X") for i in (3, 7)]
    sentences = [reference[0:3], reference[3:7], reference[7:11]]
    reference._.relations = [
        Relation(*names, "RAN", evidence=sentences[:1]),
        Relation(*names, "LEFT", evidence=[sentences[2], sentences[0]]),
        Relation(*reversed(names), "OTHER", evidence=sentences[1:]),
    ]
    pairs = Pairs.all([list(predicted.ents)])
    matches = match_relations([Example(predicted, reference)], pairs, ["RAN", "LEFT"])
    evidence = get_evidence(matches, 0.5)
    ranges = list(zip(evidence.pair, evidence.start, evidence.end))
    (row,) = pairs.find([0], [1])
    assert ranges == [(row, 0, 2), (row, 5, 9)]
    assert evidence.weight == 0.5
    place, inside, shares = evidence.of_pairs(slice(row, row + 2), 9)
    assert place.tolist() == [0, 0] and shares.tolist() == [0.5, 0.5]
    assert inside.astype(int).tolist() == [[1] * 2 + [0] * 7, [0] * 5 + [1] * 4]
    assert not len(get_evidence([], 0.5).of_pairs(slice(0, 2), 9)[1])
    # It goes with its pair, and is not that of others.
    taught = replace(pairs, evidence=evidence)
    assert not len(taught.select(numpy.arange(len(pairs)) != row).evidence.pair)
    moved = taught.select(slice(row, None)).evidence
    assert list(zip(moved.pair, moved.start, moved.end)) == [(0, 0, 2), (0, 5, 9)]
    assert next(taught.iter_mention_pairs(9))[0].evidence is None


def make_grouped(*relations):
    """Kestrel, and Ada; "AB" is a mention of Ada and the only one of Bo."""
    doc = spacy.blank("en")("Ada AB Kestrel")
    doc.ents = [
        Span(doc, i, i + 1, "X", kb_id=kb_id) for i, kb_id in enumerate(("A", "A|B", "K"))
    ]
    doc._.relations = [Relation(doc.ents[h], doc.ents[t], x) for h, t, x in relations]
    return doc


def true_starts(examples, grouping):
    """Where head and tail of the pairs that hold begin, by doc."""
    docs = [eg.predicted for eg in examples]
    pairs = Pairs.all([group_entities(doc, grouping) for doc in docs])
    matches = match_relations(examples, pairs, ["RAN"], grouping=grouping)
    truths = get_truths(matches, pairs, ["RAN"])
    starts = [
        [pairs.start[pairs.entity == end].tolist() for end in (pairs.head[row], pairs.tail[row])]
        for row in truths[:, 0].nonzero()[0]
    ]
    return starts


def test_a_mention_of_two_entities_is_the_one_that_has_no_other():
    by_id = configure_group_by_kb_id("|")
    example = Example(make_grouped(), make_grouped((1, 2, "RAN")))
    assert true_starts([example], by_id) == [[[1], [2]]]
    example = Example(make_grouped(), make_grouped((0, 2, "RAN")))
    assert true_starts([example], by_id) == [[[0, 1], [2]]]


def test_what_is_within_the_entity_that_was_found_is_no_part_of_it():
    """A mention of Ada was missed; "AB" alone is Bo, and no second part of her."""
    by_id = configure_group_by_kb_id("|")
    docs = []
    for seen in ([0, 1, 2, 3], [0, 2, 3]):
        doc = spacy.blank("en")("Ada Lovelace AB Kestrel")
        ids = "A", "A", "A|B", "K"
        doc.ents = [Span(doc, i, i + 1, "X", kb_id=ids[i]) for i in seen]
        docs.append(doc)
    reference, predicted = docs
    ada, lovelace, both, kestrel = reference.ents
    mentions = ada, lovelace, both
    reference._.relations = [Relation(ada, kestrel, "RAN", head_mentions=mentions)]
    assert true_starts([Example(predicted, reference)], by_id) == [[[0, 2], [3]]]


@pytest.mark.parametrize("main", [0, 1])
def test_the_entity_of_the_very_mentions_holds_whatever_their_labels(main):
    """The shared mention has the label of one entity's first mention, not of the other's."""
    by_id = configure_group_by_kb_id("|")
    docs = []
    for _ in range(2):
        doc = spacy.blank("en")("Acme we Ann Bob")
        doc.ents = [
            Span(doc, i, i + 1, label, kb_id=kb_id)
            for i, (label, kb_id) in enumerate(zip("OPPL", ("A", "A|B", "B", "C")))
        ]
        docs.append(doc)
    acme, we, _, bob = docs[1].ents
    relation = Relation((acme, we)[main], bob, "RAN", head_mentions=(acme, we))
    docs[1]._.relations = [relation]
    assert true_starts([Example(*docs)], by_id) == [[[0, 1], [3]]]


def test_truths_do_not_depend_on_the_rest_of_the_batch():
    by_id = configure_group_by_kb_id("|")
    alone = []
    for _ in range(2):
        doc = spacy.blank("en")("AB Kestrel")
        doc.ents = [Span(doc, 0, 1, "X", kb_id="A|B"), Span(doc, 1, 2, "X", kb_id="K")]
        doc._.relations = [Relation(*doc.ents, "RAN")]
        alone.append(doc)
    examples = [Example(*alone), Example(make_grouped(), make_grouped())]
    counts = []
    for batch in (examples[:1], examples):
        pairs = Pairs.all([group_entities(eg.predicted, by_id) for eg in batch])
        matches = match_relations(batch, pairs, ["RAN"], grouping=by_id)
        counts.append(get_truths(matches, pairs, ["RAN"]).sum())
    assert counts == [2, 2]


VOCAB = spacy.blank("en").vocab
GROUPING = configure_group_by_kb_id(separator="|")


@st.composite
def linked_docs(draw):
    """A doc of mentions of which each is of one entity, of two or of none; relations
    between its entities, by all of their mentions or by one of each."""
    ids = draw(st.lists(st.sampled_from(["", "A", "B", "A|B", "B|C"]), min_size=2, max_size=7))
    doc = Doc(VOCAB, words=["x"] * len(ids))
    doc.ents = [Span(doc, i, i + 1, "P", kb_id=id_) for i, id_ in enumerate(ids)]
    entities = group_entities(doc, GROUPING)
    # Nothing tells two of the same mentions apart.
    assume(len(set(map(tuple, entities))) == len(entities))
    relations = []
    if len(entities) > 1:
        places = st.sampled_from(range(len(entities)))
        ends = st.lists(places, min_size=2, max_size=2, unique=True)
        for pair in draw(st.lists(ends, max_size=4)):
            mentions = [entities[i] for i in pair]
            main = [draw(st.sampled_from(x)) for x in mentions]
            if draw(st.booleans()):
                mentions = [(span,) for span in main]
            label = draw(st.sampled_from(["R", "S"]))
            relations.append(Relation(*main, label, 1.0, *map(tuple, mentions)))
    # One and the same mention can't tell which two entities are meant.
    relations = [x for x in relations if len({*x.head_mentions, *x.tail_mentions}) > 1]
    predicted = doc.copy()
    set_relations(doc, relations)
    return Example(predicted, doc)


@settings(max_examples=100)
@given(example=linked_docs())
def test_what_is_learnt_is_what_scores(example):
    """Where all is found, mentions of two entities are told apart in the same way."""
    labels, predicted = ["R", "S"], example.predicted
    entities = group_entities(predicted, GROUPING)
    pairs = Pairs.all([entities])
    matches = match_relations([example], pairs, labels, grouping=GROUPING)
    relations = []
    for row, column in zip(*get_truths(matches, pairs, labels).nonzero()):
        head, tail = (tuple(entities[side[row]]) for side in (pairs.head, pairs.tail))
        relations.append(Relation(head[0], tail[0], labels[column], 1.0, head, tail))
    set_relations(predicted, relations)
    scores = score_relations([example], grouping=GROUPING)
    expected = 1.0 if example.reference._.relations else 0.0
    assert (scores["rels_p"], scores["rels_r"]) == (expected, expected)


@settings(max_examples=100)
@given(example=linked_docs(), data=st.data())
def test_where_entities_are_found_wrongly_a_pair_is_learnt_if_it_scores(example, data):
    predicted, labels = example.predicted, ["R", "S"]
    ids = st.sampled_from(["", "A", "B", "C", "A|B"])
    predicted.ents = [
        Span(predicted, span.start, span.end, "P", kb_id=data.draw(ids))
        for span in predicted.ents
        if data.draw(st.integers(0, 5))
    ]
    entities = group_entities(predicted, GROUPING)
    pairs = Pairs.all([entities])
    matches = match_relations([example], pairs, labels, ["S"], GROUPING)
    truths = get_truths(matches, pairs, labels)
    for row, mains in enumerate(zip(*pairs.closest)):
        mains = [pairs.mentions[main] for main in mains]
        ends = [tuple(entities[side[row]]) for side in (pairs.head, pairs.tail)]
        for column, label in enumerate(labels):
            set_relations(predicted, [Relation(*mains, label, 1.0, *ends)])
            scores = score_relations([example], symmetric_labels=["S"], grouping=GROUPING)
            assert (scores["rels_p"] == 1) == truths[row, column]
