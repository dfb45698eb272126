"""Layers of the encoder that begin to learn one after the other."""

import io

import numpy
import pytest
import spacy
import torch
from spacy.tokens import DocBin
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from thinc.api import Config

import spacy_relext.transfer.optimizers
import spacy_relext.transfer.schedules  # noqa: F401
from spacy_relext.transfer.unfreezing import create_gradual_unfreezing

from ..test_extractor import SMALL, make_examples, predict
from ..test_transformer import encoder_weights, make_nlp
from .test_optimizers import update_pipeline

NAME = "spacy-relext.gradual_unfreezing.v1"

# From the top down.
PARTS = ["encoder.layer.1", "encoder.layer.0", "embeddings"]


@pytest.fixture
def nlp(tiny_encoder):
    return make_nlp(tiny_encoder)


def init(nlp):
    optimizer = nlp.initialize(lambda: make_examples(nlp))
    optimizer.learn_rate = 0.002
    return optimizer


def get_module(nlp, name="transformer"):
    (shim,) = [shim for node in nlp.get_pipe(name).model.walk() for shim in node.shims]
    return shim._model


def changed(before, after):
    """RETURNS (List[str]): The parts with other weights. All of a part must be the
    same where it has not learnt."""
    names = [name for name in before if not numpy.array_equal(before[name], after[name])]
    return [part for part in PARTS if any(name.startswith(part) for name in names)]


def run(nlp, optimizer, callback, steps):
    """RETURNS (List[List[str]]): For each step the parts that have learnt."""
    learnt = []
    for step in steps:
        callback(nlp, {"step": step, "epoch": 0})
        before = encoder_weights(nlp)
        update_pipeline(nlp, optimizer)
        learnt.append(changed(before, encoder_weights(nlp)))
    return learnt


@pytest.mark.parametrize(
    "options, expected",
    [
        ({"every": 2}, [0, 0, 1, 1, 2, 2, 3, 3]),
        ({"every": 1}, [0, 1, 2, 3, 3]),
        ({"every": 2, "start": 0}, [1, 1, 2, 2, 3]),
        ({"every": 1, "start": 3}, [0, 0, 0, 1, 2, 3]),
        ({"every": 3, "start": 1}, [0, 1, 1, 1, 2, 2, 2, 3]),
    ],
)
def test_one_layer_after_the_other(nlp, options, expected):
    callback = create_gradual_unfreezing(**options)
    learnt = run(nlp, init(nlp), callback, range(len(expected)))
    assert learnt == [PARTS[:n] for n in expected]


def test_head_learns_alone(nlp):
    optimizer = init(nlp)
    callback = create_gradual_unfreezing(every=1000)
    losses = []
    for step in range(40):
        callback(nlp, {"step": step, "epoch": 0})
        losses.append(nlp.update(make_examples(nlp), sgd=optimizer))
    assert losses[-1]["relation_extractor"] < losses[0]["relation_extractor"] / 2


def test_head_of_several_components(tiny_encoder):
    nlp = make_nlp(tiny_encoder, with_ner=True)
    callback = create_gradual_unfreezing(every=2)
    # The output of `ner` starts from zeros, so that it has a gradient later.
    assert run(nlp, init(nlp), callback, range(3)) == [[], [], PARTS[:1]]


def test_frozen_layers_cost_no_gradient(nlp):
    optimizer = init(nlp)
    callback = create_gradual_unfreezing(every=2)
    run(nlp, optimizer, callback, range(2))
    assert all(weight.grad is None for weight in get_module(nlp).parameters())
    run(nlp, optimizer, callback, [2])
    names = {name for name, w in get_module(nlp).named_parameters() if w.grad is not None}
    assert names and all(name.startswith(PARTS[0]) for name in names)


