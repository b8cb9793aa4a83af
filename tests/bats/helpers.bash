# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What every bats file uses: a berthd of its own below a short folder in /tmp, with its own bridge and subnet, so that
# files run side by side; the busybox image imported once per file; assertions; and a leak check, which is the last
# test of each file ("nothing is left behind") as well as the end of its teardown.
#
# A file may set BERTH_TEST_SETTINGS (more lines of berth.conf), and define setup_file_more and teardown_file_more.
# A file needs: `load helpers`, and as last test `@test "nothing is left behind" { leak_check; }`.
# Environment: BERTH_BUILD (build), BERTH_TEST_CACHE (where the image is kept), BERTH_TEST_KEEP=1 (keep the folder),
# BERTH_TEST_PATIENCE (deadlines are multiplied by it), BERTH_TEST_TIMEOUT (seconds that one command may take);
# set by a file: BERTH_TEST_LOGS (where berthd's log goes; the test's folder).

bats_require_minimum_version 1.5.0

REPO=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
BERTH_BUILD=${BERTH_BUILD:-build}
[[ $BERTH_BUILD == /* ]] || BERTH_BUILD=$REPO/$BERTH_BUILD
BERTH=$BERTH_BUILD/berth
BERTHD=$BERTH_BUILD/berthd
BERTH_TEST_CACHE=${BERTH_TEST_CACHE:-${XDG_CACHE_HOME:-/var/cache}/berth-test}
export BERTH_BUILD BERTH BERTHD BERTH_TEST_CACHE
export BERTH_LIBEXEC_DIR=${BERTH_LIBEXEC_DIR:-$BERTH_BUILD}
export BERTH_TEMPLATE_DIR=${BERTH_TEMPLATE_DIR:-$REPO/templates}
export LC_ALL=C TZ=UTC
unset EDITOR VISUAL
[ -t 0 ] && exec </dev/null

# ---- time

# Deadlines are meant for a machine like ours; a slower one, or a busy one, gets this many times as long.
PATIENCE=${BERTH_TEST_PATIENCE:-8}

# wait_for SECONDS COMMAND…: polls until the command succeeds; fails at the deadline, PATIENCE times SECONDS from now.
# The condition must not be true from before.
wait_for() {
	local deadline=$((SECONDS + $1 * PATIENCE))
	shift
	until "$@"; do
		((SECONDS < deadline)) || return 1
		sleep 0.05
	done
}

# ---- assertions

die() {
	printf '#| %s\n' "$@" >&2
	return 1
}

# assert ACTUAL OPERATOR EXPECTED [WHAT]; operators: = != =~ !~ -eq -ne -lt -le -gt -ge
assert() {
	local actual=$1 op=$2 expected=$3 what=${4:-}
	case $op in
	=) [[ $actual == "$expected" ]] ;;
	!=) [[ $actual != "$expected" ]] ;;
	=~) [[ $actual =~ $expected ]] ;;
	!~) [[ ! $actual =~ $expected ]] ;;
	-*) test "$actual" "$op" "$expected" ;;
	*) die "assert: unknown operator '$op'" ;;
	esac || die "FAIL: ${what:-assertion}" "expected: $op $expected" "  actual: $actual"
}

# contains TEXT PART [WHAT]
contains() {
	[[ $1 == *"$2"* ]] || die "FAIL: ${3:-text lacks a part}" "expected: $2" "    text: $1"
}

# ---- berth

# run_berth [RC] ARGUMENTS…: stdout in $output and $lines, stderr in $stderr; RC is 0 unless given, ? is any.
run_berth() {
	local rc=0
	case $1 in
	[0-9] | [0-9][0-9] | [0-9][0-9][0-9] | '?')
		rc=$1
		shift
		;;
	esac
	run --separate-stderr timeout --foreground -k 5 "${BERTH_TEST_TIMEOUT:-300}" "$BERTH" "$@"
	printf '$ berth %s\n' "$*" >&2
	[[ -z $output ]] || printf '%s\n' "$output" >&2
	# shellcheck disable=SC2154
	[[ -z $stderr ]] || printf 'stderr: %s\n' "$stderr" >&2
	# shellcheck disable=SC2154
	[[ $rc == '?' || $status == "$rc" ]] || die "FAIL: berth $* ended with $status, expected $rc"
}

# refused RC PART ARGUMENTS…: berth fails so and says that on stderr.
refused() {
	local rc=$1 part=$2
	shift 2
	run_berth "$rc" "$@"
	contains "$stderr" "$part" "message of: berth $*"
}

# api METHOD PATH [JSON]: one raw request; the status in $http, headers in $headers, the body in $body.
api() {
	local method=$1 path=$2
	local arguments=(-sS --max-time 300 --unix-socket "$BERTH_SOCKET" -X "$method" -D "$BATS_TEST_TMPDIR/headers"
		-o "$BATS_TEST_TMPDIR/body" -w '%{http_code}')
	if (($# > 2)); then
		printf '%s' "$3" >"$BATS_TEST_TMPDIR/request"
		arguments+=(-H 'Content-Type: application/json' --data-binary "@$BATS_TEST_TMPDIR/request")
	fi
	http=$(curl "${arguments[@]}" "${@:4}" "http://unix.socket$path") || die "FAIL: curl $method $path"
	# shellcheck disable=SC2034
	headers=$(tr -d '\r' <"$BATS_TEST_TMPDIR/headers")
	body=$(cat "$BATS_TEST_TMPDIR/body")
	printf '%s %s -> %s\n%s\n' "$method" "$path" "$http" "$body" >&2
}

# field FILTER: jq on the last body
field() {
	jq -r "$1" <<<"$body"
}

# What one container shows in the list: state, or nothing.
state_of() {
	"$BERTH" list "^$1\$" -c s -f csv
}

is_state() {
	[[ $(state_of "$1") == "$2" ]]
}

has_address() { # NAME: one of our subnet
	"$BERTH" list "^$1\$" -c 4 -f csv | grep -q "$BERTH_TEST_SUBNET\."
}

# in_container NAME COMMAND…: stdout of it.
in_container() {
	local name=$1
	shift
	timeout --foreground -k 5 300 "$BERTH" exec "$name" -- "$@" </dev/null
}

# One of LXC's own tools, past berthd. Not called lxc: that is a program, too.
by_lxc() { # TOOL NAME ARGUMENTS…
	"lxc-$1" -P "$BERTH_TEST_ROOT/lxc" -n "$2" "${@:3}" 3>&- 4>&-
}

# The process of a container's init as LXC has it; nothing when it does not run.
init_of() { # NAME
	lxc-info -P "$BERTH_TEST_ROOT/lxc" -n "$1" -pH 2>/dev/null
}

# What its berth.json says, "null" without it.
key_of() { # NAME KEY
	jq -r --arg k "$2" '.config[$k]' "$BERTH_TEST_ROOT/lxc/$1/berth.json"
}

# Has init come so far that it takes signals? A shutdown or a reboot that comes earlier is lost.
init_listens() { # NAME [LXCPATH]
	local pid
	pid=$(lxc-info -P "${2:-$BERTH_TEST_ROOT/lxc}" -n "$1" -pH 2>/dev/null)
	[[ -n $pid && $(cat "/proc/$pid/comm" 2>/dev/null) == init ]] &&
		grep -q '^Sig\(Cgt\|Blk\):[[:space:]]*0*[1-9a-f]' "/proc/$pid/status" 2>/dev/null
}

wait_init() {
	wait_for 10 init_listens "$@" || die "FAIL: the init of '$1' takes no signals"
}

# The file of a container's cgroup, wherever the hierarchy has it.
cgroup_file() { # NAME FILE…: the first that exists
	local c=$1 f path
	shift
	for f in "$@"; do
		path=$(find /sys/fs/cgroup -path "*lxc.payload.$c/$f" 2>/dev/null | head -n 1)
		[[ -n $path ]] && break
	done
	[[ -n $path ]] || die "FAIL: '$c' has no cgroup file $*"
	echo "$path"
}

# A name that no other file running now uses (cgroups and host interfaces are shared).
name() {
	printf 't%s-%s' "$BERTH_TEST_ID" "$1"
}

# launch NAME [OPTIONS…]
launch() {
	run_berth launch bb "$@"
}

# ---- the daemon

daemon_pid() {
	cat "$BERTH_TEST_ROOT/pid" 2>/dev/null
}

process_alive() {
	[[ -n $1 && -e /proc/$1/status ]] && ! grep -q '^State:[[:space:]]*[ZX]' "/proc/$1/status" 2>/dev/null
}

process_gone() {
	! process_alive "$1"
}

daemon_answers() {
	process_alive "$(daemon_pid)" || return 0 # no use to wait longer: the caller sees
	"$BERTH" query /1.0 >/dev/null 2>&1
}

daemon_start() {
	: "${ASAN_OPTIONS=detect_leaks=1}" "${BERTH_TEST_LOGS:=$BERTH_TEST_ROOT}"
	: >"$BERTH_TEST_ROOT/fault"
	ASAN_OPTIONS="$ASAN_OPTIONS:log_path=$BERTH_TEST_LOGS/sanitizer:log_exe_name=1" \
		UBSAN_OPTIONS="print_stacktrace=1:log_path=$BERTH_TEST_LOGS/sanitizer" BERTH_FAULT_FILE=$BERTH_TEST_ROOT/fault \
		setsid "$BERTHD" --root "$BERTH_TEST_ROOT" --foreground "$@" \
		</dev/null >>"$BERTH_TEST_LOGS/berthd.log" 2>&1 3>&- 4>&- 5>&- &
	echo $! >"$BERTH_TEST_ROOT/pid"
	disown
	wait_for 20 daemon_answers || die "FAIL: berthd does not answer"
	process_alive "$(daemon_pid)" || {
		tail -n 20 "$BERTH_TEST_LOGS/berthd.log" >&2
		die "FAIL: berthd ended at once"
	}
}

# SIGTERM and wait; KILL when it does not listen.
daemon_stop() {
	local pid
	pid=$(daemon_pid)
	process_alive "$pid" || return 0
	kill -TERM "$pid" 2>/dev/null || return 0 # it ended just now
	wait_for 30 process_gone "$pid" && return
	kill -KILL "$pid"
	die "FAIL: berthd did not end within 30 s of SIGTERM"
}

daemon_kill() {
	local pid
	pid=$(daemon_pid)
	kill -KILL "$pid"
	wait_for 10 process_gone "$pid"
}

# From here on, until another one or the next start: a fault of BERTH_FAULT (FAULTS=1 builds). berthd need not run yet.
fault() { # KIND/STEP/HOW
	process_alive "$(daemon_pid)" || BERTH_FAULT='' daemon_start
	printf '%s' "$1" >"$BERTH_TEST_ROOT/fault"
}

daemon_restart() {
	daemon_stop 2>/dev/null || true
	BERTH_FAULT='' daemon_start
}

# berthd dies of a fault, or has died of it.
died() { # [FAULT]
	wait_for 20 process_gone "$(daemon_pid)" || die "FAIL: berthd survived ${1:-the injected kill}"
}

# The same, and it is started again without one.
revive() { # [FAULT]
	died "$@"
	BERTH_FAULT='' daemon_start
}

# FAULT COMMAND…: berthd dies of it, and is started again
killed() {
	fault "$1"
	run_berth '?' "${@:2}"
	revive "$1"
	journal_ends
}

daemon_fds() {
	find "/proc/$(daemon_pid)/fd" -mindepth 1 2>/dev/null | wc -l
}

# ---- network: a bridge that this file alone uses; its number is the file's id

bridge_create() {
	local n start=$((RANDOM % 240 + 10)) i
	for ((i = 0; i < 240; i++)); do
		n=$(((start + i) % 240 + 10))
		ip link add name "bats$n" type bridge 2>/dev/null || continue
		BERTH_TEST_ID=$n
		BERTH_TEST_BRIDGE=bats$n
		BERTH_TEST_SUBNET=10.231.$n
		ip addr add "$BERTH_TEST_SUBNET.1/24" dev "$BERTH_TEST_BRIDGE"
		ip link set "$BERTH_TEST_BRIDGE" up
		export BERTH_TEST_ID BERTH_TEST_BRIDGE BERTH_TEST_SUBNET
		return
	done
	die "FAIL: no free name for a bridge"
}

# A DHCP server on the bridge, for files that ask for it.
dhcp_start() {
	dnsmasq --conf-file=/dev/null --keep-in-foreground --port=0 --bind-interfaces --except-interface=lo \
		--interface="$BERTH_TEST_BRIDGE" --dhcp-authoritative --no-ping --no-hosts --no-resolv --user=root \
		--dhcp-range="$BERTH_TEST_SUBNET.100,$BERTH_TEST_SUBNET.199,1h" \
		--dhcp-leasefile="$BERTH_TEST_ROOT/leases" --log-facility="$BERTH_TEST_ROOT/dnsmasq.log" \
		--pid-file="$BERTH_TEST_ROOT/dnsmasq.pid" </dev/null >/dev/null 2>&1 3>&- 4>&- 5>&- &
	disown
	wait_for 5 test -s "$BERTH_TEST_ROOT/dnsmasq.pid"
}

# host-init changes what all of a machine share: one test at a time, until it ends. What goes on running must not
# inherit the lock: 8>&-
host_lock() {
	mkdir -p "$BERTH_TEST_CACHE"
	exec 8>"$BERTH_TEST_CACHE/host.lock"
	flock 8
}

# The same around one command only. host-init itself waits for a lock of its own; this one keeps other files' tests from
# seeing half of it.
host_locked() { # COMMAND…
	mkdir -p "$BERTH_TEST_CACHE"
	(
		flock 8
		"$@" 8>&- 3>&- 4>&-
	) 8>"$BERTH_TEST_CACHE/host.lock"
}

# ---- the image

# Built once, kept between runs; made anew when its recipe changed. Prints the path.
busybox_image() {
	local image=$BERTH_TEST_CACHE/busybox.tar.gz recipe=$REPO/scripts/build-busybox-image
	mkdir -p "$BERTH_TEST_CACHE"
	(
		flock 9
		[[ $image -nt $recipe ]] || "$recipe" "$image" >&2
	) 9>"$BERTH_TEST_CACHE/lock" || return
	printf '%s\n' "$image"
}

# ---- life of a file

setup_file() {
	[[ $EUID == 0 ]] || die "FAIL: these tests need root"
	[[ -x $BERTHD && -x $BERTH ]] || die "FAIL: '$BERTHD' is missing: run make first"
	BERTH_TEST_ROOT=$(mktemp -d /tmp/berth-bats.XXXX)
	chmod 755 "$BERTH_TEST_ROOT"
	export BERTH_TEST_ROOT BERTH_SOCKET=$BERTH_TEST_ROOT/run/berth.sock
	bridge_create
	BUSYBOX_IMAGE=$(busybox_image) || die "FAIL: the busybox image cannot be built"
	export BUSYBOX_IMAGE
	cat >"$BERTH_TEST_ROOT/berth.conf" <<-END
		network_pub = $BERTH_TEST_BRIDGE
		network_nat = $BERTH_TEST_BRIDGE
		log_level = debug
		${BERTH_TEST_SETTINGS:-}
	END
	daemon_start
	daemon_fds >"$BERTH_TEST_ROOT/fds"
	"$BERTH" image import "$BUSYBOX_IMAGE" --alias bb >/dev/null || die "FAIL: the image cannot be imported"
	if declare -F setup_file_more >/dev/null; then setup_file_more; fi
}

delete_instances() {
	local name
	process_alive "$(daemon_pid)" || daemon_start || return
	for name in $("$BERTH" list -c n -f csv 2>/dev/null); do
		timeout -k 5 300 "$BERTH" delete -f "$name" </dev/null >/dev/null || echo "'$name' cannot be deleted"
	done
}

# After a test that failed: without it, each of those that follow would fail for want of the daemon or the image.
teardown() {
	restore_after_failure
}

restore_after_failure() {
	[[ -z ${BATS_TEST_COMPLETED:-} && -n ${BERTH_TEST_ROOT:-} && ! -e $BERTH_TEST_ROOT/checked ]] || return 0
	printf '\n# the last lines of berthd'"'"'s log:\n' >&2
	grep -av ' debug GET /' "${BERTH_TEST_LOGS:-$BERTH_TEST_ROOT}/berthd.log" | tail -n 40 | cut -c -400 >&2
	daemon_stop || true
	BERTH_FAULT='' daemon_start || return 0
	image_restore
}

image_restore() {
	"$BERTH" image show bb >/dev/null 2>&1 || "$BERTH" image import "$BUSYBOX_IMAGE" --alias bb >&2 </dev/null || true
}

# Ends what is left by force, whatever happened before.
force_clean() {
	local pid dir
	[[ -n ${BERTH_TEST_ROOT:-} && $BERTH_TEST_ROOT == /tmp/berth-bats.* ]] || return 0
	pid=$(daemon_pid)
	[[ -n $pid ]] && process_alive "$pid" && kill -KILL "$pid"
	[[ -s $BERTH_TEST_ROOT/dnsmasq.pid ]] && kill "$(cat "$BERTH_TEST_ROOT/dnsmasq.pid")" 2>/dev/null
	for dir in "$BERTH_TEST_ROOT"/lxc/*/; do
		[[ -e $dir/config ]] && lxc-stop -k -P "$BERTH_TEST_ROOT/lxc" -n "$(basename "$dir")" 2>/dev/null
	done
	while read -r dir; do
		umount -l "$dir"
	done < <(awk -v root="$BERTH_TEST_ROOT/" 'index($5, root) == 1 { print $5 }' /proc/self/mountinfo | sort -r)
	losetup -l -n -O NAME,BACK-FILE | awk -v root="$BERTH_TEST_ROOT/" 'index($2, root) == 1 { print $1 }' | xargs -r -n1 losetup -d
	ip link del "$BERTH_TEST_BRIDGE" 2>/dev/null
	nft list tables | grep "_t${BERTH_TEST_ID}_2d" | while read -r dir; do nft "delete $dir"; done
	rm -rf "/run/lxc/lock/$BERTH_TEST_ROOT"
	[[ -n ${BERTH_TEST_KEEP:-} ]] || rm -rf --one-file-system "$BERTH_TEST_ROOT"
}

teardown_file() {
	[[ -n ${BERTH_TEST_ROOT:-} ]] || return 0
	if declare -F teardown_file_more >/dev/null; then teardown_file_more; fi
	if [[ ! -e $BERTH_TEST_ROOT/checked ]]; then
		leak_check >&2 || true
	fi
	force_clean
	return 0
}

# ---- leaks

no_daemon_zombies() {
	! ps -o stat= --ppid "$(daemon_pid)" 2>/dev/null | grep -q Z
}

fds_as_at_start() {
	# the monitor and its pipe come with the first container
	(($(daemon_fds) <= $(cat "$BERTH_TEST_ROOT/fds") + 2))
}

journal_empty() {
	[[ -z $(ls -A "$BERTH_TEST_ROOT/state/operations" 2>/dev/null) ]]
}

# What an operation has recorded goes a moment after its end.
journal_ends() { # [SECONDS]
	wait_for "${1:-10}" journal_empty || die "FAIL: journal: $(ls -A "$BERTH_TEST_ROOT/state/operations")" \
		"$(cat "$BERTH_TEST_ROOT"/state/operations/*)"
}

leaked_mounts() {
	awk -v root="$BERTH_TEST_ROOT/" 'index($5, root) == 1 { print $5 }' /proc/self/mountinfo
}

mounts_of() { # NAME
	leaked_mounts | grep "/lxc/$1/"
}

leaked_cgroups() {
	find /sys/fs/cgroup -type d -name "*.t$BERTH_TEST_ID-*" 2>/dev/null
}

cgroups_of() { # NAME
	find /sys/fs/cgroup -type d -name "*.$1" 2>/dev/null
}

leaked_veths() {
	ip -o link show master "$BERTH_TEST_BRIDGE" | cut -d: -f2
}

leaked_networks() { # networks with a name of this file: their links and tables ("_2d" is a '-')
	find /sys/class/net/ -maxdepth 1 -name "t$BERTH_TEST_ID-*"
	nft list tables 2>/dev/null | grep "_t${BERTH_TEST_ID}_2d"
}

staging() { # of the image store
	ls -A "$BERTH_TEST_ROOT/images/.staging"
}

leaked_loops() {
	losetup -l -n -O BACK-FILE 2>/dev/null | grep -F "$BERTH_TEST_ROOT/"
}

leaked_folders() {
	find "$BERTH_TEST_ROOT/lxc" -mindepth 1 -maxdepth 1 2>/dev/null
	find "$BERTH_TEST_ROOT/images/.staging" -mindepth 1 -maxdepth 1 2>/dev/null
	find "$BERTH_TEST_ROOT" -xdev -name '*.tmp*' -not -path '*/rootfs/*' 2>/dev/null
}

leaked_processes() {
	local pid
	# lxc-monitord is LXC's own and ends half a minute after the last lxc-monitor
	for pid in $(pgrep -f -- "$BERTH_TEST_ROOT/"); do
		[[ $pid == "$$" || $pid == "$(daemon_pid)" || $pid == "$BASHPID" ]] && continue
		[[ $(ps -o ppid= -p "$pid" | tr -d ' ') == "$(daemon_pid)" ]] && continue # its lxc-monitor
		tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -v -e dnsmasq -e lxc-monitord
	done
}

nothing() { # COMMAND that lists leaks
	[[ -z $("$@") ]]
}

sanitizer_reports() {
	cat "${BERTH_TEST_LOGS:=$BERTH_TEST_ROOT}"/sanitizer.* 2>/dev/null
	grep -a -e 'ERROR: AddressSanitizer' -e 'ERROR: LeakSanitizer' -e 'runtime error:' "$BERTH_TEST_LOGS/berthd.log"
	return 0
}

# Deletes every instance, then looks for what should be gone; the daemon runs at the start and is stopped at the end.
leak_check() {
	local bad='' kind text
	touch "$BERTH_TEST_ROOT/checked"
	text=$(delete_instances)
	[[ -z $text ]] || bad+="instances: $text"$'\n'
	for kind in leaked_mounts leaked_loops leaked_cgroups leaked_veths leaked_networks leaked_folders leaked_processes; do
		wait_for 10 nothing "$kind" || bad+="$kind: $("$kind")"$'\n'
	done
	wait_for 10 journal_empty || bad+="journal: $(ls -A "$BERTH_TEST_ROOT/state/operations")"$'\n'
	wait_for 10 no_daemon_zombies || bad+="berthd has zombies"$'\n'
	wait_for 10 fds_as_at_start ||
		bad+="file descriptors: $(cat "$BERTH_TEST_ROOT/fds") at the start, now: $(ls -l "/proc/$(daemon_pid)/fd")"$'\n'
	daemon_stop || bad+="berthd does not stop"$'\n'
	wait_for 10 nothing leaked_processes || bad+="processes: $(leaked_processes)"$'\n'
	text=$(sanitizer_reports)
	[[ -z $text ]] || bad+="sanitizer: $text"$'\n'
	[[ -z $bad ]] || die "FAIL: left behind:" "$bad"
}
