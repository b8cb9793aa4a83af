/* SPDX-License-Identifier: MIT */
#include "base/cron.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/text.h"

struct field {
	const char *name;
	unsigned min, max;
	const char *words; /* three letters each, the first is min */
};

enum { MINUTE, HOUR, DOM, MONTH, DOW, FIELDS };

static const struct field fields[FIELDS] = {
	[MINUTE] = { "minute", 0, 59, NULL },
	[HOUR] = { "hour", 0, 23, NULL },
	[DOM] = { "day of month", 1, 31, NULL },
	[MONTH] = { "month", 1, 12, "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC" },
	[DOW] = { "day of week", 0, 7, "SUNMONTUEWEDTHUFRISAT" },
};

static const struct {
	const char *name;
	const char *fields; /* NULL: at no time */
} aliases[] = {
	{ "@hourly", "0 * * * *" },   { "@daily", "0 0 * * *" },    { "@midnight", "0 0 * * *" },
	{ "@weekly", "0 0 * * 0" },   { "@monthly", "0 0 1 * *" },  { "@annually", "0 0 1 1 *" },
	{ "@yearly", "0 0 1 1 *" },   { "@never", NULL },	    { "@startup", NULL },
};

/* A number or a word of the field; the end is the caller's to look at. */
static int parse_value(const struct field *f, const char **p, unsigned *ret, struct error *err)
{
	const char *s = *p;
	unsigned n = 0;

	for (size_t i = 0; f->words != NULL && f->words[i] != '\0'; i += 3) {
		if (strncasecmp(f->words + i, s, 3) != 0)
			continue;
		*ret = f->min + (unsigned)(i / 3);
		*p = s + 3;
		return 0;
	}
	if (!isdigit((unsigned char)*s))
		return error_set(err, ERROR_INVALID, "%s: '%.20s' is no number%s", f->name, s,
				 f->words != NULL ? " and no name" : "");
	for (; isdigit((unsigned char)*s); s++)
		n = n > 1000 ? n : n * 10 + (unsigned)(*s - '0');
	if (n < f->min || n > f->max)
		return error_set(err, ERROR_INVALID, "%s: %.*s is not within %u-%u", f->name, (int)(s - *p), *p, f->min,
				 f->max);
	*ret = n;
	*p = s;
	return 0;
}

static int parse_step(const struct field *f, const char **p, unsigned *ret, struct error *err)
{
	AUTO_FREE char *name = mem_printf("step of the %s", f->name);
	const struct field step = { name, 1, f->max, NULL };

	++*p;
	return parse_value(&step, p, ret, err);
}

/* One element of a list: "*", "N", "N-M", each perhaps with "/STEP". */
static int parse_range(const struct field *f, const char **p, uint64_t *bits, struct error *err)
{
	unsigned low = f->min, high = f->max, step = 1;
	bool single = false;

	if (**p == '*' || **p == '?') {
		++*p;
	} else {
		if (parse_value(f, p, &low, err) < 0)
			return -1;
		high = low;
		single = **p != '-';
		if (!single && (++*p, parse_value(f, p, &high, err) < 0))
			return -1;
		if (high < low)
			return error_set(err, ERROR_INVALID, "%s: the range %u-%u runs backwards", f->name, low, high);
	}
	if (**p == '/') {
		if (parse_step(f, p, &step, err) < 0)
			return -1;
		if (single)
			high = f->max;
	}
	for (unsigned n = low; n <= high; n += step)
		*bits |= UINT64_C(1) << n;
	return 0;
}

static int parse_field(const struct field *f, const char *text, uint64_t *bits, struct error *err)
{
	const char *p = text;

	*bits = 0;
	for (;;) {
		if (parse_range(f, &p, bits, err) < 0)
			return -1;
		if (*p == '\0')
			return 0;
		if (*p++ != ',')
			return error_set(err, ERROR_INVALID, "%s: '%.20s' does not belong to '%.40s'", f->name, p - 1, text);
	}
}

/* A day of month that none of the months has: it would wait for ever. */
static bool comes(const struct cron_rule *r)
{
	static const unsigned days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	if (!r->any_dow)
		return true;
	for (unsigned m = 0; m < 12; m++)
		for (unsigned d = 1; (r->month >> (m + 1) & 1) != 0 && d <= days[m]; d++)
			if ((r->dom >> d & 1) != 0)
				return true;
	return false;
}

static bool is_any(const char *field)
{
	return strcmp(field, "*") == 0 || strcmp(field, "?") == 0;
}

static int parse_rule(const char *text, struct cron_rule *r, struct error *err)
{
	AUTO_FREE char *copy = mem_strdup(text);
	const char *word[FIELDS];
	uint64_t bits[FIELDS];
	char *save = NULL;
	size_t n = 0;

	for (char *w = strtok_r(copy, " \t", &save); w != NULL; w = strtok_r(NULL, " \t", &save)) {
		if (n < FIELDS)
			word[n] = w;
		n++;
	}
	if (n != FIELDS)
		return error_set(err, ERROR_INVALID,
				 "Schedule must be of the form: <minute> <hour> <day-of-month> <month> <day-of-week>: it has %zu fields",
				 n);
	for (size_t i = 0; i < FIELDS; i++)
		if (parse_field(&fields[i], word[i], &bits[i], err) < 0)
			return error_wrap(err, "Error parsing schedule");
	r->minute = bits[MINUTE];
	r->hour = (uint32_t)bits[HOUR];
	r->dom = (uint32_t)bits[DOM];
	r->month = (uint16_t)bits[MONTH];
	r->dow = (uint8_t)((bits[DOW] | bits[DOW] >> 7) & 0x7f);
	r->any_dom = is_any(word[DOM]);
	r->any_dow = is_any(word[DOW]);
	if (!comes(r))
		return error_set(err, ERROR_INVALID, "day of month: no month of '%.20s' has a day of '%.40s'", word[MONTH],
				 word[DOM]);
	return 0;
}

