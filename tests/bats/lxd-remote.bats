# SPDX-License-Identifier: MIT
# LXD's own client over HTTPS: the listener, who is trusted, and what a stranger sees.

bats_require_minimum_version 1.5.0
load helpers
load lxd

# Each file has a bridge of its own, so its address is free whatever else runs.
address() {
	echo "$BERTH_TEST_SUBNET.1:8443"
}

# https METHOD PATH [JSON]: as a client without a certificate of ours; $http and $body.
https() {
	http=$(curl -sk --max-time 60 -X "$1" -o "$BATS_TEST_TMPDIR/body" -w '%{http_code}' ${3:+-d "$3"} \
		"https://$(address)$2") || die "FAIL: curl $1 $2"
	body=$(cat "$BATS_TEST_TMPDIR/body")
	printf '%s %s -> %s\n%s\n' "$1" "$2" "$http" "$body" >&2
}

@test "an address makes a listener, strangers see next to nothing" {
	stock_refused "no IP address" config set core.https_address=nosuch.invalid:1
	stock_refused "cannot listen on '192.0.2.9:8443'" config set core.https_address=192.0.2.9
	stock config set core.https_address="$BERTH_TEST_SUBNET.1"
	stock config get core.https_address
	assert "$output" = "$(address)"
	api GET /1.0
	assert "$(field '.metadata.environment.addresses[0]')" = "$(address)"
	assert "$(field .metadata.environment.certificate_fingerprint)" = "$(openssl x509 -noout -fingerprint -sha256 \
		-in "$BERTH_TEST_ROOT/state/server.crt" | sed 's/.*=//; s/://g' | tr A-F a-f)"
	assert "$(stat -c %a "$BERTH_TEST_ROOT/state/server.key")" = 600

	https GET /
	assert "$http" -eq 200
	https GET /1.0
	assert "$http" -eq 200
	assert "$(field '.metadata | [.auth, has("config"), has("environment")] | join(" ")')" = "untrusted false false"
	for path in /1.0/instances /1.0/containers /1.0/certificates /1.0/operations /1.0/events /1.0/profiles/default \
		/1.0/host /1.0/resources; do
		https GET "$path"
		assert "$http $(field .error)" = "403 not authorized" "GET $path"
	done
	https PUT /1.0 '{"config":{"user.a":"1"}}'
	assert "$http" -eq 403
	https POST /1.0/host/VMList '{}'
	assert "$http" -eq 403
	https POST /1.0/certificates '{"type":"client","password":""}'
	assert "$http $(field .error)" = "403 not authorized"
	stock config set core.https_allowed_origin=https://panel.example
	run curl -sk -o /dev/null -D - -H 'Origin: https://panel.example' "https://$(address)/1.0"
	contains "$output" "Access-Control-Allow-Origin: https://panel.example"
	run curl -sk -o /dev/null -w '%{http_code}' -H 'Origin: https://evil.example' "https://$(address)/1.0"
	assert "$output" = 403
	run curl -sk -o /dev/null -w '%{http_code}' -X OPTIONS -H 'Origin: https://panel.example' "https://$(address)/1.0/instances"
	assert "$output" = 200
	stock config unset core.https_allowed_origin
	# neither old TLS nor anything that is none
	assert "$(curl -sk --max-time 20 --tls-max 1.1 "https://$(address)/" || echo "$?")" = 35
	printf 'GET / HTTP/1.0\r\n\r\n' | timeout 20 socat -t5 - "TCP:$(address)" >"$BATS_TEST_TMPDIR/plain" || true
	run ! grep -q api "$BATS_TEST_TMPDIR/plain"
}

