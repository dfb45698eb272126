import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import registry

from spacy_relext import Pairs, Relation, get_entities, score_relations
from spacy_relext.grouping import group_entities

from .test_extractor import make_examples, make_nlp

VOCAB = spacy.blank("en").vocab
WORDS = ["Ada", "Bo", "Cork", "Dee"]


def make_doc(relations=None, words=WORDS):
    """A doc in which every word is an entity."""
    doc = Doc(VOCAB, words=words)
    doc.ents = [Span(doc, i, i + 1, "X") for i in range(len(words))]
    if relations is not None:
        doc._.relations = [Relation(doc.ents[h], doc.ents[t], x) for h, t, x in relations]
    return doc


def make_example(predicted, gold):
    return Example(make_doc(predicted), make_doc(gold))


def all_pairs(docs):
    return Pairs.all([get_entities(doc, None) for doc in docs])


def no_pairs(docs):
    return all_pairs(docs).select(slice(0))


def test_micro_macro_and_per_label():
    examples = [
        make_example([(0, 1, "A"), (0, 2, "A"), (0, 3, "C")], [(0, 1, "A"), (2, 3, "A")]),
        make_example([(0, 1, "A")], [(0, 1, "A"), (1, 2, "B")]),
    ]
    scores = score_relations(examples)
    p, r = 2 / 3, 2 / 3
    assert scores["rels_per_type"] == {
        "A": pytest.approx({"p": p, "r": r, "f": 2 / 3, "support": 3}),
        "B": {"p": 0, "r": 0, "f": 0, "support": 1},
        "C": {"p": 0, "r": 0, "f": 0, "support": 0},
    }
    assert scores["rels_p"] == pytest.approx(2 / 4)
    assert scores["rels_r"] == pytest.approx(2 / 4)
    assert scores["rels_f"] == pytest.approx(1 / 2)
    # Labels that only the gold or only the prediction has are averaged over too.
    for name in "prf":
        assert scores[f"rels_macro_{name}"] == pytest.approx(2 / 3 / 3)
    assert scores["rels_candidate_recall"] is None


@pytest.mark.parametrize("wrong", [(1, 0, "A"), (0, 2, "A"), (2, 1, "A"), (0, 1, "B")])
def test_head_tail_and_label_must_be_right(wrong):
    assert score_relations([make_example([(0, 1, "A")], [(0, 1, "A")])])["rels_f"] == 1
    assert score_relations([make_example([wrong], [(0, 1, "A")])])["rels_f"] == 0


def test_entity_labels_are_not_compared():
    example = make_example(None, [(0, 1, "A")])
    head, tail = (Span(example.predicted, i, i + 1, "Y") for i in (0, 1))
    example.predicted._.relations = [Relation(head, tail, "A")]
    assert score_relations([example])["rels_f"] == 1


def test_symmetric_labels_without_order():
    example = make_example([(1, 0, "A"), (1, 0, "B")], [(0, 1, "A"), (0, 1, "B")])
    scores = score_relations([example], symmetric_labels=["A"])["rels_per_type"]
    assert (scores["A"]["f"], scores["B"]["f"]) == (1, 0)
    twice = make_example([(1, 0, "A"), (0, 1, "A")], [(0, 1, "A")])
    assert score_relations([twice], symmetric_labels=["A"])["rels_p"] == 1


def test_docs_without_annotation_are_left_out():
    annotated = make_example([(0, 1, "A")], [(0, 1, "A")])
    scores = score_relations([make_example([(0, 2, "A")], None), annotated])
    assert scores["rels_p"] == 1
    # An empty list is an annotation: there is nothing to find.
    scores = score_relations([make_example([(0, 2, "A")], []), annotated])
    assert scores["rels_p"] == 0.5


@pytest.mark.filterwarnings("ignore:.*nothing to score by")
@pytest.mark.parametrize("examples", [[], [make_example([(0, 1, "A")], None)]])
def test_nothing_annotated(examples):
    scores = score_relations(examples, candidates=all_pairs)
    assert scores.keys() == score_relations([make_example([], [])]).keys()
    assert set(scores.values()) == {None}


