"""Every config trains as it stands, but for its data and a tiny encoder."""

from pathlib import Path

import numpy
import pytest
import spacy
from spacy import util
from spacy.cli.train import train
from spacy.tokens import DocBin
from spacy.vectors import Vectors

from .test_extractor import make_examples

WORDS = ["ada", "kestrel", "founded", "bo", "in", "dee", "married", "and"]
CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.cfg"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "corpus.spacy"
    docs = [eg.reference for eg in make_examples(spacy.blank("en"))]
    for doc in docs:
        doc.cats = {"business": 1.0, "family": 0.0}
    DocBin(docs=docs * 2, store_user_data=True).to_disk(path)
    return str(path)


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    """Word vectors in lower case, as GloVe has them."""
    path = tmp_path_factory.mktemp("vectors")
    nlp = spacy.blank("en")
    nlp.vocab.vectors = Vectors(
        strings=nlp.vocab.strings,
        data=numpy.ones((len(WORDS), 6), dtype="float32"),
        keys=[nlp.vocab.strings.add(word) for word in WORDS],
    )
    nlp.to_disk(path)
    return path


def test_there_are_configs():
    names = {path.stem for path in CONFIGS}
    assert names >= {"transformer_gpu", "transformer_cpu", "tok2vec_cpu", "joint_ner"}
    assert names >= {"frozen", "layerwise", "bilstm_vectors", "multitask"}
    assert names >= {"multilingual", "es", "zh"}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_config_trains(path, corpus, tiny_encoder, vectors, tmp_path):
    overrides = {
        "paths.train": corpus,
        "paths.dev": corpus,
        "training.max_steps": 2,
        "training.eval_frequency": 1,
    }
    config = util.load_config(path)
    if "encoder" in config["paths"]:
        overrides["paths.encoder"] = str(tiny_encoder)
        # Mixed precision is for a GPU.
        overrides["components.transformer.model.mixed_precision"] = False
    if "vectors" in config["paths"]:
        overrides["paths.vectors"] = str(vectors)
    if path.stem == "layerwise":
        # Two steps have none to rise in.
        overrides["training.optimizer.learn_rate.num_steps"] = 20
    train(path, tmp_path, overrides=overrides)
    nlp = spacy.load(tmp_path / "model-last")
    assert nlp.get_pipe("relation_extractor").labels == ("BASED_IN", "FOUNDED", "SPOUSE")
    assert "rels_f" in nlp.meta["performance"]
    list(nlp.pipe(["Ada founded Kestrel in Cork.", ""]))


def test_vectors_that_are_not_there(corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (path,) = [path for path in CONFIGS if path.stem == "bilstm_vectors"]
    with pytest.raises(IOError, match="vectors could not be found at 'vectors'"):
        train(path, overrides={"paths.train": corpus, "paths.dev": corpus})


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_training_feeds_what_listens(path):
    """An annotating `ner` without an annotating transformer is fed zeros."""
    annotating = util.load_config(path)["training"].get("annotating_components", [])
    assert "ner" not in annotating or "transformer" in annotating
