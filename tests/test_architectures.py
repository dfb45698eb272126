import itertools

import numpy
import pytest
import spacy
from spacy.tokens import Doc, Span

from spacy_relext import Pairs, get_entities
from spacy_relext.architectures import build_relation_model


def build(**options):
    tok2vec = spacy.registry.resolve(
        {
            "tok2vec": {
                "@architectures": "spacy.HashEmbedCNN.v2",
                "pretrained_vectors": None,
                "width": 16,
                "depth": 1,
                "embed_size": 50,
                "window_size": 1,
                "maxout_pieces": 2,
                "subword_features": True,
            }
        }
    )["tok2vec"]
    return build_relation_model(tok2vec, **{"hidden_width": 8, "type_width": 4, **options})


@pytest.fixture
def sample():
    nlp = spacy.blank("en")
    doc = nlp("Ada Byron of Cork met Bo and Dee in Erfurt , then left")
    doc.ents = [Span(doc, i, j, x) for i, j, x in ((0, 2, "P"), (3, 4, "L"), (5, 6, "P"), (9, 10, "L"))]
    docs = [doc, Doc(nlp.vocab), doc.copy()]
    return docs, Pairs.all([get_entities(doc) for doc in docs])


def test_encoder_sits_where_listeners_are_replaced(sample):
    model = build()
    assert model.get_ref("tok2vec").name.startswith("extract_features")


@pytest.mark.parametrize(
    "pooling, type_width, distance, context, depth",
    list(itertools.product(
        ["mean", "max", "first_last"], [0, 4], [True, False],
        [None, "max", "attention", ["max", "attention"]], [1, 2]
    )),
)
def test_every_choice_trains_and_reloads(sample, pooling, type_width, distance, context, depth):
    options = dict(
        pooling=pooling, type_width=type_width, distance=distance, context=context, depth=depth
    )
    model = build(**options)
    model.initialize(X=sample, Y=numpy.zeros((1, 3), dtype="float32"))
    scores, backprop = model.begin_update(sample)
    assert scores.shape == (24, 3)
    backprop(numpy.ones_like(scores))
    n_gradients = sum(node.has_grad(name) for node in model.walk() for name in node.param_names)
    n_params = sum(len(node.param_names) for node in model.walk())
    assert n_gradients == n_params
    again = build(**options).from_bytes(model.to_bytes())
    numpy.testing.assert_allclose(again.predict(sample), model.predict(sample), rtol=1e-5)


@pytest.mark.parametrize("hidden_width, group_width", [(50, 0), (6, 0), (9, 3)])
def test_width_that_attention_does_not_divide_is_told(hidden_width, group_width):
    options = {"hidden_width": hidden_width, "group_width": group_width}
    build(**options, context="max")
    with pytest.raises(ValueError, match=f"hidden_width {hidden_width} .*multiple of 4"):
        build(**options, context=["max", "attention"])


def scores_of(pairs_of, **options):
    """The scores of chosen pairs (head, tail) among mentions of one and the same word,
    none of them near an end of the doc."""
    doc = Doc(spacy.blank("en").vocab, words=["x"] * 40)
    spans = [(10, 11, "P"), (12, 13, "P"), (20, 21, "P"), (22, 23, "L"), (30, 32, "P")]
    doc.spans["sc"] = [Span(doc, *span) for span in spans]
    pairs = Pairs.all([get_entities(doc, "sc")])
    model = build(context=None, **options)
    model.initialize(X=([doc], pairs), Y=numpy.zeros((1, 3), dtype="float32"))
    for node in model.walk():
        if node.has_param("b") and node.name == "linear":
            node.set_param("b", node.ops.xp.ones_like(node.get_param("b")))
    heads, tails = zip(*pairs_of)
    return model.predict(([doc], pairs))[pairs.find(heads, tails)]


@pytest.mark.parametrize("distance", [True, False])
def test_a_pair_knows_distance_and_order_where_asked(distance):
    near, far, back = scores_of([(0, 1), (0, 2), (1, 0)], type_width=0, distance=distance)
    assert numpy.allclose(near, far, atol=1e-6) != distance
    assert numpy.allclose(near, back, atol=1e-6) != distance