@pytest.mark.parametrize("step", [0, 1])
def test_what_learns_does_so_as_without(tiny_encoder, step):
    """The head alone, and with the top layer."""
    losses, heads, encoders = [], [], []
    for callback in (create_gradual_unfreezing(every=1), None):
        nlp = make_nlp(tiny_encoder)
        model = nlp.get_pipe("relation_extractor").model
        for node in model.walk():
            # Thinc takes the number of the layer in the process.
            if "seed" in node.attrs:
                node.attrs["seed"] = 0
        optimizer = init(nlp)
        if callback:
            callback(nlp, {"step": step, "epoch": 0})
        losses.append(update_pipeline(nlp, optimizer)["relation_extractor"])
        heads.append(model.get_ref("output").get_param("W"))
        encoders.append(encoder_weights(nlp))
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    numpy.testing.assert_allclose(*heads, atol=1e-6)
    for part in PARTS[:step]:
        for name in [name for name in encoders[0] if name.startswith(part)]:
            numpy.testing.assert_allclose(encoders[0][name], encoders[1][name], atol=1e-6)


def test_step_alone_decides(nlp):
    """Whether training resumes in the middle or begins again in the same process,
    also with another callback and an optimizer that has momentum."""
    optimizer = init(nlp)
    first, second = [create_gradual_unfreezing(every=10) for _ in range(2)]
    assert run(nlp, optimizer, first, [25]) == [PARTS[:2]]
    assert run(nlp, optimizer, first, [35, 36]) == [PARTS, PARTS]
    assert run(nlp, optimizer, second, [0, 10, 20, 30]) == [
        [],
        *(PARTS[:n] for n in (1, 2, 3)),
    ]
    assert run(nlp, optimizer, first, [0]) == [[]]
    assert run(nlp, optimizer, second, [99]) == [PARTS]


def test_what_was_frozen_before_stays_so(nlp):
    optimizer = init(nlp)
    weight = get_module(nlp).embeddings.position_embeddings.weight
    weight.requires_grad_(False)
    before = weight.detach().clone()
    for _ in range(2):
        callback = create_gradual_unfreezing(every=1)
        assert run(nlp, optimizer, callback, range(4)) == [PARTS[:n] for n in range(4)]
    assert torch.equal(before, weight)


@pytest.mark.parametrize("step", [0, 2])
def test_saved_pipeline_has_nothing_frozen(nlp, step, tmp_path):
    callback = create_gradual_unfreezing(every=2)
    run(nlp, init(nlp), callback, [step])
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    examples = make_examples(nlp)
    scores = [
        pipeline.get_pipe("relation_extractor").predict(
            list(pipeline.get_pipe("transformer").pipe([eg.predicted for eg in examples]))
        )[1]
        for pipeline in (nlp, loaded)
    ]
    numpy.testing.assert_array_equal(*scores)
    optimizer = loaded.resume_training()
    before = encoder_weights(loaded)
    update_pipeline(loaded, optimizer)
    assert changed(before, encoder_weights(loaded)) == PARTS
    # It can be trained in the same way, from its own first step.
    assert run(loaded, optimizer, callback, [0, 2]) == [[], PARTS[:1]]


def test_transformer_within_another_component(nlp, tmp_path):
    init(nlp)
    nlp.replace_listeners("transformer", "relation_extractor", ["model.tok2vec"])
    nlp.remove_pipe("transformer")
    module = get_module(nlp, "relation_extractor")
    callback = create_gradual_unfreezing(every=2, component="relation_extractor")
    optimizer = nlp.resume_training()
    for step, expected in [(0, []), (2, PARTS[:1])]:
        callback(nlp, {"step": step, "epoch": 0})
        before = {name: w.detach().numpy().copy() for name, w in module.named_parameters()}
        update_pipeline(nlp, optimizer)
        after = {name: w.detach().numpy() for name, w in module.named_parameters()}
        assert changed(before, after) == expected


