#!/usr/bin/python
# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
---
module: restore
short_description: Restore from a backup, and manage restores
version_added: "0.1.0"
description:
  - Brings data back from a backup, waits until that has succeeded, and reports success only then.
  - (px_backup) A restore brings the applications of a backup back to a cluster, all of them or those chosen, under the same or other
    namespaces and storage classes.
  - (gce) A restore brings a VM back to a backup, to snapshots or to an image, by exchanging its disks in place, by building it again, or as
    a new VM. The disks from before are kept until they are deleted.
  - (alibaba_ecs) A restore rolls the disks of an ECS instance back to their snapshots, gives it new data disks, builds it again, or builds a new
    instance. What a roll-back overwrites is saved in safety snapshots before. They, or the disks from before, are kept until they are deleted.
  - Running a task twice restores once. The name is the restore's identity; another name restores again.
author:
  - multicloud.recovery contributors (@multicloud-recovery)
extends_documentation_fragment:
  - multicloud.recovery.attributes
  - multicloud.recovery.operation
  - multicloud.recovery.vm
  - multicloud.recovery.place
  - multicloud.recovery.place.location
  - multicloud.recovery.wait
  - multicloud.recovery.px_backup
  - multicloud.recovery.px_backup.objects
  - multicloud.recovery.gce
  - multicloud.recovery.alibaba_ecs
