"""Every layer's backprop against numerical gradients."""

import sys
import tracemalloc
from dataclasses import replace

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thinc.api import Linear, NumpyOps

from spacy_relext.layers import (
    attention_context,
    embed_types,
    entity_vectors,
    flatten_tokens,
    group_bilinear,
    linear,
    max_context,
    measure_prominence,
    pool_mentions,
    rectify,
    score_pairs,
    sum_contexts,
)
from spacy_relext.layers.score_pairs import iter_scores
from spacy_relext.pairs import Evidence, Pairs

WIDTH = 6
OPS = NumpyOps()


def make_pairs(mentions, n_docs, entity=None):
    """mentions: (doc, start, end, label) by doc; entity: of which entity each is,
    ascending, None where each is of its own."""
    rows = numpy.asarray(mentions, dtype="int64").reshape(-1, 4)
    first = slice(None) if entity is None else numpy.unique(entity, return_index=True)[1]
    doc, label = rows[first, 0], rows[first, 3]
    head, tail = numpy.nonzero(
        (doc[:, None] == doc) & ~numpy.eye(len(doc), dtype=bool)
    )
    return Pairs(
        doc=doc.astype("int32"),
        start=rows[:, 1].astype("int32"),
        end=rows[:, 2].astype("int32"),
        label=label.astype("uint64"),
        head=head.astype("int32"),
        tail=tail.astype("int32"),
        entity=entity,
    )


@st.composite
def batches(draw, max_length=6, max_mentions=4):
    """Token vectors of some docs, and mentions that may nest and overlap; in some
    batches each is an entity, in others entities have several."""
    lengths = draw(st.lists(st.integers(0, max_length), min_size=1, max_size=3))
    mentions, entity = [], []
    many = draw(st.booleans())
    for doc, length in enumerate(lengths):
        for i in range(draw(st.integers(0, max_mentions)) if length else 0):
            start = draw(st.integers(0, length - 1))
            end = draw(st.integers(start + 1, length))
            mentions.append((doc, start, end, draw(st.integers(1, 3))))
            joins = i > 0 and draw(st.booleans())
            entity.append(entity[-1] + (not joins) if entity else 0)
    rng = numpy.random.default_rng(draw(st.integers(0, 1000)))
    X = rng.normal(size=(sum(lengths), WIDTH)).astype("float32")
    entity = numpy.asarray(entity, dtype="int64") if many else None
    pairs = make_pairs(mentions, len(lengths), entity)
    return (X, numpy.asarray(lengths, dtype="int32")), pairs


def check_input_gradient(forward, X, backprop_of, n_checks=6, atol=0.02):
    """forward(X) -> Y and backprop_of(dY) -> dX against central differences."""
    rng = numpy.random.default_rng(0)
    Y = forward(X)
    dY = rng.normal(size=Y.shape).astype("float32")
    dX = backprop_of(dY.copy())
    assert dX.shape == X.shape
    if not X.size:
        return
    eps = 1e-2
    for i in rng.choice(X.size, size=min(n_checks, X.size), replace=False):
        index = numpy.unravel_index(i, X.shape)
        above, below = X.copy(), X.copy()
        above[index] += eps
        below[index] -= eps
        change = ((forward(above) - forward(below)).astype("float64") * dY).sum()
        assert dX[index] == pytest.approx(change / (2 * eps), abs=atol, rel=0.05)


@pytest.mark.parametrize(
    "pooling,mention_pooling",
    [("mean", "logsumexp"), ("first_last", "mean"), ("mean", None)],
)
@settings(max_examples=30)
@given(batch=batches())
def test_entity_vectors_gradient(pooling, mention_pooling, batch):
    (X, lengths), pairs = batch
    model = entity_vectors(pooling, mention_pooling, [embed_types(4), measure_prominence()])
    model.initialize()
    _, backprop = model.begin_update(((X, lengths), pairs))
    check_input_gradient(lambda X: model.predict(((X, lengths), pairs)), X, backprop)


