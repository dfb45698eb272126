import pytest
import spacy

from spacy_relext.training_data import N_DOCS, read_examples, select_relations

from .test_extractor import DATA, make_examples


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
    for labels, symmetric, message in (
        (["RIVAL"], [], "one: the labels are RIVAL, but .* BASED_IN, FOUNDED, SPOUSE"),
        (["SPOUSE"], ["RIVAL"], "one: symmetric_labels names RIVAL, .* are: SPOUSE"),
    ):
        with pytest.raises(ValueError, match=message):
            select_relations("one", relations, labels, symmetric)
    with pytest.raises(ValueError, match="one: .* no relations in doc._.relations"):
        select_relations("one", [], ["SPOUSE"], [])
