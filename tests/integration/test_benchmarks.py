# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The benchmarks run. Whether they are fast is nothing that a test can say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.benchmarks.__main__ import main

PARTS = ("px_backup.task", "px_backup.list", "px_backup.imports", "gce.in_place", "gce.creation", "gce.again", "gce.many", "gce.list")


@pytest.mark.parametrize("part", PARTS)
def test_a_measurement_runs_and_reports(part: str, tmp_path: Path) -> None:
    report = tmp_path / "bench.json"
    assert main(["--tiny", "--report", str(report), part]) == 0
    figures = json.loads(report.read_text("utf-8"))["figures"]
    assert figures
    assert all(figure["ours"] > 0 and figure["other"] > 0 for figure in figures)


def test_every_measurement_is_tested_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert tuple(capsys.readouterr().out.split()) == PARTS


def test_an_unknown_measurement_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gce.nothing"]) == 1
    assert "gce.many" in capsys.readouterr().out
