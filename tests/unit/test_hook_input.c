/* SPDX-License-Identifier: MIT */
/* What hooks are told, by an operation over a registry with one instance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/events.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "hook/hook_input.h"
#include "image/store.h"
#include "instance/instance.h"
#include "lxc/probe.h"
#include "model/profile.h"
#include "model/settings.h"

static char dir[] = "/tmp/test_hook_input.XXXXXX";
static uv_loop_t loop;
static struct probe probe = { .lxc_version = "5.0.2", .architecture = "x86_64", .kernel_version = "6.1",
			      .idmapped_mounts = true, .overlay_idmapped = true, .idmap_base = 100000,
			      .idmap_size = 1000000000, .cgroups = CGROUP_UNIFIED };
static struct berthd berthd = { .loop = &loop, .probe = &probe };

static bool in_use(const char *fingerprint, void *data)
{
	return false;
}

static void write_file(const char *folder, const char *name, const char *text)
{
	AUTO_FREE char *path = fs_join(folder, name);
	struct error err = ERROR_INIT;

	assert_int_equal(fs_write_atomic(path, text, strlen(text), 0600, &err), 0);
}

static int setup(void **state)
{
	struct settings_source source = { .root = dir };
	struct error err = ERROR_INIT;
	AUTO_FREE char *mine = NULL, *journal = NULL, *profiles = NULL, *tools = NULL, *monitor = NULL;

	assert_non_null(mkdtemp(dir));
	log_set_level(LOG_LEVEL_ERROR);
	uv_loop_init(&loop);
	berthd.settings = settings_load(&source, &err);
	assert_non_null(berthd.settings);
	mine = fs_join(berthd.settings->system_path, "c1");
	journal = fs_join(berthd.settings->state_path, "operations");
	profiles = fs_join(berthd.settings->state_path, "profiles");
	tools = fs_join(dir, "bin");
	monitor = fs_join(tools, "lxc-monitor");
	assert_int_equal(fs_mkdirs(mine, 0700, &err) | fs_mkdirs(journal, 0700, &err) | fs_mkdirs(tools, 0700, &err), 0);
	write_file(mine, "config", "lxc.uts.name = c1\n");
	write_file(mine, "berth.json",
		   "{\"architecture\":\"x86_64\",\"config\":{\"user.a\":\"1\"},\"devices\":{},"
		   "\"profiles\":[\"default\"],\"driver\":\"dir\",\"description\":\"\",\"ephemeral\":false}");
	assert_int_equal(symlink("/bin/true", monitor), 0);
	assert_int_equal(setenv("PATH", tools, 1), 0);
	berthd.ops = op_queue_new(&loop, journal, &berthd, 4);
	berthd.events = events_new(&berthd);
	berthd.profiles = profile_store_open(profiles, "br0", &probe, &err);
	berthd.images = image_store_open(&berthd, in_use, NULL, &err);
	berthd.registry = registry_open(&berthd, &err);
	if (!berthd.profiles || !berthd.images || !berthd.registry)
		fail_msg("%s", err.msg);
	return 0;
}

static int teardown(void **state)
{
	struct error err = ERROR_INIT;

	return fs_remove_tree(dir, &err);
}

/* ---- an operation of one row, which is the event */

static cJSON *input;
static struct argv env = ARGV_INIT;
static bool keep;

static enum op_result look(struct op *op, struct error *err)
{
	AUTO_FREE char *text = NULL;

	if (keep)
		hook_input_keep(op);
	text = hook_input(op);
	input = json_parse(text, strlen(text), err);
	assert_non_null(input);
	argv_clear(&env);
	hook_environment(op, "10-x", &env);
	return OP_DONE;
}

static void ask(const char *event, const char *args)
{
	static struct op_step steps[2] = { { .run = look } }; /* what has ended is kept for a while */
	static const struct op_kind kind = { .name = "test", .description = "Testing", .steps = steps, .volatile_ = true };
	struct op_options options = { .locks = NULL };
	struct error err = ERROR_INIT;
	struct op *op;

	cJSON_Delete(input);
	input = NULL;
	steps[0].name = event;
	op = op_start(berthd.ops, &kind, cJSON_Parse(args), &options, &err);
	if (!op)
		fail_msg("%s", err.msg);
	while (!input)
		uv_run(&loop, UV_RUN_ONCE);
	while (op_status(op) < OP_SUCCESS)
		uv_run(&loop, UV_RUN_ONCE);
}

