/* SPDX-License-Identifier: MIT */
/*
 * berth-rootfs: the mounts of an instance. Run by LXC as a hook, also while berthd is not running, and by berthd for
 * live disk devices. Errors go to stderr in one line: LXC puts them into its log.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"
#include "helper/no_leak_check.h"
#include "helper/rootfs_attach.h"
#include "helper/rootfs_copy.h"
#include "helper/rootfs_enter.h"
#include "helper/rootfs_idmap.h"
#include "helper/rootfs_mount.h"
#include "helper/rootfs_nics.h"
#include "helper/rootfs_reboot.h"
#include "helper/rootfs_shift.h"

enum { EXIT_USAGE = 2, EXIT_ENTER = 125 /* not to be taken for the command's */ };

struct args {
	const char *lower;
	const char *source;
	const char *target;
	const char *create;
	const char *note;
	const char *options;
	bool readonly;
	bool optional;
	bool or_plain;
	bool hook;   /* LXC runs us */
	bool mapped; /* --idmap was given */
	bool moved;  /* --to was given */
	pid_t pid;
	struct idmap map;
	struct idmap to;
	char **operand; /* NULL-terminated */
	int operands;
};

static const struct option long_options[] = {
	{ "lower", required_argument, NULL, 'l' },  { "idmap", required_argument, NULL, 'i' },
	{ "pid", required_argument, NULL, 'p' },    { "source", required_argument, NULL, 's' },
	{ "target", required_argument, NULL, 't' }, { "create", required_argument, NULL, 'c' },
	{ "to", required_argument, NULL, 'T' },	    { "note", required_argument, NULL, 'n' },
	{ "readonly", no_argument, NULL, 'r' },	    { "optional", no_argument, NULL, 'o' },
	{ "or-plain", no_argument, NULL, 'P' },	    { "options", required_argument, NULL, 'O' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static const char usage_text[] =
	"Usage: berth-rootfs COMMAND [OPTION]... [FOLDER]\n"
	"\n"
	"  mount --lower=TREE --idmap=BASE:SIZE[,RAW]|none INSTANCE_DIR\n"
	"      mounts INSTANCE_DIR/rootfs: an overlay of INSTANCE_DIR/upper on TREE, its ids shifted\n"
	"      (container id 0 is host id BASE). lxc.hook.pre-start; already mounted is fine. RAW: container\n"
	"      ids that are other ids of the host, b500:1000:1 (b, u or g; host id, container id, how many),\n"
	"      with commas between them; in upper they lie as the others do\n"
	"  umount INSTANCE_DIR\n"
	"      unmounts it again, and does what nics-down does. lxc.hook.post-stop; as a hook it never fails\n"
	"  nics-down INSTANCE_DIR\n"
	"      ends what its nics have on the host: limits, filters, routes. lxc.hook.post-stop; as a hook it never fails\n"
	"  reboot DIR\n"
	"      lxc.hook.post-stop: fails, so that LXC does not start a container that reboots, when berthd does\n"
	"  attach --pid=PID --source=PATH --target=PATH [--readonly] [--idmap=BASE:SIZE[,RAW]] [--create=dir|file]\n"
	"         [--or-plain] [--optional] [--options=LIST]\n"
	"      mounts the host's PATH, or what is on the block device PATH, at the target in the running container whose init is PID;\n"
	"      --or-plain: where ids cannot be mapped, owners stay as they are; --optional: a missing PATH is fine.\n"
	"      Also as lxc.hook.start-host\n"
	"  detach --pid=PID --target=PATH\n"
	"      unmounts the target in that container\n"
	"  idmap-copy --lower=TREE --idmap=BASE:SIZE|none DST\n"
	"      copies TREE to the new folder DST with shifted owners (hosts without idmapped mounts)\n"
	"  live-copy --source=TREE --note=FILE DST\n"
	"      copies TREE, which may change, to the new folder DST, and notes in the new FILE what\n"
	"  rest-copy --source=TREE --note=FILE DST\n"
	"      then, when TREE is at rest: makes DST the same\n"
	"  loose-copy --source=TREE DST\n"
	"      copies TREE, which a container may be changing, to the empty folder DST\n"
	"  merged-copy --source=INSTANCE_DIR --lower=TREE --idmap=BASE:SIZE|none --to=BASE:SIZE|none DST\n"
	"      copies what INSTANCE_DIR's overlay shows, mounted or not, to the new folder DST;\n"
	"      the ids of --idmap become those of --to (none: as they are in the container)\n"
	"  shift --idmap=BASE:SIZE|none --to=BASE:SIZE|none TREE\n"
	"      gives the files in TREE, which nobody uses, from one map to the other\n"
	"  enter --source=INSTANCE_DIR [--lower=TREE] --idmap=BASE:SIZE|none -- COMMAND [ARGUMENT]...\n"
	"      runs COMMAND at the root of what INSTANCE_DIR shows, mounted or not (without --lower: of\n"
	"      INSTANCE_DIR/rootfs), read-only and without submounts, as root of these ids; none: as we are;\n"
	"      exit status 125 when it cannot be run\n"
	"  probe DIR\n"
	"      prints \"idmapped=0|1 overlay=0|1\": what works on DIR's file system\n"
	"  --help, --version\n";

static int parse_pid(const char *text, pid_t *ret, struct error *err)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (*end || end == text || n < 1 || n > 4194304)
		return error_set(err, ERROR_INVALID, "invalid pid '%s'", text);
	*ret = (pid_t)n;
	return 0;
}

static int parse_option(struct args *a, int c, struct error *err)
{
	switch (c) {
	case 'l':
		a->lower = optarg;
		return 0;
	case 'i':
		a->mapped = true;
		return idmap_parse(optarg, &a->map, err);
	case 'T':
		a->moved = true;
		return idmap_parse(optarg, &a->to, err);
	case 'p':
		return parse_pid(optarg, &a->pid, err);
	case 's':
		a->source = optarg;
		return 0;
	case 't':
		a->target = optarg;
		return 0;
	case 'c':
		a->create = optarg;
		if (strcmp(optarg, "dir") && strcmp(optarg, "file"))
			return error_set(err, ERROR_INVALID, "invalid --create '%s': must be 'dir' or 'file'", optarg);
		return 0;
	case 'n':
		a->note = optarg;
		return 0;
	case 'r':
		a->readonly = true;
		return 0;
	case 'o':
		a->optional = true;
		return 0;
	case 'O':
		a->options = optarg;
		return 0;
	case 'P':
		a->or_plain = true;
		return 0;
	default:
		return error_set(err, ERROR_INVALID, "unknown or incomplete option, see 'berth-rootfs --help'");
	}
}

/* With lxc.hook.version = 0 LXC appends "NAME lxc HOOK" to a hook's arguments and sets no LXC_HOOK_TYPE. */
static bool is_old_hook(char **operand, int n)
{
	return n >= 3 && !strcmp(operand[n - 2], "lxc") &&
	       (!strcmp(operand[n - 1], "pre-start") || !strcmp(operand[n - 1], "post-stop"));
}

static int parse_args(struct args *a, int argc, char **argv, struct error *err)
{
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "+", long_options, NULL)) != -1) {
		if (parse_option(a, c, err))
			return -1;
	}
	a->operand = argv + optind;
	a->operands = argc - optind;
	a->hook = getenv("LXC_HOOK_TYPE") != NULL;
	if (is_old_hook(a->operand, a->operands)) {
		a->hook = true;
		a->operands -= 3;
	}
	return 0;
}

