"""`relext render`: the page, and its filters in a real browser where there is one."""

import json
import os
from xml.etree import ElementTree

import pytest
import spacy
from spacy.cli._util import app
from spacy.tokens import DocBin, Span
from typer.testing import CliRunner

from spacy_relext import Relation, set_relations
from spacy_relext.cli.render import render_files
from spacy_relext.records import as_record
from spacy_relext.visual import render

from ..browser import browse, needs_chromium

HTML = "{http://www.w3.org/1999/xhtml}"
NLP = spacy.blank("en")


def make_doc(score=0.9, related=True):
    doc = NLP("Ada Low founded Acme in Oslo.")
    bounds = [(0, 2, "PERSON"), (3, 4, "ORG"), (5, 6, "PLACE")]
    ada, acme, oslo = doc.ents = [Span(doc, *bound) for bound in bounds]
    relations = [
        Relation(ada, acme, "FOUNDED & <led>", score),
        Relation(acme, oslo, "BASED_IN", 0.4),
    ]
    set_relations(doc, relations if related else [])
    return doc


@pytest.fixture
def records(tmp_path):
    path = tmp_path / "found.jsonl"
    docs = [make_doc(0.9), make_doc(0.6), make_doc(related=False)]
    lines = [json.dumps(as_record(doc, id=str(i))) for i, doc in enumerate(docs)]
    path.write_text("\n".join(lines), encoding="utf8")
    return path


def parse(path):
    text = path.read_text("utf8").removeprefix("<!DOCTYPE html>\n")
    return ElementTree.fromstring(text)


def count(page, name):
    return sum(1 for _ in page.iter(f"{HTML}{name}"))


def test_page_of_records(records, tmp_path):
    result = CliRunner().invoke(app, ["relext", "render", str(records)])
    assert result.exit_code == 0, result.output
    page = parse(tmp_path / "found.html")
    assert count(page, "section") == 3 and count(page, "tr") == 4
    boxes = [x.get("value") for x in page.iter(f"{HTML}input") if x.get("name") == "label"]
    assert boxes == ["BASED_IN", "FOUNDED & <led>"]


@pytest.mark.parametrize(
    "options, n_docs, n_relations",
    [
        ({"limit": 1}, 1, 2),
        ({"limit": 0}, 3, 4),
        ({"min_score": 0.5}, 3, 2),
        ({"min_score": 0.7, "only_related": True}, 1, 1),
    ],
)
def test_what_is_left_out(options, n_docs, n_relations, records, tmp_path):
    shown, n_left = render_files([records], tmp_path / "a" / "page.html", **options)
    page = parse(tmp_path / "a" / "page.html")
    assert shown == count(page, "section") == n_docs
    assert count(page, "tr") == n_relations
    assert n_left == (2 if options.get("limit") == 1 else 0)


def test_page_of_docs(tmp_path):
    path = tmp_path / "docs.spacy"
    DocBin(docs=[make_doc()], store_user_data=True).to_disk(path)
    render_files([path], tmp_path / "page.html")
    assert count(parse(tmp_path / "page.html"), "tr") == 2


def test_what_convert_stores_is_shown(records, tmp_path):
    """The same as of the records themselves: names, and no direction where there is none."""
    lines = [json.loads(line) for line in records.read_text("utf8").splitlines()]
    for relation in lines[0]["relations"][:1]:
        relation["symmetric"] = True
    records.write_text("\n".join(map(json.dumps, lines)), encoding="utf8")
    path = tmp_path / "docs.spacy"
    command = ["relext", "convert", str(records), str(path)]
    assert CliRunner().invoke(app, command).exit_code == 0
    pages = []
    for number, source in enumerate((records, path)):
        output = tmp_path / f"{number}.html"
        render_files([source], output)
        page = output.read_text("utf8")
        pages.append((page.count("<h2>"), page.count('class="tip"'), page.count("—</span>")))
    assert pages == [(3, 2, 2)] * 2


