import os
import pickle
import subprocess
import sys

import numpy
import pytest
import spacy
import srsly
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.util import registry

from spacy_relext import Relation
from spacy_relext.objectives import configure_multi_label

from .processes import run_python

SMALL = {
    "hidden_width": 32,
    "type_width": 8,
    "tok2vec": {
        "@architectures": "spacy.HashEmbedCNN.v2",
        "pretrained_vectors": None,
        "width": 32,
        "depth": 2,
        "embed_size": 300,
        "window_size": 1,
        "maxout_pieces": 2,
        "subword_features": True,
    },
}
# text, entities, relations between their indices
DATA = [
    ("Ada founded Kestrel in Cork.", ["Ada/PER", "Kestrel/ORG", "Cork/LOC"],
     [(0, 1, "FOUNDED"), (1, 2, "BASED_IN")]),
    ("Bo married Dee in Erfurt.", ["Bo/PER", "Dee/PER", "Erfurt/LOC"], [(0, 1, "SPOUSE")]),
    ("Dee visited Kestrel.", ["Dee/PER", "Kestrel/ORG"], []),
    ("Kestrel was founded by Ada.", ["Kestrel/ORG", "Ada/PER"], [(1, 0, "FOUNDED")]),
    ("Bo slept.", ["Bo/PER"], []),
    ("Nobody did.", [], []),
]


def annotate(doc, entities, relations=None):
    spans = []
    for entity in entities:
        text, label = entity.split("/")
        start = doc.text.index(text)
        spans.append(
            doc.char_span(start, start + len(text), label, alignment_mode="expand")
        )
    doc.ents = spans
    if relations is not None:
        doc._.relations = [Relation(spans[h], spans[t], x) for h, t, x in relations]
    return doc


def make_examples(nlp, data=DATA):
    return [
        Example(
            annotate(nlp.make_doc(text), entities),
            annotate(nlp.make_doc(text), entities, relations),
        )
        for text, entities, relations in data
    ]


def make_nlp(examples=None, n_updates=0, name="relation_extractor", **config):
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en")
    config.setdefault("model", SMALL)
    nlp.add_pipe("relation_extractor", name=name, config=config)
    examples = examples or make_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.005
    for _ in range(n_updates):
        nlp.update(examples, sgd=optimizer)
    return nlp


def predict(nlp, examples):
    return [nlp(eg.predicted.copy()) for eg in examples]


def triples(doc):
    return {(rel.head.text, rel.label, rel.tail.text) for rel in doc._.relations}


@pytest.fixture(scope="module")
def trained():
    return make_nlp(n_updates=60)


def test_installation_alone_makes_the_component_known():
    code = "import spacy; spacy.blank('en').add_pipe('relation_extractor')"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("objective", ["multi_label", "single_label", "adaptive_threshold"])
@pytest.mark.parametrize("context", [None, "max", "attention"])
def test_overfits_and_survives_serialisation(objective, context, tmp_path):
    nlp = make_nlp(
        n_updates=60,
        objective={"@misc": f"spacy-relext.{objective}.v1"},
        model={**SMALL, "context": context},
        symmetric_labels=["SPOUSE"],
    )
    examples = make_examples(nlp)
    docs = predict(nlp, examples)
    assert [triples(doc) for doc in docs] == [triples(eg.reference) for eg in examples]
    nlp.to_disk(tmp_path)
    for again in (spacy.load(tmp_path), spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())):
        assert [d._.relations[0].score for d in predict(again, examples)[:2]] == pytest.approx(
            [d._.relations[0].score for d in docs[:2]], rel=1e-4
        )
        assert again.get_pipe("relation_extractor").labels == ("BASED_IN", "FOUNDED", "SPOUSE")


def test_scores_of_a_perfect_model(trained):
    scores = trained.evaluate(make_examples(trained))
    assert scores["rels_f"] == scores["rels_macro_f"] == scores["rels_candidate_recall"] == 1
    assert set(scores["rels_per_type"]) == {"BASED_IN", "FOUNDED", "SPOUSE"}


def test_batches_and_single_docs_agree(trained):
    examples = make_examples(trained)
    docs = list(trained.pipe([eg.predicted.copy() for eg in examples], batch_size=4))
    for doc, single in zip(docs, predict(trained, examples)):
        assert triples(doc) == triples(single)
        assert [r.score for r in doc._.relations] == pytest.approx(
            [r.score for r in single._.relations], abs=1e-5
        )


def test_docs_without_candidates_harm_no_other(trained):
    vocab = trained.vocab
    one = Doc(vocab, words=["Ada"])
    one.ents = [Span(one, 0, 1, label="PER")]
    full = make_examples(trained)[0].predicted
    docs = [Doc(vocab), one, Doc(vocab, words=["\n", " "]), full.copy(), Doc(vocab)]
    processed = list(trained.pipe(docs, batch_size=5))
    assert [len(doc._.relations) for doc in processed] == [0, 0, 0, 2, 0]
    assert trained("")._.relations == ()
    assert list(trained.pipe([Doc(vocab), Doc(vocab)]))[1]._.relations == ()