options:
  provider:
    description: Where the restore takes place.
    type: str
    choices: [alibaba_ecs, gce, px_backup]
    default: px_backup
  name:
    description:
      - The name of the restore.
      - (px_backup) Required for O(operation=CREATE).
      - (gce, alibaba_ecs) It becomes a label or tag, so that it holds lower case letters, digits, C(-) and C(_) only, fifty at the most.
        Restores of different VMs may have the same name.
      - (gce, alibaba_ecs) On O(operation=CREATE), a complete restore of that name is left as it is. The task fails if it asks for something else than
        was restored, or if the VM has other disks by now. If the VM is gone, it is built again.
      - (gce, alibaba_ecs) Without it, the name on O(operation=CREATE) is made of the VM and the point it goes back to, as
        V(web-1-20260301-020000), or, with O(rollback_of), is that name after V(rollback-of-). With O(snapshot_datetime=latest) a newer backup
        makes it another restore.
    type: str
  snapshot_datetime:
    description:
      - (gce, alibaba_ecs) On O(operation=CREATE), the backup of that datetime, in UTC as V(20260301-020000), or V(latest) for the newest usable one.
      - Give one of O(snapshot_datetime), O(backup), O(snapshots), O(source_image), O(image_family) and O(rollback_of).
    type: str
  backup:
    description: (gce, alibaba_ecs) On O(operation=CREATE), the name of a backup, as V(web-1-20260301-020000). It must be one of O(vm_name).
    type: str
  snapshots:
    description:
      - (gce, alibaba_ecs) On O(operation=CREATE), a map of device names to snapshots. Disks of the VM that are not in it are left alone.
      - (alibaba_ecs) A device is named as in V(/dev/xvdb). A snapshot is given by its id, or by its name if only one has it.
      - A snapshot that is of another disk, and was not made by this collection of that device of the VM, is refused, unless O(force) is set.
    type: dict
  source_image:
    description:
      - (gce, alibaba_ecs) On O(operation=CREATE), an image for the boot disk, by name. (gce) Or as V(projects/P/global/images/I) or
        V(projects/P/global/images/family/F). (alibaba_ecs) Or by id. It must be one of the account's own, because its snapshot is needed.
      - An image that M(multicloud.recovery.backup) made stands for the whole backup that it is part of, with its other disks and its manifest.
    type: str
  image_family:
    description:
      - (gce, alibaba_ecs) On O(operation=CREATE), a family of images, whose newest image that is not deprecated is taken as O(source_image).
      - By name. (gce) Or as V(projects/P/global/images/family/F).
    type: str
  rollback_of:
    description:
      - (gce, alibaba_ecs) On O(operation=CREATE), the name of a restore. The VM goes back to the disks from before it, which that restore has kept.
      - (alibaba_ecs) After a roll-back, its disks go back to the safety snapshots that the restore has made. This is a roll-back too, with safety
        snapshots of its own. After O(strategy=replace) it is refused once the new instance is there, because no other instance can have the old
        system disk.
      - This is also the way out of a restore that was begun and cannot be finished.
    type: str
  strategy:
    description:
      - (gce, alibaba_ecs) On O(operation=CREATE), how the VM is restored.
      - V(in_place) makes new disks, stops the VM, exchanges the disks, and starts it again. The VM keeps its id, its addresses and all
        else. Disks that the backup does not hold are left alone. (alibaba_ecs) It is for data disks only, chosen by O(snapshots). With a system disk
        it is refused, because Alibaba Cloud attaches no other one in its place.
      - (alibaba_ecs) V(rollback) saves the disks in safety snapshots, stops the VM, and resets each disk to its snapshot. Disks, addresses and
        configuration stay the same. The snapshots must be of these very disks.
      - (gce) V(replace) makes new disks, deletes the VM, and builds it again under its name, with its addresses and its configuration. It is
        refused for what the VM would lose by that, unless O(allow_lost) says so.
      - (alibaba_ecs) V(replace) stops the VM, takes its addresses and secondary interfaces off, and builds another instance from the backup, to which
        it moves them. The old instance is kept, stopped, with its disks. O(operation=DELETE) of the restore deletes it.
      - V(new) builds another VM, O(new_vm_name), and does not touch the original.
      - A VM that is gone is built again from the manifest of its backup, with V(in_place) too.
    type: str
    choices: [in_place, rollback, replace, new]
    default: in_place
  new_vm_name:
    description:
      - (gce, alibaba_ecs) The name of the new VM. Required for O(strategy=new). C({vm}) in it stands for the name of the original, as in
        V({vm}-drill).
    type: str
  new_zone:
    description:
      - (gce) On O(operation=CREATE) with O(strategy=new), the zone of the new VM, in any region, if it is another than O(zone). Nothing is
        read of O(zone) then, so that it may be down.
      - On other operations, the zone in which to look for restores, instead of O(zone).
    type: str
  network:
    description:
      - (gce) On O(operation=CREATE), the network of a VM that is built, by name or path. Without it, that of the manifest.
    type: str
  subnetwork:
    description:
      - (gce, alibaba_ecs) On O(operation=CREATE), the subnetwork of a VM that is built, by name or path. (alibaba_ecs) The id of a vSwitch, as
        V(vsw-bp1a2b3c4d5e6f7g8h9i); the VM then gets a private address of it. Without it, that of the manifest.
    type: str
  security_groups:
    description:
      - (alibaba_ecs) On O(operation=CREATE), the ids of the security groups of a VM that is built. Without it, those of the manifest.
    type: list
    elements: str
  safety_snapshot:
    description:
      - (alibaba_ecs) On O(operation=CREATE) with O(strategy=rollback), whether the disks are saved before they are reset. They are saved twice, once
        while the VM runs, and what has changed since once more when it is stopped. The second ones are those that O(rollback_of) goes back to.
      - With V(false), what was written since the backup is lost for good, and a failure on the way cannot be undone.
    type: bool
    default: true
  ensure_network:
    description:
      - (gce) On O(operation=CREATE) with O(strategy=new), whether a network that is not there is made, with a subnetwork in every region.
    type: bool
    default: false
  start:
    description:
      - (gce, alibaba_ecs) On O(operation=CREATE), whether the VM runs afterwards. V(as_before) means as before the restore; a VM that was not
        there runs.
      - Compute Engine and Alibaba Cloud start every VM that they build. With V(stopped), one that is built is stopped as soon as it was seen to
        be as it should be; until then its guest has begun to boot. A VM that is restored in place is not started at all.
    type: str
    choices: [as_before, started, stopped]
    default: as_before
  old_disks:
    description:
      - (gce, alibaba_ecs) On O(operation=CREATE), what becomes of the disks from before. V(keep) detaches and labels them; they cost what disks
        cost. (alibaba_ecs) With O(strategy=replace) the old instance keeps them. A roll-back has none.
      - V(delete) deletes them at the end, when the VM was seen to have its new disks and, if it is to run, to be RUNNING. That does not mean
        that it has booted, or that the data is good.
    type: str
    choices: [keep, delete]
    default: keep
  preserve_external_ip:
    description:
      - (gce) On O(operation=CREATE), whether external addresses that are not reserved are reserved before the VM stops, because it would
        lose them. They stay reserved, and cost.
    type: bool
    default: true
  allow_lost:
    description:
      - (gce, alibaba_ecs) On O(operation=CREATE), what may be lost when a VM is built again.
      - (gce) The words are V(instance_groups), V(target_pools), V(network_endpoint_groups), V(iam_policy), V(resource_manager_tags),
        V(internal_address) and V(external_address).
      - (alibaba_ecs) The words are V(internal_address), V(external_address) and V(secondary_addresses).
    type: list
    elements: str
  manifest:
    description:
      - (gce, alibaba_ecs) On O(operation=CREATE), the configuration for a VM that is built, as O(manifest_file) holds it, instead of that of
        the backup.
    type: dict
  manifest_file:
    description:
      - (gce, alibaba_ecs) On O(operation=CREATE), a file with the configuration for a VM that is built, as M(multicloud.recovery.backup) writes
        it to its C(manifest_dir).
    type: path
  machine_type:
    description:
      - (gce, alibaba_ecs) On O(operation=CREATE), the machine type of a VM that is built, as V(e2-standard-4) or V(ecs.g7.large). Without it, that of
        the manifest. A VM that is built from an image alone gets V(e2-medium) or V(ecs.g6.large).
    type: str
  startup_script:
    description:
      - (gce, alibaba_ecs) On O(operation=CREATE), the startup script of a VM that is built, instead of that of the manifest. (alibaba_ecs) It becomes
        the user data.
    type: str
  force:
    description:
      - (gce, alibaba_ecs) On O(operation=CREATE), whether to accept snapshots of other disks in O(snapshots), a restore point of another VM, a backup
        whose images were taken out of use, a VM that a managed instance group made and may build again, and a VM that is absent because another
        restore has not finished. With O(rollback_of), whether to give up an unfinished restore although disks of the VM were deleted since.
    type: bool
    default: false
  delete_vm:
    description:
      - (gce, alibaba_ecs) Whether O(operation=DELETE) of a restore with O(strategy=new) deletes the new VM and its disks. Without it, both stay.
    type: bool
    default: false
  backup_ref:
    description: (px_backup) The backup to restore from. Required for O(operation=CREATE). It must have succeeded, at least in part.
    type: dict
    suboptions:
      name:
        description: Its name. The uid is looked up; two matches are an error that lists their uids.
        type: str
      uid:
        description: Its uid. Alone it is enough; with the name, both must agree.
        type: str
  cluster_ref:
    description: (px_backup) The cluster to restore to. Required for O(operation=CREATE), unless O(cluster) is given. It must be online.
    type: dict
    suboptions:
      name:
        description: Its name. The uid is looked up; two matches are an error that lists their uids.
        type: str
      uid:
        description: Its uid. Alone it is enough; with the name, both must agree.
        type: str
  namespace_mapping:
    description:
      - (px_backup) A map of the namespaces in the backup to those to restore to. Only these namespaces are restored then.
      - Without it, all namespaces are restored under their own names.
    type: dict
  storage_class_mapping:
    description: (px_backup) A map of the storage classes in the backup to those to use.
    type: dict
  rancher_project_mapping:
    description:
      - (px_backup) A map of Rancher project ids, from those in the backup to those to use.
      - One pair may also be written as C(key) and C(value).
    type: dict
  rancher_project_name_mapping:
    description:
      - (px_backup) A map of Rancher project names, from those in the backup to those to use.
      - One pair may also be written as C(key) and C(value).
    type: dict
  include_resources:
    description: (px_backup) The resources to restore. Without it, all are.
    type: list
    elements: dict
    suboptions:
      name:
        description: The name of the resource.
        type: str
        required: true
      namespace:
        description: Its namespace; empty for a resource of the whole cluster.
        type: str
        required: true
      group:
        description: Its API group; empty for the core API.
        type: str
        required: true
      kind:
        description: Its kind.
        type: str
        required: true
      version:
        description: The version of its API.
        type: str
        required: true
  replace_policy:
    description:
      - (px_backup) What to do with a resource that exists on the cluster. V(Retain) keeps it, V(Delete) replaces it.
      - V(Invalid) means not set, and the server then keeps it.
    type: str
    choices: [Invalid, Retain, Delete]
