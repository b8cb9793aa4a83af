/* SPDX-License-Identifier: MIT */
/* berthd: parse, wire up, run. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/http.h"
#include "api/server_config.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "berthd.h"
#include "host/check.h"
#include "host/notify.h"
#include "instance/file.h"
#include "instance/registry.h"
#include "model/settings.h"
#include "proc/op.h"
#include "rooms.h"

static const char usage_text[] =
	"Usage: berthd [--config FILE] [--root DIR] [--socket PATH] [--log-level LEVEL] [--foreground]\n"
	"       berthd --check [--format json] [--config FILE] [--root DIR]\n"
	"\n"
	"Manages LXC containers; speaks LXD's REST API on a unix socket.\n"
	"\n"
	"  --config FILE      settings (default: " BERTH_SYSCONFDIR "/berth/berth.conf, or DIR/berth.conf)\n"
	"  --root DIR         keep everything below DIR, so that several daemons run side by side\n"
	"  --socket PATH      listen here (default: /run/berth/berth.sock, or DIR/run/berth.sock)\n"
	"  --log-level LEVEL  error, warning, info or debug\n"
	"  --foreground       accepted for clarity: berthd never forks into the background\n"
	"  --check            say what is wrong with this host, and end; exit status 1 if anything is\n"
	"  --format json      for --check: as JSON\n"
	"  --help, --version\n"
	"\n"
	"Clients find it through --socket or BERTH_SOCKET. SIGTERM ends it (containers go on running),\n"
	"SIGHUP rereads the settings. See berthd(8).\n";

struct daemon {
	struct berthd b;
	struct settings_source source;
	uv_loop_t loop;
	uv_signal_t sigterm, sigint, sighup;
	bool stopping;
	bool check, json;
	size_t recovering; /* operations of the last life still to be finished or undone */
	int exit_status;
};

/* 0: go on; 1: done (help, version); -1: wrong usage */
static int parse_options(struct daemon *d, int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },    { "root", required_argument, NULL, 'r' },
		{ "socket", required_argument, NULL, 's' },    { "log-level", required_argument, NULL, 'l' },
		{ "foreground", no_argument, NULL, 'f' },      { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },	       { "check", no_argument, NULL, 'C' },
		{ "format", required_argument, NULL, 'F' },    { 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:r:s:l:fhV", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			d->source.config_file = optarg;
			break;
		case 'r':
			d->source.root = optarg;
			break;
		case 's':
			d->source.socket = optarg;
			break;
		case 'l':
			d->source.log_level = optarg;
			break;
		case 'f':
			break;
		case 'C':
			d->check = true;
			break;
		case 'F':
			d->json = strcmp(optarg, "json") == 0;
			if (d->json || strcmp(optarg, "text") == 0)
				break;
			fprintf(stderr, "berthd: unknown format '%s': it must be json or text\n", optarg);
			return -1;
		case 'h':
			fputs(usage_text, stdout);
			return 1;
		case 'V':
			puts("berthd " BERTH_VERSION);
			return 1;
		default:
			fputs("Try 'berthd --help'.\n", stderr);
			return -1;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "berthd: unexpected argument '%s'\nTry 'berthd --help'.\n", argv[optind]);
		return -1;
	}
	return 0;
}

/* ---- folders */

static int make_private(const char *path, mode_t mode, struct error *err)
{
	if (fs_mkdirs(path, mode, err) < 0)
		return -1;
	return chmod(path, mode) < 0 ? error_sys(err, errno, "cannot set the mode of '%s'", path) : 0;
}

static int make_folders(const struct settings *s, struct error *err)
{
	AUTO_FREE char *operations = fs_join(s->state_path, "operations");
	AUTO_FREE char *link = fs_join(s->run_path, "lxcpath");

	/* mapped roots walk through system_path to their own folders */
	if (make_private(s->system_path, 0711, err) < 0 || make_private(s->images_path, 0700, err) < 0 ||
	    make_private(s->backup_path, 0700, err) < 0 || fs_mkdirs(s->extern_path, 0700, err) < 0 ||
	    make_private(s->state_path, 0700, err) < 0 || make_private(operations, 0700, err) < 0 ||
	    make_private(s->run_path, 0755, err) < 0)
		return -1;
	/* `berth exec` runs lxc-attach by itself and finds the lxcpath here */
	(void)unlink(link);
	if (symlink(s->system_path, link) < 0)
		return error_sys(err, errno, "cannot make '%s'", link);
	return 0;
}

/* ---- start */

static void listen_now(struct daemon *d)
{
	struct error err = ERROR_INIT;

	d->b.http = http_listen(&d->b, d->b.settings->socket, &err);
	if (d->b.http == NULL) {
		log_error("%s", err.msg);
		d->exit_status = 1;
		uv_stop(&d->loop);
		return;
	}
	log_info("berthd " BERTH_VERSION " ready on '%s': %zu instances", d->b.settings->socket,
		 registry_count(d->b.registry));
	rooms_start(&d->b);
}

