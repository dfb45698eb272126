import random

import pytest
import spacy
from confection import Config, ConfigValidationError
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span, SpanGroup, Token
from spacy.training import Example
from spacy.util import filter_spans, registry

from spacy_relext import Relation, get_entities, has_relations
from spacy_relext.alignment import Aligner
from spacy_relext.augment import (
    create_augmenter_chain,
    create_mask_entities_augmenter,
    create_mask_tokens_augmenter,
    create_replace_entities_augmenter,
    create_word_noise_augmenter,
)
from spacy_relext.augment.rebuild import Edit, rebuild_example
from spacy_relext.corpus import hand_entities_over
from spacy_relext.grouping import group_by_text
from spacy_relext.user_data import ATTRIBUTES_KEY, SENTENCES_KEY

from .test_extractor import make_examples

NLP = spacy.blank("en")
WORDS = ["Ada", "Lou", "New", "York", "who", "met", "of", "x", "'s", ",", "-", "(", "\n"]
NAMES = {"PER": ["Zoe", "Ann-Lee May"], "ORG": ["Acme", "Bell & Co."], "LOC": ["Ada"]}


@pytest.fixture(scope="module")
def names_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("names") / "names.spacy"
    docs = []
    for label, names in NAMES.items():
        for name in names:
            doc = NLP(name)
            doc.ents = [Span(doc, 0, len(doc), label)]
            doc.spans["sc"] = list(doc.ents)
            docs.append(doc)
    DocBin(docs=docs).to_disk(path)
    return path


@pytest.fixture(scope="module")
def augmenters(names_path):
    mask_tokens = create_mask_tokens_augmenter(1.0, 0.5)
    replace = create_replace_entities_augmenter(1.0, names_path, 0.8)
    return {
        "mask_tokens": mask_tokens,
        "word_noise": create_word_noise_augmenter(1.0, 0.7),
        "noise_in_entities": create_word_noise_augmenter(1.0, 0.7, include_entities=True),
        "mask_entities": create_mask_entities_augmenter(1.0, 0.8),
        "mask_group": create_mask_entities_augmenter(1.0, 0.8, spans_key="sc"),
        "replace_entities": replace,
        "replace_group": create_replace_entities_augmenter(
            1.0, names_path, 0.8, spans_key="sc"
        ),
        "chain": create_augmenter_chain(replace, mask_tokens),
    }


ATTRIBUTES = ["TAG", "POS", "MORPH", "LEMMA", "DEP", "HEAD", "SENT_START"]


def make_doc(text):
    """A doc of tokens between bars, a trailing space included."""
    tokens = text.split("|")
    words = [token.removesuffix(" ") for token in tokens]
    return Doc(NLP.vocab, words=words, spaces=[token.endswith(" ") for token in tokens])


def make_span(doc, start, end, label, kb_id="", span_id=""):
    return Span(doc, start, end, label=label, kb_id=kb_id, span_id=span_id)


def make_example(doc, entities=()):
    doc.ents = [make_span(doc, *entity) for entity in entities]
    return Example(NLP.make_doc(doc.text), doc)


def only(augmenter, example):
    (new,) = augmenter(NLP, example)
    return new


def words(doc):
    return [token.text for token in doc]


def texts(spans):
    return [span.text for span in spans]


def seeded(augmenter, example, seed):
    random.seed(seed)
    return list(augmenter(NLP, example))


def all_spans(doc):
    return [*doc.ents, *(span for key in sorted(doc.spans) for span in doc.spans[key])]


def bounds(span):
    return span.start, span.end, span.label


def places(doc, span):
    """Which of the doc's entities and spans this is."""
    return [i for i, other in enumerate(all_spans(doc)) if bounds(other) == bounds(span)]


def list_relations(doc):
    """The best score of each label between the same spans, in order."""
    best = {}
    for relation in doc._.relations:
        head, tail = (places(doc, end) for end in (relation.head, relation.tail))
        key = (*head, -1, *tail, relation.label)
        best[key] = max(best.get(key, 0), relation.score)
    return list(best.items())


def outside(doc):
    """The tokens outside any span."""
    inside = {i for span in all_spans(doc) for i in range(span.start, span.end)}
    return [token for token in doc if token.i not in inside]


def check_tokens(old, new):
    """What is annotated of the tokens outside any span is what it was."""
    old, new = outside(old), outside(new)
    assert len(old) == len(new)
    # A head is found by its place among the tokens outside.
    old_place, new_place = ({t.i: i for i, t in enumerate(side)} for side in (old, new))
    for before, after in zip(old, new):
        for name in ("tag", "pos", "lemma", "sent_start"):
            assert getattr(after, name) == getattr(before, name)
        if before.head.i in old_place:
            assert after.dep == before.dep
            assert new_place[after.head.i] == old_place[before.head.i]
        elif after.dep:
            assert after.dep == before.dep and after.head.i not in new_place
        else:
            assert after.head == after


@st.composite
def docs(draw, with_groups=True):
    size = draw(st.integers(0, 10))
    tokens = st.lists(st.sampled_from(WORDS), min_size=size, max_size=size)
    flags = st.lists(st.booleans(), min_size=size, max_size=size)
    tags = st.lists(st.sampled_from(["", "A", "B"]), min_size=size, max_size=size)
    sentences = {"sent_starts": draw(flags)}
    if draw(st.booleans()):
        heads = [draw(st.integers(0, i)) for i in range(size)]
        sentences = {"heads": heads, "deps": ["dep"] * size}
    doc = Doc(
        NLP.vocab,
        words=draw(tokens),
        spaces=draw(flags),
        tags=draw(tags),
        lemmas=draw(tags),
        **sentences,
    )
    if not size:
        return doc

    def draw_spans():
        starts = draw(st.lists(st.integers(0, size - 1), max_size=4))
        return [
            Span(
                doc,
                start,
                draw(st.integers(start + 1, min(size, start + 3))),
                label=draw(st.sampled_from(["PER", "ORG", "LOC", "MISC"])),
                kb_id=draw(st.sampled_from(["", "Q1"])),
                span_id=draw(st.sampled_from(["", "a"])),
            )
            for start in starts
        ]

    doc.ents = filter_spans(draw_spans())
    if with_groups and draw(st.booleans()):
        doc.spans["sc"] = draw_spans()
        doc.spans["other"] = draw_spans()
    spans = all_spans(doc)
    if spans and draw(st.booleans()):
        relation = st.builds(
            Relation,
            head=st.sampled_from(spans),
            tail=st.sampled_from(spans),
            label=st.sampled_from(["R", "S"]),
            score=st.sampled_from([1.0, 0.5, 0.25]),
        )
        doc._.relations = draw(st.lists(relation, max_size=5))
    return doc