def test_training_goes_on_with_batches_without_candidates(trained):
    nlp = make_nlp()
    no_pairs = make_examples(nlp)[4:]
    empty = Example(Doc(nlp.vocab), Doc(nlp.vocab))
    assert nlp.update(no_pairs, sgd=nlp.resume_training())["relation_extractor"] == 0
    assert nlp.update([empty])["relation_extractor"] == 0
    assert nlp.update([empty, *make_examples(nlp)])["relation_extractor"] > 0


def test_other_processes_with_a_tok2vec(trained):
    examples = make_examples(trained)
    docs = [eg.predicted.copy() for eg in examples]
    processed = list(trained.pipe(docs, n_process=2, batch_size=2))
    assert [triples(d) for d in processed] == [triples(eg.reference) for eg in examples]


def test_other_processes_that_are_spawned(trained, tmp_path):
    """As those of macOS and Windows always are: the pipeline has to be pickled."""
    trained.to_disk(tmp_path / "model")
    docs = [eg.predicted for eg in make_examples(trained)]
    DocBin(docs=docs).to_disk(tmp_path / "docs.spacy")
    script = tmp_path / "run.py"
    script.write_text(
        "import multiprocessing, sys, spacy\n"
        "from spacy.tokens import DocBin\n"
        "if __name__ == '__main__':\n"
        "    multiprocessing.set_start_method('spawn')\n"
        "    nlp = spacy.load(sys.argv[1])\n"
        "    docs = DocBin().from_disk(sys.argv[2]).get_docs(nlp.vocab)\n"
        "    docs = nlp.pipe(docs, n_process=2, batch_size=2)\n"
        "    sys.stdout.write(' '.join(str(len(doc._.relations)) for doc in docs))\n"
    )
    result = run_python(script, tmp_path / "model", tmp_path / "docs.spacy", timeout=240)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "2 1 0 1 0 0"


@pytest.mark.parametrize(
    "pairs",
    [
        {"@misc": "spacy-relext.token_window.v1", "max_tokens": 1},
        {"@misc": "spacy-relext.sentence_window.v1", "max_sentences": 1},
        {
            "@misc": "spacy-relext.all_of.v1",
            "*": {
                "window": {"@misc": "spacy-relext.token_window.v1", "max_tokens": 1},
                "types": {"@misc": "spacy-relext.entity_types.v1"},
            },
        },
    ],
)
@pytest.mark.parametrize("objective", ["multi_label", "single_label", "adaptive_threshold"])
def test_survives_pickle(pairs, objective):
    nlp = make_nlp(pairs=pairs, objective={"@misc": f"spacy-relext.{objective}.v1"})
    again = pickle.loads(pickle.dumps(nlp))
    docs = [eg.predicted for eg in make_examples(nlp)]
    for doc in docs:
        for token in doc:
            token.is_sent_start = token.i == 0
    (pairs, scores), (pairs_again, scores_again) = (
        x.get_pipe("relation_extractor").predict(docs) for x in (nlp, again)
    )
    assert len(pairs) and pairs_again.head.tolist() == pairs.head.tolist()
    numpy.testing.assert_allclose(scores_again, scores, rtol=1e-5)


def test_spans_key_with_nested_and_overlapping_entities():
    nlp = spacy.blank("en")
    examples = []
    for doc in (nlp.make_doc("The University of Cork opened"), nlp.make_doc("a b c d")):
        reference = doc.copy()
        for target in (doc, reference):
            target.spans["sc"] = [
                Span(target, 0, 4, "ORG"), Span(target, 3, 4, "LOC"), Span(target, 2, 4, "X"),
            ]
        whole, part, _ = reference.spans["sc"]
        reference._.relations = [Relation(whole, part, "IN")]
        examples.append(Example(doc, reference))
    nlp = make_nlp(examples, n_updates=40, spans_key="sc")
    assert len(nlp.get_pipe("relation_extractor").candidates([examples[0].predicted])) == 6
    assert triples(predict(nlp, examples)[0]) == {("The University of Cork", "IN", "Cork")}


@pytest.mark.parametrize("objective", ["multi_label", "single_label", "adaptive_threshold"])
def test_one_label_is_a_binary_task(objective):
    data = [
        (text, entities, [(h, t, "RELATED") for h, t, _ in relations])
        for text, entities, relations in DATA
    ]
    examples = make_examples(spacy.blank("en"), data)
    objective = {"@misc": f"spacy-relext.{objective}.v1"}
    nlp = make_nlp(examples, n_updates=60, objective=objective)
    assert nlp.get_pipe("relation_extractor").labels == ("RELATED",)
    assert nlp.evaluate(make_examples(nlp, data))["rels_f"] == 1


