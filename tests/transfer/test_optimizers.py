"""Learning rates that differ between the head and the layers of the encoder."""

import numpy
import pytest
import spacy
import torch
from spacy.util import registry
from thinc.api import Adam, Linear, Optimizer, PyTorchShim
from transformers import (
    AlbertConfig,
    AutoModel,
    BertConfig,
    DistilBertConfig,
    ElectraConfig,
    GPT2Config,
    MPNetConfig,
    RobertaConfig,
)

from spacy_relext.transfer.optimizers import create_layerwise_adam

from ..test_extractor import make_examples, predict
from ..test_transformer import encoder_weights, make_nlp

NAME = "spacy-relext.layerwise_adam.v1"

SIZES = {
    "vocab_size": 20,
    "hidden_size": 8,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 8,
}
BERT = {"embeddings.": 3, "pooler.": 0, **{f"encoder.layer.{i}.": 2 - i for i in range(3)}}
# For each encoder by the beginnings of its parameters' names: how many layers below
# the topmost they are.
ENCODERS = {
    "bert": (BertConfig(**SIZES), BERT),
    "roberta": (RobertaConfig(**SIZES), BERT),
    "distilbert": (
        DistilBertConfig(vocab_size=20, dim=8, n_layers=3, n_heads=2, hidden_dim=8),
        {"embeddings.": 3, **{f"transformer.layer.{i}.": 2 - i for i in range(3)}},
    ),
    "gpt2": (
        GPT2Config(vocab_size=20, n_embd=8, n_layer=3, n_head=2),
        {"wte.": 3, "wpe.": 3, "h.0.": 2, "h.1.": 1, "h.2.": 0, "ln_f.": 0},
    ),
    "electra": (
        ElectraConfig(**SIZES, embedding_size=4),
        {"embeddings_project.": 3, **BERT},
    ),
    # Its layers share what they know of distances.
    "mpnet": (
        MPNetConfig(**SIZES),
        {"embeddings.": 3, "encoder.relative_attention_bias.": 3, **BERT},
    ),
    # Its layers share their weights.
    "albert": (
        AlbertConfig(**SIZES, embedding_size=4),
        {
            "embeddings.": 1,
            "encoder.embedding_hidden_mapping_in.": 1,
            "encoder.albert_layer_groups.0.": 0,
            "pooler.": 0,
        },
    ),
    # More than ten, which is one digit more.
    "deep": (
        BertConfig(**{**SIZES, "num_hidden_layers": 12}),
        {
            "embeddings.": 12,
            "pooler.": 0,
            **{f"encoder.layer.{i}.": 11 - i for i in range(12)},
        },
    ),
}


def make_encoder(name):
    return PyTorchShim(AutoModel.from_config(ENCODERS[name][0]))


def update(shim, optimizer, learns=lambda name: True):
    """One update with the same gradient everywhere and always, of which Adam makes
    steps of the size of the learning rate.

    RETURNS (Dict[str, float]): The change by parameter.
    """
    parameters = dict(shim._model.named_parameters())
    before = {name: weight.detach().clone() for name, weight in parameters.items()}
    for name, weight in parameters.items():
        weight.grad = torch.full_like(weight, 0.1) if learns(name) else None
    shim.finish_update(optimizer)
    changes = {name: before[name] - weight.detach() for name, weight in parameters.items()}
    for name, change in changes.items():
        torch.testing.assert_close(change, torch.full_like(change, change.mean()))
    return {name: float(change.mean()) for name, change in changes.items()}


def get_depth(encoder, name):
    (depth,) = [
        depth for start, depth in ENCODERS[encoder][1].items() if name.startswith(start)
    ]
    return depth


@pytest.mark.parametrize("encoder", ENCODERS)
def test_rates_of_the_layers(encoder):
    optimizer = create_layerwise_adam(0.1, layer_decay=0.5)
    shim = make_encoder(encoder)
    update(shim, optimizer)
    for _ in range(2):
        changes = update(shim, optimizer)
        expected = {name: 0.1 * 0.5 ** get_depth(encoder, name) for name in changes}
        assert changes == pytest.approx(expected, rel=0.01, abs=1e-6)


def test_first_update_of_an_encoder_only_counts_layers():
    optimizer = create_layerwise_adam(0.1, L2=0.1)
    changes = update(make_encoder("bert"), optimizer)
    assert set(changes.values()) == {0.0}


