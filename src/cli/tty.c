/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"

bool stdin_is_tty(void)
{
	return isatty(STDIN_FILENO);
}

bool stdout_is_tty(void)
{
	return isatty(STDOUT_FILENO);
}

int terminal_child(const struct argv *a)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, old;
	int status = 0;
	pid_t pid;

	sigaction(SIGINT, &ignore, &old);
	pid = fork();
	if (pid == 0) {
		sigaction(SIGINT, &old, NULL);
		execvp(a->v[0], a->v);
		_exit(127);
	}
	if (pid > 0)
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	sigaction(SIGINT, &old, NULL);
	return pid < 0 ? -1 : status;
}

void text_print(FILE *out, const char *s)
{
	if (!isatty(fileno(out))) {
		fputs(s, out);
		return;
	}
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		bool control = (c < ' ' && c != '\n' && c != '\t') || c == 0x7f;

		/* U+0080…U+009F are control characters to some terminals */
		if (c == 0xc2 && (unsigned char)s[1] >= 0x80 && (unsigned char)s[1] < 0xa0) {
			control = true;
			s++;
		}
		putc(control ? '?' : c, out);
	}
}
