from collections import Counter
from pathlib import Path

import pytest
import spacy
from spacy.tokens import DocBin
from spacy.util import import_file
from typer.testing import CliRunner

PROJECT = Path(__file__).parents[2] / "project"
convert = import_file("convert", PROJECT / "scripts" / "convert.py")

MARKUP = """
# one
[Ada Low](PERSON) set up [Acme](ORG) in [Oslo](PLACE).
  Ada Low -FOUNDED-> Acme
  Acme -BASED_IN-> Oslo
No one else came.

# two
[Acme](ORG a1) bought [Acme](ORG a2)'s name from [Bo](PERSON).
  a1 -ACQUIRED-> a2
[Bo](PERSON) left.
"""


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "corpus.txt"
        path.write_text(text, encoding="utf8")
        return list(convert.read_docs(spacy.blank("en"), [path]))

    return read


def as_text(doc):
    return [
        (rel.head.text, rel.label, rel.tail.text, rel.head.start) for rel in doc._.relations
    ]


def test_reads_documents(read):
    one, two = read(MARKUP)
    assert one.text == "Ada Low set up Acme in Oslo. No one else came."
    assert [sent.text for sent in one.sents] == [
        "Ada Low set up Acme in Oslo.",
        "No one else came.",
    ]
    assert [(ent.text, ent.label_) for ent in one.ents] == [
        ("Ada Low", "PERSON"),
        ("Acme", "ORG"),
        ("Oslo", "PLACE"),
    ]
    assert as_text(one) == [
        ("Ada Low", "FOUNDED", "Acme", 0),
        ("Acme", "BASED_IN", "Oslo", 4),
    ]
    assert two.text == "Acme bought Acme's name from Bo. Bo left."
    (relation,) = two._.relations
    assert (relation.head.start, relation.tail.start) == (0, 2)


@pytest.mark.parametrize(
    "text, place, message",
    [
        ("A sentence.\n", 1, "begins with"),
        ("\n\n# a b\nA sentence.\n", 3, "begins with"),
        ("# a\n", 1, "no sentence"),
        ("# a\nText.\n\n# a\nText.\n", 4, "id used already in"),
        ("# a\nAn [Acme(ORG) here.\n", 2, "an entity is written"),
        ("# a\nAn [Acme] (ORG) here.\n", 2, "an entity is written"),
        ("# a\n[A](X)n apple.\n", 2, "within a token: ['An']"),
        ("# a\n[A](X) and [B](X).\n  A loves B\n", 3, "a relation is written"),
        (
            "# a\n[A](X) and [B](X).\n  A -L-> C\n",
            3,
            "'C' in the sentence, there are: A, B",
        ),
        ("# a\n[A](X) here.\n[B](X) there.\n  A -L-> B\n", 4, "no entity 'A'"),
        ("# a\n  A -L-> B\n", 2, "there are: none"),
        ("# a\n[A](X) and [A](X), [B](X).\n  A -L-> B\n", 3, "2 entities are called 'A'"),
        ("# a\n[A](X i) and [B](X i).\n", 2, "'i' names two entities"),
        ("# a\n[A](X) and [B](X i j).\n", 2, "an entity is written"),
        ("# a\n[A](X i) here.\n  A -L-> i\n", 3, "'A' and 'i' are one entity"),
        (
            "# a\n[A](X) and [B](X i).\n  A -L-> B\n  A -M-> B\n  A -L-> i\n",
            5,
            "the relation is there already",
        ),
        ("# a\n[A](X) and [B](X).\nA -L-> B\n", 3, "a relation is indented"),
        ("# a\nText.\n# b\nText.\n", 3, "a blank line comes before a document"),
    ],
)
def test_errors_name_the_line(read, text, place, message):
    with pytest.raises(ValueError) as error:
        read(text)
    assert f"corpus.txt:{place}: " in str(error.value)
    assert message in str(error.value)


def test_a_mention_in_each_sentence(read):
    """The same text names another entity in the next sentence, and an entity may take
    part in several relations."""
    (doc,) = read(
        "# a\n[Bo](P) left [Acme](O) and [Low](O).\n  Bo -L-> Acme\n  Bo -L-> Low\n"
        "  Low -M-> Bo\n[Bo](P) runs [Acme](O).\n\tBo  -N->  Acme\n"
    )
    assert as_text(doc) == [
        ("Bo", "L", "Acme", 0),
        ("Bo", "L", "Low", 0),
        ("Low", "M", "Bo", 4),
        ("Bo", "N", "Acme", 6),
    ]


