import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_relext.curve import get_curve, rank_candidates
from spacy_relext.user_data import USER_DATA_KEY

from .test_extractor import make_examples, make_nlp

candidates = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]), st.booleans()))


def as_arrays(found):
    return [numpy.asarray(column, dtype="f") for column in zip(*found)] or [numpy.zeros(0)] * 2


@given(candidates, st.integers(1, 5))
def test_each_point_is_what_its_threshold_gives(found, n_missed):
    scores, truths = as_arrays(found)
    n_true = int(truths.sum()) + n_missed
    curve = get_curve(scores, truths, n_true)
    assert list(curve.threshold) == sorted(set(scores), reverse=True)
    for threshold, precision, recall in zip(*curve):
        taken = scores >= threshold
        assert precision == pytest.approx(truths[taken].sum() / taken.sum())
        assert recall == pytest.approx(truths[taken].sum() / n_true)
    assert 0 <= curve.area < 1
    assert len(curve.points) <= max(len(curve.threshold), 0)


def test_area_is_the_average_precision():
    scores, truths = numpy.asarray([0.9, 0.8, 0.7, 0.6]), numpy.asarray([1, 0, 1, 0])
    assert get_curve(scores, truths, 2).area == pytest.approx((1 + 2 / 3) / 2)
    # What is no candidate is never found.
    assert get_curve(scores, truths, 4).area == pytest.approx((1 + 2 / 3) / 4)
    assert get_curve(scores, numpy.asarray([1, 1, 0, 0]), 2).area == pytest.approx(1)
    # All with one score are taken together, in whatever order they come.
    for truths in ([1, 0], [0, 1]):
        assert get_curve(numpy.ones(2), numpy.asarray(truths), 1).area == pytest.approx(0.5)


@given(
    candidates.filter(lambda found: found and all(score for score, _ in found)),
    st.integers(1, 5),
    st.sampled_from([numpy.greater, numpy.greater_equal]),
)
def test_no_threshold_is_better_than_the_best(found, n_missed, passes):
    """Whether a threshold has to be reached, or passed."""
    scores, truths = as_arrays(found)
    n_true = int(truths.sum()) + n_missed

    def score(threshold):
        taken = passes(scores, threshold)
        return 2 * truths[taken].sum() / (taken.sum() + n_true)

    best = get_curve(scores, truths, n_true).best
    assert score(best["threshold"]) == pytest.approx(best["f"])
    assert best["f"] == pytest.approx(max(map(score, numpy.linspace(0, 1, 41))))


def test_no_best_point_without_candidates():
    assert get_curve(numpy.zeros(0), numpy.zeros(0), 1).best == {}


def test_points_are_few_and_include_both_ends():
    rng = numpy.random.default_rng(0)
    scores = rng.random(5000)
    truths = (rng.random(5000) < scores).astype("f")
    curve = get_curve(scores, truths, int(truths.sum()))
    assert len(curve.points) <= 100
    assert curve.points[-1]["r"] == 1 and curve.points[0]["r"] == curve.recall[0]
    assert all(type(value) is float for point in curve.points for value in point.values())
    assert get_curve(numpy.zeros(0), numpy.zeros(0), 1).points == []


def test_scores_that_are_no_numbers_come_last():
    curve = get_curve(numpy.asarray([numpy.nan, 0.5]), numpy.asarray([0, 1]), 1)
    assert curve.area == 1


def test_candidates_of_an_extractor():
    nlp = make_nlp(symmetric_labels=["SPOUSE"], n_updates=40)
    pipe, examples = nlp.get_pipe("relation_extractor"), make_examples(nlp)
    scores, truths = rank_candidates(pipe, examples)
    # 6 + 6 + 2 + 2 pairs, of the symmetric one of three labels in one direction only.
    assert len(scores) == len(truths) == 16 * 3 - 8
    assert truths.sum() == sum(len(eg.reference._.relations) for eg in examples)
    assert get_curve(scores, truths, int(truths.sum())).area == pytest.approx(1)
    assert len(rank_candidates(pipe, examples, ["FOUNDED", "SPOUSE"])[0]) == 16 + 8
    del examples[0].reference.user_data[USER_DATA_KEY]
    assert rank_candidates(pipe, examples)[1].sum() == truths.sum() - 2
    assert [len(array) for array in rank_candidates(pipe, [])] == [0, 0]


def test_best_point_of_single_label_is_reached(monkeypatch):
    """What is not the best of its pair is found at no threshold."""
    nlp = make_nlp(
        objective={"@misc": "spacy-relext.single_label.v1"}, symmetric_labels=["SPOUSE"]
    )
    pipe, examples = nlp.get_pipe("relation_extractor"), make_examples(nlp)
    n_true = sum(len(eg.reference._.relations) for eg in examples)
    for seed in range(20):

        def score(ops, logits):
            rng = numpy.random.default_rng(seed)
            return rng.dirichlet(numpy.full(4, 0.3), len(logits))[:, 1:]

        monkeypatch.setattr(pipe.objective, "scores", score)
        best = get_curve(*rank_candidates(pipe, examples), n_true).best
        pipe.objective.threshold = best["threshold"]
        assert nlp.evaluate(examples)["rels_f"] == pytest.approx(best["f"])


class Always:
    """An objective without a threshold."""

    def n_outputs(self, n_labels):
        return n_labels

    def loss(self, ops, logits, truths):
        return logits - truths, 0.0

    def scores(self, ops, logits):
        return ops.sigmoid(logits)

    def decide(self, scores):
        return scores >= 0.5


def test_objective_without_a_threshold_has_no_curve():
    """Not a curve that ends where the objective decides."""
    nlp = make_nlp()
    pipe, examples = nlp.get_pipe("relation_extractor"), make_examples(nlp)
    pipe.objective = Always()
    with pytest.raises(ValueError, match="Always has no attribute `threshold`"):
        rank_candidates(pipe, examples)
