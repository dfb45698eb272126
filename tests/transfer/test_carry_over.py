"""A relation extractor that continues from another one with other labels."""

import warnings

import numpy
import pytest
import spacy
from spacy.tokens import DocBin
from spacy.training.initialize import init_nlp
from thinc.api import Config

from spacy_relext.transfer.carry_over import create_carry_over

from ..test_extractor import DATA, SMALL, make_examples, predict, triples
from ..test_transformer import encoder_weights
from ..test_transformer import make_nlp as make_transformer_nlp

# SPOUSE and FOUNDED swap places with new labels around them.
RENAMED = {"BASED_IN": "SEAT", "FOUNDED": "AUTHOR"}
OTHER_DATA = [
    (text, entities, [(h, t, RENAMED.get(label, label)) for h, t, label in relations])
    for text, entities, relations in DATA
]
DISJOINT_DATA = [
    (text, entities, [(h, t, f"{label}_2") for h, t, label in relations])
    for text, entities, relations in DATA
]


def make_nlp(
    data=DATA, seed=0, name="relation_extractor", source=None, n_updates=0, **config
):
    spacy.util.fix_random_seed(seed)
    nlp = spacy.blank("en")
    config["model"] = {**SMALL, **config.get("model", {})}
    nlp.add_pipe("relation_extractor", name=name, config=config)
    return train(nlp, data, n_updates, source)


def train(nlp, data, n_updates=0, source=None):
    if source is not None:
        callback = {"@callbacks": "spacy-relext.carry_over.v1", **source}
        nlp.config["initialize"]["after_init"] = callback
    examples = make_examples(nlp, data)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.005
    for _ in range(n_updates):
        nlp.update(examples, sgd=optimizer)
    return nlp


def get_arrays(nlp, name="relation_extractor"):
    """RETURNS (Tuple[List[ndarray], ndarray, ndarray]): All arrays but those of the
    output layer, and that layer's two."""
    model = nlp.get_pipe(name).model
    output = model.get_ref("output")
    arrays = [
        node.get_param(param)
        for node in model.walk()
        if node is not output
        for param in node.param_names
    ]
    return arrays, output.get_param("W"), output.get_param("b")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """The path of a trained pipeline."""
    path = tmp_path_factory.mktemp("source")
    make_nlp(n_updates=60).to_disk(path)
    return str(path)


@pytest.mark.parametrize(
    "options",
    [{"depth": 3, "context": "attention"}, {"distance": False, "type_width": 0}, {}],
)
def test_all_but_the_output_is_the_sources(options, tmp_path):
    theirs = make_nlp(n_updates=3, model=options)
    theirs.to_disk(tmp_path)
    fresh = make_nlp(DISJOINT_DATA, seed=1, model=options)
    ours = make_nlp(DISJOINT_DATA, seed=1, source={"source": str(tmp_path)}, model=options)
    arrays, W, b = get_arrays(ours)
    copied, _, _ = get_arrays(theirs)
    assert len(arrays) == len(copied)
    for array, expected in zip(arrays, copied):
        numpy.testing.assert_array_equal(array, expected)
    _, fresh_W, fresh_b = get_arrays(fresh)
    numpy.testing.assert_array_equal(W, fresh_W)
    numpy.testing.assert_array_equal(b, fresh_b)


def test_same_labels_give_the_same_scores(source):
    """Also where hash embeddings of the two would look up other rows."""
    theirs, ours = spacy.load(source), make_nlp(seed=1, source={"source": source})
    examples = make_examples(ours)
    scores = [
        nlp.get_pipe("relation_extractor").predict([eg.predicted for eg in examples])[1]
        for nlp in (theirs, ours)
    ]
    numpy.testing.assert_allclose(scores[1], scores[0], atol=1e-6)


@pytest.mark.parametrize("objective", ["multi_label", "single_label", "adaptive_threshold"])
def test_outputs_of_shared_labels(objective, tmp_path):
    config = {"objective": {"@misc": f"spacy-relext.{objective}.v1"}}
    theirs = make_nlp(n_updates=3, **config)
    theirs.to_disk(tmp_path)
    fresh = make_nlp(OTHER_DATA, seed=1, **config)
    ours = make_nlp(OTHER_DATA, seed=1, source={"source": str(tmp_path)}, **config)
    assert ours.get_pipe("relation_extractor").labels == ("AUTHOR", "SEAT", "SPOUSE")
    first = 0 if objective == "multi_label" else 1
    for of_ours, of_theirs, of_fresh in list(zip(*map(get_arrays, (ours, theirs, fresh))))[
        1:
    ]:
        numpy.testing.assert_array_equal(of_ours[:first], of_theirs[:first])
        # SPOUSE is the last of both.
        numpy.testing.assert_array_equal(of_ours[-1], of_theirs[-1])
        numpy.testing.assert_array_equal(of_ours[first:-1], of_fresh[first:-1])


