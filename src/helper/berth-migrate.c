/* SPDX-License-Identifier: MIT */
/*
 * berth-migrate: one side of a migration between servers (migrate_session.h).
 *
 *   berth-migrate send SPEC             its two websockets, accepted by berthd, are fd 0 (control) and fd 3 (files)
 *   berth-migrate receive SPEC          the same
 *   berth-migrate send|receive --dial SPEC
 *                                       it connects itself: {"operation", "certificate", "control", "fs": secrets} on stdin
 *                                       (secrets have no place in a command line)
 *   berth-migrate done                  on fd 0: says that all went well
 *   berth-migrate relay …               what rsync runs (migrate_rsync.h)
 *
 * "progress NAME: 1.23MB (4.56MB/s)" on stdout. It ends with EXIT_ERRORS + the number of the error (base/error.h), whose text
 * is on stderr. rsync runs in a jail, TLS as nobody, and what the other side says is taken apart by
 * nobody (migrate_confined.h); this process reads the frames that it comes in, within bounds.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "helper/migrate_dial.h"
#include "helper/migrate_rsync.h"
#include "helper/migrate_session.h"
#include "helper/no_leak_check.h"
#include "helper/program.h"
#include "helper/unpack_parts.h"

enum { EXIT_USAGE = 2, EXIT_ERRORS = 10, DIAL_MAX = 256 * 1024, FILES_FD = 3 };

static _Noreturn void usage(void)
{
	fputs("usage: berth-migrate send|receive [--dial] SPEC\n       berth-migrate done\n", stderr);
	exit(EXIT_USAGE);
}

static int dial(struct channel *control, struct channel *fs, struct error *err)
{
	AUTO_JSON cJSON *spec = program_read_json(DIAL_MAX, err);
	int fd = spec != NULL ? migrate_dial(spec, json_str_or(spec, "control", ""), err) : -1;

	if (fd < 0)
		return -1;
	channel_open(control, fd, true);
	fd = migrate_dial(spec, json_str_or(spec, "fs", ""), err);
	if (fd < 0)
		return -1;
	channel_open(fs, fd, true);
	return 0;
}

/* Not to be inherited by what we start. */
static int take_fd(int fd, struct channel *c, struct error *err)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 10), null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (own < 0 || null < 0 || dup2(null, fd) < 0)
		return error_sys(err, errno, "the connection is missing");
	close(null);
	channel_open(c, own, false);
	return 0;
}

static int run(const char *command, bool dials, const char *path, struct error *err)
{
	struct channel control = { 0 }, fs = { 0 };
	AUTO_JSON cJSON *spec = json_read_file(path, err);
	const struct session s = { &control, &fs, spec };
	bool silent = json_bool(spec, "silent", false);
	int rc = -1;

	if (spec == NULL)
		return -1;
	if (dials ? dial(&control, &fs, err) == 0 : take_fd(STDIN_FILENO, &control, err) == 0 && take_fd(FILES_FD, &fs, err) == 0)
		rc = strcmp(command, "send") == 0 ? migrate_send(&s, err) : migrate_receive(&s, err);
	channel_close(&fs);
	if (rc < 0 || !silent)
		channel_close(&control);
	return rc;
}

static int say_done(struct error *err)
{
	struct channel control;
	int rc;

	if (take_fd(STDIN_FILENO, &control, err) < 0)
		return -1;
	rc = migrate_say_done(&control, err);
	channel_close(&control);
	return rc;
}

int main(int argc, char **argv)
{
	bool dials = argc == 4 && strcmp(argv[2], "--dial") == 0;
	struct error err = ERROR_INIT;
	int rc;

	part_program = "berth-migrate";
	if (argc > 1 && strcmp(argv[1], "relay") == 0)
		return migrate_rsync_relay();
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	if (argc == 2 && strcmp(argv[1], "done") == 0)
		rc = say_done(&err);
	else if ((argc == 3 || dials) && (strcmp(argv[1], "send") == 0 || strcmp(argv[1], "receive") == 0))
		rc = run(argv[1], dials, argv[argc - 1], &err);
	else
		usage();
	if (rc == 0)
		return 0;
	fprintf(stderr, "%s\n", err.msg);
	return EXIT_ERRORS + (int)err.code;
}
