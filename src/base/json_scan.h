/* Is a text JSON?  The half of reading that needs no memory; json.c is its only user. */
#ifndef PMOE_BASE_JSON_SCAN_H
#define PMOE_BASE_JSON_SCAN_H

#include "json.h"

/* PMOE_OK if the text is what json_open takes, duplicate keys aside; *tokens is then its number of values and keys. */
PMOE_MUST_USE pmoe_status json_scan(const char *text, size_t bytes, const char *what, int32_t *tokens,
                                    pmoe_error *error);

/* The code unit of a \u escape whose four digits were checked. */
uint32_t json_hex4(const char *digits);

#endif