static void recovered_one(struct op *op, void *data)
{
	struct daemon *d = data;

	if (--d->recovering == 0 && !d->stopping)
		listen_now(d);
}

static void wait_for(struct op *op, void *data)
{
	((struct daemon *)data)->recovering++;
	op_on_end(op, recovered_one, data);
}

/* States first: undoing a launch must know whether its container runs. Then clients may come. */
static void synced(void *data)
{
	struct daemon *d = data;
	struct error err = ERROR_INIT;

	if (op_queue_recover(d->b.ops, &err) < 0)
		log_error("%s", err.msg);
	d->recovering = 1;
	op_foreach(d->b.ops, wait_for, d);
	recovered_one(NULL, d);
}

/* ---- signals */

static void drained(void *data)
{
	struct daemon *d = data;

	uv_stop(&d->loop);
}

static void term_cb(uv_signal_t *handle, int signum)
{
	struct daemon *d = handle->data;

	if (d->stopping)
		return;
	d->stopping = true;
	log_info("ending on %s: running operations are finished or undone", signum == SIGINT ? "SIGINT" : "SIGTERM");
	notify_stopping();
	rooms_stop_clocks(&d->b);
	file_sessions_end(&d->b);
	op_queue_drain(d->b.ops, server_config_shutdown_ms(d->b.server, (unsigned)d->b.settings->shutdown_grace_s * 1000),
		       drained, d);
}

static void hup_cb(uv_signal_t *handle, int signum)
{
	struct daemon *d = handle->data;
	struct error err = ERROR_INIT;
	enum log_level level;

	if (settings_reread(d->b.settings, &d->source, &err) < 0) {
		log_error("settings not reread: %s", err.msg);
		return;
	}
	if (log_level_parse(d->b.settings->log_level, &level))
		log_set_level(level);
	log_info("settings reread");
}

static void watch_signal(struct daemon *d, uv_signal_t *handle, uv_signal_cb cb, int signum)
{
	uv_signal_init(&d->loop, handle);
	handle->data = d;
	uv_signal_start(handle, cb, signum);
	uv_unref((uv_handle_t *)handle);
}

/* ---- main */

static void close_all(struct daemon *d)
{
	rooms_close(&d->b);
	uv_close((uv_handle_t *)&d->sigterm, NULL);
	uv_close((uv_handle_t *)&d->sigint, NULL);
	uv_close((uv_handle_t *)&d->sighup, NULL);
	/* what was closed frees itself in its callbacks; lxc-monitor is waited for */
	while (uv_run(&d->loop, UV_RUN_DEFAULT) != 0)
		;
	settings_free(d->b.settings);
}

static int run(struct daemon *d)
{
	struct error err = ERROR_INIT;
	enum log_level level;

	d->b.settings = settings_load(&d->source, &err);
	if (d->b.settings == NULL) {
		log_error("%s", err.msg);
		return 1;
	}
	if (log_level_parse(d->b.settings->log_level, &level))
		log_set_level(level);
	uv_loop_init(&d->loop);
	d->b.loop = &d->loop;
	watch_signal(d, &d->sigterm, term_cb, SIGTERM);
	watch_signal(d, &d->sigint, term_cb, SIGINT);
	watch_signal(d, &d->sighup, hup_cb, SIGHUP);
	if (make_folders(d->b.settings, &err) < 0 || rooms_open(&d->b, &d->source, &err) < 0) {
		log_error("%s", err.msg);
		return 1; /* the process ends here: nothing is closed piece by piece */
	}
	registry_sync(d->b.registry, synced, d);
	uv_run(&d->loop, UV_RUN_DEFAULT);
	close_all(d);
	return d->exit_status;
}

/* --check: no daemon, nothing is changed. */
static int check(const struct daemon *d)
{
	struct error err = ERROR_INIT;
	struct settings *s = settings_load(&d->source, &err);
	AUTO_JSON cJSON *findings = NULL;
	const cJSON *f;

	if (s == NULL) {
		fprintf(stderr, "berthd: %s\n", err.msg);
		return 1;
	}
	findings = host_check_all(s);
	if (d->json) {
		AUTO_FREE char *text = json_text(findings);

		puts(text);
		f = NULL;
	} else {
		f = findings->child;
	}
	for (; f != NULL; f = f->next) {
		const char *fix = json_str_or(f, "fix", "");

		printf("%-8s %-14s %s\n", json_str_or(f, "status", ""), json_str_or(f, "name", ""),
		       json_str_or(f, "message", ""));
		if (fix[0] != '\0')
			printf("%23s fix: %s\n", "", fix);
	}
	settings_free(s);
	return host_check_failed(findings);
}

int main(int argc, char **argv)
{
	static struct daemon d;
	struct rlimit files;
	int rc = parse_options(&d, argc, argv);

	if (rc != 0)
		return rc > 0 ? 0 : 2;
	if (geteuid() != 0) {
		fputs("berthd: must run as root\n", stderr);
		return 1;
	}
	if (d.check)
		return check(&d);
	umask(022);
	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) { /* a pidfd per instance, sockets */
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	return run(&d);
}
