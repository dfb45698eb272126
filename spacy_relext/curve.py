"""The precision-recall curve of a relation extractor, and the area under it."""

from copy import copy
from typing import (
    Any,
    Collection,
    Dict,
    Iterable,
    List,
    NamedTuple,
    Optional,
    Tuple,
)

import numpy
from spacy.training import Example
from spacy.util import minibatch
from thinc.types import Floats1d

from .decoding import decide
from .extractor import RelationExtractor
from .reference import Reference, match_pairs
from .truths import get_truths
from .user_data import has_relations

N_POINTS = 100
N_DOCS_TOGETHER = 32


class Curve(NamedTuple):
    """Precision and recall at each threshold, the highest threshold first.

    threshold (Floats1d): The scores from which a candidate is taken, each once.
    precision (Floats1d): The share of those taken that is right.
    recall (Floats1d): The share of what is there to be found that was taken.
    """

    threshold: Floats1d
    precision: Floats1d
    recall: Floats1d

    @property
    def area(self) -> float:
        """RETURNS (float): The area under the curve, as the average precision: the
        precision at each threshold, weighted by the gain in recall. Nothing is
        interpolated, which would be too good (Davis and Goadrich 2006, "The
        Relationship Between Precision-Recall and ROC Curves")."""
        gains = numpy.diff(self.recall, prepend=0)
        return float((gains * self.precision).sum())

    @property
    def best(self) -> Dict[str, float]:
        """RETURNS (Dict[str, float]): Where precision and recall have the largest
            harmonic mean: `threshold`, `p`, `r` and `f`. The threshold stands halfway
            to the next lower score, so that those with this one pass it. Empty
            without candidates."""
        if not len(self.threshold):
            return {}
        total = numpy.maximum(self.precision + self.recall, 1e-12)
        f_score = 2 * self.precision * self.recall / total
        best = int(f_score.argmax())
        below = numpy.append(self.threshold[1:], 0)[best]
        return {
            "threshold": float(self.threshold[best] + below) / 2,
            "p": float(self.precision[best]),
            "r": float(self.recall[best]),
            "f": float(f_score[best]),
        }

    @property
    def points(self) -> List[Dict[str, Any]]:
        """RETURNS (List[Dict[str, float]]): What it takes to draw the curve: at most
        100 of its points, about evenly spaced in recall, as plain values."""
        if not len(self.recall):
            return []
        wanted = numpy.linspace(self.recall[0], self.recall[-1], N_POINTS)
        rows = numpy.unique(numpy.searchsorted(self.recall, wanted))
        return [
            {"threshold": threshold, "p": precision, "r": recall}
            for threshold, precision, recall in zip(*(x[rows].tolist() for x in self))
        ]


def get_curve(scores: Floats1d, truths: Floats1d, n_true: int) -> Curve:
    """The curve over all thresholds.

    scores (Floats1d): The scores of the candidates.
    truths (Floats1d): Which of them are right, 1 or 0.
    n_true (int): Number of what is there to be found, above 0; what is no candidate
        is found at no threshold.
    RETURNS (Curve): The curve, empty without candidates.
    """
    scores = numpy.nan_to_num(scores)
    order = numpy.argsort(-scores, kind="stable")
    scores, n_right = scores[order], numpy.cumsum(truths[order], dtype="float64")
    # Candidates with the same score are taken together.
    last = numpy.flatnonzero(numpy.diff(scores, append=-1))
    n_right = n_right[last]
    return Curve(scores[last], n_right / (last + 1), n_right / n_true)


def check_threshold(pipe: RelationExtractor) -> None:
    """Check that there are thresholds to draw a curve of.

    pipe (RelationExtractor): The relation extractor.
    RAISES (ValueError): Where its objective, one of a user's own, has no `threshold`.
    """
    if not hasattr(pipe.objective, "threshold"):
        raise ValueError(
            f"{pipe.name}: no precision-recall curve, as the objective "
            f"{type(pipe.objective).__name__} has no attribute `threshold` by which it "
            "decides"
        )


def rank_candidates(
    pipe: RelationExtractor,
    examples: Iterable[Example],
    labels: Optional[Collection[str]] = None,
) -> Tuple[Floats1d, Floats1d]:
    """The scores of what would be found at the lowest threshold: of each candidate pair
    all labels, or with `spacy-relext.single_label.v1` the best one.

    pipe (RelationExtractor): The relation extractor.
    examples (Iterable[Example]): The examples, their predicted docs as the relation
        extractor gets them: what finds entities and what it listens to has run. Those
        whose reference has no relations annotated are left out.
    labels (Optional[Collection[str]]): The labels to consider, as those of the scorer;
        None for all.
    RETURNS (Tuple[Floats1d, Floats1d]): The scores, one for both directions of a
        symmetric label and one for all parts of an entity, and which of them are right,
        1 or 0, as `score_relations` has it; in main memory.
    RAISES (ValueError): Where its objective has no threshold.
    """
    check_threshold(pipe)
    symmetric = pipe.cfg["symmetric_labels"]
    is_wanted = numpy.asarray([labels is None or label in labels for label in pipe.labels])
    is_symmetric = numpy.asarray([label in symmetric for label in pipe.labels])
    lowest = copy(pipe.objective)
    lowest.threshold = 0.0
    annotated = (eg for eg in examples if has_relations(eg.reference))
    scores, truths = [numpy.zeros(0, dtype="f")], [numpy.zeros(0, dtype="f")]
    for batch in minibatch(annotated, N_DOCS_TOGETHER):
        pairs, batch_scores = pipe.predict([eg.predicted for eg in batch])
        if not len(pairs):
            continue
        decisions = decide(lowest, batch_scores, pairs, pipe.symmetric_columns)
        rows, columns, held = (x[is_wanted[decisions[1]]] for x in decisions)
        # As the scorer does, it looks for entities among all that have one of its labels.
        references = [
            Reference(eg, labels, symmetric, pipe.grouping, pipe.cfg["spans_key"])
            for eg in batch
        ]
        matches = match_pairs(references, pairs)
        heads, tails = matches.head[rows], matches.tail[rows]
        turned = is_symmetric[columns] & (tails < heads)
        heads, tails = numpy.where(turned, [tails, heads], [heads, tails])
        # What was found in parts of an entity counts once, as it does for the scorer.
        triples = numpy.stack([heads, tails, columns], axis=1)
        _, first, where = numpy.unique(
            triples, axis=0, return_index=True, return_inverse=True
        )
        best = numpy.zeros(len(first), dtype="f")
        numpy.maximum.at(best, where.ravel(), held)
        scores.append(best)
        right = get_truths(matches.relations, pairs, pipe.labels)
        truths.append(right[rows[first], columns[first]])
    return numpy.concatenate(scores), numpy.concatenate(truths)
