/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "model/settings.h"

static char dir[64], file[96], tree[4096];

static int setup(void **state)
{
	if (!*tree)
		assert_non_null(getcwd(tree, sizeof(tree)));
	unsetenv("BERTH_LIBEXEC_DIR");
	unsetenv("BERTH_TEMPLATE_DIR");
	snprintf(dir, sizeof(dir), "/tmp/berth-test-settings-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/my.conf", dir);
	return 0;
}

static int teardown(void **state)
{
	struct error err = ERROR_INIT;

	return fs_remove_tree(dir, &err);
}

static struct settings *load_text(const char *text, size_t len, struct error *err)
{
	struct error write_err = ERROR_INIT;

	assert_int_equal(fs_write_atomic(file, text, len, 0600, &write_err), 0);
	return settings_load(&(struct settings_source){ .config_file = file }, err);
}

static struct settings *load_good(const char *text)
{
	struct error err = ERROR_INIT;
	struct settings *s = load_text(text, strlen(text), &err);

	if (!s)
		fail_msg("'%s': %s", text, err.msg);
	return s;
}

/* The message without the "FILE:" in front. */
static void check_bad(const char *text, const char *want)
{
	struct error err = ERROR_INIT;
	struct settings *s = load_text(text, strlen(text), &err);

	if (s)
		fail_msg("'%s' was accepted", text);
	assert_int_equal(err.code, ERROR_INVALID);
	assert_memory_equal(err.msg, file, strlen(file));
	if (strncmp(err.msg + strlen(file), want, strlen(want)) != 0)
		fail_msg("'%s' gives '%s', not '%s'", text, err.msg + strlen(file), want);
}

static void defaults_of_the_machine(void **state)
{
	struct settings *s = load_good("# nothing\n");

	assert_string_equal(s->system_path, "/var/lib/lxc");
	assert_string_equal(s->images_path, "/var/lib/lxc/templates");
	assert_string_equal(s->backup_path, "/var/lib/lxc/backups");
	assert_string_equal(s->extern_path, "/var/lib/lxc/volumes");
	assert_string_equal(s->run_path, "/run/berth");
	assert_string_equal(s->state_path, "/var/lib/berth");
	assert_string_equal(s->hooks_path, "/etc/berth/hooks.d");
	assert_string_equal(s->socket, "/run/berth/berth.sock");
	assert_string_equal(s->network_pub, "lxcbr0");
	assert_string_equal(s->network_nat, "lxcbr1");
	assert_string_equal(s->log_level, "info");
	assert_string_equal(s->filter_name, "");
	assert_string_equal(s->storage_driver, "auto");
	assert_string_equal(s->server_type, "Containers");
	assert_true(s->server_name[0] != 0);
	assert_int_equal(s->operations_parallel, 0);
	assert_int_equal(s->image_max_bytes, 64ll << 30);
	assert_int_equal(s->image_max_entries, 5000000);
	assert_int_equal(s->http_max_body, 1 << 20);
	assert_int_equal(s->shutdown_grace_s, 10);
	assert_int_equal(s->remote_port, 7681);
	assert_true(s->libexec_dir[0] == '/' && s->template_dir[0] == '/');
	settings_free(s);
	settings_free(NULL);
}

static void reads_every_kind_of_value(void **state)
{
	struct settings *s = load_good("server_name = host-1.example\n"
				       "  system_path=/srv//lxc/./x/   ; where they live\n"
				       "\r\n; a comment\n#another\n"
				       "network_pub : br-lan.10\r\n"
				       "image_max_bytes = 2GiB\nhttp_max_body= 65536\nshutdown_grace_s = 5m\n"
				       "remote_port = 8443\nports_start = 20000\nports_close = 20999\n"
				       "public_addr = 2001:db8::1\nlog_level = debug\nfilter_name = web-\n"
				       "storage_driver = dir\noperations_parallel = 8");

	assert_string_equal(s->server_name, "host-1.example");
	assert_string_equal(s->system_path, "/srv/lxc/x");
	assert_string_equal(s->network_pub, "br-lan.10");
	assert_int_equal(s->image_max_bytes, 2ll << 30);
	assert_int_equal(s->http_max_body, 65536);
	assert_int_equal(s->shutdown_grace_s, 300);
	assert_int_equal(s->remote_port, 8443);
	assert_int_equal(s->ports_close, 20999);
	assert_string_equal(s->public_addr, "2001:db8::1");
	assert_string_equal(s->log_level, "debug");
	assert_string_equal(s->filter_name, "web-");
	assert_string_equal(s->storage_driver, "dir");
	assert_int_equal(s->operations_parallel, 8);
	settings_free(s);
}