def make_config(encoder, path, **training):
    nlp = make_nlp(encoder)
    docs = [eg.reference for eg in make_examples(nlp)]
    DocBin(docs=docs, store_user_data=True).to_disk(path / "corpus.spacy")
    reader = {
        "@readers": "spacy-relext.EntityCorpus.v1",
        "path": str(path / "corpus.spacy"),
    }
    config = nlp.config.copy()
    config["corpora"] = {"train": reader, "dev": reader}
    config["training"].update(training)
    return Config(config)


@pytest.mark.parametrize("max_steps, expected", [(3, []), (4, PARTS[:1]), (12, PARTS)])
def test_recipe_of_howard_and_ruder(tiny_encoder, tmp_path, max_steps, expected):
    """With all three of the paper's, through `spacy train`."""
    config = make_config(
        tiny_encoder,
        tmp_path,
        before_update={"@callbacks": NAME, "every": 3},
        optimizer={
            "@optimizers": "spacy-relext.layerwise_adam.v1",
            "layer_decay": 0.9,
            "head_factor": 2.0,
            "learn_rate": {
                "@schedules": "spacy-relext.slanted_triangular.v1",
                "max_rate": 0.005,
                "num_steps": 20,
            },
        },
        # The step of this number is the last.
        max_steps=max_steps,
        eval_frequency=5,
        accumulate_gradient=2,
    )
    nlp = init_nlp(config)
    before = encoder_weights(nlp)
    (tmp_path / "output").mkdir()
    train(nlp, tmp_path / "output", stdout=io.StringIO())
    assert changed(before, encoder_weights(nlp)) == expected
    loaded = spacy.load(tmp_path / "output" / "model-last")
    assert changed(encoder_weights(loaded), encoder_weights(nlp)) == []
    predict(loaded, make_examples(loaded))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"every": 0}, "every must be at least 1, found: 0"),
        ({"every": 5, "start": -1}, "start must be at least 0, found: -1"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=f"{NAME}: {message}"):
        create_gradual_unfreezing(**options)


@pytest.mark.parametrize(
    "component, message",
    [
        ("tok2vec", "must have a .*TransformerModel that is initialized, found: 'tok2vec'"),
        ("sentencizer", "must have a .*TransformerModel .*, found: 'sentencizer'"),
    ],
)
def test_wrong_component(component, message):
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("relation_extractor", config={"model": SMALL})
    callback = create_gradual_unfreezing(every=1, component=component)
    with pytest.raises(ValueError, match=f"{NAME}: component {message}"):
        callback(nlp, {"step": 0, "epoch": 0})


def test_missing_component():
    with pytest.raises(KeyError, match="No component 'trf' found"):
        create_gradual_unfreezing(every=1, component="trf")(spacy.blank("en"), {"step": 0})


@pytest.mark.parametrize("frozen", [["transformer"], "${vars.transformer}"])
def test_component_that_the_config_freezes(nlp, frozen):
    init(nlp)
    nlp.config["vars"] = {"transformer": []}
    nlp.config["training"]["frozen_components"] = "${vars.transformer}"
    create_gradual_unfreezing(every=1)(nlp, {"step": 0, "epoch": 0})
    nlp.config["vars"] = {"transformer": ["transformer"]}
    nlp.config["training"]["frozen_components"] = frozen
    with pytest.raises(ValueError, match=r"frozen_components.*found: 'transformer'"):
        create_gradual_unfreezing(every=1)(nlp, {"step": 0, "epoch": 0})


def test_transformer_that_cannot_be_unfrozen(nlp):
    callback = create_gradual_unfreezing(every=1)
    with pytest.raises(ValueError, match="that is initialized, found: 'transformer'"):
        callback(nlp, {"step": 0, "epoch": 0})
    init(nlp)
    hf_model = nlp.get_pipe("transformer").model.layers[0].shims[0]._hfmodel
    hf_model.transformer = torch.nn.Linear(2, 2)
    with pytest.raises(ValueError, match="numbered layers, .*'transformer' a Linear has"):
        callback(nlp, {"step": 0, "epoch": 0})