def test_error_names_the_line_that_is_not_utf8(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_bytes("# a\r\nIn Tromsø.\r\n".encode("latin1"))
    with pytest.raises(ValueError, match="corpus.txt:2: not UTF-8"):
        list(convert.read_docs(spacy.blank("en"), [path]))
    path.write_bytes("# a\r\nIn [Tromsø](PLACE).\r\n".encode("utf8"))
    (doc,) = convert.read_docs(spacy.blank("en"), [path])
    assert doc.text == "In Tromsø." and doc.ents[0].text == "Tromsø"


def test_writes_what_a_pipeline_reads(tmp_path):
    app = convert.typer.Typer()
    app.command()(convert.main)
    source, output = tmp_path / "a.txt", tmp_path / "new" / "a.spacy"
    source.write_text(MARKUP, encoding="utf8")
    result = CliRunner().invoke(app, [str(source), "--output", str(output)])
    assert result.exit_code == 0, result.output
    output_words = " ".join(result.output.split())
    assert "2 documents, 4 sentences, 7 entities, 3 relations" in output_words
    assert "entity ORG 3 entity PERSON 3 entity PLACE 1" in output_words
    assert "relation ACQUIRED 1 relation BASED_IN 1 relation FOUNDED 1" in output_words
    docs = list(DocBin().from_disk(output).get_docs(spacy.blank("en").vocab))
    assert [len(doc._.relations) for doc in docs] == [2, 1]
    source.write_text("No id.\n", encoding="utf8")
    result = CliRunner().invoke(app, [str(source), "--output", str(output)])
    assert result.exit_code == 1 and "a.txt:1:" in result.output


# Entity types of head and tail by label.
SCHEMA = {
    "ACQUIRED": ("ORG", "ORG"),
    "BASED_IN": ("ORG", "PLACE"),
    "BORN_IN": ("PERSON", "PLACE"),
    "FOUNDED": ("PERSON", "ORG"),
    "MARRIED_TO": ("PERSON", "PERSON"),
    "WORKS_FOR": ("PERSON", "ORG"),
}
SPLITS = {"train": ["train_a.txt", "train_b.txt"], "dev": ["dev.txt"], "test": ["test.txt"]}


def get_paths(split):
    return [PROJECT / "corpus" / name for name in SPLITS[split]]


@pytest.mark.parametrize("split", SPLITS)
def test_demo_corpus_converts_whole(split):
    """What is written in the text is in the docs, and the README has its counts."""
    docs = list(convert.read_docs(spacy.blank("en"), get_paths(split)))
    text = "\n".join(path.read_text(encoding="utf8") for path in get_paths(split))
    lines = text.splitlines()
    relations = [relation for doc in docs for relation in doc._.relations]
    assert len(docs) == sum(line.startswith("# ") for line in lines)
    assert sum(len(doc.ents) for doc in docs) == text.count("](")
    assert len(relations) == sum(line.startswith(" ") for line in lines)
    for relation in relations:
        assert (relation.head.label_, relation.tail.label_) == SCHEMA[relation.label]
    labels = Counter(relation.label for relation in relations)
    types = Counter(ent.label_ for doc in docs for ent in doc.ents)
    assert set(labels) == set(SCHEMA)
    # Hard negatives: sentences with entities enough and no relation.
    related = {relation.head.sent for relation in relations}
    assert any(
        len(sent.ents) > 1 and sent not in related for doc in docs for sent in doc.sents
    )
    n_sents = sum(len(list(doc.sents)) for doc in docs)
    counts = [len(docs), n_sents, *(types[x] for x in ("PERSON", "ORG", "PLACE"))]
    counts += [len(relations), *(labels[label] for label in SCHEMA)]
    readme = (PROJECT / "README.md").read_text(encoding="utf8")
    columns = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in readme.splitlines()
        if line.startswith("| ") and line.count("|") == 5
    ]
    start = next(i for i, row in enumerate(columns) if row[1:] == list(SPLITS))
    table = columns[start + 1 : start + 1 + len(counts)]
    assert [int(row[1 + list(SPLITS).index(split)]) for row in table] == counts


def test_demo_splits_have_no_document_in_common():
    # The reader itself stops at an id that it saw before.
    paths = [path for split in SPLITS for path in get_paths(split)]
    docs = list(convert.read_docs(spacy.blank("en"), paths))
    assert len({doc.text for doc in docs}) == len(docs) > 0
    assert {path.name for path in paths} | {"unseen.txt"} == {
        path.name for path in (PROJECT / "corpus").glob("*.txt")
    }