def test_two_labels_of_one_pair():
    data = [
        (text, entities, relations + [(h, t, "KNOWS") for h, t, x in relations if x == "SPOUSE"])
        for text, entities, relations in DATA
    ]
    found = {}
    for name in ("multi_label", "adaptive_threshold"):
        objective = {"@misc": f"spacy-relext.{name}.v1"}
        nlp = make_nlp(make_examples(spacy.blank("en"), data), n_updates=80, objective=objective)
        found[name] = triples(predict(nlp, make_examples(nlp, data))[1])
    both = {("Bo", "SPOUSE", "Dee"), ("Bo", "KNOWS", "Dee")}
    assert found == {"multi_label": both, "adaptive_threshold": both}


def test_symmetric_relations_are_stored_once_in_text_order():
    data = [
        ("Bo married Dee.", ["Bo/PER", "Dee/PER"], [(1, 0, "SPOUSE")]),
        ("Dee married Bo.", ["Dee/PER", "Bo/PER"], [(0, 1, "SPOUSE")]),
        ("Dee saw Bo.", ["Dee/PER", "Bo/PER"], []),
    ]
    nlp = spacy.blank("en")
    nlp = make_nlp(make_examples(nlp, data), n_updates=60, symmetric_labels=["SPOUSE"])
    examples = make_examples(nlp, data)
    docs = predict(nlp, examples)
    assert [triples(doc) for doc in docs] == [
        {("Bo", "SPOUSE", "Dee")}, {("Dee", "SPOUSE", "Bo")}, set()
    ]
    assert nlp.evaluate(examples)["rels_f"] == 1
    pairs, scores = nlp.get_pipe("relation_extractor").predict(docs)
    assert scores[:, 0] == pytest.approx(scores[pairs.reverse, 0])
    assert 0.9 < scores.max() <= 1


def test_no_relation_is_averaged_with_a_symmetric_label():
    """Else a label passes that no-relation beats, where the other direction has less of
    the symmetric one."""
    single_label = {"@misc": "spacy-relext.single_label.v1"}
    nlp = make_nlp(objective=single_label, symmetric_labels=["SPOUSE"])
    pipe = nlp.get_pipe("relation_extractor")
    # No-relation, BASED_IN, FOUNDED, SPOUSE.
    probabilities = [[0.6, 0.001, 0.398, 0.001], [0.398, 0.001, 0.001, 0.6]]
    logits = numpy.log(numpy.asarray(probabilities, dtype="f"))
    pipe.model._func = lambda model, X, is_train: (logits.copy(), None)
    (doc,) = predict(nlp, make_examples(nlp)[2:3])
    assert triples(doc) == set()
    logits[0] = numpy.log([0.2, 0.001, 0.001, 0.798])
    (doc,) = predict(nlp, make_examples(nlp)[2:3])
    assert triples(doc) == {("Dee", "SPOUSE", "Kestrel")}
    assert doc._.relations[0].score > 0.5


def test_symmetric_label_that_is_no_label_is_named():
    with pytest.raises(ValueError, match="names SIBLING, but the labels are: BASED_IN"):
        make_nlp(symmetric_labels=["SIBLING"])


def test_training_samples_negatives_and_keeps_gold_pairs():
    nlp = make_nlp(max_pairs_per_doc=3, symmetric_labels=["SPOUSE"])
    pipe = nlp.get_pipe("relation_extractor")
    examples = make_examples(nlp)
    candidates = pipe.candidates([eg.predicted for eg in examples])
    assert len(candidates) == 6 + 6 + 2 + 2
    chosen = set()
    for _ in range(20):
        sample, truths = pipe._training_pairs(examples, candidates)
        doc_of_pair = sample.doc[sample.head]
        assert numpy.bincount(doc_of_pair).tolist() == [3, 3, 2, 2]
        assert truths.sum() == 2 + 2 + 1
        assert (truths == pipe.get_truths(examples, sample)).all()
        chosen.update(zip(sample.head.tolist(), sample.tail.tolist()))
    assert len(chosen) == len(candidates)
    assert len(pipe.candidates([eg.predicted for eg in examples])) == len(candidates)


def test_fewer_pairs_than_gold_keeps_all_gold():
    nlp = make_nlp(max_pairs_per_doc=1)
    pipe, examples = nlp.get_pipe("relation_extractor"), make_examples(nlp)[:1]
    candidates = pipe.candidates([examples[0].predicted])
    sample, truths = pipe._training_pairs(examples, candidates)
    assert len(sample) == 2 and truths.sum() == 2


@pytest.mark.parametrize("limit", [0, -1])
def test_max_pairs_per_doc_below_one_is_an_error(limit):
    with pytest.raises(ValueError, match=f"max_pairs_per_doc must be at least 1.*{limit}"):
        make_nlp(max_pairs_per_doc=limit)


