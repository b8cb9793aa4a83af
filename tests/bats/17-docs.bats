#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What the pages say: everything that is there is in them, and manual pages are well-formed.

load helpers

setup_file() { :; }
teardown_file() { :; }
teardown() { :; }

@test "every command, option, setting, route, operation, event and room is documented" {
	run python3 "$REPO/tests/documented.py" "$BERTH"
	printf '%s\n' "$output" >&2
	assert "$status" -eq 0
}

@test "manual pages are well-formed, and links of the pages lead somewhere" {
	local page link
	for page in "$REPO"/doc/*.[1-8]; do
		run mandoc -T lint -W warning "$page"
		assert "$output" = "" "$page"
	done
	for page in "$REPO"/README.md "$REPO"/doc/*.md; do
		for link in $(grep -oE '\]\([a-z][^):]*\)' "$page" | sed 's/^](//; s/)$//; s/#.*//'); do
			[[ -e $(dirname "$page")/$link ]] || die "FAIL: $page points to '$link'"
		done
	done
}
