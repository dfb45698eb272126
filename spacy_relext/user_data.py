"""Where `doc.user_data` has what `relext convert` read, and no span or relation can hold."""

# Name and place of the document.
SOURCE_KEY = "spacy_relext.source"
# Attributes of entities, and the sentences of relations, both by characters of the doc.
ATTRIBUTES_KEY = "spacy_relext.attributes"
SENTENCES_KEY = "spacy_relext.sentences"
# Labels of relations without direction.
SYMMETRIC_KEY = "spacy_relext.symmetric"
