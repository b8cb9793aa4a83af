#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# berth-pack, the program that stands between a tree and its backup, without berthd: tar streams that become one, what
# is found in a tree, and what has changed in it since.

load helpers

setup_file() {
	ROOT=$(mktemp -d /tmp/berth-pack.XXXX)
	chmod 755 "$ROOT"
	export ROOT PACK=$ROOT/berth-pack # a name that no other file's have
	cp "$BERTH_BUILD/berth-pack" "$PACK"
}

teardown_file() {
	[[ ${ROOT:-} != /tmp/berth-pack.* ]] || rm -rf --one-file-system "$ROOT"
}

setup() {
	D=$ROOT/$BATS_TEST_NUMBER
	mkdir -p "$D/tree"
	cd "$D" || return
}

teardown() {
	cd /
}

# As backups have it: tar_of MEMBER…
tar_of() {
	tar c -C "$D/tree" --format=posix --numeric-owner --sparse "$@"
}

# join <TARS: to the file "out"; what it says is checked
joined() {
	local said
	said=$("$PACK" join 3>"$D/out") || die "FAIL: $said"
	assert "$(tail -n 1 <<<"$said")" = "total $(stat -c %s "$D/out")"
	# two blocks of zeros at the end, and an entry before them
	assert "$(tail -c 1024 "$D/out" | tr -d '\0' | wc -c)" = 0
	tar tf "$D/out" >"$D/list"
}

# join_fails PART <TARS
join_fails() {
	run "$PACK" join 3>/dev/null
	assert "$status" = 1 "$1"
	contains "$output" "berth-pack: $1"
}

@test "streams become one: the ends between them are gone, zeros in files are not" {
	head -c 4096 /dev/zero >tree/zeros
	{ echo data && head -c 20000 /dev/zero; } >tree/ends-in-zeros
	truncate -s 5M tree/hole
	printf x | dd of=tree/hole bs=1 seek=3000000 conv=notrunc status=none
	: >tree/empty
	ln -s zeros tree/link
	ln tree/zeros tree/hard
	mkfifo tree/fifo
	echo last >"tree/$(printf 'n%.0s' {1..200})"
	joined < <(tar_of zeros && tar_of -b 1 ends-in-zeros hole && tar_of empty link hard fifo && (cd tree && tar_of n*))
	assert "$(head -n 7 list | tr '\n' ' ')" = "zeros ends-in-zeros hole empty link hard fifo "
	assert "$(wc -l <list)" = 8
	mkdir back
	tar x -C back -f out
	(cd tree && sha256sum -- zeros ends-in-zeros hole empty hard n*) >sums
	(cd back && sha256sum -c --quiet ../sums)
	# one stream that has one end already is what comes out
	joined < <(tar_of -b 1 zeros)
	cmp out <(tar_of -b 1 zeros)
}

@test "however the stream is cut, it comes out the same" {
	local size
	head -c 3000 /dev/urandom >tree/a
	head -c 2048 /dev/zero >tree/b
	{ tar_of a && tar_of b && tar_of a b; } >in
	joined <in
	mv out whole
	for size in 1 511 513 1000; do
		joined < <(dd if=in bs=$size status=none)
		cmp out whole
	done
	run -0 "$PACK" join --bandwidth=100000000 3>out <in
	cmp out whole
}

