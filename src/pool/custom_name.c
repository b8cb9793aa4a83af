/* SPDX-License-Identifier: MIT */
#include "pool/custom_name.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_scan.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "model/key_types.h"

#define FILE_LENGTH_MAX 200 /* of NAME_MAX, with a dot or a suffix */

static bool is_plain(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

/* Bytes, or (C1) two of them, that do something to a terminal. */
static bool has_control(const char *name)
{
	for (const char *s = name; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f ||
		    ((unsigned char)*s == 0xc2 && (unsigned char)s[1] >= 0x80 && (unsigned char)s[1] < 0xa0))
			return true;
	return false;
}

static bool is_utf8(const char *name)
{
	size_t len = strlen(name);

	while (len > 0) {
		size_t n = json_utf8_len(name, len);

		if (n == 0)
			return false;
		name += n;
		len -= n;
	}
	return true;
}

int custom_name_check(const char *name, struct error *err)
{
	char show[TYPE_SHOW_SIZE];
	AUTO_FREE char *file = NULL;

	if (name[0] == '\0')
		return error_set(err, ERROR_INVALID, "No name provided");
	if (strchr(name, '/') != NULL)
		return error_set(err, ERROR_INVALID, "Storage volume names may not contain slashes");
	if (!is_utf8(name))
		return error_set(err, ERROR_INVALID, "Invalid volume name: it is no UTF-8");
	if (has_control(name))
		return error_set(err, ERROR_INVALID, "Invalid volume name \"%s\": control characters", type_show(name, show));
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return error_set(err, ERROR_INVALID, "Invalid volume name \"%s\": no client could ask for it", name);
	file = custom_name_to_file(name);
	if (strlen(file) > FILE_LENGTH_MAX)
		return error_set(err, ERROR_INVALID, "Invalid volume name \"%s\": at most %d bytes; other than letters, digits, '.', '_' "
				 "and '-' count threefold", type_show(name, show), FILE_LENGTH_MAX);
	return 0;
}

int custom_name_check_snapshot(const char *name, struct error *err)
{
	if (strchr(name, '/') != NULL)
		return error_set(err, ERROR_INVALID, "Storage name cannot contain \"/\"");
	if (strchr(name, ' ') != NULL || strchr(name, '\t') != NULL || strchr(name, '\n') != NULL)
		return error_set(err, ERROR_INVALID, "Storage name cannot contain white space");
	return custom_name_check(name, err);
}

char *custom_name_to_file(const char *name)
{
	AUTO_STRBUF struct strbuf file = STRBUF_INIT;

	for (const char *s = name; *s != '\0'; s++) {
		if (is_plain(*s) && (s != name || strchr("._-", *s) == NULL))
			strbuf_addch(&file, *s);
		else
			strbuf_addf(&file, "%%%02X", (unsigned)(unsigned char)*s);
	}
	return mem_strdup(file.buf != NULL ? file.buf : "");
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

char *custom_name_of_file(const char *file)
{
	AUTO_STRBUF struct strbuf name = STRBUF_INIT;
	AUTO_FREE char *again = NULL;
	struct error ignored = ERROR_INIT;

	for (const char *s = file; *s != '\0'; s++) {
		int high = *s == '%' ? digit(s[1]) : -1, low = high >= 0 ? digit(s[2]) : -1;

		if (*s == '%' && (low < 0 || (high == 0 && low == 0)))
			return NULL;
		strbuf_addch(&name, *s == '%' ? (char)(high * 16 + low) : *s);
		s += *s == '%' ? 2 : 0;
	}
	if (name.len == 0 || custom_name_check(name.buf, &ignored) < 0)
		return NULL;
	again = custom_name_to_file(name.buf);
	return strcmp(again, file) == 0 ? mem_strdup(name.buf) : NULL;
}
