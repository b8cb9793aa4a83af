/* SPDX-License-Identifier: MIT */
/*
 * berth-unpack: an image archive on stdin becomes a tree.
 *
 *   berth-unpack [limits]                 filter: a normalised tar on stdout, the report (JSON) on fd 3
 *   berth-unpack [limits] --into DIR --report FILE
 *                                         the whole way: filter | tar -x -C DIR; "progress N" on stdout
 *
 * The archive is read by a child that is nobody, has no system calls but
 * read and write, and judges every entry before it goes on; GNU tar, as root,
 * only ever sees what that child wrote. With --squashfs sqfs2tar (nobody too)
 * stands in front. Everything ends when the caller ends; DIR is locked (flock,
 * shared) as long as a part of this lives.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"
#include "helper/unpack_parts.h"
#include "helper/unpack_sandbox.h"
#include "image/tar_inspect.h"

enum { PROGRESS_MS = 200 };

struct options {
	struct tar_inspect inspect;
	const char *into, *report;
	bool squashfs;
};

/* ---- the filter */

/* stdin to stdout; returns the exit status. */
static int filter(const struct options *o, int report_fd)
{
	const struct tar_inspect *in = &o->inspect;
	struct tar_source *source = tar_source_fd(STDIN_FILENO);
	struct error err = ERROR_INIT;
	int out = STDOUT_FILENO;
	cJSON *report;

	/* headers and padding come on top of what the files hold */
	tar_source_limit(source, in->max_bytes + in->max_entries * 4096 + 64 * 1024 * 1024);
	report = tar_inspect(source, in, tar_sink_fd, &out, &err);
	tar_source_free(source);
	if (report)
		return report_write(report_fd, report) ? EXIT_READER_LEFT : 0;
	report_write(report_fd, report_error(&err));
	return err.sys == EPIPE ? EXIT_READER_LEFT : EXIT_REFUSED;
}

static int run_filter(const struct options *o, pid_t parent, int report_fd)
{
	struct error err = ERROR_INIT;

	signal(SIGPIPE, SIG_IGN);
	if ((parent && sandbox_drop_ids(parent, &err)) || sandbox_enter(&err)) {
		report_write(report_fd, report_error(&err));
		return EXIT_REFUSED;
	}
	return filter(o, report_fd);
}

/* ---- the pipeline */

struct pipeline {
	const struct options *o;
	pid_t self, squash, filter, tar;
	int report_fd, tail_fd;
	struct report report;
	struct tail tail;
	bool full; /* the disk: tar was stopped */
};

/* sqfs2tar wants a file to seek in: the archive, through its descriptor. Returns where its tar comes out. */
static int start_squash(struct pipeline *p, int errs)
{
	static const char *const argv[] = { "sqfs2tar", "/proc/self/fd/0", NULL };
	struct error err = ERROR_INIT;
	int out[2];

	part_pipe(out);
	p->squash = part_fork();
	if (p->squash == 0) {
		if (sandbox_drop_ids(p->self, &err))
			_exit(127);
		part_become(argv, STDIN_FILENO, out[1], errs);
	}
	close(out[1]);
	return out[0];
}

static int start_filter(struct pipeline *p, int in)
{
	int out[2], report[2];

	part_pipe(out);
	part_pipe(report);
	p->filter = part_fork();
	if (p->filter == 0) {
		if (dup2(in, 0) < 0 || dup2(out[1], 1) < 0)
			_exit(127);
		close(out[0]);
		close(out[1]);
		close(report[0]);
		_exit(run_filter(p->o, p->self, report[1]));
	}
	close(out[1]);
	close(report[1]);
	p->report_fd = report[0];
	return out[0];
}

static void start_tar(struct pipeline *p, int in, int errs)
{
	p->tar = part_fork();
	if (p->tar == 0)
		part_become_tar(p->o->into, in, errs, p->self);
}

static void start(struct pipeline *p)
{
	int tail[2], in = STDIN_FILENO, mid;

	part_pipe(tail);
	if (p->o->squashfs)
		in = start_squash(p, tail[1]);
	mid = start_filter(p, in);
	start_tar(p, mid, tail[1]);
	close(mid);
	close(tail[1]);
	if (in != STDIN_FILENO)
		close(in);
	p->tail_fd = tail[0];
}

static void show_progress(void)
{
	static off_t last = -1;
	static int64_t shown_ms = -PROGRESS_MS;
	off_t now = lseek(STDIN_FILENO, 0, SEEK_CUR);
	struct timespec ts;
	int64_t ms;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ms = ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
	if (now < 0 || now == last || ms - shown_ms < PROGRESS_MS)
		return;
	shown_ms = ms;
	last = now;
	printf("progress %lld\n", (long long)now);
	fflush(stdout);
}

/* tar would go on with the next file, and the next, on a full disk. */
static void stop_when_full(struct pipeline *p)
{
	if (!tail_full_disk(&p->tail) || p->full)
		return;
	p->full = true;
	kill(p->tar, SIGTERM);
}

