"""How much a doc speaks of its entities."""

import numpy

from spacy_relext.layers import measure_prominence
from spacy_relext.layers.measure_prominence import COUNTS, PLACES, SHARES
from spacy_relext.pairs import Pairs

from .test_gradients import make_pairs

WIDTHS = [len(COUNTS), len(SHARES), len(COUNTS), len(PLACES)]


def measure(pairs):
    """The bounds reached, summed up: of mentions, share, alike and place."""
    Y = measure_prominence().predict(pairs)
    assert Y.dtype == "float32"
    parts = numpy.split(Y, numpy.cumsum(WIDTHS)[:-1], axis=1)
    return numpy.stack([part.sum(axis=1) for part in parts], axis=1).tolist()


def test_an_entity_is_compared_with_others_of_its_label_and_doc():
    # Of label 1: four mentions from token 9 on, and one at token 31. Of label 2,
    # and in another doc: one mention each.
    mentions = [
        *((0, start, start + 1, 1) for start in (9, 12, 50, 60)),
        (0, 31, 32, 1),
        (0, 2, 3, 2),
        (1, 200, 201, 1),
    ]
    pairs = make_pairs(mentions, 2, numpy.asarray([0, 0, 0, 0, 1, 2, 3]))
    assert measure(pairs) == [
        [3, 4, 1, 1],
        [0, 1, 1, 2],
        [0, 4, 0, 0],
        [0, 4, 0, 5],
    ]


def test_mentions_that_are_entities_differ_by_place_and_number_alone():
    pairs = make_pairs([(0, 0, 1, 1), (0, 70, 71, 1), (0, 3, 4, 2)], 1)
    assert measure(pairs) == [[0, 4, 1, 0], [0, 4, 1, 4], [0, 4, 0, 0]]


def test_no_entities():
    assert measure(Pairs.all([[], []])) == []
