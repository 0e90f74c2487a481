#!/usr/bin/python
# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
---
module: backup
short_description: Take backups, and manage them
version_added: "0.1.0"
description:
  - Takes a backup, waits until it is complete, and reports success only then.
  - (px_backup) A backup holds the applications of namespaces of a cluster, resources and volumes, in a backup location.
  - (gce) A backup holds every persistent disk of a VM under one datetime, as snapshots or images, or the VM as a machine image; and, as
    its manifest, the configuration of the VM, so that a VM that is gone can be built again.
  - (alibaba_ecs) A backup holds every cloud disk of an ECS instance under one datetime, as a snapshot-consistent group or as single snapshots, or as
    one image; and, as its manifest, the configuration of the instance.
  - The name is the backup's identity. A task that runs twice under one name takes one backup; another name takes another.
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
    description: Where the backup is taken.
    type: str
    choices: [alibaba_ecs, gce, px_backup]
    default: px_backup
  name:
    description:
      - The name of the backup.
      - (px_backup) Required for O(operation=CREATE).
      - (gce, alibaba_ecs) It is the name of the VM and the datetime, as V(web-1-20260301-020000). On O(operation=CREATE) it stands for O(vm_name)
        and O(snapshot_datetime).
      - (gce, alibaba_ecs) A name must match in full. A partial or unknown name never selects another backup.
    type: str
  snapshot_datetime:
    description:
      - (gce, alibaba_ecs) On O(operation=CREATE), the datetime that names the backup, in UTC as V(20260301-020000). It is a label, not the moment of
        saving; that is given for each disk in RV(backup.disks).
      - A complete backup of that datetime is left as it is; the task fails if it was made of other disks or in another way. An incomplete
        one is finished, or started again if it was begun more than five minutes ago.
      - A datetime more than a day in the future is refused as a typing mistake.
      - Without it, each run takes a new backup. A run that finds that an earlier one died while it held the VM finishes that one.
    type: str
  method:
    description:
      - (gce, alibaba_ecs) On O(operation=CREATE), what is made of the disks.
      - V(snapshot) makes a snapshot of each. They are incremental. (alibaba_ecs) The snapshots are taken as one group, at one moment, if Alibaba
        Cloud can do that for these disks; else one by one.
      - (gce) V(image) makes an image of each; images made earlier of the same VM are deprecated in favour of the new ones once these are ready.
      - (alibaba_ecs) V(image) makes one image of the instance, which holds all its disks.
      - (gce) V(machine_image) makes one machine image of the VM, which holds all its disks as they are at one moment.
    type: str
    choices: [snapshot, image, machine_image]
    default: snapshot
  consistency:
    description:
      - (gce, alibaba_ecs) On O(operation=CREATE), how well the disks of a running VM fit together. RV(backup.consistency) says what was reached.
      - V(crash) saves them while the VM runs, as a power failure would leave them. (gce) Each disk is saved at a moment of its own. (alibaba_ecs)
        The disks of a group are saved at one moment, others each at its own.
      - V(stopped) stops the VM, saves them, and starts it again as soon as all are read; it stays stopped if it was.
      - (gce) V(application) asks the guest to write out all that it holds in memory first, which needs the guest agent or, on Windows, VSS. Not
        for O(method=image).
    type: str
    choices: [crash, stopped, application]
    default: crash
  image_family:
    description:
      - (gce, alibaba_ecs) On O(operation=CREATE) with O(method=image), the family that the image joins. (gce) Only that of the boot disk joins it.
    type: str
  exclude_disks:
    description:
      - (gce, alibaba_ecs) On O(operation=CREATE), disks to leave out, by their device name or by their own name. (alibaba_ecs) By their device, as
        V(/dev/xvdb), or by their id.
      - Not with O(retire_source), nor where one image holds all disks.
    type: list
    elements: str
  storage_location:
    description:
      - (gce) On O(operation=CREATE), where the backup is stored, a region as V(europe-west1), or a group of regions as V(eu). Without it,
        Compute Engine chooses.
    type: str
  manifest_dir:
    description:
      - (gce, alibaba_ecs) On O(operation=CREATE), a folder on the machine where the module runs, to write the manifest to as well, as
        C(VM-DATETIME.json) and readable by its owner alone. It holds the secrets that the metadata, or the user data, of the VM hold.
    type: path
  retire_source:
    description:
      - (gce, alibaba_ecs) On O(operation=CREATE), whether the VM is stopped, saved, and deleted once every part of the backup is ready.
      - The VM is only deleted if it is the very one that was saved, has not been started since, and is still held by this task. Disks that
        are not set to be deleted with it stay.
      - A VM that is gone already, with a complete backup, is unchanged.
    type: bool
    default: false
  retention:
    description:
      - (gce, alibaba_ecs) The rules by which O(operation=DELETE) chooses among the backups of O(vm_name). With several, each must release a backup.
      - Only usable backups count and are deleted, see RV(backup.usable). No rule deletes the newest one, nor the newest one that holds a disk.
      - With O(tags), only backups that carry them count and are chosen.
    type: dict
    suboptions:
      keep_last:
        description: Keeps this many of the newest, at least one.
        type: int
      older_than:
        description: Releases what is older, as V(12h), V(30d) or V(2w). The age counts from when the backup was made, not from the datetime in its name.
        type: str
      expired:
        description: Releases what has expired. Backups of VMs are made without an expiry, so that with this rule none is released.
        type: bool
        default: false
  backup_location_ref:
    description: (px_backup) The backup location to write to. Required for O(operation=CREATE).
    type: dict
    suboptions:
      name:
        description: Its name. The uid is looked up; two matches are an error that lists their uids.
        type: str
      uid:
        description: Its uid. Alone it is enough; with the name, both must agree.
        type: str
  cluster_ref:
    description:
      - (px_backup) The cluster to back up. Required for O(operation=CREATE), unless O(cluster) is given. It must be online.
      - On O(operation=DELETE) it is sent along; without it, the one that the backup names is.
    type: dict
    suboptions:
      name:
        description: Its name. The uid is looked up; two matches are an error that lists their uids.
        type: str
      uid:
        description: Its uid. Alone it is enough; with the name, both must agree.
        type: str
  pre_exec_rule_ref:
    description: (px_backup) The rule to run before the backup.
    type: dict
    suboptions:
      name:
        description: Its name. The uid is looked up; two matches are an error that lists their uids.
        type: str
      uid:
        description: Its uid. Alone it is enough; with the name, both must agree.
        type: str
  post_exec_rule_ref:
    description: (px_backup) The rule to run after the backup.
    type: dict
    suboptions:
      name:
        description: Its name. The uid is looked up; two matches are an error that lists their uids.
        type: str
      uid:
        description: Its uid. Alone it is enough; with the name, both must agree.
        type: str
  volume_resource_only_policy_ref:
    description: (px_backup) The policy that says of which volumes only the resource is kept. PX-Backup 2.9 or later.
    type: dict
    suboptions:
      name:
        description: Its name. The uid is looked up; two matches are an error that lists their uids.
        type: str
      uid:
        description: Its uid. Alone it is enough; with the name, both must agree.
        type: str
  namespaces:
    description: (px_backup) The namespaces to back up. V(*) means all.
    type: list
    elements: str
  resource_types:
    description: (px_backup) The kinds of resources to back up. Without it, all are.
    type: list
    elements: str
  exclude_resource_types:
    description: (px_backup) The kinds of resources to leave out.
    type: list
    elements: str
  label_selectors:
    description: (px_backup) Labels that a resource must carry to be backed up.
    type: dict
  ns_label_selectors:
    description: (px_backup) Labels that a namespace must carry to be backed up, in the selector syntax of Kubernetes.
    type: str
  advanced_resource_label_selector:
    description: (px_backup) A label selector for resources, in the selector syntax of Kubernetes. PX-Backup 2.8.4 or later.
    type: str
  volume_snapshot_class_mapping:
    description: (px_backup) A map of CSI drivers to the volume snapshot classes to use.
    type: dict
  include_resources:
    description: (px_backup) The resources to back up. Without it, all are.
    type: list
    elements: dict
    suboptions:
      name:
        description: The name of the resource.
        type: str
      namespace:
        description: Its namespace; empty for a resource of the whole cluster.
        type: str
      group:
        description: Its API group; empty for the core API.
        type: str
      kind:
        description: Its kind.
        type: str
      version:
        description: The version of its API.
        type: str
  backup_type:
    description: (px_backup) The way volumes are backed up. When it is not given, V(Normal) is sent.
    type: str
    choices: [Generic, Normal]
  skip_vm_auto_exec_rules:
    description: (px_backup) Whether the rules that freeze the file systems of virtual machines are skipped.
    type: bool
  direct_kdmp:
    description: (px_backup) Whether volumes are copied directly, without a snapshot.
    type: bool
  keep_cr_status:
    description: (px_backup) Whether the status of custom resources is kept. PX-Backup 2.8.4 or later.
    type: bool
  schedule_policy_ref:
    description: (px_backup) On O(operation=INSPECT_ALL), the schedule policies whose backups are returned.
    type: list
    elements: dict
    suboptions: &named
      name:
        description: Its name.
        type: str
        required: true
      uid:
        description: Its uid.
        type: str
  backup_schedule_ref:
    description: (px_backup) On O(operation=INSPECT_ALL), the schedules whose backups are returned.
    type: list
    elements: dict
    suboptions: *named
  sort_option:
    description: (px_backup) On O(operation=INSPECT_ALL), the order of the backups.
    type: dict
    suboptions:
      sort_by:
        description: What to sort by. V(RestoreBackupName) is the same as V(Name).
        type: str
        choices: [CreationTimestamp, Name, ClusterName, Size, RestoreBackupName]
        default: CreationTimestamp
      sort_order:
        description: The direction.
        type: str
        choices: [Ascending, Descending]
        default: Descending
  cloud_credential_ref:
    description: (px_backup) Accepted with a warning, for tasks of the PX-Backup collection. A new backup uses the credential of its backup location.
    type: dict
    suboptions:
      name:
        description: Its name. The uid is looked up; two matches are an error that lists their uids.
        type: str
      uid:
        description: Its uid. Alone it is enough; with the name, both must agree.
        type: str
  parallel_backup:
    description: (px_backup) Accepted with a warning, for tasks of the PX-Backup collection. PX-Backup has no such setting for a backup.
    type: bool
    default: false
  backup_share:
    description: (px_backup) Accepted with a warning, for tasks of the PX-Backup collection. Sharing a backup is not covered yet.
    type: dict
    suboptions:
      collaborators:
        description: The users to share with.
        type: list
        elements: dict
        suboptions: &share
          id:
            description: The uid of the user or group.
            type: str
            required: true
          access:
            description: What they may do.
            type: str
            required: true
            choices: [Invalid, View, Restorable, FullAccess]
      groups:
        description: The groups to share with.
        type: list
        elements: dict
        suboptions: *share
