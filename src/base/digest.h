/* SHA-256 (FIPS 180-4): the one digest of this project, for tensors, files and outputs. */
#ifndef PMOE_BASE_DIGEST_H
#define PMOE_BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

enum { DIGEST_BYTES = 32, DIGEST_HEX = 2 * DIGEST_BYTES + 1 };

struct digest {
    uint32_t state[8];
    uint64_t total_bytes;
    uint8_t block[64];
};

void digest_open(struct digest *digest);
void digest_add(struct digest *digest, const void *data, size_t bytes);
void digest_close_hex(struct digest *digest, char hex[DIGEST_HEX]); /* lower case, with a final 0 */

void digest_of(const void *data, size_t bytes, char hex[DIGEST_HEX]);

#endif
