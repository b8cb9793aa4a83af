/* SPDX-License-Identifier: MIT */
/* The command line against a scripted server: grammar, requests, output, exit status. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "cli/cli.h"
#include "fake_server.h"

#define SYNC(METADATA) "{\"type\":\"sync\",\"status_code\":200,\"metadata\":" METADATA "}"
#define BEGUN "{\"type\":\"async\",\"operation\":\"/1.0/operations/ab-1\",\"metadata\":{\"id\":\"ab-1\"}}"
#define DONE                                                                                                 \
	SYNC("{\"id\":\"ab-1\",\"status_code\":200,\"err\":\"\",\"resources\":{\"instances\":[\"/1.0/"       \
	     "instances/c7\"]}}")
#define FAILED SYNC("{\"id\":\"ab-1\",\"status_code\":400,\"err\":\"it broke\"}")
#define NOT_FOUND "{\"type\":\"error\",\"error_code\":404,\"error\":\"Instance not found\"}"
#define STOPPED SYNC("{\"name\":\"c1\",\"status\":\"Stopped\",\"status_code\":102}")
#define RUNNING SYNC("{\"name\":\"c1\",\"status\":\"Running\",\"status_code\":103}")
#define FROZEN SYNC("{\"name\":\"c1\",\"status\":\"Frozen\",\"status_code\":110}")

struct result {
	int rc;
	char out[16384], err[4096];
	char *requests[FAKE_REQUESTS_MAX + 1];
};

static void capture(int fd, FILE **ret_file, int *ret_saved)
{
	*ret_file = tmpfile();
	*ret_saved = dup(fd);
	dup2(fileno(*ret_file), fd);
}

static void restore(int fd, FILE *f, int saved, char *buf, size_t size)
{
	ssize_t n;

	fflush(fd == STDOUT_FILENO ? stdout : stderr);
	dup2(saved, fd);
	close(saved);
	n = pread(fileno(f), buf, size - 1, 0);
	buf[n > 0 ? n : 0] = 0;
	fclose(f);
}

/* Runs a command line, words apart by '|', against json answers (status by their content), NULL-terminated.
 */
static void run(struct result *r, const char *line, const char *const *json)
{
	struct fake_answer script[16] = { 0 };
	AUTO_FREE char *copy = mem_strdup(line);
	char *argv[32] = { copy }, *rest = copy;
	int argc = 0, saved_out, saved_err, saved_in = dup(STDIN_FILENO);
	FILE *out, *err;
	struct fake server;

	memset(r->requests, 0, sizeof(r->requests));
	for (size_t i = 0; json && json[i]; i++)
		script[i].bytes = fake_json(strstr(json[i], "\"error\"") ? 404 : 200, json[i]);
	fake_start(&server, script);
	setenv("BERTH_SOCKET", server.path, 1);
	while ((argv[argc] = strsep(&rest, "|")))
		argc++;
	if (freopen("/dev/null", "r", stdin) == NULL)
		abort();
	fflush(stdout);
	capture(STDOUT_FILENO, &out, &saved_out);
	capture(STDERR_FILENO, &err, &saved_err);
	r->rc = cli_main(argc, argv);
	restore(STDOUT_FILENO, out, saved_out, r->out, sizeof(r->out));
	restore(STDERR_FILENO, err, saved_err, r->err, sizeof(r->err));
	dup2(saved_in, STDIN_FILENO);
	close(saved_in);
	for (size_t i = 0; i < server.n; i++)
		r->requests[i] = mem_strdup(server.requests[i]);
	fake_stop(&server);
	for (size_t i = 0; script[i].bytes; i++)
		free((void *)(uintptr_t)script[i].bytes);
}

static void clear(struct result *r)
{
	for (size_t i = 0; r->requests[i]; i++)
		free(r->requests[i]);
}

static void contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' does not contain '%s'", text, part);
}