notes:
  - (gce, alibaba_ecs) O(operation=DELETE) deletes every part of a backup, and the manifest when no other backup uses it. What could not be deleted
    is listed, and the task fails.
  - (alibaba_ecs) A backup is deleted although disks were made from it. They keep their data, but cannot be initialized again afterwards.
  - (gce, alibaba_ecs) O(operation=INSPECT_ONE) with O(vm_name) alone returns the newest backup of the VM.
  - (gce, alibaba_ecs) O(wait=false) is refused where it would leave a VM stopped.
  - (gce, alibaba_ecs) A VM is refused while a restore holds it. A half-restored VM must not become a backup.
  - (gce, alibaba_ecs) O(operation=DELETE) is refused while a restore holds the VM or has deleted it for now, or while an unfinished restore of
    another VM reads the backup.
seealso:
  - module: multicloud.recovery.restore
  - module: multicloud.recovery.snapshot
"""

EXAMPLES = r"""
---
- name: Back up an application
  multicloud.recovery.backup:
    api_url: https://px-backup.example.com:10001
    token: "{{ px_backup_token }}"
    org_id: default
    operation: CREATE
    name: shop-nightly
    cluster_ref:
      name: production
    backup_location_ref:
      name: objects
    namespaces: [shop]
    labels:
      purpose: nightly

