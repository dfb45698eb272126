"""Where words, entities and relations lie in a drawing of a doc. Lengths are in px."""

import unicodedata
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import groupby
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from spacy.tokens import Doc, Span

from ..entities import as_key
from ..relation import Relation
from .bidi import find_ways, is_from_right

# Font sizes: of the text, of a relation's label, of an entity's type.
TEXT, LABEL, TYPE = 16, 11, 9
# Room on both sides: of an entity within its box, of a label within its line.
PAD, GAP = 5, 8
MAX_CHARS = 28

# Of Helvetica and its kin, as a share of the font size; others are much like "a".
WIDTHS = {
    char: width
    for chars, width in (
        ("ijl|'’", 0.22),
        (" .,:;!/ftI[]", 0.28),
        ("r()-`", 0.33),
        ("ckszvxyJ", 0.5),
        ("FLTZ", 0.61),
        ("w", 0.72),
        ("mM", 0.83),
        ("W%@—…→", 0.95),
    )
    for char in chars
}


class Word(NamedTuple):
    """What a row shows of a text; `from_right` is which way it is read."""

    row: int
    left: float
    right: float
    text: str
    from_right: bool


@dataclass(frozen=True, eq=False)
class Box:
    """What one row shows of a mention; nested ones differ in depth, the innermost
    has 0."""

    mention: Span
    row: int
    left: float
    right: float

    @property
    def middle(self) -> float:
        return (self.left + self.right) / 2


@dataclass(eq=False)
class Arc:
    """What one row shows of a relation. `head` and `tail` are where its ends stand.
    One in another row is None, and named by the text; `stub` then says how far the
    line goes, to the left where negative."""

    relation: Relation
    text: str
    stub: float = 0.0
    left: float = 0.0
    right: float = 0.0
    level: int = 0
    head: Optional[float] = None
    tail: Optional[float] = None


@dataclass(eq=False)
class Row:
    """A line of text with what belongs to it."""

    words: List[Word] = field(default_factory=list)
    boxes: List[Box] = field(default_factory=list)
    depths: List[int] = field(default_factory=list)
    arcs: List[Arc] = field(default_factory=list)


def place_rows(
    doc: Doc, mentions: Sequence[Span], relations: Iterable[Relation], width: float
) -> List[Row]:
    """Break a doc into rows.

    doc (Doc): The doc.
    mentions (Sequence[Span]): The spans to show, heads and tails among them.
    relations (Iterable[Relation]): The relations to show.
    width (float): Where to break; only a single word may be longer.
    RETURNS (List[Row]): The rows, from the top.
    """
    from_right = is_from_right(doc.text)
    words = _place_words(doc, mentions, width, from_right)
    rows = [Row() for _ in range(1 + max((word.row for word in words), default=-1))]
    for token, word in zip(doc, words):
        if not token.is_space:
            rows[word.row].words.append(word)
    anchors: Dict[Tuple[int, int, int], Box] = {}
    for span in mentions:
        boxes = _place_mention(span, words)
        anchors[as_key(span)] = boxes[0]
        for box in boxes:
            rows[box.row].boxes.append(box)
    ends: Dict[Box, List[Tuple[float, Arc, str]]] = defaultdict(list)
    for relation in relations:
        head, tail = anchors[as_key(relation.head)], anchors[as_key(relation.tail)]
        if head.row == tail.row:
            arc = Arc(relation, relation.label)
            distance = tail.middle - head.middle or 1.0
            ends[head].append((distance, arc, "head"))
            ends[tail].append((-distance, arc, "tail"))
            rows[head.row].arcs.append(arc)
            continue
        stubs = (
            (head, tail, "head", f"{relation.label} → {shorten(relation.tail.text)}"),
            (tail, head, "tail", f"{shorten(relation.head.text)} → {relation.label}"),
        )
        for here, there, role, text in stubs:
            length = measure(text, LABEL) + 2 * GAP
            # To where one goes on reading.
            to_right = (there.row > here.row) != from_right
            arc = Arc(relation, text, length if to_right else -length)
            ends[here].append((arc.stub, arc, role))
            rows[here.row].arcs.append(arc)
    for box, arcs in ends.items():
        _place_ends(box, arcs)
    for row in rows:
        _place_arcs(row.arcs, width)
        row.depths = stack([(box.left, box.right) for box in row.boxes])
    return rows


def stack(intervals: Sequence[Tuple[float, float]]) -> List[int]:
    """For each interval a level, above those of all shorter ones that it overlaps.

    intervals (Sequence[Tuple[float, float]]): Starts and ends.
    RETURNS (List[int]): The levels, from 0.
    """
    levels = [0] * len(intervals)
    placed: List[Tuple[float, float, int]] = []
    for i in sorted(range(len(intervals)), key=lambda i: intervals[i][1] - intervals[i][0]):
        left, right = intervals[i]
        below = (level for start, end, level in placed if start < right and left < end)
        levels[i] = 1 + max(below, default=-1)
        placed.append((left, right, levels[i]))
    return levels


def measure(text: str, size: float) -> float:
    """About how wide a text is in a common sans-serif font."""
    return size * sum(map(_measure_char, text))


