# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures of the integration tests."""

from __future__ import annotations

from tests.harness.alibaba_worlds import alibaba_simulator, alibaba_world, make_alibaba_world, quick_modules, quick_playbooks
from tests.harness.fixtures import make_world, modules, playbooks, simulator, warm_playbooks, world
from tests.harness.gce_vms import make_vm_world, vm_world
from tests.harness.gce_worlds import gce_simulator, gce_world, make_gce_world

from .gce_runs import ask

__all__ = [
    "alibaba_simulator",
    "alibaba_world",
    "ask",
    "gce_simulator",
    "gce_world",
    "make_alibaba_world",
    "make_gce_world",
    "make_vm_world",
    "make_world",
    "modules",
    "playbooks",
    "quick_modules",
    "quick_playbooks",
    "simulator",
    "vm_world",
    "warm_playbooks",
    "world",
]
