"""What docs/distributed.md and docs/kubernetes.md say is understood: each configuration, each command, each link."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from test_plan import plan

import distributed_config
from acgs_load import cli
from acgs_load.fleet.kubernetes import KubernetesPlace
from acgs_load.fleet.manifests import run_name
from acgs_load.plan import Kubernetes, Node
from acgs_load.settings_table import PLACES

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = {name: (DOCS / name).read_text(encoding="utf-8") for name in ("distributed.md", "kubernetes.md")}
CONFIGS = {"nodes.json": "distributed.md", "cluster.json": "kubernetes.md"}


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", PAGES[page], re.DOTALL)


COMMANDS = [
    shlex.split(line.removeprefix("sudo -E "))
    for page in PAGES
    for block in blocks(page, "bash")
    for line in block.splitlines()
    if line.removeprefix("sudo -E ").startswith("python ")
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_is_understood(words, tmp_path, monkeypatch, capsys):
    """Each is resolved to a plan and its steps, without sending anything."""
    monkeypatch.chdir(tmp_path)
    for name, page in CONFIGS.items():
        (tmp_path / name).write_text(blocks(page, "json")[0])
    for path in (Path(word) for word in words if word.endswith("plan.json")):
        path.parent.mkdir(parents=True)
        path.write_text(plan(folder=str(path.parent.absolute())).to_json())
    if ">" in words:
        words = words[: words.index(">")]
    if words[1] == "distributed_config.py":
        assert distributed_config.main(words[2:], {}) == 0, capsys.readouterr().err
    else:
        flags = [word for word in words[2:] if word != "--dry-run"]
        assert cli.run_load_test([*flags, "--dry-run"], {}) == 0, capsys.readouterr().err


@pytest.mark.parametrize(("page", "text"), [(page, text) for page in PAGES for text in blocks(page, "json")])
def test_every_configuration_is_legal(page, text, tmp_path, capsys):
    """Each JSON block is a configuration file."""
    path = tmp_path / "c.json"
    path.write_text(text)
    place = "kubernetes" if page == "kubernetes.md" else "ssh"
    assert distributed_config.main(["--config-file", str(path), "--place", place, "--json"], {}) == 0, page
    document = json.loads(capsys.readouterr().out)
    assert document["nodes"]


def test_the_objects_of_a_run_are_those_that_the_page_names():
    """Names and fields of the tables, and the Secret's name in the shell lines."""
    page = PAGES["kubernetes.md"]
    decided = plan(place="kubernetes", target="http://acgs", nodes=(Node("localhost", 1, 9, "eu"),))
    text = "".join(step.input for step in KubernetesPlace(decided).steps() if step.name == "apply")
    assert re.search(r"acgs-[a-z0-9-]*-secret", text)
    assert re.findall(r"acgs-[a-z0-9-]*-secret", text)[0].removesuffix("-secret") == run_name(decided)
    for field in Kubernetes.__dataclass_fields__:
        assert f"`{field}`" in page
    for kind in re.findall(r"^kind: (\w+)", text, re.MULTILINE):
        assert kind in page or kind == "PersistentVolumeClaim"


def test_every_place_has_its_line():
    """The table of places is complete, and links lead somewhere."""
    for place in PLACES:
        assert f"| `{place}`" in PAGES["distributed.md"]
    for text in PAGES.values():
        for link in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (DOCS / link).exists()
        assert not re.search(r"/root/|/work/|pypi\.org|files\.pythonhosted", text)