static int need(bool given, const char *what, struct error *err)
{
	if (given)
		return 0;
	return error_set(err, ERROR_INVALID, "%s is missing, see 'berth-rootfs --help'", what);
}

static int run_mount(const struct args *a, struct error *err)
{
	if (need(a->lower, "--lower", err) || need(a->mapped, "--idmap", err))
		return -1;
	return rootfs_mount(a->operand[0], a->lower, &a->map, err);
}

/* LXC does not reboot a container whose post-stop hook fails; the next mount repairs what is left. */
static int only_said(const struct args *a, int rc, const struct error *err)
{
	if (rc == 0 || !a->hook)
		return rc;
	fprintf(stderr, "berth-rootfs: %s\n", err->msg);
	return 0;
}

static int run_nics_down(const struct args *a, struct error *err)
{
	return only_said(a, rootfs_nics_down(a->operand[0], err), err);
}

static int run_umount(const struct args *a, struct error *err)
{
	struct error failed = ERROR_INIT;

	if (rootfs_nics_down(a->operand[0], &failed) < 0) /* which is no reason to leave it mounted */
		fprintf(stderr, "berth-rootfs: %s\n", failed.msg);
	return only_said(a, rootfs_umount(a->operand[0], err), err);
}

/* LXC does not reboot it itself, then. */
static int run_reboot(const struct args *a, struct error *err)
{
	return rootfs_reboot(a->operand[0]) ? error_set(err, ERROR_CONFLICT, "berthd starts it again") : 0;
}

static int run_probe(const struct args *a, struct error *err)
{
	struct rootfs_probe probe;

	if (rootfs_probe(a->operand[0], &probe, err))
		return -1;
	printf("idmapped=%d overlay=%d\n", probe.idmapped, probe.overlay);
	return 0;
}

