# SPDX-License-Identifier: MIT
# LXD's own client: storage pools.

bats_require_minimum_version 1.5.0
load helpers
load lxd

@test "pools: create, list, show, set, unset, edit, info, delete" {
	stock storage list -f csv
	contains "$output" "default,"
	stock storage create sp1 dir
	assert "$output" = "Storage pool sp1 created"
	[[ -d $BERTH_TEST_ROOT/pools/sp1/custom ]]
	stock_refused "The storage pool already exists: The record already exists" storage create sp1 dir
	stock storage show sp1
	contains "$output" "source: $BERTH_TEST_ROOT/pools/sp1"
	contains "$output" "driver: dir"
	contains "$output" "used_by: []"
	contains "$output" "status: Created"
	stock storage get sp1 source
	assert "$output" = "$BERTH_TEST_ROOT/pools/sp1"
	stock storage set sp1 user.a=1 volume.snapshots.expiry=3d
	stock storage get sp1 user.a
	assert "$output" = 1
	api PUT /1.0/storage-pools/sp1 # no body
	assert "$http" = 400
	stock storage get sp1 user.a
	assert "$output" = 1
	stock storage unset sp1 user.a
	stock storage get sp1 user.a
	assert "$output" = ""
	stock_refused 'Invalid option "nosuch"' storage set sp1 nosuch=1
	stock_refused 'Pool source cannot be changed' storage set sp1 source=/elsewhere
	stock_refused 'Invalid value for option "volume.snapshots.expiry"' storage set sp1 volume.snapshots.expiry=soon
	stock storage edit sp1 <<<'description: mine'
	stock storage show sp1
	contains "$output" "description: mine"
	contains "$output" "source: $BERTH_TEST_ROOT/pools/sp1"
	stock storage info sp1
	contains "$output" "total space: "
	daemon_restart
	stock storage show sp1
	contains "$output" "description: mine"
	stock storage delete sp1
	assert "$output" = "Storage pool sp1 deleted"
	[[ ! -e $BERTH_TEST_ROOT/pools/sp1 ]]
	stock_refused "Storage pool not found" storage delete sp1
	stock_refused "Storage pool not found" storage show sp1
	stock_refused "The storage pool is currently in use" storage delete default
}

@test "pools: drivers and sources that there are not" {
	local dir=$BATS_TEST_TMPDIR/src
	stock_refused "Unknown driver" storage create sp9 nosuchdriver
	stock_refused "Unknown driver" storage create sp9 zfs
	stock_refused "doesn't exist" storage create sp9 dir source=/nosuch/folder
	stock_refused "berth's own folders" storage create sp9 dir source="$BERTH_TEST_ROOT"
	stock_refused 'Invalid option "size"' storage create sp9 dir size=1GiB
	stock_refused "Invalid storage pool name" storage create ..x dir
	stock_refused "does not reside on a btrfs" storage create sp9 btrfs source="$BATS_TEST_TMPDIR"
	mkdir "$dir"
	touch "$dir/in-the-way"
	stock_refused "isn't empty" storage create sp9 dir source="$dir"
	rm "$dir/in-the-way"
	stock storage create sp9 dir source="$dir"
	stock storage get sp9 volatile.initial_source
	assert "$output" = "$dir"
	stock_refused "in use by the storage pool" storage create sp8 dir source="$dir/custom"
	stock storage delete sp9
	[[ -d $dir && -z $(ls -A "$dir") ]]
	[[ -z $(ls -A "$BERTH_TEST_ROOT/state/storage-pools") ]]
	# what a client says of the first source is not believed: the pool's folder is berthd's, and goes with it
	stock storage create sp9 dir volatile.initial_source=/elsewhere
	stock storage set sp9 volatile.initial_source=/elsewhere
	stock storage get sp9 volatile.initial_source
	assert "$output" = ""
	stock storage delete sp9
	[[ ! -e $BERTH_TEST_ROOT/pools/sp9 ]]
}