def test_learnt_entity_types_are_saved(tmp_path):
    nlp = make_nlp(pairs={"@misc": "spacy-relext.entity_types.v1"}, symmetric_labels=["SPOUSE"])
    docs = [eg.predicted for eg in make_examples(nlp)]
    n_pairs = len(nlp.get_pipe("relation_extractor").candidates(docs))
    # PER-ORG, ORG-LOC, PER-PER both ways
    assert n_pairs == 2 + 2 + 1 + 1
    nlp.to_disk(tmp_path)
    for again in (spacy.load(tmp_path), spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())):
        assert len(again.get_pipe("relation_extractor").candidates(docs)) == n_pairs


def test_learnt_entity_types_hold_both_ways_for_a_symmetric_label():
    nlp = make_nlp(
        pairs={"@misc": "spacy-relext.entity_types.v1"}, symmetric_labels=["FOUNDED", "SPOUSE"]
    )
    docs = [make_examples(nlp)[0].predicted]
    pairs = nlp.get_pipe("relation_extractor").candidates(docs)
    # Ada, Kestrel, Cork: founding is taken for symmetric, having one's seat is not.
    assert list(zip(pairs.head, pairs.tail)) == [(0, 1), (1, 0), (1, 2)]


def test_own_pair_generator_is_a_plain_function():
    @registry.misc("test.forward_pairs.v1")
    def configure():
        return lambda docs, pairs: pairs.select(pairs.head < pairs.tail)

    nlp = make_nlp(pairs={"@misc": "test.forward_pairs.v1"})
    pipe, examples = nlp.get_pipe("relation_extractor"), make_examples(nlp)
    assert len(pipe.candidates([examples[0].predicted])) == 3
    nlp.update(examples)


def test_generator_that_reorders_and_one_that_fails():
    nlp = make_nlp(n_updates=60)
    pipe, examples = nlp.get_pipe("relation_extractor"), make_examples(nlp)
    docs = [eg.predicted.copy() for eg in examples]
    pipe.pairs = lambda docs, pairs: pairs.select(slice(None, None, -1))
    assert [triples(d) for d in nlp.pipe(docs)] == [triples(eg.reference) for eg in examples]
    pipe.pairs = lambda docs, pairs: None
    with pytest.raises(ValueError, match="must return Pairs"):
        pipe.candidates(docs)
    # Pairs of other entities would become relations of the wrong ones.
    pipe.pairs = lambda docs, pairs: type(pairs).all([pipe.entities(doc) for doc in docs])
    with pytest.raises(ValueError, match="pairs of the entities that it is given"):
        pipe.candidates(docs)


def test_two_extractors_share_a_doc(trained):
    data = [("Ada founded Kestrel in Cork.", ["Ada/PER", "Kestrel/ORG", "Cork/LOC"], [(0, 2, "LIVES_IN")])]
    other = make_nlp(make_examples(spacy.blank("en"), data), n_updates=40, name="other")
    trained.add_pipe("other", source=other)
    try:
        doc = make_examples(trained)[0].predicted.copy()
        expected = {("Ada", "FOUNDED", "Kestrel"), ("Kestrel", "BASED_IN", "Cork"), ("Ada", "LIVES_IN", "Cork")}
        assert triples(trained(doc)) == expected
        # Once more: what a component wrote before is replaced, not added to.
        ada, _, cork = doc.ents
        doc._.relations = [*doc._.relations, Relation(cork, ada, "FOUNDED")]
        assert triples(trained(doc)) == expected and len(doc._.relations) == 3
        assert trained.get_pipe("other").labels == ("LIVES_IN",)
    finally:
        trained.remove_pipe("other")


def test_of_two_extractors_with_a_label_in_common_the_later_decides(trained):
    other = make_nlp(name="other", objective={"@misc": "spacy-relext.single_label.v1", "threshold": 1})
    nlp = spacy.blank("en")
    for pipes in (["relation_extractor", "other"], ["other", "relation_extractor"]):
        nlp = spacy.blank("en")
        for name in pipes:
            nlp.add_pipe(name, source=other if name == "other" else trained)
        doc = nlp(make_examples(nlp)[0].predicted)
        assert len(doc._.relations) == (2 if pipes[-1] == "relation_extractor" else 0)


