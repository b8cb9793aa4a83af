#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Lifecycle hooks (berth-hooks(7)) on real containers: when they run, what they are told, who may refuse what, and hooks
# that misbehave.

load helpers

# shellcheck disable=SC2034
BERTH_TEST_SETTINGS="hook_timeout_s = 60s"

HOOKS() {
	echo "$BERTH_TEST_ROOT/hooks.d"
}

# hook EVENT NAME: makes one of what stands on stdin.
hook() {
	mkdir -p "$(HOOKS)/$1"
	cat >"$(HOOKS)/$1/$2"
	chmod 755 "$(HOOKS)/$1/$2"
}

# Writes what it is told into rec/, which says in `log` what ran in which order.
recording_hook() { # EVENT [NAME]
	hook "$1" "${2:-10-record}" <<-END
		#!/bin/sh
		cd "$BERTH_TEST_ROOT/rec" || exit 9
		tr '\\0' '\\n' </proc/\$\$/environ | sort >"\$BERTH_EVENT.env"
		cat >"\$BERTH_EVENT.json"
		echo "\$\$ \$PWD" >"\$BERTH_EVENT.pid"
		echo "\$BERTH_EVENT \$BERTH_INSTANCE" >>log # when all the rest is there
	END
}

setup() {
	rm -rf "$(HOOKS)" "$BERTH_TEST_ROOT/rec"
	mkdir -p "$(HOOKS)" "$BERTH_TEST_ROOT/rec"
}

ran() {
	cat "$BERTH_TEST_ROOT/rec/log" 2>/dev/null
}

told() { # EVENT FILTER
	jq -r "$2" "$BERTH_TEST_ROOT/rec/$1.json"
}

@test "launch, stop, start and restart run their hooks in order, once" {
	local c event
	c=$(name l)
	for event in {pre,post}-{create,start,stop}; do
		recording_hook "$event"
	done
	launch "$c"
	assert "$(ran)" = "pre-create $c
post-create $c
pre-start $c
post-start $c"
	assert "$(told pre-create .name)" = "$c"
	assert "$(told pre-create .expanded_devices.root.path)" = /
	assert "$(told post-create .status)" = Stopped
	assert "$(told pre-start .event)" = pre-start
	assert "$(told post-start .status)" = Running
	rm "$BERTH_TEST_ROOT/rec/log"
	wait_init "$c"
	run_berth restart "$c"
	assert "$(ran)" = "pre-stop $c
post-stop $c
pre-start $c
post-start $c"
	rm "$BERTH_TEST_ROOT/rec/log"
	run_berth stop -f "$c"
	assert "$(ran)" = "post-stop $c" "a forced stop asks nobody"
	run_berth delete "$c"
}

@test "a hook's environment is exactly what the manual says" {
	local c env id
	c=$(name e)
	run_berth init bb "$c"
	recording_hook pre-start
	SECRET=x run_berth start "$c"
	env=$(cat "$BERTH_TEST_ROOT/rec/pre-start.env")
	id=$(sed -n 's/^BERTH_OPERATION=//p' <<<"$env")
	assert "$id" =~ "^[0-9a-f-]{36}\$"
	assert "$env" = "BERTH_EVENT=pre-start
BERTH_HOOK=10-record
BERTH_INSTANCE=$c
BERTH_OPERATION=$id
BERTH_SOCKET=$BERTH_SOCKET
HOME=/root
LC_ALL=C
LXC_CONFIG_FILE=$BERTH_TEST_ROOT/lxc/$c/config
LXC_NAME=$c
LXC_ROOTFS_PATH=$BERTH_TEST_ROOT/lxc/$c/rootfs
PATH=$(tr '\0' '\n' <"/proc/$(daemon_pid)/environ" | sed -n 's/^PATH=//p')"
	assert "$(told pre-start .operation)" = "$id"
	run_berth delete -f "$c"
}

