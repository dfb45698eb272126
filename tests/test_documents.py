"""Relations between entities with many mentions, from training to scores."""

import itertools
import pickle
from dataclasses import replace

import numpy
import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example

from spacy_relext import Pairs, Relation, get_relations, score_relations, set_relations
from spacy_relext.curve import get_curve, rank_candidates
from spacy_relext.evidence import find_evidence
from spacy_relext.grouping import (
    configure_group_by_cluster,
    configure_group_by_kb_id,
    get_entity_relations,
    group_by_kb_id,
)
from spacy_relext.layers.measure_prominence import PLACES
from spacy_relext.scorer import get_facts

from .test_extractor import SMALL, make_nlp

BY_ID = {"@misc": "spacy-relext.group_by_kb_id.v1"}
ATLOP = {**SMALL, "context": "attention", "group_width": 8, "mention_pooling": "logsumexp"}
SCORES = {**SMALL, "context": "max", "group_width": 8, "mention_pooling": "scores"}
# Entities as text/type/id; what a relation says stands in another sentence than one of
# its names.
DATA = [
    ("Ada rose early . Bo saw Ada at Kestrel , which Ada ran .",
     "Ada/P/1 Bo/P/2 Ada/P/1 Kestrel/O/3 Ada/P/1", [("1", "3", "RAN")]),
    ("Kestrel grew . Bo ran Kestrel . Dee left Bo .",
     "Kestrel/O/3 Bo/P/2 Kestrel/O/3 Dee/P/4 Bo/P/2", [("2", "3", "RAN"), ("4", "2", "LEFT")]),
    ("Dee left Ada . Ada slept at Kestrel .",
     "Dee/P/4 Ada/P/1 Ada/P/1 Kestrel/O/3", [("4", "1", "LEFT")]),
    ("Nobody slept .", "", []),
    ("Ada slept . Ada slept .", "Ada/P/1 Ada/P/1", []),
]  # fmt: skip


def make_doc(vocab, text, entities, relations=None):
    words = text.split()
    doc = Doc(vocab, words=words, sent_starts=[i == 0 or words[i - 1] == "." for i in range(len(words))])
    spans, start = [], 0
    for entity in entities.split():
        name, label, kb_id = entity.split("/")
        start = words.index(name, start)
        spans.append(Span(doc, start, start + 1, label, kb_id=kb_id))
        start += 1
    doc.ents = spans
    if relations is not None:
        mentions = {s.kb_id_: [x for x in doc.ents if x.kb_id == s.kb_id] for s in spans}
        set_relations(
            doc,
            [
                Relation(mentions[h][0], mentions[t][0], label, 1.0, mentions[h], mentions[t])
                for h, t, label in relations
            ],
        )
    return doc


def make_examples(nlp, data=DATA):
    return [
        Example(
            make_doc(nlp.vocab, text, entities),
            make_doc(nlp.vocab, text, entities, relations),
        )
        for text, entities, relations in data
    ]


def train(examples=None, n_updates=60, **config):
    config.setdefault("grouping", BY_ID)
    config.setdefault("model", ATLOP)
    config.setdefault("objective", {"@misc": "spacy-relext.adaptive_threshold.v1"})
    return make_nlp(examples or make_examples(spacy.blank("en")), n_updates, **config)


def facts(doc):
    return {(rel.head.kb_id_, rel.tail.kb_id_, rel.label) for rel in get_relations(doc)}


@pytest.fixture(scope="module")
def trained():
    return train()


def test_learns_relations_of_entities_and_survives_serialisation(trained, tmp_path):
    examples = make_examples(trained)
    trained.to_disk(tmp_path)
    for nlp in (trained, spacy.load(tmp_path), pickle.loads(pickle.dumps(trained))):
        docs = [nlp(eg.predicted.copy()) for eg in examples]
        assert [facts(doc) for doc in docs] == [set(relations) for _, _, relations in DATA]
    scores = trained.evaluate(make_examples(trained))
    for name in ("f", "candidate_recall", "intra_f"):
        assert scores[f"rels_{name}"] == 1