- name: Back up the parts of two namespaces that carry a label
  multicloud.recovery.backup:
    # The connection comes from PX_BACKUP_API_URL, PX_BACKUP_TOKEN and PX_BACKUP_ORG_ID.
    operation: CREATE
    name: shop-front
    cluster_ref:
      name: production
    backup_location_ref:
      name: objects
    namespaces: [shop, shop-front]
    label_selectors:
      tier: front
    wait_timeout: 7200

- name: Look at a backup
  multicloud.recovery.backup:
    # The connection comes from PX_BACKUP_API_URL, PX_BACKUP_TOKEN and PX_BACKUP_ORG_ID.
    operation: INSPECT_ONE
    name: shop-nightly

- name: List the newest ten backups of a cluster
  multicloud.recovery.backup:
    # The connection comes from PX_BACKUP_API_URL, PX_BACKUP_TOKEN and PX_BACKUP_ORG_ID.
    operation: INSPECT_ALL
    cluster_name_filter: production
    sort_option:
      sort_by: CreationTimestamp
    max_objects: 10
  register: newest

- name: Delete a backup, if it is the one that is meant
  multicloud.recovery.backup:
    # The connection comes from PX_BACKUP_API_URL, PX_BACKUP_TOKEN and PX_BACKUP_ORG_ID.
    operation: DELETE
    name: shop-front
    labels:
      purpose: drill

