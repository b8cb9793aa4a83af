/* SPDX-License-Identifier: MIT */
#include "helper/proxy_nat.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *family_name(int family)
{
	return family == AF_INET ? "ip" : "ip6";
}

static void add_port(const char *table, const struct endpoint *listen, const struct endpoint *connect, size_t i,
		     struct strbuf *out)
{
	static const char *const chains[] = { "prerouting", "output" };
	const char *f = family_name(listen->family), *proto = endpoint_kind_name(listen->kind);
	bool v6 = listen->family == AF_INET6;
	unsigned to = connect->ports[connect->n_ports > 1 ? i : 0];

	for (size_t c = 0; c < 2; c++)
		strbuf_addf(out, "add rule %s %s %s %s daddr %s %s dport %u dnat to %s%s%s:%u\n", f, table, chains[c], f,
			    listen->host, proto, (unsigned)listen->ports[i], v6 ? "[" : "", connect->host,
			    v6 ? "]" : "", to);
	/* the instance's own connection to itself: the answer must come back this way */
	strbuf_addf(out, "add rule %s %s postrouting %s saddr %s %s daddr %s %s dport %u masquerade\n", f, table, f,
		    connect->host, f, connect->host, proto, to);
}

void proxy_nat_rules(const char *table, const struct endpoint *listen, const struct endpoint *connect,
		     struct strbuf *out)
{
	const char *f = family_name(listen->family);

	strbuf_addf(out, "add table %s %s\ndelete table %s %s\nadd table %s %s\n", f, table, f, table, f, table);
	strbuf_addf(out, "add chain %s %s prerouting { type nat hook prerouting priority -100; }\n", f, table);
	strbuf_addf(out, "add chain %s %s output { type nat hook output priority -100; }\n", f, table);
	strbuf_addf(out, "add chain %s %s postrouting { type nat hook postrouting priority 100; }\n", f, table);
	for (size_t i = 0; i < listen->n_ports; i++)
		add_port(table, listen, connect, i, out);
}

/* nft(8) with this on its stdin. */
static int run_nft(const char *text, size_t len, struct error *err)
{
	int in[2], status = 0;
	pid_t child;

	if (pipe2(in, O_CLOEXEC) < 0)
		return error_sys(err, errno, "cannot make a pipe");
	child = fork();
	if (child == 0) {
		char nft[] = "nft", f[] = "-f", dash[] = "-";
		char *const argv[] = { nft, f, dash, NULL };

		if (dup2(in[0], 0) == 0)
			execvp("nft", argv);
		_exit(127);
	}
	close(in[0]);
	while (child > 0 && len > 0) {
		ssize_t n = write(in[1], text, len);

		if (n <= 0)
			break;
		text += n;
		len -= (size_t)n;
	}
	close(in[1]);
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return error_sys(err, errno, "cannot run 'nft'");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return error_set(err, ERROR_TOOL, "'nft' did not take the rules");
	return 0;
}

int proxy_nat_add(const char *table, const struct endpoint *listen, const struct endpoint *connect, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;

	proxy_nat_rules(table, listen, connect, &text);
	return run_nft(text.buf, text.len, err);
}

void proxy_nat_remove(const char *table, int family)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error ignored = ERROR_INIT;

	strbuf_addf(&text, "add table %s %s\ndelete table %s %s\n", family_name(family), table, family_name(family),
		    table);
	(void)run_nft(text.buf, text.len, &ignored);
}
