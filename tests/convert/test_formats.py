"""Every format of `relext convert`: what is read of it, and what is written back."""

import json
from pathlib import Path
from typing import Any, Dict, List, Set, Tuple

import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span, SpanGroup

from spacy_relext import Relation, get_relations, set_relations
from spacy_relext.cli.convert import convert
from spacy_relext.convert import FORMATS, TARGETS, guess_format
from spacy_relext.convert.build import Options
from spacy_relext.convert.json_values import iter_json
from spacy_relext.convert.source import Problem
from spacy_relext.user_data import (
    ATTRIBUTES_KEY,
    SENTENCES_KEY,
    SOURCE_KEY,
    SYMMETRIC_KEY,
    USER_DATA_KEY,
    has_relations,
)

WORDS = ["Ada", "Byron", "wrote", "to", "Babbage", "."]
TEXT = "Ada Byron wrote to Babbage ."
NLP = spacy.blank("en")

SPERT = {
    "tokens": WORDS,
    "entities": [
        {"type": "PERSON", "start": 0, "end": 2},
        {"type": "PERSON", "start": 4, "end": 5},
    ],
    "relations": [{"type": "wrote_to", "head": 0, "tail": 1}],
}
DYGIE = {
    "doc_key": "letters",
    "sentences": [["Hello", "."], WORDS],
    "ner": [[], [[2, 3, "PERSON"], [6, 6, "PERSON"]]],
    "relations": [[], [[2, 3, 6, 6, "wrote_to"]]],
    "clusters": [[[2, 3]]],
}
TACRED = {
    "id": "1",
    "token": WORDS,
    "relation": "wrote_to",
    "subj_start": 0,
    "subj_end": 1,
    "obj_start": 4,
    "obj_end": 4,
    "subj_type": "PERSON",
    "obj_type": "PERSON",
}
DOCRED = {
    "title": "letters",
    "sents": [["Byron", "was", "a", "countess", "."], WORDS],
    "vertexSet": [
        [
            {"name": "Byron", "pos": [0, 1], "sent_id": 0, "type": "PERSON"},
            {"name": "Ada Byron", "pos": [0, 2], "sent_id": 1, "type": "PERSON"},
        ],
        [{"name": "Babbage", "pos": [4, 5], "sent_id": 1, "type": "PERSON"}],
    ],
    "labels": [{"h": 0, "t": 1, "r": "wrote_to", "evidence": [1]}],
}
FEWREL = {
    "wrote_to": [
        {
            "tokens": WORDS,
            "h": ["ada byron", "Q7259", [[0, 1]]],
            "t": ["babbage", "Q46633", [[4]]],
        }
    ]
}
OPENNRE = {
    "token": WORDS,
    "h": {"name": "ada byron", "id": "Q7259", "pos": [0, 2]},
    "t": {"name": "babbage", "id": "Q46633", "pos": [4, 5]},
    "relation": "wrote_to",
}
DOCCANO = {
    "id": 7,
    "text": TEXT,
    "entities": [
        {"id": 20, "label": "PERSON", "start_offset": 0, "end_offset": 9},
        {"id": 21, "label": "PERSON", "start_offset": 19, "end_offset": 26},
    ],
    "relations": [{"id": 3, "from_id": 20, "to_id": 21, "type": "wrote_to"}],
}
LABEL_STUDIO = {
    "id": 1,
    "data": {"text": TEXT},
    "annotations": [
        {"was_cancelled": True, "result": []},
        {
            "result": [
                {
                    "id": "a",
                    "type": "labels",
                    "value": {
                        "start": 0,
                        "end": 9,
                        "text": "Ada Byron",
                        "labels": ["PERSON"],
                    },
                },
                {
                    "id": "b",
                    "type": "labels",
                    "value": {"start": 19, "end": 26, "labels": ["PERSON"]},
                },
                {
                    "type": "relation",
                    "from_id": "b",
                    "to_id": "a",
                    "direction": "left",
                    "labels": ["wrote_to"],
                },
            ]
        },
    ],
}
PRODIGY = {
    "text": TEXT,
    "tokens": [
        {"text": word, "start": 0, "end": 0, "id": i, "ws": i < len(WORDS) - 1}
        for i, word in enumerate(WORDS)
    ],
    "spans": [
        {"start": 0, "end": 9, "token_start": 0, "token_end": 1, "label": "PERSON"},
        {"start": 19, "end": 26, "token_start": 4, "token_end": 4, "label": "PERSON"},
    ],
    "relations": [{"head": 1, "child": 4, "label": "wrote_to"}],
    "answer": "accept",
}
KNOWLEDGENET = {"text": TEXT, "relations": [[0, 9, 19, 26, "wrote_to"]], "doc": "1"}
EXTRACTED = {
    "id": "letters",
    "source": "letters.txt",
    "text": TEXT,
    "entities": [
        {"id": 0, "start": 0, "end": 9, "text": "Ada Byron", "label": "PERSON"},
        {"id": 1, "start": 19, "end": 26, "text": "Babbage", "label": "PERSON"},
    ],
    "relations": [{"head": 0, "tail": 1, "label": "wrote_to", "score": 0.75}],
}
SEMEVAL = (
    '1\t"<e1>Ada Byron</e1> wrote to <e2>Babbage</e2> ."\r\nwrote_to(e1,e2)\r\nComment:\r\n'
)
PUBTATOR = (
    "12|t|Letters\n12|a|Ada Byron wrote to Babbage .\n"
    "12\t8\t17\tAda Byron\tPERSON\tQ7259\n12\t27\t34\tBabbage\tPERSON\tQ46633\n"
    "12\twrote_to\tQ7259\tQ46633\n"
)
BRAT = (
    "T1\tPERSON 0 9\tAda Byron\nT2\tPERSON 19 26\tBabbage\nR1\twrote_to Arg1:T1 Arg2:T2\n"
)

RECORDS = {
    "spert": SPERT,
    "dygie": DYGIE,
    "tacred": TACRED,
    "docred": DOCRED,
    "fewrel": FEWREL,
    "doccano": DOCCANO,
    "label_studio": LABEL_STUDIO,
    "prodigy": PRODIGY,
    "knowledgenet": KNOWLEDGENET,
    "jsonl": EXTRACTED,
}
Triple = Tuple[str, str, str]


def as_file(folder: Path, name: str) -> Path:
    """A file, or a folder, of a format."""
    if name == "brat":
        folder = folder / "brat"
        folder.mkdir()
        (folder / "a.txt").write_text(TEXT, encoding="utf8")
        (folder / "a.ann").write_text(BRAT, encoding="utf8")
        return folder
    if name in ("semeval", "pubtator"):
        path = folder / "input.txt"
        text = SEMEVAL if name == "semeval" else PUBTATOR
        path.write_bytes(text.encode("utf8"))
        return path
    if name == "spacy":
        path = folder / "input.spacy"
        DocBin(docs=[make_doc()], store_user_data=True).to_disk(path)
        return path
    path = folder / "input.json"
    path.write_text(json.dumps(RECORDS[name]), encoding="utf8")
    return path


def make_doc(**user_data: Any) -> Doc:
    doc = Doc(NLP.vocab, words=WORDS)
    doc.ents = [Span(doc, 0, 2, label="PERSON"), Span(doc, 4, 5, label="PERSON")]
    if user_data:
        doc.user_data.update({("._.", key, None, None): x for key, x in user_data.items()})
    else:
        set_relations(doc, [Relation(*doc.ents, "wrote_to", 0.75)])
    return doc


def load(path: Path) -> List[Doc]:
    return list(DocBin(store_user_data=True).from_disk(path).get_docs(NLP.vocab))


def get_triples(doc: Doc) -> Set[Triple]:
    return {(r.head.text, r.label, r.tail.text) for r in get_relations(doc)}


@pytest.mark.parametrize("name", FORMATS)
def test_format_is_guessed_and_read(name, tmp_path):
    path = as_file(tmp_path, name)
    assert guess_format(path) == name
    output = tmp_path / "output.spacy"
    report = convert(path, output)
    (doc,) = load(output)
    assert get_triples(doc) == {("Ada Byron", "wrote_to", "Babbage")}
    assert not report.dropped["relation"] and not report.dropped["entity"]
    labels = {"ENTITY"} if name in ("fewrel", "knowledgenet") else {"PERSON"}
    labels = {"NOMINAL"} if name == "semeval" else labels
    assert {ent.label_ for ent in doc.ents} == labels


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("bad", [{}, [], None, 3, "text", {"text": 3, "tokens": 4}])
def test_record_of_another_form_harms_no_other(name, bad, tmp_path):
    path = tmp_path / "input.jsonl"
    lines = [RECORDS[name], bad, RECORDS[name]]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf8")
    output = tmp_path / "output.spacy"
    report = convert(path, output, format=name)
    assert len(load(output)) == 2
    (sort,) = [(x, places) for x, places in report.sorts() if x[0] == "document"]
    assert sort[0][1] == "dropped" and f"{path}:2" in sort[1][0]


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_written_is_read_again(name, tmp_path):
    """A second PERSON within the first, and a score, a link and a line break go along."""
    doc = NLP("Ada Byron\nwrote to Babbage.")
    long, short, tail = doc[0:2], doc[0:1], doc[5:6]
    first = Span(doc, long.start, long.end, label="PERSON", kb_id="Q7259")
    second = Span(doc, short.start, short.end, label="NAME")
    third = Span(doc, tail.start, tail.end, label="PERSON")
    doc.ents = [first, third]
    doc.spans["entities"] = [first, second, third]
    set_relations(
        doc, [Relation(first, third, "wrote_to", 0.75), Relation(second, third, "knows")]
    )
    source = tmp_path / "source.spacy"
    DocBin(docs=[doc, doc], store_user_data=True).to_disk(source)
    target = tmp_path / f"target{FORMATS[name].suffix}"
    options = Options(spans_key="entities")
    convert(source, target, to=name, options=options)
    back = tmp_path / "back.spacy"
    report = convert(target, back, format=name, options=options, strict=name != "brat")
    assert not report.dropped["relation"] and not report.dropped["entity"]
    for found in load(back):
        assert found.text == doc.text
        assert {(s.start_char, s.end_char, s.label_) for s in found.spans["entities"]} == {
            (s.start_char, s.end_char, s.label_) for s in doc.spans["entities"]
        }
        assert get_triples(found) == get_triples(doc)
        scores = {r.label: r.score for r in get_relations(found)}
        assert scores["wrote_to"] == (
            0.75 if name in ("spacy", "jsonl", "prodigy") else 1.0
        )
        kb_ids = {span.kb_id_ for span in found.ents} - {""}
        assert kb_ids == (set() if name == "doccano" else {"Q7259"})


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("spans_key", ["sc", None])
def test_one_mention_of_two_entities(name, spans_key, tmp_path):
    """Without a group for it there is room for one of the two, which is told."""
    doc = NLP("Vitamins A and B cure scurvy .")
    heads = [Span(doc, 0, 4, "CHEM", kb_id=kb_id) for kb_id in ("D1", "D2")]
    tail = Span(doc, 5, 6, "DIS", kb_id="D9")
    doc.spans["sc"] = [*heads, tail]
    scores = (0.75, 0.5)
    ends = [(*both, "CURES", score) for *both, score in zip(heads, [tail] * 2, scores)]
    doc._.relations = [Relation(*end) for end in ends]
    doc.user_data[ATTRIBUTES_KEY] = [[0, 16, "CHEM", "negated", True]]
    source = tmp_path / "source.spacy"
    DocBin(docs=[doc], store_user_data=True).to_disk(source)
    target, back = tmp_path / f"target{FORMATS[name].suffix}", tmp_path / "back.spacy"
    first = convert(source, target, to=name, options=Options(spans_key=spans_key))
    assert first.read["attribute"] == 1 and not first.dropped["entity"]
    report = convert(target, back, format=name, options=Options(spans_key=spans_key))
    (found,) = load(back)
    linked = {"spacy", "jsonl", "brat", "prodigy"}
    if name == "spacy" or (spans_key and name in linked):
        assert [span.kb_id_ for span in found.spans["sc"]] == ["D1", "D2", "D9"]
        assert sorted(r.head.kb_id_ for r in get_relations(found)) == ["D1", "D2"]
        assert not report.dropped["entity"] and not report.dropped["relation"]
    else:
        assert report.dropped["entity"] == 1
        said = str(list(report.sorts()))
        assert ("--spans-key keeps it" in said) == (name in linked)
        assert len(get_relations(found)) == 1


