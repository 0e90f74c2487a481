# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of STYLE.md that the files themselves can be asked about: who imports whom, what is caught, what every file begins with."""

from __future__ import annotations

import ast
import pathlib
import sys
from collections.abc import Iterator

import pytest

PLUGINS = pathlib.Path(__file__).parents[2] / "plugins"
FILES = sorted(path.relative_to(PLUGINS).as_posix() for path in PLUGINS.rglob("*.py"))
ROOT = ("ansible_collections", "multicloud", "recovery", "plugins")
PROVIDERS = ("px_backup", "gce", "ibm_vpc", "alibaba_ecs")
VOCABULARY = ("errors", "guard", "model", "waiter")

# The package that a file belongs to, and those of ours that it may import. A package may always import itself.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "modules": ("core.runner", "backends"),
    "doc_fragments": (),
    "core": (),
    "transport": tuple(f"core.{name}" for name in VOCABULARY),
    "clients": ("transport", *(f"core.{name}" for name in VOCABULARY)),
    "recovery": ("core",),
    "conversion": ("core", "transport"),
    "backends": ("core", "transport", "clients", "recovery", "conversion"),
}


def parent(name: str, levels: int) -> tuple[str, ...]:
    """The package, as a path below plugins, that so many dots mean in the file ``name``."""
    parts = tuple(name.split("/"))
    return parts[: len(parts) - levels]


def imported(name: str, tree: ast.Module) -> Iterator[tuple[ast.AST, tuple[str, ...], bool]]:
    """What a file imports, wherever in it: the statement, the dotted path (from plugins, for what is ours) and whether it is ours."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                path = tuple(alias.name.split("."))
                yield node, path[len(ROOT) :] if path[: len(ROOT)] == ROOT else path, path[: len(ROOT)] == ROOT
        elif isinstance(node, ast.ImportFrom):
            path = tuple(node.module.split(".")) if node.module else ()
            ours = bool(node.level) or path[: len(ROOT)] == ROOT
            if node.level:
                path = (*parent(name, node.level), *path)
            elif ours:
                path = path[len(ROOT) :]
            for alias in node.names:
                yield node, (*path, alias.name), ours


def layer(path: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The layer of a path below plugins, and the path within module_utils (for a module: within plugins)."""
    within = path[1:] if path[:1] == ("module_utils",) else path
    return (within[0] if within else ""), within


def provider_of(within: tuple[str, ...]) -> str | None:
    """The provider that a file of clients or backends serves; None for what serves all."""
    word = within[1] if len(within) > 1 and within[0] in ("clients", "backends") else ""
    return next((provider for provider in PROVIDERS if word == provider or word.startswith(f"{provider}.")), None)


def forbidden_imports(name: str, source: str) -> list[str]:
    """The imports of the file ``name`` (a path below plugins) that point upwards, or sideways between providers."""
    own_layer, own_path = layer(tuple(name.removesuffix(".py").split("/")))
    found: list[str] = []
    for node, path, ours in imported(name, ast.parse(source)):
        if not ours:
            continue
        its_layer, within = layer(path)
        allowed = any(within[: len(words)] == words for words in (tuple(entry.split(".")) for entry in MAY_IMPORT[own_layer]))
        others = {provider_of(within), provider_of(own_path)} - {None}
        if (its_layer != own_layer and not allowed) or (own_layer != "modules" and len(others) > 1):
            found.append(f"{name}:{getattr(node, 'lineno', 0)} imports {'.'.join(within)}")
    return found


def executed_at_import(tree: ast.Module) -> Iterator[ast.stmt]:
    """The statements that run when a file is imported; not those for the type checker alone."""
    pending: list[ast.stmt] = list(tree.body)
    while pending:
        node = pending.pop(0)
        yield node
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            pending += node.orelse
        elif isinstance(node, (ast.If, ast.Try, ast.With, ast.For, ast.While, ast.ClassDef)):
            for part in ("body", "orelse", "finalbody"):
                pending += getattr(node, part, [])
            for handler in getattr(node, "handlers", []):
                pending += handler.body