@test "a hook that fails refuses: start, create, stop" {
	local c event
	c=$(name v)
	hook pre-create 10-no <<<'#!/bin/sh
echo one; echo not today >&2; exit 3'
	refused 1 "hook '10-no' refused pre-create: not today" launch bb "$c"
	refused 1 "Instance not found" info "$c"
	rm -r "$(HOOKS)/pre-create"
	hook pre-start 10-no <<<'#!/bin/sh
exit 3'
	refused 1 "hook '10-no' refused pre-start: it exited with 3" launch bb "$c"
	refused 1 "Instance not found" info "$c"
	run_berth init bb "$c"
	refused 1 "refused pre-start" start "$c"
	assert "$(state_of "$c")" = STOPPED
	rm -r "$(HOOKS)/pre-start"
	run_berth start "$c"
	hook pre-stop 10-no <<<'#!/bin/sh
kill -9 $$'
	refused 1 "hook '10-no' refused pre-stop: it was killed by signal 9" stop "$c"
	refused 1 "refused pre-stop" restart "$c"
	assert "$(state_of "$c")" = RUNNING
	run_berth stop -f "$c"
	run_berth delete "$c"
}

@test "update, rename and delete run theirs, and may be refused" {
	local c n event
	c=$(name u) n=$(name n)
	run_berth init bb "$c"
	for event in {pre,post}-{update,rename,delete,stop}; do
		recording_hook "$event"
	done
	run_berth config set "$c" user.a=1
	assert "$(ran)" = "pre-update $c
post-update $c"
	assert "$(told pre-update '.config["user.a"]')" = null
	assert "$(told post-update '.config["user.a"]')" = 1
	rm "$BERTH_TEST_ROOT/rec/log"
	run_berth rename "$c" "$n"
	assert "$(ran)" = "pre-rename $c
post-rename $n"
	assert "$(told pre-rename '.new_name')" = "$n"
	assert "$(told post-rename '.name + " " + .old_name')" = "$n $c"
	assert "$(sed -n 's/^LXC_CONFIG_FILE=//p' "$BERTH_TEST_ROOT/rec/post-rename.env")" = "$BERTH_TEST_ROOT/lxc/$n/config"
	rm "$BERTH_TEST_ROOT/rec/log"
	for event in update rename delete; do
		# shellcheck disable=SC2016
		hook "pre-$event" 20-no <<<'#!/bin/sh
echo no "$BERTH_EVENT"
exit 1'
	done
	refused 1 "hook '20-no' refused pre-update: no pre-update" config set "$n" user.a=2
	refused 1 "hook '20-no' refused pre-rename: no pre-rename" rename "$n" "$c"
	run_berth start "$n"
	refused 1 "hook '20-no' refused pre-delete: no pre-delete" delete -f "$n"
	assert "$(state_of "$n")" = RUNNING "a refused deletion stops nothing"
	run_berth config get "$n" user.a
	assert "$output" = 1
	rm -f "$(HOOKS)"/*/20-no "$BERTH_TEST_ROOT/rec/log"
	run_berth delete -f "$n"
	assert "$(ran)" = "pre-delete $n
post-stop $n
post-delete $n"
	assert "$(told post-delete '.name + " " + .config["user.a"]')" = "$n 1" "what is gone is told of as it was"
}

@test "a changed profile is told of, but is not one instance's to refuse" {
	local c
	c=$(name p)
	run_berth profile create "p$BERTH_TEST_ID"
	launch "$c" -p default -p "p$BERTH_TEST_ID"
	recording_hook post-update
	hook pre-update 10-no <<<'#!/bin/sh
exit 1'
	run_berth profile set "p$BERTH_TEST_ID" user.b=1
	wait_for 10 test -s "$BERTH_TEST_ROOT/rec/post-update.pid"
	assert "$(told post-update '.expanded_config["user.b"]')" = 1
	run_berth delete -f "$c"
	run_berth profile delete "p$BERTH_TEST_ID"
}

has_run() { # TEXT
	[[ $(ran) == "$1" ]]
}

@test "what happens outside of berth: lxc-start, a reboot and a shutdown from inside, lxc-stop, a crash" {
	local c event
	c=$(name o)
	run_berth init bb "$c"
	for event in {pre,post}-{start,stop}; do
		recording_hook "$event"
	done
	lxc-start -P "$BERTH_TEST_ROOT/lxc" -n "$c" 3>&-
	wait_for 10 has_run "post-start $c"
	wait_init "$c"
	rm "$BERTH_TEST_ROOT/rec/log"
	in_container "$c" reboot || true
	wait_for 20 has_run "post-stop $c"$'\n'"pre-start $c"$'\n'"post-start $c"
	wait_init "$c"
	rm "$BERTH_TEST_ROOT/rec/log"
	in_container "$c" poweroff || true
	wait_for 20 has_run "post-stop $c"
	assert "$(told post-stop .status)" = Stopped
	run_berth start "$c"
	rm "$BERTH_TEST_ROOT/rec/log"
	lxc-stop -k -P "$BERTH_TEST_ROOT/lxc" -n "$c"
	wait_for 20 has_run "post-stop $c"
	run_berth start "$c"
	rm "$BERTH_TEST_ROOT/rec/log"
	kill -9 "$(init_of "$c")"
	wait_for 20 has_run "post-stop $c"
	# a daemon that starts anew tells nothing of what runs already
	run_berth start "$c"
	rm "$BERTH_TEST_ROOT/rec/log"
	daemon_stop
	daemon_start
	run_berth stop -f "$c"
	assert "$(ran)" = "post-stop $c"
	run_berth delete "$c"
}

@test "names give the order; what others could have changed is not run, and listed with the reason" {
	local c n
	c=$(name f)
	run_berth init bb "$c"
	for n in 20-b 10-a Z_9 name.sh old~ 30-group 31-others 32-noexec 33-user; do
		hook pre-start "$n" <<-END
			#!/bin/sh
			echo $n >>"$BERTH_TEST_ROOT/rec/log"
		END
	done
	chmod g+w "$(HOOKS)/pre-start/30-group"
	chmod o+w "$(HOOKS)/pre-start/31-others"
	chmod a-x "$(HOOKS)/pre-start/32-noexec"
	chown nobody "$(HOOKS)/pre-start/33-user"
	mkdir "$(HOOKS)/pre-start/40-folder" "$(HOOKS)/prestart"
	mkfifo "$(HOOKS)/pre-start/41-fifo"
	ln -s /nonexistent "$(HOOKS)/pre-start/42-nowhere"
	ln -s ../../linked "$(HOOKS)/pre-start/43-linked"
	cp -p "$(HOOKS)/pre-start/10-a" "$BERTH_TEST_ROOT/linked"
	# a link into a folder of somebody else
	mkdir "$BERTH_TEST_ROOT/theirs"
	cp -p "$(HOOKS)/pre-start/10-a" "$BERTH_TEST_ROOT/theirs/tool"
	chown nobody "$BERTH_TEST_ROOT/theirs"
	ln -s "$BERTH_TEST_ROOT/theirs/tool" "$(HOOKS)/pre-start/44-theirs"
	# root's file at the end, but somebody else says which
	ln -s ../linked "$BERTH_TEST_ROOT/theirs/hop"
	ln -s ../../theirs/hop "$(HOOKS)/pre-start/45-through"
	touch "$(HOOKS)/pre-start/.hidden"
	run_berth start "$c"
	assert "$(ran)" = "10-a
20-b
10-a
Z_9"
	run_berth hook list --format csv
	assert "$output" = "$(
		cat <<-END
			pre-start,10-a,YES,
			pre-start,20-b,YES,
			pre-start,30-group,NO,it is writable by others than root
			pre-start,31-others,NO,it is writable by others than root
			pre-start,32-noexec,NO,it is not executable
			pre-start,33-user,NO,it does not belong to root
			pre-start,40-folder,NO,it is not a regular file
			pre-start,41-fifo,NO,it is not a regular file
			pre-start,42-nowhere,NO,it cannot be read: No such file or directory
			pre-start,43-linked,YES,
			pre-start,44-theirs,NO,the folder '$BERTH_TEST_ROOT/theirs' does not belong to root
			pre-start,45-through,NO,the folder '$BERTH_TEST_ROOT/theirs' does not belong to root
			pre-start,Z_9,YES,
			pre-start,name.sh,NO,"its name has other characters than letters, digits, '_' and '-'"
			pre-start,old~,NO,"its name has other characters than letters, digits, '_' and '-'"
			,prestart,NO,there is no event of that name
		END
	)"
	run_berth hook list pre-start --format json
	assert "$(jq -r '.[0] | "\(.event) \(.name) \(.active) \(.path)"' <<<"$output")" = \
		"pre-start 10-a true $(HOOKS)/pre-start/10-a"
	refused 1 "no event 'prestart'" hook list prestart
	run_berth hook list post-delete -f csv
	assert "$output" = ""
	# once each, however often it starts
	run_berth restart -f "$c"
	assert "$(grep -c "30-group' is not run: it is writable" "$BERTH_TEST_ROOT/berthd.log")" = 1
	run_berth delete -f "$c"
	# the folder itself, and that of all
	chmod o+w "$(HOOKS)/pre-start"
	run_berth hook list -f csv
	contains "$output" "pre-start,10-a,NO,the folder '$(HOOKS)/pre-start' is writable by others than root"
	chmod o-w "$(HOOKS)/pre-start"
	chown nobody "$(HOOKS)"
	run_berth hook list -f csv
	contains "$output" "pre-start,10-a,NO,the folder '$(HOOKS)' does not belong to root"
	chown root "$(HOOKS)"
	rm -r "$BERTH_TEST_ROOT/theirs" "$BERTH_TEST_ROOT/linked"
}

@test "hooks_path may be a link of root's" {
	local c
	c=$(name k)
	run_berth init bb "$c"
	recording_hook pre-start
	mv "$(HOOKS)" "$BERTH_TEST_ROOT/elsewhere"
	ln -s elsewhere "$(HOOKS)"
	run_berth start "$c"
	assert "$(ran)" = "pre-start $c"
	chown -h nobody "$(HOOKS)"
	run_berth hook list -f csv
	contains "$output" "pre-start,10-record,NO,the link '$(HOOKS)' does not belong to root"
	rm "$(HOOKS)"
	mv "$BERTH_TEST_ROOT/elsewhere" "$(HOOKS)"
	run_berth delete -f "$c"
}

@test "hooks that print much or rubbish, read nothing, leave processes, or cannot be run" {
	local c id pid
	c=$(name m)
	run_berth init bb "$c"
	hook pre-start 10-much <<<'#!/bin/sh
exec head -c 1G /dev/zero'
	hook pre-start 20-rubbish <<<'#!/bin/sh
printf "\033[31mred\377\001\n\n\nlast\n"; echo error >&2; exec <&-'
	hook pre-start 30-leaves <<<"#!/bin/sh
sleep 600 3>&- & echo \$! >$BERTH_TEST_ROOT/rec/left"
	hook post-start 10-bad <<<'#!/nonexistent/interpreter'
	hook post-start 20-fails <<<'#!/bin/sh
echo so it is >&2; exit 7'
	run_berth start "$c"
	read -r pid <"$BERTH_TEST_ROOT/rec/left"
	kill "$pid"
	api GET "/1.0/operations?recursion=1"
	# shellcheck disable=SC2034
	body=$(field '[.metadata[][] | select(.metadata.hooks)][-1]')
	id=$(field .id)
	assert "$(field '.metadata.hooks | map("\(.event) \(.hook) \(.exit)") | join("; ")')" = \
		"pre-start 10-much 0; pre-start 20-rubbish 0; pre-start 30-leaves 0; post-start 10-bad -1; post-start 20-fails 7"
	assert "$(field '.metadata.hooks[0].output | length')" -le 4097
	assert "$(field '.metadata.hooks[1].output')" = " [31mred? 


last
error"
	run_berth operation show "$id"
	contains "$output" "so it is"
	assert "$(state_of "$c")" = RUNNING "what comes afterwards refuses nothing"
	grep -q "hook '20-fails' of post-start failed: so it is" "$BERTH_TEST_ROOT/berthd.log"
	grep -q "hook '10-bad' of post-start failed: cannot run" "$BERTH_TEST_ROOT/berthd.log"
	run_berth stop -f "$c"
	mv "$(HOOKS)/post-start/10-bad" "$(HOOKS)/pre-start/05-bad"
	refused 1 "hook '05-bad' refused pre-start: cannot run" start "$c"
	run_berth delete "$c"
}

@test "a hook that is removed while another one runs is as one that was never there" {
	local c
	c=$(name g)
	run_berth init bb "$c"
	hook pre-start 10-rm <<<"#!/bin/sh
rm $(HOOKS)/pre-start/20-gone"
	hook pre-start 20-gone <<<'#!/bin/sh
exit 1'
	recording_hook pre-start 30-after
	run_berth start "$c"
	assert "$(ran)" = "pre-start $c"
	run_berth delete -f "$c"
}

@test "a hook that takes too long is ended, and what it started; SIGHUP rereads how long that is" {
	local c pid
	c=$(name t)
	run_berth init bb "$c"
	sed -i 's/^hook_timeout_s.*/hook_timeout_s = 2s/' "$BERTH_TEST_ROOT/berth.conf"
	kill -HUP "$(daemon_pid)"
	wait_for 10 grep -q "settings reread" "$BERTH_TEST_ROOT/berthd.log"
	hook pre-start 10-hangs <<<"#!/bin/sh
echo still at it
sleep 600 &
echo \$! >$BERTH_TEST_ROOT/rec/child
wait"
	refused 1 "hook '10-hangs' refused pre-start: it took longer than 2 s: still at it" start "$c"
	read -r pid <"$BERTH_TEST_ROOT/rec/child"
	wait_for 10 process_gone "$pid" || die "its child is still there"
	assert "$(state_of "$c")" = STOPPED
	sed -i 's/^hook_timeout_s.*/hook_timeout_s = 60s/' "$BERTH_TEST_ROOT/berth.conf"
	run_berth delete "$c"
	daemon_stop
	daemon_start
}

