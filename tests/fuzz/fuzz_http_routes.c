/* SPDX-License-Identifier: MIT */
/*
 * A request as text ("METHOD TARGET", header lines, a blank line, the body) given to the real routes over a
 * real store of profiles and images and a registry with one instance, without sockets. Operations are
 * accepted and never run: their queue has no slot. Every answer must be one of LXD's envelopes with a status
 * that fits it.
 */
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit/fake_request.h"
#include "api/events.h"
#include "api/server_config.h"
#include "api/trust.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "host/host.h"
#include "model/warnings.h"
#include "image/store.h"
#include "instance/instance.h"
#include "lxc/probe.h"
#include "model/profile.h"
#include "model/settings.h"
#include "network/network.h"
#include "pool/pool.h"

#define RESET_EVERY 2000 /* inputs, after which what they made is removed */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static char dir[64];
static uv_loop_t loop;
static struct probe probe = { .lxc_version = "5.0.2", .architecture = "x86_64", .kernel_version = "6.1",
			      .idmapped_mounts = true, .overlay_idmapped = true, .idmap_base = 100000,
			      .idmap_size = 1000000000, .cgroups = CGROUP_UNIFIED };
static struct berthd berthd = { .loop = &loop, .probe = &probe };

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz_http_routes: %s\n", what);
	abort();
}

static bool in_use(const char *fingerprint, void *data)
{
	return false;
}

static void write_file(const char *folder, const char *name, const char *text)
{
	AUTO_FREE char *path = mem_printf("%s/%s", folder, name);
	struct error err = ERROR_INIT;

	must(fs_write_atomic(path, text, strlen(text), 0600, &err) == 0, err.msg);
}

/* An instance of berth's, one that somebody else made, and an lxc-monitor that has nothing to say. */
static void make_host(const struct settings *s)
{
	AUTO_FREE char *mine = fs_join(s->system_path, "c1"), *theirs = fs_join(s->system_path, "old");
	AUTO_FREE char *tools = fs_join(dir, "bin"), *monitor = fs_join(tools, "lxc-monitor");
	AUTO_FREE char *journal = fs_join(s->state_path, "operations");
	struct error err = ERROR_INIT;

	must(fs_mkdirs(mine, 0700, &err) == 0 && fs_mkdirs(theirs, 0700, &err) == 0 &&
	     fs_mkdirs(journal, 0700, &err) == 0 && fs_mkdirs(tools, 0700, &err) == 0, err.msg);
	write_file(mine, "config", "lxc.uts.name = c1\n");
	write_file(mine, "berth.json",
		   "{\"architecture\":\"x86_64\",\"config\":{\"user.a\":\"1\"},\"devices\":{},"
		   "\"profiles\":[\"default\"],\"driver\":\"dir\",\"description\":\"\",\"ephemeral\":false}");
	write_file(mine, "lxc.log", "a line\n");
	write_file(theirs, "config", "lxc.uts.name = old\nlxc.rootfs.path = dir:/nosuch\n");
	must(symlink("/bin/true", monitor) == 0 && setenv("PATH", tools, 1) == 0, "no monitor");
}

