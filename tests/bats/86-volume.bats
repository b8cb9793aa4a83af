#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Volumes: folders that outlive the instances they are mounted in. Needs a build with FAULTS=1.

# shellcheck disable=SC2016,SC2154 # what the container expands; what the helpers set

load helpers

volumes() {
	echo "$BERTH_TEST_ROOT/volumes"
}

devices() { # NAME: what berth.json has, root and nic left out
	jq -c '.devices' "$BERTH_TEST_ROOT/lxc/$1/berth.json"
}

mounts_at() { # NAME PATH
	in_container "$1" awk -v path="$2" '$5 == path { n++ } END { print n + 0 }' /proc/self/mountinfo
}

# Configuration and container agree: attached (1) or not (0).
assert_attached() { # WANTED NAME PATH WHEN
	assert "$(devices "$2" | jq --arg p "$3" '[.[] | select(.path == $p)] | length')" = "$1" "in berth.json, $4"
	assert "$(grep -c -- "--target=$3 " "$BERTH_TEST_ROOT/lxc/$2/config")" = "$1" "in config, $4"
	assert "$(mounts_at "$2" "$3")" = "$1" "in the container, $4"
}

@test "attached to a running instance: its root owns it, what it writes is on the host" {
	local n base
	n=$(name live)
	launch "$n"
	run_berth volume attach "$n" data
	assert "$(in_container "$n" stat -c '%u %g %a' /mnt/data)" = "0 0 755"
	in_container "$n" sh -c 'echo hello >/mnt/data/file && chown 7:8 /mnt/data/file'
	assert "$(cat "$(volumes)/$n/data/file")" = hello
	assert "$(stat -c '%u %g' "$(volumes)/$n/data/file")" = "7 8" "the container's own ids on disk"
	assert "$(stat -c %a "$(volumes)/$n")" = 700
	base=$(jq -r '.config["volatile.idmap.base"]' "$BERTH_TEST_ROOT/lxc/$n/berth.json")
	run setpriv --reuid "$base" --regid "$base" --clear-groups ls "$(volumes)/$n/data"
	assert "$status" != 0 "a process with the ids of the container's root can walk there"
	refused 1 "attached to '$n' already, at '/mnt/data'" volume attach "$n" data /other
	run_berth volume list -f csv
	contains "$output" "$n,data,$n:/mnt/data,NO"
	run_berth volume show "$n/data"
	contains "$output" "used_by:"
	contains "$output" "usage:"
	assert "$("$BERTH" config device get "$n" data source)" = "$(volumes)/$n/data"
	# survives a restart, and one without berthd
	run_berth restart -f "$n"
	assert "$(in_container "$n" cat /mnt/data/file)" = hello
	run_berth stop -f "$n"
	daemon_stop
	lxc-start -P "$BERTH_TEST_ROOT/lxc" -n "$n"
	assert "$(lxc-attach -P "$BERTH_TEST_ROOT/lxc" -n "$n" -- cat /mnt/data/file </dev/null)" = hello
	lxc-stop -k -P "$BERTH_TEST_ROOT/lxc" -n "$n"
	daemon_start
	run_berth start "$n"
	run_berth volume detach "$n" data
	assert_attached 0 "$n" /mnt/data "after detach"
	assert "$(cat "$(volumes)/$n/data/file")" = hello "the data stays"
	refused 1 "no volume 'data' is attached to '$n'" volume detach "$n" data
	# a second time, elsewhere, and with the instance gone
	run_berth volume attach "$n" data /srv/deep/er
	assert "$(in_container "$n" cat /srv/deep/er/file)" = hello
	run_berth delete -f "$n"
	assert "$(cat "$(volumes)/$n/data/file")" = hello "the data survives the instance"
	run_berth volume list "$n" -f csv
	contains "$output" "$n,data,,YES"
	launch "$n"
	assert "$(mounts_at "$n" /mnt/data)" = 0 "a later instance gets it only when asked"
	run_berth volume attach "$n" data
	assert "$(in_container "$n" cat /mnt/data/file)" = hello
	run_berth volume delete "$n/data"
	assert_attached 0 "$n" /mnt/data "after its deletion"
	[[ ! -e $(volumes)/$n ]] || die "FAIL: left: $(find "$(volumes)")"
	run_berth delete -f "$n"
}

@test "attached to a stopped instance, and privileged ones own theirs too" {
	local n
	n=$(name stopped)
	run_berth init bb "$n"
	run_berth volume create "$n/one"
	refused 1 "already exists" volume create "$n/one"
	run_berth volume attach "$n" one
	run_berth volume attach "$n" two /mnt/one/inner
	run_berth start "$n"
	assert "$(in_container "$n" stat -c %u /mnt/one /mnt/one/inner | tr '\n' ' ')" = "0 0 "
	run_berth delete -f "$n"
	run_berth launch bb "$n" -c security.privileged=true
	run_berth volume attach "$n" one
	assert "$(in_container "$n" stat -c %u /mnt/one)" = 0
	run_berth delete -f "$n"
	run_berth volume delete "$n/one" "$n/two"
}