def test_two_extractors_learn_together_on_one_tok2vec():
    """Each from the relations of its own labels, and in other processes too."""
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": SMALL["tok2vec"]})
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 32, "upstream": "*"}
    labels = {"of_firms": ["BASED_IN", "FOUNDED"], "of_people": ["SPOUSE"]}
    examples = make_examples(nlp)
    for name, own in labels.items():
        scorer = {"@scorers": "spacy-relext.relation_scorer.v1", "key": name, "labels": own}
        config = {
            "model": {**SMALL, "tok2vec": listener},
            "pairs": {"@misc": "spacy-relext.entity_types.v1"},
            "scorer": scorer,
        }
        nlp.add_pipe("relation_extractor", name=name, config=config)
        nlp.config["initialize"]["components"][name] = {"labels": own}
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.005
    for _ in range(60):
        nlp.update(examples, sgd=optimizer)
    docs = [eg.predicted for eg in examples]
    assert {name: list(nlp.get_pipe(name).labels) for name in labels} == labels
    # Bo and Dee, both people, in either order.
    assert len(nlp.get_pipe("of_people").candidates(docs)) == 2
    scores = nlp.evaluate(make_examples(nlp))
    assert scores["of_firms_f"] == scores["of_people_f"] == 1
    assert sorted(scores["of_firms_per_type"]) == labels["of_firms"]
    processed = nlp.pipe([doc.copy() for doc in docs], n_process=2, batch_size=2)
    assert [triples(d) for d in processed] == [triples(eg.reference) for eg in examples]


def test_trains_on_predicted_entities():
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    nlp.add_pipe("relation_extractor", config={"model": SMALL})
    examples = [Example(nlp.make_doc(eg.reference.text), eg.reference) for eg in make_examples(nlp)]
    assert not any(eg.predicted.ents for eg in examples)
    optimizer = nlp.initialize(lambda: examples)
    entities = {entity for _, entities, _ in DATA for entity in entities}
    ruler.add_patterns(
        [dict(zip(("pattern", "label"), entity.split("/"))) for entity in sorted(entities)]
    )
    optimizer.learn_rate = 0.005
    assert nlp.update(examples)["relation_extractor"] == 0
    for _ in range(60):
        nlp.update(examples, sgd=optimizer, annotates=["entity_ruler"])
    assert triples(nlp("Ada founded Kestrel in Cork.")) == triples(examples[0].reference)
    assert nlp.evaluate(examples)["rels_f"] == 1


def test_misaligned_tokenisation_is_learnt_and_scored():
    nlp = spacy.blank("en")
    words = ["Kestrel", "-", "founder", "Ada", "left"]
    reference = Doc(nlp.vocab, words=words, spaces=[False, False, True, True, False])
    reference.ents = [Span(reference, 0, 1, "ORG"), Span(reference, 3, 4, "PER")]
    org, person = reference.ents
    reference._.relations = [Relation(person, org, "FOUNDED")]
    predicted = Doc(nlp.vocab, words=["Kestrel-founder", "Ada", "left"], spaces=[True, True, False])
    predicted.ents = [Span(predicted, 0, 1, "ORG"), Span(predicted, 1, 2, "PER")]
    examples = [Example(predicted, reference)]
    nlp = make_nlp(examples, n_updates=30)
    assert triples(predict(nlp, examples)[0]) == {("Ada", "FOUNDED", "Kestrel-founder")}
    assert nlp.evaluate(examples)["rels_f"] == 1


def test_relation_between_spans_that_are_no_entities_counts_as_missed():
    nlp = make_nlp(n_updates=60)
    examples = make_examples(nlp)
    reference = examples[0].reference
    person, org, _ = reference.ents
    reference._.relations = [Relation(person, org, "FOUNDED"), Relation(org, reference[1:2], "BASED_IN")]
    nlp.update(examples)
    scores = nlp.evaluate(examples)
    assert scores["rels_candidate_recall"] == pytest.approx(3 / 4)
    assert scores["rels_r"] == pytest.approx(3 / 4)


def test_label_unknown_to_the_model_counts_as_missed(trained):
    examples = make_examples(trained)
    person, org, _ = examples[0].reference.ents
    examples[0].reference._.relations = [
        *examples[0].reference._.relations, Relation(person, org, "ADMIRES"),
    ]
    assert trained.get_pipe("relation_extractor").update(examples)["relation_extractor"] >= 0
    assert trained.evaluate(examples)["rels_r"] == pytest.approx(4 / 5)


def test_dropout_is_applied_at_the_rate_asked_for():
    nlp = make_nlp()
    pipe, examples = nlp.get_pipe("relation_extractor"), make_examples(nlp)

    def loss(drop):
        return pipe.update(examples, drop=drop)["relation_extractor"]

    assert loss(0.0) == loss(0.0)
    assert len({loss(0.5) for _ in range(3)}) == 3
    assert loss(0.0) == loss(0.0)


def test_update_alone_learns_and_adds_up_losses():
    nlp = make_nlp()
    pipe, examples = nlp.get_pipe("relation_extractor"), make_examples(nlp)
    before = pipe.model.to_bytes()
    losses = pipe.update(examples, losses={"other": 1.0})
    first = losses["relation_extractor"]
    assert pipe.model.to_bytes() == before and losses["other"] == 1.0
    pipe.update(examples, sgd=nlp.create_optimizer(), losses=losses)
    assert losses["relation_extractor"] == pytest.approx(2 * first)
    assert pipe.model.to_bytes() != before


