# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every module with every provider, played as a user plays it: ansible-playbook and each module in a Python that has nothing loaded beforehand."""

from __future__ import annotations

import importlib
from typing import Any

from tests.harness import ROOT
from tests.harness.alibaba_worlds import REGION, AlibabaWorld
from tests.harness.gce_vms import VmWorld
from tests.harness.playbooks import Playbooks, play
from tests.harness.worlds import World

from .sent import CREATE_BACKUP, CREATE_RESTORE

POINT = {"operation": "CREATE", "vm_name": "web-1", "snapshot_datetime": "20260101-000000"}
# In this order; each task sends something, so that all that its provider needs is loaded.
TASKS: dict[tuple[str, str], dict[str, Any]] = {
    ("backup", "px_backup"): CREATE_BACKUP,
    ("restore", "px_backup"): CREATE_RESTORE,
    ("snapshot", "gce"): {"operation": "CREATE", "name": "s", "source_disk": "web-1"},
    ("backup", "gce"): POINT,
    ("restore", "gce"): POINT,
    ("snapshot", "alibaba_ecs"): {"operation": "CREATE", "name": "data-s", "source_disk": "{{ disk }}"},
    ("backup", "alibaba_ecs"): POINT,
    ("restore", "alibaba_ecs"): {**POINT, "strategy": "new", "new_vm_name": "web-1-copy"},
    ("image_convert", "alibaba_ecs"): {
        "operation": "CREATE",
        "source": "web-1",
        "bucket": "images",
    },
}


def test_every_module_runs_in_a_process_of_its_own(playbooks: Playbooks, world: World, vm_world: VmWorld, alibaba_world: AlibabaWorld) -> None:
    options = {"px_backup": world.options, "gce": vm_world.options, "alibaba_ecs": alibaba_world.options}
    tasks = [
        {"name": f"{module} {provider}", f"multicloud.recovery.{module}": {"provider": provider, **options[provider], **given}}
        for (module, provider), given in TASKS.items()
    ]
    alibaba_world.act("add_role", name="AliyunECSImageExportDefaultRole")
    alibaba_world.act("add_bucket", name="images", region=REGION)
    variables = {"disk": alibaba_world.disks()[1]["DiskId"]}
    outcome = playbooks.run([play(*tasks)], environ={"ANSIBLE_PIPELINING": "0"}, variables=variables)
    assert outcome.code == 0, outcome.stdout + outcome.stderr
    assert [entry["result"]["changed"] for entry in outcome.tasks] == [True] * len(TASKS)


def test_every_module_with_every_provider_is_among_them() -> None:
    package = "ansible_collections.multicloud.recovery.plugins.modules"
    modules = [path.stem for path in (ROOT / "plugins" / "modules").glob("*.py")]
    assert set(TASKS) == {(name, provider) for name in modules for provider in importlib.import_module(f"{package}.{name}").BACKENDS}
