/* The networks of the benchmark, by name: layer lists written here, weights drawn at random.
 *
 * Time does not depend on what weights are worth, only on their being ordinary numbers, so these are drawn such that
 * activations neither vanish nor grow without bound (He et al. 2015).  A name stands for the same bytes in every build.
 * Leaves out trained models: those are files. */
#ifndef PMOE_BENCH_NETWORKS_H
#define PMOE_BENCH_NETWORKS_H

#include "../pmoe.h"

/* From 0; NULL out of range. */
const char *network_name(int32_t index);
const char *network_summary(int32_t index); /* one line: what it is */
int32_t network_find(const char *name);     /* its index, or -1 */

/* Its layer list (model/graph.h).  Like snprintf; see json_writer. */
size_t network_list(int32_t index, char *text, size_t capacity);

/* The network as a model file, from the allocator (NULL: malloc), for pmoe_model_open and for export. */
PMOE_MUST_USE pmoe_status network_file(int32_t index, const pmoe_allocator *allocator, unsigned char **file,
                                       size_t *file_bytes, pmoe_error *error);

#endif
