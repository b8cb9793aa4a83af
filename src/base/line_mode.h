/* SPDX-License-Identifier: MIT */
/*
 * lxc-attach puts its terminal into raw mode and throws away what came in before: so until then nothing is sent to it. Line
 * mode, which it is given before lxc-attach starts, is the sign that it has not.
 */
#ifndef BERTH_BASE_LINE_MODE_H
#define BERTH_BASE_LINE_MODE_H

#include <stdbool.h>

bool line_mode_is(int tty); /* false also when fd is no terminal (any more) */
void line_mode_set(int tty); /* and otherwise raw; nothing happens to what is no terminal */

#endif
