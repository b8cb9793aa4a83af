#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What a hostile review found: operations that meet each other, and berthd ending at the wrong moment.
# Needs a build with FAULTS=1 for some.

# shellcheck disable=SC2016,SC2154 # what the container expands; what the helpers set

load helpers

the_tree() { # of the only image
	basename "$(find "$BERTH_TEST_ROOT/images" -mindepth 1 -maxdepth 1 -name '[0-9a-f]*' -type d)"
}

gone() {
	[[ -z $(state_of "$1") ]]
}

# Makes the named lxc tool take SECONDS longer: the rest of the test meets the operation in that step.
slow_tool() { # TOOL SECONDS
	local real
	real=$(command -v "$1")
	mkdir -p "$BERTH_TEST_ROOT/slow"
	printf '#!/bin/sh\nsleep %s\nexec %s "$@"\n' "$2" "$real" >"$BERTH_TEST_ROOT/slow/$1"
	chmod 755 "$BERTH_TEST_ROOT/slow/$1"
}

@test "a delete that failed half-way does not take the next instance of that name with it" {
	local n
	n=$(name heir)
	run_berth init bb "$n"
	fault delete/sweep/fail
	refused 1 "injected fault" delete "$n"
	rm -rf --one-file-system "$BERTH_TEST_ROOT/lxc/${n:?}"
	wait_for 10 gone "$n"
	run_berth init bb "$n"
	daemon_restart
	assert "$(state_of "$n")" = STOPPED "the new instance after a restart"
	journal_ends
	run_berth delete "$n"
}

@test "two isolated instances made at the same time have ids of their own" {
	local a b i
	[[ $(awk -F: '$1 == "root" { print $3 }' /etc/subuid | sort -n | tail -n 1) -ge 400000 ]] || skip "few subordinate ids"
	a=$(name iso1)
	b=$(name iso2)
	slow_tool lxc-create 2
	daemon_stop
	PATH=$BERTH_TEST_ROOT/slow:$PATH daemon_start
	for i in "$a" "$b"; do
		api POST /1.0/instances "{\"name\":\"$i\",\"source\":{\"type\":\"image\",\"alias\":\"bb\"},\"config\":{\"security.idmap.isolated\":\"true\"}}"
		assert "$http" = 202
	done
	wait_for 20 is_state "$a" STOPPED
	wait_for 20 is_state "$b" STOPPED
	assert "$(key_of "$a" volatile.idmap.base)" != "$(key_of "$b" volatile.idmap.base)"
	run_berth delete "$a" "$b"
}

@test "an isolated instance keeps its ids when others leave theirs" {
	local a b base
	[[ $(awk -F: '$1 == "root" { print $3 }' /etc/subuid | sort -n | tail -n 1) -ge 400000 ]] || skip "few subordinate ids"
	a=$(name keep1)
	b=$(name keep2)
	run_berth init bb "$a" -c security.idmap.isolated=true
	run_berth init bb "$b" -c security.idmap.isolated=true
	base=$(key_of "$b" volatile.idmap.base)
	run_berth delete "$a"
	run_berth config set "$b" user.x=1
	assert "$(key_of "$b" volatile.idmap.base)" = "$base"
}

@test "the folder of an instance cannot be written by the ids of its root" {
	local n base dir
	n=$(name own)
	launch "$n"
	base=$(key_of "$n" volatile.idmap.base)
	dir=$BERTH_TEST_ROOT/lxc/$n
	run setpriv --reuid "$base" --regid "$base" --clear-groups sh -c "echo lxc.hook.pre-start=/bin/true >'$dir/config.new' && mv '$dir/config.new' '$dir/config'"
	assert "$status" != 0 "a process with the ids of the container's root could replace its config"
	run setpriv --reuid "$base" --regid "$base" --clear-groups ln -s /etc/shadow "$dir/planted"
	assert "$status" != 0
	run setpriv --reuid 65534 --regid 65534 --clear-groups ls "$dir/rootfs"
	assert "$status" != 0 "a stranger can walk into the tree"
}

@test "an instance that becomes unprivileged, or isolated, starts" {
	local n
	n=$(name turn)
	run_berth init bb "$n" -c security.privileged=true -d root,pool=dir || run_berth init bb "$n" -s dir -c security.privileged=true
	run_berth start "$n"
	run_berth config set "$n" security.privileged=false
	run_berth restart -f "$n"
	assert "$(in_container "$n" cat /proc/self/uid_map)" !~ "^ *0 +0 "
}

