/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <wchar.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/cli.h"

struct table {
	const char *const *headers;
	size_t n;     /* columns */
	char ***rows; /* sorted by table_print through a copy of this array */
	size_t n_rows, cap;
	bool as_given;
};

int format_parse(const char *s, enum format *ret, struct error *err)
{
	static const char *const names[] = { "table", "compact", "json", "csv", "yaml" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(s, names[i])) {
			*ret = (enum format)i;
			return 0;
		}
	return error_set(err, ERROR_INVALID,
			 "unknown format '%s': it must be table, compact, json, csv or yaml", s);
}

struct table *table_new(const char *const *headers, size_t n)
{
	struct table *t = mem_alloc(sizeof(*t));

	t->headers = headers;
	t->n = n;
	return t;
}

void table_row(struct table *t, const char *const *cells)
{
	char **row = mem_alloc(t->n * sizeof(*row));

	for (size_t i = 0; i < t->n; i++)
		row[i] = mem_strdup(cells[i] ? cells[i] : "");
	if (t->n_rows == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 16;
		t->rows = mem_realloc(t->rows, t->cap, sizeof(*t->rows));
	}
	t->rows[t->n_rows++] = row;
}

void table_free(struct table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n_rows; i++) {
		for (size_t j = 0; j < t->n; j++)
			free(t->rows[i][j]);
		free(t->rows[i]);
	}
	free(t->rows);
	free(t);
}

char *text_upper(const char *s)
{
	char *text = mem_strdup(s), *p;

	for (p = text; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	return text;
}

/* ---- order: column by column, runs of digits by value, empty cells last */

static int compare_natural(const char *a, const char *b)
{
	while (*a && *b) {
		if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
			size_t la, lb;
			int d;

			a += strspn(a, "0");
			b += strspn(b, "0");
			la = strspn(a, "0123456789");
			lb = strspn(b, "0123456789");
			d = la != lb ? (la > lb) - (la < lb) : strncmp(a, b, la);
			if (d)
				return d;
			a += la;
			b += lb;
			continue;
		}
		if (*a != *b)
			return (unsigned char)*a - (unsigned char)*b;
		a++;
		b++;
	}
	return (*a != 0) - (*b != 0);
}

static int compare_rows(const void *a, const void *b, void *data)
{
	const struct table *t = data;
	char *const *ra = *(char **const *)a, *const *rb = *(char **const *)b;

	for (size_t i = 0; i < t->n; i++) {
		int d;

		if (!ra[i][0] || !rb[i][0])
			d = !ra[i][0] - !rb[i][0];
		else
			d = compare_natural(ra[i], rb[i]);
		if (d)
			return d;
	}
	return 0;
}

/* ---- columns on the terminal */

/* Length of the UTF-8 character at s and its columns; a byte that is none counts as one '?'. */
static size_t next_char(const char *s, size_t len, int *ret_width)
{
	static bool located;
	mbstate_t state = { 0 };
	wchar_t wc;
	size_t n;

	*ret_width = 1;
	if ((unsigned char)*s < 0x80)
		return 1;
	if (!located)
		setlocale(LC_CTYPE, "C.UTF-8");
	located = true;
	n = mbrtowc(&wc, s, len, &state);
	if (n == (size_t)-1 || n == (size_t)-2 || n == 0) {
		*ret_width = -1;
		return 1;
	}
	*ret_width = wcwidth(wc);
	return n;
}

static size_t columns(const char *s, size_t len)
{
	size_t width = 0;

	for (size_t i = 0; i < len;) {
		int w;

		i += next_char(s + i, len - i, &w);
		width += w < 0 ? 1 : (size_t)w;
	}
	return width;
}

static void put_text(struct strbuf *out, const char *s, size_t len)
{
	for (size_t i = 0; i < len;) {
		int w;
		size_t n = next_char(s + i, len - i, &w);

		if (w < 0 || (n == 1 && iscntrl((unsigned char)s[i])))
			strbuf_addch(out, '?');
		else
			strbuf_add(out, s + i, n);
		i += n;
	}
}

static void put_repeated(struct strbuf *out, char c, size_t n)
{
	while (n-- > 0)
		strbuf_addch(out, c);
}

/* Line i of a cell; false when it has fewer. */
static bool cell_line(const char *cell, size_t i, const char **ret, size_t *ret_len)
{
	for (; i > 0; i--) {
		cell = strchr(cell, '\n');
		if (!cell)
			return false;
		cell++;
	}
	*ret = cell;
	*ret_len = strcspn(cell, "\n");
	return true;
}

static void measure_cell(const char *cell, size_t *width)
{
	const char *line;
	size_t len;

	for (size_t i = 0; cell_line(cell, i, &line, &len); i++) {
		size_t w = columns(line, len);

		if (w > *width)
			*width = w;
	}
}