static void errors_name_line_key_and_rule(void **state)
{
	check_bad("\n\nlog_levle = info\n", ":3: unknown key 'log_levle' (did you mean 'log_level'?)");
	check_bad("quota = 7\n", ":1: unknown key 'quota'");
	check_bad("log_level = info\n\nlog_level = debug\n", ":3: 'log_level' is set already in line 1");
	check_bad("[berth]\nlog_level = info\n", ":2: section '[berth]': this file has no sections");
	check_bad("just words\n", ":1: this is not 'key = value'");
	check_bad("log_level = loud\nwords\n",
		  ":1: log_level: 'loud' is not one of error|warning|info|debug");
	check_bad("words\nlog_level = loud\n", ":1: this is not 'key = value'");
	check_bad("log_level = \n", ":1: log_level: '' is not one of");
	check_bad("log_level = error|warning\n", ":1: log_level: 'error|warning' is not one of");
	check_bad("log_level = inf\n", ":1: log_level: 'inf' is not one of");
	check_bad("storage_driver = zfs\n", ":1: storage_driver: 'zfs' is not one of auto|overlay|dir");
	check_bad("remote_port = 0\n",
		  ":1: remote_port: number 0 is out of range: it must be from 1 to 65535");
	check_bad("remote_port = 80x\n", ":1: remote_port: invalid number '80x'");
	check_bad("image_max_bytes = 1k\n", ":1: image_max_bytes: invalid size '1k'");
	check_bad("image_max_bytes = 1kB\n",
		  ":1: image_max_bytes: 1kB is out of range: it must be from 1048576 to");
	check_bad("shutdown_grace_s = 2h\n",
		  ":1: shutdown_grace_s: 2h is out of range: it must be from 0 to 3600 seconds");
	check_bad("network_pub = lxcbr01234567890\n", ":1: network_pub: 'lxcbr01234567890' must have from");
	check_bad("network_pub = \n", ":1: network_pub: ''");
	check_bad("network_nat = ..\n", ":1: network_nat: '..' is no name of a network interface");
	check_bad("network_nat = br/0\n",
		  ":1: network_nat: 'br/0' may only have the characters A-Z a-z 0-9 ._-");
	check_bad("server_name = \n", ":1: server_name: '' must have from 1 to 253 characters");
	check_bad("public_addr = a b\n",
		  ":1: public_addr: 'a b' may only have the characters A-Z a-z 0-9 ._-:");
	check_bad("ports_start = 5\n", ": ports_start 5 and ports_close 0 are no range");
	check_bad("ports_start = 500\nports_close = 400\n",
		  ": ports_start 500 and ports_close 400 are no range");
	check_bad("ports_start = 7000\nports_close = 8000\n", ": remote_port 7681 lies in the range");
}

static void paths_have_a_charset(void **state)
{
	check_bad("system_path = lxc\n", ":1: system_path: 'lxc' is not an absolute path");
	check_bad("system_path = \n", ":1: system_path: '' is not an absolute path");
	check_bad("system_path = /a b\n", ":1: system_path: '/a b': a path may only have");
	check_bad("system_path = /a\"b\n", ":1: system_path: '/a\"b': a path may only have");
	check_bad("hooks_path = /a$(id)\n", ":1: hooks_path: '/a$(id)': a path may only have");
	check_bad("run_path = /a\tb\n", ":1: run_path: ");
	check_bad("state_path = /a/../etc\n", ":1: state_path: '/a/../etc' must not have '..'");
	check_bad("state_path = /var/lib/lxc/\n",
		  ": system_path and state_path are the same folder '/var/lib/lxc'");
}

