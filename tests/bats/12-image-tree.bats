#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What becomes of a tree on its way through an image; archives that attack; imports that are cut short.

# shellcheck disable=SC2034 # read by helpers
BERTH_TEST_SETTINGS=$'image_max_bytes = 600MiB\nimage_max_entries = 3000'
load helpers

KEEP=(--numeric-owner --xattrs '--xattrs-include=*' --acls -S)

# A tree with everything that is easily lost. Prints the folder.
rich_tree() {
	local t=$BATS_TEST_TMPDIR/rich long
	long=$(printf 'l%.0s' {1..120})
	mkdir -p "$t"/{bin,etc,dev,"home/$long"}
	head -c 5000 /bin/ls >"$t/bin/tool"
	ln "$t/bin/tool" "$t/bin/other"
	ln -s tool "$t/bin/link"
	ln -s /etc/../etc/os-release "$t/etc/absolute"
	ln -s "../../$long/$long/$long" "$t/home/$long/link"
	echo x >"$t/home/$long/$long"
	printf 'ID=rich\nVERSION_ID=7\nPRETTY_NAME="Rich 7"\n' >"$t/etc/os-release"
	truncate -s 8M "$t/etc/sparse"
	echo end >>"$t/etc/sparse"
	mkfifo "$t/etc/fifo"
	mknod "$t/dev/null" c 1 3
	chown -R 1000:1000 "$t/home"
	chmod 1777 "$t/etc"
	chmod 4711 "$t/bin/tool"
	setfattr -n user.colour -v blue "$t/etc/os-release"
	setfacl -m u:1001:rw,g:9:r "$t/etc/os-release"
	setfacl -d -m u:1001:rwx "$t/home"
	setcap cap_net_raw+ep "$t/bin/tool"
	touch -d '2001-02-03 04:05:06.5 UTC' "$t/etc/os-release"
	echo "$t"
}

# Everything about a tree but its device nodes and the sizes of folders, one line each.
facts() {
	(
		cd "$1" || exit
		find . -mindepth 1 ! -type c ! -type b -printf '%p %y %m %U:%G %T@ %l %n ' \( -type f -printf '%s' -o -true \) -printf '\n' | sort
		find . ! -type p ! -type c ! -type b ! -type l -exec getfattr -h -d -m '^(user|security.capability|system.posix)' -e hex {} + | sed '/^$/d'
		find . -type f | sort | xargs -d '\n' sha256sum
	)
}

# imported ALIAS: the folder of its tree
imported() {
	local fingerprint
	api GET "/1.0/images/aliases/$1"
	# shellcheck disable=SC2154 # api sets it
	fingerprint=$(sed -n 's/.*"target":"\([0-9a-f]*\)".*/\1/p' <<<"$body")
	[[ -n $fingerprint ]] || die "FAIL: no alias '$1'"
	echo "$BERTH_TEST_ROOT/images/$fingerprint/rootfs"
}

staging_empty() {
	[[ -z $(find "$BERTH_TEST_ROOT/images/.staging" -mindepth 1 -maxdepth 1) ]]
}

# refuses ARCHIVE MESSAGE: and the store is as before.
refuses() {
	local before
	wait_for 5 staging_empty
	before=$(find "$BERTH_TEST_ROOT/images" -maxdepth 2 | sort)
	refused 1 "$2" image import "$1"
	wait_for 5 staging_empty || die "FAIL: staging: $(ls -A "$BERTH_TEST_ROOT/images/.staging")"
	assert "$(find "$BERTH_TEST_ROOT/images" -maxdepth 2 | sort)" = "$before" "image store after a refusal"
}

# ---- what comes through

@test "owners, modes, times, links, holes, xattrs, ACLs and capabilities come through" {
	local t
	t=$(rich_tree)
	mknod "$t/etc/disk" b 8 0
	mknod "$t/etc/gone" c 0 0 # a whiteout of an overlay in there
	tar "${KEEP[@]}" --format=posix -C "$t" -czf "$BATS_TEST_TMPDIR/i.tar.gz" .
	run_berth image import "$BATS_TEST_TMPDIR/i.tar.gz" --alias rich
	diff <(facts "$t") <(facts "$(imported rich)")
	assert "$(stat -c %b "$(imported rich)/etc/sparse")" -lt 64 "blocks of a sparse file of 8 MiB"
	assert "$(ls "$(imported rich)/dev")" = "" "device nodes"
	assert "$(cd "$(imported rich)" && find . \( -type c -o -type b \) -exec stat -c '%n %t:%T' {} +)" = "./etc/gone 0:0"
	run_berth image info rich
	contains "$output" "description: Rich 7"
	run_berth image delete rich
}

