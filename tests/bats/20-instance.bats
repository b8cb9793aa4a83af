#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Instances: made, listed, shown, renamed, copied, deleted; what is refused; what LXC itself makes.

load helpers

setup_file_more() {
	dhcp_start
}

# Instances, folders and operations as they are now.
traces() {
	"$BERTH" list -c ns -f csv
	ls -A "$BERTH_TEST_ROOT/lxc"
	ls -A "$BERTH_TEST_ROOT/state/operations" 2>/dev/null
	return 0
}

# leaves_nothing RC PART ARGUMENTS…: refused, and no trace of it.
leaves_nothing() {
	local before
	before=$(traces)
	refused "$@"
	assert "$(traces)" = "$before" "traces of a refused 'berth ${*:3}'"
}

@test "launch: running, unprivileged, with an address, a shell, a name" {
	local c
	c=$(name first)
	launch "$c"
	assert "$(state_of "$c")" = RUNNING
	wait_for 20 has_address "$c"
	assert "$(in_container "$c" hostname)" = "$c"
	assert "$(in_container "$c" id -u)" = 0
	# root inside is nobody outside
	local pid
	pid=$(init_of "$c")
	assert "$(stat -c %u "/proc/$pid")" -gt 65535
	run_berth delete -f "$c"
	assert "$(state_of "$c")" = ""
}

@test "init, start, stop, delete" {
	local c
	c=$(name i)
	run_berth init bb "$c"
	contains "$output$stderr" "$c"
	assert "$(state_of "$c")" = STOPPED
	run_berth start "$c"
	assert "$(state_of "$c")" = RUNNING
	refused 1 "running" delete "$c"
	wait_init "$c"
	run_berth stop "$c"
	assert "$(state_of "$c")" = STOPPED
	run_berth delete "$c"
	refused 1 "Instance not found" info "$c"
	assert "$(ls -A "$BERTH_TEST_ROOT/lxc")" = ""
}

@test "a name is chosen when none is given" {
	local c
	run_berth init bb
	c=$("$BERTH" list -c n -f csv | head -n 1)
	assert "$c" =~ ^[a-z][a-z0-9-]*$
	contains "$output$stderr" "$c"
	run_berth delete "$c"
}

@test "list: formats, columns, filters" {
	local c
	c=$(name l)
	run_berth init bb "$c" -c user.tag=yes
	run_berth list
	contains "$output" "| $c "
	run_berth list -f json
	assert "$(jq -r --arg c "$c" '.[] | select(.name == $c) | .status' <<<"$output")" = Stopped
	assert "$(jq -r --arg c "$c" '.[] | select(.name == $c) | .config["user.tag"]' <<<"$output")" = yes
	run_berth list "$c" -c ns -f csv
	assert "$output" = "$c,STOPPED"
	run_berth list -f compact
	contains "$output" "$c"
	run_berth list -f yaml
	contains "$output" "name: $c"
	run_berth list status=stopped -c n -f csv
	contains "$output" "$c"
	run_berth list status=running -c n -f csv
	assert "$output" = ""
	run_berth list user.tag=yes -c n -f csv
	assert "$output" = "$c"
	refused 2 "" list -f html
	refused 2 "" list -c '?'
	run_berth delete "$c"
}

@test "info: of a stopped and of a running one, and of the server" {
	local c
	c=$(name info)
	run_berth init bb "$c"
	run_berth info "$c"
	contains "$output" "Name: $c"
	contains "$output" "Status: STOPPED"
	run_berth start "$c"
	run_berth info "$c"
	contains "$output" "Status: RUNNING"
	contains "$output" "PID: "
	contains "$output" "eth0:"
	run_berth delete -f "$c"
	run_berth info
	contains "$output" "api_version:"
	contains "$output" "kernel_version:"
}

@test "config, devices and profiles at creation" {
	local c
	c=$(name opt)
	run_berth init bb "$c" -c limits.processes=99 -c user.a='b c' -p default
	run_berth config get "$c" limits.processes
	assert "$output" = 99
	run_berth config get "$c" user.a
	assert "$output" = "b c"
	run_berth delete "$c"
}

@test "a config from stdin" {
	local c
	c=$(name y)
	run_berth init bb "$c" <<-END
		config:
		  user.from: yaml
		description: from a file
	END
	run_berth config get "$c" user.from
	assert "$output" = yaml
	run_berth delete "$c"
}

