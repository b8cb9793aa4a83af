#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Snapshots: what is in them, going back, names, expiry, the API. 77-snapshot-faults.bats and 78-snapshot-restore.bats let
# their steps fail, 79-snapshot-due.bats has the schedule.

# shellcheck disable=SC2016,SC2154 # what the container expands; what the helpers set

load helpers
load snapshot

@test "a snapshot of a stopped instance on overlay is its files as they are" {
	local n before
	n=$(name s1)
	launch "$n"
	populate "$n"
	run_berth stop -f "$n"
	file_facts "$(dir_of "$n")/upper/data"
	before=$(tree "$(dir_of "$n")/upper")
	contains "$before" "etc/hostname c" "a deleted file of the image is a whiteout"
	contains "$before" "trusted.overlay.opaque" "a replaced folder is opaque"
	contains "$before" "security.capability" "a file capability"
	contains "$before" "system.posix_acl_default" "a default ACL"
	run_berth snapshot "$n" before
	assert "$(tree "$(dir_of "$n")/snapshots/before/upper")" = "$before" "the snapshot's files"
	assert "$(stat -c '%a %u:%g' "$(dir_of "$n")/snapshots")" = "700 0:0" "who may look into snapshots"
	run_berth config set "$n" user.x=later limits.processes=50
	run_berth start "$n"
	change "$n"
	run_berth stop -f "$n"
	run_berth restore "$n" before
	assert "$(tree "$(dir_of "$n")/upper")" = "$before" "the files after going back"
	assert "$(state_of "$n")" = STOPPED
	run_berth config get "$n" user.x
	assert "$output" = "" "configuration is that of the snapshot"
	nothing_half_made "$n"
	run_berth start "$n"
	assert "$(in_container "$n" cat /data/hard)" = one
	run ! in_container "$n" test -e /etc/hostname
	assert "$(in_container "$n" ls /var/spool)" = new "the folder that replaced the image's"
	run_berth delete -f "$n"
}

@test "a running instance goes back to a snapshot that was taken while it ran" {
	local n uuid pid
	n=$(name s2)
	launch "$n" -c limits.processes=100
	populate "$n"
	uuid=$(jq -r '.config["volatile.uuid"]' "$(dir_of "$n")/berth.json")
	run_berth snapshot "$n"
	assert "$(snapshots_of "$n")" = snap0
	wait_for 10 is_state "$n" RUNNING || die "FAIL: it was left frozen"
	change "$n"
	run_berth config set "$n" limits.processes=50
	pid=$(init_of "$n")
	run_berth restore "$n" snap0
	assert "$(state_of "$n")" = RUNNING
	assert "$(init_of "$n")" != "$pid" "another init"
	assert "$(in_container "$n" cat /data/f)" = one
	run ! in_container "$n" test -e /data/g
	run_berth config get "$n" limits.processes
	assert "$output" = 100
	assert "$(jq -r '.config["volatile.uuid"]' "$(dir_of "$n")/berth.json")" = "$uuid" "volatile keys stay"
	# the snapshot is still whole: twice
	change "$n"
	run_berth restore "$n" snap0
	assert "$(in_container "$n" cat /data/f)" = one
	nothing_half_made "$n"
	run_berth delete -f "$n"
	assert "$(ls -A "$(dir_of "$n")" 2>/dev/null)" = "" "deleting the instance removes its snapshots"
}

@test "of a running instance: attributes, and what was deleted or replaced, too; a paused one stays paused" {
	local n before
	n=$(name s12)
	launch "$n"
	populate "$n"
	file_facts "$(dir_of "$n")/upper/data"
	run_berth pause "$n"
	before=$(tree "$(dir_of "$n")/upper")
	run_berth snapshot "$n" paused
	assert "$(state_of "$n")" = FROZEN
	assert "$(tree "$(dir_of "$n")/snapshots/paused/upper")" = "$before"
	run_berth resume "$n"
	run_berth snapshot "$n" running
	# but for what init writes
	assert "$(tree "$(dir_of "$n")/snapshots/running/upper" | grep -E '(^|[ ./])(data|etc/hostname|var/spool)')" = \
		"$(grep -E '(^|[ ./])(data|etc/hostname|var/spool)' <<<"$before")"
	run_berth delete -f "$n"
}

