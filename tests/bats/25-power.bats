#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Power: start, stop, restart, pause, resume, kill; what happens behind the daemon's back; life without the daemon.

load helpers

LXCPATH() {
	echo "$BERTH_TEST_ROOT/lxc"
}

pid_of() {
	lxc-info -P "$(LXCPATH)" -n "$1" -pH 2>/dev/null
}

pid_changed() {
	[[ -n $(pid_of "$1") && $(pid_of "$1") != "$2" ]]
}

@test "start and stop, and what cannot be done twice" {
	local c
	c=$(name s)
	run_berth init bb "$c"
	refused 1 "already stopped" stop "$c"
	run_berth start "$c"
	refused 1 "already running" start "$c"
	run_berth stop "$c"
	assert "$(state_of "$c")" = STOPPED
	run_berth start "$c"
	run_berth stop --force "$c"
	assert "$(state_of "$c")" = STOPPED
	run_berth delete "$c"
	refused 1 "Instance not found" start "$c"
	refused 1 "Instance not found" stop "$c"
}

@test "restart, gracefully and by force, gives another init" {
	local c pid
	c=$(name r)
	launch "$c"
	pid=$(pid_of "$c")
	run_berth restart "$c"
	assert "$(pid_of "$c")" != "$pid"
	assert "$(state_of "$c")" = RUNNING
	pid=$(pid_of "$c")
	run_berth restart --force "$c"
	assert "$(pid_of "$c")" != "$pid"
	run_berth delete -f "$c"
}

@test "pause and resume" {
	local c
	c=$(name p)
	launch "$c"
	run_berth pause "$c"
	assert "$(state_of "$c")" = FROZEN
	refused 1 "already frozen" pause "$c"
	run_berth resume "$c"
	assert "$(state_of "$c")" = RUNNING
	run_berth pause "$c"
	run_berth start "$c"
	assert "$(state_of "$c")" = RUNNING
	run_berth pause "$c"
	run_berth stop --force "$c"
	assert "$(state_of "$c")" = STOPPED
	refused 1 "" pause "$c"
	run_berth delete "$c"
}

@test "kill ends it at once" {
	local c
	c=$(name k)
	launch "$c"
	run_berth kill "$c"
	assert "$(state_of "$c")" = STOPPED
	run_berth delete "$c"
}

@test "a container that does not listen: --timeout, then --force" {
	local c
	c=$(name deaf)
	launch "$c" -c raw.lxc='lxc.signal.halt = SIGWINCH'
	refused 1 "did not shut down within" stop "$c" --timeout 1
	assert "$(state_of "$c")" = RUNNING
	run_berth stop -f "$c"
	assert "$(state_of "$c")" = STOPPED
	run_berth delete "$c"
}

@test "several at once, and --all" {
	local a b
	a=$(name a1)
	b=$(name a2)
	run_berth init bb "$a"
	run_berth init bb "$b"
	run_berth start "$a" "$b"
	assert "$("$BERTH" list -c s -f csv)" = $'RUNNING\nRUNNING'
	run_berth stop --all --force
	assert "$("$BERTH" list -c s -f csv)" = $'STOPPED\nSTOPPED'
	run_berth start --all
	assert "$("$BERTH" list -c s -f csv)" = $'RUNNING\nRUNNING'
	refused 1 "$(name nosuch)" stop -f "$a" "$(name nosuch)"
	assert "$(state_of "$a")" = STOPPED
	run_berth delete -f "$a" "$b"
	refused 2 "" start
	refused 2 "" stop --all "$a"
}

# ---- from inside

@test "poweroff and reboot from inside are seen" {
	local c pid
	c=$(name in)
	launch "$c"
	pid=$(pid_of "$c")
	in_container "$c" reboot || true
	wait_for 20 pid_changed "$c" "$pid"
	wait_for 10 is_state "$c" RUNNING
	in_container "$c" poweroff || true
	wait_for 20 is_state "$c" STOPPED
	wait_for 5 nothing leaked_mounts
	run_berth start "$c"
	run_berth delete -f "$c"
}

# ---- LXC's own tools

@test "lxc-start, lxc-freeze, lxc-unfreeze and lxc-stop behind its back are seen" {
	local c
	c=$(name back)
	run_berth init bb "$c"
	lxc-start -P "$(LXCPATH)" -n "$c"
	wait_for 10 is_state "$c" RUNNING
	assert "$(in_container "$c" hostname)" = "$c"
	lxc-freeze -P "$(LXCPATH)" -n "$c"
	wait_for 10 is_state "$c" FROZEN
	lxc-unfreeze -P "$(LXCPATH)" -n "$c"
	wait_for 10 is_state "$c" RUNNING
	lxc-stop -k -P "$(LXCPATH)" -n "$c"
	wait_for 10 is_state "$c" STOPPED
	run_berth delete "$c"
}

@test "without the daemon: containers start and stop with lxc-start, and the daemon knows when it is back" {
	local a b
	a=$(name w1)
	b=$(name w2)
	run_berth init bb "$a"
	launch "$b"
	in_container "$b" sh -c 'echo here >/root/file'
	daemon_stop
	lxc-start -P "$(LXCPATH)" -n "$a"
	assert "$(lxc-info -P "$(LXCPATH)" -n "$a" -sH)" = RUNNING
	lxc-stop -k -P "$(LXCPATH)" -n "$b"
	lxc-start -P "$(LXCPATH)" -n "$b"
	assert "$(lxc-attach -P "$(LXCPATH)" -n "$b" -- cat /root/file)" = here
	lxc-stop -k -P "$(LXCPATH)" -n "$b"
	daemon_start
	assert "$(state_of "$a")" = RUNNING
	assert "$(state_of "$b")" = STOPPED
	run_berth delete -f "$a" "$b"
}

@test "SIGTERM and SIGKILL of the daemon leave containers running" {
	local c pid
	c=$(name stays)
	launch "$c"
	pid=$(pid_of "$c")
	daemon_stop
	daemon_start
	assert "$(state_of "$c")" = RUNNING
	daemon_kill
	daemon_start
	assert "$(state_of "$c")" = RUNNING
	assert "$(pid_of "$c")" = "$pid"
	run_berth stop -f "$c"
	run_berth delete "$c"
}

@test "nothing is left behind" {
	leak_check
}
