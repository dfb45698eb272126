from pathlib import Path

import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import fix_random_seed, import_file

from spacy_relext import Relation, set_relations

BENCHMARKS = Path(__file__).parents[2] / "project" / "benchmarks"
tutorial = import_file("tutorial", BENCHMARKS / "tutorial.py")

TOK2VEC = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "pretrained_vectors": None,
    "width": 32,
    "depth": 1,
    "embed_size": 200,
    "window_size": 1,
    "maxout_pieces": 2,
    "subword_features": False,
}
RELATIONS = [(0, 1, "FOUNDED"), (1, 2, "BASED_IN"), (0, 2, "PARTNER")]


def make_nlp(max_length=100):
    config = {"model": {"max_length": max_length, "tok2vec": TOK2VEC}}
    nlp = spacy.blank("en")
    nlp.add_pipe(
        "tutorial_relation_extractor",
        config={**config, "symmetric_labels": ["PARTNER"]},
    )
    return nlp


def make_doc(nlp):
    doc = Doc(nlp.vocab, words="Ada Low founded Acme Inc in old Oslo .".split())
    bounds = [(0, 2), (3, 5), (7, 8)]
    doc.ents = [Span(doc, start, end, label="ENTITY") for start, end in bounds]
    return doc


def make_examples(nlp):
    gold = make_doc(nlp)
    relations = [Relation(gold.ents[h], gold.ents[t], label) for h, t, label in RELATIONS]
    set_relations(gold, relations)
    return [Example(make_doc(nlp), gold)]


@pytest.fixture
def trained():
    fix_random_seed(0)
    nlp = make_nlp()
    optimizer = nlp.initialize(lambda: make_examples(nlp))
    optimizer.learn_rate = 0.05
    losses = []
    for _ in range(60):
        losses.append(nlp.update(make_examples(nlp), sgd=optimizer))
    return nlp, [loss["tutorial_relation_extractor"] for loss in losses]


def test_training_fits_the_data_and_scores_every_pair(trained, tmp_path):
    nlp, losses = trained
    assert losses[-1] < 0.2 * losses[0]
    component = nlp.get_pipe("tutorial_relation_extractor")
    docs = [make_doc(nlp), nlp.make_doc("no entities")]
    assert component.predict(docs).shape == (6, 3)
    examples = make_examples(nlp)
    doc = nlp(examples[0].predicted)
    assert set(doc._.rel) == {(0, 3), (3, 0), (0, 7), (7, 0), (3, 7), (7, 3)}
    assert all(set(scores) == set(component.labels) for scores in doc._.rel.values())
    scores = component.score(examples)
    assert scores["rels_f"] == scores["rels_best_f"] == 1.0
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path)(make_doc(nlp))
    assert again._.rel[0, 3] == pytest.approx(doc._.rel[0, 3])


def test_candidates_are_counted_from_first_token_to_first_token():
    doc = make_doc(make_nlp())
    pairs = tutorial.get_candidates(doc, 4)
    assert [(h.start, t.start) for h, t in pairs] == [(0, 3), (3, 0), (3, 7), (7, 3)]


def test_gradient_of_a_token_is_the_mean_over_its_pairs():
    nlp = make_nlp()
    nlp.initialize(lambda: make_examples(nlp))
    model = nlp.get_pipe("tutorial_relation_extractor").model
    received = []
    tok2vec = model.layers[0].layers[0]

    def fake_forward(model, docs, is_train):
        vectors = [model.ops.alloc2f(len(doc), 32) for doc in docs]
        return vectors, received.extend

    tok2vec._func = fake_forward
    pairs, backprop = model.layers[0].begin_update([make_doc(nlp)])
    backprop(pairs * 0 + 1)
    # A two-token mention hands half of its pair's gradient to each token.
    assert received[0][:, 0].tolist() == [0.5, 0.5, 0, 0.5, 0.5, 0, 0, 1, 0]


def test_symmetric_relations_are_read_once_with_the_better_score():
    doc = make_doc(make_nlp())
    doc._.rel = {(0, 3): {"PARTNER": 0.6, "X": 0.7}, (3, 0): {"PARTNER": 0.9, "X": 0.2}}
    found = tutorial.read_relations(doc, 0.5, ["PARTNER"])
    assert [(r.head.start, r.tail.start, r.label, r.score) for r in found] == [
        (0, 3, "PARTNER", 0.9),
        (0, 3, "X", 0.7),
    ]
