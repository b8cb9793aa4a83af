/* SPDX-License-Identifier: MIT */
/* The configuration keys of pools and of custom volumes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cron.h"
#include "base/expiry.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"
#include "model/key_types.h"
#include "model/snapshot_pattern.h"
#include "pool/pool_private.h"

#define NAME_LENGTH_MAX 63

struct key {
	const char *name;
	const char *drivers; /* "btrfs"; NULL: of any */
	int (*check)(const char *value, struct error *err);
};

/* It becomes the name of a file, and a part of paths in LXC's configuration. */
int pool_name_check(const char *name, struct error *err)
{
	char show[TYPE_SHOW_SIZE];

	if (name[0] == '\0')
		return error_set(err, ERROR_INVALID, "No name provided");
	if (strchr(name, '/') != NULL)
		return error_set(err, ERROR_INVALID, "Storage pool names may not contain slashes");
	if (strchr(name, ' ') != NULL)
		return error_set(err, ERROR_INVALID, "Storage name cannot contain white space");
	if (!type_is_name(name))
		return error_set(err, ERROR_INVALID, "Invalid storage pool name \"%s\": 1-%d letters, digits, '.', '_' and '-', "
				 "beginning with a letter or a digit", type_show(name, show), NAME_LENGTH_MAX);
	if (strcmp(name, "dir") == 0 || strcmp(name, "overlay") == 0)
		return error_set(err, ERROR_INVALID, "Invalid storage pool name \"%s\": as the pool of a root disk it means the "
				 "default pool with that driver", name);
	return 0;
}

/* ---- values */

static int check_size(const char *value, struct error *err)
{
	uint64_t bytes;

	return units_parse_size(value, &bytes, err);
}

static int check_bool(const char *value, struct error *err)
{
	return type_is_bool(value) ? 0 : error_set(err, ERROR_INVALID, "Invalid value for a boolean \"%.64s\"", value);
}

static int check_schedule(const char *value, struct error *err)
{
	struct cron cron;

	if (cron_parse(value, &cron, err) < 0)
		return -1;
	return cron.startup ? error_set(err, ERROR_INVALID, "Invalid value: @startup is not supported: a volume does not start") : 0;
}

static int check_expiry(const char *value, struct error *err)
{
	time_t when;

	return expiry_after(value, 0, &when, err);
}

static int check_path(const char *value, struct error *err)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/+-";

	/* it stands in hook lines of LXC's configuration as it is */
	if (type_is_path(value) && strspn(value, plain) == strlen(value))
		return 0;
	return error_set(err, ERROR_INVALID, "must be an absolute path of letters, digits and . _ / + - only");
}

static int check_text(const char *value, struct error *err)
{
	return type_is_text(value) ? 0 : error_set(err, ERROR_INVALID, "control characters");
}

static const struct key pool_keys[] = {
	{ "source", NULL, check_path },
	{ "volatile.initial_source", NULL, check_path },
	{ "size", "btrfs", check_size },
	{ "btrfs.mount_options", "btrfs", pool_mount_options_check },
	{ .name = NULL },
};

static const struct key volume_keys[] = {
	{ "size", NULL, check_size },
	{ "security.shifted", NULL, check_bool },
	{ "security.unmapped", NULL, check_bool },
	{ "snapshots.expiry", NULL, check_expiry },
	{ "snapshots.schedule", NULL, check_schedule },
	{ "snapshots.pattern", NULL, snapshot_pattern_check },
	{ .name = NULL },
};

/* ---- checks */

