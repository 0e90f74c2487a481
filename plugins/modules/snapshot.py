#!/usr/bin/python
# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
---
module: snapshot
short_description: Take snapshots of disks, and manage them
version_added: "0.1.0"
description:
  - Saves one disk as it is at one moment, waits until that has succeeded, and reports success only then.
  - (gce) A snapshot holds a zonal or regional persistent disk. The moment is the one that the record gives as RV(snapshot.created_at).
  - (alibaba_ecs) A snapshot holds a cloud disk, and can be copied to other regions. Give the id of the disk, and get the id of the snapshot as
    RV(snapshot.uid).
  - To save all disks of a VM together, use M(multicloud.recovery.backup).
author:
  - multicloud.recovery contributors (@multicloud-recovery)
extends_documentation_fragment:
  - multicloud.recovery.attributes
  - multicloud.recovery.operation
  - multicloud.recovery.place
  - multicloud.recovery.place.location
  - multicloud.recovery.wait
  - multicloud.recovery.gce
  - multicloud.recovery.alibaba_ecs
options:
  provider:
    description: Where the disk is.
    type: str
    required: true
    choices: [alibaba_ecs, gce]
  name:
    description:
      - The name of the snapshot.
      - On O(operation=CREATE) it is the snapshot's identity. One of that name that is as asked for is left as it is; one that is not, and
        cannot be changed, makes the task fail with the options named.
      - (alibaba_ecs) From 2 to 128 letters, digits and characters of C(:_.-), beginning with a letter, but not with C(auto). Names are not unique
        there. If several snapshots have the name, the task fails and lists their ids; give one as O(uid), or as O(name). On O(operation=CREATE)
        with O(uid), the snapshot of that id gets this name.
      - On O(operation=CREATE) without it, the name is that of the disk and the datetime in UTC, as V(data-20260301-020007). Each run then
        takes a new snapshot, unless O(min_age) finds one. (alibaba_ecs) The id of the disk stands for its name.
    type: str
  source_disk:
    description:
      - (gce, alibaba_ecs) The disk. Required for O(operation=CREATE), but for a change by O(uid) on Alibaba Cloud.
      - (gce) A name, or a numeric id, of a disk in O(zone) or O(region); or a link, full or from C(zones/) or C(regions/) on, which says all.
      - (alibaba_ecs) The id of a disk, as V(d-bp1a2b3c4d5e6f7g8h9i), or its name if only one disk of the region has it. A disk that is gone is
        known by its id only.
      - (gce) A disk that was deleted and made again under its name is another disk. On O(operation=CREATE), a snapshot of the earlier one is
        refused. With O(retention) and O(all_snapshots), its snapshots are left alone with a warning; they are chosen by the disk's id.
      - On O(operation=INSPECT_ALL), only snapshots of this disk are returned. (gce) Those of earlier disks of its name are returned too. Without
        O(zone) and O(region), a name means every disk of that name.
      - On O(operation=DELETE) with O(name) or O(uid), a snapshot of another disk is not deleted, and the task fails.
    type: str
    aliases: [disk_id, source_volume]
  min_age:
    description:
      - (gce, alibaba_ecs) A number of minutes, V(1) to V(525600), which is a year. None is taken if the disk has a snapshot younger than this that
        matches all given options.
      - Only for O(operation=CREATE) without O(name). Snapshots that a schedule made, or that are parts of a backup of a VM, do not count.
      - (gce) Compute Engine itself limits how often a disk can be saved, to once in ten minutes in the long run.
    type: int
  description:
    description:
      - (gce, alibaba_ecs) A text that is kept with the snapshot.
      - (gce) Compute Engine cannot change it afterwards.
      - (alibaba_ecs) From 2 to 256 characters, not beginning with C(http://) or C(https://). It can be changed.
    type: str
  retention_days:
    description:
      - (gce, alibaba_ecs) After how many days the snapshot expires, counted from when it was made.
      - (gce) V(1) to V(36500). That is noted in its label C(mcr-expires), and can be changed. Nothing is deleted by that alone. A task with
        O(retention) and its rule C(expired) deletes what has expired.
      - (alibaba_ecs) V(1) to V(65536). Alibaba Cloud itself deletes the snapshot then. Without it, the snapshot is kept until it is deleted. The
        time can be made longer afterwards, never shorter; the task fails then.
    type: int
  storage_location:
    description:
      - (gce) Where the snapshot is stored, a region as V(europe-west1), or a group of regions as V(eu). Without it, Compute Engine chooses.
      - A snapshot can be used in every region, so that there is no need for copies. Compute Engine cannot change it afterwards.
    type: str
  guest_flush:
    description:
      - (gce) Whether the guest is asked to write all that it holds in memory first, so that applications find a consistent state.
      - It needs a running VM that is prepared for it, with the guest agent or, on Windows, VSS; elsewhere Compute Engine refuses.
      - The wish is noted in the label C(mcr-consistency), because Compute Engine does not report it. Only that label is compared.
    type: bool
  snapshot_type:
    description:
      - (gce) V(STANDARD), the default of Compute Engine, or V(ARCHIVE), which is cheaper to keep and more expensive to read.
      - Compute Engine cannot change it afterwards.
    type: str
    choices: [STANDARD, ARCHIVE]
  kms_key:
    description:
      - (gce, alibaba_ecs) The key to encrypt with.
      - (gce) The key in Cloud KMS for the snapshot, as V(projects/P/locations/L/keyRings/R/cryptoKeys/K). Without it, Compute Engine takes the
        key of the disk, or a key of its own.
      - (alibaba_ecs) The id of a KMS key for the copies of O(copy_to_regions). The snapshot itself always has the key of its disk.
    type: str
  disk_encryption_keys:
    description:
      - (gce) Customer-supplied encryption keys, in base64, by the name, id or link of the disk that they belong to.
      - A disk that is encrypted with such a key can be saved only with it. It encrypts the snapshot as well, unless O(kms_key) is given.
      - A key for a disk that has none of its own encrypts the snapshot only. Keys of other disks do no harm.
      - Google calls such keys deprecated, and advises using O(kms_key).
    type: dict
  retention:
    description:
      - (gce, alibaba_ecs) The rules by which O(operation=DELETE) chooses among the snapshots of O(source_disk). With several, each must release a
        snapshot.
      - Only complete snapshots count and are deleted. The newest complete one is never deleted by a rule.
      - Parts of backups of VMs are never chosen, nor what a schedule made, unless O(include_scheduled) is set. They do not count either.
      - With O(tags), only snapshots that carry them count and are chosen.
    type: dict
    suboptions:
      keep_last:
        description: Keeps this many of the newest, at least one.
        type: int
      older_than:
        description: Releases what is older, as V(12h), V(30d) or V(2w).
        type: str
      expired:
        description: >-
          Releases what has expired, as O(retention_days) said when it was made. What was made without never expires. (alibaba_ecs) Alibaba Cloud
          deletes what has expired by itself, so that there is little left to release.
        type: bool
        default: false
  all_snapshots:
    description:
      - (gce, alibaba_ecs) Whether O(operation=DELETE) takes all snapshots of O(source_disk), the newest one too.
      - Parts of backups of VMs are never chosen, nor what a schedule made, unless O(include_scheduled) is set.
    type: bool
    default: false
  include_scheduled:
    description:
      - (gce, alibaba_ecs) Whether O(operation=DELETE) takes snapshots that a schedule, or an automatic snapshot policy, made, too. Without it they
        are left to the schedule, and one that is named makes the task fail.
    type: bool
    default: false
  copy_to_regions:
    description:
      - (alibaba_ecs) On O(operation=CREATE), other regions in which the snapshot is to have a copy.
      - The task waits until the snapshot is accomplished, copies it, and waits for the copies. A copy that is there is not made again; it is known
        by its tag C(mcr-copy-of). RV(snapshot.copies) lists the copies.
      - A copy gets the name, the O(tags), the O(retention_days) and the O(kms_key) of the task when it is made. It is not changed afterwards, and
        not deleted with the snapshot. A disk cannot be rolled back to a copy.
    type: list
    elements: str
  force:
    description:
      - (alibaba_ecs) Whether O(operation=DELETE) deletes a snapshot from which a disk was made. That disk keeps its data, but cannot be
        initialized again afterwards.
      - A snapshot that belongs to an image, or that is locked, is not deleted in any case.
    type: bool
    default: false
notes:
  - (gce, alibaba_ecs) A snapshot that belongs to the backup of a VM is not deleted by this module, because the backup could not be restored without
    it. Delete the backup, with M(multicloud.recovery.backup). Labels or tags alone, which another tool may have copied, make no snapshot a part of a
    backup.
  - (alibaba_ecs) A snapshot that a roll-back keeps, so that it can be taken back, is not deleted by this module. Delete the restore, with
    M(multicloud.recovery.restore). A locked snapshot is not deleted either; the message says until when it is locked.
  - (alibaba_ecs) With O(wait=true), the task ends when the snapshot is accomplished. RV(snapshot.available) becomes true earlier on ESSDs.
  - (gce, alibaba_ecs) A snapshot that a restore reads is not deleted as long as that restore is not complete. O(retention) leaves
    it out and says so; otherwise the task fails, names the restore, and deletes nothing.
  - (gce, alibaba_ecs) Labels or tags that begin with C(mcr-) are notes of this collection. They are not among the RV(snapshot.tags).
  - (gce) Needs the permissions C(compute.snapshots.create), C(compute.disks.createSnapshot), C(compute.snapshots.setLabels),
    C(compute.snapshots.delete), and those to get and list snapshots, disks, global operations and the project; to delete a snapshot from
    which a restore made disks, C(compute.instances.get) as well.
seealso:
  - module: multicloud.recovery.backup
  - module: multicloud.recovery.restore
"""

EXAMPLES = r"""
---
- name: Take a snapshot of a disk
  multicloud.recovery.snapshot:
    provider: gce
    project_id: shop-production
    zone: europe-west1-b
    service_account_file: /etc/ansible/shop-production.json
    operation: CREATE
    name: shop-data-before-upgrade
    source_disk: shop-data
    description: Before the upgrade to 3.2
    tags:
      purpose: upgrade

- name: Take one each time, to be kept for thirty days, unless there is one of the last hour
  multicloud.recovery.snapshot:
    # The connection comes from GCP_PROJECT, GCP_SERVICE_ACCOUNT_FILE and GCP_ZONE.
    provider: gce
    operation: CREATE
    source_disk: shop-data
    min_age: 60
    retention_days: 30
    tags:
      purpose: nightly
  register: nightly

- name: Take one of a regional disk, stored in the European Union
  multicloud.recovery.snapshot:
    # The connection comes from GCP_PROJECT and GCP_SERVICE_ACCOUNT_FILE.
    provider: gce
    operation: CREATE
    name: shop-database-archive
    source_disk: regions/europe-west1/disks/shop-database
    storage_location: eu
    snapshot_type: ARCHIVE

- name: Take a snapshot of a disk by its id, and get the id of the snapshot
  multicloud.recovery.snapshot:
    provider: alibaba_ecs
    region: ap-southeast-1
    access_key_id: "{{ access_key_id }}"
    access_key_secret: "{{ access_key_secret }}"
    operation: CREATE
    name: shop-data-before-upgrade
    source_disk: d-t4ng5a4ia2jn5memzlv3
    tags:
      purpose: upgrade
  register: made

- name: Show it
  ansible.builtin.debug:
    msg: "{{ made.snapshot.uid }}"

- name: Take one with the rights of a role, keep it for thirty days, and copy it to another region
  multicloud.recovery.snapshot:
    # The region and the access key come from ALIBABA_CLOUD_REGION_ID, ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET.
    provider: alibaba_ecs
    role_arn: acs:ram::123456789012:role/snapshots
    operation: CREATE
    name: shop-data-2026-03
    source_disk: d-t4ng5a4ia2jn5memzlv3
    description: Monthly copy
    retention_days: 30
    copy_to_regions: [eu-central-1]

- name: Take one each time, unless there is one of the last hour
  multicloud.recovery.snapshot:
    # The connection comes from ALIBABA_CLOUD_REGION_ID, ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET.
    provider: alibaba_ecs
    operation: CREATE
    source_disk: d-t4ng5a4ia2jn5memzlv3
    min_age: 60
    tags:
      purpose: hourly

- name: Delete all but the newest three of these
  multicloud.recovery.snapshot:
    # The connection comes from ALIBABA_CLOUD_REGION_ID, ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET.
    provider: alibaba_ecs
    operation: DELETE
    source_disk: d-t4ng5a4ia2jn5memzlv3
    tags:
      purpose: hourly
    retention:
      keep_last: 3

- name: Look at a snapshot
  multicloud.recovery.snapshot:
    # The connection comes from GCP_PROJECT and GCP_SERVICE_ACCOUNT_FILE.
    provider: gce
    operation: INSPECT_ONE
    name: shop-data-before-upgrade

- name: List the snapshots of a disk that can be restored from
  multicloud.recovery.snapshot:
    # The connection comes from GCP_PROJECT, GCP_SERVICE_ACCOUNT_FILE and GCP_ZONE.
    provider: gce
    operation: INSPECT_ALL
    source_disk: shop-data
    status: [succeeded]
  register: points

- name: Delete what has expired, but for the newest three
  multicloud.recovery.snapshot:
    # The connection comes from GCP_PROJECT, GCP_SERVICE_ACCOUNT_FILE and GCP_ZONE.
    provider: gce
    operation: DELETE
    source_disk: shop-data
    tags:
      purpose: nightly
    retention:
      keep_last: 3
      expired: true

- name: Delete a snapshot, if it is one of the disk that is meant
  multicloud.recovery.snapshot:
    # The connection comes from GCP_PROJECT, GCP_SERVICE_ACCOUNT_FILE and GCP_ZONE.
    provider: gce
    operation: DELETE
    name: shop-data-before-upgrade
    source_disk: shop-data
"""

RETURN = r"""
---
operation:
  description: The operation as it was asked for.
  returned: always
  type: str
  sample: CREATE
provider:
  description: The provider as it was asked for.
  returned: always
  type: str
  sample: gce
message:
  description: What was done, or why nothing was. On a failure, the same as C(msg).
  returned: always
  type: str
  sample: Snapshot created successfully
snapshot:
  description:
    - The snapshot. An empty dictionary after O(operation=DELETE).
    - On a failure, the snapshot as it was seen last, if it was seen.
  returned: for O(operation=CREATE), O(operation=INSPECT_ONE), and O(operation=DELETE) of one
  type: dict
  contains: &record
    name:
      description: The name.
      returned: always
      type: str
      sample: shop-data-20260301-020007
    uid:
      description: The id; empty where check mode predicts a new one. (alibaba_ecs) As V(s-bp1a2b3c4d5e6f7g8h9i).
      returned: always
      type: str
      sample: "4815162342108150001"
    provider:
      description: The provider.
      returned: always
      type: str
      sample: gce
    status:
      description: One of V(pending), V(running), V(succeeded), V(partial), V(failed) and V(deleting).
      returned: always
      type: str
      sample: succeeded
    created_at:
      description: The moment at which the disk was saved, RFC 3339 in UTC.
      returned: always
      type: str
      sample: "2026-03-01T02:00:07Z"
    tags:
      description: Its labels, but for those of this collection.
      returned: always
      type: dict
      sample: {purpose: nightly}
    provider_status:
      description: The status in the provider's own word.
      returned: always
      type: str
      sample: READY
    description:
      description: Its description.
      returned: always
      type: str
      sample: ""
    source_disk:
      description: The path of the disk, from C(projects/) on. (alibaba_ecs) Its id.
      returned: always
      type: str
      sample: projects/shop-production/zones/europe-west1-b/disks/shop-data
    source_disk_id:
      description: The id of the disk, which tells it from another one of the same name.
      returned: always
      type: str
      sample: "4815162342108150002"
    zone:
      description: The zone of the disk; null for a regional one.
      returned: with O(provider=gce)
      type: str
      sample: europe-west1-b
    region:
      description: The region of the disk. (alibaba_ecs) That of the snapshot.
      returned: always
      type: str
      sample: europe-west1
    size_gb:
      description: The size of the disk in GiB.
      returned: always
      type: int
      sample: 200
    storage_bytes:
      description: What the snapshot itself takes, in bytes. It changes with the snapshots before it.
      returned: with O(provider=gce)
      type: int
      sample: 73014444032
    storage_locations:
      description: Where it is stored.
      returned: with O(provider=gce)
      type: list
      elements: str
      sample: [eu]
    snapshot_type:
      description: V(STANDARD) or V(ARCHIVE). (alibaba_ecs) V(user), or V(auto) or V(timer) for one that a policy made; null where check mode predicts it.
      returned: always
      type: str
      sample: STANDARD
    guest_flush:
      description: Whether this collection asked the guest to write all out before.
      returned: with O(provider=gce)
      type: bool
      sample: false
    encryption:
      description: Whose key encrypts it, V(google), V(customer_managed) in Cloud KMS, or V(customer_supplied).
      returned: with O(provider=gce)
      type: str
      sample: google
    kms_key:
      description: The key in Cloud KMS, with its version; null without one. (alibaba_ecs) The id of the KMS key.
      returned: always
      type: str
      sample: null
    scheduled:
      description: Whether a schedule, or an automatic snapshot policy, made it.
      returned: always
      type: bool
      sample: false
    schedule:
      description: The name of that schedule; null without one.
      returned: with O(provider=gce)
      type: str
      sample: null
    expires_at:
      description: When it expires, RFC 3339 in UTC; null for never.
      returned: always
      type: str
      sample: "2026-03-31T02:00:07Z"
    backup:
      description: The backup of a VM that it belongs to; null when to none.
      returned: always
      type: str
      sample: null
    self_link:
      description: Its URL; null where check mode predicts a new one.
      returned: with O(provider=gce)
      type: str
      sample: https://www.googleapis.com/compute/v1/projects/shop-production/global/snapshots/shop-data-20260301-020007
    progress:
      description: How much of it is stored, in per cent; null where check mode predicts it.
      returned: with O(provider=alibaba_ecs)
      type: str
      sample: 100%
    remaining_seconds:
      description: How many seconds Alibaba Cloud still expects it to take; null where check mode predicts it.
      returned: with O(provider=alibaba_ecs)
      type: int
      sample: 0
    available:
      description:
        - Whether disks can be made from it and rolled back to it already. On ESSDs that is so before it is accomplished.
        - Images and copies need one that is accomplished. In check mode it is V(false) for a new one.
      returned: with O(provider=alibaba_ecs)
      type: bool
      sample: true
    retention_days:
      description: After how many days Alibaba Cloud deletes it, counted from when it was made; null for never.
      returned: with O(provider=alibaba_ecs)
      type: int
      sample: 30
    category:
      description: The category in Alibaba Cloud's own word, as V(standard) or V(archive); null where check mode predicts it.
      returned: with O(provider=alibaba_ecs)
      type: str
      sample: standard
    encrypted:
      description: Whether it is encrypted, as the disk is.
      returned: with O(provider=alibaba_ecs)
      type: bool
      sample: false
    usage:
      description: What was made from it, V(image), V(disk), V(image_disk) or V(none); null where check mode predicts it.
      returned: with O(provider=alibaba_ecs)
      type: str
      sample: none
    source_disk_type:
      description: V(system) or V(data); null where check mode predicts it.
      returned: with O(provider=alibaba_ecs)
      type: str
      sample: data
    source_region:
      description: Of a copy, the region that it was copied from; else null.
      returned: with O(provider=alibaba_ecs)
      type: str
      sample: null
    source_snapshot:
      description: Of a copy, the id of the snapshot that it was copied from; else null.
      returned: with O(provider=alibaba_ecs)
      type: str
      sample: null
    resource_group:
      description: The id of its resource group; null without one.
      returned: with O(provider=alibaba_ecs)
      type: str
      sample: null
    copies:
      description: The copies that O(copy_to_regions) asks for; empty when it asks for none.
      returned: with O(provider=alibaba_ecs)
      type: list
      elements: dict
      contains:
        region:
          description: The region of the copy.
          returned: always
          type: str
          sample: eu-central-1
        uid:
          description: Its id; empty where check mode predicts a new one.
          returned: always
          type: str
          sample: s-k1a2b3c4d5e6f7g8h9i
        status:
          description: Its status in Alibaba Cloud's own word.
          returned: always
          type: str
          sample: accomplished
snapshots:
  description:
    - The snapshots that the filters let through, each as RV(snapshot).
    - Of O(operation=DELETE) with O(retention) or O(all_snapshots), those that were deleted or, in check mode, would be, oldest first.
  returned: for O(operation=INSPECT_ALL), and O(operation=DELETE) of many
  type: list
  elements: dict
  contains: *record
errors:
  description: What could not be deleted, and why.
  returned: when O(operation=DELETE) of many fails in part
  type: list
  elements: dict
  contains:
    name:
      description: The name of the snapshot.
      returned: always
      type: str
      sample: shop-data-20260101-020006
    error:
      description: What kind of failure it was, as RV(error), with its message.
      returned: always
      type: dict
      sample: {kind: AuthenticationFailed, message: the permission is missing}
error:
  description: What kind of failure it was, and what the provider's answer carried.
  returned: on failure
  type: dict
  contains:
    kind:
      description: >-
        One of V(AuthenticationFailed), V(NotFound), V(Conflict), V(AmbiguousName), V(InvalidRequest), V(Unsupported), V(RateLimited),
        V(WaitTimeout), V(MissingLibrary), V(ProviderFailure), V(OutcomeUnknown) and V(Cancelled).
      returned: always
      type: str
      sample: Conflict
    code:
      description: The provider's own code, as V(alreadyExists) or, on Alibaba Cloud, V(InvalidDiskId.NotFound).
      returned: always
      type: str
      sample: alreadyExists
    http_status:
      description: The HTTP status of the answer.
      returned: always
      type: int
      sample: 409
    request_id:
      description: The id of the request in the provider's logs, if it gives one.
      returned: always
      type: str
      sample: operation-1772330407000-64bd1f0a2c3d4-5e6f7a8b
steps:
  description: What became of each step, once anything was sent that changes something.
  returned: on failure
  type: list
  elements: dict
  contains:
    name:
      description: The step.
      returned: always
      type: str
      sample: create snapshot
    status:
      description: One of V(done), V(already done), V(failed), V(undone), V(not undone), V(left) and V(not started).
      returned: always
      type: str
      sample: left
"""

from ..module_utils.backends.alibaba_ecs import registry as alibaba_ecs
from ..module_utils.backends.gce import registry as gce
from ..module_utils.core.runner import run

BACKENDS = {"alibaba_ecs": alibaba_ecs.SNAPSHOT, "gce": gce.SNAPSHOT}


def main() -> None:
    run("snapshot", BACKENDS)


if __name__ == "__main__":
    main()