@test "while it runs: what one process writes in order is in the snapshot in order" {
	local n a b k
	n=$(name s13)
	launch "$n"
	in_container "$n" sh -c 'mkdir /w; (i=0; while :; do i=$((i + 1)); echo $i >/w/a; mv /w/a /w/first; echo $i >/w/b; mv /w/b /w/second; done) >/dev/null 2>&1 </dev/null &'
	writes() { [[ -s $(dir_of "$n")/upper/w/second ]]; }
	wait_for 10 writes
	for k in 1 2 3 4 5; do
		run_berth snapshot "$n" "s$k"
		a=$(cat "$(dir_of "$n")/snapshots/s$k/upper/w/first")
		b=$(cat "$(dir_of "$n")/snapshots/s$k/upper/w/second")
		[[ $a == "$b" || $a == $((b + 1)) ]] || die "FAIL: first is $a, second $b"
	done
	run_berth delete -f "$n"
}

@test "an ephemeral instance survives going back, and goes when it stops" {
	local n
	n=$(name s14)
	launch "$n" --ephemeral
	run_berth snapshot "$n" s
	in_container "$n" touch /root/new
	run_berth restore "$n" s
	assert "$(state_of "$n")" = RUNNING
	run ! in_container "$n" test -e /root/new
	assert "$(jq -r .ephemeral "$(dir_of "$n")/berth.json")" = true
	run_berth stop -f "$n"
	gone() { [[ -z $(state_of "$n") && ! -e $(dir_of "$n") ]]; }
	wait_for 10 gone || die "FAIL: it stays"
}

@test "the dir driver: snapshot, restore, and back to it after the driver changed" {
	local n before
	n=$(name s3)
	launch "$n" -s dir
	populate "$n"
	run_berth stop -f "$n"
	before=$(tree "$(dir_of "$n")/rootfs")
	run_berth snapshot "$n" s
	assert "$(tree "$(dir_of "$n")/snapshots/s/rootfs")" = "$before" "the snapshot's files"
	run_berth start "$n"
	change "$n"
	run_berth restore "$n" s
	assert "$(in_container "$n" cat /data/f)" = one
	run_berth stop -f "$n"
	assert "$(jq -r .driver "$(dir_of "$n")/berth.json")" = dir
	# as after the restore of a backup: the snapshot lies on overlay, the instance on dir
	run_berth delete "$n"
	launch "$n"
	in_container "$n" sh -c 'echo overlay >/root/f'
	run_berth snapshot "$n" o
	run_berth stop -f "$n"
	cp -a "$(dir_of "$n")/snapshots/o" "$BERTH_TEST_ROOT/kept"
	run_berth delete "$n"
	run_berth init bb "$n" -s dir
	mkdir -m 700 "$(dir_of "$n")/snapshots"
	mv "$BERTH_TEST_ROOT/kept" "$(dir_of "$n")/snapshots/o"
	assert "$(snapshots_of "$n")" = o "a snapshot that was put there by hand is seen"
	run_berth restore "$n" o
	assert "$(jq -r .driver "$(dir_of "$n")/berth.json")" = overlay
	run_berth start "$n"
	assert "$(in_container "$n" cat /root/f)" = overlay
	run_berth delete -f "$n"
}

