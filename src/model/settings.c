/* SPDX-License-Identifier: MIT */
#include "model/settings.h"

#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/similar.h"
#include "model/settings_value.h"

#define FILE_MAX (1u << 20)

#define AT(field) .offset = offsetof(struct settings, field)

const struct settings_key settings_keys[] = {
	{ "server_name", "name", NULL, .min = 1, .max = 253, AT(server_name),
	  .doc = "Name of this host in answers; the host name unless set." },
	{ "server_type", "choice", "Containers", .choices = "Containers", AT(server_type),
	  .doc = "Kind of host module; berth knows containers only." },
	{ "system_path", "path", "/var/lib/lxc", "lxc", AT(system_path),
	  .doc = "The lxcpath: one folder per instance, shared with the lxc-* tools." },
	{ "images_path", "path", "/var/lib/lxc/templates", "images", AT(images_path),
	  .doc = "Image store, and template archives to be imported by name." },
	{ "backup_path", "path", "/var/lib/lxc/backups", "backups", AT(backup_path),
	  .doc = "Backups of instances." },
	{ "extern_path", "path", "/var/lib/lxc/volumes", "volumes", AT(extern_path),
	  .doc = "Volumes: data that outlives the instance it is attached to." },
	{ "pools_path", "path", "/var/lib/lxc/storage-pools", "pools", AT(pools_path),
	  .doc = "Storage pools that are given no source: a folder or a loop file each." },
	{ "run_path", "path", "/run/berth", "run", AT(run_path),
	  .doc = "Socket and locks; gone after a reboot." },
	{ "state_path", "path", "/var/lib/berth", "state", AT(state_path),
	  .doc = "Operation journal, profiles, server configuration." },
	{ "hooks_path", "path", "/etc/berth/hooks.d", "hooks.d", AT(hooks_path),
	  .doc = "Lifecycle hooks: one folder per event." },
	{ "hook_timeout_s", "duration", "30s", .min = 1, .max = 3600, AT(hook_timeout_s),
	  .doc = "How long each lifecycle hook may take; then it is ended and has failed." },
	{ "network_pub", "interface", "lxcbr0", .max = 15, AT(network_pub),
	  .doc = "Bridge of NICs of the type pub; the default profile's bridge." },
	{ "network_nat", "interface", "lxcbr1", .max = 15, AT(network_nat),
	  .doc = "Bridge of NICs of the type nat." },
	{ "ipaddr_maps", "address ranges", "", AT(ipaddr_maps),
	  .doc = "Addresses for new instances: NAME TYPE FROM COUNT GATEWAY MASK, more after commas." },
	{ "nat_domain", "name", "lxc", .min = 1, .max = 63, AT(nat_domain),
	  .doc = "Domain of the instances' DNS names on that bridge, used by berth host init." },
	{ "remote_port", "integer", "7681", .min = 1, .max = 65535, AT(remote_port),
	  .doc = "TCP port of the web terminal." },
	{ "public_addr", "address", "", .max = 253, AT(public_addr),
	  .doc = "Host name or address in terminal URLs; the address a client asked for unless set." },
	{ "terminal_listen", "address", "", .max = 45, AT(terminal_listen),
	  .doc = "Address that the web terminal listens on; all unless set." },
	{ "terminal_origins", "origins", "", .max = 1000, AT(terminal_origins),
	  .doc = "Origins of other pages that may open terminals, like https://panel.example.org, divided by blanks." },
	{ "terminal_ttl_s", "duration", "60s", .min = 1, .max = 86400, AT(terminal_ttl_s),
	  .doc = "How long a terminal URL can be opened." },
	{ "terminal_idle_s", "duration", "15m", .min = 1, .max = 7 * 86400, AT(terminal_idle_s),
	  .doc = "A terminal in which nothing is typed or shown for so long is ended." },
	{ "terminal_total_s", "duration", "8h", .min = 1, .max = 30 * 86400, AT(terminal_total_s),
	  .doc = "How long a terminal may last." },
	{ "terminal_max", "integer", "32", .min = 1, .max = 128, AT(terminal_max),
	  .doc = "Web terminals that may be open at once." },
	{ "ttyd_path", "file", "", AT(ttyd_path),
	  .doc = "The program ttyd, 1.6.1 or newer; looked for in PATH unless set." },
	{ "tls_cert", "file", "", AT(tls_cert),
	  .doc = "Certificate of the web terminal with its chain, PEM; without it, plain HTTP." },
	{ "tls_key", "file", "", AT(tls_key),
	  .doc = "Its private key, PEM." },
	{ "ports_start", "integer", "0", .min = 0, .max = 65535, AT(ports_start),
	  .doc = "First port of the range for automatic port forwards; 0 with ports_close 0: none." },
	{ "ports_close", "integer", "0", .min = 0, .max = 65535, AT(ports_close),
	  .doc = "Last port of that range." },
	{ "nft_timeout_s", "duration", "10s", .min = 1, .max = 600, AT(nft_timeout_s),
	  .doc = "How long nft may take over the port forwards; then it is ended and has failed." },
	{ "filter_name", "name", "", .max = 63, AT(filter_name),
	  .doc = "Only containers whose names start so are managed; empty: all." },
	{ "storage_driver", "choice", "auto", .choices = "auto|overlay|dir", AT(storage_driver),
	  .doc = "How instances get their root: overlay on the image or a copy; auto: overlay if it works." },
	{ "operations_parallel", "integer", "0", .min = 0, .max = 1024, AT(operations_parallel),
	  .doc = "Operations that run at once; 0: two per core." },
	{ "image_max_bytes", "size", "64GiB", .min = 1 << 20, .max = 1ll << 50, AT(image_max_bytes),
	  .doc = "Largest image accepted, unpacked." },
	{ "image_max_entries", "integer", "5000000", .min = 1, .max = 1000000000, AT(image_max_entries),
	  .doc = "Most files accepted in an image." },
	{ "backup_level", "integer", "3", .min = 0, .max = 9, AT(backup_level),
	  .doc = "How hard backups are compressed: 0 not at all, 9 small and slow." },
	{ "backup_stall_s", "duration", "10m", .min = 1, .max = 86400, AT(backup_stall_s),
	  .doc = "A backup that has not moved by one byte for so long is given up." },
	{ "http_max_body", "size", "1MiB", .min = 4096, .max = 64 << 20, AT(http_max_body),
	  .doc = "Largest JSON request body." },
	{ "shutdown_grace_s", "duration", "10s", .min = 0, .max = 3600, AT(shutdown_grace_s),
	  .doc = "How long berthd, told to end, lets running operations finish before it undoes them." },
	{ "log_level", "choice", "info", .choices = "error|warning|info|debug", AT(log_level),
	  .doc = "What is logged; --log-level wins." },
	{ .name = NULL },
};

