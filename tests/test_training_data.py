import warnings

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_relext import Pairs, Relation
from spacy_relext.candidates import configure_entity_types
from spacy_relext.grouping import configure_group_by_kb_id, group_entities
from spacy_relext.training_data import N_DOCS, read_examples, select_relations

from .test_extractor import DATA, SMALL, make_examples


def test_all_relations_but_few_docs_are_kept():
    n_copies = N_DOCS
    data = [("", [], []), *DATA * n_copies]
    relations, docs = read_examples(iter(make_examples(spacy.blank("en"), data)))
    assert len(relations) == n_copies * sum(len(found) for _, _, found in DATA)
    assert [doc.text for doc in docs] == [text for text, *_ in data[1 : N_DOCS + 1]]


def test_relations_of_other_labels_are_left_to_others():
    relations, _ = read_examples(make_examples(spacy.blank("en")))
    found = select_relations("one", relations, ["SPOUSE", "RIVAL"], ["SPOUSE"])
    assert [relation.label for relation in found] == ["SPOUSE"]
    with pytest.raises(ValueError, match="one: symmetric_labels names RIVAL, .* are: SPOUSE"):
        select_relations("one", relations, ["SPOUSE"], ["RIVAL"])


def test_what_a_sample_lacks_is_told():
    """The labels may be of relations further on."""
    relations, _ = read_examples(make_examples(spacy.blank("en")))
    with pytest.warns(UserWarning, match="one: the labels are RIVAL, but .* FOUNDED, SPOUSE"):
        assert select_relations("one", relations, ["RIVAL"], []) == []
    with pytest.raises(ValueError, match="one: .* no relations in doc._.relations"):
        select_relations("one", [], [], [])


@pytest.mark.parametrize("n_docs", [1, 0])
def test_labels_can_be_given_before_there_are_relations(n_docs):
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("relation_extractor", config={"model": SMALL})
    pipe.add_label("SPOUSE")
    examples = make_examples(nlp, DATA[4 : 4 + n_docs])
    with pytest.warns(UserWarning, match="no relations in doc._.relations"):
        nlp.initialize((lambda: examples) if examples else None)
    nlp.update(make_examples(nlp))
    assert pipe.labels == ("SPOUSE",)


@pytest.mark.parametrize("names_all_mentions", [True, False])
@pytest.mark.parametrize("grouping", [configure_group_by_kb_id(), None])
def test_learnt_types_are_those_of_the_candidates(grouping, names_all_mentions):
    """An entity has the type of its first mention, whichever tells of the relation."""
    doc = Doc(spacy.blank("en").vocab, words="Ada slept . Ada ran Kestrel .".split())
    first = Span(doc, 0, 1, "PER", kb_id="1")
    main = Span(doc, 3, 4, "MISC", kb_id="1")
    doc.ents = [first, main, Span(doc, 5, 6, "ORG", kb_id="2")]
    mentions = [main, first] if names_all_mentions else []
    doc._.relations = [Relation(main, doc.ents[2], "RAN", head_mentions=mentions)]
    relations, _ = read_examples([Example(doc.copy(), doc)], grouping)
    types = configure_entity_types()
    types.initialize(relations)
    entities = group_entities(doc, grouping)
    found = types([doc], Pairs.all([entities]))
    heads = [entities[head] for head in found.head]
    assert heads == ([main] if grouping is None else [[first, main]])


def find_nothing(doc):
    return doc


@pytest.mark.parametrize(
    "before, has_entities, told",
    [
        ([], True, False),
        ([], False, True),
        (["sentencizer"], False, True),
        (["entity_ruler"], False, False),
        (["sentencizer", "test_find_nothing"], False, False),
        # It sets spans, which is not where the extractor looks.
        (["span_ruler"], False, True),
    ],
)
def test_docs_to_train_on_without_entities_are_told(before, has_entities, told):
    """As where spaCy's own reader is used, and nothing finds entities."""
    Language.component("test_find_nothing", func=find_nothing)
    nlp = spacy.blank("en")
    for name in before:
        nlp.add_pipe(name)
    nlp.add_pipe("relation_extractor", config={"model": SMALL})
    examples = make_examples(nlp)
    if not has_entities:
        examples = [Example(nlp.make_doc(eg.text), eg.reference) for eg in examples]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        nlp.initialize(lambda: examples)
    assert ["without entities" in str(w.message) for w in caught] == [True] * told
