#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016,SC2030,SC2031
# Backups: what goes in, in every mode; what an instance is afterwards, whatever happens; lists, retention, damage.

load helpers

setup_file_more() {
	export BACKUPS=$BERTH_TEST_ROOT/backups
	export FREE DUE
	FREE=$(name free)
	DUE=$(name due)
	# the schedule's minute passes while other tests run
	"$BERTH" init bb "$DUE" -c "backups.schedule=* * * * *" -c backups.keep=last=1 -c backups.exclude=/bin,/usr -c backups.mode=stop
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

# The stream of a backup with a limit stands still, until it gets SIGCONT.
hold_stream() {
	PASS=$(pgrep -P "$(daemon_pid)" -f 'berth-pack join --bandwidth=') && kill -STOP "$PASS"
}

no_rests() {
	[[ -z $(find "$BACKUPS" -maxdepth 1 -name '.*' -type d -path '*.tmp') ]]
}

nothing_stays() {
	journal_ends
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
	before=$(init_of "$FREE")
	make_backup "$FREE" --mode stop
	one=$file
	is_state "$FREE" RUNNING
	after=$(init_of "$FREE")
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
	# a limit keeps the first pass going until it is held
	"$BERTH" backup create "$FREE" --mode freeze -b 1MB >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	pid=$!
	wait_for 10 hold_stream || die "FAIL: no first pass"
	in_container "$FREE" sh -c 'mv /moved /other && echo new >/changed && rm /gone && echo fresh >/fresh'
	kill -CONT "$PASS"
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

@test "excludes: of the request, of the key; bad ones are refused" {
	make_backup "$FREE" --exclude /var/junk --exclude '/data/*parse' -x /data/sub/
	names_in "$file" >"$BATS_TEST_TMPDIR/names"
	assert "$(grep -c -e '^./var/junk' -e sparse -e '^./data/sub' "$BATS_TEST_TMPDIR/names" || true)" = 0
	grep -qx ./data/a "$BATS_TEST_TMPDIR/names"
	run_berth backup delete "$file"
	run_berth config set "$FREE" backups.exclude="/data, /bin/*" backups.mode=freeze
	make_backup "$FREE"
	names_in "$file" >"$BATS_TEST_TMPDIR/names"
	assert "$(grep -c -e '^./data' -e '^./bin/.' "$BATS_TEST_TMPDIR/names" || true)" = 0
	grep -qx ./bin/ "$BATS_TEST_TMPDIR/names"
	assert "$(jq -r .mode "$BACKUPS/${file%.7z}.json")" = freeze
	run_berth backup delete "$file"
	run_berth config unset "$FREE" backups.exclude
	run_berth config unset "$FREE" backups.mode
	refused 1 "must not have '.' or '..' in it" backup create "$FREE" -x /data/../etc
	refused 1 "invalid pattern" backup create "$FREE" -x /
	refused 1 "invalid mode 'cold'" backup create "$FREE" -m cold
	local row
	refused 1 "Error parsing schedule: minute: 61 is not within 0-59" config set "$FREE" "backups.schedule=61 * * * *"
	for row in backups.mode=cold backups.exclude=/a/../b backups.keep=5 backups.keep=last=3,last=4 \
		backups.keep=hourly=3; do
		refused 1 "Invalid value" config set "$FREE" "$row"
	done
	nothing_stays
}

# another FILE TIME: a good backup like the last one made, of that time.
another() {
	cp "$BACKUPS/$file" "$BACKUPS/$1"
	jq --arg f "$1" --arg t "$2" '.file = $f | .created_at = $t' "$BACKUPS/${file%.7z}.json" >"$BACKUPS/${1%.7z}.json"
}

files_of() { # NAME
	"$BERTH" backup list "$1" --format json | jq -r '.[].file' | paste -sd' '
}

@test "retention: newest, days, weeks, months; the newest stays, damaged and foreign ones too" {
	local n=$FREE day
	make_backup "$FREE" -x /bin -x /usr
	for day in 01 02 03; do
		another "$n-202001${day}080000.7z" "2020-01-${day}T08:00:00Z"
		another "$n-202001${day}090000.7z" "2020-01-${day}T09:00:00Z"
	done
	another "$n-20191215090000.7z" 2019-12-15T09:00:00Z
	another "$n-20180101090000.7z" 2018-01-01T09:00:00Z
	echo x >>"$BACKUPS/$n-20180101090000.7z" # damaged: listed by the time of its file
	touch -d 2018-01-01 "$BACKUPS/$n-20180101090000.7z"
	echo y >"$BACKUPS/$n.7z"
	refused 2 "say what to keep" backup prune "$n"
	run_berth backup prune "$n" --keep-daily 3 --keep-monthly 3 --dry-run
	contains "$output" "Backup $n-20200103080000.7z would be deleted"
	assert "$(files_of "$n" | wc -w)" = 9
	run_berth backup prune "$n" --keep-daily 3 --keep-monthly 3
	assert "$(files_of "$n")" = "$file $n-20200103090000.7z $n-20200102090000.7z $n-20191215090000.7z $n-20180101090000.7z"
	run_berth backup prune "$n" --keep-last 2
	assert "$(files_of "$n")" = "$file $n-20200103090000.7z $n-20180101090000.7z"
	[[ -e $BACKUPS/$n.7z && ! -e $BACKUPS/$n-20200102090000.json ]]
	local old=$file
	make_backup "$FREE" -x /bin -x /usr --keep-last 1
	contains "$output" "Backup $old deleted"
	assert "$(files_of "$n")" = "$file $n-20180101090000.7z"
	run_berth backup delete "$file" "$n-20180101090000.7z" "$n.7z"
	assert "$(find "$BACKUPS" -name "$n*")" = ""
}

@test "lists: damaged, foreign and lost files, and what is none" {
	make_backup "$FREE" -x /bin -x /usr
	another "$FREE-20200101000000.7z" 2020-01-01T00:00:00Z
	another "$FREE-20200102000000.7z" 2020-01-02T00:00:00Z
	another "$FREE-20200103000000.7z" 2020-01-03T00:00:00Z
	another "$FREE-20200104000000.7z" 2020-01-04T00:00:00Z
	truncate -s -1 "$BACKUPS/$FREE-20200101000000.7z"
	rm "$BACKUPS/$FREE-20200102000000.json" "$BACKUPS/$FREE-20200103000000.7z"
	echo '{"version":' >"$BACKUPS/$FREE-20200104000000.json"
	echo text >"$BACKUPS/notes"
	ln -s /etc/passwd "$BACKUPS/link.7z"
	mkdir "$BACKUPS/folder.7z" "$BACKUPS/.hidden"
	run_berth backup list --format json
	row() { jq -r --arg f "$1" '.[] | select(.file == $f) | .state + ": " + .reason' <<<"$output"; }
	assert "$(row "$file")" = "ok: "
	assert "$(row "$FREE-20200101000000.7z")" =~ "damaged: .*the archive has .* bytes, but had"
	assert "$(row "$FREE-20200102000000.7z")" =~ "damaged: .*has no sidecar"
	assert "$(row "$FREE-20200103000000.7z")" = "damaged: the archive is missing, only its sidecar is there"
	assert "$(row "$FREE-20200104000000.7z")" =~ "damaged: "
	assert "$(row notes)" = "foreign: its name is none of a backup"
	assert "$(row link.7z)" = "foreign: it is no file"
	assert "$(row folder.7z)" = "foreign: it is no file"
	assert "$(row .hidden)" = ""
	local name
	for name in "$FREE-20200101000000" "$FREE-20200102000000" "$FREE-20200103000000" link folder; do
		run_berth backup show "$name"
		run_berth 1 backup verify "$name"
	done
	refused 1 "Backup not found" backup show "$FREE-20990101000000"
	for name in ../../etc/passwd .hidden.7z 'a b'; do
		run_berth 1 backup show "$name"
	done
	# as long as it was, but not the same
	printf x | dd of="$BACKUPS/$file" bs=1 seek=200 conv=notrunc status=none
	refused 1 "is damaged: its sha256 is" backup verify "$file"
	# not the one that may just be made by the clock
	rm -rf "${BACKUPS:?}/$FREE"-* "$BACKUPS"/{link.7z,folder.7z,.hidden,notes}
}

@test "the example hook refuse-without-backup takes what is listed for a backup" {
	local hook=$REPO/hooks/examples/refuse-without-backup
	! BERTH_INSTANCE=$FREE PATH=$BERTH_BUILD:$PATH "$hook" || die "FAIL: it asks for no backup"
	make_backup "$FREE" -x /bin -x /usr
	BERTH_INSTANCE=$FREE PATH=$BERTH_BUILD:$PATH "$hook"
	run_berth backup delete "$file"
}

by_the_clock() {
	"$BERTH" backup list "$DUE" --format json | jq -e 'any(.[]; .state == "ok" and .mode == "stop")' >/dev/null
}

@test "the schedule makes one each minute, and keeps what backups.keep says" {
	wait_for 80 by_the_clock || die "FAIL: no backup by the schedule"
	run_berth config unset "$DUE" backups.schedule
	wait_for 20 journal_empty
	assert "$(files_of "$DUE" | wc -w)" = 1
	assert "$(names_in "$(files_of "$DUE")" | grep -c -e '^./bin' -e '^./usr' || true)" = 0
	run_berth backup delete "$(files_of "$DUE")"
	nothing_stays
}

@test "nothing is left behind" {
	rm -rf "${BACKUPS:?}"/*
	leak_check
}