def test_encoders_of_different_depths():
    optimizer = create_layerwise_adam(0.1, layer_decay=0.5)
    shims = {encoder: make_encoder(encoder) for encoder in ("bert", "deep")}
    for _ in range(2):
        changes = {name: update(shim, optimizer) for name, shim in shims.items()}
    for encoder, depth in (("bert", 2), ("deep", 11)):
        change = changes[encoder]["encoder.layer.0.attention.self.query.weight"]
        assert change == pytest.approx(0.1 * 0.5**depth, rel=0.01)


def test_layers_that_begin_later():
    optimizer = create_layerwise_adam(0.1, layer_decay=0.5)
    shim = make_encoder("bert")
    for _ in range(2):
        update(shim, optimizer, lambda name: name.startswith("encoder.layer.2."))
    update(shim, optimizer, lambda name: name.startswith("encoder.layer."))
    changes = update(shim, optimizer)
    for i in range(3):
        change = changes[f"encoder.layer.{i}.attention.self.query.weight"]
        assert change == pytest.approx(0.1 * 0.5 ** (2 - i), rel=0.01)


def test_a_layer_that_begins_when_the_others_were_counted_delays_none():
    optimizer = create_layerwise_adam(0.1, layer_decay=0.5)
    shim = make_encoder("bert")
    update(shim, optimizer, lambda name: name.startswith("encoder.layer.2."))
    optimizer.step_schedules()
    changes = update(shim, optimizer, lambda name: name.startswith("encoder.layer."))
    change = changes["encoder.layer.2.attention.self.query.weight"]
    assert change == pytest.approx(0.1, rel=0.01)
    change = changes["encoder.layer.1.attention.self.query.weight"]
    assert change == pytest.approx(0.05, rel=0.01)


def test_a_layer_of_thinc_with_the_number_of_an_encoder_is_none_of_it():
    optimizer = create_layerwise_adam(0.1)
    shim = make_encoder("bert")
    optimizer((shim.id, "W"), numpy.ones(2, dtype="f"), numpy.ones(2, dtype="f"))
    optimizer.step_schedules()
    assert set(update(shim, optimizer).values()) == {0.0}


class TorchHead(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = torch.nn.Linear(3, 2)


@pytest.mark.parametrize(
    "module",
    [
        torch.nn.Linear(3, 2),
        torch.nn.LSTM(3, 2, num_layers=2),
        torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 2)),
        TorchHead(),
    ],
    ids=lambda module: type(module).__name__,
)
def test_torch_modules_that_are_no_encoders(module):
    optimizer = create_layerwise_adam(0.01, head_factor=4.0)
    shim = PyTorchShim(module)
    update(shim, optimizer)
    assert list(update(shim, optimizer).values()) == pytest.approx(
        [0.04] * len(list(module.parameters())), rel=0.01
    )


def test_head_learns_at_its_rate_from_the_start():
    optimizer = create_layerwise_adam([0.01, 0.02], layer_decay=0.5, head_factor=4.0)
    shim = make_encoder("bert")
    layer = Linear(2, 3)
    # Thinc numbers its own models and torch modules apart.
    layer.id = shim.id
    layer.initialize()
    for expected in (0.04, 0.08):
        update(shim, optimizer)
        before = layer.get_param("W").copy()
        layer.set_grad("W", layer.ops.alloc2f(2, 3) + 0.1)
        layer.finish_update(optimizer)
        change = before - layer.get_param("W")
        numpy.testing.assert_allclose(change, expected, rtol=0.01)
        optimizer.step_schedules()


def test_scale_of_the_caller_is_kept():
    optimizer = create_layerwise_adam(0.01, head_factor=4.0)
    weights = numpy.zeros((3,), dtype="float32")
    gradient = numpy.ones((3,), dtype="float32")
    weights, _ = optimizer((1, "W"), weights, gradient, lr_scale=0.5)
    numpy.testing.assert_allclose(weights, -0.02, rtol=0.01)


def update_pipeline(nlp, optimizer):
    """As `spacy train` does it. `nlp.update` with an optimizer comes to the transformer
    before its listeners have sent it their gradient, and uses that of the last time.

    RETURNS (Dict[str, float]): The losses.
    """
    losses = nlp.update(make_examples(nlp), sgd=False)
    for _, pipe in nlp.pipeline:
        pipe.finish_update(optimizer)
    optimizer.step_schedules()
    return losses


