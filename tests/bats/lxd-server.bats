# SPDX-License-Identifier: MIT
# LXD's own client: the server itself, its configuration, projects, cluster, warnings, operations, events.

bats_require_minimum_version 1.5.0
load helpers
load lxd

@test "info, version, resources, query" {
	local processor
	api GET /internal/ready # lxd waitready, incus admin waitready
	assert "$http" = 200
	api GET /internal/sql
	assert "$http" = 404
	stock info
	contains "$output" "api_status: stable"
	contains "$output" "driver: lxc"
	contains "$output" "server_clustered: false"
	contains "$output" "certificate_fingerprint: "
	stock info --resources
	contains "$output" "CPU ($(uname -m)):"
	contains "$output" "Total: "
	steady() { grep -vE 'Frequency:|Free:|Used:' <<<"$output" | sed -E '/^(GPU|NIC|Disk)/,$d'; }
	processor=$(steady)
	run_berth info --resources
	assert "$(steady)" = "$processor"
	contains "$output" "Size: "
	refused 2 "no instance goes with it" info --resources c1
	stock version
	contains "$output" "Server version: 5.0.2" # what Terraform's provider compares
	stock query /
	contains "$output" '"/1.0"'
	stock query --raw /1.0/profiles
	assert "$(jq -r .type <<<"$output")" = sync
	stock query -X POST -d '{"name":"q"}' /1.0/profiles
	stock query -X PATCH -d '{"description":"by query"}' /1.0/profiles/q
	stock query /1.0/profiles/q
	assert "$(jq -r .description <<<"$output")" = "by query"
	stock query -X PUT -d '{"description":"all of it","config":{},"devices":{}}' /1.0/profiles/q
	stock query -X DELETE /1.0/profiles/q
	stock_refused "Profile not found" query /1.0/profiles/q
	stock_refused "not found" query /1.0/nosuch
	stock_refused "not implemented" query -X DELETE /1.0
	stock_refused 'Method "FOO" not found' query -X FOO /1.0
	api OPTIONS /1.0/instances
	assert "$http" = 200
	api GET /1.0 '' --request-target https://any.host/1.0/profiles
	assert "$http $(field '.metadata[0]')" = "200 /1.0/profiles/default"
}

@test "server configuration: set, get, show, unset, edit, and what is refused" {
	local key
	stock config set user.a=1 user.b=2
	stock config get user.a
	assert "$output" = 1
	stock config set core.shutdown_timeout 3
	stock config show
	contains "$output" 'core.shutdown_timeout: "3"'
	stock config show | sed 's/user.b.*/user.c: "3"/' >/dev/null
	printf 'config:\n  user.c: "3"\n' >"$BATS_TEST_TMPDIR/yaml"
	stock config edit <"$BATS_TEST_TMPDIR/yaml"
	stock config show
	assert "$output" = $'config:\n  user.c: "3"'
	stock config unset user.c
	stock config get user.c
	assert "$output" = ""
	stock_refused "cannot set 'nosuch.key' to '1': unknown key" config set nosuch.key=1
	stock_refused "cannot set 'nosuch.key' to '': unknown key" config unset nosuch.key
	stock config unset user.nosuch
	stock_refused "cannot set 'core.shutdown_timeout' to 'soon'" config set core.shutdown_timeout=soon
	for key in cluster.https_address maas.api.url candid.api.url core.metrics_address network.ovn.northbound_connection \
		rbac.api.url storage.images_volume core.trust_ca_certificates core.bgp_asn; do
		stock_refused "cannot set '$key' to 'x': " config set "$key=x"
		[[ $stderr != *"unknown key"* ]] || die "FAIL: $key is unknown"
	done
	stock_refused "cannot set 'images.compression_algorithm' to 'rar': Invalid compression algorithm \"rar\"" config set images.compression_algorithm=rar
	stock_refused "cannot set 'core.shutdown_timeout' to 'soon': invalid integer" config set core.shutdown_timeout=soon
	stock_refused "to 'maybe': invalid boolean" config set images.auto_update_cached=maybe
	stock_refused "to 'amd64': Invalid value \"amd64\" (not one of [" config set images.default_architecture=amd64
	stock_refused "to '1x': Invalid expiry expression" config set core.remote_token_expiry=1x
	stock_refused "to '1': berth has no RBAC" config set rbac.expiry=1
	stock config set images.auto_update_cached=no
	stock config get images.auto_update_cached
	assert "$output" = false
	# as LXD: values are text; no config is none
	api PATCH /1.0 '{"config":{"user.a":1}}'
	assert "$http $(field .error)" = "400 cannot set 'user.a': invalid type float64"
	api PATCH /1.0 '{"config":{"images.auto_update_cached":true}}'
	assert "$http $(field .error)" = "400 cannot set 'images.auto_update_cached': invalid type bool"
	api PATCH /1.0 '{"config":{"user.a":{}}}'
	assert "$http $(field .error)" = "400 cannot set 'user.a': invalid type map"
	api PATCH /1.0 '{}'
	assert "$http" = 200
	stock config get images.auto_update_cached
	assert "$output" = false
	api PUT /1.0 ''
	assert "$http" = 400
	api PUT /1.0 '{"config":"x"}'
	assert "$http" = 400
	api PUT /1.0 '{"config":null}'
	assert "$http" = 200
	stock config show
	assert "$output" = "config: {}"
	stock config set images.compression_algorithm=zstd images.auto_update_interval=0 images.remote_cache_expiry=5 \
		backups.compression_algorithm=none images.default_architecture="$(uname -m)" images.auto_update_cached=false \
		core.proxy_http=http://proxy:1 core.https_allowed_origin='*'
	printf 'config: {}\n' >"$BATS_TEST_TMPDIR/yaml"
	stock config edit <"$BATS_TEST_TMPDIR/yaml"
	stock config show
	assert "$output" = "config: {}"
	# two at once: the second one's view is old
	api GET /1.0
	etag=$(sed -n 's/^[Ee][Tt]ag: //p' <<<"$headers")
	stock config set user.a=1
	api PUT /1.0 '{"config":{"user.a":"2"}}' -H "If-Match: $etag"
	assert "$http" -eq 412
	contains "$(field .error)" "ETag doesn't match"
	stock config unset user.a
}