static const struct key *find(const struct key *keys, const char *name)
{
	for (const struct key *k = keys; k->name != NULL; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

/* LXD's words; of is "" for pools, `volume "NAME" ` for volumes. */
static int refuse_option(const char *of, const char *name, const char *why, struct error *err)
{
	return error_set(err, ERROR_INVALID, "Invalid option%s%s%s \"%.128s\"%s%s", *of ? " for " : "", of, *of ? "option" : "", name,
			 *why ? ": " : "", why);
}

/* Keys of LXD that berth does not act upon are refused as such, not as unknown. */
static int refuse(const char *of, const char *name, struct error *err)
{
	static const char *const known[] = { "rsync.bwlimit", "rsync.compression", "volume.block.filesystem",
					     "volume.block.mount_options", "block.filesystem", "block.mount_options", NULL };

	for (const char *const *k = known; *k != NULL; k++)
		if (strcmp(*k, name) == 0)
			return refuse_option(of, name, "not supported by berth's storage drivers", err);
	return refuse_option(of, name, "", err);
}

static int check_one(const struct key *keys, const char *driver, const char *shown, const char *of, const cJSON *item,
		     struct error *err)
{
	const char *name = item->string + (shown != NULL ? strlen(shown) : 0);
	const struct key *key = find(keys, name);

	if (key == NULL)
		return refuse(of, item->string, err);
	if (item->valuestring[0] == '\0')
		return 0;
	if (key->drivers != NULL && strcmp(key->drivers, driver) != 0)
		return error_set(err, ERROR_INVALID, "Invalid option%s%s%s \"%s\": not one of the storage driver \"%s\"",
				 *of ? " for " : "", of, *of ? "option" : "", item->string, driver);
	if (key->check(item->valuestring, err) == 0)
		return 0;
	return error_wrap(err, "Invalid value for %soption \"%s\"", of, item->string);
}

static int check_free(const cJSON *item, struct error *err)
{
	if (strlen(item->string) > 255 || !type_is_word(item->string) || check_text(item->valuestring, err) < 0)
		return error_set(err, ERROR_INVALID, "Invalid value for option \"%.128s\": control characters", item->string);
	return 0;
}

/* volume: its name; NULL for the pool itself. */
static int check(const cJSON *config, const char *driver, const char *volume, struct error *err)
{
	AUTO_FREE char *of = volume != NULL ? mem_printf("volume \"%s\" ", volume) : mem_strdup("");
	bool of_pool = volume == NULL;
	const cJSON *item;

	if (config != NULL && !cJSON_IsNull(config) && !cJSON_IsObject(config))
		return error_set(err, ERROR_INVALID, "'config' must be an object");
	cJSON_ArrayForEach(item, config) {
		bool own = strncmp(item->string, "user.", 5) == 0 ||
			   (!of_pool && strncmp(item->string, "volatile.idmap.", 15) == 0);
		bool inherited = of_pool && strncmp(item->string, "volume.", 7) == 0;
		int rc;

		if (!cJSON_IsString(item))
			return error_set(err, ERROR_INVALID, "the value of '%.128s' must be a string", item->string);
		if (own)
			rc = check_free(item, err);
		else if (inherited)
			rc = check_one(volume_keys, driver, "volume.", of, item, err);
		else
			rc = check_one(of_pool ? pool_keys : volume_keys, driver, NULL, of, item, err);
		if (rc < 0)
			return -1;
	}
	return 0;
}

int pool_config_check(const char *driver, const cJSON *config, struct error *err)
{
	return check(config, driver, NULL, err);
}

int pool_volume_config_check(const char *driver, const char *volume, const cJSON *config, struct error *err)
{
	if (check(config, driver, volume, err) < 0)
		return -1;
	if (type_is_true(json_str(config, "security.unmapped")) && type_is_true(json_str(config, "security.shifted")))
		return error_set(err, ERROR_INVALID, "security.unmapped and security.shifted are mutually exclusive");
	return 0;
}

/* ---- changes */

cJSON *pool_config_clean(const cJSON *config)
{
	cJSON *v = cJSON_CreateObject();
	const cJSON *item;

	cJSON_ArrayForEach(item, config)
		if (cJSON_IsString(item) && item->valuestring[0] != '\0')
			json_set(v, item->string, cJSON_Duplicate(item, true));
	json_sort(v);
	return v;
}

static bool stays(const char *key, const char *const *kept)
{
	if (strncmp(key, "volatile.", 9) == 0)
		return true;
	for (; *kept != NULL; kept++)
		if (strcmp(*kept, key) == 0)
			return true;
	return false;
}

cJSON *pool_config_change(const cJSON *old, const cJSON *change, bool patch, const char *const *kept)
{
	AUTO_JSON cJSON *v = cJSON_CreateObject();
	const cJSON *item;

	cJSON_ArrayForEach(item, old)
		if (patch || stays(item->string, kept))
			json_set(v, item->string, cJSON_Duplicate(item, true));
	cJSON_ArrayForEach(item, change)
		json_set(v, item->string, cJSON_Duplicate(item, true));
	return pool_config_clean(v);
}
