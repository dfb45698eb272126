"""From annotations to docs: the one place where characters are aligned with tokens."""

from bisect import bisect_right
from dataclasses import replace
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

from spacy.language import Language
from spacy.pipeline import Sentencizer
from spacy.tokens import Doc, Span
from spacy.util import filter_spans

from ..grouping import CLUSTERS_PREFIX
from ..layout import as_key
from ..relation import Relation, set_relations
from .report import DROPPED, Report
from .source import Problem, SourceDoc, SourceEntity, cut_at

# What a doc's user data says of where it came from, and what no span can hold.
SOURCE_KEY = "spacy_relext.source"
ATTRIBUTES_KEY = "spacy_relext.attributes"

CUTS = ("document", "line", "sentence")


class Options(NamedTuple):
    """How docs are made.

    cut (str): What becomes a doc: "document", "line" or "sentence".
    sents (bool): Whether to set sentence boundaries by punctuation.
    spans_key (Optional[str]): Group of `doc.spans` for all entities, nested ones too;
        None leaves only those in `doc.ents`, which can't overlap.
    """

    cut: str = "document"
    sents: bool = False
    spans_key: Optional[str] = None


class DocBuilder:
    """Makes docs of annotated documents, and reports what does not come through."""

    def __init__(self, nlp: Language, report: Report, options: Options = Options()):
        """Prepare.

        nlp (Language): Whose tokenizer to use.
        report (Report): Where to report to.
        options (Options): How docs are made.
        RAISES (ValueError): Where `options.cut` is unknown.
        """
        if options.cut not in CUTS:
            found = f"found: {options.cut!r}"
            raise ValueError(f"What becomes a doc is one of {', '.join(CUTS)}, {found}")
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
        read["document"] += 1
        read["entity"] += len(source.entities)
        read["relation"] += len(source.relations)
        read["attribute"] += sum(len(entity.attributes) for entity in source.entities)
        for problem in source.problems:
            read[problem.kind] += problem.kind != "document" and problem.fate == DROPPED
            self.report.add(problem)
        if not source.text.strip():
            self._drop_all(source, "no text in the document")
            return []
        source = self._check(source)
        docs = [self._build_piece(piece) for piece in self._cut(source)]
        self.report.written["document"] += len(docs)
        return docs

    def _drop(self, place: str, kind: str, reason: str) -> None:
        self.report.add(Problem(place, kind, DROPPED, reason))

    def _drop_entity(self, entity: SourceEntity, reason: str) -> None:
        self._drop(entity.place, "entity", reason)
        # They are told of with it.
        self.report.dropped["attribute"] += len(entity.attributes)

    def _drop_all(self, source: SourceDoc, reason: str) -> None:
        self._drop(source.place, "document", reason)
        for entity in source.entities:
            self._drop_entity(entity, reason)
        for relation in source.relations:
            self._drop(relation.place, "relation", reason)

    def _check(self, source: SourceDoc) -> SourceDoc:
        """A document of which all that remains lies within the text, its relations
        between two entities that are there."""
        entities: Dict[str, SourceEntity] = {}
        clusters: Dict[str, List[SourceEntity]] = {}
        for entity in source.entities:
            reason = find_fault(source.text, entity)
            if entity.id in entities:
                reason = (
                    f"its id {entity.id!r} is that of '{entities[entity.id].place}' too"
                )
            if reason:
                self._drop_entity(entity, reason)
                continue
            entities[entity.id] = self._strip(source.text, entity)
            if entity.cluster:
                clusters.setdefault(entity.cluster, []).append(entities[entity.id])
        relations = []
        for relation in source.relations:
            reason = ""
            if not relation.label:
                reason = "it has no label"
            elif not 0 <= relation.score <= 1:
                reason = f"its score {relation.score} is not between 0 and 1"
            if reason:
                self._drop(relation.place, "relation", reason)
                continue
            ends = []
            for end in (relation.head, relation.tail):
                found = [entities[end]] if end in entities else clusters.get(end, [])
                ends.append(found)
            if not all(ends):
                names = (relation.head, relation.tail)
                missing = " and ".join(
                    repr(x) for x, found in zip(names, ends) if not found
                )
                self._drop(
                    relation.place, "relation", f"no entity {missing}, or it was dropped"
                )
                continue
            head, tail = _closest(*ends)
            relations.append(
                replace(
                    relation,
                    head=head.id,
                    tail=tail.id,
                    head_cluster=relation.head_cluster
                    if relation.head in entities
                    else relation.head,
                    tail_cluster=relation.tail_cluster
                    if relation.tail in entities
                    else relation.tail,
                )
            )
        return replace(
            source, entities=list(entities.values()), relations=relations, problems=[]
        )

    def _strip(self, text: str, entity: SourceEntity) -> SourceEntity:
        """An entity without the whitespace around it, which no token begins or ends
        with."""
        found = text[entity.start : entity.end]
        if found == found.strip():
            return entity
        reason = f"{found!r} has whitespace around it"
        self.report.add(Problem(entity.place, "entity", "trimmed", reason))
        start = entity.start + len(found) - len(found.lstrip())
        return replace(entity, start=start, end=start + len(found.strip()))

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
        if source.words is not None:
            return Doc(self.nlp.vocab, words=source.words, spaces=source.spaces)
        # Not `make_doc`, which refuses what would be too long for a parser.
        return self.nlp.tokenizer(source.text)

    def _build_piece(self, source: SourceDoc) -> Doc:
        doc = self._make_doc(source)
        doc.user_data[SOURCE_KEY] = [source.id, source.place]
        self._set_sentences(doc, source)
        spans, kept = self._set_entities(doc, source)
        self._set_relations(doc, source, spans, kept)
        attributes = [
            [spans[e.id].start_char, spans[e.id].end_char, e.label, name, value]
            for e in kept
            for name, value in e.attributes
        ]
        if attributes:
            doc.user_data[ATTRIBUTES_KEY] = attributes
        self.report.written["attribute"] += len(attributes)
        return doc

    def _set_sentences(self, doc: Doc, source: SourceDoc) -> None:
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
        for entity in source.entities:
            span = self._align(doc, source.text, entity)
            known = first.setdefault(as_key(span), entity)
            if known is not entity:
                self._drop_entity(entity, f"the same as at '{known.place}'")
                # Its relations hold.
                spans[entity.id] = spans[known.id]
            else:
                spans[entity.id] = span
        distinct = [spans[entity.id] for entity in first.values()]
        flat = filter_spans(distinct)
        if self.options.spans_key is not None:
            doc.spans[self.options.spans_key] = sorted(distinct, key=as_key)
        else:
            kept = {as_key(span) for span in flat}
            for key, entity in first.items():
                if key not in kept:
                    reason = "it overlaps a longer one; --spans-key keeps it"
                    self._drop_entity(entity, reason)
                    for id_ in [x for x, span in spans.items() if as_key(span) == key]:
                        del spans[id_]
        doc.set_ents(flat)
        stay = [entity for entity in first.values() if entity.id in spans]
        self.report.written["entity"] += len(stay)
        clusters: Dict[str, List[Span]] = {}
        for entity in stay:
            if entity.cluster:
                clusters.setdefault(entity.cluster, []).append(spans[entity.id])
        for i, mentions in enumerate(clusters.values(), 1):
            doc.spans[f"{CLUSTERS_PREFIX}_{i}"] = mentions
        return spans, stay

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
        self,
        doc: Doc,
        source: SourceDoc,
        spans: Dict[str, Span],
        entities: List[SourceEntity],
    ) -> None:
        relations: Dict[Tuple, Tuple[Relation, str]] = {}
        clusters: Dict[str, List[Span]] = {}
        for entity in entities:
            clusters.setdefault(entity.cluster, []).append(spans[entity.id])
        sents = _sentence_finder(doc)
        for relation in source.relations:
            head, tail = spans.get(relation.head), spans.get(relation.tail)
            if head is None or tail is None:
                reason = "its head or tail overlaps a longer entity; --spans-key keeps it"
            elif as_key(head) == as_key(tail):
                reason = "its head is its tail"
            else:
                key = (relation.label, as_key(head), as_key(tail))
                known = relations.get(key)
                if known is None:
                    found = Relation(
                        head,
                        tail,
                        relation.label,
                        relation.score,
                        tuple(clusters.get(relation.head_cluster or None, ())),
                        tuple(clusters.get(relation.tail_cluster or None, ())),
                        tuple(sents(char) for char in relation.evidence),
                    )
                    relations[key] = (found, relation.place)
                    continue
                reason = f"the same as at '{known[1]}'"
            self._drop(relation.place, "relation", reason)
        set_relations(doc, [relation for relation, _ in relations.values()])
        self.report.written["relation"] += len(relations)