@test "remote add with a password: wrong, right, and what then works" {
	local c fp
	c=$(name tls)
	stock config set core.trust_password=sekret
	stock config show
	contains "$output" "core.trust_password: true"
	run ! grep -q sekret "$BERTH_TEST_ROOT/state/server.json"
	stock config set user.kept=1 # the client sends the whole configuration again, with "true"
	stock_refused "not authorized" remote add b "https://$(address)" --accept-certificate --password=wrong
	stock remote add b "https://$(address)" --accept-certificate --password=sekret
	stock config trust list -f csv
	contains "$output" "$(hostname)"
	fp=$(openssl x509 -noout -fingerprint -sha256 -in "$BERTH_TEST_ROOT/lxc-conf/client.crt" | sed 's/.*=//; s/://g' | tr A-F a-f)
	assert "$(jq -r .type "$BERTH_TEST_ROOT/state/trust/$fp.json")" = client

	"$BERTH" monitor --type=lifecycle --format json >"$BATS_TEST_TMPDIR/ev" </dev/null 2>&1 3>&- &
	local monitor=$!
	wait_for 10 eval '"$BERTH" profile create ping; "$BERTH" profile delete ping; [[ -s $BATS_TEST_TMPDIR/ev ]]'
	stock launch b:bb "b:$c"
	wait_for 10 grep -q instance-started "$BATS_TEST_TMPDIR/ev"
	kill "$monitor"
	assert "$(jq -r --arg s "/1.0/instances/$c" 'select(.metadata.source == $s) | .metadata.requestor | .protocol + " " + .username' \
		"$BATS_TEST_TMPDIR/ev" | uniq)" = "tls $fp"
	contains "$(tail -n 1 "$BATS_TEST_TMPDIR/ev")" '"address":"'"${BERTH_TEST_SUBNET}.1:"
	stock list b: -f csv -c ns
	contains "$output" "$c,RUNNING"
	stock info b:
	contains "$output" "auth: trusted"
	stock query b:/1.0/instances
	contains "$output" "/1.0/instances/$c"
	stock image export b:bb "$BATS_TEST_TMPDIR/bb"
	cmp "$BATS_TEST_TMPDIR"/bb*.gz "$BUSYBOX_IMAGE"
	stock stop -f "b:$c"
	stock delete "b:$c"

	stock config trust show "$fp"
	contains "$output" "type: client"
	sed 's/^name:.*/name: renamed/' <<<"$output" >"$BATS_TEST_TMPDIR/yaml"
	stock config trust edit "$fp" <"$BATS_TEST_TMPDIR/yaml"
	stock config trust list -f csv
	contains "$output" renamed
	daemon_restart
	stock list b:
	stock config trust remove "${fp:0:12}"
	stock_refused "not authorized" list b:
	stock_refused "Certificate not found" config trust remove "$fp"
	stock config unset core.trust_password
	stock config get core.trust_password
	assert "$output" = ""
}

@test "trust add takes a file, and says what it does not take" {
	stock config trust add "$BERTH_TEST_ROOT/lxc-conf/client.crt" --name laptop
	stock list b:
	stock_refused "already in trust store" config trust add "$BERTH_TEST_ROOT/lxc-conf/client.crt"
	stock config trust remove "$(openssl x509 -noout -fingerprint -sha256 -in "$BERTH_TEST_ROOT/lxc-conf/client.crt" |
		sed 's/.*=//; s/://g' | tr A-F a-f)"
	api POST /1.0/certificates '{"type":"client","certificate":"bm9uZQ=="}'
	assert "$http" -eq 400
	contains "$(field .error)" "Invalid certificate material"
	openssl req -x509 -newkey rsa:1024 -nodes -subj /CN=weak -keyout /dev/null -out "$BATS_TEST_TMPDIR/weak.crt" 2>/dev/null
	stock_refused "RSA key too weak" config trust add "$BATS_TEST_TMPDIR/weak.crt"
	stock_refused "restricted certificates are not supported" config trust add "$BERTH_TEST_ROOT/lxc-conf/client.crt" --restricted
	api POST /1.0/certificates '{"type":"metrics"}'
	assert "$http" -eq 400
}

@test "trust: the list takes one between two others" {
	local i certs
	for i in 1 2 3; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=c$i" -keyout /dev/null \
			-out "$BATS_TEST_TMPDIR/c$i.crt" 2>/dev/null
		openssl x509 -noout -fingerprint -sha256 -in "$BATS_TEST_TMPDIR/c$i.crt" |
			sed "s/.*=//; s/://g; s/\$/ c$i.crt/" | tr A-F a-f >>"$BATS_TEST_TMPDIR/list"
	done
	mapfile -t certs < <(sort "$BATS_TEST_TMPDIR/list")
	for i in 0 2 1; do
		stock config trust add "$BATS_TEST_TMPDIR/${certs[i]#* }"
	done
	api GET /1.0/certificates
	for i in 0 1 2; do
		contains "$(field '.metadata | join(" ")')" "/1.0/certificates/${certs[i]% *}"
	done
	for i in 0 1 2; do
		stock config trust remove "${certs[i]% *}"
	done
}

