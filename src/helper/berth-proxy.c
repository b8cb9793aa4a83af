/* SPDX-License-Identifier: MIT */
/*
 * berth-proxy --pid=INIT --listen=ADDRESS --connect=ADDRESS [--inside] [--proxy-protocol] [--uid=N] [--gid=N]
 *   [--mode=OCTAL] [--as-uid=N] [--as-gid=N] | --nat=TABLE | --forget=TABLE
 *
 * One proxy device of one running container, whose init is INIT. Listens on the host and connects in the container;
 * --inside: the other way round. --uid, --gid, --mode: of the unix socket that it listens on; --as-…: who connects.
 * --nat: no sockets, but a table of nftables, removed at the end; --forget only removes one.
 *
 * Two processes: this one has the sockets made, and then only waits for the end of init, of berthd or of its child (that
 * is the end of all); the child, without rights, carries what comes. Exit status: 0 at the end of init or by SIGTERM.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/endpoint.h"
#include "helper/no_leak_check.h"
#include "helper/proxy_nat.h"
#include "helper/proxy_relay.h"
#include "helper/proxy_side.h"

struct options {
	pid_t pid;
	const char *listen, *connect, *nat, *forget;
	bool inside, proxy_protocol;
	struct proxy_owner owner;
	struct proxy_rights rights;
};

static struct endpoint listen_at, connect_to;
static int listeners[ENDPOINT_PORTS_MAX];

/* berthd reads it (instance/proxy.c). */
static int die(const struct error *err)
{
	printf("error: %s\n", err->msg);
	fflush(stdout);
	fprintf(stderr, "berth-proxy: %s\n", err->msg);
	return 1;
}

static bool number(const char *text, unsigned long max, int base, unsigned long *ret)
{
	char *end;

	errno = 0;
	*ret = strtoul(text, &end, base);
	return *text >= '0' && *text <= '9' && !*end && errno == 0 && *ret <= max;
}

static bool table_ok(const char *table)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";

	return *table && strlen(table) < 64 && strspn(table, letters) == strlen(table);
}

static bool take_number(int c, struct options *o, const char *text)
{
	unsigned long value = 0;

	if (!number(text, c == 'p' ? 1ul << 30 : 4294967294ul, c == 'm' ? 8 : 10, &value))
		return false;
	if (c == 'p')
		o->pid = (pid_t)value;
	else if (c == 'm')
		o->owner.mode = (mode_t)(value & 0777);
	else if (c == 'u')
		o->owner.uid = (uid_t)value, o->owner.has_uid = true;
	else if (c == 'g')
		o->owner.gid = (gid_t)value, o->owner.has_gid = true;
	else if (c == 'U')
		o->rights.uid = (uid_t)value, o->rights.has_uid = true;
	else
		o->rights.gid = (gid_t)value, o->rights.has_gid = true;
	return true;
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {
		{ "pid", required_argument, NULL, 'p' },     { "listen", required_argument, NULL, 'l' },
		{ "connect", required_argument, NULL, 'c' }, { "inside", no_argument, NULL, 'i' },
		{ "uid", required_argument, NULL, 'u' },     { "gid", required_argument, NULL, 'g' },
		{ "mode", required_argument, NULL, 'm' },    { "as-uid", required_argument, NULL, 'U' },
		{ "as-gid", required_argument, NULL, 'G' },  { "proxy-protocol", no_argument, NULL, 'P' },
		{ "nat", required_argument, NULL, 'n' },     { "forget", required_argument, NULL, 'f' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'l')
			o->listen = optarg;
		else if (c == 'c')
			o->connect = optarg;
		else if (c == 'n')
			o->nat = optarg;
		else if (c == 'f')
			o->forget = optarg;
		else if (c == 'i')
			o->inside = true;
		else if (c == 'P')
			o->proxy_protocol = true;
		else if (c == '?' || !take_number(c, o, optarg))
			return -1;
	}
	if (optind < argc || (o->nat && !table_ok(o->nat)) || (o->forget && !table_ok(o->forget)))
		return -1;
	return o->forget || (o->pid > 0 && o->listen && o->connect) ? 0 : -1;
}