/* Line without a server: exit status and part of what it says. */
static void expect(const char *line, int rc, const char *out, const char *err)
{
	struct result r;

	run(&r, line, NULL);
	if (r.rc != rc)
		fail_msg("%s: exit %d, not %d: %s", line, r.rc, rc, r.err);
	contains(r.out, out);
	contains(r.err, err);
	if (rc == 0)
		assert_string_equal(r.err, "");
	if (rc == CLI_USAGE)
		assert_string_equal(r.out, "");
	clear(&r);
}

static void test_help(void **state)
{
	expect("berth|--help", 0, "Commands:\n", "");
	expect("berth|-h", 0, "  launch       ", "");
	expect("berth|list|--help", 0, "Usage: berth list [<filter>...] [flags]", "");
	expect("berth|config|device|add|-h", 0, "Usage: berth config device add ", "");
	expect("berth|start|c1|--help", 0, "Usage: berth start", "");
	expect("berth|--version", 0, BERTH_VERSION, "");
	expect("berth", CLI_USAGE, "", "Commands:\n");
	expect("berth|config", CLI_USAGE, "", "Usage: berth config <command>");
}

static void help_of(const struct command *cmd, const char *path)
{
	AUTO_FREE char *line = mem_printf("%s|%s", path, cmd->name);
	AUTO_FREE char *help = mem_printf("%s|--help", line);

	expect(help, 0, cmd->summary, "");
	if (!cmd->sub && !cmd->run)
		fail_msg("%s does nothing", line);
	for (const struct command *sub = cmd->sub; sub && sub->name; sub++)
		help_of(sub, line);
}

static void test_every_command_has_help(void **state)
{
	for (size_t i = 0; cli_root[i]; i++)
		help_of(cli_root[i], "berth");
}

static void test_usage(void **state)
{
	expect("berth|lsit", CLI_USAGE, "", "unknown command 'lsit'; did you mean 'list'?");
	expect("berth|config|xyz", CLI_USAGE, "", "berth config: unknown command 'xyz'");
	expect("berth|list|--nosuch", CLI_USAGE, "", "berth list: unknown option '--nosuch'");
	expect("berth|list|-x", CLI_USAGE, "", "unknown option '-x'");
	expect("berth|list|-c", CLI_USAGE, "", "option '-c' needs a value");
	expect("berth|list|--columns", CLI_USAGE, "", "option '--columns' needs a value");
	expect("berth|list|--fast=1", CLI_USAGE, "", "option '--fast=1' takes no value");
	expect("berth|--nosuch|list", CLI_USAGE, "", "unknown option '--nosuch'");
	expect("berth|start", CLI_USAGE, "", "name an instance, or --all");
	expect("berth|start|--all|c1", CLI_USAGE, "", "--all goes without names");
	expect("berth|pause|-f|c1", CLI_USAGE, "", "unknown option '-f'");
	expect("berth|delete", CLI_USAGE, "", "an argument is missing");
	expect("berth|rename|c1", CLI_USAGE, "", "too few arguments");
	expect("berth|rename|a|b|c", CLI_USAGE, "", "too many arguments");
	expect("berth|launch", CLI_USAGE, "", "an argument is missing");
	expect("berth|launch|i|c1|--no-profiles|-p|x", CLI_USAGE, "", "exclude each other");
	expect("berth|exec", CLI_USAGE, "", "name of an instance is missing");
	expect("berth|exec|c1|--", CLI_USAGE, "", "command is missing");
}

static void test_bad_values(void **state)
{
	expect("berth|list|--format|xml", CLI_USAGE, "", "unknown format 'xml'");
	expect("berth|list|-c|n?", CLI_USAGE, "", "unknown column '?'");
	expect("berth|stop|c1|--timeout|soon", CLI_USAGE, "", "--timeout");
	expect("berth|launch|i|c1|-c|nokey", CLI_USAGE, "", "'nokey' is no setting: it must be key=value");
	expect("berth|launch|i|c1|-d|eth0", CLI_USAGE, "", "'eth0' is no device");
	expect("berth|exec|--env|X|c1|--|true", CLI_USAGE, "", "key=value");
	expect("berth|exec|--mode|odd|c1|--|true", CLI_USAGE, "", "unknown mode 'odd'");
}

