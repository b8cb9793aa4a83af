/* SPDX-License-Identifier: MIT */
/* GET /, /1.0 and the lists that are short on one host. */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "api/events.h"
#include "api/extensions.h"
#include "api/remote.h"
#include "api/resources.h"
#include "api/router.h"
#include "api/server_config.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/x509.h"
#include "lxc/probe.h"
#include "model/settings.h"

/* The LXD whose API this is. */
#define API_OF_LXD "5.0.2"

static void root_get(struct request *r)
{
	cJSON *list = cJSON_CreateArray();

	cJSON_AddItemToArray(list, cJSON_CreateString("/1.0"));
	reply_sync(r, list);
}

/* ---- environment */

/* KEY=value or KEY="value" of os-release(5); NULL when absent. Caller frees. */
static char *os_release_value(const char *text, const char *key)
{
	size_t n = strlen(key), len;

	while (text && (strncmp(text, key, n) != 0 || text[n] != '=')) {
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	if (!text)
		return NULL;
	text += n + 1;
	len = strcspn(text, "\n");
	if (len >= 2 && (*text == '"' || *text == '\'') && text[len - 1] == *text) {
		text++;
		len -= 2;
	}
	return mem_strndup(text, len);
}

static void add_os(cJSON *env)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error err = ERROR_INIT;
	AUTO_FREE char *name = NULL, *version = NULL;

	if (fs_read_file("/etc/os-release", 65536, &text, &err) == 0) {
		name = os_release_value(text.buf, "NAME");
		version = os_release_value(text.buf, "VERSION_ID");
	}
	json_set_str(env, "os_name", name ? name : "");
	json_set_str(env, "os_version", version ? version : "");
}

static void add_architectures(cJSON *env, const char *machine)
{
	cJSON *list = cJSON_CreateArray();

	cJSON_AddItemToArray(list, cJSON_CreateString(machine));
	if (strcmp(machine, "x86_64") == 0)
		cJSON_AddItemToArray(list, cJSON_CreateString("i686"));
	json_set(env, "architectures", list);
}

static void add_kernel(cJSON *env, const struct probe *probe)
{
	cJSON *features = cJSON_CreateObject();

	json_set_str(features, "apparmor", probe->apparmor ? "true" : "false");
	json_set_str(features, "idmapped_mounts", probe->idmapped_mounts ? "true" : "false");
	json_set_str(features, "overlay_idmapped", probe->overlay_idmapped ? "true" : "false");
	json_set_str(features, "seccomp", probe->seccomp ? "true" : "false");
	json_set_str(features, "shiftfs", "false");
	json_set_str(env, "kernel", "Linux");
	json_set_str(env, "kernel_architecture", probe->architecture);
	json_set(env, "kernel_features", features);
	json_set_str(env, "kernel_version", probe->kernel_version);
	json_set(env, "lxc_features", cJSON_CreateObject());
}

static void add_driver(cJSON *list, const char *name, const char *version)
{
	cJSON *driver = cJSON_CreateObject();

	json_set_str(driver, "Name", name);
	json_set_str(driver, "Version", version);
	json_set_bool(driver, "Remote", false);
	cJSON_AddItemToArray(list, driver);
}

/* "auto" is overlay where the host can. */
static void add_storage(cJSON *env, const struct settings *settings, const struct probe *probe)
{
	bool can_overlay = probe->overlay_idmapped && probe->idmapped_mounts;
	bool overlay = strcmp(settings->storage_driver, "overlay") == 0 ||
		       (strcmp(settings->storage_driver, "auto") == 0 && can_overlay);
	cJSON *drivers = cJSON_CreateArray();

	add_driver(drivers, "dir", "1");
	if (can_overlay)
		add_driver(drivers, "overlay", probe->kernel_version);
	if (fs_in_path("mkfs.btrfs"))
		add_driver(drivers, "btrfs", probe->kernel_version);
	json_set_str(env, "storage", overlay ? "overlay" : "dir");
	json_set_str(env, "storage_version", overlay ? probe->kernel_version : "1");
	json_set(env, "storage_supported_drivers", drivers);
}

static void add_names(cJSON *env, const struct settings *settings)
{
	struct utsname un;
	bool named = settings->server_name && *settings->server_name;

	if (uname(&un) < 0)
		un.nodename[0] = 0;
	json_set_str(env, "project", "default");
	json_set_str(env, "server", "berth");
	json_set_bool(env, "server_clustered", false);
	json_set_str(env, "server_event_mode", "full-mesh");
	json_set_str(env, "server_name", named ? settings->server_name : un.nodename);
	json_set_int(env, "server_pid", getpid());
	/* Clients compare it with versions of LXD: Terraform's provider wants 3.0. */
	json_set_str(env, "server_version", API_OF_LXD);
	json_set_str(env, "berth_version", BERTH_VERSION);
}

