# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation says what the code does: options, choices, examples, results, the capability table and links."""

from __future__ import annotations

import functools
import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast
from unittest import mock

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.alibaba_ecs.images.records import image_record
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.alibaba_ecs.images.wire import Image
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.alibaba_ecs.saved import snapshot_point
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.alibaba_ecs.snapshots import AlibabaSnapshots
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.gce.points import point_of
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.gce.snapshots import GceSnapshots
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.px_backup import records
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.gce import objects as gce_objects
from ansible_collections.multicloud.recovery.plugins.module_utils.core import errors, model, outcome, steps
from ansible_collections.multicloud.recovery.plugins.module_utils.core.arguments import argument_spec, resolve
from ansible_collections.multicloud.recovery.plugins.module_utils.core.options import COMMON
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.backup.records import backup_record
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.points import SNAPSHOT, BackupSet
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.restore import records as restore_records
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.snapshots.one import record_of as snapshot_record

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = "ansible_collections.multicloud.recovery.plugins.modules"
COLLECTION = "multicloud.recovery."
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py") if path.stem != "__init__")
PAGES = [path for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))) if path.exists()]
TABLE = re.compile(r"<!-- capabilities -->\n(.*?)\n<!-- /capabilities -->", re.DOTALL)
# The records of a resource of which nothing is known but its kind, by provider.
DETAILED = {
    "snapshot": {
        "gce": snapshot_record(GceSnapshots(mock.Mock(), cast(Any, {})), point_of(SNAPSHOT, gce_objects.snapshot({}))),
        "alibaba_ecs": snapshot_record(
            AlibabaSnapshots(mock.Mock(region="", listed=lambda *_how: []), mock.Mock(operation="INSPECT_ONE")), snapshot_point("", {"SnapshotId": ""})
        ),
    },
    "image_convert": {"alibaba_ecs": image_record("", Image({"ImageId": ""}))},
}
SHAPES = {"backup": records.BACKUP_SHAPE, "restore": records.RESTORE_SHAPE}
# The details of a VM's backup and restore.
OF_VMS = {
    "backup": {*backup_record(cast(Any, mock.Mock()), BackupSet("", "", "", 1, "", "", 0, (), {}), None, "").details},
    "restore": {*restore_records.DETAILS},
}
# What stands in for the connection of an example that takes it from its environment or from the defaults of its play.
ENVIRONMENT = {
    "PX_BACKUP_API_URL": "https://px",
    "PX_BACKUP_TOKEN": "token",
    "PX_BACKUP_ORG_ID": "default",
    "GCP_PROJECT": "shop-production",
    "GCP_ZONE": "europe-west1-b",
    "ALIBABA_CLOUD_REGION_ID": "cn-hangzhou",
    "ALIBABA_CLOUD_ACCESS_KEY_ID": "key",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "secret",
}
# What only a failure of many carries.
OF_MANY = {"errors"}
# What a module's results call the resource, where that is not the module's name; such a module has no deletion of many.
RESOURCES = {"image_convert": "image"}


@functools.cache
def backends(module: str) -> dict[str, Any]:
    found: dict[str, Any] = importlib.import_module(f"{PACKAGE}.{module}").BACKENDS
    return found


@functools.cache
def spec(module: str) -> dict[str, Any]:
    source = (ROOT / "plugins" / "modules" / f"{module}.py").read_text()
    default = re.search(r'default_provider="(\w+)"', source)
    return argument_spec({name: backend.OPTIONS for name, backend in backends(module).items()}, default.group(1) if default else None)


