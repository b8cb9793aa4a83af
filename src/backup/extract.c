/* SPDX-License-Identifier: MIT */
#include "backup/extract.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backup/format.h"
#include "base/argv.h"
#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/settings.h"
#include "proc/proc.h"

#define PREFIX ".extract."
#define TIMEOUT_MS (6 * 3600 * 1000u)
#define LAST_ID 4294967294u
#define ARGUMENTS_MAX (1 << 20) /* of paths that hard links lead to */

struct extract {
	struct berthd *b;
	char *archive, *wanted, *dir, *tree;
	bool manifest, again;
	cJSON *needs;
	struct proc *proc;
	extract_cb cb; /* NULL: cancelled */
	void *data;
	struct extracted x;
	struct error err;
	uv_work_t removal; /* of the tree before a second run, or of the folder at the end */
};

/* ---- the end: the folder goes first, in a thread */

static void extract_free(struct extract *e)
{
	if (e->x.fd >= 0)
		close(e->x.fd);
	cJSON_Delete(e->needs);
	free(e->archive);
	free(e->wanted);
	free(e->dir);
	free(e->tree);
	free(e);
}

static void remove_cb(uv_work_t *work)
{
	const struct extract *e = work->data;
	struct error err = ERROR_INIT;

	if (fs_remove_tree(e->dir, &err) < 0)
		log_warning("%s", err.msg);
}

static void removed_cb(uv_work_t *work, int status)
{
	struct extract *e = work->data;

	if (e->cb != NULL) {
		e->cb(e->err.code == ERROR_NONE ? &e->x : NULL, &e->err, e->data);
		e->x.fd = -1;
	}
	extract_free(e);
}

static void finish(struct extract *e)
{
	if (e->err.code != ERROR_NONE && e->x.fd >= 0) {
		close(e->x.fd);
		e->x.fd = -1;
	}
	e->proc = NULL;
	e->removal.data = e;
	uv_queue_work(e->b->loop, &e->removal, remove_cb, removed_cb);
}

void extract_cancel(struct extract *e)
{
	e->cb = NULL;
	if (e->proc == NULL)
		return; /* something is being removed, and what comes after that sees it */
	proc_abandon(e->proc);
	finish(e);
}

/* ---- what was unpacked */

