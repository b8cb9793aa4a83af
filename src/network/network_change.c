/* SPDX-License-Identifier: MIT */
/*
 * Changes of networks as operations. Arguments: {"old": object or null, "new": object or null}. The file is written, then
 * the kernel is made to agree with it; undone, first the file, then the kernel again.
 */
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_merge.h"
#include "base/mem.h"
#include "host/forward.h"
#include "host/leases.h"
#include "model/key_types.h"
#include "model/settings.h"
#include "network/network_keys.h"
#include "network/network_plan.h"
#include "network/network_private.h"

enum { DESCRIPTION_MAX = 4096, LOOK_MS = 2000 };

struct change {
	struct bring bring; /* first: network_bring.c finds it as the operation's data */
	char *names[3];
};

static const char *name_of(const cJSON *object)
{
	return json_str_or(object, "name", "");
}

static void *change_load(void *ctx, cJSON *args, struct error *err)
{
	struct change *c = mem_alloc(sizeof(*c));
	const cJSON *old = json_obj(args, "old"), *new = json_obj(args, "new");
	size_t n = 0;

	if (old)
		c->names[n++] = mem_strdup(name_of(old));
	if (new && (!old || strcmp(name_of(old), name_of(new)) != 0))
		c->names[n++] = mem_strdup(name_of(new));
	c->bring.names = c->names;
	c->bring.was[0] = old;
	c->bring.was[1] = new;
	return c;
}

static void change_unload(void *data)
{
	struct change *c = data;

	network_bring_end(&c->bring);
	free(c->names[0]);
	free(c->names[1]);
	free(c);
}

/* Of two names, one is there and one is to be gone. */
static enum op_result bring_all(struct op *op, struct error *err)
{
	const struct berthd *b = op_ctx(op);
	struct change *c = op_data(op);

	if (c->names[1] && network_get(b, c->names[0])) { /* what goes goes first: both have the same addresses */
		char *first = c->names[0];

		c->names[0] = c->names[1];
		c->names[1] = first;
	}
	network_bring_end(&c->bring);
	c->bring.next = 0;
	c->bring.stage = 0;
	return network_bring(op, &c->bring, err);
}

/* ---- steps */

/* What only now, with the lock, is certain. */
static enum op_result step_check(struct op *op, struct error *err)
{
	const struct berthd *b = op_ctx(op);
	const cJSON *old = json_obj(op_args(op), "old"), *new = json_obj(op_args(op), "new");
	bool other = !old || !new || strcmp(name_of(old), name_of(new)) != 0;

	if (old && !network_get(b, name_of(old)))
		error_set(err, ERROR_NOT_FOUND, "Failed loading network: Network not found");
	else if (old && !cJSON_Compare(network_get(b, name_of(old)), old, true))
		error_set(err, ERROR_CONFLICT, "The network was changed by somebody else meanwhile");
	else if (new && other && network_get(b, name_of(new)))
		error_set(err, ERROR_INVALID, "The network already exists");
	else if (new && other && network_is_bridge(new) && if_nametoindex(name_of(new)) != 0)
		error_set(err, ERROR_INVALID, "Network interface \"%s\" already exists", name_of(new));
	else if (old && other && network_used(b, name_of(old)))
		error_set(err, ERROR_INVALID, "The network is currently in use");
	else if (new)
		network_check_subnet(b, old, new, err);
	return err->code == ERROR_NONE ? OP_DONE : OP_FAIL;
}

/* Of its own, so that its undo comes after that of the file. */
static enum op_result step_settle(struct op *op, struct error *err)
{
	return OP_DONE;
}

static int exchange(struct op *op, const cJSON *from, const cJSON *to, struct error *err)
{
	const struct berthd *b = op_ctx(op);

	if (to && network_store(b->networks, name_of(to), to, err) < 0)
		return -1;
	if (from && (!to || strcmp(name_of(from), name_of(to)) != 0))
		return network_store(b->networks, name_of(from), NULL, err);
	return 0;
}

static enum op_result step_store(struct op *op, struct error *err)
{
	return exchange(op, json_obj(op_args(op), "old"), json_obj(op_args(op), "new"), err) < 0 ? OP_FAIL : OP_DONE;
}

static enum op_result step_unstore(struct op *op, struct error *err)
{
	const struct berthd *b = op_ctx(op);

	network_look_soon(b->networks, LOOK_MS); /* what could not be put right at once is tried again */
	return exchange(op, json_obj(op_args(op), "new"), json_obj(op_args(op), "old"), err) < 0 ? OP_FAIL : OP_DONE;
}