@test "names: free, but no slash and no control characters" {
	local n
	n=$(name s4)
	run_berth init bb "$n"
	for i in "before the update" "Übung 100%" ".hidden" "%2E" "-x" "snap%d" "a.b"; do
		run_berth snapshot "$n" -- "$i"
	done
	assert "$(snapshots_of "$n" | sort)" = "$(printf '%s\n' "before the update" "Übung 100%" ".hidden" "%2E" "-x" "snap%d" "a.b" | sort)"
	run_berth rename "$n/.hidden" "$n/seen %25"
	run_berth info "$n/seen %25"
	run_berth restore "$n" "Übung 100%"
	run_berth delete "$n/%2E" "$n/before the update" "$n/seen %25"
	assert "$(snapshots_of "$n" | wc -l)" = 4
	refused 1 "already exists" snapshot "$n" a.b
	run_berth snapshot "$n" a.b --reuse
	refused 1 "Invalid snapshot name" snapshot "$n" ..
	refused 1 "Invalid snapshot name" snapshot "$n" a/b
	refused 1 "Invalid snapshot name" snapshot "$n" $'a\nb'
	refused 1 "200 bytes" snapshot "$n" "$(printf 'x%.0s' {1..201})"
	run_berth snapshot "$n" "$(printf '%%%.0s' {1..80})"
	refused 1 "already in use" rename "$n/a.b" "$n/-x"
	refused 1 "Snapshot not found" delete "$n/nosuch"
	refused 1 "Snapshot $n/nosuch does not exist" restore "$n" nosuch
	refused 1 "Instance not found" snapshot nosuch
	refused 1 "Unable to create a stateful snapshot. " snapshot "$n" st --stateful
	refused 1 "only expires_at can change" config set "$n/a.b" user.x=1
	run_berth delete "$n"
}

@test "pattern and expiry" {
	local n
	n=$(name s5)
	run_berth init bb "$n" -c snapshots.pattern=x%d -c snapshots.expiry="1d 2H"
	run_berth snapshot "$n"
	run_berth snapshot "$n" --no-expiry
	assert "$(snapshots_of "$n" | paste -sd' ')" = "x0 x1"
	api GET "/1.0/instances/$n/snapshots/x0"
	assert "$(($(date -d "$(field .metadata.expires_at)" +%s) - $(date -d "$(field .metadata.created_at)" +%s)))" -ge $((26 * 3600 - 1))
	assert "$(($(date -d "$(field .metadata.expires_at)" +%s) - $(date -d "$(field .metadata.created_at)" +%s)))" -le $((26 * 3600 + 1))
	api GET "/1.0/instances/$n/snapshots/x1"
	assert "$(field .metadata.expires_at)" = 0001-01-01T00:00:00Z
	run_berth config set "$n" "snapshots.pattern={{ creation_date|date:'2006' }}"
	run_berth snapshot "$n"
	run_berth snapshot "$n"
	assert "$(snapshots_of "$n" | paste -sd' ')" =~ '^x0 x1 2[0-9]+ 2[0-9]+-0$'
	for i in snapshots.pattern=a/b "snapshots.pattern=%d%d" "snapshots.pattern={{ name }}" snapshots.schedule.stopped=perhaps \
		snapshots.expiry=5 snapshots.expiry=1x "snapshots.schedule=* * *" "snapshots.schedule=61 * * * *" snapshots.schedule=@start; do
		refused 1 "Invalid config: " config set "$n" "$i"
	done
	run_berth delete "$n"
}

