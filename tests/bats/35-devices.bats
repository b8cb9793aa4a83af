#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Devices: disks, NICs, nodes, none; live and at the next start; refusals.

load helpers

# A folder of the host that containers may see.
share() {
	mkdir -p "$BERTH_TEST_ROOT/share/$1"
	echo "on the host" >"$BERTH_TEST_ROOT/share/$1/file"
	echo "$BERTH_TEST_ROOT/share/$1"
}

@test "a disk comes and goes on a running container, ids mapped" {
	local c dir
	c=$(name disk)
	dir=$(share disk)
	launch "$c"
	run_berth config device add "$c" data disk source="$dir" path=/mnt/data
	assert "$output" = "Device data added to $c"
	assert "$(in_container "$c" cat /mnt/data/file)" = "on the host"
	assert "$(in_container "$c" stat -c %u /mnt/data/file)" = 0 "root's file on the host is root's inside"
	in_container "$c" sh -c 'echo inside >/mnt/data/new'
	assert "$(cat "$dir/new")" = inside
	assert "$(stat -c %u "$dir/new")" = 0
	refused 1 "has a device 'data' already" config device add "$c" data disk source="$dir" path=/mnt/x
	run_berth config device list "$c"
	assert "$output" = data
	run_berth config device get "$c" data path
	assert "$output" = /mnt/data
	run_berth config device show "$c"
	assert "$output" = $'data:\n  path: /mnt/data\n  source: '"$dir"$'\n  type: disk'
	run_berth restart -f "$c"
	assert "$(in_container "$c" cat /mnt/data/file)" = "on the host"
	run_berth config device remove "$c" data
	assert "$output" = "Device data removed from $c"
	assert "$(in_container "$c" sh -c 'cat /mnt/data/file 2>/dev/null || echo gone')" = gone
	refused 1 "has no device 'data'" config device remove "$c" data
	run_berth delete -f "$c"
}

@test "a read-only disk, an optional one" {
	local c dir
	c=$(name ro)
	dir=$(share ro)
	run_berth init bb "$c"
	run_berth config device add "$c" ro disk source="$dir" path=/ro readonly=true
	run_berth config device add "$c" opt disk source="$dir/nosuch" path=/opt optional=true
	run_berth start "$c"
	assert "$(in_container "$c" cat /ro/file)" = "on the host"
	run '!' in_container "$c" sh -c 'echo x >/ro/file'
	run_berth config device set "$c" ro readonly=false
	run_berth restart -f "$c"
	in_container "$c" sh -c 'echo changed >/ro/file'
	assert "$(cat "$dir/file")" = changed
	run_berth config device unset "$c" ro readonly
	refused 1 "it is not set" config device unset "$c" ro readonly
	run_berth delete -f "$c"
}

@test "a device node comes and goes" {
	local c
	c=$(name node)
	launch "$c"
	run_berth config device add "$c" zero2 unix-char source=/dev/zero path=/dev/zero2
	assert "$(in_container "$c" sh -c 'head -c 4 /dev/zero2 | od -An -tx1 | tr -d " "')" = 00000000
	run_berth config device remove "$c" zero2
	assert "$(in_container "$c" sh -c 'ls /dev/zero2 2>/dev/null || echo gone')" = gone
	run_berth config device add "$c" zero2 unix-char source=/dev/zero path=/dev/zero2
	run_berth restart -f "$c"
	in_container "$c" test -c /dev/zero2
	run_berth config device remove "$c" zero2
	assert "$(in_container "$c" sh -c 'ls /dev/zero2 2>/dev/null || echo gone')" = gone "as LXC mounted it"
	run_berth delete -f "$c"
}