static bool same_rule(const struct cron_rule *a, const struct cron_rule *b)
{
	return a->minute == b->minute && a->hour == b->hour && a->dom == b->dom && a->month == b->month && a->dow == b->dow &&
	       a->any_dom == b->any_dom && a->any_dow == b->any_dow && a->alias == b->alias;
}

static int add_rule(struct cron *c, const struct cron_rule *r, struct error *err)
{
	for (size_t i = 0; i < c->n; i++)
		if (same_rule(&c->rules[i], r))
			return 0;
	if (c->n == CRON_RULES_MAX)
		return error_set(err, ERROR_INVALID, "more than %d times", CRON_RULES_MAX);
	c->rules[c->n++] = *r;
	return 0;
}

static int add_alias(struct cron *c, const char *word, struct error *err)
{
	struct cron_rule rule;

	memset(&rule, 0, sizeof(rule)); /* the padding too: rules are compared */
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
		if (strcasecmp(aliases[i].name, word) != 0)
			continue;
		if (strcmp(aliases[i].name, "@startup") == 0)
			c->startup = true;
		if (aliases[i].fields == NULL)
			return 0;
		if (parse_rule(aliases[i].fields, &rule, err) < 0)
			return -1;
		rule.alias = true;
		return add_rule(c, &rule, err);
	}
	return error_set(err, ERROR_INVALID, "'%.40s' is none of @hourly, @daily, @midnight, @weekly, @monthly, @annually, "
			 "@yearly, @startup and @never", word);
}

static int parse_aliases(const char *text, struct cron *c, struct error *err)
{
	AUTO_FREE char *copy = mem_strdup(text);
	char *save = NULL;

	for (char *w = strtok_r(copy, ", \t", &save); w != NULL; w = strtok_r(NULL, ", \t", &save))
		if (add_alias(c, w, err) < 0)
			return -1;
	return 0;
}

/* Where the first of several ends: at a comma with a blank after it, where a whole one is before it. */
static size_t first_length(const char *text)
{
	size_t words = 0;

	for (const char *p = text; *p != '\0';) {
		p += strspn(p, " \t");
		p += strcspn(p, " \t");
		words++;
		if (p[-1] == ',' && *p != '\0' && (words >= FIELDS || (*text == '@' && p[strspn(p, " \t")] != '@')))
			return (size_t)(p - 1 - text);
	}
	return strlen(text);
}

static int parse_one(const char *text, struct cron *c, struct error *err)
{
	struct cron_rule rule;

	if (*text == '@')
		return parse_aliases(text, c, err);
	memset(&rule, 0, sizeof(rule));
	return parse_rule(text, &rule, err) < 0 ? -1 : add_rule(c, &rule, err);
}

int cron_parse(const char *text, struct cron *ret, struct error *err)
{
	struct cron c;

	memset(&c, 0, sizeof(c));
	for (text += strspn(text, " \t"); *text != '\0'; text += strspn(text, ", \t")) {
		AUTO_FREE char *one = mem_strndup(text, first_length(text));

		if (parse_one(one, &c, err) < 0)
			return -1;
		text += strlen(one);
	}
	*ret = c;
	return 0;
}

static uint32_t hash(const char *s)
{
	uint32_t h = text_hash32(s);

	return h ^ h >> 15;
}

void cron_spread(struct cron *c, const char *subject)
{
	uint32_t h = hash(subject);

	for (size_t i = 0; i < c->n; i++) {
		struct cron_rule *r = &c->rules[i];

		if (!r->alias)
			continue;
		r->minute = UINT64_C(1) << (h % 60);
		if (r->hour == 1)
			r->hour = UINT32_C(1) << (h / 60 % 24);
	}
}

static bool day_matches(const struct cron_rule *r, const struct tm *tm)
{
	bool dom = (r->dom >> tm->tm_mday & 1) != 0, dow = (r->dow >> tm->tm_wday & 1) != 0;

	if ((r->month >> (tm->tm_mon + 1) & 1) == 0)
		return false;
	return r->any_dom || r->any_dow ? dom && dow : dom || dow;
}

bool cron_matches(const struct cron *c, const struct tm *tm)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct cron_rule *r = &c->rules[i];

		if (day_matches(r, tm) && (r->hour >> tm->tm_hour & 1) != 0 && (r->minute >> tm->tm_min & 1) != 0)
			return true;
	}
	return false;
}

static bool any_day_matches(const struct cron *c, const struct tm *tm)
{
	for (size_t i = 0; i < c->n; i++)
		if (day_matches(&c->rules[i], tm))
			return true;
	return false;
}

static time_t next_day(struct tm tm, time_t t)
{
	time_t next;

	tm.tm_mday++;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	next = mktime(&tm);
	return next > t ? next : t + 60;
}

time_t cron_next(const struct cron *c, time_t after)
{
	const time_t end = after + (time_t)9 * 366 * 86400; /* February 29 may take eight years */
	time_t t = after - after % 60 + 60;
	struct tm tm;

	if (c->n == 0)
		return -1;
	while (t < end && localtime_r(&t, &tm) != NULL) {
		if (!any_day_matches(c, &tm))
			t = next_day(tm, t);
		else if (cron_matches(c, &tm))
			return t;
		else
			t += 60;
	}
	return -1;
}
