#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# README.md's "Ten minutes": every ```sh block as it stands there, one after the other, on real LXC with a network that
# host-init made. Only the names of instances are made this file's own. And each page that it points to is there.

load helpers

setup_file_more() {
	local ttyd
	export NAT=rd$BERTH_TEST_ID CLONE=$BERTH_TEST_ROOT/clone
	ttyd=$("$REPO/tests/ttyd") || die "FAIL: no ttyd"
	host_locked "$BERTH" host init --root "$BERTH_TEST_ROOT" --bridge "$NAT" --subnet "10.235.$BERTH_TEST_ID.0/24" >&2 ||
		die "FAIL: host-init"
	sed -i "s/^network_.*//" "$BERTH_TEST_ROOT/berth.conf"
	printf '%s\n' "network_pub = $NAT" "network_nat = $NAT" "ttyd_path = $ttyd" "terminal_listen = 10.235.$BERTH_TEST_ID.1" \
		"remote_port = $((20000 + BERTH_TEST_ID))" \
		>>"$BERTH_TEST_ROOT/berth.conf"
	rm -rf "$BERTH_TEST_ROOT/state/profiles" # its default profile knew another bridge
	daemon_stop
	daemon_start
	"$BERTH" image alias create busybox bb >/dev/null
	# what the blocks find in a clone
	mkdir "$CLONE"
	ln -s "$BERTH_TEST_ROOT" "$CLONE/run"
	ln -s "$REPO/hooks" "$CLONE/hooks"
	daemon_fds >"$BERTH_TEST_ROOT/fds"
}

teardown_file_more() {
	leak_check >&2 || true # stops the daemon, which would put back what goes now
	host_locked "$BERTH" host init --root "$BERTH_TEST_ROOT" --undo >&2
}

# block WORDS: the first ```sh block that has them, with names of our own
block() {
	awk -v words="$1" '/^```sh$/ { on = 1; text = ""; next }
		/^```$/ { if (on && index(text, words)) { printf "%s", text; exit } on = 0; next }
		on { text = text $0 "\n" }' "$REPO/README.md" |
		sed "s/\bweb2\b/$(name web2)/g; s/\bweb\b/$(name web)/g; s/\b8080:80\b/$PORT:80/; s/:8080\b/:$PORT/"
}

has_address() {
	"$BERTH" list "^$(name web)\$" -c 4 -f csv | grep -q '[0-9]'
}

forward_has_address() {
	! "$BERTH" network forward list -f csv | grep -q -- ',-:'
}

# try WORDS: runs that block as a shell would, and fails with its first command that does; its output is in $output.
try() {
	block "$1" >"$BATS_TEST_TMPDIR/block"
	cat "$BATS_TEST_TMPDIR/block" >&2
	[[ -s $BATS_TEST_TMPDIR/block ]] || die "FAIL: README.md has no block with '$1'"
	export -f wait_for forward_has_address
	run timeout -k 5 600 bash -c '
		cd "$1" && PATH=$2:$PATH
		curl() { wait_for 20 forward_has_address && command curl --retry 5 --retry-connrefused "$@"; }
		set -e
		. "$3"' bash "$CLONE" "$BERTH_BUILD" "$BATS_TEST_TMPDIR/block"
	printf '%s\n' "$output" >&2
	assert "$status" -eq 0 "the block with '$1'"
}

setup() {
	PORT=$((21000 + BERTH_TEST_ID))
	export PORT PATIENCE BERTH LXD_CONF=$BERTH_TEST_ROOT/lxc-conf
}

@test "the host" {
	try "berth host check"
	contains "$output" "network_nat"
	contains "$output" "host-init: "
	contains "$output" "loaded: true"
}

@test "instances" {
	try "berth launch busybox"
	contains "$output" "$(name web)"
	contains "$output" "RUNNING"
	assert "$(in_container "$(name web)" cat /root/note)" = hello
}

@test "snapshots" {
	try "berth snapshot web"
	assert "${lines[-1]}" = hello
}

@test "backups" {
	wait_init "$(name web)"
	try "berth backup create"
	contains "$output" "first one"
	contains "$output" hello
	assert "$(in_container "$(name web2)" cat /root/note)" = hello
}

@test "a volume and a port forward" {
	wait_for 20 has_address
	try "berth volume attach"
	assert "${lines[-1]}" = "it works"
}

@test "a rebuild and a password" {
	wait_init "$(name web)"
	try "berth rebuild"
	contains "$output" "$(name web):/srv"
	in_container "$(name web)" grep -q '^root:\$' /etc/shadow
	assert "$(in_container "$(name web)" cat /srv/index.html)" = "it works"
}

@test "a terminal" {
	try "berth terminal"
	contains "$output" "http://"
	contains "$output" "token="
}

@test "hooks" {
	wait_init "$(name web)"
	try "berth hook list"
	contains "$output" "50-notify"
	contains "$output" "post-start"
}

@test "a panel" {
	wait_init "$(name web)"
	try "berth host call VMPowers"
	contains "$output" '"success": true'
	contains "$output" '"state": "Running"'
}

@test "LXD's client" {
	try "lxc exec web"
	contains "$output" hello
	contains "$output" "$(name web)"
	contains "$output" "RUNNING"
}

@test "away with it: nothing of the tour is left" {
	try "berth delete"
	assert "$("$BERTH" list -f csv)" = ""
	assert "$("$BERTH" volume list -f csv)" = ""
	assert "$("$BERTH" backup list -f csv)" = ""
	assert "$("$BERTH" network forward list -f csv)" = ""
}

@test "each block was tried, and each page that README.md points to is there" {
	local page
	assert "$(grep -c '^```sh$' "$REPO/README.md")" -eq "$(grep -c '^	try "' "$BATS_TEST_FILENAME")"
	for page in $(grep -oE '\]\((doc|hooks|scripts)/[^)]*\)' "$REPO/README.md" | tr -d '])('); do
		[[ -e $REPO/$page ]] || die "FAIL: there is no '$page'"
	done
}

@test "nothing is left behind" {
	leak_check
}
