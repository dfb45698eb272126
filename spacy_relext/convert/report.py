"""What came of a conversion: how much was read and written, and what was lost where."""

from collections import Counter, defaultdict
from pathlib import Path
from typing import IO, Dict, List, Optional, Tuple

import srsly
import typer
from wasabi import msg

from .source import Problem, SourceEntity, as_text

KINDS = ("document", "entity", "relation", "attribute", "note")
DROPPED = "dropped"
# Written otherwise, as the format has no place for it as it is.
REWRITTEN = "rewritten"
# Kinds that are counted as read where they are dropped. The others are as docs are made
# of them.
TOLD = ("document", "note")
# Problems of one sort that are told one by one.
N_TOLD = 3


class Report:
    """Counts documents, entities and relations, and collects problems. What it keeps
    does not grow with the input.

    read (Counter): Number read, by kind. What is skipped is not; a note is where it is
        dropped.
    written (Counter): Number written, by kind. A document that is cut is one.
    dropped (Counter): Number dropped, by kind.
    changed (Counter): By kind and what was done, as in ("entity", "expanded").
    files (Counter): Docs written, by file or folder.
    left (List[Path]): Splits of an earlier run, beside those that are written.
    """

    def __init__(self, path: Optional[Path] = None, strict: bool = False):
        """Begin a report.

        path (Optional[Path]): JSON lines file that takes each problem as it comes.
        strict (bool): Whether a drop is an error, and what the format that is written
            has no place for.
        """
        self.read: Counter = Counter()
        self.written: Counter = Counter()
        self.dropped: Counter = Counter()
        self.changed: Counter = Counter()
        self.files: Counter = Counter()
        self.left: List[Path] = []
        self.strict = strict
        self._reasons: Counter = Counter()
        self._places: Dict[Tuple[str, str, str], List[str]] = defaultdict(list)
        self._file: Optional[IO[str]] = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("w", encoding="utf8")

    def add(self, problem: Problem) -> None:
        """Take a problem.

        problem (Problem): The problem.
        RAISES (ValueError): Where something is dropped or rewritten and the report is
            strict.
        """
        problem = Problem(*map(as_text, problem))
        place, kind, fate, reason = problem
        if self._file is not None:
            self._file.write(srsly.json_dumps(problem._asdict()) + "\n")
        if self.strict and fate in (DROPPED, REWRITTEN):
            raise ValueError(f"{place}: {kind} {fate}: {reason}")
        if fate == DROPPED:
            self.dropped[kind] += 1
            if kind in TOLD:
                self.read[kind] += 1
        else:
            self.changed[kind, fate] += 1
        # Without what is the text's own, as in 'Paris', so that like comes to like.
        sort = (kind, fate, _generalise(reason))
        self._reasons[sort] += 1
        if self._reasons[sort] <= N_TOLD:
            self._places[sort].append(f"{place}: {reason}")

    def lose(self, problem: Problem) -> None:
        """Take what a doc has, and what is written of it has no place for.

        problem (Problem): The problem.
        """
        if problem.fate == DROPPED and problem.kind != "note":
            # It was counted as written to the doc.
            self.written[problem.kind] -= 1
        self.add(problem)

    def drop(self, place: str, kind: str, reason: str) -> None:
        """Take what is dropped.

        place (str): As of a `Problem`, and so are the others.
        kind (str): What it is.
        reason (str): Why it is dropped.
        """
        self.add(Problem(place, kind, DROPPED, reason))

    def drop_entity(self, entity: SourceEntity, reason: str) -> None:
        """Take an entity that is dropped.

        entity (SourceEntity): The entity.
        reason (str): Why.
        """
        self.drop(entity.place, "entity", reason)
        # They are told of with it.
        self.dropped["attribute"] += len(entity.attributes)

    def close(self) -> None:
        """Close the file of problems."""
        if self._file is not None:
            self._file.close()

    def check(self) -> None:
        """Make sure that nothing was lost silently.

        RAISES (AssertionError): Where it was.
        """
        for kind in KINDS:
            n_read = self.read[kind]
            n_known = self.written[kind] + self.dropped[kind]
            assert n_read == n_known, f"{kind}: {n_read} read, {n_known} accounted for"

    def sorts(self) -> List[Tuple[Tuple[str, str, str], List[str]]]:
        """The problems by sort, the most frequent first.

        RETURNS (List[Tuple[Tuple[str, str, str], List[str]]]): Kind, fate and reason;
            the first of them, each with its place.
        """
        return [(sort, self._places[sort]) for sort, _ in self._reasons.most_common()]

    def print(self) -> None:
        """Print the counts, and for each sort of problem its first places."""
        rows = []
        for kind in KINDS:
            changes = [
                f"{n:,} {fate}" for (k, fate), n in self.changed.items() if k == kind
            ]
            counts = (self.read[kind], self.written[kind], self.dropped[kind])
            if any(counts) or changes:
                rows.append((kind, *(f"{n:,}" for n in counts), ", ".join(changes)))
        header = ("", "Read", "Written", "Dropped", "Changed or skipped")
        aligns = ("l", "r", "r", "r", "l")
        msg.table(rows, header=header, aligns=aligns, divider=True)
        for sort, places in self.sorts():
            n = self._reasons[sort]
            msg.warn(f"{n:,} × {sort[0]} {sort[1]}")
            for place in places:
                typer.echo(f"    {place}")
            if n > N_TOLD:
                typer.echo("    …")


def _generalise(reason: str) -> str:
    """A reason without what stands in quotation marks, and without numbers."""
    parts = reason.split("'")
    plain = "'…'".join(parts[::2])
    return "".join("0" if c.isdigit() else c for c in plain)
