"""What is a word, in any script."""

import unicodedata
from typing import List

from spacy.tokens import Token


def is_word(token: Token) -> bool:
    """Whether a token is all letters. Unlike for `token.is_alpha`, the marks that stand
    with letters are no others: most words of Hindi or Thai have some, as vowels.

    token (Token): The token.
    RETURNS (bool): Whether it is a word; it then has one letter at least.
    """
    kinds = {unicodedata.category(char)[0] for char in token.text}
    return "L" in kinds and kinds <= {"L", "M"}


def split_letters(word: str) -> List[str]:
    """The letters of a word.

    word (str): The word.
    RETURNS (List[str]): Its letters, each with the marks that stand with it.
    """
    letters: List[str] = []
    for char in word:
        if letters and unicodedata.category(char).startswith("M"):
            letters[-1] += char
        else:
            letters.append(char)
    return letters
