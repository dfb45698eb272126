"""python -m spacy relext extract"""

from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Optional, Tuple

import typer
from spacy import util
from spacy.cli._util import import_code, setup_gpu
from spacy.language import Language
from spacy.pipeline import Sentencizer
from spacy.tokens import Doc
from tqdm import tqdm
from wasabi import msg

from ..extractor import RelationExtractor
from ..records import as_record
from ..texts import Fault, Found, Text, read_texts
from ..workers import map_batches
from . import relext
from .files import WriteError, check_apart, tell_output
from .fingerprint import find_folder, get_fingerprint
from .resume import dump, replace_lines, skip_done

# A batch ends with the document that reaches this, in characters.
MAX_BATCH_CHARS = 500_000

# As tqdm has it, but docs a second also where that is below one.
BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_noinv_fmt}]"

RETRY = "--retry-failed does them again."
WITHOUT_ENTITIES = (
    "Has the pipeline a component that finds them, before the extractor and where that "
    "looks: doc.ents, or its spans_key of doc.spans? `spacy apply` takes docs with entities."
)


@relext.command("extract")
def extract_cli(
    # fmt: off
    model: str = typer.Argument(..., help="Model name or path"),
    inputs: List[Path] = typer.Argument(..., help="Text files, .jsonl, .csv, .tsv, or directories of such", exists=True),
    output: Path = typer.Option(..., "--output", "-o", help="Output .jsonl file. Where it exists already, the run that began it is continued", dir_okay=False),
    lines: bool = typer.Option(False, "--lines", "-L", help="Each line of a plain text file is a document, instead of the whole file"),
    text_field: str = typer.Option("text", "--text-field", help="Field of .jsonl objects, or column of tables, that holds the text"),
    id_field: Optional[str] = typer.Option(None, "--id-field", help="Field or column that holds the document's id, by default `id`; without one it is file:line"),
    overwrite: bool = typer.Option(False, "--overwrite", "-F", help="Begin anew where the output exists already"),
    retry_failed: bool = typer.Option(False, "--retry-failed", "-R", help="Do those documents of the output again that the pipeline failed on"),
    n_process: int = typer.Option(1, "--n-process", "-n", help="Number of processes, each with a pipeline of its own", min=1),
    batch_size: int = typer.Option(64, "--batch-size", "-b", help="Documents to process, and to write, at a time", min=1),
    code_path: Optional[Path] = typer.Option(None, "--code", "-c", help="Path to Python file with additional code to be imported"),
    use_gpu: int = typer.Option(-1, "--gpu-id", "-g", help="GPU ID or -1 for CPU"),
    # fmt: on
) -> None:
    """Find the relations in texts, and write a line of JSON for each document.

    The output is written as it comes. After an interruption, the same command goes on
    where it was, but not with another model. What cannot be read is reported with its
    file and line, and left out.
    """
    try:
        extract(
            model,
            inputs,
            output,
            lines=lines,
            text_field=text_field,
            id_field=id_field,
            overwrite=overwrite,
            retry_failed=retry_failed,
            n_process=n_process,
            batch_size=batch_size,
            code_path=code_path,
            use_gpu=use_gpu,
            silent=False,
        )
    except BrokenProcessPool:
        msg.fail(
            "A process was ended from outside",
            "Was there too little memory? What is done is kept: run the same command "
            "again, with a smaller --n-process or --batch-size.",
            exits=1,
        )
    except WriteError as error:
        msg.fail(
            "The output can't be written",
            f"{error}. What was written stays: run the same command again, and it goes on.",
            exits=1,
        )
    except (ValueError, OSError) as error:
        msg.fail("No relations extracted", str(error), exits=1)


