#include "celeba.h"

#include "../base/error.h"

#include <string.h>

/* Attributes that sets ask for; all others are skipped. */
enum attribute { SMILING, EYEGLASSES, BLACK_HAIR, BLOND_HAIR, ATTRIBUTES };
static const char *const attribute_names[] = {"Smiling", "Eyeglasses", "Black_Hair", "Blond_Hair"};

enum { MOST_COLUMNS = 256, MOST_PHOTOS = 10000000, MOST_GROUPS = 4 };

/* The text from `at` on; `line` counts from 1. */
struct reader {
    const char *at, *end;
    int32_t line;
};

struct word {
    const char *at;
    size_t length; /* 0: the line has no more */
};

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct word next_word(struct reader *reader)
{
    while (reader->at < reader->end && is_blank(*reader->at))
        reader->at++;
    struct word word = {reader->at, 0};
    while (reader->at < reader->end && !is_blank(*reader->at) && *reader->at != '\n')
        reader->at++;
    word.length = (size_t)(reader->at - word.at);
    return word;
}

/* Past what is left of the line; 0 at the end of the text. */
static int next_line(struct reader *reader)
{
    while (reader->at < reader->end && *reader->at != '\n')
        reader->at++;
    if (reader->at == reader->end)
        return 0;
    reader->at++;
    reader->line++;
    return reader->at < reader->end;
}

static int is_word(struct word word, const char *text)
{
    return word.length == strlen(text) && memcmp(word.at, text, word.length) == 0;
}

static pmoe_status fail_line(const struct reader *reader, const char *expected, struct word found, pmoe_error *error)
{
    return fail(error, PMOE_E_FORMAT, "CelebA's list, line %d: expected %s, found \"%.*s\"", (int)reader->line,
                expected, (int)(found.length < 40 ? found.length : 40), found.at);
}

/* ---- Its head: how many photographs, which columns ---- */

struct list {
    struct reader rows; /* from the first photograph on */
    int32_t photos, columns;
    int32_t column[ATTRIBUTES];
};

static pmoe_status read_count(struct reader *reader, int32_t *photos, pmoe_error *error)
{
    struct word word = next_word(reader);
    int64_t count = 0;
    for (size_t i = 0; i < word.length && i < 9; i++)
        count = word.at[i] >= '0' && word.at[i] <= '9' ? 10 * count + word.at[i] - '0' : MOST_PHOTOS + 1;
    if (word.length < 1 || word.length > 8 || count < 1 || count > MOST_PHOTOS)
        return fail_line(reader, "the number of photographs, 1 to 10000000", word, error);
    *photos = (int32_t)count;
    return PMOE_OK;
}

static pmoe_status read_names(struct reader *reader, struct list *list, pmoe_error *error)
{
    memset(list->column, -1, sizeof list->column);
    struct word word;
    for (list->columns = 0; (word = next_word(reader)).length; list->columns++) {
        if (list->columns == MOST_COLUMNS)
            return fail_line(reader, "at most 256 names of attributes", word, error);
        for (int32_t a = 0; a < ATTRIBUTES; a++)
            if (is_word(word, attribute_names[a]))
                list->column[a] = list->columns;
    }
    for (int32_t a = 0; a < ATTRIBUTES; a++)
        if (list->column[a] < 0)
            return fail(error, PMOE_E_FORMAT, "CelebA's list, line %d: expected an attribute %s, found none",
                        (int)reader->line, attribute_names[a]);
    return PMOE_OK;
}

static pmoe_status read_head(const void *text, size_t bytes, struct list *list, pmoe_error *error)
{
    struct reader reader = {text, (const char *)text + bytes, 1};
    TRY(read_count(&reader, &list->photos, error));
    next_line(&reader);
    TRY(read_names(&reader, list, error));
    next_line(&reader);
    list->rows = reader;
    return PMOE_OK;
}

/* ---- A photograph's line ---- */

