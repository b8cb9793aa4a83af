/* SPDX-License-Identifier: MIT */
/* init and launch. launch is one operation of the server ("start": true), so nothing half-made stays. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/json_merge.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/instance.h"

#define STDIN_MAX (4u << 20)
#define STDIN_WAIT_MS 250

struct create {
	bool launch;
	bool console;
	bool empty;
	bool no_profiles;
	cJSON *body;     /* of the POST */
	cJSON *config;   /* -c; borrowed by nobody */
	cJSON *devices;  /* -d */
	cJSON *profiles; /* -p */
};

enum { OPT_NO_PROFILES = 1, OPT_EMPTY, OPT_DESCRIPTION, OPT_CONSOLE };

static const struct option create_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "device", required_argument, NULL, 'd' },
	{ "profile", required_argument, NULL, 'p' },
	{ "network", required_argument, NULL, 'n' },
	{ "storage", required_argument, NULL, 's' },
	{ "ephemeral", no_argument, NULL, 'e' },
	{ "no-profiles", no_argument, NULL, OPT_NO_PROFILES },
	{ "empty", no_argument, NULL, OPT_EMPTY },
	{ "description", required_argument, NULL, OPT_DESCRIPTION },
	{ "console", no_argument, NULL, OPT_CONSOLE },
	{ 0 },
};

/* ---- YAML on standard input */

/* A pipe that nobody writes to (ssh, cron, a loop's input) must not block: it gets a moment. */
static bool stdin_has_data(void)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	struct stat st;

	if (fstat(STDIN_FILENO, &st) < 0)
		return false;
	if (!S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode))
		return true;
	if (poll(&p, 1, STDIN_WAIT_MS) > 0)
		return true;
	fputs("note: nothing comes on standard input, going on without configuration from it\n", stderr);
	return false;
}

