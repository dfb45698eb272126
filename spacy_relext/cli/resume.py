"""Going on with the output of a run that ended before it was done."""

import json
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Collection, Dict, Iterator, Set, Tuple

from ..texts import Text
from .files import replace_whole


def dump(record: Dict[str, Any]) -> bytes:
    """A record as a line of JSON, without its end.

    record (Dict[str, Any]): The record.
    RETURNS (bytes): The line.
    """
    return json.dumps(record, ensure_ascii=False).encode("utf-8")


def skip_done(
    file: BinaryIO, texts: Iterator[Text], output: Path, mark: Dict[str, str]
) -> Tuple[int, Set[int], Iterator[Text]]:
    """Pass over what is done already. What was written of a record in part is cut off.

    file (BinaryIO): The output of before, open to be read and changed.
    texts (Iterator[Text]): The texts, from the first.
    output (Path): The file, for the errors.
    mark (Dict[str, str]): What each record begins with.
    RETURNS (Tuple[int, Set[int], Iterator[Text]]): How many of the texts the file has
        records of, which of these tell of an error, by their position, and the texts that
        remain.
    RAISES (ValueError): Where the file is not the beginning of what these texts give.
    """
    done = end = 0
    failed = set()
    for line in file:
        text = next(texts, None)
        if not _is_begun(line, _begin(mark)):
            raise ValueError(
                f"{output}:{done + 1} was written with another model or --code, with this "
                "model before it was trained anew, or before records said with which. Give "
                "another --output, or --overwrite to begin anew"
            )
        if text is None:
            raise _tell_other(output, done, "there is no more input")
        # What a record begins with, up to its text, whatever was found in it.
        begin = _begin({**mark, "id": text.id, "source": text.source, "text": ""})[:-1]
        if not _is_begun(line, begin):
            raise _tell_other(output, done, f"comes {text.source}")
        if not line.endswith(b"\n"):
            file.seek(end)
            file.truncate()
            return done, failed, chain([text], texts)
        found, rest = _read_text(line, begin)
        # Not all tokenizers keep the spaces, and a record has what they make of the text.
        if "".join(found.split()) != "".join(text.text.split()):
            raise _tell_other(output, done, f"comes {text.source}")
        if rest.startswith(', "error": '):
            failed.add(done)
        end += len(line)
        done += 1
    return done, failed, texts


def _begin(record: Dict[str, str]) -> bytes:
    return dump(record)[:-1]


def _is_begun(line: bytes, begin: bytes) -> bool:
    """Whether a line, which may be cut off anywhere, begins so."""
    return line[: len(begin)] == begin[: len(line)]


def _read_text(line: bytes, begin: bytes) -> Tuple[str, str]:
    """The text of a record, empty where the line is none, and what follows it."""
    try:
        rest = line[len(begin) - 1 :].decode("utf-8")
        text, end = json.JSONDecoder().raw_decode(rest)
    except ValueError:
        return "", ""
    return text, rest[end:]


def _tell_other(output: Path, done: int, expected: str) -> ValueError:
    return ValueError(
        f"{output}:{done + 1} is not of the same input, where {expected}. Give the "
        "same files and options as before, another --output, or --overwrite"
    )


def replace_lines(path: Path, numbers: Collection[int], lines: Iterator[bytes]) -> None:
    """Put other lines in place of some of a file; it stays as it is until all are there.

    path (Path): The file.
    numbers (Collection[int]): Which lines, from 0.
    lines (Iterator[bytes]): One for each of them, in order.
    """
    with replace_whole(path) as part, path.open("rb") as old, part.open("wb") as new:
        for number, line in enumerate(old):
            new.write(next(lines) if number in numbers else line)
