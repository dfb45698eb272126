"""Averages of the weights, those of the encoder included."""

import io
import math

import numpy
import pytest
import spacy
from spacy.tokens import DocBin
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from thinc.api import Adam, Config

from spacy_relext.transfer.averaging import create_average_encoder

from ..test_extractor import make_examples, predict
from ..test_transformer import encoder_weights, make_nlp
from .test_optimizers import make_trained, update_pipeline

NAME = "spacy-relext.average_encoder.v1"
LAYERWISE = "spacy-relext.layerwise_adam.v1"
OPTIMIZER = {"@optimizers": "Adam.v1", "learn_rate": 0.001, "use_averages": True}


def average(history, first, power):
    """The average in which the weights of step t = 1, 2, … count a product of as many
    factors as the power, which rise by one.

    history (List[Dict[str, ndarray]]): The weights after each update.
    first (int): The first factor of the first of them.
    power (int): How many factors there are.
    RETURNS (Dict[str, ndarray]): Their average.
    """
    counts = [math.prod(range(first + t, first + t + power)) for t in range(len(history))]
    return {
        name: numpy.average([weights[name] for weights in history], axis=0, weights=counts)
        for name in history[0]
    }


@pytest.mark.parametrize(
    "options, first, power",
    [
        ({"@optimizers": "Adam.v1"}, 3, 8),
        ({"@optimizers": LAYERWISE}, 1, 8),
        ({"@optimizers": LAYERWISE, "average_power": 2}, 1, 2),
        ({"@optimizers": LAYERWISE, "average_power": 0}, 1, 0),
    ],
)
def test_encoder_is_averaged_as_the_head_is(
    tiny_encoder, tmp_path, options, first, power
):
    options = {**OPTIMIZER, **options}
    nlp, optimizer, (_, *history) = make_trained(tiny_encoder, 30, **options)
    create_average_encoder()(nlp)
    examples = make_examples(nlp)
    with nlp.use_params(optimizer.averages):
        averaged = encoder_weights(nlp)
        nlp.to_disk(tmp_path)
        with_averages = [doc._.relations for doc in predict(nlp, examples)]
    expected = average(history, first, power)
    changes = [numpy.abs(expected[name] - history[-1][name]).max() for name in expected]
    assert max(changes) > 1e-4
    for name, weight in averaged.items():
        # No gradient comes to the pooler.
        like = history[-1] if "pooler" in name else expected
        numpy.testing.assert_allclose(weight, like[name], atol=1e-5, err_msg=name)
    # The weights of before, to the last bit, and training goes on from those.
    for name, weight in encoder_weights(nlp).items():
        numpy.testing.assert_array_equal(weight, history[-1][name], err_msg=name)
    loaded = spacy.load(tmp_path)
    for name, weight in encoder_weights(loaded).items():
        numpy.testing.assert_array_equal(weight, averaged[name], err_msg=name)
    assert [str(doc._.relations) for doc in predict(loaded, make_examples(loaded))] == [
        str(relations) for relations in with_averages
    ]
    update_pipeline(nlp, optimizer)
    assert not numpy.array_equal(
        encoder_weights(nlp)["encoder.layer.0.output.dense.weight"],
        history[-1]["encoder.layer.0.output.dense.weight"],
    )


def test_weights_are_those_of_before_after_an_error(tiny_encoder):
    nlp, optimizer, (*_, last) = make_trained(tiny_encoder, 3, **OPTIMIZER)
    create_average_encoder()(nlp)
    model = nlp.get_pipe("transformer").model
    with pytest.raises(KeyError), model.use_params(optimizer.averages):
        raise KeyError
    for name, weight in encoder_weights(nlp).items():
        numpy.testing.assert_array_equal(weight, last[name], err_msg=name)


def test_what_spacy_train_saves(tiny_encoder, tmp_path):
    examples = make_examples(make_nlp(tiny_encoder))
    docs = DocBin(docs=[eg.reference for eg in examples], store_user_data=True)
    docs.to_disk(tmp_path / "train.spacy")
    (tmp_path / "trained").mkdir()
    saved = {}
    for after_init in (None, {"@callbacks": NAME}):
        config = Config(make_nlp(tiny_encoder).config)
        corpus = {
            "@readers": "spacy-relext.EntityCorpus.v1",
            "path": str(tmp_path / "train.spacy"),
        }
        config["corpora"] = {"train": corpus, "dev": corpus}
        config["initialize"]["after_init"] = after_init
        config["training"].update(max_steps=20, eval_frequency=10)
        config["training"]["optimizer"] = OPTIMIZER
        config["training"]["score_weights"] = {"rels_f": 1.0}
        nlp = init_nlp(config)
        train(nlp, tmp_path / "trained", stdout=io.StringIO(), stderr=io.StringIO())
        last = encoder_weights(nlp)
        found = encoder_weights(spacy.load(tmp_path / "trained" / "model-last"))
        saved[after_init is not None] = any(
            not numpy.array_equal(found[name], last[name]) for name in last
        )
    # Thinc alone saves the last weights of the encoder.
    assert saved == {False: False, True: True}


@pytest.mark.parametrize("use_averages", [False, "${vars.averages}"])
def test_optimizer_without_averages(tiny_encoder, use_averages):
    nlp = make_nlp(tiny_encoder)
    nlp.config["vars"] = {"averages": False}
    nlp.config["training"]["optimizer"]["use_averages"] = use_averages
    nlp.config["initialize"]["after_init"] = {"@callbacks": NAME}
    with pytest.warns(UserWarning, match=f"{NAME}: use_averages is not true"):
        nlp.initialize(lambda: make_examples(nlp), sgd=Adam())


def test_pipeline_without_a_transformer():
    nlp = spacy.blank("en")
    nlp.add_pipe("relation_extractor")
    nlp.initialize(lambda: make_examples(nlp))
    with pytest.raises(ValueError, match=f"{NAME}: no component .*: relation_extractor"):
        create_average_encoder()(nlp)
