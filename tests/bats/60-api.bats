#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The REST API as other clients see it: envelopes, status codes, ETags, lists, events, hostile requests.

load helpers

# raw TEXT: sends bytes to the socket, prints the answer's first line ("closed" when there is none).
raw() {
	local first
	first=$(printf '%b' "$1" | timeout 120 socat -t 60 - "UNIX-CONNECT:$BERTH_SOCKET" 2>/dev/null | head -n 1 | tr -d '\r')
	echo "${first:-closed}"
}

alive() {
	run_berth query /1.0
}

@test "GET / and /1.0" {
	api GET /
	assert "$http" = 200
	contains "$body" '"metadata":["/1.0"]'
	api GET /1.0
	assert "$http" = 200
	assert "$(field .type)" = sync
	assert "$(field .status)" = Success
	assert "$(field .status_code)" = 200
	assert "$(field .metadata.api_version)" = 1.0
	assert "$(field .metadata.auth)" = trusted
	assert "$(field '.metadata.api_extensions | length')" -gt 20
	assert "$(field .metadata.environment.server_version)" = 5.0.2
	assert "$(field .metadata.environment.berth_version)" = "$(cat "$REPO/VERSION")"
	contains "${headers,,}" "etag: "
	contains "${headers,,}" "content-type: application/json"
}

@test "errors: unknown path, method, JSON" {
	api GET /1.0/nosuch
	assert "$http" = 404
	assert "$(field .type)" = error
	assert "$(field .error_code)" = 404
	assert "$(field .error)" = "not found"
	assert "$(field .metadata)" = null
	api GET /2.0
	assert "$http" = 404
	api POST /1.0 '{}'
	assert "$http" = 501
	assert "$(field .error)" = "not implemented"
	api POST /1.0/profiles '{"name":'
	assert "$http" = 400
	api POST /1.0/profiles '[]'
	assert "$http" = 400
	api POST /1.0/profiles '{"name":"a","name":"b"}'
	assert "$http" = 400
	api POST /1.0/profiles "$(printf '[%.0s' {1..100000})"
	assert "$http" = 400
	api POST /1.0/profiles "{\"name\":\"$(printf '%02000000d' 0)\"}"
	assert "$http" = 413
	api POST /1.0/profiles $'{"name":"\xff\xfe"}'
	assert "$http" = 400
	alive
}

@test "instances: creation as an operation, lists, one, state" {
	local c id
	c=$(name api)
	api POST /1.0/instances "{\"name\":\"$c\",\"source\":{\"type\":\"image\",\"alias\":\"bb\"}}"
	assert "$http" = 202
	assert "$(field .type)" = async
	assert "$(field .status)" = "Operation created"
	assert "$(field .status_code)" = 100
	id=$(field .metadata.id)
	assert "$(field .operation)" = "/1.0/operations/$id"
	contains "$headers" "ocation: /1.0/operations/$id"
	assert "$(field '.metadata.resources.instances[0]')" = "/1.0/instances/$c"
	api GET "/1.0/operations/$id/wait?timeout=200"
	assert "$(field .metadata.status)" = Success
	assert "$(field .metadata.status_code)" = 200
	assert "$(field .metadata.err)" = ""

	api GET /1.0/instances
	assert "$(field '.metadata[]')" = "/1.0/instances/$c"
	api GET /1.0/containers
	assert "$(field '.metadata[]')" = "/1.0/containers/$c"
	api GET '/1.0/instances?recursion=1'
	assert "$(field '.metadata[0].name')" = "$c"
	assert "$(field '.metadata[0].status')" = Stopped
	api GET '/1.0/instances?recursion=2&filter='
	assert "$(field '.metadata[0].state.status')" = Stopped
	api GET '/1.0/instances?filter=status+eq+running'
	assert "$(field '.metadata | length')" = 0
	api GET "/1.0/instances?filter=name+eq+$c&recursion=1"
	assert "$(field '.metadata | length')" = 1
	api GET '/1.0/instances?filter=nonsense'
	assert "$http" != 200
	contains "$(field .error)" "Invalid filter"

	api PUT "/1.0/instances/$c/state" '{"action":"start","timeout":200}'
	id=$(field .metadata.id)
	api GET "/1.0/operations/$id/wait"
	assert "$(field .metadata.status)" = Success
	api GET "/1.0/instances/$c/state"
	assert "$(field .metadata.status)" = Running
	assert "$(field .metadata.status_code)" = 103
	assert "$(field .metadata.pid)" -gt 1
	assert "$(field .metadata.processes)" -gt 0
	assert "$(field .metadata.memory.usage)" -gt 0
	assert "$(field .metadata.cpu.usage)" -gt 0
	assert "$(field '.metadata.network.lo.addresses[0].address')" = 127.0.0.1
	api DELETE "/1.0/instances/$c"
	assert "$http" != 200
	api PUT "/1.0/instances/$c/state" '{"action":"stop","force":true}'
	api GET "/1.0/operations/$(field .metadata.id)/wait"
	api DELETE "/1.0/instances/$c"
	assert "$http" = 202
	api GET "/1.0/operations/$(field .metadata.id)/wait"
	assert "$(field .metadata.status)" = Success
	api GET "/1.0/instances/$c"
	assert "$http" = 404
	assert "$(field .error)" = "Instance not found"
}