@test "one project, no cluster" {
	stock project list -f csv
	contains "$output" "default (current),YES,YES,YES"
	stock project show default
	contains "$output" "features.images: \"true\""
	contains "$output" "/1.0/profiles/default"
	stock project get default features.networks
	assert "$output" = true
	stock list --project default
	stock_refused "Project not found" list --project nosuch
	stock_refused "Project not found" project show nosuch
	stock_refused "Project not found" project info nosuch
	# sums, where a share of the host's memory and a set of processors are none
	stock init bb "$(name usage)" -c limits.memory=100MiB -c limits.cpu=2 -c limits.processes=10
	stock project info default -f csv
	contains "$output" $'CPU,UNLIMITED,2\n'
	contains "$output" $'MEMORY,UNLIMITED,100.00MiB\n'
	contains "$output" $'PROCESSES,UNLIMITED,10\n'
	contains "$output" $'INSTANCES,UNLIMITED,1\n'
	stock config set "$(name usage)" limits.memory=10% limits.cpu=0-0
	api GET /1.0/projects/default/state
	assert "$(field '.metadata.resources | [.cpu.Usage, .memory.Usage, .processes.Usage, .networks.Limit] | @csv')" = 0,0,10,-1
	stock delete "$(name usage)"
	stock_refused "berth has one project" project create p1
	stock_refused "cannot be changed" project set default user.a=1
	stock_refused "cannot be renamed" project rename default other
	stock_refused "cannot be deleted" project delete default
	stock_refused "isn't part of a cluster" cluster list
	stock_refused "Server is not clustered" cluster show x
	stock_refused "joins no cluster" cluster enable x
	stock_refused "Target only allowed when clustered" init bb nowhere --target x
}