TOKEN_WISE = ["mask_tokens", "word_noise", "noise_in_entities"]
NAME_WISE = ["mask_entities", "mask_group", "replace_entities", "replace_group"]


@pytest.mark.parametrize("name", [*TOKEN_WISE, *NAME_WISE, "chain"])
@pytest.mark.filterwarnings("ignore:.* has a kb_id")
@settings(max_examples=40)
@given(doc=docs(), seed=st.integers(0, 9), handed_over=st.booleans())
def test_entities_and_relations_are_kept(augmenters, name, doc, seed, handed_over):
    random.seed(seed)
    example = Example(NLP.make_doc(doc.text), doc)
    if handed_over:
        hand_entities_over(example)
        hand_entities_over(example, "sc")
    before = doc.to_bytes(), example.predicted.to_bytes()
    new = only(augmenters[name], example)
    assert (doc.to_bytes(), example.predicted.to_bytes()) == before

    reference = new.reference
    check_tokens(doc, reference)
    assert list(reference.spans) == list(doc.spans)
    spans = list(zip(all_spans(doc), all_spans(reference)))
    assert len(all_spans(doc)) == len(spans) == len(all_spans(reference))
    for old, moved in spans:
        assert (moved.label_, moved.id_) == (old.label_, old.id_)
        if name in ("mask_tokens", "word_noise"):
            assert moved.text == old.text
        if "replace" in name or name == "chain":
            # A name may lie within a span, or be the whole of it.
            assert (
                moved.kb_id_ == old.kb_id_ if moved.text == old.text else not moved.kb_id_
            )
        else:
            assert moved.kb_id_ == old.kb_id_
    if name in TOKEN_WISE:
        assert (reference.to_array(ATTRIBUTES) == doc.to_array(ATTRIBUTES)).all()

    assert has_relations(reference) == has_relations(doc)
    # Two entities on the same tokens that have lost their ids are one.
    assert list_relations(reference) == list_relations(doc)
    assert len(reference._.relations) <= len(doc._.relations)

    assert new.predicted.text == reference.text
    aligner = Aligner(new)
    for span in reference.ents:
        start, end = aligner.align(span)
        assert span.text in new.predicted[start:end].text
    expected = Example(NLP.make_doc(reference.text), reference)
    if handed_over:
        hand_entities_over(expected)
        hand_entities_over(expected, "sc")
    assert new.predicted.to_bytes() == expected.predicted.to_bytes()


@pytest.mark.parametrize("name", NAME_WISE)
@pytest.mark.filterwarnings("ignore:.* has a kb_id")
@settings(max_examples=40)
@given(doc=docs(), seed=st.integers(0, 9))
def test_an_entity_is_changed_as_a_whole_everywhere(augmenters, name, doc, seed):
    random.seed(seed)
    reference = only(augmenters[name], Example(NLP.make_doc(doc.text), doc)).reference
    key = "sc" if "group" in name else None
    entities, group = all_spans(doc), get_entities(doc, key)
    cuts = {cut for span in entities for cut in (span.start, span.end)}
    moved_to = {}
    for old, moved in zip(entities, all_spans(reference)):
        moved_to[bounds(old)] = moved
        if not any(e.start < old.end and old.start < e.end for e in group):
            assert moved.text == old.text
    mentions = {}
    for span in group:
        text = " ".join(span.text.split())
        entity = ("kb", span.kb_id_) if span.kb_id else ("id", span.id_)
        entity = entity if entity[1] else ("text", text)
        mentions.setdefault((span.label_, entity), []).append((span, text))
    for (label, _), spans in mentions.items():
        # Others that begin within a mention may change it, whatever becomes of its own.
        became = [
            (text, " ".join(moved_to[bounds(span)].text.split()))
            for span, text in spans
            if not cuts & set(range(span.start + 1, span.end))
            and all(e.label == span.label for e in group if bounds(e)[:2] == bounds(span)[:2])
        ]
        changed = {f"[{label}]"} if "mask" in name else set(NAMES.get(label, []))
        stays = all(new == text for text, new in became)
        as_one = len({new for _, new in became}) == 1 and became[0][1] in changed
        assert stays or (as_one and len(became) == len(spans))


@pytest.mark.parametrize("name", ["mask_tokens", "mask_entities", "replace_entities"])
@pytest.mark.filterwarnings("ignore:.* has a kb_id")
@settings(max_examples=60)
@given(doc=docs(with_groups=False), seed=st.integers(0, 9))
def test_as_exact_in_the_predicted_doc_as_before(augmenters, name, doc, seed):
    random.seed(seed)

    def is_exact(eg):
        aligner = Aligner(eg)
        aligned = [(span, aligner.align(span)) for span in eg.reference.ents]
        return [eg.predicted[i:j].text == span.text for span, (i, j) in aligned]

    example = Example(NLP.make_doc(doc.text), doc)
    new = only(augmenters[name], example)
    assert all(a or not b for a, b in zip(is_exact(new), is_exact(example)))


def test_a_space_is_put_where_the_tokenizer_would_join_an_entity_and_a_mask():
    example = make_example(make_doc("(|Ada|, |who|)"), [(1, 2, "PER")])
    hand_entities_over(example)
    new = only(create_mask_tokens_augmenter(1.0, 1.0), example)
    assert new.reference.text == "[MASK] Ada [MASK] [MASK][MASK]"
    assert texts(new.predicted.ents) == ["Ada"]
    # As it is written where the tokenizer keeps the two apart.
    new = only(create_mask_entities_augmenter(1.0), example)
    assert new.reference.text == "([PER], who)"
    assert words(new.reference) == ["(", "[", "PER", "]", ",", "who", ")"]
    assert texts(new.predicted.ents) == ["[PER]"]
    example = make_example(make_doc("Ada |."), [(0, 1, "PER")])
    assert only(create_mask_entities_augmenter(1.0), example).reference.text == "[PER] ."
    # It was joined before: "Lou" here is known from the group alone.
    example = make_example(make_doc("Lou|s |met |Ada"), [(3, 4, "PER")])
    example.reference.spans["sc"] = [example.reference[:1]]
    new = only(create_mask_entities_augmenter(1.0), example)
    assert new.reference.text == "Lous met [PER]"


def test_spaces_are_put_until_nothing_is_joined():
    """ "Co..Bell" is "Co.." and "Bell" to the tokenizer, but ".Bell" is one word."""
    names = make_doc("Bell |& |Co.")
    names.ents = [make_span(names, 0, 3, "ORG")]
    edits = [Edit(i, i + 1, words(names), [True, True, False]) for i in (0, 2)]
    example = make_example(make_doc("York|.|Uni"), [(0, 1, "ORG"), (2, 3, "ORG")])
    hand_entities_over(example)
    new = rebuild_example(NLP, example, edits)
    assert texts(new.predicted.ents) == texts(new.reference.ents) == ["Bell & Co."] * 2