/* Forwards of a network that is gone go with it. */
static enum op_result step_tidy(struct op *op, struct error *err)
{
	struct berthd *b = op_ctx(op);
	const cJSON *old = json_obj(op_args(op), "old"), *forward;
	struct error ignored = ERROR_INIT;

	network_watch(b->networks);
	if (old && !network_get(b, name_of(old))) {
		AUTO_JSON cJSON *list = forward_network_list(b, name_of(old));

		cJSON_ArrayForEach(forward, list)
			(void)forward_network_put(b, name_of(old), json_str_or(forward, "listen_address", ""), NULL, false, &ignored);
	}
	return OP_DONE;
}

static const struct op_step change_steps[] = {
	{ "check", step_check, NULL, 0, 0 },
	{ "settle", step_settle, bring_all, 120, 0 },
	{ "store", step_store, step_unstore, 0, 0 },
	{ "bring", bring_all, NULL, 120, 0 },
	{ "tidy", step_tidy, NULL, 0, 0 },
	{ 0 },
};

static const struct op_kind change_kind = {
	.name = "network",
	.description = "Updating network",
	.steps = change_steps,
	.load = change_load,
	.unload = change_unload,
};

void network_register(struct op_queue *q)
{
	op_queue_register(q, &change_kind);
}

static struct op *begin(struct berthd *b, const char *description, const cJSON *old, cJSON *new_taken, struct error *err)
{
	AUTO_FREE char *url = mem_printf("/1.0/networks/%s", name_of(old ? old : new_taken));
	struct op_options options = { .locks = (const char *const[]){ "networks", NULL },
				      .resources = cJSON_CreateObject(),
				      .description = description };
	cJSON *args = cJSON_CreateObject();

	cJSON_AddItemToArray(cJSON_AddArrayToObject(options.resources, "networks"), cJSON_CreateString(url));
	json_set(args, "old", old ? cJSON_Duplicate(old, true) : cJSON_CreateNull());
	json_set(args, "new", new_taken ? new_taken : cJSON_CreateNull());
	return op_start(b->ops, &change_kind, args, &options, err);
}

/* ---- requests */

static cJSON *all_but(const struct berthd *b, const char *name)
{
	AUTO_FREE const char **names = network_names(b);
	cJSON *list = cJSON_CreateArray();

	for (const char **n = names; *n; n++)
		if (strcmp(*n, name) != 0)
			cJSON_AddItemToArray(list, cJSON_Duplicate(network_get(b, *n), true));
	return list;
}

/* A VLAN interface that is there already is not ours to remove. */
static void note_vlan(const cJSON *old, cJSON *new)
{
	char interface[16], before[16] = "";

	network_interface(new, interface);
	if (old)
		network_interface(old, before);
	if (old && strcmp(interface, before) == 0)
		json_set_bool(new, "made_vlan", json_bool(old, "made_vlan", false));
	else if (network_value(new, "vlan"))
		json_set_bool(new, "made_vlan", if_nametoindex(interface) == 0);
}

static bool has_address(const struct ifaddrs *all, const char *interface)
{
	struct address a;

	for (; all; all = all->ifa_next)
		if (strcmp(all->ifa_name, interface) == 0 && address_of_interface(all, &a) &&
		    (a.family == AF_INET || a.bytes[0] != 0xfe))
			return true;
	return false;
}

static bool unconfigured(const char *word, void *data)
{
	struct error *err = data;
	struct ifaddrs *all = NULL;

	if (getifaddrs(&all) < 0)
		return true;
	if (has_address(all, word))
		error_set(err, ERROR_INVALID, "Only unconfigured network interfaces can be bridged: \"%s\" has an address", word);
	freeifaddrs(all);
	return err->code == ERROR_NONE;
}

/* The object of a checked request; NULL with err. old NULL: a new one. */
static cJSON *object_of(const struct berthd *b, const char *name, const char *type, const cJSON *old, const cJSON *config,
			const char *description, struct error *err)
{
	AUTO_JSON cJSON *others = all_but(b, name);
	cJSON *v = cJSON_CreateObject(), *kept = cJSON_CreateObject();
	const cJSON *item;

	json_set_str(v, "name", name);
	json_set_str(v, "type", type);
	json_set_str(v, "description", description);
	json_set(v, "config", kept);
	cJSON_ArrayForEach(item, config)
		if (cJSON_IsString(item) && *item->valuestring)
			json_set_str(kept, item->string, item->valuestring);
	if (network_fill_config(type, kept, others, !old, err) == 0 && network_check_config(name, type, kept, err) == 0 &&
	    network_each_word(network_value(v, "bridge.external_interfaces"), unconfigured, err)) {
		note_vlan(old, v);
		json_sort(v);
		return v;
	}
	cJSON_Delete(v);
	return NULL;
}

