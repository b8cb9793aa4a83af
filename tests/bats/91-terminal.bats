#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Web terminals: URLs, tokens, the gateway, sessions and their ends; with a real ttyd and a real browser.

load helpers

# Listens on an address that this file alone uses.
setup_file_more() {
	export WEBTERM=$REPO/tests/webterm BROWSER_TEST=$REPO/tests/browser PORT=$((20000 + BERTH_TEST_ID))
	export HOST=$BERTH_TEST_SUBNET.1 TTYD_DIR=$BERTH_TEST_ROOT/ttyd
	REAL_TTYD=$("$REPO/tests/ttyd") || die "FAIL: no ttyd"
	export REAL_TTYD
	mkdir -p "$TTYD_DIR"
	settings
	ln -s "$REAL_TTYD" "$TTYD_DIR/ttyd"
	daemon_stop
	daemon_start
	"$BERTH" launch bb "$(name c)" >/dev/null
	"$BERTH" launch bb "$(name d)" >/dev/null
	"$BERTH" terminal "$(name c)" >/dev/null # from now on the port is open
	daemon_fds >"$BERTH_TEST_ROOT/fds"
}

# settings [LINES]: berth.conf anew
settings() {
	grep -v -e '^terminal' -e '^remote_port' -e '^ttyd' -e '^tls' "$BERTH_TEST_ROOT/berth.conf" >"$BERTH_TEST_ROOT/new.conf"
	cat >>"$BERTH_TEST_ROOT/new.conf" <<-END
		remote_port = $PORT
		terminal_listen = $HOST
		ttyd_path = $TTYD_DIR/ttyd
		${1:-}
	END
	mv "$BERTH_TEST_ROOT/new.conf" "$BERTH_TEST_ROOT/berth.conf"
}

reread() { # LINES
	local n
	n=$(grep -c 'settings reread' "$BERTH_TEST_ROOT/berthd.log" || true)
	settings "$1"
	kill -HUP "$(daemon_pid)"
	wait_for 5 reread_again "$n"
}

reread_again() {
	(($(grep -c 'settings reread' "$BERTH_TEST_ROOT/berthd.log") > $1))
}

restart() { # LINES
	daemon_stop
	settings "$1"
	daemon_start
	wait_for 10 is_state "$C" RUNNING
}

setup() {
	C=$(name c)
	D=$(name d)
	BASE=http://$HOST:$PORT
}

fake_ttyd() { # BEHAVIOUR
	rm -f "$TTYD_DIR"/{ttyd,calls-of-ttyd}
	cp "$REPO/tests/fake/ttyd" "$TTYD_DIR/ttyd"
	echo "$1" >"$TTYD_DIR/.ttyd"
}

real_ttyd() {
	rm -f "$TTYD_DIR/ttyd"
	ln -s "$REAL_TTYD" "$TTYD_DIR/ttyd"
}

url() {
	"$BERTH" terminal "$C"
}

web() {
	timeout --foreground -k 5 300 "$WEBTERM" "$@"
}

status_of() { # URL [HEADER…]
	web get "$@" | sed -n '1s/^HTTP.1.1 \([0-9]*\).*/\1/p'
}

# Processes of sessions, whatever berthd says of them.
session_processes() {
	local pid
	for pid in $(pgrep -f -- "$BERTH_TEST_ROOT/run/terminal/"); do
		[[ $pid == "$$" || $pid == "$BASHPID" ]] || tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null
	done
	pgrep -af -- "lxc-attach -P $BERTH_TEST_ROOT/lxc -n $C --clear-env"
	ls "$BERTH_TEST_ROOT/run/terminal" 2>/dev/null
	return 0
}

sessions() {
	"$BERTH" terminal --list -f csv
}