static void told(const char *key, const char *value)
{
	const char *is = json_str(input, key);

	if (!is || strcmp(is, value) != 0)
		fail_msg("%s is '%s', not '%s'", key, is ? is : "(none)", value);
}

static bool in_env(const char *line)
{
	for (size_t i = 0; i < env.n; i++)
		if (strcmp(env.v[i], line) == 0)
			return true;
	return false;
}

static void an_instance(void **state)
{
	AUTO_FREE char *rootfs = mem_printf("LXC_ROOTFS_PATH=%s/c1/rootfs", berthd.settings->system_path);
	AUTO_FREE char *config = mem_printf("LXC_CONFIG_FILE=%s/c1/config", berthd.settings->system_path);
	AUTO_FREE char *operation = NULL;

	ask("pre-start", "{\"name\":\"c1\",\"backup\":\"c1-20261122090000.7z\",\"secret\":\"x\"}");
	told("name", "c1");
	told("event", "pre-start");
	told("backup", "c1-20261122090000.7z");
	assert_string_equal(json_str(json_obj(input, "config"), "user.a"), "1");
	assert_non_null(json_obj(input, "expanded_config"));
	assert_null(json_str(input, "secret"));
	assert_null(json_str(input, "old_name"));
	operation = mem_printf("BERTH_OPERATION=%s", json_str_or(input, "operation", ""));
	assert_true(in_env(operation) && in_env("BERTH_EVENT=pre-start") && in_env("BERTH_HOOK=10-x"));
	assert_true(in_env("BERTH_INSTANCE=c1") && in_env("LXC_NAME=c1") && in_env(rootfs) && in_env(config));
}

static void one_that_is_to_be(void **state)
{
	ask("pre-create", "{\"name\":\"new\",\"copy_of\":\"c1\",\"desired\":{\"architecture\":\"x86_64\",\"config\":{\"user.b\":\"2\"},"
			  "\"devices\":{},\"profiles\":[],\"volatile\":\"x\"}}");
	told("name", "new");
	told("source", "c1");
	told("type", "container");
	assert_string_equal(json_str(json_obj(input, "config"), "user.b"), "2");
	assert_string_equal(json_str(json_obj(input, "expanded_config"), "user.b"), "2");
	assert_null(json_str(input, "volatile"));
	ask("pre-create", "{\"name\":\"new\"}"); /* nothing is known of it */
	told("name", "new");
	assert_null(json_obj(input, "config"));
}

static void a_rename_has_two_names(void **state)
{
	ask("pre-rename", "{\"name\":\"c1\",\"new_name\":\"c2\"}");
	told("name", "c1");
	told("old_name", "c1");
	told("new_name", "c2");
	assert_true(in_env("BERTH_INSTANCE=c1"));
	ask("post-rename", "{\"name\":\"c1\",\"new_name\":\"c2\"}");
	told("name", "c2");
	told("old_name", "c1");
	assert_true(in_env("BERTH_INSTANCE=c2"));
}

static void what_is_gone_was_kept(void **state)
{
	keep = true;
	ask("pre-delete", "{\"name\":\"c1\"}");
	keep = false;
	ask("post-delete", "{\"name\":\"gone\",\"hook_instance\":{\"name\":\"gone\",\"config\":{\"user.a\":\"3\"}}}");
	told("event", "post-delete");
	assert_string_equal(json_str(json_obj(input, "config"), "user.a"), "3");
}

static void the_host_has_no_instance(void **state)
{
	ask("post-host-load", "{}");
	told("event", "post-host-load");
	assert_true(in_env("BERTH_EVENT=post-host-load"));
	for (size_t i = 0; i < env.n; i++)
		assert_true(strncmp(env.v[i], "BERTH_INSTANCE=", 15) != 0 && strncmp(env.v[i], "LXC_", 4) != 0);
	argv_clear(&env);
	cJSON_Delete(input);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_instance),
		cmocka_unit_test(one_that_is_to_be),
		cmocka_unit_test(a_rename_has_two_names),
		cmocka_unit_test(what_is_gone_was_kept),
		cmocka_unit_test(the_host_has_no_instance),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