@test "volumes of instances: shown, noted, carried along" {
	local c
	c=$(name rv)
	stock storage create sp1 dir
	stock init bb "$c" -s sp1
	stock storage volume set sp1 "container/$c" user.a=b snapshots.expiry=1d
	stock storage volume get sp1 "container/$c" user.a
	assert "$output" = b
	stock_refused 'Volume "size" property is not valid' storage volume set sp1 "container/$c" size=1GiB
	stock_refused 'option "size": invalid size' storage volume set sp1 "container/$c" size=foo
	stock_refused 'Invalid option for volume' storage volume set sp1 "container/$c" security.shifted=true
	stock_refused 'Invalid option for volume' storage volume set sp1 "container/$c" nosuch=1
	stock_refused 'Error: Invalid option for volume "default_nv" option "nosuch"' storage volume create sp1 nv nosuch=1
	stock_refused 'Error: Invalid value for volume "default_nv" option "snapshots.expiry"' storage volume create sp1 nv snapshots.expiry=abc
	stock_refused 'not found' storage volume set sp1 container/nosuch user.a=b
	stock storage volume edit sp1 "container/$c" <<<'{description: mine, config: {user.a: b}}'
	stock snapshot "$c" s1
	stock storage volume set sp1 "container/$c" user.a=c
	stock storage show sp1
	contains "$output" "- /1.0/instances/$c/snapshots/s1"
	stock storage volume show sp1 "container/$c/s1"
	contains "$output" "user.a: b"
	contains "$output" "description: mine"
	stock storage volume edit sp1 "container/$c/s1" <<<'description: of then'
	stock_refused "not found" storage volume show sp1 "container/$c/nosuch"
	daemon_restart
	stock storage volume list sp1 -f csv
	assert "$output" = "container,$c,mine,filesystem,1"$'\n'"container (snapshot),$c/s1,of then,filesystem,1"
	stock config set "$c" user.x=1
	stock storage volume get sp1 "container/$c" user.a
	assert "$output" = c
	stock restore "$c" s1
	stock copy "$c" "$c-2"
	stock storage volume show sp1 "container/$c-2"
	contains "$output" "user.a: b"
	contains "$output" 'description: ""'
	stock storage volume info sp1 "container/$c"
	contains "$output" "s1"
	api GET "/1.0/storage-pools/sp1/volumes/container/$c/snapshots"
	assert "$(field '.metadata[0]')" = "/1.0/storage-pools/sp1/volumes/container/$c/snapshots/s1"
	api PATCH "/1.0/storage-pools/sp1/volumes/container/$c" '{}'
	# shellcheck disable=SC2154
	assert "$http" = 400
	stock_refused 'Renaming storage volumes of type "container" is not allowed' storage volume rename sp1 "container/$c" x
	stock_refused 'Invalid storage volume type name "odd"' query /1.0/storage-pools/sp1/volumes/odd
	stock delete "$c" "$c-2"
	stock storage delete sp1
}

