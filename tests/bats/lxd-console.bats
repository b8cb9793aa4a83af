# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154
# LXD's own client: console; and the logs.

bats_require_minimum_version 1.5.0
load helpers
load lxd

setup_file_more() {
	"$BERTH" launch bb "$(name k)" >/dev/null
}

setup() {
	C=$(name k)
}

# on_console STEP…: lxc's console on a terminal, where tests/on-terminal takes these steps; in $output.
on_console() {
	run env LXD_SOCKET="$BERTH_SOCKET" LXD_CONF="$BATS_TEST_TMPDIR" "$REPO/tests/on-terminal" lxc console "$C" -- "$@"
}

log_has() {
	api GET "/1.0/instances/$C/console" && [[ $body == *"$1"* ]]
}

console_running() {
	api GET '/1.0/operations?recursion=1'
	[[ $(field '[.metadata.running // [] | .[] | select(.description == "Showing console")] | length') == "$1" ]]
}

# The first one's lxc-console may not have it yet.
refuses_second() {
	on_console
	[[ $output == *"is in use"* ]]
}

@test "attach, type, detach" {
	on_console '+a q' '=\r' '+login:' '=someone\r' '+Password' '*\x01q'
	assert "$status" = 0 "$output"
	contains "$output" "To detach from the console"
	console_running 0
	assert "$(field '[.metadata.success[] | select(.description == "Showing console")][0] | "\(.class) \(.metadata.fds | keys | join(" "))"')" = "websocket 0 control"
	stock console "$C" --show-log
	contains "$output" "Console log:"
	contains "$output" "someone"
}

@test "one at a time, until the instance stops" {
	local go=$BATS_TEST_TMPDIR/go
	on_console "@$go" >/dev/null 3>&- 4>&- &
	wait_for 10 console_running 1
	# the second: its sockets connect, and it fails
	wait_for 10 refuses_second
	console_running 1
	"$BERTH" stop -f "$C"
	wait_for 10 console_running 0
	touch "$go"
	wait $! || true
	stock console "$C" --show-log
	api POST "/1.0/instances/$C/console" '{"type": "console"}'
	assert "$http" = 400
	contains "$body" "Instance is not running"
	"$BERTH" start "$C"
}

@test "types, and the log's end" {
	api POST "/1.0/instances/$C/console" '{"type": "vga"}'
	assert "$http" = 400
	contains "$body" "VGA console is only supported by virtual machines"
	api POST "/1.0/instances/$C/console" '{"type": "x"}'
	contains "$body" 'Unknown console type \"x\"'
	api POST "/1.0/instances/$C/console" '{"width": "wide"}'
	contains "$body" "'width' must be a whole number"
	stock_refused "console_vga_type" console "$C" --type=vga
	wait_for 10 log_has login:
	api DELETE "/1.0/instances/$C/console"
	assert "$http" = 200
	assert "$(stat -c %s "$BERTH_TEST_ROOT/lxc/$C/console.log")" = 0
	api GET "/1.0/instances/$(name nosuch)/console"
	assert "$http" = 404
	stock info "$C" --show-log
	contains "$output" "Log:"
}

@test "output that was recorded" {
	api POST "/1.0/instances/$C/exec" '{"command": ["sh", "-c", "echo out; echo err >/dev/stderr; exit 3"], "record-output": true}'
	assert "$http" = 202
	api GET "$(field .operation)/wait"
	assert "$(field '.metadata | "\(.class) \(.status) \(.metadata.return)"')" = "task Success 3"
	local out errs
	out=$(field '.metadata.metadata.output["1"]') errs=$(field '.metadata.metadata.output["2"]')
	api GET "$out"
	assert "$body" = out
	api GET "$errs"
	assert "$body" = err
	api GET "/1.0/instances/$C/logs"
	contains "$body" "$out"
	api DELETE "$out"
	assert "$http" = 200
	api GET "$out"
	assert "$http" = 404
	api DELETE "/1.0/instances/$C/logs/lxc.log"
	assert "$http" = 400
	api DELETE "/1.0/instances/$C/logs/rootfs"
	assert "$http" = 404
	# a link that the container's root put there is not followed
	ln -sfn /etc/hostname "$BERTH_TEST_ROOT/lxc/$C/$(basename "$errs")"
	api GET "$errs"
	assert "$http" != 200
	api DELETE "$errs"
	assert "$http" = 200
}

@test "nothing is left behind" {
	leak_check
}