@pytest.mark.parametrize(
    "context,mention_pooling", [("max", "max"), (None, "max"), ("max", "scores")]
)
def test_other_models_learn_them_too(context, mention_pooling):
    model = {**SMALL, "context": context, "mention_pooling": mention_pooling}
    nlp = train(model=model, objective={"@misc": "spacy-relext.multi_label.v1"})
    docs = [nlp(eg.predicted.copy()) for eg in make_examples(nlp)]
    assert [facts(doc) for doc in docs] == [set(relations) for _, _, relations in DATA]


def test_a_relation_has_all_mentions_and_names_the_closest_two(trained):
    doc = trained(make_doc(trained.vocab, *DATA[0][:2]))
    (relation,) = doc._.relations
    assert [span.start for span in relation.head_mentions] == [0, 6, 11]
    assert (relation.head.start, relation.tail.start) == (6, 8)
    assert relation.tail_mentions == (relation.tail,)


def test_mentions_survive_what_relations_survive(trained):
    doc = trained(make_doc(trained.vocab, *DATA[1][:2]))
    expected = [(rel.head_mentions, rel.tail_mentions) for rel in doc._.relations]
    assert any(len(spans) > 1 for pair in expected for spans in pair)
    stored = DocBin(docs=[doc], store_user_data=True)
    (binned,) = DocBin().from_bytes(stored.to_bytes()).get_docs(doc.vocab)
    for copy in (Doc(doc.vocab).from_bytes(doc.to_bytes()), binned, pickle.loads(pickle.dumps(doc))):
        found = [(rel.head_mentions, rel.tail_mentions) for rel in copy._.relations]
        for pair, other in zip(found, expected):
            for spans, others in zip(pair, other):
                assert [(s.start, s.end, s.kb_id_) for s in spans] == [
                    (s.start, s.end, s.kb_id_) for s in others
                ]
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[0:2])
    assert [len(rel.head_mentions) for rel in doc._.relations] == [
        len(mentions) for mentions, _ in expected
    ]


def test_evidence_is_kept():
    doc = make_doc(spacy.blank("en").vocab, *DATA[1][:2])
    sents = tuple(doc.sents)
    doc._.relations = [Relation(doc.ents[1], doc.ents[0], "RAN", evidence=sents[:2])]
    copy = Doc(doc.vocab).from_bytes(doc.to_bytes())
    assert [s.text for s in copy._.relations[0].evidence] == [s.text for s in sents[:2]]
    assert copy._.relations[0].head_mentions == (copy.ents[1],)


@pytest.mark.parametrize("context", ["attention", ["max", "attention"]])
def test_sentences_that_the_attention_names(context):
    nlp = train(model={**ATLOP, "context": context}, evidence_share=0.3)
    doc = nlp(make_doc(nlp.vocab, *DATA[1][:2]))
    sents = {(sent.start, sent.end) for sent in doc.sents}
    for relation in doc._.relations:
        assert 0 < len(relation.evidence) <= 3
        assert {(span.start, span.end) for span in relation.evidence} <= sents
    # All of the attention is on all of the sentences, none on none.
    for share, n_sents in ((0.0, 3), (1.0, 0)):
        nlp.get_pipe("relation_extractor").evidence_share = share
        doc = nlp(make_doc(nlp.vocab, *DATA[1][:2]))
        assert {len(relation.evidence) for relation in doc._.relations} == {n_sents}
    unbroken = make_doc(nlp.vocab, *DATA[1][:2])
    plain = Doc(nlp.vocab, words=[token.text for token in unbroken])
    plain.ents = [Span(plain, e.start, e.end, e.label_, e.kb_id_) for e in unbroken.ents]
    with pytest.warns(UserWarning, match="no sentence boundaries"):
        assert {relation.evidence for relation in nlp(plain)._.relations} == {()}


def test_each_relation_of_a_pair_has_its_evidence():
    """Of pairs with several labels, with one and with none, in several docs."""
    nlp = train()
    docs = [make_doc(nlp.vocab, *DATA[i][:2]) for i in (1, 0, 2)]
    pipe = nlp.get_pipe("relation_extractor")
    pairs = pipe.candidates(docs)
    share = 0.3
    rows = [i for i in range(len(pairs)) for _ in range(i % 4)]
    together = find_evidence(pipe.model, docs, pairs.select(rows), rows, share)
    alone = [find_evidence(pipe.model, docs, pairs.select([i]), [0], share)[0] for i in rows]
    assert together == alone
    assert len({tuple(sents) for sents in alone}) > 2