def extract(
    model: str,
    inputs: Iterable[Path],
    output: Path,
    *,
    lines: bool = False,
    text_field: str = "text",
    id_field: Optional[str] = None,
    overwrite: bool = False,
    retry_failed: bool = False,
    n_process: int = 1,
    batch_size: int = 64,
    code_path: Optional[Path] = None,
    use_gpu: int = -1,
    silent: bool = True,
) -> Dict[str, int]:
    """Find the relations in texts, and write a line of JSON for each document.

    model (str): Name or path of the pipeline.
    inputs (Iterable[Path]): Files and directories, see `spacy_relext.texts`.
    output (Path): A .jsonl file of records, see `spacy_relext.records`, in the order of
        the input. A document that the pipeline failed on has `error` in their place. Each
        has as `model` what `get_fingerprint` returns.
    lines (bool): Whether each line of a plain text file is a document.
    text_field (str): Where the text is in JSON objects and tables.
    id_field (Optional[str]): Where the id of the document is, if it has one. None for
        "id", which a file need not have.
    overwrite (bool): Whether to begin anew, instead of going on after what is there. That
        stays until the first batch is done.
    retry_failed (bool): Whether to do the documents again that the pipeline failed on
        before. The output stays as it is until all of these are done.
    n_process (int): Number of processes; above 1 each loads the pipeline itself.
    batch_size (int): Documents to process, and to write, at a time.
    code_path (Optional[Path]): Python file to import first.
    use_gpu (int): GPU ID, or -1 for CPU.
    silent (bool): Whether to print nothing.
    RETURNS (Dict[str, int]): Number of `documents` in the output, of those `continued`
        from before, of these `failed_before`, and in this run of `entities`, `relations`,
        documents that `failed`, and places `left_out`.
    RAISES (ValueError): Where there is no document, the output is an input, or lies in
        the model's folder, or is not the beginning of what these inputs give, or not of
        this model, or the pipeline finds no relations.
    RAISES (OSError): Where there is no such pipeline.
    """
    inputs = list(inputs)
    check_apart(inputs, output)
    # What is written there would change the checksum by which the model is known.
    if find_folder(model).resolve() in output.resolve().parents:
        raise ValueError(f"{output} lies in the folder of the model, give another --output")
    options = {"lines": lines, "text_field": text_field, "id_field": id_field}
    read = partial(read_texts, inputs, leave_out=output, **options)
    mark = {"model": get_fingerprint(model, code_path)}
    n_texts, n_faults = _count(read(), silent)
    if not n_texts:
        raise ValueError("No document in the input")
    output.parent.mkdir(parents=True, exist_ok=True)
    texts = (text for text in read() if isinstance(text, Text))
    done, failed, is_new = 0, set(), not output.exists()
    # Also to see, before the work begins, that it can be written.
    with output.open("a+b") as file:
        if not overwrite:
            file.seek(0)
            done, failed, texts = skip_done(file, texts, output, mark)
    # Or one that is empty would stay where the pipeline can't be loaded.
    if is_new:
        output.resolve().unlink()
    again = failed if retry_failed else set()
    n_kept = done - len(again)
    counts = dict(documents=n_kept, continued=n_kept, failed_before=len(failed - again))
    counts.update(entities=0, relations=0, failed=0, left_out=n_faults)
    build = partial(Annotator, model, use_gpu, code_path)
    bar = tqdm(
        total=n_texts, initial=n_kept, unit=" docs", bar_format=BAR, disable=silent
    )

    def annotate(texts: Iterable[Text]) -> Iterator[List[bytes]]:
        for records in map_batches(build, _batch(texts, batch_size), n_process):
            for record in records:
                counts["documents"] += 1
                counts["failed"] += "error" in record
                counts["entities"] += len(record.get("entities", ()))
                counts["relations"] += len(record.get("relations", ()))
                if "error" in record and not silent:
                    bar.write(f"{record['source']}: {record['error']}")
            bar.update(len(records))
            yield [dump({**mark, **record}) + b"\n" for record in records]

    with bar:
        # Nothing left to do needs no pipeline.
        if again:
            everything = (text for text in read() if isinstance(text, Text))
            redone = (text for i, text in enumerate(everything) if i in again)
            # Not kept in a variable, or its pipeline would stay beside the next.
            replace_lines(output, again, chain.from_iterable(annotate(redone)))
        if done < n_texts:
            # Not before: a pipeline that can't be loaded leaves what was there.
            mode = "ab" if done else "wb"
            for batch in annotate(texts):
                with tell_output(output), output.open(mode) as file:
                    file.writelines(batch)
                mode = "ab"
    if not silent:
        _print_counts(counts, output)
    return counts