@test "the API has LXD's shapes" {
	local n op
	n=$(name s6)
	run_berth init bb "$n"
	api GET "/1.0/instances/$n/snapshots"
	assert "$(field '.metadata | tostring')" = "[]"
	api POST "/1.0/instances/$n/snapshots" '{"name":"s 1","stateful":false,"expires_at":"2099-01-02T03:04:05+01:00"}'
	assert "$http" = 202
	op=$(field .operation)
	assert "$(field '.metadata.resources | tostring')" = "{\"containers\":[\"/1.0/containers/$n\"],\"instances\":[\"/1.0/instances/$n\"]}"
	api GET "$op/wait"
	assert "$(field .metadata.status)" = Success
	api GET "/1.0/containers/$n/snapshots"
	assert "$(field '.metadata[0]')" = "/1.0/containers/$n/snapshots/s%201"
	api GET "/1.0/instances/$n/snapshots/s%201"
	assert "$(field '.metadata | keys | join(" ")')" = "architecture config created_at description devices ephemeral expanded_config expanded_devices expires_at last_used_at name profiles size stateful"
	assert "$(field .metadata.expires_at)" =~ ^2099-01-02T02:04:05
	contains "$headers" "ETag:"
	api PUT "/1.0/instances/$n/snapshots/s%201" '{"expires_at":"2098-01-01T00:00:00Z"}' -H 'If-Match: "nonsense"'
	assert "$http" = 412
	api PATCH "/1.0/instances/$n/snapshots/s%201" '{"expires_at":"2098-01-01T00:00:00Z"}'
	api GET "$(field .operation)/wait"
	api GET "/1.0/instances/$n/snapshots/s%201"
	assert "$(field .metadata.expires_at)" =~ ^2098-01-01T00:00:00
	api PATCH "/1.0/instances/$n/snapshots/s%201" '{"expires_at":"soon"}'
	assert "$http" = 400
	api POST "/1.0/instances/$n/snapshots" '{"name":"s 1"}'
	assert "$http" = 409
	api POST "/1.0/instances/$n/snapshots" '{"name":"x","expires_at":"soon"}'
	assert "$http" = 400
	api POST "/1.0/instances/$n/snapshots" '{"stateful":true}'
	assert "$http" = 501
	api POST "/1.0/instances/$n/snapshots/s%201" '{"name":"s2"}'
	api GET "$(field .operation)/wait"
	assert "$(field .metadata.status)" = Success
	api PUT "/1.0/instances/$n" "{\"restore\":\"$n/s2\",\"config\":null,\"devices\":null}"
	api GET "$(field .operation)/wait"
	assert "$(field .metadata.status)" = Success
	api PUT "/1.0/instances/$n" '{"restore":"nosuch"}'
	assert "$http" = 404
	api GET "/1.0/instances/$n?recursion=1"
	assert "$(field '.metadata.snapshots | map(.name) | join(" ")')" = s2
	assert "$("$BERTH" list "^$n\$" -c S -f csv)" = 1
	api DELETE "/1.0/instances/$n/snapshots/s2"
	api GET "$(field .operation)/wait"
	api DELETE "/1.0/instances/$n/snapshots/s2"
	assert "$http" = 404
	run_berth delete "$n"
}

@test "a copy of a snapshot is an instance of its own" {
	local n c
	n=$(name s7)
	c=$(name s7c)
	launch "$n"
	in_container "$n" sh -c 'echo then >/root/f'
	run_berth snapshot "$n" s
	in_container "$n" sh -c 'echo now >/root/f'
	run_berth copy "$n/s" "$c"
	run_berth start "$c"
	assert "$(in_container "$c" cat /root/f)" = "then"
	run_berth delete -f "$c"
	run_berth copy "$n/s" "$c" -s dir
	run_berth start "$c"
	assert "$(in_container "$c" cat /root/f)" = "then"
	refused 1 "Snapshot not found" copy "$n/nosuch" "$(name s7d)"
	run_berth delete -f "$n" "$c"
}

