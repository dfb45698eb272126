"""A frozen encoder whose output is computed once a doc."""

import numpy
import pytest
import spacy
from spacy.tokens import Doc
from spacy.training import Example
from spacy.training.initialize import init_nlp

from spacy_relext.transfer.frozen import create_frozen_encoder

from ..test_extractor import make_examples, predict, triples
from ..test_transformer import encoder_weights, make_nlp

FROZEN = {"exclude": ["transformer"], "annotates": ["transformer"]}


def init(nlp, **options):
    """As `spacy train` does it: what is frozen is not initialised. Without options
    the transformer is, and nothing is kept."""
    if options:
        nlp.config["initialize"]["before_init"] = {
            "@callbacks": "spacy-relext.frozen_encoder.v1",
            **options,
        }
    for node in nlp.get_pipe("relation_extractor").model.walk():
        # Thinc takes the number of the layer in the process.
        if "seed" in node.attrs:
            node.attrs["seed"] = 0
    with nlp.select_pipes(disable=["transformer"] if options else []):
        optimizer = nlp.initialize(lambda: make_examples(nlp))
    optimizer.learn_rate = 0.02
    return optimizer


def make_frozen(encoder, max_epochs=0, **options):
    nlp = make_nlp(encoder)
    nlp.config["training"]["max_epochs"] = max_epochs
    init(nlp, **{"component": "transformer", **options})
    return nlp


def count_encoded(nlp):
    """RETURNS (List[int]): Grows by the number of sequences of each forward pass."""
    counts = []
    nlp.get_pipe("transformer").model.transformer.register_forward_hook(
        lambda module, args, kwargs, output: counts.append(len(kwargs["input_ids"])),
        with_kwargs=True,
    )
    return counts


def vectors(nlp, docs):
    """What the head gets, of docs in one batch."""
    pipe = nlp.get_pipe("transformer")
    pipe.set_annotations(docs, pipe.predict(docs))
    return nlp.get_pipe("relation_extractor").model.get_ref("tok2vec").predict(docs)


def assert_close(arrays, expected):
    for array, other in zip(arrays, expected):
        numpy.testing.assert_allclose(array, other, atol=1e-5)


def test_trains_and_predicts_as_without(tiny_encoder):
    losses, scores, found = [], [], []
    for options in ({}, {"component": "transformer"}):
        nlp = make_nlp(tiny_encoder)
        optimizer = init(nlp, **options)
        examples = make_examples(nlp)
        for _ in range(15):
            for batch in (examples[:2], examples[2:], examples[::2]):
                losses.append(nlp.update(batch, sgd=optimizer, **FROZEN))
        docs = predict(nlp, examples)
        scores.append([rel.score for doc in docs for rel in doc._.relations])
        found.append([triples(doc) for doc in docs])
    losses = [of_batch["relation_extractor"] for of_batch in losses]
    half = len(losses) // 2
    assert losses[half - 1] < losses[0] / 2
    assert losses[half:] == pytest.approx(losses[:half], abs=1e-5, rel=1e-5)
    assert found[1] == found[0] == [triples(eg.reference) for eg in examples]
    assert scores[1] == pytest.approx(scores[0], abs=1e-5)