static void test_no_server(void **state)
{
	expect("berth|--socket|/tmp/nosuch/s|list", 1, "",
	       "Error: cannot connect to berthd at '/tmp/nosuch/s'");
	expect("berth|list|--socket=/tmp/nosuch/s", 1, "",
	       "Error: cannot connect to berthd at '/tmp/nosuch/s'");
}

static void test_error_is_clean(void **state)
{
	struct result r;

	run(&r, "berth|info|c1", (const char *const[]){ NOT_FOUND, NULL });
	assert_int_equal(r.rc, 1);
	assert_string_equal(r.err, "Error: Instance not found\n");
	assert_string_equal(r.out, "");
	clear(&r);
}

/* ---- requests: "METHOD PATH" and, when given, the body */

static void sent(const struct result *r, size_t i, const char *line, const char *json)
{
	AUTO_FREE char *start = mem_printf("%s HTTP/1.1\r\n", line);
	AUTO_JSON cJSON *want = json ? cJSON_Parse(json) : NULL;
	AUTO_JSON cJSON *got = NULL;
	const char *body;

	if (!r->requests[i])
		fail_msg("request %zu is missing: %s", i, r->err);
	if (strncmp(r->requests[i], start, strlen(start)) != 0)
		fail_msg("'%.80s' is not '%s'", r->requests[i], line);
	body = strstr(r->requests[i], "\r\n\r\n") + 4;
	got = cJSON_Parse(body);
	if (json && !cJSON_Compare(want, got, true))
		fail_msg("%s: '%s' is not '%s'", line, body, json);
}

static void test_launch(void **state)
{
	struct result r;

	run(&r, "berth|launch|bb|c1|-c|limits.cpu=1|-d|eth1,type=nic,nictype=p2p|-p|a|-p|b|-e",
	    (const char *const[]){ BEGUN, DONE, NULL });
	assert_int_equal(r.rc, 0);
	assert_string_equal(r.out, "Creating c1\nStarting c7\n");
	sent(&r, 0, "POST /1.0/instances",
	     "{\"name\":\"c1\",\"type\":\"container\",\"start\":true,\"ephemeral\":true,"
	     "\"source\":{\"type\":\"image\",\"alias\":\"bb\"},\"config\":{\"limits.cpu\":\"1\"},"
	     "\"devices\":{\"eth1\":{\"type\":\"nic\",\"nictype\":\"p2p\"}},\"profiles\":[\"a\",\"b\"]}");
	sent(&r, 1, "GET /1.0/operations/ab-1/wait?timeout=-1", NULL);
	assert_null(r.requests[2]);
	clear(&r);
}

static void test_init(void **state)
{
	struct result r;

	run(&r, "berth|init|local:bb|--no-profiles", (const char *const[]){ BEGUN, DONE, NULL });
	assert_string_equal(r.out, "Creating the instance\nInstance name is: c7\n");
	sent(&r, 0, "POST /1.0/instances",
	     "{\"type\":\"container\",\"source\":{\"type\":\"image\",\"alias\":\"bb\"},\"config\":{},"
	     "\"profiles\":[]}");
	clear(&r);
	run(&r, "berth|-q|init|--empty|c1", (const char *const[]){ BEGUN, DONE, NULL });
	assert_string_equal(r.out, "");
	sent(&r, 0, "POST /1.0/instances",
	     "{\"name\":\"c1\",\"type\":\"container\",\"source\":{\"type\":\"none\"},\"config\":{}}");
	clear(&r);
	run(&r, "berth|launch|bb|c1", (const char *const[]){ BEGUN, FAILED, NULL });
	assert_int_equal(r.rc, 1);
	assert_string_equal(r.out, "Creating c1\n");
	assert_string_equal(r.err, "Error: it broke\n");
	clear(&r);
}