@test "tokens: made, listed, used once, revoked" {
	local token fp
	stock config trust add --name friend
	token=${lines[-1]}
	assert "$(base64 -d <<<"$token" | jq -r '.client_name + " " + .addresses[0]')" = "friend $(address)"
	stock config trust list-tokens -f csv
	contains "$output" "friend,$token"
	stock operation list -f csv
	contains "$output" TOKEN,
	stock remote remove b
	stock remote add c "$token"
	stock config trust list -f csv
	contains "$output" client,friend,
	stock list c:
	stock config trust list-tokens -f csv
	assert "$output" = ""
	fp=$(openssl x509 -noout -fingerprint -sha256 -in "$BERTH_TEST_ROOT/lxc-conf/client.crt" | sed 's/.*=//; s/://g' | tr A-F a-f)
	stock config trust remove "$fp"
	stock remote remove c
	stock_refused "No matching certificate add operation found" remote add c "$token"
	stock config trust add --name other
	token=${lines[-1]}
	# as Incus's client sends it; this one has no certificate
	https POST /1.0/certificates "{\"type\":\"client\",\"trust_token\":\"$token\"}"
	assert "$http $(field .error)" = "400 No client certificate provided"
	stock config trust revoke-token other
	stock_refused "No matching certificate add operation found" remote add c "$token"
	# one that is over when it is made
	stock config set core.remote_token_expiry=0S
	stock config trust add --name late
	token=${lines[-1]}
	assert "$(base64 -d <<<"$token" | jq -r .expires_at)" =~ ^20
	run_berth config trust list-tokens -f json
	stock_refused "Token has expired" remote add c "$token"
	stock config trust list-tokens -f csv
	assert "$output" = ""
	stock config unset core.remote_token_expiry
}

@test "certificates: what LXD does not take, either" {
	local fp
	api POST /1.0/certificates '{"type":"client"}'
	assert "$http $(field .error)" = "400 Client is already trusted"
	api POST /1.0/certificates '{"type":"client","token":true,"certificate":"x"}'
	assert "$http $(field .error)" = "400 Can't use certificate if token is requested"
	api GET /1.0/certificates
	if [[ $(field '.metadata | length') == 0 ]]; then
		stock config trust add "$BERTH_TEST_ROOT/lxc-conf/client.crt" --name kept
		api GET /1.0/certificates
	fi
	fp=$(field '.metadata[0]')
	api PUT "$fp" '{"name":"other"}'
	assert "$http $(field .error)" = "400 The certificate type cannot be changed"
	api PATCH "$fp" '{"type":"metrics"}'
	assert "$http $(field .error)" = "400 The certificate type cannot be changed"
	api PATCH "$fp" '{"restricted":"no"}'
	assert "$http $(field .error)" = "400 'restricted' must be true or false"
	api PATCH "$fp" '{"name":"by patch"}'
	api GET "$fp"
	assert "$(field .metadata.name)" = "by patch"
}

@test "who guesses is stopped" {
	local i
	stock config set core.trust_password=sekret
	for i in 1 2 3 4 5; do
		https POST /1.0/certificates "{\"type\":\"client\",\"password\":\"guess$i\"}"
		assert "$http $(field .error)" = "403 not authorized"
	done
	https POST /1.0/certificates '{"type":"client","password":"sekret"}'
	contains "$(field .error)" "too many wrong passwords"
}

@test "strangers that do not speak are bounded, and cut" {
	local i fd fds=()
	for i in {1..80}; do
		exec {fd}<>"/dev/tcp/$BERTH_TEST_SUBNET.1/8443"
		fds+=("$fd")
	done
	https GET /
	assert "$http" -eq 200
	(($(daemon_fds) < $(cat "$BERTH_TEST_ROOT/fds") + 75)) || die "FAIL: $(daemon_fds) descriptors"
	for fd in "${fds[@]}"; do exec {fd}>&-; done
	stock config trust add --name waiting # berthd ends with it
	stock config unset core.https_address
	stock_refused "isn't listening on network" config trust add --name none
	run curl -sk --max-time 5 "https://$(address)/"
	assert "$status" -eq 7
}

@test "nothing is left behind" {
	leak_check
}