static void hostile_files(void **state)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct settings *s;
	int i;

	assert_null(load_text("log_level = info\0\n", 18, &err));
	assert_non_null(strstr(err.msg, "NUL byte"));
	strbuf_addstr(&text, "\nlog_level = ");
	for (i = 0; i < 5000; i++)
		strbuf_addch(&text, 'x');
	check_bad(text.buf, ":2: the line is longer than");
	/* a comment may be as long as it likes */
	strbuf_reset(&text);
	strbuf_addch(&text, '#');
	for (i = 0; i < 5000; i++)
		strbuf_addch(&text, 'x');
	strbuf_addstr(&text, "\nlog_level = debug\n");
	s = load_good(text.buf);
	assert_string_equal(s->log_level, "debug");
	settings_free(s);
	strbuf_reset(&text);
	for (i = 0; i < 2 << 20; i++)
		strbuf_addch(&text, '\n');
	assert_null(load_text(text.buf, text.len, &err));
	assert_int_equal(err.code, ERROR_TOO_LARGE);
	assert_null(settings_load(&(struct settings_source){ .config_file = "/no/such.conf" }, &err));
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_null(settings_load(&(struct settings_source){ .config_file = dir }, &err));
}

static void a_root_holds_everything(void **state)
{
	AUTO_FREE char *root = fs_join(dir, "r/new"), *conf = NULL, *want = NULL;
	struct error err = ERROR_INIT;
	struct settings *s = settings_load(&(struct settings_source){ .root = root }, &err);
	const struct settings_key *k;

	assert_non_null(s);
	for (k = settings_keys; k->name; k++)
		if (strcmp(k->type, "path") == 0)
			assert_memory_equal(*(char **)(void *)((char *)s + k->offset), root, strlen(root));
	want = fs_join(root, "lxc");
	assert_string_equal(s->system_path, want);
	assert_memory_equal(s->socket, root, strlen(root));
	assert_non_null(strstr(s->socket, "/run/berth.sock"));
	settings_free(s);

	assert_int_equal(fs_mkdirs(root, 0700, &err), 0);
	conf = fs_join(root, "berth.conf");
	assert_int_equal(fs_write_atomic(conf, "log_level = debug\n", 18, 0600, &err), 0);
	s = settings_load(&(struct settings_source){ .root = root }, &err);
	assert_string_equal(s->log_level, "debug");
	settings_free(s);
	assert_int_equal(fs_write_atomic(conf, "state_path = /srv/x\n", 20, 0600, &err), 0);
	assert_null(settings_load(&(struct settings_source){ .root = root }, &err));
	assert_non_null(strstr(err.msg, "berth.conf:1: state_path: '/srv/x' is not below the root"));
}

/* However it is written, before it exists and after: LXC hashes the spelling. */
static void a_root_has_one_spelling(void **state)
{
	static const char *const spellings[] = { "r/s",	      "./r/s",	"r//s/",    "r/./s",
						 "../%s/r/s", "link/s", ".r/../r/s" };
	AUTO_FREE char *want = mem_printf("%s/r/s/lxc", dir);
	struct error err = ERROR_INIT;
	struct settings *s;
	size_t i, round;

	assert_int_equal(chdir(dir), 0);
	assert_int_equal(fs_mkdirs("r", 0700, &err), 0);
	assert_int_equal(fs_mkdirs(".r", 0700, &err), 0);
	assert_int_equal(symlink("r", "link"), 0);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < 7; i++) {
			AUTO_FREE char *root = i == 4 ? mem_printf("../%s/r/s", strrchr(dir, '/') + 1) :
							mem_strdup(spellings[i]);

			s = settings_load(&(struct settings_source){ .root = root }, &err);
			if (!s)
				fail_msg("%s: %s", root, err.msg);
			assert_string_equal(s->system_path, want);
			settings_free(s);
		}
		assert_int_equal(fs_mkdirs("r/s", 0700, &err), 0);
	}
	s = settings_load(&(struct settings_source){ .root = ".hidden" }, &err);
	assert_non_null(strstr(s->system_path, "/.hidden/lxc"));
	settings_free(s);
	s = settings_load(&(struct settings_source){ .root = "plain" }, &err);
	assert_non_null(strstr(s->system_path, "/plain/lxc"));
	settings_free(s);
	assert_null(settings_load(&(struct settings_source){ .root = "my files" }, &err));
	assert_null(settings_load(&(struct settings_source){ .root = "new/../../x" }, &err));
	assert_int_equal(chdir(tree), 0);
}

