/* SPDX-License-Identifier: MIT */
#include "cli/keyval.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/cli.h"

#define STDIN_MAX (4u << 20)

static int read_stdin(struct strbuf *out, struct error *err)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(STDIN_FILENO, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(err, errno, "cannot read stdin");
		strbuf_add(out, buf, (size_t)n);
		if (out->len > STDIN_MAX)
			return error_set(err, ERROR_TOO_LARGE, "a value on stdin may have at most %u bytes", STDIN_MAX);
	}
	if (memchr(out->buf, '\0', out->len))
		return error_set(err, ERROR_INVALID, "the value on stdin holds a NUL byte");
	if (out->len > 0 && memchr(out->buf, '\n', out->len) == out->buf + out->len - 1)
		strbuf_truncate(out, out->len - 1);
	return 0;
}

static int add(cJSON *values, const char *key, const char *value, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;

	if (*key == '\0')
		return error_set(err, ERROR_INVALID, "a key is missing before '=%s'", value);
	if (cJSON_GetObjectItemCaseSensitive(values, key))
		return error_set(err, ERROR_INVALID, "the key '%s' is given twice", key);
	if (strcmp(value, "-") == 0 && !stdin_is_tty()) {
		if (read_stdin(&text, err) < 0)
			return -1;
		value = text.buf;
	}
	json_set_str(values, key, value);
	return 0;
}

static int add_all(cJSON *values, int argc, char **argv, struct error *err)
{
	int i;

	if (argc == 2 && !strchr(argv[0], '='))
		return add(values, argv[0], argv[1], err);
	for (i = 0; i < argc; i++) {
		const char *eq = strchr(argv[i], '=');
		AUTO_FREE char *key = NULL;

		if (!eq)
			return error_set(err, ERROR_INVALID, "'%s' is not of the form key=value", argv[i]);
		key = mem_strndup(argv[i], (size_t)(eq - argv[i]));
		if (add(values, key, eq + 1, err) < 0)
			return -1;
	}
	return 0;
}

cJSON *keyval_parse(int argc, char **argv, struct error *err)
{
	cJSON *values = cJSON_CreateObject();

	if (add_all(values, argc, argv, err) < 0) {
		cJSON_Delete(values);
		return NULL;
	}
	return values;
}
