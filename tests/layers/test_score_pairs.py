import numpy
import pytest

from spacy_relext.layers.score_pairs import N_POSITIONS, pair_positions
from spacy_relext.pairs import Pairs


def position(head, tail):
    """The position of one pair, each mention given by its bounds."""
    (head_start, head_end), (tail_start, tail_end) = head, tail
    pairs = Pairs(
        doc=numpy.zeros(2, dtype="int32"),
        start=numpy.asarray([head_start, tail_start], dtype="int32"),
        end=numpy.asarray([head_end, tail_end], dtype="int32"),
        label=numpy.zeros(2, dtype="uint64"),
        head=numpy.asarray([0], dtype="int32"),
        tail=numpy.asarray([1], dtype="int32"),
    )
    return int(pair_positions(pairs)[0])


def test_every_kind_of_position_has_a_number_of_its_own():
    outer, inside, across = (10, 14), (11, 12), (12, 16)
    near, far = (15, 16), (40, 41)
    pairs = [
        *[(outer, near), (near, outer), (outer, far), (far, outer)],
        *[(outer, inside), (inside, outer), (outer, across)],
    ]
    found = [position(*pair) for pair in pairs]
    assert len(set(found)) == len(pairs)
    assert all(0 <= number < N_POSITIONS for number in found)


@pytest.mark.parametrize("start, end", [(10, 12), (10, 11), (11, 14)])
def test_a_mention_that_shares_an_end_is_nested_too(start, end):
    outer, inner = (10, 14), (start, end)
    assert position(inner, outer) == position((11, 12), outer)
    assert position(outer, inner) == position(outer, (11, 12))


def test_distance_is_counted_in_ranges_up_to_a_limit():
    near = [position((0, 1), (1 + n, 2 + n)) for n in range(5)]
    assert len(set(near)) == 5
    assert position((0, 1), (7, 8)) == position((0, 1), (8, 9))
    assert position((0, 1), (70, 71)) == position((0, 1), (700, 701))
