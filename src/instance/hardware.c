/* SPDX-License-Identifier: MIT */
/* What a request for an instance says of the machine it wants: architecture and instance type. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "instance/work.h"

#define CORES_MAX 4096
#define MEMORY_MAX_GIB 65536

/* A positive decimal number up to max, ended by end; moves *p past it. */
static bool take_number(const char **p, char end, double max, double *ret)
{
	const char *digits = *p;
	char *rest;

	if (strspn(digits, "0123456789.") == 0)
		return false;
	*ret = strtod(digits, &rest);
	if (rest != digits + strspn(digits, "0123456789.") || *rest != end || *ret > max)
		return false;
	*p = end != '\0' ? rest + 1 : rest;
	return true;
}

/* "c2-m4", "c0.5-m1", "c2", "m4": LXD's own form. The names of public clouds' types come from a server of LXD's: not had here. */
static bool parse_type(const char *type, double *ret_cores, double *ret_gib)
{
	const char *p = type;

	*ret_cores = *ret_gib = 0;
	if (*p == 'c') {
		p++;
		if (!take_number(&p, strchr(p, '-') != NULL ? '-' : '\0', CORES_MAX, ret_cores))
			return false;
	}
	if (*p == 'm' && p++ && !take_number(&p, '\0', MEMORY_MAX_GIB, ret_gib))
		return false;
	return *p == '\0' && p[-1] != '-' && (*ret_cores > 0 || *ret_gib > 0);
}

static void set_default(cJSON *config, const char *key, char *value_taken)
{
	AUTO_FREE char *value = value_taken;

	if (json_str(config, key) == NULL)
		json_set_str(config, key, value);
}

/* Rounded up to whole cores, of which it has a share, as with LXD: "c2.5" are three, for 83% of the time. */
static void set_limits(cJSON *config, double cores, double gib)
{
	int whole = (int)cores + (cores > (double)(int)cores);

	if (cores > 0 && (int)(cores / whole * 100) < 100)
		set_default(config, "limits.cpu.allowance", mem_printf("%d%%", (int)(cores / whole * 100)));
	if (cores > 0)
		set_default(config, "limits.cpu", mem_printf("%d", whole));
	if (gib > 0)
		set_default(config, "limits.memory", mem_printf("%dMB", (int)(gib * 1024)));
}

static int take_type(cJSON *config, const char *type, struct error *err)
{
	double cores, gib;

	if (type[0] == '\0')
		return 0;
	if (!parse_type(type, &cores, &gib))
		return error_set(err, ERROR_INVALID,
				 "Provided instance type doesn't exist: %s (types are like c2-m4: two CPUs, 4 GiB)", type);
	set_limits(config, cores, gib);
	return 0;
}

int create_take_hardware(const struct berthd *b, cJSON *desired, const cJSON *request, struct error *err)
{
	const char *own = b->probe->architecture;
	const char *wanted = json_str_or(request, "architecture", "");
	bool image = strcmp(json_str_or(json_obj(request, "source"), "type", ""), "image") == 0;

	/* An image has one of its own: what is asked for is not looked at, as with LXD. pylxd's examples ask for "2". */
	if (wanted[0] == '\0' || image)
		wanted = own;
	if (strcmp(wanted, own) != 0 && (strcmp(wanted, "i686") != 0 || strcmp(own, "x86_64") != 0))
		return error_set(err, ERROR_INVALID, "Architecture isn't supported: %s", wanted);
	json_set_str(desired, "architecture", wanted);
	return take_type(json_obj(desired, "config"), json_str_or(request, "instance_type", ""), err);
}