@test "readonly is read-only, also for the container's root" {
	local n
	n=$(name ro)
	launch "$n"
	run_berth volume attach "$n" data --readonly
	run in_container "$n" touch /mnt/data/x
	assert "$status" != 0
	run in_container "$n" mount -o remount,rw,bind /mnt/data
	assert "$status" != 0 "remounted from inside"
	run in_container "$n" touch /mnt/data/x
	assert "$status" != 0
	run_berth restart -f "$n"
	run in_container "$n" sh -c 'mount -o remount,rw,bind /mnt/data; touch /mnt/data/x'
	assert "$status" != 0 "after a restart"
	run_berth delete -f "$n"
	run_berth volume delete "$n/data"
}

@test "two instances share a volume only by source, also with different id maps" {
	local a b c
	[[ $(awk -F: '$1 == "root" { print $3 }' /etc/subuid | sort -n | tail -n 1) -ge 400000 ]] || skip "few subordinate ids"
	a=$(name sha)
	b=$(name shb)
	c=$(name shc)
	launch "$a" -c security.idmap.isolated=true
	launch "$b" -c security.idmap.isolated=true
	run_berth volume attach "$a" data
	run_berth volume attach "$b" data
	in_container "$a" sh -c 'echo a >/mnt/data/who; chmod 600 /mnt/data/who'
	run in_container "$b" cat /mnt/data/who
	assert "$status" != 0 "b sees a's volume of the same name"
	run_berth volume attach "$b" data /mnt/theirs --source "$a/data"
	assert "$(in_container "$b" stat -c '%u %a' /mnt/theirs/who)" = "0 600"
	assert "$(in_container "$b" cat /mnt/theirs/who)" = a
	in_container "$b" sh -c 'echo b >/mnt/theirs/who'
	assert "$(in_container "$a" cat /mnt/data/who)" = b
	assert "$(in_container "$a" sh -c 'cat /proc/self/uid_map')" != "$(in_container "$b" sh -c 'cat /proc/self/uid_map')"
	refused 1 "is attached to '$b'" volume delete "$a/data"
	assert "$(in_container "$a" cat /mnt/data/who)" = b "after a refused deletion"
	run_berth delete -f "$a"
	refused 1 "is attached to '$b'" volume delete "$a/data"
	refused 1 "Volume not found: '$a/none'" volume attach "$b" more --source "$a/none"
	[[ ! -e $(volumes)/$a/none ]] || die "FAIL: made another's volume"
	# a copy shares nothing
	run_berth copy "$b" "$c" -s dir
	assert "$(devices "$c" | jq '[.[] | select(.source)] | length')" = 0 "volumes of the copy"
	run_berth volume detach "$b" "$a/data"
	run_berth volume delete "$a/data"
	assert "$(devices "$b" | jq -r 'keys | join(" ")')" = data
	run_berth delete -f "$b" "$c"
	run_berth volume delete "$b/data"
}

@test "hostile names, paths and sources" {
	local n bad
	n=$(name bad)
	launch "$n"
	for bad in . .. .x -x _x 'a b' 'a;b' 'a$(id)' $'a\nb' "$(printf 'x%.0s' {1..64})"; do
		api POST /1.0/volumes "$(jq -n --arg o "$n" --arg n "$bad" '{owner: $o, name: $n}')"
		assert "$http" = 400 "volume name '$bad'"
		api POST "/1.0/volumes/$n/ok/attach" "$(jq -n --arg n "$bad" '{name: $n}')"
		assert "$http" = 400 "device name '$bad'"
	done
	api POST "/1.0/volumes/$n/a%2Fb/attach" '{}'
	assert "$http" =~ "^40[04]$"
	api POST "/1.0/volumes/..%2F..%2Fetc/x/attach" "{\"instance\":\"$n\"}"
	assert "$http" =~ "^40[04]$"
	for bad in / // /proc /proc/x /sys /dev/ /dev/shm relative /a/../b /a/./b /a//b; do
		refused 1 "invalid path" volume attach "$n" data "$bad"
	done
	refused 1 "names no volume" volume attach "$n" data --source nothing
	refused 1 "not found" volume attach "$n" data --source "../etc"
	refused 1 "Invalid" volume attach "$n" data --source "a b/etc"
	api POST "/1.0/volumes/$n/data/attach" '{"readonly":"yes"}'
	assert "$http" = 400
	api POST /1.0/volumes '{"owner":"nobody","name":"x"}'
	assert "$http" = 404
	api GET "/1.0/volumes/$n/none"
	assert "$http" = 404
	# links inside, as the target and on the way
	in_container "$n" sh -c 'mkdir -p /mnt && ln -s /etc /mnt/link && ln -s /proc/1/root /mnt/out && echo f >/mnt/file'
	for bad in /mnt/link /mnt/link/x /mnt/out/x /mnt/file; do
		refused 1 "$bad" volume attach "$n" data "$bad"
		assert_attached 0 "$n" "$bad" "after it was refused"
		[[ ! -e $(volumes)/$n ]] || die "FAIL: left after $bad: $(find "$(volumes)")"
	done
	assert "$("$BERTH" query "/1.0/instances/$n" | jq -c .pending)" =~ "^(null|\[\])$"
	run_berth volume attach "$n" data /mnt/x/
	refused 1 "More than one disk device uses the same path" volume attach "$n" more /mnt/x
	[[ ! -e $(volumes)/$n/more ]] || die "FAIL: left: $(find "$(volumes)")"
	run_berth volume delete "$n/data"
	run_berth delete -f "$n"
}

