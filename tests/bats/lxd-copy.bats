# SPDX-License-Identifier: MIT
# LXD's own client: copies, moves and renames on one server.

bats_require_minimum_version 1.5.0
load helpers
load lxd

setup_file_more() {
	SRC=t$BERTH_TEST_ID-src
	export SRC
	"$BERTH" launch bb "$SRC" -c user.a=1 -c user.b=2 >/dev/null
	"$BERTH" exec "$SRC" -- sh -c 'echo here >/root/f'
	"$BERTH" snapshot "$SRC" s1 >/dev/null
}

@test "of a running one, with its snapshots or without, with another configuration" {
	local c
	c=$(name c1)
	stock copy "$SRC" "$c"
	stock_refused "Failed creating instance record: Add instance info to the database: This \"instances\" entry already exists" \
		copy "$SRC" "$c"
	stock list "$c" -c nsSt -f csv
	assert "$output" = "$c,STOPPED,1,CONTAINER"
	[[ $(key_of "$c" volatile.uuid) != "$(key_of "$SRC" volatile.uuid)" ]]
	[[ $(key_of "$c" volatile.eth0.hwaddr) != "$(key_of "$SRC" volatile.eth0.hwaddr)" ]]
	stock start "$c"
	assert "$(in_container "$c" cat /root/f)" = here
	stock delete -f "$c"
	stock copy "$SRC" "$c" --instance-only -c user.b=3 -p default --ephemeral --stateless
	stock list "$c" -c nS -f csv
	assert "$output" = "$c,0"
	stock config show "$c"
	contains "$output" "user.a: \"1\""
	contains "$output" "user.b: \"3\""
	contains "$output" "ephemeral: true"
	stock delete "$c"
}

@test "of a snapshot; of what is not there" {
	local c
	c=$(name c2)
	stock copy "$SRC/s1" "$c"
	stock config get "$c" user.a
	assert "$output" = 1
	stock_refused "InstanceSnapshot not found" copy "$SRC/nosuch" "$(name c3)"
	stock_refused "Instance not found" copy "$(name nosuch)" "$(name c3)"
	stock delete "$c"
}

@test "rename and move" {
	local c d
	c=$(name c4)
	d=$(name c5)
	stock init bb "$c"
	stock rename "$c" "$d"
	stock move "$d" "$c"
	stock_refused "Name \"$SRC\" already in use" move "$c" "$SRC"
	stock_refused "Name \"$SRC\" already in use" rename "$c" "$SRC"
	stock_refused "Renaming of running container not allowed" move "$SRC" "$d"
	stock_refused "Instance not found" move "$(name nosuch)" "$d"
	stock delete "$c"
}

snapshots_of() {
	stock query "/1.0/instances/$1/snapshots?recursion=1"
	jq -r '[.[].name] | sort | join(" ")' <<<"$output"
}

@test "a copy is refreshed: files, configuration, and the snapshots that differ" {
	local a b fault mac
	a=$(name f1)
	b=$(name f2)
	stock init bb "$a" -c user.a=1
	stock snapshot "$a" one
	stock snapshot "$a" both
	stock copy "$a" "$b" --refresh
	assert "$(snapshots_of "$b")" = "both one"
	mac=$(key_of "$b" volatile.eth0.hwaddr)
	stock config set "$a" user.a=2
	stock config set "$b" user.b=3
	stock delete "$a/one"
	stock snapshot "$a" two
	stock snapshot "$b" mine
	stock delete "$b/both"
	stock snapshot "$b" both
	stock file push -q - "$a/root/new" <<<"of $a"
	stock file push -q - "$b/root/old" <<<"of $b"

	# killed or failed anywhere, it is as it was, or as it is to be
	for fault in refresh/stage/kill-after refresh/snapshots/kill refresh/commit/fail refresh/commit/kill-after; do
		fault "$fault"
		stock '?' copy "$a" "$b" --refresh
		[[ $fault != *kill* ]] || revive "$fault"
		fault ""
		wait_for 10 journal_empty
		assert "$(snapshots_of "$b")" = "both mine one" "$fault"
		assert "$(key_of "$b" user.b)" = 3
		stock file pull -q "$b/root/old" -
		assert "$output" = "of $b"
	done
	fault refresh/place/kill
	stock '?' copy "$a" "$b" --refresh
	revive refresh/place/kill
	fault ""
	wait_for 10 journal_empty
	assert "$(snapshots_of "$b")" = "both two"

	stock copy "$a" "$b" --refresh
	assert "$(snapshots_of "$b")" = "both two"
	assert "$(key_of "$b" user.a)" = 2
	assert "$(key_of "$b" user.b)" = null
	assert "$(key_of "$b" volatile.eth0.hwaddr)" = "$mac"
	stock file pull -q "$b/root/new" -
	assert "$output" = "of $a"
	stock_refused "" file pull -q "$b/root/old" -
	stock start "$a" "$b"
	stock_refused "Failed getting exclusive access to instance: Instance is running" copy "$a" "$b" --refresh
	stock stop -f "$b"
	stock exec "$a" -- sh -c 'echo later >/root/new'
	stock copy "$a" "$b" --refresh --instance-only
	stock list "^$a\$" -c s -f csv
	assert "$output" = RUNNING
	stock start "$b"
	assert "$(in_container "$b" cat /root/new)" = later
	stock_refused "cannot be refreshed from itself" copy "$a" "$a" --refresh
	stock delete -f "$a" "$b"
}

@test "nothing is left behind" {
	"$BERTH" delete -f "$SRC"
	leak_check
}
