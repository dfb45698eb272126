"""python -m spacy relext convert"""

from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path
from typing import Iterable, Iterator, Optional, Set, Tuple

import spacy
import typer
from spacy.language import Language
from tqdm import tqdm
from wasabi import msg

from ..convert import FORMATS, TARGETS, guess_format
from ..convert.build import CUTS, DocBuilder, Options
from ..convert.losses import find_losses
from ..convert.read import Found
from ..convert.report import Report
from ..convert.source import SourceDoc
from . import relext
from .convert_plan import draw_splits, make_plan
from .files import check_file, remove, replace_whole

# Documents after which the vocabulary forgets what they brought.
ZONE = 1000


@relext.command("convert")
def convert_cli(
    # fmt: off
    input_path: Path = typer.Argument(
        ..., metavar="INPUT", help="File or folder of annotations", exists=True
    ),
    output: Path = typer.Argument(
        ..., help="Output file; with --dev or --test, and for brat, a folder"
    ),
    format: Optional[str] = typer.Option(
        None,
        "--format",
        "-f",
        help=f"One of {', '.join(FORMATS)}; guessed where it is unambiguous",
    ),
    to: str = typer.Option(
        "spacy", "--to", "-t", help=f"What to write: {', '.join(TARGETS)}"
    ),
    lang: str = typer.Option("en", "--lang", "-l", help="Language whose tokenizer to use"),
    cut: str = typer.Option(
        "document", "--cut", "-c", help=f"What becomes a doc: {', '.join(CUTS)}"
    ),
    sents: bool = typer.Option(
        False, "--sents", "-s", help="Set sentence boundaries, by punctuation"
    ),
    spans_key: Optional[str] = typer.Option(
        None,
        "--spans-key",
        "-k",
        help="Group of doc.spans for all entities, nested ones too",
    ),
    dev: float = typer.Option(
        0.0, "--dev", help="Share of the documents for dev.spacy", min=0, max=1
    ),
    test: float = typer.Option(
        0.0, "--test", help="Share of the documents for test.spacy", min=0, max=1
    ),
    seed: int = typer.Option(0, "--seed", help="Of the draw of the splits"),
    strict: bool = typer.Option(
        False,
        "--strict",
        help="Stop at what would have to be dropped, or written otherwise",
    ),
    report_path: Optional[Path] = typer.Option(
        None, "--report", "-r", help="JSON lines file for each problem and its place"
    ),
    # fmt: on
) -> None:
    """Convert annotations of other tools to spaCy's format, with relations, and back.

    A report tells how many documents, entities and relations were read and written, and
    what was changed or dropped, where and why.
    """
    try:
        report = convert(
            input_path,
            output,
            format=format,
            to=to,
            lang=lang,
            options=Options(cut, sents, spans_key),
            dev=dev,
            test=test,
            seed=seed,
            strict=strict,
            report_path=report_path,
            silent=False,
        )
    except (ValueError, OSError) as error:
        msg.fail("Not converted", str(error), exits=1)
    report.print()
    if not report.written["document"]:
        msg.fail(f"No document in {input_path}", exits=1)
    for path, n_docs in report.files.items():
        if n_docs:
            msg.good(f"Docs in {path}: {n_docs:,}")
        else:
            msg.warn(f"No doc in {path}: too few documents, or its own were dropped")
    for path in report.left:
        msg.warn(f"Left as it was: {path}. Documents of it may be in the others now")


