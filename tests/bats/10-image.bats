#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Images: import in every layout and compression, refusals, list, info, aliases, properties, export, delete.

BERTH_TEST_SETTINGS=$'image_max_bytes = 16MiB\nimage_max_entries = 3000'
load helpers

sha256() {
	sha256sum "$1" | cut -d' ' -f1
}

# A tree with a file of its own (so that its fingerprint is new): unpacked busybox plus a note. Prints the folder.
tree() {
	mkdir -p "$BATS_TEST_TMPDIR/tree"
	tar xzf "$BUSYBOX_IMAGE" -C "$BATS_TEST_TMPDIR/tree"
	echo "$BATS_TEST_NAME" >"$BATS_TEST_TMPDIR/tree/rootfs/etc/note"
	echo "$BATS_TEST_TMPDIR/tree"
}

# Imports FILE… as alias x, launches an instance from it and reads the note that tree() wrote.
imports_and_runs() {
	run_berth image import "$@" --alias x
	run_berth launch x "$(name x)"
	assert "$(in_container "$(name x)" cat /etc/note)" = "$BATS_TEST_NAME"
	run_berth delete -f "$(name x)"
	run_berth image delete x
}

# refuses FILE PART: the import fails with that message and leaves nothing in the store.
refuses() {
	local before
	wait_for 10 nothing staging # a client that went away in the test before
	before=$(find "$BERTH_TEST_ROOT/images" -maxdepth 2 | sort)
	refused 1 "$2" image import "$1"
	wait_for 10 nothing staging
	assert "$(find "$BERTH_TEST_ROOT/images" -maxdepth 2 | sort)" = "$before" "image store after a refusal"
}

@test "import says the fingerprint, the sha256 of the file" {
	tar xzf "$BUSYBOX_IMAGE" -O metadata.yaml >"$BATS_TEST_TMPDIR/metadata.yaml"
	run_berth image info bb
	contains "$output" "Fingerprint: $(sha256 "$BUSYBOX_IMAGE")"
	contains "$output" "Architecture: $(uname -m)"
	contains "$output" "Type: container"
	contains "$output" "    os: busybox"
	contains "$output" "Aliases:"$'\n'"    - bb"
	contains "$output" "    Last used: never"
}

@test "the same image again is refused" {
	refused 1 "Image with same fingerprint already exists" image import "$BUSYBOX_IMAGE" --alias other
	refused 1 "not found" image info other
}

@test "a tree under rootfs/, gzip" {
	tar czf "$BATS_TEST_TMPDIR/i.tar.gz" -C "$(tree)" rootfs
	imports_and_runs "$BATS_TEST_TMPDIR/i.tar.gz"
}

@test "a tree at the root of the archive, plain tar" {
	tar cf "$BATS_TEST_TMPDIR/i.tar" -C "$(tree)/rootfs" .
	imports_and_runs "$BATS_TEST_TMPDIR/i.tar"
}

@test "xz and zstd, pax headers" {
	tar cJf "$BATS_TEST_TMPDIR/i.tar.xz" --format=posix -C "$(tree)" metadata.yaml rootfs
	imports_and_runs "$BATS_TEST_TMPDIR/i.tar.xz"
	tar c --zstd -f "$BATS_TEST_TMPDIR/i.tar.zst" --format=posix -C "$(tree)" metadata.yaml rootfs
	imports_and_runs "$BATS_TEST_TMPDIR/i.tar.zst"
}

@test "a split image goes in and comes out as it was" {
	local dir=$BATS_TEST_TMPDIR
	tar cJf "$dir/meta.tar.xz" -C "$(tree)" metadata.yaml
	tar cJf "$dir/root.tar.xz" -C "$(tree)/rootfs" .
	run_berth image import "$dir/meta.tar.xz" "$dir/root.tar.xz" --alias split
	contains "$output" "$(cat "$dir/meta.tar.xz" "$dir/root.tar.xz" | sha256sum | cut -d' ' -f1)"
	run_berth launch split "$(name s)"
	assert "$(in_container "$(name s)" cat /etc/note)" = "$BATS_TEST_NAME"
	run_berth delete -f "$(name s)"
	run_berth image export split "$dir/out"
	cmp "$dir/meta.tar.xz" "$dir/out.tar.xz"
	cmp "$dir/root.tar.xz" "$dir/out.root.tar.xz"
	run_berth image delete split
}

