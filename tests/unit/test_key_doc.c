/* SPDX-License-Identifier: MIT */
/* Run as `test_key_doc --write FILE` it writes the document (make doc/config-keys.md). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "model/key.h"
#include "model/key_doc.h"

static void every_row_is_in_it(void **state)
{
	AUTO_STRBUF struct strbuf doc = STRBUF_INIT;

	key_doc(&doc);
	for (const struct config_key *k = config_keys; k->name; k++)
		assert_non_null(strstr(doc.buf, k->name));
	for (const struct device_type *t = device_types; t->name; t++) {
		assert_non_null(strstr(doc.buf, t->name));
		for (const struct device_property *p = t->properties; p->name; p++)
			assert_non_null(strstr(doc.buf, p->name));
	}
}

/* Unit tests run at the top of the tree. */
static void the_one_in_doc_is_up_to_date(void **state)
{
	AUTO_STRBUF struct strbuf doc = STRBUF_INIT, stored = STRBUF_INIT;
	struct error err = ERROR_INIT;

	key_doc(&doc);
	if (fs_read_file("doc/config-keys.md", 1 << 20, &stored, &err) < 0)
		fail_msg("%s", err.msg);
	if (strcmp(doc.buf, stored.buf) != 0)
		fail_msg("doc/config-keys.md is old: run make doc/config-keys.md");
}

static int write_doc(const char *path)
{
	AUTO_STRBUF struct strbuf doc = STRBUF_INIT;
	struct error err = ERROR_INIT;

	key_doc(&doc);
	if (fs_write_atomic(path, doc.buf, doc.len, 0644, &err) == 0)
		return 0;
	fprintf(stderr, "%s\n", err.msg);
	return 1;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_in_it),
		cmocka_unit_test(the_one_in_doc_is_up_to_date),
	};

	if (argc == 3 && strcmp(argv[1], "--write") == 0)
		return write_doc(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