def test_mentions_and_evidence_of_relations_are_kept():
    doc = Doc(spacy.blank("en").vocab, words="Ada rose . She ran Kestrel .".split())
    for token in doc:
        token.is_sent_start = token.i in (0, 3)
    ada, she, kestrel = Span(doc, 0, 1, "P"), Span(doc, 3, 4, "P"), Span(doc, 5, 6, "O")
    doc.ents = [ada, kestrel]
    sents = tuple(doc.sents)
    doc._.relations = [Relation(she, kestrel, "RAN", 1.0, (ada, she), (), sents[1:])]
    new = only(create_mask_tokens_augmenter(1.0, 1.0, mask="_"), Example(doc.copy(), doc))
    assert new.reference.text.split() == "Ada _ _ She _ Kestrel _".split()
    (relation,) = new.reference._.relations
    assert texts(relation.head_mentions) == ["Ada", "She"]
    assert [(sent.start, sent.end) for sent in relation.evidence] == [(3, 7)]


def test_a_sentence_of_evidence_may_end_within_an_entity():
    doc = make_doc("He |wrote |Yes|! |No|! |Maybe |in |Graz")
    example = make_example(doc, [(2, 7, "WORK"), (8, 9, "LOC")])
    work, place = doc.ents
    sents = [doc[0:4], doc[4:5], doc[5:6], doc[6:9], doc[7:9]]
    doc._.relations = [Relation(work, place, "IN", evidence=tuple(sents))]
    (relation,) = only(create_mask_entities_augmenter(1.0), example).reference._.relations
    # The two within it are one then.
    expected = ["He wrote [WORK]", "[WORK]", "[WORK] in [LOC]", "in [LOC]"]
    assert texts(relation.evidence) == expected


def test_masked_tokens():
    example = make_example(make_doc("Ada |met |\n |Lou |there|."), [(0, 1, "PER")])
    augment = create_mask_tokens_augmenter(1.0, 1.0, mask="<X>")
    reference = only(augment, example).reference
    # Whitespace is no word to guess.
    assert words(reference) == ["Ada", "<X>", "\n", "<X>", "<X>", "<X>"]
    # Nor is what a group of spans covers, here all.
    example.reference.spans["sents"] = [example.reference[:]]
    assert only(augment, example) is example
    random.seed(0)
    augment = create_mask_tokens_augmenter(1.0, 0.25)
    example = make_example(make_doc("|".join(["word "] * 1000)))
    assert 200 < words(only(augment, example).reference).count("[MASK]") < 300


def test_misspelt_words():
    random.seed(0)
    example = make_example(make_doc("Lou |word |I |1990 |can|'t"), [(0, 1, "PER")])
    seen = set()
    for _ in range(200):
        reference = only(create_word_noise_augmenter(1.0, 1.0), example).reference
        assert words(reference)[:1] + words(reference)[2:4] == ["Lou", "I", "1990"]
        seen.add(words(reference)[1])
    swapped, dropped = {"owrd", "wrod", "wodr"}, {"ord", "wrd", "wod"}
    assert seen == swapped | dropped | {"wword", "woord", "worrd"}
    augment = create_word_noise_augmenter(1.0, 1.0, include_entities=True)
    (entity,) = only(augment, example).reference.ents
    assert entity.text != "Lou"
    augment = create_word_noise_augmenter(1.0, 0.25)
    example = make_example(make_doc("|".join(["word "] * 1000)))
    assert 700 < words(only(augment, example).reference).count("word") < 800


def test_marks_stay_with_their_letters():
    random.seed(0)
    augment = create_word_noise_augmenter(1.0, 1.0)
    example = make_example(make_doc("दिल्ली |में"))
    seen = {only(augment, example).reference.text for _ in range(200)}
    swapped, dropped = {"ल्दिली", "दिलील्"}, {"ल्ली", "दिली"}
    doubled = {"दिदिल्ली", "दिल्ल्ली"}
    # The second word has one letter, with two marks.
    assert seen == {f"{word} में" for word in swapped | dropped | doubled}


def test_a_word_of_entities_is_misspelt_alike():
    example = make_example(
        make_doc("Kestrel |saw |Old |Kestrel |and |Kestrel |saw |Lou"),
        [(0, 1, "ORG"), (2, 4, "ORG"), (5, 6, "ORG"), (7, 8, "PER")],
    )
    random.seed(0)
    augment = create_word_noise_augmenter(1.0, 0.5, include_entities=True)
    firsts, others_differ = set(), False
    for _ in range(50):
        found = words(only(augment, example).reference)
        assert found[0] == found[3] == found[5]
        firsts.add(found[0])
        others_differ |= found[1] != found[6]
    assert "Kestrel" in firsts and len(firsts) > 5 and others_differ


def test_no_word_of_entities_is_misspelt_as_another():
    example = make_example(
        make_doc("Abb |saw |Ab |and |a |B"),
        [(0, 1, "ORG"), (2, 3, "ORG"), (4, 5, "ORG"), (5, 6, "ORG")],
    )
    for ignore_case in (False, True):
        random.seed(0)
        augment = create_word_noise_augmenter(
            1.0, 1.0, include_entities=True, ignore_case=ignore_case
        )
        seen = set()
        for _ in range(100):
            new = texts(only(augment, example).reference.ents)
            assert new[2:] == ["a", "B"]
            names = [name.casefold() for name in new] if ignore_case else new
            assert len(set(names)) == 4
            seen.add(new[0])
        assert len(seen) > 2


def test_entities_stay_as_they_are_told_whatever_the_case(tmp_path):
    names = make_doc("Zoe |ZOE |Yan")
    names.ents = [Span(names, i, i + 1, "ORG") for i in range(3)]
    DocBin(docs=[names]).to_disk(tmp_path / "names.spacy")
    example = make_example(
        make_doc("ACME |or |Lou |or |Acme |or |Strasse |or |LOU |or |Straße"),
        [(i, i + 1, "PER" if i in (2, 8) else "ORG") for i in range(0, 11, 2)],
    )
    options = {"ignore_case": True}
    for augment in (
        create_mask_entities_augmenter(1.0, 0.7, "[{label}{number}]", **options),
        create_replace_entities_augmenter(1.0, tmp_path, 0.7, **options),
        create_word_noise_augmenter(1.0, 0.7, include_entities=True, **options),
    ):
        random.seed(0)
        n_changed = 0
        for _ in range(40):
            new = only(augment, example).reference
            groups = group_by_text(new, new.ents, ignore_case=True)
            starts = [[new.ents.index(span) for span in group] for group in groups]
            assert starts == [[0, 2], [1, 4], [3, 5]]
            n_changed += texts(new.ents) != texts(example.reference.ents)
        assert n_changed > 20


