import warnings

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.training.initialize import init_nlp

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
        (["test_ents_ruler"], False, False),
    ],
)
def test_docs_to_train_on_without_entities_are_told(before, has_entities, told):
    """As where spaCy's own reader is used, and nothing finds entities."""
    Language.component("test_find_nothing", func=find_nothing)
    nlp = spacy.blank("en")
    for name in before:
        if name == "test_ents_ruler":
            nlp.add_pipe("span_ruler", config={"annotate_ents": True})
        else:
            nlp.add_pipe(name)
    nlp.add_pipe("relation_extractor", config={"model": SMALL})
    examples = make_examples(nlp)
    if not has_entities:
        examples = [Example(nlp.make_doc(eg.text), eg.reference) for eg in examples]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        nlp.initialize(lambda: examples)
    assert ["without entities" in str(w.message) for w in caught] == [True] * told


def caught_of(call, argument, words="without entities"):
    """What is told of docs without entities, or in other words."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(argument)
    return [str(w.message) for w in caught if words in str(w.message)]


@pytest.fixture
def config(tmp_path):
    """A config to train a finder and an extractor with, from data without entities."""
    nlp = spacy.blank("en")
    nlp.add_pipe("ner")
    nlp.add_pipe("relation_extractor", config={"model": SMALL})
    docs = [eg.reference for eg in make_examples(nlp)]
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "train.spacy")
    config = nlp.config.copy()
    config["paths"]["train"] = config["paths"]["dev"] = str(tmp_path / "train.spacy")
    return config


@pytest.mark.parametrize(
    "annotating, told",
    [
        ([], "of ner before it none is in [training.annotating_components]"),
        (["relation_extractor"], "of ner before it none is in"),
        (["ner"], ""),
    ],
)
def test_finder_that_does_not_annotate_in_training_is_told(config, annotating, told):
    config["training"]["annotating_components"] = annotating
    found = caught_of(init_nlp, config)
    assert len(found) == bool(told) and told in "".join(found)


@pytest.mark.parametrize("frozen", [[], ["ner"]])
def test_sourced_finder_that_annotates_is_enough(config, frozen, tmp_path):
    """spaCy disables it while it initializes the others."""
    nlp = spacy.blank("en")
    nlp.add_pipe("ner").add_label("X")
    nlp.initialize()
    nlp.to_disk(tmp_path / "source")
    config["components"]["ner"] = {"source": str(tmp_path / "source")}
    config["training"].update(annotating_components=["ner"], frozen_components=frozen)
    assert caught_of(init_nlp, config) == []


def test_what_annotates_in_a_loop_of_ones_own_is_not_known(config, tmp_path):
    """A saved config is that of another training."""
    config["training"]["annotating_components"] = ["ner"]
    init_nlp(config).to_disk(tmp_path / "model")
    nlp = spacy.load(tmp_path / "model")
    nlp.config["training"]["annotating_components"] = []
    examples = make_examples(nlp)
    for eg in examples:
        eg.predicted.ents = []
    assert caught_of(nlp.initialize, examples.copy) == []


@pytest.mark.parametrize("encoder", [[], ["tok2vec"]])
def test_finder_that_gets_no_vectors_in_training_is_told(config, encoder):
    """It listens to an encoder that does not annotate."""
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": SMALL["tok2vec"]})
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 32}
    nlp.add_pipe("ner", config={"model": {"tok2vec": listener}})
    config["components"].update(nlp.config["components"])
    config["nlp"]["pipeline"] = ["tok2vec", "ner", "relation_extractor"]
    config["training"]["annotating_components"] = [*encoder, "ner"]
    found = caught_of(init_nlp, config, "without its vectors")
    assert len(found) == (not encoder)
    assert all("ner in" in text and "Name tok2vec" in text for text in found)
