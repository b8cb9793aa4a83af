/* SPDX-License-Identifier: MIT */
#include "proc/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

int stdio_pty(int fds[2])
{
	struct termios t;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	int slave = -1;

	if (master < 0)
		return -errno;
	if (grantpt(master) == 0 && unlockpt(master) == 0)
		slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0) {
		int saved = errno;

		close(master);
		return -saved;
	}
	if (tcgetattr(slave, &t) == 0) {
		cfmakeraw(&t);
		tcsetattr(slave, TCSANOW, &t);
	}
	fds[0] = master;
	fds[1] = slave;
	return 0;
}
