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
  - Takes a backup, waits until it is complete, and says so only then.
  - (px_backup) A backup holds the applications of namespaces of a cluster, resources and volumes, in a backup location.
  - Running a task twice takes one backup. The name is the backup's identity; another name takes another.
author:
  - multicloud.recovery contributors (@multicloud-recovery)
extends_documentation_fragment:
  - multicloud.recovery.attributes
  - multicloud.recovery.operation
  - multicloud.recovery.place
  - multicloud.recovery.wait
  - multicloud.recovery.px_backup
  - multicloud.recovery.px_backup.objects
options:
  provider:
    description: Where the backup is taken.
    type: str
    choices: [px_backup]
    default: px_backup
  name:
    description:
      - The name of the backup.
      - (px_backup) Required for O(operation=CREATE).
    type: str
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
seealso:
  - module: multicloud.recovery.restore
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
  returned: for O(operation=CREATE), O(operation=DELETE) and O(operation=INSPECT_ONE)
  type: dict
  contains: &record
    name:
      description: The name.
      returned: always
      type: str
      sample: nightly
    uid:
      description: The uid; empty where check mode predicts a new one.
      returned: always
      type: str
      sample: 5d2fb6b2-5c0b-4a8d-9d5e-6a8c3f3f6d53
    provider:
      description: The provider.
      returned: always
      type: str
      sample: px_backup
    status:
      description: One of V(pending), V(running), V(succeeded), V(partial), V(failed) and V(deleting).
      returned: always
      type: str
      sample: succeeded
    created_at:
      description: When it was made, RFC 3339 in UTC.
      returned: always
      type: str
      sample: "2026-03-01T02:00:07Z"
    tags:
      description: Its labels.
      returned: always
      type: dict
      sample: {env: prod}
    provider_status:
      description: The status in the provider's own word.
      returned: always
      type: str
      sample: Success
    reason:
      description: Why it has that status, if the provider says.
      returned: always
      type: str
      sample: ""
    metadata:
      description: The metadata as PX-Backup sends them.
      returned: always
      type: dict
      sample: {name: nightly, org_id: default}
    backup_info:
      description: Everything else as PX-Backup sends it. Its most used fields also stand beside it, under the same names.
      returned: always
      type: dict
      sample: {status: {status: Success}}
backups:
  description: The backups that the filters let through, each as RV(backup).
  returned: for O(operation=INSPECT_ALL)
  type: list
  elements: dict
  contains: *record
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

from ..module_utils.backends.px_backup.backup import BackupBackend
from ..module_utils.core.runner import run

BACKENDS = {"px_backup": BackupBackend}


def main() -> None:
    run("backup", BACKENDS, default_provider="px_backup")


if __name__ == "__main__":
    main()
