# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The targets of ansible-test, the examples of the documentation and the action group, played by real ansible-playbook."""

from __future__ import annotations

import importlib
import json
from typing import Any

import pytest
import yaml

from tests.harness.modules import Modules
from tests.harness.playbooks import Outcome, WarmPlaybooks, play
from tests.harness.worlds import BLOG, SHOP, World, holds
from tests.simulator.server import running_simulator

STEPS = ("Create", "Create again", "Change", "Change again", "Delete", "Delete again")


def require_contract(world: World) -> None:
    """Fail on what the published contract does not allow; skip where the contract is not there."""
    if not world.control.settings()["contract"]:
        pytest.skip("the published API description is not there (SIMULATOR_CONTRACTS)")
    assert world.violations() == []


def run_target(warm_playbooks: WarmPlaybooks, world: World, target: str) -> Outcome:
    """Play a target, as ansible-test does: as a role."""
    variables = {"simulator_control": f"{world.simulator.url}/_control", "name_prefix": "it"}
    outcome = warm_playbooks.run([play(roles=[target])], environ=world.environment, variables=variables)
    assert outcome.code == 0, outcome.stdout + outcome.stderr
    return outcome


@pytest.mark.parametrize("target", ["backup", "restore"])
def test_twelve_steps(warm_playbooks: WarmPlaybooks, world: World, target: str) -> None:
    outcome = run_target(warm_playbooks, world, target)
    played = [entry["task"].partition(" : ")[2] for entry in outcome.tasks if entry["action"] == f"multicloud.recovery.{target}"]
    assert [name for name in played if ": " in name] == [f"{mode}: {step}" for step in STEPS for mode in ("In check mode", "For real")]
    # What is deleted is the restore, not what it brought back; and the backup's source was never touched.
    assert world.named("restores", "it-restore") == []
    assert [item["name"] for item in world.control.state()["backups"]] == ["nightly"]
    saved = world.one("backups", "nightly")["contents"]["shop"]
    assert holds(world.namespace("production", "shop"), saved)
    if target == "restore":
        assert holds(world.namespace("drill", "it-restore"), saved, {"fast": "slow"})
        assert world.namespace("drill", "shop") is None
    # Twelve steps, three of which change something; the backup that is restored from is made and deleted besides.
    assert len(world.changes()) == (5 if target == "restore" else 3)
    require_contract(world)


def test_restore_brings_back_what_was_lost(modules: Modules, world: World) -> None:
    saved = world.one("backups", "nightly")["contents"]["shop"]
    world.control.disaster("production", "shop")
    assert world.namespace("production", "shop") is None
    wanted = {**world.options, "operation": "CREATE", "name": "back", "backup_ref": {"name": "nightly"}, "cluster_ref": {"name": "production"}}
    result = modules.run("restore", wanted)
    assert result["changed"]
    assert result["restore"]["status"] == "succeeded"
    assert holds(world.namespace("production", "shop"), saved)
    assert result["restore"]["resource_count"] == result["restore"]["restored_resource_count"] == len(saved["resources"])


def test_mapped_namespace_and_storage_class_hold_the_backup(modules: Modules, world: World) -> None:
    saved = world.one("backups", "nightly")["contents"]["shop"]
    mapping = {"namespace_mapping": {"shop": "shop-drill"}, "storage_class_mapping": {"fast": "slow"}}
    wanted = {**world.options, "operation": "CREATE", "name": "side", "backup_ref": {"name": "nightly"}, "cluster_ref": {"name": "drill"}, **mapping}
    before = world.one("clusters", "production")
    result = modules.run("restore", wanted)
    assert result["restore"]["status"] == "succeeded"
    assert holds(world.namespace("drill", "shop-drill"), saved, {"fast": "slow"})
    assert not holds(world.namespace("drill", "shop-drill"), saved)
    assert world.one("clusters", "production") == before
    assert set(world.one("clusters", "drill")["namespaces"]) == {"default", "shop-drill"}


