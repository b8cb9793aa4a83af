/* SPDX-License-Identifier: MIT */
#include "helper/restore_filter.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "helper/unpack_parts.h"
#include "helper/unpack_sandbox.h"

enum { PROGRESS_MS = 200 };

static int ask(struct restore_filter *f, char what, const char *path, struct error *err)
{
	char answer = 0;

	if (tar_sink_fd(&f->parent, &what, 1, err) || (path && tar_sink_fd(&f->parent, path, strlen(path) + 1, err)))
		return -1;
	while (read(f->parent, &answer, 1) < 0 && errno == EINTR)
		;
	return answer == 'y' ? 0 : error_set(err, ERROR_SYSTEM, RESTORE_UNANSWERED);
}

static int next_stream(void *data, struct error *err)
{
	struct restore_filter *f = data;

	close(f->out);
	f->out = f->next;
	return ask(f, ASK_NEXT, NULL, err);
}

static int remove_path(void *data, const char *path, struct error *err)
{
	return ask(data, ASK_REMOVE, path, err);
}

static void show_progress(void *data, uint64_t bytes)
{
	struct restore_filter *f = data;
	struct timespec now;

	*f->moved = bytes;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if ((now.tv_sec - f->shown.tv_sec) * 1000 + (now.tv_nsec - f->shown.tv_nsec) / 1000000 < PROGRESS_MS)
		return;
	f->shown = now;
	dprintf(f->progress, "progress %llu\n", (unsigned long long)bytes);
}

int restore_filter(const struct restore_options *o, struct restore_filter *f, pid_t parent, int report_fd)
{
	struct tar_backup in = o->backup;
	struct error err = ERROR_INIT;
	struct tar_source *source;
	cJSON *report = NULL;

	signal(SIGPIPE, SIG_IGN);
	in.sink = tar_sink_fd;
	in.sink_data = &f->out;
	in.next_stream = next_stream;
	in.remove = remove_path;
	in.progress = show_progress;
	in.data = f;
	source = tar_source_fd(STDIN_FILENO);
	/* headers, padding and the list of paths come on top of what the files hold */
	tar_source_limit(source, in.max_bytes + in.max_entries * 8192 + 64 * 1024 * 1024);
	if (sandbox_drop_ids(parent, &err) == 0 && sandbox_enter(&err) == 0)
		report = tar_backup(source, &in, &err);
	tar_source_free(source);
	if (report)
		return report_write(report_fd, report) ? EXIT_READER_LEFT : 0;
	report_write(report_fd, report_error(&err));
	return err.sys == EPIPE ? EXIT_READER_LEFT : EXIT_REFUSED;
}