#define KEYS (sizeof(settings_keys) / sizeof(settings_keys[0]) - 1)

struct loader {
	struct settings *s;
	const char *root; /* normalised, or NULL */
	const char *file;
	const char *text, *pos, *end;
	unsigned line;
	unsigned lines[KEYS]; /* where a key was set, 0: nowhere */
	unsigned bad_line; /* of the first error, which err holds */
	struct error *err;
};

/* ---- the file */

/* fgets() over the text: counts lines, drops the indentation that inih takes for a continuation,
 * and comments, which may be longer than its line buffer. */
static char *read_line(char *out, int size, void *stream)
{
	struct loader *l = stream;
	const char *end;
	size_t n;

	if (l->pos >= l->end)
		return NULL;
	l->line++;
	end = memchr(l->pos, '\n', (size_t)(l->end - l->pos));
	end = end ? end : l->end;
	while (l->pos < end && strchr(" \t\r", *l->pos))
		l->pos++;
	n = l->pos < end && !strchr("#;", *l->pos) ? (size_t)(end - l->pos) : 0;
	if (n > (size_t)size - 2) {
		if (!l->bad_line)
			error_set(l->err, ERROR_INVALID, "%s:%u: the line is longer than %d characters",
				  l->file, l->line, size - 2);
		l->bad_line = l->bad_line ? l->bad_line : l->line;
		return NULL;
	}
	memcpy(out, l->pos, n);
	out[n] = '\n';
	out[n + 1] = 0;
	l->pos = end < l->end ? end + 1 : end;
	return out;
}

static int unknown_key(const struct loader *l, const char *name)
{
	const char *nearest = NULL;
	size_t best = SIMILAR_MAX + 1, i;

	for (i = 0; i < KEYS; i++)
		if (similar_better(name, settings_keys[i].name, &best))
			nearest = settings_keys[i].name;
	if (!nearest)
		return error_set(l->err, ERROR_INVALID, "unknown key '%.64s'", name);
	return error_set(l->err, ERROR_INVALID, "unknown key '%.64s' (did you mean '%s'?)", name, nearest);
}

