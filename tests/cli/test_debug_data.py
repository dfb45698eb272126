import json

import pytest
import spacy
from spacy.cli import app
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.util import load_config
from typer.testing import CliRunner

import spacy_relext.cli  # noqa: F401
from spacy_relext import Relation, set_relations
from spacy_relext.cli import other_pipelines

VOCAB = spacy.blank("en").vocab

CONFIG = """
[nlp]
lang = "en"
pipeline = ["transformer", "relation_extractor"]

[components]

[components.transformer]
factory = "transformer"

[components.transformer.model]
@architectures = "spacy-transformers.TransformerModel.v3"
name = "no-such-encoder"

[components.transformer.model.get_spans]
@span_getters = "spacy-transformers.strided_spans.v1"
window = 6
stride = 6

[components.relation_extractor]
factory = "relation_extractor"

[components.relation_extractor.pairs]
@misc = "spacy-relext.token_window.v1"
max_tokens = 1
"""


def make(words, entities=(), relations=(), spaces=None, annotated=True):
    doc = Doc(VOCAB, words=words.split(), spaces=spaces)
    doc.ents = [Span(doc, start, end, label=label) for start, end, label in entities]
    if annotated:
        made = [Relation(doc.ents[h], doc.ents[t], label) for h, t, label in relations]
        set_relations(doc, made)
    return doc


PEOPLE = [(0, 1, "PERSON"), (2, 3, "PERSON")]


def clean(n=20, start=0):
    return [
        make(
            f"Ann{i} left Oslo{i} .",
            [(0, 1, "PERSON"), (2, 3, "PLACE")],
            [(0, 1, "LEFT")],
        )
        for i in range(start, start + n)
    ]


