/* SPDX-License-Identifier: MIT */
#include "instance/adopt.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"

#define CONFIG_MAX (1 << 20)

cJSON *adopt_empty(void)
{
	cJSON *v = cJSON_CreateObject();
	struct utsname uts;

	uname(&uts);
	json_set_str(v, "architecture", uts.machine);
	cJSON_AddObjectToObject(v, "config");
	cJSON_AddObjectToObject(v, "devices");
	cJSON_AddArrayToObject(v, "profiles");
	json_set_str(v, "description", "");
	json_set_bool(v, "ephemeral", false);
	json_set_str(v, "created_at", TIME_UNSET);
	json_set_str(v, "last_used_at", TIME_NEVER);
	json_set_str(v, "driver", "foreign");
	return v;
}

/* "  lxc.key = value  " -> key and value inside line; false for comments and blanks. */
static bool split_line(char *line, char **ret_key, char **ret_value)
{
	char *eq = strchr(line, '=');
	char *end;

	line += strspn(line, " \t");
	if (*line == '#' || eq == NULL)
		return false;
	end = eq;
	while (end > line && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0';
	*ret_key = line;
	*ret_value = eq + 1 + strspn(eq + 1, " \t");
	end = *ret_value + strlen(*ret_value);
	while (end > *ret_value && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		*--end = '\0';
	return true;
}

/* The few things every listing shows; the whole text stays visible as raw.lxc. */
static void describe_line(cJSON *v, bool *privileged, const char *key, const char *value)
{
	if (strcmp(key, "lxc.arch") == 0 && *value != '\0')
		json_set_str(v, "architecture", value);
	else if (strcmp(key, "lxc.idmap") == 0 || strcmp(key, "lxc.id_map") == 0)
		*privileged = false;
	else if (strcmp(key, "lxc.start.auto") == 0 && strcmp(value, "1") == 0)
		json_set_str(json_obj(v, "config"), "boot.autostart", "true");
}

cJSON *adopt_describe(const char *dir, struct error *err)
{
	AUTO_FREE char *path = fs_join(dir, "config");
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	char *line, *key, *value, *save = NULL;
	bool privileged = true;
	struct stat st;
	cJSON *v;

	if (fs_read_file(path, CONFIG_MAX, &text, err) < 0)
		return NULL;
	v = adopt_empty();
	for (const char *p = text.buf; p < text.buf + text.len; p++)
		if (((unsigned char)*p < ' ' && *p != '\n' && *p != '\t' && *p != '\r') || *p == 0x7f) {
			cJSON_Delete(v);
			error_set(err, ERROR_INVALID, "'%s' holds control characters", path);
			return NULL;
		}
	json_set_str(json_obj(v, "config"), "raw.lxc", text.buf);
	for (line = strtok_r(text.buf, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
		if (split_line(line, &key, &value))
			describe_line(v, &privileged, key, value);
	json_set_str(json_obj(v, "config"), "security.privileged", privileged ? "true" : "false");
	if (stat(path, &st) == 0) {
		char when[TIME_TEXT_SIZE];

		time_rfc3339(st.st_mtim, when);
		json_set_str(v, "created_at", when);
	}
	return v;
}