static int set_key(struct loader *l, const char *section, const char *name, const char *value)
{
	size_t i;

	if (*section)
		return error_set(l->err, ERROR_INVALID, "section '[%.64s]': this file has no sections",
				 section);
	for (i = 0; i < KEYS; i++)
		if (strcmp(settings_keys[i].name, name) == 0)
			break;
	if (i == KEYS)
		return unknown_key(l, name);
	if (l->lines[i] && !settings_is_list(&settings_keys[i]))
		return error_set(l->err, ERROR_INVALID, "'%s' is set already in line %u", name, l->lines[i]);
	if (l->lines[i])
		return settings_add_value(l->s, l->root, &settings_keys[i], value, l->err);
	l->lines[i] = l->line;
	return settings_set_value(l->s, l->root, &settings_keys[i], value, l->err);
}

/* inih goes on after an error; the first one counts. */
static int handle_cb(void *data, const char *section, const char *name, const char *value)
{
	struct loader *l = data;

	if (l->bad_line)
		return 0;
	if (set_key(l, section, name, value) == 0)
		return 1;
	error_wrap(l->err, "%s:%u", l->file, l->line);
	l->bad_line = l->line;
	return 0;
}

static int read_config(struct loader *l, bool must_exist)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	int first_bad;

	if (!must_exist && !fs_exists(l->file))
		return 0;
	if (fs_read_file(l->file, FILE_MAX, &text, l->err) < 0)
		return -1;
	if (memchr(text.buf, 0, text.len))
		return error_set(l->err, ERROR_INVALID, "%s: there is a NUL byte in it", l->file);
	l->text = l->pos = text.buf;
	l->end = text.buf + text.len;
	first_bad = ini_parse_stream(read_line, l, handle_cb, l);
	if (first_bad < 0)
		return error_set(l->err, ERROR_SYSTEM, "cannot read '%s'", l->file);
	if (first_bad > 0 && (!l->bad_line || (unsigned)first_bad < l->bad_line))
		return error_set(l->err, ERROR_INVALID, "%s:%d: this is not 'key = value'", l->file,
				 first_bad);
	return l->bad_line ? -1 : 0;
}

/* ---- defaults and what must fit together */

static char *default_server_name(void)
{
	char name[254] = "";

	if (gethostname(name, sizeof(name) - 1) < 0 || !*name || name[strspn(name, SETTINGS_NAME_CHARS)])
		return mem_strdup("berth");
	return mem_strdup(name);
}

static int set_defaults(struct loader *l)
{
	const struct settings_key *k;
	AUTO_FREE char *name = default_server_name();

	for (k = settings_keys; k->name; k++) {
		AUTO_FREE char *path = k->below_root && l->root ? fs_join(l->root, k->below_root) : NULL;

		if (settings_set_value(l->s, l->root, k, path ? path : k->def ? k->def : name, l->err) < 0)
			return -1;
	}
	return 0;
}

/* Two roles in one folder would take each other's files for their own. */
static int check_paths(const struct settings *s, struct error *err)
{
	const struct settings_key *a, *b;

	for (a = settings_keys; a->name; a++) {
		for (b = a + 1; b->name; b++) {
			const char *pa, *pb;

			if (strcmp(a->type, "path") != 0 || strcmp(b->type, "path") != 0)
				continue;
			pa = *(char *const *)(const void *)((const char *)s + a->offset);
			pb = *(char *const *)(const void *)((const char *)s + b->offset);
			if (strcmp(pa, pb) == 0)
				return error_set(err, ERROR_INVALID, "%s and %s are the same folder '%s'",
						 a->name, b->name, pa);
		}
	}
	return 0;
}

static int check_ports(const struct settings *s, struct error *err)
{
	if (!s->ports_start != !s->ports_close || s->ports_start > s->ports_close)
		return error_set(err, ERROR_INVALID,
				 "ports_start %d and ports_close %d are no range of ports",
				 (int)s->ports_start, (int)s->ports_close);
	if (s->ports_start && s->remote_port >= s->ports_start && s->remote_port <= s->ports_close)
		return error_set(err, ERROR_INVALID,
				 "remote_port %d lies in the range of ports_start and ports_close",
				 (int)s->remote_port);
	return 0;
}

