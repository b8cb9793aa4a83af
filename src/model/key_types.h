/* SPDX-License-Identifier: MIT */
/*
 * The types of values: pure predicates over text that came from outside.
 * They never look at the host; what depends on it is checked where it is used.
 */
#ifndef BERTH_MODEL_KEY_TYPES_H
#define BERTH_MODEL_KEY_TYPES_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool type_is_bool(const char *s);
bool type_is_true(const char *s); /* NULL is false */
bool type_is_false(const char *s); /* NULL is not false either: unset is neither */
bool type_is_int(const char *s, int64_t min, int64_t max);
bool type_is_size(const char *s);
bool type_is_bitrate(const char *s);
bool type_is_percent(const char *s, int *ret); /* "50%", 1-100; ret may be NULL */
bool type_is_line(const char *s); /* no control characters: it may become (part of) a config line */
bool type_is_word(const char *s); /* the same without blanks: names of keys */
bool type_is_text(const char *s); /* newlines and tabs allowed, no other control characters */
bool type_is_ifname(const char *s); /* 1-15 of [A-Za-z0-9._-], not "." or ".." */
bool type_is_name(const char *s); /* of a storage pool or volume: 1-63 of [A-Za-z0-9._-], a letter or digit first */
bool type_is_mac(const char *s);    /* "00:16:3e:aa:bb:cc", unicast */
bool type_is_address(int family, const char *s);
bool type_is_cidr(int family, const char *s); /* address, or address/prefix */
/* The next of a list of addresses (or networks) with commas and spaces: what is left of the list, NULL at its end. One that
 * is too long to be one is cut. */
const char *type_next_address(const char *list, char out[INET6_ADDRSTRLEN]);
bool type_is_address_list(int family, const char *s); /* at least one */
bool type_is_network_list(int family, const char *s); /* at least one NETWORK/PREFIX, no bits behind the prefix */
bool type_is_env_name(const char *s); /* [A-Za-z_][A-Za-z0-9_]* */
bool type_is_dotted(const char *s); /* [a-z0-9_-]+ joined by single dots: sysctl and LXC key names */
bool type_is_path(const char *s); /* absolute, no control characters, ".", ".." or "//", < PATH_MAX */
bool type_is_signal(const char *s); /* "SIGPWR", "SIGRTMIN+3" or a number 1-64 */
bool type_is_prlimit(const char *s); /* "N", "SOFT:HARD", "unlimited" */
bool type_is_mode(const char *s); /* octal, at most 0777 */

bool type_has_suffix(const char *s, const char *suffix);

/* A short printable copy for messages: control characters shown as '?', cut after 60 bytes. */
#define TYPE_SHOW_SIZE 68
const char *type_show(const char *s, char buf[TYPE_SHOW_SIZE]);

#endif
