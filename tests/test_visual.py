import json
from html import unescape
from itertools import permutations
from xml.etree import ElementTree

import pytest
import spacy
from spacy.tokens import Doc, Span

from spacy_relext import Relation, set_relations
from spacy_relext.visual.layout import place_rows, stack
from spacy_relext.visual.page import CORNER, render

from .browser import DARK, browse, needs_chromium
from .processes import run_python

HTML, SVG = "{http://www.w3.org/1999/xhtml}", "{http://www.w3.org/2000/svg}"


@pytest.fixture
def nlp():
    return spacy.blank("en")


@pytest.fixture
def doc(nlp):
    doc = nlp("Ada Low founded Acme in Oslo.")
    bounds = [(0, 2, "PERSON"), (3, 4, "ORG"), (5, 6, "PLACE")]
    ada, acme, oslo = doc.ents = [Span(doc, *bound) for bound in bounds]
    relations = [
        Relation(ada, acme, "FOUNDED", 0.9),
        Relation(acme, oslo, "BASED_IN", 0.8),
    ]
    set_relations(doc, relations)
    return doc


def parse(html):
    return ElementTree.fromstring(html.removeprefix("<!DOCTYPE html>\n"))


def find(html, name):
    """The titles of what is drawn: one of each piece of an entity or a relation."""
    groups = [g for g in parse(html).iter(f"{SVG}g") if g.get("class") == name]
    return [g.findtext(f"{SVG}title") for g in groups]


def many_relations(nlp, n_entities=12):
    words = [word for i in range(n_entities) for word in (f"Name{i}", "met")]
    doc = Doc(nlp.vocab, words=words)
    doc.ents = [Span(doc, 2 * i, 2 * i + 1, "PERSON") for i in range(n_entities)]
    set_relations(
        doc, [Relation(*ends, "KNOWS", 0.5) for ends in permutations(doc.ents, 2)]
    )
    return doc


def test_shows_every_entity_and_relation(doc):
    html = render(doc)
    assert find(html, "entity") == ["Ada Low (PERSON)", "Acme (ORG)", "Oslo (PLACE)"]
    assert sorted(find(html, "relation")) == [
        "Acme → BASED_IN → Oslo, score 0.800",
        "Ada Low → FOUNDED → Acme, score 0.900",
    ]


def test_named_as_the_readme_has_it():
    code = "import spacy_relext; print(spacy_relext.visual.render([])[:15])"
    done = run_python("-c", code, timeout=120)
    assert done.stdout == "<!DOCTYPE html>\n", done.stderr


def test_loads_nothing(doc):
    html = render(doc)
    addresses = {part.split('"')[0] for part in html.split("http")[1:]}
    assert addresses == {"://www.w3.org/1999/xhtml", "://www.w3.org/2000/svg"}
    assert "src=" not in html and "url(" not in html and "<script" not in html


def test_several_docs_share_colours(nlp, doc):
    other = nlp("Acme")
    other.ents = [Span(other, 0, 1, label="ORG")]
    groups = parse(render(iter([doc, other]))).iter(f"{SVG}g")
    styles = [g.get("style") for g in groups if g.findtext(f"{SVG}title") == "Acme (ORG)"]
    assert len(styles) == 2 and len(set(styles)) == 1


def test_part_of_a_page(doc):
    html = render(doc, page=False)
    assert parse(html).tag == "div"
    assert html in render(doc).replace("<h1>Relations</h1>", "")


def test_notebook_shows_it(doc):
    assert render(doc)._repr_html_() == render(doc, page=False)
    assert render(doc, page=False)._repr_html_() == render(doc, page=False)


