#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Lifecycle hooks (berth-hooks(7)) on real containers: when they run, what they are told, who may refuse what, and hooks
# that misbehave.

load helpers

BERTH_TEST_SETTINGS="hook_timeout_s = 20s"

HOOKS() {
	echo "$BERTH_TEST_ROOT/hooks.d"
}

# hook EVENT NAME: makes one of what stands on stdin.
hook() {
	mkdir -p "$(HOOKS)/$1"
	cat >"$(HOOKS)/$1/$2"
	chmod 755 "$(HOOKS)/$1/$2"
}

# Writes what it is told into rec/, which says in `log` what ran in which order.
recording_hook() { # EVENT [NAME]
	hook "$1" "${2:-10-record}" <<-END
		#!/bin/sh
		cd "$BERTH_TEST_ROOT/rec" || exit 9
		echo "\$BERTH_EVENT \$BERTH_INSTANCE" >>log
		tr '\\0' '\\n' </proc/\$\$/environ | sort >"\$BERTH_EVENT.env"
		cat >"\$BERTH_EVENT.json"
		echo "\$\$ \$PWD" >"\$BERTH_EVENT.pid"
	END
}

setup() {
	rm -rf "$(HOOKS)" "$BERTH_TEST_ROOT/rec"
	mkdir -p "$(HOOKS)" "$BERTH_TEST_ROOT/rec"
}

ran() {
	cat "$BERTH_TEST_ROOT/rec/log" 2>/dev/null
}

told() { # EVENT FILTER
	jq -r "$2" "$BERTH_TEST_ROOT/rec/$1.json"
}

@test "launch, stop, start and restart run their hooks in order, once" {
	local c event
	c=$(name l)
	for event in {pre,post}-{create,start,stop}; do
		recording_hook "$event"
	done
	launch "$c"
	assert "$(ran)" = "pre-create $c
post-create $c
pre-start $c
post-start $c"
	assert "$(told pre-create .name)" = "$c"
	assert "$(told pre-create .expanded_devices.root.path)" = /
	assert "$(told post-create .status)" = Stopped
	assert "$(told pre-start .event)" = pre-start
	assert "$(told post-start .status)" = Running
	rm "$BERTH_TEST_ROOT/rec/log"
	wait_init "$c"
	run_berth restart "$c"
	assert "$(ran)" = "pre-stop $c
post-stop $c
pre-start $c
post-start $c"
	rm "$BERTH_TEST_ROOT/rec/log"
	run_berth stop -f "$c"
	assert "$(ran)" = "post-stop $c" "a forced stop asks nobody"
	run_berth delete "$c"
}

@test "a hook's environment is exactly what the manual says" {
	local c env id
	c=$(name e)
	run_berth init bb "$c"
	recording_hook pre-start
	SECRET=x run_berth start "$c"
	env=$(cat "$BERTH_TEST_ROOT/rec/pre-start.env")
	id=$(sed -n 's/^BERTH_OPERATION=//p' <<<"$env")
	assert "$id" =~ ^[0-9a-f-]{36}$
	assert "$env" = "BERTH_EVENT=pre-start
BERTH_HOOK=10-record
BERTH_INSTANCE=$c
BERTH_OPERATION=$id
BERTH_SOCKET=$BERTH_SOCKET
HOME=/root
LC_ALL=C
LXC_CONFIG_FILE=$BERTH_TEST_ROOT/lxc/$c/config
LXC_NAME=$c
LXC_ROOTFS_PATH=$BERTH_TEST_ROOT/lxc/$c/rootfs
PATH=$(tr '\0' '\n' <"/proc/$(daemon_pid)/environ" | sed -n 's/^PATH=//p')"
	assert "$(told pre-start .operation)" = "$id"
	run_berth delete -f "$c"
}

@test "a hook that fails refuses: start, create, stop" {
	local c event
	c=$(name v)
	hook pre-create 10-no <<<'#!/bin/sh
echo one; echo not today >&2; exit 3'
	refused 1 "hook '10-no' refused pre-create: not today" launch bb "$c"
	refused 1 "Instance not found" info "$c"
	rm -r "$(HOOKS)/pre-create"
	hook pre-start 10-no <<<'#!/bin/sh
exit 3'
	refused 1 "hook '10-no' refused pre-start: it exited with 3" launch bb "$c"
	refused 1 "Instance not found" info "$c"
	run_berth init bb "$c"
	refused 1 "refused pre-start" start "$c"
	assert "$(state_of "$c")" = STOPPED
	rm -r "$(HOOKS)/pre-start"
	run_berth start "$c"
	hook pre-stop 10-no <<<'#!/bin/sh
kill -9 $$'
	refused 1 "hook '10-no' refused pre-stop: it was killed by signal 9" stop "$c"
	refused 1 "refused pre-stop" restart "$c"
	assert "$(state_of "$c")" = RUNNING
	run_berth stop -f "$c"
	run_berth delete "$c"
}

@test "nothing is left behind" {
	leak_check
}
