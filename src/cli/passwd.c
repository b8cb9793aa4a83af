/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/instance.h"

#define LINE_MAX_LEN 4096 /* berthd says how long it may be */

static struct termios visible; /* the terminal as it was */

static void show_again(int signum)
{
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &visible);
	(void)signal(signum, SIG_DFL);
	(void)raise(signum);
}

/* One line of stdin without its end, byte by byte: what follows is not ours. */
static int read_line(char *buf, size_t size, struct error *err)
{
	size_t len = 0;

	for (;;) {
		ssize_t n = read(STDIN_FILENO, buf + len, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(err, errno, "cannot read the password");
		if (n == 0 || buf[len] == '\n')
			break;
		if (buf[len] == '\0')
			return error_set(err, ERROR_INVALID, "a password has no NUL bytes");
		if (++len == size)
			return error_set(err, ERROR_INVALID, "the password is longer than %zu bytes", size - 1);
	}
	buf[len] = '\0';
	return 0;
}

static int ask(const char *prompt, char *buf, size_t size, struct error *err)
{
	int rc;

	fputs(prompt, stderr);
	rc = read_line(buf, size, err);
	fputc('\n', stderr);
	return rc;
}

static int ask_twice(char *buf, size_t size, struct error *err)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	char again[LINE_MAX_LEN];
	struct termios hidden;
	int rc;

	if (tcgetattr(STDIN_FILENO, &visible) < 0)
		return error_sys(err, errno, "cannot read the terminal's settings");
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		(void)signal(signals[i], show_again);
	hidden = visible;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) < 0)
		return error_sys(err, errno, "cannot hide what is typed");
	rc = ask("New password: ", buf, size, err);
	if (rc == 0)
		rc = ask("Again: ", again, sizeof(again), err);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &visible);
	if (rc == 0 && strcmp(buf, again) != 0)
		rc = error_set(err, ERROR_INVALID, "that was not the same twice; nothing was changed");
	explicit_bzero(again, sizeof(again));
	return rc;
}

static int set(struct cli *cli, const char *name, const char *user, const char *password, struct error *err)
{
	AUTO_FREE char *path = instance_path(name, "/password");
	AUTO_JSON cJSON *body = cJSON_CreateObject();
	AUTO_JSON cJSON *op = NULL;

	json_set_str(body, "user", user);
	json_set_str(body, "password", password);
	op = client_change(cli->client, "POST", path, body, NULL, err);
	return op ? 0 : -1;
}

static int passwd_run(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const struct option options[] = { { "stdin", no_argument, NULL, 's' }, { 0 } };
	char password[LINE_MAX_LEN];
	bool from_stdin = !stdin_is_tty();
	int c, rc;

	while ((c = cli_getopt(cli, argc, argv, "", options)) != -1) {
		if (c != 's')
			return CLI_USAGE;
		from_stdin = true;
	}
	rc = cli_argc(cli, argc, 1, 2);
	if (rc != 0)
		return rc;
	rc = from_stdin ? read_line(password, sizeof(password), err) : ask_twice(password, sizeof(password), err);
	if (rc == 0)
		rc = set(cli, argv[optind], argc - optind > 1 ? argv[optind + 1] : "root", password, err);
	explicit_bzero(password, sizeof(password));
	return rc;
}

static const char *const aliases[] = { "set-password", NULL };

const struct command cmd_passwd = {
	.name = "passwd",
	.args = "<instance> [<user>] [flags]",
	.summary = "Set the password of a user (root) in an instance",
	.options = "      --stdin   Read it from standard input, one line, also on a terminal\n",
	.examples = "  berth passwd c1\n"
		    "  berth passwd c1 alice --stdin <file\n",
	.run = passwd_run,
	.aliases = aliases,
	.complete = "instance -",
};
