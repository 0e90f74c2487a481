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
  - Brings data back from a backup, waits until that has succeeded, and says so only then.
  - (px_backup) A restore brings the applications of a backup back to a cluster, all of them or those chosen, under the same or other
    namespaces and storage classes.
  - Running a task twice restores once. The name is the restore's identity; another name restores again.
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
    description: Where the restore takes place.
    type: str
    choices: [px_backup]
    default: px_backup
  name:
    description:
      - The name of the restore.
      - (px_backup) Required for O(operation=CREATE).
    type: str
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
seealso:
  - module: multicloud.recovery.backup
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
    restore_info:
      description: Everything else as PX-Backup sends it. Its most used fields also stand beside it, under the same names.
      returned: always
      type: dict
      sample: {status: {status: Success}}
restores:
  description: The restores that the filters let through, each as RV(restore).
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
      sample: create restore
    status:
      description: One of V(done), V(already done), V(failed), V(undone), V(not undone), V(left) and V(not started).
      returned: always
      type: str
      sample: left
"""

from ..module_utils.backends.px_backup.restore import RestoreBackend
from ..module_utils.core.runner import run

BACKENDS = {"px_backup": RestoreBackend}


def main() -> None:
    run("restore", BACKENDS, default_provider="px_backup")


if __name__ == "__main__":
    main()
