/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"

static bool shown;

bool progress_wanted(void)
{
	static int tty = -1;

	if (tty < 0)
		tty = isatty(STDERR_FILENO);
	return tty;
}

static int width(void)
{
	struct winsize ws = { 0 };

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 10 ? ws.ws_col - 1 : 79;
}

void progress_show(const char *text, int percent)
{
	static char last[512];
	char line[512];

	if (!progress_wanted())
		return;
	if (!text) {
		if (shown)
			fputs("\r\033[K", stderr);
		shown = false;
		last[0] = 0;
		return;
	}
	if (percent >= 0)
		snprintf(line, sizeof(line), "%s: %d%%", text, percent);
	else
		snprintf(line, sizeof(line), "%s", text);
	if (shown && !strcmp(line, last))
		return;
	memcpy(last, line, sizeof(line));
	if ((int)strlen(line) > width())
		line[width()] = 0;
	fputs("\r\033[K", stderr);
	text_print(stderr, line);
	shown = true;
}