def test_encodes_each_doc_once(tiny_encoder):
    nlp = make_frozen(tiny_encoder)
    counts = count_encoded(nlp)
    examples = make_examples(nlp)
    before = encoder_weights(nlp)
    optimizer = nlp.create_optimizer()
    for _ in range(3):
        for batch in (examples[:3], examples[3:]):
            nlp.update(batch, sgd=optimizer, **FROZEN)
        nlp.evaluate(examples)
    assert sum(counts) == len(examples)
    after = encoder_weights(nlp)
    assert all(numpy.array_equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_vectors_do_not_depend_on_the_batch(tiny_encoder, order):
    """Neither on its padding, nor on which docs of it were there before. The second
    doc is longer than the window of 64, the third has the longest span."""
    plain, frozen = make_nlp(tiny_encoder), make_frozen(tiny_encoder)
    init(plain)
    texts = ["Ada founded Kestrel in Cork.", "Bo slept. " * 30, "Kestrel " * 40]
    expected = vectors(plain, [plain.make_doc(text) for text in texts])
    docs = [frozen.make_doc(texts[i]) for i in order]
    vectors(frozen, docs[:1])
    assert_close(vectors(frozen, docs), [expected[i] for i in order])
    assert_close(vectors(frozen, docs[::-1]), [expected[i] for i in order[::-1]])


def test_same_tokens_are_the_same_doc(tiny_encoder):
    nlp = make_frozen(tiny_encoder)
    counts = count_encoded(nlp)
    words = ["Ada", "met", "Bo"]
    first = vectors(nlp, [Doc(nlp.vocab, words=words), Doc(nlp.vocab, words=words)])
    assert_close(vectors(nlp, [Doc(nlp.vocab, words=words)]), first[:1])
    numpy.testing.assert_array_equal(first[0], first[1])
    assert sum(counts) == 1
    vectors(nlp, [Doc(nlp.vocab, words=words, spaces=[True, False, False])])
    assert sum(counts) == 2
    vectors(nlp, [Doc(nlp.vocab, words=["Ad", "a", "met", "Bo"], spaces=[0, 1, 1, 1])])
    assert sum(counts) == 3


def test_spans_are_part_of_what_is_seen(tiny_encoder):
    nlp = make_nlp(tiny_encoder)
    nlp.get_pipe("transformer").model.attrs["get_spans"] = lambda docs: [
        list(doc.sents) for doc in docs
    ]
    create_frozen_encoder()(nlp)
    words, shapes = ["Ada", "slept", "Bo", "slept"], []
    for starts in ([1, 0, 0, 0], [1, 0, 1, 0]):
        doc = Doc(nlp.vocab, words=words, sent_starts=[bool(start) for start in starts])
        nlp.get_pipe("transformer")(doc)
        shapes.append(doc._.trf_data.model_output.last_hidden_state.shape[0])
    assert shapes == [1, 2]


def test_docs_without_tokens(tiny_encoder):
    nlp = make_frozen(tiny_encoder)
    full, empty = make_examples(nlp)[0], Example(Doc(nlp.vocab), Doc(nlp.vocab))
    for batch in ([empty, full], [empty], [full, empty], [empty, empty]):
        nlp.update(batch, sgd=nlp.create_optimizer(), **FROZEN)
        docs = list(nlp.pipe([eg.predicted.copy() for eg in batch]))
        assert [len(doc._.trf_data.align.lengths) for doc in docs] == [
            len(doc) for doc in docs
        ]


def test_keeps_no_more_than_allowed(tiny_encoder):
    nlp = make_frozen(tiny_encoder, max_docs=4)
    counts = count_encoded(nlp)
    texts = ["one", "two", "three", "four", "five", "six"]
    for _ in range(3):
        for i in range(0, 6, 3):
            vectors(nlp, [nlp.make_doc(text) for text in texts[i : i + 3]])
    assert len(nlp.get_pipe("transformer").model._func) == 4
    # In a second and a third pass only those that did not fit.
    assert sum(counts) == 6 + 2 + 2


def test_of_a_streamed_corpus_what_comes_again_is_kept(tiny_encoder, monkeypatch):
    """And not what an augmenter makes anew in each epoch."""
    monkeypatch.setattr("spacy_relext.transfer.frozen.RECENT", 4)
    nlp = make_frozen(tiny_encoder, max_epochs=-1)
    counts, forward = count_encoded(nlp), nlp.get_pipe("transformer").model._func
    for i in range(6):
        vectors(nlp, [nlp.make_doc(text) for text in ("one", "two", f"new {i}")])
        assert len(forward) == (2 if i else 0)
    assert counts == [3, 3, 1, 1, 1, 1]
    # Kept for as long as it comes.
    for i in range(4):
        vectors(nlp, [nlp.make_doc(text) for text in ("one", f"other {i}")])
    assert len(forward) == 1
    vectors(nlp, [nlp.make_doc("one"), nlp.make_doc("two")])
    assert counts[6:] == [1, 1, 1, 1, 1]


def test_what_comes_once_takes_no_place(tiny_encoder):
    nlp = make_frozen(tiny_encoder, max_epochs=-1, max_docs=1)
    counts = count_encoded(nlp)
    for texts in (["new"], ["one"], ["one"], ["two"], ["two"], ["one"], ["two"]):
        vectors(nlp, [nlp.make_doc(text) for text in texts])
    assert sum(counts) == 6
    assert len(nlp.get_pipe("transformer").model._func) == 1


def test_keeps_the_word_pieces_and_no_padding(tiny_encoder):
    nlp = make_frozen(tiny_encoder)
    docs = [nlp.make_doc("Bo"), nlp.make_doc("Bo slept and slept and slept")]
    vectors(nlp, docs)
    alone = make_nlp(tiny_encoder)
    init(alone)
    for doc in docs:
        array = doc._.trf_data.model_output.last_hidden_state
        expected = alone(doc.copy())._.trf_data.model_output.last_hidden_state
        assert array.shape == expected.shape
        # What it is a part of would stay in memory with it.
        assert (array if array.base is None else array.base).nbytes == array.nbytes
        assert set(doc._.trf_data.model_output) == {"last_hidden_state"}


def test_saved_pipeline_is_a_plain_one(tiny_encoder, tmp_path):
    nlp = make_frozen(tiny_encoder)
    examples = make_examples(nlp)
    optimizer = nlp.create_optimizer()
    optimizer.learn_rate = 0.02
    for _ in range(40):
        nlp.update(examples, sgd=optimizer, **FROZEN)
    docs = predict(nlp, examples)
    assert [triples(doc) for doc in docs] == [triples(eg.reference) for eg in examples]
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path)
    counts = count_encoded(again)
    for _ in range(2):
        loaded = predict(again, examples)
        for doc, other in zip(docs, loaded):
            assert [rel.score for rel in doc._.relations] == pytest.approx(
                [rel.score for rel in other._.relations], abs=1e-5
            )
    assert sum(counts) == 2 * len(examples)
    again.update(examples)