@settings(max_examples=30)
@given(batch=batches())
def test_entity_vectors_gradient_of_max_pooling(batch):
    """On values so far apart that a small step makes no other one the largest."""
    (X, lengths), pairs = batch
    X = X.ravel().argsort().argsort().reshape(X.shape).astype("float32")
    model = entity_vectors("max", "max", [embed_types(4), measure_prominence()])
    model.initialize()
    _, backprop = model.begin_update(((X, lengths), pairs))
    check_input_gradient(lambda X: model.predict(((X, lengths), pairs)), X, backprop)


def smooth_model(
    context=None,
    distance=True,
    pooling="mean",
    features=(),
    group_width=0,
    of_mentions=False,
):
    """score_pairs with a large positive bias, so that the rectifier has no kink
    where the gradient is measured."""
    return score_pairs(
        entity_vectors(pooling, None if of_mentions else "logsumexp", features),
        group_bilinear(group_width) if group_width else rectify(),
        Linear(3),
        width=8,
        pair_width=16 if group_width else 8,
        distance=distance,
        context=context,
        block_size=2,
        of_mentions=of_mentions,
    )


def initialize(model, batch):
    rng = numpy.random.default_rng(1)
    model.initialize(X=batch, Y=OPS.alloc2f(1, 3))
    for node in model.walk():
        for name in node.param_names:
            value = node.get_param(name)
            node.set_param(name, rng.normal(scale=0.5, size=value.shape).astype("float32"))
    if model.attrs["pair_width"] == 8:
        model.layers[2].set_param("b", numpy.full(8, 50, dtype="float32"))
    return model


@pytest.mark.parametrize("context", [None, "attention", "sum"])
@pytest.mark.parametrize("group_width,of_mentions", [(0, False), (4, False), (0, True)])
@settings(max_examples=30)
@given(batch=batches())
def test_score_pairs_gradient(context, group_width, of_mentions, batch):
    (X, lengths), pairs = batch
    width = 16 if group_width else 8
    layer = attention_context(width, n_heads=2) if context else None
    if context == "sum":
        layer = sum_contexts(layer, attention_context(width, n_heads=1))
    smooth = smooth_model(layer, group_width=group_width, of_mentions=of_mentions)
    model = initialize(smooth, batch)
    _, backprop = model.begin_update(batch)
    check_input_gradient(
        lambda X: model.predict(((X, lengths), pairs)),
        X,
        lambda dY: backprop(dY)[0],
        atol=0.05,
    )


@settings(max_examples=30)
@given(batch=batches(), data=st.data())
def test_attention_learns_from_evidence(batch, data):
    """What evidence adds to the gradient is that of the loss that it notes."""
    (X, lengths), pairs = batch
    ranges = []
    for row, head in enumerate(pairs.head):
        for _ in range(data.draw(st.integers(0, 2))):
            n_tokens = lengths[pairs.doc[head]]
            start = data.draw(st.integers(0, n_tokens - 1))
            ranges.append((row, start, data.draw(st.integers(start + 1, n_tokens))))
    pair, start, end = numpy.asarray(ranges, dtype="int64").reshape(-1, 3).T
    model = attention_context(8, n_heads=2)
    rng = numpy.random.default_rng(0)
    E = rng.normal(size=(pairs.n_entities, 4)).astype("float32")
    model.initialize(X=((X, lengths), E, pairs))
    key = model.layers[2]
    key.set_param("W", 4 * key.get_param("W"))

    def learn(X):
        evidence = Evidence(pair, start, end, weight=8)
        taught = replace(pairs, evidence=evidence)
        look, backprop = model.begin_update(((X, lengths), E, taught))
        dX, _ = backprop(OPS.xp.zeros_like(look(taught)))
        return numpy.asarray([sum(evidence.losses)], dtype="float32"), dX

    _, dX = learn(X)
    check_input_gradient(lambda X: learn(X)[0], X, lambda d_loss: d_loss * dX, atol=0.1)