/* A device of a profile is copied and changed, as lxc does. */
static void test_device_of_profile(void **state)
{
	struct result r;

	run(&r, "berth|init|bb|c1|-d|root,size=1GiB",
	    (const char *const[]){
		SYNC("{\"devices\":{\"root\":{\"type\":\"disk\",\"path\":\"/\",\"pool\":\"p\"}}}"), BEGUN,
		DONE, NULL});
	assert_int_equal(r.rc, 0);
	sent(&r, 0, "GET /1.0/profiles/default", NULL);
	sent(&r, 1, "POST /1.0/instances",
	     "{\"name\":\"c1\",\"type\":\"container\",\"source\":{\"type\":\"image\",\"alias\":\"bb\"},"
	     "\"config\":{},"
	     "\"devices\":{\"root\":{\"type\":\"disk\",\"path\":\"/\",\"pool\":\"p\",\"size\":\"1GiB\"}}}");
	clear(&r);
	run(&r, "berth|init|bb|c1|-d|data,size=1GiB", (const char *const[]){SYNC("{\"devices\":{}}"), NULL});
	assert_int_equal(r.rc, 1);
	contains(r.err, "device 'data' is in no profile");
	clear(&r);
}

static void test_power(void **state)
{
	struct result r;

	run(&r, "berth|start|c1", (const char *const[]){ STOPPED, BEGUN, DONE, NULL });
	assert_int_equal(r.rc, 0);
	sent(&r, 0, "GET /1.0/instances/c1", NULL);
	sent(&r, 1, "PUT /1.0/instances/c1/state",
	     "{\"action\":\"start\",\"timeout\":-1,\"force\":false,\"stateful\":false}");
	clear(&r);
	run(&r, "berth|start|c1", (const char *const[]){ FROZEN, BEGUN, DONE, NULL });
	sent(&r, 1, "PUT /1.0/instances/c1/state",
	     "{\"action\":\"unfreeze\",\"timeout\":-1,\"force\":false,\"stateful\":false}");
	clear(&r);
	run(&r, "berth|stop|-f|--timeout|9|a%2Fb", (const char *const[]){ BEGUN, DONE, NULL });
	sent(&r, 0, "PUT /1.0/instances/a%252Fb/state",
	     "{\"action\":\"stop\",\"timeout\":9,\"force\":true,\"stateful\":false}");
	clear(&r);
	run(&r, "berth|kill|c1", (const char *const[]){ BEGUN, DONE, NULL });
	sent(&r, 0, "PUT /1.0/instances/c1/state",
	     "{\"action\":\"stop\",\"timeout\":-1,\"force\":true,\"stateful\":false}");
	clear(&r);
	run(&r, "berth|start|c1", (const char *const[]){ STOPPED, BEGUN, FAILED, NULL });
	assert_string_equal(r.err, "Error: it broke\nTry `berth info --show-log c1` for more info\n");
	clear(&r);
}

/* One of several fails: the others run, each failure is named, exit 1. */
static void test_power_many(void **state)
{
	struct result r;

	run(&r, "berth|stop|a|b", (const char *const[]){ NOT_FOUND, BEGUN, DONE, NULL });
	assert_int_equal(r.rc, 1);
	assert_string_equal(r.err, "Error: a: Instance not found\nError: Some instances failed to stop\n");
	sent(&r, 0, "PUT /1.0/instances/a/state", NULL);
	sent(&r, 1, "PUT /1.0/instances/b/state", NULL);
	sent(&r, 2, "GET /1.0/operations/ab-1/wait?timeout=-1", NULL);
	clear(&r);
}

static void test_power_all(void **state)
{
	struct result r;

	run(&r, "berth|stop|--all",
	    (const char *const[]){
		SYNC("[{\"name\":\"a\",\"status_code\":102},{\"name\":\"b\",\"status_code\":103},"
		     "{\"status_code\":103}]"),
		BEGUN, DONE, NULL});
	assert_int_equal(r.rc, 0);
	sent(&r, 0, "GET /1.0/instances?recursion=1", NULL);
	sent(&r, 1, "PUT /1.0/instances/b/state", NULL);
	sent(&r, 2, "GET /1.0/operations/ab-1/wait?timeout=-1", NULL);
	assert_null(r.requests[3]);
	clear(&r);
}

