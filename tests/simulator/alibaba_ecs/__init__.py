# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Alibaba Cloud ECS with VPC, STS and the metadata service, on one port.

An account comes into being with its first request. Its access key is `sim-ACCOUNT` with the secret `secret-ACCOUNT`; `sim-ACCOUNT.RUN` with
`secret-ACCOUNT.RUN` is another user of the same account, so that record and faults tell two runs apart. Regions are those of places.py; all are served here.

    with running_simulator("alibaba_ecs", operation_s=0) as simulator:
        control = simulator.control.scoped("my-account")
        vm = control.act("add_instance", account="my-account", name="web-1", disks=[{"text": "system"}, {"text": "data", "Category": "cloud_essd"}])
        control.act("guest_write", account="my-account", disk=vm["disk_ids"][1], text="changed")
        control.settings(reset_begins_after_s=2, list_lag_s=1, operation_s_of={"CreateSnapshot": 5})
        control.add_fault("drop_after", route="CreateSnapshot")                          # acts, and the answer is lost
        control.add_fault("status", route="ResetDisk", status=400, reason="Throttling.User")   # refused before it acts
        control.add_fault("status", route="DeleteDisk", status=200, reason="InternalError")    # an error inside a 200
        control.add_fault("operation", route="CreateImage", error={"code": "x"})        # ends as failed
        state = control.state()             # {snapshots: [{SnapshotId, ..., tags, digest}], disks, instances, ..., record, violations}

The endpoint of ECS, VPC and STS is `simulator.url`; that of the metadata service `simulator.url/ACCOUNT` (paths below /latest). `route` of a fault is the name
of the Action, or `metadata`. actions.py lists the control actions, options.py the settings; record.py says what the record holds, watch.py what is told of an
instance under watch. All state can also be made by the API itself: CreateVpc, CreateVSwitch, CreateSecurityGroup, RunInstances from a public image, ...
"""

from __future__ import annotations
