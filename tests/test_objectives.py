import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from thinc.api import NumpyOps

from spacy_relext.objectives import (
    configure_adaptive_threshold,
    configure_multi_label,
    configure_single_label,
)

OPS = NumpyOps()
OBJECTIVES = [
    configure_multi_label(),
    configure_multi_label(positive_weight=3.0),
    configure_multi_label(focal_gamma=2.0),
    configure_multi_label(positive_weight=0.5, focal_gamma=0.7),
    configure_single_label(),
    configure_adaptive_threshold(),
    configure_adaptive_threshold(positive_weight=3.0),
]


@st.composite
def tasks(draw):
    n_pairs, n_labels = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    truths = draw(npst.arrays("float32", (n_pairs, n_labels), elements=st.sampled_from([0, 1])))
    seed = draw(st.integers(0, 1000))
    logits = numpy.random.default_rng(seed).normal(scale=2, size=(n_pairs, n_labels + 1))
    return logits.astype("float64"), truths


@pytest.mark.parametrize("objective", OBJECTIVES)
@given(task=tasks())
def test_gradient_is_that_of_the_loss(objective, task):
    logits, truths = task
    logits = logits[:, : objective.n_outputs(truths.shape[1])]
    gradient, loss = objective.loss(OPS, logits, truths)
    assert gradient.shape == logits.shape and loss >= 0
    eps = 1e-4
    for index in numpy.ndindex(*logits.shape):
        above, below = logits.copy(), logits.copy()
        above[index] += eps
        below[index] -= eps
        change = objective.loss(OPS, above, truths)[1] - objective.loss(OPS, below, truths)[1]
        assert gradient[index] == pytest.approx(change / (2 * eps), abs=1e-3)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_following_the_gradient_leads_to_the_truth(objective):
    truths = numpy.asarray([[1, 0, 0], [0, 0, 0], [0, 0, 1]], dtype="float32")
    logits = numpy.zeros((3, objective.n_outputs(3)), dtype="float32")
    for _ in range(200):
        logits -= 0.5 * objective.loss(OPS, logits, truths)[0]
    scores = objective.scores(OPS, logits)
    assert scores.shape == truths.shape
    assert ((scores >= 0) & (scores <= 1)).all()
    assert (objective.decide(scores) == (truths > 0)).all()


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("size", [-1e4, 1e4])
def test_extreme_logits_stay_numbers(objective, size):
    truths = numpy.asarray([[1, 0]], dtype="float32")
    logits = numpy.full((1, objective.n_outputs(2)), size, dtype="float32")
    gradient, loss = objective.loss(OPS, logits, truths)
    assert numpy.isfinite(gradient).all() and numpy.isfinite(loss)
    assert numpy.isfinite(objective.scores(OPS, logits)).all()


def test_multi_label_takes_every_label_from_the_threshold_on():
    scores = numpy.asarray([[0.2, 0.5, 0.9]], dtype="float32")
    assert configure_multi_label(threshold=0.5).decide(scores).tolist() == [[False, True, True]]
    assert configure_multi_label(threshold=0).decide(scores).all()


def test_single_label_takes_the_best_that_beats_no_relation_or_reaches_the_threshold():
    scores = numpy.asarray([[0.3, 0.4, 0.2], [0.1, 0.3, 0.2], [0.0, 0.0, 0.0]], dtype="f")

    def found(*args):
        return numpy.argwhere(configure_single_label(*args).decide(scores)).tolist()

    assert found() == [[0, 1]]
    # Below, what no-relation beats is found too.
    assert found(0.25) == [[0, 1], [1, 1]]
    assert found(0.0) == [[0, 1], [1, 1], [2, 0]]
    assert found(0.5) == []


def test_single_label_shares_probability_among_several_truths():
    objective = configure_single_label()
    truths = numpy.asarray([[1, 1, 0]], dtype="float32")
    logits = numpy.asarray([[-20, 10, 10, -20]], dtype="float32")
    gradient, _ = objective.loss(OPS, logits, truths)
    numpy.testing.assert_allclose(gradient, 0, atol=1e-5)


def test_adaptive_threshold_compares_with_the_threshold_class():
    logits = numpy.asarray([[1.0, 2.0, 0.0], [-5.0, -4.0, -6.0]], dtype="float32")
    objective = configure_adaptive_threshold()
    decided = objective.decide(objective.scores(OPS, logits))
    assert decided.tolist() == [[True, False], [True, False]]
    # At a lower threshold those too that fall short of that class by little.
    lenient = configure_adaptive_threshold(threshold=0.2)
    decided = lenient.decide(lenient.scores(OPS, logits))
    assert decided.tolist() == [[True, True], [True, True]]
    strict = configure_adaptive_threshold(threshold=0.8)
    assert not strict.decide(strict.scores(OPS, logits)).any()


def test_scores_at_the_threshold():
    """A threshold that is given is reached, the learnt one has to be passed."""
    scores = numpy.asarray([[0.5, 0.25]], dtype="float32")
    assert configure_multi_label(threshold=0.25).decide(scores).tolist() == [[True, True]]
    assert configure_single_label(threshold=0.5).decide(scores).tolist() == [[True, False]]
    assert configure_adaptive_threshold().decide(scores).tolist() == [[False, False]]


def test_positive_weight_scales_the_loss_of_what_holds_alone():
    logits = numpy.asarray([[0.3, -0.2]], dtype="float32")
    truths = numpy.asarray([[1, 0]], dtype="float32")
    plain, _ = configure_multi_label().loss(OPS, logits, truths)
    weighted, _ = configure_multi_label(positive_weight=4.0).loss(OPS, logits, truths)
    assert weighted[0, 0] == pytest.approx(4 * plain[0, 0])
    assert weighted[0, 1] == pytest.approx(plain[0, 1])


def test_positive_weight_of_the_adaptive_threshold():
    """It finds more: what pulls a label over the threshold outweighs what holds it down."""
    logits = numpy.zeros((2, 2), dtype="float32")
    truths = numpy.asarray([[1], [0]], dtype="float32")
    gradient, _ = configure_adaptive_threshold(positive_weight=3.0).loss(OPS, logits, truths)
    assert gradient.tolist() == [[1.5, -1.5], [-0.5, 0.5]]


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
@pytest.mark.parametrize(
    "configure", [configure_multi_label, configure_single_label, configure_adaptive_threshold]
)
def test_threshold_out_of_range_is_an_error(configure, threshold):
    with pytest.raises(ValueError, match="threshold must lie between 0 and 1"):
        configure(threshold=threshold)


@pytest.mark.parametrize(
    "options, message",
    [({"positive_weight": 0}, "positive_weight"), ({"focal_gamma": -1}, "focal_gamma")],
)
def test_other_options_out_of_range_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        configure_multi_label(**options)


def test_weight_of_the_adaptive_threshold_out_of_range():
    with pytest.raises(ValueError, match="adaptive_threshold.v1: positive_weight must be above 0"):
        configure_adaptive_threshold(positive_weight=-1.0)