static void test_delete(void **state)
{
	struct result r;

	run(&r, "berth|delete|c1", (const char *const[]){ RUNNING, NULL });
	assert_int_equal(r.rc, 1);
	assert_string_equal(r.err,
			    "Error: The instance is currently running, stop it first or pass --force\n");
	clear(&r);
	run(&r, "berth|delete|c1", (const char *const[]){ STOPPED, BEGUN, DONE, NULL });
	assert_int_equal(r.rc, 0);
	sent(&r, 1, "DELETE /1.0/instances/c1", NULL);
	clear(&r);
	run(&r, "berth|delete|-f|c1", (const char *const[]){ BEGUN, DONE, NULL });
	sent(&r, 0, "DELETE /1.0/instances/c1?force=1", NULL);
	clear(&r);
}

static void test_rename_and_copy(void **state)
{
	struct result r;

	run(&r, "berth|rename|c1|c2", (const char *const[]){ BEGUN, DONE, NULL });
	sent(&r, 0, "POST /1.0/instances/c1", "{\"name\":\"c2\"}");
	clear(&r);
	run(&r, "berth|copy|c1|c2|-c|user.a=2|--instance-only",
	    (const char *const[]){
		SYNC(
		    "{\"name\":\"c1\",\"architecture\":\"x86_64\",\"description\":\"d\",\"profiles\":[\"p\"],"
		    "\"config\":{\"user.a\":\"1\",\"volatile.uuid\":\"u\",\"volatile.base_image\":\"f\"},"
		    "\"devices\":{\"x\":{\"type\":\"none\"}}}"),
		BEGUN, DONE, NULL});
	assert_int_equal(r.rc, 0);
	sent(&r, 1, "POST /1.0/instances",
	     "{\"name\":\"c2\",\"type\":\"container\",\"architecture\":\"x86_64\",\"description\":\"d\","
	     "\"ephemeral\":false,"
	     "\"stateful\":false,\"config\":{\"user.a\":\"2\",\"volatile.base_image\":\"f\"},\"profiles\":["
	     "\"p\"],"
	     "\"devices\":{\"x\":{\"type\":\"none\"}},\"source\":{\"type\":\"copy\",\"source\":\"c1\",\"base-"
	     "image\":\"f\","
	     "\"instance_only\":true,\"container_only\":true}}");
	clear(&r);
}

/* The root disk keeps its name and other keys; without one the copy gets its own. */
static void test_copy_to_a_pool(void **state)
{
	struct result r;

	run(&r, "berth|copy|c1|c2|-s|dir",
	    (const char *const[]){
		SYNC("{\"name\":\"c1\",\"expanded_devices\":{\"disk0\":{\"type\":\"disk\",\"path\":\"/\","
		     "\"pool\":\"default\",\"size\":\"5GiB\"}}}"),
		BEGUN, DONE, NULL });
	assert_int_equal(r.rc, 0);
	sent(&r, 1, "POST /1.0/instances",
	     "{\"name\":\"c2\",\"type\":\"container\",\"architecture\":\"\",\"description\":\"\",\"ephemeral\":false,"
	     "\"stateful\":false,\"config\":{},\"devices\":{\"disk0\":{\"type\":\"disk\",\"path\":\"/\",\"pool\":\"dir\","
	     "\"size\":\"5GiB\"}},\"source\":{\"type\":\"copy\",\"source\":\"c1\",\"instance_only\":false,"
	     "\"container_only\":false}}");
	clear(&r);
	run(&r, "berth|copy|c1|c2|-s|dir", (const char *const[]){ SYNC("{\"name\":\"c1\"}"), BEGUN, DONE, NULL });
	assert_int_equal(r.rc, 0);
	sent(&r, 1, "POST /1.0/instances",
	     "{\"name\":\"c2\",\"type\":\"container\",\"architecture\":\"\",\"description\":\"\",\"ephemeral\":false,"
	     "\"stateful\":false,\"config\":{},\"devices\":{\"root\":{\"type\":\"disk\",\"path\":\"/\",\"pool\":\"dir\"}},"
	     "\"source\":{\"type\":\"copy\",\"source\":\"c1\",\"instance_only\":false,\"container_only\":false}}");
	clear(&r);
}

