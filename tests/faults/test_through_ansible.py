# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A sample of the faults through real ansible-playbook: what the harness judges of a module holds for a job as users run it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.harness.modules import Result
from tests.harness.playbooks import Outcome, Playbook, Playbooks, play
from tests.harness.vm_clouds import ABSENT, Cloud, settle
from tests.harness.vm_faults import Cell, Stage
from tests.harness.vm_judge import judge_first, judge_second
from tests.harness.vm_kinds import Hit, Kind
from tests.harness.vm_providers import route_of

from .conftest import Lab

# The provider and the route, what is hit, and by which fault. Without --full-matrix only the first ones of each list.
SAMPLE = [
    ("gce", "restore in_place", "/attachDisk", 2, "403 permission"),
    ("alibaba_ecs", "snapshot CREATE", "CreateSnapshot", 1, "drop after"),
    ("gce", "restore in_place", "/stop", 1, "drop after"),
    ("gce", "restore in_place", "/start", 1, "DONE with HTTP error"),
    ("gce", "restore replace", "/setDiskAutoDelete", 1, "403 permission"),
    ("gce", "backup stopped", "/stop", 1, "503"),
    ("alibaba_ecs", "restore rollback", "ResetDisk", 2, "403 permission"),
    ("alibaba_ecs", "restore replace", "RunInstances", 1, "drop after"),
]
KILLED = [
    ("gce", "restore in_place", "/detachDisk"),
    ("gce", "restore replace", "/disks/web-1/setLabels"),
    ("gce", "backup stopped", "/stop"),
    ("alibaba_ecs", "restore rollback", "ResetDisk"),
]
SAMPLED = {"SAMPLE": 2, "KILLED": 1}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The cases for this run."""
    hit = "fault" in metafunc.fixturenames
    names = ["provider", "title", "end", *(["nth", "fault"] if hit else [])]
    cases: Sequence[tuple[object, ...]] = SAMPLE if hit else KILLED
    chosen = cases if metafunc.config.getoption("full_matrix") else cases[: SAMPLED["SAMPLE" if hit else "KILLED"]]
    metafunc.parametrize(names, chosen, ids=["-".join(map(str, case)).replace(" ", "_") for case in chosen])


def hit_of(stage: Stage, end: str, nth: int) -> Hit:
    """The request of an undisturbed run whose path ends so."""
    return next(case.hit for case in stage.cases() if case.hit.mutating and case.hit.path.endswith(end) and case.hit.nth == nth)


def started(stage: Stage, cloud: Cloud, playbooks: Playbooks, kind: Kind | None = None) -> Playbook:
    """The task of a route, as the only one of a play."""
    arguments = {**cloud.options(), **stage.options, **(kind.options if kind else {})}
    return playbooks.start([play({"name": "it", f"multicloud.recovery.{stage.route.module}": arguments})])


def result_of(outcome: Outcome) -> Result:
    """What the task said, as the harness judges it."""
    value = {**outcome.result("it"), "failed": outcome.code != 0} if outcome.tasks else {}
    return Result(value, outcome.code, outcome.stdout, outcome.stderr, 0.0, 0)


def test_job_that_is_hit_loses_nothing_and_the_next_one_finishes(
    provider: str, title: str, end: str, nth: int, fault: str, labs: Callable[[str], Lab], playbooks: Playbooks
) -> None:
    lab = labs(provider)
    stage, kind = Stage(route_of(provider, title), lab.clouds, lab.modules), lab.provider.KINDS.by_name[fault]
    hit, cloud = hit_of(stage, end, nth), stage.open()
    try:
        cloud.add_fault(hit, **kind.rule)
        cell = Cell(f"{title} | {hit} | {fault}", title, fault)
        first = result_of(started(stage, cloud, playbooks, kind).wait())
        assert all(rule["fired"] for rule in cloud.faults())
        settle(cloud)
        wrong = judge_first(stage, kind, cloud, first, cell, hit_undo=False)
        cloud.clear_faults()
        mark = cloud.mark()
        again = result_of(started(stage, cloud, playbooks).wait())
        settle(cloud)
        assert [*wrong, *judge_second(stage, cloud, first, again, mark), *cloud.violations()] == [], cell
    finally:
        cloud.close()


def kill_all(pid: int) -> None:
    """End a process and all that it has started, at once."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(status.parent.name))
    every = [pid]
    for one in every:
        every += children.get(one, [])
    for one in every:
        os.kill(one, signal.SIGKILL)


def test_job_that_is_killed_loses_nothing_and_the_next_one_finishes(
    provider: str, title: str, end: str, labs: Callable[[str], Lab], playbooks: Playbooks
) -> None:
    lab = labs(provider)
    stage = Stage(route_of(provider, title), lab.clouds, lab.modules)
    hit, cloud = hit_of(stage, end, 1), stage.open()
    try:
        cloud.add_fault(hit, kind="operation", seconds=3)
        job = started(stage, cloud, playbooks)
        while not any(rule["fired"] for rule in cloud.faults()):
            assert not job.is_over, job.wait().text
            time.sleep(0.02)
        kill_all(job.pid)
        job.wait()
        settle(cloud)
        time.sleep(1)
        assert not cloud.violations()
        cloud.clear_faults()
        mark = cloud.mark()
        again = result_of(started(stage, cloud, playbooks).wait())
        settle(cloud)
        killed = Result({}, -9, "", "", 0.0, 0)
        assert [*judge_second(stage, cloud, killed, again, mark), *cloud.violations()] == []
        assert cloud.status() != ABSENT
    finally:
        cloud.close()
