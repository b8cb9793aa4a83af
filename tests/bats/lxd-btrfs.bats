# SPDX-License-Identifier: MIT
# LXD's own client: instances and volumes in pools of their own, on btrfs above all.

bats_require_minimum_version 1.5.0
load helpers
load lxd

loops() { # of files below our root
	losetup -l -n -O BACK-FILE | grep -F "$BERTH_TEST_ROOT/"
}

pool_is() { # POOL STATE
	api GET "/1.0/storage-pools/$1"
	[[ $(field .metadata.status) == "$2" ]]
}

is_subvolume() {
	[[ $(stat -c %i "$1") == 256 ]]
}

@test "instances in a pool of the driver dir: their whole life" {
	local c d
	c=$(name dir)
	d=$(name dircopy)
	stock storage create sp1 dir
	stock_refused "Storage pool not found" init bb "$c" -s nosuch
	stock launch bb "$c" -s sp1
	[[ -L $BERTH_TEST_ROOT/lxc/$c && -d $BERTH_TEST_ROOT/pools/sp1/containers/$c/rootfs ]]
	stock storage show sp1
	contains "$output" "- /1.0/instances/$c"
	stock storage volume list sp1 -f csv
	contains "$output" "container,$c,"
	in_container "$c" sh -c 'echo one >/root/f'
	daemon_restart
	is_state "$c" RUNNING
	stock snapshot "$c" s1
	in_container "$c" sh -c 'echo two >/root/f'
	stock restore "$c" s1
	assert "$(in_container "$c" cat /root/f)" = one
	stock stop -f "$c"
	stock rename "$c" "$c-r"
	[[ -L $BERTH_TEST_ROOT/lxc/$c-r && ! -e $BERTH_TEST_ROOT/lxc/$c && ! -e $BERTH_TEST_ROOT/pools/sp1/containers/$c ]]
	stock start "$c-r"
	assert "$(in_container "$c-r" cat /root/f)" = one
	stock copy "$c-r/s1" "$d" -s default
	[[ ! -L $BERTH_TEST_ROOT/lxc/$d && $(cat "$BERTH_TEST_ROOT/lxc/$d/rootfs/root/f") == one ]]
	stock_refused "The storage pool is currently in use" storage delete sp1
	stock init bb "$c-by" -s sp1
	run by_lxc destroy "$c-by" # stumbles over the link when all else is gone; what tells of it is in the pool
	api POST /1.0/host/scan {}
	api GET "$(field .operation)/wait"
	stock list -f csv -c n "^$c-by"
	assert "$output" = ""
	[[ ! -L $BERTH_TEST_ROOT/lxc/$c-by && ! -e $BERTH_TEST_ROOT/pools/sp1/containers/$c-by ]]
	stock_refused "Cannot update root disk device pool name" config device set "$c-r" root pool=default
	stock delete -f "$c-r"
	stock delete "$d"
	[[ ! -L $BERTH_TEST_ROOT/lxc/$c-r && -z $(ls -A "$BERTH_TEST_ROOT/pools/sp1/containers") ]]
	stock storage delete sp1
}