def libraries_at_top_level(name: str, source: str) -> list[str]:
    """What a file imports when it is imported itself and what is neither Python's, nor Ansible's, nor ours."""
    tree = ast.parse(source)
    top = {id(node) for node in executed_at_import(tree)}
    return [
        f"{name}: {path[0]}"
        for node, path, ours in imported(name, tree)
        if not ours and id(node) in top and path[0] not in sys.stdlib_module_names and path[0] != "ansible"
    ]


def broad_handlers(name: str, source: str) -> list[str]:
    """The except clauses (and suppressions) that catch every exception."""
    if name == "module_utils/core/steps.py":
        return []
    broad = {"Exception", "BaseException", "builtins.Exception", "builtins.BaseException"}
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ExceptHandler):
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type] if node.type else []
            caught = {ast.unparse(kind) for kind in kinds} if kinds else broad
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            caught = {ast.unparse(kind) for kind in node.args}
        else:
            continue
        if caught & broad:
            found.append(f"{name}:{node.lineno} catches everything")
    return found


def missing_beginnings(name: str, source: str) -> list[str]:
    """What a file should begin with and does not: the licence, a docstring (for a module DOCUMENTATION), the future import."""
    if name.endswith("__init__.py") and not source.strip():
        return []
    tree = ast.parse(source)
    documented = ast.get_docstring(tree) or any(
        isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DOCUMENTATION" for node in tree.body if name.startswith("modules/")
    )
    future = any(isinstance(node, ast.ImportFrom) and node.module == "__future__" and node.names[0].name == "annotations" for node in tree.body)
    comments = [line for line in source.splitlines()[:4] if line.startswith("# ")]
    problems = {
        "the licence": len(comments) == 3 and comments[2] == "# SPDX-License-Identifier: GPL-3.0-or-later",
        "a docstring": documented or name.startswith("doc_fragments/"),
        "the future import": future,
    }
    return [f"{name} has not {what}" for what, there in problems.items() if not there]