@test "names that are taken, and things that are no volumes" {
	local n
	n=$(name taken)
	run_berth init bb "$n"
	run_berth volume attach "$n" root
	run_berth volume attach "$n" eth0
	assert "$(devices "$n" | jq -r 'to_entries | map(select(.value.source)) | map(.key) | sort | join(" ")')" = "eth0-2 root-2"
	run_berth start "$n"
	run_berth volume detach "$n" root
	run_berth volume delete "$n/root" "$n/eth0"
	mkdir -p "$(volumes)/$n"
	ln -s /etc "$(volumes)/$n/link"
	refused 1 "no folder" volume attach "$n" link
	refused 1 "no folder" volume delete "$n/link"
	rm -r "${BERTH_TEST_ROOT:?}/volumes/$n"
	run_berth delete -f "$n"
	# a container that berth did not make
	lxc-create -P "$BERTH_TEST_ROOT/lxc" -n "$n" -t none -f /dev/null
	wait_for 10 is_state "$n" STOPPED
	refused 1 "was not made by berth" volume attach "$n" data
	[[ ! -e $(volumes)/$n ]] || die "FAIL: left: $(find "$(volumes)")"
	run_berth delete "$n"
}

@test "the volumes of an instance follow when it is renamed" {
	local a b step how
	a=$(name ren)
	b=$(name renb)
	run_berth init bb "$a"
	run_berth volume attach "$a" data
	echo kept >"$(volumes)/$a/data/file"
	# snapshots have sources too; one that is damaged is nobody's trouble here
	mkdir -p "$BERTH_TEST_ROOT/lxc/$a/snapshots"/{s0,s1}
	cp "$BERTH_TEST_ROOT/lxc/$a/berth.json" "$BERTH_TEST_ROOT/lxc/$a/snapshots/s0/"
	echo '{' >"$BERTH_TEST_ROOT/lxc/$a/snapshots/s1/berth.json"
	run_berth rename "$a" "$a-r"
	assert "$(jq -r .devices.data.source "$BERTH_TEST_ROOT/lxc/$a-r/snapshots/s0/berth.json")" = "$(volumes)/$a-r/data"
	assert "$(cat "$BERTH_TEST_ROOT/lxc/$a-r/snapshots/s1/berth.json")" = "{"
	run_berth start "$a-r"
	assert "$(in_container "$a-r" cat /mnt/data/file)" = kept
	[[ ! -e $(volumes)/$a ]] || die "FAIL: the old folder is there"
	run_berth stop -f "$a-r"
	run_berth init bb "$b"
	run_berth volume attach "$b" theirs --source "$a-r/data"
	refused 1 "is attached to '$b'" rename "$a-r" "$a"
	run_berth delete "$b"
	mkdir -p "$(volumes)/$a/old"
	refused 1 "volumes of an earlier instance '$a'" rename "$a-r" "$a"
	rmdir "$(volumes)/$a/old"
	for step in check move; do
		for how in kill kill-after; do
			killed "rename/$step/$how" rename "$a-r" "$a"
			[[ -z $(state_of "$a") ]] || run_berth rename "$a" "$a-r"
			assert "$("$BERTH" config device get "$a-r" data source)" = "$(volumes)/$a-r/data" "after rename/$step/$how"
			assert "$(cat "$(volumes)/$a-r/data/file")" = kept "after rename/$step/$how"
		done
	done
	# killed between the two renames
	fault rename/move/kill
	run_berth '?' rename "$a-r" "$a"
	wait_for 20 process_gone "$(daemon_pid)"
	mv "$(volumes)/$a-r" "$(volumes)/$a"
	daemon_restart
	assert "$(cat "$(volumes)/$a-r/data/file")" = kept "the volumes are back"
	run_berth delete "$a-r"
	run_berth volume delete "$a-r/data"
}

