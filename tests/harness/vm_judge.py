# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must hold after a run that a fault has hit, and after the run that follows it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .modules import Result
from .vm_clouds import ABSENT, Cloud
from .vm_kinds import FAILS, SURVIVES, Kind, accepted
from .vm_provider import Before, VmProvider

if TYPE_CHECKING:
    from .vm_faults import Cell, Stage

# The failures that leave all as it is, and say so.
LEAVES = ("NotYetPossible", "LockLost")


def state_of(cloud: Cloud, before: Before) -> str:
    """The VM in two words."""
    status = cloud.status()
    if status == ABSENT:
        return ABSENT
    disks = set(cloud.on_vm().values())
    old = disks & set(before.disks.values())
    on = "no disks" if not disks else "old disks" if old == disks else "both" if old else "new disks"
    return f"{status} on {on}"


def differences(found: Any, wanted: Any, path: str = "") -> list[str]:
    """Where two values differ."""
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        return [text for key in sorted({*found, *wanted}, key=str) for text in differences(found.get(key), wanted.get(key), f"{path}.{key}")]
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        return [text for number, pair in enumerate(zip(found, wanted)) for text in differences(*pair, f"{path}[{number}]")]
    return [] if (found or None) == (wanted or None) else [f"{path[1:]} is {_short(found)}, not {_short(wanted)}"]