def test_nothing_to_find_and_nothing_found():
    scores = score_relations([make_example([], [])], candidates=all_pairs)
    assert scores["rels_f"] == scores["rels_macro_f"] == 0
    assert scores["rels_per_type"] == {} and scores["rels_candidate_recall"] is None


def test_labels():
    example = make_example([(0, 1, "A"), (0, 1, "B")], [(0, 1, "A"), (2, 3, "B")])
    scores = score_relations([example], labels=["A"], candidates=all_pairs, key="mine")
    assert scores["mine_f"] == scores["mine_candidate_recall"] == 1
    assert list(scores["mine_per_type"]) == ["A"]


def test_gold_is_aligned_to_predicted_tokens():
    reference = make_doc([(0, 3, "A")], ["Ada", "-", "Lou", "Cork"])
    predicted = make_doc([(0, 1, "A")], ["Ada-Lou", "Cork"])
    example = Example(predicted, reference)
    scores = score_relations([example], candidates=all_pairs)
    assert scores["rels_f"] == scores["rels_candidate_recall"] == 1


def test_gold_that_nothing_is_aligned_to_is_missed():
    gold = [(0, 1, "A"), (1, 2, "A"), (0, 2, "A")]
    reference = make_doc(gold, ["Ada", "\n", "Cork"])
    predicted = make_doc([(0, 1, "A")], ["Ada", "Cork"])
    scores = score_relations([Example(predicted, reference)], candidates=all_pairs)
    assert (scores["rels_p"], scores["rels_r"]) == (1, pytest.approx(1 / 3))
    assert scores["rels_candidate_recall"] == pytest.approx(1 / 3)


def test_each_gold_relation_that_nothing_is_aligned_to_is_missed():
    reference = make_doc([(0, 1, "A"), (0, 2, "A"), (1, 3, "A"), (2, 3, "A")], ["Ada", "\n", "\n\n", "Cork"])
    scores = score_relations([Example(make_doc([], ["Ada", "Cork"]), reference)])
    assert scores["rels_per_type"]["A"]["support"] == 4


def test_gold_relations_between_the_same_predicted_tokens_are_not_one():
    """No more than one of them is found; but one that is annotated twice is one."""
    words = ["Ada", "-", "Lou", "Cork"]
    gold = [(0, 3, "A"), (2, 3, "A"), (0, 3, "S"), (3, 0, "S")]
    predicted = make_doc([(0, 1, "A"), (1, 0, "S")], ["Ada-Lou", "Cork"])
    example = Example(predicted, make_doc(gold, words))
    scores = score_relations([example], symmetric_labels=["S"], candidates=all_pairs)
    per_type = scores["rels_per_type"]
    assert per_type["A"] == pytest.approx({"p": 1, "r": 1 / 2, "f": 2 / 3, "support": 2})
    assert per_type["S"]["support"] == 1 and per_type["S"]["f"] == 1
    assert scores["rels_candidate_recall"] == pytest.approx(2 / 3)


def test_missed_relations_are_within_the_sentence_that_they_are_in():
    """Also where their mentions fall on predicted tokens of others, or on none."""
    gold = Doc(VOCAB, words=["Ada", "Bo", "met", "Dee", "Eve", "Al"], spaces=[0, 1, 1, 0, 1, 0])
    gold.ents = [Span(gold, i, i + 1, "X") for i in (0, 1, 3, 4, 5)]
    ada, bo, dee, eve, al = gold.ents
    gold._.relations = [Relation(ada, dee, "A"), Relation(bo, eve, "A"), Relation(ada, al, "A")]
    for i, token in enumerate(gold):
        token.is_sent_start = i in (0, 5)
    found = Doc(VOCAB, words=["AdaBo", "met", "DeeEve", "Al"], spaces=[1, 1, 1, 0])
    found.ents = [Span(found, 0, 1, "X"), Span(found, 2, 3, "X")]
    found._.relations = [Relation(*found.ents, "A")]
    scores = score_relations([Example(found, gold)])
    assert scores["rels_intra_f"] == pytest.approx(2 / 3)
    assert scores["rels_inter_f"] == 0


