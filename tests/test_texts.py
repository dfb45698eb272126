import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_relext.texts import Fault, Note, Text, read_texts


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder, name, data):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode("utf8"))
    return path.relative_to(folder)


def read(*paths, **options):
    return list(read_texts(paths, **options))


def test_a_text_file_is_a_document(folder):
    path = write(folder, "a.txt", "One.\nTwo.\n")
    assert read(path) == [Text("a.txt", "a.txt", "One.\nTwo.\n")]


def test_or_each_of_its_lines(folder):
    path = write(folder, "a.txt", "One.\r\n\r\n Two. \nThree")
    assert read(path, lines=True) == [
        Text("a.txt:1", "a.txt:1", "One."),
        Text("a.txt:3", "a.txt:3", "Two."),
        Text("a.txt:4", "a.txt:4", "Three"),
    ]


def test_json_lines(folder):
    path = write(folder, "a.jsonl", '{"text": "One", "id": "x"}\n\n{"text": "Two", "id": 7}\r\n')
    assert read(path) == [Text("x", "a.jsonl:1", "One"), Text("7", "a.jsonl:3", "Two")]
    path = write(folder, "b.ndjson", '{"body": "One", "nr": 0}\n{"body": "Two", "nr": ""}')
    assert read(path, text_field="body", id_field="nr") == [
        Text("0", "b.ndjson:1", "One"),
        Text("b.ndjson:2", "b.ndjson:2", "Two"),
    ]


def test_ids_that_are_none(folder):
    """Those of pandas are, which writes 2 as 2.0 where another is missing."""
    ids = (2.0, -7.0, None, "", 2.5, ["a"], True, float("nan"), {"a": 1})
    lines = [json.dumps({"text": "One", "id": id_}) for id_ in ids]
    *texts, note = read(write(folder, "a.jsonl", "\n".join(lines)))
    others = [f"a.jsonl:{number}" for number in range(3, 10)]
    assert [text.id for text in texts] == ["2", "-7", *others]
    assert isinstance(note, Note) and note.source == "a.jsonl"
    told = "5 ids that are no string or whole number, the first 2.5 at a.jsonl:5."
    assert told in note.reason


@pytest.mark.parametrize(
    "name, data",
    [
        ("a.jsonl", '{"text": "One", "id": "x"}\n{"text": "Two", "id": "y"}'),
        ("a.csv", "text,id\nOne,x\nTwo,y\n"),
    ],
)
def test_id_field_that_no_document_has(folder, name, data):
    """It is told once a file that has fields, and only where one was asked for."""
    paths = [write(folder, name, data), write(folder, "b.txt", "Three")]
    *texts, note, last = read(*paths, id_field="docid")
    assert [text.id == text.source for text in (*texts, last)] == [True] * 3
    assert isinstance(note, Note) and note.source == name and "'docid'" in note.reason
    assert [text.id for text in read(*paths, id_field="id")] == ["x", "y", "b.txt"]
    assert [text.id for text in read(*paths)] == ["x", "y", "b.txt"]
    write(folder, name, data.replace("id", "of"))
    assert {type(found) for found in read(*paths)} == {Text}


def test_output_of_another_run_is_told(folder):
    """Its texts are those of other files once more, but may be meant."""
    record = {"model": "x", "id": "y", "source": "z", "text": "One"}
    lines = [{**record, "entities": [], "relations": []}] * 2 + [record]
    path = write(folder, "d/a.jsonl", "\n".join(map(json.dumps, lines)))
    write(folder, "d/b.jsonl", json.dumps(record))
    *texts, note, last = read(path.parent)
    assert [text.id for text in (*texts, last)] == ["y"] * 4
    assert isinstance(note, Note) and note.source == "d/a.jsonl"
    assert "2 records that `relext extract` wrote" in note.reason


@pytest.mark.parametrize("suffix, delimiter", [("csv", ","), ("tsv", "\t"), ("CSV", ",")])
def test_tables(folder, suffix, delimiter):
    rows = [["id", "text"], ["x", '"One,\r\nand ""two"""'], ["", "Three"], []]
    path = write(folder, f"a.{suffix}", "\r\n".join(map(delimiter.join, rows)))
    assert read(path) == [
        Text("x", f"a.{suffix}:2", 'One,\r\nand "two"'),
        Text(f"a.{suffix}:4", f"a.{suffix}:4", "Three"),
    ]