notes:
  - (gce, alibaba_ecs) O(operation=DELETE) deletes what a completed restore kept, which is the disks from before. (alibaba_ecs) Of a roll-back it is
    the safety snapshots, and of O(strategy=replace) the old instance as well. It never deletes a disk that is attached
    to a VM, unless O(delete_vm) is set, and nothing of a restore that is not complete. Such a restore is finished by running its task again,
    or taken back with O(rollback_of).
  - (gce, alibaba_ecs) O(wait=false) is refused. It would leave a VM stopped in the middle of a restore.
  - (gce) In check mode the task fails with the reason if the restore would be refused, missing permissions and quota included, and else
    returns the record as it would be, with the recovery point of each disk.
  - (alibaba_ecs) In check mode the task fails with the reason if the restore would be refused, and else returns the record as it would be. Missing
    permissions show only when they are needed.
seealso:
  - module: multicloud.recovery.backup
  - module: multicloud.recovery.snapshot
"""

EXAMPLES = r"""
---
- name: Restore an application to the cluster it came from
  multicloud.recovery.restore:
    api_url: https://px-backup.example.com:10001
    token: "{{ px_backup_token }}"
    org_id: default
    operation: CREATE
    name: shop-2026-03-01
    backup_ref:
      name: shop-nightly
    cluster_ref:
      name: production

