"""Entities and relations as one HTML page. What is drawn needs no script, filters do."""

import re
from collections import Counter
from html import escape
from typing import Collection, Dict, Iterable, Optional, Sequence, Tuple, Union

from spacy.tokens import Doc

from ..entities import as_key
from ..records import get_mentions, make_writable
from ..relation import Relation, get_relations
from .filters import FILTER_STYLE, draw_filters, mark
from .layout import LABEL, PAD, TEXT, TYPE, Arc, Row, measure, place_rows

# Heights in px: of a line of text, of an entity's type below it, of a level of arcs,
# of the lowest arc, of the room below a row; and the radius of an arc's corners.
LINE, TYPE_LINE, LEVEL, LOWEST, ROOM, CORNER = 22, 12, 19, 14, 16, 6

# Of a text that goes from right to left, and ends where it is placed.
TURNED = ' direction="rtl" text-anchor="end"'

# Of an entity type or a relation label, ("type", "ORG") say, the colour as CSS.
Styles = Dict[Tuple[str, str], str]

# A colour as CSS writes it, and nothing that could end it or load a file.
COLOR = re.compile(r"#[0-9a-fA-F]{3,8}|[a-zA-Z]+|(?!url)[a-z]{3,5}\([\w\s.,%/+-]+\)")

STYLE = """
.relext{--paper:#fff;--ink:#1f2328;--soft:#667085;--rule:#e4e7ec;--box:80% 89%;
--edge:55% 62%;--arc:62% 29%;--tint:75%;padding:1.5rem;
background:var(--paper);color:var(--ink);
font-family:"Helvetica Neue",Arial,"Liberation Sans",sans-serif;line-height:1.5}
@media (prefers-color-scheme:dark){.relext{--paper:#15171c;--ink:#e6e8ec;--soft:#98a2b3;
--rule:#2c313a;--box:38% 26%;--edge:38% 46%;--arc:65% 72%;--tint:55%}}
.relext h1{font-size:1.4rem;margin:0 0 1rem}.relext h2{font-size:1rem;margin:0 0 .5rem}
.relext section{border-top:1px solid var(--rule);padding:1.25rem 0;overflow-x:auto}
.relext svg{display:block}.relext svg text{fill:var(--ink);white-space:pre}
.relext [style^="--hue"]{--fill:hsl(var(--hue) var(--box));
--line:hsl(var(--hue) var(--edge));--pen:hsl(var(--hue) var(--arc))}
.relext [style^="--color"]{--fill:color-mix(in srgb,var(--color) 32%,var(--paper));
--line:var(--color);--pen:color-mix(in srgb,var(--color) var(--tint),var(--ink))}
.relext rect{fill:var(--fill);stroke:var(--line)}
.relext svg .type{font-weight:600;text-anchor:middle;letter-spacing:.04em;opacity:.75}
.relext .relation path{fill:none;stroke:var(--pen);stroke-width:1.3}
.relext .relation:hover path{stroke-width:2.8}.relext .tip{fill:var(--pen)}
.relext svg .relation text{fill:var(--pen);font-weight:600;text-anchor:middle;
paint-order:stroke;stroke:var(--paper);stroke-width:8px;stroke-linejoin:round}
.relext .legend{display:flex;flex-wrap:wrap;gap:.4rem;margin:0 0 1.25rem;font-size:.8rem}
.relext span.type,.relext span.label{border-radius:4px;padding:.1rem .5rem}
.relext span.type{background:var(--fill);border:1px solid var(--line)}
.relext span.label{color:var(--pen)}.relext .legend .label{border:1px solid}
.relext .none,.relext details{color:var(--soft)}
.relext details{margin-top:.25rem;font-size:.85rem}.relext summary{cursor:pointer}
.relext table{border-collapse:collapse;margin-top:.4rem}
.relext td{padding:.15rem .6rem .15rem 0;color:var(--ink)}
.relext .score{display:inline-block;width:6rem;height:.45rem;margin-right:.5rem;
border-radius:9px;background:var(--rule)}
.relext .score span{display:block;height:100%;border-radius:9px;background:var(--soft)}
"""


class Drawing(str):
    """HTML that a notebook shows, where it is the value of a cell.

    figure (str): What of it goes inside a page.
    """

    figure: str

    def _repr_html_(self) -> str:
        return self.figure


