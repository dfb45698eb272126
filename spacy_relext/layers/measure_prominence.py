from typing import Callable, Tuple

import numpy
from thinc.api import Model
from thinc.types import Floats2d

from ..pairs import Pairs

# What is reached from which value on: numbers of mentions and of entities, shares, and
# tokens from the start of the doc.
COUNTS = numpy.asarray([2, 3, 4, 6, 8, 12])
SHARES = numpy.asarray([0.25, 0.5, 0.75, 1.0])
PLACES = numpy.asarray([8, 16, 32, 64, 128])


def measure_prominence() -> Model[Pairs, Floats2d]:
    """How much a doc speaks of each entity: the number of its mentions, their share of
    those of the most mentioned entity with the same label, the number of entities with
    that label, and the token that the first mention begins with. Each is a row of ones
    and zeros that says which values it reaches.

    What a document is about is mentioned often and early, and most of its relations are
    of that; pooled token vectors do not tell.
    """
    nO = 2 * len(COUNTS) + len(SHARES) + len(PLACES)
    return Model("measure_prominence", forward, dims={"nO": nO})


def forward(
    model: Model[Pairs, Floats2d], pairs: Pairs, is_train: bool
) -> Tuple[Floats2d, Callable]:
    most, n_alike = _compare_alike(pairs)
    reached = (
        pairs.n_mentions[:, None] >= COUNTS,
        (pairs.n_mentions / most)[:, None] >= SHARES,
        n_alike[:, None] >= COUNTS,
        pairs.start[pairs.first_mention][:, None] >= PLACES,
    )
    features = model.ops.asarray2f(numpy.hstack(reached), dtype="float32")
    return features, lambda d_features: pairs


def _compare_alike(pairs: Pairs) -> Tuple[numpy.ndarray, numpy.ndarray]:
    """For each entity the largest number of mentions of one with the same label in its
    doc, and the number of such entities."""
    _, label = numpy.unique(pairs.label, return_inverse=True)
    keys = pairs.doc.astype("int64") * (pairs.n_entities + 1) + label
    _, kind, counts = numpy.unique(keys, return_inverse=True, return_counts=True)
    most = numpy.zeros(len(counts), dtype="int64")
    numpy.maximum.at(most, kind, pairs.n_mentions)
    return most[kind], counts[kind]