def test_replaced_listeners_are_plain(tiny_encoder):
    nlp = make_frozen(tiny_encoder)
    expected = vectors(nlp, [nlp.make_doc("Ada met Bo.")])
    nlp.replace_listeners("transformer", "relation_extractor", ["model.tok2vec"])
    nlp.remove_pipe("transformer")
    tok2vec = nlp.get_pipe("relation_extractor").model.layers[0].layers[0].layers[0]
    for is_train in (False, True):
        assert_close(tok2vec([nlp.make_doc("Ada met Bo.")], is_train)[0], expected)


def test_a_trained_encoder_is_refused(tiny_encoder):
    nlp = make_frozen(tiny_encoder)
    with pytest.raises(ValueError, match="'transformer' .* training.frozen_components"):
        nlp.update(make_examples(nlp), annotates=["transformer"])


@pytest.mark.parametrize("how", ["from_bytes", "load_state_dict"])
def test_other_weights_are_never_answered_with_old_vectors(tiny_encoder, how):
    nlp, other = make_frozen(tiny_encoder), make_nlp(tiny_encoder)
    init(other)
    pipe, other_pipe = nlp.get_pipe("transformer"), other.get_pipe("transformer")
    for weight in other_pipe.model.transformer.parameters():
        weight.data *= 1.5
    # From here on the number of changes to the weights tells nothing.
    pipe.model.from_bytes(pipe.model.to_bytes())
    texts = ["Ada met Bo.", "Bo slept."]
    old = vectors(nlp, [nlp.make_doc(text) for text in texts])
    if how == "from_bytes":
        pipe.model.from_bytes(other_pipe.model.to_bytes())
    else:
        pipe.model.transformer.load_state_dict(other_pipe.model.transformer.state_dict())
    new = vectors(nlp, [nlp.make_doc(text) for text in texts])
    assert numpy.abs(new[0] - old[0]).max() > 1e-2
    assert_close(new, vectors(other, [other.make_doc(text) for text in texts]))


def test_initialised_twice(tiny_encoder):
    nlp = make_frozen(tiny_encoder)
    counts = count_encoded(nlp)
    vectors(nlp, [nlp.make_doc("one"), nlp.make_doc("two")])
    create_frozen_encoder(max_docs=1)(nlp)
    for _ in range(2):
        vectors(nlp, [nlp.make_doc("one"), nlp.make_doc("two")])
    assert sum(counts) == 2 + 2 + 1


def test_encoder_of_another_pipeline(tiny_encoder, tmp_path):
    """By `source`, through spaCy's own initialisation."""
    source = make_nlp(tiny_encoder)
    init(source)
    source.to_disk(tmp_path)
    config = make_nlp(tiny_encoder).config.copy()
    config["components"]["transformer"] = {"source": str(tmp_path)}
    config["training"].update(
        frozen_components=["transformer"], annotating_components=["transformer"]
    )
    config["initialize"]["before_init"] = {"@callbacks": "spacy-relext.frozen_encoder.v1"}
    for corpus in ("train", "dev"):
        config["corpora"][corpus] = {"@readers": "test_frozen.examples.v1"}
    nlp = init_nlp(config)
    counts = count_encoded(nlp)
    for _ in range(2):
        nlp.update(make_examples(nlp), **FROZEN)
    assert sum(counts) == len(make_examples(nlp))


@spacy.registry.readers("test_frozen.examples.v1")
def read_examples():
    return make_examples


@pytest.mark.parametrize("max_docs", [0, -1])
def test_max_docs_out_of_range(max_docs):
    with pytest.raises(
        ValueError, match=f"max_docs must be at least 1.* found: {max_docs}"
    ):
        create_frozen_encoder(max_docs=max_docs)


def test_component_that_is_none_or_no_transformer(tiny_encoder):
    nlp = make_nlp(tiny_encoder)
    with pytest.raises(KeyError, match="No component 'x' found"):
        create_frozen_encoder("x")(nlp)
    with pytest.raises(
        ValueError, match="found: 'relation_extractor', which is a Relation"
    ):
        create_frozen_encoder("relation_extractor")(nlp)
