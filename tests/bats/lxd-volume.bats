# SPDX-License-Identifier: MIT
# LXD's own client: custom volumes.

bats_require_minimum_version 1.5.0
load helpers
load lxd

@test "volumes: create, list, show, set, info, rename, delete" {
	stock storage volume create default v1
	assert "$output" = "Storage volume v1 created"
	stock_refused "Volume by that name already exists" storage volume create default v1
	stock_refused "Storage pool not found" storage volume create nosuch v1
	stock_refused "Storage pool volume not found" storage volume show default nosuch
	stock_refused '"block" is not supported' storage volume create default vb --type=block
	stock_refused 'Invalid option for volume "default_vb" option "nosuch"' storage volume create default vb nosuch=1
	stock_refused 'cannot be enforced' storage volume create default vb size=1GiB
	stock_refused 'Invalid volume name' storage volume create default $'a\tb'
	stock storage volume list default -f csv
	assert "$output" = "custom,v1,,filesystem,0"
	stock storage volume set default v1 user.a=1 snapshots.expiry=2d
	stock storage volume get default v1 user.a
	assert "$output" = 1
	stock storage volume unset default v1 user.a
	stock storage volume get default v1 user.a
	assert "$output" = ""
	stock storage volume edit default v1 <<<'description: d'
	stock storage volume show default v1
	contains "$output" "description: d"
	contains "$output" "type: custom"
	contains "$output" "used_by: []"
	stock storage volume info default v1
	contains "$output" "Usage: "
	stock storage volume create default v0 size=0 # no limit: nothing to enforce
	api GET /1.0/storage-pools/default/volumes/custom/v0/state
	assert "$(field .metadata.usage.total)" = 0
	stock storage volume delete default v0
	stock storage volume list default --all-projects -f csv
	assert "$output" = "default,custom,v1,d,filesystem,0"
	stock_refused 'option "snapshots.expiry": Invalid expiry expression' storage volume set default v1 snapshots.expiry=soon
	stock_refused 'Schedule must be of the form: <minute> <hour>' storage volume set default v1 snapshots.schedule='0 6 * *'
	stock storage volume set default v1 security.shifted=true
	stock_refused "security.unmapped and security.shifted are mutually exclusive" storage volume set default v1 security.unmapped=true
	api PATCH /1.0/storage-pools/default/volumes/custom/v1 '{"config":{"security.unmapped":"true"}}'
	assert "$http" = 400
	stock storage volume unset default v1 security.shifted
	stock storage volume rename default v1 v2
	stock_refused "Storage pool volume not found" storage volume show default v1
	stock storage volume show default v2
	contains "$output" "description: d"
	stock storage show default
	contains "$output" "/1.0/storage-pools/default/volumes/custom/v2"
	stock storage volume delete default v2
	stock_refused "Storage pool volume not found" storage volume delete default v2
}

no_operations() {
	api GET /1.0/operations
	[[ $(field '.metadata | length') == 0 ]]
}

is_empty() { # FOLDER
	[[ -z $(ls -A "$1") ]]
}