@test "rename: its folder, its host name, its addresses" {
	local a b mac
	a=$(name a)
	b=$(name b)
	launch "$a"
	refused 1 "Renaming of running container not allowed" rename "$a" "$b"
	mac=$(in_container "$a" cat /sys/class/net/eth0/address)
	in_container "$a" sh -c 'echo kept >/root/file'
	run_berth stop -f "$a"
	run_berth rename "$a" "$b"
	refused 1 "Instance not found" info "$a"
	run_berth start "$b"
	assert "$(in_container "$b" hostname)" = "$b"
	assert "$(in_container "$b" cat /root/file)" = kept
	assert "$(in_container "$b" cat /sys/class/net/eth0/address)" = "$mac"
	launch "$a"
	run_berth stop -f "$a" "$b"
	refused 1 "already in use" rename "$a" "$b"
	run_berth delete "$a" "$b"
}

@test "copy: files and config, but an identity of its own" {
	local a b
	a=$(name src)
	b=$(name dst)
	launch "$a" -c user.k=v
	in_container "$a" sh -c 'echo copied >/root/file'
	run_berth stop -f "$a"
	run_berth copy "$a" "$b"
	run_berth config get "$b" user.k
	assert "$output" = v
	run_berth start "$a" "$b"
	assert "$(in_container "$b" cat /root/file)" = copied
	assert "$(in_container "$b" cat /sys/class/net/eth0/address)" != "$(in_container "$a" cat /sys/class/net/eth0/address)"
	in_container "$b" sh -c 'echo changed >/root/file'
	assert "$(in_container "$a" cat /root/file)" = copied
	run_berth delete -f "$a" "$b"
}

# What is where below / of a stopped or running instance, as it sees it itself.
own_view() { # NAME
	in_container "$1" sh -c 'cd / && find bin etc srv ! -type d -exec stat -c "%n %u:%g %a %F %s %h" {} + | sort' |
		grep -v 'etc/resolv\|etc/hostname'
}

@test "copy to another storage driver: overlay to dir, not back" {
	local a b c
	a=$(name ov)
	b=$(name dir)
	c=$(name run)
	run_berth '?' launch bb "$a" -s overlay
	[[ $status == 0 ]] || skip "no overlay on idmapped mounts here"
	in_container "$a" sh -c 'mkdir -p /srv/d; echo copied >/srv/d/f; ln /srv/d/f /srv/hard; chown 12:34 /srv/d/f; chmod 4711 /srv/d/f
		rm /etc/issue; mv /etc/hosts /etc/hosts2; ln -s /nowhere /srv/link'
	run_berth copy "$a" "$c" -s dir # of a running one
	assert "$(state_of "$a")" = RUNNING
	own_view "$a" >"$BATS_TEST_TMPDIR/want"
	run_berth stop -f "$a"
	run_berth copy "$a" "$b" -s dir
	assert "$(ls "$BERTH_TEST_ROOT/lxc/$b")" !~ upper
	run_berth start "$b" "$c"
	diff "$BATS_TEST_TMPDIR/want" <(own_view "$b") >&2
	diff "$BATS_TEST_TMPDIR/want" <(own_view "$c") >&2
	in_container "$b" sh -c 'echo changed >/srv/d/f; [ ! -e /etc/issue ]'
	run_berth start "$a"
	assert "$(in_container "$a" cat /srv/hard)" = copied
	run_berth stop -f "$a" "$b" "$c"
	leaves_nothing 1 "copy with '-s dir'" copy "$b" "$(name x)" -s overlay
	leaves_nothing 1 "Storage pool not found" copy "$a" "$(name x)" -s nosuch
	api POST /1.0/instances "{\"name\":\"x1\",\"source\":{\"type\":\"copy\",\"source\":\"$b\"},\"devices\":{\"root\":{\"type\":\"disk\",\"path\":\"/\",\"pool\":\"overlay\"}}}"
	assert "$http" = 400
	run_berth copy "$b" "$(name b2)" # dir to dir, and overlay to overlay, as it was
	run_berth copy "$a" "$(name a2)" -s overlay
	assert "$(ls "$BERTH_TEST_ROOT/lxc/$(name a2)")" =~ upper
	run_berth delete "$a" "$b" "$c" "$(name b2)" "$(name a2)"
}

@test "copy between id maps: from overlay to dir" {
	local a b how
	a=$(name ov)
	run_berth '?' init bb "$a" -s overlay
	[[ $status == 0 ]] || skip "no overlay on idmapped mounts here"
	run_berth start "$a"
	in_container "$a" sh -c 'echo mine >/srv/f; chown 12:34 /srv/f'
	run_berth stop -f "$a"
	for how in security.privileged=true security.idmap.isolated=true; do
		b=$(name to)
		leaves_nothing 1 "with '-s dir'" copy "$a" "$b" -c "$how"
		run_berth copy "$a" "$b" -c "$how" -s dir
		run_berth start "$b"
		assert "$(in_container "$b" sh -c 'stat -c %u:%g /srv/f /bin; cat /srv/f')" = $'12:34\n0:0\nmine' "$how"
		run_berth delete -f "$b"
	done
	run_berth delete "$a"
}

