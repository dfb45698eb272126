from typing import Callable, Dict, Iterator, List, Tuple

import numpy
from thinc.api import Model, Ops
from thinc.types import Floats2d, Floats3d

from ..pairs import Evidence, Pairs
from .flatten_tokens import Tokens
from .linear import linear
from .matmul import matmul

KEY_WIDTH = 32
SCALE = KEY_WIDTH**-0.5
# Attention weights held at a time, which bounds the memory.
BLOCK = 1 << 23
# exp(-2 * 30) is still a float32, so the attention of a pair never sums up to zero.
LARGEST_DROP = 30.0
# Of the attention that goes to evidence, which a logarithm is taken of.
SMALLEST_SHARE = 1e-9


def attention_context(
    nO: int, n_heads: int = 4
) -> Model[Tuple[Tokens, Floats2d, Pairs], Callable]:
    """What matters to a pair in its doc: attention over all tokens, factorised.

    A token's weight for a pair is the product of its weights for head and for
    tail, so those are computed once an entity (after the localised context
    pooling of Zhou et al. 2021, with learnt attention in place of the encoder's).
    The output is a function from Pairs to Floats2d, so that the pairs can come in
    blocks.

    Where the pairs have evidence, the layer learns to attend to it as well: the loss is
    the cross-entropy of the attention that each sentence gets, as the mean over the heads,
    with equal shares for those of the evidence (Ma et al. 2023, "DREEAM: Guiding Attention
    with Evidence for Improving Document-Level Relation Extraction").

    nO (int): Width of the context, a multiple of `n_heads`.
    n_heads (int): Number of attention heads.
    """
    width = n_heads * KEY_WIDTH
    layers = [linear(width), linear(width), linear(width), linear(nO)]
    return Model(
        "attention_context",
        forward,
        init=init,
        layers=layers,
        dims={"nO": nO},
        attrs={"n_heads": n_heads},
    )


def forward(
    model: Model, inputs: Tuple[Tokens, Floats2d, Pairs], is_train: bool
) -> Tuple[Callable[[Pairs], Floats2d], Callable]:
    (X, lengths), entities, pairs = inputs
    ops, xp, n_heads = model.ops, model.ops.xp, model.attrs["n_heads"]
    (query_h, bp_query_h), (query_t, bp_query_t) = (
        layer(entities, is_train) for layer in model.layers[:2]
    )
    (key, bp_key), (value, bp_value) = (layer(X, is_train) for layer in model.layers[2:])
    query_h, query_t, key, value = (
        _split(Y, n_heads)
        for Y in (query_h, query_t, key, value)
    )
    docs = list(_doc_slices(pairs, lengths))
    weights = _weigh_tokens(xp, query_h, query_t, key, docs)

    def attend(pairs: Pairs) -> Floats2d:
        Y = ops.alloc2f(len(pairs), model.get_dim("nO"))
        for i, rows, head, tail, _, of_tokens in _pair_slices(ops, pairs, docs, n_heads):
            attention = _attend(weights[i], head, tail)
            Y[rows] = _merge(matmul(attention, value[:, of_tokens]))
        return Y

    def backprop(dY: Floats2d) -> Tuple[Floats2d, Floats2d]:
        d_query_h, d_query_t = xp.zeros_like(query_h), xp.zeros_like(query_t)
        d_key, d_value = xp.zeros_like(key), xp.zeros_like(value)
        for i, rows, head, tail, of_entities, of_tokens in _pair_slices(
            ops, pairs, docs, n_heads
        ):
            # Computed again: kept, it would be the largest thing in the memory.
            attention = _attend(weights[i], head, tail)
            dY_i = _split(dY[rows], n_heads)
            d_value[:, of_tokens] += matmul(attention.transpose(0, 2, 1), dY_i)
            d_attention = matmul(dY_i, value[:, of_tokens].transpose(0, 2, 1))
            if pairs.evidence is not None:
                d_attention += _learn_evidence(ops, attention, pairs.evidence, rows)
            mean = (attention * d_attention).sum(axis=2, keepdims=True)
            d_logits = attention * (d_attention - mean) * SCALE
            for query, d_query, which in (
                (query_h, d_query_h, head),
                (query_t, d_query_t, tail),
            ):
                d_entity = _sum_by(ops, d_logits, which, weights[i][0].shape[1])
                d_query[:, of_entities] += matmul(d_entity, key[:, of_tokens])
                d_key[:, of_tokens] += matmul(
                    d_entity.transpose(0, 2, 1), query[:, of_entities]
                )
        dX = bp_key(_merge(d_key)) + bp_value(_merge(d_value))
        return dX, bp_query_h(_merge(d_query_h)) + bp_query_t(_merge(d_query_t))

    return attend, backprop


