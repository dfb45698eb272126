from pathlib import Path

from weasel.util import load_project_config

PROJECT = Path(__file__).parents[2] / "project"


def test_workflow_has_what_it_depends_on():
    """Each dependency is in the repository, or written by an earlier command."""
    config = load_project_config(PROJECT)
    commands = {command["name"]: command for command in config["commands"]}
    written = set()
    for name in config["workflows"]["all"]:
        for dependency in commands[name]["deps"]:
            assert dependency in written or (PROJECT / dependency).exists(), name
        for line in commands[name]["script"]:
            # Weasel replaces a leading `python` by the interpreter that it runs on.
            assert line.startswith("python ")
        written.update(commands[name].get("outputs", []))