@pytest.mark.parametrize(
    "user_data",
    [
        {"rel": {(0, 4): {"wrote_to": 1.0, "knows": 0.2}, (4, 0): {"wrote_to": 0.0}}},
        {"rel": [{"dep": 0, "dest": 1, "relation": "wrote_to"}]},
        {
            "relations": [
                {"head_pos": [0, 2], "tail_pos": [4, 5], "label": "wrote_to", "score": 0.9}
            ]
        },
    ],
    ids=["tutorial", "spacy-llm", "GLiREL"],
)
def test_relations_that_others_left_in_docs(user_data, tmp_path):
    path = tmp_path / "input.spacy"
    DocBin(docs=[make_doc(**user_data)], store_user_data=True).to_disk(path)
    report = convert(path, tmp_path / "output.spacy")
    (doc,) = load(tmp_path / "output.spacy")
    assert get_triples(doc) == {("Ada Byron", "wrote_to", "Babbage")}
    assert not report.dropped["relation"]
    # They are not there twice.
    convert(tmp_path / "output.spacy", tmp_path / "again.spacy", strict=True)


@pytest.mark.parametrize(
    "relations, n_good",
    [
        ([{"head": 1}], 0),
        ([3], 0),
        (3, 0),
        ({"a": 1}, 0),
        ([{"head": 1}, {"dep": 0, "dest": 1, "relation": "wrote_to"}], 1),
        ([{"dep": -1, "dest": 0, "relation": "wrote_to"}], 0),
        ([{"dep": 0, "dest": True, "relation": "wrote_to"}], 0),
        ([{"dep": 0, "dest": 2, "relation": "wrote_to"}], 0),
        ({(0, 1): 3, (0, 4): {"wrote_to": 1.0, "knows": 0.9}}, 2),
    ],
)
def test_unknown_relations_in_docs_are_told(relations, n_good, tmp_path):
    path = tmp_path / "input.spacy"
    DocBin(docs=[make_doc(rel=relations)], store_user_data=True).to_disk(path)
    report = convert(path, tmp_path / "output.spacy")
    assert report.dropped["relation"] == 1
    assert report.written["relation"] == n_good


MENTIONS = [0, 9, "PERSON", ""], [19, 26, "PERSON", ""]


@pytest.mark.parametrize(
    "key, bad",
    [
        (USER_DATA_KEY, "x"),
        (USER_DATA_KEY, [["x"]]),
        (USER_DATA_KEY, [["wrote_to", "x", *MENTIONS]]),
        (USER_DATA_KEY, [["wrote_to", 1.0, [0, 2**40, "", ""], MENTIONS[1]]]),
        (USER_DATA_KEY, [["wrote_to", 1.0, *MENTIONS, {"head_mentions": 3}]]),
        (SOURCE_KEY, None),
        (SOURCE_KEY, {}),
        (ATTRIBUTES_KEY, [["x"]]),
        (ATTRIBUTES_KEY, [[0, 9, "PERSON", None, True]]),
        (SENTENCES_KEY, [0]),
        (SYMMETRIC_KEY, True),
    ],
)
@pytest.mark.parametrize("to", ["spacy", "brat"])
def test_malformed_user_data_take_no_other_doc_with_them(key, bad, to, tmp_path):
    docs = [make_doc() for _ in range(3)]
    docs[1].user_data[key] = bad
    path = tmp_path / "input.spacy"
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    report = convert(path, tmp_path / f"output{FORMATS[to].suffix}", to=to)
    assert report.written["document"] == 2 and report.dropped["document"] == 1
    ((_, (told,)),) = [x for x in report.sorts() if x[0][0] == "document"]
    assert told.startswith(f"{path}:2: its user data are malformed: ")


def test_files_that_are_no_docs_are_told(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    as_file(folder, "spacy")
    (folder / "bad.spacy").write_bytes(b"no docs")
    report = convert(folder, tmp_path / "output" / "x.spacy", format="spacy")
    assert report.written["document"] == report.dropped["document"] == 1


def test_opennre_is_read(tmp_path):
    path = tmp_path / "input.jsonl"
    none = {**OPENNRE, "relation": "NA"}
    path.write_text(json.dumps(OPENNRE) + "\n" + json.dumps(none), encoding="utf8")
    convert(path, tmp_path / "output.spacy")
    first, second = load(tmp_path / "output.spacy")
    assert get_triples(first) == {("Ada Byron", "wrote_to", "Babbage")}
    assert [ent.kb_id_ for ent in first.ents] == ["Q7259", "Q46633"]
    assert not get_relations(second)


def test_mention_of_fewrel_with_a_gap_is_told(tmp_path):
    instance = {**FEWREL["wrote_to"][0], "h": ["ada wrote", "Q7259", [[0, 2]]]}
    path = tmp_path / "input.json"
    path.write_text(json.dumps({"wrote_to": [instance]}), encoding="utf8")
    report = convert(path, tmp_path / "output.spacy")
    (doc,) = load(tmp_path / "output.spacy")
    assert doc.ents[0].text == "Ada Byron wrote"
    told = [x for _, xs in report.sorts() for x in xs]
    assert any("it leaves out words of 'Ada Byron wrote'" in x for x in told)


def test_events_relate_trigger_and_arguments(tmp_path):
    event = [[[4, "Writing"], [2, 3, "writer"], [6, 6, "reader"]]]
    record = {**DYGIE, "relations": [[], []], "events": [[], event]}
    path = tmp_path / "input.jsonl"
    path.write_text(json.dumps(record), encoding="utf8")
    convert(path, tmp_path / "output.spacy")
    (doc,) = load(tmp_path / "output.spacy")
    assert get_triples(doc) == {
        ("wrote", "writer", "Ada Byron"),
        ("wrote", "reader", "Babbage"),
    }


def test_trigger_without_a_label(tmp_path):
    """It is no entity, unless there is one of the same tokens."""
    events = [[[4, 4], [2, 3, "writer"]], [[2, 3], [6, 6, "reader"]]]
    record = {**DYGIE, "relations": [[], []], "events": [[], events]}
    path = tmp_path / "input.jsonl"
    path.write_text(json.dumps(record), encoding="utf8")
    report = convert(path, tmp_path / "output.spacy")
    (doc,) = load(tmp_path / "output.spacy")
    assert get_triples(doc) == {("Ada Byron", "reader", "Babbage")}
    assert report.dropped["entity"] == report.dropped["relation"] == 1
    told = [x for _, xs in report.sorts() for x in xs]
    assert f"{path}:1: it has no label" in told


def test_tokens_outside_the_document_are_told(tmp_path):
    entities = [*SPERT["entities"], {"type": "PERSON", "start": 5, "end": 9}]
    relations = [*SPERT["relations"], {"type": "wrote_to", "head": 0, "tail": 2}]
    path = tmp_path / "input.json"
    records = [SPERT, {**SPERT, "entities": entities, "relations": relations}]
    path.write_text(json.dumps(records), encoding="utf8")
    report = convert(path, tmp_path / "output.spacy", format="spert")
    assert report.written["entity"] == 4 and report.dropped["entity"] == 1
    assert report.written["relation"] == 2 and report.dropped["relation"] == 1
    # All records stand in the first line.
    assert any(f"{path}:1, item 1: tokens 5–9" in x for _, xs in report.sorts() for x in xs)


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"sent_id": -1}, "there is no sentence -1, but 2"),
        ({"sent_id": 2}, "there is no sentence 2, but 2"),
        ({"pos": [-1, 1]}, "tokens -1–1, end excluded, are not within sentence 1"),
        ({"sent_id": 0, "pos": [4, 6]}, "tokens 4–6, end excluded, are not within"),
    ],
)
def test_mention_of_docred_outside_its_sentence_is_told(change, reason, tmp_path):
    """Where there may be tokens of another sentence."""
    record = json.loads(json.dumps(DOCRED))
    record["vertexSet"][0][1].update(change)
    path = tmp_path / "input.json"
    path.write_text(json.dumps([record]), encoding="utf8")
    report = convert(path, tmp_path / "output.spacy")
    assert report.written["entity"] == 2 and report.dropped["entity"] == 1
    assert any(reason in x for _, xs in report.sorts() for x in xs)


BAD_OFFSETS = [0.9, float("inf"), float("nan"), True, "x"]


@pytest.mark.parametrize("name", ["doccano", "prodigy", "label_studio", "jsonl"])
def test_offset_that_is_no_whole_number_is_told(name, tmp_path):
    *way, last = PARTS[name][0]
    key = "start_offset" if name == "doccano" else "start"
    records = []
    for offset in BAD_OFFSETS:
        record = holder = json.loads(json.dumps(RECORDS[name]))
        for step in [*way, last]:
            holder = holder[step]
        (holder["value"] if name == "label_studio" else holder)[key] = offset
        records.append(record)
    path = tmp_path / "input.jsonl"
    path.write_text("".join(json.dumps(x) + "\n" for x in records), encoding="utf8")
    report = convert(path, tmp_path / "output.spacy", format=name)
    assert report.written["document"] == report.dropped["entity"] == len(BAD_OFFSETS)
    assert report.written["entity"] == len(BAD_OFFSETS)
    told = [x for (kind, *_), xs in report.sorts() for x in xs if kind == "entity"]
    assert told and all("malformed" in x for x in told)


@pytest.mark.parametrize("name", ["brat", "pubtator"])
def test_offset_that_python_does_not_read_is_told(name, tmp_path):
    path = as_file(tmp_path, name)
    if name == "brat":
        path = next(x for x in [path, *path.parent.rglob("*.ann")] if x.suffix == ".ann")
    text = path.read_text(encoding="utf8")
    first = "T1\tPERSON 0 9" if name == "brat" else "\t8\t17\t"
    assert first in text
    path.write_text(text.replace(first, first.rstrip("\t") + "9" * 5000 + "\t" * (name == "pubtator")), encoding="utf8")
    report = convert(path.parent if name == "brat" else path, tmp_path / "output.spacy")
    assert report.written["document"] == 1 and report.written["entity"] == 1


@pytest.mark.parametrize("to", [x for x in TARGETS if x not in ("spacy", "jsonl")])
def test_relations_without_direction_are_told(to, tmp_path):
    (relation,) = EXTRACTED["relations"]
    record = {**EXTRACTED, "relations": [{**relation, "symmetric": True}]}
    path = tmp_path / "input.jsonl"
    path.write_text(json.dumps(record), encoding="utf8")
    output = tmp_path / f"output{FORMATS[to].suffix}"
    report = convert(path, output, to=to)
    reasons = [reason for (_, _, reason), _ in report.sorts()]
    assert "the format has no place for a relation having no direction" in reasons


def test_of_relations_that_are_alike_the_surest_is_kept(tmp_path):
    (relation,) = EXTRACTED["relations"]
    told = [{**relation, "score": score} for score in (0.25, 0.75, 0.5)]
    path = tmp_path / "input.jsonl"
    path.write_text(json.dumps({**EXTRACTED, "relations": told}), encoding="utf8")
    report = convert(path, tmp_path / "output.spacy")
    (doc,) = load(tmp_path / "output.spacy")
    assert [found.score for found in doc._.relations] == [0.75]
    assert report.dropped["relation"] == 2