def test_masks_with_numbers():
    example = make_example(
        make_doc("Ada |wed |Lou |at |Cork|. |Mrs |L|. |left |Cork"),
        [
            (0, 1, "PER"),
            (2, 3, "PER", "Q1"),
            (4, 5, "LOC"),
            (6, 9, "PER", "Q1"),
            (10, 11, "LOC"),
        ],
    )
    augment = create_mask_entities_augmenter(1.0, template="<{label}{number}>")
    # Numbers begin anew in each doc.
    for _ in range(2):
        new = only(augment, example).reference
        assert texts(new.ents) == ["<PER1>", "<PER2>", "<LOC3>", "<PER2>", "<LOC3>"]


def test_token_annotation_of_the_tokens_that_stay():
    tokens = ["Ada", "Lou", "left", "Kestrel", ".", "She", "wept"]
    doc = Doc(
        NLP.vocab,
        words=tokens,
        tags=list("ABCDEFG"),
        pos=["PROPN", "PROPN", "VERB", "PROPN", "PUNCT", "PRON", "VERB"],
        morphs=["Number=Sing"] * 7,
        lemmas=[token.lower() for token in tokens],
        heads=[1, 2, 2, 2, 2, 6, 6],
        deps=["compound", "nsubj", "ROOT", "obj", "punct", "nsubj", "ROOT"],
        spaces=[True] * 7,
    )
    doc.cats = {"A": 1.0}
    example = make_example(doc, [(0, 2, "PER"), (3, 4, "ORG")])
    new = only(create_mask_tokens_augmenter(1.0, 1.0), example).reference
    assert (new.to_array(ATTRIBUTES) == doc.to_array(ATTRIBUTES)).all()
    assert new.cats == doc.cats and new.cats is not doc.cats
    assert [sent.end for sent in new.sents] == [5, 7]

    nlp = spacy.blank("en", vocab=NLP.vocab)
    (new,) = create_mask_entities_augmenter(1.0, template="{label} x")(nlp, example)
    new = new.reference
    assert words(new) == ["PER", "x", "left", "ORG", "x", ".", "She", "wept"]
    assert [t.tag_ for t in new] == ["", "", "C", "", "", "E", "F", "G"]
    assert [t.lemma_ for t in new] == ["", "", "left", "", "", ".", "she", "wept"]
    assert [t.dep_ for t in new] == ["", "", "ROOT", "", "", "punct", "nsubj", "ROOT"]
    assert [t.head.i for t in new] == [0, 1, 2, 3, 4, 2, 7, 7]
    assert [sent.end for sent in new.sents] == [6, 8]

    # One token for one.
    (new,) = create_mask_entities_augmenter(1.0, template="{label}")(nlp, example)
    new = new.reference
    assert words(new) == ["PER", "left", "ORG", ".", "She", "wept"]
    assert [t.tag_ for t in new] == ["", "C", "D", "E", "F", "G"]
    assert [t.head.i for t in new] == [0, 1, 1, 1, 5, 5]
    assert [sent.end for sent in new.sents] == [4, 6]


def test_sentences_are_kept_where_their_root_is_gone():
    doc = Doc(
        NLP.vocab,
        words=["Off", "Ada", "Lou", "!", "No"],
        heads=[2, 2, 2, 2, 4],
        deps=["advmod", "compound", "ROOT", "punct", "ROOT"],
    )
    new = only(create_mask_entities_augmenter(1.0), make_example(doc, [(1, 3, "PER")]))
    assert [sent.end for sent in new.reference.sents] == [5, 6]
    assert [t.dep_ for t in new.reference] == [""] * 5 + ["ROOT"]
    assert [t.head.i for t in new.reference] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "starts, expected",
    [
        ([None] * 4, [None] * 7),
        ([False, False, True, False], [False] * 3 + [True] + [False] * 3),
        # Annotated in part.
        ([None, None, True, None], [None] * 3 + [True, False, False, None]),
        ([False, None, None, None], [False] * 2 + [None] * 5),
    ],
)
def test_sentences_within_a_mention_are_annotated_where_the_doc_has_them(starts, expected):
    example = make_example(
        make_doc("Ada |Lou |left |Cork |."), [(0, 2, "PER"), (3, 4, "LOC")]
    )
    doc = example.reference
    for token, start in zip(doc[1:], starts):
        token.is_sent_start = start
    new = only(create_mask_entities_augmenter(1.0), example).reference
    assert words(new) == ["[", "PER", "]", "left", "[", "LOC", "]", "."]
    assert [token.is_sent_start for token in new] == [True, *expected]
    assert new.has_annotation("SENT_START") == doc.has_annotation("SENT_START")


def test_partial_entity_annotation_stays_partial():
    doc = make_doc("Ada |and |Lou |met |Kim")
    augment = create_mask_entities_augmenter(1.0)
    doc.set_ents(
        [Span(doc, 0, 1, "PER")], missing=[doc[2:3]], blocked=[doc[4:5]], default="outside"
    )
    new = only(augment, Example(NLP.make_doc(doc.text), doc)).reference
    assert [t.ent_iob_ for t in new[3:]] == ["O", "", "O", "B"]
    assert not new[-1].ent_type_ and texts(new.ents) == ["[PER]"]

    doc = make_doc("Ada |left")
    doc.spans["sc"] = [Span(doc, 0, 1, "PER")]
    augment = create_mask_entities_augmenter(1.0, spans_key="sc")
    new = only(augment, Example(NLP.make_doc(doc.text), doc)).reference
    assert texts(new.spans["sc"]) == ["[PER]"]
    assert not new.has_annotation("ENT_IOB")


