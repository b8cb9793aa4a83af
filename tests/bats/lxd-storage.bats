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
	stock storage unset sp1 user.a
	stock storage get sp1 user.a
	assert "$output" = ""
	stock_refused 'Invalid option "nosuch"' storage set sp1 nosuch=1
	stock_refused 'Invalid option "source"' storage set sp1 source=/elsewhere
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