def _short(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return text if len(text) <= 160 else f"{text[:160]}..."


def judge_first(stage: Stage, kind: Kind, cloud: Cloud, result: Result, cell: Cell, *, hit_undo: bool) -> list[str]:
    """What is wrong after the run with the fault; notes the outcome in the cell."""
    if kind.kills and not result.value:
        cell.outcome = cell.outcome or "killed"
        return []
    wrong = ["a traceback"] if "Traceback" in result.stdout + result.stderr else []
    wrong += judge_words(stage.provider, cloud.requests(), result)
    if not result.failed:
        cell.outcome = cell.outcome or "succeeded"
        hit = cell.case.split(" | ")[1].split(" #")[0]
        wrong += [f"success is reported, but {text}" for text in _end_problems(stage, cloud) if not stage.provider.excuses(kind, stage.route, hit, text)]
        if kind.expect == FAILS and cell.outcome != "not reached" and not hit_undo and not stage.provider.excuses(kind, stage.route, hit, "a refusal"):
            wrong.append("a refusal is passed over")
        return wrong
    if not result.kind or not result.message:
        wrong.append("a failure without kind or message")
    if kind.expect == SURVIVES and cell.outcome != "not reached":
        wrong.append(f"a passing trouble ends the task ({result.kind})")
    return wrong + _judge_failure(stage, kind, cloud, result, cell)


def _judge_failure(stage: Stage, kind: Kind, cloud: Cloud, result: Result, cell: Cell) -> list[str]:
    provider = stage.provider
    if "Not everything could be put back" in result.message:
        cell.outcome = "failed, not all undone"
        return []
    if result.kind in LEAVES:
        cell.outcome = f"failed, left ({result.kind})"
        return []
    if not [text for text in _end_problems(stage, cloud) if not provider.is_bookkeeping(text)]:
        cell.outcome = "failed at the very end"
        return []
    if result.kind == "WaitTimeout":
        cell.outcome = "deadline"
        old = state_of(cloud, stage.before)
        # What is said to be under way cannot be taken back.
        return [] if provider.is_going(old, cell.case) or old == state_begin(stage) else [f"the deadline leaves the VM {old}"]
    if not stage.route.undone and cloud.accepted():
        cell.outcome = "failed, left"
        return []
    found, begin = (provider.without_harmless(provider.comparable(canonical)) for canonical in (cloud.canonical(), stage.begin))
    if stage.route.module == "backup":
        provider.forget_whole_backup(found, provider.comparable(stage.end), begin)
    different = differences(found, begin)
    cell.outcome = "failed, all undone" if cloud.accepted() else "refused"
    return [f"after the failure {text}" for text in different[:6]]


def state_begin(stage: Stage) -> str:
    """The VM before the task, as state_of says it."""
    if not stage.before.disks:
        return ABSENT
    return f"{stage.provider.status_in(stage.before.vm)} on old disks"


def judge_words(
    provider: VmProvider, log: Sequence[Mapping[str, Any]], result: Result, everybody: Sequence[Mapping[str, Any]] = (), *, unanswered: bool = False
) -> list[str]:
    """Whether `changed` and `steps` agree with the requests of the run; one that was `unanswered` may have been accepted for all it knows.

    A step is also done when it finds that another run, in the log of `everybody`, has done it after it had begun.
    """
    done = accepted(log)
    done_by_any = accepted(everybody or log)
    # Two steps that ask for the same cannot be told apart, and a boot disk is made with the lock on it.
    shared = {"create disks", "lock VM"} if any(step["name"] == "create boot disk" for step in result.value.get("steps", [])) else set()
    wrong = []
    if not result.value.get("changed") and done:
        wrong.append(f"changed is false, but {', '.join(map(str, done[:4]))} was accepted")
    if result.value.get("changed") and not done and not unanswered:
        wrong.append("changed is true, but nothing was accepted")
    for step in result.value.get("steps", []):
        wanted = provider.REQUESTS.get(step["name"]) if step["name"] not in shared else None
        sent = [hit for hit in done if wanted and hit.method == wanted[0] and hit.path.rpartition("/")[2] == wanted[1]]
        if step["status"] == "not started" and sent and "create boot disk" not in {other["name"] for other in result.value["steps"]}:
            wrong.append(f'step "{step["name"]}" is said not to be started, but {sent[0]} was accepted')
        sent_by_any = [hit for hit in done_by_any if wanted and hit.method == wanted[0] and hit.path.rpartition("/")[2] == wanted[1]]
        if step["status"] == "done" and wanted and not sent_by_any:
            wrong.append(f'step "{step["name"]}" is said to be done, but nothing of the kind was accepted')
    return wrong


def _end_problems(stage: Stage, cloud: Cloud) -> list[str]:
    problems = stage.route.goal(cloud, stage.before)
    return problems or [f"it differs from an undisturbed end: {text}" for text in end_differences(stage, cloud)[:6]]


def end_differences(stage: Stage, cloud: Cloud) -> list[str]:
    """Where a cloud differs from the one in which nothing has disturbed the task."""
    return differences(stage.provider.comparable(cloud.canonical()), stage.provider.comparable(stage.end))


def duplicates(stage: Stage, cloud: Cloud) -> list[str]:
    """What a run made more often than an undisturbed one, although only its answer was lost."""
    made = stage.provider.made(cloud)
    return [f"duplicate: {what} was made {number} times, not {stage.made[what]}" for what, number in made.items() if number > stage.made[what]]


def judge_second(stage: Stage, cloud: Cloud, first: Result, again: Result, mark: int) -> list[str]:
    """What is wrong after the task has run again, undisturbed."""
    if again.failed and "could be put back" in first.message and "was made while" in again.message:
        # The VM has run since a backup that could not be taken back: it is not deleted over that one.
        return []
    if again.failed and "Delete it, then run the task again" in again.message and again.message == first.message:
        # What the provider could not make stays until somebody looks at it.
        return []
    if again.failed:
        return [f"run again, it fails ({again.kind or again.stderr[-300:]}): {again.message[:300]}"]
    # A manifest of which the first run says that it could not be deleted is left: no later run can tell it from one that is just being used.
    left = "put back: store manifest" in first.message
    wrong = [f"run again, success is reported, but {text}" for text in _end_problems(stage, cloud) if not (left and ": templates is" in text)]
    changes = [entry for entry in cloud.requests(mark) if entry["mutating"]]
    if not first.failed and (again.value.get("changed") or changes):
        wrong.append(f"run again after a success, it changes something: {[entry['path'][-60:] for entry in changes[:3]]}")
    return wrong
