# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# For files that put tools that misbehave (tests/fake/tool) in place of the real ones: load it after helpers.
# A file's own setup_file_more, if it has one, calls tools_setup.

# berthd sees all tools through $BIN, and berth's own helpers through $LIBEXEC.
tools_setup() {
	local dir
	export BIN=$BERTH_TEST_ROOT/bin LIBEXEC=$BERTH_TEST_ROOT/libexec
	mkdir "$BIN" "$LIBEXEC"
	for dir in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin; do
		find "$dir/" -mindepth 1 -maxdepth 1 -exec ln -s -t "$BIN" {} + 2>/dev/null || true # the first one counts
	done
	cp "$BERTH_LIBEXEC_DIR"/berth-* "$LIBEXEC/"
	tools_start
}

tools_start() {
	daemon_stop
	PATH=$BIN BERTH_LIBEXEC_DIR=$LIBEXEC daemon_start
}

setup_file_more() {
	tools_setup
}

# All real again: the first thing in a file's teardown.
tools_real() {
	local file
	for file in "$BIN"/.[a-z0-9]* "$LIBEXEC"/.[a-z0-9]*; do
		[[ ! -e $file ]] || real "${file##*/.}"
	done
}

folder_of() { # TOOL
	case $1 in
	berth-*) echo "$LIBEXEC" ;;
	*) echo "$BIN" ;;
	esac
}

# From here on, and what was called before does not count; PART: only calls with this in their arguments.
fake() { # TOOL BEHAVIOUR [PART]
	local folder
	folder=$(folder_of "$1")
	rm -f "$folder/calls-of-$1"
	install -m 666 /dev/null "$folder/calls-of-$1" # it may run as somebody else
	[[ -e $folder/.$1 ]] || mv "$folder/$1" "$folder/real-$1"
	echo "$2 $folder/real-$1 ${3:-}" >"$folder/.$1.new"
	mv "$folder/.$1.new" "$folder/.$1"
	ln -sf "$REPO/tests/fake/tool" "$folder/$1"
}

missing() { # TOOL
	fake "$1" missing
	rm "$(folder_of "$1")/$1"
}

real() { # TOOL
	local folder
	folder=$(folder_of "$1")
	[[ -e $folder/real-$1 ]] || return 0
	mv -f "$folder/real-$1" "$folder/$1"
	rm -f "$folder/.$1" "$folder/calls-of-$1"
}

called() { # TOOL: has been
	[[ -s $(folder_of "$1")/calls-of-$1 ]]
}

# Starts berth in the background; its exit status comes with ended, its words go to $BATS_TEST_TMPDIR/background.
background() { # ARGUMENTS…
	"$BERTH" "$@" </dev/null >"$BATS_TEST_TMPDIR/background" 2>&1 3>&- 4>&- &
	BACKGROUND=$!
}

ended() { # [RC]
	local rc=0
	wait_for 30 process_gone "$BACKGROUND" || die "FAIL: berth does not end"
	wait "$BACKGROUND" || rc=$?
	cat "$BATS_TEST_TMPDIR/background" >&2
	[[ $rc == "${1:-0}" || ${1:-0} == "?" ]] || die "FAIL: berth ended with $rc, expected ${1:-0}"
}

said() { # PART
	contains "$(cat "$BATS_TEST_TMPDIR/background")" "$1" "what berth said"
}

cancel_all() {
	local id
	for id in $("$BERTH" operation list -f json | jq -r '.[] | select(.status_code == 103 and .may_cancel) | .id'); do
		run_berth operation delete "$id"
	done
}

fake_called() { # waits for it
	wait_for 10 called "$1" || die "FAIL: '$1' was not called"
}
