"""The values of a JSON file, one after the other."""

import json
from pathlib import Path
from typing import Any, Iterator, Optional, Tuple

from .files import decode_lines
from .report import DROPPED
from .source import Problem

# Characters that tell what is in a file.
HEAD = 1 << 16
# Characters read at a time.
BLOCK = 1 << 20


def iter_json(path: Path) -> Iterator[Tuple[str, Any]]:
    """The values of a JSON lines file, or the items of a JSON array, one at a time, so
    that memory stays flat whatever the size of the file. One value alone may take several
    lines.

    path (Path): The file.
    YIELDS (Tuple[str, Any]): Place and value; a Problem for what is no JSON.
    """
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        begin = file.read(HEAD).lstrip()[:1]
    if begin == "[" or (begin == "{" and not _begins_with_line(path)):
        yield from _iter_values(path)
        return
    for place, line in decode_lines(path):
        if isinstance(line, Problem):
            yield place, line
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = f"no JSON: {_tell_no_json(error)}"
            yield place, Problem(place, "document", DROPPED, reason)
            continue
        yield place, find_no_characters(place, line, value) or value


def find_no_characters(place: str, raw: str, value: Any) -> Optional[Problem]:
    """What of a JSON value can be no text: bytes that are no UTF-8, or half a character.

    place (str): Where it stands.
    raw (str): The value as it stands there, its bytes that are no UTF-8 as surrogates.
    value (Any): The value.
    RETURNS (Optional[Problem]): The problem, None where there is none.
    """
    try:
        raw.encode("utf8")
        # Two halves of a character make one, which the value alone shows.
        if "\\ud" in raw.lower():
            json.dumps(value, ensure_ascii=False).encode("utf8")
    except UnicodeEncodeError as error:
        found = ord(error.object[error.start])
        what = f"{chr(found)!r} is half of a character"
        if error.object is raw and 0xDC80 <= found <= 0xDCFF:
            what = f"byte 0x{found - 0xDC00:02x}"
        return Problem(place, "document", DROPPED, f"broken UTF-8: {what}")
    return None


def _tell_no_json(error: Exception) -> str:
    # Not as it tells itself, which counts lines from where the value begins.
    return getattr(error, "msg", str(error))


def _begins_with_line(path: Path) -> bool:
    """Whether the first line is a JSON value, as each is in a JSON lines file."""
    line = next((line for _, line in decode_lines(path)), "")
    # What ends with its own bracket is one, if perhaps a broken one.
    return isinstance(line, Problem) or line.rstrip().endswith("}")


def _iter_values(path: Path) -> Iterator[Tuple[str, Any]]:
    """The items of an array, or values one after the other, over any number of lines."""
    decode = json.JSONDecoder().raw_decode
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
        number, text, item, last = 1, file.read(BLOCK), 0, 0
        # What comes before the first item, and between two.
        is_array = text.lstrip()[:1] == "["
        position = text.index("[") + 1 if is_array else 0
        number += text.count("\n", 0, position)
        while True:
            start = position
            while position < len(text) and text[position] in " \t\r\n,":
                position += 1
            number += text.count("\n", start, position)
            place = f"{path}:{number}"
            if position == len(text):
                text, position = file.read(BLOCK), 0
                if text:
                    continue
                if is_array:
                    reason = "the array does not end, as if the file were cut off"
                    yield place, Problem(place, "document", DROPPED, reason)
                return
            if is_array and text[position] == "]":
                if (text[position + 1 :] + file.read(BLOCK)).strip():
                    reason = "what comes after the end of the array is not read"
                    yield place, Problem(place, "document", DROPPED, reason)
                return
            # Where all stands in one line, its number says nothing.
            place += f", item {item}" if number == last else ""
            try:
                value, end = decode(text, position)
            except (ValueError, RecursionError) as error:
                # As much again, so that a long value is not tried too often.
                more = file.read(max(BLOCK, len(text) - position))
                if not more:
                    number += text.count("\n", position, getattr(error, "pos", position))
                    reason = (
                        f"no JSON, and so is all that follows: {_tell_no_json(error)} in "
                        f"line {number}"
                    )
                    yield place, Problem(place, "document", DROPPED, reason)
                    return
                text, position = text[position:] + more, 0
                continue
            yield place, find_no_characters(place, text[position:end], value) or value
            item, last = item + 1, number
            number += text.count("\n", position, end)
            position = end
            if position > BLOCK:
                text, position = text[position:], 0