def test_groups_and_user_data():
    doc = make_doc("Ada |left")
    doc.spans["sc"] = SpanGroup(
        doc, name="of its own", attrs={"a": [1]}, spans=[Span(doc, 0, 1, "PER")]
    )
    doc.user_data["source"] = ["page 1"]
    doc.user_data[ATTRIBUTES_KEY] = [[0, 3, "PER", "Negated", True]]
    doc.user_data[SENTENCES_KEY] = [[0, 8]]
    Doc.set_extension("augment_doc", default=None, force=True)
    Token.set_extension("augment_token", default=None, force=True)
    doc._.augment_doc = 3
    doc[1]._.augment_token = 4
    augment = create_mask_entities_augmenter(1.0, spans_key="sc")
    new = only(augment, Example(NLP.make_doc(doc.text), doc)).reference
    group = new.spans["sc"]
    assert (group.name, group.attrs) == ("of its own", {"a": [1]})
    assert new.user_data["source"] == ["page 1"] and new._.augment_doc == 3
    # What is stored by characters would be found at other tokens.
    assert [token._.augment_token for token in new] == [None] * 4
    assert ATTRIBUTES_KEY not in new.user_data and SENTENCES_KEY not in new.user_data
    group.attrs["a"].append(2)
    new.user_data["source"].append("page 2")
    assert doc.spans["sc"].attrs == {"a": [1]}
    assert doc.user_data["source"] == ["page 1"]


def test_spans_stay_where_tokens_before_them_were_merged(augmenters):
    doc = make_doc("The |New |York |paper |hired |Ada |of |Cork")
    doc.spans["sc"] = [make_span(doc, 5, 6, "PER"), make_span(doc, 7, 8, "X")]
    doc._.relations = [Relation(*doc.spans["sc"], "OF")]
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[1:3])
    example = Example(NLP.make_doc(doc.text), doc)
    hand_entities_over(example, "sc")
    for name in ("mask_tokens", "word_noise", "mask_group", "replace_group"):
        new = [eg for seed in range(9) for eg in seeded(augmenters[name], example, seed)]
        assert len({eg.reference.text for eg in new}) > 1
        for eg in new:
            found = get_entities(eg.reference, "sc")
            assert [span.label_ for span in found] == ["PER", "X"]
            person, place = new_texts = texts(found)
            assert texts(eg.predicted.spans["sc"]) == new_texts
            assert person in ("Ada", "[PER]", "Zoe", "Ann-Lee May") and place in ("Cork", "[X]")
            (relation,) = eg.reference._.relations
            assert texts([relation.head, relation.tail]) == new_texts


def test_a_mention_that_others_cut_is_left_alone():
    doc = make_doc("University |of |Cork |in |Cork")
    example = make_example(doc, [(0, 3, "ORG"), (4, 5, "LOC")])
    doc.spans["sc"] = [Span(doc, 2, 3, "LOC"), Span(doc, 0, 5, "SENTENCE")]
    augment = create_mask_entities_augmenter(1.0)
    new = only(augment, example).reference
    assert texts(new.ents) == ["University of Cork", "[LOC]"]
    assert texts(new.spans["sc"]) == ["Cork", "University of Cork in [LOC]"]
    # Of the group it is the inner mention that can be changed; those around it grow.
    augment = create_mask_entities_augmenter(1.0, spans_key="sc")
    new = only(augment, example).reference
    assert texts(new.ents) == ["University of [LOC]", "Cork"]

    # Nor is one of two types, nor one that a relation names a part of.
    doc.spans["sc"] = [
        Span(doc, 4, 5, "LOC"),
        Span(doc, 4, 5, "ORG"),
        Span(doc, 0, 3, "ORG"),
    ]
    doc._.relations = [Relation(Span(doc, 2, 3, "LOC"), doc.ents[1], "IN")]
    assert only(augment, example) is example


@pytest.mark.parametrize("annotated", [False, True])
def test_annotated_as_empty(augmenters, annotated):
    example = make_example(make_doc("Ada |met |Kestrel"), [(0, 1, "PER")])
    if annotated:
        example.reference._.relations = []
    for augment in augmenters.values():
        assert has_relations(only(augment, example).reference) == annotated


def test_nothing_to_change(augmenters):
    for example in (make_example(make_doc("\n")), Example(NLP(""), NLP(""))):
        assert only(augmenters["chain"], example) is example
        for augment in augmenters.values():
            only(augment, example)
    augment = create_mask_entities_augmenter(1.0, keep_original=True)
    assert only(augment, example) is example


def test_unknown_spaces():
    doc = Doc(NLP.vocab, words=["Ada", "'s", "well-known"])
    new = only(create_mask_entities_augmenter(1.0), make_example(doc, [(0, 1, "PER")]))
    assert new.reference.has_unknown_spaces
    assert words(new.predicted) == words(new.reference)
    assert words(new.predicted) == ["[", "PER", "]", "'s", "well-known"]


def test_replacements(names_path):
    random.seed(0)
    doc = make_doc("Ada |met |Lou |and |Ada |at |Kestrel|'s |in |X")
    doc = Doc(NLP.vocab, words=words(doc), spaces=[bool(t.whitespace_) for t in doc])
    entities = [(0, 1, "PER", "", "a"), (2, 3, "PER"), (4, 5, "PER", "", "a")]
    example = make_example(doc, [*entities, (6, 7, "ORG"), (9, 10, "MISC", "Q3")])
    doc._.relations = [Relation(doc.ents[0], doc.ents[3], "IN", 0.5)]
    doc[0].lemma_ = doc[9].lemma_ = "a lemma"
    doc.spans["around"] = [
        make_span(doc, 5, 8, "PP", "Q4"),
        make_span(doc, 8, 10, "PP", "Q5"),
    ]
    augment = create_replace_entities_augmenter(1.0, names_path)
    seen = set()
    for _ in range(20):
        new = only(augment, example).reference
        ada, lou, other, org, misc = new.ents
        assert ada.text == other.text != lou.text
        assert {ada.text, lou.text} == set(NAMES["PER"])
        assert org.text in NAMES["ORG"] and f"{org.text}'s in X" in new.text
        # The type is not in the corpus.
        assert (misc.text, misc.kb_id_, misc.lemma_) == ("X", "Q3", "a lemma")
        assert [span.kb_id_ for span in (ada, lou, other, org)] == [""] * 4
        assert [span.id_ for span in new.ents] == ["a", "", "a", "", ""]
        assert not new[0].lemma_
        assert [span.kb_id_ for span in new.spans["around"]] == ["", "Q5"]
        (relation,) = new._.relations
        assert (relation.head, relation.tail, relation.score) == (ada, org, 0.5)
        seen.add((ada.text, org.text))
    assert len(seen) == 4