@pytest.mark.parametrize(
    "name, data",
    [
        ("a.txt", "Ünïcode"),
        ("a.jsonl", '{"text": "Ünïcode"}'),
        ("a.csv", "text,x\r\nÜnïcode,1"),
    ],
)
def test_byte_order_mark(folder, name, data):
    (text,) = read(write(folder, name, b"\xef\xbb\xbf" + data.encode("utf8")))
    assert text.text == "Ünïcode"


def test_directories_are_searched_in_the_same_order_each_time(folder):
    for name in ("d/b.txt", "d/a/2.jsonl", "d/c.csv", "d/.hidden.txt", "d/.git/x.txt"):
        write(folder, name, {"l": '{"text": "t"}', "v": "text\nt"}.get(name[-1], "t"))
    write(folder, "d/a/1.ann", "T1")
    write(folder, "d/a/out.jsonl", '{"text": "t"}')
    (path,) = folder.glob("d")
    found = read(path.relative_to(folder), leave_out=folder / "d/a/out.jsonl")
    assert [text.source for text in found] == ["d/b.txt", "d/c.csv:2", "d/a/2.jsonl:1", "d/a"]
    assert isinstance(found[-1], Fault) and ".ann (1)" in found[-1].reason


def test_folders_that_are_not_searched_are_told(folder):
    for name in ("d/a.txt", "d/gone/b.txt", "real/c.txt", "e/.hidden.txt", "out/o.txt"):
        write(folder, name, "t")
    (folder / "d" / "link").symlink_to(folder / "real")
    paths = map(Path, ("d", "e", "out"))
    found = read_texts(paths, leave_out=folder / "out" / "o.txt")
    link = next(found)
    assert (link.source, link.reason[:18]) == ("d/link", "not read: a link t")
    assert next(found) == Text("d/a.txt", "d/a.txt", "t")
    # It was seen, but not searched yet.
    shutil.rmtree(folder / "d" / "gone")
    assert list(found) == [
        Fault("d/gone", "cannot be read: No such file or directory"),
        Fault("e", "no file to read in it"),
        Fault("out", "no file to read in it"),
    ]
    # But a link that is given is.
    assert [text.source for text in read(Path("d", "link"))] == ["d/link/c.txt"]


BAD = [
    ("a.txt", b"One\nTw\xff", "a.txt:2", "0xff"),
    ("a.txt", "", "a.txt", "no text"),
    ("a.txt", " \n", "a.txt", "no text"),
    ("a.jsonl", "", "a.jsonl", "no document"),
    ("a.csv", "", "a.csv", "no document"),
    ("a.csv", "text\r\n", "a.csv", "no document"),
    ("a.pdf", "%PDF", "a.pdf", "not read"),
    ("a.jsonl", '{"text": "One"', "a.jsonl:1", "no JSON"),
    ("a.jsonl", "[" * 100_000, "a.jsonl:1", "no JSON"),
    ("a.jsonl", '["One"]', "a.jsonl:1", "no JSON object"),
    ("a.jsonl", '{"txt": "One"}', "a.jsonl:1", "'txt'"),
    ("a.jsonl", '{"text": 3}', "a.jsonl:1", "no string under 'text'"),
    ("a.jsonl", '{"text": ""}', "a.jsonl:1", "no text"),
    ("a.jsonl", '{"text": "\\ud800"}', "a.jsonl:1", "broken UTF-8"),
    ("a.jsonl", b'{"text": "\xe4"}', "a.jsonl:1", "0xe4"),
    ("a.csv", "id;text\n1;One\n", "a.csv:1", "'id;text'"),
    ("a.csv", "id,text\n1\n", "a.csv:2", "1 columns"),
    ("a.csv", "id,text\n1,One, two\n", "a.csv:2", "3 columns, where the header has 2"),
    ("a.csv", "text,id,text\nOne,1,Two\n", "a.csv:1", "more than one column 'text'"),
    ("a.csv", "id,text,id\n1,One,2\n", "a.csv:1", "more than one column 'id'"),
    ("a.csv", b"text\n\xe4\n", "a.csv:2", "broken UTF-8"),
    ("a.csv", 'text\n"One', "a.csv:2", "no row"),
    ("a.csv", 'text\n"One" and two', "a.csv:2", "no row"),
    ("a.tsv", 'text\n"One\nTwo\nso-called "three"\n', "a.tsv:2-4", "mark not closed"),
    ("a.csv", 'text\n"One\r\nTwo\r\n', "a.csv:2-3", "mark not closed"),
]


