"""Word vectors that fit the corpus that they are to be trained on."""

import warnings
from collections import Counter
from pathlib import Path
from typing import Callable, Optional

from spacy.language import Language
from spacy.training import Corpus
from spacy.util import registry
from spacy.vocab import Vocab

from ..words import is_word

NAME = "spacy-relext.fit_vectors.v1"
N_EXAMPLES = 5


@registry.callbacks("spacy-relext.fit_vectors.v1")
def create_fit_vectors(
    path: Optional[Path], min_coverage: float = 0.5, ignore_case: bool = False
) -> Callable[[Language], Language]:
    """End a training before it begins where the pipeline has word vectors for too few
    words of its corpus, as with vectors of another language. For
    `[initialize.after_init]`.

    Many tables know words in lower case only. `spacy init vectors --attr LOWER` has
    spaCy look them up so, but is forgotten when the table is saved (spaCy 3.8). With
    `ignore_case` the capitalised forms are put into the table, each with the row of the
    word in lower case, and are saved with it.

    Counted are the words as they come in the text, without punctuation, numbers and
    whitespace. Floret vectors cover any word.

    path (Optional[Path]): The corpus: a .spacy file, or a directory of such.
    min_coverage (float): The least share of the words with a vector, 0 to 1.
    ignore_case (bool): Whether a word with a capital first, or in capitals, has the
        vector of the word in lower case where it has none of its own.
    RETURNS (Callable[[Language], Language]): The callback.
    RAISES (ValueError): Where `min_coverage` is out of its range or no path is given;
        from the callback where the share is smaller.
    """
    if not 0 <= min_coverage <= 1:
        raise ValueError(
            f"{NAME}: min_coverage must lie between 0 and 1, found: {min_coverage}"
        )
    if path is None:
        raise ValueError(f"{NAME}: path must be that of a corpus, found: None")

    def fit(nlp: Language) -> Language:
        if ignore_case:
            add_capitalised(nlp.vocab)
        known: Counter = Counter()
        unknown: Counter = Counter()
        for example in Corpus(path)(nlp):
            for token in example.predicted:
                if is_word(token):
                    (known if token.has_vector else unknown)[token.text] += 1
        n_known, n_unknown = sum(known.values()), sum(unknown.values())
        # Where there is no word, none lacks a vector.
        coverage = n_known / (n_known + n_unknown) if known or unknown else 1.0
        if coverage < min_coverage:
            words = ", ".join(word for word, _ in unknown.most_common(N_EXAMPLES))
            raise ValueError(
                f"{NAME}: min_coverage is {min_coverage:g}, but only {coverage:.0%} of the "
                f"words of {path} have a vector. Without one are, for example: {words}. "
                "Are the vectors of this language? If their words are all in lower case, "
                "set ignore_case = true"
            )
        return nlp

    return fit


def add_capitalised(vocab: Vocab) -> None:
    """Give words with a capital first, and in capitals, the vectors of the words in
    lower case, where they have none of their own.

    vocab (Vocab): The vocab, whose table is changed in place.
    """
    vectors = vocab.vectors
    # Empty for floret vectors, which have no words.
    rows = vectors.key2row
    # A table that was made in code may have keys whose words nobody has told.
    known = {key: row for key, row in rows.items() if key in vocab.strings}
    n_unknown = len(rows) - len(known)
    if n_unknown:
        warnings.warn(
            f"{NAME}: ignore_case does without {n_unknown} of {len(rows)} word vectors, "
            "whose words are not in nlp.vocab.strings. Add them with nlp.vocab.strings.add"
        )
    for key, row in known.items():
        word = vocab.strings[key]
        if word != word.lower():
            continue
        for form in (word[:1].upper() + word[1:], word.upper()):
            if vocab.strings[form] not in vectors:
                vectors.add(vocab.strings.add(form), row=row)
