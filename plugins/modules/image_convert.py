#!/usr/bin/python
# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
---
module: image_convert
short_description: Export images to an object store, and import them from there
version_added: "0.1.0"
description:
  - Exports an image to a bucket in a format of your choice, or imports an image from an object in a bucket; waits until that has succeeded,
    and reports success only then.
  - (alibaba_ecs) Exports images, snapshots of system disks, and instances to OSS, and imports raw, VHD and qcow2 images from OSS. Alibaba
    Cloud does the work itself, so that no conversion VM is needed.
author:
  - multicloud.recovery contributors (@multicloud-recovery)
extends_documentation_fragment:
  - multicloud.recovery.attributes
  - multicloud.recovery.operation
  - multicloud.recovery.place
  - multicloud.recovery.wait
  - multicloud.recovery.alibaba_ecs
options:
  provider:
    description: Where the image is.
    type: str
    required: true
    choices: [alibaba_ecs]
  region:
    description:
      - (alibaba_ecs) The id of the region of the image and of the bucket, as V(cn-hangzhou). Required.
      - The environment variables E(ALIBABA_CLOUD_REGION_ID) and E(ALICLOUD_REGION) stand in for it.
    type: str
  name:
    description:
      - The name of the image.
      - On O(operation=CREATE) with O(source_object), another word for O(image_name). With O(source) it is refused.
    type: str
  engine:
    description:
      - (alibaba_ecs) What does the work. V(native) is the export and import of Alibaba Cloud itself.
      - V(auto) chooses, and the message says which one and why.
    type: str
    choices: [auto, native]
    default: auto
  source:
    description:
      - (alibaba_ecs) What to export. The id or the name of a custom image, the id of a snapshot of a system disk, or the id or the name of
        an instance. O(operation=CREATE) needs this or O(source_object).
      - Of a snapshot or an instance, a temporary image is made first. It is deleted, with the snapshots that were made for it, when the
        export was seen to be finished. A running instance is saved as it is at that moment, as after a power failure.
      - Together with O(bucket), O(object_prefix) and O(format), it is the export's identity. The same again is unchanged, also when the
        instance has changed since; give another O(object_prefix) to export it again. An export that failed is tried again.
    type: str
  source_object:
    description:
      - (alibaba_ecs) The key of an object in O(bucket) to import as O(image_name). O(operation=CREATE) needs this or O(source).
      - What Alibaba Cloud exports as raw is packed, C(.raw.tar.gz), and must be unpacked in the bucket before it can be imported.
    type: str
  bucket:
    description:
      - (alibaba_ecs) The OSS bucket, in the region of the image, without server-side encryption. Required for O(operation=CREATE).
    type: str
  object_prefix:
    description:
      - (alibaba_ecs) What the names of the exported objects begin with, 1 to 30 letters and digits. Alibaba Cloud adds the id of the image,
        the disk, and the suffix of the format.
    type: str
  format:
    description:
      - (alibaba_ecs) The format of the objects. Of an export V(raw) is the default, which every region can export. The others can be
        exported in some regions only; elsewhere Alibaba Cloud refuses, and the task fails before anything is exported.
      - Of an import the default is what O(source_object) ends in. Only V(raw), V(vhd) and V(qcow2) can be imported.
    type: str
    choices: [qcow2, raw, vdi, vhd, vmdk]
  ram_role:
    description:
      - (alibaba_ecs) The RAM role as which ECS writes or reads the bucket. The default is C(AliyunECSImageExportDefaultRole) for exports and
        C(AliyunECSImageImportDefaultRole) for imports.
      - The role must exist, trust the service C(ecs.aliyuncs.com), and have the policy C(AliyunECSImageExportRolePolicy) or
        C(AliyunECSImageImportRolePolicy).
    type: str
  image_name:
    description:
      - (alibaba_ecs) The name of the imported image. Required with O(source_object), unless O(name) is given.
      - An image of that name that was imported from the same object is left as it is. For another one see O(previous_image). An object that
        was written again under the same key is not noticed.
    type: str
  previous_image:
    description:
      - (alibaba_ecs) What becomes of another image that has the O(image_name).
      - V(rename) names it C(<name>-<date and time of its creation>), V(delete) deletes it, and V(fail) makes the task fail.
      - In any case it keeps its name until the new image was seen to be available. Until then, the new image has a name that is made of
        O(image_name) and C(-mcr-) with a hash. If the names cannot be exchanged, the old name is put back.
    type: str
    choices: [rename, delete, fail]
    default: rename
  description:
    description: (alibaba_ecs) A text that is kept with the imported image, 2 to 256 characters.
    type: str
  os_type:
    description: (alibaba_ecs) The operating system in the imported image. Alibaba Cloud assumes V(linux).
    type: str
    choices: [linux, windows]
  platform:
    description: (alibaba_ecs) The distribution in the imported image, as V(Debian) or V(Windows Server 2022). Alibaba Cloud assumes V(Others Linux).
    type: str
  architecture:
    description: (alibaba_ecs) The processor that the imported image is for. Alibaba Cloud assumes V(x86_64).
    type: str
    choices: [x86_64, arm64, i386]
  boot_mode:
    description: (alibaba_ecs) How the imported image boots. Alibaba Cloud assumes V(BIOS). V(arm64) needs V(UEFI).
    type: str
    choices: [BIOS, UEFI]
  disk_size_gb:
    description:
      - (alibaba_ecs) The size in GiB, V(1) to V(2048), of the system disk of instances that are made from the imported image. Without it,
        Alibaba Cloud takes the size of the disk in the object.
      - It is not compared with an image that exists.
    type: int
  force:
    description:
      - (alibaba_ecs) Whether O(operation=DELETE) deletes an image that instances were made from, and one that is exported or imported at the
        moment. The running task is cancelled first.
    type: bool
    default: false