- name: Back up a VM while it runs
  multicloud.recovery.backup:
    provider: gce
    project_id: shop-production
    zone: europe-west1-b
    service_account_file: /etc/ansible/shop-production.json
    operation: CREATE
    vm_name: web-1
    snapshot_datetime: 20260301-020000
    tags:
      purpose: nightly

- name: Back it up with all disks at one moment, which stops it for a short time
  multicloud.recovery.backup:
    # The connection comes from GCP_PROJECT, GCP_SERVICE_ACCOUNT_FILE and GCP_ZONE.
    provider: gce
    operation: CREATE
    vm_name: web-1
    consistency: stopped
    manifest_dir: /var/backups/manifests
  register: before_upgrade

- name: Back up all VMs that carry a label, eight at a time
  multicloud.recovery.backup:
    # The connection comes from GCP_PROJECT, GCP_SERVICE_ACCOUNT_FILE and GCP_ZONE.
    provider: gce
    operation: CREATE
    vm_filter:
      backup: nightly
    max_parallel: 8
    storage_location: eu
    tags:
      purpose: nightly
  register: fleet

- name: Make images of a VM and, once they are ready, delete it
  multicloud.recovery.backup:
    # The connection comes from GCP_PROJECT, GCP_SERVICE_ACCOUNT_FILE and GCP_ZONE.
    provider: gce
    operation: CREATE
    vm_name: build-7
    method: image
    image_family: build
    retire_source: true

- name: Save a VM as one machine image
  multicloud.recovery.backup:
    # The connection comes from GCP_PROJECT, GCP_SERVICE_ACCOUNT_FILE and GCP_ZONE.
    provider: gce
    operation: CREATE
    vm_name: db-1
    method: machine_image
    consistency: application

- name: Look at the newest backup of a VM
  multicloud.recovery.backup:
    # The connection comes from GCP_PROJECT, GCP_SERVICE_ACCOUNT_FILE and GCP_ZONE.
    provider: gce
    operation: INSPECT_ONE
    vm_name: web-1

- name: List the backups of a VM that can be restored from
  multicloud.recovery.backup:
    # The connection comes from GCP_PROJECT, GCP_SERVICE_ACCOUNT_FILE and GCP_ZONE.
    provider: gce
    operation: INSPECT_ALL
    vm_name: web-1
    status: [succeeded]
  register: points

- name: Delete the backups of a VM that are older than thirty days, but for the newest seven
  multicloud.recovery.backup:
    # The connection comes from GCP_PROJECT, GCP_SERVICE_ACCOUNT_FILE and GCP_ZONE.
    provider: gce
    operation: DELETE
    vm_name: web-1
    retention:
      keep_last: 7
      older_than: 30d
    tags:
      purpose: nightly

- name: Delete one backup of a VM, every part of it
  multicloud.recovery.backup:
    # The connection comes from GCP_PROJECT, GCP_SERVICE_ACCOUNT_FILE and GCP_ZONE.
    provider: gce
    operation: DELETE
    name: web-1-20260301-020000

- name: Back up an ECS instance while it runs
  multicloud.recovery.backup:
    provider: alibaba_ecs
    region: cn-hangzhou
    access_key_id: "{{ access_key_id }}"
    access_key_secret: "{{ access_key_secret }}"
    operation: CREATE
    vm_name: web-1
    snapshot_datetime: 20260301-020000
    tags:
      purpose: nightly

- name: Back up the instance at rest, which stops it for a short time
  multicloud.recovery.backup:
    # The connection comes from ALIBABA_CLOUD_REGION_ID, ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET.
    provider: alibaba_ecs
    operation: CREATE
    vm_name: web-1
    snapshot_datetime: 20260302-020000
    consistency: stopped
    manifest_dir: /var/backups/manifests

- name: Back up all instances that carry a tag, with the RAM role of the instance that this runs on
  multicloud.recovery.backup:
    # The region comes from ALIBABA_CLOUD_REGION_ID, and the keys from the metadata service.
    provider: alibaba_ecs
    ecs_ram_role: auto
    operation: CREATE
    vm_filter:
      backup: nightly
    snapshot_datetime: 20260303-020000
    tags:
      purpose: nightly
  register: fleet

