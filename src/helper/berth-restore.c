/* SPDX-License-Identifier: MIT */
/*
 * berth-restore: the 7z archive of a backup, which is a file on stdin, is listed, read in part, or becomes a tree.
 *
 *   berth-restore list                        7zz's technical listing on stdout
 *   berth-restore test                        reads all of it, and compares the checksums within
 *   berth-restore digest                      SHA-256 of the file on stdout (nettle is several times faster than sha256sum)
 *   berth-restore member NAME                 one member on stdout
 *   berth-restore index                       of an archive of LXD's (tar): {"index": what its index.yaml says} on stdout
 *   berth-restore facts                       {"metadata", "templates": {name: text}} of the container in it
 *   berth-restore tree --into DIR --report FILE [limits] [--only PATH]… [--stall SECONDS]
 *                                             7zz | filter | tar -x -C DIR; "progress N" (bytes of the tar stream) on
 *                                             stdout, what came of it (JSON) in FILE
 *   berth-restore tree … --stream MEMBER      the member is a send stream of btrfs: instead of tar, it is done in a jail (stream_tree.h)
 *
 * 7zz runs as nobody, who may only read. The filter is a child that is nobody, has no system calls but read and write,
 * and judges every entry (image/tar_backup.h). GNU tar, as root, only ever sees what that child wrote. Where the second
 * pass of a backup begins, the filter asks this program to wait for the first tar and goes on with another; and it asks
 * for paths to be removed that the first pass made. All ends when the caller ends, and when nothing has moved for the
 * time of --stall; DIR is locked as in berth-unpack.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "helper/restore_filter.h"
#include "helper/restore_index.h"
#include "helper/restore_options.h"
#include "helper/rootfs_sys.h"
#include "helper/stream_tree.h"
#include "helper/unpack_parts.h"
#include "helper/unpack_sandbox.h"

enum { WATCH_MS = 1000, PATH_LEN_MAX = 4096 };

/* ---- the pipeline */

struct pipeline {
	const struct restore_options *o;
	pid_t self, reader, filter, tar[2];
	bool reaped; /* tar[0] */
	int status;  /* its */
	int report_fd, tail_fd, asked_fd, reader_tail_fd;
	int second_fd, errs_fd; /* the second tar's stdin and stderr, until it starts; or -1 */
	struct report report;
	struct tail tail, reader_tail;
	struct strbuf asked;
	bool full; /* the disk: tar was stopped */
	volatile uint64_t *moved; /* shared with the filter */
	uint64_t moved_then;
	time_t moved_at;
	bool hangs; /* nothing moved for so long that all was ended */
};

/* In the child. 7zz would look for a terminal to ask for a password; the packing is not to be guessed. */
static _Noreturn void become_reader(const char *what, const char *member, int out, int errs, pid_t parent)
{
	const char *seven = fs_in_path("7zz") ? "7zz" : "7z"; /* before memory is short */
	const char *argv[] = { seven, what, what[0] == 'x' ? "-so" : "-slt", "-t7z", "-p-", "-bd", "-y", "--",
			       "/proc/self/fd/0", member, NULL };
	struct error err = ERROR_INIT;

	if (sandbox_reader(parent, &err)) {
		dprintf(errs, "%s\n", err.msg);
		_exit(127);
	}
	part_become(argv, STDIN_FILENO, out, errs);
}

static int start_reader(struct pipeline *p)
{
	int out[2], errs[2];

	part_pipe(out);
	part_pipe(errs);
	p->reader = part_fork();
	if (p->reader == 0)
		become_reader("x", "rootfs.tar", out[1], errs[1], p->self);
	close(out[1]);
	close(errs[1]);
	p->reader_tail_fd = errs[0];
	return out[0];
}

/* No reader: its pipe ends at once. */
static int plain_input(struct pipeline *p)
{
	int errs[2], in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);

	if (in < 0)
		part_die("cannot use the archive");
	part_pipe(errs);
	close(errs[1]);
	p->reader_tail_fd = errs[0];
	return in;
}

