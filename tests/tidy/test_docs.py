"""The documentation is true: what is generated is up to date, links lead somewhere, examples can be used."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.blocks import parameters
from docs.generate import ROOT, pages, renewed
from docs.transcripts import run
from scenarios import library
from scenarios.loader import loads
from scenarios.problems import ScenarioError
from scenarios.starter import SCENARIO_NAME, write
from simulator.cli import VERBS
from simulator.control.exits import ExitCode

PAGES = tuple(pages())
VERB_PAGES = tuple(page for page in PAGES if page.parent.name == "verbs")

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_COMMAND = re.compile(r"(?:^|\bdo |[;=]\S* ?)drydeploy (?P<words>[^;#|>&]*)")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose(page: Path) -> str:
    """A page without its code."""
    return re.sub(r"`[^`\n]*`", "", _FENCE.sub("", page.read_text(encoding="utf-8")))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """The pages of ours that a page links, each with the anchor."""
    # Link texts may hold code, so only blocks of code are left out here.
    for link in _LINK.findall(_FENCE.sub("", page.read_text(encoding="utf-8"))):
        if not link.startswith(("http://", "https://")):
            path, _, anchor = link.partition("#")
            yield (page.parent / path).resolve() if path else page, anchor


def blocks(page: Path, *languages: str) -> list[str]:
    return [body for language, body in _FENCE.findall(page.read_text(encoding="utf-8")) if language in languages]


def command_lines(page: Path) -> Iterator[list[str]]:
    """The words after `drydeploy` in every example for the shell."""
    lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
    lines += [line[2:] for block in blocks(page, "console") for line in block.splitlines() if line.startswith("$ ")]
    for line in lines:
        for match in _COMMAND.finditer(line):
            yield shlex.split(match["words"])


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_generated_parts_are_up_to_date(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert renewed(text) == text, "run: make docs"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    broken = [
        f"{target}#{anchor}"
        for target, anchor in links(page)
        if not target.exists() or (anchor and anchor not in anchors(target))
    ]
    assert not broken


def test_every_page_can_be_reached_from_the_index() -> None:
    reached: set[Path] = set()
    todo = [ROOT / "docs" / "README.md"]
    while todo:
        page = todo.pop()
        if page not in reached and page.suffix == ".md" and page.is_file():
            reached.add(page)
            todo += [target for target, _ in links(page)]
    assert {name_of(page) for page in PAGES if "docs" in page.parts} <= {name_of(page) for page in reached}


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the bundles that the examples speak of."""
    directory = tmp_path_factory.mktemp("examples")
    for name, bundle in (("v1", "web-v1"), ("v2", "web-v2"), ("my-bundle", "web-v1")):
        shutil.copytree(ROOT / "scenarios" / "bundles" / bundle, directory / name)
    return directory


SCENARIOS = [
    pytest.param(block, id=f"{name_of(page)}-{number}")
    for page in PAGES
    for number, block in enumerate(blocks(page, "yaml"), 1)
    if re.search(r"^fleet:", block, re.MULTILINE)
]


@pytest.mark.parametrize("text", SCENARIOS)
def test_scenario_examples_are_valid(text: str, beside: Path) -> None:
    loads(text, name="example", directory=beside)


def test_the_scenario_of_the_readme_goes_as_it_expects(beside: Path) -> None:
    (block,) = (block for block in blocks(ROOT / "README.md", "yaml") if "\nexpect:" in block)
    (beside / "readme.yml").write_text(block, encoding="utf-8")
    for seed in range(5):
        printed, code = run(("run", str(beside / "readme.yml"), "--quiet", "--seed", str(seed)))
        assert code == 0, printed


def test_the_tutorials_mistakes_are_told(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "tutorial" / "first-rehearsal.md").read_text(encoding="utf-8")
    (step,) = re.findall(r"\n## 5\..*?(?=\n## )", text, re.DOTALL)
    changes = re.findall(r"change `([^`]+)`\s+to\s+`([^`]+)`", step)
    assert len(changes) == 2
    write(tmp_path)
    scenario = (tmp_path / SCENARIO_NAME).read_text(encoding="utf-8")
    for old, new in changes:
        assert scenario.count(old) == 1, old
        scenario = scenario.replace(old, new)
    with pytest.raises(ScenarioError) as caught:
        loads(scenario, name=SCENARIO_NAME, directory=tmp_path)
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_examples_for_the_shell_name_what_there_is(page: Path) -> None:
    for words in command_lines(page):
        if words in (["--version"], ["--help"]):
            continue
        verb, *rest = words
        assert verb in VERBS, words
        if verb == "image":
            verb = f"image {rest.pop(0)}"
        known = {name for each in parameters(verb) for names in each.names for name in names.split("/")} | {"--help"}
        unknown = [word for word in rest if word.startswith("-") and word not in known]
        assert not unknown, words
        if verb in ("run", "plan", "show") and rest and re.fullmatch(r"[a-z0-9-]+", rest[0]):
            assert rest[0] in library.names(), words


def test_every_verb_has_a_page_with_the_same_headings() -> None:
    assert {page.stem for page in VERB_PAGES} == set(VERBS)
    for page in VERB_PAGES:
        text = _FENCE.sub("", page.read_text(encoding="utf-8"))
        found = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert found == ["Usage", "Description", "Options", "Examples"], name_of(page)


def test_every_key_of_the_json_result_is_explained() -> None:
    printed, _ = run(("run", "health-check-404", "-o", "json"))
    page = (ROOT / "docs" / "reference" / "json.md").read_text(encoding="utf-8")
    result = json.loads(printed)
    deployment = result["deployments"][0]
    host = next(iter(deployment["hosts"].values()))
    keys = {*result, *result["requests"], *deployment, *deployment["error"], *host, *host["events"][0]}
    assert not [key for key in sorted(keys) if f"`{key}`" not in page]


@pytest.mark.parametrize("page", ["README.md", "docs/reference/exit-codes.md"])
def test_every_exit_code_is_explained(page: str) -> None:
    rows = re.findall(r"^\| ([\d, ]+) \|", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    told = {int(code) for row in rows for code in row.split(",")}
    assert told == {code.value for code in ExitCode}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_nothing_of_a_machine_is_told(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.findall(r"(?<![\w.])/(?:root|work|Users|home/(?!ec2-user))\S*", text)