@test "a node goes without what the container has in its place" {
	local c what
	c=$(name place)
	launch "$c"
	for what in 'echo mine >/dev/x' ': >/dev/x' ': >/dev/x; ln /dev/x /dev/y; chmod 0 /dev/x'; do
		in_container "$c" sh -c "rm -f /dev/x /dev/y; $what"
		run_berth config device add "$c" x unix-char source=/dev/zero path=/dev/x
		in_container "$c" test -c /dev/x
		run_berth config device remove "$c" x
		assert "$(in_container "$c" sh -c 'test -f /dev/x && echo there')" = there "after: $what"
	done
	in_container "$c" rm /dev/x /dev/y
	run_berth config device add "$c" x unix-char source=/dev/zero path=/dev/x
	in_container "$c" sh -c 'umount /dev/x && rm /dev/x && ln -s /etc/passwd /dev/x'
	run_berth config device remove "$c" x
	in_container "$c" sh -c 'test -L /dev/x && test -s /etc/passwd'
	run_berth delete -f "$c"
}

@test "a NIC with fixed addresses, MAC and MTU" {
	local c
	c=$(name nic)
	run_berth init bb "$c"
	run_berth config device override "$c" eth0 ipv4.address="$BERTH_TEST_SUBNET.77/24" \
		ipv4.gateway="$BERTH_TEST_SUBNET.1" hwaddr=00:16:3e:aa:bb:cc mtu=1400
	assert "$output" = "Device eth0 overridden for $c"
	run_berth start "$c"
	contains "$(in_container "$c" ip -4 addr show eth0)" "$BERTH_TEST_SUBNET.77/24"
	contains "$(in_container "$c" ip route)" "default via $BERTH_TEST_SUBNET.1"
	assert "$(in_container "$c" cat /sys/class/net/eth0/address)" = 00:16:3e:aa:bb:cc
	assert "$(in_container "$c" cat /sys/class/net/eth0/mtu)" = 1400
	run_berth list "$c" -c 4 -f csv
	contains "$output" "$BERTH_TEST_SUBNET.77 (eth0)"
	run_berth delete -f "$c"
}

@test "a second NIC, and none at all" {
	local c
	c=$(name two)
	run_berth init bb "$c"
	run_berth config device add "$c" eth1 nic nictype=p2p name=eth1
	run_berth start "$c"
	in_container "$c" ip link show eth1
	run_berth stop -f "$c"
	run_berth config device remove "$c" eth1
	run_berth config device add "$c" eth0 none
	run_berth start "$c"
	assert "$(in_container "$c" ls /sys/class/net)" = lo
	run_berth delete -f "$c"
}

@test "rate limits are on the host's end" {
	local c host
	c=$(name rate)
	run_berth init bb "$c"
	run_berth config device override "$c" eth0 limits.ingress=10Mbit limits.egress=5Mbit
	run_berth start "$c"
	host=$("$BERTH" query "/1.0/instances/$c/state" | jq -r .network.eth0.host_name)
	contains "$(tc qdisc show dev "$host"; tc class show dev "$host")" 10Mbit
	run_berth delete -f "$c"
}

@test "a device of a profile: changed by override only" {
	local c
	c=$(name over)
	run_berth init bb "$c"
	refused 1 "comes from a profile" config device set "$c" eth0 mtu=1400
	refused 1 "comes from a profile" config device remove "$c" eth0
	refused 1 "no profile of instance" config device override "$c" nosuch
	run_berth config device override "$c" eth0 mtu=1400
	refused 1 "has its own device 'eth0' already" config device override "$c" eth0
	run_berth config device remove "$c" eth0
	run_berth config device list "$c"
	assert "$output" = ""
	run_berth delete "$c"
}

@test "what is refused: types, keys, sources, sizes" {
	local c before
	c=$(name bad)
	run_berth init bb "$c"
	before=$("$BERTH" config show "$c")
	refused 1 "Unsupported device type" config device add "$c" x nosuchtype
	refused 1 "" config device add "$c" x disk path=/x
	refused 1 "" config device add "$c" x disk source=/tmp path=../relative
	refused 1 "" config device add "$c" x disk source=/tmp path=/a/../b
	refused 1 "" config device add "$c" x disk source=/tmp path=/x nosuch=1
	refused 1 "" config device add "$c" x nic nictype=nosuch
	refused 1 "" config device add "$c" x nic nictype=bridged parent="$BERTH_TEST_BRIDGE" hwaddr=nonsense
	refused 1 "" config device add "$c" x nic nictype=bridged parent="$BERTH_TEST_BRIDGE" ipv4.address=999.1.1.1
	refused 1 "" config device add "$c" 'a+b' none
	refused 1 "cannot be enforced" config device override "$c" root size=1GiB
	refused 1 "not of the form key=value" config device add "$c" x disk source=/tmp path
	assert "$("$BERTH" config show "$c")" = "$before"
	run_berth delete "$c"
}

