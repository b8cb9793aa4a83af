/* SPDX-License-Identifier: MIT */
#include <stdio.h>
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
