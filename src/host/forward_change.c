/* SPDX-License-Identifier: MIT */
/* Changes of port forwards, one after the other: what goes and what comes is worked out, stored, given to the kernel. */
#include <stdlib.h>
#include <string.h>

#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "host/forward_private.h"
#include "model/key_types.h"
#include "model/settings.h"

#define CHANGE_MAX 10000 /* entries in one request */

static struct forwards *forwards_of(const struct op *op)
{
	return ((struct berthd *)op_ctx(op))->forwards;
}

static bool is_auto(const cJSON *entry)
{
	const char *port = json_str_or(entry, "listen_port", "");

	return strcmp(port, "auto") == 0 || strcmp(port, "0") == 0;
}

/* ---- the request */

static const char *const own_members[] = { "id", "network", "addresses" };

static cJSON *entry_of(const char *instance, const cJSON *entry, struct error *err)
{
	cJSON *v = cJSON_Duplicate(entry, true);
	struct forward_rule rule;
	struct port_list targets = { .total = 0 };
	bool automatic = is_auto(v);
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

/* ---- check: what goes, what comes */

static bool matches(const cJSON *entry, const cJSON *pattern)
{
	const cJSON *member;

	cJSON_ArrayForEach(member, pattern)
		if (strcmp(json_str_or(entry, member->string, ""), member->valuestring) != 0)
			return false;
	return true;
}

static bool has_id(const cJSON *list, const char *id)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, list)
		if (strcmp(json_str_or(item, "id", ""), id) == 0)
			return true;
	return false;
}

/* Entries of the instance that the pattern (NULL: any) fits go; how many. */
static unsigned note_removed(const struct forwards *f, const char *instance, const cJSON *pattern, cJSON *removed)
{
	const cJSON *entry;
	unsigned n = 0;

	cJSON_ArrayForEach(entry, f->entries) {
		if (strcmp(json_str_or(entry, "target_instance", ""), instance) != 0 || !matches(entry, pattern))
			continue;
		n++;
		if (!has_id(removed, json_str_or(entry, "id", "-")))
			cJSON_AddItemToArray(removed, cJSON_Duplicate(entry, true));
	}
	return n;
}

/* Everything that stays, parsed once. */
struct others {
	struct forward_rule *rules;
	const cJSON **entries;
	size_t n;
};

static void others_add(struct others *o, const cJSON *entry)
{
	struct error err = ERROR_INIT;

	o->rules = mem_realloc(o->rules, o->n + 1, sizeof(*o->rules));
	o->entries = mem_realloc(o->entries, o->n + 1, sizeof(*o->entries));
	o->entries[o->n] = entry;
	if (forward_rule_parse(entry, &o->rules[o->n], &err) == 0)
		o->n++;
}

static bool takes_gateway(const struct forwards *f, const struct forward_rule *rule)
{
	const uint16_t gate = (uint16_t)f->b->settings->remote_port;
	const struct port_list terminal = { .range = { { gate, gate } }, .n = 1, .total = 1 };
	uint16_t port;

	return !rule->udp && port_list_overlap(&rule->listen_ports, &terminal, &port);
}

static const struct cJSON *first_conflict(const struct others *o, const struct forward_rule *rule, uint16_t *ret_port)
{
	for (size_t i = 0; i < o->n; i++)
		if (forward_rule_conflict(&o->rules[i], rule, ret_port))
			return o->entries[i];
	return NULL;
}

static const char *whose(const cJSON *entry)
{
	const char *name = json_str_or(entry, "target_instance", "");

	return *name ? name : json_str_or(entry, "target_address", "?");
}

