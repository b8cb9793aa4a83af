/* SPDX-License-Identifier: MIT */
#include "panel/vmconfig.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/similar.h"
#include "model/key_types.h"
#include "panel/vmconfig_field.h"

#define MIB_PER_GB 1024

typedef int (*field_fn)(const struct settings *s, const char *field, const cJSON *value, struct vmconfig *c,
			struct error *err);

/* ---- texts */

static int take_text(char **ret, const char *field, const cJSON *value, struct error *err)
{
	if (!cJSON_IsString(value))
		return error_set(err, ERROR_INVALID, "%s must be a string", field);
	*ret = value->valuestring[0] != '\0' ? mem_strdup(value->valuestring) : NULL;
	return 0;
}

static int field_name(const struct settings *s, const char *field, const cJSON *value, struct vmconfig *c,
		      struct error *err)
{
	return take_text(&c->name, field, value, err);
}

static int field_os(const struct settings *s, const char *field, const cJSON *value, struct vmconfig *c, struct error *err)
{
	return take_text(&c->os_name, field, value, err);
}

static int field_password(const struct settings *s, const char *field, const cJSON *value, struct vmconfig *c,
			  struct error *err)
{
	return take_text(&c->os_pass, field, value, err);
}

/* ---- limits */

/* "" takes the limit away. */
static void set_limit(cJSON *to, const char *key, double n, const char *unit)
{
	if (n > 0)
		json_set_strf(to, key, "%.0f%s", n, unit);
	else
		json_set_str(to, key, "");
}

static int field_cpus(const struct settings *s, const char *field, const cJSON *value, struct vmconfig *c,
		      struct error *err)
{
	double n;

	if (vmconfig_number(field, value, 0, 4096, &n, err) < 0)
		return -1;
	if (n != floor(n))
		return error_set(err, ERROR_INVALID, "%s must be a whole number, not %g", field, n);
	set_limit(c->config, "limits.cpu", n, "");
	return 0;
}

/* Percent of one CPU as time per 100 ms: a limit that holds also when the CPUs are idle. */
static int field_cpu_percent(const struct settings *s, const char *field, const cJSON *value, struct vmconfig *c,
			     struct error *err)
{
	double n;

	if (vmconfig_number(field, value, 0, 409600, &n, err) < 0)
		return -1;
	if (n > 0 && n < 1)
		return error_set(err, ERROR_INVALID, "%s must be at least 1, not %g", field, n);
	set_limit(c->config, "limits.cpu.allowance", n, "ms/100ms");
	return 0;
}

static int take_memory(const char *field, double mib, struct vmconfig *c, struct error *err)
{
	if (json_str(c->config, "limits.memory") != NULL)
		return error_set(err, ERROR_INVALID, "ram_num (GB) and mem_num (MB) must not be given both");
	if (mib > 0 && mib < 1)
		return error_set(err, ERROR_INVALID, "%s must be at least 1 MB", field);
	set_limit(c->config, "limits.memory", mib, "MiB");
	return 0;
}

static int field_ram(const struct settings *s, const char *field, const cJSON *value, struct vmconfig *c,
		     struct error *err)
{
	double n;

	return vmconfig_number(field, value, 0, 1 << 20, &n, err) < 0 ? -1 : take_memory(field, n * MIB_PER_GB, c, err);
}

static int field_mem(const struct settings *s, const char *field, const cJSON *value, struct vmconfig *c,
		     struct error *err)
{
	double n;

	return vmconfig_number(field, value, 0, 1 << 30, &n, err) < 0 ? -1 : take_memory(field, n, c, err);
}

static int field_disk(const struct settings *s, const char *field, const cJSON *value, struct vmconfig *c,
		      struct error *err)
{
	double n;

	if (vmconfig_number(field, value, 0, 1 << 30, &n, err) < 0)
		return -1;
	free(c->size);
	c->size = n > 0 ? mem_printf("%.0fGiB", n) : mem_strdup("");
	return 0;
}

