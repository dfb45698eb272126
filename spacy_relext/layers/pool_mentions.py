from typing import Callable, Optional, Tuple

from thinc.api import Model, Ops
from thinc.types import Floats2d

from ..pairs import Pairs
from .reduce_logsumexp import reduce_logsumexp, unchanged

MENTION_POOLINGS = ("logsumexp", "max", "mean")


def pool_mentions(pooling: Optional[str]) -> Model[Tuple[Floats2d, Pairs], Floats2d]:
    """One vector an entity, from those of its mentions. Of a single mention it is the
    vector itself, whatever the pooling.

    pooling (str): "logsumexp", a smooth maximum (Jia et al. 2019, "Document-Level N-ary
        Relation Extraction with Multiscale Representation Learning", section 3.2),
        "max" or "mean"; None to leave the mentions as they are.
    RAISES (ValueError): On another pooling.
    """
    if pooling is not None and pooling not in MENTION_POOLINGS:
        raise ValueError(
            "spacy-relext.RelationModel.v1: mention_pooling must be one of "
            f"{', '.join(MENTION_POOLINGS)} or scores, found: {pooling!r}"
        )
    return Model("pool_mentions", forward, attrs={"pooling": pooling})


def forward(
    model: Model[Tuple[Floats2d, Pairs], Floats2d],
    inputs: Tuple[Floats2d, Pairs],
    is_train: bool,
) -> Tuple[Floats2d, Callable]:
    X, pairs = inputs
    if pairs.entity is None or model.attrs["pooling"] is None:
        return X, unchanged
    ops: Ops = model.ops
    if model.attrs["pooling"] == "logsumexp":
        return reduce_logsumexp(ops, X, pairs.n_mentions)
    lengths = ops.asarray1i(pairs.n_mentions)
    if model.attrs["pooling"] == "mean":
        return ops.reduce_mean(X, lengths), lambda dY: ops.backprop_reduce_mean(dY, lengths)
    largest, which = ops.reduce_max(X, lengths)
    return largest, lambda dY: ops.backprop_reduce_max(dY, which, lengths)
