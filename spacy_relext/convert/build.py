"""From annotations to docs: the one place where characters are aligned with tokens."""

from dataclasses import dataclass
from itertools import chain
from typing import Dict, List, Optional, Tuple

from spacy.language import Language
from spacy.pipeline import Sentencizer
from spacy.tokens import Doc, Span, SpanGroup
from spacy.util import filter_spans

from ..entities import as_key, as_stored_key
from ..grouping import CLUSTERS_PREFIX
from ..relation import Relation, set_relations
from ..user_data import ATTRIBUTES_KEY, SENTENCES_KEY, SOURCE_KEY, SYMMETRIC_KEY
from .check import check_source, drop_all, find_closest
from .cut import cut_at
from .report import DROPPED, TOLD, Report
from .source import Problem, SourceDoc, SourceEntity, SourceRelation, as_text

CUTS = ("document", "line", "sentence")


@dataclass(frozen=True)
class Options:
    """How docs are made.

    cut (str): What becomes a doc: "document", "line" or "sentence".
    sents (bool): Whether to set sentence boundaries by punctuation.
    spans_key (Optional[str]): Group of `doc.spans` for all entities, nested ones too;
        None leaves only those in `doc.ents`, which can't overlap.
    RAISES (ValueError): Where `cut` is unknown.
    """

    cut: str = "document"
    sents: bool = False
    spans_key: Optional[str] = None

    def __post_init__(self) -> None:
        if self.cut not in CUTS:
            found = f"found: {self.cut!r}"
            raise ValueError(f"What becomes a doc is one of {', '.join(CUTS)}, {found}")


