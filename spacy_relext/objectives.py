"""Loss, scores and decision of a classification task, which must not drift apart.

The model's outputs are logits. An objective says how many there are, what their
gradient is, which score between 0 and 1 each label gets, and which labels hold.
All losses are sums over the pairs, as those of spaCy's own components are.
"""

from typing import Optional, Protocol, Tuple

from spacy.util import registry
from thinc.api import Ops, get_array_module
from thinc.types import Floats2d


class Objective(Protocol):
    """What the relation extractor asks of an objective.

    Arrays are (pairs, outputs) for logits and their gradient, (pairs, labels)
    for scores, truths (0 or 1) and decisions. One that decides by a score has it as the
    attribute `threshold`, which the precision-recall curve moves.
    """

    def n_outputs(self, n_labels: int) -> int:
        """Number of the model's outputs: the labels, and before them at most one class of
        its own, which labels are held against."""

    def loss(self, ops: Ops, logits: Floats2d, truths: Floats2d) -> Tuple[Floats2d, float]:
        """The gradient of the loss with respect to the logits, and the loss."""

    def scores(self, ops: Ops, logits: Floats2d) -> Floats2d:
        """For each label the model's confidence between 0 and 1."""

    def decide(self, scores: Floats2d) -> Floats2d:
        """Which labels hold, by their scores alone."""


@registry.misc("spacy-relext.multi_label.v1")
def configure_multi_label(
    threshold: float = 0.5, positive_weight: float = 1.0, focal_gamma: float = 0.0
) -> Objective:
    """Any number of labels a pair: sigmoid, cross-entropy, threshold.

    threshold (float): The score from which a label holds, 0 to 1.
    positive_weight (float): Factor on the loss of labels that hold; above 1 for
        recall, below for precision.
    focal_gamma (float): Exponent that plays down what is classified well already
        (Lin et al. 2017, "Focal Loss for Dense Object Detection"); 0 for plain
        cross-entropy.
    RAISES (ValueError): Where an option is out of its range.
    """
    return MultiLabel(threshold, positive_weight, focal_gamma)


class MultiLabel:
    """The objective behind `spacy-relext.multi_label.v1`."""

    def __init__(
        self, threshold: float, positive_weight: float, focal_gamma: float
    ) -> None:
        self.threshold = _check_threshold("multi_label", threshold)
        self._positive_weight = _check_weight("multi_label", positive_weight)
        if not focal_gamma >= 0:
            raise ValueError(
                "spacy-relext.multi_label.v1: focal_gamma must be at least 0, found: "
                f"{focal_gamma}"
            )
        self._gamma = focal_gamma

    def n_outputs(self, n_labels: int) -> int:
        return n_labels

    def loss(self, ops: Ops, logits: Floats2d, truths: Floats2d) -> Tuple[Floats2d, float]:
        xp = get_array_module(logits)
        # Seen from the right answer both classes are alike: with z the logit of
        # the right answer and p its probability, the loss is -(1-p)^gamma log p.
        sign = 2 * truths - 1
        z = sign * logits
        log_p = -xp.logaddexp(0, -z)
        p = xp.exp(log_p)
        weight = xp.where(truths > 0, self._positive_weight, 1.0) * (1 - p) ** self._gamma
        d_z = weight * (self._gamma * p * log_p - (1 - p))
        return ops.asarray2f(d_z * sign), float(-(weight * log_p).sum())

    def scores(self, ops: Ops, logits: Floats2d) -> Floats2d:
        return ops.sigmoid(logits)

    def decide(self, scores: Floats2d) -> Floats2d:
        return scores >= self.threshold


@registry.misc("spacy-relext.single_label.v1")
def configure_single_label(threshold: Optional[float] = None) -> Objective:
    """At most one label a pair: softmax over the labels and no-relation.

    threshold (Optional[float]): The score from which the best label holds, 0 to 1, be
        no-relation likelier or not; None: it holds where it beats no-relation.
    RAISES (ValueError): Where the threshold is out of its range.
    """
    return SingleLabel(threshold)


