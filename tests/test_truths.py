import pytest
import spacy
from spacy.tokens import Span
from spacy.training import Example

from spacy_relext import Pairs, Relation, get_entities
from spacy_relext.truths import get_truths


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
    truths = get_truths([example], pairs, ["HIRED"])
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


def test_a_relation_whose_pair_is_no_candidate_holds_for_no_other(example):
    pairs = Pairs.all([get_entities(example.predicted, "sc")])
    head_is_person = pairs.start[pairs.head] == 2
    assert head_is_person.sum() == 2
    assert true_types(example, pairs.select(head_is_person)) == []