@test "ETag and If-Match" {
	local c etag
	c=$(name etag)
	run_berth init bb "$c"
	api GET "/1.0/instances/$c"
	etag=$(grep -i '^etag:' <<<"$headers" | cut -d' ' -f2)
	assert "$etag" =~ '^"[0-9a-f]{64}"$'
	api PATCH "/1.0/instances/$c" '{"config":{"user.a":"1"}}' -H "If-Match: \"$(printf '%064d' 0)\""
	assert "$http" = 412
	contains "$(field .error)" "ETag doesn't match"
	api PATCH "/1.0/instances/$c" '{"config":{"user.a":"1"}}' -H "If-Match: $etag"
	assert "$http" =~ ^20[02]$
	run_berth '?' query "/1.0/operations/$(field .metadata.id)/wait"
	run_berth config get "$c" user.a
	assert "$output" = 1
	api PATCH "/1.0/instances/$c" '{"config":{"user.a":"2"}}' -H "If-Match: $etag"
	assert "$http" = 412
	run_berth delete "$c"
}

@test "PATCH merges, PUT replaces" {
	local c
	c=$(name patch)
	run_berth init bb "$c" -c user.keep=1
	run_berth query -X PATCH -d '{"config":{"user.more":"2"}}' "/1.0/instances/$c"
	assert "$output" = ""
	run_berth config get "$c" user.keep
	assert "$output" = 1
	run_berth query -X PUT --wait -d '{"config":{"user.only":"3"},"devices":{},"profiles":["default"]}' "/1.0/instances/$c"
	run_berth config get "$c" user.keep
	assert "$output" = ""
	run_berth config get "$c" user.only
	assert "$output" = 3
	run_berth delete "$c"
}

@test "bodies: a member of the wrong type is refused, not taken for its default" {
	local c body
	c=$(name types)
	run_berth init bb "$c"
	for body in '"name":5' '"ephemeral":"yes"' '"start":1' '"description":[]' '"profiles":"default"' '"config":3' '"devices":[]' \
		'"source":{"type":"image","alias":5}' '"source":{"type":5}'; do
		api POST /1.0/instances "{\"source\":{\"type\":\"image\",\"alias\":\"bb\"},${body}}"
		[[ $body == *source* ]] && api POST /1.0/instances "{$body}"
		assert "$http" = 400 "$body"
	done
	api POST /1.0/instances '{"source":{"type":"none"},"architecture":"sparc"}' # an image has its own
	assert "$http" = 400
	api POST /1.0/instances '{"source":{"type":"image","alias":"bb"},"instance_type":"c1.micro"}'
	assert "$http" = 400
	contains "$body" "Provided instance type doesn't exist: c1.micro"
	for body in '"action":5' '"action":"stop","force":"yes"' '"action":"stop","timeout":"5"' '"action":"stop","timeout":1.5' \
		'"action":"stop","timeout":1e300'; do
		api PUT "/1.0/instances/$c/state" "{$body}"
		assert "$http" = 400 "$body"
		api PUT /1.0/instances "{\"state\":{$body}}"
		assert "$http" = 400 "$body"
	done
	api PATCH "/1.0/instances/$c" '{"description":null,"ephemeral":null}' # as good as absent
	assert "$http" = 200
	refused 1 "Duplicate profile" query -X PATCH --wait -d '{"profiles":["default","default"]}' "/1.0/instances/$c"
	run_berth list -c n -f csv
	assert "$output" = "$c"
	run_berth delete "$c"
}