- name: Restore it beside the running one, under another namespace and storage class
  multicloud.recovery.restore:
    # The connection comes from PX_BACKUP_API_URL, PX_BACKUP_TOKEN and PX_BACKUP_ORG_ID.
    operation: CREATE
    name: shop-drill
    backup_ref:
      name: shop-nightly
    cluster_ref:
      name: drill
    namespace_mapping:
      shop: shop-drill
    storage_class_mapping:
      fast: standard
    labels:
      purpose: drill
  register: drill

- name: Restore one resource only, and replace what is there
  multicloud.recovery.restore:
    # The connection comes from PX_BACKUP_API_URL, PX_BACKUP_TOKEN and PX_BACKUP_ORG_ID.
    operation: CREATE
    name: shop-settings
    backup_ref:
      name: shop-nightly
    cluster_ref:
      name: production
    include_resources:
      - name: settings
        namespace: shop
        group: ""
        kind: ConfigMap
        version: v1
    replace_policy: Delete

- name: Look at a restore
  multicloud.recovery.restore:
    # The connection comes from PX_BACKUP_API_URL, PX_BACKUP_TOKEN and PX_BACKUP_ORG_ID.
    operation: INSPECT_ONE
    name: shop-drill

- name: List the restores that did not succeed
  multicloud.recovery.restore:
    # The connection comes from PX_BACKUP_API_URL, PX_BACKUP_TOKEN and PX_BACKUP_ORG_ID.
    operation: INSPECT_ALL
    status: [failed, partial]
  register: troubled

- name: Forget a restore; what it restored stays
  multicloud.recovery.restore:
    # The connection comes from PX_BACKUP_API_URL, PX_BACKUP_TOKEN and PX_BACKUP_ORG_ID.
    operation: DELETE
    name: shop-drill

