#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Restoring backups: what went in comes out, whatever the tree holds; an archive that is damaged, foreign or hostile is
# refused before anything changes; and whatever fails on the way, the instance is as it was. Archives are made here by
# tar and 7zz, in the format of src/backup/format.h, or by tests/bats/hostile-backup.py. Needs a build with FAULTS=1.

load helpers

# shellcheck disable=SC2034,SC2154 # both are shared with helpers.bash
BERTH_TEST_SETTINGS='image_max_bytes = 64MiB'
STEPS=$(sed -n '/op_step restore_tree_steps/,/};/s/.*{ "\([a-z-]*\)".*/\1/p' "$BATS_TEST_DIRNAME"/../../src/backup/restore_tree.c)

seven() {
	if command -v 7zz >/dev/null; then 7zz "$@"; else 7z "$@"; fi
}

backups() {
	printf '%s/backups' "$BERTH_TEST_ROOT"
}

setup_file_more() {
	install -d -m 700 "$(backups)"
}

teardown_file_more() {
	rm -rf "${BERTH_TEST_ROOT:?}/backups"
}

# A tree that holds all that a tree can hold.
nasty() { # DIR
	local long deep i
	cd "$1" || return
	mkdir -p etc/n usr deep
	echo one >etc/n/plain
	chown 12345:54321 etc/n/plain
	cp "$(command -v busybox)" usr/setuid
	chmod 4755 usr/setuid
	cp usr/setuid usr/capable
	setcap cap_net_raw+ep usr/capable
	ln etc/n/plain etc/n/hardlink
	ln -s /etc/n/plain absolute
	ln -s nowhere/at/all dangling
	ln -s ../../../etc up
	ln absolute absolute2
	setfattr -n user.comment -v hello etc/n/plain
	setfattr -n user.binary -v 0x0001ff0a usr
	mkdir acl
	setfacl -m u:1000:rwx,g:2000:r-x acl
	setfacl -d -m u:1001:rw- acl
	touch acl/f
	setfacl -m u:33:r acl/f
	truncate -s 5M sparse
	printf data | dd of=sparse bs=1 seek=3000000 conv=notrunc status=none
	truncate -s 100M hole # more than image_max_bytes: it holds nothing
	setfattr -n "user.$(printf '=%.0s' {1..250})" -v x hole
	mkfifo -m 640 fifo
	touch -- $'new\nline' $'tab\there' 'ünïcödé' $'bad\377byte' -dash ' space '
	long=$(printf 'x%.0s' {1..230})
	touch "$long"
	deep=deep
	for i in {1..12}; do deep+=/$long; done
	mkdir -p "$deep"
	echo deep >"$deep/f"
	mkdir -m 1777 sticky
	mkdir -m 0 closed
	mkdir -m 2755 setgid
	chgrp 77 setgid
	touch -d '1999-12-31 23:59:59.123456789' old
	touch -h -d '2001-02-03 04:05:06.5' dangling
	mkdir empty
	touch -d '2010-01-01 00:00:00.25' empty
}

# Everything about a tree, as text.
describe() { # DIR
	cd "$1" || return
	find . -not -path './dev/*' -not -path './proc/*' -not -path './sys/*' \
		-printf '%p %y %m %U %G %s %T@ %n %l\0' | sort -z | tr '\0\n' '\n?' | grep -v '^\./\(dev\|proc\|sys\) '
	getfattr -R -h -d -m - . 2>/dev/null
	find . -xdev -type f -not -path './dev/*' -print0 | sort -z | xargs -0 sha256sum
}

folder() {
	printf '%s/lxc/%s' "$BERTH_TEST_ROOT" "$1"
}

# The small members, made of the instance's own.
members() { # NAME DIR [MANIFEST]
	cp "$(folder "$1")/berth.json" "$(folder "$1")/config" "$2/"
	printf '{"version":1,"instance":"%s","created_at":"2026-11-22T00:00:00Z","mode":"stop","hint":"","manifest":%s}' \
		"$1" "${3:-false}" >"$2/backup.json"
}