def test_two_entities_on_the_same_tokens_keep_their_ids(tmp_path):
    """Also where whitespace around them is cut off, or they are put in a group."""
    doc = Doc(NLP.vocab, words=["\n", "Ada", "met", "Bo"], spaces=[0, 1, 1, 0])
    one, two = doc.spans["sc"] = [Span(doc, 0, 2, "P", kb_id=kb_id) for kb_id in "AB"]
    bo = Span(doc, 3, 4, "P")
    doc.spans["sc"] = [one, two, bo]
    doc.spans["other"] = [Span(doc, 1, 2, "P", kb_id="C")]
    doc._.relations = [Relation(two, bo, "MET")]
    source = tmp_path / "in.spacy"
    DocBin(docs=[doc], store_user_data=True).to_disk(source)
    for key in (None, "sc"):
        convert(source, tmp_path / "out.spacy", options=Options(spans_key=key))
        (found,) = load(tmp_path / "out.spacy")
        ids = sorted(x.kb_id_ for x in found.spans["sc"] if x.text == "Ada")
        assert ids == (["A", "B"] if key is None else ["A", "B", "C"])
        assert [(x.head.text, x.head.kb_id_) for x in found._.relations] == [("Ada", "B")]


def test_an_entity_with_an_id_elsewhere_is_not_put_beside_itself(tmp_path):
    """In a group that has it without one."""
    doc = Doc(NLP.vocab, words=["Ada", "met", "Bo"])
    doc.spans["sc"] = [Span(doc, 0, 1, "P")]
    doc.spans["other"] = [Span(doc, 0, 1, "P", kb_id="A"), Span(doc, 2, 3, "P")]
    doc._.relations = []
    source = tmp_path / "in.spacy"
    DocBin(docs=[doc], store_user_data=True).to_disk(source)
    convert(source, tmp_path / "out.spacy", options=Options(spans_key="sc"))
    (found,) = load(tmp_path / "out.spacy")
    assert [span.text for span in found.spans["sc"]] == ["Ada", "Bo"]


def test_utf16_offsets_are_recognised(tmp_path):
    record = {**DOCCANO, "text": f"😀😀 {TEXT}"}
    shifted = {"start": 5, "end": 14, "text": "Ada Byron", "labels": ["PERSON"]}
    task = {
        "data": {"text": record["text"]},
        "annotations": [{"result": [{"id": "a", "type": "labels", "value": shifted}]}],
    }
    path = tmp_path / "input.json"
    path.write_text(json.dumps([task]), encoding="utf8")
    report = convert(path, tmp_path / "output.spacy")
    assert any("UTF-16" in x for _, xs in report.sorts() for x in xs)


def test_relation_of_entities_is_given_to_closest_mentions(tmp_path):
    path = as_file(tmp_path, "docred")
    convert(path, tmp_path / "output.spacy")
    (doc,) = load(tmp_path / "output.spacy")
    (relation,) = get_relations(doc)
    assert relation.head.start == 5
    assert [span.start for span in relation.head_mentions] == [0, 5]
    assert relation.tail_mentions == (relation.tail,)
    assert [sent.start for sent in relation.evidence] == [5]
    clusters = [group for key, group in doc.spans.items() if key.startswith("coref")]
    assert sorted(len(group) for group in clusters) == [1, 2]


@pytest.mark.parametrize(
    "to,lost", [("doccano", ["kb_id", "mentions", "score"]), ("prodigy", ["mentions"]), ("jsonl", [])]
)
def test_what_another_format_has_no_place_for_is_reported(to, lost, tmp_path):
    doc = Doc(spacy.blank("en").vocab, words=WORDS)
    ada, babbage = Span(doc, 0, 2, "PERSON", kb_id="Q7259"), Span(doc, 4, 5, "PERSON")
    again = Span(doc, 2, 3, "PERSON")
    doc.ents = [ada, again, babbage]
    doc._.relations = [Relation(ada, babbage, "WROTE_TO", 0.5, (ada, again))]
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "in.spacy")
    path = tmp_path / "out.jsonl"
    report = convert(tmp_path / "in.spacy", path, to=to)
    reasons = [reason for (kind, _, reason), _ in report.sorts() if kind == "note"]
    found = sorted(word for word in ("kb_id", "mentions", "score") if word in str(reasons))
    assert found == lost
    convert(path, tmp_path / "back.spacy")
    (back,) = load(tmp_path / "back.spacy")
    assert (back.ents[0].kb_id_ == "Q7259") == ("kb_id" not in lost)
    if lost:
        with pytest.raises(ValueError, match="no place for"):
            convert(tmp_path / "in.spacy", path, to=to, strict=True)


@pytest.mark.parametrize("to", [name for name in TARGETS if name != "spacy"])
def test_ids_of_entities_and_categories_are_told(to, tmp_path):
    """Not an id that is a cluster's, of which it is told as such."""
    doc = Doc(NLP.vocab, words="Ada met Babbage , she and Ada".split())
    ids = {0: "ada", 2: "charles", 4: "she", 6: "ada"}
    doc.ents = [Span(doc, i, i + 1, "PERSON", span_id=id_) for i, id_ in ids.items()]
    set_relations(doc, [Relation(doc.ents[0], doc.ents[1], "MET")])
    doc.spans["coref_clusters_1"] = [doc[0:1], doc[6:7]]
    doc.cats = {"LETTER": 1.0}
    source = tmp_path / "in.spacy"
    DocBin(docs=[doc], store_user_data=True).to_disk(source)
    report = convert(source, tmp_path / f"out{FORMATS[to].suffix}", to=to)
    told = {reason.split(" for ")[1]: len(xs) for (_, _, reason), xs in report.sorts()}
    assert told == {
        "the ent_id_ of an entity": 2,
        "the categories of a doc": 1,
        "a cluster of mentions": 1,
    }
    assert report.read["note"] == report.dropped["note"] == 4
    del doc.spans["coref_clusters_1"]
    for cats in (doc.cats, {}):
        doc.cats = cats
        DocBin(docs=[doc], store_user_data=True).to_disk(source)
        with pytest.raises(ValueError, match="no place for the"):
            convert(source, tmp_path / f"strict{FORMATS[to].suffix}", to=to, strict=True)


@pytest.mark.parametrize("name", ["docred", "dygie", "pubtator"])
def test_ids_that_converters_set_are_told_with_their_clusters(name, tmp_path):
    """Also of those that were kept as docs before."""
    convert(as_file(tmp_path, name), tmp_path / "a.spacy")
    assert any(ent.ent_id_ for ent in load(tmp_path / "a.spacy")[0].ents)
    convert(tmp_path / "a.spacy", tmp_path / "a.jsonl", to="jsonl", strict=True)


@pytest.mark.parametrize("to", TARGETS)
def test_attributes_are_kept_or_told(to, tmp_path):
    """One without a value, one with, and one of two words."""
    folder = as_file(tmp_path, "brat")
    lines = "A1\tNegated T1\nA2\tSize T2 small\nA3\tSize T2 very small\n"
    (folder / "a.ann").write_text(f"{BRAT}{lines}", encoding="utf8")
    target = tmp_path / f"target{FORMATS[to].suffix}"
    report = convert(folder, target, to=to)
    kept = to in ("brat", "spacy")
    assert report.read["attribute"] == 3
    assert report.written["attribute"] == (3 if kept else 0)
    assert report.dropped["attribute"] == (0 if kept else 3)
    convert(target, tmp_path / "back.spacy", format=to)
    (doc,) = load(tmp_path / "back.spacy")
    found = [tuple(x[3:]) for x in doc.user_data.get(ATTRIBUTES_KEY, ())]
    expected = [("Negated", True), ("Size", "small"), ("Size", "very small")]
    assert found == (expected if kept else [])
    if not kept:
        with pytest.raises(ValueError, match="no place for the attributes"):
            convert(folder, target, to=to, strict=True)


def test_evidence_that_is_not_there_takes_no_relation_along(tmp_path):
    label = {**DOCRED["labels"][0], "evidence": [1, 9]}
    path = tmp_path / "input.json"
    path.write_text(json.dumps({**DOCRED, "labels": [label]}), encoding="utf8")
    report = convert(path, tmp_path / "output.spacy")
    assert report.written["relation"] == 1 and report.dropped["note"] == 1
    (doc,) = load(tmp_path / "output.spacy")
    assert [len(found.evidence) for found in get_relations(doc)] == [1]


@pytest.mark.parametrize("to", ["spacy", "jsonl"])
def test_sentence_that_is_not_there_is_told(to, tmp_path):
    """Whoever reads what is written wants all sentences within the text."""
    path, target = tmp_path / "input.json", tmp_path / f"output.{to}"
    (relation,) = EXTRACTED["relations"]
    relation = {**relation, "sentence": {"start": 0, "end": 10**30}}
    path.write_text(json.dumps({**EXTRACTED, "relations": [relation]}), encoding="utf8")
    report = convert(path, target, to=to)
    ((_, (told,)),) = report.sorts()
    assert told.startswith(f"{path}:1: sentence of a relation: there is no text at")
    convert(target, tmp_path / "back.spacy", strict=True)


@pytest.mark.parametrize("there", ["a.spacy", "a.jsonl"])
def test_mentions_of_a_relation_survive_the_way_there_and_back(there, tmp_path):
    to = "jsonl" if there.endswith("jsonl") else "spacy"
    convert(as_file(tmp_path, "docred"), tmp_path / there, to=to)
    convert(tmp_path / there, tmp_path / "back.spacy")
    (doc,) = load(tmp_path / "back.spacy")
    (relation,) = get_relations(doc)
    assert [span.text for span in relation.head_mentions] == ["Byron", "Ada Byron"]
    assert relation.head.text == "Ada Byron"
    assert len(relation.evidence) == 1


@pytest.mark.parametrize("n_mentions", [1, 2])
def test_relation_of_an_entity_with_itself_is_told(n_mentions, tmp_path):
    """However many mentions it has, and as docs may have been converted before."""
    ada = DOCRED["vertexSet"][0][:n_mentions]
    itself = {"h": 0, "t": 0, "r": "knows", "evidence": []}
    record = {**DOCRED, "vertexSet": [ada, DOCRED["vertexSet"][1]]}
    record["labels"] = [itself, *DOCRED["labels"]]
    path = tmp_path / "input.json"
    path.write_text(json.dumps(record), encoding="utf8")
    report = convert(path, tmp_path / "output.spacy")
    told = f"{path}:1: its head is its tail"
    assert told in [x for _, xs in report.sorts() for x in xs]
    assert report.written["relation"] == report.dropped["relation"] == 1
    (doc,) = load(tmp_path / "output.spacy")
    assert [relation.label for relation in get_relations(doc)] == ["wrote_to"]
    mentions = get_relations(doc)[0].head_mentions
    ends = mentions[0], mentions[-1]
    set_relations(doc, [Relation(*ends, "knows", 1.0, mentions, mentions)])
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "output.spacy")
    report = convert(tmp_path / "output.spacy", tmp_path / "again.spacy")
    assert report.dropped == {"relation": 1}


@pytest.mark.parametrize("there", ["a.spacy", "a.jsonl"])
def test_relations_keep_what_is_their_own(there, tmp_path):
    """AB is a mention of two entities. Evidence holds without sentence boundaries, too."""
    words = "Ada slept . AB ran Bo and Kestrel . All rose .".split()
    doc = Doc(NLP.vocab, words=words)
    ada, both, bo, kestrel = (Span(doc, i, i + 1, "X") for i in (0, 3, 5, 7))
    doc.ents = [ada, both, bo, kestrel]
    relations = [
        Relation(both, kestrel, "RAN", 0.75, (ada, both), evidence=(doc[3:9],)),
        Relation(both, kestrel, "OWNS", 0.5, (both, bo), evidence=(doc[:3], doc[9:12])),
        Relation(both, kestrel, "OWNS", 0.25, (ada, both)),
    ]
    set_relations(doc, relations)
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "in.spacy")
    to = "jsonl" if there.endswith("jsonl") else "spacy"
    convert(tmp_path / "in.spacy", tmp_path / there, to=to)
    report = convert(tmp_path / there, tmp_path / "back.spacy")
    (back,) = load(tmp_path / "back.spacy")
    assert not report.sorts()

    def as_values(relation):
        groups = relation.head_mentions, relation.tail_mentions, relation.evidence
        bounds = [[(span.start_char, span.end_char) for span in group] for group in groups]
        return relation.label, relation.head.start, relation.score, *bounds

    assert list(map(as_values, get_relations(back))) == list(map(as_values, relations))