/* Keeps the end of what tar and sqfs2tar say. */
static bool read_tail(struct pipeline *p)
{
	if (!tail_read(&p->tail, p->tail_fd))
		return false;
	stop_when_full(p);
	return !p->full;
}

static void collect(struct pipeline *p)
{
	struct pollfd fds[2] = {{.fd = p->report_fd, .events = POLLIN}, {.fd = p->tail_fd, .events = POLLIN}};

	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		if (poll(fds, 2, PROGRESS_MS) < 0 && errno != EINTR)
			part_die("cannot wait");
		if (fds[0].revents && !report_read(&p->report, p->report_fd))
			fds[0].fd = -1;
		if (fds[1].revents && !read_tail(p))
			fds[1].fd = -1;
		fds[0].revents = fds[1].revents = 0;
		show_progress();
	}
}

static cJSON *judge(struct pipeline *p, int squash, int filter_status, int tar)
{
	struct error err = ERROR_INIT;
	bool reader_left = WIFEXITED(filter_status) && WEXITSTATUS(filter_status) == EXIT_READER_LEFT;
	cJSON *report = report_parse(&p->report, &err);
	char safe[128];

	if (WIFEXITED(squash) && WEXITSTATUS(squash)) {
		error_set(&err, ERROR_INVALID, "the squashfs image is damaged: %s",
			  tar_printable(tail_last_line(&p->tail, "sqfs2tar failed"), safe));
	} else if (filter_status && !reader_left && report && json_str(report, "error")) {
		return report;
	} else if (filter_status && !reader_left) {
		error_set(&err, ERROR_TOOL, "the archive could not be read: its reader died (status %d)",
			  filter_status);
	} else if (p->full) {
		error_set(&err, ERROR_SYSTEM, "cannot unpack into '%.200s': no space left on device",
			  p->o->into);
	} else if (WIFSIGNALED(tar)) {
		error_set(&err, ERROR_TOOL, "cannot unpack: 'tar' was killed by signal %d", WTERMSIG(tar));
	} else if (tar || filter_status) {
		error_set(&err, ERROR_TOOL, "cannot unpack: 'tar' exited with %d: %s", WEXITSTATUS(tar),
			  tar_printable(tail_last_line(&p->tail, "it said nothing"), safe));
	} else if (report) {
		return report;
	}
	cJSON_Delete(report);
	return report_error(&err);
}

static int unpack(const struct options *o)
{
	struct pipeline p = { .o = o, .self = getpid() };
	int dir = open(o->into, O_RDONLY | O_DIRECTORY), squash, filter_status, tar;
	cJSON *report;

	if (dir < 0 || flock(dir, LOCK_SH | LOCK_NB))
		part_die(o->into);
	start(&p);
	collect(&p);
	squash = part_wait(p.squash);
	filter_status = part_wait(p.filter);
	tar = part_wait(p.tar);
	report = judge(&p, squash, filter_status, tar);
	free(p.report.text);
	return report_finish(o->report, report);
}

/* ---- command line */

static _Noreturn void usage(const char *why)
{
	fprintf(stderr,
		"berth-unpack: %s\n"
		"usage: berth-unpack --max-bytes N --max-entries N [--max-id N]\n"
		"                    [--part whole|metadata|rootfs] [--squashfs] [--into DIR --report FILE] <ARCHIVE\n",
		why);
	exit(2);
}

static uint64_t number(const char *text)
{
	struct error err = ERROR_INIT;
	int64_t v;

	if (units_parse_int(text, 1, INT64_MAX / 8192, &v, &err))
		usage(err.msg);
	return (uint64_t)v;
}

static enum tar_part part(const char *text)
{
	static const char *const names[] = { "whole", "metadata", "rootfs" };
	unsigned i;

	for (i = 0; i < 3; i++) {
		if (strcmp(text, names[i]) == 0)
			return (enum tar_part)i;
	}
	usage("--part is whole, metadata or rootfs");
}

static void parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "max-bytes", 1, NULL, 'b' }, { "max-entries", 1, NULL, 'e' }, { "max-id", 1, NULL, 'i' },
		{ "part", 1, NULL, 'p' },      { "into", 1, NULL, 'd' },	{ "report", 1, NULL, 'r' },
		{ "squashfs", 0, NULL, 's' },  { NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'b': o->inspect.max_bytes = number(optarg); break;
		case 'e': o->inspect.max_entries = number(optarg); break;
		case 'i': o->inspect.max_id = number(optarg); break;
		case 'p': o->inspect.part = part(optarg); break;
		case 'd': o->into = optarg; break;
		case 'r': o->report = optarg; break;
		case 's': o->squashfs = true; break;
		default: usage("unknown option");
		}
	}
	if (optind < argc || !o->inspect.max_bytes || !o->inspect.max_entries || !o->into != !o->report)
		usage("--max-bytes and --max-entries are needed; --into and --report go together");
}

int main(int argc, char **argv)
{
	struct options o = { .inspect = { .max_id = 65535 } };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	parse(argc, argv, &o);
	return o.into ? unpack(&o) : run_filter(&o, 0, 3);
}