@test "images of other servers: the refusal says what to do" {
	refused 1 "import 'debian/12' first" launch images:debian/12 "$(name remote)"
	api POST /1.0/instances '{"source":{"type":"image","alias":"images:debian/12"}}'
	assert "$http" = 404
}

@test "profiles: a PUT or PATCH of nothing changes nothing" {
	local before method
	run_berth profile show default
	before=$output
	for method in PUT PATCH; do
		api "$method" /1.0/profiles/default
		assert "$http" = 400
		api "$method" /1.0/profiles/default null
		assert "$http" = 400
	done
	run_berth profile show default
	assert "$output" = "$before"
}

@test "profiles: 201 with a Location" {
	api POST /1.0/profiles '{"name":"ap","config":{},"devices":{}}'
	assert "$http" = 201
	contains "$headers" "ocation: /1.0/profiles/ap"
	assert "$(field .metadata)" = null
	api GET /1.0/profiles
	assert "$(field '.metadata | sort | join(" ")')" = "/1.0/profiles/ap /1.0/profiles/default"
	api DELETE /1.0/profiles/ap
	assert "$http" = 200
}

@test "operations: list by status, missing, cancel of a finished one" {
	local id c
	c=$(name op)
	api GET /1.0/operations/00000000-0000-0000-0000-000000000000
	assert "$http" = 404
	assert "$(field .error)" = "Operation not found"
	launch "$c" -c raw.lxc='lxc.signal.halt = SIGWINCH'
	# one that lasts: the container does not listen
	api PUT "/1.0/instances/$c/state" '{"action":"stop","timeout":-1}'
	id=$(field .metadata.id)
	run_berth operation show "$id"
	contains "$(tr -d '"' <<<"$output")" "id: $id" # quoted, where it looks like a number
	run_berth operation list
	contains "$output" "| TASK "
	contains "$output" "$id"
	# one that has ended is kept for 5 s: only one request between
	wait_for 10 listed_as "$id" 103
	api DELETE "/1.0/operations/$id"
	assert "$http" = 200
	wait_for 10 cannot_be_cancelled "$id"
	refused 1 "Operation not found" operation delete 00000000-0000-0000-0000-000000000000
	run_berth delete -f "$c"
}

listed_as() { # ID STATUS-CODE
	api GET "/1.0/operations/$1" && [[ $(field .metadata.status_code) == "$2" ]]
}

cannot_be_cancelled() { # ID
	api DELETE "/1.0/operations/$1"
	[[ $http == 400 && $(field .error) == "Only running operations can be cancelled" ]]
}

@test "query: pretty JSON, --raw, --wait, errors" {
	run_berth query /1.0/profiles
	assert "$output" = $'[\n\t"/1.0/profiles/default"\n]'
	run_berth query --raw /1.0/profiles
	assert "$(jq -r .status_code <<<"$output")" = 200
	refused 1 "not found" query /1.0/nosuch
	run_berth 1 query --raw /1.0/nosuch
	assert "$(jq -r .error_code <<<"$output")" = 404
	refused 2 "begin with '/'" query 1.0
	refused 1 "no JSON" query -X POST -d '{bad' /1.0/profiles
}

