"""What is to hold on a GPU, on an emulated one. `test_device.py` runs it."""

from contextlib import contextmanager

import numpy
import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import CupyOps, NumpyOps, get_current_ops, to_numpy, use_ops

from spacy_relext import Relation, set_relations
from spacy_relext.transfer.frozen import create_frozen_encoder
from spacy_relext.transfer.optimizers import create_layerwise_adam

from . import test_listener
from .emulated_device import waits
from .test_documents import BY_ID
from .test_extractor import SMALL, make_nlp
from .test_listener import OURS

BOTH = ["max", "attention"]


def make_doc(vocab, n_entities, is_annotated):
    """Sentences of five tokens that begin with an entity of one token or two; each is
    mentioned in two of them. The first is related to the second, and so on."""
    words, spans = [], []
    for i in [*range(n_entities), *range(n_entities)]:
        spans.append((len(words), len(words) + 1 + i % 2, "PQ"[i % 2], f"k{i}"))
        words += [f"e{i}", f"n{i}", "saw", f"v{i % 3}", "."]
    words += ["Nobody", "slept", "."]
    doc = Doc(vocab, words=words, sent_starts=[i % 5 == 0 for i in range(len(words))])
    doc.ents = [Span(doc, start, end, label, kb_id=x) for start, end, label, x in spans]
    if is_annotated:
        pairs = zip(doc.ents[:n_entities], doc.ents[1:n_entities])
        sents = list(doc.sents)[:1]
        relations = [
            Relation(head, tail, "AB"[i % 2], evidence=sents if i % 2 else ())
            for i, (head, tail) in enumerate(pairs)
        ]
        set_relations(doc, relations)
    return doc


def make_examples(vocab, n_entities):
    """
    n_entities (Iterable[int]): The number of entities of each doc.
    """
    return [
        Example(make_doc(vocab, n, False), make_doc(vocab, n, True)) for n in n_entities
    ]


def measure(nlp, examples):
    """What comes of training and prediction; the first example has no pair."""
    pipe = nlp.get_pipe("relation_extractor")
    assert pipe.update(examples[:1]) == {pipe.name: 0.0}
    losses = pipe.update(examples)
    docs = [example.predicted.copy() for example in examples]
    pairs, scores = pipe.predict(docs)
    assert isinstance(scores, numpy.ndarray) == isinstance(pipe.model.ops, NumpyOps)
    pipe.set_annotations(docs, (pairs, scores))
    assert pipe.predict(docs[:1])[1].shape == (0, len(pipe.labels))
    return {
        "loss": losses[pipe.name],
        "scores": to_numpy(scores),
        # Those with the same score may come in another order.
        "relations": sorted(
            (i, r.label, r.head.start, r.tail.start, [sent.start for sent in r.evidence])
            for i, doc in enumerate(docs)
            for r in doc._.relations
        ),
        "gradients": {
            f"{i} {node.name} {param}": to_numpy(node.get_grad(param))
            for i, node in enumerate(pipe.model.walk())
            for param in node.param_names
            if node.has_grad(param)
        },
    }


def move(nlp):
    """RETURNS (Language): The pipeline, saved and loaded on the device."""
    with use_ops("cupy"):
        twin = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    assert isinstance(twin.get_pipe("relation_extractor").model.ops, CupyOps)
    return twin


def objective(name, **options):
    return {"@misc": f"spacy-relext.{name}.v1", **options}


OPTIONS = {
    "default": {},
    "focal": {"objective": objective("multi_label", positive_weight=5.0, focal_gamma=2.0)},
    "single_label": {"objective": objective("single_label")},
    "adaptive_threshold": {"objective": objective("adaptive_threshold")},
    "max": {"model": {"pooling": "max", "mention_pooling": "max", "context": None}},
    "first_last": {"model": {"pooling": "first_last", "mention_pooling": "mean"}},
    "scores": {
        "model": {"mention_pooling": "scores", "block_size": 8},
        "evidence_share": 0.1,
    },
    "attention": {
        "model": {"context": "attention"},
        "evidence_share": 0.1,
        "evidence_weight": 0.5,
    },
    "group": {"model": {"context": BOTH, "group_width": 8, "prominence": True, "depth": 2}},
    "group of scores": {"model": {"group_width": 8, "mention_pooling": "scores"}},
    "between mentions": {"grouping": None, "max_pairs_per_doc": 4},
    "symmetric": {"symmetric_labels": ["B"], "max_pairs_per_doc": 6},
}


def make(examples, model=None, **config):
    config.setdefault("grouping", BY_ID)
    nlp = make_nlp(examples, model={**SMALL, **(model or {})}, **config)
    # As initialised, half of them are zeros, and half of the gradients with them.
    random = numpy.random.RandomState(0)
    for node in nlp.get_pipe("relation_extractor").model.walk():
        # Thinc takes the number of the layer in the process.
        if "seed" in node.attrs:
            node.attrs["seed"] = 0
        for param in node.param_names:
            shape = node.get_param(param).shape
            values = random.normal(0, 0.3, shape).astype("float32")
            node.set_param(param, node.ops.asarray(values))
    return nlp


