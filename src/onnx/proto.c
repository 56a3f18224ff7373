/* Writing protocol buffers; see proto.h. */
#include "proto.h"

#include "../base/memory.h"

#include <string.h>

enum wire { WIRE_VARINT = 0, WIRE_LENGTH = 2, WIRE_32 = 5 };
enum { FIRST_CAPACITY = 4096, VARINT_MOST = 10 };

void proto_open(struct proto *proto, const pmoe_allocator *allocator)
{
    *proto = (struct proto){.allocator = *allocator};
}

void proto_close(struct proto *proto)
{
    allocator_give(&proto->allocator, proto->bytes);
    *proto = (struct proto){.allocator = proto->allocator};
}

unsigned char *proto_extend(struct proto *proto, size_t count)
{
    if (proto->failed)
        return NULL;
    if (count > proto->capacity - proto->length) {
        size_t wanted, capacity = proto->capacity ? proto->capacity : FIRST_CAPACITY;
        proto->failed = !size_add(proto->length, count, &wanted) || wanted > SIZE_MAX / 2;
        while (!proto->failed && capacity < wanted)
            capacity *= 2;
        unsigned char *grown = proto->failed ? NULL : allocator_take(&proto->allocator, capacity);
        proto->failed = !grown;
        if (!grown)
            return NULL;
        if (proto->length)
            memcpy(grown, proto->bytes, proto->length);
        allocator_give(&proto->allocator, proto->bytes);
        proto->bytes = grown;
        proto->capacity = capacity;
    }
    unsigned char *at = proto->bytes + proto->length;
    proto->length += count;
    return at;
}

/* ---- Fields ---- */

/* Seven bits a byte, least significant first, the top bit set on all but the last. */
static size_t put_varint(unsigned char out[VARINT_MOST], uint64_t value)
{
    size_t count = 0;
    for (; value >= 0x80; value >>= 7)
        out[count++] = (unsigned char)(value | 0x80);
    out[count++] = (unsigned char)value;
    return count;
}

static void add_varint(struct proto *proto, uint64_t value)
{
    unsigned char encoded[VARINT_MOST];
    size_t count = put_varint(encoded, value);
    unsigned char *at = proto_extend(proto, count);
    if (at)
        memcpy(at, encoded, count);
}

static uint64_t tag_of(int32_t field, enum wire wire)
{
    return (uint64_t)field << 3 | (uint64_t)wire;
}

void proto_int(struct proto *proto, int32_t field, int64_t value)
{
    add_varint(proto, tag_of(field, WIRE_VARINT));
    add_varint(proto, (uint64_t)value);
}

void proto_float(struct proto *proto, int32_t field, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    add_varint(proto, tag_of(field, WIRE_32));
    unsigned char *at = proto_extend(proto, sizeof bits);
    for (int32_t i = 0; at && i < 4; i++)
        at[i] = (unsigned char)(bits >> 8 * i);
}

void proto_text(struct proto *proto, int32_t field, const char *text)
{
    proto_bytes(proto, field, text, strlen(text));
}

void proto_bytes(struct proto *proto, int32_t field, const void *bytes, size_t count)
{
    proto_length(proto, field, count);
    unsigned char *at = proto_extend(proto, count);
    if (at && count)
        memcpy(at, bytes, count);
}

void proto_length(struct proto *proto, int32_t field, uint64_t count)
{
    add_varint(proto, tag_of(field, WIRE_LENGTH));
    add_varint(proto, count);
}

size_t proto_length_bytes(int32_t field, uint64_t count)
{
    unsigned char encoded[VARINT_MOST];
    return put_varint(encoded, tag_of(field, WIRE_LENGTH)) + put_varint(encoded, count);
}

size_t proto_begin(struct proto *proto, int32_t field)
{
    add_varint(proto, tag_of(field, WIRE_LENGTH));
    return proto->length;
}

/* The length stands before the content and is known after it: the content moves up by the few bytes of its length. */
void proto_end(struct proto *proto, size_t begun)
{
    if (proto->failed)
        return;
    size_t content = proto->length - begun;
    unsigned char encoded[VARINT_MOST];
    size_t count = put_varint(encoded, content);
    if (!proto_extend(proto, count))
        return;
    memmove(proto->bytes + begun + count, proto->bytes + begun, content);
    memcpy(proto->bytes + begun, encoded, count);
}
