/* SPDX-License-Identifier: MIT */
/*
 * berth-terminal PROGRAM ARGUMENTS…: runs a program (ttyd) and ends, however it ends, with everything that belongs to
 * it: lxc-attach, which dies of a signal and leaves its shell running in the container; the shell; and what runs in
 * the shell's terminal, hangups ignored or not. What has made itself a daemon is a container's own business and stays.
 *
 * It is the reaper of its descendants (PR_SET_CHILD_SUBREAPER), so a shell whose lxc-attach died becomes its child
 * instead of getting lost. berthd's death is a SIGTERM to it. SIGTERM, SIGINT, SIGHUP: hang up, then kill.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	PROCESSES_MAX = 65536, /* looked at */
	SESSIONS_MAX = 256,
	GRACE_MS = 500, /* between SIGHUP and SIGKILL */
	KILL_MS = 3000, /* then it is given up, */
	KILLS_MIN = 100, /* but not before that many tries: on a busy machine two looks may take longer */
	LOOK_MS = 10,
};

extern char **environ;

struct process {
	pid_t pid, parent, session;
	bool ours;
};

static struct process processes[PROCESSES_MAX];
static size_t n_processes;
static pid_t sessions[SESSIONS_MAX]; /* that began below us */
static size_t n_sessions;

/* ---- who is there */

static void read_one(const char *pid)
{
	struct process *p = &processes[n_processes];
	char path[64], text[512];
	const char *rest;
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = 0;
	rest = strrchr(text, ')'); /* the name before it may hold anything */
	*p = (struct process){ .pid = (pid_t)strtol(pid, NULL, 10) };
	if (rest && sscanf(rest + 1, " %*c %d %*d %d", &p->parent, &p->session) == 2)
		n_processes++;
}

static int by_pid(const void *a, const void *b)
{
	const struct process *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static void read_all(void)
{
	DIR *dir = opendir("/proc");
	const struct dirent *entry;

	n_processes = 0;
	while (dir && n_processes < PROCESSES_MAX && (entry = readdir(dir)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			read_one(entry->d_name);
	if (dir)
		closedir(dir);
	qsort(processes, n_processes, sizeof(processes[0]), by_pid);
}

static bool known_session(pid_t session)
{
	for (size_t i = 0; i < n_sessions; i++)
		if (sessions[i] == session)
			return true;
	return false;
}

static bool is_ours(pid_t pid)
{
	const struct process key = { .pid = pid }, *found;

	found = bsearch(&key, processes, n_processes, sizeof(key), by_pid);
	return pid == getpid() || (found && found->ours);
}

/* Descendants of ours, and whoever is in a session that one of them began. */
static size_t find_ours(void)
{
	size_t count = 0;
	bool more = true;

	read_all();
	while (more) {
		more = false;
		for (size_t i = 0; i < n_processes; i++) {
			struct process *p = &processes[i];

			if (p->ours || p->pid == getpid() || !(is_ours(p->parent) || known_session(p->session)))
				continue;
			p->ours = more = true;
			count++;
			if (p->session == p->pid && !known_session(p->session) && n_sessions < SESSIONS_MAX)
				sessions[n_sessions++] = p->session;
		}
	}
	return count;
}

/* ---- ending them */

static void signal_ours(int signum)
{
	for (size_t i = 0; i < n_processes; i++)
		if (processes[i].ours)
			(void)kill(processes[i].pid, signum);
}

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void reap(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

/* Each is reaped only after it was looked for: until then its number, and its session's, is nobody else's. */
static void end_all(void)
{
	const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
	long long start = now_ms();

	if (find_ours() == 0)
		return;
	signal_ours(SIGHUP);
	signal_ours(SIGCONT);
	for (int kills = 0; kills < KILLS_MIN || now_ms() - start <= KILL_MS;) {
		reap();
		nanosleep(&pause, NULL);
		if (find_ours() == 0)
			return;
		if (now_ms() - start > GRACE_MS) {
			signal_ours(SIGKILL);
			kills++;
		}
	}
}

/* ---- running it */

static int run(char **argv, const sigset_t *mask, pid_t *ret_pid)
{
	posix_spawnattr_t attr;
	int rc;

	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attr, mask);
	rc = posix_spawnp(ret_pid, argv[0], NULL, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	return rc;
}

/*
 * 128 + n for a signal, as a shell has it; 0 when we were told to end. A shell that ended first is not reaped here: it
 * tells end_all() which session its jobs are in.
 */
static int wait_for_end(pid_t pid, const sigset_t *signals)
{
	int status, signum;

	for (;;) {
		if (sigwait(signals, &signum) != 0)
			continue;
		if (signum != SIGCHLD)
			return 0;
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
}

int main(int argc, char **argv)
{
	pid_t parent = getppid(), pid;
	sigset_t signals, old;
	int rc;

	if (argc < 2) {
		fputs("usage: berth-terminal PROGRAM [ARGUMENT...]\n", stderr);
		return 2;
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, &old);
	/* berthd asked for SIGKILL; we need a moment */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
		perror("berth-terminal: prctl");
		return 1;
	}
	if (getppid() != parent)
		return 1;
	rc = run(argv + 1, &old, &pid);
	if (rc != 0) {
		fprintf(stderr, "berth-terminal: cannot run '%s': %s\n", argv[1], strerror(rc));
		return 127;
	}
	rc = wait_for_end(pid, &signals);
	end_all();
	return rc;
}
