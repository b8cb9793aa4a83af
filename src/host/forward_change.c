/* SPDX-License-Identifier: MIT */
/* Changes of port forwards, one after the other: what goes and what comes is worked out, stored, given to the kernel. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "host/forward_private.h"
#include "model/key_types.h"
#include "model/settings.h"

static struct forwards *forwards_of(const struct op *op)
{
	return ((struct berthd *)op_ctx(op))->forwards;
}

/* ---- the request */

static const char *const own_members[] = { "id", "network", "addresses" };

static cJSON *entry_of(const char *instance, const cJSON *entry, struct error *err)
{
	cJSON *v = cJSON_Duplicate(entry, true);
	struct forward_rule rule;
	struct port_list targets = { .total = 0 };
	bool automatic = forward_is_auto(v);
	char text[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < sizeof(own_members) / sizeof(own_members[0]); i++)
		cJSON_DeleteItemFromObjectCaseSensitive(v, own_members[i]);
	if (cJSON_IsObject(v) && !*json_str_or(v, "target_instance", "") && !*json_str_or(v, "target_address", ""))
		json_set_str(v, "target_instance", instance);
	if (automatic) { /* as many as there are targets, for the check */
		if (*json_str_or(v, "target_port", "") == '\0')
			error_set(err, ERROR_INVALID, "an automatic listen_port needs a target_port");
		else if (port_list_parse("target_port", json_str(v, "target_port"), &targets, err) == 0)
			json_set_strf(v, "listen_port", "1-%u", targets.total);
	}
	if (err->code == ERROR_NONE && forward_rule_parse(v, &rule, err) == 0 &&
	    (!rule.instance || strcmp(rule.instance, instance) != 0))
		error_set(err, ERROR_INVALID, "a forward of the instance '%s' cannot lead to '%.64s'", instance,
			  rule.instance ? rule.instance : json_str_or(v, "target_address", ""));
	if (err->code != ERROR_NONE) {
		cJSON_Delete(v);
		return NULL;
	}
	if (automatic)
		json_set_str(v, "listen_port", "auto");
	json_set_str(v, "protocol", rule.udp ? "udp" : "tcp");
	address_text(&rule.listen, text);
	json_set_str(v, "listen_address", text);
	return v;
}

static int take_entries(cJSON *args, const char *instance, const cJSON *entries, struct error *err)
{
	cJSON *list = cJSON_CreateArray();
	const cJSON *entry;

	json_set(args, "entries", list);
	if (!cJSON_IsArray(entries) || cJSON_GetArraySize(entries) > CHANGE_MAX)
		return error_set(err, ERROR_INVALID, "port forwards must be an array of at most %d objects", CHANGE_MAX);
	cJSON_ArrayForEach(entry, entries) {
		cJSON *v = entry_of(instance, entry, err);

		if (!v)
			return -1;
		cJSON_AddItemToArray(list, v);
	}
	return 0;
}

static int take_patterns(cJSON *args, const cJSON *patterns, struct error *err)
{
	char text[INET6_ADDRSTRLEN];
	const cJSON *p, *member;
	struct address a;
	cJSON *copy, *v;

	if (!cJSON_IsArray(patterns) || cJSON_GetArraySize(patterns) > CHANGE_MAX)
		return error_set(err, ERROR_INVALID, "port forwards must be an array of at most %d objects", CHANGE_MAX);
	cJSON_ArrayForEach(p, patterns) {
		if (!cJSON_IsObject(p))
			return error_set(err, ERROR_INVALID, "a port forward must be an object");
		cJSON_ArrayForEach(member, p)
			if (!cJSON_IsString(member))
				return error_set(err, ERROR_INVALID, "'%.64s' of a port forward must be a string",
						 member->string);
	}
	copy = cJSON_Duplicate(patterns, true);
	json_set(args, "entries", copy);
	for (v = copy->child; v; v = v->next) { /* as it is stored */
		if (address_parse(json_str_or(v, "listen_address", ""), &a) < 0)
			continue;
		address_text(&a, text);
		json_set_str(v, "listen_address", text);
	}
	return 0;
}

static enum op_result step_check(struct op *op, struct error *err)
{
	struct forwards *f = forwards_of(op);
	cJSON *args = op_args(op);
	bool of_network = json_str(args, "network") != NULL;

	if (of_network && forward_check_network(f, args, err) < 0) {
		error_wrap(err, "Failed %s forward", forward_network_verb(json_bool(args, "must_be_new", false), json_obj(args, "object")));
		return OP_FAIL;
	}
	if (!of_network && forward_check_instance(f, args, err) < 0)
		return OP_FAIL;
	if (!of_network) /* with the ports that were chosen */
		op_metadata_set(op, "forwards", cJSON_Duplicate(json_arr(args, "added"), true));
	return OP_DONE;
}

/* ---- store */

static void take_out(cJSON *list, const cJSON *which)
{
	cJSON *item, *next;

	for (item = list->child; item; item = next) {
		next = item->next;
		if (forward_has_id(which, json_str_or(item, "id", "-")))
			cJSON_Delete(cJSON_DetachItemViaPointer(list, item));
	}
}