def test_an_entity_of_many_names_stays_one(tmp_path):
    """What groups mentions by id finds the same entities as before."""

    def make_linked(text, *entities):
        example = make_example(make_doc(text), entities)
        example.reference._.relations = [
            Relation(example.reference.ents[0], example.reference.ents[-1], "TREATS")
        ]
        return example

    names = [
        make_linked("Aspirin |and |flu", (0, 1, "DRUG", "D1"), (2, 3, "ILL", "D2")),
        make_linked("ASA |and |gout", (0, 1, "DRUG", "D1"), (2, 3, "ILL", "D3")),
        make_linked("Heparin |and |croup", (0, 1, "DRUG", "D4"), (2, 3, "ILL")),
    ]
    path = tmp_path / "names.spacy"
    DocBin(docs=[eg.reference for eg in names], store_user_data=True).to_disk(path)
    augment = create_replace_entities_augmenter(1.0, path)
    example = make_linked(
        "Aspirin |or |ASA |for |flu |or |sniffles",
        (0, 1, "DRUG", "D1"),
        (2, 3, "DRUG", "D1"),
        (4, 5, "ILL", "D2"),
        (6, 7, "ILL"),
    )
    random.seed(0)
    seen = set()
    for _ in range(20):
        new = only(augment, example).reference
        assert [span.kb_id_ for span in new.ents] == ["D4", "D4", "D3", ""]
        assert texts(new.ents)[:3] == ["Heparin", "Heparin", "gout"]
        (relation,) = new._.relations
        assert (relation.head, relation.head.kb_id_) == (new.ents[0], "D4")
        seen.add(new.ents[3].text)
    # What is not linked stays so, and is not called as one of the others is.
    assert seen == {"croup"}
    # Without a knowledge base, as clusters that were converted are.
    example = make_linked(
        "Aspirin |or |ASA |for |gout",
        (0, 1, "DRUG", "", "a"),
        (2, 3, "DRUG", "", "a"),
        (4, 5, "ILL", "", "b"),
    )
    new = only(augment, example).reference
    assert texts(new.ents) == ["Heparin", "Heparin", new.ents[2].text]
    assert [span.id_ for span in new.ents] == ["a", "a", "b"]
    # One mention that has to stay keeps the others.
    example.reference.ents = [
        make_span(example.reference, 0, 1, "DRUG", "D1"),
        make_span(example.reference, 2, 4, "DRUG", "D1"),
    ]
    example.reference.spans["part"] = [Span(example.reference, 3, 5, "PHRASE")]
    assert only(augment, example) is example


def test_what_is_linked_to_nil_is_not_linked(tmp_path):
    """As spaCy's entity_linker writes where it knows none."""
    names = make_doc("Zoe |Yan |Xi")
    names.ents = [
        make_span(names, i, i + 1, "PER", kb_id)
        for i, kb_id in enumerate(("NIL", "Q7", "NIL"))
    ]
    DocBin(docs=[names]).to_disk(tmp_path / "names.spacy")
    augment = create_replace_entities_augmenter(1.0, tmp_path)
    example = make_example(
        make_doc("Ada |wed |Lou"), [(0, 1, "PER", "NIL"), (2, 3, "PER", "NIL")]
    )
    random.seed(0)
    for _ in range(10):
        new = only(augment, example).reference.ents
        assert len(set(texts(new))) == 2
        assert [span.kb_id_ for span in new] == ["", ""]
    # Each is masked, or not, for itself.
    masked = create_mask_entities_augmenter(1.0, 0.5)
    seen = {tuple(texts(only(masked, example).reference.ents)) for _ in range(30)}
    assert {("[PER]", "Lou"), ("Ada", "[PER]")} <= seen
    # It is the one name with an id that takes the place of one with an id.
    example = make_example(make_doc("Ada |left"), [(0, 1, "PER", "Q1")])
    for _ in range(10):
        (new,) = only(augment, example).reference.ents
        assert (new.text, new.kb_id_) == ("Yan", "Q7")


def test_what_is_linked_stays_where_no_name_is_linked(names_path):
    """Without an id its mentions would be one entity no more."""
    example = make_example(
        make_doc("Ada |wed |Lou |at |Kestrel|. |Mrs Bo |left |Lou"),
        [
            (0, 1, "PER", "Q1"),
            (2, 3, "PER", "Q2"),
            (4, 5, "ORG"),
            (6, 7, "PER", "Q1"),
            (8, 9, "PER", "Q2"),
        ],
    )
    augment = create_replace_entities_augmenter(1.0, names_path)
    with pytest.warns(UserWarning, match="'PER' in .*names.spacy has a kb_id") as warned:
        for _ in range(3):
            new = only(augment, example).reference.ents
            assert texts(new)[:2] + texts(new)[3:] == ["Ada", "Lou", "Mrs Bo", "Lou"]
            assert [span.kb_id_ for span in new] == ["Q1", "Q2", "", "Q1", "Q2"]
            assert new[2].text in NAMES["ORG"]
    assert len(warned) == 1


@pytest.mark.parametrize("tell", [{"kb_id": "Q1"}, {"span_id": "a"}])
def test_an_entity_of_two_types_is_not_replaced(names_path, tell):
    doc = make_doc("Kestrel |and |the |Kestrel |Group |at |Cork")
    doc.ents = [
        Span(doc, 0, 1, "ORG", **tell),
        Span(doc, 3, 5, "PER", **tell),
        Span(doc, 6, 7, "LOC"),
    ]
    example = Example(NLP.make_doc(doc.text), doc)
    new = only(create_replace_entities_augmenter(1.0, names_path), example).reference
    assert texts(new.ents) == ["Kestrel", "Kestrel Group", "Ada"]
    assert [span.kb_id for span in new.ents[:2]] == [span.kb_id for span in doc.ents[:2]]
    # Each mention is masked by the type of its own, and all of them or none.
    augment = create_mask_entities_augmenter(1.0, 0.5)
    seen = {tuple(texts(only(augment, example).reference.ents)[:2]) for _ in range(30)}
    assert seen == {("Kestrel", "Kestrel Group"), ("[ORG]", "[PER]")}


@pytest.mark.parametrize("in_group", [False, True])
def test_entities_that_share_a_mention(tmp_path, in_group):
    names = make_doc("Zoe |Yan |Zoe & Yan")
    names.ents = [
        make_span(names, 0, 1, "PER", "Q7"),
        make_span(names, 1, 2, "PER", "Q8"),
        make_span(names, 2, 3, "PER", "Q7|Q8"),
    ]
    names.spans["sc"] = list(names.ents)
    DocBin(docs=[names]).to_disk(tmp_path / "names.spacy")
    doc = make_doc("Ada |and |Lou |or |both |met |Kim |and |Bo |and |Al")
    shared = ["Q1", "Q2"] if in_group else ["Q1|Q2"]
    spans = [
        make_span(doc, 0, 1, "PER", "Q1"),
        make_span(doc, 2, 3, "PER", "Q2"),
        *(make_span(doc, 4, 5, "PER", kb_id) for kb_id in shared),
        *(make_span(doc, i, i + 1, "PER", f"K{i}") for i in (6, 8, 10)),
    ]
    options = {"separator": "|", "spans_key": "sc" if in_group else None}
    if in_group:
        doc.spans["sc"] = spans
    else:
        doc.ents = spans
    example = Example(NLP.make_doc(doc.text), doc)
    # Of those that share none one gets no name, as that of two is not for one.
    augment = create_replace_entities_augmenter(1.0, tmp_path, **options)
    new = only(augment, example).reference
    found = [(span.text, span.kb_id_) for span in all_spans(new)]
    assert found[:-3] == [(span.text, span.kb_id_) for span in spans[:-3]]
    assert set(found[-3:]) == {("Zoe", "Q7"), ("Yan", "Q8"), ("Al", "K10")}
    lone = make_example(make_doc("Both |left"), [(0, 1, "PER", "Q1|Q2")])
    lone.reference.spans["sc"] = list(lone.reference.ents)
    assert only(augment, lone) is lone
    augment = create_mask_entities_augmenter(1.0, 0.5, **options)
    seen = set()
    for _ in range(30):
        new = texts(all_spans(only(augment, example).reference))
        seen.add(tuple(text == "[PER]" for text in new[:-3]))
    assert seen == {(True,) * len(spans[:-3]), (False,) * len(spans[:-3])}