# FILE (without its ending) of DIR/{backup.json,berth.json,config,rootfs.tar}; extra members as arguments.
pack() { # DIR FILE [MEMBER…]
	local dir=$1 file
	file=$(backups)/$2
	shift 2
	rm -f "$file".*
	(cd "$dir" && seven a -mx1 -bd "$file.7z" backup.json berth.json config rootfs.tar "$@" >/dev/null)
	chmod 600 "$file.7z"
	sidecar "$file"
}

sidecar() { # PATH without its ending
	seven x -so "$1.7z" backup.json 2>/dev/null | jq --arg file "$(basename "$1").7z" \
		--arg sha "$(sha256sum <"$1.7z" | cut -d' ' -f1)" --argjson size "$(stat -c %s "$1.7z")" \
		'.file = $file | .sha256 = $sha | .size = $size' >"$1.json" || rm "$1.json"
}

# tar of a tree as a backup has it: DIR OUT
tree_tar() {
	tar c -C "$1" --numeric-owner --xattrs --xattrs-include='*' --acls --sparse --format=posix -f "$2" .
}

# backup NAME FILE: of a stopped instance on the driver dir, whose ids lie unshifted on the disk.
backup() {
	local dir=$BATS_TEST_TMPDIR/pack
	mkdir -p "$dir"
	members "$1" "$dir"
	tree_tar "$(folder "$1")/rootfs" "$dir/rootfs.tar"
	pack "$dir" "$2"
}

# restore FILE [JSON] [RC]: through the API; the operation's error in $failed, "" when it went well.
restore() {
	local operation
	api POST "/1.0/backups/$1.7z/restore" "${2:-{\}}"
	failed=$(field '.error')
	# shellcheck disable=SC2154
	[[ $http == 202 ]] || return 0
	operation=$(field .metadata.id)
	api GET "/1.0/operations/$operation/wait"
	failed=$(field '.metadata.err')
}

restored() { # FILE [JSON]
	restore "$@"
	assert "$failed" = "" "restore $*"
}

# refused_restore PART FILE [JSON]
refused_restore() {
	local part=$1
	shift
	restore "$@"
	contains "$failed" "$part" "error of restore $*"
	nothing_left
}

nothing_left() {
	wait_for 10 journal_empty || die "FAIL: journal: $(ls -A "$BERTH_TEST_ROOT/state/operations")"
	assert "$(find "$BERTH_TEST_ROOT/lxc" -mindepth 2 -maxdepth 2 \( -name '.new' -o -name '.old' -o -name '.berth-op' \))" = ""
	assert "$(ls "$BERTH_TEST_ROOT/lxc")" = "$("$BERTH" list -c n -f csv)" "folders and list"
}

init_dir() { # NAME [OPTIONS…]
	run_berth init bb "$@" -s dir
}

@test "same name and new name: all of a nasty tree comes back, inside and outside" {
	local n m before
	n=$(name a)
	m=$(name b)
	init_dir "$n" -c user.was=backed-up
	(nasty "$(folder "$n")/rootfs")
	before=$(describe "$(folder "$n")/rootfs")
	backup "$n" "$n-20261122000000"
	restored "$n-20261122000000" "{\"new_name\":\"$m\"}"
	diff <(printf '%s\n' "$before") <(describe "$(folder "$m")/rootfs")
	rm -r "$(folder "$n")"/rootfs/{etc/n,usr/setuid,acl,deep}
	echo changed >"$(folder "$n")/rootfs/old"
	run_berth config set "$n" user.was=changed user.more=1
	restored "$n-20261122000000"
	diff <(printf '%s\n' "$before") <(describe "$(folder "$n")/rootfs")
	run_berth config get "$n" user.was
	assert "$output" = backed-up
	run_berth config get "$n" user.more
	assert "$output" = ""
	nothing_left
	run_berth start "$n" "$m"
	for i in "$n" "$m"; do
		assert "$(in_container "$i" stat -c '%u %g %a %h' /etc/n/plain)" = "12345 54321 644 2"
		assert "$(in_container "$i" stat -c '%u %a' /usr/setuid)" = "0 4755"
		assert "$(in_container "$i" cat /etc/hostname)" != ""
	done
	run_berth delete -f "$n" "$m"
}