# A session in the background whose shell ignores hangups and has a job, $JOB; $OUT is what it showed. STEP is taken when
# the job has been seen.
open_stubborn() { # STEP
	JOB=98765$BERTH_TEST_ID$RANDOM OUT=$BATS_TEST_TMPDIR/shown
	rm -f "$BATS_TEST_TMPDIR"/{up,go}
	web run "$(url)" wait '# ' type "trap '' HUP"$'\r' type "sleep $JOB & echo s''et"$'\r' wait set \
		file "$BATS_TEST_TMPDIR/up" until "$BATS_TEST_TMPDIR/go" "$@" >"$OUT" 2>&1 3>&- &
	WEB=$!
	wait_for 10 test -e "$BATS_TEST_TMPDIR/up" || die "FAIL: no terminal: $(cat "$OUT")"
	wait_for 10 has_job || die "FAIL: no job"
	touch "$BATS_TEST_TMPDIR/go"
}

has_job() {
	pgrep -f "^sleep $JOB\$" >/dev/null
}

no_job() {
	! has_job
}

all_gone() {
	no_job && [[ -z $(session_processes) && -z $(sessions) ]]
}

assert_all_gone() {
	wait_for 10 all_gone || die "FAIL: left: $(pgrep -af "sleep $JOB"; session_processes; sessions)"
	wait "$WEB" || true
}

@test "without a ttyd that can be used: what is wrong, and where to get one" {
	rm -f "$TTYD_DIR/ttyd"
	refused 1 "there is no program '$TTYD_DIR/ttyd'" terminal "$C"
	api POST "/1.0/instances/$C/terminal" '{}'
	# shellcheck disable=SC2154
	assert "$http" = 501
	fake_ttyd "version 1.5.2"
	refused 1 "ttyd 1.5.2 is too old: the web terminal needs 1.6.1 or newer" terminal "$C"
	fake_ttyd garbage
	refused 1 "does not say a version as ttyd does: 'no version" terminal "$C"
	fake_ttyd fail
	refused 1 "error while loading shared libraries" terminal "$C"
	assert "$(wc -l <"$TTYD_DIR/calls-of-ttyd")" = 1
	refused 1 "error while loading shared libraries" terminal "$C"
	assert "$(wc -l <"$TTYD_DIR/calls-of-ttyd")" = 1 "it is asked once"
	fake_ttyd hang
	refused 1 "timed out" terminal "$C"
	real_ttyd
	run_berth terminal "$C"
}

@test "options of ttyd by its version; one that does not serve is told to the browser" {
	local page
	fake_ttyd "version 1.7.3-abc"
	page=$(web claim "$(url)")
	web get "$BASE$(head -n 1 <<<"$page")" "Cookie: $(tail -n 1 <<<"$page")" >"$BATS_TEST_TMPDIR/page" || true
	assert "$(tail -n 1 "$TTYD_DIR/calls-of-ttyd")" !~ ' -W '
	fake_ttyd "version 1.7.4"
	web claim "$(url)"
	wait_for 10 grep -q -e "-o -m 1 -O .* -W .*lxc-attach -P $BERTH_TEST_ROOT/lxc -n $C --clear-env" "$TTYD_DIR/calls-of-ttyd"
	assert "$(cat "$TTYD_DIR/calls-of-ttyd")" !~ ' -a '
	wait_for 10 nothing session_processes
	contains "$(cat "$BERTH_TEST_ROOT/berthd.log")" "'ttyd' exited with 3: ttyd: it is out of order"
	fake_ttyd "silent 1.7.4"
	page=$(web claim "$(url)")
	assert "$(sessions | wc -l)" = 1
	run_berth terminal --kill "$(sessions | cut -d, -f1)"
	wait_for 10 nothing session_processes
	real_ttyd
}

# A second request behind it would be one that nobody has judged.
@test "what follows the head of a request for a page does not go to ttyd" {
	local page
	fake_ttyd "deaf 1.7.4"
	page=$(web claim "$(url)")
	python3 - "$HOST" "$PORT" "$page" <<'END'
import os, socket, sys
path, cookie = sys.argv[3].split("\n")
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10 * float(os.environ.get("BERTH_TEST_PATIENCE", "8")))
s.sendall(f"GET {path} HTTP/1.1\r\nHost: {sys.argv[1]}\r\nCookie: {cookie}\r\n\r\n".encode())
shown = b""
while b"hello" not in shown:
    shown += s.recv(4096)