- name: Bring a VM back to its newest complete backup, in place
  multicloud.recovery.restore:
    provider: gce
    project_id: shop-production
    zone: europe-west1-b
    service_account_file: /etc/ansible/shop-production.json
    operation: CREATE
    name: after-ransomware-1
    vm_name: web-1
    snapshot_datetime: latest
  register: rescued

- name: Go back to the disks from before that restore
  multicloud.recovery.restore:
    # The connection comes from GCP_PROJECT, GCP_SERVICE_ACCOUNT_FILE and GCP_ZONE.
    provider: gce
    operation: CREATE
    vm_name: web-1
    rollback_of: after-ransomware-1

- name: Build a VM again under its name, with its addresses, from a backup
  multicloud.recovery.restore:
    # The connection comes from GCP_PROJECT, GCP_SERVICE_ACCOUNT_FILE and GCP_ZONE.
    provider: gce
    operation: CREATE
    vm_name: web-1
    backup: web-1-20260301-020000
    strategy: replace
    allow_lost: [instance_groups]

- name: Bring up a copy in another zone, to try the backup out, and leave it stopped
  multicloud.recovery.restore:
    # The connection comes from GCP_PROJECT, GCP_SERVICE_ACCOUNT_FILE and GCP_ZONE.
    provider: gce
    operation: CREATE
    name: drill-2026-03
    vm_name: web-1
    snapshot_datetime: 20260301-020000
    strategy: new
    new_vm_name: web-1-drill
    new_zone: europe-west1-c
    network: drills
    ensure_network: true
    start: stopped

- name: Bring all VMs of a tier back to the same datetime
  multicloud.recovery.restore:
    # The connection comes from GCP_PROJECT, GCP_SERVICE_ACCOUNT_FILE and GCP_ZONE.
    provider: gce
    operation: CREATE
    vm_filter:
      tier: front
    snapshot_datetime: 20260301-020000

- name: Bring one disk of a VM back from a snapshot, and leave the others alone
  multicloud.recovery.restore:
    # The connection comes from GCP_PROJECT, GCP_SERVICE_ACCOUNT_FILE and GCP_ZONE.
    provider: gce
    operation: CREATE
    name: data-of-monday
    vm_name: web-1
    snapshots:
      data: web-1-data-before-upgrade

- name: Build a VM from the newest image of a family
  multicloud.recovery.restore:
    # The connection comes from GCP_PROJECT, GCP_SERVICE_ACCOUNT_FILE and GCP_ZONE.
    provider: gce
    operation: CREATE
    vm_name: web-9
    new_vm_name: web-9
    strategy: new
    image_family: projects/debian-cloud/global/images/family/debian-12
    machine_type: e2-small
    startup_script: |
      #!/bin/sh
      apt-get install --yes nginx

- name: Look at a restore, also while it runs elsewhere
  multicloud.recovery.restore:
    # The connection comes from GCP_PROJECT, GCP_SERVICE_ACCOUNT_FILE and GCP_ZONE.
    provider: gce
    operation: INSPECT_ONE
    name: after-ransomware-1
    vm_name: web-1

- name: List the restores that are not complete
  multicloud.recovery.restore:
    # The connection comes from GCP_PROJECT, GCP_SERVICE_ACCOUNT_FILE and GCP_ZONE.
    provider: gce
    operation: INSPECT_ALL
    status: [running, pending]
  register: unfinished

- name: Give up the disks from before, once the restored VM has proved good
  multicloud.recovery.restore:
    # The connection comes from GCP_PROJECT, GCP_SERVICE_ACCOUNT_FILE and GCP_ZONE.
    provider: gce
    operation: DELETE
    name: after-ransomware-1
    vm_name: web-1

- name: End the drill, and delete the copy with its disks
  multicloud.recovery.restore:
    # The connection comes from GCP_PROJECT, GCP_SERVICE_ACCOUNT_FILE and GCP_ZONE.
    provider: gce
    operation: DELETE
    name: drill-2026-03
    new_zone: europe-west1-c
    delete_vm: true

