/* SPDX-License-Identifier: MIT */
#include "host/forward.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "base/text.h"
#include "host/forward_private.h"
#include "host/network.h"
#include "host/nft_watch.h"
#include "model/settings.h"

static void table_name(const struct settings *s, char out[FORWARD_TABLE_SIZE])
{
	snprintf(out, FORWARD_TABLE_SIZE, "berth_fwd_%08" PRIx32, text_hash32(s->state_path));
}

/* ---- the store */

int forward_save(struct forwards *f, struct error *err)
{
	AUTO_JSON cJSON *v = cJSON_CreateObject();

	json_set_str(v, "table", f->table); /* host-init --undo removes it */
	json_set(v, "instances", cJSON_Duplicate(f->entries, true));
	json_set(v, "networks", cJSON_Duplicate(f->networks, true));
	return json_write_file(f->path, v, JSON_DURABLE, err);
}

/* LXD's rule: a port without a target address goes to the forward's own. */
cJSON *forward_network_rules(const cJSON *object)
{
	const char *target = json_str_or(json_obj(object, "config"), "target_address", "");
	cJSON *list = cJSON_CreateArray();
	const cJSON *port;

	cJSON_ArrayForEach(port, json_arr(object, "ports")) {
		cJSON *entry = cJSON_Duplicate(port, true);

		json_set_str(entry, "network", json_str_or(object, "network", ""));
		json_set_str(entry, "listen_address", json_str_or(object, "listen_address", ""));
		if (!*json_str_or(entry, "target_address", ""))
			json_set_str(entry, "target_address", target);
		cJSON_AddItemToArray(list, entry);
	}
	return list;
}

cJSON *forward_all(const struct forwards *f, const cJSON *except)
{
	cJSON *all = cJSON_Duplicate(f->entries, true);
	const cJSON *object;

	cJSON_ArrayForEach(object, f->networks) {
		AUTO_JSON cJSON *rules = object == except ? NULL : forward_network_rules(object);

		while (rules && rules->child)
			cJSON_AddItemToArray(all, cJSON_DetachItemViaPointer(rules, rules->child));
	}
	return all;
}

static bool rules_good(const cJSON *rules, struct error *err)
{
	struct forward_rule rule;
	const cJSON *entry;

	cJSON_ArrayForEach(entry, rules)
		if (forward_rule_parse(entry, &rule, err) < 0)
			return false;
	return true;
}

/* Somebody edited the file: what cannot be understood must not keep the rest from the kernel. */
static void take_good(cJSON *to, cJSON *from, bool networks)
{
	while (from && from->child) {
		cJSON *item = cJSON_DetachItemViaPointer(from, from->child);
		AUTO_JSON cJSON *rules = networks ? forward_network_rules(item) : cJSON_CreateArray();
		struct error err = ERROR_INIT;

		if (!networks)
			cJSON_AddItemToArray(rules, cJSON_Duplicate(item, true));
		if (rules_good(rules, &err)) {
			cJSON_AddItemToArray(to, item);
			continue;
		}
		log_warning("forwards.json: a port forward is left out: %s", err.msg);
		cJSON_Delete(item);
	}
}

static int load(struct forwards *f, struct error *err)
{
	AUTO_JSON cJSON *v = NULL;

	if (!fs_exists(f->path))
		return 0;
	v = json_read_file(f->path, err);
	if (!v)
		return -1;
	take_good(f->entries, json_arr(v, "instances"), false);
	take_good(f->networks, json_arr(v, "networks"), true);
	return 0;
}

/* ---- a part of the host */

static bool table_lost(void *data)
{
	struct forwards *f = data;

	if (f->empty) /* by ourselves */
		return false;
	forward_replace(f->b);
	return true;
}

static void part_load(struct berthd *b, struct host_part *part)
{
	struct forwards *f = b->forwards;
	cJSON *facts = cJSON_CreateObject();
	struct error err = ERROR_INIT;

	json_set_int(facts, "instances", cJSON_GetArraySize(f->entries));
	json_set_int(facts, "networks", cJSON_GetArraySize(f->networks));
	if (nft_watch_add(b, f->table, table_lost, f, &err) < 0)
		error_wrap(&err, "port forwards are not watched");
	forward_replace(b);
	host_part_done(part, facts, &err);
}

/* The table stays, and is looked after no more. */
static void part_unload(struct berthd *b)
{
	if (b->forwards)
		nft_watch_remove(b, b->forwards->table);
}

static const struct host_part_type forward_part = { "forwards", part_load, part_unload };

int forward_open(struct berthd *b, forward_place_fn place, struct error *err)
{
	struct forwards *f = mem_alloc(sizeof(*f));

	f->b = b;
	f->place = place;
	f->path = fs_join(b->settings->state_path, "forwards.json");
	f->entries = cJSON_CreateArray();
	f->networks = cJSON_CreateArray();
	table_name(b->settings, f->table);
	if (load(f, err) < 0) {
		cJSON_Delete(f->entries);
		cJSON_Delete(f->networks);
		free(f->path);
		free(f);
		return -1;
	}
	/* no file: there never was a forward, so there is no table to look after */
	if (!fs_exists(f->path))
		f->applied = mem_strdup("");
	forward_apply_open(f);
	b->forwards = f;
	host_part_add(b, &forward_part);
	return 0;
}

void forward_close(struct berthd *b)
{
	if (b->forwards)
		forward_apply_close(b->forwards);
	b->forwards = NULL;
}