s.sendall(b"GET / HTTP/1.1\r\n" * (1 << 20))  # more than all buffers on the way hold
END
	run_berth terminal --kill "$(sessions | cut -d, -f1)"
	wait_for 10 nothing session_processes
	real_ttyd
}

@test "the URL and its answer" {
	api POST "/1.0/instances/$C/terminal" '{"ttl":90,"ip_addr":"host.example.org"}'
	assert "$http" = 200
	assert "$(field .metadata.url)" = \
		"http://host.example.org:$PORT/?arg=lxc-attach&arg=-n&arg=$C&token=$(field .metadata.token)"
	assert "$(field .metadata.token)" =~ '^[0-9a-f]{64}$'
	assert "$(field .metadata.tty_port)" = "$PORT"
	assert "$(($(date -d "$(field .metadata.expires_at)" +%s) - $(date +%s)))" -ge 30
	assert "$(url)" =~ "^$BASE/\?arg="
	api POST "/1.0/instances/$C/terminal" '{"ip_addr":"2001:db8::1"}'
	contains "$(field .metadata.url)" "http://[2001:db8::1]:$PORT/"
	run_berth terminal "$C" --ttl 5m --address 192.0.2.1 --format json
	contains "$(jq -r .url <<<"$output")" "http://192.0.2.1:$PORT/"
	# and as a panel asks for it
	api POST /1.0/host/VCRemote "{\"vm_uuid\": \"$C\", \"ip_addr\": \"192.0.2.9\", \"ttl\": 30}"
	assert "$(field .success)" = true
	assert "$(field .message)" = "http://192.0.2.9:$PORT/?arg=lxc-attach&arg=-n&arg=$C&token=$(field .results.token)"
	assert "$(field .results.url)" = "$(field .message)"
	assert "$(field .results.tty_port)" = "$PORT"
	api POST /1.0/host/VCRemote "{\"vm_uuid\": \"$C\", \"ttl\": 0}"
	assert "$http" = 400
	assert "$(field .success)" = false
}

@test "requests that are refused" {
	local body
	for body in '{"ttl":0}' '{"ttl":"60"}' '{"ttl":1.5}' '{"ttl":86401}' '{"ip_addr":"a b"}' '{"ip_addr":"x/../y"}' \
		'{"ip_addr":"1:2"}' '{"ip_addr":7}' '{"ipaddr":"x"}'; do
		api POST "/1.0/instances/$C/terminal" "$body"
		assert "$http" = 400 "$body"
	done
	refused 1 "Instance not found" terminal "$(name nosuch)"
	run_berth init bb "$(name off)"
	refused 1 "is not running: berth start $(name off)" terminal "$(name off)"
	run_berth pause "$D"
	refused 1 "is paused: berth resume $D" terminal "$D"
	run_berth resume "$D"
	refused 1 "Terminal not found" terminal --kill "$(printf '0%.0s' {1..32})"
	refused 2 "do not go together" terminal --list --kill
	refused 2 "the name of an instance is missing" terminal
	refused 2 "id of a terminal is missing" terminal --kill
}

