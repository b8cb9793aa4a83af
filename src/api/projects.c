/* SPDX-License-Identifier: MIT */
/* /1.0/projects, /1.0/cluster: there is one project, which is the whole of berth, and one host. */
#include <stdlib.h>
#include <string.h>

#include "api/router.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"
#include "image/store.h"
#include "instance/instance.h"
#include "instance/registry.h"
#include "model/profile.h"
#include "network/network.h"
#include "pool/custom.h"
#include "pool/pool.h"

/* ---- projects */

static void add_used(cJSON *list, const char *kind, const char **names_taken)
{
	for (const char **n = names_taken; *n; n++) {
		AUTO_FREE char *url = mem_printf("/1.0/%s/%s", kind, *n);

		cJSON_AddItemToArray(list, cJSON_CreateString(url));
	}
	free(names_taken);
}

static cJSON *config_json(void)
{
	static const char *const features[] = { "images", "networks", "profiles", "storage.volumes" };
	cJSON *config = cJSON_CreateObject();

	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		AUTO_FREE char *key = mem_printf("features.%s", features[i]);

		json_set_str(config, key, "true");
	}
	return config;
}

static cJSON *project_json(const struct berthd *b)
{
	cJSON *v = cJSON_CreateObject(), *used = cJSON_CreateArray();

	if (b->registry)
		add_used(used, "instances", registry_names(b->registry));
	if (b->profiles)
		add_used(used, "profiles", profile_names(b->profiles));
	if (b->images)
		add_used(used, "images", image_fingerprints(b->images));
	json_set_str(v, "name", "default");
	json_set_str(v, "description", "Default project");
	json_set(v, "config", config_json());
	json_set(v, "used_by", used);
	return v;
}

static void projects_get(struct request *r)
{
	cJSON *list = cJSON_CreateArray();

	cJSON_AddItemToArray(list, request_recursion(r) ? project_json(request_berthd(r)) :
							  cJSON_CreateString("/1.0/projects/default"));
	reply_sync(r, list);
}

static bool is_default(struct request *r)
{
	if (strcmp(request_param(r, "name"), "default") == 0)
		return true;
	reply_errorf(r, ERROR_NOT_FOUND, "Project not found");
	return false;
}

static void project_get(struct request *r)
{
	AUTO_JSON cJSON *config = config_json();
	char etag[65];

	if (!is_default(r))
		return;
	etag_of(config, etag);
	reply_sync_etag(r, project_json(request_berthd(r)), etag);
}

/* ---- what the instances, volumes and networks of the project may use, as LXD sums it up */

struct usage {
	int64_t cpu, disk, memory, networks, processes;
};

static void add_to(int64_t *sum, int64_t n)
{
	*sum = n > INT64_MAX - *sum ? INT64_MAX : *sum + n;
}

/* A share of the host's ("10%") counts nothing, nor does a value that is not there. */
static void add_size(int64_t *sum, const char *text)
{
	struct error err = ERROR_INIT;
	uint64_t bytes;

	if (text && units_parse_size(text, &bytes, &err) == 0)
		add_to(sum, bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes);
}

/* A list of processors ("0-1") counts nothing. */
static void add_number(int64_t *sum, const char *text)
{
	struct error err = ERROR_INIT;
	int64_t n;

	if (text && units_parse_int(text, 0, INT64_MAX, &n, &err) == 0)
		add_to(sum, n);
}

static void add_instance(struct usage *u, const struct berthd *b, const cJSON *desired)
{
	AUTO_JSON cJSON *config = NULL, *devices = NULL;
	const cJSON *device;

	instance_expand_shown(b, desired, &config, &devices);
	add_number(&u->cpu, json_str(config, "limits.cpu"));
	add_number(&u->processes, json_str(config, "limits.processes"));
	add_size(&u->memory, json_str(config, "limits.memory"));
	cJSON_ArrayForEach(device, devices)
		if (strcmp(json_str_or(device, "type", ""), "disk") == 0 && strcmp(json_str_or(device, "path", ""), "/") == 0)
			add_size(&u->disk, json_str(device, "size"));
}