@pytest.mark.parametrize("there", ["a.spacy", "a.jsonl"])
@pytest.mark.parametrize("cut", ["document", "line"])
def test_records_keep_what_is_symmetric_and_the_sentences(there, cut, tmp_path):
    """Of the two sentences that Ada and Bo stand in, each is one of a relation, too."""
    text = "Hi.\nAda met Bo. Bo left Kestrel. All rose."
    entities = []
    for id_, said in enumerate(("Ada", "Bo", "Bo left", "Kestrel")):
        start = text.index(said)
        bounds = {"start": start, "end": start + len(said)}
        entities.append({"id": id_, **bounds, "label": "X", "kb_id": ""})
    entities[2]["end"] -= len(" left")
    first, last = text.index("Ada"), text.index(" All")
    bounds = {(0, 1): (first, text.index(" Bo left")), (2, 3): (text.index("Bo left"), last)}
    relations = [
        {
            "head": head,
            "tail": tail,
            "label": "MET" if head == 0 else "LEFT",
            "score": 1.0 - tail / 10,
            "symmetric": head == 0,
            "sentence": {"start": start, "end": end},
        }
        for (head, tail), (start, end) in {**bounds, (0, 3): (first, last)}.items()
    ]
    record = {**EXTRACTED, "text": text, "entities": entities, "relations": relations}
    (tmp_path / "in.jsonl").write_text(json.dumps(record), encoding="utf8")
    convert(tmp_path / "in.jsonl", tmp_path / there, to=there[2:])
    options = Options(cut)
    convert(tmp_path / there, tmp_path / "out.jsonl", to="jsonl", options=options)
    (*_, found) = map(json.loads, (tmp_path / "out.jsonl").read_text("utf8").splitlines())
    shift = first if cut == "line" else 0
    assert [(x["symmetric"], x["sentence"]) for x in found["relations"]] == [
        (x["symmetric"], {key: char - shift for key, char in x["sentence"].items()})
        for x in sorted(relations, key=lambda x: -x["score"])
    ]


@pytest.mark.parametrize(
    "name, keys",
    [
        ("docred", ["labels"]),
        ("doccano", ["relations"]),
        ("dygie", ["relations", "events"]),
        ("jsonl", ["relations"]),
        ("prodigy", ["relations"]),
        ("spert", ["relations"]),
    ],
)
def test_record_without_relations_is_not_one_with_none(name, keys, tmp_path):
    """Without the key nobody annotated any, nor where it has none; an empty list says that
    there are none."""
    bare = {key: value for key, value in RECORDS[name].items() if key not in keys}
    records = [bare, *({**bare, key: value} for key in keys for value in (None, []))]
    path = tmp_path / "input.jsonl"
    path.write_text("".join(json.dumps(x) + "\n" for x in records), encoding="utf8")
    convert(path, tmp_path / "output.spacy", format=name)
    found = [has_relations(doc) for doc in load(tmp_path / "output.spacy")]
    assert found == [False] + [False, True] * len(keys)


def test_sentences_of_semeval_without_labels_are_none_without_relations(tmp_path):
    """A label that can't be read is one."""
    sentence = SEMEVAL.split("\r\n")[0].replace("1\t", "{}\t")
    labels = ["", "wrote_to(e1,e2)", "", "Other", "wrote_to", ""]
    path = tmp_path / "input.txt"
    lines = [f"{sentence.format(i)}\n{x}".strip() for i, x in enumerate(labels)]
    # A comment is none.
    lines[2] += "\nComment: none"
    path.write_text("\n".join(lines), encoding="utf8")
    report = convert(path, tmp_path / "output.spacy")
    docs = load(tmp_path / "output.spacy")
    assert [has_relations(doc) for doc in docs] == [bool(label) for label in labels]
    assert (report.read["relation"], report.dropped["relation"]) == (2, 1)


@pytest.mark.parametrize("cut", ["document", "line"])
def test_docs_without_annotated_relations_stay_so(cut, tmp_path):
    bare = Doc(NLP.vocab, words=["Ada", "\n", "Bo"])
    none, rel = bare.copy(), make_doc(rel=[])
    set_relations(none, [])
    source = tmp_path / "in.spacy"
    DocBin(docs=[bare, none, rel], store_user_data=True).to_disk(source)
    convert(source, tmp_path / "out.spacy", options=Options(cut))
    found = [has_relations(doc) for doc in load(tmp_path / "out.spacy")]
    n = 2 if cut == "line" else 1
    assert found == [False] * n + [True] * n + [True]


@pytest.mark.parametrize("to", TARGETS)
def test_docs_without_annotated_relations_stay_so_there_and_back(to, tmp_path):
    """Or it is told, once a doc."""
    bare, none = NLP(TEXT), NLP(TEXT)
    set_relations(none, [])
    DocBin(docs=[bare, none], store_user_data=True).to_disk(tmp_path / "in.spacy")
    target = tmp_path / f"target{FORMATS[to].suffix}"
    report = convert(tmp_path / "in.spacy", target, to=to)
    convert(target, tmp_path / "back.spacy", format=to)
    found = [has_relations(doc) for doc in load(tmp_path / "back.spacy")]
    told = [place for _, places in report.sorts() for place in places]
    if to == "brat":
        (place,) = told
        assert "in.spacy:1: the format has no place for whether relations were" in place
    else:
        assert found == [False, True] and not told


def make_clustered() -> Doc:
    """She is no entity, and Babbage in two clusters."""
    words = "Ada met Babbage . \n She liked Ada and Babbage .".split(" ")
    doc = Doc(NLP.vocab, words=words)
    doc.ents = [Span(doc, i, i + 1, "PERSON") for i in (0, 2, 7, 9)]
    doc.spans["coref_clusters_1"] = [doc[0:1], doc[5:6], doc[7:8]]
    doc.spans["coref_clusters_2"] = [Span(doc, 2, 3, "PERSON"), doc[9:10]]
    doc.spans["coref_clusters_x"] = [doc[0:1], doc[2:3]]
    return doc


def get_groups(doc: Doc) -> Dict[str, List[Tuple[str, str]]]:
    return {key: [(x.text, x.label_) for x in spans] for key, spans in doc.spans.items()}


def make_annotated() -> Doc:
    """With what has nothing to do with relations, and entities that are partly known."""
    words = "Ada met Bo . \n She left".split(" ")
    heads, deps = [1, 1, 1, 1, 3, 6, 6], ["dep"] * 7
    deps[1] = deps[6] = "ROOT"
    doc = Doc(NLP.vocab, words, tags=list("abcdefg"), heads=heads, deps=deps, lemmas=words)
    ada, bo = Span(doc, 0, 1, "X", span_id="e1"), Span(doc, 2, 3, "X", kb_id="Q1")
    doc.set_ents([ada, bo], missing=[doc[5:7]])
    group = [Span(doc, 0, 3, "EVENT"), Span(doc, 0, 1, "X", span_id="e1")]
    doc.spans["sc"] = SpanGroup(doc, attrs={"a": 1}, spans=group)
    doc.spans["none"] = []
    doc.user_data["title"] = "letters"
    set_relations(doc, [Relation(ada, bo, "MET", 0.5)])
    return doc


def as_values(doc: Doc) -> Dict[str, Any]:
    values = doc.to_json()
    user_data = {k: v for k, v in doc.user_data.items() if k != SOURCE_KEY}
    # A DocBin makes tuples of lists.
    values["user_data"] = json.loads(json.dumps(user_data))
    values["iob"] = [token.ent_iob for token in doc]
    values["attrs"] = {key: dict(group.attrs) for key, group in doc.spans.items()}
    values["ids"] = [[span.id_ for span in x] for x in (doc.ents, *doc.spans.values())]
    return values


def test_an_entity_that_has_no_id_gets_one_that_says_what_it_is(tmp_path):
    doc = Doc(NLP.vocab, words="Ada saw Bo as she left".split())
    doc.ents = [Span(doc, i, i + 1, "PERSON") for i in (0, 2, 4)]
    ada, bo, she = doc.ents
    set_relations(doc, [Relation(ada, bo, "SAW", head_mentions=(ada, she))])
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "in.spacy")
    options = Options(spans_key="sc")
    convert(tmp_path / "in.spacy", tmp_path / "out.spacy", options=options)
    (found,) = load(tmp_path / "out.spacy")
    known = "entity of tokens 0–1 PERSON"
    assert [span.id_ for span in found.spans["sc"]] == [known, "", known]


def test_all_that_is_in_docs_is_kept(tmp_path):
    doc = make_annotated()
    doc.cats = {"LETTER": 1.0}
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "in.spacy")
    report = convert(tmp_path / "in.spacy", tmp_path / "out.spacy", strict=True)
    (found,) = load(tmp_path / "out.spacy")
    assert as_values(found) == as_values(doc) and not report.sorts()
    options = Options(spans_key="all")
    convert(tmp_path / "in.spacy", tmp_path / "out.spacy", strict=True, options=options)
    (found,) = load(tmp_path / "out.spacy")
    everyone = [("Ada", "X"), ("Ada met Bo", "EVENT"), ("Bo", "X")]
    assert get_groups(found)["all"] == everyone
    del found.spans["all"]
    assert as_values(found) == as_values(doc)


def test_all_but_categories_is_kept_in_pieces_of_docs(tmp_path):
    doc = make_annotated()
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "in.spacy")
    options = Options("line")
    convert(tmp_path / "in.spacy", tmp_path / "out.spacy", options=options, strict=True)
    first, second = load(tmp_path / "out.spacy")
    assert as_values(first) == as_values(doc[:4].as_doc(copy_user_data=True)) | {
        key: as_values(doc)[key] for key in ("spans", "attrs", "ids")
    }
    assert [token.tag_ for token in second] == ["f", "g"] and not get_relations(second)
    assert [token.ent_iob for token in second] == [0, 0]
    assert get_groups(second) == {"sc": [], "none": []}
    doc.cats = {"LETTER": 1.0}
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "in.spacy")
    with pytest.raises(ValueError, match="in.spacy:1: note dropped: categories"):
        convert(tmp_path / "in.spacy", tmp_path / "out.spacy", options=options, strict=True)


def test_what_nothing_but_a_relation_has_becomes_an_entity(tmp_path):
    """Where there is none: else it has no place, and is told."""
    doc = Doc(NLP.vocab, words="Ada met Bo and old Cy".split())
    doc.ents = [Span(doc, 4, 6, "X")]
    doc.spans["sc"] = [Span(doc, 2, 3, "X")]
    ada, bo, cy = (Span(doc, i, i + 1, "X") for i in (0, 2, 5))
    set_relations(doc, [Relation(ada, bo, "MET"), Relation(ada, cy, "MET")])
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "in.spacy")
    report = convert(tmp_path / "in.spacy", tmp_path / "out.spacy")
    (found,) = load(tmp_path / "out.spacy")
    assert [ent.text for ent in found.ents] == ["Ada", "old Cy"]
    assert get_groups(found) == {"sc": [("Bo", "X")]}
    assert get_triples(found) == {("Ada", "MET", "Bo")}
    assert (report.written["entity"], report.dropped["entity"]) == (3, 1)
    assert report.dropped["relation"] == 1


def test_pieces_of_docs_have_their_own_attributes_of_tokens(tmp_path):
    """Those of a span that was cut, too, are nowhere."""
    doc = Doc(NLP.vocab, words="Ada slept . \n Bo left".split(" "))
    for token in doc:
        doc.user_data["._.", "n", token.idx, None] = token.i
    for start, end in ((0, 2), (2, 5), (4, 6)):
        span = doc[start:end]
        doc.user_data["._.", "m", span.start_char, span.end_char] = span.text
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "in.spacy")
    options = Options("line")
    convert(tmp_path / "in.spacy", tmp_path / "out.spacy", options=options)
    first, second = (
        {key[1:]: x for key, x in piece.user_data.items() if key[0] == "._."}
        for piece in load(tmp_path / "out.spacy")
    )
    numbers = {("n", 0, None): 0, ("n", 4, None): 1, ("n", 10, None): 2}
    assert first == {**numbers, ("m", 0, 9): "Ada slept"}
    assert second == {("n", 0, None): 4, ("n", 3, None): 5, ("m", 0, 7): "Bo left"}


