from pathlib import Path

import pytest
import spacy

from spacy_relext import get_relations
from spacy_relext.convert import guess_format
from spacy_relext.convert.brat import read_brat
from spacy_relext.convert.build import DocBuilder, Options
from spacy_relext.convert.report import Report
from spacy_relext.convert.source import SourceDoc
from spacy_relext.user_data import ATTRIBUTES_KEY

DATA = Path(__file__).parents[3] / "shared" / "data"

TEXT = "Mira and Jon Falk opened a mill in Tarn. The old stone mill closed."
ANN = """T1\tPERSON 0 4\tMira
T2\tPERSON 9 17\tJon Falk
T3\tORG 25 31\ta mill
T4\tPLACE 35 39\tTarn
T5\tORG 45 48;55 59\told mill
T6\tOpening 18 24\topened
R1\tLOCATED_IN Arg1:T3 Arg2:T4\t
R2\tLOCATED_IN Arg2:T4 Arg1:T5
E1\tOpening:T6 Founder:T1 Founder2:T2 What:T3
A1\tNegated T3
A2\tSize T3 small
N1\tReference T4 Wikidata:Q1\tTarn
*\tSame T3 T5
#1\tAnnotatorNotes T1\tcheck this
"""


def convert(folder, options=Options()):
    report = Report()
    builder = DocBuilder(spacy.blank("en"), report, options)
    docs = []
    for found in read_brat(folder):
        if isinstance(found, SourceDoc):
            docs.extend(builder.build(found))
        else:
            report.add(found)
    report.check()
    return docs, report


def write(folder, ann=ANN, text=TEXT, name="one"):
    (folder / f"{name}.txt").write_bytes(text.encode("utf8"))
    (folder / f"{name}.ann").write_bytes(ann.encode("utf8"))


def triples(doc):
    return {(x.head.text, x.label, x.tail.text) for x in get_relations(doc)}


def test_everything_that_brat_says(tmp_path):
    write(tmp_path)
    assert guess_format(tmp_path) == "brat"
    [doc], report = convert(tmp_path)
    assert triples(doc) == {
        ("a mill", "LOCATED_IN", "Tarn"),
        ("old stone mill", "LOCATED_IN", "Tarn"),
        ("opened", "Founder", "Mira"),
        ("opened", "Founder", "Jon Falk"),
        ("opened", "What", "a mill"),
        ("a mill", "Same", "old stone mill"),
    }
    assert {ent.text: ent.kb_id_ for ent in doc.ents}["Tarn"] == "Wikidata:Q1"
    assert doc.user_data[ATTRIBUTES_KEY] == [
        [25, 31, "ORG", "Negated", True],
        [25, 31, "ORG", "Size", "small"],
    ]
    assert report.changed == {
        ("entity", "expanded"): 1,
        ("relation", "made of an event"): 1,
    }
    assert report.dropped == {"note": 1}


def test_lines_stand_in_any_order(tmp_path):
    ann = f"{ANN}M1\tSure E1\n"
    write(tmp_path, ann)
    [doc], report = convert(tmp_path)
    write(tmp_path, "".join(reversed(ann.splitlines(keepends=True))))
    [other], again = convert(tmp_path)
    assert triples(other) == triples(doc)
    assert [ent.kb_id_ for ent in other.ents] == [ent.kb_id_ for ent in doc.ents]
    found = [sorted(x.user_data[ATTRIBUTES_KEY]) for x in (other, doc)]
    assert found[0] == found[1] and [18, 24, "Opening", "Sure", True] in found[0]
    assert again.dropped == report.dropped == {"note": 1}


def test_equivalence_of_several(tmp_path):
    write(tmp_path, ANN + "*\tAlike T1 T2 T4\n")
    [doc], report = convert(tmp_path)
    found = {x for x in triples(doc) if x[1] == "Alike"}
    assert found == {("Mira", "Alike", "Jon Falk"), ("Jon Falk", "Alike", "Tarn")}
    assert report.changed["relation", "made a chain"] == 1


