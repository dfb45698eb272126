"""Where `doc.user_data` has what `relext convert` read and no span or relation can hold."""

from typing import Any

from .relation import USER_DATA_KEY

# Name and place of the document.
SOURCE_KEY = "spacy_relext.source"
# Attributes of entities, and the sentences of relations, both by characters of the doc.
ATTRIBUTES_KEY = "spacy_relext.attributes"
SENTENCES_KEY = "spacy_relext.sentences"
# Labels of relations without direction.
SYMMETRIC_KEY = "spacy_relext.symmetric"


def is_custom(key: Any) -> bool:
    """Whether an item of user data is a custom attribute of spaCy's.

    key (Any): The key of the item. That of a custom attribute of a doc, a token or a span
        is `("._.", name, start, end)`, with None or characters.
    RETURNS (bool): Whether it is.
    """
    return isinstance(key, tuple) and len(key) == 4 and key[0] == "._."


def is_of_doc(key: Any) -> bool:
    """Whether an item of user data is not stored by characters of the doc.

    key (Any): The key of the item.
    RETURNS (bool): Whether it is of the doc.
    """
    if is_custom(key):
        return key[2] is None
    return key not in (USER_DATA_KEY, ATTRIBUTES_KEY, SENTENCES_KEY)
