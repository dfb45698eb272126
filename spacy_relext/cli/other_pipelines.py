"""What another pipeline, in a folder or a package, says of components of it."""

from pathlib import Path
from typing import Any, Dict, Optional

import srsly
from spacy.util import get_model_meta, get_package_path, is_package, load_config


def complete(name: str, part: Dict[str, Any]) -> Dict[str, Any]:
    """A section, with what the config of another pipeline says of the component.

    name (str): The component.
    part (Dict[str, Any]): Its section.
    RETURNS (Dict[str, Any]): The same where it is of no other pipeline, or that is not
        there yet.
    RAISES (ValueError): Where the other pipeline has no such component.
    """
    path = _find_source(part)
    if path is None:
        return part
    components = load_config(path / "config.cfg", interpolate=True)["components"]
    there = part.get("component", name)
    if there not in components:
        raise ValueError(
            f"{path} has no component {there!r}, there are: {', '.join(components)}"
        )
    return {**components[there], **part}


def read_trained(name: str, part: Dict[str, Any]) -> Dict[str, Any]:
    """What a component has of its training.

    name (str): The component.
    part (Dict[str, Any]): Its section.
    RETURNS (Dict[str, Any]): Its `cfg`, empty where it is of no other pipeline, or that is
        not there yet.
    """
    folder = _find_source(part)
    if folder is None:
        return {}
    path = folder / part.get("component", name) / "cfg"
    return srsly.read_json(path) if path.is_file() else {}


def _find_source(part: Dict[str, Any]) -> Optional[Path]:
    """The folder of the pipeline that a component is of, None where there is none."""
    source = part.get("source")
    if not source or not isinstance(source, str):
        return None
    path = Path(source)
    if is_package(source):
        package = get_package_path(source)
        meta = get_model_meta(package)
        path = package / "{lang}_{name}-{version}".format(**meta)
    return path if (path / "config.cfg").is_file() else None