class DocBuilder:
    """Makes docs of annotated documents, and reports what does not come through."""

    def __init__(self, nlp: Language, report: Report, options: Options = Options()):
        """Prepare.

        nlp (Language): Whose tokenizer to use.
        report (Report): Where to report to.
        options (Options): How docs are made.
        """
        self.nlp = nlp
        self.report = report
        self.options = options
        self._sentencizer = Sentencizer()

    def build(self, source: SourceDoc) -> List[Doc]:
        """The docs of an annotated document.

        source (SourceDoc): The document.
        RETURNS (List[Doc]): One doc, or its pieces. Its source is in `doc.user_data`.
        """
        read = self.report.read
        read["entity"] += len(source.entities)
        read["relation"] += len(source.relations)
        read["attribute"] += sum(len(entity.attributes) for entity in source.entities)
        for problem in source.problems:
            if problem.fate == DROPPED and problem.kind not in TOLD:
                read[problem.kind] += 1
            self.report.add(problem)
        if not source.text.strip():
            drop_all(source, "no text in the document", self.report)
            return []
        read["document"] += 1
        source = check_source(source, self.report)
        docs = [self._build_piece(piece) for piece in self._cut(source)]
        self.report.written["document"] += 1
        return docs

    def _cut(self, source: SourceDoc) -> List[SourceDoc]:
        if self.options.cut == "line":
            starts = [i + 1 for i, char in enumerate(source.text) if char == "\n"]
        elif self.options.cut == "sentence":
            starts = list(source.sent_starts)
            if not starts:
                doc = self._sentencizer(self._make_doc(source))
                starts = [sent.start_char for sent in doc.sents]
        else:
            return [source]
        pieces = cut_at(source, starts)
        for piece in pieces:
            for problem in piece.problems:
                self.report.add(problem)
        return pieces

    def _make_doc(self, source: SourceDoc) -> Doc:
        if source.doc is not None:
            return source.doc.copy()
        if source.words is not None:
            return Doc(self.nlp.vocab, words=source.words, spaces=source.spaces)
        # Not `make_doc`, which refuses what would be too long for a parser.
        return self.nlp.tokenizer(source.text)

    def _build_piece(self, source: SourceDoc) -> Doc:
        doc = self._make_doc(source)
        doc.user_data[SOURCE_KEY] = [as_text(source.id), as_text(source.place)]
        self._set_sentences(doc, source)
        spans, kept = self._set_entities(doc, source)
        self._set_relations(doc, source, spans)
        attributes = [
            [spans[e.id].start_char, spans[e.id].end_char, e.label, name, value]
            for e in kept
            for name, value in e.attributes
        ]
        symmetric = {x.label for x in source.relations if x.symmetric}
        sentences = {x.sentence for x in source.relations if x.sentence}
        for key, found in (
            (ATTRIBUTES_KEY, attributes),
            (SYMMETRIC_KEY, sorted(symmetric)),
            (SENTENCES_KEY, sorted(map(list, sentences))),
        ):
            # A doc that was read has those of the whole.
            doc.user_data.pop(key, None)
            if found:
                doc.user_data[key] = found
        self.report.written["attribute"] += len(attributes)
        return doc

    def _set_sentences(self, doc: Doc, source: SourceDoc) -> None:
        if source.doc is not None and doc.has_annotation("SENT_START"):
            # Those of a parse can't be set.
            return
        if source.sent_starts:
            starts = set(source.sent_starts)
            for token in doc:
                token.is_sent_start = token.i == 0 or token.idx in starts
        elif self.options.sents:
            self._sentencizer(doc)

    def _set_entities(
        self, doc: Doc, source: SourceDoc
    ) -> Tuple[Dict[str, Span], List[SourceEntity]]:
        """Put the entities in the doc. The span of each by its id, and those that stay."""
        spans: Dict[str, Span] = {}
        first: Dict[Tuple, SourceEntity] = {}
        # In `doc.ents` no two can be on the same tokens.
        only_ents = source.doc is None and self.options.spans_key is None
        make_key = as_key if only_ents else as_stored_key
        for entity in source.entities:
            span = self._align(doc, source.text, entity)
            known = first.setdefault(make_key(span), entity)
            if known is not entity:
                reason = f"the same as at '{known.place}'"
                if known.kb_id != entity.kb_id:
                    reason += " but for its kb_id; --spans-key keeps it"
                self.report.drop_entity(entity, reason)
                # Its relations hold.
                spans[entity.id] = spans[known.id]
            else:
                spans[entity.id] = span
        distinct = [spans[entity.id] for entity in first.values()]
        if source.doc is None:
            placed = filter_spans(distinct)
            doc.set_ents(placed)
        else:
            placed = _keep_spans(doc, distinct)
        if self.options.spans_key is None:
            kept = set(map(make_key, placed))
            for key, entity in first.items():
                if key not in kept:
                    reason = "it overlaps a longer one; --spans-key keeps it"
                    self.report.drop_entity(entity, reason)
                    for id_ in [x for x, span in spans.items() if make_key(span) == key]:
                        del spans[id_]
        else:
            _add_spans(doc, self.options.spans_key, sorted(distinct, key=as_key))
        stay = [entity for entity in first.values() if entity.id in spans]
        self.report.written["entity"] += len(stay)
        if source.doc is None:
            self._set_clusters(doc, source, [(x, spans[x.id]) for x in stay])
        return spans, stay

    def _set_clusters(
        self, doc: Doc, source: SourceDoc, kept: List[Tuple[SourceEntity, Span]]
    ) -> None:
        if source.clusters:
            for key, cluster in source.clusters.items():
                doc.spans[key] = [self._align(doc, source.text, x) for x in cluster]
            return
        clusters: Dict[str, List[Span]] = {}
        for entity, span in kept:
            if entity.cluster:
                clusters.setdefault(entity.cluster, []).append(span)
        for i, mentions in enumerate(clusters.values(), 1):
            doc.spans[f"{CLUSTERS_PREFIX}_{i}"] = mentions

    def _align(self, doc: Doc, text: str, entity: SourceEntity) -> Span:
        span = doc.char_span(
            entity.start,
            entity.end,
            label=entity.label,
            kb_id=entity.kb_id,
            span_id=entity.cluster,
            alignment_mode="expand",
        )
        if entity.gaps:
            reason = f"it leaves out words of {span.text!r}"
            self.report.add(Problem(entity.place, "entity", "expanded", reason))
        elif (span.start_char, span.end_char) != (entity.start, entity.end):
            found = text[entity.start : entity.end]
            reason = f"{found!r} begins or ends within a token, and becomes {span.text!r}"
            if (span.start_char, span.end_char) == (entity.start, entity.end + 1):
                reason += "; perhaps its end is given as included"
            self.report.add(Problem(entity.place, "entity", "expanded", reason))
        return span

    def _set_relations(
        self, doc: Doc, source: SourceDoc, spans: Dict[str, Span]
    ) -> None:
        relations: Dict[Tuple, SourceRelation] = {}
        for relation in source.relations:
            # Two ids may have one span, and some have none, which is told by now.
            heads, tails = (
                tuple(dict.fromkeys(spans[id] for id in ids if id in spans))
                for ids in (relation.head_mentions, relation.tail_mentions)
            )
            reason = "its head or tail overlaps a longer entity; --spans-key keeps it"
            if not heads or not tails:
                self.report.drop(relation.place, "relation", reason)
                continue
            if relation.head in spans and relation.tail in spans:
                head, tail = spans[relation.head], spans[relation.tail]
            else:
                head, tail = find_closest(heads, tails)
                self.report.add(Problem(relation.place, "relation", "moved", reason))
            # Of an entity with itself, the two may be different mentions of it.
            if as_stored_key(head) == as_stored_key(tail) or set(heads) == set(tails):
                reason = "its head is its tail"
            else:
                key = (relation.label, head, tail, heads, tails)
                known = relations.get(key)
                if known is None:
                    relations[key] = relation
                    continue
                # The surer one stays.
                best, relation = sorted((known, relation), key=_get_doubt)
                relations[key] = best
                reason = f"the same as at '{best.place}'"
            self.report.drop(relation.place, "relation", reason)
        found = [
            Relation(
                head, tail, label, said.score, heads, tails, self._align_evidence(doc, said)
            )
            for (label, head, tail, heads, tails), said in relations.items()
        ]
        if source.has_relations:
            set_relations(doc, found)
        self.report.written["relation"] += len(relations)

    def _align_evidence(self, doc: Doc, relation: SourceRelation) -> Tuple[Span, ...]:
        spans = []
        for start, end in relation.evidence:
            span = doc.char_span(start, end, alignment_mode="expand")
            if (span.start_char, span.end_char) != (start, end):
                found = f"{span.start_char}–{span.end_char}"
                reason = f"its evidence, {start}–{end}, becomes whole tokens, {found}"
                self.report.add(Problem(relation.place, "relation", "aligned", reason))
            spans.append(span)
        return tuple(spans)