- name: Roll an ECS instance back to its newest complete backup
  multicloud.recovery.restore:
    provider: alibaba_ecs
    region: cn-hangzhou
    access_key_id: "{{ access_key_id }}"
    access_key_secret: "{{ access_key_secret }}"
    operation: CREATE
    name: after-ransomware-1
    vm_name: web-1
    snapshot_datetime: latest
    strategy: rollback
  register: rescued

- name: Go back to what the disks held before that roll-back
  multicloud.recovery.restore:
    # The connection comes from ALIBABA_CLOUD_REGION_ID, ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET.
    provider: alibaba_ecs
    operation: CREATE
    vm_name: web-1
    rollback_of: after-ransomware-1

- name: Give an instance a new data disk from a snapshot, and keep the old one
  multicloud.recovery.restore:
    # The connection comes from ALIBABA_CLOUD_REGION_ID, ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET.
    provider: alibaba_ecs
    operation: CREATE
    name: data-of-monday
    vm_name: web-1
    strategy: in_place
    snapshots:
      /dev/xvdb: web-1-data-before-upgrade

- name: Build an instance again with its addresses, and keep the old one aside
  multicloud.recovery.restore:
    # The connection comes from ALIBABA_CLOUD_REGION_ID, ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET.
    provider: alibaba_ecs
    operation: CREATE
    name: rebuilt-1
    vm_name: web-1
    backup: web-1-20260301-020000
    strategy: replace

- name: Bring up a copy of an instance, to try the backup out, and leave it stopped
  multicloud.recovery.restore:
    # The connection comes from ALIBABA_CLOUD_REGION_ID, ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET.
    provider: alibaba_ecs
    operation: CREATE
    name: drill-2026-03
    vm_name: web-1
    snapshot_datetime: 20260301-020000
    strategy: new
    new_vm_name: web-1-drill
    start: stopped

- name: Delete the old instance and its disks, once the new one has proved good
  multicloud.recovery.restore:
    # The connection comes from ALIBABA_CLOUD_REGION_ID, ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET.
    provider: alibaba_ecs
    operation: DELETE
    name: rebuilt-1
    vm_name: web-1

- name: End the drill on Alibaba Cloud, and delete the copy with its disks
  multicloud.recovery.restore:
    # The connection comes from ALIBABA_CLOUD_REGION_ID, ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET.
    provider: alibaba_ecs
    operation: DELETE
    name: drill-2026-03
    vm_name: web-1-drill
    delete_vm: true
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
  sample: px_backup
message:
  description: What was done, or why nothing was. On a failure, the same as C(msg).
  returned: always
  type: str
  sample: Restore created successfully
