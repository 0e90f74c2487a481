#!/usr/bin/python
# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
"""

EXAMPLES = r"""
"""

RETURN = r"""
"""

from ..module_utils.backends.px_backup.backup import BackupBackend
from ..module_utils.core.runner import run

BACKENDS = {"px_backup": BackupBackend}


def main() -> None:
    run("backup", BACKENDS, default_provider="px_backup")


if __name__ == "__main__":
    main()
