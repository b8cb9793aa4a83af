/* SPDX-License-Identifier: MIT */
#include "base/yaml_print.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "base/mem.h"

/* Does plain text mean a null, a truth value or a number to any YAML reader (1.1 or 1.2)? */
static bool looks_like_word(const char *s)
{
	static const char *const words[] = {"",	   "~", "null", "true", "false", "yes",	  "no",	  "on",
					    "off", "y", "n",	".inf", "-.inf", "+.inf", ".nan", "<<"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcasecmp(s, words[i]))
			return true;
	return false;
}

static bool looks_like_number(const char *s)
{
	const char *p = s + (*s == '-' || *s == '+');
	char *end;

	if (!((*p >= '0' && *p <= '9') || (*p == '.' && p[1] >= '0' && p[1] <= '9')))
		return false;
	if (strspn(p, "0123456789_:.") == strlen(p) && strchr(p, ':') && !strchr(p, '-'))
		return strspn(p, "0123456789") != 0; /* base 60 of YAML 1.1 */
	if (*p == '0' && (p[1] == 'o' || p[1] == 'b'))
		return true;
	if (strspn(p, "0123456789_.") == strlen(p) && strchr(p, '_'))
		return true;
	strtod(s, &end);
	return *end == 0;
}

static int emit(yaml_emitter_t *e, yaml_event_t *event)
{
	return yaml_emitter_emit(e, event) ? 0 : -1;
}

static int emit_scalar(yaml_emitter_t *e, const char *s, yaml_scalar_style_t style)
{
	yaml_event_t event;

	if (!yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)s, (int)strlen(s), 1, 1,
					  style))
		return -1;
	return emit(e, &event);
}

static int emit_string(yaml_emitter_t *e, const char *s)
{
	if (looks_like_word(s) || looks_like_number(s))
		return emit_scalar(e, s, YAML_DOUBLE_QUOTED_SCALAR_STYLE);
	if (strchr(s, '\n'))
		return emit_scalar(e, s, YAML_LITERAL_SCALAR_STYLE);
	return emit_scalar(e, s, YAML_ANY_SCALAR_STYLE);
}

static int emit_number(yaml_emitter_t *e, double d)
{
	char text[64];

	if (d > -1e17 && d < 1e17 && (double)(long long)d == d)
		snprintf(text, sizeof(text), "%.0f", d);
	else
		snprintf(text, sizeof(text), "%.15g", d);
	return emit_scalar(e, text, YAML_PLAIN_SCALAR_STYLE);
}

static int emit_value(yaml_emitter_t *e, const cJSON *v);

static int emit_list(yaml_emitter_t *e, const cJSON *v)
{
	yaml_sequence_style_t style = v->child ? YAML_BLOCK_SEQUENCE_STYLE : YAML_FLOW_SEQUENCE_STYLE;
	yaml_event_t event;
	const cJSON *item;

	if (!yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, style) || emit(e, &event) < 0)
		return -1;
	cJSON_ArrayForEach(item, v)
	{
		if (emit_value(e, item) < 0)
			return -1;
	}
	return yaml_sequence_end_event_initialize(&event) ? emit(e, &event) : -1;
}

static int emit_map(yaml_emitter_t *e, const cJSON *v)
{
	yaml_mapping_style_t style = v->child ? YAML_BLOCK_MAPPING_STYLE : YAML_FLOW_MAPPING_STYLE;
	yaml_event_t event;
	const cJSON *item;

	if (!yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, style) || emit(e, &event) < 0)
		return -1;
	cJSON_ArrayForEach(item, v)
	{
		if (emit_string(e, item->string ? item->string : "") < 0 || emit_value(e, item) < 0)
			return -1;
	}
	return yaml_mapping_end_event_initialize(&event) ? emit(e, &event) : -1;
}

static int emit_value(yaml_emitter_t *e, const cJSON *v)
{
	if (cJSON_IsObject(v))
		return emit_map(e, v);
	if (cJSON_IsArray(v))
		return emit_list(e, v);
	if (cJSON_IsString(v))
		return emit_string(e, v->valuestring);
	if (cJSON_IsNumber(v))
		return emit_number(e, v->valuedouble);
	if (cJSON_IsBool(v))
		return emit_scalar(e, cJSON_IsTrue(v) ? "true" : "false", YAML_PLAIN_SCALAR_STYLE);
	return emit_scalar(e, "null", YAML_PLAIN_SCALAR_STYLE);
}

static int emit_document(yaml_emitter_t *e, const cJSON *v)
{
	yaml_event_t event;

	if (!yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) || emit(e, &event) < 0)
		return -1;
	if (!yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) || emit(e, &event) < 0)
		return -1;
	if (emit_value(e, v) < 0)
		return -1;
	if (!yaml_document_end_event_initialize(&event, 1) || emit(e, &event) < 0)
		return -1;
	return yaml_stream_end_event_initialize(&event) ? emit(e, &event) : -1;
}

int yaml_print(const cJSON *v, FILE *out, struct error *err)
{
	yaml_emitter_t e;
	int rc;

	if (!yaml_emitter_initialize(&e))
		return error_set(err, ERROR_SYSTEM, "out of memory");
	yaml_emitter_set_output_file(&e, out);
	yaml_emitter_set_unicode(&e, 1);
	yaml_emitter_set_width(&e, -1);
	rc = emit_document(&e, v);
	if (rc < 0)
		error_set(err, ERROR_SYSTEM, "cannot write YAML: %s",
			  e.problem ? e.problem : "out of memory");
	yaml_emitter_delete(&e);
	return rc;
}

char *yaml_text(const cJSON *v, size_t *ret_len, struct error *err)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_len);
	int rc;

	if (out == NULL) {
		error_set(err, ERROR_SYSTEM, "out of memory");
		return NULL;
	}
	rc = yaml_print(v, out, err);
	if (fclose(out) == 0 && rc == 0)
		return text;
	free(text);
	if (rc == 0)
		error_set(err, ERROR_SYSTEM, "cannot write YAML: out of memory");
	return NULL;
}
