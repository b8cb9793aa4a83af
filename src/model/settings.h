/* SPDX-License-Identifier: MIT */
/*
 * berth.conf (doc/berth.conf.5): `key = value` lines read with inih. Every key
 * is a row of one table in settings.c (name, type, default, range, what it does).
 */
#ifndef BERTH_MODEL_SETTINGS_H
#define BERTH_MODEL_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct settings {
	/* folders; all absolute, made of [A-Za-z0-9._/+-] only (they go into LXC configs and hook lines) */
	char *system_path; /* lxcpath */
	char *images_path;
	char *backup_path;
	char *extern_path;
	char *pools_path;
	char *run_path;   /* socket, locks */
	char *state_path; /* journal, profiles, server config */
	char *hooks_path;
	char *socket;     /* run_path/berth.sock unless --socket */
	char *server_name;
	char *server_type; /* "Containers" */
	char *public_addr; /* what terminal URLs name; "" = the address asked for */
	char *network_pub;
	char *network_nat;
	char *nat_domain; /* of DNS names; host-init reads it */
	char *ipaddr_maps; /* checked: address_maps_parse() takes it; "" = none */
	char *log_level;
	char *filter_name; /* scan prefix, "" = all */
	char *storage_driver; /* "auto", "overlay", "dir" */
	int64_t operations_parallel; /* 0: 2 x cores */
	int64_t image_max_bytes;   /* unpacked */
	int64_t image_max_entries;
	int64_t backup_level;      /* 7-Zip's -mx */
	int64_t backup_stall_s;
	int64_t http_max_body;     /* JSON bodies */
	int64_t shutdown_grace_s;
	int64_t hook_timeout_s; /* of each lifecycle hook */
	int64_t remote_port; /* web terminal */
	char *terminal_listen; /* address, "" = all */
	char *terminal_origins; /* "https://a https://b:8443", "" = only its own */
	char *ttyd_path; /* "" = in PATH */
	char *tls_cert; /* PEM files; both, or both "" */
	char *tls_key;
	int64_t terminal_ttl_s, terminal_idle_s, terminal_total_s;
	int64_t terminal_max;
	int64_t ports_start; /* range of automatic port forwards, both ends included; 0, 0: none */
	int64_t ports_close;
	int64_t nft_timeout_s;
	char *host_dir; /* of host-init.state: the root; without one /var/lib/berth */
	/* compiled in, overridden by BERTH_LIBEXEC_DIR and BERTH_TEMPLATE_DIR (the build tree), BERTH_SYSFS_DIR (tests) */
	char *libexec_dir;
	char *template_dir;
	char *sysfs_dir;    /* where the hardware for usb, unix-hotplug and gpu devices is looked for */
};

struct settings_source {
	const char *config_file; /* NULL: /etc/berth/berth.conf, or root/berth.conf, if there */
	const char *root;        /* NULL: the machine's own paths; else all paths lie below it */
	const char *socket;      /* NULL: default */
	const char *log_level;   /* NULL: from the file */
};

/* The table, ends with name == NULL; etc/berth.conf and the manual show every row. */
struct settings_key {
	const char *name;
	const char *type; /* path, file, interface, name, address, origins, choice, address ranges, integer, size or duration */
	const char *def;  /* text; of a path: without --root. NULL: found out at start */
	const char *below_root; /* paths: with --root */
	const char *choices; /* "a|b|c" */
	int64_t min, max;
	size_t offset; /* in struct settings: char * or int64_t */
	const char *doc;
};
extern const struct settings_key settings_keys[];

/*
 * Errors of the file name it and the line: "FILE:3: unknown key 'x' (did you
 * mean 'y'?)".  Every path is normalised: absolute, no "//", "." or trailing
 * "/"; with a root (which may be relative), every path must lie below it.
 */
struct settings *settings_load(const struct settings_source *src, struct error *err);
/*
 * Those that may change while berthd runs, of the same files again. Folders and sockets stay, which a warning in the log
 * says: they cannot move under running instances. -1: nothing is changed.
 */
int settings_reread(struct settings *now, const struct settings_source *source, struct error *err);
void settings_free(struct settings *s);

#endif