@test "from stdin, with properties and more than one alias" {
	tar czf "$BATS_TEST_TMPDIR/i.tar.gz" -C "$(tree)" rootfs
	run_berth image import - --alias in1 --alias in2 --public user.a=1 description='two words & more' \
		<"$BATS_TEST_TMPDIR/i.tar.gz"
	contains "$output" "$(sha256 "$BATS_TEST_TMPDIR/i.tar.gz")"
	run_berth image get-property in2 description
	assert "$output" = "two words & more"
	run_berth image get-property in1 user.a
	assert "$output" = 1
	run_berth image list in1 -c pL -f csv
	assert "$output" = $'yes,"in1\nin2"'
	run_berth image delete in1
	refused 1 "not found" image show in2
}

@test "an alias given at import moves to the new image" {
	tar czf "$BATS_TEST_TMPDIR/i.tar.gz" -C "$(tree)" rootfs
	run_berth image alias create moving bb
	run_berth image import "$BATS_TEST_TMPDIR/i.tar.gz" --alias moving
	run_berth image alias list moving -f json
	assert "$(jq -r '.[0].target' <<<"$output")" = "$(sha256 "$BATS_TEST_TMPDIR/i.tar.gz")"
	run_berth image delete moving
	run_berth image info bb
}

@test "list: columns, filters, formats" {
	run_berth image list
	contains "$output" "| ALIAS "
	contains "$output" "| bb "
	contains "$output" CONTAINER
	run_berth image list -c F -f csv
	assert "$output" = "$(sha256 "$BUSYBOX_IMAGE")"
	run_berth image list os=busybox -c l -f csv
	assert "$output" = bb
	run_berth image list os=nosuch -c l -f csv
	assert "$output" = ""
	run_berth image list "$(sha256 "$BUSYBOX_IMAGE" | cut -c1-8)" -c lpt -f csv
	assert "$output" = bb,no,CONTAINER
	run_berth image list -f json
	assert "$(jq -r '.[0].properties.os' <<<"$output")" = busybox
	run_berth image list -f yaml
	contains "$output" "fingerprint: "
	refused 2 "unknown column 'Z'" image list -c Z
	refused 2 "unknown format 'html'" image list -f html
}

@test "a fingerprint's beginning names the image, an unknown one does not" {
	run_berth image show "$(sha256 "$BUSYBOX_IMAGE" | cut -c1-12)"
	contains "$output" "os: busybox"
	refused 1 "Image not found" image show 000000000000
	refused 1 "Image not found" image info nosuch
	refused 1 "Image not found" image delete nosuch
}

@test "aliases: create, list, rename, delete" {
	run_berth image alias create al1 bb --description 'an alias'
	run_berth image alias list al1 -f csv
	assert "$output" = "al1,$(sha256 "$BUSYBOX_IMAGE" | cut -c1-12),CONTAINER,an alias"
	refused 1 'Alias "al1" already exists' image alias create al1 bb
	run_berth image alias rename al1 al2
	refused 1 "Image alias not found" image alias rename al1 al3
	run_berth image show al2
	run_berth image alias delete al2
	refused 1 "Image alias not found" image alias delete al2
	refused 1 "not found" image alias create al4 nosuch
}

@test "properties: set, get, unset, edit from a file" {
	run_berth image set-property bb user.x 'a b'
	run_berth image get-property bb user.x
	assert "$output" = "a b"
	run_berth image unset-property bb user.x
	refused 1 "no property 'user.x'" image get-property bb user.x
	refused 1 "it is not set" image unset-property bb user.x
	run_berth image show bb
	sed 's/^public: false/public: true/; s/^properties:/properties:\n  user.edited: 7/' <<<"$output" >"$BATS_TEST_TMPDIR/edit"
	run_berth image edit bb <"$BATS_TEST_TMPDIR/edit"
	run_berth image get-property bb user.edited
	assert "$output" = 7
	run_berth image list bb -c p -f csv
	assert "$output" = yes
	run_berth image unset-property bb user.edited
	refused 1 "" image edit bb <<<'properties: ['
}

