from typing import Callable, Optional, Sequence, Tuple

from thinc.api import Model, Ops
from thinc.types import Floats2d, Ints1d

from ..pairs import Pairs, ranges
from .flatten_tokens import Tokens
from .pool_mentions import pool_mentions
from .reduce_logsumexp import unchanged

POOLINGS = ("mean", "max", "first_last")


def entity_vectors(
    pooling: str,
    mention_pooling: Optional[str] = "logsumexp",
    features: Sequence[Model[Pairs, Floats2d]] = (),
) -> Model[Tuple[Tokens, Pairs], Floats2d]:
    """One vector an entity: the tokens of each mention pooled, its mentions pooled, and
    what else is known of it; or one a mention.

    pooling (str): "mean", "max" or "first_last" (both, side by side).
    mention_pooling (Optional[str]): As of `pool_mentions`; None for one vector a mention,
        with what else is known of its entity.
    features (Sequence[Model[Pairs, Floats2d]]): Layers that give more features of each
        entity.
    RAISES (ValueError): On another pooling.
    """
    if pooling not in POOLINGS:
        raise ValueError(
            "spacy-relext.RelationModel.v1: pooling must be one of "
            f"{', '.join(POOLINGS)}, found: {pooling!r}"
        )
    return Model(
        "entity_vectors",
        forward,
        init=init,
        layers=[pool_mentions(mention_pooling), *features],
        attrs={"pooling": pooling, "one_a_mention": mention_pooling is None},
    )


def forward(
    model: Model[Tuple[Tokens, Pairs], Floats2d],
    inputs: Tuple[Tokens, Pairs],
    is_train: bool,
) -> Tuple[Floats2d, Callable]:
    (X, lengths), pairs = inputs
    starts, ends = pairs.flat_bounds(lengths)
    mentions, backprop_mentions = _POOL[model.attrs["pooling"]](model.ops, X, starts, ends)
    merge, *features = model.layers
    pooled, backprop_pooled = merge((mentions, pairs), is_train)
    repeat = _each_mention if model.attrs["one_a_mention"] else _each_entity
    parts, callbacks = [pooled], []
    for layer in features:
        of_entities, backprop_layer = layer(pairs, is_train)
        of_layer, backprop_repeat = repeat(model.ops, of_entities, pairs)
        parts.append(of_layer)
        callbacks.append((backprop_layer, backprop_repeat))

    def backprop(d_vectors: Floats2d) -> Floats2d:
        end = pooled.shape[1]
        d_pooled = model.ops.as_contig(d_vectors[:, :end])
        for of_layer, (backprop_layer, backprop_repeat) in zip(parts[1:], callbacks):
            start, end = end, end + of_layer.shape[1]
            d_layer = model.ops.as_contig(d_vectors[:, start:end])
            backprop_layer(backprop_repeat(d_layer))
        return backprop_mentions(backprop_pooled(d_pooled))

    return model.ops.xp.hstack(parts), backprop


def init(model: Model, X=None, Y=None) -> None:
    for layer in model.layers[1:]:
        layer.initialize()


def _each_entity(ops: Ops, Y: Floats2d, pairs: Pairs) -> Tuple[Floats2d, Callable]:
    return Y, unchanged


def _each_mention(ops: Ops, Y: Floats2d, pairs: Pairs) -> Tuple[Floats2d, Callable]:
    """The row of its entity for each mention."""
    if pairs.entity is None:
        return _each_entity(ops, Y, pairs)
    entity = ops.asarray1i(pairs.entity)

    def backprop(d_mentions: Floats2d) -> Floats2d:
        dY = ops.alloc2f(*Y.shape)
        ops.scatter_add(dY, entity, d_mentions)
        return dY

    return Y[entity], backprop


def _pool_spans(reduce: str):
    def pool(ops, X: Floats2d, starts: Ints1d, ends: Ints1d):
        lengths = ops.asarray1i(ends - starts)
        rows = ops.asarray1i(ranges(starts, ends - starts))
        inside = ops.as_contig(X[rows])
        if reduce == "mean":
            Y = ops.reduce_mean(inside, lengths)
        else:
            Y, which = ops.reduce_max(inside, lengths)

        def backprop(dY: Floats2d) -> Floats2d:
            # A token's gradient is the sum over the mentions that it is part of.
            dX = ops.alloc2f(*X.shape)
            if len(dY):
                if reduce == "mean":
                    d_inside = ops.backprop_reduce_mean(dY, lengths)
                else:
                    d_inside = ops.backprop_reduce_max(dY, which, lengths)
                ops.scatter_add(dX, rows, d_inside)
            return dX

        return Y, backprop

    return pool


def _pool_first_last(ops, X: Floats2d, starts: Ints1d, ends: Ints1d):
    first, last = ops.asarray1i(starts), ops.asarray1i(ends - 1)

    def backprop(dY: Floats2d) -> Floats2d:
        dX = ops.alloc2f(*X.shape)
        ops.scatter_add(dX, first, ops.as_contig(dY[:, : X.shape[1]]))
        ops.scatter_add(dX, last, ops.as_contig(dY[:, X.shape[1] :]))
        return dX

    return ops.xp.hstack([X[first], X[last]]), backprop


_POOL = {
    "mean": _pool_spans("mean"),
    "max": _pool_spans("max"),
    "first_last": _pool_first_last,
}