@test "an image deleted while an instance of it is being made keeps its tree" {
	local n fp
	n=$(name late)
	delete_instances
	fp=$(the_tree)
	slow_tool lxc-create 2
	daemon_stop
	PATH=$BERTH_TEST_ROOT/slow:$PATH daemon_start
	api POST /1.0/instances "{\"name\":\"$n\",\"source\":{\"type\":\"image\",\"alias\":\"bb\"}}"
	assert "$http" = 202
	local op
	op=$(field .operation)
	wait_for 10 test -e "$BERTH_TEST_ROOT/lxc/$n/.berth-op"
	wait_in_background "$op"
	run_berth image delete bb
	ended >"$BATS_TEST_TMPDIR/status"
	assert "$(cat "$BATS_TEST_TMPDIR/status")" = Success
	rm "$BERTH_TEST_ROOT/slow/lxc-create"
	run_berth start "$n"
	run_berth exec "$n" -- true
	run_berth delete -f "$n"
	wait_for 10 test ! -e "$BERTH_TEST_ROOT/images/$fp"
	daemon_restart
	run_berth image import "$BUSYBOX_IMAGE" --alias bb
}

@test "an image deleted under an instance that then could not be made is gone" {
	local n fp op
	n=$(name late2)
	fp=$(the_tree)
	slow_tool lxc-create 2
	daemon_stop
	PATH=$BERTH_TEST_ROOT/slow:$PATH BERTH_FAULT=launch/rootfs/fail daemon_start
	api POST /1.0/instances "{\"name\":\"$n\",\"source\":{\"type\":\"image\",\"alias\":\"bb\"}}"
	op=$(field .operation)
	wait_for 10 test -e "$BERTH_TEST_ROOT/lxc/$n/.berth-op"
	wait_in_background "$op"
	run_berth image delete bb
	ended >"$BATS_TEST_TMPDIR/status"
	assert "$(cat "$BATS_TEST_TMPDIR/status")" = Failure
	wait_for 10 test ! -e "$BERTH_TEST_ROOT/images/$fp"
	rm "$BERTH_TEST_ROOT/slow/lxc-create"
	daemon_restart
	run_berth image import "$BUSYBOX_IMAGE" --alias bb
}

@test "a profile deleted while an instance with it is being made: no instance without it" {
	local n op
	n=$(name prof)
	slow_tool lxc-create 2
	daemon_stop
	PATH=$BERTH_TEST_ROOT/slow:$PATH daemon_start
	run_berth profile create fleeting
	api POST /1.0/instances "{\"name\":\"$n\",\"profiles\":[\"default\",\"fleeting\"],\"source\":{\"type\":\"image\",\"alias\":\"bb\"}}"
	op=$(field .operation)
	wait_for 10 test -e "$BERTH_TEST_ROOT/lxc/$n/.berth-op"
	wait_in_background "$op"
	run_berth '?' profile delete fleeting
	ended >"$BATS_TEST_TMPDIR/status"
	rm "$BERTH_TEST_ROOT/slow/lxc-create"
	if [[ $(cat "$BATS_TEST_TMPDIR/status") == Success ]]; then
		run_berth profile show fleeting
	else
		contains "$(jq -r .metadata.err "$BATS_TEST_TMPDIR/end")" fleeting
		assert "$(state_of "$n")" = ""
	fi
	daemon_restart
}

@test "a new ephemeral instance is not taken for the one of that name that just ended" {
	local n
	n=$(name eph)
	launch "$n" --ephemeral
	run_berth delete -f "$n"
	run_berth init bb "$n" --ephemeral
	# one that ends later is reaped later
	launch "$(name eph2)" --ephemeral
	lxc-stop -k -P "$BERTH_TEST_ROOT/lxc" -n "$(name eph2)"
	wait_for 20 gone "$(name eph2)"
	assert "$(state_of "$n")" = STOPPED
	run_berth delete "$n"
}

init_of() {
	"$BERTH" query "/1.0/instances/$1/state" | jq -r .pid
}

has_another_init() { # NAME PID
	local pid
	pid=$(init_of "$1")
	[[ $pid -gt 0 && $pid != "$2" ]]
}

@test "a reboot inside an ephemeral instance does not end it" {
	local n pid
	n=$(name ephr)
	launch "$n" --ephemeral -c raw.lxc='lxc.hook.post-stop = /bin/sleep 3' # the reboot takes its time
	wait_for 20 has_another_init "$n" 0
	pid=$(init_of "$n")
	wait_init "$n"
	in_container "$n" reboot || true
	wait_for 20 has_another_init "$n" "$pid"
	# one that ends later is reaped later
	launch "$(name eph3)" --ephemeral
	lxc-stop -k -P "$BERTH_TEST_ROOT/lxc" -n "$(name eph3)"
	wait_for 20 gone "$(name eph3)"
	wait_for 10 is_state "$n" RUNNING
	run_berth delete -f "$n"
}

