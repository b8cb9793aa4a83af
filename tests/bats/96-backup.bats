#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016,SC2030,SC2031
# Backups: what goes in, in every mode; what an instance is afterwards, whatever happens; lists, retention, damage.

load helpers

setup_file_more() {
	export BACKUPS=$BERTH_TEST_ROOT/backups
	export FREE
	FREE=$(name free)
	launch "$FREE"
	wait_init "$FREE"
	in_container "$FREE" sh -c 'mkdir -p /data/sub /var/junk && echo hello >/data/a && ln /data/a /data/hard &&
		ln -s a /data/link && echo x >/var/junk/x && mkfifo /data/fifo && chown 7:8 /data/sub && chmod 2750 /data/sub &&
		echo z >"/data/$(printf "odd\nname")" && truncate -s 5M /data/sparse'
}

# The stream of a backup.
tree_of() {
	7zz x -so -bd "$BACKUPS/$1" rootfs.tar
}

# names_in FILE: what lies in the stream, sorted.
names_in() {
	tree_of "$1" | tar t --quoting-style=escape | sort
}

# make_backup NAME OPTIONS…: sets $file.
make_backup() {
	run_berth backup create "$@"
	file=$(sed -n 's/^Backup \(.*\) created$/\1/p' <<<"$output")
	[[ -s $BACKUPS/$file ]] || die "FAIL: no '$file'"
}

# Has the stream of a backup begun to flow?
reading() {
	"$BERTH" query '/1.0/operations?recursion=1' | jq -e '[.running[]? | .metadata.create_backup_progress? // empty] | length > 0' >/dev/null
}

no_rests() {
	[[ -z $(find "$BACKUPS" -maxdepth 1 -name '.*' -type d -path '*.tmp') ]]
}

nothing_stays() {
	wait_for 10 journal_empty || die "FAIL: journal"
	wait_for 10 no_rests || die "FAIL: $(ls -A "$BACKUPS")"
}

@test "a live backup: members, owners as in the container, all types" {
	make_backup "$FREE" "a hint" --mode live
	assert "$(7zz l -ba -slt "$BACKUPS/$file" | sed -n 's/^Path = //p' | tr '\n' ' ')" = "backup.json berth.json config rootfs.tar "
	tree_of "$file" | tar tv --numeric-owner --quoting-style=escape >"$BATS_TEST_TMPDIR/tree"
	cat "$BATS_TEST_TMPDIR/tree" >&2
	grep -q '^drwxr-s--- 7/8 .* ./data/sub/$' "$BATS_TEST_TMPDIR/tree"
	grep -q '^-rw-r--r-- 0/0 .* ./data/hard' "$BATS_TEST_TMPDIR/tree"
	grep -q '^prw-r--r-- 0/0 .* ./data/fifo$' "$BATS_TEST_TMPDIR/tree"
	grep -q ' ./data/link -> a$' "$BATS_TEST_TMPDIR/tree"
	grep -q ' ./data/.* link to ./data/' "$BATS_TEST_TMPDIR/tree"
	grep -q ' ./data/odd\\nname$' "$BATS_TEST_TMPDIR/tree"
	assert "$(grep -c ' ./proc/.' "$BATS_TEST_TMPDIR/tree" || true)" = 0
	assert "$(stat -c %a "$BACKUPS/$file")" = 600
	assert "$(jq -r '.instance, .hint, .mode, .version, .state' "$BACKUPS/${file%.7z}.json" | tr '\n' ' ')" = "$FREE a hint live 1 null "
	assert "$(jq -r .sha256 "$BACKUPS/${file%.7z}.json")" = "$(sha256sum <"$BACKUPS/$file" | cut -d' ' -f1)"
	assert "$(jq -r .stream_bytes "$BACKUPS/${file%.7z}.json")" = "$(tree_of "$file" | wc -c)"
	assert "$(state_of "$FREE")" = RUNNING
	run_berth backup verify "$file"
	run_berth backup delete "$file"
	nothing_stays
}

# Both show the same tree: names, types, owners, modes, times, links, contents.
same_tree() {
	diff <(tree_of "$1" | tar tv --numeric-owner --full-time | grep -v ' ./\(run\|tmp\|var/log\|dev\|etc\)\(/\|$\)' | sort) \
		<(tree_of "$2" | tar tv --numeric-owner --full-time | grep -v ' ./\(run\|tmp\|var/log\|dev\|etc\)\(/\|$\)' | sort) >&2
}