static int run_attach(const struct args *a, struct error *err)
{
	struct rootfs_attach attach = {
		.pid = a->pid, .source = a->source, .target = a->target, .readonly = a->readonly, .map = a->map,
		.or_plain = a->or_plain, .options = a->options,
		.create = !a->create ? ROOTFS_CREATE_NONE : !strcmp(a->create, "dir") ? ROOTFS_CREATE_DIR : ROOTFS_CREATE_FILE,
	};

	if (need(a->pid, "--pid", err) || need(a->source, "--source", err) || need(a->target, "--target", err))
		return -1;
	if (a->optional && access(a->source, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	return rootfs_attach(&attach, err);
}

static int run_detach(const struct args *a, struct error *err)
{
	if (need(a->pid, "--pid", err) || need(a->target, "--target", err))
		return -1;
	return rootfs_detach(a->pid, a->target, err);
}

static int run_copy(const struct args *a, struct error *err)
{
	if (need(a->lower, "--lower", err) || need(a->mapped, "--idmap", err))
		return -1;
	return rootfs_copy(a->lower, a->operand[0], &a->map, err);
}

static int run_live_copy(const struct args *a, struct error *err)
{
	if (need(a->source, "--source", err) || need(a->note, "--note", err))
		return -1;
	return rootfs_copy_live(a->source, a->operand[0], a->note, err);
}

static int run_rest_copy(const struct args *a, struct error *err)
{
	if (need(a->source, "--source", err) || need(a->note, "--note", err))
		return -1;
	return rootfs_copy_rest(a->source, a->operand[0], a->note, err);
}

static int run_loose_copy(const struct args *a, struct error *err)
{
	return need(a->source, "--source", err) ? -1 : rootfs_copy_loose(a->source, a->operand[0], err);
}

static int run_merged_copy(const struct args *a, struct error *err)
{
	const struct idmap map = idmap_between(&a->map, &a->to);
	AUTO_CLOSE int view = -1;

	if (need(a->source, "--source", err) || need(a->lower, "--lower", err) || need(a->mapped, "--idmap", err) ||
	    need(a->moved, "--to", err))
		return -1;
	if (a->operand[0][0] != '/')
		return error_set(err, ERROR_INVALID, "'%s' must be an absolute path", a->operand[0]);
	view = rootfs_view(a->source, a->lower, &a->map, err);
	return view < 0 ? -1 : rootfs_copy_fd(view, a->source, a->operand[0], &map, err);
}

static int run_shift(const struct args *a, struct error *err)
{
	if (need(a->mapped, "--idmap", err) || need(a->moved, "--to", err))
		return -1;
	return rootfs_shift(a->operand[0], &a->map, &a->to, err);
}

static int run_enter(const struct args *a, struct error *err)
{
	const struct rootfs_enter enter = { .instance_dir = a->source, .lower = a->lower, .map = a->map };

	if (need(a->source, "--source", err) || need(a->mapped, "--idmap", err) ||
	    need(a->operands > 0, "the command", err))
		return -1;
	return rootfs_enter(&enter, a->operand, err);
}

static const struct {
	const char *name;
	int operands; /* -1: any number */
	int (*run)(const struct args *a, struct error *err);
} commands[] = {
	{ "mount", 1, run_mount },   { "umount", 1, run_umount }, { "nics-down", 1, run_nics_down }, { "probe", 1, run_probe },
	{ "reboot", 1, run_reboot },
	{ "attach", 0, run_attach }, { "detach", 0, run_detach }, { "idmap-copy", 1, run_copy },
	{ "live-copy", 1, run_live_copy }, { "rest-copy", 1, run_rest_copy },
	{ "loose-copy", 1, run_loose_copy }, { "merged-copy", 1, run_merged_copy }, { "shift", 1, run_shift }, { "enter", -1, run_enter },
};

static int run(int argc, char **argv, struct error *err)
{
	struct args args = { 0 };

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, argv[1]))
			continue;
		if (parse_args(&args, argc - 1, argv + 1, err))
			return -1;
		if (commands[i].operands >= 0 && args.operands != commands[i].operands)
			return error_set(err, ERROR_INVALID, "'%s' takes %d folder, not %d, see 'berth-rootfs --help'",
					 argv[1], commands[i].operands, args.operands);
		return commands[i].run(&args, err);
	}
	return error_set(err, ERROR_INVALID, "unknown command '%s', see 'berth-rootfs --help'", argv[1]);
}

int main(int argc, char **argv)
{
	struct error err = ERROR_INIT;

	if (argc < 2) {
		fputs(usage_text, stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help")) {
		fputs(usage_text, stdout);
		return EXIT_SUCCESS;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("berth-rootfs " BERTH_VERSION);
		return EXIT_SUCCESS;
	}
	if (run(argc, argv, &err) == 0)
		return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	fprintf(stderr, "berth-rootfs: %s\n", err.msg);
	if (!strcmp(argv[1], "enter"))
		return EXIT_ENTER;
	return err.code == ERROR_INVALID ? EXIT_USAGE : EXIT_FAILURE;
}
