#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# berth config: keys of instances and of the server, live changes, edits, conflicts.

load helpers

@test "set, get, unset; both forms" {
	local c
	c=$(name c)
	run_berth init bb "$c"
	run_berth config set "$c" user.a=1 user.b='x y=z'
	run_berth config get "$c" user.a
	assert "$output" = 1
	run_berth config get "$c" user.b
	assert "$output" = "x y=z"
	run_berth config set "$c" user.c 3
	run_berth config get "$c" user.c
	assert "$output" = 3
	run_berth config unset "local:$c" user.c
	run_berth config get "$c" user.c
	assert "$output" = ""
	refused 1 "it is not set" config unset "$c" user.c
	run_berth config set "$c" user.a=
	run_berth config show "$c"
	assert "$output" !~ "user.a"
	refused 1 "Instance not found" config set "$(name nosuch)" user.a=1
	refused 1 "given twice" config set "$c" user.a=1 user.a=2
	refused 1 "not of the form key=value" config set "$c" user.a=1 x
	refused 2 "" config set
	refused 2 "" config get
	run_berth delete "$c"
}

@test "a value from stdin" {
	local c
	c=$(name stdin)
	run_berth init bb "$c"
	run_berth config set "$c" user.text - <<<"one line"
	run_berth config get "$c" user.text
	assert "$output" = "one line"
	run_berth config set "$c" raw.lxc - <<<$'lxc.environment = A=1\nlxc.environment = B=2'
	run_berth start "$c"
	wait_init "$c"
	assert "$(tr '\0' '\n' </proc/"$(init_of "$c")"/environ | grep -c '^[AB]=[12]$')" = 2
	run_berth delete -f "$c"
}

@test "show, also expanded" {
	local c
	c=$(name show)
	run_berth init bb "$c"
	run_berth config show "$c"
	contains "$output" "image.os: busybox"
	contains "$output" "devices: {}"
	contains "$output" $'profiles:\n- default'
	run_berth config show "$c" --expanded
	contains "$output" "parent: $BERTH_TEST_BRIDGE"
	run_berth delete "$c"
}

@test "unknown keys and bad values change nothing" {
	local c before
	c=$(name bad)
	run_berth init bb "$c" -c limits.memory=64MiB
	before=$("$BERTH" config show "$c")
	refused 1 "Unknown configuration key: limit.memory (did you mean limits.memory?)" config set "$c" limit.memory=1GiB
	refused 1 "Invalid value: abc" config set "$c" user.ok=1 limits.memory=abc
	refused 1 "" config set "$c" user.x=$'a\033b'
	refused 1 "" config set "$c" 'environment. x'=1
	assert "$("$BERTH" config show "$c")" = "$before"
	run_berth delete "$c"
}

@test "limits are applied to a running container at once" {
	local c
	c=$(name live)
	launch "$c"
	run_berth config set "$c" limits.memory=64MiB limits.processes=50
	assert "$stderr" = ""
	assert "$(cat "$(cgroup_file "$c" memory.limit_in_bytes memory.max)")" = $((64 << 20))
	assert "$(cat "$(cgroup_file "$c" pids.max)")" = 50
	run_berth config set "$c" limits.cpu=1
	assert "$(in_container "$c" nproc)" = 1
	run_berth config set "$c" limits.cpu.allowance=20ms/100ms
	assert "$(cat "$(cgroup_file "$c" cpu.cfs_quota_us cpu.max)")" =~ ^20000
	run_berth config unset "$c" limits.processes
	assert "$(cat "$(cgroup_file "$c" pids.max)")" = max
	run_berth config unset "$c" limits.memory
	assert "$(cat "$(cgroup_file "$c" memory.limit_in_bytes memory.max)")" != $((64 << 20))
	run_berth delete -f "$c"
}

@test "limits hold from the start" {
	local c
	c=$(name start)
	launch "$c" -c limits.memory=48MiB -c limits.processes=33 -c limits.cpu=0-0
	assert "$(cat "$(cgroup_file "$c" memory.limit_in_bytes memory.max)")" = $((48 << 20))
	assert "$(cat "$(cgroup_file "$c" pids.max)")" = 33
	assert "$(in_container "$c" nproc)" = 1
	run_berth delete -f "$c"
}

@test "what cannot be live waits for a restart, and berth says so" {
	local c
	c=$(name pend)
	launch "$c"
	run_berth config set "$c" environment.GREETING='hello world' user.now=1
	contains "$stderr" "note: takes effect after a restart: environment.GREETING"
	run_berth restart -f "$c"
	assert "$(in_container "$c" sh -c 'echo $GREETING')" = "hello world"
	run_berth config set "$c" security.nesting=true
	contains "$stderr" "security.nesting"
	run_berth delete -f "$c"
}