# What a browser makes of a page, as JSON in its last element: labels that lie upon one
# another, upon a word or outside of the drawing, and the least contrasts of text.
LOOK = """<script>
  const all = (name, root = document) => Array.from(root.querySelectorAll(name));
  const box = part => part.getBoundingClientRect();
  const meet = (a, b) => a.left + 1 < b.right && b.left + 1 < a.right
    && a.top + 1 < b.bottom && b.top + 1 < a.bottom;
  const light = color => color.match(/[\\d.]+/g).slice(0, 3).map(x => x / 255)
    .map(x => x > 0.04045 ? ((x + 0.055) / 1.055) ** 2.4 : x / 12.92)
    .reduce((sum, x, i) => sum + x * [0.2126, 0.7152, 0.0722][i], 0);
  const contrast = (one, other) => {
    const [less, more] = [light(one), light(other)].sort((a, b) => a - b);
    return (more + 0.05) / (less + 0.05);
  };
  const css = (part, name) => getComputedStyle(part)[name];
  const paper = css(document.querySelector(".relext"), "backgroundColor");
  const found = {labels: 0, upon: [], outside: [], paper: light(paper)};
  for (const svg of all("svg")) {
    const labels = all(".relation text", svg), words = all("g > g > text", svg)
      .filter(text => !text.closest(".relation") && !text.closest(".entity"));
    found.labels += labels.length;
    labels.forEach((label, i) => {
      for (const other of [...labels.slice(i + 1), ...words])
        if (meet(box(label), box(other)))
          found.upon.push([label.textContent, other.textContent]);
      const [inner, outer] = [box(label), box(svg)];
      if (inner.left < outer.left || inner.right > outer.right || inner.top < outer.top)
        found.outside.push(label.textContent);
    });
  }
  const least = (parts, of) => Math.min(...parts.map(of));
  found.label = least(all(".relation text"), x => contrast(css(x, "fill"), paper));
  found.entity = least(all(".entity rect"), x =>
    contrast(css(x, "fill"), css(document.querySelector("svg text"), "fill")));
  const told = document.body.appendChild(document.createElement("pre"));
  told.textContent = JSON.stringify(found);
</script>"""


@needs_chromium
@pytest.mark.parametrize("width", [300, 960])
@pytest.mark.parametrize("options", [(), (DARK,)], ids=["light", "dark"])
def test_legible_in_a_browser(nlp, options, width, tmp_path):
    """Many relations over several lines, of labels and types of any colour."""
    doc = many_relations(nlp)
    relations = [
        Relation(rel.head, rel.tail, f"LABEL_{i % 40}", rel.score)
        for i, rel in enumerate(doc._.relations)
    ]
    doc.ents = [Span(doc, ent.start, ent.end, f"T{i}") for i, ent in enumerate(doc.ents)]
    set_relations(doc, relations)
    path = tmp_path / "page.html"
    html = render(doc, width=width)
    path.write_text(html.replace("</body>", f"{LOOK}</body>"), encoding="utf8")
    dom = browse(path.as_uri(), tmp_path, "--dump-dom", *options)
    found = json.loads(unescape(dom.rsplit("<pre>", 1)[1].split("</pre>")[0]))
    assert found["labels"] >= len(relations)
    assert not found["upon"] and not found["outside"]
    assert (found["paper"] < 0.1) == bool(options)
    # What the guidelines of the W3C ask of small text.
    assert found["label"] >= 4.5 and found["entity"] >= 4.5
    picture = tmp_path / "page.png"
    browse(path.as_uri(), tmp_path, f"--screenshot={picture}", *options)
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_escapes_all_text(nlp):
    doc = nlp('Tom & <i>Jerry</i> "run" \x00 \ufffe <script>alert(1)</script>')
    head, tail = Span(doc, 0, 2, label="<A>"), Span(doc, 2, 5, label='"B&')
    doc.ents = [head, tail]
    set_relations(doc, [Relation(head, tail, "<b>&")])
    doc.user_data["title"] = "<u>&"
    html = render(doc, title="</title><script>")
    for tag in ("<i>", "<b>", "<u>", "<A>", "<script"):
        assert tag not in html
    shown = [text.text for text in parse(html).iter(f"{SVG}text")]
    assert "<b>&" in shown and '"B&' in shown


@pytest.mark.parametrize("text", ["", " ", "\n\n \t"])
def test_doc_without_text(nlp, doc, text):
    html = render([nlp(text), doc])
    assert "no text" in html and len(find(html, "entity")) == 3


def test_doc_without_entities(nlp):
    html = render(nlp("Nothing happened."))
    shown = [text.text for text in parse(html).iter(f"{SVG}text")]
    assert shown == ["Nothing", "happened", "."]


def test_no_docs():
    assert "no document" in render([])
    parse(render([]))


def test_refuses_what_is_no_doc(doc):
    with pytest.raises(ValueError, match="Doc objects, found: <class 'str'>"):
        render(["text"])
    with pytest.raises(ValueError, match="Token"):
        render(doc[:2])