@pytest.mark.parametrize("name", OPTIONS)
def test_agrees_with_the_cpu(name):
    examples = make_examples(spacy.blank("en").vocab, [0, 5, 3, 1])
    nlp = make(examples, **OPTIONS[name])
    pipe = nlp.get_pipe("relation_extractor")
    twin = move(nlp)
    assert twin.get_pipe("relation_extractor").model.to_bytes() == pipe.model.to_bytes()
    numpy.random.seed(0)
    expected = measure(nlp, examples)
    numpy.random.seed(0)
    with use_ops("cupy"):
        measured = measure(twin, examples)
    for key in ("loss", "scores"):
        numpy.testing.assert_allclose(measured[key], expected[key], 1e-4, 1e-5)
    assert measured["relations"] == expected["relations"] != []
    assert measured["gradients"].keys() == expected["gradients"].keys()
    for key, gradient in expected["gradients"].items():
        difference = numpy.linalg.norm(measured["gradients"][key] - gradient)
        # Rounding may let another of two alike be the maximum, once in thousands of times.
        assert difference <= 0.05 * max(numpy.linalg.norm(gradient), 1e-3), key


@contextmanager
def count_waits(counts):
    """Append how often the package waits for the device, by module and cause.

    counts (List[Dict[Tuple[str, str], int]]): Where to.
    """
    waits.clear()
    yield
    own = [key for key in waits if key[0].startswith("spacy_relext.")]
    counts.append({key: waits[key] for key in own})
    # Else nothing was counted: the loss is told.
    assert counts[-1]["spacy_relext.objectives", "get"] == 1


# Each block of pairs of mentions is waited for.
BOUNDED = [name for name in OPTIONS if "scores" not in name]


@pytest.mark.parametrize("name", BOUNDED)
def test_more_docs_and_pairs_are_not_waited_for_more_often(name):
    vocab = spacy.blank("en").vocab
    small, large = make_examples(vocab, [4, 4]), make_examples(vocab, [10] * 8)
    # Evidence is copied for each doc.
    config = {**OPTIONS[name], "evidence_share": None}
    config["model"] = {**config.get("model", {}), "block_size": 16}
    counts = []
    with use_ops("cupy"):
        nlp = make(small, **config)
        for examples in (small, large):
            with count_waits(counts):
                list(nlp.pipe([example.predicted.copy() for example in examples]))
                nlp.update(examples, sgd=False)
    assert counts[0] == counts[1]


FROZEN = {"exclude": ["transformer"], "annotates": ["transformer"], "sgd": False}


def test_docs_of_a_frozen_encoder_are_not_waited_for_more_often(tiny_encoder):
    counts = []
    with use_ops("cupy"):
        nlp = create_frozen_encoder()(test_listener.make_nlp(tiny_encoder, OURS, 20, 12))
        examples = make_examples(nlp.vocab, range(3, 15))
        with nlp.select_pipes(disable=["transformer"]):
            nlp.initialize(lambda: examples)
        for batch in (examples, examples[:3], examples):
            with count_waits(counts):
                nlp.update(batch, **FROZEN)
    assert counts[1] == counts[2]


def test_scores_behind_an_encoder_agree_with_the_cpu(tiny_encoder):
    nlp = test_listener.make_nlp(tiny_encoder, OURS, 20, 12)
    examples = make_examples(nlp.vocab, [2, 9])
    nlp.initialize(lambda: examples)
    scores = []
    for name, pipeline in (("numpy", nlp), ("cupy", move(nlp))):
        with use_ops(name):
            docs = [example.predicted.copy() for example in examples]
            transformer, extractor = (pipe for _, pipe in pipeline.pipeline)
            transformer.set_annotations(docs, transformer.predict(docs))
            scores.append(to_numpy(extractor.predict(docs)[1]))
    numpy.testing.assert_allclose(scores[1], scores[0], 1e-4, 1e-5)


def test_layerwise_adam_agrees_with_the_cpu():
    random = numpy.random.RandomState(0)
    start, gradient = random.normal(0, 1, (2, 5, 4)).astype("float32")
    found = []
    for name in ("numpy", "cupy"):
        with use_ops(name):
            ops = get_current_ops()
            optimizer = create_layerwise_adam(0.1, use_averages=True)
            weights = ops.asarray2f(start.copy())
            for _ in range(3):
                optimizer((0, "W"), weights, ops.asarray2f(gradient.copy()))
            found.append([to_numpy(weights), to_numpy(optimizer.averages[0, "W"])])
    numpy.testing.assert_allclose(found[1], found[0], 1e-4, 1e-5)
    assert not numpy.allclose(found[0][0], start)
