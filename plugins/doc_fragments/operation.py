# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options that choose what is done and to what."""

    DOCUMENTATION = r"""
options:
  operation:
    description:
      - V(CREATE) makes what is not there, changes what may be changed, and is unchanged when all is as asked for.
      - V(DELETE) removes it, and is unchanged when it is absent.
      - V(INSPECT_ONE) returns one, and fails when it is absent.
      - V(INSPECT_ALL) returns all that the filters let through.
    type: str
    required: true
    choices: [CREATE, DELETE, INSPECT_ONE, INSPECT_ALL]
  uid:
    description:
      - The provider's own id. An empty string counts as not given.
      - O(operation=DELETE) and O(operation=INSPECT_ONE) need O(name) or O(uid); when both are given they must agree.
    type: str
  tags:
    description:
      - Labels, as a map of text to text.
      - On O(operation=CREATE) the keys given are set, and compared with what exists; other labels are left alone.
      - On O(operation=INSPECT_ALL) all given must match.
      - On O(operation=DELETE) they protect. What does not carry them is not deleted, and the task fails. Where a rule chooses among many,
        they narrow what it chooses from.
    type: dict
    aliases: [labels]
  name_filter:
    description:
      - On O(operation=INSPECT_ALL), a part of the names to return.
      - One line, without blanks around it; anything else is refused as a typing mistake, as in O(name), O(uid) and every other filter.
    type: str
  status:
    description:
      - On O(operation=INSPECT_ALL), the statuses to return.
      - The common words are V(pending), V(running), V(succeeded), V(partial), V(failed) and V(deleting); the provider's own words are
        accepted as well.
    type: list
    elements: str
  max_objects:
    description: On O(operation=INSPECT_ALL), the most to return, up to V(1000000). Without it, or with V(0), all are returned.
    type: int
"""
