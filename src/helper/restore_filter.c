/* SPDX-License-Identifier: MIT */
#include "helper/restore_filter.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "helper/unpack_parts.h"
#include "helper/unpack_sandbox.h"
#include "image/tar_reader.h"
#include "image/tar_tree.h"

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

/* ---- one member, as it is: a send stream */

static int pass_member(struct tar_reader *reader, struct tar_source *source, struct restore_filter *f, struct error *err)
{
	const void *p;
	size_t n;

	for (;;) {
		if (tar_reader_data(reader, &p, &n, err))
			return -1;
		if (n == 0)
			return 0;
		show_progress(f, tar_source_total(source));
		if (tar_sink_fd(&f->out, p, n, err))
			return -1;
	}
}

static bool is_member(const struct tar_entry *e, const char *member, struct strbuf *name)
{
	struct error ignored = ERROR_INIT;

	return tar_canonical_path(e->name, name, &ignored) == 0 && strcmp(name->buf, member) == 0;
}

static cJSON *find_member(struct tar_source *source, const char *member, struct restore_filter *f, struct error *err)
{
	struct tar_reader *reader = tar_reader_new(source);
	AUTO_STRBUF struct strbuf name = STRBUF_INIT;
	cJSON *report = NULL;
	struct tar_entry e;
	int rc;

	while ((rc = tar_reader_next(reader, &e, err)) > 0 && !is_member(&e, member, &name))
		;
	if (rc == 0 || (rc > 0 && (e.type != TAR_FILE || e.sparse)))
		error_set(err, ERROR_INVALID, "the backup holds no %s", member);
	else if (rc > 0 && pass_member(reader, source, f, err) == 0)
		json_set_int(report = cJSON_CreateObject(), "entries", 1);
	tar_reader_free(reader);
	return report;
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
		report = o->stream != NULL ? find_member(source, o->stream, f, &err) : tar_backup(source, &in, &err);
	tar_source_free(source);
	if (report)
		return report_write(report_fd, report) ? EXIT_READER_LEFT : 0;
	report_write(report_fd, report_error(&err));
	return err.sys == EPIPE ? EXIT_READER_LEFT : EXIT_REFUSED;
}
