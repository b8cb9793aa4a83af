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

@test "nothing is left behind" {
	"$BERTH" delete -f "$SRC"
	leak_check
}