static int check_members(const cJSON *request, struct error *err)
{
	const cJSON *description = cJSON_GetObjectItemCaseSensitive(request, "description");
	const cJSON *config = cJSON_GetObjectItemCaseSensitive(request, "config");

	if (!cJSON_IsObject(request))
		return error_set(err, ERROR_INVALID, "the request body must be an object");
	if (config && !cJSON_IsObject(config) && !cJSON_IsNull(config))
		return error_set(err, ERROR_INVALID, "the member \"config\" must be an object");
	if (description && (!cJSON_IsString(description) || !type_is_text(description->valuestring) ||
			    strlen(description->valuestring) > DESCRIPTION_MAX))
		return error_set(err, ERROR_INVALID, "Invalid description: control characters or longer than %d bytes",
				 DESCRIPTION_MAX);
	return 0;
}

static bool is_host_inits(const struct berthd *b, const char *name)
{
	return strcmp(name, b->settings->network_pub) == 0 || strcmp(name, b->settings->network_nat) == 0;
}

struct op *network_create(struct berthd *b, const cJSON *request, struct error *err)
{
	const char *name = json_str_or(request, "name", ""), *type = json_str_or(request, "type", "");
	cJSON *v;

	if (check_members(request, err) < 0)
		return NULL;
	if (!*name)
		error_set(err, ERROR_INVALID, "No name provided");
	else if (network_check_name(name, err) == 0 && network_check_type(*type ? type : "bridge", err) == 0 &&
		 (network_get(b, name) || is_host_inits(b, name)))
		error_set(err, ERROR_INVALID, "The network already exists");
	if (err->code != ERROR_NONE)
		return NULL;
	if (network_check_config(name, *type ? type : "bridge", json_obj(request, "config"), err) < 0) {
		err->code = err->code == ERROR_INVALID ? ERROR_TOOL : err->code;
		return NULL;
	}
	v = object_of(b, name, *type ? type : "bridge", NULL, json_obj(request, "config"), json_str_or(request, "description", ""),
		      err);
	return v ? begin(b, "Creating network", NULL, v, err) : NULL;
}

static cJSON *merged(const cJSON *old, const cJSON *change)
{
	cJSON *config = cJSON_Duplicate(json_obj(old, "config"), true);

	json_merge(config, json_obj(change, "config"));
	return config;
}

struct op *network_update(struct berthd *b, const char *name, const cJSON *change, bool patch, struct error *err)
{
	const cJSON *old = network_get(b, name);
	const char *type = json_str_or(old, "type", "");
	AUTO_JSON cJSON *config = NULL;
	cJSON *v;

	if (!old) {
		error_set(err, ERROR_NOT_FOUND, "Failed loading network: Network not found");
		return NULL;
	}
	if (check_members(change, err) < 0)
		return NULL;
	config = patch ? merged(old, change) : cJSON_Duplicate(json_obj(change, "config"), true);
	if (network_check_config(name, type, config, err) < 0)
		return NULL;
	v = object_of(b, name, type, old, config,
		      json_str_or(change, "description", patch ? json_str_or(old, "description", "") : ""), err);
	return v ? begin(b, "Updating network", old, v, err) : NULL;
}

struct op *network_rename(struct berthd *b, const char *name, const char *new_name, struct error *err)
{
	const cJSON *old = network_get(b, name);
	cJSON *v;

	if (!old)
		error_set(err, ERROR_NOT_FOUND, "Failed loading network: Network not found");
	else if (!*new_name)
		error_set(err, ERROR_INVALID, "New network name not provided");
	else if (network_check_name(new_name, err) == 0 && network_used(b, name))
		error_set(err, ERROR_INVALID, "Network is currently in use");
	else if (err->code == ERROR_NONE && (network_get(b, new_name) || is_host_inits(b, new_name)))
		error_set(err, ERROR_CONFLICT, "Network \"%s\" already exists", new_name);
	if (err->code != ERROR_NONE)
		return NULL;
	v = cJSON_Duplicate(old, true);
	json_set_str(v, "name", new_name);
	json_sort(v);
	return begin(b, "Renaming network", old, v, err);
}

struct op *network_delete(struct berthd *b, const char *name, struct error *err)
{
	const cJSON *old = network_get(b, name);

	if (!old)
		error_set(err, ERROR_NOT_FOUND, "Failed loading network: Network not found");
	else if (network_used(b, name))
		error_set(err, ERROR_INVALID, "The network is currently in use");
	return err->code == ERROR_NONE ? begin(b, "Deleting network", old, NULL, err) : NULL;
}
