/* SPDX-License-Identifier: MIT */
#include "base/line_mode.h"
#include "cli/attach_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define READY_POLL_MS 2 /* while lxc-attach prepares its terminal */

static int make_pipe(struct attach_streams *s, int stream, struct error *err)
{
	struct attach_relay *r = &s->relays[stream];
	bool to_child = stream == STDIN_FILENO;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_sys(err, errno, "cannot make a pipe");
	s->child[stream] = fds[to_child ? 0 : 1];
	r->from = to_child ? stream : fds[0];
	r->to = to_child ? fds[1] : stream;
	r->own_from = !to_child;
	r->own_to = to_child;
	fcntl(fds[to_child ? 1 : 0], F_SETFL, O_NONBLOCK);
	return 0;
}

static int hide_terminals(struct attach_streams *s, struct error *err)
{
	for (int stream = 0; stream < 3; stream++)
		if (isatty(stream) && make_pipe(s, stream, err) < 0)
			return -1;
	return 0;
}

static int open_pty(struct attach_streams *s, struct error *err)
{
	int sys;

	s->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (s->master >= 0 && grantpt(s->master) == 0 && unlockpt(s->master) == 0 &&
	    ptsname_r(s->master, s->slave, sizeof(s->slave)) == 0)
		return 0;
	sys = errno;
	if (s->master >= 0)
		close(s->master);
	s->master = -1;
	return error_sys(err, sys, "cannot make a terminal");
}

static void make_raw(struct attach_streams *s)
{
	struct termios t;

	if (tcgetattr(STDIN_FILENO, &s->saved) < 0)
		return;
	t = s->saved;
	cfmakeraw(&t);
	s->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &t) == 0;
}

/* A pty between streams that are not all terminals. */
static int stand_in(struct attach_streams *s, struct error *err)
{
	struct winsize ws = { .ws_row = 24, .ws_col = 80 };
	int input;

	if (open_pty(s, err) < 0)
		return -1;
	for (int stream = 0; stream < 3; stream++)
		if (ioctl(stream, TIOCGWINSZ, &ws) == 0)
			break;
	ioctl(s->master, TIOCSWINSZ, &ws);
	line_mode_set(s->master);
	s->waiting = true;
	s->relays[1].from = s->master;
	s->relays[1].to = STDOUT_FILENO;
	s->relays[1].own_from = true;
	input = fcntl(s->master, F_DUPFD_CLOEXEC, 3);
	if (input < 0)
		return error_sys(err, errno, "cannot make a terminal");
	s->relays[0].from = STDIN_FILENO;
	s->relays[0].to = input;
	s->relays[0].own_to = s->relays[0].terminal_end = true;
	make_raw(s);
	return 0;
}

/* lxc-attach speaks to /dev/tty, whatever its streams are. */
static bool controlling_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int attach_streams_open(struct attach_streams *s, enum attach_terminal terminal, struct error *err)
{
	bool both = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);

	s->master = -1;
	for (int i = 0; i < 3; i++) {
		s->child[i] = -1;
		s->relays[i].from = s->relays[i].to = -1;
	}
	if (terminal == ATTACH_NEVER || (terminal == ATTACH_AUTO && !both))
		return hide_terminals(s, err);
	s->inherited = both && controlling_terminal();
	return s->inherited ? 0 : stand_in(s, err);
}

void attach_streams_spawned(struct attach_streams *s)
{
	for (int i = 0; i < 3; i++) {
		if (s->child[i] >= 0)
			close(s->child[i]);
		s->child[i] = -1;
	}
}

static void relay_end(struct attach_relay *r)
{
	if (r->from >= 0 && r->own_from)
		close(r->from);
	if (r->to >= 0 && r->own_to)
		close(r->to);
	r->from = r->to = -1;
	r->len = r->done = 0;
}

static bool passing(void)
{
	return errno == EINTR || errno == EAGAIN;
}

/* A read error is the end too: EIO when the last process has closed a pty. */
static void relay_read(struct attach_relay *r)
{
	ssize_t n = read(r->from, r->buf, sizeof(r->buf));

	if (n < 0 && passing())
		return;
	r->done = 0;
	r->len = n > 0 ? (size_t)n : 0;
	if (n > 0)
		return;
	if (!r->terminal_end) {
		relay_end(r);
		return;
	}
	r->buf[0] = 4;
	r->len = 1;
	r->from = -1;
}

/* Returns false when nobody reads any more. */
static bool relay_write(struct attach_relay *r)
{
	ssize_t n = write(r->to, r->buf + r->done, r->len - r->done);

	if (n < 0 && !passing()) {
		relay_end(r);
		return false;
	}
	r->done += n > 0 ? (size_t)n : 0;
	return true;
}

int attach_streams_poll(struct attach_streams *s, struct pollfd p[ATTACH_POLL_N])
{
	s->waiting = s->waiting && s->relays[1].from >= 0 && line_mode_is(s->master);
	for (int i = 0; i < 3; i++) {
		const struct attach_relay *r = &s->relays[i];
		bool writing = r->done < r->len;

		p[2 * i] = (struct pollfd){ .fd = writing ? -1 : r->from, .events = POLLIN };
		p[2 * i + 1] = (struct pollfd){ .fd = writing ? r->to : -1, .events = POLLOUT };
	}
	if (!s->waiting)
		return -1;
	p[0].fd = -1;
	return READY_POLL_MS;
}

void attach_streams_step(struct attach_streams *s, const struct pollfd p[ATTACH_POLL_N])
{
	for (int i = 0; i < 3; i++) {
		if (p[2 * i].revents)
			relay_read(&s->relays[i]);
		if (p[2 * i + 1].revents && !relay_write(&s->relays[i]) && i == 1 && s->master >= 0)
			relay_end(&s->relays[0]); /* the pty hangs up with its last descriptor */
	}
}

void attach_streams_resize(const struct attach_streams *s)
{
	struct winsize ws;

	if (s->master < 0 || s->relays[1].from < 0)
		return;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 || ioctl(STDIN_FILENO, TIOCGWINSZ, &ws) == 0)
		ioctl(s->master, TIOCSWINSZ, &ws);
}

void attach_streams_drain(struct attach_streams *s)
{
	struct pollfd p[ATTACH_POLL_N];

	relay_end(&s->relays[0]);
	for (;;) {
		bool writing = false;
		int n;

		attach_streams_poll(s, p);
		for (int i = 1; i < 3; i++)
			writing |= s->relays[i].done < s->relays[i].len;
		n = poll(p, ATTACH_POLL_N, writing ? -1 : 0);
		if (n == 0 || (n < 0 && errno != EINTR))
			return;
		if (n > 0)
			attach_streams_step(s, p);
	}
}

void attach_streams_close(struct attach_streams *s)
{
	attach_streams_spawned(s);
	for (int i = 0; i < 3; i++)
		relay_end(&s->relays[i]);
	if (s->raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &s->saved);
}
