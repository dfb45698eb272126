import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.util import load_config_from_str, load_model_from_config

from spacy_relext import Pairs, Relation, get_entities
from spacy_relext.candidates import (
    configure_all_of,
    configure_all_pairs,
    configure_entity_types,
    configure_sentence_window,
    configure_token_window,
    restore_state,
)

from .test_extractor import make_examples
from .test_pairs import all_pairs, make_doc

CONFIG = """
[nlp]
lang = "en"
pipeline = ["relation_extractor"]

[components]

[components.relation_extractor]
factory = "relation_extractor"

[components.relation_extractor.pairs]
@misc = "spacy-relext.entity_types.v1"
allowed = [["PER","ORG"],["ORG","LOC"]]
"""


@pytest.fixture
def doc():
    return make_doc()


def texts(doc, pairs):
    entities = get_entities(doc)
    return {(entities[h].text, entities[t].text) for h, t in zip(pairs.head, pairs.tail)}


def test_token_window(doc):
    pairs = configure_token_window(max_tokens=1)([doc], all_pairs(doc))
    assert texts(doc, pairs) == {
        ("Ada", "Bo"), ("Bo", "Ada"), ("Bo", "Cork"), ("Cork", "Bo"),
        ("Dee", "Erfurt"), ("Erfurt", "Dee"),
    }


def test_sentence_window(doc):
    for i, token in enumerate(doc):
        token.is_sent_start = i in (0, 6)
    within = configure_sentence_window(max_sentences=1)([doc, doc], all_pairs(doc, doc))
    assert len(within) == 2 * (6 + 2)
    assert len(configure_sentence_window(max_sentences=2)([doc], all_pairs(doc))) == 20


@pytest.mark.parametrize("first_is_marked", [True, False])
def test_sentence_window_goes_by_where_mentions_start(doc, first_is_marked):
    for i, token in enumerate(doc):
        token.is_sent_start = i == 5 or (i == 0 and first_is_marked)
    doc.spans["sc"] = [Span(doc, 0, 1, "A"), Span(doc, 4, 7, "B"), Span(doc, 7, 8, "C")]
    pairs = Pairs.all([get_entities(doc, "sc")])
    within = configure_sentence_window(max_sentences=1)([doc], pairs)
    assert list(zip(within.head, within.tail)) == [(0, 1), (1, 0)]


def test_sentence_window_needs_sentences(doc):
    with pytest.raises(ValueError, match="sentencizer"):
        configure_sentence_window(max_sentences=1)([doc], all_pairs(doc))
    no_pairs = all_pairs(Doc(doc.vocab, words=["x"]))
    assert len(configure_sentence_window(1)([Doc(doc.vocab, words=["x"])], no_pairs)) == 0


@pytest.mark.parametrize("configure", [configure_token_window, configure_sentence_window])
@pytest.mark.parametrize("limit", [0, -3])
def test_window_below_one_is_an_error(configure, limit):
    with pytest.raises(ValueError, match=f"at least 1, found: {limit}"):
        configure(limit)


def test_allowed_entity_types(doc):
    pairs = configure_entity_types([("PER", "LOC"), ("PER", "UNSEEN")])([doc], all_pairs(doc))
    assert len(pairs) == 6
    entities = get_entities(doc)
    assert {entities[h].label_ for h in pairs.head} == {"PER"}
    assert {entities[t].label_ for t in pairs.tail} == {"LOC"}


def test_learnt_entity_types_travel_as_state(doc):
    generator = configure_entity_types()
    assert len(generator([doc], all_pairs(doc))) == 20
    ents = doc.ents
    generator.initialize([Relation(ents[2], ents[0], "X"), Relation(ents[4], ents[1], "Y")])
    assert generator.state == {"allowed": [["LOC", "PER"]]}
    other = configure_entity_types()
    other.state = generator.state
    assert texts(doc, other([doc], all_pairs(doc))) == texts(doc, generator([doc], all_pairs(doc)))
    assert len(other([doc], all_pairs(doc))) == 6