@test "a btrfs in a loop file: mounted again, and gone with the pool" {
	stock storage create bt btrfs size=256MiB btrfs.mount_options=noatime,compress=zstd
	contains "$(findmnt -n -o FSTYPE,OPTIONS "$BERTH_TEST_ROOT/pools/bt")" btrfs
	contains "$(findmnt -n -o OPTIONS "$BERTH_TEST_ROOT/pools/bt")" noatime
	stock storage get bt source
	assert "$output" = "$BERTH_TEST_ROOT/pools/bt.img"
	stock storage info bt
	contains "$output" "total space: 256.00MiB"
	daemon_stop
	umount "$BERTH_TEST_ROOT/pools/bt"
	daemon_start
	findmnt -n "$BERTH_TEST_ROOT/pools/bt"
	stock_refused "subvol" storage create bx btrfs size=256MiB btrfs.mount_options=subvol=x
	stock_refused "at least 112MiB" storage create bx btrfs size=10MiB
	stock storage set bt size=320MiB
	stock storage info bt --bytes
	contains "$output" 'total space: "335544320"'
	stock_refused "cannot become smaller" storage set bt size=200MiB
	stock_refused 'Invalid option "size"' storage unset bt size
	stock_refused "Failed to mount" storage set bt btrfs.mount_options=nosuch
	stock storage get bt btrfs.mount_options
	assert "$output" = noatime,compress=zstd
	stock storage set bt btrfs.mount_options=compress=zstd
	[[ $(findmnt -n -o OPTIONS "$BERTH_TEST_ROOT/pools/bt") != *noatime* ]]
	# what cannot be kept does not become so, either
	mv "$BERTH_TEST_ROOT/state/storage-pools/bt.json" "$BERTH_TEST_ROOT/bt.json"
	mkdir -p "$BERTH_TEST_ROOT/state/storage-pools/bt.json/x"
	stock_refused "bt.json" storage set bt btrfs.mount_options=noatime size=330MiB
	[[ $(findmnt -n -o OPTIONS "$BERTH_TEST_ROOT/pools/bt") != *noatime* ]]
	assert "$(stat -c %s "$BERTH_TEST_ROOT/pools/bt.img")" = 335544320
	rm -r "$BERTH_TEST_ROOT/state/storage-pools/bt.json"
	mv "$BERTH_TEST_ROOT/bt.json" "$BERTH_TEST_ROOT/state/storage-pools/bt.json"
	stock_refused "Pool source cannot be changed" storage set bt source=/elsewhere
	stock_refused 'Invalid option "nosuch"' storage unset bt nosuch
	daemon_restart
	stock storage get bt size
	assert "$output" = 320MiB
	stock storage delete bt
	wait_for 10 nothing loops
	[[ -z $(ls -A "$BERTH_TEST_ROOT/pools") ]]
	local step
	for step in source/kill-after format/kill mount/kill-after layout/kill; do
		fault "pool-create/$step"
		stock '?' storage create bt btrfs size=256MiB
		revive "$step"
		journal_ends
		wait_for 10 nothing loops || die "FAIL: loops after $step: $(loops)"
		[[ -z $(ls -A "$BERTH_TEST_ROOT/pools") ]] || die "FAIL: after $step: $(ls -A "$BERTH_TEST_ROOT/pools")"
	done
}

@test "a pool whose source is missing is refused, kept, and found again" {
	local c d away=$BERTH_TEST_ROOT/away tree export=$BERTH_TEST_ROOT/backups/exports/0e0c0f5b-62a4-4a8a-9d2b-6f0f5a7f4b11/b
	tree=$BERTH_TEST_ROOT/images/$(printf 'a%.0s' {1..64})/rootfs
	c=$(name lost)
	d=$(name lostdir)
	mkdir "$BERTH_TEST_ROOT/folder"
	stock storage create bt btrfs size=256MiB
	stock storage create sp1 dir source="$BERTH_TEST_ROOT/folder"
	stock init bb "$c" -s bt
	stock init bb "$d" -s sp1
	daemon_stop
	umount "$BERTH_TEST_ROOT/pools/bt"
	mkdir "$away"
	mv "$BERTH_TEST_ROOT/pools/bt.img" "$BERTH_TEST_ROOT/folder/containers" "$away"
	mkdir -p "$tree" "$export" # of a deleted image, and of an instance: nobody can say now whether one lies there, or was it
	daemon_start
	stock storage list -f csv
	contains "$output" "bt,btrfs,$BERTH_TEST_ROOT/pools/bt.img,,1,UNAVAILABLE"
	contains "$output" "sp1,dir,$BERTH_TEST_ROOT/folder,,1,UNAVAILABLE"
	stock_refused "Storage pool is unavailable on this server: 'bt'" start "$c"
	stock_refused "Storage pool is unavailable on this server: 'sp1'" delete "$d"
	stock_refused "Storage pool is unavailable on this server" init bb "$c" -s default
	stock_refused "Storage pool is unavailable on this server" init bb "$c-2" -s sp1
	stock_refused "Storage pool is unavailable on this server" storage volume list bt
	stock_refused "The storage pool is currently in use" storage delete bt
	stock_refused "The storage pool is currently in use" storage delete sp1
	stock warning list -f csv
	contains "$output" "Storage pool unavailable,NEW,HIGH"
	truncate -s 128M "$BERTH_TEST_ROOT/other.img"
	mkfs.btrfs -q "$BERTH_TEST_ROOT/other.img"
	mv "$BERTH_TEST_ROOT/other.img" "$BERTH_TEST_ROOT/pools/bt.img" # another file system is not taken for the pool's
	wait_for 10 grep -q "is another one" "$BERTH_TEST_LOGS/berthd.log"
	[[ -z $(findmnt -n "$BERTH_TEST_ROOT/pools/bt") ]]
	[[ -d $tree && -d $export ]]
	mv "$away/bt.img" "$BERTH_TEST_ROOT/pools/bt.img"
	mv "$away/containers" "$BERTH_TEST_ROOT/folder/containers"
	wait_for 20 pool_is bt Created
	wait_for 20 pool_is sp1 Created
	wait_for 20 is_state "$c" STOPPED
	wait_for 20 is_state "$d" STOPPED
	wait_for 10 test ! -e "$tree"
	stock warning list -f csv
	[[ $output != *"Storage pool"* ]]
	mv "$BERTH_TEST_ROOT/folder/containers" "$away" # while berthd runs: they stay in the list
	stock_refused "Storage pool is unavailable on this server" start "$d"
	is_state "$d" STOPPED
	mv "$away/containers" "$BERTH_TEST_ROOT/folder/containers"
	stock start "$c"
	daemon_restart
	wait_for 10 test ! -e "$export"
	stock delete -f "$c" "$d"
	stock storage delete bt
	stock storage delete sp1
	wait_for 10 nothing loops
	rm -r "$BERTH_TEST_ROOT/folder" "$away"
}