def convert(
    input_path: Path,
    output: Path,
    *,
    format: Optional[str] = None,
    to: str = "spacy",
    lang: str = "en",
    options: Options = Options(),
    dev: float = 0.0,
    test: float = 0.0,
    seed: int = 0,
    strict: bool = False,
    report_path: Optional[Path] = None,
    silent: bool = True,
) -> Report:
    """Convert annotations of other tools to spaCy's format, with relations.

    input_path (Path): File or folder of annotations.
    output (Path): A .spacy file, or .jsonl, or a folder for brat. With `dev` or `test` a
        folder, of train.spacy and what the others say. A .spacy file of more than 10,000
        docs, or a million tokens, is a folder of several, which spaCy's readers take in
        its place.
    format (Optional[str]): Its name in `spacy_relext.convert.FORMATS`; None to guess.
    to (str): What to write: "spacy", or the name of another format that is written.
    lang (str): Language whose tokenizer to use.
    options (Options): How docs are made.
    dev (float): Share of the documents for dev.spacy, 0 to 1.
    test (float): Share of the documents for test.spacy, 0 to 1.
    seed (int): Of the draw of the splits.
    strict (bool): Whether a drop is an error, and what `to` has no place for.
    report_path (Optional[Path]): JSON lines file for each problem.
    silent (bool): Whether to show no progress.
    RETURNS (Report): What was read, written and lost.
    RAISES (ValueError): On an unknown format, language or option, a pipe as input, where
        the output would be read as input, or replace a folder of other files, and on a
        loss where `strict`.
        Nothing is written then, nor where there is no document, and what the output was
        before, it still is.
    """
    if not input_path.is_dir():
        check_file(input_path)
    name = format or guess_format(input_path)
    if name not in FORMATS:
        raise ValueError(f"Unknown format {name!r}, there are: {', '.join(FORMATS)}")
    plan = make_plan(input_path, output, FORMATS[name], to, dev, test, report_path)
    nlp = _load_tokenizer(lang)
    read = FORMATS[name].read
    total, labels = _count(read(input_path))
    target, paths = FORMATS[to], plan.paths
    names = target.name_labels(labels) if target.name_labels else {}
    splits = draw_splits(total, plan.shares, seed)
    report = Report(report_path, strict)
    report.files.update({path: 0 for path in paths.values()})
    report.left = plan.left
    builder = DocBuilder(nlp, report, options)
    # Only where there are any does a format take them.
    given = {"names": names} if names else {}
    position = 0
    with closing(report), ExitStack() as stack:
        parts = {x: stack.enter_context(replace_whole(path)) for x, path in paths.items()}
        writers = {split: target.write(part, **given) for split, part in parts.items()}
        with tqdm(total=total, unit=" docs", disable=silent) as bar:
            for found in _in_zones(nlp, read(input_path)):
                if not isinstance(found, SourceDoc):
                    report.add(found)
                    continue
                for doc in builder.build(found):
                    for problem in find_losses(doc, target.loses, names):
                        report.lose(problem)
                    writers[splits[position]].add(doc)
                    report.files[paths[splits[position]]] += 1
                position += 1
                bar.update()
        for writer in writers.values():
            writer.close()
        report.check()
        for split, path in paths.items():
            if not report.written["document"]:
                remove(parts[split])
            elif path.is_dir() or parts[split].is_dir():
                # What an earlier run left must not be read with it. A link stays one.
                remove(path.resolve())
    return report


def _count(found: Iterable[Found]) -> Tuple[int, Set[str]]:
    """How many documents there are, and their labels, with the names of attributes."""
    total, labels = 0, set()
    for source in found:
        if isinstance(source, SourceDoc):
            total += 1
            labels.update(relation.label for relation in source.relations)
            for entity in source.entities:
                labels.update((entity.label, *(name for name, _ in entity.attributes)))
    return total, labels


def _in_zones(nlp: Language, found: Iterable[Found]) -> Iterator[Found]:
    """The same, while words that were never seen before do not pile up in the
    vocabulary."""
    found = iter(found)
    ended = False
    while not ended:
        ended = True
        with nlp.memory_zone():
            for one in islice(found, ZONE):
                ended = False
                yield one


def _load_tokenizer(lang: str) -> Language:
    try:
        return spacy.blank(lang)
    except ImportError as error:
        # Some want a package of their own.
        raise ValueError(f"No tokenizer for the language {lang!r}: {error}") from None