@pytest.mark.parametrize("place", [0, 1, 2])
def test_attention_goes_to_the_evidence_that_it_learnt(place):
    """Whichever sentence the annotation names, which no attention does untaught."""
    text, entities, relations = DATA[1]
    (example,) = make_examples(spacy.blank("en"), [DATA[1]])
    ran, left = get_relations(example.reference)
    sentence = list(example.reference.sents)[place]
    set_relations(example.reference, [replace(ran, evidence=(sentence,)), left])
    nlp = train([example], evidence_share=0.5, evidence_weight=1.0)
    doc = nlp(make_doc(nlp.vocab, text, entities))
    assert facts(doc) == set(relations)
    evidence = {rel.label: [s.start for s in rel.evidence] for rel in doc._.relations}
    assert evidence["RAN"] == [sentence.start]
    # The loss is told with that of the relations.
    losses = [
        train([example], n_updates=0, evidence_weight=weight).update([example])
        for weight in (0.0, 1.0)
    ]
    assert losses[0]["relation_extractor"] < losses[1]["relation_extractor"]


def test_evidence_weight_survives_and_needs_attention_and_evidence(tmp_path):
    with pytest.warns(UserWarning, match="no relation of the training data has evidence"):
        nlp = train(n_updates=1, evidence_weight=0.5)
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path).get_pipe("relation_extractor")
    assert loaded.evidence_weight == 0.5
    with pytest.raises(ValueError, match="evidence_weight must be at least 0, found: -1"):
        train(n_updates=0, evidence_weight=-1)
    for model in (SMALL, SCORES):
        with pytest.raises(ValueError, match='evidence_weight needs .* "attention"'):
            train(model=model, n_updates=0, evidence_weight=0.5)


def test_the_sentences_of_the_mentions_that_score_are_evidence():
    nlp = train(model=SCORES, evidence_share=0.0)
    pipe = nlp.get_pipe("relation_extractor")
    pipe.objective.threshold = 0.0
    doc = make_doc(
        nlp.vocab,
        "Ada ran Kestrel . Bo slept . Ada left Kestrel .",
        "Ada/P/1 Kestrel/O/3 Bo/P/2 Ada/P/1 Kestrel/O/3",
    )
    every = Pairs.all([list(doc.ents)])
    rows = every.find([0, 0, 3, 3], [1, 4, 1, 4])
    # Of Ada and Kestrel: both in the first sentence, in both, in both, both in the last.
    logits = pipe.model.predict(([doc], every))[rows]
    for column, label in enumerate(pipe.labels, start=1):
        first, *across, last = numpy.exp(logits[:, column]) / numpy.exp(logits[:, column]).sum()
        for place, share in ((0, first + sum(across)), (7, last + sum(across))):
            for factor, is_evidence in ((0.999, True), (1.001, False)):
                pipe.evidence_share = share * factor
                (found,) = [
                    rel
                    for rel in nlp(doc.copy())._.relations
                    if (rel.head.text, rel.tail.text, rel.label) == ("Ada", "Kestrel", label)
                ]
                assert (place in [sent.start for sent in found.evidence]) == is_evidence
                assert 4 not in [sent.start for sent in found.evidence]


def test_evidence_of_a_pair_that_many_labels_hold_for():
    """It is there once for each of them, and has more mentions together than the doc."""
    nlp = train(model=SCORES, n_updates=0)
    pipe = nlp.get_pipe("relation_extractor")
    names = [f"Ada{i}" for i in range(9)]
    text = "Bo met Dee and Dee . " + " and ".join(names) + " slept ."
    numbered = enumerate(["Bo", "Dee", "Dee", *names])
    doc = make_doc(nlp.vocab, text, " ".join(f"{name}/P/{i}" for i, name in numbered))
    bo, *dee = doc.ents[:3]
    pairs = Pairs.all([[[bo], dee, *([ent] for ent in doc.ents[3:])]])
    near_and_far = pairs.select([0, 9])
    outputs = numpy.asarray([1, 2])
    expected = find_evidence(pipe.model, [doc], near_and_far, outputs, 0.1)
    assert [len(sents) for sents in expected] == [1, 2]
    often = near_and_far.select([0] * 150 + [1])
    repeated = numpy.asarray([1] * 150 + [2])
    found = find_evidence(pipe.model, [doc], often, repeated, 0.1)
    assert found == [expected[0]] * 150 + [expected[1]]


