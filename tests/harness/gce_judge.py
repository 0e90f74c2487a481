# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must hold after a run that a fault has hit, and after the run that follows it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .gce_clouds import VM, Cloud
from .gce_fault_kinds import FAILS, SURVIVES, Kind, accepted
from .gce_routes import Before, on_vm
from .modules import Result

if TYPE_CHECKING:
    from .gce_faults import Cell, Stage

# What was asked for under a step's name; a step that is said not to have been started has sent nothing of it.
REQUESTS = {
    "lock VM": ("POST", "setLabels"),
    "create disks": ("POST", "disks"),
    "stop VM": ("POST", "stop"),
    "detach old disks": ("POST", "detachDisk"),
    "delete VM": ("DELETE", "ID"),
}
# What a VM that is restored and running may still lack: its next run writes the labels, gives up the old disks, and releases the lock.
_BOOKKEEPING = re.compile(r"carries the lock|labels\.mcr-|labels is|templates is|the old disk \S+ is left")
# The failures that leave all as it is, and say so.
LEAVES = ("NotYetPossible", "LockLost")


def state_of(cloud: Cloud, before: Before) -> str:
    """The VM in two words."""
    vm = cloud.one("instances", VM)
    if vm is None:
        return "absent"
    disks = set(on_vm(cloud).values())
    old = disks & set(before.disks.values())
    on = "no disks" if not disks else "old disks" if old == disks else "both" if old else "new disks"
    return f"{vm['status']} on {on}"


def differences(found: Any, wanted: Any, path: str = "") -> list[str]:
    """Where two values differ."""
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        return [text for key in sorted({*found, *wanted}, key=str) for text in differences(found.get(key), wanted.get(key), f"{path}.{key}")]
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        return [text for number, pair in enumerate(zip(found, wanted)) for text in differences(*pair, f"{path}[{number}]")]
    return [] if (found or None) == (wanted or None) else [f"{path[1:]} is {_short(found)}, not {_short(wanted)}"]


def comparable(canonical: Mapping[str, Any]) -> dict[str, Any]:
    """Without what may differ although the same was done: no labels or empty ones, and in a manifest the address that a VM has only while it runs.

    With the address, the fingerprint of the manifest changes; templates are numbered instead, so that one that is left over is seen.
    """
    text = re.sub(r"\bmcr-manifest-[0-9a-f]{16}", "mcr-manifest-*", json.dumps(canonical))
    text = re.sub(r'"mcr-manifest": "[0-9a-f]{16}"', '"mcr-manifest": "*"', text)
    # A backup that could not be taken back is made anew under names of its own: what is left over is seen by the number.
    text = re.sub(r"\b([0-9]{8}-[0-9]{6})-[0-9a-f]{10}\b", r"\1-*", text)
    text = re.sub(r'"mcr-attempt": "[0-9]+"', '"mcr-attempt": "*"', text)
    # Which run made a recovery point.
    text = re.sub(r'"mcr-run": "[0-9a-f]{12}"', '"mcr-run": "*"', text)
    text = re.sub(r'\\*"natIP\\*":\\*"[0-9.]+\\*",?', "", text)
    found: dict[str, Any] = json.loads(text)
    for items in found.values():
        for item in items.values() if isinstance(items, dict) else ():
            if isinstance(item, dict) and item.get("labels") == {}:
                del item["labels"]
    found["templates"] = len(canonical.get("instanceTemplates", {}))
    found["points"] = sum(len(canonical.get(plural, {})) for plural in ("snapshots", "images", "machineImages"))
    return found


