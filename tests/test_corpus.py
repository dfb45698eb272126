import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.util import registry

from spacy_relext import Relation
from spacy_relext.corpus import hand_entities_over

from .test_extractor import make_examples, make_nlp, triples

NLP = spacy.blank("en")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "train.spacy"
    docs = [eg.reference for eg in make_examples(NLP)]
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path


def read(path, **options):
    reader = registry.readers.get("spacy-relext.EntityCorpus.v1")
    return list(reader(path, **options)(NLP))


def bounds(spans):
    return [(span.start, span.end, span.label_) for span in spans]


def make_example(gold_words, words, entities):
    reference = Doc(NLP.vocab, words=gold_words, spaces=[False] * len(gold_words))
    reference.ents = [Span(reference, *entity) for entity in entities]
    predicted = Doc(NLP.vocab, words=words, spaces=[False] * len(words))
    return Example(predicted, reference)


def test_gold_entities_and_relations(path):
    examples = read(path)
    assert len(examples) == 6
    for eg in examples:
        assert bounds(eg.predicted.ents) == bounds(eg.reference.ents)
        # What is to be predicted is not handed over.
        assert not eg.predicted._.relations
    assert [triples(eg.reference) for eg in examples[3:5]] == [{("Ada", "FOUNDED", "Kestrel")}, set()]


def test_makes_a_pipeline_of_the_extractor_alone_scorable(path):
    nlp = make_nlp(n_updates=60)
    assert nlp.evaluate(read(path))["rels_f"] == 1
    bare = registry.readers.get("spacy.Corpus.v1")(path, gold_preproc=False)
    assert nlp.evaluate(list(bare(nlp)))["rels_r"] == 0


def test_spans_and_clusters_are_where_they_are_once_tokens_were_merged(tmp_path):
    doc = Doc(NLP.vocab, words=["New", "York", "hired", "Ada", "of", "Cork", "."])
    doc.spans["sc"] = [Span(doc, 3, 4, "PER"), Span(doc, 5, 6, "LOC")]
    doc.spans["coref_clusters_1"] = [Span(doc, 5, 6)]
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[0:2])
    merged = DocBin(docs=[doc], store_user_data=True)
    merged.to_disk(tmp_path / "merged.spacy")
    options = {"spans_key": "sc", "clusters_prefix": "coref_clusters"}
    (example,) = read(tmp_path / "merged.spacy", **options)
    spans = example.predicted.spans
    assert [span.text for span in spans["sc"]] == ["Ada", "Cork"]
    assert [span.text for span in spans["coref_clusters_1"]] == ["Cork"]


def test_label_and_ids_are_kept():
    example = make_example(["Ada", "Cork"], ["Ada", "Cork"], [])
    reference = example.reference
    reference.ents = [Span(reference, 0, 1, "PER", kb_id="Q7259", span_id="ada")]
    reference.spans["sc"] = list(reference.ents)
    hand_entities_over(example)
    hand_entities_over(example, "sc")
    for (span,) in (example.predicted.ents, example.predicted.spans["sc"]):
        assert (span.label_, span.kb_id_, span.id_) == ("PER", "Q7259", "ada")
        assert span.doc is example.predicted


def test_expands_to_whole_tokens():
    example = make_example(["Ada", "-", "Lou"], ["Ada-", "Lou"], [(0, 1, "PER"), (2, 3, "PER")])
    hand_entities_over(example)
    assert bounds(example.predicted.ents) == [(0, 1, "PER"), (1, 2, "PER")]


def test_longest_of_entities_that_come_to_overlap():
    example = make_example(
        ["Ada", "-", "Lou", "Cork"], ["Ada-Lou", "Cork"], [(0, 1, "PER"), (2, 4, "LOC")]
    )
    hand_entities_over(example)
    assert bounds(example.predicted.ents) == [(0, 2, "LOC")]


def test_entity_that_nothing_is_aligned_to_is_left_out():
    example = make_example(["Ada", "Cork"], ["Ada", "Cork"], [(0, 1, "PER")])
    example.reference.spans["sc"] = [example.reference[0:1], example.reference[0:0]]
    hand_entities_over(example, "sc")
    assert bounds(example.predicted.spans["sc"]) == [(0, 1, "")]


def test_spans_key_hands_the_whole_group_over(tmp_path):
    doc = NLP("University of Cork in Cork")
    spans = [Span(doc, 0, 3, "ORG"), Span(doc, 2, 3, "LOC"), Span(doc, 2, 3, "ORG")]
    doc.spans["sc"] = spans
    doc.ents = [Span(doc, 4, 5, "LOC")]
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "dev.spacy")
    (example,) = read(tmp_path, spans_key="sc")
    assert bounds(example.predicted.spans["sc"]) == bounds(spans)
    assert not example.predicted.ents
    (example,) = read(tmp_path, spans_key="another")
    assert not example.predicted.spans


def test_options_are_those_of_spacy(path):
    assert len(read(path, limit=2)) == 2
    in_order = [eg.reference.text for eg in read(path)]
    spacy.util.fix_random_seed(1)
    shuffled = [eg.reference.text for eg in read(path, shuffle=True)]
    assert shuffled != in_order and sorted(shuffled) == sorted(in_order)


def test_augmented_examples_get_their_entities_too(path):
    def twice(nlp, example):
        yield example
        reference = example.reference.copy()
        reference.ents = reference.ents[:1]
        yield Example(nlp.make_doc(reference.text), reference)

    examples = read(path, augmenter=twice)
    assert len(examples) == 12
    assert [len(eg.predicted.ents) for eg in examples[:4]] == [3, 1, 3, 1]


def test_no_path():
    with pytest.raises(ValueError, match="E913"):
        read(None)


def test_max_length_of_zero_keeps_relations_where_splitting_loses_them(tmp_path):
    """What spaCy's own reader does, and why ours does not offer it."""
    doc = NLP("Ada founded Kestrel. Bo left.")
    doc[4].is_sent_start = True
    doc.ents = [Span(doc, 0, 1, "PER"), Span(doc, 2, 3, "ORG")]
    doc._.relations = [Relation(*doc.ents, "FOUNDED")]
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "dev.spacy")
    reader = registry.readers.get("spacy.Corpus.v1")

    def kept(**options):
        examples = reader(tmp_path, **{"gold_preproc": False, **options})(NLP)
        return [len(eg.reference._.relations) for eg in examples]

    assert kept(max_length=0) == [1]
    assert kept(max_length=5) == kept(gold_preproc=True) == [0, 0]


def test_max_length_is_not_offered(path):
    with pytest.raises(TypeError):
        read(path, max_length=10)