@pytest.mark.parametrize(
    "text,entities,place",
    [
        ("Ada ran Kestrel . Bo slept and slept . Ada left what was Kestrel .",
         "Ada/P/1 Kestrel/O/3 Bo/P/2 Ada/P/1 Kestrel/O/3", 0),
        ("Ada ran what was Kestrel . Bo slept and slept . Ada left Kestrel .",
         "Ada/P/1 Kestrel/O/3 Bo/P/2 Ada/P/1 Kestrel/O/3", 11),
        ("Bo slept . Ada ran Kestrel .", "Bo/P/2 Ada/P/1 Kestrel/O/3", 3),
    ],
)  # fmt: skip
def test_evidence_is_where_the_mentions_are_that_decide(text, entities, place):
    """The weights, made by hand, score near mentions, and more so those of late entities.
    All mentions of an entity have the place of its first, so the nearest decide."""
    model = {**SCORES, "context": None, "group_width": 0, "prominence": True}
    nlp = train(model=model, n_updates=0, evidence_share=0.6)
    pipe = nlp.get_pipe("relation_extractor")
    pipe.objective.threshold = 0.0
    score = pipe.model.get_ref("score_pairs")
    for node in score.walk():
        for name in node.param_names:
            node.set_param(name, numpy.zeros_like(node.get_param(name)))
    as_head, distance = score.layers[2], score.get_ref("distance")
    as_head.get_param("W")[:, -len(PLACES) :] = 10
    distance.get_param("E")[:] = numpy.arange(distance.get_dim("nV"), 0, -1)[:, None]
    output = pipe.model.get_ref("output")
    output.get_param("W")[:] = 1 / output.get_dim("nI")
    evidence = {
        tuple(sent.start for sent in rel.evidence)
        for rel in nlp(make_doc(nlp.vocab, text, entities))._.relations
        if (rel.head.text, rel.tail.text) == ("Ada", "Kestrel")
    }
    assert evidence == {(place,)}


def test_evidence_that_no_model_gives_is_refused():
    with pytest.raises(ValueError, match='evidence_share needs .* context = "attention"'):
        train(model=SMALL, n_updates=0, evidence_share=0.2)
    with pytest.raises(ValueError, match='evidence_share needs .* context = "attention"'):
        train(model={**SMALL, "context": []}, n_updates=0, evidence_share=0.2)
    with pytest.raises(ValueError, match="evidence_share must lie between 0 and 1"):
        train(n_updates=0, evidence_share=2)


def test_head_that_is_none_of_its_mentions_is_named():
    doc = make_doc(spacy.blank("en").vocab, *DATA[1][:2])
    first, second, *_ = doc.ents
    with pytest.raises(ValueError, match="head of a 'RAN' relation must be one of its own"):
        doc._.relations = [Relation(first, second, "RAN", 1.0, (second,))]


def make_scored(gold, found, text=DATA[0][0], entities=DATA[0][1]):
    vocab = spacy.blank("en").vocab
    example = Example(make_doc(vocab, text, entities), make_doc(vocab, text, entities, gold))
    doc = example.predicted
    set_relations(
        doc, [Relation(h[0], t[0], x, 1.0, h, t) for h, t, x in found(list(doc.ents))]
    )
    return example


def test_two_parts_of_one_entity_count_once():
    """Found twice, of different mentions: one right relation, not two."""

    def found(ents):
        return [([ents[0]], [ents[3]], "RAN"), (ents[2:5:2], [ents[3]], "RAN")]

    scores = score_relations([make_scored([("1", "3", "RAN")], found)])
    assert (scores["rels_p"], scores["rels_r"]) == (1, 1)


def test_another_entity_is_wrong_and_mentions_decide_by_their_number():
    def wrong(ents):
        return [([ents[1]], [ents[3]], "RAN")]

    def mixed(ents):
        return [([ents[0], ents[1], ents[2]], [ents[3]], "RAN")]

    gold = [("1", "3", "RAN")]
    assert score_relations([make_scored(gold, wrong)])["rels_f"] == 0
    assert score_relations([make_scored(gold, mixed)])["rels_f"] == 1