@test "GNU, ustar and v7 archives, each way to store holes" {
	local t kind
	t=$(rich_tree)
	rm -r "$t"/home/l*
	for kind in "--format=gnu -S" "--format=ustar" "--format=v7 --exclude=./etc/fifo --exclude=./dev" \
		"--format=posix -S --sparse-version=0.0" "--format=posix -S --sparse-version=0.1" "--format=oldgnu -S"; do
		# shellcheck disable=SC2086
		tar --numeric-owner $kind -C "$t" -cf "$BATS_TEST_TMPDIR/i.tar" .
		run_berth image import "$BATS_TEST_TMPDIR/i.tar" --alias kind
		diff <(cd "$t" && find . -type f | sort | xargs sha256sum) <(cd "$(imported kind)" && find . -type f | sort | xargs sha256sum)
		assert "$(stat -c '%a %u %i' "$(imported kind)/bin/tool")" = "4711 0 $(stat -c %i "$(imported kind)/bin/other")" "$kind"
		run_berth image delete kind
	done
}

@test "a split image with a squashfs" {
	local t
	t=$(rich_tree)
	setfacl -Rb "$t"
	printf 'architecture: %s\ncreation_date: 1700000000\nproperties:\n  description: split one\n' "$(uname -m)" >"$BATS_TEST_TMPDIR/metadata.yaml"
	tar -C "$BATS_TEST_TMPDIR" -cJf "$BATS_TEST_TMPDIR/meta.tar.xz" metadata.yaml
	touch -d '2001-02-03 04:05:06 UTC' "$t/etc/os-release"
	tar "${KEEP[@]}" --format=posix -C "$t" -c . | tar2sqfs -q -f "$BATS_TEST_TMPDIR/root.squashfs"
	run_berth image import "$BATS_TEST_TMPDIR/meta.tar.xz" "$BATS_TEST_TMPDIR/root.squashfs" --alias sq
	# squashfs keeps whole seconds
	diff <(facts "$t" | sed 's/\.[0-9]\{10\}//') <(facts "$(imported sq)" | sed 's/\.[0-9]\{10\}//')
	run_berth image info sq
	contains "$output" "description: split one"
	contains "$output" "Created: 2023/11/14"
	run_berth image export sq "$BATS_TEST_TMPDIR/out"
	cmp "$BATS_TEST_TMPDIR/out.root.squashfs" "$BATS_TEST_TMPDIR/root.squashfs"
	run_berth image delete sq
	head -c 1500 "$BATS_TEST_TMPDIR/root.squashfs" >"$BATS_TEST_TMPDIR/cut.squashfs"
	refused 1 "squashfs" image import "$BATS_TEST_TMPDIR/meta.tar.xz" "$BATS_TEST_TMPDIR/cut.squashfs"
	wait_for 5 staging_empty
}

@test "the reader of archives is nobody and may do nothing" {
	local pid status
	mkdir -p "$BATS_TEST_TMPDIR/d"
	mkfifo "$BATS_TEST_TMPDIR/feed"
	"$BERTH_LIBEXEC_DIR/berth-unpack" --max-bytes 1000 --max-entries 10 --into "$BATS_TEST_TMPDIR/d" \
		--report "$BATS_TEST_TMPDIR/report" <"$BATS_TEST_TMPDIR/feed" 3>&- 2>/dev/null &
	pid=$!
	exec 9>"$BATS_TEST_TMPDIR/feed"
	reader_of() { pgrep -P "$pid" -x berth-unpack; }
	no_privileges() { [[ $(cat "/proc/$(reader_of)/status" 2>/dev/null) =~ NoNewPrivs:[[:space:]]1 ]]; } # the last step
	wait_for 5 no_privileges
	status=$(cat "/proc/$(reader_of)/status")
	contains "$status" $'Uid:\t65534\t65534\t65534\t65534'
	contains "$status" $'Gid:\t65534\t65534\t65534\t65534'
	contains "$status" $'CapEff:\t0000000000000000'
	exec 9>&-
	wait "$pid" && die "FAIL: an empty archive was accepted"
	contains "$(cat "$BATS_TEST_TMPDIR/report")" "Unsupported compression"
}

# ---- what does not