def render(
    docs: Union[Doc, Iterable[Doc]],
    *,
    page: bool = True,
    title: str = "Relations",
    width: int = 960,
    spans_key: Optional[str] = None,
    symmetric_labels: Collection[str] = (),
    colors: Optional[Dict[str, str]] = None,
    filters: bool = False,
) -> Drawing:
    """Show docs with their entities in colour and an arc for each relation. One
    that leads to another line is drawn as two stubs, which name what they lead to.
    What stands in `doc.user_data["title"]` becomes the doc's heading.

    docs (Union[Doc, Iterable[Doc]]): One doc or several.
    page (bool): Whether to return a whole page, or what goes inside one.
    title (str): The title of the page.
    width (int): Width of the text in px.
    spans_key (Optional[str]): None to show `doc.ents`, else the group of
        `doc.spans`. Heads and tails of relations are shown in any case.
    symmetric_labels (Collection[str]): Labels whose relations get no arrowhead.
    colors (Optional[Dict[str, str]]): CSS colours of entity types and relation
        labels, `{"ORG": "#7aecec"}` say, blended with the page so that text stays
        legible on dark too. All others get colours of their own.
    filters (bool): Whether the relations can be filtered by label and score, and the
        docs by whether any is left. Takes a page.
    RETURNS (Drawing): A text of HTML, well-formed as XML too, that loads nothing from
        elsewhere. A notebook shows it where it is the value of a cell.
    RAISES (ValueError): On anything that is not a Doc, or no CSS colour.
    """
    docs = [docs] if isinstance(docs, Doc) else list(docs)
    for doc in docs:
        if not isinstance(doc, Doc):
            raise ValueError(f"render takes Doc objects, found: {type(doc)}")
    relations = [get_relations(doc) for doc in docs]
    mentions = [
        # What one piece of text is said to be is drawn once, whatever it is linked to.
        list({as_key(x): x for x in get_mentions(doc, rels, (spans_key,))[0]}.values())
        for doc, rels in zip(docs, relations)
    ]
    # Entity types and relation labels have one colour each throughout the page.
    types = Counter(span.label_ for group in mentions for span in group)
    labels = Counter(relation.label for group in relations for relation in group)
    styles = _assign_styles(types, labels, colors or {})
    drawn = []
    for doc, spans, rels in zip(docs, mentions, relations):
        rows = place_rows(doc, spans, rels, width)
        svg = _draw_rows(rows, styles, symmetric_labels) if doc.text.strip() else ""
        table = _draw_table(rels, styles, symmetric_labels)
        drawn.append(_draw_section(doc, svg, table))
    body = "".join(drawn) or '<p class="none">There is no document.</p>'
    legend = "".join(
        _draw_chip(f"{name or 'no type'} {n}", kind, styles[kind, name])
        for kind, counts in (("type", types), ("label", labels))
        for name, n in sorted(counts.items())
        # A filter of a label stands in its place.
        if kind == "type" or not filters
    )
    chips = {
        name: _draw_chip(f"{name} {n}", "label", styles["label", name])
        for name, n in sorted(labels.items())
    }
    controls = draw_filters(chips) if filters else ""
    begin = f'<div class="relext"><style>{STYLE}{FILTER_STYLE if filters else ""}</style>'
    end = f'<div class="legend">{legend}</div>{controls}{body}</div>'
    whole = begin + end
    if page:
        whole = _draw_page(title, f"{begin}<h1>{_clean(title)}</h1>{end}")
    drawing = Drawing(whole)
    drawing.figure = begin + end
    return drawing


def _draw_page(title: str, figure: str) -> str:
    return (
        '<!DOCTYPE html>\n<html xmlns="http://www.w3.org/1999/xhtml"><head>'
        '<meta charset="utf-8"/><meta name="color-scheme" content="light dark"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f"<title>{_clean(title)}</title>"
        "<style>body{margin:0}.relext{box-sizing:border-box;min-height:100vh}</style>"
        f"</head><body>{figure}</body></html>\n"
    )


def _assign_styles(
    types: Iterable[str], labels: Iterable[str], colors: Dict[str, str]
) -> Styles:
    for name, color in colors.items():
        if not isinstance(color, str) or not COLOR.fullmatch(color):
            raise ValueError(
                f"The colour of {name!r} must be written as in CSS, as in '#7aecec', "
                f"'teal' or 'rgb(0, 128, 128)', found: {color!r}"
            )
    styles = {}
    for kind, names, first in (("type", types, 210), ("label", labels, 20)):
        for i, name in enumerate(sorted(names)):
            # Turning by the golden angle keeps neighbours apart, however many there are.
            hue = round(first + i * 137.5) % 360
            given = f"--color:{colors[name]}" if name in colors else ""
            styles[kind, name] = given or f"--hue:{hue}"
    return styles


def _draw_section(doc: Doc, svg: str, table: str) -> str:
    heading = doc.user_data.get("title")
    heading = f"<h2>{_clean(str(heading))}</h2>" if heading else ""
    if not svg:
        svg = '<p class="none">This document has no text.</p>'
    return f"<section>{heading}{svg}{table}</section>"


def _draw_table(
    relations: Sequence[Relation], styles: Styles, symmetric: Collection[str]
) -> str:
    rows = []
    for rel in relations:
        head, tail = (
            _draw_chip(span.text, "type", styles["type", span.label_])
            for span in (rel.head, rel.tail)
        )
        line = f"— {rel.label} {'—' if rel.label in symmetric else '→'}"
        label = _draw_chip(line, "label", styles["label", rel.label])
        score = (
            f'<span class="score"><span style="width:{rel.score:.1%}"></span></span>'
            f"{rel.score:.3f}"
        )
        cells = "".join(f"<td>{cell}</td>" for cell in (head, label, tail, score))
        rows.append(f"<tr {mark(rel)}>{cells}</tr>")
    if not rows:
        return ""
    count = f"{len(rows)} relation{'' if len(rows) == 1 else 's'}"
    table = f"<table>{''.join(rows)}</table>"
    return f"<details><summary>{count}</summary>{table}</details>"


