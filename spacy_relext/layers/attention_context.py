from typing import Callable, Iterator, List, NamedTuple, Optional, Tuple, Union

import numpy
from thinc.api import Model, Ops
from thinc.types import Floats2d, Floats3d, Ints1d

from ..pairs import Evidence, Pairs
from .flatten_tokens import Tokens
from .linear import linear
from .matmul import matmul

KEY_WIDTH = 32
SCALE = KEY_WIDTH**-0.5
# Attention weights held at a time, which bounds the memory; those of all heads, or tails,
# of a doc are kept where they are no more than some blocks.
BLOCK = 1 << 23
N_KEPT = 4
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
    RAISES (ValueError): Where the one is no multiple of the other.
    """
    if nO % n_heads:
        raise ValueError(
            f"the width of an attention context must be a multiple of {n_heads}, the "
            f"number of its heads, found: {nO}"
        )
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
    attention = _Attention(ops, query_h, query_t, key, lengths)

    def attend(pairs: Pairs) -> Floats2d:
        Y = ops.alloc2f(len(pairs), model.get_dim("nO"))
        for part in attention.iter_parts(pairs):
            Y[part.rows] = _merge(matmul(part.weights, value[:, part.tokens]))
        return Y

    def backprop(dY: Floats2d) -> Tuple[Floats2d, Floats2d]:
        d_query_h, d_query_t = xp.zeros_like(query_h), xp.zeros_like(query_t)
        d_key, d_value = xp.zeros_like(key), xp.zeros_like(value)
        # The weights are computed again: kept, they would be the largest thing in memory.
        for part in attention.iter_parts(pairs):
            tokens, weights = part.tokens, part.weights
            dY_i = _split(dY[part.rows], n_heads)
            d_value[:, tokens] += matmul(weights.transpose(0, 2, 1), dY_i)
            d_weights = matmul(dY_i, value[:, tokens].transpose(0, 2, 1))
            if pairs.evidence is not None:
                d_weights += _learn_evidence(ops, weights, pairs.evidence, part.rows)
            mean = (weights * d_weights).sum(axis=2, keepdims=True)
            d_logits = weights * (d_weights - mean) * SCALE
            for query, d_query, ends in (
                (query_h, d_query_h, part.heads),
                (query_t, d_query_t, part.tails),
            ):
                d_entity = _sum_by(ops, d_logits, ends.place, ends.weights.shape[1])
                d_query[:, ends.entities] += matmul(d_entity, key[:, tokens])
                d_key[:, tokens] += matmul(
                    d_entity.transpose(0, 2, 1), query[:, ends.entities]
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
    query_h, query_t, key = (
        _split(layer.predict(Y), model.attrs["n_heads"])
        for layer, Y in zip(model.layers, (entities, entities, X))
    )
    attention = _Attention(model.ops, query_h, query_t, key, lengths)
    for part in attention.iter_parts(pairs):
        yield part.doc, part.rows, part.weights.mean(axis=0)


def init(model: Model, X=None, Y=None) -> None:
    if X is not None:
        (tokens, _), entities, _ = X
        for layer, sample in zip(model.layers, (entities, entities, tokens, tokens)):
            layer.initialize(X=sample)


class _Ends(NamedTuple):
    """The heads or tails of some pairs of a doc.

    entities (Union[slice, Ints1d]): Entities of the batch, those of the pairs among them.
    place (Ints1d): Which of these each pair has.
    weights (Floats3d): What each token weighs for each of them, (heads of the attention,
        entities, tokens).
    """

    entities: Union[slice, Ints1d]
    place: Ints1d
    weights: Floats3d


class _Part(NamedTuple):
    """Some pairs of a doc, and what they look at.

    doc (int): The index of the doc.
    tokens (slice): Its tokens.
    rows (slice): The pairs.
    heads, tails (_Ends): Their heads and tails.
    weights (Floats3d): What each token weighs for each of them, summing up to one.
    """

    doc: int
    tokens: slice
    rows: slice
    heads: _Ends
    tails: _Ends
    weights: Floats3d


class _Attention:
    """What pairs look at, some of them at a time, so that no more than a few blocks of
    weights are there at once, however many entities and tokens a doc has."""

    def __init__(
        self, ops: Ops, query_h: Floats3d, query_t: Floats3d, key: Floats3d, lengths: Ints1d
    ) -> None:
        """
        ops (Ops): Where it is computed.
        query_h, query_t, key (Floats3d): Of the entities as heads and as tails, and of
            the tokens; (heads of the attention, rows, KEY_WIDTH).
        lengths (Ints1d): Number of tokens of each doc.
        """
        self._ops = ops
        self._queries = query_h, query_t
        self._key = key
        self._lengths = lengths
        self._ends = numpy.cumsum(lengths)
        # The doc that it was asked for last, and what weighs tokens for its entities.
        self._last: Tuple[Optional[int], List[Callable]] = (None, [])

    def iter_parts(self, pairs: Pairs) -> Iterator[_Part]:
        """
        pairs (Pairs): The pairs, in the order of their docs.
        YIELDS (_Part): Some of them after the other.
        """
        doc_of_pair = pairs.doc[pairs.head]
        for doc in numpy.unique(doc_of_pair).tolist():
            begin, end = numpy.searchsorted(doc_of_pair, [doc, doc + 1])
            tokens = slice(self._ends[doc] - self._lengths[doc], self._ends[doc])
            size = max(1, BLOCK // (len(self._key) * max(1, self._lengths[doc])))
            if self._last[0] != doc:
                of_doc = slice(*numpy.searchsorted(pairs.doc, [doc, doc + 1]))
                weigh = [self._weigher(Q, tokens, of_doc, size) for Q in self._queries]
                self._last = doc, weigh
            weigh_heads, weigh_tails = self._last[1]
            for first in range(begin, end, size):
                rows = slice(first, min(first + size, end))
                heads, tails = weigh_heads(pairs.head[rows]), weigh_tails(pairs.tail[rows])
                weights = heads.weights[:, heads.place] * tails.weights[:, tails.place]
                weights /= weights.sum(axis=2, keepdims=True)
                yield _Part(doc, tokens, rows, heads, tails, weights)

    def _weigher(
        self, query: Floats3d, tokens: slice, of_doc: slice, size: int
    ) -> Callable[[Ints1d], _Ends]:
        """A function from the heads, or the tails, of some pairs of a doc to what weighs
        for them: computed once, unless the doc has too many entities, of which `size`
        fill a block."""
        ops = self._ops
        K = self._key[:, tokens].transpose(0, 2, 1) * SCALE

        def weigh(entities: Union[slice, Ints1d]) -> Floats3d:
            return _exp(ops.xp, matmul(query[:, entities], K))

        if of_doc.stop - of_doc.start <= N_KEPT * size:
            weights = weigh(of_doc)

            def look_up(which: Ints1d) -> _Ends:
                return _Ends(of_doc, ops.asarray1i(which - of_doc.start), weights)

            return look_up

        def weigh_some(which: Ints1d) -> _Ends:
            entities, place = numpy.unique(which, return_inverse=True)
            entities = ops.asarray1i(entities)
            return _Ends(entities, ops.asarray1i(place), weigh(entities))

        return weigh_some


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
