#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# berth scan: adoption, prefix, what vanished, what was renamed or changed by hand.

load helpers

lxc_create() { # NAME
	printf 'lxc.uts.name = %s\nlxc.net.0.type = empty\n# a remark\n' "$1" >"$BATS_TEST_TMPDIR/config"
	lxc-create -P "$BERTH_TEST_ROOT/lxc" -n "$1" -f "$BATS_TEST_TMPDIR/config" -t none
}

scan() { # [PREFIX]: the result in $output
	run_berth scan --format json "$@"
}

result() {
	jq -c '[.scanned, .added, .removed]' <<<"$output"
}

@test "what came and went while nobody looked" {
	local a b
	a=$(name a) b=$(name b)
	run_berth init bb "$b"
	run_berth host unload
	lxc_create "$a"
	lxc-destroy -P "$BERTH_TEST_ROOT/lxc" -n "$b"
	assert "$(state_of "$a")" = ""
	# adoption is lossless: the config stays as it is, to the byte, and is shown
	cp "$BERTH_TEST_ROOT/lxc/$a/config" "$BATS_TEST_TMPDIR/before"
	run_berth host load --format json
	assert "$(jq -c '[.instances.scanned, .instances.added, .instances.removed]' <<<"$output")" = "[1,1,1]"
	is_state "$a" STOPPED
	assert "$(state_of "$b")" = ""
	cmp "$BATS_TEST_TMPDIR/before" "$BERTH_TEST_ROOT/lxc/$a/config"
	contains "$("$BERTH" config get "$a" raw.lxc)" "# a remark"
	scan
	assert "$(result)" = "[1,0,0]"
	contains "$("$BERTH" scan)" "1 scanned, 0 added, 0 removed"
	run_berth delete "$a"
}

@test "a prefix: others are neither adopted nor forgotten" {
	local a b
	a=$(name pa) b=$(name qb)
	lxc_create "$a"
	lxc_create "$b"
	scan "$(name p)"
	assert "$(jq -r .prefix_filter <<<"$output")" = "$(name p)"
	assert "$(jq -r .scanned <<<"$output")" = 1
	scan "$(name nosuch)"
	assert "$(result)" = "[0,0,0]"
	scan
	assert "$(jq -r .scanned <<<"$output")" = 2
	is_state "$b" STOPPED
	refused 1 "filter_name: 'a b' must have" scan "a b"
	api POST /1.0/host/scan '{"filter_name": 5}'
	assert "$http" = 400
	run_berth delete "$a" "$b"
}

@test "the setting filter_name: only such names are managed, and made" {
	local a b
	a=$(name fa) b=$(name gb)
	lxc_create "$a"
	lxc_create "$b"
	echo "filter_name = $(name f)" >>"$BERTH_TEST_ROOT/berth.conf"
	daemon_stop
	daemon_start
	is_state "$a" STOPPED
	assert "$(state_of "$b")" = ""
	scan
	assert "$(result)" = "[1,0,0]"
	assert "$(jq -r .prefix_filter <<<"$output")" = "$(name f)"
	refused 1 "must start with '$(name f)'" init bb "$(name x)"
	refused 1 "must start with '$(name f)'" rename "$a" "$(name x)"
	sed -i '/^filter_name/d' "$BERTH_TEST_ROOT/berth.conf"
	daemon_stop
	daemon_start
	is_state "$b" STOPPED
	run_berth delete "$a" "$b"
}

@test "renamed, changed and destroyed by hand: shown as it is" {
	local a b
	a=$(name ra) b=$(name rb)
	lxc_create "$a"
	wait_for 5 is_state "$a" STOPPED
	run_berth host unload
	mv "$BERTH_TEST_ROOT/lxc/$a" "$BERTH_TEST_ROOT/lxc/$b"
	sed -i "s/$a/$b/" "$BERTH_TEST_ROOT/lxc/$b/config"
	run_berth host load
	is_state "$b" STOPPED
	assert "$(state_of "$a")" = ""
	contains "$("$BERTH" config get "$b" raw.lxc)" "lxc.uts.name = $b"
	echo 'lxc.environment = CHANGED=1' >>"$BERTH_TEST_ROOT/lxc/$b/config"
	scan
	assert "$(result)" = "[1,0,0]"
	contains "$("$BERTH" config get "$b" raw.lxc)" "CHANGED=1"
	lxc-destroy -P "$BERTH_TEST_ROOT/lxc" -n "$b"
	gone() { [[ -z $(state_of "$b") ]]; }
	wait_for 10 gone
	scan
	assert "$(result)" = "[0,0,0]"
}

@test "a thousand containers are scanned" {
	local i dir=$BERTH_TEST_ROOT/lxc
	run_berth host unload
	for ((i = 0; i < 1000; i++)); do
		mkdir "$dir/$(name s)$i"
		echo "lxc.uts.name = s$i" >"$dir/$(name s)$i/config"
	done
	run_berth host load --format json
	assert "$(jq -r .instances.added <<<"$output")" = 1000
	scan
	assert "$(result)" = "[1000,0,0]"
	run_berth host unload
	rm -r "${dir:?}/$(name s)"*
	run_berth host load --format json
	assert "$(jq -r .instances.removed <<<"$output")" = 1000
}

@test "nothing is left behind" {
	leak_check
}