def dynamic_imports(name: str, source: str) -> list[str]:
    """Calls that import by name: Ansible packs for the target what import statements say."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [f"{name}:{call.lineno}" for call in calls if ast.unparse(call.func) in ("__import__", "importlib.import_module", "import_module")]


CHECKS = [forbidden_imports, libraries_at_top_level, broad_handlers, missing_beginnings, dynamic_imports]


def test_there_are_files_of_every_kind_to_check() -> None:
    assert {"core", "transport", "clients", "backends", "modules"} <= {layer(tuple(name.split("/")))[0] for name in FILES}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", FILES)
def test_file_keeps_the_rules(name: str, check: type[object]) -> None:
    assert check(name, (PLUGINS / name).read_text()) == []  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("module_utils/core/x.py", "from ..transport.http import Tls"),
        ("module_utils/core/x.py", "from .. import transport"),
        ("module_utils/core/x.py", "from ..clients.gce import Client"),
        ("module_utils/core/x.py", "def f():\n    from ..backends.gce.x import Y"),
        ("module_utils/core/x.py", "from ansible_collections.multicloud.recovery.plugins.module_utils.backends.gce import x"),
        ("module_utils/core/x.py", "import ansible_collections.multicloud.recovery.plugins.module_utils.clients.gce"),
        ("module_utils/transport/x.py", "from ..core.arguments import Task"),
        ("module_utils/transport/x.py", "from ..core import runner"),
        ("module_utils/transport/x.py", "from ..clients.px_backup import PxBackupClient"),
        ("module_utils/clients/gce.py", "from ..core.arguments import Task"),
        ("module_utils/clients/gce.py", "from ..core.plan import Plan"),
        ("module_utils/clients/gce.py", "from ..core.steps import run_plan"),
        ("module_utils/clients/gce.py", "from ..backends.gce.x import Y"),
        ("module_utils/clients/gce.py", "from .ibm_vpc import Client"),
        ("module_utils/clients/gce/disks.py", "from ..ibm_vpc import Client"),
        ("module_utils/recovery/x.py", "from ..backends.gce.x import Y"),
        ("module_utils/recovery/x.py", "from ..clients.gce import Client"),
        ("module_utils/backends/gce/x.py", "from ..ibm_vpc.x import Y"),
        ("module_utils/backends/gce/x.py", "from ...clients.ibm_vpc import Client"),
        ("module_utils/backends/gce/x.py", "from ....modules import backup"),
        ("modules/x.py", "from ..module_utils.core.errors import NotFound"),
        ("modules/x.py", "from ..module_utils.clients.gce import Client"),
        ("modules/x.py", "from ..module_utils.transport.http import Tls"),
    ],
)
def test_import_that_points_the_wrong_way_is_found(name: str, source: str) -> None:
    assert len(forbidden_imports(name, source)) == 1


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("module_utils/core/x.py", "from .errors import NotFound\nfrom ansible.module_utils.basic import AnsibleModule"),
        ("module_utils/transport/x.py", "from ..core.errors import NotFound\nfrom .retry import Retry"),
        ("module_utils/clients/gce.py", "from ..core.waiter import Waiter\nfrom ..transport.retry import Retry\nfrom ..core import errors"),
        ("module_utils/clients/gce/disks.py", "from ...core.errors import NotFound\nfrom .paging import pages"),
        (
            "module_utils/backends/gce/x.py",
            "from ...clients.gce import Client\nfrom ...core.steps import Plan\nfrom ...recovery.lock import Lock\nfrom .y import Z",
        ),
        (
            "modules/x.py",
            "from ..module_utils.core.runner import run\nfrom ..module_utils.backends.gce.x import A\nfrom ..module_utils.backends.ibm_vpc.x import B",
        ),
    ],
)
def test_import_that_points_downwards_is_let_through(name: str, source: str) -> None:
    assert forbidden_imports(name, source) == []


@pytest.mark.parametrize(
    "source",
    [
        "import requests",
        "from google.cloud import compute_v1",
        "try:\n    import ibm_vpc\nexcept ImportError:\n    ibm_vpc = None",
        "import os, boto3",
        "class A:\n    import rq",
    ],
)
def test_library_imported_at_top_level_is_found(source: str) -> None:
    assert len(libraries_at_top_level("module_utils/clients/x.py", source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    import requests",
        "class A:\n    def __init__(self):\n        import requests",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import requests",
        "import json\nfrom ansible.module_utils.basic import AnsibleModule\nfrom .errors import X",
    ],
)
def test_library_imported_where_it_is_needed_is_let_through(source: str) -> None:
    assert libraries_at_top_level("module_utils/clients/x.py", source) == []


@pytest.mark.parametrize("caught", ["", " Exception", " BaseException as error", " (ValueError, Exception)"])
def test_clause_that_catches_everything_is_found(caught: str) -> None:
    source = f"try:\n    f()\nexcept{caught}:\n    pass"
    assert len(broad_handlers("module_utils/core/x.py", source)) == 1
    assert broad_handlers("module_utils/core/steps.py", source) == []


def test_suppressing_everything_is_found() -> None:
    assert len(broad_handlers("module_utils/core/x.py", "with contextlib.suppress(Exception):\n    f()")) == 1


def test_clause_that_catches_one_kind_is_let_through() -> None:
    assert broad_handlers("module_utils/core/x.py", "try:\n    f()\nexcept (ValueError, NotFound):\n    pass") == []


_LICENCE = "# Copyright (c) x\n# GNU\n# SPDX-License-Identifier: GPL-3.0-or-later\n"


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ('"""Doc."""\nfrom __future__ import annotations\n', "the licence"),
        (f"{_LICENCE}from __future__ import annotations\n", "a docstring"),
        (f'{_LICENCE}"""Doc."""\nimport os\n', "the future import"),
    ],
)
def test_file_without_its_beginning_is_found(source: str, missing: str) -> None:
    assert missing_beginnings("module_utils/core/x.py", source) == [f"module_utils/core/x.py has not {missing}"]


def test_empty_init_needs_no_beginning_and_a_module_has_documentation_for_a_docstring() -> None:
    assert missing_beginnings("module_utils/core/__init__.py", "") == []
    module = f'#!/usr/bin/python\n{_LICENCE}from __future__ import annotations\nDOCUMENTATION = ""\n'
    assert missing_beginnings("modules/x.py", module) == []
    assert missing_beginnings("module_utils/x.py", module) != []


def test_import_by_name_is_found() -> None:
    assert dynamic_imports("modules/x.py", "import importlib\nimportlib.import_module('a')\n__import__('b')") == ["modules/x.py:2", "modules/x.py:3"]