@test "volumes: attached to an instance and a profile, snapshot, restore, copy, move" {
	local c
	c=$(name vol)
	stock storage create sp1 dir
	stock storage volume create default v1
	stock storage volume create default v9 # a deletion that fails when it cannot go back is finished with the next one
	fault custom-delete/sweep/fail
	stock_refused "injected fault" storage volume delete default v9
	fault ""
	stock_refused "Storage pool volume not found" storage volume show default v9
	stock launch bb "$c"
	stock storage volume attach default v1 "$c" vd /mnt/v1
	in_container "$c" sh -c 'echo one >/mnt/v1/f && chown 5:6 /mnt/v1/f'
	stock_refused "The storage volume is still in use" storage volume delete default v1
	stock_refused "Volume is still in use by running instances" storage volume rename default v1 v2
	stock_refused "Volume is still in use by running instances" query -X POST -d '{"name":"v1","pool":"sp1"}' \
		/1.0/storage-pools/default/volumes/custom/v1
	stock storage volume show default v1
	contains "$output" "- /1.0/instances/$c"
	stock storage volume show default "container/$c"
	contains "$output" "type: container"
	stock config device show "$c"
	contains "$output" "source: v1"
	stock storage volume snapshot default v1 s1
	stock_refused 'Snapshot "s1" already in use' storage volume snapshot default v1 s1
	stock storage volume snapshot default v1
	api GET "/1.0/storage-pools/default/volumes/custom/v1/snapshots?recursion=1"
	assert "$(field '[.metadata[].name] | join(" ")')" = "v1/s1 v1/snap0"
	in_container "$c" sh -c 'echo two >/mnt/v1/f'
	stock_refused "Snapshot not found" storage volume restore default v1 nosuch
	stock_refused "cannot be deleted with the storage API" storage volume delete default "container/$c"
	stock_refused "Cannot restore custom volume used by running instances" storage volume restore default v1 s1
	stock storage volume detach default v1 "$c" vd
	run in_container "$c" ls /mnt/v1/f
	assert "$status" -ne 0
	stock storage volume restore default v1 s1
	stock storage volume show default v1/s1
	contains "$output" "name: s1"
	stock storage volume edit default v1/s1 <<<'{"description": "first", "expires_at": "2100-01-02T00:00:00Z"}'
	stock storage volume show default v1/s1
	contains "$output" "expires_at: 2100-01-02T00:00:00Z"
	stock storage volume edit default v1/s1 <<<'{"description": "first"}'
	stock storage volume show default v1/s1
	contains "$output" "expires_at: 0001-01-01T00:00:00Z"
	stock storage volume list default -f csv
	contains "$output" "v1/s1,"
	stock storage volume info default v1
	contains "$output" "s1"
	stock storage volume copy default/v1 default/v2
	stock storage volume copy default/v1/s1 sp1/v4
	stock storage volume move default/v2 sp1/v3
	stock_refused "Storage pool volume not found" storage volume show default v2
	stock storage volume show sp1 v3/snap0
	stock_refused "The storage pool is currently in use" storage delete sp1
	stock storage volume attach-profile sp1 v3 default vp mnt/v3 # LXD takes that for /mnt/v3
	assert "$(in_container "$c" cat /mnt/v3/f)" = one
	api GET /1.0/storage-pools/sp1/volumes/custom/v3
	assert "$(field '.metadata.used_by | join(" ")')" = /1.0/profiles/default # not those that have it of the profile
	assert "$(in_container "$c" stat -c %u:%g /mnt/v3/f)" = 5:6
	stock_refused "Volume is still in use by running instances" storage volume rename sp1 v3 v5
	stock stop -f "$c"
	stock storage volume attach default v1 "$c" vd /mnt/v1
	stock storage volume rename default v1 "a name"
	stock storage volume rename sp1 v3 v5
	stock query -X POST -d '{"name":"v3","pool":"default"}' --wait /1.0/storage-pools/sp1/volumes/custom/v5
	stock config device get "$c" vd source
	assert "$output" = "a name"
	stock profile device show default
	contains "$output" $'vp:\n  path: mnt/v3\n  pool: default\n  source: v3'
	stock config device add "$c" path disk source="$BERTH_TEST_ROOT/volumes/_custom/v3" path=/mnt/path
	stock_refused 'has it by its path' storage volume rename default v3 v5
	stock config device remove "$c" path
	stock start "$c"
	assert "$(in_container "$c" cat /mnt/v1/f /mnt/v3/f)" = $'one\none'
	stock storage volume detach default "a name" "$c" vd
	stock storage volume rename default "a name" v1
	stock storage volume detach-profile default v3 default vp
	stock query -X POST -d '{"name":"v3","pool":"sp1"}' --wait /1.0/storage-pools/default/volumes/custom/v3
	stock storage volume rename default v1/snap0 v1/snapx
	stock storage volume delete default v1/s1
	stock storage volume show default v1/snapx
	stock_refused "not found" storage volume show default v1/s1
	wait_for 10 no_operations # only what nobody can ask about any more is tried again
	stock storage volume delete default v1
	stock storage volume delete sp1 v3
	stock storage volume delete sp1 v4
	stock storage delete sp1
	stock_refused "Failed loading custom volume: Storage volume not found" config device add "$c" vx disk pool=default source=nosuch path=/mnt/x
	wait_for 10 is_empty "$BERTH_TEST_ROOT/volumes/_custom"
	journal_ends
}