@test "what the host does not have is refused, stopped or running, in LXD's words" {
	local c
	c=$(name nosrc)
	run_berth init bb "$c"
	refused 1 'Failed add validation for device "x": Missing source path "/nosuch" for disk "x"' \
		config device add "$c" x disk source=/nosuch path=/x
	refused 1 "nosuchbr0" config device add "$c" x nic nictype=bridged parent=nosuchbr0
	run_berth start "$c"
	refused 1 "Missing source path" config device add "$c" x disk source=/nosuch path=/x
	refused 1 "/nosuchnode" config device add "$c" x unix-char path=/nosuchnode
	run_berth config device list "$c"
	assert "$output" = ""
	run_berth delete -f "$c"
}

@test "a source that vanished: the start says so" {
	local c dir
	c=$(name vanish)
	dir=$(share vanish)
	run_berth init bb "$c"
	run_berth config device add "$c" data disk source="$dir" path=/data
	rm -r "$dir"
	refused 1 "$dir" start "$c"
	assert "$(state_of "$c")" = STOPPED
	run_berth delete "$c"
}

pid_changed() { # NAME PID
	local pid
	pid=$(init_of "$1")
	[[ -n $pid && $pid != "$2" ]]
}

has_all() { # NAME: what was added live, and not what was removed
	in_container "$1" sh -c 'test -e /sys/class/net/eth7 && test -e /mnt/data/file && test -c /dev/zero2 &&
		! test -e /mnt/old/file'
}

nothing_open() { # no operation runs or waits
	[[ $("$BERTH" operation list -f json | jq '[.[] | select(.status_code < 200)] | length') == 0 ]]
}

@test "what was added and removed live holds also after a reboot from inside, seen or not" {
	local c dir pid
	c=$(name again)
	dir=$(share again)
	run_berth init bb "$c"
	run_berth config device add "$c" old disk source="$dir" path=/mnt/old
	run_berth start "$c"
	run_berth config device remove "$c" old
	run_berth config device add "$c" eth7 nic nictype=bridged parent="$BERTH_TEST_BRIDGE" name=eth7
	run_berth config device add "$c" data disk source="$dir" path=/mnt/data
	run_berth config device add "$c" zero2 unix-char source=/dev/zero path=/dev/zero2
	has_all "$c"
	pid=$(init_of "$c")
	wait_init "$c"
	in_container "$c" reboot || true
	wait_for 20 pid_changed "$c" "$pid"
	wait_for 20 has_all "$c"
	wait_for 10 nothing_open
	assert "$("$BERTH" query "/1.0/instances/$c" | jq -c '.pending // []')" = "[]"
	pid=$(init_of "$c")
	wait_init "$c"
	daemon_stop
	lxc-attach -P "$BERTH_TEST_ROOT/lxc" -n "$c" -- reboot || true
	wait_for 20 pid_changed "$c" "$pid"
	daemon_start
	wait_for 20 has_all "$c"
	run_berth restart -f "$c"
	has_all "$c"
	run_berth delete -f "$c"
}

@test "links inside a container do not lead a live disk out of it" {
	local c dir
	c=$(name link)
	dir=$(share link)
	launch "$c"
	in_container "$c" ln -s / /mnt/root
	run_berth '?' config device add "$c" evil disk source="$dir" path=/mnt/root/tmp/berth-evil
	assert "$(ls -d /tmp/berth-evil 2>&1)" =~ "No such file"
	run_berth delete -f "$c"
}

@test "nothing is left behind" {
	leak_check
}
