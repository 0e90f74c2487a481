# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The benchmarks run. Whether they are fast is nothing that a test can say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.benchmarks.__main__ import MEASUREMENTS, main

# Every day those that start no interpreters of their own; the others cost more than all else that they could find.
DAILY = ["gce.again", "gce.creation", "gce.in_place"]


@pytest.mark.parametrize("parts", [DAILY, pytest.param(sorted({*MEASUREMENTS} - {*DAILY}), marks=pytest.mark.full_matrix)], ids=["warm", "cold"])
def test_every_measurement_runs_and_reports(parts: list[str], tmp_path: Path) -> None:
    report = tmp_path / "bench.json"
    assert main(["--tiny", "--report", str(report), *parts]) == 0
    figures = json.loads(report.read_text("utf-8"))["figures"]
    assert {figure["measurement"] for figure in figures} == set(parts)
    assert all(figure["ours"] > 0 and figure["other"] > 0 for figure in figures)


def test_list_names_every_measurement(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert capsys.readouterr().out.split() == list(MEASUREMENTS)


def test_an_unknown_measurement_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gce.nothing"]) == 1
    assert "gce.many" in capsys.readouterr().out