@test "a token is claimed once; wrong, expired and foreign ones are 403 and start nothing" {
	local u token first
	u=$(url)
	token=${u##*token=}
	web get "$u" >"$BATS_TEST_TMPDIR/first"
	first=$(cat "$BATS_TEST_TMPDIR/first")
	contains "$first" "HTTP/1.1 303"
	assert "$first" =~ "Location: /t/[0-9a-f]{32}/"
	assert "$first" =~ "Set-Cookie: berth_terminal=[0-9a-f]{64}; Path=/t/[0-9a-f]{32}/; HttpOnly; SameSite=Strict"
	contains "$first" "frame-ancestors 'self'"
	contains "$first" "Referrer-Policy: no-referrer"
	contains "$first" "Cache-Control: no-store"
	contains "$first" "X-Content-Type-Options: nosniff"
	assert "$(sessions | wc -l)" = 1
	assert "$(status_of "$u")" = 403 "used"
	assert "$(status_of "$BASE/?token=$(printf 'a%.0s' {1..64})")" = 403 "forged"
	assert "$(status_of "$BASE/?token=")" = 403 "empty"
	assert "$(status_of "$BASE/?token=${token:0:63}")" = 403 "cut"
	assert "$(status_of "$BASE/")" = 403 "none"
	assert "$(sessions | wc -l)" = 1 "no session by any of them"
	run_berth terminal --kill "$(sessions | cut -d, -f1)"
	wait_for 10 nothing session_processes
	run_berth terminal "$C" --ttl 1 --format json
	u=$(jq -r .url <<<"$output")
	wait_for 5 is_past "$(jq -r .expires_at <<<"$output")"
	assert "$(status_of "$u")" = 403 "expired"
	# another container of that name
	run_berth launch bb "$(name e)"
	u=$("$BERTH" terminal "$(name e)")
	run_berth delete -f "$(name e)"
	run_berth launch bb "$(name e)"
	assert "$(status_of "$u")" = 403 "of a container that is gone"
	wait_for 10 nothing session_processes
	run ! grep -q "$token" "$BERTH_TEST_ROOT/berthd.log"
}

is_past() { # TIME
	(($(date +%s) > $(date -d "$1" +%s)))
}

@test "what is in the URL but the token changes nothing" {
	local u
	u=$(url | sed "s/arg=$C/arg=$D/; s/lxc-attach/\/bin\/sh/; s/arg=-n/arg=-n\&arg=-c\&arg=id/")
	assert "$(web run "$u" wait '# ' type $'hostname\r' wait "\n$C\r")" =~ "$C"
	wait_for 10 nothing session_processes
}

@test "everything of a session needs its cookie, and a websocket the right origin" {
	local page path cookie other
	page=$(web claim "$(url)")
	path=$(head -n 1 <<<"$page") cookie=$(tail -n 1 <<<"$page")
	other=$(web claim "$(url)" | tail -n 1)
	assert "$(status_of "$BASE${path}")" = 403
	contains "$(web get "$BASE$path")" "url=$path?again"
	assert "$(web get "$BASE$path?again")" !~ http-equiv
	assert "$(status_of "$BASE${path}token" "Cookie: $other")" = 403 "another session's"
	assert "$(status_of "$BASE${path}token" "Cookie: berth_terminal=")" = 403
	assert "$(status_of "$BASE${path}token" "Cookie: x=y; $cookie")" = 200
	page=$(web get "$BASE$path" "Cookie: $cookie" | tr -d '\0')
	contains "$page" "HTTP/1.1 200"
	contains "$page" "frame-ancestors 'self'"
	assert "$(web status "$BASE" "$path" "Cookie:-" "Cookie:-")" = 403 "no cookie"
	assert "$(web status "$BASE" "$path" "$other")" = 403
	assert "$(web status "$BASE" "$path" "$cookie" "Origin: http://evil.example.org")" = 403
	assert "$(web status "$BASE" "$path" "$cookie" "Origin: https://$HOST:$PORT")" = 403
	assert "$(web status "$BASE" "$path" "$cookie" "Origin:-")" = 403 "no origin"
	assert "$(web status "$BASE" "$path" "$cookie" "Host: evil.example.org" "Origin: http://evil.example.org")" = 421
	assert "$(sessions | wc -l)" = 2
	web attach "$BASE" "$path" "$cookie" wait '# ' type $'echo $((6*7))\r' wait '\n42\r'
	wait_for 10 session_count 1
	assert "$(status_of "$BASE${path}" "Cookie: $cookie")" = 403 "over"
	run_berth terminal --kill "$(sessions | cut -d, -f1)"
	wait_for 10 nothing session_processes
}

session_count() {
	[[ $(sessions | wc -l) == "$1" ]]
}

@test "other origins can be allowed" {
	local page path cookie
	restart "terminal_origins = https://panel.example.org http://x.example.org:81"
	page=$(web claim "$(url)")
	path=$(head -n 1 <<<"$page") cookie=$(tail -n 1 <<<"$page")
	assert "$(web status "$BASE" "$path" "$cookie" "Origin: https://panel.example.or")" = 403
	assert "$(web status "$BASE" "$path" "$cookie" "Host: panel.example.org" "Origin: https://panel.example.org")" = 101
	wait_for 10 nothing session_processes
	contains "$(web get "$BASE/")" "frame-ancestors 'self' https://panel.example.org http://x.example.org:81"
}

@test "size of the window, bytes, list and events" {
	local events=$BATS_TEST_TMPDIR/events monitor up=$BATS_TEST_TMPDIR/up go=$BATS_TEST_TMPDIR/go
	"$BERTH" monitor --type lifecycle --format json >"$events" 2>/dev/null 3>&- </dev/null &
	monitor=$!
	wait_for 10 monitor_listens "$events"
	web run "$(url)" wait '# ' type $'stty size\r' wait '24 80' resize 132 43 type $'stty size\r' wait '43 132' \
		file "$up" until "$go" type $'exit\r' end >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	wait_for 10 test -e "$up" || die "$(cat "$BATS_TEST_TMPDIR/out")"
	run_berth terminal --list -f json
	assert "$(jq -r '.[0].instance, .[0].address, .[0].connected' <<<"$output" | paste -sd' ')" = "$C $HOST true"
	assert "$(jq '.[0].bytes_in > 0 and .[0].bytes_out > 0' <<<"$output")" = true
	api GET /1.0/terminals
	api GET "$(field '.metadata[0]')"
	assert "$(field .metadata.instance)" = "$C"
	touch "$go"
	wait %2
	wait_for 10 nothing session_processes
	wait_for 10 grep -q '"instance-console".*web-terminal' "$events"
	kill "$monitor"
	contains "$(cat "$BERTH_TEST_ROOT/berthd.log")" "terminal: '$C' opened by $HOST"
}

# Something is told until it hears it.
monitor_listens() {
	"$BERTH" config set "$D" user.x "$RANDOM" && [[ -s $1 ]]
}

@test "a terminal that is over leaves nothing, even a shell and a job that ignore hangups" {
	open_stubborn abort # the browser is gone
	assert_all_gone
	open_stubborn end
	run_berth terminal --kill "$(sessions | cut -d, -f1)"
	assert_all_gone
	open_stubborn end
	run_berth stop -f "$C"
	assert_all_gone
	run_berth start "$C"
	open_stubborn half
	assert_all_gone
}

@test "nor when berthd ends, or is killed" {
	open_stubborn end
	daemon_stop
	wait_for 5 no_job || die "FAIL: the job is still there"
	daemon_start
	wait_for 10 is_state "$C" RUNNING
	assert_all_gone
	open_stubborn end
	daemon_kill
	daemon_start
	wait_for 10 is_state "$C" RUNNING
	assert_all_gone
}

# lxc-attach died, so the shell is berth-terminal's, and its job the container's init's when the shell ends.
@test "nor when the shell ended before all else" {
	local terminal attach shell
	JOB=98765$BERTH_TEST_ID$RANDOM
	mkfifo "$BATS_TEST_TMPDIR/end"
	cat >"$BATS_TEST_TMPDIR/ttyd" <<-END
		nsenter -t $(init_of "$C") -p setsid sh -c "trap '' HUP; sleep $JOB & read x <$BATS_TEST_TMPDIR/end" &
		echo \$! >"$BATS_TEST_TMPDIR/attach"
		exec sleep 600
	END
	"$BERTH_BUILD/berth-terminal" sh "$BATS_TEST_TMPDIR/ttyd" 3>&- 4>&- &
	terminal=$!
	wait_for 10 has_job || die "FAIL: no job"
	wait_for 10 test -s "$BATS_TEST_TMPDIR/attach"
	attach=$(cat "$BATS_TEST_TMPDIR/attach")
	shell=$(pgrep -P "$attach")
	kill -KILL "$attach"
	wait_for 10 process_gone "$attach"
	echo >"$BATS_TEST_TMPDIR/end"
	wait_for 10 process_gone "$shell"
	kill -TERM "$terminal"
	wait "$terminal"
	no_job || die "FAIL: the job is still there: $(pkill -KILL -e -f "^sleep $JOB\$")"
}

@test "idle and total time are limited; ttyd's pings do not count" {
	open_stubborn end
	reread "terminal_idle_s = 6" # ttyd pings every 5 s
	assert_all_gone
	contains "$(cat "$BERTH_TEST_ROOT/berthd.log")" "typed or shown for too long (terminal_idle_s)"
	open_stubborn end
	reread "terminal_total_s = 1"
	assert_all_gone
	contains "$(cat "$BERTH_TEST_ROOT/berthd.log")" "its time is over (terminal_total_s)"
	reread "terminal_max = 1"
	open_stubborn end
	assert "$(status_of "$(url)")" = 503
	run_berth terminal --kill "$(sessions | cut -d, -f1)"
	assert_all_gone
	reread ""
}

@test "1,000 wrong tokens and 300 silent clients: no process, few words, and others are served" {
	local u lines
	lines=$(wc -l <"$BERTH_TEST_ROOT/berthd.log")
	open_stubborn end
	/usr/bin/python3 - "$HOST" "$PORT" "$BATS_TEST_TMPDIR" <<-'END' 3>&- &
		import os, socket, sys, time
		to = sys.argv[1], int(sys.argv[2])
		for i in range(1000):
		    s = socket.create_connection(to)
		    s.sendall(b"GET /?token=%064x HTTP/1.1\r\nHost: %s\r\n\r\n" % (i, to[0].encode()))
		    assert s.recv(4096).startswith(b"HTTP/1.1 403"), i
		    s.close()
		silent = [socket.create_connection(to) for i in range(300)]
		for s in silent[::2]:
		    s.sendall(b"GET / HT")
		open(sys.argv[3] + "/silent", "w").close()
		while not os.path.exists(sys.argv[3] + "/done"):
		    time.sleep(0.02)
	END
	wait_for 10 test -e "$BATS_TEST_TMPDIR/silent"
	assert "$(sessions | wc -l)" = 1
	assert "$(pgrep -fc -- "-i $BERTH_TEST_ROOT/run/terminal/.*sock")" -le 2 "berth-terminal and its ttyd"
	u=$(url)
	assert "$(web run "$u" wait '# ' type $'echo $((6*7))\r' wait '\n42\r')" =~ 42
	assert "$(tail -n "+$lines" "$BERTH_TEST_ROOT/berthd.log" | grep -c 'wrong, used or expired')" -le 20
	touch "$BATS_TEST_TMPDIR/done"
	run_berth terminal --kill "$(sessions | head -n 1 | cut -d, -f1)"
	assert_all_gone
}

# raw BYTES: the first line of the answer
raw() {
	printf %b "$1" | timeout 100 socat -t 50 - "TCP:$HOST:$PORT" | head -n 1 | tr -d '\r'
}

@test "requests that are no good" {
	local long
	assert "$(raw 'POST / HTTP/1.1\r\nHost: x\r\n\r\n')" = "HTTP/1.1 405 Method Not Allowed"
	assert "$(raw 'GET / HTTP/1.0\r\nHost: x\r\n\r\n')" = "HTTP/1.1 400 Bad Request"
	assert "$(raw 'GET / HTTP/1.1\r\n\r\n')" = "HTTP/1.1 400 Bad Request"
	assert "$(raw 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n')" = "HTTP/1.1 400 Bad Request"
	assert "$(raw 'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello')" = "HTTP/1.1 400 Bad Request"
	assert "$(raw 'GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')" = "HTTP/1.1 400 Bad Request"
	assert "$(raw 'nonsense\r\n\r\n')" = "HTTP/1.1 400 Bad Request"
	assert "$(raw '\x16\x03\x01\r\n\r\n')" = "HTTP/1.1 400 Bad Request"
	assert "$(raw "GET / HTTP/1.1\r\nHost: $HOST\r\n\r\n")" = "HTTP/1.1 403 Forbidden" "half closed"
	assert "$(raw "GET /t/../x HTTP/1.1\r\nHost: $HOST\r\n\r\n")" = "HTTP/1.1 404 Not Found"
	assert "$(raw "GET / HTTP/1.1\r\nHost: evil.example.org\r\n\r\n")" = "HTTP/1.1 421 Misdirected Request"
	assert "$(raw "GET / HTTP/1.1\r\nHost: localhost:$PORT\r\n\r\n")" = "HTTP/1.1 403 Forbidden"
	long=$(printf 'x%.0s' {1..9000})
	assert "$(raw "GET / HTTP/1.1\r\nHost: x\r\nX: $long\r\n\r\n")" = "HTTP/1.1 431 Request Header Fields Too Large"
	assert "$(raw "GET /$long$long HTTP/1.1\r\n")" = "HTTP/1.1 431 Request Header Fields Too Large"
}

@test "a port in use, or a certificate that is none: a clear error, and berthd goes on" {
	daemon_stop
	socat "TCP-LISTEN:$PORT,bind=$HOST,reuseaddr,fork" /dev/null 3>&- &
	local socat=$!
	daemon_start
	wait_for 10 is_state "$C" RUNNING
	wait_for 5 listens
	refused 1 "port $PORT is in use; remote_port in berth.conf is another" terminal "$C"
	kill "$socat"
	wait "$socat" || true
	wait_for 5 process_gone "$socat"
	run_berth terminal "$C"
	restart "tls_cert = $BERTH_TEST_ROOT/berth.conf
tls_key = $BERTH_TEST_ROOT/berth.conf"
	refused 1 "the certificate '$BERTH_TEST_ROOT/berth.conf' with the key" terminal "$C"
	run_berth list
}

listens() {
	[[ -n $(ss -Hltn "src $HOST:$PORT") ]]
}

@test "TLS" {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$HOST" \
		-addext "subjectAltName=IP:$HOST" -keyout "$BERTH_TEST_ROOT/key.pem" -out "$BERTH_TEST_ROOT/cert.pem" 2>/dev/null
	restart "tls_cert = $BERTH_TEST_ROOT/cert.pem
tls_key = $BERTH_TEST_ROOT/key.pem"
	BASE=https://$HOST:$PORT
	local u
	u=$(url)
	assert "$u" =~ "^$BASE/"
	assert "$(web run "$u" wait '# ' type $'seq 60000 | tail -n 2; seq 20000; echo $((6*7))x\r' wait '\n42x\r')" =~ 60000
	assert "$(status_of "$u")" = 403
	assert "$(web get "$(url)")" =~ "Set-Cookie: .*; Secure"
	assert "$(curl -s --cacert "$BERTH_TEST_ROOT/cert.pem" -o /dev/null -w '%{http_code}' "$BASE/")" = 403
	run web get "http://$HOST:$PORT/"
	assert "$output" !~ "HTTP/1.1 [23]"
	run_berth terminal --kill "$(sessions | cut -d, -f1)"
	wait_for 10 nothing session_processes
}

@test "a browser opens the URL from another site, types, and reads the container's answer" {
	local u
	restart ""
	u=$(url)
	run timeout 300 "$BROWSER_TEST" "$u" "hostname" "^$C\$"
	printf '%s\n' "$output" >&2
	assert "$status" = 0
	assert "${lines[0]}" = "$C" "the page's title"
	assert "${lines[1]}" !~ token
	wait_for 10 nothing session_processes
	run timeout 300 "$BROWSER_TEST" --page "$u"
	contains "$output" "This URL has been used, has expired, or is wrong"
}

@test "nothing is left behind" {
	assert "$(session_processes)" = ""
	run_berth terminal "$C"
	leak_check
}