@test "refused: names, links and nodes that attack" {
	local dir=$BATS_TEST_TMPDIR t=$BATS_TEST_TMPDIR/t
	mkdir -p "$t/etc" "$t/dev"
	echo evil >"$t/etc/evil"
	tar -C "$t" -cPf "$dir/a.tar" --transform 's,^./etc/evil,/tmp/berth-evil,' .
	refuses "$dir/a.tar" "entry '/tmp/berth-evil': absolute names are refused"
	tar -C "$t" -cPf "$dir/a.tar" --transform 's,^./etc/evil,./etc/../../../berth-evil,' .
	refuses "$dir/a.tar" "names with '..' are refused"
	ln -s /tmp "$t/etc/out"
	tar -C "$t" -cf "$dir/a.tar" ./etc/out
	tar -C "$t" -rf "$dir/a.tar" --transform 's,etc/evil,etc/out/berth-evil,' ./etc/evil
	refuses "$dir/a.tar" "entry 'rootfs/etc/out/berth-evil' lies below 'rootfs/etc/out', which is a symbolic link"
	tar -C "$t" -rf "$dir/b.tar" ./etc/out
	tar -C "$t" -rf "$dir/b.tar" --transform 's,etc/evil,etc/out,' ./etc/evil
	refuses "$dir/b.tar" "entry 'rootfs/etc/out' comes twice"
	ln "$t/etc/evil" "$t/etc/hard"
	tar -C "$t" -cPf "$dir/a.tar" --transform 's,^./etc/evil,../../etc/shadow,h' --transform 's,^./etc/evil,./etc/evil,r' ./etc/evil ./etc/hard
	refuses "$dir/a.tar" "refused"
	touch "$t/etc/"$'line\nbreak'
	tar -C "$t" -cf "$dir/a.tar" .
	refuses "$dir/a.tar" "names with control characters are refused"
	rm "$t/etc/line"*
	chown 70000 "$t/etc/evil"
	tar -C "$t" -cf "$dir/a.tar" .
	refuses "$dir/a.tar" "beyond 65535"
	[[ ! -e /tmp/berth-evil && ! -e /berth-evil ]] || die "FAIL: a file was written on the host"
}

@test "refused: bombs, garbage, other archives" {
	local dir=$BATS_TEST_TMPDIR
	mkdir -p "$dir/t/etc" "$dir/z"
	truncate -s 700M "$dir/t/etc/zeros"
	tar -C "$dir/t" -czf "$dir/bomb.tar.gz" .
	refuses "$dir/bomb.tar.gz" "unpacks to more than 629145600 bytes"
	tar -C "$dir/t" -cSf "$dir/holes.tar" .
	refuses "$dir/holes.tar" "unpacks to more than 629145600 bytes"
	rm "$dir/t/etc/zeros"
	tar -C "$dir/t" -cf "$dir/a.tar" .
	echo garbage >>"$dir/a.tar"
	refuses "$dir/a.tar" "trailing garbage"
	printf 'BZh91AY&SY' >"$dir/a.tar.bz2"
	refuses "$dir/a.tar.bz2" "it is cut off"
	printf 'LZIP\001\014....' >"$dir/a.tar.lz"
	refuses "$dir/a.tar.lz" "Unsupported compression: lzip"
	head -c 100000 /dev/urandom >"$dir/noise"
	refuses "$dir/noise" "Unsupported compression"
	mkdir -p "$dir/z/photos"
	tar -C "$dir/z" -cf "$dir/photos.tar" .
	refuses "$dir/photos.tar" "no root file system"
}

