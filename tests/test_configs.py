"""Every config trains as it stands, but for its data and a tiny encoder."""

from pathlib import Path

import numpy
import pytest
import spacy
import srsly
from spacy import util
from spacy.cli.train import train
from spacy.kb import InMemoryLookupKB
from spacy.tokens import DocBin, Span
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


@pytest.fixture(scope="module")
def pipeline(corpus, tiny_encoder, tmp_path_factory):
    """What entity_linking.cfg puts a linker into."""
    (path,) = [path for path in CONFIGS if path.stem == "joint_ner"]
    folder = tmp_path_factory.mktemp("pipeline")
    settings = {"paths.train": corpus, "paths.dev": corpus, "training.max_steps": 1}
    train(path, folder, overrides={**settings, "paths.encoder": str(tiny_encoder)})
    return folder / "model-last"


@pytest.fixture(scope="module")
def knowledge_base(tiny_encoder, tmp_path_factory):
    """Two of one name, with vectors that are not alike."""
    config = srsly.read_json(tiny_encoder / "config.json")
    first, second = numpy.eye(config["hidden_size"], dtype="float32")[:2]
    path = tmp_path_factory.mktemp("kb")
    kb = InMemoryLookupKB(spacy.blank("en").vocab, entity_vector_length=len(first))
    kb.add_entity("Q1", freq=1, entity_vector=first)
    kb.add_entity("Q2", freq=1, entity_vector=second)
    kb.add_alias("Ada", ["Q1", "Q2"], [0.5, 0.5])
    kb.to_disk(path)
    return path


def test_there_are_configs():
    names = {path.stem for path in CONFIGS}
    assert names >= {"transformer_gpu", "transformer_cpu", "tok2vec_cpu", "joint_ner"}
    assert names >= {"frozen", "layerwise", "bilstm_vectors", "multitask"}
    assert names >= {"multilingual", "es", "zh"}


# A linker takes text that is linked, and has a test of its own.
@pytest.mark.parametrize(
    "path", [x for x in CONFIGS if x.stem != "entity_linking"], ids=lambda path: path.stem
)
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


@pytest.mark.filterwarnings("ignore:.*no example has relations")
def test_linker_learns_which_of_one_name_is_meant(
    pipeline, knowledge_base, tiny_encoder, tmp_path
):
    """And the relations that the extractor finds have ends with ids."""
    nlp = spacy.blank("en")
    docs = []
    for text, kb_id in (("Ada founded Kestrel .", "Q1"), ("Ada married Bo .", "Q2")):
        doc = nlp(text)
        doc.ents = [Span(doc, 0, 1, label="PERSON", kb_id=kb_id)]
        doc[0].is_sent_start = True
        docs.append(doc)
    corpus = tmp_path / "corpus.spacy"
    DocBin(docs=docs * 5, store_user_data=True).to_disk(corpus)
    (path,) = [path for path in CONFIGS if path.stem == "entity_linking"]
    overrides = {
        "paths.train": str(corpus),
        "paths.dev": str(corpus),
        "paths.model": str(pipeline),
        "paths.knowledge_base": str(knowledge_base),
        "paths.encoder": str(tiny_encoder),
        "training.dropout": 0.0,
        "training.optimizer.learn_rate": 0.01,
    }
    train(path, tmp_path, overrides=overrides)
    nlp = spacy.load(tmp_path / "model-last", exclude=["ner"])
    for doc in docs:
        found = nlp.make_doc(doc.text)
        found.ents = [Span(found, 0, 1, label="PERSON")]
        assert nlp(found).ents[0].kb_id_ == doc.ents[0].kb_id_
