/* SPDX-License-Identifier: MIT */
#include "cli/object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/instance.h"

static const char *const server_members[] = { "config", NULL };
static const char *const instance_members[] = { "architecture", "config",   "devices",	   "ephemeral",
						"profiles",	"stateful", "description", NULL };
static const char *const snapshot_members[] = { "expires_at", NULL };
static const char *const snapshot_shown[] = { "architecture", "config",	  "created_at", "devices", "ephemeral",
					      "expires_at",   "profiles", "stateful",	NULL };
static const char *const profile_members[] = { "config", "description", "devices", NULL };
static const char *const profile_shown[] = { "config", "description", "devices", "name", "used_by", NULL };
static const char *const network_members[] = { "config", "description", NULL };
static const char *const network_shown[] = { "config", "description", "name", "type", "used_by", "managed", NULL };
static const char *const image_members[] = { "auto_update", "properties", "public", "expires_at", "profiles", NULL };

const struct object_kind object_server = {
	.name = "server",
	.prefix = "/1.0",
	.settings = "config",
	.writable = server_members,
	.shown = server_members,
	.unset_sends_empty = true,
	.edit_help = "### This is a YAML representation of the server configuration.\n"
		     "### Lines that start with '# ' are ignored.\n"
		     "###\n"
		     "### A sample configuration looks like:\n"
		     "### config:\n"
		     "###   user.owner: operations\n",
};

const struct object_kind object_instance = {
	.name = "instance",
	.prefix = "/1.0/instances/",
	.settings = "config",
	.writable = instance_members,
	.shown = instance_members,
	.edit_help = "### This is a YAML representation of the instance configuration.\n"
		     "### Lines that start with '# ' are ignored.\n"
		     "###\n"
		     "### A sample configuration looks like:\n"
		     "### config:\n"
		     "###   limits.memory: 512MiB\n"
		     "### devices:\n"
		     "###   data:\n"
		     "###     path: /srv/data\n"
		     "###     source: /home/data\n"
		     "###     type: disk\n"
		     "### ephemeral: false\n"
		     "### profiles:\n"
		     "### - default\n"
		     "###\n"
		     "### The name cannot be changed here.\n",
};

/* "c1/snap0"; all that can change is when it ends. */
const struct object_kind object_snapshot = {
	.name = "snapshot",
	.prefix = "/1.0/instances/",
	.settings = "config",
	.writable = snapshot_members,
	.shown = snapshot_shown,
	.edit_help = "### This is a YAML representation of the snapshot.\n"
		     "### Lines that start with '# ' are ignored.\n"
		     "###\n"
		     "### Only expires_at can be changed, such as:\n"
		     "### expires_at: 2027-03-23T17:38:37Z\n",
};

const struct object_kind object_profile = {
	.name = "profile",
	.prefix = "/1.0/profiles/",
	.settings = "config",
	.writable = profile_members,
	.shown = profile_shown,
	.unset_sends_empty = true,
	.edit_help = "### This is a YAML representation of the profile.\n"
		     "### Lines that start with '# ' are ignored.\n"
		     "###\n"
		     "### A profile is a set of configuration keys and devices:\n"
		     "### config:\n"
		     "###   limits.cpu: \"2\"\n"
		     "### description: two cores, on the public bridge\n"
		     "### devices:\n"
		     "###   eth0:\n"
		     "###     name: eth0\n"
		     "###     nictype: bridged\n"
		     "###     parent: lxcbr0\n"
		     "###     type: nic\n"
		     "###\n"
		     "### The name and used_by are shown and cannot be changed here.\n",
};

const struct object_kind object_image = {
	.name = "image",
	.prefix = "/1.0/images/",
	.settings = "properties",
	.writable = image_members,
	.shown = image_members,
	.unset_sends_empty = true,
	.edit_help = "### This is a YAML representation of the image properties.\n"
		     "### Lines that start with '# ' are ignored.\n"
		     "###\n"
		     "### properties:\n"
		     "###   description: My image\n",
};

const struct object_kind object_network = {
	.name = "network",
	.prefix = "/1.0/networks/",
	.settings = "config",
	.writable = network_members,
	.shown = network_shown,
	.unset_sends_empty = true,
	.edit_help = "### This is a YAML representation of the network.\n"
		     "### Lines that start with '# ' are ignored.\n"
		     "###\n"
		     "### config:\n"
		     "###   ipv4.address: 10.62.42.1/24\n"
		     "###   ipv4.nat: \"true\"\n"
		     "###   ipv6.address: none\n"
		     "### description: My network\n"
		     "###\n"
		     "### The name, type and used_by are shown and cannot be changed here.\n",
};

const struct object_kind *object_kind_of(const struct command *command)
{
	static const struct object_kind *const kinds[] = { &object_instance, &object_profile, &object_image, &object_network };
	const char *first = command->complete ? command->complete : "";
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t len = strlen(kinds[i]->name);

		if (strncmp(first, kinds[i]->name, len) == 0 && (first[len] == ' ' || first[len] == '\0'))
			return kinds[i];
	}
	return &object_server;
}

