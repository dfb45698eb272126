import pytest

from spacy_relext.visual.bidi import find_ways, is_from_right


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", False),
        ("12 %", False),
        ("Ada met Bo", False),
        ("IBM מינתה את דנה", True),
        ("أحمد أسس شركة Kestrel", True),
        ("She said שלום", False),
    ],
)
def test_which_way_a_text_goes(text, expected):
    assert is_from_right(text) == expected


@pytest.mark.parametrize(
    "line, from_right, expected",
    [
        ("Ada met Bo .", False, "...."),
        ("She said שלום , עולם 2020 .", False, "..RRRR."),
        ("דנה , 2020 .", True, "RRRR"),
        # A sign goes with words only where they are on both sides of it.
        ("אב ( Kestrel - Graz ) 11 גד .", True, "RR.....RR"),
        ("( 2020 )", True, "RRR"),
        # Digits of Arabic go from the right, also after a letter that does not.
        ("abc ١٢ سلام ٣٤٥ 12 .", False, ".RRRR."),
        ("سلام abc ٣٤٥ , 12", True, "R.RR."),
        ("١٢ 34 ٣٤٥", False, "R.R"),
        ("", True, ""),
    ],
)
def test_which_way_words_go(line, from_right, expected):
    ways = find_ways(line.split(), from_right)
    assert "".join(".R"[way] for way in ways) == expected