static void start_filter(struct pipeline *p, int in, int out, int next)
{
	struct restore_filter f = { .out = out, .next = next, .moved = p->moved };
	int report[2], asked[2];

	part_pipe(report);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, asked))
		part_die("cannot make a socket");
	p->filter = part_fork();
	if (p->filter == 0) {
		close(asked[0]);
		close(report[0]);
		f.parent = asked[1];
		f.progress = STDOUT_FILENO;
		if (dup2(in, STDIN_FILENO) < 0)
			_exit(127);
		close(in);
		_exit(restore_filter(p->o, &f, p->self, report[1]));
	}
	close(report[1]);
	close(asked[1]);
	p->report_fd = report[0];
	p->asked_fd = asked[0];
}

static void start_tar(struct pipeline *p, int which, int in, int errs)
{
	p->tar[which] = part_fork();
	if (p->tar[which] == 0 && p->o->stream != NULL)
		stream_become(p->o, in, errs, p->self);
	if (p->tar[which] == 0)
		part_become_tar(p->o->into, in, errs, p->self);
	close(in);
}

/* Each tar sees the end of its own pipe, since the filter alone holds the other ends. */
static void start(struct pipeline *p)
{
	int tail[2], out[2][2], in = p->o->plain ? plain_input(p) : start_reader(p);

	part_pipe(tail);
	part_pipe(out[0]);
	part_pipe(out[1]);
	start_tar(p, 0, out[0][0], tail[1]);
	start_filter(p, in, out[0][1], out[1][1]);
	close(out[0][1]);
	close(out[1][1]);
	close(in);
	p->tail_fd = tail[0];
	p->errs_fd = tail[1];
	p->second_fd = out[1][0];
}

static void start_second(struct pipeline *p)
{
	start_tar(p, 1, p->second_fd, p->errs_fd);
	close(p->errs_fd);
	p->second_fd = p->errs_fd = -1;
}

/* There will be no second stream. */
static void drop_second(struct pipeline *p)
{
	if (p->second_fd >= 0) {
		close(p->second_fd);
		close(p->errs_fd);
	}
	p->second_fd = p->errs_fd = -1;
}

/* tar would go on with the next file, and the next, on a full disk. */
static bool read_tail(struct pipeline *p)
{
	if (!tail_read(&p->tail, p->tail_fd))
		return false;
	if (tail_full_disk(&p->tail) && !p->full) {
		p->full = true;
		if (!p->reaped)
			kill(p->tar[0], SIGTERM);
		if (p->tar[1])
			kill(p->tar[1], SIGTERM);
	}
	return !p->full;
}

/* ---- what the filter asks for; it reads hostile bytes, so its word is not trusted either */

