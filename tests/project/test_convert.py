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
    ],
)
def test_errors_name_the_line(read, text, place, message):
    with pytest.raises(ValueError) as error:
        read(text)
    assert f"corpus.txt:{place}: " in str(error.value)
    assert message in str(error.value)


def test_writes_what_a_pipeline_reads(tmp_path):
    app = convert.typer.Typer()
    app.command()(convert.main)
    source, output = tmp_path / "a.txt", tmp_path / "new" / "a.spacy"
    source.write_text(MARKUP, encoding="utf8")
    result = CliRunner().invoke(app, [str(source), "--output", str(output)])
    assert result.exit_code == 0, result.output
    assert "2 documents, 4 sentences, 7 entities, 3 relations" in " ".join(
        result.output.split()
    )
    docs = list(DocBin().from_disk(output).get_docs(spacy.blank("en").vocab))
    assert [len(doc._.relations) for doc in docs] == [2, 1]
    source.write_text("No id.\n", encoding="utf8")
    result = CliRunner().invoke(app, [str(source), "--output", str(output)])
    assert result.exit_code == 1 and "a.txt:1:" in result.output


def test_demo_corpus_is_well_formed():
    """Also that no document stands in two parts of the split."""
    paths = sorted((PROJECT / "corpus").glob("t*.txt")) + [PROJECT / "corpus" / "dev.txt"]
    docs = list(convert.read_docs(spacy.blank("en"), paths))
    assert len({doc.text for doc in docs}) == len(docs) > 0