static void put_in(cJSON *list, const cJSON *which)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, which)
		if (!forward_has_id(list, json_str_or(item, "id", "-")))
			cJSON_AddItemToArray(list, cJSON_Duplicate(item, true));
}

static void put_object(struct forwards *f, const cJSON *args, const cJSON *object)
{
	cJSON *now = (cJSON *)(uintptr_t)forward_network_get(f->b, json_str_or(args, "network", ""),
									json_str_or(args, "listen_address", ""));

	if (now)
		cJSON_Delete(cJSON_DetachItemViaPointer(f->networks, now));
	if (object)
		cJSON_AddItemToArray(f->networks, cJSON_Duplicate(object, true));
}

static int exchange(struct forwards *f, const cJSON *args, bool undo, struct error *err)
{
	if (json_str(args, "network")) {
		put_object(f, args, json_obj(args, undo ? "object_old" : "object"));
	} else {
		take_out(f->entries, json_arr(args, undo ? "added" : "removed"));
		/* an instance that is gone meanwhile has no forwards; all of one operation are of one instance */
		if (forward_instance_exists(f, json_str_or(args, "instance", "")))
			put_in(f->entries, json_arr(args, undo ? "removed" : "added"));
	}
	return forward_save(f, err);
}

static enum op_result step_store(struct op *op, struct error *err)
{
	return exchange(forwards_of(op), op_args(op), false, err) < 0 ? OP_FAIL : OP_DONE;
}

static enum op_result step_unstore(struct op *op, struct error *err)
{
	struct forwards *f = forwards_of(op);
	int rc = exchange(f, op_args(op), true, err);

	forward_apply_soon(f);
	return rc < 0 ? OP_FAIL : OP_DONE;
}

/* ---- nft */

static enum op_result nft_done(struct op *op, const struct proc_result *result, struct error *err)
{
	int rc = proc_check("nft", result, err);

	forward_apply_end(forwards_of(op), rc == 0);
	return rc < 0 ? OP_FAIL : OP_DONE;
}

static enum op_result step_nft(struct op *op, struct error *err)
{
	static const char *const argv[] = { "nft", "-f", "-", NULL };
	const char *text = forward_apply_begin(forwards_of(op));
	struct berthd *b = op_ctx(op);
	struct proc_spec spec = { .argv = argv, .timeout_ms = (unsigned)(b->settings->nft_timeout_s * 1000) };
	enum op_result r;

	if (!text)
		return OP_DONE;
	spec.input = text;
	spec.input_len = strlen(text);
	r = op_child_spec(op, &spec, nft_done, err);
	if (r == OP_FAIL)
		forward_apply_end(forwards_of(op), false);
	return r;
}

static enum op_result step_unnft(struct op *op, struct error *err)
{
	forward_apply_end(forwards_of(op), false); /* if it was cut short */
	return OP_DONE;
}

static const struct op_step change_steps[] = {
	{ "check", step_check, NULL, 0, 0 },
	{ "store", step_store, step_unstore, 0, 0 },
	{ "nft", step_nft, step_unnft, 0, 0 },
	{ 0 },
};

static const struct op_kind change_kind = {
	.name = "forward",
	.description = "Updating port forwards",
	.steps = change_steps,
};

void forward_register(struct op_queue *q)
{
	op_queue_register(q, &change_kind);
}

struct op *forward_begin(struct berthd *b, cJSON *args, struct error *err)
{
	const char *instance = json_str(args, "instance"), *network = json_str(args, "network");
	AUTO_FREE char *url = instance ? mem_printf("/1.0/instances/%s", instance)
				       : mem_printf("/1.0/networks/%s", network);
	struct op_options options = { .locks = (const char *const[]){ "forwards", NULL },
				      .resources = cJSON_CreateObject() };
	cJSON *urls = cJSON_AddArrayToObject(options.resources, instance ? "instances" : "networks");

	cJSON_AddItemToArray(urls, cJSON_CreateString(url));
	return op_start(b->ops, &change_kind, args, &options, err);
}

static struct op *change(struct berthd *b, const char *verb, const char *instance, const cJSON *list, struct error *err)
{
	cJSON *args = cJSON_CreateObject();
	int rc;

	json_set_str(args, "do", verb);
	json_set_str(args, "instance", instance);
	if (!forward_instance_exists(b->forwards, instance))
		rc = error_set(err, ERROR_NOT_FOUND, "Instance not found");
	else
		rc = strcmp(verb, "remove") == 0 ? take_patterns(args, list, err) : take_entries(args, instance, list, err);
	if (rc == 0)
		return forward_begin(b, args, err);
	cJSON_Delete(args);
	return NULL;
}

struct op *forward_set(struct berthd *b, const char *instance, const cJSON *entries, struct error *err)
{
	return change(b, "set", instance, entries, err);
}

struct op *forward_add(struct berthd *b, const char *instance, const cJSON *entries, struct error *err)
{
	return change(b, "add", instance, entries, err);
}

struct op *forward_remove(struct berthd *b, const char *instance, const cJSON *patterns, struct error *err)
{
	return change(b, "remove", instance, patterns, err);
}
