import pytest
import spacy
import srsly
from hypothesis import given
from hypothesis import strategies as st

from spacy_relext import get_relations
from spacy_relext.convert.build import DocBuilder, Options
from spacy_relext.convert.report import Report
from spacy_relext.convert.source import (
    Problem,
    SourceDoc,
    SourceEntity,
    SourceRelation,
    join_words,
)
from spacy_relext.user_data import SENTENCES_KEY, SOURCE_KEY

NLP = spacy.blank("en")
TEXT = "Ada Lovelace met Babbage in London.\nShe wrote to him."


def entity(id, text, label="PERSON", source=TEXT, **options):
    start = source.index(text)
    return SourceEntity(id, start, start + len(text), label, f"a:{id}", text, **options)


def relation(head, tail, label="MET"):
    return SourceRelation(head, tail, label, f"a:{head}{tail}")


def build(entities=(), relations=(), text=TEXT, options=Options(), **rest):
    report = Report()
    source = SourceDoc("a", "a:1", text, list(entities), list(relations), **rest)
    docs = DocBuilder(NLP, report, options).build(source)
    report.check()
    return docs, report


def told(report):
    return [place for _, places in report.sorts() for place in places]


def test_entities_and_relations():
    ada, charles = entity("1", "Ada Lovelace", kb_id="Q7259"), entity("2", "Babbage")
    [doc], report = build([ada, charles], [relation("1", "2")])
    [found] = get_relations(doc)
    assert (found.head.text, found.tail.text) == ("Ada Lovelace", "Babbage")
    assert found.label == "MET"
    assert [(ent.text, ent.kb_id_) for ent in doc.ents] == [
        ("Ada Lovelace", "Q7259"),
        ("Babbage", ""),
    ]
    assert doc.user_data[SOURCE_KEY] == ["a", "a:1"]
    assert report.written == {"document": 1, "entity": 2, "relation": 1, "attribute": 0}
    assert not report.dropped and not report.changed


def test_within_a_token():
    [doc], report = build(
        [entity("1", "Lovel"), entity("2", "Babbage")], [relation("1", "2")]
    )
    assert get_relations(doc)[0].head.text == "Lovelace"
    assert report.changed == {("entity", "expanded"): 1}
    assert told(report) == [
        "a:1: 'Lovel' begins or ends within a token, and becomes 'Lovelace'"
    ]


@pytest.mark.parametrize(
    "start, end, said, reason",
    [
        (12, 4, None, "its end comes before its start, 12–4"),
        (50, 99, None, "50–99 is not within the text, which has 53 characters"),
        (-3, 2, None, "-3–2 is not within the text, which has 53 characters"),
        (3, 4, None, "there is no text at 3–4"),
        (5, 5, None, "there is no text at 5–5"),
        (
            0,
            2,
            "Ada",
            "at 0–2 stands 'Ad', not 'Ada'; perhaps its end is given as included",
        ),
        (1, 3, "Ada", "at 1–3 stands 'da', not 'Ada'; perhaps its start is counted from 1"),
        (
            1,
            4,
            "Ada",
            "at 1–4 stands 'da ', not 'Ada'; perhaps both are counted from 1",
        ),
        (0, 3, "Eve", "at 0–3 stands 'Ada', not 'Eve'"),
    ],
)
def test_wrong_offsets(start, end, said, reason):
    wrong = SourceEntity("1", start, end, "PERSON", "a:1", said)
    [doc], report = build([wrong, entity("2", "Babbage")], [relation("1", "2")])
    assert [ent.text for ent in doc.ents] == ["Babbage"]
    assert report.dropped == {"entity": 1, "relation": 1, "attribute": 0}
    assert told(report) == [f"a:1: {reason}", "a:12: no entity '1', or it was dropped"]


def test_offsets_in_bytes():
    text = "Łódź is where Tuwim was born."
    start = len(text.encode()[: text.encode().index(b"Tuwim")])
    wrong = SourceEntity("1", start, start + 5, "PERSON", "a:1", "Tuwim")
    _, report = build([wrong], text=text)
    assert told(report) == [
        "a:1: at 17–22 stands 'im wa', not 'Tuwim'; perhaps its offsets are bytes"
    ]


def test_offsets_in_lines_of_another_system():
    text = "Ada\r\nLovelace\r\nmet Babbage"
    start = text.replace("\r\n", "\n").index("Babbage")
    wrong = SourceEntity("1", start, start + 7, "PERSON", "a:1", "Babbage")
    _, report = build([wrong], text=text)
    assert told(report)[0].endswith("perhaps its offsets count CRLF as one")