@test "privileged and isolated id maps" {
	local a b
	a=$(name priv)
	b=$(name iso)
	run_berth '?' init bb "$a" -c security.privileged=true
	if [[ $status == 0 ]]; then
		run_berth start "$a"
		assert "$(in_container "$a" cat /proc/self/uid_map | tr -s ' ')" =~ "0 0 "
		[[ ! -e /dev/net/tun ]] || in_container "$a" sh -c ': <>/dev/net/tun'
		[[ ! -e /dev/fuse ]] || in_container "$a" sh -c ': <>/dev/fuse'
		run_berth delete -f "$a"
	fi
	run_berth '?' init bb "$b" -c security.idmap.isolated=true
	if [[ $status == 0 ]]; then
		run_berth start "$b"
		assert "$(in_container "$b" cat /proc/self/uid_map | tr -s ' ')" =~ " 65536"
		in_container "$b" test -e /dev/fuse -a -e /dev/net/tun
		run_berth delete -f "$b"
	fi
}

@test "edit takes a file, and refuses a bad one" {
	local c
	c=$(name edit)
	run_berth init bb "$c"
	"$BERTH" config show "$c" | sed 's/^config:/config:\n  user.edited: 007\n  limits.cpu: 1/; s/^description:.*/description: mine/' \
		>"$BATS_TEST_TMPDIR/edit"
	run_berth config edit "$c" <"$BATS_TEST_TMPDIR/edit"
	run_berth config get "$c" user.edited
	assert "$output" = 007
	run_berth config show "$c"
	contains "$output" "description: mine"
	refused 1 "" config edit "$c" <<<'config: ['
	refused 1 "must be a YAML map" config edit "$c" <<<'- a'
	refused 1 "Unknown configuration key" config edit "$c" <<<'{config: {nosuch.key: 1}, devices: {}, profiles: [default]}'
	run_berth config get "$c" user.edited
	assert "$output" = 007
	run_berth delete "$c"
}

@test "edit with an editor: If-Match protects a change made meanwhile" {
	local c
	c=$(name conflict)
	run_berth init bb "$c"
	cat >"$BATS_TEST_TMPDIR/editor" <<-END
		#!/bin/sh
		"$BERTH" config set $c user.meanwhile=1
		sed -i 's/^config:/config:\\n  user.mine: 1/' "\$1"
	END
	chmod +x "$BATS_TEST_TMPDIR/editor"
	EDITOR=$BATS_TEST_TMPDIR/editor run script -qec "'$BERTH' config edit $c" /dev/null <<<n
	assert "$status" = 1
	contains "$output" "was changed by somebody else meanwhile"
	run_berth config get "$c" user.mine
	assert "$output" = ""
	run_berth config get "$c" user.meanwhile
	assert "$output" = 1
	run_berth delete "$c"
}

@test "the server's config" {
	run_berth config show
	assert "$output" = "config: {}"
	run_berth config set user.foo=bar
	run_berth config get user.foo
	assert "$output" = bar
	run_berth config set user.foo baz
	run_berth config get user.foo
	assert "$output" = baz
	run_berth config unset user.foo
	run_berth config show
	assert "$output" = "config: {}"
	refused 1 "unknown key" config set nosuch.key=1
	run_berth config edit <<<'config: {user.z: "1"}'
	run_berth config get user.z
	assert "$output" = 1
	run_berth config edit <<<'config: {}'
	run_berth config show
	assert "$output" = "config: {}"
}

@test "boot.autostart reaches LXC's own autostart" {
	local c
	c=$(name auto)
	run_berth init bb "$c" -c boot.autostart=true -c boot.autostart.priority=7
	contains "$(cat "$BERTH_TEST_ROOT/lxc/$c/config")" "lxc.start.auto = 1"
	run_berth config unset "$c" boot.autostart
	assert "$(cat "$BERTH_TEST_ROOT/lxc/$c/config")" !~ "lxc.start.auto = 1"
	run_berth delete "$c"
}

@test "changes survive the daemon" {
	local c
	c=$(name kept)
	run_berth init bb "$c"
	run_berth config set "$c" user.kept=yes
	run_berth config set user.server=kept
	daemon_kill
	daemon_start
	run_berth config get "$c" user.kept
	assert "$output" = yes
	run_berth config get user.server
	assert "$output" = kept
	run_berth config unset user.server
	run_berth delete "$c"
}

@test "volatile keys: addresses can be chosen, the rest is berth's own" {
	local c
	c=$(name vo)
	run_berth init bb "$c"
	run_berth config set "$c" volatile.eth0.hwaddr=00:16:3e:11:22:33
	run_berth config get "$c" volatile.eth0.hwaddr
	assert "$output" = 00:16:3e:11:22:33
	refused 1 "must be a MAC address" config set "$c" volatile.eth0.hwaddr=nonsense
	refused 1 "Unknown configuration key: volatile.nosuch" config set "$c" volatile.nosuch=1
	refused 1 "volatile.vsock_id is set by berth" config set "$c" volatile.vsock_id=1
	run_berth start "$c"
	assert "$(in_container "$c" cat /sys/class/net/eth0/address)" = 00:16:3e:11:22:33
	run_berth delete -f "$c"
}

@test "nothing is left behind" {
	leak_check
}
