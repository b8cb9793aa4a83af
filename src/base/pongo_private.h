/* SPDX-License-Identifier: MIT */
/* Shared by pongo*.c alone: tokens, values, and a template while it is rendered. */
#ifndef BERTH_BASE_PONGO_PRIVATE_H
#define BERTH_BASE_PONGO_PRIVATE_H

#include <stdbool.h>

#include "base/pongo.h"

enum pongo_kind {
	PONGO_TEXT,
	PONGO_OPEN_VALUE, /* {{ */
	PONGO_CLOSE_VALUE,
	PONGO_OPEN_TAG, /* {% */
	PONGO_CLOSE_TAG,
	PONGO_NAME,
	PONGO_STRING, /* between its quotes, with its backslashes */
	PONGO_NUMBER,
	PONGO_SYMBOL,
	PONGO_END,
};

struct pongo_token {
	enum pongo_kind kind;
	unsigned line;
	const char *at; /* into the text */
	size_t len;
};

enum pongo_type { PONGO_NIL, PONGO_BOOL, PONGO_INTEGER, PONGO_FLOAT, PONGO_WORDS, PONGO_JSON };

/* One that is all zero is nil. */
struct pongo_value {
	enum pongo_type type;
	long long i; /* PONGO_BOOL too */
	double f;
	char *s;           /* PONGO_WORDS: owned */
	const cJSON *json; /* PONGO_JSON: an object or array; owned, too, if own is not NULL */
	cJSON *own;
};

enum { PONGO_VARIABLES_MAX = 64 };

struct pongo_variable {
	char *name;
	struct pongo_value value;
};

struct pongo {
	const char *name;
	struct pongo_token *tokens; /* ended by PONGO_END */
	size_t at;
	const cJSON *context;
	struct pongo_variable variables[PONGO_VARIABLES_MAX]; /* innermost last */
	size_t n_variables;
	unsigned depth;
	unsigned spent; /* of what one rendering may take */
	bool escape;
	struct strbuf *out;
	struct error *err;
};

/* pongo_lex.c: caller frees; NULL with err. */
struct pongo_token *pongo_lex(const char *name, const char *text, size_t len, struct error *err);
bool pongo_token_is(const struct pongo_token *t, enum pongo_kind kind, const char *text);

/* pongo_value.c */
void pongo_value_clear(struct pongo_value *v);
struct pongo_value pongo_value_words(const char *s, size_t len);
struct pongo_value pongo_value_bool(bool b);
struct pongo_value pongo_value_integer(long long i);
struct pongo_value pongo_value_json(const cJSON *json); /* borrowed where it is an object or array; NULL is nil */
bool pongo_value_true(const struct pongo_value *v);
bool pongo_value_equal(const struct pongo_value *a, const struct pongo_value *b);
int pongo_value_compare(const struct pongo_value *a, const struct pongo_value *b); /* as strcmp() */
bool pongo_value_in(const struct pongo_value *what, const struct pongo_value *where);
double pongo_value_number(const struct pongo_value *v); /* 0 for what is none */
/* Appends what {{ }} shows of it; false: it is an object or a list. */
bool pongo_value_print(const struct pongo_value *v, struct strbuf *out);

/* pongo_filter.c: changes v. argument may be NULL. -1 with err ("unknown filter …") without name and line. */
int pongo_filter(const char *name, struct pongo_value *v, const struct pongo_value *argument, struct error *err);

/* pongo_expression.c. live false: nothing is evaluated, only read; *ret is nil then. */
int pongo_expression(struct pongo *p, bool live, struct pongo_value *ret);
/* Takes a token of the kind and text (NULL: any) if it is the next one. */
bool pongo_take(struct pongo *p, enum pongo_kind kind, const char *text);
int pongo_need(struct pongo *p, enum pongo_kind kind, const char *text);
int pongo_fail(const struct pongo *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
int pongo_spend(struct pongo *p, size_t bytes);

#endif
