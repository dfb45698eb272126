"""What filters the relations of a page by label and score, in the browser.

The part of an address after `#` sets them as well: `page.html#score=0.8&label=BASED_IN`.
"""

from html import escape
from typing import Mapping

from ..records import make_writable
from ..relation import Relation

FILTER_STYLE = """
.relext form{position:sticky;top:0;z-index:1;display:flex;flex-wrap:wrap;gap:.5rem 1rem;
align-items:center;margin:0 0 1.25rem;padding:.6rem 0;font-size:.85rem;
background:var(--paper);border-bottom:1px solid var(--rule)}
.relext form label{display:inline-flex;align-items:center;gap:.3rem;cursor:pointer}
.relext form .label{border:1px solid}.relext form output{color:var(--soft)}
.relext form input{accent-color:var(--soft)}.relext [hidden]{display:none}
.relext form~section{border-top:0;border-bottom:1px solid var(--rule)}
"""

# Without "<" and "&", which XML would take for its own.
SCRIPT = """
{
  const script = document.currentScript;
  // What is to be filtered stands below.
  addEventListener("DOMContentLoaded", () => {
  const root = script.closest(".relext");
  const form = root.querySelector("form");
  const boxes = Array.from(form.querySelectorAll("[name=label]"));
  const parts = Array.from(root.querySelectorAll("[data-label]"));
  const sections = Array.from(root.querySelectorAll("section"));
  const update = () => {
    const shown = new Set(boxes.filter(box => box.checked).map(box => box.value));
    const least = Number(form.elements.score.value);
    const only = form.elements.only.checked;
    const fits = part =>
      shown.has(part.dataset.label) ? Number(part.dataset.score) >= least : false;
    parts.forEach(part => part.toggleAttribute("hidden", !fits(part)));
    let relations = 0, documents = 0;
    sections.forEach(section => {
      const n = section.querySelectorAll("tr[data-label]:not([hidden])").length;
      const hidden = only ? n === 0 : false;
      section.toggleAttribute("hidden", hidden);
      relations += n;
      documents += hidden ? 0 : 1;
    });
    form.elements.least.value = least.toFixed(2);
    form.elements.count.value = relations + " relations, " + documents + " documents";
  };
  const asked = new URLSearchParams(location.hash.slice(1));
  if (asked.has("score")) form.elements.score.value = asked.get("score");
  if (asked.has("only")) form.elements.only.checked = true;
  if (asked.has("label"))
    boxes.forEach(box => { box.checked = asked.getAll("label").includes(box.value); });
  form.addEventListener("input", update);
  update();
  });
}
"""


def mark(relation: Relation) -> str:
    """The attributes by which filters know what belongs to a relation.

    relation (Relation): The relation.
    RETURNS (str): Attributes of an element.
    """
    label = escape(make_writable(relation.label))
    return f'data-label="{label}" data-score="{relation.score}"'


def draw_filters(chips: Mapping[str, str]) -> str:
    """The controls, which have to stand in the same element as what they filter.

    chips (Mapping[str, str]): How each label is shown, HTML.
    RETURNS (str): HTML, well-formed as XML too.
    """
    boxes = "".join(
        f'<label><input type="checkbox" name="label" checked="checked" '
        f'value="{escape(make_writable(name))}"/>{chip}</label>'
        for name, chip in chips.items()
    )
    return (
        f"<form>{boxes}"
        '<label>score from <input type="range" name="score" min="0" max="1" step="0.01" '
        'value="0"/><output name="least">0.00</output></label>'
        '<label><input type="checkbox" name="only"/>only documents with a relation</label>'
        f'<output name="count"></output></form><script>{SCRIPT}</script>'
    )