static int check_rule(const struct forwards *f, const struct others *o, const cJSON *entry, struct error *err)
{
	struct forward_rule rule;
	const cJSON *other;
	uint16_t port = 0;

	if (forward_rule_parse(entry, &rule, err) < 0)
		return -1;
	if (takes_gateway(f, &rule))
		return error_set(err, ERROR_CONFLICT, "port %d/tcp is the web terminal's (remote_port)",
				 (int)f->b->settings->remote_port);
	other = first_conflict(o, &rule, &port);
	if (other)
		return error_set(err, ERROR_CONFLICT, "port %u/%s%s%s is forwarded to '%s' already", port,
				 rule.udp ? "udp" : "tcp", rule.listen.family ? " of " : "",
				 json_str_or(entry, "listen_address", ""), whose(other));
	return 0;
}

static int choose_port(const struct forwards *f, const struct others *o, cJSON *entry, struct error *err)
{
	const struct settings *s = f->b->settings;
	struct port_list targets;
	struct forward_rule rule;
	uint16_t port;

	if (s->ports_start == 0)
		return error_set(err, ERROR_INVALID, "there are no automatic ports: ports_start and ports_close of berth.conf are not set");
	if (port_list_parse("target_port", json_str_or(entry, "target_port", ""), &targets, err) < 0)
		return -1;
	for (int64_t p = s->ports_start; p + targets.total - 1 <= s->ports_close; p++) {
		if (targets.total == 1)
			json_set_strf(entry, "listen_port", "%d", (int)p);
		else
			json_set_strf(entry, "listen_port", "%d-%d", (int)p, (int)(p + targets.total - 1));
		if (forward_rule_parse(entry, &rule, err) < 0)
			return -1;
		if (!takes_gateway(f, &rule) && !first_conflict(o, &rule, &port))
			return 0;
	}
	return error_set(err, ERROR_CONFLICT, "no %u free port%s in a row from %d to %d (ports_start, ports_close)",
			 targets.total, targets.total == 1 ? "" : "s", (int)s->ports_start, (int)s->ports_close);
}

/* Checks what comes against what stays and each other, and gives it ports and ids. */
static int check_added(const struct forwards *f, cJSON *all, const cJSON *removed, cJSON *added, struct error *err)
{
	struct others o = { .n = 0 };
	cJSON *entry;
	char id[UUID_TEXT_SIZE];
	int rc = 0;

	cJSON_ArrayForEach(entry, all)
		if (!has_id(removed, json_str_or(entry, "id", "-")))
			others_add(&o, entry);
	cJSON_ArrayForEach(entry, added) {
		if (is_auto(entry))
			rc = choose_port(f, &o, entry, err);
		if (rc == 0)
			rc = check_rule(f, &o, entry, err);
		if (rc < 0)
			break;
		ident_uuid(id);
		json_set_str(entry, "id", id);
		others_add(&o, entry);
	}
	free(o.rules);
	free(o.entries);
	return rc;
}

static int no_such_forward(const char *instance, const cJSON *pattern, struct error *err)
{
	const char *protocol = json_str_or(pattern, "protocol", ""), *ports = json_str_or(pattern, "listen_port", "");
	const char *address = json_str_or(pattern, "listen_address", "");

	return error_set(err, ERROR_NOT_FOUND, "'%s' has no port forward%s%.20s%s%.100s%s%.64s", instance,
			 *protocol ? " of " : "", protocol, *ports ? " port " : "", ports, *address ? " on " : "", address);
}

static int check_instance(const struct forwards *f, cJSON *args, struct error *err)
{
	const char *instance = json_str_or(args, "instance", ""), *verb = json_str_or(args, "do", "");
	cJSON *removed = cJSON_CreateArray(), *added = cJSON_CreateArray();
	AUTO_JSON cJSON *all = forward_all(f);
	struct forward_place place;
	const cJSON *p;

	json_set(args, "removed", removed);
	json_set(args, "added", added);
	if (!f->place(f->b, instance, &place))
		return error_set(err, ERROR_NOT_FOUND, "Instance not found");
	if (strcmp(verb, "set") == 0)
		note_removed(f, instance, NULL, removed);
	cJSON_ArrayForEach(p, json_arr(args, "entries")) {
		if (strcmp(verb, "remove") != 0) {
			cJSON_AddItemToArray(added, cJSON_Duplicate(p, true));
		} else if (note_removed(f, instance, p, removed) == 0) {
			return no_such_forward(instance, p, err);
		}
	}
	return check_added(f, all, removed, added, err);
}