static int is_name(struct word word)
{
    if (!word.length || word.length >= CELEBA_NAME_BYTES || word.at[0] == '.')
        return 0;
    for (size_t i = 0; i < word.length; i++) {
        char c = word.at[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '_' && c != '-' &&
            c != '.')
            return 0;
    }
    return 1;
}

static pmoe_status read_row(struct reader *reader, const struct list *list, struct word *name, int has[ATTRIBUTES],
                            pmoe_error *error)
{
    *name = next_word(reader);
    if (!is_name(*name))
        return fail_line(reader, "a file's name of up to 63 letters, digits, '_', '-' and '.'", *name, error);
    for (int32_t c = 0; c < list->columns; c++) {
        struct word word = next_word(reader);
        int yes = is_word(word, "1");
        if (!yes && !is_word(word, "-1"))
            return fail_line(reader, "1 or -1 for each attribute", word, error);
        for (int32_t a = 0; a < ATTRIBUTES; a++)
            if (list->column[a] == c)
                has[a] = yes;
    }
    struct word more = next_word(reader);
    return more.length ? fail_line(reader, "no more values than attributes", more, error) : PMOE_OK;
}

/* ---- Sets ---- */

/* Photographs of one group serve each other's turn.  Of hair: labels by black and blond, else labels. */
static int32_t group_of(pmoe_set set, const int has[ATTRIBUTES])
{
    if (set == PMOE_CELEBA)
        return has[SMILING];
    if (set == PMOE_CELEBA_GLASSES)
        return 2 * has[EYEGLASSES] + has[SMILING];
    if (has[BLACK_HAIR] == has[BLOND_HAIR])
        return -1; /* neither, or both: no part in it */
    return 2 * has[BLACK_HAIR] + has[SMILING];
}

/* Whose turn the set's photograph `index` is. */
static int32_t group_at(pmoe_set set, int train, int32_t index)
{
    int32_t classes = pmoe_set_classes(set), label = index % classes, turn = index / classes;
    if (set != PMOE_CELEBA_HAIR)
        return label;
    int against = train ? turn % 20 == 19 : turn % 2;
    return 2 * (label != against) + label;
}

/* The next photograph of the set that is this group's, from `index` on; `most` if there is none. */
static int32_t next_turn(pmoe_set set, int train, int32_t group, int32_t index, int32_t most)
{
    while (index < most && group_at(set, train, index) != group)
        index++;
    return index;
}

/* Walk through the list; each photograph of the split takes the next turn of its group. */
pmoe_status celeba_choose(const void *text, size_t bytes, pmoe_set set, int train, int32_t most,
                          struct celeba_photo *photos, int32_t *count, pmoe_error *error)
{
    struct list list;
    TRY(read_head(text, bytes, &list, error));
    int32_t from = train ? 0 : list.photos - list.photos / 10;
    int32_t to = train ? (int32_t)((int64_t)list.photos * 4 / 5) : list.photos;
    int32_t next[MOST_GROUPS], open = 0, end = most;
    for (int32_t g = 0; g < MOST_GROUPS; g++) {
        next[g] = next_turn(set, train, g, 0, most);
        open += next[g] < most;
    }
    struct reader reader = list.rows;
    for (int32_t row = 0; row < to && open; row++, next_line(&reader)) {
        struct word name;
        int has[ATTRIBUTES] = {0};
        TRY(read_row(&reader, &list, &name, has, error));
        int32_t g = row < from ? -1 : group_of(set, has);
        if (g < 0 || next[g] >= most)
            continue;
        struct celeba_photo *photo = &photos[next[g]];
        memcpy(photo->file, name.at, name.length);
        photo->file[name.length] = 0;
        photo->label = next[g] % pmoe_set_classes(set);
        next[g] = next_turn(set, train, g, next[g] + 1, most);
        open -= next[g] >= most;
    }
    /* A group whose turn nobody took ends the set there. */
    for (int32_t g = 0; g < MOST_GROUPS; g++)
        end = next[g] < end ? next[g] : end;
    *count = end;
    return PMOE_OK;
}