@test "a running instance on overlay: stopped only for the swap, and it runs again" {
	local n before
	n=$(name r)
	init_dir "$n"
	echo marker >"$(folder "$n")/rootfs/marker"
	backup "$n" "$n-20261122000000"
	run_berth delete "$n"
	launch "$n" -c user.x=kept
	wait_init "$n"
	before=$(jq -r '.config | [.["volatile.eth0.hwaddr"], .["volatile.uuid"]] | @csv' "$(folder "$n")/berth.json")
	restored "$n-20261122000000" '{"timeout":60}'
	assert "$(state_of "$n")" = RUNNING
	assert "$(in_container "$n" cat /marker)" = marker
	assert "$(jq -r '.config | [.["volatile.eth0.hwaddr"], .["volatile.uuid"]] | @csv' "$(folder "$n")/berth.json")" = "$before"
	assert "$(jq -r .driver "$(folder "$n")/berth.json")" = dir
	[[ ! -e $(folder "$n")/upper ]]
	nothing_left
	restored "$n-20261122000000" '{"start":false,"force":true}'
	assert "$(state_of "$n")" = STOPPED
	restored "$n-20261122000000" '{"start":true}'
	assert "$(state_of "$n")" = RUNNING
	run_berth delete -f "$n"
}

@test "an instance that is gone is made anew, with its MAC address" {
	local n mac
	n=$(name g)
	init_dir "$n" -c user.k=v
	mac=$(jq -r '.config["volatile.eth0.hwaddr"]' "$(folder "$n")/berth.json")
	backup "$n" "$n-20261122000000"
	restored "$n-20261122000000" "{\"new_name\":\"$n-2\",\"start\":true}"
	assert "$(state_of "$n-2")" = RUNNING
	assert "$(jq -r '.config["volatile.eth0.hwaddr"]' "$(folder "$n-2")/berth.json")" != "$mac"
	run_berth delete "$n"
	restored "$n-20261122000000"
	assert "$(state_of "$n")" = STOPPED
	assert "$(jq -r '.config["volatile.eth0.hwaddr"]' "$(folder "$n")/berth.json")" = "$mac"
	run_berth config get "$n" user.k
	assert "$output" = v
	run_berth delete -f "$n" "$n-2"
}

@test "privileged, with device nodes" {
	local n
	n=$(name p)
	init_dir "$n" -c security.privileged=true
	mknod -m 620 "$(folder "$n")/rootfs/etc/node" c 10 200
	mknod -m 660 "$(folder "$n")/rootfs/etc/disk" b 259 70000
	chown 4000000:4000000 "$(folder "$n")/rootfs/etc/node"
	backup "$n" "$n-20261122000000"
	rm "$(folder "$n")"/rootfs/etc/{node,disk}
	restored "$n-20261122000000"
	assert "$(stat -c '%F %t %T %a %u' "$(folder "$n")/rootfs/etc/node")" = "character special file a c8 620 4000000"
	assert "$(stat -c '%F %t %T' "$(folder "$n")/rootfs/etc/disk")" = "block special file 103 11170"
	run_berth delete -f "$n"
}

@test "two passes: what came later, or is gone, is so" {
	local n dir before
	n=$(name t)
	dir=$BATS_TEST_TMPDIR/pack
	mkdir -p "$dir"
	init_dir "$n"
	members "$n" "$dir" true
	python3 "$BATS_TEST_DIRNAME/hostile-backup.py" passes "$dir/rootfs.tar"
	pack "$dir" "$n-20261122000000"
	restored "$n-20261122000000"
	cd "$(folder "$n")/rootfs"
	assert "$(find . -mindepth 1 | sort | tr '\n' ' ')" = \
		"./dir ./dir/new ./dir/same ./link ./other ./was-dir ./was-file ./was-file/below ./was-link "
	assert "$(cat dir/same was-dir other link)" = $'same\nnow a file\nsecond\nsecond'
	assert "$(stat -c %h other)" = 2
	assert "$(readlink was-link)" = "" "a link that became a folder"
	assert "$(stat -c '%Y %F' dir was-file)" = $'1000000000 directory\n1000000007 directory'
	cd /
	run_berth delete "$n"
}