@test "stop: it is stopped meanwhile, and runs afterwards; stopped ones are left so, in every mode" {
	local before after one two three
	before=$(lxc-info -P "$BERTH_TEST_ROOT/lxc" -n "$FREE" -pH)
	make_backup "$FREE" --mode stop
	one=$file
	is_state "$FREE" RUNNING
	after=$(lxc-info -P "$BERTH_TEST_ROOT/lxc" -n "$FREE" -pH)
	assert "$before" != "$after"
	wait_init "$FREE"
	run_berth stop "$FREE"
	make_backup "$FREE" --mode freeze
	two=$file
	make_backup "$FREE" --mode stop
	three=$file
	assert "$(state_of "$FREE")" = STOPPED
	assert "$(jq .manifest "$BACKUPS/${two%.7z}.json")" = false
	same_tree "$two" "$three"
	same_tree "$one" "$two"
	run_berth start "$FREE"
	wait_init "$FREE"
	run_berth backup delete "$one" "$two" "$three"
	nothing_stays
}

@test "freeze: what changes during the first pass is in the second, with a manifest; afterwards it runs" {
	local pid
	in_container "$FREE" sh -c 'mkdir -p /moved/deep && echo same >/moved/deep/file && echo old >/changed && echo gone >/gone'
	# a limit keeps the first pass going until the changes are made
	"$BERTH" backup create "$FREE" --mode freeze -b 1MB >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	pid=$!
	wait_for 10 reading || die "FAIL: no first pass"
	in_container "$FREE" sh -c 'mv /moved /other && echo new >/changed && rm /gone && echo fresh >/fresh'
	wait "$pid" || die "FAIL: $(cat "$BATS_TEST_TMPDIR/out")"
	assert "$(state_of "$FREE")" = RUNNING
	file=$(sed -n 's/^Backup \(.*\) created$/\1/p' "$BATS_TEST_TMPDIR/out")
	assert "$(tree_of "$file" | tar xO ./changed | tail -n 1)" = new
	assert "$(tree_of "$file" | tar xO ./other/deep/file)" = same
	assert "$(tree_of "$file" | tar xO ./fresh)" = fresh
	tree_of "$file" | tar t | tail -n 1 >"$BATS_TEST_TMPDIR/last"
	assert "$(cat "$BATS_TEST_TMPDIR/last")" = .berth-manifest
	tree_of "$file" | tar xO .berth-manifest | tr '\0' '\n' >"$BATS_TEST_TMPDIR/manifest"
	grep -qx 'f ./other/deep/file' "$BATS_TEST_TMPDIR/manifest"
	grep -qx 'd \.' "$BATS_TEST_TMPDIR/manifest"
	assert "$(grep -c -e ' ./gone$' -e ' ./moved' "$BATS_TEST_TMPDIR/manifest" || true)" = 0
	run_berth backup delete "$file"
	in_container "$FREE" sh -c 'rm -r /other /changed /fresh'
	nothing_stays
}

@test "frozen by its user: it stays so, in every mode" {
	local mode
	run_berth pause "$FREE"
	for mode in live freeze stop; do
		make_backup "$FREE" --mode "$mode"
		assert "$(state_of "$FREE")" = FROZEN
		run_berth backup delete "$file"
	done
	run_berth resume "$FREE"
	assert "$(state_of "$FREE")" = RUNNING
	nothing_stays
}

# Packed, it could not be unpacked again.
@test "a path that is too long is said before anything is read, and can be excluded" {
	local n
	n=$(name long)
	run_berth launch bb "$n"
	wait_init "$n"
	in_container "$n" sh -c 'n=$(printf "x%.0s" $(seq 200)); mkdir /deep && cd /deep &&
		for i in $(seq 20); do mkdir $n && cd $n || exit 1; done; mkdir $n'
	refused 1 "is longer than 4095 bytes: remove or exclude it" backup create "$n"
	nothing_stays
	make_backup "$n" --exclude /deep
	run_berth delete -f "$n"
}

# One that was made since: tar's stream is looked at, too.
@test "a stream with a path that is too long is refused" {
	local dir=$BATS_TEST_TMPDIR/deep long
	long=$(printf 'x%.0s' {1..200})
	mkdir "$dir"
	(cd "$dir" && for _ in {1..21}; do mkdir "$long" && cd -P "./$long" 2>/dev/null || break; done; mkdir -p "$long/$long")
	tar c -C "$dir" --format=posix . >"$BATS_TEST_TMPDIR/tar"
	run -1 "$BERTH_LIBEXEC_DIR/berth-pack" join <"$BATS_TEST_TMPDIR/tar" 3>/dev/null
	contains "$output" "a path is longer than 4096 bytes"
}

@test "nothing is left behind" {
	rm -rf "${BACKUPS:?}"/*
	leak_check
}