@pytest.mark.parametrize("pooling", ["mean", "max", "first_last"])
@pytest.mark.parametrize(
    "context,entity",
    [
        (None, None),
        ("max", None),
        ("attention", None),
        ("sum", None),
        (None, [0, 0, 1, 2, 3]),
        ("sum", [0, 0, 1, 2, 3]),
    ],
)
def test_gradient_of_every_parameter(context, entity, pooling):
    """Those of the projections, of the embeddings of types and distances, of the
    context and of the output; also where scores are pooled."""
    rng = numpy.random.default_rng(0)
    entities = [(0, 0, 2, 1), (0, 1, 2, 2), (0, 5, 6, 1), (1, 0, 1, 3), (1, 3, 5, 2)]
    lengths = numpy.asarray([6, 5], dtype="int32")
    X = rng.normal(size=(11, WIDTH)).astype("float32")
    entity = None if entity is None else numpy.asarray(entity)
    batch = (X, lengths), make_pairs(entities, 2, entity)
    layers = {"max": max_context(8), "attention": attention_context(8, n_heads=2)}
    layers["sum"] = sum_contexts(max_context(8), attention_context(8, n_heads=2))
    features = [embed_types(4), measure_prominence()]
    smooth = smooth_model(
        layers.get(context),
        pooling=pooling,
        features=features,
        of_mentions=entity is not None,
    )
    model = initialize(smooth, batch)
    scores, backprop = model.begin_update(batch)
    d_scores = rng.normal(size=scores.shape).astype("float32")
    backprop(d_scores.copy())
    eps = 1e-2
    for node in model.walk():
        for name in node.param_names:
            value, gradient = node.get_param(name).copy(), node.get_grad(name).copy()
            assert gradient.any()
            for index in rng.choice(value.size, size=min(12, value.size), replace=False):
                changed = []
                for step in (eps, -eps):
                    moved = value.copy()
                    moved.reshape(-1)[index] += step
                    node.set_param(name, moved)
                    changed.append((model.predict(batch).astype("float64") * d_scores).sum())
                expected = (changed[0] - changed[1]) / (2 * eps)
                found = gradient.reshape(-1)[index]
                assert found == pytest.approx(expected, abs=0.02, rel=0.05), (node.name, name)
            node.set_param(name, value)


@settings(max_examples=50)
@given(batch=batches(max_length=16, max_mentions=7))
def test_max_context_is_the_maximum_between_the_mentions(batch):
    check_max_context(batch)


@pytest.mark.parametrize("n_tokens", [8, 20, 70])
def test_max_context_where_every_token_is_a_mention(n_tokens):
    X = numpy.random.default_rng(n_tokens).normal(size=(n_tokens, WIDTH)).astype("float32")
    pairs = make_pairs([(0, i, i + 1, 1) for i in range(n_tokens)], 1)
    check_max_context(((X, numpy.asarray([n_tokens], dtype="int32")), pairs))


