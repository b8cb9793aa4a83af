/* SPDX-License-Identifier: MIT */
#include "cli/profile_instance.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/object.h"

static int begin(struct cli *cli, int argc, char ***argv, struct object *o, struct error *err)
{
	int rc = cli_args(cli, &argc, argv, 2, 2);

	return rc != 0 ? rc : object_get(cli, &object_instance, (*argv)[0], o, err);
}

/* The instance's list, made when missing. */
static cJSON *profiles_of(struct object *o)
{
	cJSON *list = json_arr(o->value, "profiles");

	if (!list) {
		list = cJSON_CreateArray();
		json_set(o->value, "profiles", list);
	}
	return list;
}

static int position(const cJSON *list, const char *profile)
{
	const cJSON *item;
	int i = 0;

	cJSON_ArrayForEach(item, list) {
		if (cJSON_IsString(item) && strcmp(item->valuestring, profile) == 0)
			return i;
		i++;
	}
	return -1;
}

int profile_instance_add(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_OBJECT struct object o = { 0 };
	cJSON *list;
	int rc = begin(cli, argc, &argv, &o, err);

	if (rc != 0)
		return rc;
	list = profiles_of(&o);
	if (position(list, argv[1]) >= 0)
		return error_set(err, ERROR_CONFLICT, "instance '%s' has the profile '%s' already", o.name, argv[1]);
	cJSON_AddItemToArray(list, cJSON_CreateString(argv[1]));
	if (object_put(cli, &o, err) < 0)
		return -1;
	if (!cli->quiet)
		printf("Profile %s added to %s\n", argv[1], o.name);
	return 0;
}

int profile_instance_remove(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_OBJECT struct object o = { 0 };
	cJSON *list;
	int at, rc = begin(cli, argc, &argv, &o, err);

	if (rc != 0)
		return rc;
	list = profiles_of(&o);
	at = position(list, argv[1]);
	if (at < 0)
		return error_set(err, ERROR_NOT_FOUND, "instance '%s' has no profile '%s'", o.name, argv[1]);
	cJSON_DeleteItemFromArray(list, at);
	if (object_put(cli, &o, err) < 0)
		return -1;
	if (!cli->quiet)
		printf("Profile %s removed from %s\n", argv[1], o.name);
	return 0;
}

int profile_instance_assign(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_OBJECT struct object o = { 0 };
	AUTO_FREE char *names = NULL;
	cJSON *list;
	char *name, *save;
	int rc = begin(cli, argc, &argv, &o, err);

	if (rc != 0)
		return rc;
	list = cJSON_CreateArray();
	json_set(o.value, "profiles", list);
	names = mem_strdup(argv[1]);
	for (name = strtok_r(names, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		if (position(list, name) >= 0)
			return error_set(err, ERROR_INVALID, "the profile '%s' is given twice", name);
		cJSON_AddItemToArray(list, cJSON_CreateString(name));
	}
	if (object_put(cli, &o, err) < 0)
		return -1;
	if (!cli->quiet)
		printf("Profiles %s applied to %s\n", *argv[1] ? argv[1] : "(none)", o.name);
	return 0;
}