@test "instances and volumes on btrfs are subvolumes" {
	local c d pool=$BERTH_TEST_ROOT/pools/bt
	c=$(name bt)
	d=$(name btcopy)
	stock storage create bt btrfs size=512MiB
	stock launch bb "$c" -s bt
	is_subvolume "$pool/containers/$c/rootfs"
	in_container "$c" sh -c 'echo one >/root/f'
	stock snapshot "$c" s1
	is_subvolume "$pool/containers/$c/snapshots/s1/rootfs"
	run touch "$pool/containers/$c/snapshots/s1/rootfs/x"
	contains "$output" "Read-only file system"
	in_container "$c" sh -c 'echo two >/root/f'
	stock copy "$c" "$d"
	is_subvolume "$pool/containers/$d/rootfs"
	stock restore "$c" s1
	is_subvolume "$pool/containers/$c/rootfs"
	assert "$(in_container "$c" cat /root/f)" = one
	assert "$(cat "$pool/containers/$d/rootfs/root/f")" = two
	is_subvolume "$pool/containers/$d/snapshots/s1/rootfs"
	stock_refused "cannot be enforced" init bb "$c-x" -s default -d root,size=20MiB
	stock config device set "$c" root size=20MiB
	api GET "/1.0/storage-pools/bt/volumes/container/$c/state"
	assert "$(field .metadata.usage.total)" = 20971520
	run in_container "$c" dd if=/dev/urandom of=/root/big bs=1M count=40
	contains "$output" "uota exceeded"
	in_container "$c" rm /root/big
	stock restore "$c" s1
	stock config device get "$c" root size
	assert "$output" = ""
	stock config device set "$c" root size=20MiB
	stock snapshot "$c" s2
	stock restore "$c" s2
	run in_container "$c" dd if=/dev/urandom of=/root/big bs=1M count=40
	contains "$output" "uota exceeded"
	in_container "$c" rm /root/big
	stock config device unset "$c" root size
	in_container "$c" dd if=/dev/urandom of=/root/big bs=1M count=40
	stock info "$c"
	contains "$output" "root: 4"
	stock delete "$c/s2"
	stock storage volume create bt v1 size=20MiB
	is_subvolume "$pool/custom/v1"
	stock storage volume attach bt v1 "$c" vd /mnt/v1
	run in_container "$c" dd if=/dev/urandom of=/mnt/v1/big bs=1M count=40
	assert "$status" -ne 0
	contains "$output" "uota exceeded"
	in_container "$c" rm /mnt/v1/big
	stock storage volume snapshot bt v1 s1
	stock storage volume set bt v1 size=60MiB
	fault custom-update/write/fail # the limit is what the configuration says
	stock_refused "injected fault" storage volume set bt v1 size=20MiB
	fault ""
	stock storage volume get bt v1 size
	assert "$output" = 60MiB
	in_container "$c" dd if=/dev/urandom of=/mnt/v1/big bs=1M count=40
	stock storage volume copy bt/v1 bt/v2
	is_subvolume "$pool/custom/v2"
	stock storage volume copy bt/v1 default/v3
	stock storage volume delete default v3
	stock storage volume detach bt v1 "$c" vd
	stock storage volume restore bt v1 s1
	[[ ! -e $pool/custom/v1/big ]]
	stock storage volume set bt v2 size=10KiB # less than is there: nothing can be written, but that can be changed
	run touch "$pool/custom/v2/x"
	contains "$output" "uota exceeded"
	stock storage volume set bt v2 size=60MiB
	touch "$pool/custom/v2/x"
	stock storage volume unset bt v2 size
	stock storage volume delete bt v1
	stock storage volume delete bt v2
	stock delete "$c/s1"
	stock delete -f "$c"
	stock delete "$d"
	[[ -z $(ls -A "$pool/containers") && -z $(ls -A "$pool/custom") ]]
	stock storage delete bt
	wait_for 10 nothing loops
}