def _short(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return text if len(text) <= 160 else f"{text[:160]}..."


def judge_first(stage: Stage, kind: Kind, cloud: Cloud, result: Result, cell: Cell, *, hit_undo: bool) -> list[str]:
    """What is wrong after the run with the fault; notes the outcome in the cell."""
    if kind.kills and not result.value:
        cell.outcome = cell.outcome or "killed"
        return []
    wrong = ["a traceback"] if "Traceback" in result.stdout + result.stderr else []
    wrong += judge_words(cloud.requests(), result)
    if not result.failed:
        cell.outcome = cell.outcome or "succeeded"
        # A renewal of the lock that is refused is tried again at the next turn, and one that is under way harms nobody.
        # While there is no VM, the lock is on its boot disk. A label that is needed is not missing at a right end.
        hit = cell.case.split(" | ")[1].split(" #")[0]
        may_be_renewal = hit.endswith("/setLabels") and (stage.route.locks or stage.route.module == "restore")
        wrong += [f"success is reported, but {text}" for text in _end_problems(stage, cloud) if not (may_be_renewal and "pending is" in text)]
        if kind.expect == FAILS and cell.outcome != "not reached" and not hit_undo and not may_be_renewal:
            wrong.append("a refusal is passed over")
        return wrong
    if not result.kind or not result.message:
        wrong.append("a failure without kind or message")
    if kind.expect == SURVIVES and cell.outcome != "not reached":
        wrong.append(f"a passing trouble ends the task ({result.kind})")
    return wrong + _judge_failure(stage, kind, cloud, result, cell)


def _judge_failure(stage: Stage, kind: Kind, cloud: Cloud, result: Result, cell: Cell) -> list[str]:
    if "Not everything could be put back" in result.message:
        cell.outcome = "failed, not all undone"
        return []
    if result.kind in LEAVES:
        cell.outcome = f"failed, left ({result.kind})"
        return []
    if not [text for text in _end_problems(stage, cloud) if not _BOOKKEEPING.search(text)]:
        cell.outcome = "failed at the very end"
        return []
    if result.kind == "WaitTimeout":
        cell.outcome = "deadline"
        old = state_of(cloud, stage.before)
        # A deletion that does not end cannot be taken back.
        is_going = old.startswith("STOPPING") and " | DELETE " in cell.case and "/instances/" in cell.case
        return [] if is_going or old in ("RUNNING on old disks", state_begin(stage)) else [f"the deadline leaves the VM {old}"]
    if not stage.route.undone and accepted(cloud.requests()):
        cell.outcome = "failed, left"
        return []
    found, begin = _without_reservations(comparable(cloud.canonical())), _without_reservations(comparable(stage.begin))
    if stage.route.module == "backup":
        _forget_whole_backup(found, comparable(stage.end), begin)
    different = differences(found, begin)
    cell.outcome = "failed, all undone" if accepted(cloud.requests()) else "refused"
    return [f"after the failure {text}" for text in different[:6]]


def _forget_whole_backup(found: dict[str, Any], end: Mapping[str, Any], begin: Mapping[str, Any]) -> None:
    """Take a backup that is whole, and what it superseded, for not being there: a later step that failed is no reason to delete it."""
    for plural in ("snapshots", "images", "machineImages"):
        made = {name: item for name, item in end.get(plural, {}).items() if name not in begin.get(plural, {})}
        if not made or any(found.get(plural, {}).get(name, {}).get("status") != "READY" for name in made):
            continue
        for name in made:
            del found[plural][name]
        for item in found[plural].values():
            item.pop("deprecated", None)
        for name in set(found.get("instanceTemplates", {})) & set(end.get("instanceTemplates", {})) - set(begin.get("instanceTemplates", {})):
            del found["instanceTemplates"][name]
        found["templates"] = len(found.get("instanceTemplates", {}))


def state_begin(stage: Stage) -> str:
    """The VM before the task, as state_of says it."""
    if not stage.before.disks:
        return "absent"
    return f"{stage.before.vm['status']} on old disks"


def _without_reservations(canonical: dict[str, Any]) -> dict[str, Any]:
    """Without addresses of the VM that stay reserved because it has them, which harms nobody."""
    text = json.loads(json.dumps(canonical))
    for key in [
        key for key, item in text.get("addresses", {}).items() if item.get("status") == "IN_USE" and "Reserved by a restore" in item.get("description", "")
    ]:
        del text["addresses"][key]
    text.get("addresses") or text.pop("addresses", None)
    for vm in text.get("instances", {}).values():
        for part in vm.get("networkInterfaces", []):
            for config in part.get("accessConfigs", []):
                config.pop("natIP", None)
    return dict(text)


def judge_words(log: Sequence[Mapping[str, Any]], result: Result, everybody: Sequence[Mapping[str, Any]] = (), *, unanswered: bool = False) -> list[str]:
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
        wanted = REQUESTS.get(step["name"]) if step["name"] not in shared else None
        sent = [hit for hit in done if wanted and hit.method == wanted[0] and hit.path.rpartition("/")[2] == wanted[1]]
        if step["status"] == "not started" and sent and "create boot disk" not in {other["name"] for other in result.value["steps"]}:
            wrong.append(f'step "{step["name"]}" is said not to be started, but {sent[0]} was accepted')
        sent_by_any = [hit for hit in done_by_any if wanted and hit.method == wanted[0] and hit.path.rpartition("/")[2] == wanted[1]]
        if step["status"] == "done" and wanted and not sent_by_any:
            wrong.append(f'step "{step["name"]}" is said to be done, but nothing of the kind was accepted')
    return wrong


def _end_problems(stage: Stage, cloud: Cloud) -> list[str]:
    problems = stage.route.goal(cloud, stage.before)
    return problems or [f"it differs from an undisturbed end: {text}" for text in differences(comparable(cloud.canonical()), comparable(stage.end))[:6]]


def judge_second(stage: Stage, cloud: Cloud, first: Result, again: Result, mark: int) -> list[str]:
    """What is wrong after the task has run again, undisturbed."""
    if again.failed and "could be put back" in first.message and "was made while" in again.message:
        # The VM has run since a backup that could not be taken back: it is not deleted over that one.
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