class Annotator:
    """Runs a pipeline that it loads itself, from plain texts to plain records."""

    def __init__(self, model: str, use_gpu: int = -1, code_path: Optional[Path] = None):
        """Load the pipeline.

        model (str): Name or path of the pipeline.
        use_gpu (int): GPU ID, or -1 for CPU.
        code_path (Optional[Path]): Python file to import first.
        RAISES (ValueError): Where no component declares to find relations.
        """
        import_code(code_path)
        setup_gpu(use_gpu, silent=True)
        self.nlp: Language = util.load_model(model)
        names = self.nlp.pipe_names
        if not any("doc._.relations" in self.nlp.get_pipe_meta(x).assigns for x in names):
            raise ValueError(
                f"No component of {model} declares that it assigns doc._.relations, as "
                f"relation_extractor does. Its components: {', '.join(names) or 'none'}"
            )
        pipes = [pipe for _, pipe in self.nlp.pipeline if isinstance(pipe, RelationExtractor)]
        self.options = {
            "spans_keys": {pipe.cfg["spans_key"] for pipe in pipes} or {None},
            "symmetric_labels": {x for pipe in pipes for x in pipe.cfg["symmetric_labels"]},
        }
        # For pipelines that have nothing better.
        self.sentencizer = Sentencizer()

    def __call__(self, texts: List[Text]) -> List[Dict[str, Any]]:
        """Find the relations of a batch.

        texts (List[Text]): The batch.
        RETURNS (List[Dict[str, Any]]): A record for each, or what says the error of the
            one that the pipeline failed on.
        """
        try:
            # Or words that were never seen before would pile up in the vocabulary.
            with self.nlp.memory_zone():
                docs = self.nlp.pipe([text.text for text in texts], batch_size=len(texts))
                return [self._as_record(*both) for both in zip(texts, docs)]
        except Exception as error:
            if len(texts) == 1:
                return [{**texts[0]._asdict(), "error": _tell(error)}]
            # One at a time: most are not to blame.
            return [record for text in texts for record in self([text])]

    def _as_record(self, text: Text, doc: Doc) -> Dict[str, Any]:
        if not doc.has_annotation("SENT_START"):
            self.sentencizer(doc)
        return as_record(doc, id=text.id, source=text.source, **self.options)


def _tell(error: Exception) -> str:
    """What is told of an error, in which half a character, as in names of files that are
    no UTF-8, is written as in Python."""
    told = f"{type(error).__name__}: {error}"
    return told.encode("utf-8", "backslashreplace").decode("utf-8")


def _count(found: Iterable[Found], silent: bool) -> Tuple[int, int]:
    """Number of documents, and of faults, which are told, as notes are."""
    n_texts = n_faults = 0
    for one in found:
        n_texts += isinstance(one, Text)
        n_faults += isinstance(one, Fault)
        if not isinstance(one, Text) and not silent:
            msg.warn(f"{one.source}: {one.reason}")
    return n_texts, n_faults


def _batch(texts: Iterable[Text], size: int) -> Iterator[List[Text]]:
    batch: List[Text] = []
    n_chars = 0
    for text in texts:
        batch.append(text)
        n_chars += len(text.text)
        if len(batch) == size or n_chars >= MAX_BATCH_CHARS:
            yield batch
            batch, n_chars = [], 0
    if batch:
        yield batch


def _print_counts(counts: Dict[str, int], output: Path) -> None:
    if counts["left_out"]:
        msg.warn(f"Left out: {counts['left_out']} places in the input, told above")
    if counts["failed"] + counts["failed_before"] == counts["documents"] > 0:
        advice = RETRY if counts["failed_before"] else None
        msg.fail("The pipeline failed on every document", advice, exits=1)
    if counts["failed"]:
        msg.warn(f"Failed on: {counts['failed']} documents, told above and in the output")
    if counts["continued"]:
        msg.info(f"Documents that were there already: {counts['continued']}")
    elif not counts["entities"]:
        msg.warn("No entities found", WITHOUT_ENTITIES)
    if counts["failed_before"]:
        msg.warn(f"Failed on before: {counts['failed_before']} of these documents", RETRY)
    msg.good(
        f"Documents in {output}: {counts['documents']}, with {counts['relations']} new "
        f"relations of {counts['entities']} new entities"
    )