def test_what_is_dropped_is_not_in_docs(tmp_path):
    """A span without a label, and one of whitespace; another is trimmed."""
    doc = make_annotated()
    doc.ents = [Span(doc, 0, 1, "X"), Span(doc, 3, 5, "Y"), Span(doc, 6, 7, "Z")]
    doc.spans["sc"] = [Span(doc, 3, 5, "Y"), Span(doc, 4, 5, "Y"), doc[0:1], doc.ents[2]]
    set_relations(doc, [])
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "in.spacy")
    report = convert(tmp_path / "in.spacy", tmp_path / "out.spacy")
    (found,) = load(tmp_path / "out.spacy")
    ents = [("Ada", "X"), (".", "Y"), ("left", "Z")]
    assert [(ent.text, ent.label_) for ent in found.ents] == ents
    assert get_groups(found) == {"sc": [(".", "Y"), ("left", "Z")], "none": []}
    assert report.written["entity"] == 3 and report.dropped["entity"] == 2
    assert report.changed == {("entity", "trimmed"): 1}


def test_clusters_of_docs_are_kept(tmp_path):
    source, doc = tmp_path / "in.spacy", make_clustered()
    DocBin(docs=[doc]).to_disk(source)
    report = convert(source, tmp_path / "out.spacy")
    (found,) = load(tmp_path / "out.spacy")
    assert get_groups(found) == get_groups(doc) and not report.sorts()


def test_clusters_of_docs_are_cut(tmp_path):
    source, doc = tmp_path / "in.spacy", make_clustered()
    DocBin(docs=[doc]).to_disk(source)
    report = convert(source, tmp_path / "out.spacy", options=Options("line"))
    first, second = load(tmp_path / "out.spacy")
    assert get_groups(first) == {
        "coref_clusters_1": [("Ada", "")],
        "coref_clusters_2": [("Babbage", "PERSON")],
        "coref_clusters_x": [("Ada", ""), ("Babbage", "")],
    }
    assert get_groups(second) == {
        "coref_clusters_1": [("She", ""), ("Ada", "")],
        "coref_clusters_2": [("Babbage", "")],
    }
    assert not report.sorts()


def test_clusters_of_dygie_keep_what_is_no_entity_and_what_is_in_several(tmp_path):
    """Tokens that are not there are told, once a mention."""
    entities = [[2, 3, "PERSON"], [6, 6, "PERSON"], [6, 6, "LORD"]]
    clusters = [[[2, 3], [0, 0]], [[6, 6], [2, 3]], [[0, 0], [7, 8]], [[9, 9]]]
    record = {**DYGIE, "ner": [[], entities], "clusters": clusters}
    path = tmp_path / "input.json"
    path.write_text(json.dumps(record), encoding="utf8")
    report = convert(path, tmp_path / "output.spacy", options=Options(spans_key="sc"))
    (doc,) = load(tmp_path / "output.spacy")
    groups = get_groups(doc)
    assert len(groups.pop("sc")) == 3
    assert groups == {
        "coref_clusters_1": [("Ada Byron", "PERSON"), ("Hello", "")],
        "coref_clusters_2": [("Babbage", "PERSON"), ("Ada Byron", "PERSON")],
        "coref_clusters_3": [("Hello", "")],
    }
    by_text = {ent.text: ent.id_ for ent in doc.ents}
    assert by_text == {"Ada Byron": "coref_clusters_1", "Babbage": "coref_clusters_2"}
    assert report.dropped["note"] == 2 and not report.dropped["entity"]
    told = [x for _, xs in report.sorts() for x in xs]
    assert any("a mention in a cluster: tokens 7–8" in x for x in told)


@pytest.mark.parametrize("to", [name for name in TARGETS if name != "spacy"])
def test_clusters_that_a_format_has_no_place_for_are_told(to, tmp_path):
    """Not those that a relation has all mentions of, of which it is told as such."""
    source, doc = tmp_path / "in.spacy", make_clustered()
    ada, babbage, again, _ = doc.ents
    she = Span(doc, 5, 6, "PERSON")
    set_relations(doc, [Relation(ada, babbage, "MET", 1.0, (ada, she, again))])
    DocBin(docs=[doc], store_user_data=True).to_disk(source)
    report = convert(source, tmp_path / f"out{FORMATS[to].suffix}", to=to)
    told = [places for (_, _, reason), places in report.sorts() if "cluster" in reason]
    assert list(map(len, told)) == [2]
    set_relations(doc, [])
    DocBin(docs=[doc], store_user_data=True).to_disk(source)
    with pytest.raises(ValueError, match="no place for a cluster"):
        convert(source, tmp_path / f"strict{FORMATS[to].suffix}", to=to, strict=True)


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("as_array", [False, True])
def test_json_over_any_number_of_lines(indent, as_array, tmp_path):
    values = [{"a": i, "b": {"c": ["]", "}"]}} for i in range(3)]
    path = tmp_path / "input.json"
    whole = values if as_array else values[0]
    path.write_text(json.dumps(whole, indent=indent), encoding="utf8")
    found = [value for _, value in iter_json(path)]
    assert found == (values if as_array else values[:1])


def test_broken_json_over_many_lines_ends(tmp_path):
    path = tmp_path / "input.json"
    path.write_text('{\n"a": 1,\n', encoding="utf8")
    ((place, problem),) = iter_json(path)
    assert isinstance(problem, Problem) and place == f"{path}:1"


def test_labels_that_brat_does_not_allow_are_told_and_kept_apart(tmp_path):
    """In any split, whatever comes first; a name of an attribute too."""
    docs = []
    for label in ("works at", "works_at", "works  at", "works_at_2"):
        doc = NLP("Ada works at Kestrel")
        doc.ents = [Span(doc, 0, 1, "A PERSON"), Span(doc, 3, 4, "ORG")]
        set_relations(doc, [Relation(*doc.ents, label)])
        doc.user_data[ATTRIBUTES_KEY] = [[0, 3, "A PERSON", "is it", "a\nb"]]
        docs.append(doc)
    source = tmp_path / "in.spacy"
    DocBin(docs=docs, store_user_data=True).to_disk(source)
    report = convert(source, tmp_path / "out", to="brat", dev=0.5)
    assert report.changed == {
        ("entity", "rewritten"): 4,
        ("relation", "rewritten"): 2,
        ("attribute", "rewritten"): 8,
    }
    told = [x for _, xs in report.sorts() for x in xs]
    reason = "the format has no place for the label 'works at', which becomes 'works_at_4'"
    assert f"{source}:1: {reason}, a name that no other has" in told
    assert report.written == {"document": 4, "entity": 8, "relation": 4, "attribute": 4}
    back = tmp_path / "back.spacy"
    convert(tmp_path / "out", back, format="brat")
    found = load(back)
    assert {label for doc in found for _, label, _ in get_triples(doc)} == {
        "works_at_4",
        "works_at",
        "works_at_3",
        "works_at_2",
    }
    for doc in found:
        assert {ent.label_ for ent in doc.ents} == {"A_PERSON", "ORG"}
        (attribute,) = doc.user_data[ATTRIBUTES_KEY]
        assert list(attribute) == [0, 3, "A_PERSON", "is_it", "a b"]


@pytest.mark.parametrize(
    "label, attribute, reason",
    [
        ("works at", ["is", True], "relation rewritten: .* 'works at', which becomes"),
        ("works", ["is it", True], "attribute rewritten: .* 'is it', which becomes"),
        ("works", ["is", "a\nb"], "attribute rewritten: .* one space for any whitespace"),
        ("works", ["is", ""], "attribute rewritten: .* one space for any whitespace"),
    ],
)
def test_what_brat_has_otherwise_stops_a_strict_conversion(
    label, attribute, reason, tmp_path
):
    doc = NLP("Ada works at Kestrel")
    doc.ents = [Span(doc, 0, 1, "PERSON"), Span(doc, 3, 4, "ORG")]
    set_relations(doc, [Relation(*doc.ents, label)])
    doc.user_data[ATTRIBUTES_KEY] = [[0, 3, "PERSON", *attribute]]
    source = tmp_path / "in.spacy"
    DocBin(docs=[doc], store_user_data=True).to_disk(source)
    with pytest.raises(ValueError, match=reason):
        convert(source, tmp_path / "out", to="brat", strict=True)
    assert not (tmp_path / "out").exists()


def test_brat_writes_no_file_over(tmp_path):
    source = as_file(tmp_path, "spacy")
    convert(source, tmp_path / "target", to="brat")
    with pytest.raises(ValueError, match="files already"):
        convert(source, tmp_path / "target", to="brat")


def test_brat_reads_all_that_it_writes(tmp_path):
    """An entity with a tab, and ids that begin as those that brat has no name for."""
    text = "Ada\tByron met Babbage\nof\tBath"
    kb_ids = {"Ada\tByron": "KB:7", "Babbage\nof\tBath": "Q 5"}
    entities = []
    for id_, (said, kb_id) in enumerate(kb_ids.items()):
        start = text.index(said)
        bounds = {"start": start, "end": start + len(said)}
        entities.append({"id": id_, **bounds, "label": "X", "kb_id": kb_id})
    record = {**EXTRACTED, "text": text, "entities": entities, "relations": []}
    path = tmp_path / "input.jsonl"
    path.write_text(json.dumps(record), encoding="utf8")
    report = convert(path, tmp_path / "target", to="brat", format="jsonl")
    (problem,) = [reason for (_, _, reason), _ in report.sorts()]
    assert "a kb_id with a space" in problem and report.dropped == {"note": 1}
    report = convert(tmp_path / "target", tmp_path / "back.spacy", strict=True)
    (doc,) = load(tmp_path / "back.spacy")
    assert [(ent.text, ent.kb_id_) for ent in doc.ents] == list(
        {**kb_ids, "Babbage\nof\tBath": ""}.items()
    )
    for file in (tmp_path / "target").glob("*.ann"):
        assert {line.count("\t") for line in file.read_text("utf8").splitlines()} == {2}


def test_brat_gives_each_document_a_name_of_its_own(tmp_path):
    """Also where the name with a number is another's, or is long."""
    names = ["a-3", "a", "a", "A", "x/1", "x-1", "漢" * 100, "漢" * 100]
    path = tmp_path / "input.jsonl"
    records = [{**EXTRACTED, "id": name} for name in names]
    path.write_text("".join(json.dumps(x) + "\n" for x in records), encoding="utf8")
    convert(path, tmp_path / "target", to="brat", format="jsonl")
    found = sorted((tmp_path / "target").glob("*.ann"))
    assert len({file.name.lower() for file in found}) == len(names)
    assert {"a-3.ann", "a.ann", "A-5.ann", "x-1.ann"} <= {file.name for file in found}


@pytest.mark.parametrize("to", ["doccano", "prodigy", "spacy"])
def test_output_of_a_wrong_name_is_refused(to, tmp_path):
    source = as_file(tmp_path, "spacy")
    with pytest.raises(ValueError, match="ends with"):
        convert(source, tmp_path / "target.txt", to=to)


def test_splits_are_written_in_any_format(tmp_path):
    path = tmp_path / "input.jsonl"
    path.write_text((json.dumps(SPERT) + "\n") * 10, encoding="utf8")
    convert(path, tmp_path / "out", to="doccano", dev=0.2)
    counts = {
        x.name: len(x.read_text("utf8").splitlines()) for x in (tmp_path / "out").iterdir()
    }
    assert counts == {"train.jsonl": 8, "dev.jsonl": 2}