notes:
  - (alibaba_ecs) O(wait=false) is accepted for the export of an image and for an import under a free name. A snapshot, an instance, and an
    image that takes the place of another one need O(wait=true).
  - (alibaba_ecs) Public images cannot be exported, nor images with more than four data disks or with a disk of more than 500 GiB. Such a
    source is refused before anything is made.
  - (alibaba_ecs) Exports are noted in the tags of their source, one tag for each, whose keys begin with C(mcr-export-). Do not remove them, because the
    next run would export again. Tags that begin with C(mcr-) are not among the RV(image.tags). A resource of Alibaba Cloud has room for 20 tags.
  - (alibaba_ecs) O(operation=DELETE) deletes an image and, if this collection imported it, the snapshots that the import made. The message
    names the snapshots that stay. Objects in buckets are never deleted.
  - (alibaba_ecs) Needs the permissions C(ecs:DescribeImages), C(ecs:DescribeInstances), C(ecs:DescribeDisks), C(ecs:DescribeSnapshots),
    C(ecs:DescribeTasks), C(ecs:DescribeTaskAttribute) and C(ecs:TagResources); to export C(ecs:ExportImage) and C(ecs:UntagResources), of a
    snapshot or an instance also C(ecs:CreateImage), C(ecs:DeleteImage) and C(ecs:DeleteSnapshot); to import C(ecs:ImportImage) and
    C(ecs:ModifyImageAttribute); to delete C(ecs:DeleteImage), C(ecs:DeleteSnapshot) and C(ecs:CancelTask).
seealso:
  - module: multicloud.recovery.backup
  - module: multicloud.recovery.restore
  - module: multicloud.recovery.snapshot
"""

EXAMPLES = r"""
---
- name: Export an image as qcow2
  multicloud.recovery.image_convert:
    provider: alibaba_ecs
    region: cn-hangzhou
    access_key_id: "{{ lookup('ansible.builtin.env', 'SHOP_KEY_ID') }}"
    access_key_secret: "{{ lookup('ansible.builtin.env', 'SHOP_KEY_SECRET') }}"
    operation: CREATE
    source: shop-golden
    bucket: shop-images
    object_prefix: golden
    format: qcow2
  register: exported

- name: Export the system disk as a snapshot has it
  multicloud.recovery.image_convert:
    # The connection comes from ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET and ALIBABA_CLOUD_REGION_ID.
    provider: alibaba_ecs
    operation: CREATE
    source: s-bp67acfmxazb4ph00001
    bucket: shop-images
    object_prefix: beforeupgrade
    wait_timeout: 14400

- name: Export an instance with all its disks
  multicloud.recovery.image_convert:
    # The connection comes from ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET and ALIBABA_CLOUD_REGION_ID.
    provider: alibaba_ecs
    operation: CREATE
    source: shop-web
    bucket: shop-images
    object_prefix: march
    format: vhd
    wait_timeout: 14400

- name: Import an image, and keep the one that had the name
  multicloud.recovery.image_convert:
    # The connection comes from ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET and ALIBABA_CLOUD_REGION_ID.
    provider: alibaba_ecs
    operation: CREATE
    source_object: web.qcow2
    bucket: shop-images
    image_name: web-latest
    previous_image: rename
    platform: Debian
    boot_mode: UEFI
    tags:
      purpose: web

- name: Look at an image, and at how far its exports are
  multicloud.recovery.image_convert:
    # The connection comes from ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET and ALIBABA_CLOUD_REGION_ID.
    provider: alibaba_ecs
    operation: INSPECT_ONE
    name: shop-golden

- name: List the images for the web servers that can be used
  multicloud.recovery.image_convert:
    # The connection comes from ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET and ALIBABA_CLOUD_REGION_ID.
    provider: alibaba_ecs
    operation: INSPECT_ALL
    status: [succeeded]
    tags:
      purpose: web

- name: Delete an image, if it is one for the web servers
  multicloud.recovery.image_convert:
    # The connection comes from ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET and ALIBABA_CLOUD_REGION_ID.
    provider: alibaba_ecs
    operation: DELETE
    name: web-old
    tags:
      purpose: web
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
  sample: alibaba_ecs