def test_a_title_of_ones_own(tmp_path):
    doc, path = make_doc(), tmp_path / "docs.spacy"
    doc.user_data["title"] = "Mine"
    DocBin(docs=[doc, make_doc()], store_user_data=True).to_disk(path)
    render_files([path], tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf8")
    assert page.count("<h2>") == 1 and "<h2>Mine</h2>" in page


def test_group_that_no_doc_has(tmp_path):
    doc = make_doc()
    doc.spans["people"], doc.spans["sc"] = doc.ents[:1], []
    path = tmp_path / "docs.spacy"
    DocBin(docs=[make_doc(), doc], store_user_data=True).to_disk(path)
    command = ["relext", "render", str(path), "--limit", "1", "--spans-key"]
    result = CliRunner().invoke(app, [*command, "sk"])
    assert result.exit_code == 1 and not (tmp_path / "docs.html").exists()
    told = " ".join(result.output.split())
    assert "No document has the group 'sk' in doc.spans, but: 'people', 'sc'" in told
    # One that has it is enough, also where it is not shown, or has nothing in the group.
    for key in ("people", "sc"):
        result = CliRunner().invoke(app, [*command, key])
        assert result.exit_code == 0, result.output


def test_no_doc_has_a_group(tmp_path, records):
    path = tmp_path / "docs.spacy"
    DocBin(docs=[make_doc()], store_user_data=True).to_disk(path)
    with pytest.raises(ValueError, match="but: none; without --spans-key doc.ents"):
        render_files([path, records], tmp_path / "page.html", spans_key="sc")
    # Records have no such groups, and where there is no doc none lacks it.
    DocBin(store_user_data=True).to_disk(path)
    render_files([path, records], tmp_path / "page.html", spans_key="sc")


@pytest.mark.parametrize("name", ["bad.spacy", "bad.jsonl"])
def test_what_is_no_input_is_told(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(b"\xff{")
    result = CliRunner().invoke(app, ["relext", "render", str(path)])
    assert result.exit_code == 1 and name in result.output
    assert not (tmp_path / "bad.html").exists()


def test_input_is_not_written_over(records, tmp_path):
    (tmp_path / "new").mkdir()
    before = records.read_bytes()
    output = tmp_path / "new" / ".." / records.name
    command = ["relext", "render", str(records), "--output", str(output)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1 and records.read_bytes() == before
    assert "cannot be input and output" in " ".join(result.output.split())


def test_documents_without_a_record_are_told(records):
    command = ["relext", "render", str(records)]
    assert "left out" not in CliRunner().invoke(app, command).output
    error = json.dumps({"id": "x", "text": "An \"error\".", "error": "MemoryError: "})
    records.write_text(f"{records.read_text()}\n{error}\n{error}")
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0
    assert "Documents left out, as the pipeline failed on them: 2" in result.output


def test_full_disk(records, tmp_path, small_disk):
    """The page of before stays, and the error says which could not be written."""
    output = tmp_path / "page.html"
    output.write_text("before")
    command = ["relext", "render", str(records), "--output", str(output)]
    with small_disk(1000):
        result = CliRunner().invoke(app, command)
    assert result.exit_code == 1 and output.read_text() == "before"
    assert str(output) in "".join(result.output.split())
    assert sorted(x.name for x in tmp_path.iterdir()) == ["found.jsonl", "page.html"]
    assert CliRunner().invoke(app, command).exit_code == 0
    assert count(parse(output), "section") == 3


def test_output_that_is_no_file(records, tmp_path):
    """It is written to, and not replaced. A link stays one."""
    output, link = tmp_path / "page.html", tmp_path / "link.html"
    link.symlink_to(output.name)
    render_files([records], link)
    assert link.is_symlink() and count(parse(output), "section") == 3
    device = tmp_path / "device"
    device.symlink_to("/dev/null")
    render_files([records], device)
    assert device.is_symlink() and not os.path.isfile(device)


@pytest.mark.parametrize("score", [0.7999999, 1e-7, 1.0])
def test_filters_know_the_score_itself(score):
    """Rounded, one that is just below a bound would pass it."""
    page = render(make_doc(score), filters=True)
    told = {float(x.split('"')[0]) for x in page.split('data-score="')[1:]}
    assert told == {score, 0.4}


def test_without_filters_there_is_no_script():
    assert "<script" not in render(make_doc()) and "<form" not in render(make_doc())


@needs_chromium
@pytest.mark.parametrize(
    "asked, n_relations, n_docs",
    [
        ("", 4, 3),
        ("#score=0.7", 1, 3),
        ("#score=0.7&only=1", 1, 1),
        ("#label=BASED_IN", 2, 3),
        ("#label=FOUNDED+%26+%3Cled%3E&score=0.5", 2, 3),
        ("#label=none&only=1", 0, 0),
    ],
)
def test_filters_in_a_browser(asked, n_relations, n_docs, records, tmp_path):
    """What shows, by the document as the browser has it once the script has run."""
    path = tmp_path / "page.html"
    render_files([records], path)
    html = browse(path.as_uri() + asked, tmp_path, "--dump-dom")
    assert f"{n_relations} relations, {n_docs} documents" not in path.read_text("utf8")
    # The browser writes no XML; each relation has a row.
    rows = [row.split(">", 1)[0] for row in html.split("<tr ")[1:]]
    sections = [part.split(">", 1)[0] for part in html.split("<section")[1:]]
    arcs = [arc.split(">", 1)[0] for arc in html.split('<g class="relation" ')[1:]]
    assert sum("hidden" not in row for row in rows) == n_relations
    assert sum("hidden" not in arc for arc in arcs) >= n_relations
    assert sum("hidden" in arc for arc in arcs) > 0 or n_relations == 4
    assert sum("hidden" not in section for section in sections) == n_docs