static int remove_asked(const struct pipeline *p, char *path)
{
	char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, at[PATH_LEN_MAX + 64];
	struct error err = ERROR_INIT;
	AUTO_CLOSE int root = open(p->o->into, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_CLOSE int folder = -1;

	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return -1;
	if (slash)
		*slash = 0;
	folder = sys_openat2(root, slash ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC,
			     RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
	if (folder < 0)
		return errno == ENOENT ? 0 : -1;
	snprintf(at, sizeof(at), "/proc/self/fd/%d/%s", folder, name);
	return fs_remove_tree(at, &err);
}

static int first_done(struct pipeline *p)
{
	if (!p->reaped)
		p->status = part_wait(p->tar[0]);
	p->reaped = true;
	return p->status ? -1 : 0;
}

static int next_tar(struct pipeline *p)
{
	if (p->second_fd < 0 || first_done(p))
		return -1;
	start_second(p);
	return 0;
}

/* false: it is over with the filter. */
static bool answer(struct pipeline *p)
{
	char buf[PATH_LEN_MAX + 2], ok;
	ssize_t n = read(p->asked_fd, buf, sizeof(buf));
	int rc;

	if (n <= 0 || p->asked.len + (size_t)n > sizeof(buf))
		return false;
	strbuf_add(&p->asked, buf, (size_t)n);
	if (p->asked.buf[0] == ASK_NEXT && p->asked.len == 1)
		rc = next_tar(p);
	else if (p->asked.buf[0] != ASK_REMOVE)
		return false;
	else if (p->asked.buf[p->asked.len - 1] != 0)
		return true; /* the rest is still to come */
	else
		rc = p->reaped ? remove_asked(p, p->asked.buf + 1) : -1;
	strbuf_reset(&p->asked);
	ok = rc == 0 ? 'y' : 'n';
	return send(p->asked_fd, &ok, 1, MSG_NOSIGNAL) == 1;
}

static time_t now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static void end_all(const struct pipeline *p)
{
	const pid_t pids[] = { p->reader, p->filter, p->reaped ? 0 : p->tar[0], p->tar[1] };

	for (size_t i = 0; i < sizeof(pids) / sizeof(pids[0]); i++) {
		if (pids[i] > 0)
			kill(pids[i], SIGKILL);
	}
}

/* Whoever of them hangs, the filter waits for it. */
static void watch(struct pipeline *p)
{
	if (*p->moved != p->moved_then)
		p->moved_at = now_s();
	p->moved_then = *p->moved;
	if (p->hangs || !p->o->stall_s || now_s() - p->moved_at < p->o->stall_s)
		return;
	p->hangs = true;
	end_all(p);
}

static void collect(struct pipeline *p)
{
	struct pollfd fds[4] = { { .fd = p->report_fd, .events = POLLIN }, { .fd = p->tail_fd, .events = POLLIN },
				 { .fd = p->asked_fd, .events = POLLIN }, { .fd = p->reader_tail_fd, .events = POLLIN } };
	int i;

	p->moved_at = now_s();
	while (fds[0].fd >= 0 || fds[1].fd >= 0 || fds[3].fd >= 0) {
		if (poll(fds, 4, p->o->stall_s ? WATCH_MS : -1) < 0 && errno != EINTR)
			part_die("cannot wait");
		watch(p);
		if (fds[0].revents && !report_read(&p->report, p->report_fd))
			fds[0].fd = -1;
		if (fds[1].revents && !read_tail(p))
			fds[1].fd = -1;
		if (fds[2].revents && !answer(p)) {
			close(p->asked_fd);
			drop_second(p);
			fds[2].fd = -1;
		}
		if (fds[3].revents && !tail_read(&p->reader_tail, p->reader_tail_fd))
			fds[3].fd = -1;
		for (i = 0; i < 4; i++)
			fds[i].revents = 0;
	}
}

/* ---- what came of it */

static const char *reader_says(struct pipeline *p, char safe[128])
{
	return tar_printable(tail_last_line(&p->reader_tail, "7zz failed"), safe);
}

static cJSON *judge(struct pipeline *p, int reader, int filter, int tar)
{
	struct error err = ERROR_INIT;
	bool reader_left = WIFEXITED(filter) && WEXITSTATUS(filter) == EXIT_READER_LEFT;
	bool reader_failed = WIFEXITED(reader) && WEXITSTATUS(reader), damaged;
	cJSON *report = report_parse(&p->report, &err);
	const char *refused = filter && !reader_left ? json_str(report, "error") : NULL;
	char safe[128];

	if (p->hangs) {
		cJSON_Delete(report);
		error_set(&err, ERROR_TIMEOUT, "the backup has not moved for %d s: 7zz or tar hangs", p->o->stall_s);
		return report_error(&err);
	}
	/* 7zz says so too when nobody reads on */
	damaged = reader_failed && (!filter || strstr(p->reader_tail.text, "Data Error") || strstr(p->reader_tail.text, "CRC") ||
				    strstr(p->reader_tail.text, "Unexpected end"));
	if (p->full) {
		error_set(&err, ERROR_SYSTEM, "cannot unpack into '%.200s': no space left on device", p->o->into);
	} else if (damaged || (WIFEXITED(reader) && WEXITSTATUS(reader) == 127)) {
		error_set(&err, damaged ? ERROR_INVALID : ERROR_TOOL, "the backup is damaged: %s", reader_says(p, safe));
	} else if (refused && strcmp(refused, RESTORE_UNANSWERED) != 0) {
		return report;
	} else if (filter && !reader_left && !refused) {
		error_set(&err, ERROR_TOOL, "the backup could not be read: its reader died (status %d)", filter);
	} else if (WIFSIGNALED(tar)) {
		error_set(&err, ERROR_TOOL, "cannot unpack: 'tar' was killed by signal %d", WTERMSIG(tar));
	} else if (refused && !tar) {
		return report;
	} else if (tar && p->o->stream) {
		error_set(&err, WEXITSTATUS(tar) == EXIT_REFUSED ? ERROR_INVALID : ERROR_TOOL, "%s: %s", p->o->stream,
			  tar_printable(tail_last_line(&p->tail, "it could not be unpacked"), safe));
	} else if (tar || filter) {
		error_set(&err, ERROR_TOOL, "cannot unpack: 'tar' exited with %d: %s", WEXITSTATUS(tar),
			  tar_printable(tail_last_line(&p->tail, "it said nothing"), safe));
	} else if (report) {
		return report;
	}
	cJSON_Delete(report);
	return report_error(&err);
}

/* What the stream made is taken where it belongs. */
static cJSON *keep(const struct restore_options *o, cJSON *report)
{
	struct error err = ERROR_INIT;

	if (o->stream == NULL || json_str(report, "error") != NULL || stream_keep(o, &err) == 0)
		return report;
	cJSON_Delete(report);
	return report_error(&err);
}

static int make_tree(const struct restore_options *o)
{
	struct pipeline p = { .o = o, .self = getpid(), .asked = STRBUF_INIT };
	int dir = open(o->into, O_RDONLY | O_DIRECTORY | O_CLOEXEC), reader, filter, tar, second;
	struct error err = ERROR_INIT;
	cJSON *report;

	if (dir < 0 || flock(dir, LOCK_SH | LOCK_NB))
		part_die(o->into);
	p.moved = mmap(NULL, sizeof(*p.moved), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p.moved == MAP_FAILED)
		part_die("cannot map memory");
	if (o->stream && stream_prepare(o, &err) < 0)
		return report_finish(o->report, report_error(&err));
	start(&p);
	collect(&p);
	filter = part_wait(p.filter);
	first_done(&p);
	second = part_wait(p.tar[1]);
	reader = part_wait(p.reader);
	tar = p.status ? p.status : second;
	report = keep(o, judge(&p, reader, filter, tar));
	free(p.report.text);
	strbuf_clear(&p.asked);
	return report_finish(o->report, report);
}

/* 7zz in our place: its output and exit status are ours. */
static int run_reader(const char *what, const char *member)
{
	pid_t self = getpid(), child = part_fork();
	int status;

	if (child == 0)
		become_reader(what, member, STDOUT_FILENO, STDERR_FILENO, self);
	status = part_wait(child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

static int print_digest(void)
{
	static char buf[256 * 1024];
	struct digest *d = digest_new();
	char text[SHA256_TEXT_SIZE];
	ssize_t n;

	/* of an archive that was just made: the fsync to come has less to wait for */
	(void)sync_file_range(STDIN_FILENO, 0, 0, SYNC_FILE_RANGE_WRITE);
	while ((n = read(STDIN_FILENO, buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR)) {
		if (n > 0)
			digest_update(d, buf, (size_t)n);
	}
	digest_finish(d, text);
	if (n < 0)
		part_die("cannot read the archive");
	return puts(text) < 0 || fflush(stdout) ? 2 : 0;
}

int main(int argc, char **argv)
{
	static struct restore_options o;

	part_program = "berth-restore";
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (argc == 2 && strcmp(argv[1], "list") == 0)
		return run_reader("l", NULL);
	if (argc == 2 && strcmp(argv[1], "test") == 0)
		return run_reader("t", NULL);
	if (argc == 2 && strcmp(argv[1], "digest") == 0)
		return print_digest();
	if (argc == 2 && strcmp(argv[1], "index") == 0)
		restore_index();
	if (argc == 2 && strcmp(argv[1], "facts") == 0)
		restore_facts();
	if (argc == 3 && strcmp(argv[1], "member") == 0)
		return run_reader("x", argv[2]);
	if (argc < 3 || strcmp(argv[1], "tree") != 0)
		restore_options_usage("list, test, digest, member, index, facts or tree?");
	restore_options_parse(argc - 1, argv + 1, &o);
	return make_tree(&o);
}
