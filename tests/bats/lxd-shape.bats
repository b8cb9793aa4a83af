# SPDX-License-Identifier: MIT
# The shape of answers: every key that LXD 5.0.2 answered with, of the type it had there (tests/lxd/shapes.txt).

bats_require_minimum_version 1.5.0
load helpers
load lxd

@test "one of everything has the shape that LXD gives it" {
	local names
	export LXD_SOCKET=$BERTH_SOCKET LXD_CONF=$BERTH_TEST_ROOT/lxc-conf
	mkdir -p "$LXD_CONF"
	# shellcheck source=tests/lxd/scene.bash
	. "$REPO/tests/lxd/scene.bash"
	names=$(scene_make bb "$(name s)" "10.232.$BERTH_TEST_ID")
	# shellcheck disable=SC2086 # words
	run python3 "$REPO/tests/lxd/shape.py" compare "$REPO/tests/lxd/shapes.txt" "$BERTH_SOCKET" $names
	echo "$output" >&2
	scene_unmake "$(name s)" >&2
	# shellcheck disable=SC2154
	assert "$status" = 0
	assert "$output" =~ ^"[0-9]+ keys compared, 0 differ"\$
}

@test "operations have LXD's class, description, end and resources" {
	run --separate-stderr timeout 250 "$REPO/tests/lxd/operations.py" "$BERTH_SOCKET"
	assert "$status" = 0 "operations.py: $stderr"
	diff "$REPO/tests/lxd/operations.txt" - <<<"$output" >&2
}

@test "nothing is left behind" {
	leak_check
}
