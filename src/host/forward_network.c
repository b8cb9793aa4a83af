/* SPDX-License-Identifier: MIT */
/* LXD's network forwards: requests for a change of one. */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "host/forward_private.h"
#include "model/key_types.h"

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

/* "" is how a key is unset. */
static void drop_empty(cJSON *config)
{
	cJSON *item, *next;

	for (item = config ? config->child : NULL; item; item = next) {
		next = item->next;
		if (cJSON_IsString(item) && !*item->valuestring)
			cJSON_Delete(cJSON_DetachItemViaPointer(config, item));
	}
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
	drop_empty(json_obj(v, "config"));
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

const char *forward_network_verb(bool must_be_new, const cJSON *object)
{
	return must_be_new ? "creating" : object ? "updating" : "deleting";
}

struct op *forward_network_put(struct berthd *b, const char *network, const char *listen, const cJSON *object,
			       bool must_be_new, struct error *err)
{
	cJSON *args, *v = NULL;
	char text[INET6_ADDRSTRLEN];
	struct address a;

	if (address_parse(listen, &a) < 0) {
		error_set(err, ERROR_INVALID, "Failed %s forward: Failed parsing address forward listen address \"%.64s\"",
			  forward_network_verb(must_be_new, object), listen);
		return NULL;
	}
	address_text(&a, text);
	if (object) {
		v = object_of(network, text, object, err);
		if (!v) {
			error_wrap(err, "Failed %s forward", forward_network_verb(must_be_new, object));
			return NULL;
		}
	}
	args = cJSON_CreateObject();
	json_set_str(args, "network", network);
	json_set_str(args, "listen_address", text);
	json_set_bool(args, "must_be_new", must_be_new);
	if (v)
		json_set(args, "object", v);
	return forward_begin(b, args, err);
}