def _get_doubt(relation: SourceRelation) -> float:
    return 1 - relation.score


def _add_spans(doc: Doc, key: str, spans: List[Span]) -> None:
    """Put spans in a group, which may have some of them already."""
    if key not in doc.spans:
        doc.spans[key] = spans
        return
    known = set(map(as_stored_key, doc.spans[key]))
    # One without a kb_id is the same as one that has it.
    known.update(as_stored_key(x) for x in spans if (*as_key(x), 0) in known)
    doc.spans[key].extend([span for span in spans if as_stored_key(span) not in known])


def _keep_spans(doc: Doc, spans: List[Span]) -> List[Span]:
    """Leave those entities and spans of groups in a doc that were not dropped, in the
    bounds that they have now. One that is neither, as the mention of a relation may be,
    becomes an entity where there is none. The spans that have a place then."""
    kept = {as_key(span): span for span in spans}
    linked = {as_stored_key(span): span for span in spans}

    def find(span: Span) -> Optional[Span]:
        """The span as it is; one with whitespace around it as that was cut off."""
        if as_key(span) in kept or not len(span):
            return span
        words = [token.i for token in span if token.text.strip()]
        if not words:
            return None
        key = words[0], words[-1] + 1, span.label
        return linked.get((*key, span.kb_id), kept.get(key))

    changed = [ent for ent in doc.ents if find(ent) is not ent]
    doc.set_ents([], outside=changed, default="unmodified")
    doc.set_ents(list(filter(None, map(find, changed))), default="unmodified")
    for key, group in doc.spans.items():
        if not key.startswith(CLUSTERS_PREFIX) and any(find(x) is not x for x in group):
            found = list(filter(None, map(find, group)))
            doc.spans[key] = SpanGroup(doc, name=group.name, attrs=group.attrs, spans=found)
    held = {as_key(span) for span in chain(doc.ents, *doc.spans.values())}
    taken = {token.i for ent in doc.ents for token in ent}
    added = [
        span
        for span in filter_spans(span for span in spans if as_key(span) not in held)
        if taken.isdisjoint(range(span.start, span.end))
    ]
    doc.set_ents(added, default="unmodified")
    held.update(map(as_key, added))
    return [span for span in spans if as_key(span) in held]
