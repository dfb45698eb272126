"""Which way words go, where a script is written from right to left: a part of the Unicode
Bidirectional Algorithm (https://www.unicode.org/reports/tr9/), for words in place of
characters."""

import unicodedata
from collections import Counter
from typing import Iterable, Iterator, List, Optional, Sequence

# Classes of letters that go from right to left, of Arabic's own digits, which do so too,
# and of other digits.
FROM_RIGHT, ARABIC_DIGIT, DIGIT = ("R", "AL"), "AN", "EN"


def is_from_right(text: str) -> bool:
    """Whether most letters of a text go from right to left.

    text (str): The text.
    RETURNS (bool): Whether they do.
    """
    counts = Counter(map(unicodedata.bidirectional, text))
    return sum(counts[kind] for kind in FROM_RIGHT) > counts["L"]


def find_ways(words: Sequence[str], from_right: bool) -> List[bool]:
    """Which words of a line go from right to left. Its first letter tells it of a word;
    numbers go as the word before them does, but those of Arabic digits always so, and
    signs as those around them.

    words (Sequence[str]): The words.
    from_right (bool): Whether the line does.
    RETURNS (List[bool]): Whether each of them does.
    """
    known: List[Optional[bool]] = []
    last = from_right
    for word in words:
        kinds = list(map(unicodedata.bidirectional, word))
        letter = next((kind for kind in kinds if kind in ("L", *FROM_RIGHT)), None)
        if letter is not None:
            last = letter in FROM_RIGHT
        if letter is None and ARABIC_DIGIT in kinds:
            known.append(True)
        else:
            known.append(last if letter is not None or DIGIT in kinds else None)
    before = _fill(known, from_right)
    after = reversed(list(_fill(reversed(known), from_right)))
    return [one if one == other else from_right for one, other in zip(before, after)]


def _fill(ways: Iterable[Optional[bool]], last: bool) -> Iterator[bool]:
    for way in ways:
        last = last if way is None else way
        yield last