@test "volumes and snapshots with names of all kinds" {
	local c v names=('a b' '-lead' '.._x' '..new.x' '_u' "q'\"\\" '%41' 'ü@1,x=#*') url
	c=$(name vn)
	stock storage create sp1 dir
	for v in "${names[@]}"; do
		stock storage volume create sp1 -- "$v"
	done
	stock_refused "may not contain slashes" storage volume create sp1 a/b
	stock_refused "No name provided" storage volume create sp1 ''
	for v in . .. $'a\nb' $'a\e[31mb' "$(printf 'ü%.0s' {1..34})"; do
		stock_refused "Invalid volume name" storage volume create sp1 "$v"
	done
	stock_refused "already exists" storage volume create sp1 'a b'
	stock storage volume list sp1 -f json
	assert "$(jq -r '.[].name' <<<"$output" | sort)" = "$(printf '%s\n' "${names[@]}" | sort)"
	assert "$(find "$BERTH_TEST_ROOT/pools/sp1/custom" -mindepth 1 -name '[!.]*' -printf '%f\n' | tr -d 'a-zA-Z0-9%._\n-')" = ""
	api GET /1.0/storage-pools/sp1/volumes/custom
	for url in $(field '.metadata[]'); do # what is listed can be asked for
		api GET "$url"
		assert "$http" = 200
	done
	stock launch bb "$c" -s sp1
	stock_refused "Failed loading custom volume" storage volume attach sp1 'a  b' "$c" d0 /mnt/0
	stock_refused "must be an absolute path" config device add "$c" d0 disk pool=sp1 source=.. path=/mnt/0
	stock storage volume attach sp1 'a b' "$c" d1 '/mnt/x y'
	stock storage volume attach sp1 'ü@1,x=#*' "$c" d2 /mnt/z
	in_container "$c" touch '/mnt/x y/f' /mnt/z/g
	stock restart -f "$c" # from the configuration, not by hand
	assert "$(in_container "$c" sh -c 'echo /mnt/*/[fg]')" = "/mnt/x y/f /mnt/z/g"
	stock storage volume show sp1 'a b'
	contains "$output" "- /1.0/instances/$c"
	stock_refused "white space" storage volume snapshot sp1 'a b' 's 1'
	stock_refused 'cannot contain "/"' storage volume snapshot sp1 'a b' 's/1'
	stock storage volume snapshot sp1 'a b' 's@1'
	stock storage volume snapshot sp1 'a b' ..x
	stock storage volume rename sp1 'a b/..x' 'a b/-y'
	stock storage show sp1
	contains "$output" "- /1.0/storage-pools/sp1/volumes/custom/a%20b/snapshots/-y"
	stock delete -f "$c"
	daemon_restart
	rm "$BERTH_TEST_ROOT/pools/sp1/custom/a%20b/f"
	stock storage volume restore sp1 'a b' 's@1'
	[[ -e $BERTH_TEST_ROOT/pools/sp1/custom/a%20b/f ]]
	stock storage volume snapshot sp1 'a b' 's,&\1;x' # what sed would take for its own
	stock storage volume export sp1 'a b' "$BATS_TEST_TMPDIR/v.tar.gz" --quiet
	tar -tf "$BATS_TEST_TMPDIR/v.tar.gz" --quoting-style=literal | grep -qxF 'backup/volume-snapshots/s,&\1;x/f'
	stock storage volume import sp1 "$BATS_TEST_TMPDIR/v.tar.gz" 'c d' --quiet
	stock storage volume copy 'sp1/a b/s@1' sp1/_u --refresh
	stock storage volume copy 'sp1/a b' 'default/e f'
	stock storage volume delete default 'e f/-y'
	stock storage volume move 'default/e f' 'sp1/e f'
	stock storage volume rename sp1 'e f' '.. _'
	stock storage volume list sp1 -f csv -c n
	contains "$output" "c d/s@1"$'\n'"c d/-y"$'\n''"c d/s,&\1;x"'
	contains "$output" ".. _/s@1"
	for v in "${names[@]}" 'c d' '.. _'; do
		stock storage volume delete sp1 -- "$v"
	done
	[[ -z $(ls -A "$BERTH_TEST_ROOT/pools/sp1/custom") ]]
	stock storage delete sp1
}

@test "a pool that is half made or half deleted by a killed berthd" {
	local step
	for step in source/kill mount/kill layout/kill-after enter/kill; do
		fault "pool-create/$step"
		stock '?' storage create spk dir
		revive "$step"
		journal_ends
		stock_refused "Storage pool not found" storage show spk
		[[ ! -e $BERTH_TEST_ROOT/pools/spk ]]
	done
	stock storage create spk dir
	for step in clear/kill clear/kill-after; do
		fault "pool-delete/$step"
		stock '?' storage delete spk
		revive "$step"
		journal_ends
		stock storage show spk
		[[ -d $BERTH_TEST_ROOT/pools/spk/custom ]]
	done
	fault pool-delete/source/kill-after
	stock '?' storage delete spk
	revive
	journal_ends
	stock_refused "Storage pool not found" storage show spk
	[[ ! -e $BERTH_TEST_ROOT/pools/spk ]]
}

@test "nothing is left behind" {
	leak_check
}
