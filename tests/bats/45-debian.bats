#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A whole distribution: Debian's systemd boots to multi-user on both storage drivers, privileged or not, gets its
# address by DHCP, shuts down cleanly, reboots from inside, is copied; and lives without berthd.
# Booting takes seconds, so tests share containers: need() makes one, or starts it, and waits until it is up.

load helpers

BOOT_TIME=120

setup_file_more() {
	local image=$BERTH_TEST_ROOT/debian.tar.gz
	dhcp_start
	"$REPO/scripts/build-debian-image" "$image" >&2 || die "FAIL: the Debian image cannot be built"
	"$BERTH" image import "$image" --alias debian >/dev/null || die "FAIL: the Debian image cannot be imported"
	rm "$image"
}

pid_changed() {
	local now
	now=$(init_of "$1")
	[[ -n $now && $now != "$2" ]]
}

# systemd has ended booting: "running", or "degraded" when some unit failed.
is_up() {
	[[ $(in_container "$1" systemctl is-system-running 2>/dev/null) =~ ^(running|degraded)$ ]]
}

is_up_by_lxc() {
	[[ $(by_lxc attach "$1" -- systemctl is-system-running 2>/dev/null) =~ ^(running|degraded)$ ]]
}

wait_up() {
	wait_for $BOOT_TIME is_up "$1" && return
	by_lxc attach "$1" -- systemctl list-jobs --no-pager >&2
	by_lxc attach "$1" -- systemctl --failed --no-pager >&2
	die "FAIL: '$1' did not boot"
}

# need NAME [OPTIONS…]: a booted one, made with these options.
need() {
	case $(state_of "$1") in
	'') run_berth launch debian "$@" ;;
	STOPPED) run_berth start "$1" ;;
	esac
	wait_up "$1"
}

multi_user() {
	assert "$(in_container "$1" systemctl is-active multi-user.target)" = active "multi-user.target of '$1'"
}

rootfs_mounts() {
	leaked_mounts | grep -c "/lxc/$1/rootfs\$"
}

unmounted() {
	[[ $(rootfs_mounts "$1") == 0 ]]
}

# A unit whose end leaves a file: only a real shutdown runs it.
leave_traces() {
	by_lxc attach "$1" -- sh -c 'cat >/etc/systemd/system/trace.service && rm -f /root/ended && systemctl daemon-reload &&
		systemctl start trace' <<-END
		[Service]
		Type=oneshot
		RemainAfterExit=yes
		ExecStart=/bin/true
		ExecStop=/usr/bin/touch /root/ended
	END
}

# Setuid programs and file capabilities of the image, run by nobody.
privileges_work() {
	# setuid: only root reads /etc/shadow
	assert "$(in_container "$1" stat -c '%u %a' /usr/bin/passwd)" = "0 4755"
	contains "$(by_lxc attach "$1" -u 65534 -g 65534 -- passwd -S nobody)" "nobody L" "passwd, run by nobody in '$1'"
	# capabilities: a raw socket, as other sockets are not for nobody
	in_container "$1" sh -c 'echo 1 0 >/proc/sys/net/ipv4/ping_group_range'
	in_container "$1" python3 -c 'import os; os.getxattr("/bin/ping", "security.capability")'
	by_lxc attach "$1" -u 65534 -g 65534 -- ping -q -c 1 -W 60 127.0.0.1
}

@test "image info: what the archive says of itself" {
	run_berth image info debian
	contains "$output" "Architecture: $(uname -m)"
	contains "$output" "os: debian"
	contains "$output" "release: bookworm"
	run_berth image show debian
	contains "$output" "description: Debian bookworm"
	api GET /1.0/images/aliases/debian
	api GET "/1.0/images/$(field .metadata.target)"
	assert "$(field .metadata.architecture)" = "$(uname -m)"
}

@test "three launched at once: overlay, dir, privileged; all boot to multi-user and get an address" {
	local c pids=()
	"$BERTH" launch debian "$(name over)" -s overlay -c limits.memory=512MiB -c limits.cpu=1 </dev/null >&2 3>&- &
	pids+=($!)
	"$BERTH" launch debian "$(name dir)" -s dir </dev/null >&2 3>&- &
	pids+=($!)
	"$BERTH" launch debian "$(name priv)" -c security.privileged=true </dev/null >&2 3>&- &
	pids+=($!)
	for c in "${pids[@]}"; do
		wait "$c"
	done
	for c in "$(name over)" "$(name dir)" "$(name priv)"; do
		assert "$(state_of "$c")" = RUNNING
		wait_up "$c"
		multi_user "$c"
		wait_for 30 has_address "$c" || die "FAIL: '$c' got no address by DHCP"
		assert "$(in_container "$c" hostname)" = "$c"
		in_container "$c" ping -q -c 1 -W 60 "$BERTH_TEST_SUBNET.1"
	done
	grep -q " $(name over) " "$BERTH_TEST_ROOT/leases"
}

@test "overlay: unprivileged; setuid programs and file capabilities work" {
	local c
	c=$(name over)
	need "$c"
	assert "$(stat -c %u "/proc/$(init_of "$c")")" -gt 65535
	assert "$(rootfs_mounts "$c")" = 1
	refused 1 'Cannot update root disk device pool name to "dir"' config device set "$c" root pool=dir
	privileges_work "$c"
}

@test "dir: unprivileged; setuid programs and file capabilities work" {
	local c
	c=$(name dir)
	need "$c" -s dir
	assert "$(stat -c %u "/proc/$(init_of "$c")")" -gt 65535
	assert "$(rootfs_mounts "$c")" = 0
	privileges_work "$c"
}