@test "a copy is refreshed: data and snapshots, not the configuration" {
	local c dir=$BERTH_TEST_ROOT/volumes/_custom step
	c=$(name refresh)
	stock storage volume create default v1 user.a=1
	echo one >"$dir/v1/f"
	stock storage volume snapshot default v1 s1
	stock storage volume copy default/v1 default/v2 --refresh
	api GET "/1.0/storage-pools/default/volumes/custom/v2/snapshots?recursion=1"
	assert "$(field '.metadata[].name')" = "v2/s1"
	stock storage volume set default v1 user.a=2
	stock storage volume set default v2 user.b=3
	echo two >"$dir/v1/f"
	echo own >"$dir/v2/own"
	chown 5:6 "$dir/v1/f"
	stock storage volume snapshot default v1 s2
	stock storage volume snapshot default v2 extra
	stock storage volume delete default v2/s1
	stock storage volume snapshot default v2 s1 # another one of that name
	stock_refused "Volume by that name already exists" storage volume copy default/v1 default/v2
	stock_refused "Storage pool volume not found" storage volume copy default/nosuch default/v2 --refresh
	stock_refused "not found" storage volume copy default/v1/nosuch default/v2 --refresh
	stock storage volume copy default/v1 default/v2 --refresh --volume-only
	assert "$(ls -A "$dir/v2")" = f
	stock storage volume show default v2/extra
	for step in build/kill-after swap/kill swap/kill-after snapshots/kill snapshots/kill-after sweep/kill-after; do
		[[ -e $dir/.v2/snapshots/extra ]] || stock storage volume snapshot default v2 extra
		stock storage volume delete default v2/s1
		stock storage volume snapshot default v2 s1
		echo old >"$dir/v2/f"
		fault "custom-refresh/$step"
		stock '?' storage volume copy default/v1 default/v2 --refresh
		revive "$step"
		journal_ends
		if [[ $step == build/* ]]; then
			assert "$(cat "$dir/v2/f")" = old "$step"
			stock storage volume show default v2/extra
			continue
		fi
		assert "$(cat "$dir/v2/f")" = two "$step"
		assert "$(stat -c %u:%g "$dir/v2/f")" = 5:6 "$step"
		assert "$(cat "$dir/.v2/snapshots/s1/data/f")" = one "$step"
		assert "$(cat "$dir/.v2/snapshots/s2/data/f")" = two "$step"
		assert "$(cd "$dir/.v2/snapshots" && echo *)" = "s1 s2" "$step"
		assert "$(ls -A "$dir")" = $'.v1\n.v2\nv1\nv2' "$step"
	done
	stock storage volume get default v2 user.a
	assert "$output" = 1
	stock storage volume get default v2 user.b
	assert "$output" = 3
	stock storage volume copy default/v2 default/v2 --refresh
	stock storage volume show default v2/s2
	stock storage volume copy default/v1/s1 default/v2 --refresh
	assert "$(cat "$dir/v2/f")" = one
	api GET "/1.0/storage-pools/default/volumes/custom/v2/snapshots"
	assert "$(field .metadata)" = "[]" # as LXD: a snapshot has none
	stock launch bb "$c"
	stock storage volume attach default v2 "$c" vd /mnt/v
	stock_refused "used by running instances" storage volume copy default/v1 default/v2 --refresh
	stock stop -f "$c"
	stock storage volume copy default/v1 default/v2 --refresh
	assert "$(cat "$dir/v2/f")" = two
	run_berth volume attach "$c" data
	stock_refused "belongs to an instance" storage volume copy default/v1 "default/${c}_data" --refresh
	stock delete -f "$c"
	stock storage volume delete default "${c}_data"
	stock storage volume delete default v1
	stock storage volume delete default v2
	[[ -z $(ls -A "$dir") ]]
}

@test "an instance's own volumes are the default pool's" {
	local c dir
	c=$(name own)
	dir=$BERTH_TEST_ROOT/volumes/$c
	stock launch bb "$c"
	run_berth volume attach "$c" data
	in_container "$c" sh -c 'echo mine >/mnt/data/f'
	stock storage volume list default -f csv
	contains "$output" "custom,${c}_data,,filesystem,1"
	stock storage volume set default "${c}_data" user.k=v
	stock storage volume snapshot default "${c}_data" s1
	stock storage volume copy "default/${c}_data" default/mine --volume-only
	assert "$(cat "$BERTH_TEST_ROOT/volumes/_custom/mine/f")" = mine
	stock_refused "still in use" storage volume delete default "${c}_data"
	stock_refused "belongs to an instance" storage volume rename default "${c}_data" other
	stock storage volume create default "${c}_new" # the pool's, whatever it is called
	refused 1 "Volume by that name already exists" volume create "$c/new"
	refused 1 "Volume by that name already exists" volume attach "$c" new
	stock storage volume delete default "${c}_new"
	stock delete -f "$c"
	echo later >"$dir/data/f"
	fault custom-restore/swap/kill
	stock '?' storage volume restore default "${c}_data" s1
	died
	mv "$dir/data" "$(echo "$dir"/..new.*)/old" # between its two renames
	revive
	journal_ends
	assert "$(cat "$dir/data/f")" = mine
	assert "$(ls -A "$dir")" = $'.data\ndata'
	stock storage volume get default "${c}_data" user.k
	assert "$output" = v
	stock storage volume delete default "${c}_data"
	stock storage volume delete default mine
	[[ ! -e $dir ]]
}

@test "volumes that are half made by a killed berthd" {
	local kind step
	stock storage volume create default v1
	echo one >"$BERTH_TEST_ROOT/volumes/_custom/v1/f"
	for step in build/kill build/kill-after limit/kill; do
		fault "custom-create/$step"
		stock '?' storage volume copy default/v1 default/v2
		revive "$step"
		journal_ends
		stock_refused "not found" storage volume show default v2
	done
	fault custom-create/place/kill
	stock '?' storage volume copy default/v1 default/v2
	revive
	journal_ends
	assert "$(cat "$BERTH_TEST_ROOT/volumes/_custom/v2/f")" = one
	fault custom-snapshot/copy/kill-after
	stock '?' storage volume snapshot default v1 s1
	revive
	journal_ends
	stock_refused "not found" storage volume show default v1/s1
	stock storage volume snapshot default v1 s1
	echo two >"$BERTH_TEST_ROOT/volumes/_custom/v1/f"
	for kind in build/kill-after:two swap/kill:one swap/kill-after:one; do
		echo two >"$BERTH_TEST_ROOT/volumes/_custom/v1/f"
		fault "custom-restore/${kind%:*}"
		stock '?' storage volume restore default v1 s1
		revive "$kind"
		journal_ends
		assert "$(cat "$BERTH_TEST_ROOT/volumes/_custom/v1/f")" = "${kind#*:}" "$kind"
	done
	fault custom-delete/hide/kill-after
	stock '?' storage volume delete default v1
	revive
	journal_ends
	stock_refused "not found" storage volume show default v1
	stock storage volume delete default v2
	[[ -z $(ls -A "$BERTH_TEST_ROOT/volumes/_custom") ]]
}

# exports of a volume that are there, and what is half-made beside it
exports_of() { # VOLUME
	ls -A "$BERTH_TEST_ROOT/volumes/_custom/.$1/backups" 2>/dev/null || true
}

@test "volumes: export, import, and the backups between" {
	local dir=$BERTH_TEST_ROOT/volumes/_custom out=$BERTH_TEST_ROOT/v.tar url=/1.0/storage-pools/default/volumes/custom/v1/backups step
	stock storage volume create default v1 user.a=1
	stock storage volume edit default v1 <<<$'description: d\nconfig:\n  user.a: "1"'
	mkdir "$dir/v1/sub"
	echo one >"$dir/v1/sub/f"
	ln -s /etc/passwd "$dir/v1/link"
	ln "$dir/v1/sub/f" "$dir/v1/hard"
	chown 5:70000 "$dir/v1/sub/f"
	chmod 2750 "$dir/v1/sub"
	setfattr -n user.x -v y "$dir/v1/sub/f"
	chmod 0755 "$dir/v1"
	chown 7:8 "$dir/v1"
	stock storage volume snapshot default v1 s1
	echo two >"$dir/v1/sub/f"
	stock storage volume export default v1 "$out" --compression none
	assert "$(tar -tf "$out" | head -n 1)" = backup/index.yaml
	contains "$(tar -tf "$out")" backup/volume-snapshots/s1/sub/f
	assert "$(tar -xOf "$out" backup/volume/sub/f)" = two
	assert "$(exports_of v1)" = ""
	stock storage volume import default "$out" v2
	stock storage volume show default v2
	contains "$output" "description: d"
	contains "$output" 'user.a: "1"'
	assert "$(cat "$dir/v2/sub/f" "$dir/.v2/snapshots/s1/data/sub/f")" = $'two\none'
	assert "$(stat -c %u:%g "$dir/v2/sub/f")" = 5:70000
	assert "$(stat -c %a "$dir/v2/sub")" = 2750
	assert "$(stat -c %a:%u:%g "$dir/v2" "$dir/.v2/snapshots/s1/data")" = $'755:7:8\n755:7:8'
	assert "$(getfattr --only-values -n user.x "$dir/v2/sub/f")" = y
	assert "$(readlink "$dir/v2/link")" = /etc/passwd
	[[ $dir/v2/hard -ef $dir/v2/sub/f ]]
	stock_refused "Volume by that name already exists" storage volume import default "$out" v2
	stock storage volume delete default v2
	# a name of its own, without snapshots, any packing
	stock storage volume export default v1 "$out" --volume-only --compression xz
	stock storage volume rename default v1 v3
	stock storage volume import default "$out"
	api GET /1.0/storage-pools/default/volumes/custom/v1/snapshots
	assert "$(field .metadata)" = "[]"
	stock storage volume delete default v3
	stock_refused "Storage pool volume not found" storage volume export default nosuch "$out.no"
	api POST /1.0/storage-pools/nosuch/volumes '{"name":"v","source":{"type":"migration","mode":"push"}}'
	assert "$http $(field .error)" = "404 Storage pool not found"
	stock_refused "Invalid volume name" storage volume import default "$out" $'a\tb'
	stock_refused "Storage pool not found" storage volume import nosuch "$out" v2
	echo nonsense >"$out"
	stock_refused "Unsupported compression" storage volume import default "$out" v2

	stock query -X POST -d '{"volume_only":true}' --wait "$url"
	stock query -X POST -d '{"name":"b1","expires_at":"2100-01-01T00:00:00Z"}' --wait "$url"
	stock_refused 'Backup "v1/b1" already exists' query -X POST -d '{"name":"b1"}' --wait "$url"
	stock_refused "Backup names may not contain slashes" query -X POST -d '{"name":"a/b"}' --wait "$url"
	stock_refused "expires_at 'x'" query -X POST -d '{"name":"b2","expires_at":"x"}' --wait "$url"
	stock_refused 'Invalid compression algorithm "nosuch"' query -X POST -d '{"compression_algorithm":"nosuch"}' --wait "$url"
	api GET "$url"
	assert "$(field '.metadata | sort | join(" ")')" = "$url/b1 $url/backup0"
	stock_refused 'Backup "v1/b1" already exists' query -X POST -d '{"name":"b1"}' --wait "$url/backup0"
	stock query -X POST -d '{"name":"b2"}' --wait "$url/backup0"
	api GET "$url/b2"
	assert "$(field '.metadata | [.name, .volume_only, .optimized_storage, .expires_at] | @csv')" = '"b2",true,false,"0001-01-01T00:00:00Z"'
	stock query -X DELETE --wait "$url/b2"
	stock_refused "Storage volume backup not found" query "$url/b2"
	stock_refused "Storage volume backup not found" query -X DELETE --wait "$url/b2"
	stock_refused "Storage volume backup not found" query "$url/b2/export"
	stock storage volume rename default v1 v4 # they are its own, whatever it is called
	assert "$(exports_of v4)" = b1
	stock storage volume delete default v4
	[[ -z $(ls -A "$dir") ]]
}

@test "exports and imports of volumes in which berthd is killed" {
	local dir=$BERTH_TEST_ROOT/volumes/_custom out=$BERTH_TEST_ROOT/k.tar step
	stock storage volume create default v1
	echo one >"$dir/v1/f"
	stock storage volume snapshot default v1 s1
	for step in copy/kill-after trees/kill-after sync/fail; do
		fault "custom-export/$step"
		stock '?' storage volume export default v1 "$out"
		[[ $step == */fail ]] || revive "$step"
		journal_ends
		assert "$(exports_of v1)" = "" "$step"
		assert "$(ls -A "$dir")" = $'.v1\nv1' "$step"
	done
	for step in publish/kill publish/kill-after sweep/kill-after; do
		fault "custom-export/$step"
		stock '?' storage volume export default v1 "$out"
		revive "$step"
		journal_ends
		assert "$(exports_of v1)" = backup0 "$step"
		assert "$(ls -A "$dir")" = $'.v1\nv1' "$step"
		fault "custom-export-delete/${step/#*\//hide/}"
		[[ $step != sweep/* ]] || fault custom-export-delete/delete/kill
		stock '?' query -X DELETE --wait /1.0/storage-pools/default/volumes/custom/v1/backups/backup0
		revive "$step"
		journal_ends
		assert "$(exports_of v1)" = "" "$step"
	done
	stock storage volume export default v1 "$out"
	for step in build/kill-after limit/fail place/kill; do
		fault "custom-import/$step"
		stock '?' storage volume import default "$out" v2
		[[ $step == */fail ]] || revive "$step"
		journal_ends
		[[ -z $(find "$BERTH_TEST_ROOT/backups" -name '.import.*') ]]
		[[ $step == place/* ]] || assert "$(ls -A "$dir")" = $'.v1\nv1' "$step"
	done
	assert "$(cat "$dir/v2/f" "$dir/.v2/snapshots/s1/data/f")" = $'one\none'
	stock storage volume delete default v1
	stock storage volume delete default v2
	[[ -z $(ls -A "$dir") ]]
}

# A tar archive of backup/ in the folder, with this index.
backup_of() { # FOLDER INDEX
	printf '%s' "$2" >"$1/backup/index.yaml"
	tar -C "$1" -cf "$1.tar" backup/index.yaml backup
}

@test "backups of volumes that lie" {
	local dir=$BERTH_TEST_ROOT/volumes/_custom lie=$BERTH_TEST_ROOT/lie index
	index=$'name: v\ntype: custom\nconfig:\n  volume:\n    name: v\n    config: {}\n'
	mkdir -p "$lie/backup"
	refused() { # INDEX PART
		backup_of "$lie" "$1"
		stock_refused "$2" storage volume import default "$lie.tar" v
	}
	refused "$index" "the backup holds no backup/volume"
	mkdir "$lie/backup/volume"
	refused "${index/custom/container}" "of type 'container'"
	refused $'optimized: true\nbackend: btrfs\n'"$index" "Optimized backup storage driver \"btrfs\" differs"
	refused "${index/config: \{\}/config: [a]}" "must hold strings"
	refused "${index/config: \{\}/config: {a: [b]\}}" "'a' of the volume is no string"
	refused "${index/config: \{\}/config: {nosuch: b\}}" 'Invalid option for volume'
	refused "${index/config: \{\}/content_type: block}" "of type 'block'"
	refused "${index/config: \{\}/config: {volatile.idmap.last: nonsense\}}" "map of ids"
	refused $'snapshots: [s1]\n'"$index" "says nothing of some of its snapshots"
	refused $'snapshots: [s1]\n'"$index"$'  volume_snapshots: [{name: s1}]\n' "the backup holds no backup/volume-snapshots/s1"
	refused $'snapshots: [a]\n'"$index"$'  volume_snapshots: [{name: ../../a}]\n' 'cannot contain "/"'
	refused $'snapshots: [a, a]\n'"$index"$'  volume_snapshots: [{name: a}, {name: a}]\n' "twice"
	# not a lie: the volume was shifted for a container of LXD's, its snapshot is older
	mkdir -p "$lie/backup/volume-snapshots/s"
	touch "$lie/backup/volume/f" "$lie/backup/volume-snapshots/s/f"
	chown 1000005:1000006 "$lie/backup/volume/f"
	backup_of "$lie" $'snapshots: [s]\nname: v\ntype: custom\nconfig:\n  volume_snapshots: [{name: s}]\n  volume:\n    config:\n'"      volatile.idmap.last: \
'[{\"Isuid\":true,\"Isgid\":true,\"Hostid\":1000000,\"Nsid\":0,\"Maprange\":65536}]'"
	stock storage volume import default "$lie.tar" v
	assert "$(stat -c %u:%g "$dir/v/f" "$dir/.v/snapshots/s/data/f")" = $'5:6\n0:0'
	stock storage volume delete default v
	ln -s /tmp "$lie/backup/volume/out"
	tar -C "$lie" -cf "$lie.tar" backup/index.yaml backup
	tar -C "$lie" -rf "$lie.tar" --transform='s,^.*index.yaml$,backup/volume/out/berth-lie,' backup/index.yaml
	stock '?' storage volume import default "$lie.tar" v
	[[ ! -e /tmp/berth-lie ]]
	stock '?' storage volume delete default v
	[[ -z $(ls -A "$dir") && -z $(find "$BERTH_TEST_ROOT/backups" -name '.import.*') ]]
}

@test "nothing is left behind" {
	leak_check
}
