/* SPDX-License-Identifier: GPL-2.0-only */
/* Prefix lists: rows of fields with commas between them (RFC 4180), one of which is the prefix. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "lists_parts.h"

#define FIELDS_MAX 64
#define ROW_MAX	   4096

struct row {
	char storage[ROW_MAX];
	struct word fields[FIELDS_MAX];
	unsigned int count;
};

bool list_is_csv(const struct list_reader *r, const char *line)
{
	return r->csv || (strchr(line, ',') && strcspn(line, "#;") > strcspn(line, ","));
}

/* Blanks around a field are not the field's, nor are the quotes around it. */
static int row_split(const char *line, struct row *row, struct weir_error *err)
{
	char *to = row->storage;
	const char *at = line;

	if (strlen(line) >= sizeof(row->storage))
		return weir_fail(err, EINVAL, "row is longer than %u bytes", ROW_MAX);
	for (row->count = 0; row->count < FIELDS_MAX; at++) {
		bool quoted;
		char *begin = to;

		at += strspn(at, " \t");
		quoted = *at == '"';
		row->fields[row->count++] = (struct word){to, (unsigned int)(at - line) + 1 + quoted};
		for (at += quoted; *at && (quoted || *at != ','); at++) {
			if (quoted && *at == '"' && at[1] != '"')
				break;
			at += quoted && *at == '"'; /* a doubled one stands for itself */
			*to++ = *at;
		}
		if (quoted) {
			if (*at != '"')
				return weir_fail(err, EINVAL, "a quote is not closed");
			at++;
			at += strspn(at, " \t");
			if (*at && *at != ',')
				return weir_fail(err, EINVAL, "unexpected text behind a quoted field");
		}
		while (!quoted && to > begin && (to[-1] == ' ' || to[-1] == '\t'))
			to--;
		*to++ = '\0';
		if (!*at)
			return 0;
	}
	return weir_fail(err, EINVAL, "row has more than %u fields", FIELDS_MAX);
}

/* In the first row: which field is the prefix? A header's name says it, or there is only one. Returns 1: it was a header. */
static int column_find(struct list_reader *r, const struct row *row, struct weir_error *err)
{
	static const char *const names[] = {"prefix", "cidr",	 "network",    "netblock", "subnet", "range",
					    "ip",     "address", "ip_address", "dst_ip",   "src_ip"};
	unsigned int found = 0;
	struct prefix ignored;
	int rc;

	for (unsigned int i = 0; i < row->count; i++)
		if (!prefix_parse(row->fields[i].text, &ignored, NULL) && !found++)
			r->column = i;
	if (found == 1)
		return 0;
	if (found) {
		rc = weir_fail(err, EINVAL, "a row with %u addresses", found);
		return weir_hint(err, rc, "begin with a header row that names the column 'prefix'");
	}
	for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++)
		for (unsigned int i = 0; i < row->count; i++)
			if (!strcasecmp(row->fields[i].text, names[n])) {
				r->column = i;
				return 1;
			}
	rc = weir_fail(err, EINVAL, "neither a prefix nor the name of a column of prefixes");
	return weir_hint(err, rc, "a header row names that column 'prefix', 'cidr', 'network' or 'ip'");
}

int list_csv_line(struct list_reader *r, const char *line, struct weir_error *err)
{
	struct row row;
	int rc = row_split(line, &row, err);

	if (!rc && !r->csv) {
		rc = column_find(r, &row, err);
		r->csv = rc >= 0;
		if (rc)
			return rc < 0 ? rc : 0;
	}
	if (rc)
		return rc;
	if (r->column >= row.count)
		return weir_fail(err, EINVAL, "row has only %u fields", row.count);
	return list_entry(r, &row.fields[r->column], 0, "", err);
}
