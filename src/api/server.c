/* SPDX-License-Identifier: MIT */
/* GET /, /1.0 and the lists that are short on one host. */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "api/extensions.h"
#include "api/resources.h"
#include "api/router.h"
#include "api/server_config.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "lxc/probe.h"
#include "model/settings.h"

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
	json_set_str(env, "server_version", BERTH_VERSION);
}

static cJSON *environment(const struct berthd *b)
{
	cJSON *env = cJSON_CreateObject();

	json_set(env, "addresses", cJSON_CreateArray());
	add_architectures(env, b->probe->architecture);
	json_set_str(env, "certificate", "");
	json_set_str(env, "certificate_fingerprint", "");
	json_set_str(env, "driver", "lxc");
	json_set_str(env, "driver_version", b->probe->lxc_version);
	json_set_str(env, "firewall", "none");
	add_kernel(env, b->probe);
	add_os(env);
	add_names(env, b->settings);
	add_storage(env, b->settings, b->probe);
	return env;
}

/* ---- /1.0 */

static void server_get(struct request *r)
{
	struct berthd *b = request_berthd(r);
	const cJSON *config = server_config_json(b->server);
	cJSON *v = cJSON_CreateObject(), *methods = cJSON_CreateArray();
	char etag[65];
	int n = 0;

	while (api_extensions[n])
		n++;
	cJSON_AddItemToArray(methods, cJSON_CreateString("tls"));
	json_set(v, "config", cJSON_Duplicate(config, true));
	json_set(v, "api_extensions", cJSON_CreateStringArray(api_extensions, n));
	json_set_str(v, "api_status", "stable");
	json_set_str(v, "api_version", "1.0");
	json_set_str(v, "auth", "trusted");
	json_set_bool(v, "public", false);
	json_set(v, "auth_methods", methods);
	json_set(v, "environment", environment(b));
	etag_of(config, etag);
	reply_sync_etag(r, v, etag);
}

static void change_config(struct request *r, bool replace)
{
	struct berthd *b = request_berthd(r);
	struct error err = ERROR_INIT;
	const cJSON *config = cJSON_GetObjectItemCaseSensitive(request_body(r), "config");
	char etag[65];

	etag_of(server_config_json(b->server), etag);
	if (!request_etag_ok(r, etag))
		return;
	if (!cJSON_IsObject(config))
		reply_errorf(r, ERROR_INVALID, "the request body has no object 'config'");
	else if (server_config_set(b->server, config, replace, &err) < 0)
		reply_error(r, &err);
	else
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

/* There is one project, and it is the whole of berth. */
static cJSON *project_json(void)
{
	static const char *const features[] = { "images", "networks", "profiles", "storage.volumes" };
	cJSON *v = cJSON_CreateObject(), *config = cJSON_CreateObject();
	size_t i;

	for (i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		AUTO_FREE char *key = mem_printf("features.%s", features[i]);

		json_set_str(config, key, "true");
	}
	json_set_str(v, "name", "default");
	json_set_str(v, "description", "Default project");
	json_set(v, "config", config);
	json_set(v, "used_by", cJSON_CreateArray());
	return v;
}

static void projects_get(struct request *r)
{
	cJSON *list = cJSON_CreateArray();

	cJSON_AddItemToArray(list, request_recursion(r) ? project_json() :
				   cJSON_CreateString("/1.0/projects/default"));
	reply_sync(r, list);
}

static void project_get(struct request *r)
{
	if (strcmp(request_param(r, "name"), "default") == 0)
		reply_sync(r, project_json());
	else
		reply_errorf(r, ERROR_NOT_FOUND, "Project not found");
}

/* berth raises none; clients ask. */
static void warnings_get(struct request *r)
{
	reply_sync(r, cJSON_CreateArray());
}

const struct route server_routes[] = {
	{ "GET", "/", root_get, NULL },
	{ "GET", "/1.0", server_get, NULL },
	{ "PUT", "/1.0", server_put, NULL },
	{ "PATCH", "/1.0", server_patch, NULL },
	{ "GET", "/1.0/resources", resources_get, NULL },
	{ "GET", "/1.0/projects", projects_get, NULL },
	{ "GET", "/1.0/projects/{name}", project_get, NULL },
	{ "GET", "/1.0/warnings", warnings_get, NULL },
	{ NULL, NULL, NULL, NULL },
};