@test "warnings: seen, acknowledged, deleted, over" {
	local uuid
	api GET /1.0/host/check
	stock warning list -f csv
	uuid=$(api GET /1.0/warnings?recursion=1 && field '.metadata[] | select(.type == "Host check: lxcfs" or .type ==
		"Host check: ttyd" or .type == "Host check: network_pub") | .uuid' | head -n 1)
	if [[ -n $uuid ]]; then
		stock warning show "$uuid"
		contains "$output" "status: new"
		stock warning acknowledge "$uuid"
		stock warning list -f csv
		[[ $output != *"$uuid"* ]] || die "FAIL: an acknowledged warning is listed"
		stock warning list --all -f csv
		contains "$output" ACKNOWLEDGED
		api PUT "/1.0/warnings/$uuid" '{"status":"resolved"}'
		assert "$http" -eq 400
		daemon_restart
		stock warning delete "$uuid"
	fi
	api GET '/1.0/warnings?recursion=1&filter=type%20eq%20nosuch'
	assert "$(field '.metadata | length')" = 0
	api GET '/1.0/warnings?filter=type'
	contains "$(field .error)" "Invalid filter: "
	stock_refused "Warning not found" warning show 00000000-0000-0000-0000-000000000000
	# an address of HTTPS that is not there at the next start, and is again at the one after it
	stock config set core.https_address="$BERTH_TEST_SUBNET.1"
	daemon_stop
	ip addr del "$BERTH_TEST_SUBNET.1/24" dev "$BERTH_TEST_BRIDGE"
	daemon_start
	stock warning list -f csv
	contains "$output" "Cannot listen on core.https_address,NEW,MODERATE,1"
	ip addr add "$BERTH_TEST_SUBNET.1/24" dev "$BERTH_TEST_BRIDGE"
	daemon_restart
	stock warning list --all -f csv
	contains "$output" "Cannot listen on core.https_address,RESOLVED"
	stock config unset core.https_address
}

# monitor_sees PART: what the monitor in the background has written
monitor_sees() {
	grep -qF "$1" "$BATS_TEST_TMPDIR/monitor"
}

# monitor ARGUMENTS…: lxc monitor in the background, until it is known to listen
monitor() {
	LXD_SOCKET=$BERTH_SOCKET LXD_CONF=$BERTH_TEST_ROOT/lxc-conf timeout 120 lxc monitor "$@" \
		>"$BATS_TEST_TMPDIR/monitor" 2>&1 3>&- 4>&- &
	monitor_pid=$!
	wait_for 10 listening || die "FAIL: lxc monitor does not listen"
}

# It has no line for this: the listener's own profile is made again until it is seen.
listening() {
	api POST /1.0/profiles '{"name":"probe"}' && api DELETE /1.0/profiles/probe && stock query -X PATCH -d '{}' /1.0/profiles/default &&
		process_alive "$monitor_pid" && [[ -s $BATS_TEST_TMPDIR/monitor ]]
}

@test "monitor: lifecycle, operations, the log, and filters" {
	monitor --type=lifecycle --format json
	stock config set user.seen=1
	wait_for 10 monitor_sees '"action":"config-updated"'
	stock config unset user.seen
	wait_for 10 monitor_sees '"requestor":{"address":"@","protocol":"unix","username":"root"}'
	# of the group that may open the socket, but another user: one with a name, and one without
	setpriv --reuid=65534 --regid="$(stat -c %g "$BERTH_SOCKET")" --clear-groups curl -sS --unix-socket "$BERTH_SOCKET" -X POST -d '{"name":"pn"}' x/1.0/profiles
	wait_for 10 monitor_sees '"username":"nobody"'
	setpriv --reuid=4242 --regid="$(stat -c %g "$BERTH_SOCKET")" --clear-groups curl -sS --unix-socket "$BERTH_SOCKET" -X DELETE x/1.0/profiles/pn
	wait_for 10 monitor_sees '"username":"uid=4242"'
	run ! monitor_sees '"type":"logging"'
	run ! monitor_sees '"type":"operation"'
	kill "$monitor_pid"
	wait "$monitor_pid" || true # else the next one's file has what this one still writes
	monitor --pretty --loglevel=debug
	stock init --empty "$(name seen)"
	stock delete "$(name seen)"
	wait_for 10 monitor_sees 'Description: Deleting instance'
	wait_for 10 monitor_sees 'level=debug msg="DELETE /1.0/instances/'
	kill "$monitor_pid"
	stock_refused "can only be used with pretty" monitor --type=logging --loglevel=info
	stock_refused "Operation not found" operation show 00000000-0000-0000-0000-000000000000
	stock_refused "Operation not found" operation delete 00000000-0000-0000-0000-000000000000
	stock operation list -f csv
}

@test "nothing is left behind" {
	leak_check
}