@test "berthd can be ended while it starts instances with a delay between them" {
	local a b
	a=$(name auto1)
	b=$(name auto2)
	run_berth init bb "$a" -c boot.autostart=true -c boot.autostart.delay=86400 -c boot.autostart.priority=5
	run_berth init bb "$b" -c boot.autostart=true
	daemon_stop
	rm -f "$BERTH_TEST_ROOT/state/boot_id"
	daemon_start
	wait_for 20 is_state "$a" RUNNING
	daemon_stop # within its deadline: far less than the delay
	daemon_start
	run_berth delete -f "$a" "$b"
}

@test "berthd can be ended while it counts what an instance takes" {
	local n i
	n=$(name count)
	launch "$n"
	in_container "$n" sh -c 'mkdir /many && cd /many && i=0; while [ $i -lt 20 ]; do mkdir $i; (cd $i; j=0; while [ $j -lt 500 ]; do : >$j; j=$((j+1)); done); i=$((i+1)); done'
	for i in 1 2 3; do
		for _ in 1 2 3 4 5 6 7 8; do
			curl -sS --max-time 5 --unix-socket "$BERTH_SOCKET" "http://unix/1.0/instances/$n/state" >/dev/null 2>&1 3>&- 4>&- &
		done
		daemon_stop
		daemon_start
	done
	assert "$(sanitizer_reports)" = ""
	run_berth delete -f "$n"
}

stop_for_ever() { # NAME
	api PUT "/1.0/instances/$1/state" '{"action":"stop","timeout":-1}'
	assert "$http" = 202
}

# An operation is kept for 5 s after its end: who wants to know it must wait from the beginning.
wait_in_background() { # OPERATION
	curl -sS --max-time 300 --unix-socket "$BERTH_SOCKET" "http://unix$1/wait" >"$BATS_TEST_TMPDIR/end" 3>&- 4>&- &
	WAITING=$!
}

ended() {
	wait "$WAITING" && jq -r .metadata.status "$BATS_TEST_TMPDIR/end"
}

@test "a stop that waits for ever is overtaken by a forced one, and by a forced delete" {
	local n
	n=$(name hang)
	launch "$n" -c raw.lxc="lxc.signal.halt = SIGURG"
	stop_for_ever "$n"
	wait_in_background "$(field .operation)"
	run_berth stop --force "$n"
	assert "$(state_of "$n")" = STOPPED
	ended >"$BATS_TEST_TMPDIR/status"
	assert "$(cat "$BATS_TEST_TMPDIR/status")" =~ "Cancelled|Failure|Success"
	run_berth start "$n"
	stop_for_ever "$n"
	run_berth delete --force "$n"
}

@test "instances that do not shut down keep no others from anything" {
	local k
	for k in 1 2 3 4 5 6 7 8 9; do
		launch "$(name hang$k)" -c raw.lxc="lxc.signal.halt = SIGURG"
		stop_for_ever "$(name hang$k)"
	done
	launch "$(name free)"
	run_berth delete -f "$(name free)"
	for k in 1 2 3 4 5 6 7 8 9; do
		run_berth delete -f "$(name hang$k)"
	done
}

id_map_of() {
	in_container "$1" cat /proc/self/uid_map | tr -s ' ' | cut -d' ' -f3
}