@test "a refusal names what a listing of the archive shows, over the API too" {
	local answer id
	answer=$(printf 'no archive' | curl -s --unix-socket "$BERTH_SOCKET" -X POST -H 'Content-Type: application/octet-stream' \
		-H 'X-LXD-filename: x' --data-binary @- http://x/1.0/images)
	id=$(sed -n 's/.*"id":"\([^"]*\)".*/\1/p' <<<"$answer")
	answer=$(curl -s --unix-socket "$BERTH_SOCKET" "http://x/1.0/operations/$id/wait")
	contains "$answer" '"status_code":400'
	contains "$answer" '"err":"Unsupported compression: not a tar archive'
	contains "$answer" '"size":"10"'
}

# ---- cut short

# 500 MB of zeros that take a while: prints the archive
slow_image() {
	mkdir -p "$BATS_TEST_TMPDIR/slow/etc"
	head -c 500M /dev/zero >"$BATS_TEST_TMPDIR/slow/etc/zeros"
	tar -C "$BATS_TEST_TMPDIR/slow" -cJf "$BATS_TEST_TMPDIR/slow.tar.xz" .
	rm "$BATS_TEST_TMPDIR/slow/etc/zeros"
	echo "$BATS_TEST_TMPDIR/slow.tar.xz"
}

unpacking() {
	pgrep -f "berth-unpack.*$BERTH_TEST_ROOT" >/dev/null
}

not_unpacking() {
	! unpacking
}

hold_unpacker() { # in the middle of its work
	pkill -STOP -f "berth-unpack.*$BERTH_TEST_ROOT"
}

@test "an import that is cancelled leaves nothing, and no process, not even one that stands still" {
	local image id pid
	image=$(slow_image)
	"$BERTH" image import "$image" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	pid=$!
	wait_for 10 hold_unpacker
	# those that have ended are listed for a while, too
	id=$("$BERTH" operation list -f json | jq -r '.[] | select(.status_code == 103) | .id')
	api DELETE "/1.0/operations/$id"
	assert "$http" = 200
	wait $pid && die "FAIL: the import succeeded"
	contains "$(cat "$BATS_TEST_TMPDIR/out")" "cancelled"
	wait_for 10 not_unpacking
	wait_for 10 staging_empty
	wait_for 5 journal_empty
}

@test "berthd killed while it unpacks: the unpacker dies with it, the next start clears up" {
	local image
	image=$(slow_image)
	"$BERTH" image import "$image" >/dev/null 2>&1 3>&- &
	wait_for 10 unpacking
	daemon_kill
	wait_for 5 not_unpacking || die "FAIL: berth-unpack outlives berthd"
	daemon_start
	wait_for 10 staging_empty || die "FAIL: staging: $(ls -A "$BERTH_TEST_ROOT/images/.staging")"
	wait_for 10 journal_empty
	wait || true
}

@test "a client that goes away during the upload leaves nothing" {
	mkfifo "$BATS_TEST_TMPDIR/feed"
	curl -s --unix-socket "$BERTH_SOCKET" -X POST -H 'Content-Type: application/octet-stream' -T "$BATS_TEST_TMPDIR/feed" \
		http://x/1.0/images >/dev/null 3>&- &
	exec 9>"$BATS_TEST_TMPDIR/feed"
	head -c 1000000 /dev/zero >&9
	receiving() { ! staging_empty; }
	wait_for 10 receiving
	kill $!
	exec 9>&-
	wait_for 10 staging_empty
}

@test "two imports of the same image at once: one wins" {
	local t=$BATS_TEST_TMPDIR/t
	mkdir -p "$t/etc"
	echo "$BATS_TEST_NAME" >"$t/etc/note"
	tar -C "$t" -czf "$BATS_TEST_TMPDIR/i.tar.gz" .
	for i in 1 2 3 4; do
		"$BERTH" image import "$BATS_TEST_TMPDIR/i.tar.gz" >"$BATS_TEST_TMPDIR/out$i" 2>&1 3>&- &
	done
	wait
	assert "$(cat "$BATS_TEST_TMPDIR"/out? | grep -c 'imported with fingerprint')" = 1
	assert "$(cat "$BATS_TEST_TMPDIR"/out? | grep -c 'Image with same fingerprint already exists')" = 3
	wait_for 5 staging_empty
	run_berth image delete "$(sha256sum "$BATS_TEST_TMPDIR/i.tar.gz" | cut -c1-12)"
}

# ---- delete, whichever step fails

@test "image delete: a failing step before the point of no return brings it back, a kill is finished or undone" {
	local step how steps n t=$BATS_TEST_TMPDIR/t
	steps=$(sed -n '/op_step delete_steps/,/};/s/.*{ "\([a-z]*\)".*/\1/p' "$REPO/src/image/delete.c")
	assert "$steps" =~ "hide"
	mkdir -p "$t/etc"
	tar -C "$t" -czf "$BATS_TEST_TMPDIR/i.tar.gz" .
	for step in $steps; do
		for how in fail fail-after kill kill-after; do
			fault "image-delete/$step/$how"
			run_berth '?' image import "$BATS_TEST_TMPDIR/i.tar.gz" --alias victim
			run_berth '?' image delete victim
			daemon_restart
			wait_for 10 journal_empty || die "FAIL: journal after $step/$how"
			wait_for 10 staging_empty || die "FAIL: staging after $step/$how"
			n=$("$BERTH" image list victim -f csv | wc -l)
			case $step/$how in
			hide/* | commit/fail | commit/fail-after) assert "$n" = 1 "images after $step/$how" ;;
			*) assert "$n" = 0 "images after $step/$how" ;;
			esac
			if ((n == 1)); then
				assert "$(ls "$(imported victim)")" = "etc"
				run_berth image delete victim
			fi
			refused 1 "not found" image show victim
		done
	done
}

@test "nothing is left behind" {
	leak_check
}