def test_two_entities_that_were_taken_for_one_miss_a_relation():
    def merged(ents):
        return [([ents[0], ents[1], ents[2]], [ents[3]], "RAN")]

    gold = [("1", "3", "RAN"), ("2", "3", "RAN")]
    scores = score_relations([make_scored(gold, merged)])
    assert (scores["rels_p"], scores["rels_r"]) == (1, 0.5)


def test_an_entity_without_a_gold_relation_is_not_taken_for_another():
    """Ada three times and Bo once is Ada, also where Bo alone has a relation."""

    def mixed(ents):
        return [([ents[0], ents[1], ents[2], ents[4]], [ents[3]], "RAN")]

    example = make_scored([("2", "3", "RAN")], mixed)
    assert score_relations([example], grouping=group_by_kb_id)["rels_f"] == 0


def test_an_entity_that_shares_a_mention_with_the_right_one_is_wrong():
    vocab = spacy.blank("en").vocab
    text = "Ada met Ada-Bo with Bo of Kestrel ."
    entities = "Ada/P/1 Ada-Bo/P/1|2 Bo/P/2 Kestrel/O/3"
    example = Example(make_doc(vocab, text, entities), make_doc(vocab, text, entities))
    ends = {"Ada": slice(0, 2), "Bo": slice(1, 3)}

    def relate(doc, *names):
        heads = [doc.ents[ends[name]] for name in names]
        set_relations(doc, [Relation(h[0], doc.ents[3], "RAN", head_mentions=h) for h in heads])

    relate(example.reference, "Ada")
    grouping = configure_group_by_kb_id("|")
    for found, precision in ((["Ada"], 1), (["Bo"], 0), (["Ada", "Bo"], 0.5)):
        relate(example.predicted, *found)
        assert score_relations([example], grouping=grouping)["rels_p"] == precision


def test_an_entity_of_one_shared_mention_is_wrong():
    """All that Bo has is a mention that Ada has as well."""
    vocab = spacy.blank("en").vocab
    text, entities = "Ada met Ada-Bo of Kestrel .", "Ada/P/1 Ada-Bo/P/1|2 Kestrel/O/3"
    example = Example(make_doc(vocab, text, entities), make_doc(vocab, text, entities))
    for doc, heads in ((example.reference, (0, 2)), (example.predicted, (1, 2))):
        heads = doc.ents[slice(*heads)]
        set_relations(doc, [Relation(heads[-1], doc.ents[2], "RAN", head_mentions=heads)])
    grouping = configure_group_by_kb_id("|")
    assert score_relations([example], grouping=grouping)["rels_f"] == 0


def test_an_entity_whose_annotation_names_fewer_mentions_is_right():
    """A relation that names two of three mentions is of the entity of three."""
    example = make_scored([], lambda ents: [([ents[0], ents[2], ents[4]], [ents[3]], "RAN")])
    ents = example.reference.ents
    named = [ents[0], ents[2]]
    set_relations(
        example.reference, [Relation(ents[0], ents[3], "RAN", head_mentions=named)]
    )
    assert score_relations([example], grouping=group_by_kb_id)["rels_f"] == 1


def test_relations_that_name_different_mentions_are_of_one_entity():
    example = make_scored([], lambda ents: [([ents[0], ents[2], ents[4]], [ents[3]], x) for x in "RS"])
    ents = example.reference.ents
    set_relations(
        example.reference,
        [
            Relation(ents[0], ents[3], "R", head_mentions=(ents[0], ents[2])),
            Relation(ents[2], ents[3], "R", head_mentions=(ents[2], ents[4])),
            Relation(ents[0], ents[3], "S", head_mentions=(ents[0], ents[2], ents[4])),
        ],
    )
    scores = score_relations([example], grouping=group_by_kb_id)
    assert scores["rels_f"] == 1
    assert scores["rels_per_type"]["R"]["support"] == 1


@pytest.mark.parametrize("main", [4, 1])
def test_a_tie_goes_to_the_entity_of_which_more_was_found(main):
    """The tail has one of Ada's three mentions, and the only one of Bo's."""

    def found(ents):
        return [([ents[0]], [ents[main], ents[5 - main]], "MET")]

    example = make_scored([("1", "2", "MET")], found)
    assert score_relations([example], grouping=group_by_kb_id)["rels_f"] == 1