static int read_stdin(struct strbuf *out, struct error *err)
{
	char buf[16384];
	ssize_t n;

	if (stdin_is_tty() || !stdin_has_data())
		return 0;
	while ((n = read(STDIN_FILENO, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EBADF || errno == EISDIR
				   ? 0
				   : error_sys(err, errno, "cannot read standard input");
		strbuf_add(out, buf, (size_t)n);
		if (out->len > STDIN_MAX)
			return error_set(err, ERROR_TOO_LARGE, "standard input is larger than %u MiB",
					 STDIN_MAX >> 20);
	}
	return 0;
}

static int body_from_stdin(struct create *c, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	cJSON *v;

	if (read_stdin(&text, err) < 0)
		return -1;
	v = yaml_parse(text.buf, text.len, err);
	if (!v)
		return error_wrap(err, "standard input is no YAML configuration");
	if (cJSON_IsNull(v)) {
		cJSON_Delete(v);
		return 0;
	}
	if (!cJSON_IsObject(v)) {
		cJSON_Delete(v);
		return error_set(err, ERROR_INVALID,
				 "standard input is no YAML configuration: it must be a map");
	}
	cJSON_Delete(c->body);
	c->body = v;
	return 0;
}

/* ---- the request */

static cJSON *ensure_map(cJSON *body, const char *key)
{
	cJSON *map = json_obj(body, key);

	if (!map) {
		map = cJSON_CreateObject();
		json_set(body, key, map);
	}
	return map;
}

static void take_profiles(struct create *c)
{
	if (c->no_profiles)
		json_set(c->body, "profiles", cJSON_CreateArray());
	else if (cJSON_GetArraySize(c->profiles) > 0)
		json_set(c->body, "profiles", cJSON_Duplicate(c->profiles, true));
}

/* The device as the profiles have it (the last one wins), or NULL. */
static int inherited_device(struct cli *cli, const struct create *c, const char *name, cJSON **ret,
			    struct error *err)
{
	AUTO_JSON cJSON *fallback = cJSON_Parse("[\"default\"]");
	const cJSON *profiles = json_arr(c->body, "profiles") ? json_arr(c->body, "profiles") : fallback;
	const cJSON *profile;

	*ret = NULL;
	cJSON_ArrayForEach(profile, profiles)
	{
		AUTO_FREE char *escaped = client_escape(cJSON_IsString(profile) ? profile->valuestring : "");
		AUTO_FREE char *path = mem_printf("/1.0/profiles/%s", escaped);
		AUTO_JSON cJSON *object = client_get(cli->client, path, NULL, err);
		const cJSON *device = json_obj(json_obj(object, "devices"), name);

		if (!object)
			return -1;
		if (device) {
			cJSON_Delete(*ret);
			*ret = cJSON_Duplicate(device, true);
		}
	}
	return 0;
}

/* -d without a type changes a device of the configuration or of a profile. */
static int take_device(struct cli *cli, struct create *c, const cJSON *device, struct error *err)
{
	cJSON *devices = ensure_map(c->body, "devices");
	cJSON *base = json_obj(devices, device->string);

	if (!base && !json_str(device, "type")) {
		if (inherited_device(cli, c, device->string, &base, err) < 0)
			return -1;
		if (!base && !strcmp(device->string, "root"))
			base = cJSON_Parse("{\"path\":\"/\",\"type\":\"disk\"}");
		if (!base)
			return error_set(err, ERROR_INVALID,
					 "device '%s' is in no profile of the instance, so it needs type=…",
					 device->string);
	} else if (!base) {
		base = cJSON_CreateObject();
	}
	if (json_obj(devices, device->string) != base)
		json_set(devices, device->string, base);
	json_merge(base, device);
	return 0;
}

static int build_body(struct cli *cli, struct create *c, const char *image, const char *name,
		      struct error *err)
{
	cJSON *source = cJSON_CreateObject();
	const cJSON *device;

	json_set(c->body, "source", source);
	json_set_str(source, "type", c->empty ? "none" : "image");
	json_set_str(source, "alias", c->empty ? NULL : instance_local(image));
	if (name)
		json_set_str(c->body, "name", instance_local(name));
	json_set_str(c->body, "type", "container");
	if (c->launch)
		json_set_bool(c->body, "start", true);
	json_merge(ensure_map(c->body, "config"), c->config);
	take_profiles(c);
	cJSON_ArrayForEach(device, c->devices)
	{
		if (take_device(cli, c, device, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- options */

static int network_option(struct create *c, const char *bridge)
{
	cJSON *nic = ensure_map(c->devices, "eth0");

	json_set_str(nic, "type", "nic");
	json_set_str(nic, "nictype", "bridged");
	json_set_str(nic, "parent", bridge);
	json_set_str(nic, "name", "eth0");
	return 0;
}

static int storage_option(struct create *c, const char *pool)
{
	cJSON *root = ensure_map(c->devices, "root");

	json_set_str(root, "type", "disk");
	json_set_str(root, "path", "/");
	json_set_str(root, "pool", pool);
	return 0;
}

static int take_option(struct create *c, int opt, struct error *err)
{
	if (opt == 'c')
		return instance_config_option(c->config, optarg, err);
	if (opt == 'd')
		return instance_device_option(c->devices, optarg, err);
	if (opt == 'n')
		return network_option(c, optarg);
	if (opt == 's')
		return storage_option(c, optarg);
	if (opt == 'p')
		cJSON_AddItemToArray(c->profiles, cJSON_CreateString(optarg));
	else if (opt == 'e')
		json_set_bool(c->body, "ephemeral", true);
	else if (opt == OPT_DESCRIPTION)
		json_set_str(c->body, "description", optarg);
	c->no_profiles |= opt == OPT_NO_PROFILES;
	c->empty |= opt == OPT_EMPTY;
	c->console |= opt == OPT_CONSOLE;
	return 0;
}

/* Options come last: what they say replaces what the YAML said. */
static int parse(struct cli *cli, int argc, char **argv, struct create *c, struct error *err)
{
	int opt;

	while ((opt = cli_getopt(cli, argc, argv, "c:d:p:n:s:e", create_options)) != -1) {
		if (opt == '?')
			return CLI_USAGE;
		if (opt == OPT_CONSOLE && !c->launch)
			return cli_usage(cli, "--console is for launch");
		if (take_option(c, opt, err) < 0)
			return cli_usage(cli, "%s", err->msg);
	}
	if (c->no_profiles && cJSON_GetArraySize(c->profiles) > 0)
		return cli_usage(cli, "--no-profiles and --profile exclude each other");
	return cli_argc(cli, argc, c->empty ? 0 : 1, c->empty ? 1 : 2);
}

/* ---- running it */

static void say(const struct cli *cli, const char *what, const char *name)
{
	if (cli->quiet)
		return;
	fputs(what, stdout);
	if (name)
		text_print(stdout, name);
	putchar('\n');
	fflush(stdout);
}

static int create_instance(struct cli *cli, const struct create *c, const char *name, struct error *err)
{
	AUTO_JSON cJSON *op = NULL;
	const char *made;

	say(cli, name ? "Creating " : "Creating the instance", name);
	op = client_change(cli->client, "POST", "/1.0/instances", c->body, NULL, err);
	if (!op)
		return -1;
	made = instance_of_operation(op);
	if (!made)
		made = name ? name : "";
	if (!name)
		say(cli, "Instance name is: ", made);
	if (c->launch)
		say(cli, "Starting ", made);
	return c->console ? instance_console(cli, made, err) : 0;
}

static int run_parsed(struct cli *cli, int argc, char **argv, struct create *c, struct error *err)
{
	AUTO_JSON cJSON *from_options = NULL;
	const char *image = NULL, *name = NULL;
	int rc = parse(cli, argc, argv, c, err);

	if (rc != 0)
		return rc;
	if (!c->empty)
		image = argv[optind++];
	if (optind < argc)
		name = instance_local(argv[optind]);
	from_options = c->body;
	c->body = cJSON_CreateObject();
	if (body_from_stdin(c, err) < 0)
		return -1;
	json_merge(c->body, from_options);
	if (!name)
		name = json_str(c->body, "name");
	if (build_body(cli, c, image, name, err) < 0)
		return -1;
	return create_instance(cli, c, json_str(c->body, "name"), err);
}

static int create_run(struct cli *cli, int argc, char **argv, bool launch, struct error *err)
{
	struct create c = { .launch = launch };
	int rc;

	c.body = cJSON_CreateObject();
	c.config = cJSON_CreateObject();
	c.devices = cJSON_CreateObject();
	c.profiles = cJSON_CreateArray();
	rc = run_parsed(cli, argc, argv, &c, err);
	cJSON_Delete(c.body);
	cJSON_Delete(c.config);
	cJSON_Delete(c.devices);
	cJSON_Delete(c.profiles);
	return rc;
}

static int init_run(struct cli *cli, int argc, char **argv, struct error *err)
{
	return create_run(cli, argc, argv, false, err);
}

static int launch_run(struct cli *cli, int argc, char **argv, struct error *err)
{
	return create_run(cli, argc, argv, true, err);
}

#define CREATE_HELP                                                                                      \
	"  -c, --config KEY=VALUE            Set a configuration key (repeatable)\n"                     \
	"  -d, --device NAME,KEY=VALUE,...   Add a device, or change one of a profile (repeatable)\n"    \
	"  -p, --profile NAME                Apply this profile instead of default (repeatable)\n"       \
	"      --no-profiles                 Apply none\n"                                               \
	"  -n, --network BRIDGE              Connect eth0 to this bridge\n"                              \
	"  -s, --storage POOL                Put the root disk into this pool\n"                         \
	"  -e, --ephemeral                   Delete it when it stops\n"                                  \
	"      --empty                       No image: an empty root file system\n"                      \
	"      --description TEXT            Describe it\n"

const struct command cmd_init = {
	.name = "init",
	.args = "<image> [<name>] [flags] [< config.yaml]",
	.summary = "Create an instance from an image",
	.options = CREATE_HELP,
	.examples = "  berth init busybox c1\n"
		    "  berth init busybox c1 -c limits.memory=512MiB -d root,size=4GiB\n"
		    "  berth init busybox c1 < c1.yaml\n",
	.run = init_run,
	.complete = "image",
};

const struct command cmd_launch = {
	.name = "launch",
	.args = "<image> [<name>] [flags] [< config.yaml]",
	.summary = "Create an instance from an image and start it",
	.options = CREATE_HELP "      --console                     Attach to its console\n",
	.examples = "  berth launch busybox c1\n"
		    "  berth launch busybox c1 -c limits.cpu=2 -d eth0,ipv4.address=10.0.3.20\n",
	.run = launch_run,
	.complete = "image",
};
