/* SPDX-License-Identifier: MIT */
/* What a tree says about itself: os-release(5), and the machine its programs are for. */
#include <ctype.h>
#include <elf.h>
#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "image/metadata.h"

/* Value of a shell assignment: quotes around it, backslash before $ " ` \ in double quotes. */
static void unquote(const char *s, size_t len, struct strbuf *out)
{
	char quote = len && (*s == '"' || *s == '\'') ? *s : 0;
	size_t i;

	strbuf_reset(out);
	for (i = quote != 0; i < len && s[i] != quote; i++) {
		if (s[i] == '\\' && quote != '\'' && i + 1 < len)
			i++;
		if ((unsigned char)s[i] >= 0x20)
			strbuf_addch(out, (unsigned char)s[i] < 0x7f ? s[i] : '?');
	}
}

static void add_line(cJSON *map, const char *line, size_t len)
{
	AUTO_STRBUF struct strbuf value = STRBUF_INIT;
	const char *equal = memchr(line, '=', len);
	char key[64];
	size_t i, n = equal ? (size_t)(equal - line) : 0;

	if (n == 0 || n >= sizeof(key))
		return;
	for (i = 0; i < n; i++) {
		if (!isalnum((unsigned char)line[i]) && line[i] != '_')
			return;
		key[i] = (char)tolower((unsigned char)line[i]);
	}
	key[n] = 0;
	while (len > n + 1 && isspace((unsigned char)line[len - 1]))
		len--;
	unquote(equal + 1, len - n - 1, &value);
	json_set_str(map, key, value.buf);
}

cJSON *os_release_parse(const char *text, size_t len)
{
	cJSON *map = cJSON_CreateObject();
	const char *end = text + len, *next;
	unsigned lines = 0;

	for (; text < end && lines++ < 200; text = next + 1) {
		next = memchr(text, '\n', (size_t)(end - text));
		next = next ? next : end;
		add_line(map, text, (size_t)(next - text));
	}
	return map;
}

const char *architecture_name(const char *alias)
{
	static const char *const names[][2] = {
	    {"amd64", "x86_64"},    {"x86", "i686"},
	    {"i386", "i686"},	    {"i586", "i686"},
	    {"arm64", "aarch64"},   {"armhf", "armv7l"},
	    {"armel", "armv7l"},    {"arm", "armv7l"},
	    {"armv7", "armv7l"},    {"armv7a", "armv7l"},
	    {"powerpc", "ppc"},	    {"powerpc64", "ppc64"},
	    {"ppc64el", "ppc64le"}, {"loong64", "loongarch64"},
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(alias, names[i][0]) == 0)
			return names[i][1];
	}
	return alias;
}

const char *architecture_of_elf(const unsigned char *head, size_t len)
{
	static const struct {
		uint16_t machine;
		unsigned char bits, order;
		const char *name;
	} machines[] = {
	    {EM_X86_64, ELFCLASS64, ELFDATA2LSB, "x86_64"},   {EM_386, ELFCLASS32, ELFDATA2LSB, "i686"},
	    {EM_AARCH64, ELFCLASS64, ELFDATA2LSB, "aarch64"}, {EM_ARM, ELFCLASS32, ELFDATA2LSB, "armv7l"},
	    {EM_RISCV, ELFCLASS64, ELFDATA2LSB, "riscv64"},   {EM_RISCV, ELFCLASS32, ELFDATA2LSB, "riscv32"},
	    {EM_PPC64, ELFCLASS64, ELFDATA2LSB, "ppc64le"},   {EM_PPC64, ELFCLASS64, ELFDATA2MSB, "ppc64"},
	    {EM_PPC, ELFCLASS32, ELFDATA2MSB, "ppc"},	      {EM_S390, ELFCLASS64, ELFDATA2MSB, "s390x"},
	    {EM_MIPS, ELFCLASS64, ELFDATA2LSB, "mips64"},     {EM_MIPS, ELFCLASS32, ELFDATA2LSB, "mips"},
	    {258, ELFCLASS64, ELFDATA2LSB, "loongarch64"},
	};
	uint16_t machine;
	size_t i;

	if (len < 20 || memcmp(head, ELFMAG, SELFMAG))
		return NULL;
	machine = head[EI_DATA] == ELFDATA2MSB ? (uint16_t)(head[18] << 8 | head[19]) :
						 (uint16_t)(head[19] << 8 | head[18]);
	for (i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
		if (machines[i].machine == machine && machines[i].bits == head[EI_CLASS] &&
		    machines[i].order == head[EI_DATA])
			return machines[i].name;
	}
	return NULL;
}