@pytest.mark.parametrize("both", [False, True])
def test_a_single_mention_of_two_entities_is_of_the_one_with_a_relation(both):
    """Or, where both have one, of the first: as in the annotation."""
    doc = Doc(spacy.blank("en").vocab, words="Ada Bo Cy Dee Kestrel".split())
    ada, bo, cy, dee, kestrel = doc.ents = [Span(doc, i, i + 1, "P") for i in range(5)]
    doc.spans["coref_clusters_1"] = [ada, bo, cy]
    doc.spans["coref_clusters_2"] = [bo, dee]
    relations = [Relation(ada, kestrel, "RAN"), Relation(dee, kestrel, "LEFT")]
    doc._.relations = relations[: 1 + both]
    found = Doc(doc.vocab, words=[token.text for token in doc])
    found._.relations = [Relation(found[1:2], found[4:5], "RAN")]
    scores = score_relations([Example(found, doc)], grouping=configure_group_by_cluster())
    assert scores["rels_p"] == 1


def test_of_two_entities_with_a_mention_the_one_with_no_other_is_found():
    example = make_scored([("1", "3", "RAN"), ("2", "3", "OWNS")], lambda ents: [])
    gold = example.reference
    ada, kestrel = [gold.ents[0], gold.ents[1]], gold.ents[3]
    relations = [
        Relation(ada[0], kestrel, "RAN", head_mentions=ada), Relation(ada[1], kestrel, "OWNS")
    ]  # fmt: skip
    set_relations(gold, relations)
    copy = Example(gold.copy(), gold)
    assert score_relations([copy])["rels_f"] == 1


def test_within_sentences_and_across():
    def found(ents):
        return [([ents[1]], [ents[3]], "RAN"), ([ents[1]], [ents[0]], "LEFT")]

    # Bo and Kestrel share the second sentence, as do Bo and the second Ada.
    gold = [("2", "3", "RAN"), ("2", "1", "LEFT")]
    scores = score_relations([make_scored(gold, found)])
    assert (scores["rels_intra_f"], scores["rels_inter_f"]) == (1, None)
    text, entities = "Ada rose . Bo fell .", "Ada/P/1 Bo/P/2"
    example = make_scored([("1", "2", "SAW")], lambda e: [([e[0]], [e[1]], "SAW")], text, entities)
    scores = score_relations([example])
    assert (scores["rels_intra_f"], scores["rels_inter_f"]) == (None, 1)


@pytest.mark.parametrize("gold, found", [([("1", "2", "SAW")], []), ([], ["SAW"])])
def test_what_is_missed_or_wrong_across_sentences(gold, found):
    def find(ents):
        return [([ents[0]], [ents[1]], label) for label in found]

    text, entities = "Ada rose . Bo fell .", "Ada/P/1 Bo/P/2"
    scores = score_relations([make_scored(gold, find, text, entities)])
    assert (scores["rels_intra_f"], scores["rels_inter_f"]) == (None, 0)


def test_without_sentences_nothing_is_told_of_them():
    """Not even by a doc of one token, which spaCy says has some."""
    example = make_scored([("1", "3", "RAN")], lambda e: [([e[0]], [e[3]], "RAN")])
    bare = [Doc(doc.vocab, words=[t.text for t in doc]) for doc in (example.x, example.y)]
    for doc, annotated in zip(bare, (example.x, example.y)):
        doc.user_data = annotated.user_data
    word = Doc(bare[0].vocab, words=["Hm"])
    set_relations(word, [])
    scores = score_relations([Example(*bare), Example(word, word)])
    assert (scores["rels_f"], scores["rels_intra_f"], scores["rels_inter_f"]) == (1, None, None)


def test_facts_of_the_training_data_are_left_out():
    """Two right, one of them known, one wrong: precision 1 / 2, recall 2 / 2."""

    def found(ents):
        ada = [ents[0], ents[2], ents[4]]
        return [(ada, [ents[3]], "RAN"), ([ents[1]], ada, "SAW"), (ada, [ents[1]], "SAW")]

    example = make_scored([("1", "3", "RAN"), ("2", "1", "SAW")], found)
    known = get_facts(get_relations(make_examples(spacy.blank("en"))[0].reference))
    assert ("Ada", "Kestrel", "RAN") in known
    scores = score_relations([example], known_facts=known)
    assert scores["rels_p"] == pytest.approx(2 / 3)
    assert scores["rels_ign_f"] == pytest.approx(2 * 0.5 / 1.5)
    assert score_relations([example])["rels_ign_f"] is None
    reversed_facts = {(tail, head, label) for head, tail, label in known}
    for symmetric, is_known in (([], False), (["RAN"], True)):
        scores = score_relations(
            [example], known_facts=reversed_facts, symmetric_labels=symmetric
        )
        assert (scores["rels_ign_f"] < scores["rels_f"]) == is_known