def test_candidate_recall_of_entities_that_share_a_mention():
    """No candidate is the pair the other way round, nor an entity with itself."""
    grouping = registry.misc.get("spacy-relext.group_by_kb_id.v1")(separator="|")

    def candidates(docs):
        pairs = Pairs.all([group_entities(doc, grouping) for doc in docs])
        return pairs.select(pairs.head < pairs.tail)

    doc = Doc(VOCAB, words=["Ada", "Bo", "Cy"])
    doc.ents = [Span(doc, i, i + 1, "X", kb_id=id_) for i, id_ in enumerate(["1", "1|2", "2"])]
    ada, both, cy = doc.ents
    first, second = (ada, both), (both, cy)
    for head, tail, recall in ((first, second, 1), (second, first, 0), (first, first, 0)):
        predicted = doc.copy()
        doc._.relations = [Relation(head[0], tail[-1], "A", 1.0, head, tail)]
        scores = score_relations(
            [Example(predicted, doc)], grouping=grouping, candidates=candidates
        )
        assert scores["rels_candidate_recall"] == recall


def test_candidate_recall():
    gold = [(0, 1, "A"), (0, 2, "A"), (3, 2, "A"), (3, 2, "S")]

    def forward(docs):
        """Pairs in the order of the text, and not the first with the third."""
        pairs = all_pairs(docs)
        keep = (pairs.head < pairs.tail) & ~((pairs.head == 0) & (pairs.tail == 2))
        return pairs.select(keep)

    def backward(docs):
        pairs = all_pairs(docs)
        return pairs.select(pairs.head > pairs.tail)

    def recall(candidates):
        examples = [make_example([], gold), make_example([], [])]
        scores = score_relations(examples, symmetric_labels=["S"], candidates=candidates)
        assert scores["rels_per_type"]["A"]["support"] == 3
        return scores["rels_candidate_recall"]

    # The first A and the symmetric one; then the third A and the symmetric one.
    assert recall(forward) == recall(backward) == 2 / 4
    assert recall(all_pairs) == 1
    assert recall(no_pairs) == 0


def test_candidate_recall_counts_a_relation_once():
    """Where mentions at the same place are candidates several times over."""
    example = make_example([], [(0, 1, "S")])
    doc = example.predicted
    doc.spans["sc"] = [Span(doc, i, i + 1, label) for i in (0, 1) for label in "XYZ"]

    def candidates(docs):
        return Pairs.all([get_entities(doc, "sc") for doc in docs])

    scores = score_relations([example], symmetric_labels=["S"], candidates=candidates)
    assert scores["rels_candidate_recall"] == 1

    def one_row_a_place(docs):
        """The first of each place as head, the second as tail."""
        pairs = candidates(docs)
        return pairs.select((pairs.head % 3 == 0) & (pairs.tail % 3 == 1))

    scores = score_relations([example], candidates=one_row_a_place)
    assert scores["rels_candidate_recall"] == 1


def test_registered_scorer_minds_its_own_options_only():
    make = registry.scorers.get("spacy-relext.relation_scorer.v1")
    examples = [make_example([(0, 1, "A")], [(0, 1, "A"), (0, 2, "B")])]
    of_component = {"labels": ("B",), "spans_key": "sc", "objective": {}, "threshold": 0.5}
    assert make()(examples, **of_component)["rels_r"] == 0.5
    assert make(key="mine", labels=["A"])(examples, **of_component)["mine_r"] == 1


def test_scorer_of_the_component():
    """Labels that it does not know are missed, and its options reach the scorer."""
    nlp = make_nlp(
        n_updates=60, symmetric_labels=["SPOUSE"], scorer={
            "@scorers": "spacy-relext.relation_scorer.v1", "key": "mine", "labels": None,
        },
    )  # fmt: skip
    examples = make_examples(nlp)
    assert nlp.evaluate(examples)["mine_f"] == 1
    doc = examples[1].reference
    (spouse,) = doc._.relations
    doc._.relations = [
        Relation(spouse.tail, spouse.head, "SPOUSE"),
        Relation(spouse.head, spouse.tail, "UNKNOWN"),
    ]
    scores = nlp.evaluate(examples)
    assert scores["mine_candidate_recall"] == 1
    assert scores["mine_per_type"]["UNKNOWN"] == {"p": 0, "r": 0, "f": 0, "support": 1}
    assert scores["mine_per_type"]["SPOUSE"]["f"] == 1