class SingleLabel:
    """The objective behind `spacy-relext.single_label.v1`; output 0 is no-relation."""

    def __init__(self, threshold: Optional[float]) -> None:
        if threshold is not None:
            _check_threshold("single_label", threshold)
        self.threshold = threshold

    def n_outputs(self, n_labels: int) -> int:
        return n_labels + 1

    def loss(self, ops: Ops, logits: Floats2d, truths: Floats2d) -> Tuple[Floats2d, float]:
        xp = get_array_module(logits)
        n_true = truths.sum(axis=1, keepdims=True)
        # A pair annotated with several labels shares its probability among them.
        targets = xp.hstack([n_true == 0, truths / xp.maximum(n_true, 1)])
        log_p = _log_softmax(xp, logits)
        d_logits = xp.exp(log_p) - targets
        return ops.asarray2f(d_logits), float(-(targets * log_p).sum())

    def scores(self, ops: Ops, logits: Floats2d) -> Floats2d:
        return ops.softmax(logits)[:, 1:]

    def decide(self, scores: Floats2d) -> Floats2d:
        xp = get_array_module(scores)
        best = scores.argmax(axis=1)[:, None] == xp.arange(scores.shape[1])
        if self.threshold is not None:
            return best & (scores >= self.threshold)
        return best & (scores > 1 - scores.sum(axis=1, keepdims=True))


@registry.misc("spacy-relext.adaptive_threshold.v1")
def configure_adaptive_threshold(
    threshold: float = 0.5, positive_weight: float = 1.0
) -> Objective:
    """Any number of labels a pair, with a threshold learnt for each pair.

    Zhou et al. 2021, "Document-Level Relation Extraction with Adaptive
    Thresholding and Localized Context Pooling", equations 6 to 8; with the defaults the
    labels that hold are those of the paper.

    threshold (float): The score above which a label holds, 0 to 1. At 0.5 a label's logit
        has to pass that of the threshold class; below, it may fall short of it.
    positive_weight (float): Factor on the loss of labels that hold, equation 6; above 1
        for recall, below for precision.
    RAISES (ValueError): Where an option is out of its range.
    """
    return AdaptiveThreshold(threshold, positive_weight)


class AdaptiveThreshold:
    """The objective behind `spacy-relext.adaptive_threshold.v1`; output 0 is the
    threshold class."""

    def __init__(self, threshold: float, positive_weight: float) -> None:
        self.threshold = _check_threshold("adaptive_threshold", threshold)
        self._positive_weight = _check_weight("adaptive_threshold", positive_weight)

    def n_outputs(self, n_labels: int) -> int:
        return n_labels + 1

    def loss(self, ops: Ops, logits: Floats2d, truths: Floats2d) -> Tuple[Floats2d, float]:
        xp, weight = get_array_module(logits), self._positive_weight
        true = xp.hstack([xp.zeros_like(truths[:, :1]), truths])
        threshold = xp.zeros_like(true)
        threshold[:, 0] = 1
        n_true = truths.sum(axis=1, keepdims=True)
        # The labels that hold, each against the threshold ...
        log_p = _log_softmax(xp, xp.where(true + threshold > 0, logits, -xp.inf))
        d_logits = weight * (n_true * xp.exp(log_p) - true)
        loss = -weight * xp.where(true > 0, log_p, 0).sum()
        # ... and the threshold against the labels that do not.
        log_p = _log_softmax(xp, xp.where(true > 0, -xp.inf, logits))
        d_logits += xp.exp(log_p) - threshold
        loss -= log_p[:, 0].sum()
        return ops.asarray2f(d_logits), float(loss)

    def scores(self, ops: Ops, logits: Floats2d) -> Floats2d:
        # The probability of the label against the threshold class alone.
        return ops.sigmoid(logits[:, 1:] - logits[:, :1])

    def decide(self, scores: Floats2d) -> Floats2d:
        return scores > self.threshold


def _log_softmax(xp, logits: Floats2d) -> Floats2d:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - xp.log(xp.exp(shifted).sum(axis=1, keepdims=True))


def _check_threshold(objective: str, threshold: Optional[float]) -> float:
    if threshold is None or not 0 <= threshold <= 1:
        raise ValueError(
            f"spacy-relext.{objective}.v1: threshold must lie between 0 and 1, found: "
            f"{threshold}"
        )
    return threshold


def _check_weight(objective: str, positive_weight: float) -> float:
    if not positive_weight > 0:
        raise ValueError(
            f"spacy-relext.{objective}.v1: positive_weight must be above 0, found: "
            f"{positive_weight}"
        )
    return positive_weight