def test_hint_is_the_one_that_fits_without_whitespace():
    """One line break before shifts by as much as an end that is included."""
    text = "Ada slept.\r\nThen Tom Ode met Babbage"
    start = text.replace("\r\n", "\n").index("Tom Ode")
    wrong = SourceEntity("1", start, start + 7, "PERSON", "a:1", "Tom Ode")
    _, report = build([wrong], text=text)
    assert told(report) == [
        "a:1: at 16–23 stands ' Tom Od', not 'Tom Ode'; perhaps its offsets count CRLF "
        "as one"
    ]
    # Whitespace that alone is another still gets one.
    wrong = SourceEntity("1", 17, 23, "PERSON", "a:1", "Tom  Ode")
    _, report = build([wrong], text=text)
    assert told(report)[0].endswith("perhaps its end is given as included")


def test_end_included():
    """Where a file does not say what a mention reads, the tokens alone can tell."""
    start = TEXT.index("Babbage")
    _, report = build([SourceEntity("1", start, start + 6, "PERSON", "a:1")])
    assert told(report) == [
        "a:1: 'Babbag' begins or ends within a token, and becomes 'Babbage'; perhaps its "
        "end is given as included"
    ]


@pytest.mark.parametrize(
    "label, score, reason",
    [
        ("", 1.0, "it has no label"),
        (" \t", 1.0, "it has no label"),
        ("MET", 1.5, "its score 1.5 is not between 0 and 1"),
        ("MET", float("nan"), "its score nan is not between 0 and 1"),
    ],
)
def test_relation_that_no_doc_takes(label, score, reason):
    wrong = SourceRelation("1", "2", label, "a:R", score)
    [doc], report = build([entity("1", "Ada Lovelace"), entity("2", "Babbage")], [wrong])
    assert not get_relations(doc) and told(report) == [f"a:R: {reason}"]


@pytest.mark.parametrize("label", ["", " ", "\u00a0\n"])
def test_entity_without_a_label(label):
    [doc], report = build([entity("1", "Ada Lovelace", label), entity("2", "Babbage")])
    assert [ent.text for ent in doc.ents] == ["Babbage"]
    assert told(report) == ["a:1: it has no label"]


def test_evidence_and_mentions_that_are_not_there():
    """Neither takes a relation along. Evidence that ends within a token is given it."""
    evidence = ((0, 10), (36, 99), (35, 36), (5, 2))
    link = SourceRelation("1", "2", "MET", "a:R", 1.0, ("1", "9"), ("2",), evidence)
    [doc], report = build([entity("1", "Ada Lovelace"), entity("2", "Babbage")], [link])
    [found] = get_relations(doc)
    assert found.head_mentions == (found.head,)
    assert [sent.text for sent in found.evidence] == ["Ada Lovelace"]
    assert report.read["note"] == report.dropped["note"] == 4
    assert report.changed["relation", "aligned"] == 1
    assert "a:R: its evidence, 0–10, becomes whole tokens, 0–12" in told(report)
    assert "a:R: a mention of a relation: no entity '9', or it was dropped" in told(report)


@pytest.mark.parametrize("bounds", [(0, 10**30), (12, 4), (-7, 10), (35, 36), (50, 54)])
def test_sentence_that_is_not_there_takes_no_relation_along(bounds):
    link = SourceRelation("1", "2", "MET", "a:R", sentence=bounds)
    [doc], report = build([entity("1", "Ada Lovelace"), entity("2", "Babbage")], [link])
    assert len(get_relations(doc)) == 1 and SENTENCES_KEY not in doc.user_data
    there = "–".join(map(str, bounds))
    assert told(report) == [f"a:R: sentence of a relation: there is no text at {there}"]


@pytest.mark.parametrize("end", [True, "9", 9.0, None])
def test_bounds_of_what_tells_of_a_relation_are_whole_numbers(end):
    with pytest.raises(TypeError, match="'evidence' is not of integers"):
        SourceRelation("1", "2", "MET", "a:R", evidence=((0, end),))
    with pytest.raises(TypeError, match="'sentence' is not of integers"):
        SourceRelation("1", "2", "MET", "a:R", sentence=(0, end))


def test_whitespace_around_an_entity():
    start = TEXT.index("Babbage")
    wide = SourceEntity("1", start - 1, start + 8, "PERSON", "a:1")
    [doc], report = build([wide])
    assert [ent.text for ent in doc.ents] == ["Babbage"]
    assert report.changed == {("entity", "trimmed"): 1}
    assert told(report) == ["a:1: ' Babbage ' has whitespace around it"]