static void clean_up(void)
{
	struct error err = ERROR_INIT;

	(void)fs_remove_tree(dir, &err);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct settings_source source = { .root = dir };
	struct error err = ERROR_INIT;
	AUTO_FREE char *journal = NULL, *profiles = NULL, *server = NULL, *trust = NULL, *warnings = NULL;

	/* profiles are synced to the disk: /dev/shm is none */
	snprintf(dir, sizeof(dir), "%s/berth-fuzz-routes-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	must(mkdtemp(dir) != NULL, "no folder");
	atexit(clean_up);
	log_set_level(LOG_LEVEL_ERROR);
	uv_loop_init(&loop);
	berthd.settings = settings_load(&source, &err);
	must(berthd.settings != NULL, err.msg);
	make_host(berthd.settings);
	journal = fs_join(berthd.settings->state_path, "operations");
	profiles = fs_join(berthd.settings->state_path, "profiles");
	server = fs_join(berthd.settings->state_path, "server.json");
	trust = fs_join(berthd.settings->state_path, "trust");
	warnings = fs_join(berthd.settings->state_path, "warnings.json");
	berthd.ops = op_queue_new(&loop, journal, &berthd, 0);
	berthd.events = events_new(&berthd);
	berthd.server = server_config_open(server, &err);
	berthd.profiles = profile_store_open(profiles, "br0", &probe, &err);
	berthd.images = image_store_open(&berthd, in_use, NULL, &err);
	berthd.warnings = warnings_open(warnings, &err);
	berthd.trust = trust_open(trust, &err);
	must(berthd.warnings && berthd.trust && pools_open(&berthd, &err), err.msg);
	berthd.registry = registry_open(&berthd, &err);
	must(berthd.server && berthd.profiles && berthd.images && berthd.registry, err.msg);
	host_open(&berthd, &source);
	must(networks_open(&berthd, &err) == 0, err.msg);
	return 0;
}

static void cancel_one(struct op *op, void *data)
{
	struct error err = ERROR_INIT;

	(void)op_cancel(op, &err);
}

static void forget(void)
{
	const char **names = profile_names(berthd.profiles), **n;
	AUTO_JSON cJSON *aliases = cJSON_Duplicate(image_aliases(berthd.images), true);
	struct error err = ERROR_INIT;
	const cJSON *alias;

	for (n = names; *n; n++)
		(void)profile_delete(berthd.profiles, *n, &err); /* not "default" */
	free(names);
	cJSON_ArrayForEach(alias, aliases)
		(void)image_alias_delete(berthd.images, alias->string, &err);
}

static void check_status(const struct fake *f, const cJSON *v)
{
	const char *type = json_str_or(v, "type", "");

	if (f->status >= 400) {
		must(strcmp(type, "error") == 0 && json_int(v, "error_code", 0) == f->status,
		     "wrong error envelope");
		must(*json_str_or(v, "error", "") && strcmp(json_str(v, "error"), "internal error") != 0,
		     "an error without a reason");
	} else if (f->status == 202) {
		must(strcmp(type, "async") == 0 && f->location &&
		     strncmp(f->location, "/1.0/operations/", 16) == 0, "wrong async envelope");
	} else {
		must((f->status == 200 || f->status == 201) && strcmp(type, "sync") == 0 &&
		     json_int(v, "status_code", 0) == 200, "wrong sync envelope");
		must(f->status == 200 || f->location, "201 without a Location");
	}
}

static void check(const struct fake *f)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = NULL;

	must(f->sent <= 1, "two answers");
	if (f->sent == 0 || f->status == 101 || !f->text) /* waits, events, files */
		return;
	v = json_parse(f->text, strlen(f->text), &err);
	must(v != NULL, err.msg);
	must(cJSON_HasObjectItem(v, "metadata"), "no metadata");
	check_status(f, v);
}

/* Cuts a line off; returns it. */
static char *take_line(char **s)
{
	char *line = *s;

	*s += strcspn(line, "\n");
	if (**s)
		*(*s)++ = 0;
	return line;
}

static void ask(char *text, size_t size)
{
	char *s = text, *method = take_line(&s), *target = strchr(method, ' '), *end;
	struct fake f = { .headers = s };
	size_t left;

	if (!target)
		return;
	*target++ = 0;
	end = *s == '\n' ? s : strstr(s, "\n\n");
	left = end ? size - (size_t)(end - text) : 0;
	if (end) {
		size_t skip = *s == '\n' ? 1 : 2;

		*end = 0;
		fake_run(&f, &berthd, method, target, end + skip, left - skip, 1000);
	} else {
		fake_run(&f, &berthd, method, target, "", 0, 1);
	}
	check(&f);
	fake_clear(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned inputs;
	char *text = mem_alloc(size + 1);

	memcpy(text, data, size);
	ask(text, size);
	free(text);
	op_foreach(berthd.ops, cancel_one, NULL);
	uv_run(&loop, UV_RUN_NOWAIT);
	if (++inputs % RESET_EVERY == 0)
		forget();
	return 0;
}