def test_docs_without_annotation_are_not_learnt_from():
    nlp = make_nlp()
    examples = make_examples(nlp)
    for eg in examples:
        eg.reference.user_data.clear()
    assert nlp.update(examples)["relation_extractor"] == 0
    with pytest.warns(UserWarning, match=r"DocBin\(store_user_data=True\)"):
        assert nlp.evaluate(examples)["rels_f"] is None


def test_corpus_without_relations_is_an_error():
    nlp = spacy.blank("en")
    examples = make_examples(nlp)
    for eg in examples:
        eg.reference.user_data.clear()
    with pytest.raises(ValueError, match=r"DocBin\(store_user_data=True\)"):
        make_nlp(examples)


@pytest.mark.parametrize("text", ["", " ", "Nobody did."])
def test_corpus_that_begins_with_docs_without_entities(text):
    examples = make_examples(spacy.blank("en"), [(text, [], [])] * 12 + DATA)
    nlp = make_nlp(examples, n_updates=60)
    assert nlp.evaluate(examples)["rels_f"] == 1


def test_the_config_may_say_how_many_outputs_there_are():
    nlp = spacy.blank("en")
    model = {**SMALL, "nO": 3}
    pipe = nlp.add_pipe("relation_extractor", config={"model": model})
    nlp.initialize(lambda: make_examples(nlp))
    assert len(pipe.labels) == 3
    with pytest.raises(ValueError, match="E922"):
        pipe.add_label("LATE")


def test_labels_can_be_given_but_not_added_later():
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("relation_extractor", config={"model": SMALL})
    examples = make_examples(nlp)
    with pytest.raises(ValueError, match="E109"):
        nlp("Ada")
    assert pipe.add_label("EARLY") == 1 and pipe.add_label("EARLY") == 0
    pipe.initialize(lambda: examples, nlp=nlp, labels=["FOUNDED"])
    assert pipe.labels == ("EARLY", "FOUNDED") and pipe.label_data == ["EARLY", "FOUNDED"]
    with pytest.raises(ValueError, match="E922"):
        pipe.add_label("LATE")
    assert pipe.add_label("EARLY") == 0


@pytest.mark.parametrize(
    "labels, message",
    [
        ("SPOUSE", "relation_extractor: labels must be a list, found: 'SPOUSE'"),
        ([], "no labels are given, but the relations of .* FOUNDED, SPOUSE"),
        (["SPOUSE", ""], "relation_extractor: a label must not be empty"),
    ],
)
def test_labels_that_are_none(labels, message):
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("relation_extractor", config={"model": SMALL})
    with pytest.raises(ValueError, match=message):
        pipe.initialize(lambda: make_examples(nlp), nlp=nlp, labels=labels)


def test_learns_entity_types_of_its_own_labels_alone():
    nlp = spacy.blank("en")
    config = {"model": SMALL, "pairs": {"@misc": "spacy-relext.entity_types.v1"}}
    pipe = nlp.add_pipe("relation_extractor", config=config)
    examples = make_examples(nlp)
    pipe.initialize(lambda: examples, nlp=nlp, labels=["SPOUSE"])
    assert pipe.cfg["pairs"] == {"allowed": [["PER", "PER"]]}


@pytest.mark.parametrize("given", ["group", "ents", "slices"])
@pytest.mark.parametrize("types", [("X", "Y"), ("", "")])
@pytest.mark.parametrize("grouping", [None, "spacy-relext.group_by_text.v1"])
def test_learns_the_types_of_the_entities_that_it_looks_at(grouping, types, given):
    nlp = spacy.blank("en")
    pairs = {"@misc": "spacy-relext.entity_types.v1"}
    config = {"model": SMALL, "pairs": pairs, "spans_key": "sc"}
    if grouping is not None:
        config["grouping"] = {"@misc": grouping}
    pipe = nlp.add_pipe("relation_extractor", config=config)
    (doc, reference) = (annotate(nlp.make_doc(DATA[0][0]), DATA[0][1]) for _ in "pr")
    for x in (doc, reference):
        ada, kestrel, cork = x.ents
        x.spans["sc"] = [
            Span(x, ent.start, ent.end, label) for ent, label in zip((ada, kestrel), types)
        ]
    group = reference.spans["sc"]
    slices = [reference[ent.start : ent.end] for ent in reference.ents]
    ends = {"group": group, "ents": reference.ents, "slices": slices}[given]
    reference._.relations = [Relation(ends[0], ends[1], "FOUNDED")]
    pipe.initialize(lambda: [Example(doc, reference)], nlp=nlp)
    assert pipe.cfg["pairs"] == {"allowed": [list(types)]}
    pairs = pipe.candidates([doc])
    assert pipe.get_truths([Example(doc, reference)], pairs).sum() == 1