message:
  description: What was done, or why nothing was, and which engine did it. On a failure, the same as C(msg).
  returned: always
  type: str
  sample: Image exported successfully. Engine native
image:
  description:
    - The image. An empty dictionary after O(operation=DELETE).
    - Of O(operation=CREATE) with O(source), the export.
    - On a failure, what was seen last, if it was seen.
  returned: for O(operation=CREATE), O(operation=INSPECT_ONE) and O(operation=DELETE)
  type: dict
  contains: &record
    name:
      description: The name of the image; of an export that of its source.
      returned: always
      type: str
      sample: shop-golden
    uid:
      description: The id of the image, empty where check mode predicts a new one; of an export the id of its source.
      returned: always
      type: str
      sample: m-bp67acfmxazb4ph00001
    provider:
      description: The provider.
      returned: always
      type: str
      sample: alibaba_ecs
    status:
      description: >-
        One of V(pending), V(running), V(succeeded), V(partial), V(failed) and V(deleting). Of O(operation=CREATE) with O(source) it is that
        of the export.
      returned: always
      type: str
      sample: succeeded
    created_at:
      description: When the image was made, or its export begun, RFC 3339 in UTC; null where check mode predicts it.
      returned: always
      type: str
      sample: "2026-03-01T02:00:07Z"
    tags:
      description: Its tags, but for those of this collection and of Alibaba Cloud itself.
      returned: always
      type: dict
      sample: {purpose: web}
    provider_status:
      description: The status of the image, or of the task of the export, in the provider's own word.
      returned: always
      type: str
      sample: Finished
    description:
      description: Its description.
      returned: always
      type: str
      sample: ""
    os_type:
      description: The operating system; null for an export.
      returned: always
      type: str
      sample: linux
    platform:
      description: The distribution; null for an export.
      returned: always
      type: str
      sample: Debian
    architecture:
      description: The processor that it is for; null for an export.
      returned: always
      type: str
      sample: x86_64
    boot_mode:
      description: How it boots; null for an export.
      returned: always
      type: str
      sample: UEFI
    size_gb:
      description: The size of the system disk in GiB; null for an export.
      returned: always
      type: int
      sample: 40
    region:
      description: The region.
      returned: always
      type: str
      sample: cn-hangzhou
    percent:
      description: How much of the task that is under way is done or, without one, of the image; null where it is not told.
      returned: always
      type: int
      sample: 100
    task_id:
      description: The task that exports it, or the one that is under way; null without one.
      returned: always
      type: str
      sample: t-bp198jigq7l0h5ac0001
    engine:
      description: The engine that exported or imported it; null for an image that this collection did not import.
      returned: always
      type: str
      sample: native
    source:
      description: The id of what is exported; null for an image.
      returned: always
      type: str
      sample: m-bp67acfmxazb4ph00001
    format:
      description: The format of the export, or of what the image was imported from; null for other images.
      returned: always
      type: str
      sample: qcow2
    bucket:
      description: The bucket of the export, or of what the image was imported from; null for other images.
      returned: always
      type: str
      sample: shop-images
    object_prefix:
      description: What the names of the exported objects begin with; null without.
      returned: always
      type: str
      sample: golden
    objects:
      description: The keys of the objects, as far as the provider tells them.
      returned: always
      type: list
      elements: str
      sample: [web.qcow2]
    snapshots:
      description: The ids of the snapshots that hold the image's disks; empty for an export.
      returned: always
      type: list
      elements: str
      sample: [s-bp67acfmxazb4ph00001]
    exports:
      description: The exports of the image that this collection began, each with its status, its percentage, its task and where it goes.
      returned: always
      type: list
      elements: dict
      sample:
        - status: succeeded
          percent: 100
          task_id: t-bp198jigq7l0h5ac0001
          format: qcow2
          bucket: shop-images
          object_prefix: golden
          objects: []
images:
  description: The images that the filters let through, each as RV(image).
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
      sample: AuthenticationFailed
    code:
      description: The provider's own code.
      returned: always
      type: str
      sample: NoSetRoletoECSServiceAcount
    http_status:
      description: The HTTP status of the answer.
      returned: always
      type: int
      sample: 403
    request_id:
      description: The id of the request in the provider's logs, if it gives one.
      returned: always
      type: str
      sample: 473469C7-AA6F-4DC5-B3DB-A3DC0DE3C83E
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
      sample: export the image
    status:
      description: One of V(done), V(already done), V(failed), V(undone), V(not undone), V(left) and V(not started).
      returned: always
      type: str
      sample: left
"""

from ..module_utils.backends.alibaba_ecs import registry as alibaba_ecs
from ..module_utils.core.runner import run

BACKENDS = {"alibaba_ecs": alibaba_ecs.IMAGE}


def main() -> None:
    run("image", BACKENDS)


if __name__ == "__main__":
    main()
