#!/usr/bin/env bash
# Play playbooks/demo.yml against the simulator. Ends with the exit code of the playbook, and leaves nothing running.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
bin=${VENV:-.venv}/bin
work=$(mktemp -d)
simulator=
playbook=

# Ends only what was started here, by its process id.
# shellcheck disable=SC2317
finish() {
    code=$?
    trap - EXIT INT TERM
    for process in $playbook $simulator; do
        kill "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
    rm -rf "$work"
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

environment=$work/simulator.env
"$bin/python" -m tests.simulator --env-file "$environment" --stop-with-parent --seed demo >"$work/simulator.log" 2>&1 </dev/null &
simulator=$!
for _ in $(seq 300); do
    if [ -s "$environment" ]; then break; fi
    if ! kill -0 "$simulator" 2>/dev/null; then break; fi
    sleep 0.1
done
if [ ! -s "$environment" ]; then
    echo "The simulator did not start. Its output:" >&2
    cat "$work/simulator.log" >&2
    exit 1
fi
set -a
# shellcheck disable=SC1090
. "$environment"
set +a

# Settings of its own, so that those of the user and of the machine do not matter.
collections=$("$bin/python" tests/tools/collection_tree.py)
cat >"$work/ansible.cfg" <<EOF
[defaults]
collections_path = $collections
transport = local
interpreter_python = $("$bin/python" -c 'import sys; print(sys.executable)')
local_tmp = $work/local
remote_tmp = $work/remote
pipelining = true
retry_files_enabled = false
display_skipped_hosts = false
callback_result_format = yaml
nocows = true
EOF
unset ANSIBLE_COLLECTIONS_PATH ANSIBLE_INVENTORY
export ANSIBLE_CONFIG=$work/ansible.cfg

# In the background, because a shell answers signals while it waits, but not while a command runs in front of it.
"$bin/ansible-playbook" --inventory px-backup,compute-engine,images,alibaba-cloud playbooks/demo.yml "$@" </dev/null &
playbook=$!
code=0
wait "$playbook" || code=$?
playbook=
exit "$code"
