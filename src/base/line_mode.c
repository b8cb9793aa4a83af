/* SPDX-License-Identifier: MIT */
#include "base/line_mode.h"

#include <termios.h>

bool line_mode_is(int tty)
{
	struct termios t;

	return tcgetattr(tty, &t) == 0 && (t.c_lflag & ICANON);
}

void line_mode_set(int tty)
{
	struct termios t;

	if (tcgetattr(tty, &t) < 0)
		return;
	cfmakeraw(&t);
	t.c_lflag |= ICANON;
	tcsetattr(tty, TCSANOW, &t);
}
