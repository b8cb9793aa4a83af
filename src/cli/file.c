/* SPDX-License-Identifier: MIT */
/* berth file: files of instances. What its verbs share, the short ones, and the table. */
#include "cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/edit.h"
#include "cli/instance.h"

/* ---- places */

static void add_parts(struct strbuf *out, const char *path)
{
	while (*path) {
		size_t len = strcspn(path, "/");

		if (len > 0 && !(len == 1 && *path == '.'))
			strbuf_addf(out, "/%.*s", (int)len, path);
		path += len + (path[len] == '/');
	}
}

char *file_join(const char *folder, const char *below)
{
	struct strbuf out = STRBUF_INIT;

	add_parts(&out, folder);
	add_parts(&out, below);
	if (out.len == 0)
		strbuf_addch(&out, '/');
	return strbuf_detach(&out);
}

int file_place_parse(const char *arg, struct file_place *ret, struct error *err)
{
	const char *local = instance_local(arg), *slash = strchr(local, '/');
	size_t len = strlen(local);

	*ret = (struct file_place){ 0 };
	if (!slash || slash == local) {
		error_set(err, ERROR_INVALID, "'%s' is no file of an instance: it must be INSTANCE/PATH", arg);
		return -1;
	}
	ret->instance = mem_strndup(local, (size_t)(slash - local));
	ret->path = file_join("", slash);
	ret->folder = local[len - 1] == '/' || (local[len - 1] == '.' && local[len - 2] == '/');
	return 0;
}

void file_place_clear(struct file_place *p)
{
	free(p->instance);
	free(p->path);
	*p = (struct file_place){ 0 };
}

char *file_url(const char *instance, const char *path)
{
	AUTO_FREE char *query = client_escape(path);
	AUTO_FREE char *suffix = mem_printf("/files?path=%s", query);

	return instance_path(instance, suffix);
}

char *file_link_target(const char *path, const char *target)
{
	AUTO_FREE char *folder = mem_strndup(path, (size_t)(strrchr(path, '/') - path));

	return target[0] == '/' ? file_join("", target) : file_join(folder, target);
}

static int nothing_to_read(unsigned mode, void *data, struct error *err)
{
	*(bool *)data = true;
	(void)mode;
	return error_set(err, ERROR_CANCELLED, "only its type is asked for");
}

int file_type_of(struct cli *cli, const char *instance, const char *path, char type[16], struct error *err)
{
	AUTO_FREE char *url = file_url(instance, path);
	struct client_file file;
	bool is_file = false;
	int rc = client_file_get(cli->client, url, nothing_to_read, &is_file, &file, err) < 0 ? -1 : 1;

	memcpy(type, is_file ? "file" : file.type, is_file ? sizeof("file") : sizeof(file.type));
	client_file_clear(&file);
	if (rc > 0 || (!is_file && err->code != ERROR_NOT_FOUND))
		return rc;
	error_clear(err);
	return is_file;
}

/* ---- making */

static int number(const char *what, const char *text, const char *digits, int base, long max, long *ret, struct error *err)
{
	errno = 0;
	*ret = strtol(text, NULL, base);
	if (text[0] && strspn(text, digits) == strlen(text) && errno == 0 && *ret <= max)
		return 0;
	if (base == 8)
		return error_set(err, ERROR_INVALID, "--mode '%s' must be octal, 0 to 7777", text);
	return error_set(err, ERROR_INVALID, "--%s '%s' must be 0 to %ld", what, text, max);
}

int file_owner_option(int opt, const char *value, struct file_owner *ret, struct error *err)
{
	if (opt == 'm')
		return number("mode", strncmp(value, "0o", 2) == 0 ? value + 2 : value, "01234567", 8, 07777, &ret->mode, err);
	return number(opt == 'u' ? "uid" : "gid", value, "0123456789", 10, 4294967294L, opt == 'u' ? &ret->uid : &ret->gid,
		      err);
}