@test "hostile trees are refused, and nothing changes" {
	local n dir before kind
	n=$(name h)
	dir=$BATS_TEST_TMPDIR/pack
	mkdir -p "$dir"
	init_dir "$n"
	before=$(describe "$(folder "$n")/rootfs")
	while read -r kind manifest said; do
		members "$n" "$dir" "$manifest"
		python3 "$BATS_TEST_DIRNAME/hostile-backup.py" "$kind" "$dir/rootfs.tar"
		pack "$dir" "$n-20261122000000"
		refused_restore "$said" "$n-20261122000000"
		refused_restore "$said" "$n-20261122000000" "{\"new_name\":\"$n-x\"}"
	done <<-END
		dotdot false '..' are refused
		absolute false absolute names are refused
		link-out false which is a symbolic link
		below-file false which is a file
		hardlink-out false which is no earlier file
		device false only for privileged instances
		twice false comes twice
		thrice true comes twice in one pass
		no-list true the list of its paths is missing
		list-early true goes on after its list
		list-lies true but not in the list
		owner false beyond the last id
		huge false image_max_bytes
		sparse-huge false Cannot seek
		cut false cut off
		garbage false not a tar archive
		root-file false must be a folder
	END
	assert "$(describe "$(folder "$n")/rootfs")" = "$before"
	[[ ! -e /tmp/berth-hostile ]] || die "FAIL: a file was written outside"
	run_berth delete "$n"
}

@test "a bomb: half a gigabyte of zeros in some kilobytes" {
	local n dir
	n=$(name z)
	dir=$BATS_TEST_TMPDIR/pack
	mkdir -p "$dir"
	init_dir "$n"
	members "$n" "$dir"
	(cd "$dir" && seven a -mx1 -bd "$(backups)/$n-20261122000000.7z" backup.json berth.json config >/dev/null)
	python3 "$BATS_TEST_DIRNAME/hostile-backup.py" zeros - |
		seven a -mx1 -bd "$(backups)/$n-20261122000000.7z" -sirootfs.tar >/dev/null
	sidecar "$(backups)/$n-20261122000000"
	refused_restore "image_max_bytes" "$n-20261122000000"
	run_berth delete "$n"
}

@test "foreign and damaged archives are refused, and nothing changes" {
	local n dir file size at
	n=$(name d)
	dir=$BATS_TEST_TMPDIR/pack
	file=$(backups)/$n-20261122000000
	mkdir -p "$dir"
	init_dir "$n"
	backup "$n" "$n-20261122000000"
	cp "$file.7z" "$file.json" "$BATS_TEST_TMPDIR/"
	again() { cp "$BATS_TEST_TMPDIR/$n-20261122000000".* "$(backups)/"; }
	size=$(stat -c %s "$file.7z")
	for at in 0 1 31 100 $((size / 2)) $((size - 1)); do
		again
		truncate -s "$at" "$file.7z"
		refused_restore "the archive has $at bytes" "$n-20261122000000"
		rm "$file.json"
		refused_restore "damaged" "$n-20261122000000"
	done
	for at in 0 10 $((size / 3)) $((size - 5)); do
		again
		printf '\xa5' | dd of="$file.7z" bs=1 seek="$at" conv=notrunc status=none
		refused_restore "checksum" "$n-20261122000000"
		rm "$file.json"
		refused_restore "damaged" "$n-20261122000000"
	done
	again
	rm "$file.json"
	restored "$n-20261122000000" # whole, although nothing vouches for it
	again
	echo '{' >"$file.json"
	refused_restore "json" "$n-20261122000000"
	echo x >"$dir/extra"
	pack "$dir" "$n-20261122000000" extra
	refused_restore "the archive holds 'extra'" "$n-20261122000000"
	(cd "$dir" && rm -f "$file.7z" && seven a -bd "$file.7z" backup.json config rootfs.tar >/dev/null)
	sidecar "$file"
	refused_restore "the archive lacks 'berth.json'" "$n-20261122000000"
	for what in '[]' '{"config":{},"devices":{},"profiles":[7]}' '{"config":{"limits.cpu":4},"devices":{},"profiles":[]}'; do
		echo "$what" >"$dir/berth.json"
		pack "$dir" "$n-20261122000000"
		refused_restore "no description of an instance" "$n-20261122000000"
	done
	echo '{"config":{"limits.cpu":"many"},"devices":{},"profiles":["default"],"architecture":"x86_64"}' >"$dir/berth.json"
	pack "$dir" "$n-20261122000000"
	refused_restore "limits.cpu" "$n-20261122000000"
	echo '{"config":{},"devices":{},"profiles":["nobody"],"architecture":"x86_64"}' >"$dir/berth.json"
	pack "$dir" "$n-20261122000000"
	refused_restore '"nobody" doesn' "$n-20261122000000"
	run_berth start "$n"
	run_berth delete -f "$n"
}

