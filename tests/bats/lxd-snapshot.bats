# SPDX-License-Identifier: MIT
# LXD's own client: snapshots.

bats_require_minimum_version 1.5.0
load helpers
load lxd

snapshots_of() {
	api GET "/1.0/instances/$1/snapshots?recursion=1"
	field '[.metadata[].name] | join(" ")'
}

@test "made with and without a name, listed, renamed, deleted" {
	local c
	c=$(name s1)
	stock init bb "$c"
	stock snapshot "$c"
	stock snapshot "$c" first
	stock_refused 'Failed creating instance snapshot record "first": Add snapshot info to the database: This "instances_snapshots" entry already exists' \
		snapshot "$c" first
	stock snapshot "$c" first --reuse
	assert "$(snapshots_of "$c")" = "snap0 first"
	stock info "$c"
	contains "$output" "| first "
	stock list "$c" -c nS -f csv
	assert "$output" = "$c,2"
	stock move "$c/first" "$c/second"
	stock rename "$c/snap0" "$c/third"
	stock_refused "parent must be the same" rename "$c/third" fourth
	assert "$(snapshots_of "$c")" = "third second"
	stock delete "$c/third"
	stock_refused "Failed to fetch snapshot \"third\" of instance \"$c\" in project \"default\": InstanceSnapshot not found" delete "$c/third"
	stock_refused "InstanceSnapshot not found" rename "$c/third" "$c/x"
	stock_refused "InstanceSnapshot not found" config show "$c/third"
	stock_refused "Instance not found" snapshot "$(name nosuch)"
	stock_refused "Unable to create a stateful snapshot. " snapshot "$c" --stateful
	assert "$(snapshots_of "$c")" = "second"
	stock delete "$c"
}

@test "an expiry: of the instance, none, edited" {
	local c
	c=$(name s2)
	stock init bb "$c" -c snapshots.expiry=1d
	stock snapshot "$c" timed
	stock snapshot "$c" kept --no-expiry
	stock config show "$c/kept"
	contains "$output" "expires_at: 0001-01-01T00:00:00Z"
	stock config show "$c/timed"
	assert "$output" !~ "expires_at: 0001"
	stock config edit "$c/timed" <<<'expires_at: 2099-01-02T03:04:05Z'
	stock config show "$c/timed"
	contains "$output" "expires_at: 2099-01-02T03:04:05Z"
	stock delete "$c"
}

@test "restore brings files and configuration back, running or not" {
	local c
	c=$(name s3)
	stock launch bb "$c" -c user.a=old
	in_container "$c" sh -c 'echo old >/root/f'
	stock snapshot "$c" s
	in_container "$c" sh -c 'echo new >/root/f'
	stock config set "$c" user.a=new
	stock restore "$c" s
	assert "$(in_container "$c" cat /root/f)" = old
	stock config get "$c" user.a
	assert "$output" = old
	stock stop -f "$c"
	stock_refused "Stateful snapshot restore requested by snapshot is stateless" restore "$c" s --stateful
	stock restore "$c" s
	stock_refused "Snapshot $c/nosuch does not exist" restore "$c" nosuch
	stock delete "$c"
}

has_snapshots() { # NAME NUMBER
	[[ $("$BERTH" list "^$1\$" -c S -f csv) == "$2" ]]
}

@test "@startup: one at each start" {
	local c
	c=$(name startup)
	stock init bb "$c" -c snapshots.schedule="@startup, 0 6 1 1 *, 0 7 1 1 *"
	stock start "$c"
	wait_for 20 has_snapshots "$c" 1
	stock restart -f "$c"
	wait_for 20 has_snapshots "$c" 2
	stock delete -f "$c"
}

@test "nothing is left behind" {
	leak_check
}