EXAMPLE_STATE: dict[str, Any] = {
    "clusters": [
        {"name": "production", "storage_classes": ["fast", "standard"], "namespaces": {"shop": SHOP, "shop-front": BLOG}},
        {"name": "drill", "storage_classes": ["standard"], "namespaces": {}},
    ],
    "backup_locations": [{"name": "objects", "type": "S3", "path": "backups"}],
}
NIGHTLY = {"name": "shop-nightly", "cluster": "production", "backup_location": "objects", "namespaces": ["shop"]}
FRONT = {**NIGHTLY, "name": "shop-front", "labels": {"purpose": "drill"}}
DRILL = {"name": "shop-drill", "backup": "shop-nightly", "cluster": "drill"}
FAILED = {**DRILL, "name": "failed", "status": "Failed", "reason": "no space"}
# By the name of the example: what is there beforehand, whether it changes something, and what must be true of its result.
EXAMPLES: dict[str, tuple[dict[str, Any], bool, str]] = {
    "Back up an application": ({}, True, "said.backup.tags.purpose == 'nightly' and said.backup.status == 'succeeded'"),
    "Back up the parts of two namespaces that carry a label": ({}, True, "said.backup.resource_count == 2"),
    "Look at a backup": ({"backups": [NIGHTLY]}, False, "said.backup.status == 'succeeded'"),
    "List the newest ten backups of a cluster": (
        {"backups": [{**NIGHTLY, "name": f"old-{number:02d}", "age_s": 60 * number} for number in range(12)]},
        False,
        "said.backups | map(attribute='name') | join(' ') == range(10) | map('regex_replace', '^', 'old-0') | join(' ')",
    ),
    "Delete a backup, if it is the one that is meant": ({"backups": [FRONT]}, True, "said.backup == {}"),
    "Restore an application to the cluster it came from": ({"backups": [NIGHTLY]}, True, "said.restore.status == 'succeeded'"),
    "Restore it beside the running one, under another namespace and storage class": (
        {"backups": [NIGHTLY]},
        True,
        "said.restore.namespace_mapping == {'shop': 'shop-drill'} and said.restore.status == 'succeeded'",
    ),
    "Restore one resource only, and replace what is there": (
        {"backups": [NIGHTLY]},
        True,
        "said.restore.restore_info.resources | map(attribute='status') | map(attribute='status') | list == ['Success']",
    ),
    "Look at a restore": ({"backups": [NIGHTLY], "restores": [DRILL]}, False, "said.restore.name == 'shop-drill'"),
    "List the restores that did not succeed": ({"restores": [DRILL, FAILED]}, False, "said.restores | map(attribute='name') | list == ['failed']"),
    "Forget a restore; what it restored stays": ({"restores": [DRILL]}, True, "said.restore == {}"),
}


@pytest.mark.parametrize("module", ["backup", "restore"])
def test_examples_run_as_they_stand(warm_playbooks: WarmPlaybooks, module: str) -> None:
    source = importlib.import_module(f"ansible_collections.multicloud.recovery.plugins.modules.{module}").EXAMPLES
    with running_simulator(backup_duration_s=0, restore_duration_s=0, delete_duration_s=0) as simulator:
        every = yaml.safe_load(source.replace("https://px-backup.example.com:10001", simulator.url))
        # Those of Compute Engine are played in test_targets_gce.py.
        shown = [example for example in every if example[f"multicloud.recovery.{module}"].get("provider", "px_backup") == "px_backup"]
        tasks: list[dict[str, Any]] = []
        for example in shown:
            state, changed, truth = EXAMPLES[example["name"]]
            body = {"orgs": {"default": {**EXAMPLE_STATE, **state}}}
            control = {"url": f"{simulator.url}/_control/state"}
            tasks += [
                {"name": "empty", "ansible.builtin.uri": {**control, "method": "DELETE"}},
                {"name": "fill", "ansible.builtin.uri": {**control, "method": "POST", "body": body, "body_format": "json"}},
                {**example, "register": "said"},
                {"name": f"after {example['name']}", "ansible.builtin.assert": {"that": [f"said is changed == {changed}", truth]}},
            ]
        environ = {name: value for name, value in simulator.environment.items() if name in ("PX_BACKUP_API_URL", "PX_BACKUP_TOKEN", "PX_BACKUP_ORG_ID")}
        outcome = warm_playbooks.run([play(*tasks)], environ=environ, variables={"px_backup_token": simulator.token})
    assert outcome.code == 0, outcome.stdout + outcome.stderr
    assert {entry["task"] for entry in outcome.tasks} >= {example["name"] for example in shown}
    assert len(shown) == (5 if module == "backup" else 6)


def test_defaults_of_the_action_group_reach_both_modules(warm_playbooks: WarmPlaybooks, world: World) -> None:
    tasks = [{"name": f"list {module}s", f"multicloud.recovery.{module}": {"operation": "INSPECT_ALL", "max_objects": 5}} for module in ("backup", "restore")]
    outcome = warm_playbooks.run([play(*tasks, module_defaults={"group/multicloud.recovery.all": world.options})])
    assert outcome.code == 0, outcome.stdout + outcome.stderr
    assert [item["name"] for item in outcome.result("list backups")["backups"]] == ["nightly"]
    assert outcome.result("list restores")["restores"] == []
    assert world.simulator.token not in json.dumps(outcome.tasks)