@pytest.mark.parametrize("name, data, source, reason", BAD)
def test_what_cannot_be_read_is_told_with_its_place(folder, name, data, source, reason):
    good = write(folder, "good.txt", "Good")
    found = read(good, write(folder, name, data), good)
    assert [text.text for text in found if isinstance(text, Text)] == ["Good", "Good"]
    (fault,) = (fault for fault in found if isinstance(fault, Fault))
    assert fault.source == source and reason in fault.reason


@pytest.mark.parametrize(
    "name, data, source, reason",
    [
        ("a.txt", "x" * 201, "a.txt", "201 bytes; --lines"),
        ("a.txt", "x" * 150, "a.txt", "150 characters"),
        ("a.jsonl", json.dumps({"text": "x" * 150}), "a.jsonl:1", "150 characters"),
        ("a.jsonl", json.dumps({"text": "x" * 450}), "a.jsonl:1", "too long a line"),
        ("a.csv", "text\n" + "x" * 150, "a.csv:2", "no row of a table"),
    ],
)
def test_no_document_takes_all_memory(folder, monkeypatch, name, data, source, reason):
    monkeypatch.setattr("spacy_relext.texts.MAX_CHARS", 100)
    monkeypatch.setattr("spacy_relext.texts.MAX_BYTES", 200)
    good = '\n{"text": "Good"}\n' if name.endswith("l") else ""
    (fault, *others) = read(write(folder, name, data + good))
    assert fault.source == source and reason in fault.reason
    assert [text.text for text in others] == ["Good"] * bool(good)


@pytest.mark.parametrize(
    "name, lines",
    [
        ("a.jsonl", [b'{"text": "One"}', b"{", b'{"text": "\xff"}', b'{"text": "Two"}']),
        ("a.csv", [b"text", b"One", b"\xff", b'"a"b', b"Two"]),
    ],
)
def test_the_lines_after_a_bad_one_are_read(folder, name, lines):
    kinds = [type(text) for text in read(write(folder, name, b"\r\n".join(lines)))]
    assert kinds == [Text, Fault, Fault, Text]


def test_missing_file(folder):
    (folder / "d").mkdir()
    (folder / "d" / "a.txt").symlink_to(folder / "nowhere")
    (fault,) = read(folder / "d")
    assert "cannot be read" in fault.reason


def test_name_that_is_no_text(folder):
    """It can't be told of in a record. What the file holds is not to blame."""
    (folder / "d").mkdir()
    for name in (b"a\xfc.jsonl", b"b\xfc.txt"):
        try:
            Path("d", os.fsdecode(name)).write_text('{"text": "One", "id": "x"}')
        except OSError:
            pytest.skip("no such names here")
    good = write(folder, "d/c.txt", "Good")
    for paths in ([Path("d")], [*sorted(Path("d").glob("*\udcfc*")), good]):
        *faults, text = read(*paths)
        assert text.text == "Good" and len(faults) == 2
        assert all("name is no UTF-8" in fault.reason for fault in faults)
        assert [fault.source for fault in faults] == ["d/a\udcfc.jsonl", "d/b\udcfc.txt"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
@pytest.mark.parametrize("name", ["d", "d/a.txt", "d/b.jsonl"])
def test_a_pipe_is_no_file(folder, name):
    """Nobody writes to it, so that to open it would take for ever."""
    good = write(folder, "d/c.txt", "Good")
    for pipe in ("d/a.txt", "d/b.jsonl"):
        os.mkfifo(pipe)
    *faults, text = read(Path(name), *([] if name == "d" else [good]))
    assert text.text == "Good" and len(faults) == (2 if name == "d" else 1)
    assert all("no file, but a folder, pipe" in fault.reason for fault in faults)


@settings(max_examples=60)
@given(st.lists(st.one_of(st.text(), st.binary(), st.none()), max_size=6))
def test_every_line_is_a_document_or_told(tmp_path_factory, contents):
    """Whatever the lines are: nothing is lost silently, and texts are what was there."""
    lines = [
        json.dumps({"text": text}).encode() if isinstance(text, str) else text or b"null"
        for text in contents
    ]
    data = b"\n".join(lines)
    folder = tmp_path_factory.mktemp("lines")
    found = read(folder / write(folder, "a.jsonl", data))
    n_lines = sum(bool(line.decode("utf8", "replace").strip()) for line in data.split(b"\n"))
    assert len(found) == max(n_lines, 1)
    texts = [text for text in contents if isinstance(text, str) and text.strip()]
    assert [text.text for text in found if isinstance(text, Text)] == texts