def test_nested_entities():
    outer, inner = entity("1", "Ada Lovelace"), entity("2", "Lovelace", "NAME")
    place = entity("3", "London", "PLACE")
    links = [relation("1", "3"), relation("2", "3")]
    [doc], report = build([inner, outer, place], links)
    assert [ent.text for ent in doc.ents] == ["Ada Lovelace", "London"]
    assert [x.head.text for x in get_relations(doc)] == ["Ada Lovelace"]
    assert report.dropped == {"entity": 1, "relation": 1, "attribute": 0}
    [doc], report = build([inner, outer, place], links, options=Options(spans_key="all"))
    assert [x.text for x in doc.spans["all"]] == ["Ada Lovelace", "Lovelace", "London"]
    assert len(get_relations(doc)) == 2 and not report.dropped


def test_twice_the_same():
    twins = [entity("1", "Babbage"), entity("2", "Babbage"), entity("3", "London")]
    links = [relation("1", "3"), relation("2", "3"), relation("1", "2")]
    [doc], report = build(twins, links)
    assert len(doc.ents) == 2 and len(get_relations(doc)) == 1
    assert told(report) == [
        "a:2: the same as at 'a:1'",
        "a:23: the same as at 'a:13'",
        "a:12: its head is its tail",
    ]


def test_an_id_twice():
    links = [relation("1", "2")]
    [doc], report = build([entity("1", "Babbage"), entity("1", "London")], links)
    assert [ent.text for ent in doc.ents] == ["Babbage"]
    assert report.dropped == {"entity": 1, "relation": 1, "attribute": 0}


def test_clusters():
    """A relation of a cluster is of the mentions that are closest."""
    she = SourceEntity("2", 36, 39, "PERSON", "a:2", "She", cluster="ada")
    ada = entity("1", "Ada Lovelace", cluster="ada")
    him = entity("3", "him")
    [doc], _ = build([ada, she, him], [relation("ada", "3", "WROTE_TO")])
    assert get_relations(doc)[0].head.text == "She"
    [clusters] = [key for key in doc.spans]
    assert clusters == "coref_clusters_1"
    assert [x.text for x in doc.spans[clusters]] == ["Ada Lovelace", "She"]


def test_relation_goes_to_closest_mentions_that_stay():
    """The closest to Ada overlaps a longer entity; if all do, there is no relation."""
    text = "Ada left New York University . York was cold and York was grey ."
    ada, school = (entity(x, x, source=text) for x in ("Ada", "New York University"))
    york = [
        SourceEntity(str(start), start, end, "CITY", f"a:{start}", cluster="y")
        for start, end in ((9, 17), (31, 35), (49, 53))
    ]
    found = [ada, school, *york]
    [doc], report = build(found, [relation("Ada", "y")], text=text)
    [link] = get_relations(doc)
    assert (link.head.text, link.tail.start_char) == ("Ada", 31)
    assert [x.start_char for x in link.tail_mentions] == [31, 49]
    assert report.changed["relation", "moved"] == 1 and not report.dropped["relation"]
    [doc], report = build(found[:3], [relation("Ada", "y")], text=text)
    assert not get_relations(doc) and report.dropped["relation"] == 1


@pytest.mark.parametrize("cut", ["line", "sentence"])
def test_cut(cut):
    entities = [entity("1", "Ada Lovelace"), entity("2", "London"), entity("3", "him")]
    links = [relation("1", "2"), relation("1", "3")]
    docs, report = build(entities, links, options=Options(cut=cut))
    assert [doc.text for doc in docs] == TEXT.split("\n")
    assert [[ent.text for ent in doc.ents] for doc in docs] == [
        ["Ada Lovelace", "London"],
        ["him"],
    ]
    assert [len(get_relations(doc)) for doc in docs] == [1, 0]
    assert told(report) == ["a:13: between two pieces that the document is cut in"]
    assert docs[1].user_data[SOURCE_KEY][0] == "a#1"
    assert report.read["document"] == report.written["document"] == 1


def test_what_a_relation_has_in_another_piece_is_told():
    first, second = (0, TEXT.index("\n")), (TEXT.index("She"), len(TEXT))
    found = [entity("1", "Ada Lovelace"), entity("2", "London"), entity("3", "She")]
    link = SourceRelation("1", "2", "IN", "a:R", 1.0, ("1", "3"), (), (first, second))
    docs, report = build(found, [link], options=Options(cut="line"))
    [found] = get_relations(docs[0])
    assert [x.text for x in found.head_mentions] == ["Ada Lovelace"]
    assert [x.text for x in found.evidence] == [docs[0].text]
    assert not get_relations(docs[1])
    assert report.read["note"] == report.dropped["note"] == 1
    assert told(report)[0].startswith("a:R: mentions or evidence of a relation, in another")


