"""Make a knowledge base for spaCy's `entity_linker` of a list of entities.

What tells two entities of one name apart is the text that describes them, as an encoder
reads it.
"""

from pathlib import Path
from typing import Any, Dict, List

import numpy
import spacy
import srsly
import typer
from spacy.kb import InMemoryLookupKB
from spacy.language import Language
from wasabi import msg

ARCHITECTURE = "spacy-transformers.TransformerModel.v3"


def main(
    entities: Path = typer.Argument(
        ..., help="JSON lines: id, names, description", exists=True
    ),
    encoder: Path = typer.Argument(..., help="Folder of the encoder", exists=True),
    output: Path = typer.Argument(..., help="Folder to write to"),
) -> None:
    """Write the knowledge base. A name is as likely to mean one entity as another."""
    nlp = spacy.blank("en")
    model = {"@architectures": ARCHITECTURE, "name": str(encoder)}
    nlp.add_pipe("transformer", config={"model": model})
    nlp.initialize()
    kb = make_knowledge_base(nlp, list(srsly.read_jsonl(entities)))
    kb.to_disk(output)
    n_names, n_entities = kb.get_size_aliases(), kb.get_size_entities()
    msg.good(f"{n_entities} entities with {n_names} names in {output}")


def make_knowledge_base(nlp: Language, records: List[Dict[str, Any]]) -> InMemoryLookupKB:
    """A knowledge base of records.

    nlp (Language): A pipeline with a transformer.
    records (List[Dict[str, Any]]): Of each entity its id, names and description.
    RETURNS (InMemoryLookupKB): The knowledge base.
    """
    vectors = {record["id"]: read(nlp, record["description"]) for record in records}
    length = len(next(iter(vectors.values())))
    kb = InMemoryLookupKB(nlp.vocab, entity_vector_length=length)
    meanings: Dict[str, List[str]] = {}
    for record in records:
        kb.add_entity(record["id"], freq=1, entity_vector=vectors[record["id"]])
        for name in record["names"]:
            meanings.setdefault(name, []).append(record["id"])
    for name, ids in meanings.items():
        kb.add_alias(name, ids, [1 / len(ids)] * len(ids))
    return kb


def read(nlp: Language, text: str) -> numpy.ndarray:
    """What the transformer of a pipeline makes of a text: the mean over its pieces.

    nlp (Language): The pipeline.
    text (str): The text.
    RETURNS (numpy.ndarray): The vector, of the transformer's width.
    """
    doc = nlp.get_pipe("transformer")(nlp.make_doc(text))
    pieces = doc._.trf_data.model_output.last_hidden_state
    return numpy.asarray(pieces).reshape(-1, pieces.shape[-1]).mean(axis=0)


if __name__ == "__main__":
    typer.run(main)