def _sentence_finder(doc: Doc) -> Callable[[int], Span]:
    """A function from a character to the sentence that it is in."""
    sents = list(doc.sents) if doc.has_annotation("SENT_START") else [doc[:]]
    starts = [sent.start_char for sent in sents]
    return lambda char: sents[max(0, bisect_right(starts, char) - 1)]


def find_fault(text: str, entity: SourceEntity) -> str:
    """Why an entity can't be where it is said to be.

    text (str): The text of its document.
    entity (SourceEntity): The entity.
    RETURNS (str): The reason, "" where there is none.
    """
    start, end, said = entity.start, entity.end, entity.text
    bounds = f"{start}–{end}"
    if start > end:
        return f"its end comes before its start, {bounds}"
    if start < 0 or end > len(text):
        fault = f"{bounds} is not within the text, which has {len(text)} characters"
    elif not text[start:end].strip():
        fault = f"there is no text at {bounds}"
    elif said is None or entity.gaps or _plain(said) == _plain(text[start:end]):
        return "" if entity.label else "it has no label"
    else:
        fault = f"at {bounds} stands {text[start:end]!r}, not {said!r}"
    if said:
        guesses = {
            "its end is given as included": text[start : end + 1],
            "its start is counted from 1": text[max(0, start - 1) : end],
            "both are counted from 1": text[max(0, start - 1) : max(0, end - 1)],
            "its offsets are bytes": _cut_coded(text, "utf-8", start, end),
            "its offsets count UTF-16": _cut_coded(text, "utf-16-le", 2 * start, 2 * end),
            "its offsets count CRLF as one": text.replace("\r\n", "\n")[start:end],
        }
        for guess, found in guesses.items():
            if _plain(found) == _plain(said):
                return f"{fault}; perhaps {guess}"
    return fault


def _cut_coded(text: str, coding: str, start: int, end: int) -> str:
    return text.encode(coding, "replace")[start:end].decode(coding, "ignore")


def _plain(text: str) -> str:
    return "".join(text.split())


def _closest(
    heads: List[SourceEntity], tails: List[SourceEntity]
) -> Tuple[SourceEntity, SourceEntity]:
    """The two mentions that stand closest to each other, which are the likeliest to say
    what holds of the two clusters. Not twice the same tokens, where there are others."""
    pairs = ((head, tail) for head in heads for tail in tails)
    return min(pairs, key=_distance)


def _distance(pair: Tuple[SourceEntity, SourceEntity]) -> Tuple[bool, int, int]:
    head, tail = pair
    apart = max(head.start, tail.start) - min(head.end, tail.end)
    same = (head.start, head.end) == (tail.start, tail.end)
    return same, max(0, apart), min(head.start, tail.start)
