# SPDX-License-Identifier: GPL-2.0-only
# Everything is built below $(BUILD); `make V=1` shows the commands; `make help` lists the targets.
BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
CLANG   ?= clang
BPFTOOL ?= $(or $(shell command -v bpftool),/usr/sbin/bpftool)
STRIP_G ?= $(or $(shell command -v llvm-strip),$(shell command -v llvm-strip-14),llvm-strip)
PYTHON  ?= /usr/bin/python3
ifeq ($(origin CC),default)
CC      := gcc
endif
VERSION := 0.1.0

bindir  := $(PREFIX)/bin
mandir  := $(PREFIX)/share/man
bpfdir  := $(PREFIX)/lib/weir
compdir := $(PREFIX)/share/bash-completion/completions
datadir := $(PREFIX)/share/weir

# ---- sources: whatever lies in the rooms
BPF_SRC  := $(wildcard xdp/*.bpf.c tc/*.bpf.c lib/*.bpf.c)
LIB_SRC  := $(filter-out %.bpf.c,$(wildcard lib/*.c))
CTL_SRC  := $(wildcard ctl/*.c)
UNIT_SRC := $(wildcard tests/unit/*.c)
UNIT_BPF := $(wildcard tests/bpf/*.bpf.c)
FUZZ_SRC := $(wildcard tests/fuzz/*.c)
BENCH_SRC := $(wildcard bench/runner*.c)
BENCH_BPF := $(wildcard bench/*.bpf.c)
SIM_SRC   := $(wildcard bench/sim*.c)

BPF_OBJ  := $(BPF_SRC:%.c=$(BUILD)/%.o)
# the same sources once more, for `weir explain` (include/bpf/explain.h)
EXPLAIN  := $(patsubst %.bpf.c,%.explain.bpf.c,xdp/weir.bpf.c xdp/decap.bpf.c tc/egress.bpf.c tc/ingress.bpf.c)
EXPLAIN_OBJ := $(EXPLAIN:%.c=$(BUILD)/%.o)
# the loader of xdp/weir.bpf.c is gen/weir.skel.h, its variant's gen/weir_explain.skel.h, that of tests/bpf/prefix.bpf.c
# gen/test_prefix.skel.h
skel      = $(if $(filter tests/%,$1),test_)$(subst .,_,$(notdir $(1:.bpf.c=)))
SKELS    := $(foreach s,$(BPF_SRC) $(EXPLAIN),$(BUILD)/gen/$(call skel,$s).skel.h)
UNIT_SKELS := $(foreach s,$(UNIT_BPF),$(BUILD)/gen/$(call skel,$s).skel.h)
LIB_OBJ  := $(LIB_SRC:%.c=$(BUILD)/%.o)
CTL_OBJ  := $(CTL_SRC:%.c=$(BUILD)/%.o)
UNIT_BIN := $(UNIT_SRC:%.c=$(BUILD)/%)
FUZZ_BIN := $(FUZZ_SRC:%.c=$(BUILD)/%)
BENCH    := $(BENCH_BPF:%.c=$(BUILD)/%.o) $(BUILD)/bench/runner $(BUILD)/bench/ring $(BUILD)/bench/simulator
LIBWEIR  := $(BUILD)/libweir.a
WEIR     := $(if $(CTL_SRC),$(BUILD)/weir)

# ---- flags
PKGS       := libbpf libxdp libnl-3.0 libnl-route-3.0 libmnl libpcap ncursesw
PKG_CONFIG ?= pkg-config
WARN       := -Wall -Wextra -Werror
SANITIZE   ?=# for example address,undefined
OPT        ?= -O2 -g

CFLAGS_ALL  = -std=gnu11 -D_GNU_SOURCE -DWEIR_VERSION='"$(VERSION)"' $(OPT) $(WARN) -Iinclude -iquote lib \
	      -I$(BUILD)/gen $(PKG_CFLAGS) $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all \
	      -fno-omit-frame-pointer) $(CFLAGS)
LDFLAGS_ALL = $(if $(SANITIZE),-fsanitize=$(SANITIZE)) $(LDFLAGS)
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKGS) 2>/dev/null)
PKG_LIBS   := $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null)
BPF_CFLAGS := -O2 -g -target bpf -mcpu=v3 $(WARN) -Iinclude -I/usr/include/$(shell uname -m)-linux-gnu

ifeq ($(V),1)
Q   :=
say  = @:
else
Q   := @
say  = @printf '  %-8s%s\n' $(1) '$(patsubst $(BUILD)/%,%,$@)'
MAKEFLAGS += --no-print-directory
endif

.DELETE_ON_ERROR:
.PHONY: all bpf lib unit fuzz bench benchmarks bench-programs demo test test-long test-vm check format install uninstall clean deps help

all: bpf $(LIBWEIR) $(WEIR) $(WEIR:%/weir=%/man/weir.8) ## build everything (default)
bpf: $(BPF_OBJ)
lib: $(LIBWEIR)
unit: $(UNIT_BIN) $(UNIT_BPF:%.c=$(BUILD)/%.o)
fuzz: $(FUZZ_BIN)
bench-programs: all $(BENCH)

# ---- packet path: BTF stays in the object, DWARF does not
$(BUILD)/%.bpf.o: %.bpf.c
	$(call say,BPF)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@
	$(Q)$(STRIP_G) -g $@

$(BUILD)/%.explain.bpf.o: %.bpf.c
	$(call say,BPF)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -DWEIR_EXPLAIN -MMD -MP -c $< -o $@
	$(Q)$(STRIP_G) -g $@

define skeleton
$(BUILD)/gen/$(call skel,$1).skel.h: $(BUILD)/$(1:.c=.o)
	$$(call say,SKEL)
	@mkdir -p $$(@D)
	$$(Q)$(BPFTOOL) gen skeleton $$< name $(call skel,$1) > $$@
endef
$(foreach s,$(BPF_SRC) $(EXPLAIN) $(UNIT_BPF),$(eval $(call skeleton,$s)))

# ---- user side
$(BUILD)/%.o: %.c | $(SKELS)
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c $< -o $@

$(LIBWEIR): $(LIB_OBJ)
	$(call say,AR)
	@mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/weir: $(CTL_OBJ) $(LIBWEIR)
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS_ALL) $^ $(PKG_LIBS) -o $@

# the command writes the lists of commands, reasons and limits into its manual
$(BUILD)/man/weir.8: man/weir.8.in $(BUILD)/weir
	$(call say,MAN)
	@mkdir -p $(@D)
	$(Q)$(BUILD)/weir help --man > $(@D)/tables
	$(Q)sed -e 's/@VERSION@/$(VERSION)/' -e '/^@TABLES@$$/{r $(@D)/tables' -e 'd}' $< > $@

$(UNIT_BIN:=.o): | $(UNIT_SKELS)
$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(LIBWEIR)
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS_ALL) $^ $(PKG_LIBS) -lcmocka -o $@

# tests/fuzz/*.c define LLVMFuzzerTestOneInput; only clang has the driver (built by `make check` with SANITIZE=fuzzer,...)
$(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(LIBWEIR)
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS_ALL) -fsanitize=fuzzer $^ $(PKG_LIBS) -o $@

$(BUILD)/bench/runner: $(BENCH_SRC:%.c=$(BUILD)/%.o)
$(BUILD)/bench/ring: $(BUILD)/bench/ring.o $(LIBWEIR)
# the packet path's sources, native: bench/native has a header in the place of libbpf's
$(SIM_SRC:%.c=$(BUILD)/%.o): PKG_CFLAGS := -Ibench/native
$(BUILD)/bench/simulator: $(SIM_SRC:%.c=$(BUILD)/%.o) $(LIBWEIR)
$(BUILD)/bench/runner $(BUILD)/bench/ring $(BUILD)/bench/simulator:
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS_ALL) $^ $(PKG_LIBS) -lm -o $@

$(BUILD)/ctl/completion.o: ctl/completion.bash
.SECONDARY:
-include $(BPF_OBJ:.o=.d) $(EXPLAIN_OBJ:.o=.d) $(UNIT_BPF:%.c=$(BUILD)/%.d) $(LIB_OBJ:.o=.d) $(CTL_OBJ:.o=.d) $(UNIT_BIN:=.d) $(FUZZ_BIN:=.d)
-include $(BENCH_SRC:%.c=$(BUILD)/%.d) $(SIM_SRC:%.c=$(BUILD)/%.d) $(BUILD)/bench/ring.d $(BENCH_BPF:%.c=$(BUILD)/%.d)

# ---- running. Each of these may find a machine without compilers: first the packages, then a make that sees them.
DEPS ?= install
need  = $(if $(filter skip,$(DEPS)),@:,@tools/deps.sh $(1))

deps: ## install the Debian packages that building and testing need
	@tools/deps.sh build demo test check vm

demo: ## the main job in a lab of network namespaces, with measured numbers
	$(call need,build demo)
	@$(MAKE) all
	@WEIR_BUILD=$(abspath $(BUILD)) $(PYTHON) demo/demo.py

# T=name runs the tests whose name contains it; PYTEST_ARGS is passed on. Two processes: most tests wait more than they work.
PYTEST = WEIR_BUILD=$(abspath $(BUILD)) PYTHONDONTWRITEBYTECODE=1 $(PYTHON) -m pytest -p no:cacheprovider \
	 $(if $(T),-k '$(T)',-n 2 --dist loadgroup) $(PYTEST_ARGS)
test: ## the test suite; T=name runs one
	$(call need,build test)
	@$(MAKE) all unit bench-programs
	@$(PYTEST) tests

# SUITES="filter lb" runs those; BENCH_ARGS is passed on, for example --quick
bench: ## the figures of BENCHMARKS.md, measured here (see bench/run --help)
	$(call need,build test bench)
	@$(MAKE) bench-programs
	@WEIR_BUILD=$(abspath $(BUILD)) $(PYTHON) bench/run $(SUITES) $(BENCH_ARGS)

benchmarks: ## all figures anew: BENCHMARKS.md and its plots (long; on a quiet machine)
	$(call need,build test bench vm)
	@$(MAKE) all unit bench-programs
	@WEIR_BUILD=$(abspath $(BUILD)) $(PYTHON) bench/run --md BENCHMARKS.md --svg bench/plots --json $(BUILD)/bench/figures.json

test-long: ## the test suite with its long random runs
	$(call need,build test)
	@$(MAKE) all unit bench-programs
	@WEIR_LONG=1 $(PYTEST) tests

test-vm: ## load, attach and use everything on Debian's 6.1 kernel in QEMU
	$(call need,build vm)
	@$(MAKE) all unit
	@WEIR_BUILD=$(abspath $(BUILD)) tests/vm/run.sh

check: ## formatting, lints, static analysis, both compilers, sanitizers, a little fuzzing
	$(call need,build test check)
	@BUILD=$(BUILD) MAKE='$(MAKE)' tools/check.sh

format: ## lay out the C sources as `make check` wants them
	$(Q)git ls-files --cached --others --exclude-standard '*.c' '*.h' | xargs clang-format -i

install: all ## DESTDIR= PREFIX=
	install -D -m 755 $(BUILD)/weir $(DESTDIR)$(bindir)/weir
	install -d $(DESTDIR)$(bpfdir) $(DESTDIR)$(compdir) $(DESTDIR)$(mandir)/man8 $(DESTDIR)$(datadir)
	install -m 644 $(filter-out $(BUILD)/lib/% $(BUILD)/tc/ask.bpf.o,$(BPF_OBJ)) $(DESTDIR)$(bpfdir)
	install -m 644 $(BUILD)/man/weir.8 $(DESTDIR)$(mandir)/man8
	$(BUILD)/weir completion > $(DESTDIR)$(compdir)/weir
	for file in unit.conf weir-metrics.service; do sed 's|@BINDIR@|$(bindir)|; s|@DATADIR@|$(datadir)|' dist/$$file \
		> $(DESTDIR)$(datadir)/$$file || exit; done
	install -m 644 dist/grafana.json $(DESTDIR)$(datadir)

uninstall: ## the same DESTDIR= PREFIX=
	rm -rf $(DESTDIR)$(bindir)/weir $(DESTDIR)$(bpfdir) $(DESTDIR)$(compdir)/weir $(DESTDIR)$(datadir) \
		$(DESTDIR)$(mandir)/man8/weir.8

clean:
	$(Q)rm -rf $(BUILD)

help:
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20
