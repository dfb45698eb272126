import unicodedata

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc

from spacy_relext.words import is_word, split_letters

VOCAB = spacy.blank("xx").vocab


def make_token(text):
    return Doc(VOCAB, words=[text])[0]


@pytest.mark.parametrize(
    "text",
    ["word", "É", "e\u0301te\u0301", "दिल्ली", "में", "กรุงเทพ", "ที่", "كِتَاب", "北京"],
)
def test_words(text):
    assert is_word(make_token(text))


@pytest.mark.parametrize(
    "text",
    ["B2B", "well-known", "can't", "1990", "१९", "।", ".", " ", "\n", "\u0301", "[MASK]"],
)
def test_no_words(text):
    assert not is_word(make_token(text))


@given(st.text(min_size=1, max_size=4))
def test_a_word_as_spacy_tells_it_where_there_are_no_marks(text):
    if not any(unicodedata.category(char).startswith("M") for char in text):
        assert is_word(make_token(text)) == make_token(text).is_alpha


def test_letters_have_their_marks():
    assert split_letters("word") == list("word")
    assert split_letters("दिल्ली") == ["दि", "ल्", "ली"]
    assert split_letters("e\u0301te\u0301") == ["e\u0301", "t", "e\u0301"]
    assert split_letters("") == []