def test_equivalence_of_events(tmp_path):
    write(tmp_path, ANN + "*\tAlike E1 T3\n*\tAlike T4 E1\n")
    [doc], report = convert(tmp_path)
    found = {x for x in triples(doc) if x[1] == "Alike"}
    assert found == {("opened", "Alike", "a mill"), ("Tarn", "Alike", "opened")}
    assert not report.dropped["relation"]


def test_what_is_no_argument_is_told(tmp_path):
    """It takes no other with it."""
    ann = ANN.replace(" Founder2:T2", " Founder2;T2 Site T4").replace(":T5", ":T5 Arg3")
    write(tmp_path, ann)
    [doc], report = convert(tmp_path)
    assert {x[1:] for x in triples(doc)} > {("LOCATED_IN", "Tarn"), ("What", "a mill")}
    assert report.read["note"] == report.dropped["note"] == 3
    told = [x for _, places in report.sorts() for x in places]
    for line, what in ((8, "Arg3"), (9, "Founder2;T2 Site T4")):
        place = tmp_path / f"one.ann:{line}"
        assert f"{place}: no argument, as in role:id: {what!r}" in told


def test_events_of_events(tmp_path):
    ann = "T1\tSay 5 8\tand\nT2\tOpen 18 24\topened\nE1\tSay:T1 What:E2\nE2\tOpen:T2\n"
    write(tmp_path, ann)
    [doc], _ = convert(tmp_path)
    assert triples(doc) == {("and", "What", "opened")}


@pytest.mark.parametrize(
    "role, label", [("Theme", "Theme"), ("Theme2", "Theme"), ("Site13", "Site"), ("1", "1")]
)
def test_number_of_a_role(tmp_path, role, label):
    """It tells two arguments of one role apart, and is no part of the label."""
    write(tmp_path, f"T1\tP 0 4\tMira\nT2\tOpen 18 24\topened\nE1\tOpen:T2 {role}:T1\n")
    [doc], _ = convert(tmp_path)
    assert triples(doc) == {("opened", label, "Mira")}


def test_line_breaks_within_an_entity(tmp_path):
    text = "She saw the tall\nship leave."
    write(tmp_path, "T1\tSHIP 8 16;17 21\tthe tall\nship\nT2\tP 0 3\tShe\n", text)
    [doc], report = convert(tmp_path)
    assert [ent.text for ent in doc.ents] == ["She", "the tall\nship"]
    assert not report.changed and not report.dropped


@pytest.mark.parametrize(
    "line, kind, reason",
    [
        ("T9\tPERSON 4\tx", "entity", "no label and offsets: 'PERSON 4'"),
        ("R9\tKNOWS Arg1:T1", "relation", "no label and two arguments: 'KNOWS Arg1:T1'"),
        ("R9\tKNOWS Arg1:T1 Arg1:T2", "relation", "no label and two arguments: 'KNOWS Ar"),
        ("R9\tX Arg1:T1 Arg1:T2 Arg2:T4", "relation", "no label and two arguments: 'X Ar"),
        ("R9\tKNOWS Arg1:T1 Arg2:T77", "relation", "no entity 'T77', or it was dropped"),
        ("*\tSame T1", "relation", "no label and two members: 'Same T1'"),
        ("E1\tOpening", "relation", "no event with a trigger: 'Opening'"),
        ("E9\tOpening", "relation", "no event with a trigger: 'Opening'"),
        ("A9\tNegated", "attribute", "no name and entity: 'Negated'"),
        ("A9\tNegated T77", "attribute", "'Negated' is of 'T77', which is no entity"),
        ("A9\t", "attribute", "no name and entity: ''"),
        ("M9\t", "attribute", "no name and entity: ''"),
        ("N9\t", "attribute", "no entity and id: ''"),
        ("T9\t", "entity", "no label and offsets: ''"),
        ("R9\t", "relation", "no label and two arguments: ''"),
        ("E9\t", "relation", "no event with a trigger: ''"),
        ("*\t\tSame T1 T2", "relation", "no label and two members: ''"),
        ("N9\tReference T77 Q1\tx", "attribute", "no entity and id: 'Reference T77 Q1'"),
        ("N9\tReference T4 Q2\tx", "attribute", "its entity has the id"),
        ("T1\tPERSON 9 17\tJon Falk", "entity", "its id 'T1' is that of"),
    ],
)
def test_bad_lines(tmp_path, line, kind, reason):
    write(tmp_path, f"{ANN}{line}\n")
    _, report = convert(tmp_path)
    assert report.dropped[kind] == 1
    [told] = [x for x in report.sorts() if x[0][0] == kind and x[0][1] == "dropped"]
    assert f"one.ann:{ANN.count(chr(10)) + 1}: " in told[1][0] and reason in told[1][0]


