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
	wait_init "$c"
	refused 1 "a console needs a terminal" stop "$c" --console
	run timeout 300 script -qec "'$BERTH' stop $c --console" /dev/null </dev/null
	assert "$status" = 0 "$output"
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
	wait_init "$c"
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

@test "a container that does not listen: --timeout, then none" {
	local c pid
	c=$(name deaf)
	launch "$c" -c raw.lxc='lxc.signal.halt = SIGWINCH'
	refused 1 "did not shut down within" stop "$c" --timeout 1
	assert "$(state_of "$c")" = RUNNING
	pid=$(pid_of "$c")
	run_berth restart "$c" --timeout 0 # that is --force, as with LXD
	assert "$(pid_of "$c")" != "$pid"
	run_berth stop "$c" --timeout 0
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

# ---- a start that hangs

# Starts berth in the background with SIGINT as a terminal's shell would have it; its words go to $BATS_TEST_TMPDIR/out.
background() { # ARGUMENTS…
	env --default-signal=INT "$BERTH" "$@" </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- 4>&- &
	BACKGROUND=$!
}

ended() { # RC
	local rc=0
	wait_for 30 process_gone "$BACKGROUND" || die "FAIL: berth does not end"
	wait "$BACKGROUND" || rc=$?
	cat "$BATS_TEST_TMPDIR/out" >&2
	assert "$rc" = "$1" "how berth ended"
}

running_operation() { # the only one
	"$BERTH" operation list -f json | jq -r '.[] | select(.status_code == 103) | .id'
}

monitors() { # of NAME, and an init that is not yet one; pgrep sees blanks after a title
	pgrep -f "^\[lxc monitor\] $(LXCPATH) $1 *\$"
}

# What a start of NAME that was given up must not leave; the next one works.
stopped_cleanly() {
	assert "$(state_of "$1")" = STOPPED
	wait_for 5 nothing leaked_mounts || die "FAIL: mounts: $(leaked_mounts)"
	wait_for 5 nothing cgroups_of "$1" || die "FAIL: cgroups: $(cgroups_of "$1")"
	wait_for 10 nothing leaked_veths || die "FAIL: veths: $(leaked_veths)"
	wait_for 5 nothing monitors "$1" || die "FAIL: monitor processes: $(monitors "$1")"
	assert "$(find "$BERTH_TEST_ROOT/run" -name "$1*")" = ""
	assert "$(config_value "$1" volatile.last_state.power)" != RUNNING
	run_berth config unset "$1" raw.lxc
	run_berth start "$1"
	assert "$(in_container "$1" hostname)" = "$1"
}

config_value() { # NAME KEY
	"$BERTH" query "/1.0/instances/$1" | jq -r --arg key "$2" '.config[$key]'
}

# A hook that touches $BATS_TEST_TMPDIR/hangs and does not end.
hook_that_hangs() {
	rm -f "$BATS_TEST_TMPDIR/hangs"
	printf '#!/bin/sh\ntouch "%s/hangs"\nexec sleep 600\n' "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/hook"
	chmod 755 "$BATS_TEST_TMPDIR/hook"
	echo "$BATS_TEST_TMPDIR/hook"
}

@test "a start whose hook hangs is cancelled: nothing of it stays, and the next start works" {
	local c stage id
	c=$(name hang)
	run_berth init bb "$c"
	for stage in pre-start start-host; do
		run_berth config set "$c" raw.lxc="lxc.hook.$stage = $(hook_that_hangs)"
		background start "$c"
		wait_for 20 test -e "$BATS_TEST_TMPDIR/hangs"
		id=$(running_operation)
		assert "$("$BERTH" query "/1.0/operations/$id" | jq .may_cancel)" = true
		run_berth operation delete "$id"
		ended 1
		contains "$(cat "$BATS_TEST_TMPDIR/out")" "cancelled"
		stopped_cleanly "$c"
		run_berth stop -f "$c"
	done
	run_berth delete "$c"
}

hook_sleeps() { # NAME: below its monitor process
	pstree -a "$(monitors "$1" | head -n 1)" 2>/dev/null | grep -q "sleep 600"
}

@test "a start whose hook hangs inside the container ends with ^C, and so does that of a restart" {
	local c hook
	c=$(name int)
	hook=$(hook_that_hangs)
	run_berth init bb "$c"
	run_berth config set "$c" raw.lxc="lxc.hook.mount = /bin/sh -c 'sleep 600'"
	background start "$c"
	wait_for 20 hook_sleeps "$c"
	kill -INT "$BACKGROUND"
	ended 1
	contains "$(cat "$BATS_TEST_TMPDIR/out")" "cancelled"
	stopped_cleanly "$c"
	run_berth config set "$c" raw.lxc="lxc.hook.pre-start = $hook"
	background restart -f "$c"
	wait_for 20 test -e "$BATS_TEST_TMPDIR/hangs"
	kill -INT "$BACKGROUND"
	ended 1
	stopped_cleanly "$c"
	run_berth delete -f "$c"
}

@test "delete --force does not wait for a start that hangs" {
	local c
	c=$(name dead)
	run_berth init bb "$c"
	run_berth config set "$c" raw.lxc="lxc.hook.pre-start = $(hook_that_hangs)"
	background start "$c"
	wait_for 20 test -e "$BATS_TEST_TMPDIR/hangs"
	run_berth delete -f "$c"
	ended 1
	assert "$(state_of "$c")" = ""
}

# ---- from inside

@test "poweroff and reboot from inside are seen" {
	local c pid
	c=$(name in)
	launch "$c"
	pid=$(pid_of "$c")
	wait_init "$c"
	in_container "$c" reboot || true
	wait_for 20 pid_changed "$c" "$pid"
	wait_init "$c"
	wait_for 10 is_state "$c" RUNNING

	# berthd starts it: what waited for that takes effect. One that dies on the way does so when it is back
	run_berth config set "$c" environment.AFTER=reboot
	fault reboot/start/kill
	in_container "$c" reboot || true
	died
	[[ -e $BERTH_TEST_ROOT/run/reboots/$c ]]
	assert "$(pid_of "$c")" = ""
	BERTH_FAULT='' daemon_start
	wait_for 20 is_state "$c" RUNNING
	wait_init "$c"
	contains "$(tr '\0' '\n' <"/proc/$(pid_of "$c")/environ")" AFTER=reboot
	[[ ! -e $BERTH_TEST_ROOT/run/reboots/$c ]]

	# one whose start is refused stays where it is
	mkdir -p "$BERTH_TEST_ROOT/hooks.d/pre-start"
	printf '#!/bin/sh\necho no; exit 1\n' >"$BERTH_TEST_ROOT/hooks.d/pre-start/no"
	chmod 755 "$BERTH_TEST_ROOT/hooks.d/pre-start/no"
	in_container "$c" reboot || true
	wait_for 20 grep -q "'$c' has rebooted, and does not start again: .*pre-start" "${BERTH_TEST_LOGS:-$BERTH_TEST_ROOT}/berthd.log"
	rm -r "$BERTH_TEST_ROOT/hooks.d/pre-start"
	assert "$(state_of "$c")" = STOPPED
	[[ ! -e $BERTH_TEST_ROOT/run/reboots/$c ]]
	run_berth start "$c"
	wait_init "$c"

	# where a hook hangs a forced stop ends it, and then it is stopped for good
	mkdir -p "$BERTH_TEST_ROOT/hooks.d/pre-start"
	cp "$(hook_that_hangs)" "$BERTH_TEST_ROOT/hooks.d/pre-start/hangs"
	in_container "$c" reboot || true
	wait_for 20 test -e "$BATS_TEST_TMPDIR/hangs"
	run timeout 240 "$BERTH" stop --force "$c"
	rm -r "$BERTH_TEST_ROOT/hooks.d/pre-start"
	assert "$status" != 124
	assert "$(state_of "$c")" = STOPPED
	[[ ! -e $BERTH_TEST_ROOT/run/reboots/$c ]]
	run_berth start "$c"
	wait_init "$c"

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
	wait_for 10 nothing mounts_of "$b" # LXC's monitor process ends its mount a little later, and would end the next one
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

@test "LXC's monitor process killed by hand: no cgroups are left, and the next start has its own names again" {
	local c
	c=$(name mon)
	launch "$c"
	wait_init "$c"
	kill -KILL "$(monitors "$c")"
	wait_for 10 is_state "$c" STOPPED
	wait_for 20 nothing cgroups_of "$c" || die "FAIL: cgroups: $(cgroups_of "$c")"
	run_berth start "$c"
	wait_init "$c"
	kill -KILL "$(monitors "$c")"
	wait_for 10 is_state "$c" STOPPED
	run_berth start "$c" # at once
	assert "$(in_container "$c" hostname)" = "$c"
	contains "$(cat "/proc/$(pid_of "$c")/cgroup")" "/lxc.payload.$c"
	assert "$(grep -c "lxc.payload.$c-1" "/proc/$(pid_of "$c")/cgroup")" = 0
	run_berth delete -f "$c"
}

on_host() { # what the nics of the next test have there, and its mounts
	nft list tables | grep -e "$filtered" -e "$routed"
	ip neigh show proxy dev "$BERTH_TEST_BRIDGE" | grep "10.239.$BERTH_TEST_ID"
	ip route show table all | grep "10.23[89].$BERTH_TEST_ID"
	leaked_mounts
}

shows_on_host() { # what ip shows while others change routes may lack some
	[[ $(on_host 2>/dev/null) == *"$1"* ]]
}

@test "LXC's monitor process killed by hand: nothing that it would have removed is left, whatever the storage" {
	local c driver filtered routed forwarding
	c=$(name left)
	forwarding=$(cat "/proc/sys/net/ipv4/conf/$BERTH_TEST_BRIDGE/forwarding")
	echo 1 >"/proc/sys/net/ipv4/conf/$BERTH_TEST_BRIDGE/forwarding"
	for driver in overlay dir; do
		run_berth init bb "$c" --storage "$driver"
		run_berth config device override "$c" eth0 ipv4.address="$BERTH_TEST_SUBNET.77" security.ipv4_filtering=true \
			ipv4.routes="10.238.$BERTH_TEST_ID.0/24"
		run_berth config device add "$c" r nic nictype=routed parent="$BERTH_TEST_BRIDGE" name=up0 ipv4.address="10.239.$BERTH_TEST_ID.5" \
			ipv4.gateway=none ipv4.neighbor_probe=false limits.egress=50Mbit
		run_berth start "$c"
		filtered=$(key_of "$c" volatile.eth0.host_name) routed=$(key_of "$c" volatile.r.host_name)
		wait_for 10 shows_on_host "berth-only-$filtered"
		wait_for 10 shows_on_host "berth-only-$routed"
		wait_for 10 shows_on_host "10.238.$BERTH_TEST_ID.0/24 dev $BERTH_TEST_BRIDGE"
		wait_for 10 shows_on_host "10.239.$BERTH_TEST_ID.5 proxy"
		kill -KILL "$(monitors "$c")"
		wait_for 10 is_state "$c" STOPPED
		wait_for 10 nothing on_host || die "FAIL: left: $(on_host)"
		run_berth start "$c"
		kill -KILL "$(monitors "$c")"
		wait_for 10 is_state "$c" STOPPED
		run_berth delete "$c" # at once
		assert "$(on_host)" = ""
	done
	echo "$forwarding" >"/proc/sys/net/ipv4/conf/$BERTH_TEST_BRIDGE/forwarding"
}

@test "nothing is left behind" {
	leak_check
}