@pytest.mark.parametrize("others, changed", [([], True), ([(5, 7)], False)])
def test_a_name_within_a_linked_one(tmp_path, others, changed):
    """It is not replaced where that would lose its id, and be no more what its other
    mentions are."""
    names = make_doc("Cork")
    names.spans["sc"] = [make_span(names, 0, 1, "LOC", "Q36647")]
    DocBin(docs=[names]).to_disk(tmp_path / "names.spacy")
    doc = make_doc("The |University |of |York |and |the |school")
    outer = [make_span(doc, *bounds, "ORG", "Q967165") for bounds in [(1, 4), *others]]
    doc.spans["sc"] = [*outer, make_span(doc, 3, 4, "LOC", "Q42462")]
    for template in (None, "[{label}]"):
        if template is None:
            path = tmp_path / "names.spacy"
            augmenter = create_replace_entities_augmenter(1.0, path, spans_key="sc")
        else:
            augmenter = create_mask_entities_augmenter(1.0, spans_key="sc")
        new = only(augmenter, Example(NLP.make_doc(doc.text), doc)).reference
        first, *same, inner = new.spans["sc"]
        is_new = changed or template is not None
        assert (inner.text == "York") != is_new
        assert {span.kb_id_ for span in (first, *same)} == (
            {""} if template is None and changed else {"Q967165"}
        )


@pytest.mark.parametrize("inner, changed", [([3], False), ([3, 8], True)])
def test_a_name_within_one_of_two_mentions_of_a_text(tmp_path, inner, changed):
    """They have one text still, or would be two entities."""
    names = make_doc("Cork")
    names.spans["sc"] = [make_span(names, 0, 1, "LOC")]
    DocBin(docs=[names]).to_disk(tmp_path / "names.spacy")
    doc = make_doc("The |University |of |York |and |the |University |of |York |by |York")
    spans = [make_span(doc, start, start + 3, "ORG") for start in (1, 6)]
    spans += [make_span(doc, i, i + 1, "LOC") for i in [*inner, 10]]
    doc.spans["sc"] = spans
    for augmenter in (
        create_replace_entities_augmenter(1.0, tmp_path / "names.spacy", spans_key="sc"),
        create_mask_entities_augmenter(1.0, spans_key="sc"),
    ):
        new = only(augmenter, Example(NLP.make_doc(doc.text), doc)).reference
        first, second, *others = texts(new.spans["sc"])
        assert (others != ["York"] * len(others)) == changed
        assert first == second


@pytest.mark.parametrize("linked", [0, 2])
def test_an_entity_with_an_id_on_some_mentions_stays_one_by_its_text(tmp_path, linked):
    """And two by its id."""
    names = make_doc("Zoe|Lou")
    names.ents = [make_span(names, i, i + 1, "PER", f"Q{i}") for i in range(2)]
    DocBin(docs=[names]).to_disk(tmp_path / "names.spacy")
    kb_ids = ["Q7259" if i == linked else "" for i in range(3)]
    ents = [(2 * i, 2 * i + 1, "PER", kb_id) for i, kb_id in enumerate(kb_ids)]
    doc = make_doc("Ada |met |Bo |. |Ada |left")
    # The same is there with and without an id.
    doc.spans["sc"] = [make_span(doc, 0, 1, "PER", kb_id) for kb_id in ("", "Q7259")]
    example = make_example(doc, ents)
    replace = create_replace_entities_augmenter(1.0, tmp_path / "names.spacy")
    mask = create_mask_entities_augmenter(1.0, template="[{label}{number}]")
    for seed in range(5):
        for augmenter in (replace, mask):
            (eg,) = seeded(augmenter, example, seed)
            first, other, last = eg.reference.ents
            assert first.text == last.text not in ("Ada", other.text)
            ids = [span.kb_id_ for span in eg.reference.ents]
            assert list(map(bool, ids)) == list(map(bool, kb_ids))
            assert [x.kb_id_ for x in eg.reference.spans["sc"]] == ["", ids[linked]]
        assert ids == kb_ids


def test_a_name_of_the_doc_is_no_replacement(names_path):
    # "Ada" is the corpus' only place.
    augment = create_replace_entities_augmenter(1.0, names_path)
    example = make_example(make_doc("Ada |in |Cork"), [(0, 1, "PER"), (2, 3, "LOC")])
    random.seed(0)
    new = only(augment, example).reference
    assert new.ents[0].text in NAMES["PER"] and new.ents[1].text == "Cork"
    # Nor are two names given one replacement.
    example = make_example(make_doc("Bray |and |Cork"), [(0, 1, "LOC"), (2, 3, "LOC")])
    assert texts(only(augment, example).reference.ents) == ["Ada", "Cork"]


def test_replacements_are_read_when_needed_and_once(tmp_path):
    augment = create_replace_entities_augmenter(1.0, tmp_path)
    doc = make_doc("New\n|York")
    doc.ents = [Span(doc, 0, 2, "LOC")]
    DocBin(docs=[doc]).to_disk(tmp_path / "a.spacy")
    example = make_example(make_doc("Cork"), [(0, 1, "LOC")])
    assert texts(only(augment, example).reference.ents) == ["New York"]
    (tmp_path / "a.spacy").unlink()
    assert texts(only(augment, example).reference.ents) == ["New York"]