@test "export gives the bytes back: named by the server, by us, to a folder, to stdout" {
	local fingerprint
	fingerprint=$(sha256 "$BUSYBOX_IMAGE")
	cd "$BATS_TEST_TMPDIR"
	mkdir folder
	run_berth image export bb
	cmp "$fingerprint.tar.gz" "$BUSYBOX_IMAGE"
	run_berth image export bb mine
	cmp mine.tar.gz "$BUSYBOX_IMAGE"
	run_berth image export bb named.tar.gz
	cmp named.tar.gz "$BUSYBOX_IMAGE"
	run_berth image export bb folder
	cmp "folder/$fingerprint.tar.gz" "$BUSYBOX_IMAGE"
	"$BERTH" image export bb - | cmp - "$BUSYBOX_IMAGE"
}

@test "a failed export leaves no file" {
	mkdir "$BATS_TEST_TMPDIR/out"
	refused 1 "Image not found" image export nosuch "$BATS_TEST_TMPDIR/out/x"
	refused 1 "cannot write" image export bb "$BATS_TEST_TMPDIR/nofolder/x"
	assert "$(ls -A "$BATS_TEST_TMPDIR/out")" = ""
}

# A server that breaks off in the middle of an export: "close" ends the connection, "stall" says nothing more.
broken_server() {
	cat >"$BATS_TEST_TMPDIR/server" <<-'END'
		#!/bin/bash
		answer() { printf 'HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %s\r\n\r\n%s' "$1" "${#2}" "$2"; }
		while IFS=' ' read -r method path _; do
			while IFS= read -r line && [[ $line != $'\r' ]]; do :; done
			case $path in
			*/aliases/*) answer '404 Not Found' '{"type":"error","error":"Image alias not found","error_code":404}' ;;
			*/export)
				printf 'HTTP/1.1 200 OK\r\nContent-Disposition: inline;filename=abcd.tar.gz\r\nContent-Length: 1000\r\n\r\n12345'
				[[ $1 == close ]] && exit
				cat >/dev/null # silent until the client goes
				;;
			*) answer '200 OK' '{"type":"sync","metadata":{"fingerprint":"abcd"}}' ;;
			esac
		done
	END
	chmod +x "$BATS_TEST_TMPDIR/server"
	socat "UNIX-LISTEN:$BATS_TEST_TMPDIR/s,fork" "EXEC:$BATS_TEST_TMPDIR/server $1" 3>&- &
	SERVER=$!
	listening() { socat -u OPEN:/dev/null "UNIX-CONNECT:$BATS_TEST_TMPDIR/s" 2>/dev/null; } # the file is there before
	wait_for 10 listening
}

@test "a download that breaks off leaves no file" {
	mkdir "$BATS_TEST_TMPDIR/out"
	broken_server close
	run_berth 1 --socket "$BATS_TEST_TMPDIR/s" image export abcd "$BATS_TEST_TMPDIR/out/x"
	kill "$SERVER"
	assert "$(ls -A "$BATS_TEST_TMPDIR/out")" = ""
}

@test "an export that is interrupted leaves no file" {
	mkdir "$BATS_TEST_TMPDIR/out"
	broken_server stall
	"$BERTH" --socket "$BATS_TEST_TMPDIR/s" image export abcd "$BATS_TEST_TMPDIR/out/x" </dev/null 3>&- &
	local pid=$!
	wait_for 5 eval '[[ -n $(ls -A "$BATS_TEST_TMPDIR/out") ]]'
	kill -TERM "$pid"
	wait "$pid" || true
	kill "$SERVER"
	assert "$(ls -A "$BATS_TEST_TMPDIR/out")" = ""
}

@test "progress is shown on a terminal" {
	tar czf "$BATS_TEST_TMPDIR/i.tar.gz" -C "$(tree)" rootfs
	run script -qec "'$BERTH' image import '$BATS_TEST_TMPDIR/i.tar.gz' --alias tty" /dev/null </dev/null
	assert "$status" = 0
	contains "$output" "Transferring: 100%"
	contains "$output" "Image imported with fingerprint: $(sha256 "$BATS_TEST_TMPDIR/i.tar.gz")"
	run_berth image delete tty
}