@test "an ephemeral one goes away when it stops" {
	local c
	c=$(name e)
	launch "$c" --ephemeral
	run_berth stop -f "$c"
	wait_for 10 is_state "$c" ""
}

@test "both storage drivers hold what was written" {
	local c driver
	for driver in overlay dir; do
		c=$(name "$driver")
		run_berth '?' init bb "$c" -s "$driver"
		[[ $status == 0 ]] || continue # overlay: not on every kernel
		run_berth start "$c"
		in_container "$c" sh -c 'echo kept >/etc/kept; rm /etc/issue; mv /etc/hosts /etc/hosts2'
		run_berth restart -f "$c"
		assert "$(in_container "$c" sh -c 'cat /etc/kept; ls /etc/issue /etc/hosts 2>/dev/null; ls /etc/hosts2')" = \
			$'kept\n/etc/hosts2' "$driver"
		run_berth delete -f "$c"
	done
}

# ---- refusals

@test "names that are no host names" {
	local bad
	for bad in 1abc -abc abc- a_b a.b a/b .. 'a b' "$(printf 'a%063d' 0)" 'ä'; do
		leaves_nothing '?' "" init bb -- "$bad"
		assert "$status" != 0 "name '$bad'"
	done
	leaves_nothing 1 "Invalid instance name" init bb a_b
}

@test "missing and ambiguous images" {
	leaves_nothing 1 "not found" init nosuch "$(name n)"
	leaves_nothing 2 "" init
}

@test "a name that is taken" {
	local c
	c=$(name t)
	run_berth init bb "$c"
	leaves_nothing 1 "already exists" init bb "$c"
	run_berth delete "$c"
}

@test "unknown keys, with the nearest known one; values out of range" {
	leaves_nothing 1 "Unknown configuration key: limits.memry (did you mean limits.memory?)" \
		init bb "$(name k)" -c limits.memry=1GiB
	leaves_nothing 1 "Invalid value: abc" init bb "$(name k)" -c limits.memory=abc
	leaves_nothing 1 "at least 4MiB" init bb "$(name k)" -c limits.memory=1MiB
	leaves_nothing 1 "Invalid value: 0" init bb "$(name k)" -c limits.processes=0
	leaves_nothing 1 "" init bb "$(name k)" -c limits.cpu=1-0
	leaves_nothing 1 "" init bb "$(name k)" -c limits.cpu=0-9999
	leaves_nothing 1 "" init bb "$(name k)" -c security.privileged=perhaps
	leaves_nothing 1 "" init bb "$(name k)" -c environment.X=$'a\nlxc.hook.start = /bin/evil'
	leaves_nothing 1 "" init bb "$(name k)" -c raw.lxc='lxc.rootfs.path = /'
	leaves_nothing 1 "nosuch" init bb "$(name k)" -p nosuch
}

@test "two clients that want one name: one gets it" {
	local c i ok=0 pids=()
	c=$(name race)
	for i in 1 2 3 4; do
		"$BERTH" init bb "$c" </dev/null >/dev/null 2>&1 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" && ok=$((ok + 1))
	done
	assert "$ok" -eq 1
	run_berth delete "$c"
}

@test "a start that fails says why, and leaves no mount" {
	local c
	c=$(name fail)
	run_berth init bb "$c" -c raw.lxc='lxc.init.cmd = /nosuch/init'
	refused 1 "nosuch" start "$c"
	wait_for 10 is_state "$c" STOPPED
	wait_for 10 nothing leaked_mounts
	run_berth info "$c" --show-log
	contains "$output" "nosuch"
	run_berth delete "$c"
}

@test "a bridge that does not exist, or that vanished" {
	local c
	c=$(name br)
	run_berth init bb "$c"
	refused 1 'Parent device "nosuchbr0" doesn'"'"'t exist' config device override "$c" eth0 parent=nosuchbr0
	ip link add name "gone$BERTH_TEST_ID" type bridge
	run_berth config device override "$c" eth0 parent="gone$BERTH_TEST_ID"
	ip link del "gone$BERTH_TEST_ID"
	refused 1 "gone$BERTH_TEST_ID" start "$c"
	wait_for 10 is_state "$c" STOPPED
	run_berth delete "$c"
}