void object_init(struct object *o, const struct object_kind *kind, const char *name)
{
	AUTO_FREE char *segment = NULL;

	if (name)
		name = instance_local(name);
	segment = client_escape(name ? name : "");
	*o = (struct object){ .kind = kind, .name = mem_strdup(name ? name : "") };
	if (kind == &object_instance && name && strchr(name, '/'))
		o->kind = &object_snapshot;
	if (o->kind == &object_snapshot)
		o->path = instance_path(name, "");
	else
		o->path = name ? mem_printf("%s%s", kind->prefix, segment) : mem_strdup(kind->prefix);
}

void object_clear(struct object *o)
{
	free(o->name);
	free(o->path);
	free(o->etag);
	cJSON_Delete(o->value);
	*o = (struct object){ 0 };
}

int object_get(struct cli *cli, const struct object_kind *kind, const char *name, struct object *ret, struct error *err)
{
	object_init(ret, kind, name);
	if (name && *name == '\0')
		error_set(err, ERROR_INVALID, "the name of the %s is empty", kind->name);
	else
		ret->value = client_get(cli->client, ret->path, &ret->etag, err);
	if (ret->value && !cJSON_IsObject(ret->value))
		error_set(err, ERROR_TOOL, "berthd sent no object for %s '%s'", kind->name, ret->name);
	if (ret->value && cJSON_IsObject(ret->value))
		return 0;
	object_clear(ret);
	return -1;
}

void object_note_pending(const cJSON *operation)
{
	const cJSON *pending = json_arr(json_obj(operation, "metadata"), "pending");
	AUTO_STRBUF struct strbuf names = STRBUF_INIT;
	const cJSON *item;

	cJSON_ArrayForEach(item, pending) {
		if (cJSON_IsString(item))
			strbuf_addf(&names, "%s%s", names.len ? ", " : "", item->valuestring);
	}
	if (names.len)
		fprintf(stderr, "note: takes effect after a restart: %s\n", names.buf);
	cJSON_ArrayForEach(item, json_arr(json_obj(operation, "metadata"), "warnings")) {
		if (cJSON_IsString(item))
			fprintf(stderr, "warning: not changed now: %s\n", item->valuestring);
	}
}

static cJSON *writable_part(const struct object *o)
{
	cJSON *body = cJSON_CreateObject();
	const char *const *member;

	for (member = o->kind->writable; *member; member++) {
		const cJSON *item = cJSON_GetObjectItemCaseSensitive(o->value, *member);

		if (item)
			json_set(body, *member, cJSON_Duplicate(item, true));
	}
	return body;
}

int object_send(struct cli *cli, const struct object *o, struct error *err)
{
	AUTO_JSON cJSON *body = writable_part(o);
	AUTO_JSON cJSON *result = client_change(cli->client, "PUT", o->path, body, o->etag, err);

	if (result) {
		object_note_pending(result);
		return 0;
	}
	if (err->code == ERROR_PRECONDITION)
		return error_set(err, ERROR_PRECONDITION,
				 "the %s%s%s was changed by somebody else meanwhile, nothing was written; run the command again",
				 o->kind->name, *o->name ? " " : "", o->name);
	return -1;
}

int object_put(struct cli *cli, const struct object *o, struct error *err)
{
	if (o->kind != &object_snapshot)
		return object_send(cli, o, err);
	return error_set(err, ERROR_INVALID,
			 "the configuration of a snapshot is what it was: only expires_at can change, with berth config edit '%s'",
			 o->name);
}

cJSON *object_map(struct object *o, const char *member)
{
	cJSON *map = json_obj(o->value, member);

	if (!map) {
		map = cJSON_CreateObject();
		json_set(o->value, member, map);
	}
	return map;
}

cJSON *object_settings(struct object *o)
{
	return object_map(o, o->kind->settings);
}

int object_set(struct object *o, const cJSON *values, struct error *err)
{
	cJSON *settings = object_settings(o);
	const cJSON *item;

	cJSON_ArrayForEach(item, values) {
		if (!o->kind->unset_sends_empty && item->valuestring[0] == '\0')
			json_set_str(settings, item->string, NULL);
		else
			json_set_str(settings, item->string, item->valuestring);
	}
	return 0;
}

int object_unset(struct object *o, const char *key, struct error *err)
{
	cJSON *settings = object_settings(o);

	if (!cJSON_GetObjectItemCaseSensitive(settings, key))
		return error_set(err, ERROR_NOT_FOUND, "cannot unset key '%s', it is not set", key);
	json_set_str(settings, key, o->kind->unset_sends_empty ? "" : NULL);
	return 0;
}

static cJSON *shown_part(const struct object *o, bool expanded)
{
	cJSON *view = cJSON_CreateObject();
	const char *const *member;

	for (member = o->kind->shown; *member; member++) {
		AUTO_FREE char *long_name = mem_printf("expanded_%s", *member);
		const cJSON *item = expanded ? cJSON_GetObjectItemCaseSensitive(o->value, long_name) : NULL;
		cJSON *copy;

		if (!item)
			item = cJSON_GetObjectItemCaseSensitive(o->value, *member);
		if (!item)
			continue;
		copy = cJSON_Duplicate(item, true);
		if (cJSON_IsObject(copy))
			json_sort(copy);
		json_set(view, *member, copy);
	}
	return view;
}

int object_show(const struct object *o, bool expanded, struct error *err)
{
	AUTO_JSON cJSON *view = shown_part(o, expanded);

	return yaml_print(view, stdout, err);
}