static cJSON *find_object(const struct forwards *f, const char *network, const char *listen)
{
	return (cJSON *)forward_network_get(f->b, network, listen);
}

static int check_network(const struct forwards *f, cJSON *args, struct error *err)
{
	const char *network = json_str_or(args, "network", ""), *listen = json_str_or(args, "listen_address", "");
	const cJSON *old = find_object(f, network, listen), *new = json_obj(args, "object"), *object;
	AUTO_JSON cJSON *others = cJSON_Duplicate(f->entries, true);
	AUTO_JSON cJSON *rules = forward_network_rules(new);

	if (old && json_bool(args, "must_be_new", false))
		return error_set(err, ERROR_CONFLICT, "A forward for that listen address already exists");
	if (!old && !json_bool(args, "must_be_new", false))
		return error_set(err, ERROR_NOT_FOUND, "Network forward not found");
	cJSON_ArrayForEach(object, f->networks) {
		cJSON *theirs;

		if (object == old)
			continue;
		if (new && strcmp(json_str_or(object, "listen_address", ""), listen) == 0)
			return error_set(err, ERROR_CONFLICT, "'%s' is the listen address of a forward of the network '%s'",
					 listen, json_str_or(object, "network", ""));
		theirs = forward_network_rules(object);
		while (theirs->child)
			cJSON_AddItemToArray(others, cJSON_DetachItemViaPointer(theirs, theirs->child));
		cJSON_Delete(theirs);
	}
	if (old)
		json_set(args, "object_old", cJSON_Duplicate(old, true));
	return check_added(f, others, NULL, rules, err);
}

static enum op_result step_check(struct op *op, struct error *err)
{
	struct forwards *f = forwards_of(op);
	cJSON *args = op_args(op);
	int rc = json_str(args, "network") ? check_network(f, args, err) : check_instance(f, args, err);

	if (rc < 0)
		return OP_FAIL;
	if (!json_str(args, "network")) /* with the ports that were chosen */
		op_metadata_set(op, "forwards", cJSON_Duplicate(json_arr(args, "added"), true));
	return OP_DONE;
}

/* ---- store */

static void take_out(cJSON *list, const cJSON *which)
{
	cJSON *item, *next;

	for (item = list->child; item; item = next) {
		next = item->next;
		if (has_id(which, json_str_or(item, "id", "-")))
			cJSON_Delete(cJSON_DetachItemViaPointer(list, item));
	}
}

/* An instance that is gone meanwhile has no forwards. */
static void put_in(const struct forwards *f, cJSON *list, const cJSON *which)
{
	struct forward_place place;
	const cJSON *item;

	cJSON_ArrayForEach(item, which)
		if (!has_id(list, json_str_or(item, "id", "-")) &&
		    f->place(f->b, json_str_or(item, "target_instance", ""), &place))
			cJSON_AddItemToArray(list, cJSON_Duplicate(item, true));
}