def test_given_entity_types_are_not_learnt_over(doc):
    generator = configure_entity_types([("PER", "LOC")])
    generator.initialize([Relation(doc.ents[0], doc.ents[2], "X")])
    generator.state = {"allowed": [["PER", "PER"]]}
    assert generator.state == {}
    assert len(generator([doc], all_pairs(doc))) == 6


def test_allowed_entity_types_come_from_a_config_and_are_loaded_again(tmp_path):
    nlp = load_model_from_config(load_config_from_str(CONFIG), auto_fill=True)
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    nlp.to_disk(tmp_path)
    docs = [eg.predicted for eg in examples]
    for loaded in (nlp, spacy.load(tmp_path)):
        assert len(loaded.get_pipe("relation_extractor").candidates(docs)) == 4


def test_unknown_entity_type_is_told(doc):
    """No error: of a corpus that is streamed a sample is all that is seen before."""
    generator = configure_entity_types([["PER", "LOC"], ["PERS", "LOC"]])
    with pytest.warns(UserWarning, match="allowed names PERS, .* types LOC, PER"):
        generator.initialize([Relation(doc.ents[2], doc.ents[0], "X")])
    assert len(generator([doc], all_pairs(doc))) == 6


@pytest.mark.parametrize(
    "allowed, message",
    [([["PER", "LOC", "ORG"]], "pairs of a head and a tail type"), ([], "allowed is empty")],
)
def test_entity_types_must_be_pairs(allowed, message):
    with pytest.raises(ValueError, match=message):
        configure_entity_types(allowed)


def test_without_relations_to_learn_from_all_types_are_allowed(doc):
    generator, again = configure_entity_types(), configure_entity_types()
    with pytest.warns(UserWarning, match="every pair is a candidate"):
        generator.initialize([])
    restore_state("one", again, generator.state)
    assert len(again([doc], all_pairs(doc))) == 20


def test_all_of_narrows_in_turn(doc):
    types = configure_entity_types()
    generator = configure_all_of(configure_token_window(max_tokens=1), types)
    generator.initialize(iter([Relation(doc.ents[0], doc.ents[2], "X")]))
    assert texts(doc, generator([doc], all_pairs(doc))) == {("Bo", "Cork"), ("Dee", "Erfurt")}
    again = configure_all_of(configure_token_window(max_tokens=1), configure_entity_types())
    again.state = generator.state
    assert len(again([doc], all_pairs(doc))) == 2


def test_all_of_lets_each_learn(doc):
    generator = configure_all_of(configure_entity_types(), configure_entity_types())
    generator.initialize(iter([Relation(doc.ents[0], doc.ents[2], "X")]))
    learnt = {"allowed": [["PER", "LOC"]]}
    assert generator.state == {"0": learnt, "1": learnt}


window, types = configure_token_window(max_tokens=1), configure_entity_types


@pytest.mark.parametrize(
    "trained, loaded",
    [
        (types(), configure_all_of(window, types())),
        (types(), configure_all_of(window)),
        (types(), window),
        (configure_all_of(types(), window), types()),
        (configure_all_of(types(), window), configure_all_of(window, types())),
        (configure_all_of(window, types()), configure_all_of(window)),
        (configure_all_of(window, types()), configure_all_pairs()),
        (configure_all_pairs(), types()),
        (window, configure_all_of(window, types())),
    ],
)
def test_what_was_learnt_is_not_lost_on_other_generators(doc, trained, loaded):
    if hasattr(trained, "initialize"):
        trained.initialize([Relation(doc.ents[0], doc.ents[2], "X")])
    with pytest.raises(ValueError, match="one: .* must be those that it was trained with"):
        restore_state("one", loaded, getattr(trained, "state", {}))


@pytest.mark.parametrize(
    "trained, loaded",
    [
        (types(), types([["LOC", "PER"]])),
        (configure_all_of(window, types()), configure_all_of(configure_all_pairs(), types())),
        (configure_all_pairs(), window),
    ],
)
def test_options_of_generators_can_be_changed(doc, trained, loaded):
    if hasattr(trained, "initialize"):
        trained.initialize([Relation(doc.ents[0], doc.ents[2], "X")])
    restore_state("one", loaded, getattr(trained, "state", {}))
    assert len(loaded([doc], all_pairs(doc))) == 6
