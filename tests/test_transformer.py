"""The extractor behind a shared transformer."""

import numpy
import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example

from .processes import run_python
from .test_extractor import DATA, make_examples, predict, triples

LISTENER = {
    "@architectures": "spacy-transformers.TransformerListener.v1",
    "grad_factor": 1.0,
    "pooling": {"@layers": "reduce_mean.v1"},
    "upstream": "*",
}


def make_nlp(encoder, *, with_ner=False, with_relations=True, **options):
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en")
    model = {
        "@architectures": "spacy-transformers.TransformerModel.v3",
        "name": str(encoder),
        "get_spans": {
            "@span_getters": "spacy-transformers.strided_spans.v1",
            "window": 64,
            "stride": 48,
        },
        # Without dropout two pipelines can be compared number by number.
        "transformer_config": {
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
        },
        **options,
    }
    nlp.add_pipe("transformer", config={"model": model})
    if with_ner:
        ner = {
            "@architectures": "spacy.TransitionBasedParser.v2",
            "state_type": "ner",
            "extra_state_tokens": False,
            "hidden_width": 16,
            "maxout_pieces": 2,
            "use_upper": False,
            "tok2vec": LISTENER,
        }
        nlp.add_pipe("ner", config={"model": ner})
    if with_relations:
        model = {"hidden_width": 32, "type_width": 8, "tok2vec": LISTENER}
        nlp.add_pipe("relation_extractor", config={"model": model})
    return nlp


def train(nlp, examples, n_updates=60, **kwargs):
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.003
    for _ in range(n_updates):
        nlp.update(examples, sgd=optimizer, **kwargs)
    return nlp


def encoder_weights(nlp):
    (shim,) = [s for node in nlp.get_pipe("transformer").model.walk() for s in node.shims]
    return {name: p.detach().numpy().copy() for name, p in shim._model.named_parameters()}


@pytest.fixture(scope="module")
def trained(tiny_encoder):
    nlp = make_nlp(tiny_encoder)
    return train(nlp, make_examples(nlp))


def test_learns_through_the_shared_transformer(trained, tmp_path):
    examples = make_examples(trained)
    assert [triples(d) for d in predict(trained, examples)] == [
        triples(eg.reference) for eg in examples
    ]
    trained.to_disk(tmp_path)
    docs = predict(spacy.load(tmp_path), examples)
    assert [triples(d) for d in docs] == [triples(eg.reference) for eg in examples]


def test_docs_without_tokens_among_others(trained):
    space = Doc(trained.vocab, words=["\n", " "])
    full = make_examples(trained)[0].predicted
    docs = [Doc(trained.vocab), full, space, Doc(trained.vocab)]
    assert [len(doc._.relations) for doc in trained.pipe(docs)] == [0, 2, 0, 0]
    examples = make_examples(trained)
    others = [Example(doc.copy(), doc.copy()) for doc in (docs[0], space)]
    losses = trained.update([*others, *examples], sgd=False)["relation_extractor"]
    assert losses == pytest.approx(
        trained.update(examples, sgd=False)["relation_extractor"], rel=1e-3
    )
    assert trained.update(others, sgd=False)["relation_extractor"] == 0


def test_replaced_listeners(trained, tmp_path):
    trained.to_disk(tmp_path)
    nlp = spacy.load(tmp_path)
    nlp.replace_listeners("transformer", "relation_extractor", ["model.tok2vec"])
    nlp.remove_pipe("transformer")
    examples = make_examples(nlp)
    assert [triples(d) for d in predict(nlp, examples)] == [
        triples(eg.reference) for eg in examples
    ]


def test_frozen_transformer_keeps_its_weights(tiny_encoder):
    nlp = make_nlp(tiny_encoder)
    examples = make_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.02
    before = encoder_weights(nlp)
    options = {"exclude": ["transformer"], "annotates": ["transformer"]}
    losses = [
        nlp.update(examples, sgd=optimizer, **options)["relation_extractor"]
        for _ in range(40)
    ]
    assert losses[-1] < losses[0] / 2
    after = encoder_weights(nlp)
    assert all(numpy.array_equal(before[name], after[name]) for name in before)


def test_joint_training_with_ner(tiny_encoder):
    nlp = make_nlp(tiny_encoder, with_ner=True)
    examples = [Example(nlp.make_doc(eg.reference.text), eg.reference) for eg in make_examples(nlp)]
    train(nlp, examples, n_updates=100, annotates=["transformer", "ner"])
    doc = nlp(DATA[0][0])
    assert [ent.text for ent in doc.ents] == ["Ada", "Kestrel", "Cork"]
    assert triples(doc) == triples(examples[0].reference)


@pytest.mark.parametrize("entities", ["none", "one"])
def test_batch_without_candidates_leaves_the_gradient_of_others_alone(tiny_encoder, entities):
    """The last listener owns the encoder's backprop: an extractor that skipped its
    turn would keep the gradient of `ner` from the encoder."""
    changes = {}
    for with_relations in (False, True):
        nlp = make_nlp(tiny_encoder, with_ner=True, with_relations=with_relations)
        full = make_examples(nlp)
        optimizer = nlp.initialize(lambda: full)
        before = encoder_weights(nlp)
        batch = [Example(nlp.make_doc(eg.reference.text), eg.reference) for eg in full]
        for eg in batch if entities == "one" else []:
            eg.predicted.ents = [Span(eg.predicted, 0, 1, label="PER")]
        # More than one update, as the output layer of `ner` starts from zeros.
        for _ in range(3):
            nlp.update(batch, sgd=optimizer)
        after = encoder_weights(nlp)
        changes[with_relations] = {name: after[name] - before[name] for name in before}
    assert max(numpy.abs(change).max() for change in changes[False].values()) > 1e-5
    for name, change in changes[False].items():
        numpy.testing.assert_allclose(changes[True][name], change, atol=1e-7, err_msg=name)


def test_other_processes_with_a_transformer(trained, tmp_path):
    """In a process of its own with a time limit, as it would hang where forked processes
    waited for the threads that torch had in the parent."""
    trained.to_disk(tmp_path / "model")
    script = tmp_path / "run.py"
    script.write_text(
        "import sys, spacy, torch\n"
        "from spacy.tokens import DocBin\n"
        "torch.set_num_threads(2)\n"
        "nlp = spacy.load(sys.argv[1])\n"
        "docs = list(DocBin().from_disk(sys.argv[2]).get_docs(nlp.vocab))\n"
        "list(nlp.pipe(doc.copy() for doc in docs))\n"
        "docs = nlp.pipe(docs, n_process=2, batch_size=2)\n"
        "sys.stdout.write(' '.join(str(len(doc._.relations)) for doc in docs))\n"
    )
    docs = [eg.predicted for eg in make_examples(trained)]
    DocBin(docs=docs).to_disk(tmp_path / "docs.spacy")
    result = run_python(script, tmp_path / "model", tmp_path / "docs.spacy", timeout=240)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "2 1 0 1 0 0"
