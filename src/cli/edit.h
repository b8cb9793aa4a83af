/* SPDX-License-Identifier: MIT */
/* The editor of the user; edit_yaml() of cli.h uses it, too. */
#ifndef BERTH_CLI_EDIT_H
#define BERTH_CLI_EDIT_H

#include "cli/cli.h"

/* $VISUAL, $EDITOR, editor or vi on that file, until it ends. */
int editor_run(const char *file, struct error *err);
/* A file for the editor below $TMPDIR or /tmp; returns its fd, *ret_path is freed by the caller, who removes the file. */
int editor_file(const char *suffix, char **ret_path, struct error *err);
/*
 * GETs the bytes at url, has them edited, POSTs what was changed. stdin not a terminal: POSTs that. Links are followed by
 * nobody: one is an error that names where it leads.
 */
int edit_remote(struct cli *cli, const char *url, const char *const *headers, struct error *err);

#endif