restore:
  description:
    - The restore. An empty dictionary after O(operation=DELETE).
    - On a failure, the restore as it was seen last, if it was seen.
  returned: for O(operation=CREATE) of one, O(operation=DELETE) and O(operation=INSPECT_ONE)
  type: dict
  contains: &record
    name:
      description: The name.
      returned: always
      type: str
      sample: after-ransomware-1
    uid:
      description:
        - The uid; empty where check mode predicts a new one.
        - (gce) The zone, the VM and the name, with slashes between them.
        - (alibaba_ecs) The region, the VM and the name, with slashes between them.
      returned: always
      type: str
      sample: europe-west1-b/web-1/after-ransomware-1
    provider:
      description: The provider.
      returned: always
      type: str
      sample: gce
    status:
      description:
        - One of V(pending), V(running), V(succeeded), V(partial), V(failed) and V(deleting).
        - (gce, alibaba_ecs) V(running) while a run holds the VM, V(pending) when it was begun and nobody goes on with it.
      returned: always
      type: str
      sample: succeeded
    created_at:
      description:
        - When it was made, RFC 3339 in UTC.
        - (gce, alibaba_ecs) When the first of its new disks was made. (alibaba_ecs) Of a roll-back, when the first of its safety snapshots was made.
      returned: always
      type: str
      sample: "2026-03-01T02:00:07Z"
    tags:
      description: Its labels. (gce, alibaba_ecs) Those of its new disks or safety snapshots, but for those of this collection.
      returned: always
      type: dict
      sample: {env: prod}
    provider_status:
      description: The status in the provider's own word.
      returned: with O(provider=px_backup)
      type: str
      sample: Success
    reason:
      description: Why it has that status, if the provider says.
      returned: with O(provider=px_backup)
      type: str
      sample: ""
    metadata:
      description: The metadata as PX-Backup sends them.
      returned: with O(provider=px_backup)
      type: dict
      sample: {name: nightly, org_id: default}
    restore_info:
      description: Everything else as PX-Backup sends it. Its most used fields also stand beside it, under the same names.
      returned: with O(provider=px_backup)
      type: dict
      sample: {status: {status: Success}}
    vm:
      description: The VM that was restored; with O(strategy=new), the new one.
      returned: with O(provider=gce) or O(provider=alibaba_ecs)
      type: str
      sample: web-1
    zone:
      description: The zone of that VM. (alibaba_ecs) Its region.
      returned: with O(provider=gce) or O(provider=alibaba_ecs)
      type: str
      sample: europe-west1-b
    strategy:
      description:
        - V(in_place), V(replace), V(new), V(gone) for a VM that was gone and was built again, or V(rollback) with O(rollback_of) and, on Alibaba
          Cloud, with O(strategy=rollback).
      returned: with O(provider=gce) or O(provider=alibaba_ecs)
      type: str
      sample: in_place
    point:
      description: The datetime of the backup that it went back to; empty where it was none.
      returned: with O(provider=gce) or O(provider=alibaba_ecs)
      type: str
      sample: 20260301-020000
    disks:
      description: The disks that it gave the VM. (alibaba_ecs) Of a roll-back, the disks that it reset.
      returned: with O(provider=gce) or O(provider=alibaba_ecs)
      type: list
      elements: dict
      contains:
        device:
          description: The device name under which the VM has the disk.
          returned: always
          type: str
          sample: data
        disk:
          description: The path of the disk, from C(projects/) on. (alibaba_ecs) The name of a disk that a restore made, the id of any other one.
          returned: always
          type: str
          sample: projects/shop-production/zones/europe-west1-b/disks/web-1-data-025c8636de
        uid:
          description: Its id; empty where check mode predicts a new one.
          returned: always
          type: str
          sample: "4815162342108150003"
        source:
          description: The path of what it was made from. (alibaba_ecs) The id of the snapshot that it was made from, or reset to.
          returned: always
          type: str
          sample: projects/shop-production/global/snapshots/web-1-data-20260301-020000-45402cdc0b
        old_disk:
          description: The path of the disk whose place it took; empty where there was none. (alibaba_ecs) Its id or name.
          returned: always
          type: str
          sample: projects/shop-production/zones/europe-west1-b/disks/web-1-data
        status:
          description: The status of the disk in the provider's own word.
          returned: always
          type: str
          sample: READY
        attached:
          description: Whether the VM has it now.
          returned: always
          type: bool
          sample: true
        recovery_point_at:
          description: >-
            When the data in it was saved, RFC 3339 in UTC; empty where that is not known, as after a roll-back. What was written later is not in it.
          returned: always
          type: str
          sample: "2026-03-01T02:00:07Z"
    old_disks:
      description: The disks from before that are still there.
      returned: with O(provider=gce) or O(provider=alibaba_ecs)
      type: list
      elements: dict
      contains:
        disk:
          description: The path of the disk, from C(projects/) on.
          returned: always
          type: str
          sample: projects/shop-production/zones/europe-west1-b/disks/web-1-data
        uid:
          description: Its id; empty where check mode predicts it.
          returned: always
          type: str
          sample: "4815162342108150002"
        kept:
          description: Whether the restore was seen to its end, so that the disk is only kept.
          returned: always
          type: bool
          sample: true
    safety_points:
      description: The safety snapshots that a roll-back keeps; empty for other restores, and with O(safety_snapshot=false).
      returned: with O(provider=gce) or O(provider=alibaba_ecs)
      type: list
      elements: dict
      contains:
        device:
          description: The device that was saved.
          returned: always
          type: str
          sample: /dev/xvdb
        point:
          description: The name of the snapshot.
          returned: always
          type: str
          sample: web-1-xvdb-before-82f3e9c6-2-e7644af0fe
        uid:
          description: Its id; empty where check mode predicts a new one.
          returned: always
          type: str
          sample: s-bp1a2b3c4d5e6f7g8h9i
        at_rest:
          description: Whether it was made after the VM was stopped. Only such a one holds all that was written, and is what O(rollback_of) goes back to.
          returned: always
          type: bool
          sample: true
        created_at:
          description: When it was made, RFC 3339 in UTC; null where check mode predicts a new one.
          returned: always
          type: str
          sample: "2026-03-01T09:12:44Z"
    holder:
      description: The id of the run that holds the VM for this restore; empty for none.
      returned: with O(provider=gce) or O(provider=alibaba_ecs)
      type: str
      sample: ""
    step:
      description: Of a restore that is not complete, the step that it has come to.
      returned: with O(provider=gce) or O(provider=alibaba_ecs)
      type: str
      sample: ""
    next:
      description: Of a restore that is not complete, the step that comes next.
      returned: with O(provider=gce) or O(provider=alibaba_ecs)
      type: str
      sample: ""
    superseded_by:
      description: The restore that took these disks off the VM again; empty for none.
      returned: with O(provider=gce) or O(provider=alibaba_ecs)
      type: str
      sample: ""
    vm_status:
      description: The status of the VM in the provider's own word, or V(absent). V(RUNNING) or V(Running) does not mean that it has booted.
      returned: with O(provider=gce) or O(provider=alibaba_ecs)
      type: str
      sample: RUNNING