@test "another id map, also by a profile, takes effect at the next start" {
	local n base file
	n=$(name map)
	run_berth profile create maps
	launch "$n" -p default -p maps
	base=$(key_of "$n" volatile.idmap.base)
	file=$BERTH_TEST_ROOT/lxc/$n/upper/root/file
	in_container "$n" sh -c 'echo x >/root/file; cp /bin/busybox /root/su; chown 5:6 /root/file /root/su; chmod 4755 /root/su'
	run_berth profile set maps security.privileged=true
	assert "$(id_map_of "$n")" = "$base"
	assert "$(key_of "$n" volatile.idmap.base)" = "$base"
	run_berth file pull "$n/root/file" -
	run_berth config set "$n" security.protection.shift=true
	run_berth stop -f "$n"
	refused 1 "Container is protected against filesystem shifting" start "$n"
	run_berth config unset "$n" security.protection.shift
	fault start/shift/kill-after
	run_berth 1 start "$n"
	revive
	assert "$(stat -c %u "$file")" = 5 "what takes long is done before the start"
	run_berth start "$n"
	assert "$(id_map_of "$n")" = 0
	assert "$(in_container "$n" stat -c '%u:%g %a' /root/file /root/su /root | tr '\n' ' ')" = "5:6 644 5:6 4755 0:0 700 "
	assert "$(key_of "$n" volatile.idmap.base)" = 0
	assert "$(stat -c %u "$file" 2>/dev/null || echo none)" = 5
	run_berth profile unset maps security.privileged
	run_berth restart -f "$n"
	assert "$(id_map_of "$n")" = "$base"
	assert "$(stat -c %u "$file")" = "$((base + 5))"

	# a berthd that was killed on the way to a map that is not wanted any more
	run_berth stop -f "$n"
	daemon_stop
	jq '.shift_to = {base: 0, size: 0}' "$BERTH_TEST_ROOT/lxc/$n/berth.json" >"$BATS_TEST_TMPDIR/json"
	cat "$BATS_TEST_TMPDIR/json" >"$BERTH_TEST_ROOT/lxc/$n/berth.json"
	chown 5:6 "$file"
	daemon_start
	run_berth start "$n"
	assert "$(stat -c %u "$file")" = "$((base + 5))"
	assert "$(jq .shift_to "$BERTH_TEST_ROOT/lxc/$n/berth.json")" = null
	run_berth delete -f "$n"
	run_berth profile delete maps
}

@test "a folder that berthd had just made when it was killed is not in the way" {
	local n
	n=$(name empty)
	fault launch/create/kill
	run_berth 1 init bb "$n"
	wait_for 20 process_gone "$(daemon_pid)"
	mkdir -m 700 "$BERTH_TEST_ROOT/lxc/$n"
	daemon_restart
	run_berth init bb "$n"
	run_berth delete "$n"
}

@test "containers with odd names do not break the lists" {
	local odd='we"ird\x'
	delete_instances
	lxc-create -P "$BERTH_TEST_ROOT/lxc" -n "$odd" -t none -f /dev/null || skip "LXC refuses the name"
	daemon_restart
	api GET /1.0/instances
	run jq -e . <<<"$body"
	assert "$status" = 0 "valid JSON"
	api GET '/1.0/instances?recursion=1'
	run jq -e . <<<"$body"
	assert "$status" = 0 "valid JSON"
	rm -rf "${BERTH_TEST_ROOT:?}/lxc/$odd"
	daemon_restart
}

@test "berthd killed in an update, a rename or a copy: one or the other, and it starts" {
	local n step how value
	n=$(name crash)
	run_berth init bb "$n" -c user.k=old
	for step in check write live; do
		for how in kill kill-after; do
			run_berth config set "$n" user.k=old
			killed "update/$step/$how" config set "$n" user.k=new limits.processes=77
			value=$("$BERTH" config get "$n" user.k)
			assert "$value" =~ "^(old|new)$" "after update/$step/$how"
			[[ $value == new ]] && value=77 || value=
			assert "$("$BERTH" config get "$n" limits.processes)" = "$value" "after update/$step/$how"
			run_berth start "$n"
			run_berth stop -f "$n"
			run_berth '?' config unset "$n" limits.processes
		done
	done
	for step in check move; do
		for how in kill kill-after; do
			killed "rename/$step/$how" rename "$n" "$n-r"
			[[ -z $(state_of "$n-r") ]] || run_berth rename "$n-r" "$n"
			assert "$(state_of "$n")" = STOPPED "after rename/$step/$how"
			assert "$(grep -c -- "$n-r" "$BERTH_TEST_ROOT/lxc/$n/config")" = 0 "lines with the other name"
			run_berth start "$n"
			run_berth stop -f "$n"
		done
	done
	run_berth start "$n"
	run_berth snapshot "$n" s
	for step in reserve create rootfs thaw snapshots commit finish; do
		for how in kill kill-after; do
			killed "launch/$step/$how" copy "$n" "$n-c"
			assert "$(state_of "$n")" = RUNNING "the source after launch/$step/$how"
			[[ -z $(state_of "$n-c") ]] || run_berth delete -f "$n-c"
			[[ ! -e $BERTH_TEST_ROOT/lxc/$n-c ]] || die "FAIL: left after launch/$step/$how: $(ls -A "$BERTH_TEST_ROOT/lxc/$n-c")"
		done
	done
	run_berth delete -f "$n"
}