static int open_wanted(const struct extract *e, int flags)
{
	struct open_how how = { .flags = (unsigned)flags | O_CLOEXEC,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV };
	AUTO_CLOSE int root = open(e->tree, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return (int)syscall(SYS_openat2, root, e->wanted[0] != '\0' ? e->wanted : ".", &how, sizeof(how));
}

static int nameless(struct extract *e, struct error *err)
{
	e->x.fd = open(e->b->settings->backup_path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return e->x.fd < 0 ? error_sys(err, errno, "cannot make a file in '%s'", e->b->settings->backup_path) : 0;
}

static int take_link(struct extract *e, int link)
{
	char text[4096];
	ssize_t n = readlinkat(link, "", text, sizeof(text));

	e->x.type = "symlink";
	if (n < 0 || nameless(e, &e->err) < 0 || write(e->x.fd, text, (size_t)n) != n)
		return e->err.code != ERROR_NONE ? -1 : error_sys(&e->err, errno, "cannot read the link '%s'", e->wanted);
	return lseek(e->x.fd, 0, SEEK_SET) < 0 ? error_sys(&e->err, errno, "cannot read the link '%s'", e->wanted) : 0;
}

static void packed(const struct proc_result *result, void *data)
{
	struct extract *e = data;

	if (proc_check("tar", result, &e->err) == 0 && lseek(e->x.fd, 0, SEEK_SET) < 0)
		error_sys(&e->err, errno, "cannot read '%s'", e->wanted);
	finish(e);
}

/* 0: it runs. */
static int pack_folder(struct extract *e)
{
	AUTO_ARGV struct argv argv = ARGV_INIT;
	const char *slash = strrchr(e->wanted, '/');
	struct proc_spec spec = { .timeout_ms = TIMEOUT_MS, .on_exit = packed, .data = e, .use_stdout_fd = true };

	e->x.type = "directory";
	if (nameless(e, &e->err) < 0)
		return -1;
	argv_pushl(&argv, "tar", "-c", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--acls", "--sparse",
		   "--format=posix", "-C", NULL);
	argv_pushf(&argv, "%s/%.*s", e->tree, slash != NULL ? (int)(slash - e->wanted) : 0, e->wanted);
	argv_pushf(&argv, "./%s", slash != NULL ? slash + 1 : e->wanted);
	spec.argv = (const char *const *)argv.v;
	spec.stdout_fd = e->x.fd;
	e->proc = proc_start(e->b->loop, &spec, &e->err);
	return e->proc != NULL ? 0 : -1;
}

/* 1: more is to come, 0: done, -1: e->err */
static int take(struct extract *e)
{
	AUTO_CLOSE int at = open_wanted(e, O_PATH | O_NOFOLLOW);
	struct stat st;

	if (at < 0 || fstat(at, &st) < 0)
		return error_set(&e->err, ERROR_NOT_FOUND, "the backup holds no '/%s' (symbolic links on the way are not followed)",
				 e->wanted);
	e->x.mode = st.st_mode & 07777;
	e->x.uid = st.st_uid;
	e->x.gid = st.st_gid;
	if (S_ISDIR(st.st_mode))
		return pack_folder(e) < 0 ? -1 : 1;
	if (S_ISLNK(st.st_mode))
		return take_link(e, at);
	if (!S_ISREG(st.st_mode))
		return error_set(&e->err, ERROR_INVALID, "'/%s' is neither a file nor a folder nor a symbolic link", e->wanted);
	e->x.type = "file";
	e->x.fd = open_wanted(e, O_RDONLY | O_NOFOLLOW);
	return e->x.fd < 0 ? error_sys(&e->err, errno, "cannot open '%s'", e->wanted) : 0;
}

/* ---- unpacking */

static int unpack(struct extract *e);

static void remove_tree_cb(uv_work_t *work)
{
	struct extract *e = work->data;

	(void)fs_remove_tree(e->tree, &e->err);
}

static void tree_removed_cb(uv_work_t *work, int status)
{
	struct extract *e = work->data;

	if (e->cb == NULL || e->err.code != ERROR_NONE || unpack(e) < 0)
		finish(e);
}

/* Hard links to files elsewhere: those are unpacked too, in a second run over the archive. */
static void unpack_again(struct extract *e)
{
	e->again = true;
	e->removal.data = e;
	uv_queue_work(e->b->loop, &e->removal, remove_tree_cb, tree_removed_cb);
}

static int take_report(struct extract *e, const struct proc_result *result)
{
	AUTO_FREE char *path = fs_join(e->dir, "report.json");
	struct error unread = ERROR_INIT;
	AUTO_JSON cJSON *report = json_read_file(path, &unread);
	const char *text = json_str(report, "error");
	int64_t code = json_int(report, "code", ERROR_TOOL);

	if (text != NULL)
		return error_set(&e->err, code > ERROR_NONE && code <= ERROR_SYSTEM ? (enum error_code)code : ERROR_TOOL, "%s",
				 text);
	if (proc_check("berth-restore", result, &e->err) < 0)
		return -1;
	cJSON_Delete(e->needs);
	e->needs = cJSON_DetachItemFromObjectCaseSensitive(report, "needs");
	return 0;
}

static void unpacked(const struct proc_result *result, void *data)
{
	struct extract *e = data;

	e->proc = NULL;
	if (take_report(e, result) < 0)
		finish(e);
	else if (cJSON_GetArraySize(e->needs) > 0 && !e->again)
		unpack_again(e);
	else if (take(e) <= 0)
		finish(e);
}

static int push_needs(const struct extract *e, struct argv *argv, struct error *err)
{
	const cJSON *item;
	size_t total = 0;

	cJSON_ArrayForEach(item, e->needs) {
		if (!cJSON_IsString(item))
			continue;
		total += strlen(item->valuestring);
		argv_pushf(argv, "--only=%s", item->valuestring);
	}
	return total > ARGUMENTS_MAX ? error_set(err, ERROR_TOO_LARGE, "too many hard links lead out of '/%s'", e->wanted) : 0;
}

/* 0: it runs. */
static int unpack(struct extract *e)
{
	const struct settings *s = e->b->settings;
	AUTO_CLOSE int fd = open(e->archive, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_ARGV struct argv argv = ARGV_INIT;
	struct proc_spec spec = { .timeout_ms = TIMEOUT_MS, .on_exit = unpacked, .data = e, .use_stdin_fd = true,
				  .stdin_fd = fd };

	if (fd < 0)
		return error_sys(&e->err, errno, "cannot open '%s'", e->archive);
	if (mkdir(e->tree, 0700) < 0)
		return error_sys(&e->err, errno, "cannot make '%s'", e->tree);
	argv_pushf(&argv, "%s/berth-restore", s->libexec_dir);
	argv_push(&argv, "tree");
	argv_pushf(&argv, "--into=%s", e->tree);
	argv_pushf(&argv, "--report=%s/report.json", e->dir);
	argv_pushf(&argv, "--max-bytes=%lld", (long long)s->image_max_bytes);
	argv_pushf(&argv, "--max-entries=%lld", (long long)s->image_max_entries);
	argv_pushf(&argv, "--max-id=%u", LAST_ID);
	argv_pushf(&argv, "--stall=%lld", (long long)s->backup_stall_s);
	argv_push(&argv, "--devices");
	argv_push(&argv, "--list=" BACKUP_MANIFEST);
	if (e->manifest)
		argv_push(&argv, "--second-pass");
	argv_pushf(&argv, "--only=%s", e->wanted);
	if (push_needs(e, &argv, &e->err) < 0)
		return -1;
	spec.argv = (const char *const *)argv.v;
	e->proc = proc_start(e->b->loop, &spec, &e->err);
	return e->proc != NULL ? 0 : -1;
}

/* ---- the request */

/* "/etc//hosts" -> "etc/hosts"; caller frees. */
static char *clean_path(const char *path, struct error *err)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	size_t len;

	for (; *path != '\0'; path += len + (path[len] == '/')) {
		len = strcspn(path, "/");
		if (len == 0 || (len == 1 && path[0] == '.'))
			continue;
		if (len > 255 || (len == 2 && path[0] == '.' && path[1] == '.') || out.len + len > 4095) {
			error_set(err, ERROR_INVALID, "a path within a backup has no '..', at most 255 bytes between two '/', and "
						      "at most 4095 in all");
			return NULL;
		}
		if (out.len > 0)
			strbuf_addch(&out, '/');
		strbuf_add(&out, path, len);
	}
	return out.len > 0 ? strbuf_detach(&out) : mem_strdup("");
}

struct extract *extract_start(struct berthd *b, const char *file, const char *path, extract_cb cb, void *data,
			      struct error *err)
{
	AUTO_JSON cJSON *info = NULL;
	AUTO_FREE char *wanted = clean_path(path, err);
	char uuid[UUID_TEXT_SIZE];
	struct extract *e;

	if (wanted == NULL || backup_file_check(file, err) < 0 || (info = backup_sidecar(b, file, err)) == NULL ||
	    backup_seven(err) == NULL)
		return NULL;
	ident_uuid(uuid);
	e = mem_alloc(sizeof(*e));
	*e = (struct extract){ .b = b, .cb = cb, .data = data, .x = { .fd = -1 } };
	e->manifest = json_bool(info, "manifest", false);
	e->archive = backup_archive_path(b, file);
	e->wanted = wanted;
	wanted = NULL;
	e->dir = mem_printf("%s/" PREFIX "%s", b->settings->backup_path, uuid);
	e->tree = fs_join(e->dir, "tree");
	if (mkdir(e->dir, 0700) == 0 && unpack(e) == 0)
		return e;
	if (e->err.code == ERROR_NONE)
		error_sys(&e->err, errno, "cannot make '%s'", e->dir);
	*err = e->err;
	e->cb = NULL;
	finish(e);
	return NULL;
}

void extract_clean(struct berthd *b)
{
	DIR *dir = opendir(b->settings->backup_path);
	const struct dirent *d;

	while (dir != NULL && (d = readdir(dir)) != NULL) {
		AUTO_FREE char *path = fs_join(b->settings->backup_path, d->d_name);
		struct error err = ERROR_INIT;

		if (strncmp(d->d_name, PREFIX, strlen(PREFIX)) == 0 && fs_remove_tree(path, &err) < 0)
			log_warning("%s", err.msg);
	}
	if (dir != NULL)
		closedir(dir);
}
