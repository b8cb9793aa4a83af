/* SPDX-License-Identifier: MIT */
/* berth image list, info */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/units.h"
#include "cli/columns.h"
#include "cli/image.h"
#include "cli/when.h"

/* ---- columns: each gives a new string */

static char *column_aliases(const cJSON *image)
{
	struct strbuf out = STRBUF_INIT;
	const cJSON *alias;

	cJSON_ArrayForEach(alias, json_arr(image, "aliases"))
		strbuf_addf(&out, "%s%s", out.len ? "\n" : "", json_str_or(alias, "name", ""));
	return strbuf_detach(&out);
}

static char *column_shortest_alias(const cJSON *image)
{
	const cJSON *aliases = json_arr(image, "aliases"), *alias;
	int more = cJSON_GetArraySize(aliases) - 1;
	const char *best = NULL;

	cJSON_ArrayForEach(alias, aliases) {
		const char *name = json_str_or(alias, "name", "");

		if (!best || strlen(name) < strlen(best))
			best = name;
	}
	return more > 0 ? mem_printf("%s (%d more)", best, more) : mem_strdup(best ? best : "");
}

static char *column_fingerprint(const cJSON *image)
{
	return mem_strndup(json_str_or(image, "fingerprint", ""), IMAGE_FINGERPRINT_SHORT);
}

static char *column_fingerprint_long(const cJSON *image)
{
	return mem_strdup(json_str_or(image, "fingerprint", ""));
}

static char *column_public(const cJSON *image)
{
	return mem_strdup(json_bool(image, "public", false) ? "yes" : "no");
}

static char *column_description(const cJSON *image)
{
	return mem_strdup(json_str_or(json_obj(image, "properties"), "description", ""));
}

static char *column_architecture(const cJSON *image)
{
	return mem_strdup(json_str_or(image, "architecture", ""));
}

static char *column_size(const cJSON *image)
{
	char text[64];

	units_format_size((uint64_t)json_int(image, "size", 0), text, sizeof(text));
	return mem_strdup(text);
}

static char *column_uploaded(const cJSON *image)
{
	char text[WHEN_TEXT_SIZE];

	when_format_long(json_str(image, "uploaded_at"), text);
	return mem_strdup(text);
}

static char *column_type(const cJSON *image)
{
	return text_upper(json_str_or(image, "type", "container"));
}

static const struct column columns[] = {
	{ 'l', "ALIAS", column_shortest_alias },
	{ 'L', "ALIASES", column_aliases },
	{ 'f', "FINGERPRINT", column_fingerprint },
	{ 'F', "FINGERPRINT", column_fingerprint_long },
	{ 'p', "PUBLIC", column_public },
	{ 'd', "DESCRIPTION", column_description },
	{ 'a', "ARCHITECTURE", column_architecture },
	{ 't', "TYPE", column_type },
	{ 's', "SIZE", column_size },
	{ 'u', "UPLOAD DATE", column_uploaded },
	{ 0 },
};

/* ---- filters */

static bool property_matches(const cJSON *image, const char *key, const char *value)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(image, key);
	AUTO_FREE char *text = NULL;

	if (!item || cJSON_IsObject(item) || cJSON_IsArray(item))
		item = cJSON_GetObjectItemCaseSensitive(json_obj(image, "properties"), key);
	if (!item)
		return false;
	text = cJSON_IsString(item) ? mem_strdup(item->valuestring) : json_text(item);
	return strcasecmp(text, value) == 0;
}

static bool word_matches(const cJSON *image, const char *word)
{
	const cJSON *alias;

	if (strncasecmp(json_str_or(image, "fingerprint", ""), word, strlen(word)) == 0)
		return true;
	cJSON_ArrayForEach(alias, json_arr(image, "aliases")) {
		if (strcasestr(json_str_or(alias, "name", ""), word))
			return true;
	}
	return false;
}

static bool image_matches(const cJSON *image, char *const *filters)
{
	for (; *filters; filters++) {
		const char *eq = strchr(*filters, '=');
		AUTO_FREE char *key = eq ? mem_strndup(*filters, (size_t)(eq - *filters)) : NULL;

		if (key ? !property_matches(image, key, eq + 1) : !word_matches(image, *filters))
			return false;
	}
	return true;
}

static cJSON *list_get(struct cli *cli, char *const *filters, struct error *err)
{
	cJSON *images = client_get(cli->client, "/1.0/images?recursion=1", NULL, err);
	cJSON *image, *next;

	for (image = images ? images->child : NULL; image; image = next) {
		next = image->next;
		if (!image_matches(image, filters))
			cJSON_Delete(cJSON_DetachItemViaPointer(images, image));
	}
	return images;
}

int image_list_cmd(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_JSON cJSON *images = NULL;
	enum format format;
	struct columns shown;

	if (columns_options(cli, argc, argv, columns, "lfpdatsu", &shown, &format, NULL) != 0)
		return CLI_USAGE;
	if (optind < argc && strcmp(argv[optind], "local:") == 0) /* as lxc names the one server there is */
		optind++;
	images = list_get(cli, argv + optind, err);
	return images ? columns_print(&shown, images, format, err) : -1;
}

/* ---- info */

static void info_line(const char *name, const char *value)
{
	printf("%s: ", name);
	text_print(stdout, value);
	putchar('\n');
}

static void info_time(const cJSON *image, const char *name, const char *member)
{
	char text[WHEN_TEXT_SIZE];

	when_format(json_str(image, member), "never", text);
	info_line(name, text);
}

static void info_names(const char *title, const cJSON *list)
{
	const cJSON *item;

	printf("%s:\n", title);
	cJSON_ArrayForEach(item, list) {
		fputs("    - ", stdout);
		text_print(stdout, cJSON_IsString(item) ? item->valuestring : json_str_or(item, "name", ""));
		putchar('\n');
	}
}

static void info_print(cJSON *image)
{
	cJSON *properties = json_obj(image, "properties"), *item;
	AUTO_FREE char *size = column_size(image);

	info_line("Fingerprint", json_str_or(image, "fingerprint", ""));
	info_line("Size", size);
	info_line("Architecture", json_str_or(image, "architecture", ""));
	info_line("Type", json_str_or(image, "type", "container"));
	info_line("Public", json_bool(image, "public", false) ? "yes" : "no");
	puts("Timestamps:");
	info_time(image, "    Created", "created_at");
	info_time(image, "    Uploaded", "uploaded_at");
	info_time(image, "    Expires", "expires_at");
	info_time(image, "    Last used", "last_used_at");
	puts("Properties:");
	if (properties)
		json_sort(properties);
	cJSON_ArrayForEach(item, properties) {
		AUTO_FREE char *name = mem_printf("    %s", item->string);

		info_line(name, cJSON_IsString(item) ? item->valuestring : "");
	}
	info_names("Aliases", json_arr(image, "aliases"));
	info_line("Cached", json_bool(image, "cached", false) ? "yes" : "no");
	info_line("Auto update", json_bool(image, "auto_update", false) ? "enabled" : "disabled");
	info_names("Profiles", json_arr(image, "profiles"));
}

int image_info_cmd(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_OBJECT struct object o = { 0 };
	int rc = cli_args(cli, &argc, &argv, 1, 1);

	if (rc != 0)
		return rc;
	if (image_object(cli, argv[0], &o, err) < 0)
		return -1;
	info_print(o.value);
	return 0;
}