int file_post(struct cli *cli, const char *url, const char *type, const struct file_owner *owner, int fd, struct error *err)
{
	AUTO_ARGV struct argv headers = ARGV_INIT;
	AUTO_JSON cJSON *answer = NULL;
	AUTO_CLOSE int none = fd < 0 ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0 && none < 0)
		return error_sys(err, errno, "cannot open '/dev/null'");
	argv_pushf(&headers, "X-LXD-type: %s", type);
	if (owner && owner->uid >= 0)
		argv_pushf(&headers, "X-LXD-uid: %ld", owner->uid);
	if (owner && owner->gid >= 0)
		argv_pushf(&headers, "X-LXD-gid: %ld", owner->gid);
	if (owner && owner->mode >= 0)
		argv_pushf(&headers, "X-LXD-mode: %04lo", (unsigned long)owner->mode);
	answer = client_upload(cli->client, url, fd < 0 ? none : fd, (const char *const *)headers.v, err);
	return answer ? 0 : -1;
}

int file_make_parents(struct cli *cli, const char *instance, const char *path, const struct file_owner *owner,
		      struct error *err)
{
	const char *slash = path;
	int rc = 0;

	while (rc == 0 && (slash = strchr(slash + 1, '/'))) {
		AUTO_FREE char *folder = mem_strndup(path, (size_t)(slash - path));
		AUTO_FREE char *url = file_url(instance, folder);

		rc = file_post(cli, url, "directory", owner, -1, err);
	}
	return rc;
}

/* ---- delete, edit, create */

static int file_delete(struct cli *cli, int argc, char **argv, struct error *err)
{
	int rc = cli_args(cli, &argc, &argv, 1, -1);

	for (int i = 0; rc == 0 && i < argc; i++) {
		AUTO_PLACE struct file_place place = { 0 };
		AUTO_JSON cJSON *answer = NULL;
		AUTO_FREE char *url = NULL;

		if (file_place_parse(argv[i], &place, err) < 0)
			return cli_usage(cli, "%s", err->msg);
		url = file_url(place.instance, place.path);
		answer = client_change(cli->client, "DELETE", url, NULL, NULL, err);
		if (!answer)
			return error_wrap(err, "'%s'", argv[i]);
	}
	return rc;
}

static int file_edit(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const char *const headers[] = { "X-LXD-type: file", NULL };
	AUTO_PLACE struct file_place place = { 0 };
	AUTO_FREE char *url = NULL;
	int rc = cli_args(cli, &argc, &argv, 1, 1);

	if (rc != 0)
		return rc;
	if (file_place_parse(argv[0], &place, err) < 0)
		return cli_usage(cli, "%s", err->msg);
	url = file_url(place.instance, place.path);
	return edit_remote(cli, url, headers, err);
}

struct creation {
	struct file_owner owner;
	const char *type; /* NULL: a file, or a folder when the path ends in "/" */
	const char *target;
	bool parents, force;
};

static int create_at(struct cli *cli, const struct creation *c, const struct file_place *place, struct error *err)
{
	const char *type = c->type ? c->type : place->folder ? "directory" : "file";
	AUTO_FREE char *url = file_url(place->instance, place->path);
	AUTO_CLOSE int fd = c->target ? fs_memory_file(c->target, strlen(c->target)) : -1;
	char there[16] = "";
	int found = 0;

	if (c->target && fd < 0)
		return error_sys(err, errno, "cannot make room for the text of the link");
	if (!c->force)
		found = file_type_of(cli, place->instance, place->path, there, err);
	if (found < 0)
		return -1;
	if (found > 0)
		return error_set(err, ERROR_CONFLICT, "'%s' is there already, a %s; --force takes it as it is, files emptied",
				 place->path, there);
	if (c->parents && file_make_parents(cli, place->instance, place->path, NULL, err) < 0)
		return -1;
	return file_post(cli, url, type, &c->owner, fd, err);
}