def test_text_of_another_type_is_told(tmp_path):
    path = tmp_path / "input.jsonl"
    record = {**DOCCANO, "text": {"a": 1}}
    path.write_text(json.dumps(DOCCANO) + "\n" + json.dumps(record), encoding="utf8")
    report = convert(path, tmp_path / "output.spacy", format="doccano")
    assert report.written["document"] == report.dropped["document"] == 1


# Of each format, where an entity and a relation stand in a record.
PARTS = {
    "spert": (["entities", 0], ["relations", 0]),
    "dygie": (["ner", 1, 0], ["relations", 1, 0]),
    "docred": (["vertexSet", 1, 0], ["labels", 0]),
    "doccano": (["entities", 0], ["relations", 0]),
    "label_studio": (["annotations", 1, "result", 0], ["annotations", 1, "result", 2]),
    "prodigy": (["spans", 0], ["relations", 0]),
    "knowledgenet": (None, ["relations", 0]),
    "jsonl": (["entities", 0], ["relations", 0]),
}


def copy_until(record: Any, way: List[Any]) -> Tuple[Any, Any]:
    """A copy of a record, and the part of it that the way leads to."""
    part = record = json.loads(json.dumps(record))
    for key in way:
        part = part[key]
    return record, part


def malform(record: Any, path: List[Any]) -> Any:
    """A record of which one part is bare."""
    *way, last = path
    record, holder = copy_until(record, way)
    if isinstance(holder[last], list):
        holder[last] = [3]
    else:
        # By which Label Studio tells a relation from an entity.
        kind = {"type": holder[last].get("type")}
        holder[last] = kind if kind["type"] in ("labels", "relation") else {}
    return record


@pytest.mark.parametrize(
    "name, key, kind",
    [
        ("docred", "vertexSet", "entity"),
        ("dygie", "ner", "entity"),
        ("dygie", "relations", "relation"),
        ("dygie", "events", "relation"),
    ],
)
@pytest.mark.parametrize("bad", [None, 3, {"name": "Ada"}, "Ada"])
def test_what_is_no_list_takes_no_other_with_it(name, key, kind, bad, tmp_path):
    """Of the mentions of an entity, or of what stands in a sentence."""
    record = {**RECORDS[name], key: [*RECORDS[name].get(key, []), bad]}
    path = tmp_path / "input.json"
    path.write_text(json.dumps(record), encoding="utf8")
    report = convert(path, tmp_path / "output.spacy", format=name)
    assert report.dropped == {kind: 1} and report.written["relation"] == 1
    ((_, (told,)),) = report.sorts()
    assert told.startswith(f"{path}:1: there is no list of index")


@pytest.mark.parametrize("name", [name for name in PARTS if name != "knowledgenet"])
def test_malformed_entity_takes_no_other_with_it(name, tmp_path):
    path = tmp_path / "input.jsonl"
    lines = [malform(RECORDS[name], PARTS[name][0]), RECORDS[name]]
    path.write_text("".join(json.dumps(x) + "\n" for x in lines), encoding="utf8")
    report = convert(path, tmp_path / "output.spacy", format=name)
    assert report.written["document"] == 2 and report.written["relation"] == 1
    assert report.dropped["entity"] == report.dropped["relation"] == 1
    (told,) = [x for s, xs in report.sorts() for x in xs if s[0] == "entity"]
    assert told.startswith(f"{path}:1: the entity of index 0 is malformed: ") or (
        name == "docred" and "of index 2" in told
    )


@pytest.mark.parametrize("name", PARTS)
def test_malformed_relation_takes_no_other_with_it(name, tmp_path):
    path = tmp_path / "input.jsonl"
    where = PARTS[name][1]
    record = malform(RECORDS[name], where)
    *way, last = where
    good, holder = RECORDS[name], record
    for key in way:
        good, holder = good[key], holder[key]
    holder.append(good[last])
    path.write_text(json.dumps(record), encoding="utf8")
    report = convert(path, tmp_path / "output.spacy", format=name)
    assert report.written["document"] == report.written["relation"] == 1
    assert report.read["relation"] == 2 and report.dropped["relation"] == 1


@pytest.mark.parametrize("name", RECORDS)
def test_format_is_guessed_of_records_of_which_the_first_is_bare(name, tmp_path):
    path = tmp_path / "input.jsonl"
    bare = json.dumps({"text": TEXT})
    path.write_text(f"{bare}\n{json.dumps(RECORDS[name])}\n", encoding="utf8")
    assert guess_format(path) == name


def test_sentence_of_another_form_harms_no_other(tmp_path):
    """A file of FewRel's is one record that holds all sentences."""
    bad = {"tokens": WORDS, "h": ["ada", "Q7259", []], "t": ["babbage", "Q46633", [[4]]]}
    sentences = [bad, 3, *FEWREL["wrote_to"]]
    path = tmp_path / "input.json"
    record = {"met": 3, "wrote_to": sentences, "knows": FEWREL["wrote_to"]}
    path.write_text(json.dumps(record), encoding="utf8")
    report = convert(path, tmp_path / "output.spacy", format="fewrel")
    assert report.written["relation"] == 2 and report.dropped["document"] == 3
    told = [x for _, xs in report.sorts() for x in xs]
    assert any(f"{path}:1, wrote_to 0: not of this format" in x for x in told)
    assert any("'met' has no list of sentences" in x for x in told)


def test_opennre_of_raw_text(tmp_path):
    """Its positions are characters, end exclusive, where there is a text."""
    ends = {
        "h": {"name": "Ada", "id": "Q1", "pos": [0, 3]},
        "t": {"name": "IBM", "pos": [13, 16]},
    }
    lines = [
        {"text": "Ada works at IBM.", "relation": "works", **ends},
        {"text": "Ada works at IBM.", "relation": "NA", **ends},
        {"text": "Ada works.", "relation": "works", **ends},
        {"text": 3, "relation": "works", **ends},
        {"text": "Ada works at IBM.", "relation": "works", "h": {"name": "Ada"}, "t": {}},
    ]
    path = tmp_path / "input.jsonl"
    path.write_text("".join(json.dumps(x) + "\n" for x in lines), encoding="utf8")
    report = convert(path, tmp_path / "output.spacy")
    first, second, third = load(tmp_path / "output.spacy")
    assert get_triples(first) == {("Ada", "works", "IBM")}
    assert first.text == "Ada works at IBM." and len(first) == 5
    assert [ent.kb_id_ for ent in first.ents] == ["Q1", ""]
    assert len(second.ents) == 2 and has_relations(second) and not get_triples(second)
    assert len(third.ents) == 1 and not get_triples(third)
    assert report.dropped["document"] == 2
    assert report.dropped["entity"] == report.dropped["relation"] == 1


@pytest.mark.parametrize(
    "end, number, reason",
    [
        ("", 2, "the array does not end, as if the file were cut off"),
        (",", 2, "the array does not end, as if the file were cut off"),
        ("]\n[]", 2, "what comes after the end of the array is not read"),
        (',\n{"a":\n1,}]', 3, "and so is all that follows"),
    ],
)
def test_array_that_is_not_whole_is_told(end, number, reason, tmp_path):
    path = tmp_path / "input.json"
    path.write_text(f'[{{"a": 1}},\n{{"a": 2}}{end}', encoding="utf8")
    *found, (place, problem) = iter_json(path)
    assert [value for _, value in found] == [{"a": 1}, {"a": 2}]
    assert place.startswith(f"{path}:{number}") and reason in problem.reason


def test_place_of_broken_json_is_that_in_the_file(tmp_path):
    path = tmp_path / "input.json"
    path.write_text('[\n{"a": 1},\n{\n"a": 1,,\n}]', encoding="utf8")
    *_, (place, problem) = iter_json(path)
    assert place == f"{path}:3" and problem.reason.endswith("in line 4")


@pytest.mark.parametrize("begin, between, end", [("", "\n", ""), ("[", ",\n", "]")])
@pytest.mark.parametrize(
    "bad, reason",
    [
        (b'{"a": "\xff"}', "broken UTF-8: byte 0xff"),
        (b'{"a": "\\ud800"}', "is half of a character"),
    ],
)
def test_what_is_no_character_is_told(begin, between, end, bad, reason, tmp_path):
    path = tmp_path / "input.json"
    good = b'{"a": "\\ud83d\\ude00"}'
    lines = between.encode().join([good, bad, good])
    path.write_bytes(begin.encode() + lines + end.encode())
    first, (place, problem), last = iter_json(path)
    assert first[1] == last[1] == {"a": "\U0001f600"}
    assert place == f"{path}:2" and reason in problem.reason


def make_fact(text: str, head: str, tail: str, **more: Any) -> Dict[str, Any]:
    """A fact as KnowledgeNet has them, by characters of the document."""
    fact = {"propertyId": "7", **more}
    for role, said in (("subject", head), ("object", tail)):
        start = text.index(said)
        bounds = {f"{role}Start": start, f"{role}End": start + len(said)}
        fact.update({**bounds, f"{role}Text": said, f"{role}Uri": more.get(said, "")})
    return fact


@pytest.mark.parametrize("as_array", [False, True])
def test_documents_of_knowledgenet(as_array, tmp_path):
    """A doc a passage: annotated for a property, for another that has no fact, for none
    (as all of the test set), and with facts alone, as a prediction has them."""
    sentences = ["Ada met Bo in Rome.", "She left.", "Bo slept.", "Cy met Al."]
    text = "Ada\n\n" + " ".join(sentences)
    ids = {"Ada met": "", "Bo": "http://www.wikidata.org/entity/Q5", "Rome": "x:y"}
    facts = [
        make_fact(text, "Bo", "Rome", **ids),
        make_fact(text, "Bo", "Ada met", humanReadable="<Bo> <KNOWS> <Ada met>"),
        {"propertyId": "7"},
    ]
    named = [{"propertyId": "7", "propertyName": "VISITED"}]
    told = make_fact(text, "Cy", "Al", propertyId="8", humanReadable="<Cy> <MET> <Al>")
    told = [told, make_fact(text, "Al", "Cy", propertyId="9")]
    passages = [
        {
            "passageId": f"d:{i}",
            "passageStart": text.index(sentence),
            "passageEnd": text.index(sentence) + len(sentence),
            "passageText": sentence,
            "exhaustivelyAnnotatedProperties": properties,
            "facts": found,
        }
        for i, (sentence, properties, found) in enumerate(
            zip(sentences, [named, named, [], []], [facts, [], [], told])
        )
    ]
    record = {"fold": 1, "documentId": "d", "documentText": text, "passages": passages}
    records = [record, {**record, "passages": [3, passages[1]]}, {**record, "passages": []}]
    path = tmp_path / "input.json"
    lines = json.dumps(records) if as_array else "\n".join(map(json.dumps, records))
    path.write_text(lines, encoding="utf8")
    assert guess_format(path) == "knowledgenet"
    report = convert(path, tmp_path / "output.spacy")
    docs = load(tmp_path / "output.spacy")
    assert [doc.text for doc in docs] == [*sentences, sentences[1]]
    assert list(map(has_relations, docs)) == [True, True, False, True, True]
    assert get_triples(docs[0]) == {("Bo", "VISITED", "Rome"), ("Bo", "VISITED", "Ada met")}
    assert [(ent.text, ent.kb_id_, ent.label_) for ent in docs[0].ents] == [
        ("Ada met", "", "ENTITY"),
        ("Bo", "Q5", "ENTITY"),
        ("Rome", "x:y", "ENTITY"),
    ]
    assert get_triples(docs[3]) == {("Cy", "MET", "Al"), ("Al", "9", "Cy")}
    assert docs[0].user_data[SOURCE_KEY][0] == f"d#{text.index(sentences[0])}"
    # Of each document what is no passage, of each passage its properties.
    assert report.dropped == {"relation": 1, "document": 2, "note": 5}