@test "privileged: root is root" {
	local c
	c=$(name priv)
	need "$c" -c security.privileged=true
	assert "$(stat -c %u "/proc/$(init_of "$c")")" = 0
	assert "$(in_container "$c" cat /proc/self/uid_map | tr -s ' ')" = " 0 0 4294967295"
	privileges_work "$c"
}

@test "limits are seen inside" {
	local c
	c=$(name over)
	need "$c" -s overlay -c limits.memory=512MiB -c limits.cpu=1
	assert "$(in_container "$c" nproc)" = 1
	assert "$(in_container "$c" sh -c 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null ||
		cat /sys/fs/cgroup/memory.max')" = $((512 << 20))
	assert "$(cat "$(cgroup_file "$c" memory.limit_in_bytes memory.max)")" = $((512 << 20))
	run_berth info "$c"
	contains "$output" "Memory (current):"
}

@test "exec as a user of the container" {
	local c
	c=$(name over)
	need "$c"
	in_container "$c" useradd -m -u 1234 tester
	assert "$(in_container "$c" id -un)" = root
	run_berth exec "$c" --user 1234 --group 1234 --cwd /home/tester -- sh -c 'id -un; id -gn; echo x >mine; stat -c %U mine'
	assert "$output" = $'tester\ntester\ntester'
	run_berth 1 exec "$c" --user 1234 --group 1234 -- sh -c 'cat /etc/shadow'
	assert "$(in_container "$c" su - tester -c 'pwd; echo $HOME')" = $'/home/tester\n/home/tester'
}

@test "stop is a shutdown, and leaves nothing mounted" {
	local c
	c=$(name over)
	need "$c"
	leave_traces "$c"
	run_berth stop "$c" --timeout 240
	assert "$(state_of "$c")" = STOPPED
	assert "$(rootfs_mounts "$c")" = 0
	[[ -e $BERTH_TEST_ROOT/lxc/$c/upper/root/ended ]] || die "FAIL: the units of '$c' were not stopped"
}

@test "restart is a shutdown and a boot" {
	local c pid
	c=$(name over)
	need "$c"
	leave_traces "$c"
	pid=$(init_of "$c")
	run_berth restart "$c"
	assert "$(state_of "$c")" = RUNNING
	assert "$(init_of "$c")" != "$pid"
	wait_up "$c"
	in_container "$c" test -e /root/ended
}

@test "a reboot from inside: running again, its root still mounted, once" {
	local c pid
	c=$(name over)
	need "$c"
	pid=$(init_of "$c")
	in_container "$c" sh -c 'echo kept >/root/file; systemctl reboot' || true
	wait_for 60 pid_changed "$c" "$pid" || die "FAIL: '$c' did not reboot"
	wait_for 10 is_state "$c" RUNNING
	wait_up "$c"
	multi_user "$c"
	assert "$(rootfs_mounts "$c")" = 1
	assert "$(in_container "$c" cat /root/file)" = kept
	# berthd knows the new init
	api GET "/1.0/instances/$c/state"
	assert "$(field .metadata.pid)" = "$(init_of "$c")"
	wait_for 30 has_address "$c"
}

@test "poweroff from inside: stopped, nothing mounted" {
	local c
	c=$(name over)
	need "$c"
	in_container "$c" systemctl poweroff || true
	wait_for 60 is_state "$c" STOPPED
	wait_for 10 unmounted "$c"
}

@test "a copy boots with a name and a MAC of its own" {
	local a b
	a=$(name over)
	b=$(name twin)
	need "$a"
	in_container "$a" sh -c 'echo copied >/root/file'
	run_berth copy "$a" "$b"
	assert "$(state_of "$a")" = RUNNING "the source, while and after it is copied"
	need "$b"
	multi_user "$b"
	assert "$(in_container "$b" cat /root/file)" = copied
	assert "$(in_container "$b" hostname)" = "$b"
	assert "$(in_container "$b" cat /sys/class/net/eth0/address)" != "$(in_container "$a" cat /sys/class/net/eth0/address)"
	wait_for 30 has_address "$b"
	assert "$("$BERTH" list "^$b\$" -c 4 -f csv)" != "$("$BERTH" list "^$a\$" -c 4 -f csv)"
	run_berth delete -f "$b"
}

@test "security.nesting: a container may be made inside" {
	local c
	c=$(name nest)
	need "$c" -c security.nesting=true
	multi_user "$c"
	in_container "$c" unshare --user --map-root-user --mount --pid --fork --mount-proc true
	run_berth delete -f "$c"
}

@test "started by lxc-start while berthd is dead: shown as running, and stopped by hand as stopped" {
	local c
	c=$(name over)
	[[ -n $(state_of "$c") ]] || run_berth init debian "$c"
	[[ $(state_of "$c") == STOPPED ]] || run_berth stop -f "$c"
	daemon_stop
	by_lxc start "$c"
	wait_for $BOOT_TIME is_up_by_lxc "$c"
	daemon_start
	assert "$(state_of "$c")" = RUNNING
	assert "$(in_container "$c" hostname)" = "$c"
	wait_for 30 has_address "$c"
	by_lxc stop "$c" -t 240 --nokill
	wait_for 10 is_state "$c" STOPPED
	wait_for 10 unmounted "$c"
	run_berth start "$c"
	daemon_stop
	by_lxc stop "$c" -k
	daemon_start
	assert "$(state_of "$c")" = STOPPED
	wait_for 10 unmounted "$c"
	run_berth delete "$c"
}

@test "nothing is left behind" {
	leak_check
}