def get_attention(
    model: Model, inputs: Tuple[Tokens, Floats2d, Pairs]
) -> Iterator[Tuple[int, slice, Floats2d]]:
    """What the pairs look at.

    model (Model): The layer, trained.
    inputs (Tuple[Tokens, Floats2d, Pairs]): Its inputs.
    YIELDS (Tuple[int, slice, Floats2d]): The index of a doc, some of its pairs, and the
        weight of each token of the doc for each of them, as the mean over the heads;
        (pairs, tokens).
    """
    (X, lengths), entities, pairs = inputs
    n_heads = model.attrs["n_heads"]
    query_h, query_t, key = (
        _split(layer.predict(Y), n_heads)
        for layer, Y in zip(model.layers, (entities, entities, X))
    )
    docs = list(_doc_slices(pairs, lengths))
    weights = _weigh_tokens(model.ops.xp, query_h, query_t, key, docs)
    for i, rows, head, tail, *_ in _pair_slices(model.ops, pairs, docs, n_heads):
        yield i, rows, _attend(weights[i], head, tail).mean(axis=0)


def init(model: Model, X=None, Y=None) -> None:
    if X is not None:
        (tokens, _), entities, _ = X
        for layer, sample in zip(model.layers, (entities, entities, tokens, tokens)):
            layer.initialize(X=sample)


def _weigh_tokens(
    xp, query_h: Floats3d, query_t: Floats3d, key: Floats3d, docs
) -> Dict[int, List[Floats3d]]:
    """For each doc what each token weighs for each entity, as head and as tail."""
    weights = {}
    for i, of_entities, of_tokens in docs:
        K = key[:, of_tokens].transpose(0, 2, 1) * SCALE
        logits = (matmul(Q[:, of_entities], K) for Q in (query_h, query_t))
        weights[i] = [_exp(xp, of_role) for of_role in logits]
    return weights


def _attend(weights: List[Floats3d], head, tail) -> Floats3d:
    """For each pair what each token weighs, summing up to one."""
    attention = weights[0][:, head] * weights[1][:, tail]
    attention /= attention.sum(axis=2, keepdims=True)
    return attention


def _learn_evidence(
    ops: Ops, attention: Floats3d, evidence: Evidence, rows: slice
) -> Floats3d:
    """The gradient with respect to the attention of some pairs of a doc; notes the
    loss."""
    n_heads, _, n_tokens = attention.shape
    place, inside, wanted = evidence.of_pairs(rows, n_tokens)
    place, inside = ops.asarray1i(place), ops.asarray2f(inside, dtype="float32")
    wanted = evidence.weight * ops.asarray2f(wanted[:, None], dtype="float32")
    mean = attention.mean(axis=0)
    share = (mean[place] * inside).sum(axis=1, keepdims=True)
    share = ops.xp.maximum(share, SMALLEST_SHARE)
    evidence.losses.append(-(wanted * ops.xp.log(share)).sum())
    d_mean = ops.alloc2f(*mean.shape)
    ops.scatter_add(d_mean, place, inside * (-wanted / share))
    return d_mean / n_heads


def _exp(xp, logits: Floats3d) -> Floats3d:
    return xp.exp(xp.maximum(logits - logits.max(axis=2, keepdims=True), -LARGEST_DROP))


def _split(Y: Floats2d, n_heads: int) -> Floats3d:
    """(rows, heads * width) to (heads, rows, width)."""
    return Y.reshape(len(Y), n_heads, Y.shape[1] // n_heads).transpose(1, 0, 2)


def _merge(Y: Floats3d) -> Floats2d:
    """(heads, rows, width) to (rows, heads * width)."""
    return Y.transpose(1, 0, 2).reshape(Y.shape[1], Y.shape[0] * Y.shape[2])


def _sum_by(ops, Y: Floats3d, which, n_rows: int) -> Floats3d:
    """Sum the rows of each head by the entity that they belong to."""
    n_heads, n_pairs, width = Y.shape
    total = ops.alloc2f(n_rows, n_heads * width)
    ops.scatter_add(total, which, ops.as_contig(_merge(Y)))
    return total.reshape(n_rows, n_heads, width).transpose(1, 0, 2)


def _doc_slices(pairs: Pairs, lengths) -> Iterator[Tuple[int, slice, slice]]:
    """For each doc with entities their range and that of its tokens."""
    token_ends = numpy.cumsum(lengths)
    docs, starts = numpy.unique(pairs.doc, return_index=True)
    for i, start, end in zip(docs, starts, [*starts[1:], pairs.n_entities]):
        yield int(i), slice(start, end), slice(token_ends[i] - lengths[i], token_ends[i])


def _pair_slices(ops: Ops, pairs: Pairs, docs, n_heads: int) -> Iterator[Tuple]:
    """For each doc with pairs a range of them after the other, their heads and tails
    counted within the doc, and its entities and tokens. Pairs stand in the order of their
    docs."""
    doc_of_pair = pairs.doc[pairs.head]
    for i, of_entities, of_tokens in docs:
        begin, end = numpy.searchsorted(doc_of_pair, [i, i + 1])
        n_tokens = of_tokens.stop - of_tokens.start
        size = max(1, BLOCK // (n_heads * max(1, n_tokens)))
        for first in range(begin, end, size):
            rows = slice(first, min(first + size, end))
            head = ops.asarray1i(pairs.head[rows] - of_entities.start)
            tail = ops.asarray1i(pairs.tail[rows] - of_entities.start)
            yield i, rows, head, tail, of_entities, of_tokens
