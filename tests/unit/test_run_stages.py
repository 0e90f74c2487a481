# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make test` says of its stages: what ran, how many tests, and what was left out."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from tests.harness import ROOT

PYTEST_OUTPUT = """
SKIPPED [2] tests/unit/test_a.py:12: the tool is not there
================= 3 passed, 2 skipped in 1.23s =================
"""


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "tools"))
    return importlib.import_module("run_stages")


def ended(stages: Any, name: str, output: str, result: str = "ok") -> Any:
    (stage,) = [stage for stage in stages.STAGES if stage.name == name]
    return stages.Outcome(stage, result, 1.0, "", output)


@pytest.mark.parametrize(
    ("name", "output", "said"),
    [
        ("unit", PYTEST_OUTPUT, "3 passed, 2 skipped"),
        ("sanity", 'Running sanity test "pep8"\nRunning sanity test "import" on Python 3.11\n', "2 tests of ansible-test"),
        ("galaxy", "$ ansible-galaxy collection build\n$ ansible-doc\n", "2 commands to build, install, use and import it"),
        ("ansible-lint", "Passed: 0 failure(s), 0 warning(s) in 341 files processed of 366 encountered.", "341 files"),
        ("mypy", "Success: no issues found in 99 source files", "99 files of module_utils"),
        ("format", "314 files already formatted", "314 Python files"),
        ("ruff", "All checks passed!", "all Python files"),
    ],
)
def test_stage_says_what_ran(stages: Any, name: str, output: str, said: str) -> None:
    assert stages.describe(ended(stages, name, output)) == said


def test_what_is_left_out_is_said_with_the_reason(stages: Any) -> None:
    assert stages.find_left_out(ended(stages, "unit", PYTEST_OUTPUT)) == ["SKIPPED [2] tests/unit/test_a.py:12: the tool is not there"]
    missing = 'WARNING: Required program "shellcheck" not found.\n'
    assert stages.find_left_out(ended(stages, "sanity", f"{missing}WARNING: Reviewing previous 1 warning(s):\n{missing}")) == [missing.strip()[9:]]
    assert "make faults" in stages.find_left_out(ended(stages, "faults", ""))[0]


def test_closing_line_counts_stages_and_tests(stages: Any) -> None:
    ruff, unit = ended(stages, "ruff", ""), ended(stages, "unit", PYTEST_OUTPUT)
    assert stages.total([ruff], 0.5) == " 1 stage ok in 0.50s "
    assert stages.total([ruff, unit], 2) == " 2 stages ok; tests: 3 passed, 2 skipped in 2.00s "
    failed = ended(stages, "integration", "=== 1 failed, 4 passed, 2 errors in 1.00s ===", "FAILED")
    assert stages.total([ruff, unit, failed], 2) == " 1 stage FAILED, 2 stages ok; tests: 1 failed, 7 passed, 2 skipped, 2 errors in 2.00s "