@pytest.mark.parametrize("name", ["single_label", "adaptive_threshold"])
def test_loading_with_an_objective_that_does_not_fit_the_model_is_an_error(trained, name, tmp_path):
    """It would shift the labels by one."""
    trained.to_disk(tmp_path)
    objective = {"@misc": f"spacy-relext.{name}.v1"}
    config = {"components": {"relation_extractor": {"objective": objective}}}
    with pytest.raises(ValueError, match="has 3 outputs, but the objective needs 4 .*BASED_IN"):
        spacy.load(tmp_path, config=config)


def test_loading_with_another_objective_of_as_many_outputs_is_an_error(tmp_path):
    """It would score the labels by what was never learnt."""
    make_nlp(objective={"@misc": "spacy-relext.single_label.v1"}).to_disk(tmp_path)
    objective = {"@misc": "spacy-relext.adaptive_threshold.v1"}
    config = {"components": {"relation_extractor": {"objective": objective}}}
    with pytest.raises(ValueError, match="trained with, SingleLabel, found: Adaptive"):
        spacy.load(tmp_path, config=config)
    assert spacy.load(tmp_path).get_pipe("relation_extractor").labels


@pytest.mark.parametrize("nO, message", [(2, "E922"), (5, "need 3 outputs, but nO .* 5")])
def test_a_number_of_outputs_that_is_no_number_of_labels_is_an_error(nO, message):
    with pytest.raises(ValueError, match=message):
        make_nlp(model={**SMALL, "nO": nO})


def test_loading_with_labels_that_do_not_fit_the_model_is_an_error(trained, tmp_path):
    trained.to_disk(tmp_path)
    path = tmp_path / "relation_extractor" / "cfg"
    srsly.write_json(path, {**srsly.read_json(path), "labels": ["FOUNDED", "SPOUSE"]})
    with pytest.raises(ValueError, match="needs 2 for the labels FOUNDED, SPOUSE"):
        spacy.load(tmp_path)


def test_what_the_config_of_a_trained_pipeline_still_decides(trained, tmp_path):
    """The threshold, but not what it was trained with."""
    trained.to_disk(tmp_path)
    component = {
        "objective": {"threshold": 0},
        "spans_key": "sc",
        "symmetric_labels": ["FOUNDED"],
    }
    nlp = spacy.load(tmp_path, config={"components": {"relation_extractor": component}})
    assert len(nlp(make_examples(nlp)[0].predicted)._.relations) == 6 * 3


def test_block_size_of_the_config_counts_for_a_trained_pipeline(tmp_path):
    make_nlp(model={**SMALL, "block_size": 7}).to_disk(tmp_path)

    def load(**model):
        config = {"components": {"relation_extractor": {"model": model}}}
        nlp = spacy.load(tmp_path, config=config)
        layer = nlp.get_pipe("relation_extractor").model.get_ref("score_pairs")
        return layer.attrs["block_size"], layer.attrs["pair_width"]

    assert load() == (7, 32) and load(block_size=3) == (3, 32)


def test_relation_of_an_unknown_label_is_left_alone(trained):
    doc = make_examples(trained)[0].predicted.copy()
    person, _, place = doc.ents
    doc._.relations = [Relation(place, person, "UNKNOWN", 0.5)]
    assert triples(trained(doc)) == {
        ("Ada", "FOUNDED", "Kestrel"), ("Kestrel", "BASED_IN", "Cork"), ("Cork", "UNKNOWN", "Ada"),
    }  # fmt: skip


def test_entities_at_identical_offsets():
    """They have no relation to each other; each has its own to a third."""
    nlp = spacy.blank("en")
    examples = make_examples(nlp)
    for eg in examples:
        for doc in (eg.predicted, eg.reference):
            doc.spans["sc"] = [*doc.ents, *(Span(doc, e.start, e.end, "TWIN") for e in doc.ents)]
    nlp = make_nlp(examples, n_updates=60, spans_key="sc")
    docs = [eg.predicted for eg in examples]
    assert len(nlp.get_pipe("relation_extractor").candidates(docs)) == 4 * (6 + 6 + 2 + 2)
    found = [{(r.head.text, r.head.label_, r.label, r.tail.text, r.tail.label_) for r in doc._.relations} for doc in nlp.pipe(docs)]
    assert found[:2] == [
        {("Ada", "PER", "FOUNDED", "Kestrel", "ORG"), ("Kestrel", "ORG", "BASED_IN", "Cork", "LOC")},
        {("Bo", "PER", "SPOUSE", "Dee", "PER")},
    ]
    assert nlp.evaluate(examples)["rels_f"] == 1