def debug(tmp_path, train, dev, *options):
    for name, docs in (("train", train), ("dev", dev)):
        DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / f"{name}.spacy")
    paths = (str(tmp_path / "train.spacy"), str(tmp_path / "dev.spacy"))
    result = CliRunner().invoke(app, ["relext", "debug-data", *paths, *map(str, options)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result, " ".join(result.output.split())


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.cfg"
    path.write_text(CONFIG)
    return path


def test_clean_data(tmp_path):
    result, text = debug(tmp_path, clean(), clean(5, 50))
    assert result.exit_code == 0, result.output
    assert "No problem found" in text
    assert "pairs without relation 50.0% 50.0%" in text
    assert "LEFT 20 5 PERSON → PLACE (20)" in text


@pytest.mark.parametrize(
    "train, dev, message",
    [
        (
            [],
            [make("Bo met Al .", PEOPLE, [(0, 1, "MET")])],
            "Labels in dev that train does",
        ),
        ([make("Bo met Al .", PEOPLE, [(0, 1, "MET")])], [], "fewer than 20 relations"),
        (clean(1, 60), clean(1, 60), "1 texts of dev are in train too"),
        ([], [make("Nobody here .", annotated=False)], "1 docs in dev without annotation"),
    ],
)
def test_problems(tmp_path, train, dev, message):
    result, text = debug(tmp_path, clean() + train, clean(5, 80) + dev)
    assert result.exit_code == 0 and message in text, result.output
    assert "No problem found" not in text


@pytest.mark.parametrize(
    "relations, reason",
    [
        ([(0, 1, "MET"), (1, 0, "MET")], "40 of 40 are annotated both ways"),
        ([(0, 1, "MET")], "20 of 20 go from the first to the second mention"),
    ],
)
def test_looks_symmetric(tmp_path, relations, reason):
    docs = [make(f"Bo{i} met Al{i} .", PEOPLE, relations) for i in range(20)]
    _, text = debug(tmp_path, docs, clean(5))
    assert "MET looks symmetric" in text and reason in text
    # That has a person and a place.
    _, text = debug(tmp_path, clean(), clean(5))
    assert "looks symmetric" not in text


def test_no_relations(tmp_path):
    docs = clean()
    for doc in docs:
        doc.user_data.clear()
    _, text = debug(tmp_path, docs, clean(5))
    assert "No relations in train" in text and "store_user_data" in text


def test_no_entities(tmp_path):
    doc = clean(1)[0]
    doc.ents = []
    _, text = debug(tmp_path, clean(), [*clean(5, 50), doc])
    assert "1 of 6 relations in dev between spans that are no entities" in text


def test_config(tmp_path, config):
    far = make(
        "Ann had long since left Oslo .",
        [(0, 1, "PERSON"), (5, 6, "PLACE")],
        [(0, 1, "LEFT")],
    )
    _, text = debug(tmp_path, [*clean(), far], clean(5, 50), "--config", config)
    assert "1 of 21 relations in train out of reach" in text
    assert "1 of 21 docs in train longer than 6 tokens" in text
    _, text = debug(tmp_path, [*clean(), far], clean(5, 50))
    assert "out of reach" not in text


def test_pairs_without_relation_are_those_that_are_learnt_from(tmp_path, config):
    """Two candidates, one of them with two labels; between the others there are too many
    tokens. And no doc that nobody annotated."""
    entities = [(0, 1, "PERSON"), (2, 3, "PLACE"), (8, 9, "PLACE")]
    words = "Ann left Oslo as she had said ; Rome"
    relations = [(0, 1, "LEFT"), (0, 1, "SAW"), (0, 2, "LEFT")]
    train = [make(words, entities, relations)]
    dev = [*train, make(words, entities[:2], annotated=False)]
    _, text = debug(tmp_path, train, dev, "--config", config)
    assert "pairs 2 2" in text and "pairs without relation 50.0% 50.0%" in text
    _, text = debug(tmp_path, train, dev)
    assert "pairs 6 6" in text and "pairs without relation 66.7% 66.7%" in text
    # Those of another component have none for this one.
    config.write_text(f'{CONFIG}{INITIALIZE}labels = ["SAID"]')
    _, text = debug(tmp_path, train, dev, "--config", config)
    assert "pairs without relation 100.0% 100.0%" in text


def test_no_window(tmp_path, config):
    """Without a transformer there is none that a doc could be longer than."""
    before, rest = CONFIG.split("[components.transformer]")
    config.write_text(before + rest[rest.index("[components.relation_extractor]") :])
    long = make("Ann left Oslo " + ". " * 200, [(0, 1, "PERSON"), (2, 3, "PLACE")], [(0, 1, "LEFT")])
    _, text = debug(tmp_path, [*clean(), long], clean(5, 50), "--config", config)
    assert "1 of 21 relations" not in text and "longer than" not in text
    _, text = debug(tmp_path, [*clean(), long], clean(5, 50))
    assert "1 of 21 docs in train longer than 128 tokens" in text


def test_what_components_load_need_not_be_there(tmp_path, config):
    part = '[initialize.components.entity_linker]\n'
    part += '[initialize.components.entity_linker.kb_loader]\n'
    part += '@misc = "spacy.KBFromFile.v1"\nkb_path = null\n'
    config.write_text(f"{CONFIG}\n[initialize]\n[initialize.components]\n{part}")
    result, _ = debug(tmp_path, clean(), clean(5, 50), "--config", config)
    assert result.exit_code == 0, result.output


def test_what_is_no_corpus_is_told(tmp_path):
    for name in ("train", "dev"):
        (tmp_path / f"{name}.spacy").write_bytes(b"no docs")
    paths = (str(tmp_path / "train.spacy"), str(tmp_path / "dev.spacy"))
    result = CliRunner().invoke(app, ["relext", "debug-data", *paths])
    assert result.exit_code == 1 and "train.spacy" in "".join(result.output.split("\n"))


@pytest.mark.filterwarnings("ignore:.*W090")
@pytest.mark.parametrize("is_folder", [True, False])
def test_what_has_no_docs_is_told(tmp_path, is_folder):
    paths = (tmp_path / "train.spacy", tmp_path / "dev.spacy")
    DocBin(docs=clean(), store_user_data=True).to_disk(paths[0])
    if is_folder:
        paths[1].mkdir()
        (paths[1] / "dev.jsonl").touch()
    else:
        DocBin(store_user_data=True).to_disk(paths[1])
    result = CliRunner().invoke(app, ["relext", "debug-data", *map(str, paths)])
    told = "".join(result.output.split())
    assert result.exit_code == 1 and "store_user_data" not in told
    assert "Nodocsin" in told and "dev.spacy" in told


INITIALIZE = """
[initialize]

[initialize.components]

[initialize.components.relation_extractor]
"""
LABELS_FILE = """
[initialize.components.relation_extractor.labels]
@readers = "spacy.read_labels.v1"
"""


@pytest.mark.parametrize("in_file", [False, True])
@pytest.mark.parametrize(
    "labels, absent, other",
    [
        (["LEFT"], None, None),
        (["LEFT", "Left"], "Left", None),
        (["Left"], "Left", "LEFT"),
        (["LEFT", "MET"], None, None),
    ],
)
def test_labels_of_config(tmp_path, config, labels, absent, other, in_file):
    part = INITIALIZE
    if in_file:
        path = tmp_path / "labels.json"
        path.write_text(json.dumps(labels))
        part += f"{LABELS_FILE}path = {json.dumps(str(path))}"
    else:
        part += f"labels = {json.dumps(labels)}"
    config.write_text(CONFIG + part)
    # What dev alone has is told as such.
    met = make("Bo met Al .", PEOPLE, [(0, 1, "MET")])
    dev = [*clean(5, 50), *([met] if "MET" in labels else [])]
    result, text = debug(tmp_path, clean(), dev, "--config", config)
    assert result.exit_code == 0, result.output
    assert ("in [initialize] that no relation has" in text) == bool(absent)
    assert absent is None or f"{absent}: never learnt" in text
    assert ("[initialize] does not give" in text) == bool(other)
    assert other is None or f"{other}: not learnt" in text


@pytest.mark.parametrize(
    "part, told",
    [
        # Not required: then they are collected from the data.
        ('path = "no-such-file"', False),
        ('path = "no-such-file"\nrequire = true', True),
        ("path = null", True),
    ],
)
def test_labels_that_are_not_there_yet(tmp_path, config, part, told):
    config.write_text(CONFIG + INITIALIZE + LABELS_FILE + part)
    result, text = debug(tmp_path, clean(), clean(5, 50), "--config", config)
    assert result.exit_code == 0, result.output
    assert ("in [initialize] can't be read" in text) == told


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize(
    "labels, told",
    [(["LEFT", "MET", "SAW"], ""), (["LEFT"], "MET: not learnt"), (None, "")],
)
def test_labels_that_a_sourced_component_lacks(tmp_path, config, labels, told, given):
    """It is not initialized, whatever [initialize] says."""
    if labels is not None:
        (tmp_path / "model" / "first").mkdir(parents=True)
        cfg = tmp_path / "model" / "first" / "cfg"
        cfg.write_text(json.dumps({"labels": labels}))
        there = CONFIG.replace("components.relation_extractor", "components.first")
        (tmp_path / "model" / "config.cfg").write_text(there)
    before = CONFIG.split("[components.relation_extractor]")[0]
    source = json.dumps(str(tmp_path / "model"))
    part = f'[components.relation_extractor]\nsource = {source}\ncomponent = "first"\n'
    initialize = f'{INITIALIZE}labels = ["LEFT", "Met"]' if given else ""
    config.write_text(before + part + initialize)
    met = make("Bo met Al .", PEOPLE, [(0, 1, "MET")])
    result, text = debug(tmp_path, [*clean(), met], clean(5, 50), "--config", config)
    assert result.exit_code == 0, result.output
    assert told in text and ("spacy-relext.carry_over.v1" in text) == bool(told)
    assert "[initialize] that no relation has" not in text


@pytest.mark.parametrize("frozen", [False, True])
def test_labels_that_a_sourced_component_has_learnt_before(tmp_path, config, frozen):
    """Train need not have them, and of what is frozen nothing."""
    (tmp_path / "model" / "relation_extractor").mkdir(parents=True)
    cfg = tmp_path / "model" / "relation_extractor" / "cfg"
    cfg.write_text('{"labels": ["LEFT", "MET"]}')
    (tmp_path / "model" / "config.cfg").write_text(CONFIG)
    training = '[training]\nfrozen_components = ["relation_extractor"]\n' if frozen else ""
    config.write_text(f"{with_source(CONFIG)}\n{training}")
    met = make("Bo met Al .", PEOPLE, [(0, 1, "MET")])
    options = ("--config", config, "--paths.model", tmp_path / "model")
    _, text = debug(tmp_path, clean(5), [*clean(5, 50), met], *options)
    assert "all missed" not in text
    assert ("fewer than 20 relations in train" in text) != frozen


def test_a_component_that_is_not_sourced_lacks_no_labels(tmp_path, config, monkeypatch):
    """Also where one of its name lies in the working folder."""
    (tmp_path / "relation_extractor").mkdir()
    (tmp_path / "relation_extractor" / "cfg").write_text('{"labels": ["OTHER"]}')
    config.write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    _, text = debug(tmp_path, clean(), clean(5, 50), "--config", config)
    assert "does not have" not in text


SOURCED = """
[nlp]
lang = "en"
pipeline = ["tok2vec", "sents", "ner", "relation_extractor"]

[training]
annotating_components = {annotating}

[components]

[components.tok2vec]
source = {source}

[components.sents]
source = {source}

[components.ner]
source = {source}
{option}

[components.relation_extractor]
source = {source}
"""


@pytest.mark.parametrize(
    "is_package, annotating, option, told",
    [
        (False, ["sents", "ner"], "", "ner would find the entities of train"),
        (True, ["sents", "ner"], "", "ner would find the entities of train"),
        (False, ["tok2vec", "sents", "ner"], "", None),
        (False, ["sents", "ner"], 'replace_listeners = ["model.tok2vec"]', None),
        (False, ["tok2vec", "sents"], "", "would get no entities of train"),
    ],
)
def test_components_of_another_pipeline(
    tmp_path, config, is_package, annotating, option, told, monkeypatch
):
    """What they are, and what they have learnt, is read there."""
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec")
    nlp.add_pipe("sentencizer", name="sents", config={"punct_chars": [";"]})
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 96}
    nlp.add_pipe("ner", config={"model": {"tok2vec": listener}})
    pairs = {
        "@misc": "spacy-relext.all_of.v1",
        "*": {
            "types": {"@misc": "spacy-relext.entity_types.v1"},
            "near": {"@misc": "spacy-relext.sentence_window.v1", "max_sentences": 1},
        },
    }
    nlp.add_pipe("relation_extractor", config={"pairs": pairs, "symmetric_labels": ["MET"]})
    known = [*clean(), make("Bo met Al .", PEOPLE, [(0, 1, "MET")])]
    nlp.initialize(lambda: [Example(doc, doc) for doc in known])
    folder = tmp_path / "model"
    nlp.to_disk(folder)
    source = str(folder)
    if is_package:
        source = "en_some_pipeline_of_ours"
        package = tmp_path / source
        package.mkdir()
        (package / "__init__.py").touch()
        meta = {**nlp.meta, "name": "some_pipeline_of_ours", "version": "1.0"}
        (package / "meta.json").write_text(json.dumps(meta))
        folder.rename(package / f"{source}-1.0")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setattr(other_pipelines, "is_package", source.__eq__)
    config.write_text(
        SOURCED.format(
            source=json.dumps(source), annotating=json.dumps(annotating), option=option
        )
    )
    ends = [(0, 1, "PERSON"), (3, 4, "PLACE")]
    far = make("Ann spoke ; Oslo heard", ends, [(0, 1, "LEFT")])
    place = make("Rome left Oslo", [(0, 1, "PLACE"), (2, 3, "PLACE")], [(0, 1, "LEFT")])
    result, text = debug(tmp_path, [*clean(), far], [*clean(5, 50), place], "-c", config)
    assert result.exit_code == 0, result.output
    every = ["ner would find the entities of train", "would get no entities of train"]
    assert [x for x in every if x in text] == ([] if told is None else [told])
    # A sentence ends where it is told to, and the types of pairs are not learnt again.
    assert "1 of 21 relations in train out of reach" in text
    assert "1 of 6 relations in dev out of reach" in text


SENTENCES = """
[training]
annotating_components = ["sentences"]

[components.sentences]
"""


@pytest.mark.parametrize(
    "part, told",
    [
        # As it is configured.
        ('factory = "sentencizer"\npunct_chars = ["!"]', ""),
        ('factory = "senter"', "sentencizer, sentences is not loaded"),
    ],
)
def test_sentences(tmp_path, config, part, told):
    """Where a component before sets them, pairs may ask for them."""
    window = CONFIG.replace("token_window.v1", "sentence_window.v1")
    window = window.replace("max_tokens", "max_sentences")
    window = window.replace('["transformer",', '["transformer", "sentences",')
    config.write_text(window + SENTENCES + part)
    ends = [(0, 1, "PERSON"), (4, 5, "PLACE")]
    far = make("Ann spoke . At Oslo !", ends, [(0, 1, "LEFT")])
    result, text = debug(tmp_path, [*clean(), far], clean(5, 50), "--config", config)
    assert result.exit_code == 0, result.output
    assert ("1 of 21 relations in train out of reach" in text) == bool(told)
    assert told in text and ("Sentences:" in text) == bool(told)


READER = """
[training]
annotating_components = {annotating}

[corpora]

[corpora.train]
@readers = "{reader}"
path = null

[corpora.dev]
@readers = "spacy.Corpus.v1"
path = null

[components.ner]
factory = "ner"
"""
ENTITIES = "spacy-relext.EntityCorpus.v1"


@pytest.mark.parametrize(
    "pipeline, annotating, reader, spans_key, missing",
    [
        ([], [], ENTITIES, None, ["dev"]),
        (["ner"], [], "spacy.Corpus.v1", None, ["train"]),
        (["ner"], ["ner"], "spacy.Corpus.v1", None, []),
        ([], [], "spacy.Corpus.v1", "sc", ["train", "dev"]),
        ([], [], ENTITIES, "sc", ["train", "dev"]),
        # It sets no spans.
        (["ner"], ["ner"], "spacy.Corpus.v1", "sc", ["train", "dev"]),
    ],
)
def test_reader_without_entities(
    tmp_path, config, pipeline, annotating, reader, spans_key, missing
):
    names = json.dumps([*pipeline, "relation_extractor"])
    text = CONFIG.replace('["transformer", "relation_extractor"]', names)
    key = f"spans_key = {json.dumps(spans_key)}\n\n[components.relation_extractor.pairs]"
    text = text.replace("[components.relation_extractor.pairs]", key)
    reading = READER.format(annotating=json.dumps(annotating), reader=reader)
    config.write_text(text + reading)
    _, text = debug(tmp_path, clean(), clean(5, 50), "--config", config)
    told = [x for x in ("train", "dev") if f"would get no entities of {x}" in text]
    assert told == missing
    assert ("annotating_components" in text) == bool(missing)
    if missing:
        assert ENTITIES in text
    if spans_key is not None:
        assert f'spans_key = "{spans_key}"' in text


@pytest.mark.parametrize(
    "pipeline, reader, option, frozen, told",
    [
        (["ner", "relation_extractor"], ENTITIES, "", [], True),
        (["relation_extractor", "ner"], ENTITIES, "", [], True),
        (["ner", "relation_extractor"], "spacy.Corpus.v1", "", [], False),
        # Not what it looks for.
        (["ner", "relation_extractor"], ENTITIES, 'spans_key = "sc"', [], False),
        # It is not there to learn.
        (["ner", "relation_extractor"], ENTITIES, "", ["ner"], False),
        (["relation_extractor"], ENTITIES, "", [], False),
    ],
)
def test_reader_that_gives_an_ner_the_answers(
    tmp_path, config, pipeline, reader, option, frozen, told
):
    text = CONFIG.replace('["transformer", "relation_extractor"]', json.dumps(pipeline))
    reading = READER.format(annotating='["ner"]', reader=ENTITIES)
    reading = reading.replace("spacy.Corpus.v1", reader)
    reading = reading.replace("path = null", f"path = null\n{option}")
    frozen = f"[training]\nfrozen_components = {json.dumps(frozen)}"
    config.write_text(text + reading.replace("[training]", frozen))
    _, text = debug(tmp_path, clean(), clean(5, 50), "--config", config)
    assert ("ner is given the entities of dev" in text) == told


@pytest.mark.parametrize("annotates", [True, False])
def test_span_ruler_that_sets_entities(tmp_path, config, annotates):
    """It declares spans alone."""
    text = CONFIG.replace('["transformer",', '["ruler",')
    reading = READER.format(annotating='["ruler"]', reader="spacy.Corpus.v1")
    part = '\n[components.ruler]\nfactory = "span_ruler"\n'
    config.write_text(f"{text}{reading}{part}annotate_ents = {json.dumps(annotates)}")
    _, text = debug(tmp_path, clean(), clean(5, 50), "--config", config)
    assert ("would get no entities" in text) != annotates


def test_filled_in_reader(tmp_path, config):
    """A config without a reader gets spaCy's, which hands no entities over."""
    _, text = debug(tmp_path, clean(), clean(5, 50), "--config", config)
    assert "spacy.Corpus.v1 of [corpora.train] hands none over" in text


def test_clusters_of_another_prefix(tmp_path, config):
    grouping = '[components.relation_extractor.grouping]\n'
    grouping += '@misc = "spacy-relext.group_by_cluster.v1"\nprefix = "who"\n'
    config.write_text(f"{CONFIG}\n{grouping}")
    # Too far apart, but for a pronoun.
    ends = [(0, 1, "PERSON"), (6, 7, "PLACE")]
    doc = make("Ann was ill . She left Oslo .", ends, [(0, 1, "LEFT")])
    doc.spans["who_1"] = [doc[0:1], doc[4:5]]
    _, text = debug(tmp_path, [*clean(), doc], clean(5, 50), "--config", config)
    assert "out of reach" not in text


GROUPING = """
[components.relation_extractor.grouping]
@misc = "spacy-relext.{name}.v1"
"""


@pytest.mark.parametrize(
    "name, told",
    [
        ("group_by_kb_id", ["dev"]),
        ("group_by_ent_id", ["train", "dev"]),
        # No name occurs twice in a doc.
        ("group_by_text", ["train", "dev"]),
        ("group_by_cluster", ["train"]),
        (None, []),
    ],
)
def test_grouping_that_groups_nothing(tmp_path, config, name, told):
    if name is not None:
        config.write_text(CONFIG + GROUPING.format(name=name))
    words, ends = "Ann left Oslo . Eve did .", [(0, 1, "PERSON"), (2, 3, "PLACE")]
    # Mentions of several tokens are no groups.
    ends.append((4, 6, "PERSON"))
    train, dev = (make(words, ends, [(0, 1, "LEFT")]) for _ in range(2))
    train.ents = [Span(train, *end, kb_id=f"Q{end[2]}") for end in ends]
    dev.spans["coref_clusters_1"] = [dev[0:1], dev[4:6]]
    _, text = debug(tmp_path, [*clean(), train], [*clean(5, 50), dev], "--config", config)
    assert [
        x
        for x, n in (("train", 43), ("dev", 13))
        if f"grouping makes each of {n} mentions in {x} an entity" in text
    ] == told


@pytest.mark.parametrize(
    "option, missing",
    [
        ("", ["train", "dev"]),
        ('clusters_prefix = "coref_clusters"', ["train", "dev"]),
        ('clusters_prefix = "who"', ["dev"]),
    ],
)
def test_reader_without_clusters(tmp_path, config, option, missing):
    grouping = GROUPING.format(name="group_by_cluster") + 'prefix = "who"'
    reading = READER.format(annotating="[]", reader=ENTITIES)
    reading = reading.replace("path = null", f"path = null\n{option}", 1)
    config.write_text(CONFIG + grouping + reading)
    _, text = debug(tmp_path, clean(), clean(5, 50), "--config", config)
    told = [x for x in ("train", "dev") if f"would get no clusters of {x}" in text]
    assert told == missing
    assert ("component needs clusters_prefix = \"who\"" in text) == ("train" in missing)
    assert f'{ENTITIES} with clusters_prefix = "who" does' in text


@pytest.mark.parametrize("coref, missing", [([], ["dev"]), (["coref"], [])])
def test_component_that_finds_clusters(tmp_path, config, coref, missing):
    names = json.dumps([*coref, "relation_extractor"])
    text = CONFIG.replace('["transformer", "relation_extractor"]', names)
    reading = READER.format(annotating='["coref"]', reader=ENTITIES)
    option = 'clusters_prefix = "coref_clusters"'
    reading = reading.replace("path = null", f"path = null\n{option}", 1)
    # Any that sets spans.
    part = '\n[components.coref]\nfactory = "span_ruler"\n'
    config.write_text(text + GROUPING.format(name="group_by_cluster") + reading + part)
    _, text = debug(tmp_path, clean(), clean(5, 50), "--config", config)
    told = [x for x in ("train", "dev") if f"would get no clusters of {x}" in text]
    assert told == missing


def test_dev_reader_of_another_group(tmp_path, config):
    text = CONFIG.replace(
        "[components.relation_extractor.pairs]",
        'spans_key = "sc"\n\n[components.relation_extractor.pairs]',
    )
    reading = READER.format(annotating="[]", reader=ENTITIES)
    reading = reading.replace("spacy.Corpus.v1", ENTITIES)
    reading = reading.replace("path = null", 'path = null\nspans_key = "sc"', 1)
    config.write_text(text + reading)
    docs = clean(), clean(5, 50)
    for doc in (doc for group in docs for doc in group):
        doc.spans["sc"] = list(doc.ents)
    _, text = debug(tmp_path, *docs, "--config", config)
    assert "would get no entities of dev" in text and "of train" not in text


def test_learnt_pairs(tmp_path, config):
    """Pairs that are learnt are learnt of the training data alone."""
    config.write_text(
        CONFIG.replace("token_window.v1", "entity_types.v1").replace("max_tokens = 1", "")
    )
    people = make("Bo left Al .", PEOPLE, [(0, 1, "LEFT")])
    _, text = debug(tmp_path, clean(), [*clean(5, 50), people], "--config", config)
    assert "1 of 6 relations in dev out of reach" in text


def test_learnt_pairs_of_given_labels(tmp_path, config):
    """Nothing is learnt of the relations of other labels."""
    text = CONFIG.replace("token_window.v1", "entity_types.v1")
    text = text.replace("max_tokens = 1", "")
    config.write_text(f'{text}{INITIALIZE}labels = ["LEFT"]')
    met = make("Bo met Al .", PEOPLE, [(0, 1, "MET")])
    left = make("Bo left Al .", PEOPLE, [(0, 1, "LEFT")])
    _, text = debug(tmp_path, [*clean(), met], [*clean(5, 50), left], "--config", config)
    assert "1 of 6 relations in dev out of reach" in text


def test_misaligned(tmp_path):
    words = "Ann left Osl o ."
    spaces = [True, True, False, False, False]
    doc = make(words, [(0, 1, "PERSON"), (2, 3, "PLACE")], [(0, 1, "LEFT")], spaces)
    _, text = debug(tmp_path, clean(), [*clean(5, 50), doc])
    assert "1 of 12 entities in dev do not fit the tokens" in text


STREAMED = """
[training]
max_epochs = -1
"""


@pytest.mark.parametrize("labels", [None, ["LEFT", "HIRED"]])
def test_labels_and_pairs_that_come_late_in_a_stream(tmp_path, config, labels):
    """spaCy initializes with the first 100 examples, then."""
    text = CONFIG.replace("token_window.v1", "entity_types.v1")
    text = text.replace("max_tokens = 1", "") + STREAMED
    if labels is not None:
        text += f"{INITIALIZE}labels = {json.dumps(labels)}"
    config.write_text(text)
    hires = [
        make(f"Firm{i} hired Bo{i} .", [(0, 1, "ORG"), (2, 3, "PERSON")], [(0, 1, "HIRED")])
        for i in range(30)
    ]
    _, told = debug(tmp_path, [*clean(100), *hires], clean(5, 200), "--config", config)
    late = "Labels that the first 100 examples of train do not have"
    assert (late in told) == (labels is None)
    assert ("30 of 130 relations in train out of reach" in told) == (labels is not None)
    assert init_from(config, tmp_path).labels == tuple(labels or ["LEFT"])
    # They are there early enough, and all is well.
    _, told = debug(tmp_path, [*hires, *clean(100)], clean(5, 200), "--config", config)
    assert late not in told and "out of reach" not in told


def test_of_a_shuffled_stream_it_is_not_known_what_comes_late(tmp_path, config):
    reader = '[corpora.train]\n@readers = "spacy-relext.EntityCorpus.v1"\npath = null\n'
    config.write_text(f"{CONFIG}{STREAMED}\n[corpora]\n\n{reader}shuffle = true")
    met = make("Bo met Al .", PEOPLE, [(0, 1, "MET")])
    _, told = debug(tmp_path, [*clean(100), met], clean(5, 200), "--config", config)
    assert "do not have" not in told


def test_a_variable_for_overrides_does_not_ask_for_a_config(tmp_path, config, monkeypatch):
    monkeypatch.setenv("SPACY_CONFIG_OVERRIDES", "--nlp.lang qq")
    result, _ = debug(tmp_path, clean(), clean(5, 50))
    assert result.exit_code == 0
    result, _ = debug(tmp_path, clean(), clean(5, 50), "--config", config)
    assert result.exit_code == 1


def test_a_disabled_component_finds_no_entities(tmp_path, config):
    text = CONFIG.replace('["transformer",', '["transformer", "ner",')
    text = text.replace("[components]\n", '[components]\n\n[components.ner]\nfactory = "ner"\n')
    readers = "".join(
        f'[corpora.{name}]\n@readers = "spacy.Corpus.v1"\npath = null\n'
        for name in ("train", "dev")
    )
    text += f'\n[training]\nannotating_components = ["ner"]\n\n[corpora]\n\n{readers}'
    for disabled in (False, True):
        line = 'lang = "en"\ndisabled = ["ner"]'
        config.write_text(text.replace('lang = "en"', line) if disabled else text)
        _, told = debug(tmp_path, clean(), clean(5, 50), "--config", config)
        assert ("would get no entities of train" in told) == disabled
        # Nor does it keep those that it is given.
        config.write_text(config.read_text().replace("spacy.Corpus.v1", ENTITIES))
        _, told = debug(tmp_path, clean(), clean(5, 50), "--config", config)
        assert ("is given the entities of dev" in told) != disabled


def test_a_factory_need_not_say_what_it_sets(tmp_path, config):
    code = tmp_path / "code.py"
    code.write_text(
        "from spacy.language import Language\n"
        '@Language.factory("my_relations")\n'
        "def make(nlp, name, pairs=None):\n"
        "    return None\n"
    )
    config.write_text(CONFIG.replace('"relation_extractor"\n\n', '"my_relations"\n\n'))
    options = ("--config", config, "--code", code)
    _, told = debug(tmp_path, clean(), clean(5, 50), *options)
    assert "The factory of" not in told


def init_from(config, tmp_path):
    """The component as a training begins with it, the encoder aside."""
    config = spacy.blank("en").config.merge(load_config(config))
    config["nlp"]["pipeline"] = ["relation_extractor"]
    del config["components"]["transformer"]
    reader = {"@readers": "spacy-relext.EntityCorpus.v1"}
    reader["path"] = str(tmp_path / "train.spacy")
    config["corpora"] = {"train": reader, "dev": reader}
    return init_nlp(config).get_pipe("relation_extractor")


def test_docs_that_the_reader_does_not_read(tmp_path, config):
    met = make("Bo met Al .", PEOPLE, [(0, 1, "MET")])
    limited = '[corpora.train]\n@readers = "spacy-relext.EntityCorpus.v1"\npath = null\n'
    config.write_text(f"{CONFIG}\n[corpora]\n\n{limited}limit = 20")
    _, text = debug(tmp_path, [*clean(), met], [*clean(5, 50), met], "--config", config)
    assert "docs 20 6" in text and "MET" in text.split("Labels in dev that train does")[1]


@pytest.mark.parametrize(
    "entities, relations, told",
    [
        # Both ways, of which one would do, and one that is out of reach.
        (PEOPLE, [(0, 1, "MET"), (1, 0, "MET")], "20 of 60 relations"),
        (PEOPLE, [(0, 1, "MET")], "20 of 40 relations"),
    ],
)
def test_relations_that_are_annotated_twice_are_one_out_of_reach(
    tmp_path, config, entities, relations, told
):
    pairs = "[components.relation_extractor.pairs]"
    config.write_text(CONFIG.replace(pairs, f'symmetric_labels = ["MET"]\n\n{pairs}'))
    near = [make(f"Bo{i} met Al{i} .", entities, relations) for i in range(20)]
    ends = [(0, 1, "PERSON"), (5, 6, "PERSON")]
    far = [
        make(f"Bo{i} once met one called Al{i} .", ends, [(0, 1, "MET")]) for i in range(20)
    ]
    _, text = debug(tmp_path, [*near, *far], clean(5, 50), "--config", config)
    assert f"{told} in train out of reach" in text


@pytest.mark.parametrize("grouping", ["", "group_by_text"])
def test_relations_of_an_entity_to_itself(tmp_path, config, grouping):
    """They are in both directions, and out of the reach of whatever finds pairs."""
    if grouping:
        section = "[components.relation_extractor.grouping]"
        config.write_text(f'{CONFIG}\n{section}\n@misc = "spacy-relext.{grouping}.v1"')
    selves = [make(f"Bo{i} .", [(0, 1, "PERSON")], [(0, 0, "IS")]) for i in range(20)]
    _, text = debug(tmp_path, [*clean(), *selves], clean(5, 50), "--config", config)
    assert "20 of 40 relations in train of an entity to itself" in text
    assert "symmetric" not in text and "out of reach" not in text


@pytest.mark.parametrize(
    "pipe, share, told",
    [("tok2vec", 0.3, True), ("tok2vec", None, False), ("sentencizer", 0.3, False)],
)
def test_evidence_needs_sentences(tmp_path, config, pipe, share, told):
    text = CONFIG.replace('["transformer",', f'["transformer", "{pipe}",')
    text = text.replace("[components]", f'[components]\n[components.{pipe}]\nfactory = "{pipe}"')
    option = f"\nevidence_share = {json.dumps(share)}\n\n"
    config.write_text(text.replace('"relation_extractor"\n\n', f'"relation_extractor"{option}'))
    _, text = debug(tmp_path, clean(), clean(5, 50), "--config", config)
    assert ("nothing before it sets sentences" in text) == told


def with_source(config):
    """The component is of another pipeline, whose path the training is given."""
    source = "[components.relation_extractor]\nsource = ${paths.model}\n"
    paths = "[paths]\nmodel = null\n"
    return config.split("[components.relation_extractor]")[0] + source + paths


def test_overridden_values(tmp_path, config):
    (tmp_path / "model" / "relation_extractor").mkdir(parents=True)
    cfg = tmp_path / "model" / "relation_extractor" / "cfg"
    cfg.write_text(json.dumps({"labels": ["MET"]}))
    (tmp_path / "model" / "config.cfg").write_text(CONFIG)
    config.write_text(with_source(CONFIG))
    options = ("--paths.model", tmp_path / "model")
    _, text = debug(tmp_path, clean(), clean(5, 50), "--config", config, *options)
    assert "LEFT: not learnt" in text
    result, text = debug(tmp_path, clean(), clean(5, 50), *options)
    assert result.exit_code == 1 and "--config is needed to override paths.model" in text


@pytest.mark.parametrize(
    "section, old, new, told",
    [
        ("nlp", "", 'disabled = ["relation_extractor"]', "relation_extractor is disabled"),
        ("training", "", 'frozen_components = ["relation_extractor"]', "is frozen, and of no"),
        ("", '"relation_extractor"\n\n', '"relation_extracter"\n\n', "spaCy knows none"),
        ("", '"relation_extractor"\n\n', '"ner"\n\n', "the right --component?"),
    ],
)
def test_a_component_that_would_not_be_trained(tmp_path, config, section, old, new, told):
    text = f"{CONFIG}\n[training]\nseed = 0\n"
    text = text.replace(f"[{section}]\n", f"[{section}]\n{new}\n") if section else text
    config.write_text(text.replace(old, new) if old else text)
    _, text = debug(tmp_path, clean(), clean(5, 50), "--config", config)
    assert told in text


def test_a_frozen_component_needs_no_entities_to_learn_from(tmp_path, config):
    """But finds those of dev, or would find nothing."""
    (tmp_path / "model" / "relation_extractor").mkdir(parents=True)
    (tmp_path / "model" / "config.cfg").write_text(CONFIG)
    frozen = '[training]\nfrozen_components = ["relation_extractor"]\n'
    readers = "".join(
        f'[corpora.{name}]\n@readers = "spacy.Corpus.v1"\npath = null\n'
        for name in ("train", "dev")
    )
    config.write_text(f"{with_source(CONFIG)}\n{frozen}\n[corpora]\n\n{readers}")
    options = ("--config", config, "--paths.model", tmp_path / "model")
    _, text = debug(tmp_path, clean(), clean(5, 50), *options)
    assert "would get no entities of dev" in text and "of train" not in text
    assert "is frozen" not in text


@pytest.mark.parametrize(
    "old, new, message",
    [
        ('lang = "en"', 'lang = "en"\nlang = "de"', "option 'lang' in section 'nlp'"),
        ('lang = "en"', 'lang = "qq"', "Can't import language qq"),
        ("[nlp]", "[nlq]", "has no section [nlp]"),
        ('pipeline = ["transformer", "relation_extractor"]', "pipeline = 3", "pipeline of"),
        ("max_tokens = 1", "max_tokens = 1\n[training]\ntrain_corpus = 3", "train_corpus of"),
        (
            '"relation_extractor"\n\n',
            '"relation_extractor"\ngrouping = "x"\n\n',
            "grouping of [components.relation_extractor] can't be 'x'",
        ),
        (
            'factory = "relation_extractor"',
            'factory = "relation_extractor"\nsource = 3',
            "source of [components.relation_extractor] can't be 3",
        ),
        ("max_tokens = 1", f"max_tokens = 1\n{INITIALIZE}labels = [1]", "a list of texts"),
        ('"relation_extractor"\n\n', '"x"\nsource = "model"\ncomponent = "y"\n\n', "'y'"),
    ],
)
def test_what_is_no_config_is_told(tmp_path, config, old, new, message, monkeypatch):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.cfg").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    assert CONFIG.count(old) == 1
    config.write_text(CONFIG.replace(old, new))
    result, text = debug(tmp_path, clean(), clean(5, 50), "--config", config)
    assert result.exit_code == 1 and message in text, result.output


def test_unknown_component(tmp_path, config):
    result, text = debug(tmp_path, clean(), clean(), "-c", config, "-n", "relations")
    assert result.exit_code == 1
    assert "no component 'relations', there are: transformer, relation_extractor" in text


SCORER = """
[components.relation_extractor.scorer]
@scorers = "spacy-relext.relation_scorer.v1"
"""


@pytest.mark.parametrize(
    "labels, scored, told",
    [
        # What is another component's to learn is neither out of reach nor symmetric.
        (["LEFT"], ["LEFT"], []),
        (["LEFT"], None, ["[initialize] does not give"]),
        (["LEFT"], ["LEFT", "MET"], ["[initialize] does not give"]),
        (["LEFT"], ["Left"], ["Labels of the scorer that no relation has"]),
        (None, None, ["MET looks symmetric", "20 of 40 relations in train out of reach"]),
    ],
)
def test_labels_of_another_component(tmp_path, config, labels, scored, told):
    text = CONFIG
    if scored is not None:
        text += f"{SCORER}labels = {json.dumps(scored)}\n"
    if labels is not None:
        text += f"{INITIALIZE}labels = {json.dumps(labels)}"
    config.write_text(text)
    ends = [(0, 1, "PERSON"), (4, 5, "PERSON")]
    met = [
        make(f"Bo{i} met , perhaps Al{i} .", ends, [(0, 1, "MET")]) for i in range(25)
    ]
    train, dev = [*clean(), *met[:20]], [*clean(5, 50), *met[20:]]
    _, text = debug(tmp_path, train, dev, "--config", config)
    every = {
        "[initialize] does not give",
        "Labels of the scorer that no relation has",
        "MET looks symmetric",
        "20 of 40 relations in train out of reach",
    }
    assert {x for x in every if x in text} == set(told)
    # The table has all.
    assert "PERSON → PERSON (20)" in text


WEIGHTS = """
[training.score_weights]
{name} = {weight}
"""


@pytest.mark.parametrize(
    "key, name, weight, told",
    [
        ("mine", None, None, True),
        ("mine", "ents_f", 1, True),
        ("mine", "mine_f", 1, False),
        ("mine", "mine_f", 0, True),
        # A score of another component.
        ("mine", "mine_too_f", 1, True),
        ("rels", None, None, False),
        # spaCy fills in what is not given.
        ("rels", "ents_f", 1, False),
        ("rels", "rels_f", "null", True),
    ],
)
def test_scores_without_weight(tmp_path, config, key, name, weight, told):
    text = f'{CONFIG}{SCORER}key = "{key}"\n'
    if name is not None:
        text += "[training]\n" + WEIGHTS.format(name=name, weight=weight)
    config.write_text(text)
    _, text = debug(tmp_path, clean(), clean(5, 50), "--config", config)
    assert ("No score of relation_extractor is in" in text) == told
    assert not told or f"weigh {key}_f" in text


def test_of_another_scorer_nothing_is_known(tmp_path, config):
    scorer = SCORER.replace("spacy-relext.relation_scorer.v1", "spacy.ner_scorer.v1")
    config.write_text(CONFIG + scorer)
    result, text = debug(tmp_path, clean(), clean(5, 50), "--config", config)
    assert result.exit_code == 0 and "[training.score_weights]" not in text


@pytest.mark.parametrize(
    "option, told",
    [
        ("max_length = 0", []),
        ("max_length = 5", []),
        ("max_length = 4", ["20 docs in train", "5 docs in dev"]),
        ("gold_preproc = true", ["1 docs in dev"]),
    ],
)
def test_reader_that_splits_docs(tmp_path, config, option, told):
    reading = READER.format(annotating="[]", reader="spacy.Corpus.v1")
    config.write_text(CONFIG + reading.replace("path = null", f"path = null\n{option}"))
    train, dev = clean(), clean(5, 50)
    dev[0][2].is_sent_start = True
    for doc in (*train, *dev[1:]):
        assert not doc.has_annotation("SENT_START")
    _, text = debug(tmp_path, train, dev, "--config", config)
    every = ["20 docs in train", "5 docs in dev", "1 docs in dev"]
    assert [x for x in every if f"{x} would lose their relations" in text] == told
    assert not told or f"no {option.split(' = true')[0]} there" in text


def test_corpus_that_is_no_section(tmp_path, config):
    training = "[training]\nmax_epochs = 1\ntrain_corpus = training.max_epochs.x"
    config.write_text(f"{CONFIG}\n{training}")
    result, _ = debug(tmp_path, clean(), clean(5, 50), "--config", config)
    assert result.exit_code == 0


def test_pipeline_without_the_component(tmp_path, config):
    config.write_text(CONFIG.replace(', "relation_extractor"]', "]"))
    _, text = debug(tmp_path, clean(), clean(5, 50), "--config", config)
    assert "relation_extractor is not in the pipeline of [nlp]" in text


DEAF = """
[components.tok2vec]
factory = "tok2vec"

[components.ner.model]
@architectures = "spacy.TransitionBasedParser.v2"

[components.ner.model.tok2vec]
@architectures = "spacy.Tok2VecListener.v1"
upstream = "{upstream}"
"""


@pytest.mark.parametrize(
    "annotating, upstream, told",
    [
        (["ner"], "*", True),
        (["ner"], "tok2vec", True),
        (["tok2vec", "ner"], "*", False),
        # It does not listen to that.
        (["transformer", "ner"], "*", True),
        # An encoder of its own.
        (["ner"], None, False),
        # It finds nothing to learn from.
        ([], "*", False),
    ],
)
def test_finder_without_its_encoder(tmp_path, config, annotating, upstream, told):
    names = json.dumps(["transformer", "tok2vec", "ner", "relation_extractor"])
    text = CONFIG.replace('["transformer", "relation_extractor"]', names)
    reading = READER.format(annotating=json.dumps(annotating), reader=ENTITIES)
    part = "" if upstream is None else DEAF.format(upstream=upstream)
    config.write_text(text + reading + part)
    _, text = debug(tmp_path, clean(), clean(5, 50), "--config", config)
    assert ("ner would find the entities of train without its vectors" in text) == told
    assert not told or "Name tok2vec as well" in text


AVERAGES = """
[training]
frozen_components = {frozen}

[training.optimizer]
@optimizers = "Adam.v1"
use_averages = {use_averages}

[initialize]

[initialize.after_init]
@callbacks = "spacy-relext.{callback}.v1"
"""
CHAINED = """
[initialize.after_init.*.averages]
@callbacks = "spacy-relext.average_encoder.v1"
"""


@pytest.mark.parametrize(
    "use_averages, frozen, callback, part, told",
    [
        ("true", [], None, "", True),
        ("true", [], "carry_over", "", True),
        ("true", [], "average_encoder", "", False),
        ("true", [], "chain_callbacks", CHAINED, False),
        ("false", [], None, "", False),
        # Its weights stay as they are.
        ("true", ["transformer"], None, "", False),
    ],
)
def test_weights_that_are_averaged_in_part(
    tmp_path, config, use_averages, frozen, callback, part, told
):
    averages = AVERAGES.format(
        use_averages=use_averages, frozen=json.dumps(frozen), callback=callback
    )
    if callback is None:
        averages = averages.split("[initialize]")[0]
    config.write_text(CONFIG + averages + part)
    result, text = debug(tmp_path, clean(), clean(5, 50), "--config", config)
    assert result.exit_code == 0, result.output
    assert ("but not those of transformer" in text) == told