static int take_speed(const char *field, const char *key, const cJSON *value, struct vmconfig *c, struct error *err)
{
	double n;

	if (vmconfig_number(field, value, 0, 1 << 20, &n, err) < 0)
		return -1;
	if (n > 0 && n < 1)
		return error_set(err, ERROR_INVALID, "%s must be at least 1 (Mbit/s), not %g", field, n);
	if (c->speeds == NULL)
		c->speeds = cJSON_CreateObject();
	set_limit(c->speeds, key, n, "Mbit");
	return 0;
}

static int field_speed_up(const struct settings *s, const char *field, const cJSON *value, struct vmconfig *c,
			  struct error *err)
{
	return take_speed(field, "limits.egress", value, c, err);
}

static int field_speed_down(const struct settings *s, const char *field, const cJSON *value, struct vmconfig *c,
			    struct error *err)
{
	return take_speed(field, "limits.ingress", value, c, err);
}

/* ---- the table */

static const struct {
	const char *name;
	field_fn take;
} fields[] = {
	{ "vm_uuid", field_name },	{ "os_name", field_os },	{ "cpu_num", field_cpus },
	{ "cpu_per", field_cpu_percent }, { "ram_num", field_ram },	{ "mem_num", field_mem },
	{ "hdd_num", field_disk },	{ "nic_all", vmconfig_nics },	{ "os_pass", field_password },
	{ "hdd_all", vmconfig_volumes }, { "speed_u", field_speed_up }, { "speed_d", field_speed_down },
	{ "nat_all", vmconfig_forwards },
};

static int unknown_field(const char *name, struct error *err)
{
	const char *nearest = NULL;
	size_t best = SIMILAR_MAX + 1;

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (similar_better(name, fields[i].name, &best))
			nearest = fields[i].name;
	if (nearest != NULL)
		return error_set(err, ERROR_INVALID, "unknown field '%.64s' (did you mean '%s'?)", name, nearest);
	return error_set(err, ERROR_INVALID, "unknown field '%.64s'", name);
}

static int take_field(const struct settings *s, const cJSON *value, struct vmconfig *c, struct error *err)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (strcmp(fields[i].name, value->string) == 0)
			return cJSON_IsNull(value) ? 0 : fields[i].take(s, value->string, value, c, err);
	return unknown_field(value->string, err);
}

int vmconfig_parse(const struct settings *s, const cJSON *object, struct vmconfig *c, struct error *err)
{
	const cJSON *value;

	*c = (struct vmconfig){ .config = cJSON_CreateObject(), .warnings = cJSON_CreateArray() };
	cJSON_ArrayForEach(value, object) {
		if (take_field(s, value, c, err) < 0)
			return -1;
	}
	return 0;
}

void vmconfig_clear(struct vmconfig *c)
{
	if (c->os_pass != NULL)
		explicit_bzero(c->os_pass, strlen(c->os_pass));
	free(c->name);
	free(c->os_name);
	free(c->size);
	free(c->os_pass);
	cJSON_Delete(c->config);
	cJSON_Delete(c->nics);
	cJSON_Delete(c->volumes);
	cJSON_Delete(c->forwards);
	cJSON_Delete(c->dns);
	cJSON_Delete(c->speeds);
	cJSON_Delete(c->warnings);
	*c = (struct vmconfig){ 0 };
}

cJSON *vmconfig_changes(const cJSON *before, const cJSON *now)
{
	cJSON *changes = cJSON_CreateObject();
	const cJSON *value;

	cJSON_ArrayForEach(value, now) {
		const cJSON *old = cJSON_GetObjectItemCaseSensitive(before, value->string);

		if (old == NULL || !cJSON_Compare(old, value, true))
			json_set(changes, value->string, cJSON_Duplicate(value, true));
	}
	return changes;
}