def test_head_and_tail_outside_doc_ents(nlp):
    doc = nlp("The chair of the old Acme board left")
    outer, inner = Span(doc, 0, 7, label="PERSON"), Span(doc, 4, 6, label="ORG")
    set_relations(doc, [Relation(outer, inner, "CHAIRS")])
    html = render(doc)
    assert len(find(html, "entity")) == 2 and len(find(html, "relation")) == 1


def test_spans_key(doc):
    doc.spans["sc"] = [doc[0:1], doc[0:6]]
    assert len(find(render(doc), "entity")) == 3
    assert len(find(render(doc, spans_key="sc"), "entity")) == 5
    assert len(find(render(doc, spans_key="missing"), "entity")) == 3


def test_one_mention_of_two_entities_is_drawn_once(nlp):
    """With the relations of both."""
    doc = nlp("A and B cure scurvy")
    heads = [Span(doc, 0, 3, "CHEM", kb_id=kb_id) for kb_id in ("D1", "D2")]
    tail = Span(doc, 4, 5, "DIS")
    doc.spans["sc"] = [*heads, tail]
    set_relations(doc, [Relation(head, tail, "CURES") for head in heads])
    html = render(doc, spans_key="sc")
    assert find(html, "entity") == ["A and B (CHEM)", "scurvy (DIS)"]
    assert len(find(html, "relation")) == 2


def test_relation_of_an_entity_with_itself(doc):
    set_relations(doc, [Relation(doc.ents[0], doc.ents[0], "KNOWS")])
    assert len(find(render(doc), "relation")) == 1


def test_arrowhead_at_the_tail_of_what_has_a_direction(doc):
    assert render(doc).count('class="tip"') == 2
    assert render(doc, symmetric_labels=["FOUNDED"]).count('class="tip"') == 1


def test_relation_over_rows_names_its_other_end(doc):
    html = render(doc, width=120)
    assert "FOUNDED → Acme" in html and "Ada Low → FOUNDED" in html
    assert len(find(html, "relation")) == 4


def test_table_tells_every_relation_with_its_score(doc):
    html = render(doc, symmetric_labels=["BASED_IN"])
    rows = ["".join(row.itertext()) for row in parse(html).iter(f"{HTML}tr")]
    assert rows == ["Ada Low— FOUNDED →Acme0.900", "Acme— BASED_IN —Oslo0.800"]
    assert 'style="width:90.0%"' in html


def test_one_doc_is_the_same_as_a_list_of_it(doc):
    assert render(doc) == render([doc]) == render(iter([doc]))


@pytest.mark.parametrize(
    "color", ["#fa0", "teal", "rgb(10, 20, 30)", "hsl(9deg 50% 40%)"]
)
def test_colors(doc, color):
    def style(html, name, text):
        groups = [g for g in parse(html).iter(f"{SVG}g") if g.get("class") == name]
        return {g.get("style") for g in groups if text in g.findtext(f"{SVG}title")}

    html = render(doc, colors={"ORG": color, "FOUNDED": color, "UNUSED": "red"})
    assert style(html, "entity", "ORG") == style(html, "relation", "FOUNDED")
    assert style(html, "entity", "ORG") == {f"--color:{color}"}
    assert style(html, "entity", "PLACE") == style(render(doc), "entity", "PLACE")


@pytest.mark.parametrize(
    "color", ["", None, "#12", "red;x:y", "url(//a.b)", '"><b>', "var(--a)}"]
)
def test_refuses_what_is_no_color(doc, color):
    with pytest.raises(ValueError, match="'ORG' must be written as in CSS"):
        render(doc, colors={"ORG": color})


def test_label_stands_above_an_arc_that_it_would_hide(nlp):
    doc = nlp("A B")
    doc.ents = [Span(doc, 0, 1, label="X"), Span(doc, 1, 2, label="X")]
    heights = []
    for label in ("K", "A_LABEL_LONGER_THAN_THE_TEXT"):
        set_relations(doc, [Relation(*doc.ents, label)])
        group = parse(render(doc)).find(f".//{SVG}g[@class='relation']")
        path, text = group.find(f"{SVG}path").get("d"), group.find(f"{SVG}text")
        # A path goes up to where its corner begins.
        line = float(path.split("V")[1].split("q")[0]) - CORNER
        heights.append(float(text.get("y")) - line)
    assert heights == [4, -6]