restores:
  description: The restores that the filters let through, or those of the VMs of a task over many, each as RV(restore).
  returned: for O(operation=INSPECT_ALL), and O(operation=CREATE) for many VMs
  type: list
  elements: dict
  contains: *record
errors:
  description: What failed, and why.
  returned: when a task over many VMs fails in part
  type: list
  elements: dict
  contains:
    name:
      description: The name of the VM.
      returned: always
      type: str
      sample: web-2
    error:
      description: What kind of failure it was, as RV(error), with its message.
      returned: always
      type: dict
      sample: {kind: NotFound, message: there is no complete backup of VM "web-2" in zone europe-west1-b.}
    steps:
      description: What became of each step, as RV(steps).
      returned: always
      type: list
      elements: dict
      sample: []
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
      description: The provider's own code, as V(AlreadyExists) or, on Alibaba Cloud, V(IncorrectInstanceStatus).
      returned: always
      type: str
      sample: AlreadyExists
    http_status:
      description: The HTTP status of the answer.
      returned: always
      type: int
      sample: 409
    request_id:
      description: The id of the request in the provider's logs, if it gives one.
      returned: always
      type: str
      sample: 7c1f
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
      sample: create restore
    status:
      description: One of V(done), V(already done), V(failed), V(undone), V(not undone), V(left) and V(not started).
      returned: always
      type: str
      sample: left
"""

from ..module_utils.backends.alibaba_ecs import registry as alibaba_ecs
from ..module_utils.backends.gce import registry as gce
from ..module_utils.backends.px_backup import registry as px_backup
from ..module_utils.core.runner import run

BACKENDS = {"alibaba_ecs": alibaba_ecs.RESTORE, "gce": gce.RESTORE, "px_backup": px_backup.RESTORE}


def main() -> None:
    run("restore", BACKENDS, default_provider="px_backup")


if __name__ == "__main__":
    main()