static int file_create(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const struct option options[] = {
		{ "uid", required_argument, NULL, 'u' },  { "gid", required_argument, NULL, 'g' },
		{ "mode", required_argument, NULL, 'm' }, { "type", required_argument, NULL, 't' },
		{ "create-dirs", no_argument, NULL, 'p' }, { "force", no_argument, NULL, 'f' }, { 0 }
	};
	struct creation c = { .owner = FILE_OWNER_NONE };
	AUTO_PLACE struct file_place place = { 0 };
	bool link;
	int opt;

	while ((opt = cli_getopt(cli, argc, argv, "pf", options)) != -1) {
		if (opt == '?')
			return CLI_USAGE;
		if (opt == 't')
			c.type = optarg;
		else if (opt == 'p')
			c.parents = true;
		else if (opt == 'f')
			c.force = true;
		else if (file_owner_option(opt, optarg, &c.owner, err) < 0)
			return cli_usage(cli, "%s", err->msg);
	}
	if (c.type && strcmp(c.type, "file") != 0 && strcmp(c.type, "symlink") != 0 && strcmp(c.type, "directory") != 0)
		return cli_usage(cli, "--type '%s' must be file, symlink or directory", c.type);
	link = c.type && strcmp(c.type, "symlink") == 0;
	if (cli_argc(cli, argc, 1 + link, 1 + link) != 0)
		return CLI_USAGE;
	if (file_place_parse(argv[optind], &place, err) < 0)
		return cli_usage(cli, "%s", err->msg);
	c.target = link ? argv[optind + 1] : NULL;
	return create_at(cli, &c, &place, err);
}

static const char *const delete_aliases[] = { "rm", NULL };

#define OWNER_OPTIONS						\
	"      --uid UID       The owner of what is new\n"	\
	"      --gid GID       Its group\n"			\
	"      --mode MODE     Its permissions, octal\n"

static const struct command file_commands[] = {
	{ .name = "push",
	  .args = "<file>|-... <instance>/<path> [flags]",
	  .summary = "Push files into instances",
	  .options = "  -p, --create-dirs   Make the folders on the way to it\n"
		     "  -r, --recursive     Push folders with all that is in them\n"
		     "      --uid UID       Its owner there (default: that of the file)\n"
		     "      --gid GID       Its group there\n"
		     "      --mode MODE     Its permissions there, octal (default: those of the file)\n",
	  .examples = "  berth file push /etc/hosts c1/etc/hosts\n"
		      "  berth file push -p --mode 0600 id_rsa.pub c1/root/.ssh/authorized_keys\n"
		      "  berth file push -r site c1/srv/\n"
		      "      The folder site as /srv/site; \"site/\" would be what is in it.\n\n"
		      "  date | berth file push - c1/tmp/now\n"
		      "      From stdin.\n",
	  .run = file_push,
	  .complete = "file" },
	{ .name = "pull",
	  .args = "<instance>/<path>... <target>|- [flags]",
	  .summary = "Pull files from instances",
	  .options = "  -p, --create-dirs   Make the folders on the way to the target\n"
		     "  -r, --recursive     Pull folders with all that is in them\n",
	  .examples = "  berth file pull c1/etc/hosts .\n"
		      "  berth file pull c1/etc/hostname -\n"
		      "      To stdout.\n\n"
		      "  berth file pull -r c1/var/log logs/\n",
	  .run = file_pull,
	  .complete = "instance file" },
	{ .name = "edit",
	  .args = "<instance>/<path>",
	  .summary = "Edit files in instances",
	  .examples = "  berth file edit c1/etc/hosts\n"
		      "      Opens $VISUAL, $EDITOR or vi.\n\n"
		      "  berth file edit c1/etc/hosts < hosts\n",
	  .run = file_edit,
	  .complete = "instance -" },
	{ .name = "create",
	  .args = "<instance>/<path> [<link's target>] [flags]",
	  .summary = "Create empty files, folders and symbolic links in instances",
	  .options = "  -f, --force         Also when it is there: a file is emptied then\n"
		     "  -p, --create-dirs   Make the folders on the way to it\n"
		     "      --type TYPE     file, directory or symlink (a path that ends in / is a folder)\n" OWNER_OPTIONS,
	  .examples = "  berth file create c1/srv/data/ --uid 1000\n"
		      "  berth file create --type symlink c1/srv/now /srv/v2\n",
	  .run = file_create,
	  .complete = "instance file" },
	{ .name = "delete",
	  .args = "<instance>/<path>...",
	  .summary = "Delete files in instances",
	  .examples = "  berth file delete c1/etc/hosts.old\n"
		      "      A folder must be empty.\n",
	  .run = file_delete,
	  .aliases = delete_aliases,
	  .complete = "instance" },
	{ 0 },
};

const struct command cmd_file = {
	.name = "file",
	.summary = "Manage files in instances, running or not",
	.examples = "  berth file push /etc/hosts c1/etc/hosts\n  berth file pull c1/var/log/messages .\n",
	.sub = file_commands,
};