def test_place_of_a_shared_label(source):
    data = [(*DATA[0][:2], [(0, 1, "ZZ"), (1, 2, "FOUNDED")]), *DATA[2:3]]
    ours = make_nlp(data, source={"source": source})
    assert ours.get_pipe("relation_extractor").labels == ("FOUNDED", "ZZ")
    _, W, b = get_arrays(ours)
    _, W_there, b_there = get_arrays(spacy.load(source))
    numpy.testing.assert_array_equal(W[0], W_there[1])
    assert b[0] == b_there[1] and b[1] == 0


def test_outputs_of_another_objective_stay_fresh(source):
    config = {"objective": {"@misc": "spacy-relext.single_label.v1"}}
    fresh = make_nlp(seed=1, **config)
    ours = make_nlp(seed=1, source={"source": source}, **config)
    for array, expected in zip(get_arrays(ours)[1:], get_arrays(fresh)[1:]):
        numpy.testing.assert_array_equal(array, expected)


def test_continues_and_survives_serialisation(source, tmp_path):
    nlp = make_nlp(DISJOINT_DATA, source={"source": source}, n_updates=15)
    expected = [triples(eg.reference) for eg in make_examples(nlp, DISJOINT_DATA)]
    nlp.to_disk(tmp_path)
    for pipeline in (nlp, spacy.load(tmp_path)):
        examples = make_examples(pipeline, DISJOINT_DATA)
        assert [triples(doc) for doc in predict(pipeline, examples)] == expected


def test_components_of_other_names(tmp_path):
    theirs = make_nlp(name="old", n_updates=2)
    theirs.to_disk(tmp_path)
    names = {"source": str(tmp_path), "component": "new", "source_component": "old"}
    ours = make_nlp(DISJOINT_DATA, seed=1, name="new", source=names)
    for array, expected in zip(get_arrays(ours, "new")[0], get_arrays(theirs, "old")[0]):
        numpy.testing.assert_array_equal(array, expected)


def continue_training(theirs, encoder, path, **components):
    """The pipeline as `spacy train` has it before its first step."""
    theirs.to_disk(path / "source")
    docs = DocBin(docs=[eg.reference for eg in make_examples(theirs)], store_user_data=True)
    docs.to_disk(path / "corpus.spacy")
    corpus = str(path / "corpus.spacy")
    reader = {"@readers": "spacy-relext.EntityCorpus.v1", "path": corpus}
    config = make_transformer_nlp(encoder).config.copy()
    config["paths"]["source"] = str(path / "source")
    config["components"].update(components)
    config["corpora"] = {"train": reader, "dev": reader}
    config["initialize"]["after_init"] = {
        "@callbacks": "spacy-relext.carry_over.v1",
        "source": "${paths.source}",
    }
    return init_nlp(Config(config))


@pytest.mark.filterwarnings("error:spacy-relext.carry_over")
def test_head_behind_a_sourced_transformer(tiny_encoder, tmp_path):
    theirs = train(make_transformer_nlp(tiny_encoder), DATA, n_updates=30)
    sourced = {"source": "${paths.source}"}
    ours = continue_training(theirs, tiny_encoder, tmp_path, transformer=sourced)
    examples = make_examples(ours)
    docs, expected = predict(ours, examples), predict(theirs, examples)
    assert any(doc._.relations for doc in expected)
    for doc, other in zip(docs, expected):
        assert triples(doc) == triples(other)
        assert [rel.score for rel in doc._.relations] == pytest.approx(
            [rel.score for rel in other._.relations], abs=1e-5
        )


def test_transformer_that_the_head_has_not_learnt_from_is_told(tiny_encoder, tmp_path):
    theirs = train(make_transformer_nlp(tiny_encoder), DATA, n_updates=3)
    with pytest.warns(UserWarning, match="'transformer' has other weights"):
        continue_training(theirs, tiny_encoder, tmp_path)


def make_shared(seed, source=None):
    spacy.util.fix_random_seed(seed)
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": {"width": 8, "depth": 1, "embed_size": 50}})
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 8}
    nlp.add_pipe("relation_extractor", config={"model": {**SMALL, "tok2vec": listener}})
    return train(nlp, DATA, source=source)


def test_shared_tok2vec_that_the_head_has_not_learnt_from_is_told(tmp_path):
    make_shared(seed=0).to_disk(tmp_path)
    with pytest.warns(UserWarning, match="'tok2vec' has other weights"):
        make_shared(seed=1, source={"source": str(tmp_path)})
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "spacy-relext.carry_over")
        make_shared(seed=0, source={"source": str(tmp_path)})