def test_mention_of_knowledgenet_with_two_ids_is_told(tmp_path):
    text = "Ada met Bo."
    facts = [make_fact(text, "Ada", "Bo", Ada=x, Bo=y) for x, y in (("", "b"), ("a", "c"))]
    passage = {"passageStart": 0, "passageText": text, "facts": facts}
    record = {"documentText": text, "passages": [passage]}
    path = tmp_path / "input.json"
    path.write_text(json.dumps(record), encoding="utf8")
    report = convert(path, tmp_path / "output.spacy", format="knowledgenet")
    (doc,) = load(tmp_path / "output.spacy")
    assert [ent.kb_id_ for ent in doc.ents] == ["a", "b"]
    assert "another id of a mention: 'c'" in report.sorts()[0][1][0]


@pytest.mark.parametrize(
    "properties, annotated", [(None, True), (["wrote_to"], True), ([], False)]
)
def test_passage_annotated_for_no_property_is_not_annotated(
    properties, annotated, tmp_path
):
    path = tmp_path / "input.json"
    record = {**KNOWLEDGENET, "relations": [], "annotated_properties": properties}
    if properties is None:
        del record["annotated_properties"]
    path.write_text(json.dumps(record), encoding="utf8")
    convert(path, tmp_path / "output.spacy", format="knowledgenet")
    assert has_relations(load(tmp_path / "output.spacy")[0]) is annotated


@pytest.mark.parametrize("properties", [None, ["wrote_to"]])
def test_passage_whose_relations_are_null_is_not_annotated(properties, tmp_path):
    """As in any other format."""
    flat = {**KNOWLEDGENET, "relations": None, "annotated_properties": properties}
    named = [{"propertyId": "7", "propertyName": x} for x in properties or ()]
    passage = {"passageStart": 0, "passageText": TEXT, "facts": None}
    passage["exhaustivelyAnnotatedProperties"] = named
    lines = [flat, {"documentText": TEXT, "passages": [passage]}]
    path = tmp_path / "input.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf8")
    convert(path, tmp_path / "output.spacy", format="knowledgenet")
    docs = load(tmp_path / "output.spacy")
    assert list(map(has_relations, docs)) == [False, False]


@pytest.mark.parametrize(
    "bounds, n_told",
    [([(0, 9), (0, 9)], 1), ([(0, 19), (10, 28)], 0), ([(0, 9), (0, 28)], 0), ([], 1)],
)
@pytest.mark.parametrize("bad", [True, -9, "x", 1.5, 10**30])
def test_text_outside_of_passages_is_told(bounds, n_told, bad, tmp_path):
    """Also where passages overlap. One that begins nowhere has none."""
    passages = [{"passageStart": i, "passageText": TEXT[i:end]} for i, end in bounds]
    record = {"documentText": TEXT, "passages": passages or [{}]}
    record["passages"].append({"passageStart": bad, "passageText": TEXT})
    path = tmp_path / "input.json"
    path.write_text(json.dumps(record), encoding="utf8")
    report = convert(path, tmp_path / "output.spacy", format="knowledgenet")
    assert report.dropped["note"] == n_told


@pytest.mark.parametrize(
    "name, change, reason",
    [
        ("spert", {"start": 4, "end": 4}, "tokens 4–4, end excluded, are none; perhaps"),
        ("spert", {"start": 5, "end": 4}, "its end comes before its start"),
        ("spert", {"end": 7}, "are not within the document, which has 6"),
        ("tacred", {"obj_end": 6}, "perhaps its end is given as excluded"),
        ("tacred", {"obj_end": 3}, "its end comes before its start"),
    ],
)
def test_wrong_tokens(name, change, reason, tmp_path):
    record = json.loads(json.dumps(RECORDS[name]))
    (record if name == "tacred" else record["entities"][1]).update(change)
    path = tmp_path / "input.json"
    path.write_text(json.dumps(record), encoding="utf8")
    report = convert(path, tmp_path / "output.spacy", format=name)
    assert report.dropped["entity"] == report.dropped["relation"] == 1
    assert any(reason in x for _, xs in report.sorts() for x in xs)


@pytest.mark.parametrize(
    "name, path, kind",
    [
        ("spert", ["entities", 1, "start"], "entity"),
        ("spert", ["entities", 1, "end"], "entity"),
        ("tacred", ["obj_start"], "entity"),
        ("docred", ["vertexSet", 1, 0, "sent_id"], "entity"),
        ("docred", ["vertexSet", 1, 0, "pos", 0], "entity"),
        ("docred", ["vertexSet", 1, 0, "pos", 1], "entity"),
        ("docred", ["labels", 0, "evidence", 0], "note"),
        ("dygie", ["ner", 1, 0, 0], "entity"),
        ("dygie", ["clusters", 0, 0, 0], "note"),
        ("fewrel", ["wrote_to", 0, "h", 2, 0, 0], "document"),
        ("fewrel", ["wrote_to", 0, "t", 2, 0, 0], "document"),
    ],
)
def test_truth_is_no_number_of_a_token(name, path, kind, tmp_path):
    """Nor is what else is none, whatever Python takes for one."""
    for bad in (True, False, 1.0, "1", None):
        record, part = copy_until(RECORDS[name], path[:-1])
        part[path[-1]] = bad
        (tmp_path / "input.json").write_text(json.dumps(record), encoding="utf8")
        report = convert(tmp_path / "input.json", tmp_path / "out.spacy", format=name)
        assert report.dropped[kind] == 1
        assert report.written["document"] == (kind != "document")


def test_cluster_of_dygie_takes_no_truth_for_a_number(tmp_path):
    """The entity of token 1 is not in it."""
    record = {**DYGIE, "ner": [[[1, 1, "X"]], []], "relations": [[], []]}
    record["clusters"] = [[[True, 1], [2, 3]]]
    path = tmp_path / "input.json"
    path.write_text(json.dumps(record), encoding="utf8")
    convert(path, tmp_path / "output.spacy", format="dygie")
    (doc,) = load(tmp_path / "output.spacy")
    assert [span.text for span in doc.spans["coref_clusters_1"]] == ["Ada Byron"]
    assert [ent.id_ for ent in doc.ents] == [""]


@pytest.mark.parametrize("name, key", [("docred", "sents"), ("dygie", "sentences")])
@pytest.mark.parametrize("bad", ["He wrote.", {"He": 1}, 3, ["He", 3]])
def test_sentence_that_is_no_list_of_strings_is_told(name, key, bad, tmp_path):
    path = tmp_path / "input.jsonl"
    records = [RECORDS[name], {**RECORDS[name], key: [*RECORDS[name][key], bad]}]
    path.write_text("\n".join(map(json.dumps, records)), encoding="utf8")
    report = convert(path, tmp_path / "output.spacy", format=name)
    assert report.written["document"] == report.dropped["document"] == 1
    ((_, (told,)),) = [x for x in report.sorts() if x[0][0] == "document"]
    assert told.startswith(f"{path}:2: ") and told.count("list of strings") == 1


def test_empty_token_is_no_token_of_a_doc(tmp_path):
    tokens = [{"text": "", "ws": False}, *PRODIGY["tokens"]]
    path = tmp_path / "input.jsonl"
    path.write_text(json.dumps({**PRODIGY, "tokens": tokens}), encoding="utf8")
    report = convert(path, tmp_path / "output.spacy")
    assert report.written["relation"] == 1


@pytest.mark.parametrize(
    "name, reason",
    [
        ("semeval", "no numbered sentence"),
        ("pubtator", "neither a mention nor a relation"),
        ("doccano", "no JSON"),
    ],
)
def test_line_of_another_form_harms_no_other(name, reason, tmp_path):
    path = as_file(tmp_path, name)
    good = path.read_bytes().rstrip() + b"\n"
    path.write_bytes(good + b"Ada\n\xff\n")
    report = convert(path, tmp_path / "output.spacy", format=name)
    assert report.written["document"] == report.written["relation"] == 1
    told = dict(x.split(": ", 1) for _, xs in report.sorts() for x in xs)
    n_good = good.count(b"\n")
    first, second = f"{path}:{n_good + 1}", f"{path}:{n_good + 2}"
    assert told.keys() == {first, second} and told[first].startswith(reason)
    assert told[second].startswith("broken UTF-8: byte 0xff")


def test_sentence_of_semeval_without_marks_is_told(tmp_path):
    path = tmp_path / "input.txt"
    path.write_text(f'7\t"Ada Byron wrote."\nOther\n\n{SEMEVAL}', encoding="utf8")
    report = convert(path, tmp_path / "output.spacy", format="semeval")
    assert report.written["document"] == report.dropped["document"] == 1


@pytest.mark.parametrize("name", ["e1", "e2"])
@pytest.mark.parametrize("more", ["<{0}>She</{0}> slept.", "<{0}>", "</{0}>"])
def test_sentence_of_semeval_with_further_marks_is_told(name, more, tmp_path):
    """Before those that are read, and after them."""
    path = tmp_path / "input.txt"
    more = more.format(name)
    lines = SEMEVAL.replace('"<e1>', f'"{more} <e1>'), SEMEVAL.replace(' ."', f' {more}"')
    path.write_text("\n".join([*lines, SEMEVAL]), encoding="utf8")
    report = convert(path, tmp_path / "output.spacy", format="semeval")
    assert report.dropped["document"] == 2
    assert {doc.text for doc in load(tmp_path / "output.spacy")} == {TEXT}


def test_lines_of_another_document_are_told(tmp_path):
    """A document without a title takes nothing of the one before it."""
    path = tmp_path / "input.txt"
    text = f"{PUBTATOR}13\twrote_to\tQ46633\tQ7259\n14|a|Ada Byron\n14\t0\t3\tAda\tX\t-1\n"
    path.write_text(text, encoding="utf8")
    report = convert(path, tmp_path / "output.spacy")
    assert report.written["document"] == report.written["relation"] == 1
    assert report.dropped["relation"] == report.dropped["document"] == 1
    told = [x for _, xs in report.sorts() for x in xs]
    assert f"{path}:6: it is of document '13', and stands in '12'" in told
    assert any(x.startswith(f"{path}:7: no line with a title") for x in told)


@pytest.mark.parametrize("key", ["label", "labels"])
def test_doccano_without_relations(key, tmp_path):
    """An entity is a list, then, and nobody has annotated relations."""
    labels = [[0, 9, "PERSON"], [19, 26, "PERSON"], [10, 15], "wrote"]
    record = {"id": 7, "text": TEXT, key: labels, "Comments": ["Sure?", "Yes"]}
    path = tmp_path / "input.jsonl"
    path.write_text(json.dumps(record), encoding="utf8")
    assert guess_format(path) == "doccano"
    report = convert(path, tmp_path / "output.spacy")
    (doc,) = load(tmp_path / "output.spacy")
    assert [(ent.text, ent.label_) for ent in doc.ents] == [
        ("Ada Byron", "PERSON"),
        ("Babbage", "PERSON"),
    ]
    assert not has_relations(doc)
    assert report.dropped == {"entity": 2, "note": 2}


@pytest.mark.parametrize("label", ["PERSON", "WRITER"])
def test_relation_of_prodigy_stays_with_its_label(label, tmp_path):
    """Its head has the tokens of another entity."""
    doc = Doc(NLP.vocab, words=WORDS)
    spans = {x: Span(doc, 0, 2, x) for x in ("PERSON", "WRITER")}
    tail = Span(doc, 4, 5, "PERSON")
    doc.spans["all"] = [*spans.values(), tail]
    set_relations(doc, [Relation(spans[label], tail, "wrote_to", 0.25)])
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "in.spacy")
    options = Options(spans_key="all")
    convert(tmp_path / "in.spacy", tmp_path / "a.jsonl", to="prodigy", options=options)
    convert(tmp_path / "a.jsonl", tmp_path / "back.spacy", options=options)
    (back,) = load(tmp_path / "back.spacy")
    (relation,) = get_relations(back)
    assert (relation.head.label_, relation.score) == (label, 0.25)


def test_second_abstract_of_pubtator_is_told(tmp_path):
    """A second title begins a document, as there is nothing else that does."""
    path = tmp_path / "input.txt"
    path.write_text(PUBTATOR.replace("12|a|", "12|a|Ada \n12|a|"), encoding="utf8")
    report = convert(path, tmp_path / "output.spacy")
    (doc,) = load(tmp_path / "output.spacy")
    assert doc.text == "Letters Ada " and report.dropped["note"] == 1
    told = [x for _, places in report.sorts() for x in places]
    assert f"{path}:3: the document has an abstract already: '12|a|Ada Byron" in str(told)
    path.write_text("12|t|One\n12|t|Two\n", encoding="utf8")
    assert convert(path, tmp_path / "output.spacy").written["document"] == 2


