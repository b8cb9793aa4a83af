/* SPDX-License-Identifier: MIT */
/* May this change of port forwards be? What goes, what comes, and which ports the automatic ones get. */
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "host/forward_private.h"
#include "instance/registry.h"
#include "model/settings.h"

bool forward_is_auto(const cJSON *entry)
{
	const char *port = json_str_or(entry, "listen_port", "");

	return strcmp(port, "auto") == 0 || strcmp(port, "0") == 0;
}

/* ---- what goes, what comes */

static bool matches(const cJSON *entry, const cJSON *pattern)
{
	const cJSON *member;

	cJSON_ArrayForEach(member, pattern)
		if (strcmp(json_str_or(entry, member->string, ""), member->valuestring) != 0)
			return false;
	return true;
}

bool forward_has_id(const cJSON *list, const char *id)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, list)
		if (strcmp(json_str_or(item, "id", ""), id) == 0)
			return true;
	return false;
}

bool forward_instance_exists(const struct forwards *f, const char *name)
{
	return f->b->registry && registry_get(f->b->registry, name);
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
		if (!forward_has_id(removed, json_str_or(entry, "id", "-")))
			cJSON_AddItemToArray(removed, cJSON_Duplicate(entry, true));
	}
	return n;
}

/* ---- ports that are not to be had */

#define SSHD_CONFIG "/etc/ssh/sshd_config"
#define SSHD_CONFIG_MAX 65536

/* Those that sshd_config names; it listens on 22 when it names none. */
static void ssh_ports(struct port_list *ret)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error ignored = ERROR_INIT;
	char *save = NULL;
	unsigned port;

	*ret = (struct port_list){ .n = 0 };
	if (fs_read_file(SSHD_CONFIG, SSHD_CONFIG_MAX, &text, &ignored) == 0)
		for (char *line = strtok_r(text.buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
			line += strspn(line, " \t");
			if (strncasecmp(line, "port", 4) != 0 || !strchr(" \t=", line[4]) || ret->n == FORWARD_RANGES_MAX)
				continue;
			port = (unsigned)strtoul(line + 4 + strspn(line + 4, " \t="), NULL, 10);
			if (port > 0 && port <= UINT16_MAX)
				ret->range[ret->n++] = (struct port_range){ (uint16_t)port, (uint16_t)port };
		}
	if (ret->n == 0)
		ret->range[ret->n++] = (struct port_range){ 22, 22 };
	ret->total = ret->n;
}

static bool takes_ssh(const struct port_list *ssh, const struct forward_rule *rule, uint16_t *ret_port)
{
	if (rule->udp || rule->force || rule->listen.family)
		return false;
	return port_list_overlap(&rule->listen_ports, ssh, ret_port);
}

static bool takes_gateway(const struct forwards *f, const struct forward_rule *rule)
{
	const uint16_t gate = (uint16_t)f->b->settings->remote_port;
	const struct port_list terminal = { .range = { { gate, gate } }, .n = 1, .total = 1 };
	uint16_t port;

	return !rule->udp && port_list_overlap(&rule->listen_ports, &terminal, &port);
}

/* ---- what is taken already */

/* Everything that stays, parsed once. */
struct others {
	struct forward_rule *rules;
	const cJSON **entries;
	size_t n;
	struct port_list ssh;
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

static const cJSON *first_conflict(const struct others *o, const struct forward_rule *rule, uint16_t *ret_port)
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
	if (takes_ssh(&o->ssh, &rule, &port))
		return error_set(err, ERROR_CONFLICT,
				 "port %u/tcp is that of the host's own SSH server: choose another one, or one address "
				 "of the host, or force it (--force)",
				 port);
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
		if (!takes_gateway(f, &rule) && !takes_ssh(&o->ssh, &rule, &port) && !first_conflict(o, &rule, &port))
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

	ssh_ports(&o.ssh);
	cJSON_ArrayForEach(entry, all)
		if (!forward_has_id(removed, json_str_or(entry, "id", "-")))
			others_add(&o, entry);
	cJSON_ArrayForEach(entry, added) {
		if (forward_is_auto(entry))
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

int forward_check_instance(const struct forwards *f, cJSON *args, struct error *err)
{
	const char *instance = json_str_or(args, "instance", ""), *verb = json_str_or(args, "do", "");
	cJSON *removed = cJSON_CreateArray(), *added = cJSON_CreateArray();
	AUTO_JSON cJSON *all = forward_all(f, NULL);
	const cJSON *p;

	json_set(args, "removed", removed);
	json_set(args, "added", added);
	if (!forward_instance_exists(f, instance))
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

int forward_check_network(const struct forwards *f, cJSON *args, struct error *err)
{
	const char *network = json_str_or(args, "network", ""), *listen = json_str_or(args, "listen_address", "");
	const cJSON *old = forward_network_get(f->b, network, listen), *new = json_obj(args, "object"), *object;
	AUTO_JSON cJSON *others = forward_all(f, old);
	AUTO_JSON cJSON *rules = forward_network_rules(new);

	if (old && json_bool(args, "must_be_new", false))
		return error_set(err, ERROR_CONFLICT, "A forward for that listen address already exists");
	if (!old && !json_bool(args, "must_be_new", false))
		return error_set(err, ERROR_NOT_FOUND, "Network forward not found");
	cJSON_ArrayForEach(object, f->networks)
		if (object != old && new && strcmp(json_str_or(object, "listen_address", ""), listen) == 0)
			return error_set(err, ERROR_CONFLICT, "'%s' is the listen address of a forward of the network '%s'",
					 listen, json_str_or(object, "network", ""));
	if (old)
		json_set(args, "object_old", cJSON_Duplicate(old, true));
	return check_added(f, others, NULL, rules, err);
}
