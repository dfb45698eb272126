"""Random parts of a training set."""

from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Tuple

from spacy.tokens import Doc, DocBin
from spacy.training.corpus import FILE_TYPE, walk_corpus
from spacy.vocab import Vocab
from wasabi import msg


def check_share(share: float) -> None:
    """End the program with a message where a share is out of its range.

    share (float): The share.
    """
    if not 0 < share <= 1:
        msg.fail(f"A share must be above 0 and at most 1, found: {share}", exits=1)


def write_part(source: Path, folder: Path, share: float, seed: int) -> Path:
    """Write a random part of a corpus.

    source (Path): The corpus, a .spacy file or a folder of such.
    folder (Path): The folder to write to.
    share (float): The share of its docs, above 0; at least one.
    seed (int): Of the choice. A smaller part of the same seed lies within a larger.
    RETURNS (Path): The .spacy file written, by the corpus and the share.
    """
    docs = list(_read(source))
    Random(seed).shuffle(docs)
    output = folder / f"{source.stem}-{share:g}.spacy"
    part = docs[: max(1, round(share * len(docs)))]
    DocBin(docs=part, store_user_data=True).to_disk(output)
    return output


# A study asks for many parts of a few corpora.
@lru_cache
def _read(source: Path) -> Tuple[Doc, ...]:
    vocab = Vocab()
    return tuple(
        doc
        for path in walk_corpus(source, FILE_TYPE)
        for doc in DocBin().from_disk(path).get_docs(vocab)
    )