static void the_command_line_wins(void **state)
{
	struct error err = ERROR_INIT;
	struct settings_source src = { .config_file = file, .socket = "/x/y.sock", .log_level = "error" };
	char longer[200];
	struct settings *s;

	settings_free(load_good("log_level = debug\n"));
	s = settings_load(&src, &err);
	assert_string_equal(s->log_level, "error");
	assert_string_equal(s->socket, "/x/y.sock");
	settings_free(s);
	src.log_level = "chatty";
	assert_null(settings_load(&src, &err));
	assert_non_null(strstr(err.msg, "log_level: 'chatty' is not one of"));
	src.log_level = NULL;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[0] = '/';
	longer[sizeof(longer) - 1] = 0;
	src.socket = longer;
	assert_null(settings_load(&src, &err));
	assert_non_null(strstr(err.msg, "must have from 1 to 107 characters"));
	src.socket = "";
	assert_null(settings_load(&src, &err));
}

static void the_build_tree_can_be_named(void **state)
{
	struct error err = ERROR_INIT;
	struct settings *s;

	setenv("BERTH_LIBEXEC_DIR", "/build/libexec/", 1);
	setenv("BERTH_TEMPLATE_DIR", "/build/templates", 1);
	s = load_good("");
	assert_string_equal(s->libexec_dir, "/build/libexec");
	assert_string_equal(s->template_dir, "/build/templates");
	settings_free(s);
	setenv("BERTH_LIBEXEC_DIR", "build", 1);
	assert_null(load_text("", 0, &err));
	assert_string_equal(err.msg, "BERTH_LIBEXEC_DIR: 'build' is not an absolute path");
}

/* Uncommented, the example is a valid file that says nothing new. */
static void the_example_shows_every_key(void **state)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT, set = STRBUF_INIT;
	struct error err = ERROR_INIT;
	const struct settings_key *k;
	struct settings *s;
	char *line, *save = NULL;

	if (fs_read_file("etc/berth.conf", 1 << 16, &text, &err) < 0)
		fail_msg("%s (run from the top of the tree)", err.msg);
	for (k = settings_keys; k->name; k++) {
		AUTO_FREE char *shown = mem_printf("\n#%s = %s\n", k->name, k->def ? k->def : "host1");
		AUTO_FREE char *empty = mem_printf("\n#%s =\n", k->name);

		if (!strstr(text.buf, k->def && !*k->def ? empty : shown))
			fail_msg("etc/berth.conf lacks '%s' with its default", k->name);
		assert_true(k->doc && *k->doc);
	}
	for (line = strtok_r(text.buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		strbuf_addf(&set, "%s\n",
			    line[0] == '#' && line[1] >= 'a' && line[1] <= 'z' ? line + 1 : line);
	s = load_good(set.buf);
	assert_string_equal(s->server_name, "host1");
	assert_int_equal(s->image_max_bytes, 64ll << 30);
	settings_free(s);
}

static void rows_are_complete(void **state)
{
	const struct settings_key *k, *other;

	for (k = settings_keys; k->name; k++) {
		assert_non_null(k->type);
		assert_true((strcmp(k->type, "choice") == 0) == (k->choices != NULL));
		assert_true((strcmp(k->type, "path") == 0) == (k->below_root != NULL));
		assert_true(k->offset < sizeof(struct settings));
		for (other = settings_keys; other != k; other++) {
			assert_string_not_equal(k->name, other->name);
			assert_true(k->offset != other->offset);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(defaults_of_the_machine, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_every_kind_of_value, setup, teardown),
		cmocka_unit_test_setup_teardown(errors_name_line_key_and_rule, setup, teardown),
		cmocka_unit_test_setup_teardown(paths_have_a_charset, setup, teardown),
		cmocka_unit_test_setup_teardown(hostile_files, setup, teardown),
		cmocka_unit_test_setup_teardown(a_root_holds_everything, setup, teardown),
		cmocka_unit_test_setup_teardown(a_root_has_one_spelling, setup, teardown),
		cmocka_unit_test_setup_teardown(the_command_line_wins, setup, teardown),
		cmocka_unit_test_setup_teardown(the_build_tree_can_be_named, setup, teardown),
		cmocka_unit_test_setup_teardown(the_example_shows_every_key, setup, teardown),
		cmocka_unit_test(rows_are_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
