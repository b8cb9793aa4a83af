/* SPDX-License-Identifier: MIT */
/*
 * Texts that stand in settings and config keys and are small languages: schedules, how long things are kept, patterns
 * of names, ranges of addresses, maps of ids. Each input is given to all of them.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cron.h"
#include "base/expiry.h"
#include "base/mem.h"
#include "base/raw_idmap.h"
#include "model/address_maps.h"
#include "model/snapshot_pattern.h"

#define NOW 1795341600 /* 2026-11-22 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return setenv("TZ", "Europe/Berlin", 1); /* hours that come twice, or not at all */
}

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz_settings: %s\n", what);
	abort();
}

static void fuzz_cron(const char *text)
{
	struct error err = ERROR_INIT;
	struct cron c;
	struct tm tm;
	time_t t;

	if (cron_parse(text, &c, &err) < 0) {
		must(*err.msg, "refused, but not said why");
		return;
	}
	must(c.n <= CRON_RULES_MAX, "too many rules");
	for (int spread = 0; spread < 2; spread++) {
		t = cron_next(&c, NOW);
		must(c.n == 0 ? t == -1 : t > NOW && t % 60 == 0, "never, though it was taken");
		must(c.n == 0 || (localtime_r(&t, &tm) && cron_matches(&c, &tm)), "the next time is not one");
		cron_spread(&c, text);
	}
}

static void fuzz_expiry(const char *text)
{
	struct error err = ERROR_INIT;
	time_t t;

	if (expiry_after(text, NOW, &t, &err) < 0)
		must(*err.msg, "refused, but not said why");
	else
		must(t == 0 || t >= NOW, "over before it began");
}

/* Some names are taken, but not all. */
static bool taken(const char *name, void *data)
{
	return (*(unsigned *)data)++ < 3;
}

static void fuzz_pattern(const char *text)
{
	struct error err = ERROR_INIT, why = ERROR_INIT;
	unsigned calls = 0;
	AUTO_FREE char *name = snapshot_pattern_name(text, NOW, taken, &calls, &err);

	must(name ? name_validate_snapshot(name, &why) == 0 : *err.msg != '\0', "a name that is none, or no reason");
	error_clear(&err);
	must(snapshot_pattern_check(text, &err) == 0 || *err.msg, "refused, but not said why");
}

static void fuzz_maps(const char *text)
{
	struct error err = ERROR_INIT;
	struct address_maps maps;
	struct address a;
	unsigned some = 0;

	if (address_maps_parse(text, &maps, &err) < 0) {
		must(*err.msg && maps.n == 0, "refused, but not said why, or not empty");
		return;
	}
	for (size_t i = 0; i < maps.n; i++) {
		const struct address_map *m = &maps.maps[i];

		some = 0;
		for (uint32_t k = 0; k < m->count && k < 8; k++) {
			if (!address_map_at(m, k, &a))
				continue;
			must(address_same_net(&a, &m->from, m->prefix) && !address_equal(&a, &m->gateway),
			     "an address that is not to be handed out");
			some++;
		}
		must(some > 0, "a range of nothing");
		must(!address_map_at(m, m->count, &a), "more than there is");
	}
	address_maps_clear(&maps);
}

/* What was taken can be said in one word, which says the same; and no two ids of the map are one of the host's. */
static void fuzz_raw_idmap(const char *text)
{
	AUTO_STRBUF struct strbuf word = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct raw_idmap raw, again;
	struct id_extents map;
	uint64_t ids = 0, end = 0;

	if (raw_idmap_scan(text, &again, &err) < 0 && raw_idmap_parse(text, &raw, &err) < 0) {
		must(*err.msg, "refused, but not said why");
		return;
	}
	error_clear(&err);
	if (raw_idmap_parse(text, &raw, &err) < 0)
		raw = again;
	raw_idmap_print(&raw, &word);
	must(raw_idmap_scan(word.buf, &again, &err) == 0 && again.n == raw.n, "its own word is refused");
	if (raw_idmap_extents(&raw, 1000000, 65536, false, &map, &err) < 0)
		return;
	for (size_t i = 0; i < map.n; i++) {
		must(map.v[i].len > 0 && (i == 0 || map.v[i].ns >= end), "two extents have an id");
		end = (uint64_t)map.v[i].ns + map.v[i].len;
		ids += map.v[i].len;
	}
	must(ids >= 65536 && end <= UINT32_MAX, "ids were lost");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *text = mem_strndup((const char *)data, size);

	fuzz_cron(text);
	fuzz_expiry(text);
	fuzz_pattern(text);
	fuzz_maps(text);
	fuzz_raw_idmap(text);
	return 0;
}
