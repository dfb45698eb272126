from pathlib import Path, PurePosixPath
from shutil import copy

import pytest
from weasel.util import load_project_config

PROJECT = Path(__file__).parents[2] / "project"


@pytest.fixture
def config(tmp_path):
    # Elsewhere, for to load a project makes its directories.
    copy(PROJECT / "project.yml", tmp_path)
    return load_project_config(tmp_path)


@pytest.mark.parametrize("workflow", ["all", "linking", "benchmarks"])
def test_workflow_has_what_it_depends_on(config, workflow):
    """Each dependency is in the repository, or written by an earlier command."""
    commands = {command["name"]: command for command in config["commands"]}
    # What is there on disk may have been written before.
    outputs = {path for command in commands.values() for path in command.get("outputs", [])}
    written = set()
    for name in config["workflows"][workflow]:
        for dependency in commands[name]["deps"]:
            places = {dependency, *map(str, PurePosixPath(dependency).parents)}
            if places & outputs:
                assert places & written, (name, dependency)
            else:
                assert (PROJECT / dependency).exists(), (name, dependency)
        for line in commands[name]["script"]:
            # Weasel replaces a leading `python` by the interpreter that it runs on.
            assert line.startswith("python ")
            assert line.split()[1] == "-m" or line.split()[1] in commands[name]["deps"]
        written.update(commands[name].get("outputs", []))


def test_every_command_is_explained(config):
    readme = (PROJECT / "README.md").read_text(encoding="utf8")
    steps = {name for steps in config["workflows"].values() for name in steps}
    for command in config["commands"]:
        assert command["help"] and command["name"] in steps
        assert f"`{command['name']}`" in readme
