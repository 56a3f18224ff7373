/* CelebA's list: which photographs make a set and in which order, and lists that are none. */
#include "pmoe.h"

#include "data/celeba.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 1000, MOST = 600 };

struct text {
    char *at;
    size_t bytes, room;
};

static void add(struct text *text, const char *line)
{
    size_t bytes = strlen(line);
    assert_true(text->bytes + bytes <= text->room);
    memcpy(text->at + text->bytes, line, bytes);
    text->bytes += bytes;
}

/* Attributes of row i, 0 or 1: every second smiles, every third of those pairs wears glasses, and hair goes round
 * black, blond, both, none. */
static int smiles(int i)
{
    return i % 2;
}

static int has_glasses(int i)
{
    return i / 2 % 3 == 0;
}

static int is_black(int i)
{
    return i / 2 % 4 == 0 || i / 2 % 4 == 2;
}

static int is_blond(int i)
{
    return i / 2 % 4 == 1 || i / 2 % 4 == 2;
}

/* In the columns' order of the real list, which has more of them between; with its spaces. */
static struct text make_list(void)
{
    struct text text = {malloc(ROWS * 80), 0, ROWS * 80};
    char line[120];
    snprintf(line, sizeof line, "%d\n5_o_Clock_Shadow Black_Hair Blond_Hair Eyeglasses Smiling Young \n", ROWS);
    add(&text, line);
    for (int i = 0; i < ROWS; i++) {
        snprintf(line, sizeof line, "%06d.jpg %2d %2d %2d %2d %2d %2d\n", i + 1, -1, is_black(i) ? 1 : -1,
                 is_blond(i) ? 1 : -1, has_glasses(i) ? 1 : -1, smiles(i) ? 1 : -1, 1);
        add(&text, line);
    }
    return text;
}

static int number_of(const struct celeba_photo *photo)
{
    return atoi(photo->file) - 1;
}

static void test_sets(void **state)
{
    (void)state;
    struct text text = make_list();
    static struct celeba_photo photos[MOST];
    static const pmoe_set sets[] = {PMOE_CELEBA, PMOE_CELEBA_HAIR, PMOE_CELEBA_GLASSES};
    for (int s = 0; s < 3; s++)
        for (int train = 0; train < 2; train++) {
            int32_t count, classes = pmoe_set_classes(sets[s]), last[8] = {0};
            assert_int_equal(celeba_choose(text.at, text.bytes, sets[s], train, MOST, photos, &count, NULL), PMOE_OK);
            assert_in_range(count, 20, MOST);
            for (int32_t i = 0; i < count; i++) {
                int n = number_of(&photos[i]), label = i % classes, black = is_black(n);
                assert_int_equal(photos[i].label, label);
                assert_int_equal(smiles(n), label % 2);
                if (sets[s] == PMOE_CELEBA_GLASSES)
                    assert_int_equal(has_glasses(n), label / 2);
                if (sets[s] == PMOE_CELEBA_HAIR) {
                    int turn = i / classes, against = train ? turn % 20 == 19 : turn % 2;
                    assert_int_not_equal(black, is_blond(n));
                    assert_int_equal(black, label != against);
                }
                assert_true(train ? n < ROWS * 4 / 5 : n >= ROWS * 9 / 10);
                /* Nobody twice: each group goes through the list in order. */
                int group = label + 4 * (sets[s] == PMOE_CELEBA_HAIR && black);
                assert_true(n + 1 > last[group]);
                last[group] = n + 1;
            }
            int32_t fewer;
            static struct celeba_photo first[MOST];
            assert_int_equal(celeba_choose(text.at, text.bytes, sets[s], train, 10, first, &fewer, NULL), PMOE_OK);
            assert_int_equal(fewer, 10);
            for (int32_t i = 0; i < fewer; i++)
                assert_string_equal(first[i].file, photos[i].file);
        }
    free(text.at);
}

static void test_a_class_without_photographs_ends_the_set(void **state)
{
    (void)state;
    const char text[] =
        "10\nSmiling Eyeglasses Black_Hair Blond_Hair\r\n"
        "a.jpg 1 -1 1 -1\r\nb.jpg 1 -1 1 -1\r\nc.jpg -1 -1 1 -1\r\nd.jpg 1 -1 1 -1\r\ne.jpg -1 -1 1 -1\r\n"
        "f.jpg 1 -1 1 -1\r\ng.jpg 1 -1 1 -1\r\nh.jpg 1 -1 1 -1\r\ni.jpg 1 -1 1 -1\r\nj.jpg 1 -1 1 -1";
    struct celeba_photo photos[8];
    int32_t count;
    assert_int_equal(celeba_choose(text, sizeof text - 1, PMOE_CELEBA, 1, 8, photos, &count, NULL), PMOE_OK);
    assert_int_equal(count, 4);
    static const char *const files[] = {"c.jpg", "a.jpg", "e.jpg", "b.jpg"};
    for (int i = 0; i < 4; i++)
        assert_string_equal(photos[i].file, files[i]);
    assert_int_equal(celeba_choose(text, sizeof text - 1, PMOE_CELEBA, 0, 8, photos, &count, NULL), PMOE_OK);
    assert_int_equal(count, 0);
}

static void test_what_is_no_list_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "line 1: expected the number of photographs"},
        {"0\nSmiling", "line 1: expected the number"},
        {"-3\nSmiling", "line 1: expected the number"},
        {"999999999\nSmiling", "line 1: expected the number"},
        {"99999999\nSmiling", "line 1: expected the number"},
        {"2", "expected an attribute Smiling, found none"},
        {"2\nSmiling Eyeglasses Black_Hair\n", "line 2: expected an attribute Blond_Hair"},
        {"2\nSmiling Eyeglasses Black_Hair Blond_Hair\n", "line 3: expected a file's name"},
        {"2\nSmiling Eyeglasses Black_Hair Blond_Hair\n../a.jpg 1 1 1 1", "line 3: expected a file's name"},
        {"2\nSmiling Eyeglasses Black_Hair Blond_Hair\na/b.jpg 1 1 1 1", "line 3: expected a file's name"},
        {"2\nSmiling Eyeglasses Black_Hair Blond_Hair\n.a 1 1 1 1", "line 3: expected a file's name"},
        {"2\nSmiling Eyeglasses Black_Hair Blond_Hair\n"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1 1 1 1",
         "line 3: expected a file's name"},
        {"2\nSmiling Eyeglasses Black_Hair Blond_Hair\na.jpg 1 1 1", "line 3: expected 1 or -1 for each"},
        {"2\nSmiling Eyeglasses Black_Hair Blond_Hair\na.jpg 1 1 0 1", "found \"0\""},
        {"2\nSmiling Eyeglasses Black_Hair Blond_Hair\na.jpg 1 1 1 1 1", "line 3: expected no more values"},
    };
    struct celeba_photo photos[4];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int32_t count;
        pmoe_error error = {.text = ""};
        size_t bytes = strlen(cases[i].text);
        char *copy = malloc(bytes + 1); /* a list need not end in 0 */
        memcpy(copy, cases[i].text, bytes);
        assert_int_equal(celeba_choose(copy, bytes, PMOE_CELEBA, 1, 4, photos, &count, &error), PMOE_E_FORMAT);
        if (!strstr(error.text, cases[i].says))
            print_error("expected \"%s\" in: %s\n", cases[i].says, error.text);
        assert_non_null(strstr(error.text, cases[i].says));
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_a_class_without_photographs_ends_the_set),
        cmocka_unit_test(test_what_is_no_list_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
