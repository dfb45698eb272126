import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab
from thinc.api import NumpyOps

from spacy_relext import Pairs
from spacy_relext.decoding import average_directions, decide, get_records
from spacy_relext.objectives import (
    configure_adaptive_threshold,
    configure_multi_label,
    configure_single_label,
)
from spacy_relext.user_data import read_records, write_records

OPS = NumpyOps()
OBJECTIVES = [configure_multi_label, configure_single_label, configure_adaptive_threshold]
# Of three labels.
SYMMETRIC = numpy.asarray([0, 2])


def make_pairs(n_entities=3):
    doc = Doc(Vocab(), words=["x"] * n_entities)
    return Pairs.all([[Span(doc, i, i + 1, "X") for i in range(n_entities)]])


def make_logits(seed, n_pairs, n_own):
    rng = numpy.random.default_rng(seed)
    return rng.normal(scale=3, size=(n_pairs, n_own + 3)).astype("f")


@pytest.mark.parametrize("n_own", [0, 1])
def test_directions_share_what_symmetric_labels_are_above_the_own_class(n_own):
    pairs = make_pairs()
    before = make_logits(0, len(pairs), n_own)
    after = before.copy()
    average_directions(OPS, after, pairs, SYMMETRIC, n_own)
    above_before, above_after = (x - (x[:, :1] if n_own else 0) for x in (before, after))
    for column in n_own + SYMMETRIC:
        mean = (above_before[:, column] + above_before[pairs.reverse, column]) / 2
        numpy.testing.assert_allclose(above_after[:, column], mean, atol=1e-5)
    others = [i for i in range(after.shape[1]) if i - n_own not in SYMMETRIC]
    assert (after[:, others] == before[:, others]).all()
    # Once more changes nothing, nor does it where there is no other direction.
    again = after.copy()
    average_directions(OPS, again, pairs, SYMMETRIC, n_own)
    numpy.testing.assert_allclose(again, after, atol=1e-5)
    forward = pairs.select(pairs.head < pairs.tail)
    alone = before[: len(forward)].copy()
    average_directions(OPS, alone, forward, SYMMETRIC, n_own)
    numpy.testing.assert_allclose(alone, before[: len(forward)], atol=1e-5)


def find(objective, logits, pairs, symmetric=SYMMETRIC):
    averaged = logits.copy()
    average_directions(OPS, averaged, pairs, symmetric, logits.shape[1] - 3)
    scores = objective.scores(OPS, averaged)
    rows, columns, held = decide(objective, scores, pairs, symmetric)
    assert (held > 0).all() and (held <= scores[rows, columns]).all()
    return {(row, column): x for row, column, x in zip(rows.tolist(), columns.tolist(), held)}


@given(st.integers(0, 10_000))
def test_single_label_where_directions_disagree(seed):
    """One label a pair at most, none that no-relation beats, and none is lost that beats
    it."""
    pairs = make_pairs()
    logits = make_logits(seed, len(pairs), 1)
    above = logits[:, 1:] - logits[:, :1]
    above[:, SYMMETRIC] = (above + above[pairs.reverse])[:, SYMMETRIC] / 2
    found = find(configure_single_label(), logits, pairs)
    assert len({row for row, _ in found}) == len(found)
    assert all(above[place] > 0 for place in found)
    for row, column in numpy.argwhere(above > 0).tolist():
        assert {row, int(pairs.reverse[row])} & {row for row, _ in found}
    for (row, column), score in found.items():
        if column in SYMMETRIC:
            assert found[int(pairs.reverse[row]), column] == score


@pytest.mark.parametrize("configure", [configure_multi_label, configure_adaptive_threshold])
@given(seed=st.integers(0, 10_000))
def test_labels_by_themselves_hold_by_the_mean_of_their_probabilities(configure, seed):
    """Of any number a pair; at a threshold of a half, which is that of no logit."""
    objective, pairs = configure(), make_pairs()
    logits = make_logits(seed, len(pairs), objective.n_outputs(3) - 3)
    scores = objective.scores(OPS, logits)
    scores[:, SYMMETRIC] = (scores + scores[pairs.reverse])[:, SYMMETRIC] / 2
    found = find(objective, logits, pairs)
    sure = numpy.abs(scores - 0.5) > 1e-5
    assert set(found) >= {tuple(x) for x in numpy.argwhere((scores > 0.5) & sure).tolist()}
    assert set(found).isdisjoint(map(tuple, numpy.argwhere((scores < 0.5) & sure).tolist()))


@pytest.mark.parametrize("configure", OBJECTIVES)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_the_entities_does_not_matter_to_symmetric_labels(configure, seed):
    objective, pairs = configure(), make_pairs()
    logits = make_logits(seed, len(pairs), objective.n_outputs(3) - 3)
    everything = numpy.arange(3)
    found = find(objective, logits, pairs, everything)
    assert find(objective, logits[pairs.reverse], pairs, everything) == pytest.approx(found)


@pytest.mark.parametrize("configure", OBJECTIVES)
def test_without_symmetric_labels_the_objective_decides(configure):
    objective, pairs = configure(), make_pairs()
    logits = make_logits(0, len(pairs), objective.n_outputs(3) - 3)
    found = find(objective, logits, pairs, numpy.zeros(0, dtype="int32"))
    scores = objective.scores(OPS, logits)
    assert list(map(list, found)) == numpy.argwhere(objective.decide(scores)).tolist()
    assert all(scores[place] == score for place, score in found.items())


def test_both_directions_of_a_symmetric_relation_are_one_where_mentions_overlap():
    doc = Doc(Vocab(), words=["a", "b", "c"])
    both, inner, outer = doc[0:1], doc[1:2], doc[1:3]
    pairs = Pairs.all([[[both, inner], [both, outer]]])
    ones, zeros = numpy.ones(2), numpy.zeros(2, dtype="int64")
    decisions = (numpy.arange(2), zeros, ones)
    (records,) = get_records(pairs, 1, decisions, ["S"], numpy.asarray([0]))
    write_records(doc, records)
    assert len(read_records(doc)) == 1
