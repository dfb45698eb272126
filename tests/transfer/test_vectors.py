"""Word vectors that fit a corpus or do not."""

import numpy
import pytest
import spacy
from spacy.tokens import DocBin
from spacy.vectors import Vectors

from spacy_relext.transfer.vectors import add_capitalised, create_fit_vectors


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "corpus.spacy"
    nlp = spacy.blank("en")
    docs = [nlp(text) for text in ("Ada founded Kestrel in 1843 .", "Ada lived", "")]
    DocBin(docs=docs).to_disk(path)
    return path


def make_nlp(*words):
    nlp = spacy.blank("en")
    nlp.vocab.vectors = Vectors(
        strings=nlp.vocab.strings,
        data=numpy.eye(max(1, len(words)), 3, dtype="float32"),
        keys=[nlp.vocab.strings.add(word) for word in words],
    )
    return nlp


def test_share_of_words(corpus):
    # Three of six: the year and the full stop are no words.
    nlp = make_nlp("Ada", "Kestrel")
    assert create_fit_vectors(corpus, min_coverage=0.5)(nlp) is nlp
    with pytest.raises(ValueError, match="min_coverage is 0.6, but only 50%") as error:
        create_fit_vectors(corpus, min_coverage=0.6)(nlp)
    for word in ("founded", "in", "lived"):
        assert word in str(error.value)
    assert str(corpus) in str(error.value)


def test_words_of_letters_with_marks_count(tmp_path):
    words = "दिल्ली में है"
    DocBin(docs=[spacy.blank("en")(words)]).to_disk(tmp_path / "hi.spacy")
    fit = create_fit_vectors(tmp_path / "hi.spacy", min_coverage=1.0)
    fit(make_nlp(*words.split()))
    with pytest.raises(ValueError, match="only 67%.*for example: है"):
        fit(make_nlp(*words.split()[:2]))


def test_without_words_none_lacks_a_vector(tmp_path):
    DocBin(docs=[spacy.blank("en")("1843 .")]).to_disk(tmp_path / "numbers.spacy")
    create_fit_vectors(tmp_path / "numbers.spacy", min_coverage=1.0)(make_nlp("Ada"))


def test_words_in_lower_case(corpus, tmp_path):
    with pytest.raises(ValueError, match="only 0%.*ignore_case"):
        create_fit_vectors(corpus)(make_nlp("ada", "kestrel"))
    nlp = make_nlp("ada", "kestrel", "Ada")
    create_fit_vectors(corpus, min_coverage=0.5, ignore_case=True)(nlp)
    # Of each word one vector, but where the table has another.
    nlp.to_disk(tmp_path / "nlp")
    for pipeline in (nlp, spacy.load(tmp_path / "nlp")):
        doc = pipeline.make_doc("Kestrel KESTREL kestrel Ada ADA ada KeStrel")
        assert [token.vector.tolist() for token in doc] == [
            *[[0.0, 1.0, 0.0]] * 3,
            [0.0, 0.0, 1.0],
            *[[1.0, 0.0, 0.0]] * 2,
            [0.0, 0.0, 0.0],
        ]


@pytest.mark.parametrize("words", [("Apple", "apple"), ("apple", "Apple"), ("aPple", "apple")])
def test_words_in_capitals_have_the_vector_of_that_in_lower_case(words):
    """Wherever it stands in the table."""
    nlp = make_nlp(*words)
    add_capitalised(nlp.vocab)
    assert nlp.vocab["APPLE"].vector.tolist() == nlp.vocab["apple"].vector.tolist()


def test_vectors_of_words_that_are_not_known(corpus):
    """As in a table that was made in code: there are hashes alone."""
    nlp = spacy.blank("en")
    data = numpy.eye(2, 3, dtype="float32")
    nlp.vocab.vectors = Vectors(data=data, keys=["ada", "kestrel"])
    nlp.vocab.strings.add("ada")
    with pytest.warns(UserWarning, match="without 1 of 2 word vectors"):
        create_fit_vectors(corpus, min_coverage=0.3, ignore_case=True)(nlp)
    doc = nlp.make_doc("Ada ada kestrel Kestrel")
    assert [token.has_vector for token in doc] == [True, True, True, False]


def test_pipeline_without_vectors(corpus):
    with pytest.raises(ValueError, match="only 0%"):
        create_fit_vectors(corpus, ignore_case=True)(spacy.blank("en"))


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_share_out_of_range(corpus, share):
    with pytest.raises(ValueError, match=f"min_coverage must .* found: {share}"):
        create_fit_vectors(corpus, min_coverage=share)


def test_no_corpus():
    with pytest.raises(ValueError, match="path must be that of a corpus"):
        create_fit_vectors(None)