/* ---- instances come and go */

void forward_reconcile(struct berthd *b)
{
	if (b->forwards)
		forward_apply_soon(b->forwards);
}

void forward_replace(struct berthd *b)
{
	struct forwards *f = b->forwards;

	/* an empty text means that no file was ever written */
	if (!f || (f->applied && !*f->applied))
		return;
	free(f->applied);
	f->applied = NULL;
	forward_apply_soon(f);
}

static void stored(struct forwards *f, const char *what)
{
	struct error err = ERROR_INIT;

	if (forward_save(f, &err) < 0) /* the next change writes it all */
		log_error("port forwards of %s: %s", what, err.msg);
	forward_apply_soon(f);
}

static bool is_of(const cJSON *entry, const char *instance)
{
	return strcmp(json_str_or(entry, "target_instance", ""), instance) == 0;
}

void forward_instance_gone(struct berthd *b, const char *name)
{
	struct forwards *f = b->forwards;
	bool any = false;
	cJSON *entry, *next;

	for (entry = f ? f->entries->child : NULL; entry; entry = next) {
		next = entry->next;
		if (!is_of(entry, name))
			continue;
		cJSON_Delete(cJSON_DetachItemViaPointer(f->entries, entry));
		any = true;
	}
	if (any)
		stored(f, name);
}

void forward_instance_renamed(struct berthd *b, const char *from, const char *to)
{
	struct forwards *f = b->forwards;
	cJSON *entries = f ? f->entries : NULL, *entry;
	bool any = false;

	cJSON_ArrayForEach(entry, entries) {
		if (!is_of(entry, from))
			continue;
		json_set_str(entry, "target_instance", to);
		any = true;
	}
	if (any)
		stored(f, to);
}

/* ---- views */

static void add_address(cJSON *list, const struct address *a)
{
	char text[INET6_ADDRSTRLEN];

	address_text(a, text);
	if (*text)
		cJSON_AddItemToArray(list, cJSON_CreateString(text));
}

/* A network forward is there also without ports: "all" that comes to the address, or nothing. */
static void add_defaults(const struct forwards *f, cJSON *list)
{
	const cJSON *object;

	cJSON_ArrayForEach(object, f->networks) {
		const char *target = json_str_or(json_obj(object, "config"), "target_address", "");
		cJSON *v;

		if (!*target && cJSON_GetArraySize(json_arr(object, "ports")) > 0)
			continue;
		v = cJSON_CreateObject();
		json_set_str(v, "network", json_str_or(object, "network", ""));
		json_set_str(v, "listen_address", json_str_or(object, "listen_address", ""));
		json_set_str(v, "protocol", "all");
		json_set_str(v, "listen_port", "");
		json_set_str(v, "target_address", target);
		json_set_str(v, "description", json_str_or(object, "description", ""));
		cJSON_AddItemToArray(list, v);
	}
}

/* places: instance -> struct forward_place, of those that were asked for already. */
static const struct forward_place *place_of(const struct forwards *f, struct strmap *places, const char *instance)
{
	struct forward_place *p = strmap_get(places, instance);

	if (p)
		return p;
	p = mem_alloc(sizeof(*p));
	if (!f->place(f->b, instance, p))
		*p = (struct forward_place){ .waits = false };
	strmap_put(places, instance, p);
	return p;
}

static cJSON *addresses_of(const struct forwards *f, struct strmap *places, const cJSON *entry)
{
	const char *target = json_str_or(entry, "target_address", "");
	cJSON *list = cJSON_CreateArray();
	const struct forward_place *place;
	struct address a;

	if (*target && address_parse(target, &a) == 0) {
		add_address(list, &a);
		return list;
	}
	place = place_of(f, places, json_str_or(entry, "target_instance", ""));
	add_address(list, &place->ip4);
	add_address(list, &place->ip6);
	return list;
}

cJSON *forward_list(const struct berthd *b, const char *instance)
{
	cJSON *all = forward_all(b->forwards, NULL), *entry, *next;
	struct strmap *places = strmap_new(free);

	add_defaults(b->forwards, all);
	for (entry = all->child; entry; entry = next) {
		next = entry->next;
		if (!instance || is_of(entry, instance))
			json_set(entry, "addresses", addresses_of(b->forwards, places, entry));
		else
			cJSON_Delete(cJSON_DetachItemViaPointer(all, entry));
	}
	strmap_free(places);
	return all;
}

static bool object_is(const cJSON *object, const char *network, const char *listen)
{
	return strcmp(json_str_or(object, "network", ""), network) == 0 &&
	       (!listen || strcmp(json_str_or(object, "listen_address", ""), listen) == 0);
}

const cJSON *forward_network_get(const struct berthd *b, const char *network, const char *listen)
{
	const cJSON *object;
	char text[INET6_ADDRSTRLEN];
	struct address a;

	if (address_parse(listen, &a) < 0)
		return NULL;
	address_text(&a, text);
	cJSON_ArrayForEach(object, b->forwards->networks)
		if (object_is(object, network, text))
			return object;
	return NULL;
}

cJSON *forward_network_list(const struct berthd *b, const char *network)
{
	cJSON *list = cJSON_CreateArray();
	const cJSON *object;

	cJSON_ArrayForEach(object, b->forwards->networks)
		if (object_is(object, network, NULL))
			cJSON_AddItemToArray(list, cJSON_Duplicate(object, true));
	return list;
}