@pytest.fixture(scope="session")
def documented(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What ansible-doc makes of the modules and their fragments."""
    home = tmp_path_factory.mktemp("ansible")
    environ = {**os.environ, "ANSIBLE_HOME": str(home), "ANSIBLE_LOCAL_TEMP": str(home / "tmp"), "ANSIBLE_DEVEL_WARNING": "False"}
    command = [sys.executable, "-m", "ansible", "doc", "--json", "-t", "module", *(COLLECTION + module for module in MODULES)]
    ended = subprocess.run(command, env=environ, cwd=home, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return {name[len(COLLECTION) :]: page for name, page in json.loads(ended.stdout).items()}


def resource(module: str) -> str:
    return RESOURCES.get(module, module)


def text_of(documentation: Mapping[str, Any]) -> str:
    description = documentation["description"]
    return description if isinstance(description, str) else " ".join(description)


# -- Options


def compare_options(where: str, described: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    """What the documentation and the argument specification do not agree on, suboptions included."""
    for name in sorted({*described, *wanted}):
        here = f"{where}{name}"
        if name not in described or name not in wanted:
            yield f"{here} is {'not documented' if name in wanted else 'documented, but no option'}"
            continue
        page, option = described[name], wanted[name]
        for key, default in (("type", "str"), ("elements", None), ("required", False), ("default", None)):
            if page.get(key, default) != option.get(key, default):
                yield f"{here}: {key} is documented as {page.get(key, default)!r}, and is {option.get(key, default)!r}"
        for key in ("choices", "aliases"):
            if sorted(page.get(key) or []) != sorted(option.get(key) or []):
                yield f"{here}: {key} are documented as {page.get(key)!r}, and are {option.get(key)!r}"
        yield from compare_options(f"{here}.", page.get("suboptions") or {}, option.get("options") or {})


@pytest.mark.parametrize("module", MODULES)
def test_every_option_is_documented_as_it_is_and_no_other_is(documented: dict[str, Any], module: str) -> None:
    assert list(compare_options("", documented[module]["doc"]["options"], spec(module))) == []


def test_comparison_of_options_can_fail() -> None:
    wanted = {"a": {"type": "int"}, "b": {"type": "dict", "options": {"c": {"choices": ["x"]}}}, "d": {}}
    described = {"a": {"type": "str"}, "b": {"type": "dict", "suboptions": {"c": {"choices": ["y"]}}}, "e": {}}
    assert len(list(compare_options("", described, wanted))) == 4


@pytest.mark.parametrize("module", MODULES)
def test_choices_of_provider_are_the_back_ends(documented: dict[str, Any], module: str) -> None:
    assert sorted(documented[module]["doc"]["options"]["provider"]["choices"]) == sorted(backends(module))


def provider_options(module: str) -> Iterator[tuple[str, str, Any]]:
    for provider, backend in backends(module).items():
        for name, option in backend.OPTIONS.items():
            yield provider, name, option


@pytest.mark.parametrize("module", MODULES)
def test_option_of_a_provider_begins_with_the_providers_that_have_it(documented: dict[str, Any], module: str) -> None:
    pages = documented[module]["doc"]["options"]
    wrong = [name for provider, name, _option in provider_options(module) if name not in COMMON and not _begins_with(provider, text_of(pages[name]))]
    assert wrong == []


def _begins_with(provider: str, text: str) -> bool:
    providers = re.match(r"\(([\w, ]+)\) ", text)
    return bool(providers) and provider in re.split(", ?", providers.group(1) if providers else "")


@pytest.mark.parametrize("module", MODULES)
def test_option_with_an_environment_variable_names_it(documented: dict[str, Any], module: str) -> None:
    pages = documented[module]["doc"]["options"]
    named = {(name, variable) for _provider, name, option in provider_options(module) for variable in option.env if f"E({variable})" in text_of(pages[name])}
    assert named == {(name, variable) for _provider, name, option in provider_options(module) for variable in option.env}
    assert named


@pytest.mark.parametrize("module", MODULES)
def test_description_of_a_number_says_its_bound(documented: dict[str, Any], module: str) -> None:
    pages = documented[module]["doc"]["options"]
    options = {**COMMON, **{name: option for _provider, name, option in provider_options(module)}}
    bounds = {name: option.maximum for name, option in options.items() if option.maximum is not None}
    assert [name for name, most in bounds.items() if f"V({most})" not in text_of(pages[name])] == []
    assert bounds


@pytest.mark.parametrize("module", MODULES)
def test_description_says_for_which_operations_an_option_is_required(documented: dict[str, Any], module: str) -> None:
    pages = documented[module]["doc"]["options"]
    unsaid = [name for _provider, name, option in provider_options(module) if option.required_for and "equired" not in text_of(pages[name])]
    assert unsaid == []


# -- Tasks in examples and pages


class Loader(yaml.SafeLoader):
    """YAML as Ansible reads it, with its own tags read as text."""


Loader.add_multi_constructor("!", lambda loader, _suffix, node: loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None)


def tasks_in(node: Any, defaults: bool = False) -> Iterator[tuple[str, Any, bool]]:
    """Every module of this collection in ``node`` with its arguments, and whether these are only defaults."""
    if isinstance(node, list):
        for entry in node:
            yield from tasks_in(entry, defaults)
    elif isinstance(node, dict):
        for key, value in node.items():
            group = str(key) == f"group/{COLLECTION}all"
            if group or (str(key).startswith(COLLECTION) and not str(key)[len(COLLECTION) :].startswith("plugins")):
                yield ("" if group else str(key)[len(COLLECTION) :]), value, defaults
            else:
                yield from tasks_in(value, defaults or key == "module_defaults")


def without_templates(arguments: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments but for templates in the place of what is no text: only Ansible can tell what they become."""
    aliases = {alias: name for name, option in known.items() for alias in option.get("aliases", ())}
    typed = {name: known.get(aliases.get(name, name), {}).get("type", "str") for name in arguments}
    return {name: value for name, value in arguments.items() if not (isinstance(value, str) and "{{" in value and typed[name] not in ("str", "path", "raw"))}


def problems(module: str, arguments: Any, defaults: bool = False) -> list[str]:
    """What is wrong with a task, or with defaults for all modules (``module`` is empty) or for one."""
    if module and module not in MODULES:
        return [f"there is no module {module}"]
    if not isinstance(arguments, dict):
        return [f"{module}: the arguments are no dictionary"]
    if defaults:
        names = {name for each in ([module] if module else MODULES) for name in spec(each)}
        return [f"{module or 'group all'}: no option {name}" for name in arguments if name not in names]
    given = without_templates(arguments, spec(module))
    checked = ArgumentSpecValidator(spec(module)).validate(given)
    if checked.error_messages:
        return [f"{module}: {message}" for message in checked.error_messages]
    provider = checked.validated_parameters["provider"]
    options = {name: backend.OPTIONS for name, backend in backends(module).items()}
    try:
        task = resolve(module, checked.validated_parameters, set(given), options, ENVIRONMENT, selectors=backends(module)[provider].SELECTORS)
    except errors.RecoveryError as error:
        return [f"{module}: {error.message}"]
    return [f"{module}: {warning}" for warning in task.warnings]


@pytest.mark.parametrize(
    ("module", "arguments", "defaults"),
    [
        ("recover", {}, False),
        ("restore", {"operation": "LIST"}, False),
        ("restore", {"operation": "INSPECT_ONE", "nam": "x"}, False),
        ("restore", {"operation": "INSPECT_ONE"}, False),
        ("restore", {"operation": "INSPECT_ONE", "name": "x", "backup_ref": {"nme": "y"}}, False),
        ("restore", {"operation": "INSPECT_ALL", "max_objects": "many"}, False),
        ("restore", {"operation": "INSPECT_ALL", "namespace_mapping": {"a": "b"}}, False),
        ("restore", "operation=INSPECT_ALL", False),
        ("", {"api_ulr": "x"}, True),
        ("backup", {"backup_ref": {"name": "x"}}, True),
    ],
)
def test_examination_of_tasks_can_fail(module: str, arguments: Any, defaults: bool) -> None:
    assert problems(module, arguments, defaults)


def examples(page: Mapping[str, Any]) -> list[tuple[str, Any, bool]]:
    return list(tasks_in(yaml.load(page["examples"], Loader)))


@pytest.mark.parametrize("module", MODULES)
def test_examples_are_valid_tasks(documented: dict[str, Any], module: str) -> None:
    found = examples(documented[module])
    assert [problem for task in found for problem in problems(*task)] == []


@pytest.mark.parametrize("module", MODULES)
def test_examples_cover_every_operation_by_the_full_name(documented: dict[str, Any], module: str) -> None:
    tasks = yaml.load(documented[module]["examples"], Loader)
    shown = {arguments["operation"] for name, arguments, _defaults in examples(documented[module]) if name == module}
    assert shown == set(model.OPERATIONS)
    assert all(task.get("name") for task in tasks)
    assert not {*MODULES} & {key for task in tasks for key in task}


def yaml_blocks(page: Path) -> list[str]:
    """The YAML code blocks of a page, those indented in lists too, moved to the left."""
    found = re.findall(r"^([ ]*)```ya?ml\n(.*?)^\1```", page.read_text(), re.DOTALL | re.MULTILINE)
    return [re.sub(f"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tasks_on_pages_are_valid(page: Path) -> None:
    wrong = []
    for block in yaml_blocks(page):
        for task in tasks_in(list(yaml.load_all(block, Loader))):
            wrong += problems(*task)
    assert wrong == []


def test_pages_hold_tasks_and_each_is_read() -> None:
    read = sum(len(list(tasks_in(list(yaml.load_all(block, Loader))))) for page in PAGES for block in yaml_blocks(page))
    written = sum(len(re.findall(r"^[ -]*(?:multicloud\.recovery\.\w+|group/multicloud\.recovery\.all):", page.read_text(), re.MULTILINE)) for page in PAGES)
    assert read == written > 0


# -- Results


def keys_of(returned: Mapping[str, Any]) -> set[str]:
    return set(returned.get("contains") or {})


@pytest.mark.parametrize("module", sorted({*MODULES} & {*SHAPES}))
def test_return_documents_every_common_key_of_a_record(documented: dict[str, Any], module: str) -> None:
    record = records.record_of(SHAPES[module], {})
    common = {*model.Record("", "", "", "").as_diff(), "provider_status", "reason", *record.wire}
    assert common <= set(record.as_result())
    for key in (module, f"{module}s"):
        assert (common | OF_VMS[module]) - keys_of(documented[module]["return"][key]) == set()
        assert keys_of(documented[module]["return"][key]) - OF_VMS[module] - set(record.as_result()) == set()


@pytest.mark.parametrize("module", MODULES)
def test_return_documents_every_key_of_a_result(documented: dict[str, Any], module: str) -> None:
    returned = documented[module]["return"]
    options = {name: backend.OPTIONS for name, backend in backends(module).items()}
    params = ArgumentSpecValidator(spec(module)).validate({"operation": "INSPECT_ALL", "provider": sorted(options)[0]}).validated_parameters
    task = resolve(resource(module), params, {"operation"}, options, ENVIRONMENT)
    real = {*outcome.result_of(task, outcome.Outcome("")), *outcome.result_of(task, outcome.Outcome("", records=[])), "error", "steps"}
    # Ansible documents these itself.
    assert real - {"changed", "diff"} == set(returned) - OF_MANY


@pytest.mark.parametrize("module", sorted({*MODULES} & {*DETAILED}))
def test_return_documents_exactly_the_keys_of_a_record(documented: dict[str, Any], module: str) -> None:
    for key in (resource(module), f"{resource(module)}s"):
        returned = documented[module]["return"][key]
        assert keys_of(returned) == {name for record in DETAILED[module].values() for name in record.as_result()}
        for provider, record in DETAILED[module].items():
            # What only some providers give is said to be theirs.
            others = {name for name, part in returned["contains"].items() if part["returned"] not in ("always", f"with O(provider={provider})")}
            assert others == keys_of(returned) - set(record.as_result())


@pytest.mark.parametrize("module", MODULES)
def test_return_documents_every_key_and_word_of_a_failure(documented: dict[str, Any], module: str) -> None:
    error = documented[module]["return"]["error"]
    assert keys_of(error) == set(errors.RecoveryError("").as_result())
    assert set(re.findall(r"V\((\w+)\)", text_of(error["contains"]["kind"]))) == {
        kind.__name__ for kind in _subclasses(errors.RecoveryError) if not kind.__dict__.get("refines")
    }
    step = documented[module]["return"]["steps"]["contains"]
    report = steps.Report({"x": steps.DONE})
    assert set(step) == set(report.as_result()[0])
    words = {steps.DONE, steps.ALREADY_DONE, steps.FAILED, steps.UNDONE, steps.NOT_UNDONE, steps.STILL_RUNNING, steps.NOT_STARTED}
    assert set(re.findall(r"V\(([\w ]+)\)", text_of(step["status"]))) == words


def _subclasses(kind: type[Any]) -> set[type[Any]]:
    return {each for child in kind.__subclasses__() if child.__module__ == errors.__name__ for each in (child, *_subclasses(child))}


@pytest.mark.parametrize("module", MODULES)
def test_statuses_are_documented(documented: dict[str, Any], module: str) -> None:
    status = documented[module]["return"][resource(module)]["contains"]["status"]
    assert set(re.findall(r"V\((\w+)\)", text_of(status))) == set(model.STATUSES)
    option = text_of(documented[module]["doc"]["options"]["status"])
    assert set(model.STATUSES) <= set(re.findall(r"V\((\w+)\)", option))


# -- Capability table


def cells(line: str) -> list[str]:
    return [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]


def table_problems(text: str) -> list[str]:
    """What a capability table does not say as BACKENDS does."""
    header, rule, *rows = text.strip().splitlines()
    providers = sorted({provider for module in MODULES for provider in backends(module)})
    wrong = [] if cells(header)[0] == "module" and sorted(cells(header)[1:]) == providers else [f"the columns are {cells(header)}"]
    wrong += [] if set(rule) <= set("|-: ") else ["the second line is no rule"]
    by_module = {cells(row)[0]: dict(zip(cells(header)[1:], cells(row)[1:])) for row in rows}
    wrong += [] if sorted(by_module) == MODULES and len(rows) == len(MODULES) else [f"the rows are {sorted(by_module)}"]
    for module, row in by_module.items():
        wrong += [f"{module} has an empty or missing cell" for provider in providers if not row.get(provider)]
        can = sorted(provider for provider, cell in row.items() if cell != "-")
        if module in MODULES and can != sorted(backends(module)):
            wrong.append(f"{module} is said to serve {can}, and serves {sorted(backends(module))}")
    return wrong


def test_capability_table_of_the_readme_is_what_the_modules_can() -> None:
    found = TABLE.findall((ROOT / "README.md").read_text())
    assert len(found) == 1, "README.md has no table between <!-- capabilities --> and <!-- /capabilities -->"
    assert table_problems(found[0]) == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "README.md"], ids=lambda page: page.name)
def test_capability_table_of_another_page_is_right_too(page: Path) -> None:
    assert [problem for table in TABLE.findall(page.read_text()) for problem in table_problems(table)] == []


@pytest.mark.parametrize(
    "rows",
    [
        ["| module | px_backup |", "|---|---|", "| `backup` | yes |"],
        ["| module | px_backup |", "|---|---|", "| `backup` | yes |", "| `restore` | - |"],
        ["| module | px_backup |", "|---|---|", "| `backup` | yes |", "| `restore` | |"],
        ["| module | gce |", "|---|---|", "| `backup` | yes |", "| `restore` | yes |"],
    ],
)
def test_examination_of_the_capability_table_can_fail(rows: list[str]) -> None:
    assert table_problems("\n".join(rows))


# -- Links


def prose(page: Path) -> str:
    return re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings get."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> Iterator[str]:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _hash, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (page.is_relative_to(ROOT) and not file.is_relative_to(ROOT)):
            yield f"{target} does not exist"
        elif anchor and anchor not in anchors(file):
            yield f"{target} has no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_inside_the_collection_lead_somewhere(page: Path) -> None:
    assert list(broken_links(page)) == []


def test_examination_of_links_can_fail(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A title\n[a](none.md) [b](#a-title) [c](#another)\n")
    assert list(broken_links(page)) == ["none.md does not exist", "#another has no such heading"]


def test_every_page_of_docs_is_linked_from_the_readme() -> None:
    linked = set(re.findall(r"\]\((docs/[\w./-]+\.md)", (ROOT / "README.md").read_text()))
    assert linked == {str(page.relative_to(ROOT)) for page in PAGES if page.parent != ROOT}


# -- Names


def test_action_group_lists_exactly_the_modules() -> None:
    groups = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["action_groups"]
    assert list(groups) == ["all"]
    assert sorted(groups["all"]) == MODULES


def test_architecture_page_names_files_that_exist() -> None:
    """A name with a place-holder stands for one file of each provider, or of one at least."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    named = sorted(set(re.findall(r"`([\w/<>.]+/(?:[\w]+\.py)?)`", page)))
    base = (ROOT, ROOT / "plugins" / "module_utils", ROOT / "plugins")
    assert len(named) > 30
    missing = [name for name in named if not any(list(folder.glob(name.replace("<provider>", "*"))) for folder in base)]
    assert missing == []


@pytest.mark.parametrize("page", [str(path.relative_to(ROOT)) for path in PAGES])
def test_page_names_python_files_that_exist_and_has_no_word_left_to_fill_in(page: str) -> None:
    text = (ROOT / page).read_text()
    named = {name.rpartition("/")[2] for name in re.findall(r"`([\w/<>.-]+\.py)`", text)}
    there = {path.name for folder in ("plugins", "tests") for path in (ROOT / folder).rglob("*.py")}
    assert sorted(name for name in named - there if "<" not in name) == []
    assert re.findall(r"\b(?:TIMES|TODO|TBD|FIXME|XXX)\b", text) == []