def _draw_chip(text: str, kind: str, style: str) -> str:
    return f'<span class="{kind}" style="{style}">{_clean(text)}</span>'


def _draw_rows(rows: Sequence[Row], styles: Styles, symmetric: Collection[str]) -> str:
    drawn, width, y = [], 0.0, 1.0
    for row in rows:
        levels = 1 + max((arc.level for arc in row.arcs), default=-1)
        above = LOWEST + LEVEL * levels if levels else 0
        below = LINE + TYPE_LINE * (1 + max(row.depths, default=-1)) + ROOM
        y += above
        svg = _draw_row(row, styles, symmetric)
        drawn.append(f'<g transform="translate({PAD + 1} {y})">{svg}</g>')
        y += below
        # Not wider than what is drawn: a short text needs no scroll bar.
        edges = [part.right for part in (*row.boxes, *row.arcs)]
        width = max(width, *edges, *(word.right for word in row.words), 0)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width + 2 * PAD + 2:.0f}" '
        f'height="{y:.0f}" font-size="{TEXT}">{"".join(drawn)}</svg>'
    )


def _draw_row(row: Row, styles: Styles, symmetric: Collection[str]) -> str:
    """One row as SVG; y is 0 at the top of its text."""
    svg = []
    # From the outside in, so that a nested mention lies on top.
    for depth, box in sorted(zip(row.depths, row.boxes), key=lambda drawn: -drawn[0]):
        height = LINE + (depth + 1) * TYPE_LINE
        type_ = box.mention.label_
        svg.append(
            f'<g class="entity" style="{styles["type", type_]}">'
            f"<title>{_clean(box.mention.text)} ({_clean(type_)})</title>"
            f'<rect x="{box.left:.1f}" y="0" width="{box.right - box.left:.1f}" '
            f'height="{height}" rx="4"/><text class="type" x="{box.middle:.1f}" '
            f'y="{height - 4}" font-size="{TYPE}">{_clean(type_)}</text></g>'
        )
    # `textLength` makes the text fit whatever font the browser has.
    svg += [
        f'<text x="{word.left:.1f}" y="17" textLength="{word.right - word.left:.1f}" '
        f'lengthAdjust="spacingAndGlyphs"{TURNED if word.from_right else ""}>'
        f"{_clean(word.text)}</text>"
        for word in row.words
    ]
    # High arcs first, so that none runs over the label of a lower one.
    for arc in sorted(row.arcs, key=lambda arc: -arc.level):
        svg.append(_draw_arc(arc, styles["label", arc.relation.label]))
    # Arrowheads last, so that no label hides one.
    svg += [
        f'<path class="tip" {mark(arc.relation)} '
        f'style="{styles["label", arc.relation.label]}" '
        f'd="M{arc.tail - 3:.1f} -6h6l-3 5z"/>'
        for arc in row.arcs
        if arc.tail is not None and arc.relation.label not in symmetric
    ]
    return "".join(svg)


def _draw_arc(arc: Arc, style: str) -> str:
    rel, y = arc.relation, -LOWEST - LEVEL * arc.level
    ends = sorted(x for x in (arc.head, arc.tail) if x is not None)
    baseline = y + 4
    if len(ends) == 2:
        if arc.right - arc.left > ends[1] - ends[0] + 0.1:
            # A label that is wider than its arc would hide it, and stands above it.
            y, baseline = y + 4, y - 2
        path = _bend(ends[0], ends[1], y) + _bend(ends[1], ends[0], y)
    else:
        # A stub goes as far as its text does, on both sides where it must.
        path = "".join(_bend(ends[0], x, y) for x in (arc.left, arc.right) if x != ends[0])
    told = f"{rel.head.text} → {rel.label} → {rel.tail.text}, score {rel.score:.3f}"
    return (
        f'<g class="relation" {mark(rel)} style="{style}"><title>{_clean(told)}</title>'
        f'<path d="{path}"/><text x="{(arc.left + arc.right) / 2:.1f}" y="{baseline}" '
        f'font-size="{LABEL}" textLength="{measure(arc.text, LABEL):.1f}" '
        f'lengthAdjust="spacingAndGlyphs">{_clean(arc.text)}</text></g>'
    )


def _bend(start: float, end: float, y: float) -> str:
    """Up from the text at `start`, and half the way to `end`."""
    middle = (start + end) / 2
    corner = max(-CORNER, min(CORNER, middle - start))
    return f"M{start:.1f} -1V{y + CORNER}q0 {-CORNER} {corner:.1f} {-CORNER}H{middle:.1f}"


def _clean(text: str) -> str:
    return escape(make_writable(text))