uuid_of() { # FIELD PATH
	btrfs subvolume show "$2" | sed -n "s/^[[:space:]]*$1:[[:space:]]*//p"
}

@test "an image is kept in a btrfs pool, and instances are snapshots of it" {
	local c fp step pool=$BERTH_TEST_ROOT/pools/bt image
	c=$(name img)
	fp=$("$BERTH" query /1.0/images/aliases/bb | jq -r .target)
	image=$pool/images/$fp
	stock storage create bt btrfs size=512MiB
	for step in rootfs/kill rootfs/kill-after; do # before it is there, and after
		fault "launch/$step"
		stock '?' init bb "$c" -s bt
		revive "$step"
		journal_ends
		[[ -z $(ls -A "$pool/containers") ]] || die "FAIL: after $step: $(ls -A "$pool/containers")"
	done
	is_subvolume "$image"
	run touch "$image/x"
	contains "$output" "Read-only file system"
	stock init bb "$c" -s bt
	assert "$(uuid_of "Parent UUID" "$pool/containers/$c/rootfs")" = "$(uuid_of UUID "$image")"
	stock storage volume list bt -f csv
	assert "$output" = "container,$c,,filesystem,1"$'\n'"image,$fp,,filesystem,1"
	stock storage volume show bt "image/$fp"
	contains "$output" "- /1.0/images/$fp"
	stock storage show bt
	contains "$output" "- /1.0/images/$fp"
	stock_refused "Volume config is not editable" storage volume set bt "image/$fp" user.a=b
	stock_refused 'Renaming storage volumes of type "image" is not allowed' storage volume rename bt "image/$fp" x
	stock storage volume delete bt "image/$fp"
	[[ ! -e $image ]]
	stock_refused "Storage pool volume not found" storage volume delete bt "image/$fp"
	run_berth rebuild bb "$c"
	is_subvolume "$image"
	# it may go just when it is to be taken: here another file system is in its place
	stock storage create bt2 btrfs size=256MiB
	mount --bind "$BERTH_TEST_ROOT/pools/bt2" "$image"
	is_subvolume "$image"
	stock launch bb "$c-copied" -s bt
	umount "$image"
	is_subvolume "$pool/containers/$c-copied/rootfs"
	assert "$(uuid_of "Parent UUID" "$pool/containers/$c-copied/rootfs")" = -
	stock delete -f "$c-copied"
	stock storage delete bt2
	# with the image it goes, whenever berthd dies
	for step in copies/kill copies/kill-after; do
		stock publish "$c" --alias other --compression none
		stock init other "$c-2" -s bt
		image=$pool/images/$("$BERTH" query /1.0/images/aliases/other | jq -r .target)
		is_subvolume "$image"
		fault "image-delete/$step"
		stock '?' image delete other
		revive "$step"
		journal_ends
		[[ ! -e $image ]] || die "FAIL: after $step"
		stock delete "$c-2"
	done
	stock delete "$c"
	[[ -d $pool/images/$fp ]]
	fault pool-delete/images/kill-after
	stock '?' storage delete bt
	revive
	journal_ends
	stock storage delete bt
	wait_for 10 nothing loops
}

