/* SPDX-License-Identifier: MIT */
#include "helper/restore_options.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"

_Noreturn void restore_options_usage(const char *why)
{
	fprintf(stderr,
		"berth-restore: %s\n"
		"usage: berth-restore list <ARCHIVE\n"
		"       berth-restore test <ARCHIVE\n"
		"       berth-restore digest <ARCHIVE\n"
		"       berth-restore member NAME <ARCHIVE\n"
		"       berth-restore index <ARCHIVE\n"
		"       berth-restore facts <ARCHIVE\n"
		"       berth-restore tree --into DIR --report FILE --max-bytes N --max-entries N --max-id N\n"
		"                          [--devices] [--second-pass --list NAME] [--only PATH]... [--stall SECONDS]\n"
		"                          [--prefix PATH [--shift HOST:INSIDE:SIZE]] <ARCHIVE\n"
		"       berth-restore tree … --stream MEMBER --keep PATH [--lift [--facts FILE]] <ARCHIVE\n",
		why);
	exit(2);
}

static uint64_t number(const char *text)
{
	struct error err = ERROR_INIT;
	int64_t v;

	if (units_parse_int(text, 1, INT64_MAX / 16384, &v, &err))
		restore_options_usage(err.msg);
	return (uint64_t)v;
}

void restore_options_parse(int argc, char **argv, struct restore_options *o)
{
	static const struct option longs[] = {
		{ "max-bytes", 1, NULL, 'b' }, { "max-entries", 1, NULL, 'e' }, { "max-id", 1, NULL, 'i' },
		{ "into", 1, NULL, 'd' },      { "report", 1, NULL, 'r' },	{ "devices", 0, NULL, 'n' },
		{ "second-pass", 0, NULL, 's' }, { "list", 1, NULL, 'l' },	{ "only", 1, NULL, 'o' },
		{ "stall", 1, NULL, 't' },     { "prefix", 1, NULL, 'p' },	{ "shift", 1, NULL, 'S' },
		{ "stream", 1, NULL, 'm' },    { "keep", 1, NULL, 'k' },	{ "lift", 0, NULL, 'L' },
		{ "facts", 1, NULL, 'f' },
		{ NULL, 0, NULL, 0 },
	};
	struct tar_backup *b = &o->backup;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'b': b->max_bytes = number(optarg); break;
		case 'e': b->max_entries = number(optarg); break;
		case 'i': b->max_id = number(optarg); break;
		case 'd': o->into = optarg; break;
		case 'r': o->report = optarg; break;
		case 'n': b->devices = true; break;
		case 's': b->second_pass = true; break;
		case 'l': b->list = optarg; break;
		case 't': o->stall_s = (int)(number(optarg) & 0xffffff); break;
		case 'p':
			b->prefix = optarg;
			o->plain = true;
			break;
		case 'm':
			o->stream = optarg;
			o->plain = true;
			break;
		case 'k': o->keep = optarg; break;
		case 'L': o->lift = true; break;
		case 'f': o->facts = optarg; break;
		case 'S':
			if (sscanf(optarg, "%" SCNu64 ":%" SCNu64 ":%" SCNu64, &b->shift.host, &b->shift.inside, &b->shift.size) != 3)
				restore_options_usage("--shift is HOST:INSIDE:SIZE");
			break;
		case 'o':
			if (b->n_only == RESTORE_ONLY_MAX)
				restore_options_usage("too many --only");
			o->only[b->n_only++] = optarg;
			b->only = o->only;
			break;
		default: restore_options_usage("unknown option");
		}
	}
	if (optind < argc || !b->max_bytes || !b->max_entries || !b->max_id || !o->into || !o->report ||
	    (b->second_pass && !b->list) || (o->stream != NULL && (o->keep == NULL || strchr(o->keep, '/') == NULL)))
		restore_options_usage("--into, --report and the limits are needed");
}
