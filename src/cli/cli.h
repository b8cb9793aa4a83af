/* SPDX-License-Identifier: MIT */
/*
 * Commands are a tree of tables; one file per command (or small family), each
 * exporting its `struct command`. cli.c finds the command, prints --help, and
 * turns errors into "Error: …" on stderr and exit 1; wrong usage exits 2.
 */
#ifndef BERTH_CLI_CLI_H
#define BERTH_CLI_CLI_H

#include <cjson/cJSON.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/argv.h"
#include "base/error.h"
#include "base/yaml_print.h"
#include "cli/client.h"

struct cli {
	const char *socket;   /* --socket, BERTH_SOCKET, /run/berth/berth.sock */
	struct client *client; /* connects at first use */
	bool quiet;           /* -q: no progress */
	bool debug;           /* --debug: requests on stderr */
	const struct command *command; /* the one that runs */
	char path[128];       /* its full name: "berth image alias list" */
	bool helped;          /* --help was answered: exit 0 */
};

#define CLI_USAGE 2

struct command {
	const char *name;     /* NULL ends a table */
	const char *args;     /* "[<image>] [<name>] [flags]" */
	const char *summary;  /* one line */
	const char *options;  /* option help, aligned, or NULL */
	const char *examples; /* or NULL */
	int (*run)(struct cli *cli, int argc, char **argv,
		   struct error *err); /* argv[0] is the command; exit status, or -1 with err */
	const struct command *sub; /* or NULL */
	const char *const *aliases; /* NULL-terminated, or NULL */
	const char *complete;	    /* what its arguments are, for completion: "instance", "image", "profile",
				       "file", … or NULL */
};

extern const struct command *const cli_root[]; /* NULL-terminated */
/* Each file exports one. */
extern const struct command cmd_backup, cmd_publish;
extern const struct command cmd_hook, cmd_passwd, cmd_info, cmd_list, cmd_init, cmd_launch, cmd_start, cmd_stop, cmd_restart,
    cmd_pause, cmd_resume, cmd_kill, cmd_delete, cmd_rename, cmd_copy, cmd_exec, cmd_shell, cmd_console,
    cmd_image, cmd_config, cmd_profile, cmd_monitor, cmd_operation, cmd_query, cmd_terminal, cmd_version, cmd_completion,
    cmd_volume, cmd_rebuild, cmd_host, cmd_scan,
    cmd_snapshot, cmd_restore;
extern const struct command cmd_network, cmd_file, cmd_storage, cmd_export, cmd_import, cmd_move, cmd_warning, cmd_project, cmd_cluster;

int cli_main(int argc, char **argv);
/* "berth start: …" + hint to --help on stderr; returns CLI_USAGE. */
int cli_usage(const struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/*
 * getopt_long with messages of ours; takes the global options and --help itself, so every command
 * calls it, also with "" and NULL. Returns the option, -1 at the end, '?' when run has to return
 * CLI_USAGE (all was said). Long options of the caller: values below 1000.
 */
int cli_getopt(const struct cli *cli, int argc, char **argv, const char *short_options,
	       const struct option *long_options);
/* After the options: how many arguments there may be, max < 0: any number. 0, or CLI_USAGE with a message. */
int cli_argc(const struct cli *cli, int argc, int min, int max);
/* Both, for a command without options: moves to the arguments. */
int cli_args(const struct cli *cli, int *argc, char ***argv, int min, int max);

/* --format of every list: table, compact, json, csv, yaml. */
enum format { FORMAT_TABLE, FORMAT_COMPACT, FORMAT_JSON, FORMAT_CSV, FORMAT_YAML };
int format_parse(const char *s, enum format *ret, struct error *err);
/* cli_args() for a list whose only option it is. */
int format_args(const struct cli *cli, int *argc, char ***argv, int max, enum format *ret);

/*
 * Rows of strings, drawn as `lxc` draws them; \n in a cell makes lines. Cells are copied (NULL: empty).
 * Rows are printed sorted by their columns, numbers in them by value. json and yaml print `objects` instead.
 */
struct table;
struct table *table_new(const char *const *headers, size_t n);
void table_row(struct table *t, const char *const *cells);
int table_print(const struct table *t, enum format format, const cJSON *objects, struct error *err);
void table_keep_order(struct table *t); /* rows are printed as they were given */
void table_free(struct table *t);

char *text_upper(const char *s); /* for a cell: "Running" to "RUNNING"; caller frees */

/* Text of others on a terminal: control characters but newline and tab become '?'; writes it as it is
 * elsewhere. */
void text_print(FILE *out, const char *s);

/* YAML by libyaml; writing is base/yaml_print.h. */
/*
 * One document, no aliases. Scalars below the top level's "config" and "properties", and those of each of its
 * "devices", stay strings as they were written ("limits.cpu: 2" is "2"). An empty document is a JSON null.
 */
cJSON *yaml_parse(const char *text, size_t len, struct error *err);
/* Opens $VISUAL/$EDITOR/vi on text; on bad YAML or a refusal of `apply`, offers to edit again. stdin not a
 * terminal: reads it instead. Unchanged text is not applied. */
int edit_yaml(const char *text, int (*apply)(const cJSON *v, void *data, struct error *err), void *data,
	      struct error *err);

/* Progress on stderr when it is a terminal. text NULL erases, percent < 0: none. */
void progress_show(const char *text, int percent);
bool progress_wanted(void); /* stderr is a terminal */
bool stdin_is_tty(void);
bool stdout_is_tty(void);
/* Runs a program that has the terminal, and ^C with it. What waitpid() says (127: not found), or -1 with errno. */
int terminal_child(const struct argv *a);

#endif
