/* Protocol buffers, as much of them as it takes to write one: tags, varints, nested messages.
 *
 * Appends to one block that grows.  When there is no memory the block is marked as failed, and everything after does
 * nothing, so that callers check once, at the end.  Leaves out reading, groups, packed fields and doubles. */
#ifndef PMOE_ONNX_PROTO_H
#define PMOE_ONNX_PROTO_H

#include "../pmoe.h"

struct proto {
    pmoe_allocator allocator;
    unsigned char *bytes; /* from the allocator */
    size_t length, capacity;
    int32_t failed;
};

void proto_open(struct proto *proto, const pmoe_allocator *allocator);
void proto_close(struct proto *proto);

/* Room for `count` bytes more at the end, which the caller fills; NULL once failed. */
unsigned char *proto_extend(struct proto *proto, size_t count);

void proto_int(struct proto *proto, int32_t field, int64_t value);
void proto_float(struct proto *proto, int32_t field, float value);
void proto_text(struct proto *proto, int32_t field, const char *text);
void proto_bytes(struct proto *proto, int32_t field, const void *bytes, size_t count);

/* The opening of a field whose `count` bytes the caller writes elsewhere, and how long that opening is. */
void proto_length(struct proto *proto, int32_t field, uint64_t count);
size_t proto_length_bytes(int32_t field, uint64_t count);

/* A nested message: what is written between the two is its content.  `begin` gives what `end` wants. */
size_t proto_begin(struct proto *proto, int32_t field);
void proto_end(struct proto *proto, size_t begun);

#endif