@test "an image is deleted while an instance lies on it: the instance goes on" {
	tar czf "$BATS_TEST_TMPDIR/i.tar.gz" -C "$(tree)" rootfs
	run_berth image import "$BATS_TEST_TMPDIR/i.tar.gz" --alias gone
	run_berth launch gone "$(name g)"
	run_berth image delete gone
	refused 1 "not found" image show gone
	assert "$(in_container "$(name g)" cat /etc/note)" = "$BATS_TEST_NAME"
	run_berth restart -f "$(name g)"
	assert "$(in_container "$(name g)" cat /etc/note)" = "$BATS_TEST_NAME"
	run_berth delete -f "$(name g)"
	wait_for 5 test ! -e "$BERTH_TEST_ROOT/images/$(sha256 "$BATS_TEST_TMPDIR/i.tar.gz")"
}

# ---- what is refused

@test "refused: no archive at all, an empty file, a folder, nothing" {
	echo "not an image" >"$BATS_TEST_TMPDIR/text"
	: >"$BATS_TEST_TMPDIR/empty"
	refuses "$BATS_TEST_TMPDIR/text" ""
	refuses "$BATS_TEST_TMPDIR/empty" ""
	refused 1 "is a folder" image import "$BATS_TEST_TMPDIR"
	refused 1 "cannot open" image import "$BATS_TEST_TMPDIR/nosuch"
	refused 2 "" image import
}

@test "refused: truncated, and damaged in the middle" {
	local size
	size=$(stat -c %s "$BUSYBOX_IMAGE")
	head -c $((size / 2)) "$BUSYBOX_IMAGE" >"$BATS_TEST_TMPDIR/half.tar.gz"
	cp "$BUSYBOX_IMAGE" "$BATS_TEST_TMPDIR/bad.tar.gz"
	printf 'XXXXXXXXXXXXXXXX' | dd of="$BATS_TEST_TMPDIR/bad.tar.gz" bs=1 seek=$((size / 2)) conv=notrunc status=none
	refuses "$BATS_TEST_TMPDIR/half.tar.gz" ""
	refuses "$BATS_TEST_TMPDIR/bad.tar.gz" ""
}

@test "refused: members that leave the tree" {
	local dir=$BATS_TEST_TMPDIR
	mkdir -p "$dir/t/rootfs/etc" "$dir/t/rootfs/sbin"
	echo evil >"$dir/t/rootfs/etc/evil"
	tar cPf "$dir/up.tar" -C "$dir/t" --transform 's,rootfs/etc/evil,rootfs/../../../../tmp/berth-evil,' rootfs
	refuses "$dir/up.tar" ""
	tar cPf "$dir/abs.tar" -C "$dir/t" --transform 's,^rootfs/etc/evil,/tmp/berth-evil,' rootfs
	refuses "$dir/abs.tar" ""
	# a link to the host, then a file through it
	ln -s /tmp "$dir/t/rootfs/out"
	tar cf "$dir/through.tar" -C "$dir/t" rootfs/out
	tar rf "$dir/through.tar" -C "$dir/t" --transform 's,rootfs/etc/evil,rootfs/out/berth-evil,' rootfs/etc/evil
	refuses "$dir/through.tar" ""
	assert "$(ls /tmp/berth-evil 2>&1)" =~ "No such file"
}

@test "refused: more than the limits of bytes and entries allow" {
	local dir=$BATS_TEST_TMPDIR
	mkdir -p "$dir/big/rootfs/sbin" "$dir/many/rootfs/f"
	truncate -s 17M "$dir/big/rootfs/zeros"
	tar czf "$dir/big.tar.gz" -C "$dir/big" rootfs
	refuses "$dir/big.tar.gz" ""
	(cd "$dir/many/rootfs/f" && seq 3001 | xargs touch)
	tar czf "$dir/many.tar.gz" -C "$dir/many" rootfs
	refuses "$dir/many.tar.gz" ""
}

@test "nothing is left behind" {
	leak_check
}