def test_line_whose_tab_is_lost_is_of_its_kind(tmp_path):
    """It belongs to no entity before it, whose text is whole."""
    write(tmp_path, "T1\tPERSON 0 4\tMira\nR1 KNOWS Arg1:T1 Arg2:T1\n")
    [doc], report = convert(tmp_path)
    assert [ent.text for ent in doc.ents] == ["Mira"]
    assert report.read["relation"] == report.dropped["relation"] == 1
    assert "one.ann:2: not a line of brat standoff" in report.sorts()[0][1][0]


def test_no_standoff(tmp_path):
    write(tmp_path, "what is this\n")
    _, report = convert(tmp_path)
    assert report.dropped == {"note": 1}


def test_bad_files(tmp_path):
    write(tmp_path)
    (tmp_path / "alone.ann").write_text(ANN)
    write(tmp_path, name="broken")
    (tmp_path / "broken.txt").write_bytes(b"Mira\n\xff and")
    write(tmp_path, "", "", name="empty")
    docs, report = convert(tmp_path)
    assert len(docs) == 1 and report.dropped["document"] == 3
    told = " ".join(place for _, places in report.sorts() for place in places)
    assert "there is no 'alone.txt' beside it" in told
    assert "broken.txt:2: broken UTF-8: byte 0xff" in told
    assert "no text in the document" in told


def test_byte_order_mark_and_crlf(tmp_path):
    text = "\ufeffOne mill.\r\nTwo mills."
    write(tmp_path, "\ufeffT1\tORG 15 20\tmills\r\n", text)
    [doc], report = convert(tmp_path)
    assert [ent.text for ent in doc.ents] == ["mills"] and not report.dropped


@pytest.mark.parametrize("shift", [0, 1])
def test_byte_order_mark_that_offsets_count(shift, tmp_path):
    """As they do in brat, and not where an editor has added it. The entity that begins
    the text may have it."""
    bounds = [(n + shift, m + shift) for n, m in ((0, 4), (9, 12), (13, 17))]
    mark = "\ufeff" * shift
    ann = "T1\tPERSON {} {}\tMira\nT2\tPERSON {} {};{} {}\tJon Falk\n"
    ann = ann.format(*sum(bounds, ()))
    ann += f"T3\tALL 0 {8 + shift}\t{mark}Mira and\nR1\tKNOWS Arg1:T1 Arg2:T2\n"
    write(tmp_path, ann, "\ufeff" + TEXT)
    [doc], report = convert(tmp_path, Options(spans_key="all"))
    assert doc.text == TEXT and not report.dropped and not report.changed
    assert [x.text for x in doc.spans["all"]] == ["Mira", "Mira and", "Jon Falk"]
    assert triples(doc) == {("Mira", "KNOWS", "Jon Falk")}


@pytest.mark.skipif(not DATA.is_dir(), reason="needs the corpora of ../shared/data")
@pytest.mark.parametrize(
    "split, n", [("training", 10415), ("develop", 844), ("testing", 2469)]
)
def test_ehealthkd(split, n):
    _, report = convert(DATA / "ehealthkd" / split, Options(cut="line", spans_key="all"))
    assert report.read["relation"] == n and report.dropped["relation"] <= 4