def make_trained(encoder, n_updates, **optimizer):
    """RETURNS (Tuple[Language, Optimizer, List[Dict[str, ndarray]]]): The weights of
    the encoder are those before and after each update."""
    nlp = make_nlp(encoder)
    nlp.config["training"]["optimizer"] = optimizer
    for node in nlp.get_pipe("relation_extractor").model.walk():
        # Thinc takes the number of the layer in the process.
        if "seed" in node.attrs:
            node.attrs["seed"] = 0
    optimizer = nlp.initialize(lambda: make_examples(nlp))
    weights = [encoder_weights(nlp)]
    for _ in range(n_updates):
        update_pipeline(nlp, optimizer)
        weights.append(encoder_weights(nlp))
    return nlp, optimizer, weights


def test_rates_in_a_pipeline(tiny_encoder):
    # Without a change of the head the second gradient is the first again.
    options = {"learn_rate": [0.0, 0.001], "layer_decay": 0.5, "head_factor": 3}
    nlp, optimizer, (_, before, after) = make_trained(
        tiny_encoder, 2, **{"@optimizers": NAME, **options}
    )
    assert isinstance(optimizer, Optimizer)
    largest = {"embeddings": 0.0, "layer.0": 0.0, "layer.1": 0.0}
    for name in before:
        for group in largest:
            if group in name:
                change = numpy.abs(after[name] - before[name]).max()
                largest[group] = max(largest[group], change)
    expected = {"embeddings": 0.00025, "layer.0": 0.0005, "layer.1": 0.001}
    assert largest == pytest.approx(expected, rel=0.02)


def test_is_adam_where_the_rates_are_the_same(tiny_encoder):
    common = {"learn_rate": [0.0, 0.001], "L2": 0.01, "grad_clip": 0.5, "beta1": 0.8}
    _, _, expected = make_trained(tiny_encoder, 4, **{"@optimizers": "Adam.v1", **common})
    same = {"@optimizers": NAME, "layer_decay": 1.0, "head_factor": 1.0}
    _, _, weights = make_trained(tiny_encoder, 4, **same, **common)
    for name, weight in weights[-1].items():
        numpy.testing.assert_array_equal(weight, expected[-1][name], err_msg=name)


def test_averages_and_continued_training(tiny_encoder, tmp_path):
    options = {"@optimizers": NAME, "learn_rate": 0.001, "use_averages": True}
    nlp, optimizer, _ = make_trained(tiny_encoder, 3, **options)
    output = nlp.get_pipe("relation_extractor").model.get_ref("output")
    last = output.get_param("W").copy()
    with nlp.use_params(optimizer.averages):
        assert not numpy.array_equal(output.get_param("W"), last)
        predict(nlp, make_examples(nlp))
        nlp.to_disk(tmp_path)
    numpy.testing.assert_array_equal(output.get_param("W"), last)
    nlp = spacy.load(tmp_path)
    optimizer = nlp.resume_training()
    assert isinstance(optimizer, Optimizer)
    before = encoder_weights(nlp)
    for _ in range(2):
        update_pipeline(nlp, optimizer)
    name = "encoder.layer.0.output.dense.weight"
    assert not numpy.array_equal(before[name], encoder_weights(nlp)[name])


def test_options_are_those_of_adam():
    options = {
        "learn_rate": {
            "@schedules": "warmup_linear.v1",
            "initial_rate": 0.1,
            "warmup_steps": 2,
            "total_steps": 4,
        },
        "L2": 0.1,
        "beta1": [0.7, 0.8],
        "beta2": 0.95,
        "eps": 1e-6,
        "grad_clip": 2,
        "L2_is_weight_decay": False,
        "use_averages": False,
    }
    ours, adam = [
        registry.resolve({"optimizer": {"@optimizers": name, **options}})["optimizer"]
        for name in (NAME, "Adam.v1")
    ]
    for _ in range(4):
        for name in set(Optimizer.__slots__) - {"schedules"}:
            assert getattr(ours, name) == getattr(adam, name), name
        ours.step_schedules()
        adam.step_schedules()
    # Without a callback Thinc finds no averages of an encoder, and what is saved should be
    # of one time.
    assert vars_of(create_layerwise_adam()) == vars_of(Adam(use_averages=False))


def vars_of(optimizer):
    return {name: getattr(optimizer, name) for name in Optimizer.__slots__}


@pytest.mark.parametrize(
    "options, message",
    [
        ({"layer_decay": 0.0}, "layer_decay must be above 0 and at most 1, found: 0.0"),
        ({"layer_decay": 1.1}, "layer_decay must be above 0 and at most 1, found: 1.1"),
        ({"head_factor": 0.0}, "head_factor must be above 0, found: 0.0"),
        ({"average_power": -1.0}, "average_power must be at least 0, found: -1.0"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=f"{NAME}: {message}"):
        create_layerwise_adam(**options)