@pytest.mark.parametrize("type_width", [4, 0])
def test_a_pair_knows_entity_types_where_asked(type_width):
    same, other = scores_of([(0, 2), (0, 3)], type_width=type_width, distance=False)
    assert numpy.allclose(same, other, atol=1e-6) != bool(type_width)


@pytest.mark.parametrize("prominence", [True, False])
def test_an_entity_knows_how_often_it_is_mentioned_where_asked(prominence):
    doc = Doc(spacy.blank("en").vocab, words=["x"] * 40)
    often, once, tail = ([Span(doc, i, i + 1, "P") for i in at] for at in ((12, 15), [14], [13]))
    pairs = Pairs.all([[often, once, tail]])
    model = build(
        context=None, distance=False, mention_pooling="mean", prominence=prominence
    )
    model.initialize(X=([doc], pairs), Y=numpy.zeros((1, 3), dtype="float32"))
    of_often, of_once = model.predict(([doc], pairs))[pairs.find([0, 1], [2, 2])]
    assert numpy.allclose(of_often, of_once, atol=1e-6) != prominence


@pytest.mark.parametrize("context", ["max", ["max", "attention"]])
def test_the_score_of_entities_is_pooled_from_those_of_their_mentions(context):
    doc = Doc(spacy.blank("en").vocab, words=[str(i) for i in range(40)])
    at = ([3, 20], [14], [7, 16, 39])
    entities = [[Span(doc, i, i + 1, "P") for i in of_entity] for of_entity in at]
    pairs = Pairs.all([entities])
    model = build(context=context, mention_pooling="scores", group_width=4, block_size=3)
    model.initialize(X=([doc], pairs), Y=numpy.zeros((1, 3), dtype="float32"))
    each = Pairs.all([[span for spans in entities for span in spans]])
    of_mentions = model.predict(([doc], each))
    first = numpy.cumsum([0, 2, 1])
    for found, head, tail in zip(model.predict(([doc], pairs)), pairs.head, pairs.tail):
        heads, tails = (first[x] + numpy.arange(len(at[x])) for x in (head, tail))
        rows = each.find(numpy.repeat(heads, len(tails)), numpy.tile(tails, len(heads)))
        assert len(rows) == len(at[head]) * len(at[tail]) and rows.min() >= 0
        expected = numpy.log(numpy.exp(of_mentions[rows]).sum(axis=0))
        numpy.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_depth_adds_hidden_layers():
    def count(depth):
        return sum(len(node.param_names) for node in build(depth=depth).walk())

    assert count(1) < count(2) < count(3)


def test_dropout_is_on_entities_and_on_pairs(sample):
    model = build()
    model.initialize(X=sample, Y=numpy.zeros((1, 3), dtype="float32"))
    score = model.get_ref("score_pairs")
    for layer in score.layers[:2]:
        assert [n.name for n in layer.walk() if n.name == "dropout"] == ["dropout"]


def test_blocks_do_not_change_scores(sample):
    model = build(block_size=5, context="max")
    model.initialize(X=sample, Y=numpy.zeros((1, 3), dtype="float32"))
    in_blocks = model.predict(sample)
    model.get_ref("score_pairs").attrs["block_size"] = 1000
    numpy.testing.assert_allclose(model.predict(sample), in_blocks, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "option, value",
    [
        ("hidden_width", 0),
        ("depth", 0),
        ("type_width", -1),
        ("block_size", 0),
        ("pooling", "median"),
        ("mention_pooling", "median"),
        ("context", "words"),
    ],
)
def test_impossible_option_is_named(option, value):
    with pytest.raises(ValueError, match=f"{option} must be .*{value}"):
        build(**{option: value})


def test_impossible_context_is_named_in_a_list():
    with pytest.raises(ValueError, match="context must be .*'words'"):
        build(context=["max", "words"])


def test_contexts_of_a_list_are_added(sample):
    """Each has its part: without its weights, scores are those of the other alone."""
    model = build(context=["max", "attention"])
    model.initialize(X=sample, Y=numpy.zeros((1, 3), dtype="float32"))
    before = model.predict(sample)
    for name in ("max_context", "attention_context"):
        again = model.copy()
        [layer] = [node for node in again.walk() if node.name == name]
        for node in layer.walk():
            for param in node.param_names:
                node.set_param(param, 0 * node.get_param(param))
        assert not numpy.allclose(again.predict(sample), before)