@test "bad requests" {
	local n
	n=$(name q)
	init_dir "$n"
	backup "$n" "$n-20261122000000"
	for file in nothing-20261122000000 .hidden; do
		restore "$file"
		[[ $http == 4* ]] || die "FAIL: $file: $http"
	done
	api POST "/1.0/backups/..%2F..%2Fetc%2Fpasswd/restore" '{}'
	[[ $http == 4* ]]
	refused_restore "already in use" "$n-20261122000000" "{\"new_name\":\"bad name\"}" || contains "$failed" "name"
	refused_restore "unknown field 'x'" "$n-20261122000000" '{"x":1}'
	refused_restore "'start' must be true or false" "$n-20261122000000" '{"start":1}'
	run_berth init bb "$n-other"
	refused_restore "already in use" "$n-20261122000000" "{\"new_name\":\"$n-other\"}"
	api POST "/1.0/instances/$n-other/backups/$n-20261122000000.7z/restore" '{}'
	api GET "/1.0/operations/$(field .metadata.id)/wait"
	contains "$(field .metadata.err)" "not of '$n-other'"
	run_berth delete "$n" "$n-other"
}

@test "whichever step fails, or berthd is killed at: the instance is as it was, running" {
	local n step how before
	n=$(name f)
	init_dir "$n"
	echo new >"$(folder "$n")/rootfs/etc/version"
	backup "$n" "$n-20261122000000"
	echo old >"$(folder "$n")/rootfs/etc/version"
	run_berth config set "$n" user.v=old
	for step in $STEPS; do
		for how in fail-after kill; do
			daemon_stop
			BERTH_FAULT="restore-tree/$step/$how" daemon_start
			[[ $(state_of "$n") == RUNNING ]] || run_berth start "$n"
			if [[ $how == kill ]]; then
				curl -sS --max-time 60 --unix-socket "$BERTH_SOCKET" -X POST -d '{"force":true}' \
					"http://x/1.0/backups/$n-20261122000000.7z/restore" >/dev/null || true
				wait_for 20 process_gone "$(daemon_pid)" || die "FAIL: berthd survived $step/$how"
				BERTH_FAULT='' daemon_start
			else
				restore "$n-20261122000000" '{"force":true}'
				contains "$failed" "injected fault at '$step'"
				[[ $step != sweep ]] || { daemon_stop && BERTH_FAULT='' daemon_start; }
			fi
			wait_for 20 is_state "$n" RUNNING || die "FAIL: $step/$how: '$n' is $(state_of "$n")"
			nothing_left
			if [[ $step == sweep ]]; then
				# the new one is complete: it stays
				[[ $(in_container "$n" cat /etc/version) == new || $how == kill ]]
				run_berth config set "$n" user.v=old
				in_container "$n" sh -c 'echo old >/etc/version'
			else
				assert "$(in_container "$n" cat /etc/version)" = old "$step/$how"
				run_berth config get "$n" user.v
				assert "$output" = old "$step/$how"
			fi
		done
	done
	daemon_stop
	daemon_start
	restored "$n-20261122000000" '{"force":true}'
	assert "$(in_container "$n" cat /etc/version)" = new
	run_berth delete -f "$n"
}

# extract FILE PATH: into the file $BATS_TEST_TMPDIR/body; headers in $headers
extract() {
	api GET "/1.0/backups/$1.7z/files?path=$2"
}