#define LIST                                                                                                 \
	SYNC(                                                                                                \
	    "[{\"name\":\"c2\",\"status\":\"Running\",\"type\":\"container\",\"expanded_config\":{\"user."   \
	    "a\":\"1\"},"                                                                                    \
	    "\"state\":{\"pid\":7,\"network\":{\"lo\":{\"addresses\":[{\"family\":\"inet\",\"address\":"     \
	    "\"127.0.0.1\","                                                                                 \
	    "\"scope\":\"local\"}]},\"eth0\":{\"addresses\":[{\"family\":\"inet\",\"address\":\"10.0.0.2\"," \
	    "\"scope\":\"global\"}]}}}},"                                                                    \
	    "{\"name\":\"c1\",\"status\":\"Stopped\",\"type\":\"container\",\"ephemeral\":true,\"state\":"   \
	    "null}]")

static void test_list(void **state)
{
	struct result r;

	run(&r, "berth|list", (const char *const[]){ LIST, NULL });
	assert_int_equal(r.rc, 0);
	assert_string_equal(
	    r.out, "+------+---------+-----------------+------+-----------------------+-----------+\n"
		   "| NAME |  STATE  |      IPV4       | IPV6 |         TYPE          | SNAPSHOTS |\n"
		   "+------+---------+-----------------+------+-----------------------+-----------+\n"
		   "| c1   | STOPPED |                 |      | CONTAINER (EPHEMERAL) | 0         |\n"
		   "+------+---------+-----------------+------+-----------------------+-----------+\n"
		   "| c2   | RUNNING | 10.0.0.2 (eth0) |      | CONTAINER             | 0         |\n"
		   "+------+---------+-----------------+------+-----------------------+-----------+\n");
	contains(r.requests[0], "GET /1.0/instances?recursion=2");
	clear(&r);
	run(&r, "berth|list|--fast|-f|csv|-c|ns,user.a:A", (const char *const[]){ LIST, NULL });
	assert_string_equal(r.out, "c1,STOPPED,\nc2,RUNNING,1\n");
	contains(r.requests[0], "GET /1.0/instances?recursion=1");
	clear(&r);
}

static void list_names(const char *line, const char *names)
{
	struct result r;

	run(&r, line, (const char *const[]){ LIST, NULL });
	if (strcmp(r.out, names) != 0)
		fail_msg("%s: '%s' is not '%s' %s", line, r.out, names, r.err);
	clear(&r);
}

static void test_list_filters(void **state)
{
	list_names("berth|list|c|-c|n|-f|csv", "c1\nc2\n");
	list_names("berth|list|c1|-c|n|-f|csv", "c1\n");
	list_names("berth|list|.*2|-c|n|-f|csv", "c2\n");
	list_names("berth|list|^c[1]$|-c|n|-f|csv", "c1\n");
	list_names("berth|list|(|-c|n|-f|csv", "");
	list_names("berth|list|status=running|-c|n|-f|csv", "c2\n");
	list_names("berth|list|user.a=1|-c|n|-f|csv", "c2\n");
	list_names("berth|list|u.a=1|-c|n|-f|csv", "c2\n");
	list_names("berth|list|user.b=1|-c|n|-f|csv", "");
	list_names("berth|list|ipv4=10.0.0.2|-c|n|-f|csv", "c2\n");
	list_names("berth|list|c|status=stopped|-c|n|-f|csv", "c1\n");
	list_names("berth|list|status=running,frozen|-c|n|-f|csv", "c2\n");
	list_names("berth|list|status=frozen,Stopped,running|-c|n|-f|csv", "c1\nc2\n");
	list_names("berth|list|status=|-c|n|-f|csv", "");
	list_names("berth|list|ipv4=192.168.0.0/16,10.0.0.0/30|-c|n|-f|csv", "c2\n");
	list_names("berth|list|ipv4=10.0.0.0/31|-c|n|-f|csv", "");
	list_names("berth|list|ipv4=0.0.0.0/0|-c|n|-f|csv", "c2\n");
	list_names("berth|list|ipv4=10.0.0.2/33|-c|n|-f|csv", "");
	list_names("berth|list|ipv6=10.0.0.2|-c|n|-f|csv", "");
}