def test_a_fact_is_known_wherever_the_line_of_a_name_breaks():
    vocab = spacy.blank("en").vocab
    broken = Doc(vocab, words=["Ada", "\n", "Lund", "ran", "Kestrel"])
    whole = Doc(vocab, words=["Ada", "Lund", "ran", "Kestrel"])
    for doc in (broken, whole):
        doc.ents = [Span(doc, 0, len(doc) - 2, "P"), Span(doc, len(doc) - 1, len(doc), "O")]
        set_relations(doc, [Relation(*doc.ents, "RAN")])
    known = get_facts(get_relations(whole))
    for doc in (broken, whole):
        assert score_relations([Example(doc, doc)], known_facts=known)["rels_ign_f"] == 0


def test_facts_are_of_names_and_not_of_pronouns():
    vocab, grouping = spacy.blank("en").vocab, configure_group_by_cluster()

    def make(who, firm):
        doc = make_doc(vocab, f"{who} saw {firm} . She ran it .", f"{who}/P/ {firm}/O/")
        doc.spans["coref_clusters_1"] = [doc[0:1], doc[4:5]]
        doc.spans["coref_clusters_2"] = [doc[2:3], doc[6:7]]
        set_relations(doc, [Relation(doc.ents[0], doc.ents[1], "RAN")])
        return doc

    known = get_facts(get_entity_relations(make("Ada", "Kestrel"), grouping))
    assert known == {("Ada", "Kestrel", "RAN")}
    for names, ign_f in ((("Dee", "Finch"), 1), (("Ada", "Kestrel"), 0)):
        example = Example(make(*names), make(*names))
        scores = score_relations([example], grouping=grouping, known_facts=known)
        assert scores["rels_ign_f"] == ign_f


def test_curve_of_entities_that_were_found_in_parts(monkeypatch):
    """By their names the two of Ada are two: each threshold gives what is scored there."""
    text = "Ada Byron ran Kestrel . Bo saw Byron ."
    entities = "Ada/P/1 Byron/P/1 Kestrel/O/3 Bo/P/2"
    data = [(text, entities, [("1", "3", "RAN"), ("1", "2", "SAW")]), *DATA]
    nlp = train(
        make_examples(spacy.blank("en"), data),
        0,
        grouping={"@misc": "spacy-relext.group_by_text.v1"},
        symmetric_labels=["SAW"],
    )
    pipe = nlp.get_pipe("relation_extractor")
    for seed in range(20):

        def score(ops, logits):
            rng = numpy.random.default_rng(seed)
            return rng.random((len(logits), 3)).astype("f")

        examples = make_examples(nlp, data)
        monkeypatch.setattr(pipe.objective, "scores", score)
        curve = get_curve(*rank_candidates(pipe, examples), 6)
        assert curve.area <= 1
        for threshold in (curve.best["threshold"], 0.2, 0.8):
            pipe.objective.threshold = threshold
            place = numpy.flatnonzero(curve.threshold > threshold)[-1]
            scores = nlp.evaluate(examples)
            assert scores["rels_p"] == pytest.approx(curve.precision[place])
            assert scores["rels_r"] == pytest.approx(curve.recall[place])