/* Clients tell servers apart by it, whether it listens or not. */
static void add_certificate(cJSON *env, struct remote *remote)
{
	struct error err = ERROR_INIT;
	const struct x509 *x = remote ? remote_certificate(remote, &err) : NULL;

	if (remote && !x)
		log_warning("%s", err.msg);
	json_set_str(env, "certificate", x ? x->pem : "");
	json_set_str(env, "certificate_fingerprint", x ? x->fingerprint : "");
}

static cJSON *environment(struct berthd *b)
{
	cJSON *env = cJSON_CreateObject();

	json_set(env, "addresses", remote_addresses(b->remote));
	add_architectures(env, b->probe->architecture);
	add_certificate(env, b->remote);
	json_set_str(env, "driver", "lxc");
	json_set_str(env, "driver_version", b->probe->lxc_version);
	json_set_str(env, "firewall", "nftables");
	add_kernel(env, b->probe);
	add_os(env);
	add_names(env, b->settings);
	add_storage(env, b->settings, b->probe);
	return env;
}

/* ---- /1.0 */

static void add_config(cJSON *v, struct request *r, char etag[65])
{
	struct berthd *b = request_berthd(r);
	cJSON *config = server_config_shown(b->server);

	etag_of(config, etag);
	json_set(v, "config", config);
	json_set(v, "environment", environment(b));
}

/* Who is not trusted sees what it takes to become so. */
static void server_get(struct request *r)
{
	bool trusted = request_trusted(r);
	cJSON *v = cJSON_CreateObject(), *methods = cJSON_CreateArray();
	char etag[65];
	int n = 0;

	while (api_extensions[n])
		n++;
	cJSON_AddItemToArray(methods, cJSON_CreateString("tls"));
	json_set(v, "api_extensions", cJSON_CreateStringArray(api_extensions, n));
	json_set_str(v, "api_status", "stable");
	json_set_str(v, "api_version", "1.0");
	json_set_str(v, "auth", trusted ? "trusted" : "untrusted");
	json_set_bool(v, "public", false);
	json_set(v, "auth_methods", methods);
	if (!trusted) {
		reply_sync(r, v);
		return;
	}
	add_config(v, r, etag);
	reply_sync_etag(r, v, etag);
}

/* The listener first: an address that cannot be listened on is no setting. */
static int take_config(struct berthd *b, cJSON *next_taken, struct error *err)
{
	const char *old = server_config_get(b->server, "core.https_address");
	AUTO_FREE char *before = mem_strdup(old ? old : "");
	struct error undo = ERROR_INIT;

	if (b->remote && remote_listen(b->remote, json_str(next_taken, "core.https_address"), err) < 0) {
		cJSON_Delete(next_taken);
		return error_wrap(err, "Cannot listen on network HTTPS socket");
	}
	if (server_config_store(b->server, next_taken, err) == 0)
		return 0;
	if (b->remote && remote_listen(b->remote, before, &undo) < 0)
		log_error("%s", undo.msg);
	return -1;
}

static void change_config(struct request *r, bool replace)
{
	struct berthd *b = request_berthd(r);
	struct error err = ERROR_INIT;
	const cJSON *config = cJSON_GetObjectItemCaseSensitive(request_body(r), "config");
	AUTO_JSON cJSON *shown = server_config_shown(b->server);
	cJSON *next;
	char etag[65];

	etag_of(shown, etag);
	if (!request_etag_ok(r, etag))
		return;
	if (!cJSON_IsObject(request_body(r)) || (config && !cJSON_IsNull(config) && !cJSON_IsObject(config))) {
		reply_errorf(r, ERROR_INVALID, "the request body must be an object, and so must its 'config'");
		return;
	}
	next = server_config_next(b->server, config, replace, &err);
	if (!next || take_config(b, next, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	events_request(r, "config-updated", "/1.0", NULL);
	reply_sync(r, NULL);
}

static void server_put(struct request *r)
{
	change_config(r, true);
}

static void server_patch(struct request *r)
{
	change_config(r, false);
}

static void resources_get(struct request *r)
{
	reply_sync(r, resources_json());
}

/* For lxd waitready and incus admin waitready. We listen when all is there. */
static void ready_get(struct request *r)
{
	reply_sync(r, NULL);
}

const struct route server_routes[] = {
	{ "GET", "/", root_get, NULL },
	{ "GET", "/internal/ready", ready_get, NULL },
	{ "GET", "/1.0", server_get, NULL },
	{ "PUT", "/1.0", server_put, NULL },
	{ "PATCH", "/1.0", server_patch, NULL },
	{ "GET", "/1.0/resources", resources_get, NULL },
	{ NULL, NULL, NULL, NULL },
};