@pytest.mark.parametrize(
    "value, uses_vectors, told", [(1.0, True, False), (2.0, True, True), (2.0, False, False)]
)
def test_vectors_that_the_head_has_not_learnt_from_are_told(
    value, uses_vectors, told, tmp_path
):
    def make(value, **options):
        spacy.util.fix_random_seed(0)
        nlp = spacy.blank("en")
        nlp.vocab.set_vector("Ada", numpy.full(4, value, dtype="f"))
        tok2vec = {
            "@architectures": "spacy.HashEmbedCNN.v2",
            "pretrained_vectors": uses_vectors or None,
            "width": 8,
            "depth": 1,
            "embed_size": 50,
            "window_size": 1,
            "maxout_pieces": 2,
            "subword_features": True,
        }
        config = {"model": {**SMALL, "tok2vec": tok2vec}}
        nlp.add_pipe("relation_extractor", config=config)
        return train(nlp, DATA, **options)

    make(1.0).to_disk(tmp_path)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        make(value, source={"source": str(tmp_path)})
    assert any("other word vectors" in str(x.message) for x in found) == told


def test_transformer_within_the_extractor(tiny_encoder, tmp_path):
    theirs = make_transformer_nlp(tiny_encoder)
    train(theirs, DATA)
    weights = encoder_weights(theirs)
    theirs.replace_listeners("transformer", "relation_extractor", ["model.tok2vec"])
    theirs.remove_pipe("transformer")
    shim = get_shim(theirs)
    for weight in shim._model.parameters():
        weight.data *= 1.5
    theirs.to_disk(tmp_path)
    ours = spacy.blank("en").from_config(theirs.config.copy())
    train(ours, DISJOINT_DATA, source={"source": str(tmp_path)})
    for name, weight in get_shim(ours)._model.named_parameters():
        numpy.testing.assert_allclose(
            weight.detach().numpy(), weights[name] * 1.5, rtol=1e-6
        )
    ours.update(make_examples(ours, DISJOINT_DATA))


def get_shim(nlp):
    model = nlp.get_pipe("relation_extractor").model
    (shim,) = [shim for node in model.walk() for shim in node.shims]
    return shim


@pytest.mark.parametrize(
    "option, value, there",
    [
        ("hidden_width", 16, 32),
        ("depth", 2, 1),
        ("pooling", "max", "mean"),
        ("type_width", 0, 8),
        ("distance", False, True),
        ("context", None, "max"),
    ],
)
def test_other_options(source, option, value, there):
    message = rf"{option} \({value!r} here, {there!r} in the source\)"
    with pytest.raises(ValueError, match=message):
        make_nlp(source={"source": source}, model={option: value})


def test_block_size_may_differ_and_how_one_context_is_said(source):
    model = {"block_size": 7, "context": ["max"]}
    nlp = make_nlp(source={"source": source}, model=model)
    layer = nlp.get_pipe("relation_extractor").model.get_ref("score_pairs")
    assert layer.attrs["block_size"] == 7


def test_other_encoder(source, tiny_encoder):
    tok2vec = {**SMALL["tok2vec"], "width": 48}
    with pytest.raises(ValueError, match=r"\(32, 56\) here and \(32, 40\) in the source"):
        make_nlp(source={"source": source}, model={"tok2vec": tok2vec})
    nlp = make_transformer_nlp(tiny_encoder)
    with pytest.raises(
        ValueError, match="only here: .*listener.*; only in the source: .*maxout"
    ):
        train(nlp, DATA, source={"source": source})


@pytest.mark.parametrize(
    "options, message",
    [
        (
            {"source_component": "ner"},
            "source_component must name .*extractor; found: 'ner'",
        ),
        ({"component": "tagger"}, "component must name .*extractor; found: 'tagger'"),
    ],
)
def test_missing_components(source, options, message):
    with pytest.raises(ValueError, match=message):
        make_nlp(source={"source": source, **options})


def test_another_kind_of_component(source, tmp_path):
    other = spacy.blank("en")
    other.add_pipe("sentencizer", name="relation_extractor")
    other.to_disk(tmp_path)
    with pytest.raises(ValueError, match="of which there are: none"):
        create_carry_over(str(tmp_path))(make_nlp())


def test_architecture_without_such_a_head(source):
    nlp = make_nlp()
    nlp.get_pipe("relation_extractor").model.set_ref("output", None)
    with pytest.raises(ValueError, match="architecture spacy-relext.RelationModel.v1"):
        create_carry_over(source)(nlp)