- name: Make an image of an instance and, once it is available, delete the instance
  multicloud.recovery.backup:
    # The connection comes from ALIBABA_CLOUD_REGION_ID, ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET.
    provider: alibaba_ecs
    operation: CREATE
    vm_name: build-7
    method: image
    image_family: build
    retire_source: true

- name: Look at the newest backup of an instance
  multicloud.recovery.backup:
    # The connection comes from ALIBABA_CLOUD_REGION_ID, ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET.
    provider: alibaba_ecs
    operation: INSPECT_ONE
    vm_name: web-1

- name: Delete the backups of an instance that are older than thirty days, except the newest seven
  multicloud.recovery.backup:
    # The connection comes from ALIBABA_CLOUD_REGION_ID, ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET.
    provider: alibaba_ecs
    operation: DELETE
    vm_name: web-1
    retention:
      keep_last: 7
      older_than: 30d
    tags:
      purpose: nightly
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
  sample: Backup created successfully
backup:
  description:
    - The backup. An empty dictionary after O(operation=DELETE).
    - On a failure, the backup as it was seen last, if it was seen.
  returned: for O(operation=CREATE) and O(operation=DELETE) of one, and O(operation=INSPECT_ONE)
  type: dict
  contains: &record
    name:
      description: The name.
      returned: always
      type: str
      sample: web-1-20260301-020000
    uid:
      description:
        - The uid; empty where check mode predicts a new one.
        - (gce) The zone and the name, with a slash between them.
        - (alibaba_ecs) The region and the name, with a slash between them.
      returned: always
      type: str
      sample: europe-west1-b/web-1-20260301-020000
    provider:
      description: The provider.
      returned: always
      type: str
      sample: gce
    status:
      description:
        - One of V(pending), V(running), V(succeeded), V(partial), V(failed) and V(deleting).
        - (gce, alibaba_ecs) V(succeeded) only when every part is there and ready.
      returned: always
      type: str
      sample: succeeded
    created_at:
      description:
        - When it was made, RFC 3339 in UTC.
        - (gce, alibaba_ecs) When the first of its disks was saved.
      returned: always
      type: str
      sample: "2026-03-01T02:00:07Z"
    tags:
      description: Its labels or tags, but for those of this collection.
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
    backup_info:
      description: Everything else as PX-Backup sends it. Its most used fields also stand beside it, under the same names.
      returned: with O(provider=px_backup)
      type: dict
      sample: {status: {status: Success}}
    vm:
      description: The VM.
      returned: with O(provider=gce) or O(provider=alibaba_ecs)
      type: str
      sample: web-1
    zone:
      description: The zone of the VM. (alibaba_ecs) Its region.
      returned: with O(provider=gce) or O(provider=alibaba_ecs)
      type: str
      sample: europe-west1-b
    snapshot_datetime:
      description: The datetime in its name.
      returned: with O(provider=gce) or O(provider=alibaba_ecs)
      type: str
      sample: 20260301-020000
    method:
      description: One of V(snapshot), V(image) and V(machine_image).
      returned: with O(provider=gce) or O(provider=alibaba_ecs)
      type: str
      sample: snapshot
    consistency:
      description:
        - What was reached, V(crash), V(stopped) or V(application). (alibaba_ecs) Never V(application). A VM that was not running gives V(stopped),
          whatever was asked for.
      returned: with O(provider=gce) or O(provider=alibaba_ecs)
      type: str
      sample: crash
    disks:
      description: Its parts, in the order in which the VM has the disks. Where one image holds all disks only one, whose device is V(*).
      returned: with O(provider=gce) or O(provider=alibaba_ecs)
      type: list
      elements: dict
      contains:
        device:
          description: The device name under which the VM has the disk. (alibaba_ecs) As V(/dev/xvdb).
          returned: always
          type: str
          sample: data
        boot:
          description: Whether the VM boots from it.
          returned: always
          type: bool
          sample: false
        kind:
          description: V(snapshot), V(image) or V(machine_image).
          returned: always
          type: str
          sample: snapshot
        name:
          description: The name of the snapshot, image or machine image.
          returned: always
          type: str
          sample: web-1-data-20260301-020000-45402cdc0b
        uid:
          description: Its id; empty where check mode predicts a new one.
          returned: always
          type: str
          sample: "4815162342108150001"
        path:
          description: Its path, from C(projects/) on; empty where check mode predicts a new one. (alibaba_ecs) Its id.
          returned: always
          type: str
          sample: projects/shop-production/global/snapshots/web-1-data-20260301-020000-45402cdc0b
        source_disk:
          description: The path of the disk; empty for an image of all disks. (alibaba_ecs) Its id.
          returned: always
          type: str
          sample: projects/shop-production/zones/europe-west1-b/disks/web-1-data
        size_gb:
          description: The size of the disk in GiB; 0 for an image of all disks.
          returned: always
          type: int
          sample: 200
        status:
          description: Its status, in the words of RV(backup.status).
          returned: always
          type: str
          sample: succeeded
        provider_status:
          description: The same in the provider's own word.
          returned: always
          type: str
          sample: READY
        created_at:
          description: The recovery point of this disk, which is the moment when it was saved, RFC 3339 in UTC.
          returned: always
          type: str
          sample: "2026-03-01T02:00:07Z"
    expected_disks:
      description: How many parts make it complete.
      returned: with O(provider=gce) or O(provider=alibaba_ecs)
      type: int
      sample: 2
    skew_s:
      description: The seconds between the first and the last recovery point in it.
      returned: with O(provider=gce) or O(provider=alibaba_ecs)
      type: int
      sample: 1
    usable:
      description:
        - Whether it could be restored from now, which needs every part to be complete, and none of them to be taken out of use.
        - Only usable backups are restored by V(latest), and count for O(retention).
      returned: with O(provider=gce) or O(provider=alibaba_ecs)
      type: bool
      sample: true
    unusable_because:
      description: Why it could not be restored from now; empty if it could.
      returned: with O(provider=gce) or O(provider=alibaba_ecs)
      type: str
      sample: ""
    manifest_complete:
      description: Whether the configuration of the VM is kept with it. If not, a VM that is gone can only be built again with a manifest from elsewhere.
      returned: with O(provider=gce) or O(provider=alibaba_ecs)
      type: bool
      sample: true
    manifest_stored_in:
      description: >-
        Where it is kept, V(description) of each part, V(template) for an instance template, V(command) for a command of Cloud Assistant, or
        V(none).
      returned: with O(provider=gce) or O(provider=alibaba_ecs)
      type: str
      sample: template
    manifest_fingerprint:
      description: Sixteen hexadecimal digits that tell one configuration from another, as far as RV(backup.manifest) shows it.
      returned: with O(provider=gce) or O(provider=alibaba_ecs)
      type: str
      sample: 3d9598ae90b80356
    manifest:
      description: The configuration of the VM as the API gave it. Its metadata or user data, which may be secrets, are shown as V((hidden\)).
      returned: with O(provider=gce) or O(provider=alibaba_ecs)
      type: dict
      sample: {version: 1, vm: web-1, zone: europe-west1-b}
    vm_retired:
      description: Whether the VM was deleted after it was saved, as O(retire_source) said, or was found to be gone.
      returned: with O(provider=gce) or O(provider=alibaba_ecs)
      type: bool
      sample: false