static size_t *measure(const struct table *t)
{
	size_t *widths = mem_alloc((t->n + 1) * sizeof(*widths));

	for (size_t j = 0; j < t->n; j++) {
		measure_cell(t->headers[j], &widths[j]);
		for (size_t i = 0; i < t->n_rows; i++)
			measure_cell(t->rows[i][j], &widths[j]);
	}
	return widths;
}

static void put_rule(const struct table *t, const size_t *widths, struct strbuf *out)
{
	for (size_t j = 0; j < t->n; j++) {
		strbuf_addch(out, '+');
		put_repeated(out, '-', widths[j] + 2);
	}
	strbuf_addstr(out, "+\n");
}

/* One line of all cells of a row; returns false when every cell had fewer lines. */
static bool put_line(const struct table *t, const size_t *widths, const char *const *cells, size_t i,
		     bool header, struct strbuf *out)
{
	size_t start = out->len;
	bool any = false;

	for (size_t j = 0; j < t->n; j++) {
		const char *line = "";
		size_t len = 0, pad, left;

		any |= cell_line(cells[j], i, &line, &len);
		pad = widths[j] - columns(line, len);
		left = header ? pad / 2 : 0;
		strbuf_addstr(out, "| ");
		put_repeated(out, ' ', left);
		put_text(out, line, len);
		put_repeated(out, ' ', pad - left + 1);
	}
	strbuf_addstr(out, "|\n");
	if (!any)
		strbuf_truncate(out, start);
	return any;
}

static void put_table(const struct table *t, struct strbuf *out)
{
	AUTO_FREE size_t *widths = measure(t);

	put_rule(t, widths, out);
	put_line(t, widths, t->headers, 0, true, out);
	put_rule(t, widths, out);
	for (size_t r = 0; r < t->n_rows; r++) {
		for (size_t i = 0; put_line(t, widths, (const char *const *)t->rows[r], i, false, out);)
			i++;
		put_rule(t, widths, out);
	}
}

static bool put_compact_line(const struct table *t, const size_t *widths, const char *const *cells, size_t i,
			     struct strbuf *out)
{
	size_t start = out->len;
	bool any = false;

	for (size_t j = 0; j < t->n; j++) {
		const char *line = "";
		size_t len = 0;

		any |= cell_line(cells[j], i, &line, &len);
		put_text(out, line, len);
		put_repeated(out, ' ', widths[j] - columns(line, len) + 2);
	}
	while (out->len > start && out->buf[out->len - 1] == ' ')
		strbuf_truncate(out, out->len - 1);
	strbuf_addch(out, '\n');
	if (!any)
		strbuf_truncate(out, start);
	return any;
}

static void put_compact(const struct table *t, struct strbuf *out)
{
	AUTO_FREE size_t *widths = measure(t);

	put_compact_line(t, widths, t->headers, 0, out);
	for (size_t r = 0; r < t->n_rows; r++)
		for (size_t i = 0; put_compact_line(t, widths, (const char *const *)t->rows[r], i, out);)
			i++;
}

/* RFC 4180, without a header line: what scripts split. */
static void put_csv(const struct table *t, struct strbuf *out)
{
	for (size_t r = 0; r < t->n_rows; r++) {
		for (size_t j = 0; j < t->n; j++) {
			const char *cell = t->rows[r][j];
			bool quote = cell[strcspn(cell, ",\"\r\n")] || cell[0] == ' ';

			if (j > 0)
				strbuf_addch(out, ',');
			if (quote)
				strbuf_addch(out, '"');
			for (; *cell; cell++) {
				if (*cell == '"')
					strbuf_addch(out, '"');
				strbuf_addch(out, *cell);
			}
			if (quote)
				strbuf_addch(out, '"');
		}
		strbuf_addch(out, '\n');
	}
}

void table_keep_order(struct table *t)
{
	t->as_given = true;
}

int table_print(const struct table *t, enum format format, const cJSON *objects, struct error *err)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;

	if (format == FORMAT_YAML)
		return yaml_print(objects, stdout, err);
	if (format == FORMAT_JSON) {
		AUTO_FREE char *json = json_text(objects);

		puts(json);
		return 0;
	}
	if (t->n_rows > 1 && !t->as_given)
		qsort_r(t->rows, t->n_rows, sizeof(*t->rows), compare_rows, (void *)(uintptr_t)t);
	if (format == FORMAT_TABLE)
		put_table(t, &out);
	else if (format == FORMAT_COMPACT)
		put_compact(t, &out);
	else
		put_csv(t, &out);
	fwrite(out.buf, 1, out.len, stdout);
	return 0;
}
