/* SPDX-License-Identifier: MIT */
/* What is asked for, made complete from the instance's configuration and the settings. */
#include <string.h>

#include "backup/making.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"
#include "model/exclude.h"
#include "model/key_types.h"
#include "model/retention.h"
#include "model/settings.h"

enum { HINT_MAX = 1000, TIMEOUT_DEFAULT = 60, BANDWIDTH_MIN = 1024 };

static const cJSON *member(const cJSON *request, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(request, name);

	return cJSON_IsNull(v) ? NULL : v;
}

static int take_hint(const cJSON *request, cJSON *args, struct error *err)
{
	const cJSON *v = member(request, "hint");
	const char *hint = v != NULL ? cJSON_GetStringValue(v) : "";

	if (hint == NULL || !type_is_line(hint) || strlen(hint) > HINT_MAX)
		return error_set(err, ERROR_INVALID, "'hint' must be one line of at most %d characters", HINT_MAX);
	json_set_str(args, "hint", hint);
	return 0;
}

static int take_mode(const cJSON *request, const cJSON *config, cJSON *args, struct error *err)
{
	const cJSON *v = member(request, "mode");
	const char *mode = v != NULL ? cJSON_GetStringValue(v) : json_str_or(config, "backups.mode", "live");
	char show[TYPE_SHOW_SIZE];

	if (mode == NULL || (strcmp(mode, "live") != 0 && strcmp(mode, "freeze") != 0 && strcmp(mode, "stop") != 0))
		return error_set(err, ERROR_INVALID, "invalid mode '%s' of a backup: live, freeze or stop",
				 type_show(mode != NULL ? mode : "?", show));
	json_set_str(args, "mode", mode);
	return 0;
}

static int check_exclude(const cJSON *list, struct error *err)
{
	const cJSON *item;

	if (!cJSON_IsArray(list))
		return error_set(err, ERROR_INVALID, "'exclude' must be an array of patterns");
	if (cJSON_GetArraySize(list) > EXCLUDE_MAX)
		return error_set(err, ERROR_INVALID, "there can be at most %d patterns to exclude", EXCLUDE_MAX);
	cJSON_ArrayForEach(item, list)
		if (!cJSON_IsString(item) || exclude_check(item->valuestring, err) < 0)
			return err->code != ERROR_NONE ? -1 : error_set(err, ERROR_INVALID, "'exclude' must be an array of patterns");
	return 0;
}

static int take_exclude(const cJSON *request, const cJSON *config, cJSON *args, struct error *err)
{
	const cJSON *v = member(request, "exclude");

	json_set(args, "exclude", v != NULL ? cJSON_Duplicate(v, true) : exclude_split(json_str_or(config, "backups.exclude", "")));
	return check_exclude(cJSON_GetObjectItemCaseSensitive(args, "exclude"), err);
}

/* Text that holds a number is none. */
static int take_number(const cJSON *v, const char *name, int64_t min, int64_t max, int64_t *ret, struct error *err)
{
	double n = cJSON_IsNumber(v) ? v->valuedouble : -1;

	if (!cJSON_IsNumber(v) || n < (double)min || n > (double)max || n != (double)(int64_t)n)
		return error_set(err, ERROR_INVALID, "'%s' must be a whole number from %lld to %lld", name, (long long)min,
				 (long long)max);
	*ret = (int64_t)n;
	return 0;
}

static int take_bandwidth(const cJSON *request, cJSON *args, struct error *err)
{
	const cJSON *v = member(request, "bandwidth");
	const char *text = v != NULL ? cJSON_GetStringValue(v) : NULL;
	uint64_t bytes = 0;
	int64_t n = 0;

	if (v == NULL)
		return 0;
	if (text != NULL && units_parse_size(text, &bytes, err) < 0)
		return error_wrap(err, "'bandwidth'");
	if (text == NULL && take_number(v, "bandwidth", 0, 1ll << 50, &n, err) < 0)
		return -1;
	if (text == NULL)
		bytes = (uint64_t)n;
	if (bytes > 1ull << 50 || (bytes > 0 && bytes < BANDWIDTH_MIN))
		return error_set(err, ERROR_INVALID, "'bandwidth' must be 0 (no limit) or at least %d bytes per second",
				 BANDWIDTH_MIN);
	json_set_int(args, "bandwidth", (int64_t)bytes);
	return 0;
}