@test "a copy of an instance has its snapshots too, unless it is to be without" {
	local n c
	n=$(name s15)
	c=$(name s15c)
	launch "$n" -c user.x=then
	populate "$n"
	run_berth config device add "$n" data disk source="$BERTH_TEST_ROOT/lxc" path=/data2
	run_berth snapshot "$n" "first one"
	run_berth snapshot "$n" .second
	run_berth config set "$n" user.x=now
	run_berth copy "$n" "$c"
	assert "$(snapshots_of "$c")" = "$(snapshots_of "$n")"
	assert "$(tree "$(dir_of "$c")/snapshots/first one/upper")" = "$(tree "$(dir_of "$n")/snapshots/first one/upper")"
	assert "$(jq -c '[.created_at, .expires_at, .idmap_base]' "$(dir_of "$c")/snapshots/first one/berth.json")" = \
		"$(jq -c '[.created_at, .expires_at, .idmap_base]' "$(dir_of "$n")/snapshots/first one/berth.json")"
	assert "$(jq -r '.config | keys[] | select(startswith("volatile."))' "$(dir_of "$c")/snapshots/first one/berth.json" | paste -sd' ')" \
		!~ 'uuid|hwaddr|host_name'
	run_berth delete -f "$n"
	run_berth restore "$c" "first one"
	run_berth config get "$c" user.x
	assert "$output" = "then"
	run_berth start "$c"
	assert "$(in_container "$c" cat /data/hard)" = one
	run_berth copy "$c" "$n" --instance-only
	assert "$(snapshots_of "$n")" = ""
	# one that could never be gone back to is said, and nothing is left
	run_berth delete "$n"
	refused 1 "instance-only" copy "$c" "$n" -s dir -c security.idmap.isolated=true
	[[ ! -e $(dir_of "$n") ]] || die "FAIL: something is left"
	run_berth delete -f "$c"
}

@test "an image stays as long as a snapshot lies on it" {
	local n
	n=$(name s8)
	run_berth init bb "$n"
	run_berth snapshot "$n" s
	run_berth rename "$n" "$n"r
	assert "$(snapshots_of "$n"r)" = s "snapshots follow the instance's name"
	run_berth delete "$n"r/s
	run_berth snapshot "$n"r s
	# the instance itself no longer lies on it
	daemon_stop
	jq '.driver = "dir"' "$(dir_of "$n"r)/berth.json" >"$BERTH_TEST_ROOT/b" && cp "$BERTH_TEST_ROOT/b" "$(dir_of "$n"r)/berth.json"
	daemon_start
	run_berth image delete bb
	run_berth restore "$n"r s
	run_berth start "$n"r
	run_berth delete -f "$n"r
	assert "$(find "$BERTH_TEST_ROOT/images" -mindepth 1 -maxdepth 1 -name '[0-9a-f]*' -type d)" = "" "the tree went with the last user"
	image_restore
}

@test "a damaged snapshot is shown, refused and can be deleted" {
	local n
	n=$(name s10)
	run_berth init bb "$n"
	run_berth snapshot "$n" good
	run_berth snapshot "$n" bad
	echo '{"config":' >"$(dir_of "$n")/snapshots/bad/berth.json"
	daemon_restart
	assert "$(snapshots_of "$n" | sort | paste -sd' ')" = "bad good"
	refused 1 "cannot be understood" restore "$n" bad
	refused 1 "cannot be understood" copy "$n/bad" "$(name s10c)"
	run_berth delete "$n/bad"
	assert "$(snapshots_of "$n")" = good
	run_berth delete "$n"
}

@test "a container that fills a file with links does not lead the copy astray" {
	local n
	n=$(name s11)
	launch "$n"
	echo secret >"$BERTH_TEST_ROOT/secret"
	in_container "$n" sh -c "ln -s $BERTH_TEST_ROOT/secret /root/a; ln -s / /root/root; ln -s $BERTH_TEST_ROOT /root/dir"
	run_berth snapshot "$n" s
	assert "$(readlink "$(dir_of "$n")/snapshots/s/upper/root/a")" = "$BERTH_TEST_ROOT/secret"
	assert "$(readlink "$(dir_of "$n")/snapshots/s/upper/root/dir")" = "$BERTH_TEST_ROOT"
	run_berth restore "$n" s
	run_berth delete "$n/s"
	assert "$(cat "$BERTH_TEST_ROOT/secret")" = secret "what links point to is untouched"
	rm "$BERTH_TEST_ROOT/secret"
	run_berth delete -f "$n"
}

@test "nothing is left behind" {
	leak_check
}