static void add_volumes(struct usage *u, struct berthd *b)
{
	AUTO_FREE const char **pools = pool_names(b);

	for (const char **p = pools; *p; p++) {
		AUTO_JSON cJSON *volumes = custom_list(b, *p);
		const cJSON *v;

		cJSON_ArrayForEach(v, volumes)
			add_size(&u->disk, json_str(json_obj(v, "config"), "size"));
	}
}

static struct usage usage_of(struct berthd *b)
{
	AUTO_FREE const char **names = registry_names(b->registry), **networks = network_names(b);
	struct usage u = { 0 };

	for (const char **n = names; *n; n++)
		add_instance(&u, b, registry_get(b->registry, *n)->desired);
	add_volumes(&u, b);
	for (const char **n = networks; *n; n++)
		u.networks++;
	return u;
}

static void set_resource(cJSON *resources, const char *name, int64_t usage)
{
	cJSON *one = cJSON_CreateObject();

	json_set_int(one, "Limit", -1);
	json_set_int(one, "Usage", usage);
	json_set(resources, name, one);
}

static void project_state_get(struct request *r)
{
	struct berthd *b = request_berthd(r);
	int64_t instances = (int64_t)registry_count(b->registry);
	cJSON *v, *resources;
	struct usage u;

	if (!is_default(r))
		return;
	u = usage_of(b);
	v = cJSON_CreateObject();
	resources = cJSON_CreateObject();
	set_resource(resources, "containers", instances);
	set_resource(resources, "cpu", u.cpu);
	set_resource(resources, "disk", u.disk);
	set_resource(resources, "instances", instances);
	set_resource(resources, "memory", u.memory);
	set_resource(resources, "networks", u.networks);
	set_resource(resources, "processes", u.processes);
	set_resource(resources, "virtual-machines", 0);
	json_set(v, "resources", resources);
	reply_sync(r, v);
}

static void projects_post(struct request *r)
{
	reply_errorf(r, ERROR_UNSUPPORTED, "the project '%.64s' cannot be created: berth has one project, 'default'",
		     json_str_or(request_body(r), "name", ""));
}

static void project_put(struct request *r)
{
	if (is_default(r))
		reply_errorf(r, ERROR_UNSUPPORTED, "the project 'default' cannot be changed: it is the whole of berth");
}

static void project_post(struct request *r)
{
	if (is_default(r))
		reply_errorf(r, ERROR_FORBIDDEN, "The 'default' project cannot be renamed");
}

static void project_delete(struct request *r)
{
	if (is_default(r))
		reply_errorf(r, ERROR_FORBIDDEN, "The 'default' project cannot be deleted");
}

/* ---- cluster */

static void cluster_get(struct request *r)
{
	cJSON *v = cJSON_CreateObject();
	char etag[65];

	json_set_str(v, "server_name", "");
	json_set_bool(v, "enabled", false);
	json_set(v, "member_config", cJSON_CreateArray());
	etag_of(v, etag);
	reply_sync_etag(r, v, etag);
}

static void cluster_put(struct request *r)
{
	reply_errorf(r, ERROR_UNSUPPORTED, "berth runs on one host and joins no cluster");
}

static void members_any(struct request *r)
{
	reply_errorf(r, ERROR_TOOL, "Server is not clustered");
}

const struct route project_routes[] = {
	{ "GET", "/1.0/projects", projects_get, NULL },
	{ "POST", "/1.0/projects", projects_post, NULL },
	{ "GET", "/1.0/projects/{name}", project_get, NULL },
	{ "PUT", "/1.0/projects/{name}", project_put, NULL },
	{ "PATCH", "/1.0/projects/{name}", project_put, NULL },
	{ "POST", "/1.0/projects/{name}", project_post, NULL },
	{ "DELETE", "/1.0/projects/{name}", project_delete, NULL },
	{ "GET", "/1.0/projects/{name}/state", project_state_get, NULL },
	{ "GET", "/1.0/cluster", cluster_get, NULL },
	{ "PUT", "/1.0/cluster", cluster_put, NULL },
	{ "GET", "/1.0/cluster/members", members_any, NULL },
	{ "POST", "/1.0/cluster/members", members_any, NULL },
	{ "GET", "/1.0/cluster/members/{name}", members_any, NULL },
	{ NULL, NULL, NULL, NULL },
};