def test_share_of_the_names(names_path):
    random.seed(0)
    letters = [f"{a}{b}" for a in "ABCDEFGHIJKLMNOPQRST" for b in "abcdefghij"]
    doc = make_doc("|".join(f"{word} " for word in letters))
    example = make_example(doc, [(i, i + 1, "PER") for i in range(200)])
    augment = create_mask_entities_augmenter(1.0, 0.25)
    assert 30 < texts(only(augment, example).reference.ents).count("[PER]") < 70
    for share in (0.0, 1.0):
        new = only(create_mask_entities_augmenter(1.0, share), example).reference
        assert texts(new.ents).count("[PER]") == 200 * share


def test_level_and_original():
    random.seed(0)
    example = make_example(make_doc("Ada |left"), [(0, 1, "PER")])
    augment = create_mask_entities_augmenter(0.3)
    n_changed = sum(only(augment, example) is not example for _ in range(300))
    assert 60 < n_changed < 120
    assert only(create_mask_entities_augmenter(0.0), example) is example
    original, new = create_mask_entities_augmenter(1.0, keep_original=True)(NLP, example)
    assert original is example and texts(new.reference.ents) == ["[PER]"]
    assert only(create_mask_entities_augmenter(0.0, keep_original=True), example) is example


def test_chain():
    example = make_example(make_doc("Ada |left"), [(0, 1, "PER")])
    mask = create_mask_tokens_augmenter(1.0, 1.0, mask="mask")
    misspell = create_word_noise_augmenter(1.0, 1.0)
    chained = create_augmenter_chain(misspell, mask)
    assert words(only(chained, example).reference) == ["Ada", "mask"]
    chained = create_augmenter_chain(mask, misspell)
    assert words(only(chained, example).reference) != ["Ada", "mask"]
    assert only(create_augmenter_chain(), example) is example
    # Each gets all that the one before it yields.
    twice = create_mask_entities_augmenter(1.0, keep_original=True)
    examples = create_augmenter_chain(twice, mask)(NLP, example)
    assert [eg.reference.text for eg in examples] == ["Ada mask", "[PER] mask"]


CONFIG = """
[reader]
@readers = "spacy.Corpus.v1"
path = {path}
gold_preproc = false

[reader.augmenter]
@augmenters = "spacy-relext.chain_augmenters.v1"

[reader.augmenter.*]

[reader.augmenter.*.replace]
@augmenters = "spacy-relext.replace_entities.v1"
level = 0.5
path = {path}
keep_original = true

[reader.augmenter.*.mask]
@augmenters = "spacy-relext.mask_entities.v1"
level = 0.5
template = "<{label}>"

[reader.augmenter.*.noise]
@augmenters = "spacy-relext.word_noise.v1"
level = 0.5
word_share = 0.5

[reader.augmenter.*.tokens]
@augmenters = "spacy-relext.mask_tokens.v1"
level = 1
token_share = 0.5
mask = "<mask>"
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "train.spacy"
    docs = [eg.reference for eg in make_examples(NLP)]
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path


def read(path, reader, seed):
    config = Config().from_str(CONFIG.replace("{path}", f'"{path}"'))
    if reader == "spacy-relext.EntityCorpus.v1":
        del config["reader"]["gold_preproc"]
    config["reader"]["@readers"] = reader
    # What is written out and read again is what `spacy train` resolves.
    config = Config().from_str(config.to_str())
    random.seed(seed)
    return list(registry.resolve(config)["reader"](NLP))


@pytest.mark.parametrize("reader", ["spacy.Corpus.v1", "spacy-relext.EntityCorpus.v1"])
def test_in_a_corpus_reader(path, reader):
    examples = read(path, reader, seed=1)
    originals = [eg.reference for eg in make_examples(NLP)]
    assert len(originals) < len(examples) <= 2 * len(originals)
    seen = " ".join(eg.reference.text for eg in examples)
    assert "<mask>" in seen and "<PER>" in seen
    n_relations = {len(doc._.relations) for doc in originals}
    assert {len(eg.reference._.relations) for eg in examples} == n_relations
    for eg in examples:
        assert eg.predicted.text == eg.reference.text
        handed_over = reader == "spacy-relext.EntityCorpus.v1"
        assert len(eg.predicted.ents) == handed_over * len(eg.reference.ents)


def test_seed_makes_it_repeatable(path):
    first, second, other = (
        [eg.reference.text for eg in read(path, "spacy.Corpus.v1", seed)]
        for seed in (1, 1, 2)
    )
    assert first == second != other


@pytest.mark.parametrize(
    "create, options, message",
    [
        (create_mask_tokens_augmenter, {"level": 1.5}, "mask_tokens.v1: level .* 1.5"),
        (create_mask_tokens_augmenter, {"token_share": -1}, "token_share .* -1"),
        (create_mask_tokens_augmenter, {"mask": ""}, "mask_tokens.v1: mask .* ''"),
        (create_mask_tokens_augmenter, {"mask": "a b"}, "mask .* 'a b'"),
        (create_word_noise_augmenter, {"level": -0.1}, "word_noise.v1: level .* -0.1"),
        (create_word_noise_augmenter, {"word_share": float("nan")}, "word_share .* nan"),
        (create_mask_entities_augmenter, {"level": 2}, "mask_entities.v1: level .* 2"),
        (create_mask_entities_augmenter, {"entity_share": 2}, "entity_share .* 2"),
        (create_mask_entities_augmenter, {"template": "X"}, "{label} .* 'X'"),
        (create_mask_entities_augmenter, {"template": " {label}"}, "' {label}'"),
        (create_mask_entities_augmenter, {"separator": ""}, "mask_entities.v1: separator"),
        (create_replace_entities_augmenter, {"path": None}, "path .* None"),
        (create_replace_entities_augmenter, {"path": "no/where"}, "path .* no/where"),
        (
            create_replace_entities_augmenter,
            {"path": ".", "level": 3},
            "replace_entities.v1: level .* 3",
        ),
        (
            create_replace_entities_augmenter,
            {"path": ".", "entity_share": 3},
            "replace_entities.v1: entity_share .* 3",
        ),
        (
            create_replace_entities_augmenter,
            {"path": ".", "separator": ""},
            "replace_entities.v1: separator",
        ),
    ],
)
def test_wrong_options(create, options, message):
    with pytest.raises(ValueError, match=message):
        create(**{"level": 1.0, **options})


def test_types_are_checked():
    config = {"augmenter": {"@augmenters": "spacy-relext.mask_tokens.v1", "level": "most"}}
    with pytest.raises(ConfigValidationError, match="level"):
        registry.resolve(config)


def test_corpus_of_replacements_without_entities(path):
    augment = create_replace_entities_augmenter(1.0, path, spans_key="sc")
    example = make_example(make_doc("Ada"))
    with pytest.raises(ValueError, match=r"train.spacy, .* doc.spans\['sc'\]"):
        only(augment, example)
