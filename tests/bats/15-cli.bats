#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The command line itself: help on every level, usage errors, no daemon, completion.

load helpers

setup_file_more() {
	"$BERTH" completion bash >"$BERTH_TEST_ROOT/completion"
	mkdir "$BERTH_TEST_ROOT/bin"
	ln -s "$BERTH" "$BERTH_TEST_ROOT/bin/berth"
}

# Every command of the tree, one "berth image alias list" a line.
commands() {
	sed -n 's/^\t\tname="\(berth[^"]*\)" subs="\([^"]*\)".*/\1|\2/p' "$BERTH_TEST_ROOT/completion"
}

# complete WORD…: what completion offers for the last word.
complete_words() {
	bash -c '
		. "$1"; shift
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_berth_complete
		[[ ${#COMPREPLY[@]} == 0 ]] || printf "%s\n" "${COMPREPLY[@]}"
	' bash "$BERTH_TEST_ROOT/completion" "$BERTH_TEST_ROOT/bin/berth" "$@" 2>&1
}

@test "help on every level, with examples where there is something to run" {
	local n=0 name subs words
	while IFS='|' read -r name subs; do
		read -r -a words <<<"$name"
		run_berth "${words[@]:1}" --help
		contains "$output" "Usage: $name" "help of '$name'"
		[[ $name == berth ]] || contains "$output" "Examples:" "help of '$name'"
		assert "$stderr" = ""
		n=$((n + 1))
	done < <(sed -n 's/^\t\tname=berth subs="\([^"]*\)".*/berth|\1/p' "$BERTH_TEST_ROOT/completion"; commands)
	assert "$n" -gt 50
}

@test "a group without a command, an unknown command, an unknown option: usage, exit 2" {
	local name subs words
	run_berth 2
	while IFS='|' read -r name subs; do
		read -r -a words <<<"$name"
		[[ -z $subs ]] || run_berth 2 "${words[@]:1}"
		run_berth 2 "${words[@]:1}" --no-such-option
		contains "$stderr" "--no-such-option" "usage error of '$name'"
		contains "$stderr" "Try '$name --help'"
		assert "$output" = ""
	done < <(commands)
	refused 2 "did you mean 'launch'?" launhc
	refused 2 "unknown command 'xyz'" image xyz
	refused 2 "needs a value" image list --format
	refused 2 "lxc has a command 'remote', berth has not" remote list
	refused 2 "unknown option '--timeout'" start c1 --timeout 3
	refused 2 "--console is for one instance" start --all --console
	refused 2 "--console is for one instance" restart c1 c2 --console
	refused 2 "--console goes without --force" stop -f c1 --console
}

@test "help COMMAND is COMMAND --help" {
	local help
	run_berth config set --help
	help=$output
	run_berth help config set
	assert "$output" = "$help"
	run_berth help
	contains "$output" "Usage: berth [flags] <command>"
	refused 2 "unknown command 'nosuch'" help nosuch
}

@test "version" {
	run_berth version
	contains "$output" "Client version: $(cat "$REPO/VERSION")"
	contains "$output" "Server version: $(cat "$REPO/VERSION")"
	run_berth --version
	contains "$output" "$(cat "$REPO/VERSION")"
}

@test "no daemon: the message names the socket and what to try" {
	refused 1 "$BATS_TEST_TMPDIR/none.sock" --socket "$BATS_TEST_TMPDIR/none.sock" list
	BERTH_SOCKET=$BATS_TEST_TMPDIR/none2.sock refused 1 "none2.sock" image list
	BERTH_SOCKET=$BATS_TEST_TMPDIR/none2.sock run_berth version
	contains "$output" "Server version: unreachable"
}

@test "output that cannot be written is an error" {
	run bash -c '"$BERTH" list >/dev/full'
	assert "$status" = 1
}

@test "completion: commands, options, values" {
	if command -v shellcheck >/dev/null; then shellcheck "$BERTH_TEST_ROOT/completion"; fi
	assert "$(complete_words ima)" = image
	contains "$(complete_words image '')" import
	assert "$(complete_words image list --form)" = --format
	assert "$(complete_words image list -f c)" = $'compact\ncsv'
	assert "$(complete_words monitor --type = l)" = $'lifecycle\nlogging'
	assert "$(complete_words nosuch '')" = ""
}

@test "completion: names of instances, images, profiles and devices" {
	local c
	c=$(name comp)
	run_berth init bb "$c"
	run_berth config device add "$c" nul none
	run_berth profile create other
	assert "$(complete_words info t)" = "$c"
	assert "$(complete_words config get t)" = "$c"
	assert "$(complete_words image info '')" = bb
	assert "$(complete_words profile show o)" = other
	assert "$(complete_words profile add "$c" o)" = other
	assert "$(complete_words config device remove "$c" n)" = nul
	assert "$(complete_words --socket /nosuch/socket info t)" = ""
	run_berth snapshot "$c" one
	assert "$(complete_words delete "$c/")" = "$c/one"
	assert "$(complete_words restore "$c" '')" = one
	run_berth snapshot "$c" "two 100%"
	assert "$(complete_words restore "$c" tw)" = 'two\ 100%'
	assert "$(complete_words delete "$c/tw")" = "$c/two\\ 100%"
	run_berth volume create "$c/data"
	assert "$(complete_words volume delete t)" = "$c/data"
	assert "$(complete_words storage volume show default '')" = "${c}_data"
	assert "$(complete_words volume detach "$c" '')" = data
	run_berth backup create "$c"
	assert "$(complete_words backup restore "$c" l)" = latest
	assert "$(complete_words backup delete t)" = "$(run_berth backup list -f csv && cut -d, -f2 <<<"$output")"
	run_berth network forward add "$c" 40080:80 udp:40053
	assert "$(complete_words network forward remove "$c" '' | sort)" = $'40080\nudp:40053'
	assert "$(complete_words host call VMP)" = VMPowers
	assert "$(complete_words hook list pre-st)" = $'pre-start\npre-stop'
	run_berth backup delete "$(complete_words backup delete t)"
	run_berth volume delete "$c/data"
	run_berth delete "$c"
	run_berth profile delete other
}

@test "completion runs nothing that stands in a name" {
	local trap="x\$(touch $BATS_TEST_TMPDIR/ran)"
	run_berth '?' image alias create "$trap" bb
	complete_words image info x
	assert "$(ls "$BATS_TEST_TMPDIR/ran" 2>&1)" =~ "No such file"
	run_berth '?' image alias delete "$trap"
}

@test "names with an empty part, and of another instance, are wrong usage" {
	local c
	c=$(name edge)
	run_berth init bb "$c"
	run_berth snapshot "$c" one
	refused 2 "names no instance and no snapshot" delete "$c/"
	refused 2 "names no instance and no snapshot" delete /one
	refused 2 "a snapshot stays with its instance" rename "$c/one" "$(name other)/one"
	run_berth rename "$c/one" two
	run_berth restore "$c/two"
	refused 2 "too many arguments" restore "$c/two" two
	refused 2 "names no volume" volume create "$c"
	refused 2 "names no volume" volume delete "$c"
	run_berth volume attach "$c/data" /srv
	refused 1 "is attached to '$c' already, at '/srv'" volume attach "$c" data
	run_berth volume detach "$c/data"
	refused 1 "standard input is no JSON" host call VMPowers - <<<'{bad'
	run_berth volume delete "$c/data"
	run_berth delete "$c"
}

@test "an extracted file goes into a folder, as with cp; info shows backups" {
	local c
	c=$(name out)
	run_berth init bb "$c"
	run_berth backup create "$c" "for info"
	run_berth info "$c"
	contains "$output" "Backups:"
	contains "$output" "for info"
	run_berth backup extract "$c" latest /etc/passwd "$BATS_TEST_TMPDIR"
	contains "$(cat "$BATS_TEST_TMPDIR/passwd")" root:
	refused 1 "'$BATS_TEST_TMPDIR/passwd' is there already" backup extract "$c" latest /etc/passwd "$BATS_TEST_TMPDIR"
	refused 2 "ends in no name" backup extract "$c" latest / "$BATS_TEST_TMPDIR"
	run_berth backup prune "$c" --keep-last 1
	run_berth backup delete "$(cd "$BERTH_TEST_ROOT/backups" && echo "$c"-*.7z)"
	run_berth delete "$c"
}

@test "--debug shows requests, -q nothing but what was asked for" {
	run_berth --debug list
	contains "$stderr" "GET /1.0/instances"
	run_berth -q profile create quiet
	assert "$output$stderr" = ""
	run_berth -q profile delete quiet
	assert "$output$stderr" = ""
}

@test "nothing is left behind" {
	leak_check
}
