"""Let tests import the collection by its full name, and tests.simulator, from a plain checkout in any folder."""

from __future__ import annotations

import os
import pathlib
import re
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.tools.collection_tree import link_collection  # noqa: E402

COLLECTIONS = str(link_collection())
if COLLECTIONS not in sys.path:
    sys.path.insert(0, COLLECTIONS)
# Settings of whoever runs the tests must not matter, such as those of proxies or of Ansible. And requests looks through all of these each time.
KEPT = re.compile(r"PATH|HOME|USER|TMPDIR|LANG|LC_.*|COLUMNS|SYSTEMROOT|PY.*|COV.*|SIMULATOR_.*|FAULT_SEEDS")
for name in [name for name in os.environ if not KEPT.fullmatch(name)]:
    del os.environ[name]
os.environ["ANSIBLE_COLLECTIONS_PATH"] = COLLECTIONS


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that asks for the whole fault matrix instead of its sample."""
    parser.addoption("--full-matrix", action="store_true", help="run the tests marked full_matrix too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests marked full_matrix unless they are asked for."""
    if config.getoption("full_matrix"):
        return
    left_out = [item for item in items if item.get_closest_marker("full_matrix")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]