static void ready(void)
{
	puts("ready");
	fflush(stdout);
}

/* The child that carries; never returns. */
static void carry(const struct options *o, const struct proxy_instance *in, size_t n_listeners)
{
	struct proxy_relay relay = { &listen_at, &connect_to, listeners, n_listeners, o->proxy_protocol };
	struct error err = ERROR_INIT;
	pid_t parent = getppid();
	struct rlimit files;
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	if (proxy_enter(o->inside ? NULL : in, &connect_to, &o->rights, &err) < 0)
		_exit(die(&err));
	close(in->pidfd);
	close(in->net);
	close(in->mnt);
	if (in->user >= 0)
		close(in->user);
	/* after the change of user, which clears it */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
	proxy_relay_run(&relay);
	_exit(1);
}

enum end { END_INIT, END_ASKED, END_CHILD };

/* Until init ends, a signal says so, or the child (0: there is none) ends. */
static enum end wait_for_end(const struct proxy_instance *in, int signals, pid_t child)
{
	struct pollfd fds[] = { { in->pidfd, POLLIN, 0 }, { signals, POLLIN, 0 } };
	struct signalfd_siginfo info;

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return END_CHILD;
		if (fds[0].revents)
			return END_INIT;
		if (!fds[1].revents || read(signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
			continue;
		if (info.ssi_signo != SIGCHLD)
			return END_ASKED;
		if (child > 0 && waitpid(child, NULL, WNOHANG) == child)
			return END_CHILD;
	}
}

/* init has ended: berthd, which is about to notice, ends us; or else we end. */
static void linger(int signals)
{
	struct pollfd fd = { signals, POLLIN, 0 };
	struct signalfd_siginfo info = { 0 };

	while (poll(&fd, 1, 30000) > 0 && read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info) &&
	       info.ssi_signo == SIGCHLD)
		;
}

static int block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static int run_nat(const struct options *o, const struct proxy_instance *in, int signals)
{
	struct error err = ERROR_INIT;
	enum end end = END_ASKED;
	int ret = 0;

	if (proxy_nat_add(o->nat, &listen_at, &connect_to, &err) < 0)
		ret = die(&err);
	else {
		ready();
		end = wait_for_end(in, signals, 0);
	}
	proxy_nat_remove(o->nat, listen_at.family);
	if (end == END_INIT)
		linger(signals);
	return ret;
}

static int run_sockets(const struct options *o, const struct proxy_instance *in, int signals)
{
	const struct proxy_instance *where = o->inside ? in : NULL;
	struct error err = ERROR_INIT;
	size_t n = 0;
	pid_t child;
	enum end end;

	if (proxy_listen(where, &listen_at, &o->owner, listeners, &n, &err) < 0)
		return die(&err);
	child = fork();
	if (child == 0)
		carry(o, in, n);
	for (size_t i = 0; i < n; i++)
		close(listeners[i]);
	ready();
	end = child > 0 ? wait_for_end(in, signals, child) : END_CHILD;
	if (end != END_CHILD) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	proxy_unlink(where, &listen_at);
	if (end == END_INIT)
		linger(signals);
	return end == END_CHILD;
}

int main(int argc, char **argv)
{
	struct options o = { .owner.mode = 0644 };
	struct proxy_instance in;
	struct error err = ERROR_INIT;
	int signals;

	if (parse_options(argc, argv, &o) < 0) {
		fputs("berth-proxy: wrong usage: berthd runs it, see src/helper/berth-proxy.c\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	if (o.forget) {
		proxy_nat_remove(o.forget, AF_INET);
		proxy_nat_remove(o.forget, AF_INET6);
		return 0;
	}
	signals = block_signals();
	if (signals < 0 || endpoint_parse(o.listen, &listen_at, &err) < 0 ||
	    endpoint_parse(o.connect, &connect_to, &err) < 0 || proxy_instance_open(o.pid, &in, &err) < 0)
		return die(&err);
	return o.nat ? run_nat(&o, &in, signals) : run_sockets(&o, &in, signals);
}
