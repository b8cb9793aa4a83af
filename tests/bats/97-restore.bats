#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # shared with helpers.bash, or from restore.bash
# Restoring backups: what went in comes out, whatever the tree holds; an archive that is damaged, foreign or hostile is
# refused before anything changes; and whatever fails on the way, the instance is as it was. Archives are made here by
# tar and 7zz, in the format of src/backup/format.h, or by tests/bats/hostile-backup.py.

load helpers
load restore

BERTH_TEST_SETTINGS='image_max_bytes = 64MiB'

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

# What berth-restore says to a tree alone, which is what the daemon passes on.
judge_tree() { # DIR MANIFEST
	local options=()
	[[ $2 == false ]] || options=(--second-pass)
	rm -rf "$1/archive.7z" "$1/into" "$1/report"
	mkdir "$1/into"
	(cd "$1" && seven a -mx1 -bd archive.7z rootfs.tar >/dev/null)
	run timeout 60 "$BERTH_LIBEXEC_DIR/berth-restore" tree --into "$1/into" --report "$1/report" --max-bytes $((64 << 20)) \
		--max-entries 1000 --max-id 65535 --list .berth-manifest "${options[@]}" <"$1/archive.7z"
	[[ $status == 1 ]] || die "FAIL: it ended with $status"
	jq -r .error "$1/report"
}

@test "hostile trees are refused, and nothing changes" {
	local n dir before kind manifest said
	n=$(name h)
	dir=$BATS_TEST_TMPDIR/pack
	mkdir -p "$dir"
	init_dir "$n"
	before=$(describe "$(folder "$n")/rootfs")
	while read -r kind manifest said; do
		python3 "$BATS_TEST_DIRNAME/hostile-backup.py" "$kind" "$dir/rootfs.tar"
		contains "$(judge_tree "$dir" "$manifest")" "$said" "$kind"
		case $kind in link-out | list-lies | device) ;; *) continue ;; esac
		members "$n" "$dir" "$manifest"
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

@test "a bomb: 96 MiB of zeros in some kilobytes" {
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
	for at in 0 $((size / 2)); do
		again
		truncate -s "$at" "$file.7z"
		refused_restore "the archive has $at bytes" "$n-20261122000000"
		rm "$file.json"
		refused_restore "damaged" "$n-20261122000000"
	done
	for at in $((size / 3)) $((size - 5)); do
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
	members "$n" "$dir"
	jq '.version = 2' "$dir/backup.json" >"$dir/newer" && mv "$dir/newer" "$dir/backup.json"
	pack "$dir" "$n-20261122000000"
	refused_restore "format version 2" "$n-20261122000000"
	rm "$file.json"
	refused_restore "format version 2" "$n-20261122000000"
	members "$n" "$dir"
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
	for timeout in -1 86401; do
		refused_restore "'timeout' must be a whole number of seconds" "$n-20261122000000" "{\"timeout\":$timeout}"
	done
	run_berth init bb "$n-other"
	refused_restore "already in use" "$n-20261122000000" "{\"new_name\":\"$n-other\"}"
	api POST "/1.0/instances/$n-other/backups/$n-20261122000000.7z/restore" '{}'
	api GET "/1.0/operations/$(field .metadata.id)/wait"
	contains "$(field .metadata.err)" "not of '$n-other'"
	run_berth delete "$n" "$n-other"
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

# What an overlay shows only because of whiteouts, opaque folders and files copied up.
reshape() { # DIR
	cd "$1" || return
	rm -r var/spool usr/share 2>/dev/null
	mkdir -p usr/share
	echo opaque >usr/share/only
	rm sbin/init.old bin/vi 2>/dev/null
	mv bin/busybox bin/moved && cp -a bin/moved bin/busybox
	chown 7:8 bin
	chmod 711 sbin
	mkdir nasty
}

nodes() { # DIR
	mknod -m 620 "$1/node" c 10 200
	mknod -m 660 "$1/disk" b 259 70000
	chown 4000000:4000000 "$1/node"
	touch -h "$1"
}

# A backup in each mode of one running on overlay; then one after the other comes back.
round_trip() { # NAME MODES OPTIONS…
	local n=$1 modes=$2 mode before paths=(nasty bin sbin usr var/lib) files=()
	launch "$n" "${@:3}"
	wait_init "$n"
	inside "$n" reshape .
	inside "$n" nasty nasty
	if [[ ${*:3} == *privileged* ]]; then inside "$n" nodes nasty; fi
	before=$(inside "$n" describe . "${paths[@]}")
	contains "$before" "12345 54321"
	contains "$before" cap_net_raw
	assert "$(jq -r .driver "$(folder "$n")/berth.json")" = overlay
	for mode in $modes; do
		run_berth backup create "$n" --mode "$mode"
		files+=("$(sed -n 's/^Backup \(.*\) created$/\1/p' <<<"$output")")
	done
	run_berth stop -f "$n"
	run_berth backup create "$n"
	files+=("$(sed -n 's/^Backup \(.*\) created$/\1/p' <<<"$output")")
	for file in "${files[@]}"; do
		run_berth backup restore "$n" "$file" --start --force
		diff <(echo "$before") <(inside "$n" describe . "${paths[@]}") || die "FAIL: $file"
		inside "$n" rm -rf nasty bin/vi
	done
	run_berth backup restore "$n" "${files[0]}" --name "$n-2" --start
	diff <(echo "$before") <(inside "$n-2" describe . "${paths[@]}")
	for file in sparse hole; do
		assert "$(stat -c %b "$(folder "$n-2")/rootfs/nasty/$file")" -le 128 "blocks of $file"
	done
	run_berth delete -f "$n" "$n-2"
	nothing_left
}

@test "what berth backs up comes back as its container saw it: every mode, from overlay, under both names" {
	round_trip "$(name u)" "live freeze stop"
}

@test "the same, privileged, with device nodes" {
	round_trip "$(name v)" freeze -c security.privileged=true
}

@test "two instances of one backup share no volume; snapshots stay" {
	local n
	n=$(name w)
	init_dir "$n"
	mknod "$(folder "$n")/rootfs/root/gone" c 0 0 # a whiteout of Docker's
	run_berth volume attach "$n" data /mnt
	run_berth snapshot "$n" before
	backup "$n" "$n-20261122000000"
	restored "$n-20261122000000" "{\"new_name\":\"$n-2\"}"
	assert "$(jq -c '.devices | keys' "$(folder "$n-2")/berth.json")" = '["root"]'
	assert "$(stat -c '%F %t:%T' "$(folder "$n-2")/rootfs/root/gone")" = "character special file 0:0"
	restored "$n-20261122000000"
	assert "$(jq -r '.devices[].source' "$(folder "$n")/berth.json")" =~ /data$
	run_berth restore "$n" before
	run_berth delete -f "$n" "$n-2"
}

@test "the commands" {
	local n
	n=$(name c)
	launch "$n"
	wait_init "$n"
	in_container "$n" sh -c 'echo first >/etc/version; chmod 640 /etc/version; ln -s version /etc/link'
	run_berth backup create "$n"
	in_container "$n" sh -c 'echo second >/etc/version; touch /etc/more'
	run_berth backup restore "$n" latest --force
	assert "$(state_of "$n")" = RUNNING
	assert "$(in_container "$n" cat /etc/version)" = first
	in_container "$n" test ! -e /etc/more
	nothing_left
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
