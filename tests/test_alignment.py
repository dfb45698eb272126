import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.training import Example

from spacy_relext.alignment import align_span

VOCAB = spacy.blank("en").vocab


def make_doc(*tokens):
    """A doc of tokens as they are written, a trailing space included."""
    words = [token.removesuffix(" ") for token in tokens]
    return Doc(VOCAB, words=words, spaces=[token.endswith(" ") for token in tokens])


@st.composite
def tokenised(draw, words):
    """One of the ways to cut the words of a text into tokens."""
    tokens = []
    for word in words:
        cuts = sorted(draw(st.sets(st.integers(1, max(1, len(word) - 1)))) - {len(word)})
        tokens.extend(word[i:j] for i, j in zip([0, *cuts], [*cuts, len(word)]))
        tokens[-1] += " "
    return make_doc(*tokens)


@st.composite
def examples(draw):
    words = draw(st.lists(st.text("aB-é", min_size=1, max_size=6), min_size=1, max_size=6))
    return Example(draw(tokenised(words)), draw(tokenised(words)))


def spans(doc):
    return [doc[i:j] for i in range(len(doc)) for j in range(i + 1, len(doc) + 1)]


@given(examples())
def test_covers_the_span_with_the_fewest_tokens(example):
    for span in spans(example.reference):
        touched = [
            token.i
            for token in example.predicted
            if token.idx < span.end_char and span.start_char < token.idx + len(token)
        ]
        assert align_span(example, span) == (touched[0], touched[-1] + 1)


@given(examples())
def test_same_tokens_same_bounds(example):
    example = Example(example.reference.copy(), example.reference)
    for span in spans(example.reference):
        assert align_span(example, span) == (span.start, span.end)


def test_bounds_are_plain_ints():
    """Numpy's would not survive in `doc.user_data`, nor in JSON."""
    example = Example(make_doc("New ", "York"), make_doc("New ", "York"))
    assert [type(bound) for bound in align_span(example, example.reference[0:2])] == [int, int]


def test_case_does_not_matter():
    """As augmenters change it."""
    example = Example(make_doc("new-york ", "is"), make_doc("New", "-", "York ", "is"))
    assert align_span(example, example.reference[2:3]) == (0, 1)


def test_nothing_aligned():
    example = Example(make_doc("a ", "b"), make_doc("a ", "\n", "b"))
    assert align_span(example, example.reference[1:2]) is None
    assert align_span(example, example.reference[1:1]) is None
    assert align_span(example, example.reference[0:3]) == (0, 2)