def check_max_context(batch):
    (X, lengths), pairs = batch
    entities = OPS.alloc2f(pairs.n_entities, 2)
    model = max_context(4)
    model.initialize(X=((X, lengths), entities, pairs))
    between, backprop = model(((X, lengths), entities, pairs), True)
    projected = model.layers[0].predict(X)
    starts, ends = pairs.flat_bounds(lengths)
    dY = numpy.random.default_rng(0).normal(size=(len(pairs), 4)).astype("float32")
    d_projected = numpy.zeros_like(projected)
    expected = OPS.alloc2f(len(pairs), 4)
    for i, (head, tail) in enumerate(zip(*pairs.closest)):
        rows = numpy.arange(min(ends[head], ends[tail]), max(starts[head], starts[tail]))
        if len(rows):
            expected[i] = projected[rows].max(axis=0)
            for column, row in enumerate(rows[projected[rows].argmax(axis=0)]):
                d_projected[row, column] += dY[i, column]
    numpy.testing.assert_allclose(between(pairs), expected, rtol=1e-5)
    dX, _ = backprop(dY)
    W = model.layers[0].get_param("W")
    numpy.testing.assert_allclose(dX, d_projected @ W, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("context", [None, "max", "attention", "sum"])
@settings(max_examples=20)
@given(batch=batches())
def test_blocks_score_as_the_whole(context, batch):
    layers = {"max": max_context(8), "attention": attention_context(8)}
    layers["sum"] = sum_contexts(max_context(8), attention_context(8))
    layer = layers.get(context)
    model = initialize(smooth_model(layer), batch)
    scores, _ = model.begin_update(batch)
    numpy.testing.assert_allclose(model.predict(batch), scores, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("features", [[], [measure_prominence()]])
@pytest.mark.parametrize("context", [None, "max"])
@settings(max_examples=30)
@given(batch=batches())
def test_the_score_of_a_pair_is_pooled_from_those_yielded(context, features, batch):
    layer = max_context(8) if context else None
    model = initialize(smooth_model(layer, features=features, of_mentions=True), batch)
    expected, _ = model.begin_update(batch)
    pooled = [
        numpy.logaddexp.reduce(of_pair)
        for _, counts, scores in iter_scores(model, batch)
        for of_pair in numpy.split(scores, numpy.cumsum(counts)[:-1])
    ]
    found = numpy.reshape(pooled, expected.shape)
    numpy.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_attention_looks_at_no_other_doc():
    model = initialize(
        smooth_model(attention_context(8)),
        ((numpy.ones((3, WIDTH), dtype="f"), numpy.asarray([3])), make_pairs([(0, 0, 1, 1), (0, 2, 3, 1)], 1)),
    )
    rng = numpy.random.default_rng(0)
    X = rng.normal(size=(9, WIDTH)).astype("float32")
    entities = [(0, 0, 1, 1), (0, 2, 3, 1), (1, 1, 2, 1), (1, 4, 6, 1)]
    both = model.predict(((X, numpy.asarray([3, 6])), make_pairs(entities, 2)))
    alone = model.predict(((X[:3], numpy.asarray([3])), make_pairs(entities[:2], 1)))
    numpy.testing.assert_allclose(both[:2], alone, rtol=1e-4)


def test_training_keeps_no_attention_of_all_pairs(monkeypatch):
    n_entities, n_tokens, n_heads = 60, 300, 4
    pairs = make_pairs([(0, 5 * i, 5 * i + 1, 1) for i in range(n_entities)], 1)
    rng = numpy.random.default_rng(0)
    X, E = (rng.normal(size=(n, WIDTH)).astype("f") for n in (n_tokens, n_entities))
    inputs = ((X, numpy.asarray([n_tokens])), E, pairs)
    model = attention_context(8, n_heads=n_heads)
    model.initialize(X=inputs)

    def learn():
        attend, backprop = model.begin_update(inputs)
        return backprop(attend(pairs))

    expected = learn()
    monkeypatch.setattr(sys.modules[attention_context.__module__], "BLOCK", 1 << 16)
    tracemalloc.start()
    found = learn()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < len(pairs) * n_tokens * n_heads * 4 / 4
    for gradient, of_blocks in zip(expected, found):
        numpy.testing.assert_allclose(of_blocks, gradient, rtol=1e-3, atol=1e-3)


def test_attention_of_few_pairs_among_many_entities_is_small(monkeypatch):
    monkeypatch.setattr(sys.modules[attention_context.__module__], "BLOCK", 1 << 16)
    n_entities, n_tokens, n_heads = 400, 800, 4
    pairs = make_pairs([(0, 2 * i, 2 * i + 1, 1) for i in range(n_entities)], 1)
    tokens = numpy.ones((n_tokens, WIDTH), dtype="f"), numpy.asarray([n_tokens])
    inputs = tokens, numpy.ones((n_entities, WIDTH), dtype="f"), pairs
    model = attention_context(8, n_heads=n_heads)
    model.initialize(X=inputs)
    few = pairs.select(slice(0, len(pairs), len(pairs) // 50))
    tracemalloc.start()
    model.predict(inputs)(few)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < n_entities * n_tokens * n_heads * 4 / 2


def test_attention_survives_mentions_that_attend_apart():
    batch = (
        (numpy.eye(4, WIDTH, dtype="f") * 1000, numpy.asarray([4])),
        make_pairs([(0, 0, 1, 1), (0, 3, 4, 1)], 1),
    )
    model = initialize(smooth_model(attention_context(8)), batch)
    assert numpy.isfinite(model.predict(batch)).all()


def test_flatten_tokens_skips_docs_without_tokens():
    model = flatten_tokens()
    Xs = [OPS.alloc2f(2, 5) + 1, OPS.alloc2f(0, 0), OPS.alloc2f(1, 5) + 2]
    (flat, lengths), backprop = model(Xs, True)
    assert flat.shape == (3, 5) and lengths.tolist() == [2, 0, 1]
    assert [dX.shape for dX in backprop(flat)] == [(2, 5), (0, 0), (1, 5)]
    assert backprop(flat)[2].tolist() == Xs[2].tolist()


@settings(max_examples=30)
@given(batch=batches())
def test_entities_pool_their_mentions(batch):
    """Of one mention the vector itself; of many, by their definitions."""
    (X, _), pairs = batch
    mentions = numpy.resize(X, (len(pairs.start), WIDTH)) if X.size else X[:0]
    entity = numpy.arange(len(mentions)) if pairs.entity is None else pairs.entity
    reductions = {
        "logsumexp": lambda rows: numpy.log(numpy.exp(rows).sum(axis=0)),
        "mean": lambda rows: rows.mean(axis=0),
        "max": lambda rows: rows.max(axis=0),
    }
    for name, reduce in reductions.items():
        Y = pool_mentions(name).predict((mentions, pairs))
        assert len(Y) == pairs.n_entities
        for i, row in enumerate(Y):
            numpy.testing.assert_allclose(row, reduce(mentions[entity == i]), rtol=1e-4, atol=1e-5)


def test_unknown_mention_pooling_is_named():
    with pytest.raises(ValueError, match="mention_pooling must be one of logsumexp, max"):
        pool_mentions("median")


def test_unknown_pooling_is_named():
    with pytest.raises(ValueError, match="pooling must be one of mean, max, first_last"):
        entity_vectors("median")


@settings(max_examples=20)
@given(n_rows=st.integers(0, 5), seed=st.integers(0, 100))
def test_linear_is_that_of_thinc(n_rows, seed):
    rng = numpy.random.default_rng(seed)
    X = rng.normal(size=(n_rows, WIDTH)).astype("float32")
    dY = rng.normal(size=(n_rows, 3)).astype("float32")
    ours, theirs = linear(3), Linear(3)
    for model in (ours, theirs):
        model.initialize(X=numpy.ones((1, WIDTH), dtype="float32"))
    theirs.set_param("b", rng.normal(size=3).astype("float32"))
    for name in ("W", "b"):
        ours.set_param(name, theirs.get_param(name))
    results = [(model.begin_update(X), model) for model in (ours, theirs)]
    (Y, backprop), (Y_theirs, backprop_theirs) = (result for result, _ in results)
    numpy.testing.assert_allclose(Y, Y_theirs, rtol=1e-4, atol=1e-5)
    numpy.testing.assert_allclose(backprop(dY), backprop_theirs(dY), rtol=1e-4, atol=1e-5)
    for name in ("W", "b"):
        numpy.testing.assert_allclose(
            ours.get_grad(name), theirs.get_grad(name), rtol=1e-4, atol=1e-5
        )