# A hook that says that it runs, and does until it is ended.
endless_hook() { # EVENT
	hook "$1" 10-endless <<-END
		#!/bin/sh
		echo \$\$ >"$BERTH_TEST_ROOT/rec/endless"
		exec sleep 600
	END
}

endless_runs() {
	[[ -s $BERTH_TEST_ROOT/rec/endless ]] && process_alive "$(cat "$BERTH_TEST_ROOT/rec/endless")"
}

@test "reading does not wait for a hook; cancelling, a forced stop and the daemon's end end it" {
	local c pid id
	c=$(name w)
	run_berth init bb "$c"
	endless_hook pre-start
	"$BERTH" start "$c" >"$BERTH_TEST_ROOT/rec/out" 2>&1 3>&- &
	pid=$!
	wait_for 10 endless_runs
	run_berth info "$c"
	run_berth config get "$c" user.x
	run_berth operation list -f csv
	id=$(sed -n 's/^\([^,]*\),.*Starting instance.*/\1/p' <<<"$output")
	run_berth operation cancel "$id"
	! wait "$pid" || die "it started"
	contains "$(cat "$BERTH_TEST_ROOT/rec/out")" "operation cancelled"
	process_gone "$(cat "$BERTH_TEST_ROOT/rec/endless")" || die "the hook is still there"
	rm -r "$(HOOKS)/pre-start" "$BERTH_TEST_ROOT/rec/endless"
	run_berth start "$c"
	endless_hook pre-stop
	"$BERTH" stop "$c" >/dev/null 2>&1 3>&- &
	pid=$!
	wait_for 10 endless_runs
	run_berth stop -f "$c"
	! wait "$pid" || die "it was not overtaken"
	assert "$(state_of "$c")" = STOPPED
	rm "$BERTH_TEST_ROOT/rec/endless"
	# past the point of no return, too
	endless_hook post-delete
	"$BERTH" delete "$c" >/dev/null 2>&1 3>&- &
	pid=$!
	wait_for 10 endless_runs
	daemon_stop
	process_gone "$(cat "$BERTH_TEST_ROOT/rec/endless")" || die "the hook is still there"
	wait "$pid" || true
	daemon_start
	journal_empty || die "the deletion is not over"
	refused 1 "Instance not found" info "$c"
}