@pytest.mark.parametrize("objective", ["multi_label", "single_label", "adaptive_threshold"])
@pytest.mark.parametrize("context", [None, "max", "attention"])
def test_vectors_that_are_no_numbers_harm_no_other_doc(objective, context, monkeypatch):
    nlp = make_nlp(
        n_updates=60,
        objective={"@misc": f"spacy-relext.{objective}.v1"},
        model={**SMALL, "context": context},
        symmetric_labels=["SPOUSE"],
    )
    tok2vec = nlp.get_pipe("relation_extractor").model.get_ref("tok2vec")
    forward = tok2vec._func

    def spoil_second_doc(model, docs, is_train):
        vectors, backprop = forward(model, docs, is_train)
        return [x * numpy.nan if i == 1 else x for i, x in enumerate(vectors)], backprop

    monkeypatch.setattr(tok2vec, "_func", spoil_second_doc)
    docs = [eg.predicted for eg in make_examples(nlp)]
    with pytest.warns(UserWarning, match="not a number"):
        docs = list(nlp.pipe(docs))
    assert [len(doc._.relations) for doc in docs] == [2, 0, 0, 1, 0, 0]


def test_scores_that_are_no_numbers_give_no_relation(trained):
    pipe = trained.get_pipe("relation_extractor")
    docs = [eg.predicted.copy() for eg in make_examples(trained)]
    pairs, scores = pipe.predict(docs)
    scores = scores.copy()
    scores[pairs.doc[pairs.head] == 0] = numpy.nan
    with pytest.warns(UserWarning, match="not a number"):
        pipe.set_annotations(docs, (pairs, scores))
    assert [len(doc._.relations) for doc in docs[:4]] == [0, 1, 0, 1]


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("wrong", [numpy.nan, numpy.inf])
def test_loss_that_is_no_number_stops_training(wrong):
    nlp = make_nlp()
    pipe, examples = nlp.get_pipe("relation_extractor"), make_examples(nlp)
    pairs = pipe.candidates([eg.predicted for eg in examples])
    logits = numpy.full((len(pairs), 3), wrong, dtype="float32")
    with pytest.raises(ValueError, match="loss is not a number"):
        pipe.get_loss(examples, (pairs, logits))


def test_threshold_of_the_objective_decides(trained):
    pipe = trained.get_pipe("relation_extractor")
    doc = make_examples(trained)[0].predicted
    pipe.objective = configure_multi_label(threshold=0)
    try:
        assert len(trained(doc.copy())._.relations) == 6 * 3
    finally:
        pipe.objective = configure_multi_label()


def test_threshold_out_of_range_is_an_error_of_the_config():
    objective = {"@misc": "spacy-relext.multi_label.v1", "threshold": 1.5}
    with pytest.raises(ValueError, match="threshold must lie between 0 and 1"):
        make_nlp(objective=objective)


def test_retrieves_what_a_kb_knows(trained):
    doc = make_examples(trained)[0].predicted.copy()
    doc.ents = [Span(doc, e.start, e.end, label=e.label_, kb_id=f"Q{i}") for i, e in enumerate(doc.ents)]
    founded = max(trained(doc)._.relations, key=lambda rel: rel.label == "FOUNDED")
    assert (founded.head.kb_id_, founded.tail.kb_id_) == ("Q0", "Q1")


def test_tokens_that_were_merged_after_the_vectors_were_made():
    nlp = make_nlp(n_updates=0)
    pipe = nlp.get_pipe("relation_extractor")
    doc = make_examples(nlp)[0].predicted
    vectors = pipe.model.get_ref("tok2vec").predict([doc])
    pipe.model.get_ref("tok2vec")._func = lambda model, docs, is_train: (vectors, None)
    assert pipe.predict([doc])[1].size
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[-2:])
    with pytest.raises(ValueError, match="What merges or splits tokens"):
        pipe.predict([doc])


def test_vectors_that_another_pipeline_left_do_not_size_the_model():
    nlp = spacy.blank("en")
    width = 16
    nlp.add_pipe("tok2vec", config={"model": {**SMALL["tok2vec"], "width": width}})
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": width}
    nlp.add_pipe("relation_extractor", config={"model": {**SMALL, "tok2vec": listener}})
    examples = make_examples(nlp)
    for eg in examples:
        eg.reference.tensor = numpy.ones((len(eg.reference), width + 1), dtype="f")
    sgd = nlp.initialize(lambda: examples)
    assert nlp.update(examples, sgd=sgd)["relation_extractor"] > 0


def test_a_forked_process_does_not_wait_for_threads_of_torch(tmp_path):
    """In a process of its own, as this one may use one thread alone."""
    make_nlp(n_updates=0).to_disk(tmp_path)
    code = f"""
import spacy, torch
torch.set_num_threads(2)
nlp = spacy.load({str(tmp_path)!r})
nlp.add_pipe("entity_ruler", first=True).add_patterns(
    [dict(label="X", pattern=x) for x in ("Ada", "Kestrel")])
texts = ["Ada founded Kestrel in Cork ."] * 2
list(nlp.pipe(texts))
print(len(list(nlp.pipe(texts, n_process=2, batch_size=1))))
"""
    env = {name: x for name, x in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = run_python("-c", code, timeout=120, env=env)
    assert done.stdout.strip() == "2", done.stderr
