# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What backups and restores of VMs have in common on every cloud."""

    DOCUMENTATION = r"""
options:
  zone:
    description:
      - (gce) The zone of the VM, as V(europe-west1-b). Required.
      - The environment variable E(GCP_ZONE) stands in for it.
    type: str
  region:
    description:
      - (gce, alibaba_ecs) The region.
      - (alibaba_ecs) The region of the VM, as V(cn-hangzhou). Required. The environment variables E(ALIBABA_CLOUD_REGION_ID) and
        E(ALICLOUD_REGION) stand in for it.
      - (gce) Not used for VMs, whose zone says its region. It is accepted with a warning. The environment variable E(GCP_REGION), which other
        tasks may need, does no harm.
    type: str
  vm_name:
    description:
      - (gce, alibaba_ecs) The VM.
      - (alibaba_ecs) By the name of the instance, or by its id when several have the name. With an id, backups and restores carry the id.
      - On O(operation=CREATE), give one of O(vm_name), O(vm_names) and O(vm_filter).
      - On O(operation=INSPECT_ALL), only what belongs to this VM is returned.
    type: str
    aliases: [instance]
  vm_names:
    description:
      - (gce, alibaba_ecs) On O(operation=CREATE), several VMs of the zone or, on Alibaba Cloud, of the region. Each is treated as by a task of its
        own, up to O(max_parallel) at once. If one fails, the others are still done; the task then fails, and lists what failed and why.
    type: list
    elements: str
  vm_filter:
    description:
      - (gce, alibaba_ecs) On O(operation=CREATE), all VMs of the zone or region that carry all these labels or tags, treated as O(vm_names). The
        task fails when no VM does.
    type: dict
  max_parallel:
    description:
      - (gce, alibaba_ecs) On O(operation=CREATE), how many VMs are worked on at once, V(1) to V(256).
      - They share their credentials and at most 64 connections. When the provider asks one of them to slow down, all do.
    type: int
    default: 16
  disk_encryption_keys:
    description:
      - (gce) On O(operation=CREATE), customer-supplied encryption keys, in base64, by the device name under which the VM has the disk.
      - Disks that are encrypted with such a key need it. What is made of them is encrypted with the same key.
      - Disks that are encrypted with Cloud KMS, or by Google, need nothing here.
    type: dict
  discard_local_ssd:
    description:
      - (gce, alibaba_ecs) On O(operation=CREATE), whether a VM with local SSDs or local disks may be stopped. Their data is lost then, and no
        backup holds it.
      - Without it, whatever would stop such a VM is refused before anything is changed.
    type: bool
    default: false
  lock_ttl:
    description:
      - (gce, alibaba_ecs) On O(operation=CREATE), and on O(operation=DELETE) of a restore, how many seconds a lock on the VM stays valid after
        its last renewal, V(5) to V(3600).
      - A run renews its lock every third of that time. A lock that is not renewed for that long counts as abandoned, and the same task may
        then take it over. All tasks on a VM should have the same value.
    type: int
    default: 120
notes:
  - (gce, alibaba_ecs) Labels or tags that begin with C(mcr-) are notes of this collection. They are not among the tags of a result. A backup
    or a restore without them is not found any more.
  - (alibaba_ecs) A resource can have 20 tags, of which eight are for O(tags).
"""
