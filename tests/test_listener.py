import warnings

import numpy
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_relext.listener import choose_windows
from spacy_relext.transfer.frozen import create_frozen_encoder

from .test_extractor import make_examples


@settings(max_examples=60)
@given(
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=12),
    window=st.integers(1, 6),
    stride=st.integers(1, 6),
)
def test_a_token_is_taken_from_where_it_has_most_context(sizes, window, stride):
    """Against a plain search over windows of tokens of one to four pieces."""
    stride = min(stride, window)
    spans = []
    for start in range(0, len(sizes), stride):
        spans.append(range(start, min(start + window, len(sizes))))
        if start + window >= len(sizes):
            break
    n_pieces = [sum(sizes[i] for i in span) + 2 for span in spans]
    width = max(n_pieces)
    where = {i: [] for i in range(len(sizes))}
    for number, span in enumerate(spans):
        place = 1
        for i in span:
            own = list(range(place, place + sizes[i]))
            place += sizes[i]
            room = min(min(p, n_pieces[number] - 1 - p) for p in own)
            where[i].append((-room, number, [number * width + p for p in own]))
    pieces = [p for i in where for _, _, own in sorted(where[i], key=lambda x: x[1]) for p in own]
    lengths = [sum(len(own) for _, _, own in where[i]) for i in where]
    keep = choose_windows(
        numpy.asarray(pieces), numpy.asarray(lengths), width, numpy.asarray(n_pieces)
    )
    expected = [p for i in where for p in min(where[i])[2]]
    assert numpy.asarray(pieces)[keep].tolist() == expected


def make_nlp(encoder, architecture, window, stride, **tokenizer):
    nlp = spacy.blank("en")
    nlp.add_pipe(
        "transformer",
        config={
            "model": {
                "@architectures": "spacy-transformers.TransformerModel.v3",
                "name": str(encoder),
                "get_spans": {
                    "@span_getters": "spacy-transformers.strided_spans.v1",
                    "window": window,
                    "stride": stride,
                },
                "tokenizer_config": {"use_fast": True, **tokenizer},
            }
        },
    )
    listener = {
        "@architectures": architecture,
        "pooling": {"@layers": "reduce_mean.v1"},
    }
    model = {"@architectures": "spacy-relext.RelationModel.v1", "tok2vec": listener}
    nlp.add_pipe("relation_extractor", config={"model": model}).add_label("R")
    doc = nlp.make_doc("one")
    nlp.get_pipe("transformer").initialize(lambda: [Example(doc, doc)], nlp=nlp)
    return nlp


OURS = "spacy-relext.TransformerListener.v1"
THEIRS = "spacy-transformers.TransformerListener.v1"


def vectors(nlp, doc):
    nlp.get_pipe("transformer")(doc)
    return nlp.get_pipe("relation_extractor").model.get_ref("tok2vec").predict([doc])[0]


def test_vectors_are_those_of_the_best_window(tiny_encoder):
    nlp = make_nlp(tiny_encoder, OURS, 6, 4)
    words = [f"word{i}" for i in range(10)]
    doc, first, second = (
        Doc(nlp.vocab, words=w) for w in (words, words[:6], words[4:])
    )
    found = vectors(nlp, doc)
    numpy.testing.assert_allclose(found[:5], vectors(nlp, first)[:5], rtol=1e-4, atol=1e-5)
    numpy.testing.assert_allclose(found[5:], vectors(nlp, second)[1:], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n_words, cut", [(2, 0), (8, 2)])
def test_tokens_that_the_encoder_does_not_read_are_told(tiny_encoder, n_words, cut):
    nlp = make_nlp(tiny_encoder, OURS, 8, 8, model_max_length=8)
    doc = Doc(nlp.vocab, words=["word", *["  "] * 2, *["word"] * n_words])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        vectors(nlp, doc)
    told = [str(w.message) for w in caught if "has not read" in str(w.message)]
    assert len(told) == bool(cut)
    assert all(f"{cut} of {len(doc)} tokens" in message for message in told)


@pytest.mark.parametrize("dropped", ["\uf0b7", "\u200b"])
@pytest.mark.parametrize("kept", [False, True])
def test_tokens_that_the_tokenizer_drops_are_not_told(tiny_encoder, dropped, kept):
    """A bullet of a private font and a space without width, in windows of any length."""
    nlp = make_nlp(tiny_encoder, OURS, 8, 4)
    if kept:
        create_frozen_encoder()(nlp)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n_words in (0, 1, 3, 20):
            words = [*["word"] * n_words, dropped, dropped]
            vectors(nlp, Doc(nlp.vocab, words=words))
            vectors(nlp, Doc(nlp.vocab, words=words[::-1]))


def test_merged_tokens_of_cut_windows_are_told(tiny_encoder):
    nlp = make_nlp(tiny_encoder, OURS, 40, 40, model_max_length=16)
    nlp.initialize(lambda: make_examples(nlp))
    doc = Doc(nlp.vocab, words=["word"] * 40)
    nlp.get_pipe("transformer")(doc)
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[:2])
    doc.ents = [Span(doc, 0, 1, label="A"), Span(doc, 3, 4, label="A")]
    with pytest.raises(ValueError, match="doc of 39 tokens has 40 vectors"):
        nlp.get_pipe("relation_extractor")(doc)


def test_what_replaces_it_is_saved_and_averages_as_the_other(tiny_encoder, tmp_path):
    found = []
    for architecture, folder in ((OURS, tmp_path / "ours"), (THEIRS, tmp_path / "theirs")):
        nlp = make_nlp(tiny_encoder, architecture, 4, 2)
        nlp.initialize(lambda: make_examples(nlp))
        nlp.replace_listeners("transformer", "relation_extractor", ["model.tok2vec"])
        nlp.remove_pipe("transformer")
        nlp.to_disk(folder)
        doc = Doc(nlp.vocab, words=["a", "b", "c", "d", "e", "f"])
        for pipeline in (nlp, spacy.load(folder)):
            encoder = pipeline.get_pipe("relation_extractor").model.get_ref("tok2vec")
            found.append(encoder.predict([doc])[0])
    for others in found[1:]:
        numpy.testing.assert_allclose(others, found[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("words", [["one"], ["a", "b", "c"]])
def test_short_docs_are_as_those_of_the_other_listener(tiny_encoder, words):
    found = []
    for architecture in (OURS, THEIRS):
        nlp = make_nlp(tiny_encoder, architecture, 6, 4)
        found.append(vectors(nlp, Doc(nlp.vocab, words=words)))
    numpy.testing.assert_allclose(*found, rtol=1e-4, atol=1e-5)


def test_a_frozen_encoder_that_is_kept_gives_the_same_vectors(tiny_encoder):
    """Each doc that comes again, too, whatever was in the batch."""
    texts = ["a b c d e f g h i j k l", "m n o p q r s", "t"]
    plain = make_nlp(tiny_encoder, OURS, 6, 4)
    expected = [vectors(plain, plain.make_doc(text)) for text in texts]
    nlp = create_frozen_encoder()(make_nlp(tiny_encoder, OURS, 6, 4))
    pipe, listener = nlp.get_pipe("transformer"), nlp.get_pipe("relation_extractor").model
    for _ in range(2):
        docs = [nlp.make_doc(text) for text in texts]
        pipe.set_annotations(docs, pipe.predict(docs))
        for found, one in zip(listener.get_ref("tok2vec").predict(docs), expected):
            numpy.testing.assert_allclose(found, one, rtol=1e-4, atol=1e-5)
