#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What a Debian 12 with systemd, the unified cgroup hierarchy, AppArmor and project quotas has, and the machines of developers
# may lack. For `scripts/vm check`: it changes the machine that it runs on.

bats_require_minimum_version 1.5.0

setup_file() {
	[[ $(hostname) == berth-vm ]] || { echo "this is not the machine of scripts/vm" >&2; return 1; }
	exec </dev/null
	export LXD_SOCKET=/run/berth/berth.sock
	berth host init
	berth delete -f v1 v2 2>/dev/null || true
	berth image show busybox >/dev/null 2>&1 || berth image import /usr/local/share/berth/images/busybox.tar.gz --alias busybox
	berth launch busybox v1
	berth launch busybox v2 -c security.privileged=true -c limits.processes=40
}

teardown_file() {
	berth delete -f v1 v2 || true
}

cgroup() { # NAME FILE
	cat "/sys/fs/cgroup/lxc.payload.$1/$2"
}

@test "limits are in effect on the unified hierarchy" {
	[[ $(cgroup v2 pids.max) == 40 ]]
	berth config set v1 limits.memory=64MiB limits.cpu.allowance=25ms/100ms limits.hugepages.2MB=4MiB limits.disk.priority=2
	[[ $(cgroup v1 memory.max) == 67108864 ]]
	[[ $(cgroup v1 cpu.max) == "25000 100000" ]]
	[[ $(cgroup v1 hugetlb.2MB.max) == 4194304 ]]
	[[ $(cgroup v1 io.weight) == "default 200" ]]
	run -137 berth exec v1 -- sh -c 'head -c 100m /dev/zero | tail' </dev/null
}

@test "every container has an AppArmor profile of its own" {
	local name
	for name in v1 v2; do
		[[ $(cat "/proc/$(lxc-info -pHn $name)/attr/current") == *"lxc-${name}_"*"(enforce)" ]]
	done
}

@test "hooks work under the profile of lxc-start" {
	mkdir -p "/var/tmp/a b"
	berth config device add v1 odd disk source="/var/tmp/a b" path="/mnt/x y" # attached by a hook, for its blanks
	berth restart -f v1
	berth exec v1 -- touch "/mnt/x y/file" </dev/null
	[[ -e "/var/tmp/a b/file" ]]
	berth config device remove v1 odd
	rm -r "/var/tmp/a b"
}

@test "sizes are kept by project quotas, also after a restart" {
	berth config device override v1 root size=20MiB
	run ! berth exec v1 -- dd if=/dev/zero of=/root/big bs=1M count=40 </dev/null
	[[ $(berth exec v1 -- stat -c %s /root/big </dev/null) -le 20971520 ]]
	quotaoff -P /
	systemctl restart berthd # as after a boot: the root file system counts only
	run ! berth exec v1 -- dd if=/dev/zero of=/root/big bs=1M count=40 </dev/null
}

@test "containers outlive berthd.service; stopping berth-instances.service ends them" {
	local pid
	pid=$(lxc-info -pHn v1)
	systemctl restart berthd
	systemctl kill -s KILL berthd
	until systemctl -q is-active berthd && berth exec v1 -- true </dev/null; do :; done
	[[ $(lxc-info -pHn v1) == "$pid" ]]
	systemctl stop berth-instances
	[[ -z $(lxc-info -pHn v1 2>/dev/null) && -z $(lxc-info -pHn v2 2>/dev/null) ]]
	systemctl start berth-instances
	[[ $(jq -r '.config["volatile.last_state.power"]' /var/lib/lxc/v1/berth.json) == RUNNING ]]
}