def test_cut_spares_entities():
    text = "Oslo\nBergen line and York"
    wide = SourceEntity("1", 0, 16, "LINE", "a:1", "Oslo Bergen line")
    docs, _ = build([wide], text=text, options=Options(cut="line"))
    assert [doc.text for doc in docs] == [text]


def test_cut_keeps_words():
    words, spaces = ["un", "able", ".", "Dis", "like"], [False, False, True, False, False]
    text, bounds = join_words(words, spaces)
    last = SourceEntity("1", *bounds[4], "X", "a:1")
    docs, _ = build(
        [last], text=text, words=words, spaces=spaces, options=Options(cut="sentence")
    )
    assert [[token.text for token in doc] for doc in docs] == [words[:3], words[3:]]
    assert [doc.text for doc in docs] == ["unable.", "Dislike"]


@pytest.mark.parametrize("cut", ["line", "sentence"])
def test_cut_keeps_sentences(cut):
    words = "Ada slept . Bo \n ran . Cy .".split(" ")
    text, bounds = join_words(words)
    starts = tuple(bounds[i][0] for i in (0, 3, 7))
    options = Options(cut=cut)
    docs, _ = build(text=text, words=words, sent_starts=starts, options=options)
    found = [[sent.text for sent in doc.sents] for doc in docs]
    if cut == "line":
        # The second begins within a sentence.
        assert found == [["Ada slept .", "Bo"], ["ran .", "Cy ."]]
    else:
        assert found == [["Ada slept ."], ["Bo \n ran ."], ["Cy ."]]


def test_sentences():
    [doc], _ = build(options=Options(sents=True))
    assert len(list(doc.sents)) == 2
    [doc], _ = build()
    assert not doc.has_annotation("SENT_START")


@pytest.mark.parametrize("text", ["", " \n "])
def test_no_text(text):
    docs, report = build([SourceEntity("1", 0, 1, "X", "a:1")], text=text)
    assert not docs and report.read["document"] == report.dropped["document"] == 1


def test_unknown_cut():
    with pytest.raises(ValueError, match="document, line, sentence, found: 'page'"):
        DocBuilder(NLP, Report(), Options(cut="page"))


def test_strict():
    report = Report(strict=True)
    builder = DocBuilder(NLP, report)
    with pytest.raises(ValueError, match="a:1: entity dropped: there is no text"):
        builder.build(SourceDoc("a", "a:1", TEXT, [SourceEntity("1", 3, 4, "X", "a:1")]))


def test_report_as_file(tmp_path):
    path = tmp_path / "report.jsonl"
    report = Report(path)
    for i in range(5):
        report.add(Problem(f"b:{i}", "note", "dropped", f"note {i} of 'x{i}'"))
    report.close()
    assert len(path.read_text().splitlines()) == 5
    # Told by sort, and not all of them.
    assert told(report) == [f"b:{i}: note {i} of 'x{i}'" for i in range(3)]


WORD = st.text("aé🙂漢\u0301.-' \n", min_size=1, max_size=6)


@st.composite
def tokenised(draw):
    """Words, whether a space follows each, and offsets of which some are outside of the
    text or the wrong way round."""
    words, spaces = zip(*draw(st.lists(st.tuples(WORD, st.booleans()), min_size=1)))
    length = len(join_words(words, spaces)[0])
    start, size = st.integers(-2, length), st.integers(-2, 8)
    bounds = draw(st.lists(st.tuples(start, size), max_size=6))
    return list(words), list(spaces), [(start, start + size) for start, size in bounds]


@given(tokenised(), st.booleans())
def test_text_is_kept_or_reported(tmp_path_factory, drawn, own):
    """Whatever the tokenisation, that of a tokenizer or one's own, and the offsets."""
    words, spaces, bounds = drawn
    text, _ = join_words(words, spaces)
    entities = [SourceEntity(str(i), *b, "X", f"a:{i}") for i, b in enumerate(bounds)]
    links = [SourceRelation("0", str(i), "R", f"a:R{i}") for i in range(len(bounds))]
    path = tmp_path_factory.getbasetemp() / "report.jsonl"
    report = Report(path)
    tokens = {"words": words, "spaces": spaces} if own else {}
    docs = DocBuilder(NLP, report, Options(spans_key="all")).build(
        SourceDoc("a", "a", text, entities, links, **tokens)
    )
    report.close()
    report.check()
    told = {problem["place"] for problem in srsly.read_jsonl(path)}
    found = {(x.start_char, x.end_char): x.text for doc in docs for x in doc.spans["all"]}
    for entity in entities:
        if entity.place not in told:
            start, end = entity.start, entity.end
            assert found[start, end] == text[start:end]
    assert sum(len(get_relations(doc)) for doc in docs) == report.written["relation"]
    assert sum(len(doc.spans["all"]) for doc in docs) == report.written["entity"]