@test "instances move between pools, whole or not at all" {
	local c step
	c=$(name mv)
	stock storage create sp1 dir
	stock storage create bt btrfs size=256MiB
	stock init bb "$c" -c user.a=b
	stock config get "$c" volatile.eth0.hwaddr
	local mac=$output
	stock snapshot "$c" s1
	for step in stage/kill-after notes/kill switch/kill switch/kill-after; do
		fault "move/$step"
		stock '?' move "$c" -s sp1
		revive "$step"
		journal_ends
		stock list "$c" -f csv -c nsb
		case $step in
		switch/*) assert "$output" = "$c,STOPPED,sp1" ;;
		*) assert "$output" = "$c,STOPPED,default" ;;
		esac
		[[ -z $(find "$BERTH_TEST_ROOT/lxc" "$BERTH_TEST_ROOT/pools/sp1" -maxdepth 2 -name '.mov*') ]] || die "FAIL: left after $step"
		[[ $step != switch/kill ]] || stock move "$c" -s default
	done
	[[ -L $BERTH_TEST_ROOT/lxc/$c ]]
	stock start "$c"
	stock_refused "CRIU isn't installed" move "$c" -s bt
	stock stop -f "$c"
	stock move "$c" -s sp1
	stock move "$c" "$c-r" -s bt
	stock list -f csv -c nsb "^$c"
	assert "$output" = "$c-r,STOPPED,bt"
	is_subvolume "$BERTH_TEST_ROOT/pools/bt/containers/$c-r/rootfs"
	[[ -z $(ls -A "$BERTH_TEST_ROOT/pools/sp1/containers") ]]
	stock config get "$c-r" volatile.eth0.hwaddr
	assert "$output" = "$mac"
	stock config get "$c-r" user.a
	assert "$output" = b
	stock start "$c-r"
	in_container "$c-r" touch /root/f
	stock restore "$c-r" s1
	run in_container "$c-r" ls /root/f
	assert "$status" -ne 0
	stock stop -f "$c-r"
	stock_refused "Storage pool not found" move "$c-r" -s nosuch
	stock move "$c-r" -s default --instance-only
	[[ ! -e $BERTH_TEST_ROOT/lxc/$c-r/snapshots ]] || die "FAIL: $(find "$BERTH_TEST_ROOT/lxc/$c-r" -maxdepth 2; cat "$BERTH_TEST_ROOT/lxc/$c-r/berth.json")"
	stock query "/1.0/instances/$c-r/snapshots"
	assert "$output" = "[]"
	stock delete "$c-r"
	stock storage delete sp1
	stock storage delete bt
	wait_for 10 nothing loops
}

@test "an instance in a pool that is half made or half deleted by a killed berthd" {
	local c step
	c=$(name half)
	stock storage create sp1 dir
	for step in create/kill-after rootfs/kill commit/kill; do
		fault "launch/$step"
		stock '?' init bb "$c" -s sp1
		revive "$step"
		journal_ends
		[[ ! -L $BERTH_TEST_ROOT/lxc/$c && -z $(ls -A "$BERTH_TEST_ROOT/pools/sp1/containers") ]] || die "FAIL: after $step"
	done
	stock init bb "$c" -s sp1
	fault rename/move/kill-after
	stock '?' rename "$c" "$c-r"
	revive
	journal_ends
	stock list -f csv -c n "^$c"
	assert "$output" = "$c"
	[[ -d $BERTH_TEST_ROOT/pools/sp1/containers/$c/rootfs ]]
	fault delete/sweep/kill
	stock '?' delete "$c"
	revive
	journal_ends
	[[ ! -L $BERTH_TEST_ROOT/lxc/$c && -z $(ls -A "$BERTH_TEST_ROOT/pools/sp1/containers") ]]
	stock storage delete sp1
}

@test "nothing is left behind" {
	leak_check
}