def test_drawing_is_as_wide_as_the_text(nlp):
    widths = [
        float(parse(render(nlp(text))).find(f".//{SVG}svg").get("width"))
        for text in ("Short.", "Not as short.", "Longer than a line. " * 50)
    ]
    assert widths[0] < widths[1] < 200 < 800 < widths[2] < 1000


def test_labels_hide_no_arrowhead(nlp):
    row = next(g for g in parse(render(many_relations(nlp))).iter(f"{SVG}g"))
    names = [
        part.get("class") for part in row if part.get("class") in ("relation", "tip")
    ]
    assert names == sorted(names) and names.count("tip") > 0


@pytest.mark.parametrize("width", [1, 200, 960])
def test_many_relations_stay_legible(nlp, width):
    doc = many_relations(nlp)
    html = render(doc, width=width)
    assert set(find(html, "relation")) == {
        f"{head} → KNOWS → {tail}, score 0.500"
        for head, tail in permutations(doc.ents, 2)
    }
    for row in place_rows(doc, doc.ents, doc._.relations, width):
        for arc, other in permutations(row.arcs, 2):
            apart = arc.right <= other.left or other.right <= arc.left
            assert apart or arc.level != other.level


def test_words_stay_in_order_and_within_the_width(nlp):
    doc = nlp("One two, three.\nFour five six seven eight 北京 nine" * 5)
    doc.ents = [Span(doc, 1, 4, label="A_LONG_TYPE")]
    rows = place_rows(doc, doc.ents, [], 150)
    words = [word.text for row in rows for word in row.words]
    assert words == [token.text for token in doc if not token.is_space]
    for row in rows:
        edges = [edge for word in row.words for edge in (word.left, word.right)]
        assert edges == sorted(edges) and edges[-1] <= 150
        assert row.words[0].text not in (",", ".")


def test_words_from_right_to_left():
    """With a name from left to right among them, whatever the vocabulary's language."""
    words = "أسس أحمد شركة Kestrel Robotics في القاهرة .".split()
    doc = Doc(spacy.blank("xx").vocab, words=words)
    long = "A_TYPE_THAT_IS_LONGER_THAN_THE_NAME"
    doc.ents = [Span(doc, 1, 2, "A_LONG_TYPE"), Span(doc, 3, 5, long)]
    doc._.relations = [Relation(doc.ents[0], doc.ents[1], "FOUNDED")]
    [row] = place_rows(doc, doc.ents, doc._.relations, 960)
    seen = [word.text for word in sorted(row.words, key=lambda word: word.left)]
    assert seen == [*words[:4:-1], "Kestrel", "Robotics", *words[2::-1]]
    edges = sorted((word.left, word.right) for word in row.words)
    assert all(right <= left for (_, right), (left, _) in zip(edges, edges[1:]))
    head, tail = row.boxes
    assert tail.left < row.words[3].left < row.words[4].right < tail.right < head.left
    assert all(0 <= box.left < box.right <= 960 for box in row.boxes)
    for word in row.words:
        around = [x for x in row.boxes if x.left < word.right and word.left < x.right]
        of_word = {ent for ent in doc.ents if word.text in ent.text.split()}
        assert {box.mention for box in around} == of_word
    assert render(doc).count('direction="rtl"') == 6


def test_stubs_go_where_one_reads_on():
    doc = Doc(spacy.blank("he").vocab, words=["דנה"] * 40)
    doc.ents = [Span(doc, 0, 1, "A"), Span(doc, 39, 40, "B")]
    doc._.relations = [Relation(*doc.ents, "KNOWS")]
    rows = place_rows(doc, doc.ents, doc._.relations, 300)
    assert rows[0].arcs[0].stub < 0 < rows[-1].arcs[0].stub


def test_sentences_and_line_breaks_begin_rows(nlp):
    nlp.add_pipe("sentencizer")
    doc = nlp("One. Two.\nThree")
    starts = [row.words[0].text for row in place_rows(doc, [], [], 960)]
    assert starts == ["One", "Two", "Three"]


def test_stack():
    assert stack([]) == []
    assert stack([(0, 10), (2, 4), (3, 6), (12, 14)]) == [2, 0, 1, 0]