@test "long pax headers, and sizes that only they tell" {
	echo data >tree/a
	joined < <(tar_of --pax-option="comment:=$(printf 'x%.0s' {1..100000})" a && tar_of a)
	assert "$(tr '\n' ' ' <list)" = "a a "
	# 1536 bytes of zeros, then more; the header says 0
	python3 - >in <<-'END'
		import io, sys, tarfile
		def member(name, data, **more):
		    out = io.BytesIO()
		    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as t:
		        info = tarfile.TarInfo(name)
		        info.size = len(data)
		        info.pax_headers = more
		        t.addfile(info, io.BytesIO(data))
		    return out.getvalue()
		big = bytearray(member("big", bytes(1536), size="1536"))
		at = big.index(b"big\0") // 512 * 512
		big[at + 124:at + 136] = b"00000000000\0"
		big[at + 148:at + 156] = b" " * 8
		big[at + 148:at + 156] = b"%06o\0 " % sum(big[at:at + 512])
		sys.stdout.buffer.write(bytes(big) + member("after", b"x"))
	END
	joined <in
	assert "$(tr '\n' ' ' <list)" = "big after "
	assert "$(tar xOf out big | wc -c)" = 1536
	python3 -c 'import sys, tarfile
info = tarfile.TarInfo("a")
info.pax_headers = {"comment": "x" * (17 << 20)}
sys.stdout.buffer.write(info.tobuf(tarfile.PAX_FORMAT))' >in
	join_fails "the stream is damaged: an extended header is too long" <in
	python3 -c 'import sys, tarfile
info = tarfile.TarInfo("a")
info.pax_headers = {"path": "x" * 4097}
sys.stdout.buffer.write(info.tobuf(tarfile.PAX_FORMAT) + bytes(1024))' >in
	join_fails "a path is longer than 4096 bytes: remove or exclude it" <in
}

@test "what ends too early, or is no tar" {
	local n size
	head -c 1000 /dev/urandom >tree/a
	tar_of --pax-option=comment:=x a >in
	# x header, its data, header, two blocks of data
	for n in 0 1 511 512 700 1024 1200 1535 1536 1537 2559; do
		join_fails "the stream ends too early" < <(head -c $n in)
	done
	joined < <(head -c 2560 in) # the end of the archive may be missing
	join_fails "the stream ends too early" < <(head -c 10240 /dev/zero)
	join_fails "the stream is damaged: it ends before a file's header" < <(head -c 1024 in && head -c 1024 /dev/zero)
	join_fails "the stream is damaged: a header has a wrong checksum" < <(head -c 512 in | tr P Q && head -c 512 /dev/zero)
	for size in '\377\377\377\377\377\377\377\377\377\377\377\377' '\200\177\377\377\377\377\377\377\377\377\377\377' '99999999999 '; do
		# shellcheck disable=SC2059
		{ head -c 124 in && printf "$size" && tail -c +137 in; } >bad
		run "$PACK" join 3>/dev/null <bad
		assert "$status" = 1 "$size"
	done
	run "$PACK" join 3>/dev/null < <(head -c 4096 /dev/urandom)
	assert "$status" = 1 noise
	run "$PACK" join 3>/dev/full <in
	assert "$status" = 1 full
	contains "$output" "cannot pass the stream on: No space left on device"
	run "$PACK" join 3>&- <in
	assert "$status" = 1 closed
	contains "$output" "cannot pass the stream on: Bad file descriptor"
}

@test "usage" {
	local words
	for words in "" "nosuch" "join more" "join --bandwidth=0" "join --bandwidth=1k" "changed" "changed --since=x" "scan --nosuch"; do
		# shellcheck disable=SC2086
		run -2 "$PACK" $words 3>/dev/null </dev/null
		contains "$output" "usage: berth-pack join"
	done
}

# The numbers of a scan of the tree: scan [PATTERN…]
scan() {
	(cd "$D/tree" && "$PACK" scan --records -- "$@" 3>"$D/records")
}

# changed SINCE [PATTERN…]: names, one per line, in "names"; the manifest in "manifest"
changed() {
	local since=$1
	shift
	(cd "$D/tree" && "$PACK" changed --since="$since" -- "$@" 3>"$D/names.0" <"$D/records" >"$D/manifest.0")
	tr '\0\n' '\n?' <"$D/names.0" >"$D/names"
	tr '\0\n' '\n?' <"$D/manifest.0" >"$D/manifest"
}

FAR=99999999999