@test "events: what happens is told, in order, to every listener" {
	local c
	c=$(name ev)
	"$BERTH" monitor --type=lifecycle --format json >"$BATS_TEST_TMPDIR/ev" </dev/null 2>&1 3>&- &
	local pid=$!
	"$BERTH" monitor --pretty >"$BATS_TEST_TMPDIR/pretty" </dev/null 2>&1 3>&- &
	local pid2=$!
	# the first event that arrives shows that the listener is there
	wait_for 10 eval '"$BERTH" profile create ping; "$BERTH" profile delete ping; [[ -s $BATS_TEST_TMPDIR/ev && -s $BATS_TEST_TMPDIR/pretty ]]'
	run_berth init bb "$c"
	run_berth start "$c"
	wait_init "$c"
	in_container "$c" reboot || true
	wait_for 20 grep -q instance-restarted "$BATS_TEST_TMPDIR/ev"
	wait_init "$c"
	run_berth restart -f "$c"
	wait_init "$c"
	in_container "$c" poweroff || true
	wait_for 20 eval '[[ $(grep -c instance-shutdown "$BATS_TEST_TMPDIR/ev") == 2 ]]' # the reboot began with one
	run_berth snapshot "$c" s0
	run_berth start "$c"
	run_berth stop -f "$c"
	run_berth delete "$c"
	wait_for 10 grep -q instance-deleted "$BATS_TEST_TMPDIR/ev"
	wait_for 10 grep -q instance-deleted "$BATS_TEST_TMPDIR/pretty"
	kill "$pid" "$pid2"
	assert "$(jq -r --arg s "/1.0/instances/$c" 'select(.metadata.source | startswith($s)) | .metadata | .action + (if .requestor then "" else "!" end)' "$BATS_TEST_TMPDIR/ev" |
		sed 's/instance-//' | uniq | tr '\n' ' ')" = \
		"created started shutdown! restarted! restarted shutdown! snapshot-created started stopped snapshot-deleted deleted "
	assert "$(jq -c --arg s "/1.0/instances/$c" 'select(.metadata.source == $s and .metadata.action == "instance-created") | .metadata |
		[.context, .requestor]' "$BATS_TEST_TMPDIR/ev")" = \
		'[{"type":"container","storage-pool":"default"},{"username":"root","protocol":"unix","address":"@"}]'
	contains "$(cat "$BATS_TEST_TMPDIR/pretty")" "Action: instance-started, Source: /1.0/instances/$c"
	contains "$(cat "$BATS_TEST_TMPDIR/pretty")" "Description: Creating instance"
	refused 2 "can only be used with --pretty" monitor --loglevel info
	refused 2 "unknown event type" monitor --type nosuch
}

@test "paths that try to leave" {
	api GET '/1.0/instances/..%2f..%2fetc'
	assert "$http" =~ ^40
	api GET '/1.0/instances/%2e%2e' '' --path-as-is
	assert "$http" =~ ^40
	api GET '/1.0/instances/a%00b'
	assert "$http" =~ ^40
	api GET '/1.0/instances/%zz'
	assert "$http" = 400
	api GET '/1.0/../../etc/passwd' '' --path-as-is
	assert "$http" =~ ^40
	alive
}

@test "malformed HTTP" {
	assert "$(raw 'nonsense\r\n\r\n')" =~ '(400|closed)'
	assert "$(raw 'GET /1.0 HTTP/1.1\r\n\r\n')" =~ '(200|400)'
	assert "$(raw 'GET /1.0 HTTP/9.9\r\nHost: x\r\n\r\n')" =~ '(505|400|closed)'
	assert "$(raw 'POST /1.0/profiles HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n')" =~ '(400|413|closed)'
	assert "$(raw 'POST /1.0/profiles HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n')" =~ '(400|closed)'
	assert "$(raw 'POST /1.0/profiles HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n{}')" =~ 501
	assert "$(raw "GET /1.0 HTTP/1.1\\r\\nX: $(printf '%0100000d' 0)\\r\\n\\r\\n")" =~ '(431|400|413|closed)'
	assert "$(raw "GET /$(printf '%0100000d' 0) HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")" =~ '(414|431|400|closed)'
	alive
}

@test "a client that leaves in the middle of an upload" {
	local pid
	head -c 10000000 /dev/urandom >"$BATS_TEST_TMPDIR/upload"
	curl -s --unix-socket "$BERTH_SOCKET" -X POST -H 'Content-Type: application/octet-stream' -H 'Transfer-Encoding: chunked' \
		--limit-rate 10k -T "$BATS_TEST_TMPDIR/upload" http://unix.socket/1.0/images >/dev/null 3>&- &
	pid=$!
	wait_for 10 eval '[[ -n $(ls -A "$BERTH_TEST_ROOT/images/.staging") ]]'
	kill "$pid"
	wait_for 10 eval '[[ -z $(ls -A "$BERTH_TEST_ROOT/images/.staging") ]]'
	alive
}

@test "the socket: mode 0660" {
	assert "$(stat -c %a "$BERTH_SOCKET")" = 660
}

@test "nothing is left behind" {
	leak_check
}
