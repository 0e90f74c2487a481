# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs ansible-playbook in forks of itself: `python -m tests.harness.playbook_server`, driven by tests.harness.playbooks.

Ansible reads its settings when it is imported, so that all runs have those of this process's environment.
"""

from __future__ import annotations

import atexit
import os
import sys
import warnings
from typing import Any

from ansible.cli.playbook import PlaybookCLI
from ansible.plugins import loader

from .fork_server import ForkServer, become, run_to_end

# What every play with a module in it loads.
USED = {
    "action": ("ansible.builtin.assert", "ansible.builtin.normal"),
    "callback": ("ansible.builtin.default", "task_results"),
    "connection": ("ansible.builtin.local",),
    "shell": ("ansible.builtin.sh",),
    "strategy": ("ansible.builtin.linear",),
}


def import_all() -> None:
    """Import what a run imports only once it is under way."""
    # A run does this too, and is told that it has been done.
    warnings.filterwarnings("ignore", "AnsibleCollectionFinder has already been configured")
    loader.init_plugin_loader()
    for kind, names in USED.items():
        for name in names:
            getattr(loader, f"{kind}_loader").get(name, class_only=True)
    for plugins in (loader.filter_loader, loader.test_loader):
        plugins.all(class_only=True)


def run_playbook(request: dict[str, Any]) -> int:
    """Be ansible-playbook."""
    with open(os.devnull, "rb") as nothing, open(request["stdout"], "wb") as out, open(request["stderr"], "wb") as err:
        become([stream.fileno() for stream in (nothing, out, err)], request["environ"])
    os.chdir(request["folder"])
    sys.argv = request["command"]
    # What the server would do at its end is not this process's to do.
    atexit._clear()
    code = run_to_end(lambda: PlaybookCLI.cli_executor(request["command"]))
    atexit._run_exitfuncs()
    return code


if __name__ == "__main__":
    import_all()
    ForkServer(run_playbook).serve()
