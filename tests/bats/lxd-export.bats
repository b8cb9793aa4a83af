# SPDX-License-Identifier: MIT
# LXD's own client: export and import, in LXD's format.

bats_require_minimum_version 1.5.0
load helpers
load lxd

setup_file_more() {
	SRC=t$BERTH_TEST_ID-src
	export SRC
	"$BERTH" launch bb "$SRC" -c user.a=1 >/dev/null
	"$BERTH" exec "$SRC" -- sh -c 'echo then >/root/f; ln /root/f /root/hard; ln -s ../etc /root/soft; chown 33:44 /root/f'
	"$BERTH" snapshot "$SRC" "s & 1" >/dev/null
	"$BERTH" exec "$SRC" -- sh -c 'echo now >/root/f'
}

@test "the archive has LXD's members, the index first, ids as in the container" {
	local t=$BATS_TEST_TMPDIR
	stock export -q "$SRC" "$t/x.tar.gz"
	tar tvzf "$t/x.tar.gz" --numeric-owner >"$t/list"
	assert "$(tar tzf "$t/x.tar.gz" 2>/dev/null | head -n 1)" = backup/index.yaml
	grep -q ' backup/container/backup.yaml$' "$t/list"
	grep -q ' backup/container/metadata.yaml$' "$t/list"
	grep -q '33/44 .* backup/container/rootfs/root/f$' "$t/list"
	grep -q 'backup/container/rootfs/root/hard link to backup/container/rootfs/root/f$' "$t/list"
	grep -q 'backup/container/rootfs/root/soft -> ../etc$' "$t/list"
	assert "$(tar xzOf "$t/x.tar.gz" backup/container/rootfs/root/f)" = now
	assert "$(tar xzOf "$t/x.tar.gz" "backup/snapshots/s & 1/rootfs/root/f")" = "then"
	tar xzOf "$t/x.tar.gz" backup/index.yaml >"$t/index"
	grep -q "^name: $SRC\$" "$t/index"
	grep -q "^- s & 1\$" "$t/index"
	grep -q '^      user.a: "1"$' "$t/index"
	grep -q "volatile.last_state.idmap: '\[\]'" "$t/index"
	[[ ! -e $BERTH_TEST_ROOT/backups/exports ]] || assert "$(ls -A "$BERTH_TEST_ROOT/backups/exports")" = ""
}

@test "compressions, without snapshots, to stdout; what is refused" {
	local t=$BATS_TEST_TMPDIR
	stock export -q "$SRC" "$t/x.tar" --compression none --instance-only --optimized-storage
	assert "$(tar tf "$t/x.tar" | grep -c '^backup/snapshots')" = 0
	stock export -q "$SRC" "$t/x.xz" --compression "xz -0"
	xz -t "$t/x.xz"
	stock_refused "\"foo\" isn't currently supported" export "$SRC" "$t/y" --compression foo
	stock_refused "isn't allowed" export "$SRC" "$t/y" --compression "gzip -S/../x"
	stock_refused "Instance not found" export "$(name nosuch)" "$t/y"
}

@test "a backup that stays: listed, renamed, expired, gone with its instance" {
	local c
	c=$(name b1)
	stock init bb "$c"
	api POST "/1.0/instances/$c/backups" '{"name":"one","compression_algorithm":"none","instance_only":true,"expires_at":"2099-01-01T00:00:00Z"}'
	assert "$http" = 202
	assert "$(field '.metadata.resources.backups[0]')" = /1.0/backups/one
	api GET "$(field .operation)/wait"
	assert "$(field .metadata.status)" = Success
	api POST "/1.0/instances/$c/backups" '{"name":"one"}'
	assert "$http" = 409
	api POST "/1.0/instances/$c/backups" '{"name":"a/b"}'
	assert "$http" = 400
	stock info "$c"
	api GET "/1.0/instances/$c/backups"
	assert "$(field '.metadata[0]')" = "/1.0/instances/$c/backups/one"
	api POST "/1.0/instances/$c/backups/one" '{"name":"two"}'
	api GET "$(field .operation)/wait"
	assert "$(field .metadata.status)" = Success
	api GET "/1.0/instances/$c/backups/two"
	assert "$(field '.metadata | "\(.name) \(.instance_only) \(.optimized_storage) \(.expires_at)"')" = "two true false 2099-01-01T00:00:00Z"
	api GET "/1.0/instances/$c/backups/one"
	assert "$http" = 404
	api GET "/1.0/instances/$c/backups/two/export"
	assert "$http" = 200
	contains "$headers" "Content-Length: $(stat -c %s "$BERTH_TEST_ROOT"/backups/exports/*/two/archive)"
	stock rename "$c" "$c-x"
	api GET "/1.0/instances/$c-x/backups/two"
	assert "$http" = 200
	api DELETE "/1.0/instances/$c-x/backups/two"
	api GET "$(field .operation)/wait"
	assert "$(field .metadata.status)" = Success
	stock delete "$c-x"
}

@test "killed or failed on the way, nothing of it is left" {
	local c fault
	c=$(name b2)
	stock init bb "$c"
	for fault in export/index/kill export/trees/fail export/publish/fail; do
		fault "$fault"
		stock '?' export -q "$c" "$BATS_TEST_TMPDIR/y"
		[[ $fault != *kill ]] || revive "$fault"
		fault ""
		wait_for 10 journal_empty
		assert "$(find "$BERTH_TEST_ROOT/backups/exports" -mindepth 2 2>/dev/null)" = "" "$fault"
	done
	stock delete "$c"
}

@test "nothing is left behind" {
	"$BERTH" delete -f "$SRC"
	leak_check
}