@test "scan: how many, how large, and in what order" {
	local entries bytes stream since
	mkdir -p tree/d/e tree/d-e
	head -c 10000 /dev/urandom >tree/d/e/f
	ln tree/d/e/f tree/d/e/g
	echo x >$'tree/d/new\nline'
	ln -s nowhere tree/d/link
	read -r entries bytes stream since <<<"$(scan)"
	assert "$entries" = 8
	assert "$bytes" -eq $(($(du -s -B1 tree | cut -f1)))
	((stream >= $(tar_of . | wc -c) - 10240 - 512 * 8 && stream <= $(tar_of . | wc -c) + 10240 + 3 * 512 * 8)) || die "FAIL: $stream"
	((since >= $(date +%s) - 60 && since <= $(date +%s)))
	# folders before what is in them, '/' before all other characters
	assert "$(tr '\0\n' '\n?' <records | cut -d' ' -f1,4 | tr '\n' '|')" = \
		'd .|d ./d|d ./d/e|f ./d/e/f|f ./d/e/g|l ./d/link|f ./d/new?line|d ./d-e|'
	read -r entries bytes stream since <<<"$(scan './d/e' './d*-e')"
	assert "$entries" = 4
	read -r entries bytes stream since <<<"$(scan './*')"
	assert "$entries" = 1
}

@test "changed: what is new, changed, of another type; the manifest tells what is there" {
	mkdir -p tree/{stays,goes,skipped}
	touch tree/stays/{same,grown,mode,type,moved} tree/goes/f tree/skipped/f
	scan ./skipped >/dev/null
	changed $FAR ./skipped
	assert "$(cat names)" = ""
	# a ctime that is not older than --since counts, whatever the records say
	changed 1 ./skipped
	assert "$(wc -l <names)" = "$(wc -l <manifest)"
	wait_for 10 eval 'touch tree/.tick; [[ $(stat -c %z tree/.tick) != $(stat -c %z tree/stays/same) ]]'
	rm tree/.tick
	scan ./skipped >/dev/null
	echo more >>tree/stays/grown
	chmod 600 tree/stays/mode
	rm -r tree/stays/type tree/goes
	ln -s x tree/stays/type
	mv tree/stays/moved tree/stays/elsewhere
	touch tree/skipped/new $'tree/new\nline'
	python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("tree/stays/socket")'
	changed $FAR ./skipped
	assert "$(tr '\n' '|' <names)" = '.|./new?line|./stays|./stays/elsewhere|./stays/grown|./stays/mode|./stays/type|'
	assert "$(tr '\n' '|' <manifest)" = \
		'd .|f ./new?line|d ./stays|f ./stays/elsewhere|f ./stays/grown|f ./stays/mode|f ./stays/same|s ./stays/socket|l ./stays/type|'
	# as backups do it: what was named is all that a second tar needs
	tar c -C tree --format=posix --no-recursion --null --verbatim-files-from --files-from=names.0 | tar t >/dev/null
}

@test "records that are none, and paths that cannot be unpacked" {
	local records
	touch tree/f
	for records in 'f\0' 'f 1.0 2\0' ' \0'; do
		# shellcheck disable=SC2059
		printf "$records" >records
		run changed $FAR
		contains "$output" "berth-pack: the earlier scan is damaged"
	done
	: >records # all is new then
	changed $FAR
	assert "$(tr '\n' ' ' <names)" = ". ./f "
	printf 'f 1.0 2 ./cut off' >records
	changed $FAR
	assert "$(tr '\n' ' ' <names)" = ". ./f "
	python3 - <<-'END'
		import os
		os.chdir("tree")
		for i in range(25):
		    os.mkdir("y" * 200)
		    os.chdir("y" * 200)
	END
	run scan
	assert "$status" = 1
	contains "$output" "is longer than 4095 bytes: remove or exclude it"
	scan "./y*" >/dev/null
	cd .. && mkdir small && cd small || return
	run "$PACK" scan --records 3>/dev/full
	assert "$status" = 1
	contains "$output" "berth-pack: cannot write"
}

@test "nothing is left behind" {
	cd /
	assert "$(pgrep -f "$PACK" | wc -l)" = 0
	rm -rf "$ROOT"
}