static int take_numbers(const struct berthd *b, const cJSON *request, cJSON *args, struct error *err)
{
	const cJSON *level = member(request, "level"), *timeout = member(request, "timeout"), *force = member(request, "force");
	int64_t n = b->settings->backup_level;

	if (level != NULL && take_number(level, "level", 0, 9, &n, err) < 0)
		return -1;
	json_set_int(args, "level", n);
	n = TIMEOUT_DEFAULT;
	if (timeout != NULL && take_number(timeout, "timeout", 1, MAKING_DAY_S, &n, err) < 0)
		return -1;
	json_set_int(args, "timeout", n);
	if (force != NULL && !cJSON_IsBool(force))
		return error_set(err, ERROR_INVALID, "'force' must be true or false");
	json_set_bool(args, "force", cJSON_IsTrue(force));
	return 0;
}

static int take_keep(const cJSON *request, const cJSON *config, cJSON *args, struct error *err)
{
	const cJSON *v = member(request, "keep");
	AUTO_JSON cJSON *keep = NULL;
	struct retention checked;

	keep = v != NULL ? cJSON_Duplicate(v, true) : retention_parse(json_str_or(config, "backups.keep", ""), err);
	if (keep == NULL || retention_from_json(keep, &checked, err) < 0)
		return -1;
	json_set(args, "keep", keep);
	keep = NULL;
	return 0;
}

static int check_members(const cJSON *request, struct error *err)
{
	/* those from "name" on are what LXD's clients send */
	static const char *const known[] = { "hint",	"mode",	   "exclude",	 "bandwidth",	   "level",	   "keep",
					     "timeout", "force",   "name",	 "expires_at",	   "instance_only",
					     "container_only",	   "optimized_storage", "compression_algorithm", NULL };
	const cJSON *item;

	cJSON_ArrayForEach(item, request) {
		size_t i = 0;

		while (known[i] != NULL && strcmp(known[i], item->string) != 0)
			i++;
		if (known[i] == NULL)
			return error_set(err, ERROR_INVALID, "unknown member '%.64s' of a backup's request", item->string);
	}
	return 0;
}

static void describe(const struct berthd *b, const struct instance *inst, cJSON *args)
{
	cJSON *info = cJSON_CreateObject();
	bool twice = strcmp(json_str_or(args, "mode", ""), "freeze") == 0;
	char now[TIME_TEXT_SIZE];

	time_now(now);
	json_set_int(info, "version", BACKUP_VERSION);
	json_set_str(info, "instance", inst->name);
	json_set_str(info, "created_at", now);
	json_set_str(info, "mode", json_str(args, "mode"));
	json_set_str(info, "hint", json_str(args, "hint"));
	json_set_str(info, "driver", json_str_or(inst->desired, "driver", "dir"));
	json_set_str(info, "base_image", json_str_or(json_obj(inst->desired, "config"), "volatile.base_image", ""));
	json_set_int(info, "level", json_int(args, "level", 0));
	json_set(info, "exclude", cJSON_Duplicate(json_arr(args, "exclude"), true));
	json_set_bool(info, "manifest", twice);
	json_set_str(info, "berth", BERTH_VERSION);
	json_set_str(info, "server", b->settings->server_name);
	cJSON_AddArrayToObject(info, "warnings");
	json_set(args, "info", info);
}

int backup_args(struct berthd *b, const char *name, const cJSON *request, cJSON *args, struct error *err)
{
	const struct instance *inst = registry_find(b->registry, name, err);
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;

	if (inst == NULL || check_members(request, err) < 0)
		return -1;
	instance_expand(b, inst->desired, &config, &devices);
	json_set_str(args, "name", name);
	if (take_hint(request, args, err) < 0 || take_mode(request, config, args, err) < 0 ||
	    take_exclude(request, config, args, err) < 0 || take_bandwidth(request, args, err) < 0 ||
	    take_numbers(b, request, args, err) < 0 || take_keep(request, config, args, err) < 0)
		return -1;
	describe(b, inst, args);
	return 0;
}