static void put_object(struct forwards *f, const cJSON *args, const cJSON *object)
{
	cJSON *now = find_object(f, json_str_or(args, "network", ""), json_str_or(args, "listen_address", ""));

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
		put_in(f, f->entries, json_arr(args, undo ? "removed" : "added"));
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
	struct proc_spec spec = { .argv = argv };
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
	{ "nft", step_nft, step_unnft, 10, 0 },
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

static struct op *begin(struct berthd *b, cJSON *args, struct error *err)
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
	struct forward_place place;
	int rc;

	json_set_str(args, "do", verb);
	json_set_str(args, "instance", instance);
	if (!b->forwards->place(b, instance, &place))
		rc = error_set(err, ERROR_NOT_FOUND, "Instance not found");
	else
		rc = strcmp(verb, "remove") == 0 ? take_patterns(args, list, err) : take_entries(args, instance, list, err);
	if (rc == 0)
		return begin(b, args, err);
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

/* ---- LXD's network forwards */

static int check_config(const cJSON *config, const struct address *listen, struct error *err)
{
	const cJSON *item;
	struct address target;

	cJSON_ArrayForEach(item, config) {
		if (!cJSON_IsString(item))
			return error_set(err, ERROR_INVALID, "Invalid value for option \"%s\": must be a string",
					 item->string);
		if (strcmp(item->string, "target_address") == 0) {
			if (*item->valuestring && (address_parse(item->valuestring, &target) < 0 ||
						   target.family != listen->family))
				return error_set(err, ERROR_INVALID, "Invalid default target address");
		} else if (strncmp(item->string, "user.", 5) != 0 || !type_is_text(item->valuestring)) {
			return error_set(err, ERROR_INVALID, "Invalid option \"%.64s\"", item->string);
		}
	}
	return 0;
}

static int add_port(cJSON *ports, const cJSON *port, struct error *err)
{
	static const char *const members[] = { "description", "protocol", "listen_port", "target_port",
					       "target_address" };
	cJSON *v = cJSON_CreateObject();

	cJSON_AddItemToArray(ports, v);
	if (!cJSON_IsObject(port))
		return error_set(err, ERROR_INVALID, "a port must be an object");
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		json_set_str(v, members[i], json_str_or(port, members[i], ""));
	return 0;
}

static cJSON *object_of(const char *network, const char *listen, const cJSON *object, struct error *err)
{
	cJSON *v = cJSON_CreateObject();
	const cJSON *config = json_obj(object, "config"), *port;
	cJSON *ports = cJSON_CreateArray();
	AUTO_JSON cJSON *rules = NULL;
	struct forward_rule rule;
	struct address a;
	int rc = 0, n = 0;

	json_set_str(v, "network", network);
	json_set_str(v, "listen_address", listen);
	json_set_str(v, "description", json_str_or(object, "description", ""));
	json_set(v, "config", config ? cJSON_Duplicate(config, true) : cJSON_CreateObject());
	json_set(v, "ports", ports);
	if (address_parse(listen, &a) < 0 || check_config(json_obj(v, "config"), &a, err) < 0 ||
	    cJSON_GetArraySize(json_arr(object, "ports")) > CHANGE_MAX)
		rc = err->code ? -1 : error_set(err, ERROR_INVALID, "more than %d ports", CHANGE_MAX);
	cJSON_ArrayForEach(port, json_arr(object, "ports"))
		if (rc == 0 && add_port(ports, port, err) < 0)
			rc = -1;
	rules = forward_network_rules(v);
	cJSON_ArrayForEach(port, rules) {
		n++;
		if (rc == 0 && forward_rule_parse(port, &rule, err) < 0)
			rc = error_wrap(err, "Invalid port specification %d", n - 1);
	}
	if (rc == 0)
		return v;
	cJSON_Delete(v);
	return NULL;
}

struct op *forward_network_put(struct berthd *b, const char *network, const char *listen, const cJSON *object,
			       bool must_be_new, struct error *err)
{
	cJSON *args, *v = NULL;
	char text[INET6_ADDRSTRLEN];
	struct address a;

	if (address_parse(listen, &a) < 0) {
		error_set(err, ERROR_INVALID, "Invalid listen address: '%.64s'", listen);
		return NULL;
	}
	address_text(&a, text);
	if (object) {
		v = object_of(network, text, object, err);
		if (!v)
			return NULL;
	}
	args = cJSON_CreateObject();
	json_set_str(args, "network", network);
	json_set_str(args, "listen_address", text);
	json_set_bool(args, "must_be_new", must_be_new);
	if (v)
		json_set(args, "object", v);
	return begin(b, args, err);
}
