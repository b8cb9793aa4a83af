/* SPDX-License-Identifier: MIT */
/* What a VMConfig means for the devices of an instance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "panel/vm_work.h"

/* vm_nic_devices(): as JSON, sorted. */
static void become(const char *args, const char *devices, const char *inherited, const char *want)
{
	AUTO_JSON cJSON *a = cJSON_Parse(args), *d = cJSON_Parse(devices), *i = cJSON_Parse(inherited), *w = cJSON_Parse(want);
	AUTO_FREE char *is = NULL, *wanted = NULL;
	const struct vm vm = { .args = a };

	assert_true(a && d && i && w);
	vm_nic_devices(&vm, d, i);
	json_sort(d);
	json_sort(w);
	is = json_text(d);
	wanted = json_text(w);
	assert_string_equal(is, wanted);
}

#define NIC(more) "{\"type\":\"nic\",\"parent\":\"br0\"" more "}"
#define DISK "{\"type\":\"disk\",\"path\":\"/d\"}"

static void the_nics_it_names(void **state)
{
	become("{}", "{\"d\":" DISK "}", "{\"eth0\":" NIC("") "}", "{\"d\":" DISK "}");
	become("{\"nics\":{\"a\":" NIC("") "}}", "{\"d\":" DISK "}", "{}", "{\"a\":" NIC("") ",\"d\":" DISK "}");
	become("{\"nics\":{\"a\":" NIC("") "}}", "{\"a\":" NIC(",\"mtu\":\"1400\"") "}", "{}", "{\"a\":" NIC("") "}");
}

/* All of its NICs: those of profiles are none of them, but disks and the rest stay. */
static void those_of_profiles_are_hidden(void **state)
{
	become("{\"nics\":{\"a\":" NIC("") "}}", "{}", "{\"eth0\":" NIC("") ",\"root\":" DISK "}",
	       "{\"a\":" NIC("") ",\"eth0\":{\"type\":\"none\"}}");
	become("{\"nics\":{\"eth0\":" NIC("") "}}", "{}", "{\"eth0\":" NIC(",\"mtu\":\"1400\"") "}", "{\"eth0\":" NIC("") "}");
	become("{\"nics\":{}}", "{}", "{\"eth0\":" NIC("") "}", "{\"eth0\":{\"type\":\"none\"}}");
}

static void speeds_are_of_every_nic(void **state)
{
	become("{\"nics\":{\"a\":" NIC("") ",\"b\":" NIC("") "},\"speeds\":{\"limits.egress\":\"5Mbit\"}}", "{\"d\":" DISK "}",
	       "{\"eth0\":" NIC("") "}",
	       "{\"a\":" NIC(",\"limits.egress\":\"5Mbit\"") ",\"b\":" NIC(",\"limits.egress\":\"5Mbit\"")
	       ",\"d\":" DISK ",\"eth0\":{\"type\":\"none\"}}");
	/* "": no limit any more; the other one stays */
	become("{\"speeds\":{\"limits.egress\":\"\"}}",
	       "{\"a\":" NIC(",\"limits.egress\":\"5Mbit\",\"limits.ingress\":\"6Mbit\"") "}", "{}",
	       "{\"a\":" NIC(",\"limits.ingress\":\"6Mbit\"") "}");
}

/* A limit on a NIC of a profile needs a NIC of its own, but never a hidden one, nor a disk. */
static void speeds_of_a_profiles_nic(void **state)
{
	become("{\"speeds\":{\"limits.ingress\":\"7Mbit\"}}", "{\"off\":{\"type\":\"none\"}}",
	       "{\"eth0\":" NIC("") ",\"off\":" NIC("") ",\"root\":" DISK "}",
	       "{\"eth0\":" NIC(",\"limits.ingress\":\"7Mbit\"") ",\"off\":{\"type\":\"none\"}}");
}

static void args_and_warnings(void **state)
{
	static char name[] = "c1", password[] = "secret";
	AUTO_JSON cJSON *config = cJSON_Parse("{\"limits.cpu\":\"2\"}");
	const struct vmconfig c = { .name = name, .os_pass = password, .config = config };
	struct error err = ERROR_INIT;
	cJSON *args = vm_args(&c);
	AUTO_FREE char *text = json_text(args);
	struct vm *vm = vm_load(NULL, args, &err);

	assert_null(strstr(text, "secret")); /* it is journalled */
	assert_non_null(vm);
	assert_string_equal(vm->name, "c1");
	assert_null(json_obj(args, "nics"));
	assert_string_equal(json_str(json_obj(args, "config"), "limits.cpu"), "2");
	vm_warn(vm, "dns_addr", "why");
	assert_string_equal(cJSON_GetArrayItem(vm->warnings, 0)->valuestring, "dns_addr: why");
	vm_unload(vm);
	vm_unload(NULL);
	cJSON_Delete(args);
}

static void no_name(void **state)
{
	static const char *const bad[] = { "{}", "{\"name\":\"\"}", "{\"name\":\"..\"}", "{\"name\":\"a/b\"}", "{\"name\":1}" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		AUTO_JSON cJSON *args = cJSON_Parse(bad[i]);
		struct error err = ERROR_INIT;

		assert_null(vm_load(NULL, args, &err));
		assert_int_equal(err.code, ERROR_INVALID);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_nics_it_names),
		cmocka_unit_test(those_of_profiles_are_hidden),
		cmocka_unit_test(speeds_are_of_every_nic),
		cmocka_unit_test(speeds_of_a_profiles_nic),
		cmocka_unit_test(args_and_warnings),
		cmocka_unit_test(no_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