@test "a fault in any step: attached or not, and no data lost" {
	local n step how
	n=$(name fault)
	launch "$n"
	for step in check write live verify; do
		for how in fail fail-after; do
			fault "volume-attach/$step/$how"
			refused 1 "injected fault" volume attach "$n" data
			assert_attached 0 "$n" /mnt/data "after volume-attach/$step/$how"
			[[ ! -e $(volumes)/$n ]] || die "FAIL: left after $step/$how"
		done
		for how in kill kill-after; do
			killed "volume-attach/$step/$how" volume attach "$n" data
			if [[ -e $(volumes)/$n ]]; then
				assert_attached 1 "$n" /mnt/data "after volume-attach/$step/$how"
				run_berth volume delete "$n/data"
			else
				assert_attached 0 "$n" /mnt/data "after volume-attach/$step/$how"
			fi
		done
	done
	run_berth volume attach "$n" data
	in_container "$n" sh -c 'echo kept >/mnt/data/file'
	for step in check write live verify; do
		for how in fail fail-after; do
			fault "volume-detach/$step/$how"
			refused 1 "injected fault" volume detach "$n" data
			assert_attached 1 "$n" /mnt/data "after volume-detach/$step/$how"
		done
		for how in kill kill-after; do
			killed "volume-detach/$step/$how" volume detach "$n" data
			[[ $(devices "$n") == '{}' ]] && assert_attached 0 "$n" /mnt/data "after volume-detach/$step/$how"
			[[ $(devices "$n") == '{}' ]] && run_berth volume attach "$n" data
			assert_attached 1 "$n" /mnt/data "after volume-detach/$step/$how"
			assert "$(in_container "$n" cat /mnt/data/file)" = kept
		done
	done
	for step in check detach live verify trash; do
		fault "volume-delete/$step/fail"
		refused 1 "injected fault" volume delete "$n/data"
		assert_attached 1 "$n" /mnt/data "after volume-delete/$step/fail"
		assert "$(in_container "$n" cat /mnt/data/file)" = kept "after volume-delete/$step/fail"
	done
	for step in check detach live verify; do
		killed "volume-delete/$step/kill-after" volume delete "$n/data"
		assert_attached 1 "$n" /mnt/data "after volume-delete/$step/kill-after"
		assert "$(in_container "$n" cat /mnt/data/file)" = kept "after volume-delete/$step/kill-after"
	done
	for step in trash/kill trash/kill-after sweep/kill sweep/kill-after; do
		killed "volume-delete/$step" volume delete "$n/data"
		assert_attached 0 "$n" /mnt/data "after volume-delete/$step"
		[[ ! -e $(volumes)/$n && ! -e $(volumes)/.trash ]] || die "FAIL: left after $step: $(find "$(volumes)")"
		run_berth volume attach "$n" data
	done
	for how in fail kill kill-after; do
		fault "volume-create/make/$how"
		run_berth 1 volume create "$n/new"
		daemon_restart
		[[ ! -e $(volumes)/$n/new ]] || die "FAIL: left after volume-create/make/$how"
	done
	run_berth volume delete "$n/data"
	run_berth delete -f "$n"
}

@test "no room for the folder, and a folder of volumes that is missing" {
	local n i=0 disk=$BERTH_TEST_ROOT/disk
	n=$(name full)
	launch "$n"
	rm -rf "${BERTH_TEST_ROOT:?}/volumes"
	run_berth volume list -f json
	assert "$(jq length <<<"$output")" = 0
	run_berth volume attach "$n" data
	run_berth volume delete "$n/data"
	# an ext4 with room for two folders more
	truncate -s 4M "$disk"
	mkfs.ext4 -q -N 16 "$disk"
	mount -o loop "$disk" "$(volumes)"
	while mkdir "$(volumes)/.fill$((i++))" 2>/dev/null; do :; done
	refused 1 "No space left" volume attach "$n" data
	assert_attached 0 "$n" /mnt/data "on a full disk"
	find "$(volumes)" -name '.fill*' -delete
	run_berth volume attach "$n" data
	assert_attached 1 "$n" /mnt/data "with room again"
	run_berth volume delete "$n/data"
	umount "$(volumes)"
	rm "$disk"
	# a file in its place
	rmdir "$(volumes)"
	: >"$(volumes)"
	run_berth 1 volume attach "$n" data
	assert_attached 0 "$n" /mnt/data "with a file for extern_path"
	rm "$(volumes)"
	run_berth delete -f "$n"
}

@test "nothing is left behind" {
	daemon_restart
	leak_check
}
