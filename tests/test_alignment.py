import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_relext import Pairs, Relation
from spacy_relext.alignment import Aligner
from spacy_relext.candidates import keep_all
from spacy_relext.corpus import hand_clusters_over, hand_entities_over
from spacy_relext.grouping import CLUSTERS_PREFIX, configure_group_by_kb_id, group_entities
from spacy_relext.inspection import Setup, inspect_corpus
from spacy_relext.reference import Reference
from spacy_relext.scorer import score_relations
from spacy_relext.truths import get_evidence, match_relations

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
    aligner = Aligner(example)
    for span in spans(example.reference):
        touched = [
            token.i
            for token in example.predicted
            if token.idx < span.end_char and span.start_char < token.idx + len(token)
        ]
        assert aligner.align(span) == (touched[0], touched[-1] + 1)


@given(examples())
def test_same_tokens_same_bounds(example):
    example = Example(example.reference.copy(), example.reference)
    aligner = Aligner(example)
    for span in spans(example.reference):
        assert aligner.align(span) == (span.start, span.end)


def test_bounds_are_plain_ints():
    """Numpy's would not survive in `doc.user_data`, nor in JSON."""
    example = Example(make_doc("New ", "York"), make_doc("New ", "York"))
    bounds = Aligner(example).align(example.reference[0:2])
    assert [type(bound) for bound in bounds] == [int, int]


def test_case_does_not_matter():
    """As augmenters change it."""
    example = Example(make_doc("new-york ", "is"), make_doc("New", "-", "York ", "is"))
    assert Aligner(example).align(example.reference[2:3]) == (0, 1)


def test_nothing_aligned():
    example = Example(make_doc("a ", "b"), make_doc("a ", "\n", "b"))
    aligner = Aligner(example)
    assert aligner.align(example.reference[1:2]) is None
    assert aligner.align(example.reference[1:1]) is None
    assert aligner.align(example.reference[0:3]) == (0, 2)


def test_texts_that_differ_are_none_of_its_business_until_it_is_asked():
    example = Example(make_doc("a"), make_doc("b"))
    aligner = Aligner(example)
    with pytest.raises(ValueError, match="E949"):
        aligner.align(example.reference[0:1])
    assert match_relations([example], Pairs.all([[]]), ["R"]) == []
    assert not Reference(example).relations


class CountingExample(Example):
    n_asked = 0

    @property
    def alignment(self):
        self.n_asked += 1
        return super().alignment


def make_counting(n):
    """One with so many entities, and as many relations and clusters."""
    docs = [make_doc(*["word "] * n) for _ in range(2)]
    for doc in docs:
        doc.ents = [Span(doc, i, i + 1, "X", kb_id=f"Q{i % 2}") for i in range(n)]
    reference = docs[1]
    reference._.relations = [
        Relation(reference.ents[0], end, "R", evidence=[reference[:]])
        for end in reference.ents[1:]
    ]
    for i in range(n):
        reference.spans[f"{CLUSTERS_PREFIX}_{i}"] = [reference.ents[i]]
    return CountingExample(*docs)


def match_with_evidence(grouping, example):
    pairs = Pairs.all([group_entities(example.predicted, grouping)])
    get_evidence(match_relations([example], pairs, ["R"], grouping=grouping), 0.5)


def score(grouping, example):
    score_relations([example], grouping=grouping)


def inspect(grouping, example):
    inspect_corpus([example], Setup(keep_all, grouping=grouping))


def hand_over(grouping, example):
    hand_entities_over(example)
    hand_clusters_over(example, CLUSTERS_PREFIX)


@pytest.mark.parametrize("use", [match_with_evidence, score, inspect, hand_over])
@pytest.mark.parametrize("grouping", [None, configure_group_by_kb_id()])
def test_an_example_is_not_asked_for_each_span(use, grouping):
    """Each time it compares all the tokens of both docs."""
    few, many = make_counting(3), make_counting(12)
    for example in (few, many):
        use(grouping, example)
    assert few.n_asked == many.n_asked
    assert 1 <= few.n_asked <= 3