@test "one file, folder or link out of a backup" {
	local n dir
	n=$(name e)
	dir=$BATS_TEST_TMPDIR/pack
	init_dir "$n"
	(nasty "$(folder "$n")/rootfs")
	backup "$n" "$n-20261122000000"
	extract "$n-20261122000000" /etc/n/plain
	# shellcheck disable=SC2154
	assert "$http $body" = "200 one"
	# shellcheck disable=SC2154
	contains "$headers" "X-LXD-type: file"
	contains "$headers" "X-LXD-mode: 0644"
	contains "$headers" "X-LXD-uid: 12345"
	# of two names of a file, the second one is a link to what is not asked for
	extract "$n-20261122000000" etc/n/hardlink
	assert "$http $body" = "200 one"
	extract "$n-20261122000000" /sparse
	cmp "$BATS_TEST_TMPDIR/body" "$(folder "$n")/rootfs/sparse"
	extract "$n-20261122000000" /new%0Aline
	assert "$http" = 200
	extract "$n-20261122000000" /absolute
	assert "$body" = /etc/n/plain
	contains "$headers" "X-LXD-type: symlink"
	extract "$n-20261122000000" /acl
	contains "$headers" "X-LXD-type: directory"
	assert "$(tar tf "$BATS_TEST_TMPDIR/body")" = $'./acl/\n./acl/f'
	for path in /nowhere /up/hosts /absolute/x /etc/n/plain/x; do
		extract "$n-20261122000000" "$path"
		assert "$http" = 404 "$path"
	done
	for path in /../etc/passwd /etc/../../x '' /fifo; do
		extract "$n-20261122000000" "$path"
		assert "$http" = 400 "$path"
	done
	extract nothing-20261122000000 /etc
	assert "$http" = 404
	members "$n" "$dir" true
	python3 "$BATS_TEST_DIRNAME/hostile-backup.py" passes "$dir/rootfs.tar"
	pack "$dir" "$n-20261122000001"
	extract "$n-20261122000001" /other
	assert "$body" = second "the newest version"
	extract "$n-20261122000001" /dir/gone
	assert "$http" = 404 "removed in the second pass"
	python3 "$BATS_TEST_DIRNAME/hostile-backup.py" link-out "$dir/rootfs.tar"
	members "$n" "$dir"
	pack "$dir" "$n-20261122000001"
	extract "$n-20261122000001" /dir/file
	assert "$http" = 400 "a hostile archive"
	assert "$(find "$(backups)" -name '.extract*')" = ""
	run_berth delete "$n"
}

@test "the commands: what berth made, in each mode, comes back" {
	local n mode
	n=$(name c)
	launch "$n"
	wait_init "$n"
	in_container "$n" sh -c 'echo first >/etc/version; chmod 640 /etc/version; ln -s version /etc/link'
	for mode in live freeze stop; do
		run_berth backup create "$n" --mode "$mode"
		in_container "$n" sh -c 'echo second >/etc/version; touch /etc/more'
		run_berth backup restore "$n" latest --force
		assert "$(state_of "$n")" = RUNNING
		assert "$(in_container "$n" cat /etc/version)" = first "mode $mode"
		in_container "$n" test ! -e /etc/more
		nothing_left
	done
	cd "$BATS_TEST_TMPDIR"
	run_berth backup extract "$n" latest /etc/version
	assert "$(cat version) $(stat -c %a version)" = "first 640"
	refused 1 "is there already" backup extract "$n" latest /etc/version
	run_berth backup extract "$n" latest /etc/link
	assert "$output" = "/etc/link -> version"
	[[ ! -e link ]]
	refused 1 "holds no '/etc/none'" backup extract "$n" latest /etc/none
	[[ ! -e none ]]
	run_berth backup extract "$n" latest /etc/version -
	assert "$output" = first
	run_berth 2 backup restore "$n" latest --timeout soon
	refused 1 "Backup not found" backup restore "$n" "$n-20200101000000"
	refused 1 "has no backup" backup restore nobody latest
	run_berth backup restore "$n" latest --name "$n-2" --no-start
	assert "$(state_of "$n-2")" = STOPPED
	run_berth delete -f "$n" "$n-2"
}

@test "nothing is left behind" {
	leak_check
}