@test "sources and targets of disks are data to the shell that runs the hooks" {
	local n odd
	n=$(name odd)
	odd="$BERTH_TEST_ROOT/a b'c\"d\$(touch $BERTH_TEST_ROOT/pwned)#e;f\`id\`&g|h\\i"
	mkdir -p "$odd"
	chmod 755 "$odd"
	: >"$odd/here"
	run_berth init bb "$n"
	jq -n --arg s "$odd" '{devices: {x: {type: "disk", source: $s, path: ("/mnt/" + ($s | split("/") | last))}}}' \
		>"$BATS_TEST_TMPDIR/change"
	api PATCH "/1.0/instances/$n" "$(cat "$BATS_TEST_TMPDIR/change")"
	assert "$http" = 200
	run_berth start "$n"
	[[ -n $(in_container "$n" find /mnt -name here) ]] || die "FAIL: not mounted: $(in_container "$n" find /mnt)"
	[[ ! -e $BERTH_TEST_ROOT/pwned ]] || die "FAIL: the shell ran a part of it"
	run_berth delete -f "$n"
}

@test "long values and names" {
	local n
	n=$(name "$(printf 'x%.0s' {1..70})")
	n=${n:0:63}
	jq -n --arg n "$n" '{name: $n, description: ("d" * 1000000), source: {type: "none"}, config: {("user." + "k" * 200): ("v" * 100000)}}' \
		>"$BATS_TEST_TMPDIR/big"
	http=$(curl -sS --unix-socket "$BERTH_SOCKET" -H 'Content-Type: application/json' --data-binary "@$BATS_TEST_TMPDIR/big" \
		-o "$BATS_TEST_TMPDIR/body" -w '%{http_code}' http://unix/1.0/instances)
	assert "$http" =~ "^(202|400|413)$"
	if [[ $http == 202 ]]; then
		wait_for 10 is_state "$n" STOPPED
		run_berth delete "$n"
	fi
	run_berth list
	launch "$n"
	run_berth delete -f "$n"
}

journal_entry() { # KIND STEP COMMITTED ARGS
	local id
	id=$(cat /proc/sys/kernel/random/uuid)
	printf '{"id":"%s","kind":"%s","step":"%s","committed":%s,"args":%s}' "$id" "$1" "$2" "$3" "$4" \
		>"$BERTH_TEST_ROOT/state/operations/$id.json"
}

@test "a journal that was damaged keeps berthd from nothing, and leads nowhere else" {
	local n before safe=$BERTH_TEST_ROOT/state/safe
	n=$(name torn)
	run_berth init bb "$n"
	mkdir -p "$safe"
	echo kept >"$safe/file"
	install -d -m 700 "$BERTH_TEST_ROOT/volumes/$n" "$BERTH_TEST_ROOT/volumes/$n/v"
	echo kept >"$BERTH_TEST_ROOT/volumes/$n/v/file"
	before=$(cat "$BERTH_TEST_ROOT/lxc/$n/berth.json")
	daemon_stop
	journal_entry volume-delete sweep true "{\"name\":\"$n\",\"owner\":\"$n\",\"volume\":\"v\",\"trash\":\"../../state/safe\"}"
	journal_entry volume-delete sweep true "{\"name\":\"$n\",\"owner\":\"..\",\"volume\":\"state\",\"trash\":\"x\"}"
	journal_entry volume-delete trash true "{\"name\":\"$n\",\"owner\":\"$n\",\"trash\":\"11111111-2222-3333-4444-555555555555\"}"
	journal_entry snapshot-delete remove true "{\"name\":\"$n\",\"snapshot\":\"s\",\"mark\":\"x/../../../../state/safe\"}"
	journal_entry rebuild stage false "{\"name\":\"$n/../../state/safe\"}"
	journal_entry backup clean true "{\"name\":\"$n\",\"file\":\"../state/safe.7z\"}"
	for kind in update rebuild snapshot-restore restore-tree; do
		journal_entry "$kind" commit false "{\"name\":\"$n\",\"old\":[]}"
		journal_entry "$kind" write false "{\"name\":\"$n\"}"
	done
	journal_entry volume-attach live false "{\"name\":\"$n\",\"owner\":5,\"volume\":[],\"device\":7,\"old\":\"x\"}"
	journal_entry backup open false "{\"name\":\"$n\",\"file\":\"$n-20261122000000.7z\",\"info\":5}"
	daemon_start
	is_state "$n" STOPPED
	assert "$(cat "$safe/file")" = kept
	assert "$(cat "$BERTH_TEST_ROOT/volumes/$n/v/file")" = kept
	assert "$(cat "$BERTH_TEST_ROOT/lxc/$n/berth.json")" = "$before"
	daemon_stop
	rm -rf "$safe" "$BERTH_TEST_ROOT/volumes/$n" "$BERTH_TEST_ROOT"/state/operations/*
	daemon_start
	run_berth delete "$n"
}

@test "nothing is left behind" {
	daemon_restart
	leak_check
}