@pytest.mark.parametrize("labels", [None, ["LEFT", "RAN"]])
def test_curve_is_that_of_the_scorer_where_gold_and_found_entities_mix(labels):
    """Also by relations of a label that the extractor lacks, and those that name fewer
    mentions than the grouping knows."""
    scorer = {"@scorers": "spacy-relext.relation_scorer.v1", "key": "rels", "labels": labels}
    objective = {"@misc": "spacy-relext.multi_label.v1"}
    nlp = train(n_updates=0, objective=objective, scorer=scorer, symmetric_labels=["LEFT"])
    pipe = nlp.get_pipe("relation_extractor")

    rng, examples = numpy.random.default_rng(0), []

    def make():
        doc = Doc(nlp.vocab, words=["x"] * 10)
        at = numpy.flatnonzero(rng.random(10) < 0.8).tolist()
        doc.ents = [Span(doc, i, i + 1, "P", kb_id=f"Q{rng.integers(4)}") for i in at]
        return doc

    for _ in range(25):
        example = Example(make(), make())
        entities = group_by_kb_id(example.reference, example.reference.ents)
        relations = [
            Relation(h[0], t[0], str(rng.choice(["LEFT", "RAN", "SAW"])), 1.0, h[:2], t[:2])
            for h, t in itertools.permutations(entities, 2)
            if rng.random() < 0.3
        ]
        set_relations(example.reference, relations)
        examples.append(example)
    logits = rng.normal(size=(1000, 2)).astype("f")
    pipe.model._func = lambda model, X, is_train: (logits[: len(X[1])].copy(), None)
    per_type = nlp.evaluate(examples)["rels_per_type"]
    assert ("SAW" in per_type) == (labels is None)
    n_true = sum(row["support"] for row in per_type.values())
    curve = get_curve(*rank_candidates(pipe, examples, labels), n_true)
    for threshold, *expected in list(zip(*curve))[::20]:
        pipe.objective.threshold = float(threshold)
        scores = nlp.evaluate(examples)
        assert [scores["rels_p"], scores["rels_r"]] == pytest.approx(expected)


def test_ends_annotated_on_one_mention_are_found_by_another():
    """Where the annotation names one mention alone, the grouping knows the others."""
    nlp = train(n_updates=0)
    example = make_scored([], lambda ents: [])
    *_, kestrel, ada = example.reference.ents
    set_relations(example.reference, [Relation(ada, kestrel, "RAN")])
    ents = example.predicted.ents
    set_relations(example.predicted, [Relation(ents[0], kestrel_of(ents), "RAN")])
    assert nlp.get_pipe("relation_extractor").score([example])["rels_f"] == 1
    assert score_relations([example])["rels_f"] == 0


def kestrel_of(ents):
    (span,) = [span for span in ents if span.text == "Kestrel"]
    return span


def test_raw_text_with_entities_that_the_pipeline_finds():
    """By their names: the annotation knows more of who is who than the pipeline."""
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    ruler = nlp.add_pipe("entity_ruler")
    names = {"Ada": "P", "Bo": "P", "Dee": "P", "Kestrel": "O"}
    patterns = [{"pattern": name, "label": label} for name, label in names.items()]
    config = {
        "model": ATLOP,
        "grouping": {"@misc": "spacy-relext.group_by_text.v1"},
        "objective": {"@misc": "spacy-relext.adaptive_threshold.v1"},
    }
    nlp.add_pipe("relation_extractor", config=config)
    gold = [eg.reference for eg in make_examples(nlp)]
    examples = [Example(nlp.make_doc(doc.text), doc) for doc in gold]
    optimizer = nlp.initialize(lambda: examples)
    ruler.add_patterns(patterns)
    optimizer.learn_rate = 0.005
    for _ in range(60):
        nlp.update(
            examples, sgd=optimizer, annotates=["sentencizer", "entity_ruler"]
        )
    scores = nlp.evaluate(examples)
    assert scores["ents_f"] == scores["rels_f"] == scores["rels_candidate_recall"] == 1
    (relation,) = nlp(DATA[0][0])._.relations
    assert [span.text for span in relation.head_mentions] == ["Ada"] * 3


@pytest.mark.parametrize("model, n_entities", [(ATLOP, 40), (SCORES, 40), (SCORES, 2)])
def test_many_mentions_in_a_long_doc_stay_within_memory(model, n_entities):
    """2,000 mentions among 20,000 tokens, a million pairs of them where two entities have
    them all."""
    tracemalloc = pytest.importorskip("tracemalloc")
    nlp = train(model=model, n_updates=0)
    pipe = nlp.get_pipe("relation_extractor")
    words = ["Ada" if i % 10 == 0 else "and" for i in range(20_000)]
    doc = Doc(nlp.vocab, words=words)
    doc.ents = [
        Span(doc, i, i + 1, "P", kb_id=str(i // 10 % n_entities))
        for i in range(0, 20_000, 10)
    ]
    tracemalloc.start()
    pairs, scores = pipe.predict([doc])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(pairs) == n_entities * (n_entities - 1) and numpy.isfinite(scores).all()
    assert peak < 5e8
