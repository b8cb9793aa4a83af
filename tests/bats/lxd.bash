# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# LXD's own client (Debian's lxd-client), pointed at the daemon of the file. The files are named lxd-GROUP.bats.

command -v lxc >/dev/null || {
	echo "lxd.bash: 'lxc' is missing: run scripts/install-deps --dev" >&2
	return 1
}

# stock [RC] ARGUMENTS…: lxc's stdout in $output and $lines, its stderr in $stderr; RC is 0 unless given, ? is any.
# Its stdin is what the caller's is.
stock() {
	local rc=0
	case $1 in
	[0-9] | [0-9][0-9] | [0-9][0-9][0-9] | '?')
		rc=$1
		shift
		;;
	esac
	mkdir -p "$BERTH_TEST_ROOT/lxc-conf"
	run --separate-stderr env LXD_SOCKET="$BERTH_SOCKET" LXD_CONF="$BERTH_TEST_ROOT/lxc-conf" \
		timeout --foreground -k 5 "${BERTH_TEST_TIMEOUT:-300}" lxc "$@"
	printf '$ lxc %s\n' "$*" >&2
	[[ -z $output ]] || printf '%s\n' "$output" >&2
	# shellcheck disable=SC2154
	[[ -z $stderr ]] || printf 'stderr: %s\n' "$stderr" >&2
	# shellcheck disable=SC2154
	[[ $rc == '?' || $status == "$rc" ]] || die "FAIL: lxc $* ended with $status, expected $rc"
}

# stock_refused PART ARGUMENTS…: lxc fails with 1 and says so on stderr.
stock_refused() {
	local part=$1
	shift
	stock 1 "$@"
	contains "$stderr" "$part" "message of: lxc $*"
}