static int check_tls(const struct settings *s, struct error *err)
{
	if (!*s->tls_cert != !*s->tls_key)
		return error_set(err, ERROR_INVALID, "tls_cert and tls_key are set together, or neither of them");
	return 0;
}

/* Absolute and without links as far as the folder exists, so that it is spelled the same on every start. */
static char *resolve_root(const char *root, struct error *err)
{
	AUTO_FREE char *known = mem_strdup(*root ? root : ".");
	AUTO_STRBUF struct strbuf path = STRBUF_INIT;
	char *slash, *real;
	size_t n = strlen(known); /* how much of root is resolved */

	while (n > 1 && known[n - 1] == '/')
		known[--n] = 0;
	while (!(real = realpath(known, NULL)) && errno == ENOENT && n) {
		slash = strrchr(known, '/');
		n = slash ? (size_t)(slash - known) : 0;
		if (!n)
			known[0] = slash ? '/' : '.';
		known[n ? n : 1] = 0;
	}
	if (!real) {
		error_sys(err, errno, "cannot resolve the root '%s'", root);
		return NULL;
	}
	strbuf_addf(&path, "%s/%s", real, *root ? root + n : "");
	free(real);
	return settings_normalise_path("root", path.buf, err);
}

static int set_folder(char **field, const char *env, const char *def, struct error *err)
{
	const char *value = getenv(env);

	*field = settings_normalise_path(env, value && *value ? value : def, err);
	return *field ? 0 : -1;
}

static int set_socket(struct settings *s, const char *path, struct error *err)
{
	const size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

	s->socket = path ? mem_strdup(path) : fs_join(s->run_path, "berth.sock");
	if (!*s->socket || strlen(s->socket) > max)
		return error_set(err, ERROR_INVALID,
				 "the socket's path '%.200s' must have from 1 to %zu characters", s->socket,
				 max);
	return 0;
}

static int load(struct loader *l, const struct settings_source *src, const char *root)
{
	AUTO_FREE char *in_root = root ? fs_join(root, "berth.conf") : NULL;
	struct settings *s = l->s;
	const struct settings_key *k;

	l->root = root;
	s->host_dir = mem_strdup(root ? root : "/var/lib/berth");
	l->file = in_root ? in_root : BERTH_SYSCONFDIR "/berth/berth.conf";
	if (src->config_file)
		l->file = src->config_file;
	if (set_defaults(l) < 0 || read_config(l, src->config_file != NULL) < 0)
		return -1;
	if (check_paths(s, l->err) < 0 || check_ports(s, l->err) < 0 || check_tls(s, l->err) < 0)
		return error_wrap(l->err, "%s", l->file);
	for (k = settings_keys; src->log_level && k->name; k++)
		if (strcmp(k->name, "log_level") == 0 &&
		    settings_set_value(l->s, l->root, k, src->log_level, l->err) < 0)
			return -1;
	if (set_folder(&s->libexec_dir, "BERTH_LIBEXEC_DIR", BERTH_LIBEXECDIR, l->err) < 0 ||
	    set_folder(&s->template_dir, "BERTH_TEMPLATE_DIR", BERTH_DATADIR "/templates", l->err) < 0 ||
	    set_folder(&s->sysfs_dir, "BERTH_SYSFS_DIR", "/sys", l->err) < 0)
		return -1;
	return set_socket(s, src->socket, l->err);
}

struct settings *settings_load(const struct settings_source *src, struct error *err)
{
	AUTO_FREE char *root = NULL;
	struct error first = ERROR_INIT;
	struct loader l = { .s = mem_alloc(sizeof(*l.s)), .err = &first };

	if (src->root)
		root = resolve_root(src->root, &first);
	if ((src->root && !root) || load(&l, src, root) < 0) {
		*err = first;
		settings_free(l.s);
		return NULL;
	}
	return l.s;
}

void settings_free(struct settings *s)
{
	const struct settings_key *k;

	if (!s)
		return;
	for (k = settings_keys; k->name; k++)
		if (!settings_is_number(k))
			free(*(char **)(void *)((char *)s + k->offset));
	free(s->host_dir);
	free(s->socket);
	free(s->libexec_dir);
	free(s->template_dir);
	free(s->sysfs_dir);
	free(s);
}
