/* SPDX-License-Identifier: MIT */
/*
 * GET, change, PUT of a whole object, as `lxc` does it: the ETag of the GET
 * goes back as If-Match, so a change made by somebody else meanwhile is never
 * overwritten (412: a message that says to try again).
 */
#ifndef BERTH_CLI_OBJECT_H
#define BERTH_CLI_OBJECT_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "cli/cli.h"

struct object_kind {
	const char *name;            /* "instance": also the first word of command.complete */
	const char *title;	     /* "Profile": of what says "Profile x deleted" */
	const char *prefix;          /* "/1.0/instances/"; NULL: path makes it of the name, a new string */
	char *(*path)(const char *name);
	const char *frozen;	     /* why set and unset are refused, or NULL */
	const char *settings;        /* the member that get, set and unset mean */
	const char *const *writable; /* what PUT takes, in the order it is shown; NULL-terminated */
	const char *const *shown;    /* what show prints */
	bool unset_sends_empty;      /* LXD's rule for all but instances: "" means "remove" */
	const char *edit_help;       /* the comment on top of the editor's text */
};
extern const struct object_kind object_server, object_instance, object_snapshot, object_profile, object_image, object_network,
    object_pool, object_warning, object_project, object_certificate,
    object_metadata, /* of an instance */
    object_volume, object_volume_snapshot; /* named "POOL/TYPE/VOLUME[/SNAPSHOT]" */

/* The kind a command works on: the one its row names first in `complete`. */
const struct object_kind *object_kind_of(const struct command *command);

struct object {
	const struct object_kind *kind;
	char *name;  /* "" for the server */
	char *path;
	char *etag;  /* NULL: PUT without If-Match */
	cJSON *value;
};

/* name NULL: the server. Frees what it made when it fails. */
int object_get(struct cli *cli, const struct object_kind *kind, const char *name, struct object *ret, struct error *err);
/* The same without the request: value is NULL. */
void object_init(struct object *o, const struct object_kind *kind, const char *name);
/* PUTs the writable members; says on stderr what waits for a restart. */
int object_send(struct cli *cli, const struct object *o, struct error *err);
/* The same for all but what is frozen: only an editor shows what can change there. */
int object_put(struct cli *cli, const struct object *o, struct error *err);
void object_clear(struct object *o);
#define AUTO_OBJECT __attribute__((cleanup(object_clear)))

cJSON *object_map(struct object *o, const char *member); /* a map in value, made when missing or null */
cJSON *object_settings(struct object *o);
int object_set(struct object *o, const cJSON *values, struct error *err); /* merges into the settings */
int object_unset(struct object *o, const char *key, struct error *err);
int object_show(const struct object *o, bool expanded, struct error *err); /* YAML on stdout */
/* $EDITOR, or stdin when that is no terminal (then without If-Match: the file is the truth). */
int object_edit(struct cli *cli, const struct object_kind *kind, const char *name, struct error *err);

/* "note: takes effect after a restart: …" from a finished operation's metadata. */
void object_note_pending(const cJSON *operation);

int object_delete(struct cli *cli, const struct object_kind *kind, const char *name, struct error *err);
/* POST of {"name": to}. */
int object_rename(struct cli *cli, const struct object_kind *kind, const char *name, const char *to, struct error *err);

/* ---- devices of what was got, which is an instance or a profile; both send it */

int object_device_add(struct cli *cli, struct object *o, const char *device, const cJSON *value, struct error *err);
/* Of those that fit; device NULL: there must be one alone. where: "on the network 'br1'", for messages. */
int object_device_remove(struct cli *cli, struct object *o, const char *device,
			 bool (*fits)(const cJSON *device, const void *data), const void *data, const char *where,
			 struct error *err);

/* ---- whole commands, for tables: the kind is that of object_kind_of() */

int object_show_command(struct cli *cli, int argc, char **argv, struct error *err);	 /* NAME */
int object_edit_command(struct cli *cli, int argc, char **argv, struct error *err);	 /* NAME */
int object_get_command(struct cli *cli, int argc, char **argv, struct error *err);	 /* NAME KEY */
int object_set_command(struct cli *cli, int argc, char **argv, struct error *err);	 /* NAME KEY=VALUE… */
int object_unset_command(struct cli *cli, int argc, char **argv, struct error *err);	 /* NAME KEY */
int object_delete_command(struct cli *cli, int argc, char **argv, struct error *err);	 /* NAME… */
int object_rename_command(struct cli *cli, int argc, char **argv, struct error *err);	 /* NAME NEW */

/* The shared bodies of `config|profile get|set|unset`: argv[0] is the object's name (ignored for the server). */
int object_run_get(struct cli *cli, const struct object_kind *kind, const char *name, const char *key,
		   bool expanded, struct error *err);
int object_run_set(struct cli *cli, const struct object_kind *kind, const char *name, int argc, char **argv,
		   struct error *err);
int object_run_unset(struct cli *cli, const struct object_kind *kind, const char *name, const char *key,
		     struct error *err);

#endif
