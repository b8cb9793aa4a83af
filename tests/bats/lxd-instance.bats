# SPDX-License-Identifier: MIT
# LXD's own client: the life of an instance.

bats_require_minimum_version 1.5.0
load helpers
load lxd

@test "launch, list, config, stop, delete" {
	local c
	c=$(name life)
	stock launch bb "$c"
	stock list -f csv -c ns
	contains "$output" "$c,RUNNING"
	stock config set "$c" user.from=lxc
	stock config get "$c" user.from
	assert "$output" = lxc
	stock stop -f "$c"
	stock delete "$c"
	stock list -f csv -c n
	assert "$output" = ""
	stock image list -f csv -c l
	assert "$output" = bb
}

@test "nothing is left behind" {
	leak_check
}
