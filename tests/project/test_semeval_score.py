from pathlib import Path

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Span
from spacy.util import import_file

from spacy_relext import Relation, set_relations

BENCHMARKS = Path(__file__).parents[2] / "project" / "benchmarks"
semeval_score = import_file("semeval_score", BENCHMARKS / "semeval_score.py")

CAUSE, CAUSE_BACK = ("Cause-Effect", True), ("Cause-Effect", False)
WHOLE, WHOLE_BACK = ("Component-Whole", True), ("Component-Whole", False)
ANSWERS = st.sampled_from([None, CAUSE, CAUSE_BACK, WHOLE, WHOLE_BACK])
WITH_LABEL = st.lists(ANSWERS, min_size=1).filter(any)


def test_official_measure():
    pairs = [
        (CAUSE, CAUSE),
        (CAUSE, CAUSE_BACK),
        (CAUSE_BACK, CAUSE_BACK),
        (CAUSE, WHOLE),
        (WHOLE, WHOLE),
        (WHOLE, None),
        (WHOLE_BACK, None),
        (None, CAUSE),
        (None, None),
    ]
    scores = semeval_score.macro_f1(*zip(*pairs))
    # Cause-Effect: 4 gold, 4 predicted, 2 right. Component-Whole: 3, 2, 1.
    cause, whole = scores["per_type"].values()
    assert cause == {"p": 0.5, "r": 0.5, "f": 0.5, "support": 4}
    assert whole["p"] == 0.5
    assert whole["r"] == pytest.approx(1 / 3)
    assert whole["f"] == pytest.approx(0.4)
    assert scores["macro_f"] == pytest.approx(0.45)
    assert scores["macro_r"] == pytest.approx(5 / 12)


def test_label_that_only_the_pipeline_knows_has_no_part_in_the_mean():
    scores = semeval_score.macro_f1([CAUSE, None], [CAUSE, ("Unheard-Of", True)])
    assert list(scores["per_type"]) == ["Cause-Effect"]
    assert scores["macro_f"] == 1.0


@given(WITH_LABEL)
def test_right_answers_get_all(gold):
    assert semeval_score.macro_f1(gold, gold)["macro_f"] == 1.0


@given(WITH_LABEL)
def test_wrong_directions_get_nothing(gold):
    turned = [answer and (answer[0], not answer[1]) for answer in gold]
    assert semeval_score.macro_f1(gold, turned)["macro_f"] == 0.0


@given(st.lists(st.tuples(ANSWERS, ANSWERS), min_size=1).filter(lambda x: x[0][0]))
def test_score_is_a_share(pairs):
    scores = semeval_score.macro_f1(*zip(*pairs))
    assert 0 <= scores["macro_f"] <= 1


@pytest.mark.parametrize("gold, predicted", [([CAUSE], []), ([None], [None]), ([], [])])
def test_nothing_to_score(gold, predicted):
    with pytest.raises(ValueError, match="gold answers"):
        semeval_score.macro_f1(gold, predicted)


def test_answer_is_best_relation():
    doc = spacy.blank("en")("The fire was caused by a spark.")
    doc.ents = [Span(doc, 1, 2, label="NOMINAL"), Span(doc, 6, 7, label="NOMINAL")]
    fire, spark = doc.ents
    assert semeval_score.get_answer(doc) is None
    relations = [
        Relation(fire, spark, "Component-Whole", 0.4),
        Relation(spark, fire, "Cause-Effect", 0.6),
    ]
    set_relations(doc, relations)
    assert semeval_score.get_answer(doc) == CAUSE_BACK
    doc.ents = [fire]
    with pytest.raises(ValueError, match="one pair, found 1 mentions"):
        semeval_score.get_answer(doc)
