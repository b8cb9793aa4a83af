/* SPDX-License-Identifier: MIT */
#include "host/host.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/ident.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "hook/hook.h"
#include "host/host_private.h"
#include "host/nft_watch.h"
#include "instance/instance.h"
#include "lxc/probe.h"
#include "model/settings.h"

/* ---- life */

/* The program may be replaced by an upgrade while we run: /proc/PID/exe goes on being ours. */
static void note_check(struct host *h, const struct settings_source *source)
{
	argv_pushf(&h->check_argv, "/proc/%d/exe", (int)getpid());
	argv_pushl(&h->check_argv, "--check", "--format", "json", NULL);
	if (source->config_file != NULL)
		argv_pushl(&h->check_argv, "--config", source->config_file, NULL);
	if (source->root != NULL)
		argv_pushl(&h->check_argv, "--root", source->root, NULL);
}

void host_open(struct berthd *b, const struct settings_source *source)
{
	struct host *h = mem_alloc(sizeof(*h));

	h->b = b;
	h->loaded = true;
	b->host = h;
	note_check(h, source);
	h->keeper = keeper_new(h);
	h->names = dns_names_new(h);
}

void host_close(struct berthd *b)
{
	struct host *h = b->host;

	if (h == NULL)
		return;
	host_parts_unload(h);
	host_parts_forget(h);
	keeper_free(h->keeper);
	dns_names_free(h->names);
	nft_watch_free(b);
	argv_clear(&h->check_argv);
	cJSON_Delete(h->findings);
	free(h);
	b->host = NULL;
}

bool host_loaded(const struct berthd *b)
{
	return b->host == NULL || b->host->loaded;
}

bool host_starting(const struct berthd *b)
{
	return b->host != NULL && b->host->starting;
}

int host_check_loaded(const struct berthd *b, struct error *err)
{
	if (host_loaded(b))
		return 0;
	return error_set(err, ERROR_UNAVAILABLE, "the host is unloaded: berth host load");
}

/* ---- berthd's start */

static const struct op_step loaded_steps[] = { { "host-load", step_hook, NULL, 3600, 0 }, { 0 } };
static const struct op_kind loaded_kind = {
	.name = "host-loaded",
	.description = "Loading host",
	.steps = loaded_steps,
	.volatile_ = true,
	.patient = true,
};

static void started(struct host_bringup *result, void *data)
{
	struct host *h = data;
	struct error err = ERROR_INIT;

	h->starting = false;
	time_now(h->loaded_at);
	if (hook_any(h->b, "host-load") &&
	    op_start(h->b->ops, &loaded_kind, cJSON_CreateObject(), NULL, &err) == NULL)
		log_warning("the hooks of host-load: %s", err.msg);
	instance_autostart(h->b);
}

static void start_parts(const struct error *err, void *data)
{
	if (err->code != ERROR_NONE)
		log_warning("the network of this host: %s", err->msg);
	host_parts_load(data, started, data);
}

void host_start(struct berthd *b)
{
	b->host->starting = true;
	keeper_bring_up(b->host->keeper, start_parts, b->host);
}

/* ---- status */

void host_server_facts(const struct berthd *b, cJSON *v)
{
	json_set_str(v, "name", b->settings->server_name);
	json_set_str(v, "type", b->settings->server_type);
	json_set_str(v, "version", BERTH_VERSION);
	json_set_str(v, "kernel", b->probe->kernel_version);
	json_set_str(v, "architecture", b->probe->architecture);
	json_set_str(v, "lxc_version", b->probe->lxc_version);
	json_set_str(v, "network_pub", b->settings->network_pub);
	json_set_str(v, "network_nat", b->settings->network_nat);
	json_set_str(v, "system_path", b->settings->system_path);
}

static cJSON *count_instances(const struct berthd *b)
{
	cJSON *v = cJSON_CreateObject();
	const char **names = registry_names(b->registry);

	for (const char **n = names; *n != NULL; n++) {
		int code;
		const char *status = instance_status(registry_get(b->registry, *n), &code);
		AUTO_FREE char *key = mem_strdup(status);

		key[0] = (char)tolower((unsigned char)key[0]);
		json_set_int(v, key, json_int(v, key, 0) + 1);
	}
	free(names);
	return v;
}

cJSON *host_status(struct berthd *b)
{
	cJSON *v = cJSON_CreateObject(), *server = cJSON_CreateObject();

	host_server_facts(b, server);
	json_set_bool(v, "loaded", b->host->loaded);
	json_set_str(v, "loaded_at", b->host->loaded ? b->host->loaded_at : "");
	json_set(v, "server", server);
	json_set(v, "instances", count_instances(b));
	json_set(v, "networks", keeper_status(b->host->keeper));
	json_set(v, "checks", b->host->findings != NULL ? cJSON_Duplicate(b->host->findings, true) : cJSON_CreateNull());
	return v;
}
