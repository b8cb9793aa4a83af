# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154
# LXD's own client: exec.

bats_require_minimum_version 1.5.0
load helpers
load lxd

setup_file_more() {
	"$BERTH" launch bb "$(name e)" >/dev/null
}

setup() {
	C=$(name e)
}

# post_exec JSON: an exec operation in $operation, and its secrets.
post_exec() {
	api POST "/1.0/instances/$C/exec" "$1"
	assert "$http" = 202
	operation=$(field .metadata.id)
}

# waited: the final operation in $body.
waited() {
	api GET "/1.0/operations/$operation/wait?timeout=60"
}

@test "status, and streams that stay apart" {
	stock exec "$C" -- true
	stock 3 exec "$C" -- sh -c 'echo out; echo err >&2; exit 3'
	assert "$output" = out
	assert "$stderr" = err
	stock 127 exec "$C" -- nosuch
	assert "$stderr" = "Error: Command not found"
	stock 126 exec "$C" -- /etc/passwd
	assert "$stderr" = "Error: Command not executable"
	stock 137 exec "$C" -- sh -c 'kill -KILL $$'
	stock exec "$C" -- printf '[%s]' '' 'a b' '$HOME' '*' -- --help
	assert "$output" = '[][a b][$HOME][*][--][--help]'
}

@test "environment, user, folder" {
	BERTH_LEAK=secret stock exec "$C" -- env
	assert "$(sort <<<"$output" | grep -v '^TERM=')" = "HOME=/root
LANG=C.UTF-8
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
USER=root
container=lxc"
	stock exec "$C" --env A='1 2' --env LD_LIBRARY_PATH=/nosuch --env HOME=/tmp -- sh -c 'echo "$A|$LD_LIBRARY_PATH|$PWD"'
	assert "$output" = "1 2|/nosuch|/tmp"
	stock exec "$C" --user 1000 --group 1001 --cwd /etc -- sh -c 'pwd; id -u; id -g; echo "${HOME-none}"'
	assert "$output" = $'/etc\n1000\n1001\nnone'
	"$BERTH" exec "$C" -- mkdir "/only here"
	stock exec "$C" --cwd "/only here" -- pwd
	assert "$output" = "/only here"
	stock exec "$C" --cwd /nosuch/folder -- pwd
	assert "$output" = /
	"$BERTH" config set "$C" environment.OF=instance
	stock exec "$C" --env OF=command -- sh -c 'echo $OF'
	assert "$output" = command "a variable of the request's"
	run -127 env LXD_SOCKET="$BERTH_SOCKET" lxc exec "$C" -- ""
	stock exec "$C" -- sh -c 'echo $OF'
	assert "$output" = instance
	post_exec '{"command": ["sleep", "0.3"], "environment": {"SECRET": "'"hid${BERTH_TEST_ID}den"'"}, "wait-for-websocket": false}'
	run ! grep -lz "hid${BERTH_TEST_ID}den" /proc/[0-9]*/cmdline
	waited
	assert "$(field '.metadata | "\(.class) \(.status) \(.metadata.return)"')" = "task Success 0"
}

@test "input and output of any size" {
	local t=$BATS_TEST_TMPDIR
	head -c 5000000 /dev/urandom >"$t/in"
	LXD_SOCKET=$BERTH_SOCKET LXD_CONF=$t timeout 100 lxc exec "$C" -- sh -c 'tee /dev/stderr' <"$t/in" >"$t/out" 2>"$t/err"
	cmp "$t/in" "$t/out"
	cmp "$t/in" "$t/err"
	stock exec "$C" -n -- cat <"$t/in"
	assert "$output" = ""
	# a command that does not want it all
	stock exec "$C" -- head -c 3 </dev/zero
	# nobody waits for who is left behind
	stock exec "$C" -- sh -c 'sleep 1000 & echo here'
	assert "$output" = here
}

