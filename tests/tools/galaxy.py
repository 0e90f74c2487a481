"""Build the collection and check the result the way its users and Ansible Galaxy will.

galaxy.py build   leaves the archive in dist/
galaxy.py check   builds it in a temporary folder, installs it, reads its documentation and runs a playbook with the
                  installed copy from another folder, and runs the import checks of Ansible Galaxy on it
"""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import tempfile

from export_tree import ROOT, export_tree

BIN = pathlib.Path(sys.executable).parent
MODULES = [f"multicloud.recovery.{path.stem}" for path in sorted((ROOT / "plugins" / "modules").glob("*.py"))]
# ansible-lint is a stage of its own, with the same rules; here its findings would only be printed.
IMPORTER = {"GALAXY_IMPORTER_CHECK_REQUIRED_TAGS": "true", "GALAXY_IMPORTER_RUN_ANSIBLE_LINT": "false"}

# Runs a module of the installed copy without any provider: the answer must come from the module, and not from its absence.
PLAYBOOK = """\
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Ask without saying what for
      multicloud.recovery.restore: {}
      register: answer
      ignore_errors: true
    - name: The module of the installed copy has answered
      ansible.builtin.assert:
        that:
          - answer is failed
          - "'missing required arguments' in answer.msg"
"""


def run(*command: str | pathlib.Path, cwd: pathlib.Path, collections: pathlib.Path | None = None) -> None:
    """Run a command of the development environment, only with the collections in the given folder; exit when it fails."""
    environment = {**os.environ, **IMPORTER, "PATH": os.pathsep.join([str(BIN), os.environ["PATH"]])}
    environment["ANSIBLE_PYTHON_INTERPRETER"] = sys.executable  # with an inventory Ansible would look for one itself
    if collections:
        environment["ANSIBLE_COLLECTIONS_PATH"] = str(collections)
    print("$", *command, flush=True)
    if code := subprocess.run(command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, check=False).returncode:
        sys.exit(f"{command[0]} ended with exit code {code}")


def build(work: pathlib.Path, output: pathlib.Path) -> pathlib.Path:
    """Return the archive, built in the folder output from the project's files only."""
    source = work / "source"
    export_tree(source)
    run("ansible-galaxy", "collection", "build", "--force", "--output-path", output, source, cwd=work)
    return max(output.glob("multicloud-recovery-*.tar.gz"), key=lambda path: path.stat().st_mtime)


def check(work: pathlib.Path) -> None:
    """Install the archive and use it from an empty folder, then run the import checks."""
    archive = build(work, work / "archive")
    collections = work / "collections"
    elsewhere = work / "elsewhere"
    elsewhere.mkdir()
    run("ansible-galaxy", "collection", "install", "--no-deps", "--collections-path", collections, archive, cwd=elsewhere, collections=collections)
    run("ansible-doc", "--type", "module", *MODULES, cwd=elsewhere, collections=collections)
    playbook = elsewhere / "installed.yml"
    playbook.write_text(PLAYBOOK)
    run("ansible-playbook", "--inventory", "localhost,", playbook, cwd=elsewhere, collections=collections)
    shipped = sorted((collections / "ansible_collections/multicloud/recovery/playbooks").glob("*.yml"))
    run("ansible-playbook", "--syntax-check", *(f"multicloud.recovery.{path.stem}" for path in shipped), cwd=elsewhere, collections=collections)
    run(sys.executable, "-m", "galaxy_importer.main", archive, cwd=elsewhere)


def main() -> None:
    """Do what the argument says."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the temporary folder goes on that way too
    with tempfile.TemporaryDirectory() as folder:
        if sys.argv[1:] == ["build"]:
            print(f"Built {build(pathlib.Path(folder), ROOT / 'dist').relative_to(ROOT)}")
        elif sys.argv[1:] == ["check"]:
            check(pathlib.Path(folder))
        else:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