backups:
  description:
    - The backups that the filters let through, or those of the VMs of a task over many, each as RV(backup).
    - Of O(operation=DELETE) with O(retention), those that were deleted or, in check mode, would be, oldest first.
  returned: for O(operation=INSPECT_ALL), O(operation=CREATE) for many VMs, and O(operation=DELETE) of many
  type: list
  elements: dict
  contains: *record
errors:
  description: What failed, and why.
  returned: when a task over many VMs, or O(operation=DELETE) of many, fails in part
  type: list
  elements: dict
  contains:
    name:
      description: The name of the VM, or of the backup that could not be deleted.
      returned: always
      type: str
      sample: web-2
    error:
      description: What kind of failure it was, as RV(error), with its message.
      returned: always
      type: dict
      sample: {kind: NotFound, message: VM "web-2" does not exist in zone europe-west1-b.}
    steps:
      description: What became of each step, as RV(steps).
      returned: for a task over many VMs
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
      description: The provider's own code.
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
      sample: create backup
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

BACKENDS = {"alibaba_ecs": alibaba_ecs.BACKUP, "gce": gce.BACKUP, "px_backup": px_backup.BACKUP}


def main() -> None:
    run("backup", BACKENDS, default_provider="px_backup")


if __name__ == "__main__":
    main()
