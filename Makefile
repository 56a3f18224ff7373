# Every entry point of pmoe.  `make` alone lists them with what each costs.
#
# Each target machine or configuration has its own folder under build/, so none spoils another's objects:
#
#     build/native      gcc; what users run                 build/aarch64   cross-compiled, runs under qemu
#     build/sanitize    clang with address and undefined-   build/wasm      .wasm files and the worker that runs them
#                       behaviour checks; fuzzers link it   build/include   third-party headers, copied
#     build/thread      the pool with the thread sanitizer  build/peers     what bench-peers needs
#     build/shared      as native, for loading into others
#
# Sources are found, not listed: a new file in a folder of src/ is built.  src/kernels/*_tmpl.c are compiled once per
# instruction set.  Leaves out: installing (build_scripts/install.sh) and running tests (tests/run.mjs).

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules

# As many jobs as CPUs unless told otherwise; V=1 shows the commands.
JOBS := $(shell nproc 2>/dev/null || echo 2)
ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(JOBS)
endif
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-9s %s\n' '$(1)' '$(2)')

# ---- Sources ---------------------------------------------------------------------------------------------------------

LIB_DIRS  := base simd kernels model route image data train study bench onnx
LIB_C     := $(filter-out %_tmpl.c,$(foreach d,$(LIB_DIRS),$(wildcard src/$(d)/*.c) $(wildcard src/$(d)/ref/*.c)))
TMPL_C    := $(wildcard src/kernels/*_tmpl.c)
INFER_C   := $(filter-out %_gradient_tmpl.c,$(TMPL_C))
CLI_C     := $(wildcard src/cli/*.c)
UNIT_C    := $(wildcard tests/units/test_*.c)
FUZZ_C    := $(wildcard tests/fuzz/fuzz_*.c)

# The build hash: one digest over everything that decides what the core computes.  No dates, no paths of this machine.
HASHED    := $(sort $(wildcard src/*.h src/*/*.h src/*/*.c src/*/*/*.c src/wasm/exports*.txt) Makefile)
BUILD_ID  := $(shell sha256sum $(HASHED) | sha256sum | cut -c1-16)
$(shell mkdir -p build && { [ "$$(cat build/id 2>/dev/null)" = $(BUILD_ID) ] || echo $(BUILD_ID) > build/id; })
# Only the files that mention PMOE_BUILD are compiled again when it changes.
USES_ID   := $(shell grep -l PMOE_BUILD $(LIB_C) $(CLI_C) 2>/dev/null)

WASM_VARIANTS := scalar simd relaxed simd-threads relaxed-threads
WASM_BENCH    := $(WASM_VARIANTS:%=build/wasm/bench/pmoe-%.wasm)
WASM_FILES    := $(WASM_VARIANTS:%=build/wasm/pmoe-%.wasm) build/wasm/worker.js

# ---- Flags -----------------------------------------------------------------------------------------------------------

WARNINGS  := -Wall -Wextra -Wpedantic -Werror
COMMON    := -std=c11 -ffp-contract=off -fno-math-errno -fno-trapping-math $(WARNINGS) -MMD -MP -Isrc -isystem build/include
HOSTED    := -D_POSIX_C_SOURCE=200809L -DPMOE_BUILD='"$(BUILD_ID)"'

ISA_scalar  := -fno-tree-vectorize -fno-tree-slp-vectorize
ISA_avx2    := -mavx2 -mfma
ISA_avx512  := -mavx512f -mavx512vl -mavx512dq -mavx512bw
ISA_avx512vnni := $(ISA_avx512) -mavx512vnni
ISA_neon    :=
ISA_simd128 := -msimd128
ISA_relaxed := -msimd128 -mrelaxed-simd

ISAS_x86_64  := scalar avx2 avx512 avx512vnni
ISAS_aarch64 := scalar neon
MACHINE      := $(shell uname -m)

# Sets that have few kernels of their own, the others being another set's; all others have all.
TMPL_C_avx512vnni := src/kernels/conv_int8_tmpl.c src/kernels/table_tmpl.c

CC_native      := gcc
FLAGS_native   := -O3 $(HOSTED)
LINK_native    :=
ISAS_native    := $(or $(ISAS_$(MACHINE)),scalar)

# Checks by calls and lines alone as debug information: a convolution's tiles compile in 26 s in place of 66.
CC_sanitize    := clang-19
FLAGS_sanitize := -O1 -g1 -fno-omit-frame-pointer -fsanitize=address,undefined,fuzzer-no-link \
                  -fsanitize-address-outline-instrumentation -fno-sanitize-recover=all $(HOSTED)
LINK_sanitize  := -fsanitize=address,undefined
ISAS_sanitize  := $(ISAS_native)

LINK_UNITS_sanitize := $(LINK_sanitize)

# What other programs load: for the addon by which node runs us beside onnxruntime-node.
CC_shared      := gcc
FLAGS_shared   := -O3 -fPIC -fvisibility=hidden $(HOSTED) -isystem node_modules/node-api-headers/include
ISAS_shared    := $(ISAS_native)

# cmocka for AArch64 is a shared library that install.sh unpacks into build/; the program itself needs nothing.
CC_aarch64     := aarch64-linux-gnu-gcc
FLAGS_aarch64  := -O3 $(HOSTED) -isystem build/arm64/usr/include
LINK_aarch64   := -static

# ---- Hosted builds: native, sanitize, aarch64 -------------------------------------------------------------------------

HEADERS := build/include/.made

# jsmn and stb are header-only packages; copied, so that cross and wasm compilers see them and nothing else of the host.
$(HEADERS): /usr/include/jsmn.h
	@mkdir -p build/include
	@cp /usr/include/jsmn.h /usr/include/stb/stb_image.h /usr/include/stb/stb_image_write.h build/include/
	@touch $@

/usr/include/jsmn.h:
	@build_scripts/install.sh native

# $(call HOST,config): objects, library, program and unit tests of one configuration
define HOST
OBJ_$(1) := $$(LIB_C:%.c=build/$(1)/%.o) \
            $$(foreach isa,$$(ISAS_$(1)),$$(patsubst src/kernels/%_tmpl.c,build/$(1)/kernels/$$(isa)/%.o,\
                                                     $$(or $$(TMPL_C_$$(isa)),$$(TMPL_C))))

build/$(1)/%.o: %.c $$(HEADERS) Makefile
	@mkdir -p $$(@D)
	$$(call say,$(1),$$@)
	$$(Q)$$(CC_$(1)) $$(COMMON) $$(FLAGS_$(1)) -c $$< -o $$@

$$(foreach isa,$$(ISAS_$(1)),$$(eval $$(call HOST_KERNELS,$(1),$$(isa))))
$$(USES_ID:%.c=build/$(1)/%.o): build/id

build/$(1)/libpmoe.a: $$(OBJ_$(1))
	$$(call say,archive,$$@)
	@rm -f $$@.new
	$$(Q)ar rcs $$@.new $$^ && mv -f $$@.new $$@

build/$(1)/bin/pmoe: $$(CLI_C:%.c=build/$(1)/%.o) build/$(1)/libpmoe.a
	@mkdir -p $$(@D)
	$$(call say,link,$$@)
	$$(Q)$$(CC_$(1)) $$(LINK_$(1)) $$^ -lm -lpthread -o $$@

build/$(1)/units/%: build/$(1)/tests/units/%.o build/$(1)/libpmoe.a
	@mkdir -p $$(@D)
	$$(call say,link,$$@)
	$$(Q)$$(CC_$(1)) $$(LINK_UNITS_$(1)) $$^ $$(CMOCKA_$(1)) -lm -lpthread -o $$@

build/$(1)/hosts/%: build/$(1)/tests/hosts/%.o build/$(1)/libpmoe.a
	@mkdir -p $$(@D)
	$$(call say,link,$$@)
	$$(Q)$$(CC_$(1)) $$(LINK_$(1)) $$^ -lm -lpthread -o $$@

-include $$(shell find build/$(1) -name '*.d' 2>/dev/null)
endef

define HOST_KERNELS
build/$(1)/kernels/$(2)/%.o: src/kernels/%_tmpl.c $$(HEADERS) Makefile
	@mkdir -p $$(@D)
	$$(call say,$(1),$$@)
	$$(Q)$$(CC_$(1)) $$(COMMON) $$(FLAGS_$(1)) $$(ISA_$(2)) -DISA=$(2) -DSIMD_H='"simd/$(2).h"' -c $$< -o $$@
endef

CMOCKA_native   := -lcmocka
CMOCKA_sanitize := -lcmocka
CMOCKA_aarch64  := -Lbuild/arm64/usr/lib/aarch64-linux-gnu -lcmocka

$(foreach config,native sanitize aarch64 shared,$(eval $(call HOST,$(config))))

# Fuzzers: libFuzzer brings main.
build/sanitize/fuzz/%: build/sanitize/tests/fuzz/%.o build/sanitize/libpmoe.a
	@mkdir -p $(@D)
	$(call say,link,$@)
	$(Q)$(CC_sanitize) -fsanitize=address,undefined,fuzzer $^ -lm -lpthread -o $@

# The pool under the thread sanitizer, which takes no other beside it.
THREAD_C := tests/units/test_pool.c src/base/pool.c src/base/pool_host.c src/base/error.c
build/thread/units/test_pool: $(THREAD_C) src/base/pool.h src/base/pool_parts.h Makefile
	@mkdir -p $(@D)
	$(call say,thread,$@)
	$(Q)clang-19 -std=c11 -O1 -g -fsanitize=thread $(WARNINGS) $(HOSTED) -Isrc $(THREAD_C) -lcmocka -lpthread -o $@

build/pmoe: build/native/bin/pmoe
	@cp $< $@

build/peers/pmoe.node: build/shared/build_scripts/peers/addon.o build/shared/libpmoe.a
	@mkdir -p $(@D)
	$(call say,link,$@)
	$(Q)$(CC_shared) -shared $^ -lm -lpthread -o $@

UNITS         := $(notdir $(UNIT_C:.c=))
# Under qemu: what computes with vectors, and the models above it; the rest is the same C as everywhere.
QEMU_UNITS    := $(filter test_simd% test_kernel% test_model% test_int8% test_forward% test_route% test_golden%,$(UNITS))
FUZZERS       := $(FUZZ_C:tests/fuzz/%.c=build/sanitize/fuzz/%)
FUZZ_SECONDS  ?= 300
TEST_PROGRAMS := $(UNITS:%=build/native/units/%) $(UNITS:%=build/sanitize/units/%) \
                 $(QEMU_UNITS:%=build/aarch64/units/%) $(FUZZERS) build/thread/units/test_pool \
                 build/native/hosts/answers build/native/hosts/logits build/peers/pmoe.node \
                 $(if $(CLI_C),build/pmoe build/sanitize/bin/pmoe build/aarch64/bin/pmoe) \
                 $(WASM_FILES) $(WASM_BENCH)

# What tests/run.mjs runs; it calls this itself, so that what does not build is counted like what does not pass.
test-programs: $(TEST_PROGRAMS)

## demo: install what the page needs, build it, serve it and print the address (under a minute once tools are there)
demo:
	@build_scripts/install.sh wasm
	@$(MAKE) --no-print-directory wasm
	@exec node build_scripts/serve.mjs

## test: install what tests need, build everything, run all tests (about 10 minutes, most of it building)
test:
	@build_scripts/install.sh test
	@node tests/run.mjs --qemu "$(QEMU_UNITS)"

## native: build/pmoe and build/native/libpmoe.a with gcc (half a minute)
native: build/native/libpmoe.a $(if $(CLI_C),build/pmoe)

# ---- WebAssembly: build/wasm/pmoe-{scalar,simd,relaxed,simd-threads,relaxed-threads}.wasm ------------------------------
#
# Inference only, no JavaScript glue, one import (a clock).  All of them stand on Emscripten's C library.  Its packaged
# compiler makes the scalar one; it predates standard relaxed SIMD and code generation that today's engines like, so that
# the others take clang 19 and wasm-ld: the same simd128 opens a model in 15 ms in place of 19.  With a current Emscripten,
# `make wasm WASM_TOOL_simd=emcc WASM_TOOL_relaxed=emcc` builds all three alike.  The threaded ones import a shared memory,
# their pool is src/base/pool.c on src/wasm/pool_threads.c, and libc is the one without threads, of which no pool's task
# calls anything that has state.
#
# What a visitor downloads is kept below 60 KiB gzipped.  The largest had 72, and no model is slower now:
#   - a page's modules (kind "page") run models in floats and hold nothing else, 9 KiB; the benchmark's have eight bits,
#     the loop of registers, their workloads and a set of kernels to compare with; kernels are the same objects in both
#   - all but kernels, packing included, is compiled once per tool, without SIMD, for size and as one program (-Oz -flto,
#     -disable-lsr, which Emscripten sets too, little inlining, nothing moved out of loops), 4 KiB
#   - addresses in the code are as short as they can be (--compress-relocations), 1 KiB
#   - kernels have their loops unrolled by hand where it pays, 1 KiB; those bound by memory or latency are compiled for size
# Memory comes from emmalloc, 2 KiB less than dlmalloc: all that is large is taken once.

WASM_DIRS := base kernels model route image data bench
WASM_C    := $(filter-out %_tmpl.c src/base/pool%.c src/image/picture%.c src/image/jpeg.c \
             src/kernels/check_train.c src/kernels/check_winograd_train.c,\
             $(foreach d,$(WASM_DIRS),$(wildcard src/$(d)/*.c) $(wildcard src/$(d)/ref/*.c)) $(wildcard src/wasm/*.c))
WASM_C_emcc    := $(filter-out src/wasm/pool_threads.c,$(WASM_C))
WASM_C_clang   := $(WASM_C_emcc)
WASM_C_threads := $(filter-out src/wasm/pool_serial.c,$(WASM_C)) src/base/pool.c
WASM_NOT_page  := src/wasm/bench.c src/kernels/int8.c src/kernels/check_int8.c src/kernels/check_peak.c \
                  $(filter-out src/bench/timing.c src/bench/statistics.c,$(wildcard src/bench/*.c))
WASM_NOT_bench :=
WASM_TMPL_bench := $(filter-out %/table_tmpl.c,$(INFER_C))
WASM_TMPL_page  := $(filter-out %/conv_int8_tmpl.c %/quantise_tmpl.c %/peak_tmpl.c,$(WASM_TMPL_bench))
WASM_KIND_page  := -DPMOE_PAGE
WASM_KIND_bench :=
WASM_EXPORTS   := $(shell cat src/wasm/exports.txt 2>/dev/null)
WASM_EXPORTS_threads := $(shell cat src/wasm/exports-threads.txt 2>/dev/null)

WASM_TOOL_scalar   := emcc
WASM_TOOL_simd     := clang
WASM_TOOL_relaxed  := clang
WASM_TOOL_simd-threads    := threads
WASM_TOOL_relaxed-threads := threads
WASM_ISA_scalar    := scalar
WASM_ISA_simd      := simd128
WASM_ISA_relaxed   := relaxed
WASM_ISA_simd-threads     := $(WASM_ISA_simd)
WASM_ISA_relaxed-threads  := $(WASM_ISA_relaxed)
WASM_HAVE_scalar   := -DPMOE_HAVE_SCALAR
WASM_HAVE_simd128  := -DPMOE_HAVE_SIMD128
WASM_HAVE_relaxed  := -DPMOE_HAVE_RELAXED

EMCC       := NODE_PATH=/usr/share/nodejs emcc
WASM_ROOT   = $(shell em-config CACHE)/sysroot
WASM_STACK := 262144
WASM_FIRST := 2097152
WASM_MOST  := 268435456
WASM_MALLOC := emmalloc

WASM_CC_emcc  := $(EMCC)
WASM_CC_clang  = clang-19 --target=wasm32-unknown-emscripten --sysroot=$(WASM_ROOT) -mbulk-memory -mnontrapping-fptoint \
                 -msign-ext
WASM_CC_threads = $(WASM_CC_clang) -matomics
WASM_FLAGS     = $(WASM_SMALL_$(1)) -DPMOE_BUILD='"$(BUILD_ID)"'
WASM_SMALL_emcc    = $(if $(filter src/kernels/%,$<),-Os,-Oz)
WASM_SMALL_clang   = -Oz -flto
WASM_SMALL_threads = $(WASM_SMALL_clang)
WASM_KERNEL_FLAGS  = $(or $(WASM_KERNEL_$*),-O3 -fno-unroll-loops)
WASM_KERNEL_route  := -Os
WASM_KERNEL_vector := -Oz
WASM_ISA       = $(ISA_$(1)) -DISA=$(1) -DSIMD_H='"simd/$(1).h"'

WASM_LINK_emcc  = $(EMCC) -Os -sSTANDALONE_WASM --no-entry -sTOTAL_STACK=$(WASM_STACK) -sINITIAL_MEMORY=$(WASM_FIRST) \
                  -sALLOW_MEMORY_GROWTH -sMALLOC=$(WASM_MALLOC) -sMAXIMUM_MEMORY=$(WASM_MOST) -sERROR_ON_UNDEFINED_SYMBOLS=0 \
                  -sWARN_ON_UNDEFINED_SYMBOLS=0 \
                  -sEXPORTED_FUNCTIONS=$(subst $(space),$(comma),$(addprefix _,$(WASM_EXPORTS))) $(1) -o $(2)
WASM_LINK_clang = wasm-ld-19 -O2 --compress-relocations --strip-all $(WASM_LTO:%=-mllvm -%) \
                  --no-entry --stack-first -z stack-size=$(WASM_STACK) \
                  --initial-memory=$(WASM_FIRST) --max-memory=$(WASM_MOST) $(addprefix --export=,$(WASM_EXPORTS)) $(1) \
                  -L$(WASM_ROOT)/lib/wasm32-emscripten -lstandalonewasm-memgrow -lc -lcompiler_rt -l$(WASM_MALLOC) -o $(2)
WASM_LTO       := disable-lsr inline-threshold=-10 disable-machine-licm
WASM_LINK_threads = $(call WASM_LINK_clang,--shared-memory --import-memory \
                    $(addprefix --export=,$(WASM_EXPORTS_threads)) $(1),$(2))
comma := ,
space := $(subst ,, )

# $(call WASM_TREE,tool,kind): everything but kernels
define WASM_TREE
build/wasm/$(1)-$(2)/%.o: %.c $$(HEADERS) Makefile
	@mkdir -p $$(@D)
	$$(call say,$(1),$$@)
	$$(Q)$$(WASM_CC_$(1)) $$(COMMON) $$(call WASM_FLAGS,$(1)) $$(WASM_KIND_$(2)) -c $$< -o $$@

$$(USES_ID:%.c=build/wasm/$(1)-$(2)/%.o): build/id
endef

# $(call WASM_KERNELS,variant,isa)
define WASM_KERNELS
build/wasm/$(1)/kernels/$(2)/%.o: src/kernels/%_tmpl.c $$(HEADERS) Makefile
	@mkdir -p $$(@D)
	$$(call say,$(1),$$@)
	$$(Q)$$(WASM_CC_$$(WASM_TOOL_$(1))) $$(COMMON) $$(WASM_KERNEL_FLAGS) $$(call WASM_ISA,$(2)) -c $$< -o $$@
endef

# $(call WASM_ONE,object,source,variant,flags)
define WASM_ONE
$(1): $(2) $$(HEADERS) Makefile
	@mkdir -p $$(@D)
	$$(call say,$(3),$$@)
	$$(Q)$$(WASM_CC_$$(WASM_TOOL_$(3))) $$(COMMON) $$(call WASM_FLAGS,$$(WASM_TOOL_$(3))) $(4) -c $$< -o $$@
endef

# $(call WASM_MODULE,file,variant,kind,isas): which sets it holds decide select.c and a table for each
define WASM_MODULE
$(1): build/wasm/$(2)/$(3)/select.o $(4:%=build/wasm/$(2)/$(3)/table-%.o) \
    $$(foreach isa,$(4),$$(WASM_TMPL_$(3):src/kernels/%_tmpl.c=build/wasm/$(2)/kernels/$$(isa)/%.o)) \
    $$(patsubst %.c,build/wasm/$$(WASM_TOOL_$(2))-$(3)/%.o,\
                $$(filter-out src/kernels/select.c $$(WASM_NOT_$(3)),$$(WASM_C_$$(WASM_TOOL_$(2))))) \
    $$(wildcard src/wasm/exports*.txt) Makefile
	@mkdir -p $$(@D)
	$$(call say,link,$$@)
	$$(Q)$$(call WASM_LINK_$$(WASM_TOOL_$(2)),$$(filter %.o,$$^),$$@)

$$(eval $$(call WASM_ONE,build/wasm/$(2)/$(3)/select.o,src/kernels/select.c,$(2),\
                         $$(WASM_KIND_$(3)) $$(foreach isa,$(4),$$(WASM_HAVE_$$(isa)))))
$$(foreach isa,$(4),$$(eval $$(call WASM_ONE,build/wasm/$(2)/$(3)/table-$$(isa).o,src/kernels/table_tmpl.c,$(2),\
                                             $$(WASM_KIND_$(3)) $$(call WASM_ISA,$$(isa)))))
endef

$(foreach tool,emcc clang threads,$(foreach kind,page bench,$(eval $(call WASM_TREE,$(tool),$(kind)))))
$(foreach variant,$(WASM_VARIANTS),\
    $(foreach isa,$(sort scalar $(WASM_ISA_$(variant))),$(eval $(call WASM_KERNELS,$(variant),$(isa)))) \
    $(eval $(call WASM_MODULE,build/wasm/pmoe-$(variant).wasm,$(variant),page,$(WASM_ISA_$(variant)))) \
    $(eval $(call WASM_MODULE,build/wasm/bench/pmoe-$(variant).wasm,$(variant),bench,$(sort scalar $(WASM_ISA_$(variant))))))
-include $(shell find build/wasm -name '*.d' 2>/dev/null)

# The same with the benchmark's exports, and memory for its larger networks, which come and go.
$(WASM_BENCH): WASM_EXPORTS += $(shell cat src/wasm/exports-bench.txt)
$(WASM_BENCH): WASM_MOST := 1073741824
$(WASM_BENCH): WASM_MALLOC := dlmalloc

# The engine's modules as the page's worker loads them, in one file.
build/wasm/worker.js: build_scripts/bundle_worker.mjs $(wildcard web/engine/*.js)
	@mkdir -p $(@D)
	$(call say,join,$@)
	$(Q)node $< web/engine/worker.js $@

## wasm: build/wasm/pmoe-{scalar,simd,relaxed}.wasm, two with threads, and worker.js (a minute the first time)
wasm: $(WASM_FILES)
	@node build_scripts/check_sizes.mjs


## data: fetch MNIST into data/mnist and CIFAR-10 into data/cifar10 (55 and 184 MB, kept)
data:
	@build_scripts/install.sh data
	@build_scripts/fetch_data.sh mnist cifar10

## train: train the files of weights/ again from data/ (see weights/README.md for how long)
train: native data
	@build_scripts/train_weights.sh

## bench: time layers, networks, routing, heads, kernels and models on this machine (3 minutes; close other programs)
bench: native
	@node build_scripts/bench.mjs

## bench-web: the same in Chromium (10 minutes; close other programs)
bench-web:
	@build_scripts/install.sh browser
	@$(MAKE) --no-print-directory $(WASM_BENCH)
	@node build_scripts/bench_web.mjs

## bench-start: time the page's way to its first prediction, in new browsers (4 minutes; close other programs)
bench-start:
	@build_scripts/install.sh browser
	@$(MAKE) --no-print-directory wasm
	@node build_scripts/bench_start.mjs

## bench-peers: time us beside ONNX Runtime and TensorFlow.js, and training beside PyTorch (10 minutes; close other programs)
bench-peers:
	@build_scripts/install.sh peers
	@$(MAKE) --no-print-directory native wasm build/peers/pmoe.node
	@node build_scripts/bench_peers.mjs --out weights/results/peers.json
	@node build_scripts/bench_training.mjs --out weights/results/training.json

## fuzz: fuzz every reader for FUZZ_SECONDS each, 300 unless given; findings land in build/fuzz/
fuzz:
	@build_scripts/install.sh test
	@$(MAKE) --no-print-directory $(FUZZERS)
	@node tests/run.mjs --fuzz $(FUZZ_SECONDS)

## clean: remove everything built (data/ stays)
clean:
	rm -rf build

## install-tools: install everything that any target here needs, and build nothing
install-tools:
	@build_scripts/install.sh native wasm data test

## format: lay out the C sources with clang-format
format:
	clang-format -i $(FORMATTED)

## format-check: fail if `make format` would change something
format-check:
	clang-format --dry-run -Werror $(FORMATTED)

FORMATTED = $(wildcard build_scripts/peers/*.c src/*.h src/*/*.h src/*/*.c src/*/*/*.c src/*/*/*.h tests/*/*.c tests/*/*.h)

help:
	@echo "usage: make TARGET"
	@awk -F': ' '/^## / { sub(/^## /, "", $$1); printf "  %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: help demo test test-programs native wasm data train bench bench-web bench-start bench-peers fuzz clean install-tools format \
        format-check
