/* SPDX-License-Identifier: MIT */
/*
 * berth-pack: what stands between a tree and its archive.
 *
 *   berth-pack join [--bandwidth=BYTES]
 *       tar streams on stdin, one after the other, become one on fd 3, at most BYTES per second; "progress N" (bytes
 *       passed on so far) on stdout, at the end "total N". Runs as nobody, with no system calls but read and write.
 *   berth-pack scan [--records] [PATTERN]...
 *       what is in the working folder: "ENTRIES BYTES STREAM SINCE" on stdout; --records: for `changed`, on fd 3.
 *       PATTERNs ("./var/cache") are left out.
 *   berth-pack changed --since=SECONDS [PATTERN]...
 *       the same folder later: the records on stdin, a manifest on stdout, and on fd 3 the names of what is new or has
 *       changed, also of each file whose ctime is not older than SECONDS. All of it ended by NUL bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/units.h"
#include "helper/no_leak_check.h"
#include "helper/pack_join.h"
#include "helper/pack_scan.h"
#include "helper/unpack_sandbox.h"

enum { CHUNK = 256 * 1024, PROGRESS_NS = 200 * 1000 * 1000, OUT = 3, EXIT_USAGE = 2 };

#define SLACK_S 2 /* a ctime is as old as the kernel's tick, and a file may change twice within one */
#define NS 1000000000ull

struct output {
	uint64_t bandwidth; /* bytes per second; 0: as fast as it goes */
	uint64_t passed;
	uint64_t started, shown; /* ns */
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS + (uint64_t)ts.tv_nsec;
}

static void show(struct output *o, const char *word)
{
	char line[48];
	int len = snprintf(line, sizeof(line), "%s %llu\n", word, (unsigned long long)o->passed);

	while (write(STDOUT_FILENO, line, (size_t)len) < 0 && errno == EINTR)
		;
	o->shown = now_ns();
}

/* Sleeps until so many bytes were allowed to pass. */
static void throttle(const struct output *o)
{
	uint64_t due, now = now_ns();
	struct timespec nap;

	if (o->bandwidth == 0)
		return;
	due = o->started + (uint64_t)((double)o->passed / (double)o->bandwidth * (double)NS);
	if (due <= now)
		return;
	nap.tv_sec = (time_t)((due - now) / NS);
	nap.tv_nsec = (long)((due - now) % NS);
	while (nanosleep(&nap, &nap) < 0 && errno == EINTR)
		;
}

static int pass_on(void *data, const void *bytes, size_t len, struct error *err)
{
	struct output *o = data;
	const char *p = bytes;

	while (len > 0) {
		ssize_t n = write(OUT, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(err, errno, "cannot pass the stream on");
		p += n;
		len -= (size_t)n;
		o->passed += (uint64_t)n;
	}
	return 0;
}

static int run_join(uint64_t bandwidth, struct error *err)
{
	static char buf[CHUNK];
	/* a tenth of a second's worth at a time, so that a limit is kept from the beginning */
	const size_t chunk = bandwidth == 0 || bandwidth / 10 > CHUNK ? CHUNK : bandwidth < 5120 ? 512 : (size_t)bandwidth / 10;
	struct output o = { .bandwidth = bandwidth, .started = now_ns() };
	struct pack_join *j = pack_join_new(pass_on, &o);
	ssize_t n = 1;
	int rc = 0;

	while (rc == 0 && n != 0) {
		n = read(STDIN_FILENO, buf, chunk);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			rc = error_sys(err, errno, "cannot read the stream");
		else if (n > 0)
			rc = pack_join_feed(j, buf, (size_t)n, err);
		throttle(&o);
		if (now_ns() - o.shown >= PROGRESS_NS)
			show(&o, "progress");
	}
	if (rc == 0)
		rc = pack_join_end(j, err);
	if (rc == 0)
		show(&o, "total");
	pack_join_free(j);
	return rc;
}

static int join(uint64_t bandwidth, struct error *err)
{
	const pid_t parent = getppid();

	signal(SIGPIPE, SIG_IGN);
	if (sandbox_drop_ids(parent, err) < 0 || sandbox_enter(err) < 0)
		return -1;
	return run_join(bandwidth, err);
}

static int scan(bool records, char **patterns, int n, struct error *err)
{
	struct pack_scan s = { .exclude = patterns, .n_exclude = n };
	const time_t since = time(NULL) - SLACK_S;
	int rc, fd;

	if (records) {
		/* what was written before through a memory map, and from now on, shows in ctimes only after it was synced */
		fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0) {
			(void)syncfs(fd);
			close(fd);
		}
		s.records = fdopen(OUT, "w");
		if (s.records == NULL)
			return error_sys(err, errno, "cannot open fd 3");
	}
	rc = pack_scan(&s, err);
	if (s.records != NULL && fclose(s.records) != 0 && rc == 0)
		rc = error_sys(err, errno, "cannot write the records");
	if (rc == 0)
		printf("%llu %llu %llu %lld\n", (unsigned long long)s.entries, (unsigned long long)s.bytes,
		       (unsigned long long)s.stream, (long long)since);
	return rc;
}

static int changed(int64_t since, char **patterns, int n, struct error *err)
{
	struct pack_scan s = { .exclude = patterns, .n_exclude = n, .old = stdin, .since = since };
	int rc;

	s.manifest = fdopen(STDOUT_FILENO, "w");
	s.changed = fdopen(OUT, "w");
	if (s.manifest == NULL || s.changed == NULL)
		return error_sys(err, errno, "cannot open the output");
	rc = pack_scan(&s, err);
	if (fclose(s.changed) != 0 && rc == 0)
		rc = error_sys(err, errno, "cannot write the names");
	return rc;
}

static _Noreturn void usage(const char *why)
{
	fprintf(stderr,
		"berth-pack: %s\n"
		"usage: berth-pack join [--bandwidth=BYTES] <TAR... 3>TAR\n"
		"       berth-pack scan [--records 3>RECORDS] [PATTERN]...\n"
		"       berth-pack changed --since=SECONDS [PATTERN]... <RECORDS >MANIFEST 3>NAMES\n", why);
	exit(EXIT_USAGE);
}

static int64_t number(const char *text)
{
	struct error err = ERROR_INIT;
	int64_t v;

	if (units_parse_int(text, 1, INT64_MAX / 2, &v, &err) < 0)
		usage(err.msg);
	return v;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "bandwidth", 1, NULL, 'b' }, { "records", 0, NULL, 'r' },
						 { "since", 1, NULL, 's' }, { 0 } };
	const char *command = argc > 1 ? argv[1] : "";
	struct error err = ERROR_INIT;
	int64_t bandwidth = 0, since = 0;
	bool records = false;
	int c, rc = -1;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'b')
			bandwidth = number(optarg);
		else if (c == 'r')
			records = true;
		else if (c == 's')
			since = number(optarg);
		else
			usage("unknown option");
	}
	argv += optind + 1;
	argc -= optind + 1;
	if (strcmp(command, "join") == 0 && argc == 0)
		rc = join((uint64_t)bandwidth, &err);
	else if (strcmp(command, "scan") == 0)
		rc = scan(records, argv, argc, &err);
	else if (strcmp(command, "changed") == 0 && since > 0)
		rc = changed(since, argv, argc, &err);
	else
		usage("join, scan or changed?");
	if (rc == 0 && fflush(stdout) == 0)
		return EXIT_SUCCESS;
	fprintf(stderr, "berth-pack: %s\n", err.msg);
	return EXIT_FAILURE;
}
