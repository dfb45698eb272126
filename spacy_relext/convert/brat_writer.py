"""Docs into a folder of brat standoff."""

import re
from pathlib import Path
from typing import Collection, Dict, Mapping, Optional, Set

from spacy.tokens import Doc

from ..entities import as_stored_key
from .annotations import get_annotations
from .brat import KB_PREFIX
from .losses import SPACE

# Bytes of a file name, of which systems take 255.
MAX_NAME = 200


def name_labels(labels: Collection[str]) -> Dict[str, str]:
    """What labels with a space in them are called, which brat does not allow: it has `_` in
    its place, and a number where another label would be called so.

    labels (Collection[str]): All labels of a corpus, names of attributes too.
    RETURNS (Dict[str, str]): The names of those that have a space.
    """
    taken = set(labels)
    names: Dict[str, str] = {}
    for label in sorted(filter(SPACE.search, labels)):
        base = name = re.sub(r"\s+", "_", label)
        number = 1
        while name in taken:
            number += 1
            name = f"{base}_{number}"
        taken.add(name)
        names[label] = name
    return names


class BratWriter:
    """Writes a folder of brat's, two files a doc. An id with a space in it is left out.
    Scores become notes."""

    def __init__(self, path: Path, names: Optional[Mapping[str, str]] = None):
        """Begin a folder.

        path (Path): The folder.
        names (Mapping[str, str]): Labels that brat does not allow, each with what it is
            called instead, see `name_labels`.
        """
        path.mkdir(parents=True, exist_ok=True)
        self._folder = path
        self._labels = dict(names or {})
        self._names: Set[str] = set()

    def add(self, doc: Doc) -> None:
        """Take a doc.

        doc (Doc): The doc.
        """
        found = get_annotations(doc)
        name = self._make_name(found.name)
        lines = []
        n_attributes = 0
        for i, span in enumerate(found.mentions, 1):
            # Each line of text that an entity takes is a piece of it.
            pieces = [
                (span.start_char + match.start(), span.start_char + match.end())
                for match in re.finditer(r"[^\r\n]+", span.text)
            ]
            offsets = ";".join(f"{start} {end}" for start, end in pieces)
            said = " ".join(doc.text[start:end] for start, end in pieces)
            said = said.replace("\t", " ")
            lines.append(f"T{i}\t{self._as_label(span.label_)} {offsets}\t{said}")
            if span.kb_id_ and not SPACE.search(span.kb_id_):
                # What begins with the prefix itself is given another, or would lose it.
                named = ":" in span.kb_id_ and not span.kb_id_.startswith(KB_PREFIX)
                prefix = "" if named else KB_PREFIX
                lines.append(f"N{i}\tReference T{i} {prefix}{span.kb_id_}\t{said}")
            for attribute, value in found.attributes.get(as_stored_key(span), ()):
                n_attributes += 1
                # One that is just there has no value.
                said = "" if value is True else " " + " ".join(str(value).split())
                lines.append(f"A{n_attributes}\t{self._as_label(attribute)} T{i}{said}")
        for i, relation in enumerate(found.relations, 1):
            head, tail = (
                found.ids[as_stored_key(end)] + 1 for end in (relation.head, relation.tail)
            )
            label = self._as_label(relation.label)
            lines.append(f"R{i}\t{label} Arg1:T{head} Arg2:T{tail}")
            if relation.score < 1:
                lines.append(f"#{i}\tAnnotatorNotes R{i}\tscore {relation.score:.3f}")
        # In bytes, so that no system makes other line breaks of those that offsets count.
        text, annotation = doc.text, "".join(f"{line}\n" for line in lines)
        (self._folder / f"{name}.txt").write_bytes(text.encode("utf8"))
        (self._folder / f"{name}.ann").write_bytes(annotation.encode("utf8"))

    def close(self) -> None:
        """Nothing is left to write."""

    def _as_label(self, label: str) -> str:
        return self._labels.get(label, label)

    def _make_name(self, wanted: str) -> str:
        """The name of a doc as one of a file that is not there yet."""
        plain = re.sub(r"[^\w.#-]+", "-", wanted).encode("utf8")[-MAX_NAME:]
        base = name = plain.decode("utf8", "ignore").strip(".-") or "doc"
        number = len(self._names)
        # Some systems do not tell case apart.
        while name.casefold() in self._names:
            number += 1
            name = f"{base}-{number}"
        self._names.add(name.casefold())
        return name