def test_further_columns_of_pubtator_are_told(tmp_path):
    """Whether a relation is novel, and how the parts of a mention read."""
    novel = PUBTATOR.replace("\tQ7259\tQ46633\n", "\tQ7259\tQ46633\tNovel\n")
    parts = novel.replace("PERSON\tQ7259\n", "PERSON\tQ7259\tAda|Byron\n")
    path = tmp_path / "input.txt"
    path.write_text(parts.replace("Q46633\n", "Q46633\t\n"), encoding="utf8")
    report = convert(path, tmp_path / "output.spacy")
    (doc,) = load(tmp_path / "output.spacy")
    assert get_triples(doc) == {("Ada Byron", "wrote_to", "Babbage")}
    assert report.dropped == {"note": 2}
    (places,) = [xs for _, xs in report.sorts()]
    reason = "docs have no place for what else stands in its line"
    assert places == [f"{path}:3: {reason}: 'Ada|Byron'", f"{path}:5: {reason}: 'Novel'"]
    with pytest.raises(ValueError, match=":3: note dropped: docs have no place"):
        convert(path, tmp_path / "output.spacy", strict=True)


def test_document_that_the_pipeline_failed_on_is_told(tmp_path):
    failed = {"id": "b", "source": "b.txt", "text": TEXT, "error": "ValueError: no"}
    path = tmp_path / "input.jsonl"
    path.write_text(f"{json.dumps(EXTRACTED)}\n{json.dumps(failed)}\n", encoding="utf8")
    report = convert(path, tmp_path / "output.spacy")
    assert any("failed on it: ValueError: no" in x for _, xs in report.sorts() for x in xs)


@pytest.mark.parametrize("name", [x for x in FORMATS if x not in ("brat", "spacy")])
@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf", b"[]"])
def test_empty_file_is_told(name, data, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    as_file(folder, name)
    text = name in ("semeval", "pubtator")
    (folder / f"z{'.txt' if text else '.json'}").write_bytes(b"" if text else data)
    report = convert(folder, tmp_path / "o.spacy", format=name)
    assert report.written["document"] == report.dropped["document"] == 1


def write_task(path: Path, *results: Any) -> None:
    """A task of Label Studio's with these results before its own."""
    task = json.loads(json.dumps(LABEL_STUDIO))
    found = task["annotations"][1]["result"]
    found[:0] = results
    path.write_text(json.dumps(task), encoding="utf8")


def test_what_is_said_of_a_region_is_kept_beside_its_entity(tmp_path):
    """Wherever it stands. What is said of the task, or of nothing, is told."""
    where = {"start": 0, "end": 9}
    results = [
        {"id": "a", "type": "textarea", "from_name": "why", "value": {"text": ["Sure?"]}},
        {"id": "a", "type": "choices", "from_name": "is", "value": {"choices": ["x", "y"]}},
        {"id": "b", "type": "rating", "from_name": "stars", "value": {"rating": 4}},
        # More than .spacy files have place for.
        {"id": "b", "type": "number", "from_name": "n", "value": {"number": 2**64}},
        {"id": "c", "type": "choices", "from_name": "topic", "value": {"choices": ["z"]}},
        {"id": "d", "type": "rectanglelabels", "value": {"x": 1, "rectanglelabels": ["X"]}},
        {"id": "a", "type": "choices", "value": 3},
    ]
    for result in results[:2]:
        result["value"].update(where)
    path = tmp_path / "input.json"
    write_task(path, *results)
    report = convert(path, tmp_path / "output.spacy")
    (doc,) = load(tmp_path / "output.spacy")
    assert get_triples(doc) == {("Ada Byron", "wrote_to", "Babbage")}
    assert {ent.label_ for ent in doc.ents} == {"PERSON"}
    assert [list(x) for x in doc.user_data[ATTRIBUTES_KEY]] == [
        [0, 9, "PERSON", "why", "Sure?"],
        [0, 9, "PERSON", "is", "x"],
        [0, 9, "PERSON", "is", "y"],
        [19, 26, "PERSON", "stars", 4],
        [19, 26, "PERSON", "n", str(2**64)],
    ]
    assert report.dropped == {"note": 2, "attribute": 1}
    told = [x for _, xs in report.sorts() for x in xs]
    assert f"{path}:1: docs have no place for a result of type 'choices'" in told
    assert any("the attribute of index 6 is malformed" in x for x in told)


@pytest.mark.parametrize("cancelled", [False, True])
def test_ground_truth_comes_before_what_stands_first(cancelled, tmp_path):
    """Where it was cancelled it is none."""
    task = json.loads(json.dumps(LABEL_STUDIO))
    truth = {"ground_truth": True, "was_cancelled": cancelled, "result": []}
    task["annotations"] += [{"ground_truth": False, "result": []}, truth]
    path = tmp_path / "input.json"
    path.write_text(json.dumps(task), encoding="utf8")
    report = convert(path, tmp_path / "output.spacy")
    assert report.written["relation"] == (1 if cancelled else 0)
    assert report.dropped["note"] == (1 if cancelled else 2)


def test_task_of_predictions_alone_is_told(tmp_path):
    predicted = {**LABEL_STUDIO, "annotations": [], "predictions": [{"result": []}]}
    tasks = [predicted, {**LABEL_STUDIO, "annotations": []}, LABEL_STUDIO]
    path = tmp_path / "input.jsonl"
    path.write_text("".join(json.dumps(x) + "\n" for x in tasks), encoding="utf8")
    report = convert(path, tmp_path / "output.spacy")
    assert report.changed["document", "skipped"] == 2
    told = [x for _, xs in report.sorts() for x in xs]
    assert f"{path}:1: it has no annotation; its predictions are not read" in told
    assert f"{path}:2: it has no annotation" in told


@pytest.mark.parametrize("more, n_written", [({"id": "x1"}, 1), ({"other": TEXT}, 0)])
def test_text_of_a_task_is_what_its_entities_fit_into(more, n_written, tmp_path):
    """Where none of its data is called text; of two that do, none is taken."""
    task = {**LABEL_STUDIO, "data": {"comment": TEXT, **more}}
    path = tmp_path / "input.json"
    path.write_text(json.dumps(task), encoding="utf8")
    report = convert(path, tmp_path / "output.spacy", format="label_studio")
    assert report.written["relation"] == n_written
    assert report.dropped["document"] == 1 - n_written
    told = [x for _, xs in report.sorts() for x in xs]
    assert n_written or "its text is not to be told among 'comment', 'other'" in told[0]


def test_region_of_hypertext_is_an_entity(tmp_path):
    value = {"start": 10, "end": 15, "hypertextlabels": ["VERB"]}
    path = tmp_path / "input.json"
    write_task(path, {"id": "v", "type": "hypertextlabels", "value": value})
    convert(path, tmp_path / "output.spacy")
    (doc,) = load(tmp_path / "output.spacy")
    assert [(ent.text, ent.label_) for ent in doc.ents][1] == ("wrote", "VERB")


@pytest.mark.parametrize("name, where", [("prodigy", "spans"), ("jsonl", "entities")])
def test_text_of_an_entity_that_is_no_text_is_told(name, where, tmp_path):
    record = json.loads(json.dumps(RECORDS[name]))
    record[where][0]["text"] = ["Ada", "Byron"]
    path = tmp_path / "input.jsonl"
    path.write_text(json.dumps(record), encoding="utf8")
    report = convert(path, tmp_path / "output.spacy", format=name)
    assert report.written["entity"] == report.dropped["entity"] == 1
    reason = f"{path}:1: the entity of index 0 is malformed: 'text' is of type list"
    assert any(x.startswith(reason) for _, xs in report.sorts() for x in xs)


def test_labels_of_label_studio_that_are_no_list_are_told(tmp_path):
    """They would be one label a letter."""
    region = {"id": "v", "type": "labels", "value": {"start": 10, "end": 15, "labels": "VERB"}}
    relation = {"type": "relation", "from_id": "a", "to_id": "b", "labels": "KNEW"}
    path = tmp_path / "input.json"
    write_task(path, region, relation)
    report = convert(path, tmp_path / "output.spacy")
    (doc,) = load(tmp_path / "output.spacy")
    assert {ent.label_ for ent in doc.ents} == {"PERSON"}
    assert get_triples(doc) == {("Ada Byron", "wrote_to", "Babbage")}
    assert report.dropped == {"entity": 1, "relation": 1}


@pytest.mark.parametrize("kb_id,mention", [("D0|D9", "both0"), ("D9|-1", "both7")])
def test_thing_of_several_mentions_of_more(kb_id, mention, tmp_path):
    """It goes to one of the fewest things, and of several to the first in the text,
    whatever the hashes of their ids are in this process."""
    wholes = [*(f"D{i}|D9" for i in range(7)), kb_id]
    text = " ".join(f"both{i}" for i in range(8)) + " drug"
    lines = [f"1|t|{text}", "1|a|"]
    for i, whole in enumerate(wholes):
        lines.append(f"1\t{6 * i}\t{6 * i + 5}\tboth{i}\tDisease\t{whole}")
    lines += ["1\t48\t52\tdrug\tChemical\tC1", "1\tCID\tC1\tD9", ""]
    path = tmp_path / "input.txt"
    path.write_text("\n".join(lines), encoding="utf8")
    convert(path, tmp_path / "output.spacy", format="pubtator")
    (doc,) = load(tmp_path / "output.spacy")
    assert [relation.tail_mentions[0].text for relation in doc._.relations] == [mention]


def test_group_of_spans_of_a_doc_keeps_its_order_and_attributes(tmp_path):
    """Where --spans-key names it, with what was no span of it behind."""
    doc = Doc(NLP.vocab, words=WORDS)
    doc.ents = [Span(doc, 0, 2, "PERSON")]
    group = [Span(doc, 4, 5, "PERSON"), Span(doc, 1, 2, "NAME")]
    doc.spans["sc"] = SpanGroup(doc, attrs={"scores": [0.1, 0.9]}, spans=group)
    set_relations(doc, [])
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "in.spacy")
    options = Options(spans_key="sc")
    convert(tmp_path / "in.spacy", tmp_path / "out.spacy", options=options, strict=True)
    (found,) = load(tmp_path / "out.spacy")
    labels = [span.label_ for span in found.spans["sc"]]
    assert labels == ["PERSON", "NAME", "PERSON"] and found.spans["sc"][0].start == 4
    assert list(found.spans["sc"].attrs["scores"]) == [0.1, 0.9]


@pytest.mark.parametrize("score", [{}, {"score": None}])
def test_relation_of_prodigy_without_tokens_and_score(score, tmp_path):
    spans = [
        {"start": 0, "end": 9, "label": "PERSON"},
        {"start": 19, "end": 26, "label": "PERSON"},
    ]
    relation = {"head_span": spans[0], "child_span": spans[1], "label": "KNEW", **score}
    record = {"text": TEXT, "spans": spans, "relations": [relation], "answer": "accept"}
    path = tmp_path / "input.jsonl"
    path.write_text(json.dumps(record), encoding="utf8")
    convert(path, tmp_path / "output.spacy", format="prodigy", strict=True)
    (doc,) = load(tmp_path / "output.spacy")
    assert [(x.head.text, x.score) for x in get_relations(doc)] == [("Ada Byron", 1.0)]


def test_a_byte_order_mark_is_none_of_the_first_line(tmp_path):
    path = tmp_path / "marked.txt"
    path.write_text('\ufeff1\t"The <e1>storm</e1> hit <e2>us</e2>."\nOther\n', encoding="utf8")
    report = convert(path, tmp_path / "out.spacy")
    (doc,) = load(tmp_path / "out.spacy")
    assert doc.text == "The storm hit us." and not report.dropped