@test "a launch that is undone, by a failure or after kill -9, runs no more hooks" {
	local c event how
	c=$(name x)
	for event in {pre,post}-{create,start,stop,delete}; do
		recording_hook "$event"
	done
	hook post-start 20-fails <<<'#!/bin/sh
exit 1'
	for how in fail kill; do
		daemon_stop
		BERTH_FAULT=launch/finish/$how daemon_start
		run_berth 1 launch bb "$c"
		if [[ $how == kill ]]; then
			wait_for 10 process_gone "$(daemon_pid)"
			daemon_start
		fi
		assert "$(ran)" = "pre-create $c
post-create $c
pre-start $c
post-start $c" "hooks that ran ($how)"
		refused 1 "Instance not found" info "$c"
		rm "$BERTH_TEST_ROOT/rec/log"
	done
	daemon_stop
	daemon_start
}

example() { # EVENT NAME
	mkdir -p "$(HOOKS)/$1"
	install -m 755 "$REPO/hooks/examples/$2" "$(HOOKS)/$1/50-$2"
}

@test "the examples do what they say" {
	local c webhook=http://127.0.0.1:1/ address=$BERTH_TEST_SUBNET.77
	c=$(name y)
	daemon_stop
	PATH=$BERTH_BUILD:$PATH daemon_start
	example post-start register-in-dns
	example post-stop register-in-dns
	example post-start copy-ssh-keys
	example post-start notify
	example pre-delete refuse-without-backup
	echo "ssh-ed25519 AAAA admin" >"$BERTH_TEST_ROOT/keys"
	echo "10.9.9.9 other.lxc other" >"$BERTH_TEST_ROOT/hosts"
	cat >"$(HOOKS)/.settings" <<-END
		HOSTS_FILE=$BERTH_TEST_ROOT/hosts KEYS_FILE=$BERTH_TEST_ROOT/keys WEBHOOK_URL=$webhook
		DNSMASQ_PID_FILE=$BERTH_TEST_ROOT/no-dnsmasq ADDRESS_WAIT=20
	END
	launch "$c" -d eth0,ipv4.address="$address"
	api GET "/1.0/operations?recursion=1" # at once: they are kept for 5 s
	contains "$(field '[.metadata[][].metadata.hooks[]?.output] | join("\n")')" "'$webhook' was not told"
	assert "$(cat "$BERTH_TEST_ROOT/hosts")" = "10.9.9.9 other.lxc other
$address $c.lxc $c"
	assert "$(in_container "$c" cat /root/.ssh/authorized_keys)" = "ssh-ed25519 AAAA admin"
	assert "$(in_container "$c" stat -c %a /root/.ssh/authorized_keys)" = 600
	run_berth stop -f "$c"
	assert "$(cat "$BERTH_TEST_ROOT/hosts")" = "10.9.9.9 other.lxc other"
	refused 1 "'$c' has no backup of the last 7 days" delete "$c"
	# with a list that has one of today, and one that has only an old one
	mkdir "$BERTH_TEST_ROOT/bin"
	# shellcheck disable=SC2016
	printf '%s\n' '#!/bin/sh' 'printf "[{\"created_at\": \"%s\"}]" "$CREATED"' >"$BERTH_TEST_ROOT/bin/berth"
	chmod 755 "$BERTH_TEST_ROOT/bin/berth"
	CREATED=$(date -u +%Y-%m-%dT%H:%M:%SZ) BERTH_INSTANCE=$c PATH=$BERTH_TEST_ROOT/bin:$PATH \
		"$(HOOKS)/pre-delete/50-refuse-without-backup"
	! CREATED=2020-01-01T00:00:00Z BERTH_INSTANCE=$c PATH=$BERTH_TEST_ROOT/bin:$PATH \
		"$(HOOKS)/pre-delete/50-refuse-without-backup" || die "an old backup is enough"
	rm -r "${BERTH_TEST_ROOT:?}/bin" "$(HOOKS)/pre-delete"
	run_berth delete "$c"
}

@test "nothing is left behind" {
	leak_check
}
