# SPDX-License-Identifier: MIT
# Programs that speak LXD's API: python3-pylxd, and Ansible's modules lxd_container and lxd_profile and its connection lxd.

bats_require_minimum_version 1.5.0
load helpers
load lxd

@test "pylxd: images, instances, exec, files, snapshots, publish, profiles, volumes" {
	PYLXD_WARNINGS=none run timeout 300 /usr/bin/python3 -W ignore "$REPO/tests/lxd/pylxd_tour.py" "$BERTH_SOCKET" "$(name '')" bb \
		"$BUSYBOX_IMAGE"
	echo "$output" >&2
	# shellcheck disable=SC2154
	assert "$status" = 0
	contains "$output" "ok: networks.all"
}

@test "Ansible: create, start, exec, script, configure, freeze, restart, delete, each once" {
	export LXD_SOCKET=$BERTH_SOCKET LXD_CONF=$BERTH_TEST_ROOT/lxc-conf ANSIBLE_HOME=$BERTH_TEST_ROOT/ansible
	export ANSIBLE_LOCAL_TEMP=$BERTH_TEST_ROOT/ansible/tmp ANSIBLE_LOCALHOST_WARNING=false ANSIBLE_NOCOLOR=1 LC_ALL=C.UTF-8
	mkdir -p "$LXD_CONF"
	run timeout 600 ansible-playbook -e "socket=$BERTH_SOCKET" -e "prefix=$(name '')" -e image=bb \
		"$REPO/tests/lxd/playbook.yml"
	echo "$output" >&2
	assert "$status" = 0
	contains "$output" "failed=0"
}

@test "nothing is left behind" {
	leak_check
}