@test "terminals: size, signals, end of stdin" {
	stock exec "$C" -t -- sh -c 'tty; stty size; read x; echo "got $x"' < <(
		echo line
		sleep 1000 &
		echo $! >"$BATS_TEST_TMPDIR/pid"
		wait
	)
	kill "$(cat "$BATS_TEST_TMPDIR/pid")"
	contains "$output" /dev/pts/
	contains "$output" "25 80"
	contains "$output" "got line"
	# stdin's end is typed: who does not read runs on, who reads sees an end (LXD: any of hang-up, silence and waiting)
	stock 3 exec "$C" -t -- sh -c 'echo begin; cat; echo end; exit 3' </dev/null
	contains "$output" begin
	contains "$output" end
	stock exec "$C" -t -- cat < <(printf half)
	contains "$output" halfhalf
	LXD_SOCKET=$BERTH_SOCKET LXD_CONF=$BATS_TEST_TMPDIR lxc exec "$C" -- sh -c 'trap "exit 7" TERM; touch /trapped; while :; do sleep 0.1; done' \
		3>&- 4>&- &
	wait_for 5 in_container "$C" test -e /trapped
	kill -TERM $!
	wait $! || status=$?
	assert "$status" = 7 "the command's own answer to the signal"
}

@test "what is refused" {
	stock_refused "Instance not found" exec "$(name nosuch)" -- true
	api POST "/1.0/instances/$C/exec" '{"command": []}'
	assert "$http" = 400
	api POST "/1.0/instances/$C/exec" '{"command": ["true", 1]}'
	assert "$http" = 400
	api POST "/1.0/instances/$C/exec" '{"command": ["true"], "environment": {"A=B": "c"}}'
	contains "$body" "'A=B' cannot be the name of a variable"
	api POST "/1.0/instances/$C/exec" '{"command": ["true"], "user": -1}'
	contains "$body" "'user' must be a whole number"
	"$BERTH" pause "$C"
	stock_refused "Instance is frozen" exec "$C" -- true
	"$BERTH" start "$C"
	"$BERTH" stop -f "$C"
	stock_refused "Instance is not running" exec "$C" -- true
	"$BERTH" start "$C"
}

@test "side by side: no byte and no status is lost" {
	run timeout 900 "$REPO/tests/exec-loss" "$BERTH_SOCKET" "$C" 60 100000 stderr
	assert "$status" = 0 "$output"
	# so many that most stand in line to be started, when all that they are to read has come
	run timeout 900 "$REPO/tests/exec-loss" "$BERTH_SOCKET" "$C" 200 1000
	assert "$status" = 0 "$output"
}

@test "clients that break the rules" {
	run timeout 900 "$REPO/tests/websocket-abuse" "$BERTH_SOCKET" "$C"
	assert "$status" = 0 "$output"
	stock exec "$C" -- true
}

@test "secrets count once, and for this operation" {
	local secret ws=(-H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13'
		-H 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==')
	post_exec '{"command": ["true"], "wait-for-websocket": true}'
	assert "$(field '.metadata | "\(.class) \(.may_cancel) \(.metadata.fds | keys | join(","))"')" = "websocket false 0,1,2,control"
	secret=$(field '.metadata.metadata.fds["1"]')
	assert "$secret" =~ '^[0-9a-f]{64}$'
	api GET "/1.0/operations/$operation/websocket?secret=${secret//[0-9]/a}" '' "${ws[@]}"
	assert "$http" = 403
	contains "$body" "not authorized"
	api GET "/1.0/operations/$operation/websocket" '' "${ws[@]}"
	assert "$http" = 400
	api DELETE "/1.0/operations/$operation"
	assert "$http" = 400
	# the others do not come: the operation gives up
	waited
	assert "$(field '.metadata | "\(.status_code) \(.err)"')" = "400 Timed out waiting for websockets to connect"
	api GET "/1.0/operations/$operation/websocket?secret=$secret" '' "${ws[@]}"
	assert "$http" = 400
}

@test "the host is unloaded without waiting for the end of a shell" {
	local shell
	mkfifo "$BATS_TEST_TMPDIR/in"
	env LXD_SOCKET="$BERTH_SOCKET" LXD_CONF="$BERTH_TEST_ROOT/lxc-conf" timeout 300 lxc exec "$C" -- sh -c 'echo here; cat' <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/out" 3>&- 4>&- &
	shell=$!
	exec 7>"$BATS_TEST_TMPDIR/in"
	wait_for 10 grep -q here "$BATS_TEST_TMPDIR/out"
	BERTH_TEST_TIMEOUT=60 run_berth host unload
	kill -0 "$shell"
	run_berth host load
	echo there >&7
	exec 7>&-
	wait "$shell"
	assert "$(cat "$BATS_TEST_TMPDIR/out")" = $'here\nthere'
}

@test "nothing is left behind" {
	leak_check
}