@test "a launch whose start fails leaves nothing" {
	leaves_nothing 1 "nosuch" launch bb "$(name lf)" -c raw.lxc='lxc.init.cmd = /nosuch/init'
	wait_for 10 nothing leaked_mounts
}

@test "delete of several, of none, of a missing one" {
	local a b
	a=$(name d1)
	b=$(name d2)
	run_berth init bb "$a"
	run_berth init bb "$b"
	refused 1 "Instance not found" delete "$(name nosuch)"
	run_berth delete "$a" "$b"
	refused 2 "" delete
}

@test "security.protection.delete" {
	local c
	c=$(name prot)
	run_berth init bb "$c" -c security.protection.delete=true
	refused 1 "protected" delete "$c"
	run_berth config unset "$c" security.protection.delete
	run_berth delete "$c"
}

# ---- LXC's own

@test "containers of lxc-create appear, start, stop, are exec'd into; their config stays as it was" {
	local c before
	c=$(name foreign)
	mkdir -p "$BATS_TEST_TMPDIR/x"
	lxc-create -P "$BERTH_TEST_ROOT/lxc" -n "$c" -t none -f /dev/null
	mkdir -p "$BERTH_TEST_ROOT/lxc/$c/rootfs"
	tar xzf "$BUSYBOX_IMAGE" -C "$BERTH_TEST_ROOT/lxc/$c" rootfs
	cat >>"$BERTH_TEST_ROOT/lxc/$c/config" <<-END
		lxc.include = /usr/share/lxc/config/common.conf
		lxc.rootfs.path = dir:$BERTH_TEST_ROOT/lxc/$c/rootfs
		lxc.uts.name = $c
		lxc.net.0.type = empty
	END
	before=$(cat "$BERTH_TEST_ROOT/lxc/$c/config")
	wait_for 10 is_state "$c" STOPPED
	run_berth start "$c"
	assert "$(state_of "$c")" = RUNNING
	assert "$(in_container "$c" hostname)" = "$c"
	run_berth stop -f "$c"
	assert "$(cat "$BERTH_TEST_ROOT/lxc/$c/config")" = "$before"
	run_berth delete "$c"
	wait_for 10 is_state "$c" ""
}

@test "a folder that gets its config late is seen all the same" {
	local late other
	late=$(name late)
	other=$(name other)
	mkdir "$BERTH_TEST_ROOT/lxc/$late"
	lxc-create -P "$BERTH_TEST_ROOT/lxc" -n "$other" -t none -f /dev/null
	wait_for 10 is_state "$other" STOPPED # by then it has looked at the first one, too
	assert "$(state_of "$late")" = ""
	echo "lxc.uts.name = $late" >"$BERTH_TEST_ROOT/lxc/$late/config"
	wait_for 10 is_state "$late" STOPPED
	rm -r "${BERTH_TEST_ROOT:?}/lxc/"{"$late","$other"}
	wait_for 10 is_state "$late" ""
	wait_for 10 is_state "$other" ""
}

@test "what is destroyed behind the daemon's back is gone from the list" {
	local c
	c=$(name gone)
	lxc-create -P "$BERTH_TEST_ROOT/lxc" -n "$c" -t none -f /dev/null
	wait_for 10 is_state "$c" STOPPED
	lxc-destroy -P "$BERTH_TEST_ROOT/lxc" -n "$c" || rm -r "${BERTH_TEST_ROOT:?}/lxc/$c"
	wait_for 10 is_state "$c" ""
}

@test "fifty at once: all run, nothing is left" {
	local i names=()
	for i in $(seq 50); do
		names+=("$(name "m$i")")
	done
	printf '%s\n' "${names[@]}" | xargs -P 50 -I{} timeout 600 "$BERTH" launch bb {} >/dev/null
	run_berth list status=running -c n -f csv
	assert "$(wc -l <<<"$output")" -eq 50
	BERTH_TEST_TIMEOUT=600 run_berth delete -f "${names[@]}"
	wait_for 10 nothing leaked_veths || die "FAIL: veths: $(leaked_veths)"
	wait_for 10 nothing leaked_mounts || die "FAIL: mounts: $(leaked_mounts)"
}

@test "an ephemeral one that ended while berthd was down is deleted when it returns" {
	local c
	c=$(name ed)
	launch "$c" --ephemeral
	daemon_stop
	lxc-stop -k -P "$BERTH_TEST_ROOT/lxc" -n "$c"
	daemon_start
	wait_for 10 is_state "$c" ""
	wait_for 10 test ! -e "$BERTH_TEST_ROOT/lxc/$c" # it is not shown any more before the last of it has gone
}

@test "nothing is left behind" {
	leak_check
}
