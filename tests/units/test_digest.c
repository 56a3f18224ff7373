/* SHA-256 against the vectors of FIPS 180-4 and NIST's CAVP, and against itself however the input is cut up. */
#include "base/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void known_answers(void **state)
{
    (void)state;
    static const struct {
        const char *text, *hex;
    } rows[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqr"
         "stu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char hex[DIGEST_HEX];
        digest_of(rows[i].text, strlen(rows[i].text), hex);
        assert_string_equal(hex, rows[i].hex);
    }
}

static void a_million_letters(void **state)
{
    (void)state;
    size_t bytes = 1000000;
    char *text = malloc(bytes), hex[DIGEST_HEX];
    assert_non_null(text);
    memset(text, 'a', bytes);
    digest_of(text, bytes, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(text);
}

/* Every length around one and two blocks, in chunks of every size: the padding has its edges at 55, 56, 63, 64. */
static void chunks_do_not_matter(void **state)
{
    (void)state;
    unsigned char text[160];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (unsigned char)(i * 37 + 11);
    for (size_t bytes = 0; bytes <= sizeof text; bytes++) {
        char whole[DIGEST_HEX], parts[DIGEST_HEX];
        digest_of(text, bytes, whole);
        for (size_t chunk = 1; chunk <= 130; chunk += chunk < 10 ? 1 : 13) {
            struct digest digest;
            digest_open(&digest);
            for (size_t at = 0; at < bytes; at += chunk)
                digest_add(&digest, text + at, bytes - at < chunk ? bytes - at : chunk);
            digest_close_hex(&digest, parts);
            assert_string_equal(parts, whole);
        }
    }
}

/* One digest over the digests of all those lengths, so that no padding error can hide; the value is that of Python's
 * hashlib. */
static void all_paddings(void **state)
{
    (void)state;
    unsigned char text[160];
    struct digest all;
    char hex[DIGEST_HEX];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (unsigned char)(i * 37 + 11);
    digest_open(&all);
    for (size_t bytes = 0; bytes <= sizeof text; bytes++) {
        digest_of(text, bytes, hex);
        digest_add(&all, hex, strlen(hex));
    }
    digest_close_hex(&all, hex);
    assert_string_equal(hex, "c3931f011b49a633bb76fc2e78584836e7325732342b53669fdd8024bc33a237");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(a_million_letters),
        cmocka_unit_test(chunks_do_not_matter),
        cmocka_unit_test(all_paddings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
