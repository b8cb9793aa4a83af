#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# scripts/quickstart and quickstart-down: twice is once, a killed daemon and a stopped container are brought back, and
# nothing is left of it. And make install with DESTDIR.

load helpers

setup_file() {
	ROOT=$(mktemp -d /tmp/berth-quick.XXXX)
	chmod 755 "$ROOT"
	export ROOT BUILD=$BERTH_BUILD ASAN_OPTIONS=detect_leaks=0
	NAME=quick$$
	export NAME
}

teardown_file() {
	[[ ${ROOT:-} == /tmp/berth-quick.* ]] || return 0
	"$REPO/scripts/quickstart-down" "$ROOT/run" >/dev/null 2>&1 || true
	rm -rf --one-file-system "$ROOT"
}

quickstart() {
	run timeout -k 5 1200 "$REPO/scripts/quickstart" "$ROOT/run" 3>&- 4>&- 8>&-
	printf '%s\n' "$output" >&2
	assert "$status" -eq 0 "quickstart"
	contains "$output" "Linux $NAME "
	contains "$output" "| $NAME"
	contains "$output" "export PATH="
}

berth() {
	BERTH_SOCKET=$ROOT/run/run/berth.sock "$BERTH" "$@"
}

traces() {
	awk -v root="$ROOT/run" 'index($5, root) == 1' /proc/self/mountinfo
	pgrep -af -- "$ROOT/run" | grep -v -e bats -e quickstart
	find /run/lxc -path "*$ROOT*" 2>/dev/null
	ip -br link | grep -E "^q[._-]$$ "
	nft list tables | grep "berth_net_q_..$$\$"
	[[ -z $BRIDGE ]] || ip -br link show dev "$BRIDGE" 2>/dev/null
	[[ -z $BRIDGE ]] || nft list tables | grep "berth_$BRIDGE\$"
	[[ ! -e $ROOT/run ]] || echo "$ROOT/run"
}

no_traces() {
	[[ -z $(traces) ]]
}

@test "from nothing to a running container with an address, twice, and what was killed comes back" {
	local pid
	host_lock
	quickstart
	pid=$(cat "$ROOT/run/berthd.pid")
	quickstart
	assert "$(cat "$ROOT/run/berthd.pid")" = "$pid" "the same daemon"
	contains "$output" "'$NAME' runs"
	kill -KILL "$pid"
	wait_for 10 process_gone "$pid"
	quickstart
	contains "$output" "'$NAME' runs"
	berth stop -f "$NAME"
	quickstart
	assert "$(berth list -c ns -f csv)" = "$NAME,RUNNING"
	# one that is deleted, one that cannot be
	berth network create "q-$$" ipv4.address=auto ipv6.address=none
	berth network create "q_$$" ipv4.address=auto ipv6.address=none
	berth network attach-profile "q_$$" default eth9
	BRIDGE=$(cut -d' ' -f1 "$ROOT/run/network")
	run timeout 600 "$REPO/scripts/quickstart-down" "$ROOT/run"
	printf '%s\n' "$output" >&2
	assert "$status" -eq 0
	wait_for 10 no_traces || die "FAIL: left: $(traces)"
	"$REPO/scripts/quickstart-down" "$ROOT/run"
}

@test "quickstart-down without a daemon to ask; in a folder that others may not enter" {
	mkdir -m 700 "$ROOT/closed"
	local real pid
	host_lock
	run timeout -k 5 1200 "$REPO/scripts/quickstart" "$ROOT/closed/run" 3>&- 4>&- 8>&-
	printf '%s\n' "$output" >&2
	assert "$status" -eq 0
	real=$(realpath "$ROOT/closed/run")
	contains "$real" /var/lib/berth-quickstart-
	BRIDGE=$(cut -d' ' -f1 "$real/network")
	pid=$(cat "$real/berthd.pid")
	BERTH_SOCKET=$real/run/berth.sock "$BERTH" network create "q.$$" ipv4.address=auto ipv6.address=none
	mkdir "$ROOT/away"
	BERTH_SOCKET=$real/run/berth.sock "$BERTH" storage create away dir source="$ROOT/away"
	kill -KILL "$pid"
	wait_for 10 process_gone "$pid"
	run timeout 600 "$REPO/scripts/quickstart-down" "$ROOT/closed/run"
	printf '%s\n' "$output" >&2
	assert "$status" -eq 0
	contains "$output" "the storage pool 'away' keeps what it has in '$ROOT/away'"
	[[ ! -e $real && ! -L $ROOT/closed/run && ! -e /sys/class/net/$BRIDGE ]]
	! grep -q "$real" /proc/self/mountinfo || die "FAIL: mounts are left"
	wait_for 10 no_traces || die "FAIL: left: $(traces)"
	dnsmasqs() { pgrep -af -- "$real/run/networks"; }
	wait_for 10 nothing dnsmasqs || die "FAIL: a dnsmasq is left: $(dnsmasqs)"
}

@test "quickstart-down leaves a folder alone that is not its own" {
	mkdir "$ROOT/mine"
	echo precious >"$ROOT/mine/file"
	run "$REPO/scripts/quickstart-down" "$ROOT/mine"
	assert "$status" -ne 0
	contains "$output" "left alone"
	[[ -s $ROOT/mine/file ]]
}

@test "make install and uninstall with DESTDIR; changed settings stay" {
	# the build's own PREFIX: another one would build it anew under the other tests
	local file d=$ROOT/dest make=(make -C "$REPO" --no-print-directory BUILD="$BERTH_BUILD" DESTDIR="$ROOT/dest")
	"${make[@]}" install >&2
	[[ -x $d/usr/local/bin/berth && -x $d/usr/local/sbin/berthd && -x $d/usr/local/libexec/berth/berth-rootfs ]]
	[[ -s $d/usr/local/share/berth/images/busybox.tar.gz && -s $d/usr/local/share/berth/templates/instance.conf ]]
	contains "$(cat "$d/usr/local/lib/systemd/system/berthd.service")" "ExecStart=/usr/local/sbin/berthd"
	contains "$(cat "$d/usr/local/lib/systemd/system/berth-instances.service")" "ExecStop=-/usr/local/bin/berth host stop"
	for file in $("${make[@]}" print-PROGRAMS) $("${make[@]}" print-HOOKS) $("${make[@]}" print-SCRIPTS); do
		case $file in
		berth) file=bin/$file ;;
		berthd) file=sbin/$file ;;
		*) file=libexec/berth/$file ;;
		esac
		[[ -x $d/usr/local/$file ]] || die "FAIL: '$file' is not installed"
	done
	for file in "$REPO"/hooks/examples/*; do
		[[ -x $d/usr/local/share/berth/hooks/${file##*/} ]] || die "FAIL: the example ${file##*/} is not installed"
	done
	for file in man1/berth.1 man5/berth.conf.5 man7/berth-hooks.7 man8/berthd.8; do
		[[ -s $d/usr/local/share/man/$file ]] || die "FAIL: $file is not installed"
	done
	echo 'log_level = debug' >>"$d/etc/berth/berth.conf"
	"${make[@]}" install >&2
	contains "$(cat "$d/etc/berth/berth.conf")" "log_level = debug"
	"${make[@]}" uninstall >&2
	assert "$(find "$d" -type f)" = "$d/etc/berth/berth.conf"
}
