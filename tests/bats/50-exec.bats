#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# exec, shell and console: bytes, exit status, signals, terminals.

load helpers

setup_file_more() {
	"$BERTH" launch bb "$(name c)" >/dev/null
}

setup() {
	C=$(name c)
}

@test "exit status" {
	run_berth exec "$C" -- true
	run_berth 1 exec "$C" -- false
	run_berth 42 exec "$C" -- sh -c 'exit 42'
	run_berth 127 exec "$C" -- /nosuch/command
	run_berth 126 exec "$C" -- /etc/passwd
	refused 1 "Instance not found" exec "$(name nosuch)" -- true
	refused 2 "" exec
	refused 2 "" exec "$C"
}

@test "a command killed by a signal: 128 + its number" {
	run_berth 137 exec "$C" -- sh -c 'kill -KILL $$'
}

@test "stdin, stdout and stderr are byte-exact and apart" {
	head -c 3000000 /dev/urandom >"$BATS_TEST_TMPDIR/in"
	"$BERTH" exec "$C" -- cat <"$BATS_TEST_TMPDIR/in" | cmp - "$BATS_TEST_TMPDIR/in"
	"$BERTH" exec "$C" -- sh -c 'echo out; echo err >&2' >"$BATS_TEST_TMPDIR/o" 2>"$BATS_TEST_TMPDIR/e" </dev/null
	assert "$(cat "$BATS_TEST_TMPDIR/o")" = out
	assert "$(cat "$BATS_TEST_TMPDIR/e")" = err
	printf 'a\0b\377\r\n' | "$BERTH" exec "$C" -- od -An -tx1 >"$BATS_TEST_TMPDIR/o"
	assert "$(tr -d ' \n' <"$BATS_TEST_TMPDIR/o")" = 610062ff0d0a
}

@test "end of stdin reaches the command" {
	assert "$(printf 'x\ny\n' | "$BERTH" exec "$C" -- wc -l)" = 2
	run_berth exec "$C" -- cat
	assert "$output" = ""
}

@test "arguments arrive as they are" {
	run_berth exec "$C" -- printf '[%s]' '' 'a b' '$HOME' '*' "it's" -- --help
	assert "$output" = '[][a b][$HOME][*][it'\''s][--][--help]'
}

@test "environment, user, folder" {
	run_berth exec "$C" --env A='1 2' --env B= -- sh -c 'echo "$A|${B-unset}"'
	assert "$output" = "1 2|"
	run_berth exec "$C" -- sh -c 'echo "$HOME $USER $PATH"'
	assert "$output" =~ ^/root\ root\ .*/usr/bin
	BERTH_LEAK=secret run_berth exec "$C" -- sh -c 'echo "${BERTH_LEAK-none}"'
	assert "$output" = none "the caller's environment stays outside"
	run_berth exec "$C" --cwd /etc -- pwd
	assert "$output" = /etc
	run_berth exec "$C" --user 65534 --group 65534 -- id -u
	assert "$output" = 65534
}

@test "no terminal unless ours is one; then one of the right size" {
	run_berth exec "$C" -- sh -c 'test -t 0 && echo tty || echo no'
	assert "$output" = no
	run script -qec "stty rows 33 cols 99; '$BERTH' exec $C -- sh -c 'test -t 1 && stty size'" /dev/null </dev/null
	contains "$output" "33 99"
	run_berth exec "$C" -T -- sh -c 'test -t 0 && echo tty || echo no'
	assert "$output" = no
}

@test "signals reach the command" {
	"$BERTH" exec "$C" -- sh -c 'trap "echo got; exit 7" TERM; echo ready; while :; do sleep 0.1; done' \
		>"$BATS_TEST_TMPDIR/o" </dev/null 3>&- &
	local pid=$!
	wait_for 10 grep -q ready "$BATS_TEST_TMPDIR/o"
	kill -TERM "$pid"
	local rc=0
	wait "$pid" || rc=$?
	wait_for 5 grep -q got "$BATS_TEST_TMPDIR/o" || assert "$rc" = 143
}

@test "nothing runs on after the client was killed" {
	"$BERTH" exec "$C" -- sleep 4242 </dev/null >/dev/null 2>&1 3>&- &
	local pid=$!
	wait_for 10 eval "in_container '$C' sh -c 'ps | grep -q [4]242'"
	kill -TERM "$pid"
	wait "$pid" || true
	wait_for 10 eval "! in_container '$C' sh -c 'ps | grep -q [4]242'"
}

@test "exec into a stopped one, and into a frozen one" {
	local s
	s=$(name s)
	run_berth init bb "$s"
	refused 1 "running" exec "$s" -- true
	run_berth start "$s"
	run_berth pause "$s"
	refused 1 "frozen" exec "$s" -- true
	run_berth delete -f "$s"
}

@test "shell runs a login shell" {
	assert "$(echo 'echo in-shell $0' | "$BERTH" shell "$C" 2>/dev/null)" =~ in-shell
}

@test "console --show-log shows what init said" {
	run_berth console "$C" --show-log
	assert "$status" = 0
}

@test "a hundred at once" {
	seq 100 | xargs -P 20 -I{} sh -c '"$0" exec "$1" -- echo "$2" </dev/null' "$BERTH" "$C" {} | sort -n >"$BATS_TEST_TMPDIR/o"
	seq 100 | cmp - "$BATS_TEST_TMPDIR/o"
}

@test "nothing is left behind" {
	leak_check
}
