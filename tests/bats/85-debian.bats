#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A Debian image with systemd, as administrators run it: boots to multi-user in an unprivileged container, takes an
# address, restarts from inside and outside, shuts down cleanly.

load helpers

setup_file_more() {
	dhcp_start
	"$REPO/scripts/build-debian-image" "$BERTH_TEST_CACHE/debian.tar.gz" >&2
	"$BERTH" image import "$BERTH_TEST_CACHE/debian.tar.gz" --alias debian >/dev/null
	"$BERTH" launch debian "$(name deb)" >/dev/null
}

setup() {
	C=$(name deb)
}

is_booted() {
	local state
	state=$("$BERTH" exec "$C" -- systemctl is-system-running 2>/dev/null </dev/null) || true
	[[ $state == running || $state == degraded ]]
}

has_address() {
	"$BERTH" list "^$C\$" -c 4 -f csv | grep -q "$BERTH_TEST_SUBNET"
}

boot_id() {
	"$BERTH" exec "$C" -- stat -c %i /proc/self/ns/pid </dev/null 2>/dev/null
}

booted_again() { # OLD-BOOT-ID
	local now
	now=$(boot_id) && [[ -n $now && $now != "$1" ]] && is_booted
}

@test "the image is described by what is in it" {
	run_berth image show debian
	contains "$output" "os: debian"
	contains "$output" "release: bookworm"
}

@test "systemd boots to multi-user, no unit failed" {
	wait_for 60 is_booted
	assert "$(in_container "$C" systemctl is-active multi-user.target)" = active
	assert "$(in_container "$C" systemctl --failed --no-legend --plain)" = ""
	assert "$(in_container "$C" cat /proc/1/comm)" = systemd
}

@test "it has an address, and the container's root owns its files" {
	wait_for 30 has_address
	assert "$(in_container "$C" stat -c %U:%G /usr/bin/passwd /etc/shadow | tr '\n' ' ')" = "root:root root:shadow "
	assert "$(in_container "$C" su nobody -s /bin/sh -c 'cat /etc/shadow' 2>&1 || true)" =~ "ermission denied"
	contains "$(in_container "$C" getcap /usr/bin/ping 2>/dev/null || in_container "$C" ls -l /usr/bin/ping)" ping
}

@test "setuid programs and file capabilities work as the container sees them" {
	assert "$(in_container "$C" su nobody -s /bin/sh -c 'ping -c 1 -W 2 127.0.0.1 >/dev/null && echo pinged')" = pinged
	assert "$(in_container "$C" stat -c %a /usr/bin/su)" = 4755
}

@test "a reboot from inside comes back" {
	local old
	wait_for 60 is_booted
	old=$(boot_id)
	in_container "$C" sh -c 'echo kept >/root/kept'
	in_container "$C" systemctl reboot || true
	wait_for 60 booted_again "$old"
	assert "$(in_container "$C" cat /root/kept)" = kept
}

@test "restart and stop are clean shutdowns" {
	local old
	old=$(boot_id)
	run_berth restart "$C" --timeout 60
	wait_for 60 booted_again "$old"
	in_container "$C" sh -c 'printf "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\nExecStop=/bin/touch /root/stopped\n" >/etc/systemd/system/mark.service; systemctl start mark'
	run_berth stop "$C" --timeout 60
	assert "$(state_of "$C")" = STOPPED
	run_berth start "$C"
	wait_for 60 is_booted
	in_container "$C" test -e /root/stopped
}

@test "nothing is left behind" {
	leak_check
}