static void test_list_hostile(void **state)
{
	struct result r;

	run(&r, "berth|list", (const char *const[]){ SYNC("{}"), NULL });
	assert_int_equal(r.rc, 1);
	clear(&r);
	run(&r, "berth|list|-c|ns46mMDpPSulLcdbfFeN",
	    (const char *const[]){
		SYNC("[1,null,{},{\"name\":3,\"state\":[],\"profiles\":{},\"snapshots\":1,\"created_at\":"
		     "\"x\"},"
		     "{\"state\":{\"network\":{\"a\":{\"addresses\":[1,{}]}},\"memory\":{\"usage\":-5}}}]"),
		NULL});
	assert_int_equal(r.rc, 0);
	clear(&r);
}

static void test_info(void **state)
{
	struct result r;

	run(&r, "berth|info|c1",
	    (const char *const[]){
		SYNC(
		    "{\"name\":\"c1\",\"status\":\"Running\",\"type\":\"container\",\"architecture\":\"x86_"
		    "64\","
		    "\"created_at\":\"2026-11-22T01:02:29Z\",\"state\":{\"pid\":7,\"processes\":3,"
		    "\"memory\":{\"usage\":675840},\"cpu\":{\"usage\":2500000000},"
		    "\"network\":{\"lo\":{\"type\":\"loopback\",\"state\":\"up\",\"mtu\":65536,\"addresses\":"
		    "[{\"family\":\"inet\",\"address\":\"127.0.0.1\",\"netmask\":\"8\",\"scope\":\"local\"}],"
		    "\"counters\":{\"bytes_received\":686}}}}}"),
		SYNC("[]"), /* backups */
		NULL});
	assert_int_equal(r.rc, 0);
	contains(
	    r.out,
	    "Name: c1\nStatus: RUNNING\nType: container\nArchitecture: x86_64\nPID: 7\nCreated: 2026/11/2");
	contains(r.out,
		 "\nResources:\n  Processes: 3\n  CPU usage:\n    CPU usage (in seconds): 2\n"
		 "  Memory usage:\n    Memory (current): 660.00KiB\n  Network usage:\n    lo:\n      Type: "
		 "loopback\n"
		 "      State: UP\n      MTU: 65536\n      Bytes received: 686B\n      Bytes sent: 0B\n"
		 "      Packets received: 0\n      Packets sent: 0\n      IP addresses:\n"
		 "        inet:  127.0.0.1/8 (local)\n");
	clear(&r);
}

static void test_exec_refusals(void **state)
{
	struct result r;

	if (geteuid() != 0) {
		expect("berth|exec|c1|--|true", 1, "", "only root");
		return;
	}
	run(&r, "berth|exec|c1|--|true", (const char *const[]){ NOT_FOUND, NULL });
	assert_string_equal(r.err, "Error: Instance not found\n");
	clear(&r);
	run(&r, "berth|exec|c1|--|true", (const char *const[]){ STOPPED, NULL });
	assert_string_equal(r.err, "Error: Instance is not running\n");
	clear(&r);
	run(&r, "berth|exec|c1|--|true", (const char *const[]){ FROZEN, NULL });
	assert_string_equal(r.err, "Error: Instance is frozen\n");
	clear(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_every_command_has_help),
		cmocka_unit_test(test_usage),
		cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_no_server),
		cmocka_unit_test(test_error_is_clean),
		cmocka_unit_test(test_launch),
		cmocka_unit_test(test_init),
		cmocka_unit_test(test_device_of_profile),
		cmocka_unit_test(test_power),
		cmocka_unit_test(test_power_many),
		cmocka_unit_test(test_power_all),
		cmocka_unit_test(test_delete),
		cmocka_unit_test(test_rename_and_copy),
		cmocka_unit_test(test_copy_to_a_pool),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_list_filters),
		cmocka_unit_test(test_list_hostile),
		cmocka_unit_test(test_info),
		cmocka_unit_test(test_exec_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
