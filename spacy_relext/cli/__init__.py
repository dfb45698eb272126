"""Commands under `python -m spacy relext`."""

import typer
from spacy.cli._util import app

relext = typer.Typer(
    name="relext", help="Commands for relation extraction", no_args_is_help=True
)
app.add_typer(relext)

from . import convert, debug_data, evaluate, extract, graph, pretrain, render  # noqa: E402, F401