def shorten(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= MAX_CHARS else f"{text[: MAX_CHARS - 1]}…"


def _measure_char(char: str) -> float:
    if unicodedata.combining(char):
        return 0.0
    if unicodedata.east_asian_width(char) in "WF":
        return 1.0
    return WIDTHS.get(char, 0.69 if char.isupper() else 0.56)


def _place_words(
    doc: Doc, mentions: Sequence[Span], width: float, from_right: bool
) -> List[Word]:
    sizes = [measure(token.text, TEXT) for token in doc]
    spaces = [measure(token.whitespace_, TEXT) for token in doc]
    before, after = [0.0] * len(doc), [0.0] * len(doc)
    for span in mentions:
        # A short mention gets as wide as its type.
        size = sum(sizes[span.start : span.end]) + sum(spaces[span.start : span.end - 1])
        room = PAD + max(measure(span.label_, TYPE) - size, 0) / 2
        before[span.start] = max(before[span.start], room)
        after[span.end - 1] = max(after[span.end - 1], room)
    # Rows break at a space outside mentions, and within what is longer than a row.
    inside = {i for span in mentions for i in range(span.start, span.end - 1)}
    free = [bool(space) and i not in inside for i, space in enumerate(spaces)]
    chunk = [a + size + b for a, size, b in zip(before, sizes, after)]
    for i in reversed(range(len(doc) - 1)):
        if not free[i]:
            chunk[i] += spaces[i] + chunk[i + 1]
    rows: List[int] = []
    edges: List[List[float]] = []
    row, x = 0, 0.0
    for i, token in enumerate(doc):
        size = before[i] + sizes[i] + after[i]
        ends_line = "\n" in token.text
        too_long = x + size > width or (free[i - 1] and x + chunk[i] > width)
        # A sentence of its own keeps its relations together.
        if x and (ends_line or too_long or token.is_sent_start):
            row, x = row + 1, 0.0
        if ends_line:
            sizes[i] = spaces[i] = size = 0.0
        left = x + before[i]
        rows.append(row)
        # With the room on both sides.
        edges.append([x, left, left + sizes[i], x + size])
        x += size + spaces[i]
    words = [token.text for token in doc]
    ways = _turn(words, rows, edges, from_right)
    return [
        Word(row, left, right, text, way)
        for row, (_, left, right, _), text, way in zip(rows, edges, words, ways)
    ]


def _turn(
    words: Sequence[str], rows: Sequence[int], edges: List[List[float]], from_right: bool
) -> List[bool]:
    """Place words that were placed from left to right as they are read. Which of them go
    from right to left."""
    width = max((end for *_, end in edges), default=0.0)
    ways: List[bool] = []
    for _, line in groupby(range(len(words)), rows.__getitem__):
        places = list(line)
        ways += find_ways([words[i] for i in places], from_right)
        if from_right:
            _mirror(edges, places, 0.0, width)
        for way, run in groupby(places, ways.__getitem__):
            turned = list(run)
            # One alone has its room where it should be already.
            if way != from_right and len(turned) > 1:
                ends = [edge for i in turned for edge in edges[i]]
                _mirror(edges, turned, min(ends), max(ends))
    return ways


def _mirror(
    edges: List[List[float]], places: Iterable[int], left: float, right: float
) -> None:
    for i in places:
        edges[i] = [left + right - edge for edge in reversed(edges[i])]


def _place_mention(span: Span, words: Sequence[Word]) -> List[Box]:
    by_row: Dict[int, List[Word]] = defaultdict(list)
    for word in words[span.start : span.end]:
        by_row[word.row].append(word)
    boxes = []
    for row, shown in by_row.items():
        left, right = min(word.left for word in shown), max(word.right for word in shown)
        room = PAD + max(measure(span.label_, TYPE) - (right - left), 0) / 2
        boxes.append(Box(span, row, left - room, right + room))
    return boxes


def _place_ends(box: Box, ends: List[Tuple[float, Arc, str]]) -> None:
    """Spread the ends of arcs over a box: those to the left before those to the
    right, and of two on one side the higher arc inside, so that they do not cross."""
    step = (box.right - box.left) / (len(ends) + 1)
    for i, (_, arc, role) in enumerate(sorted(ends, key=lambda end: 1 / end[0])):
        setattr(arc, role, box.left + step * (i + 1))


def _place_arcs(arcs: Sequence[Arc], width: float) -> None:
    for arc in arcs:
        start = arc.tail if arc.head is None else arc.head
        arc.left, arc.right = sorted((start, start + arc.stub if arc.stub else arc.tail))
        # A label wider than its arc juts out on both sides.
        room = max(measure(arc.text, LABEL) + 2 * GAP - (arc.right - arc.left), 0)
        arc.left, arc.right = arc.left - room / 2, arc.right + room / 2
        shift = max(-arc.left, 0.0) or min(width - arc.right, 0.0)
        arc.left, arc.right = arc.left + shift, arc.right + shift
    for arc, level in zip(arcs, stack([(arc.left, arc.right) for arc in arcs])):
        arc.level = level
