# SPDX-License-Identifier: MIT
# berth — `make help` lists what can be made.

VERSION := $(shell cat VERSION)
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR ?=
BINDIR := $(PREFIX)/bin
SBINDIR := $(PREFIX)/sbin
LIBEXECDIR := $(PREFIX)/libexec/berth
DATADIR := $(PREFIX)/share/berth
MANDIR := $(PREFIX)/share/man
UNITDIR ?= $(PREFIX)/lib/systemd/system
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions

# SANITIZE=1 builds with ASan and UBSan, FAULTS=1 compiles the fault injection of proc/op in (tests only).
BUILD ?= build$(if $(SANITIZE),/asan)$(if $(FAULTS),/faults)
CC ?= cc
CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wpointer-arith -Wwrite-strings \
	-Wundef -Wformat=2 -Wvla -Wno-unused-parameter
PKGS := libuv libcjson libmicrohttpd gnutls nettle inih yaml-0.1 libzstd liblzma zlib libcurl
ALL_CFLAGS = -std=gnu11 $(WARN) $(if $(WERROR),-Werror) $(CFLAGS) -fno-common -fstack-protector-strong -Isrc \
	-D_GNU_SOURCE -DBERTH_VERSION='"$(VERSION)"' -DBERTH_LIBEXECDIR='"$(LIBEXECDIR)"' \
	-DBERTH_DATADIR='"$(DATADIR)"' -DBERTH_SYSCONFDIR='"$(SYSCONFDIR)"' \
	$(if $(SANITIZE),-fsanitize=address$(,)undefined -fno-sanitize-recover=all -fno-omit-frame-pointer,-D_FORTIFY_SOURCE=2) \
	$(if $(FAULTS),-DBERTH_FAULTS) $(shell pkg-config --cflags $(PKGS))
, := ,
ALL_LDFLAGS = $(LDFLAGS) -Wl,--as-needed $(if $(SANITIZE),-fsanitize=address$(,)undefined,-Wl$(,)-z$(,)relro$(,)-z$(,)now)

ROOMS := base proc lxc model pool host network hook instance backup panel image terminal api cli helper
SRC := $(wildcard $(addprefix src/,$(addsuffix /*.c,$(ROOMS)))) src/berthd.c src/rooms.c src/berth.c
OBJ := $(SRC:%.c=$(BUILD)/%.o)
PROGRAMS := berthd berth berth-rootfs berth-unpack berth-restore berth-terminal berth-passwd
PROGRAMS += berth-pack berth-file berth-fetch berth-proxy berth-template berth-migrate

# room archives: a program links the objects it needs and no others
lib = $(BUILD)/lib$(1).a
LIBS_DAEMON := $(foreach r,api terminal panel network hook backup instance pool image host model lxc proc base,$(call lib,$(r)))
LIBS_CLI := $(foreach r,cli base,$(call lib,$(r)))

# hooks/berth-*: scripts that rendered configs run, beside the programs in libexec
HOOKS := $(notdir $(wildcard hooks/berth-*))
# what berth and berthd run of scripts/
SCRIPTS := host-init host-init.lib install-deps
IMAGE := $(BUILD)/images/busybox.tar.gz

all: $(addprefix $(BUILD)/,$(PROGRAMS) $(HOOKS) $(SCRIPTS)) ## build the programs
image: $(IMAGE) ## build the embedded busybox image
$(addprefix $(BUILD)/,$(HOOKS)): $(BUILD)/%: hooks/%
	@mkdir -p $(@D)
	@install -m 755 $< $@
$(addprefix $(BUILD)/,$(SCRIPTS)): $(BUILD)/%: scripts/%
	@mkdir -p $(@D)
	@install -m 755 $< $@
$(IMAGE): scripts/build-busybox-image
	@echo "  IMG $@"; scripts/build-busybox-image $@

define room_rule
$(call lib,$(1)): $(patsubst %.c,$(BUILD)/%.o,$(filter-out src/helper/berth-%.c,$(wildcard src/$(1)/*.c)))
	@rm -f $$@; $(AR) rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call room_rule,$(r))))

# the folders are compiled in: another PREFIX, another build
PATHS := $(VERSION) $(LIBEXECDIR) $(DATADIR) $(SYSCONFDIR)
$(BUILD)/paths: force
	@mkdir -p $(@D); echo '$(PATHS)' | cmp -s - $@ || echo '$(PATHS)' >$@
$(BUILD)/%.o: %.c $(BUILD)/paths
	@mkdir -p $(@D)
	@echo "  CC  $<"; $(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

link = @echo "  LD  $@"; $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) \
	-Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(1)

$(BUILD)/berthd: $(BUILD)/src/berthd.o $(BUILD)/src/rooms.o $(LIBS_DAEMON)
	$(call link,-luv -lcjson -lmicrohttpd -lgnutls -lwslay -lnettle -linih -lm $(call archive,http_parser) $(call archive,yaml))
# lib$(1).a where the distribution has one: loading a library takes a tenth of a millisecond of each `berth exec`
archive = $(if $(filter /%,$(shell $(CC) -print-file-name=lib$(1).a)),-l:lib$(1).a,-l$(1))
$(BUILD)/berth: $(BUILD)/src/berth.o $(LIBS_CLI)
	$(call link,-lcjson $(call archive,http_parser) $(call archive,yaml) -lwslay)
$(BUILD)/berth-rootfs: $(BUILD)/src/helper/berth-rootfs.o $(call lib,helper) $(call lib,base)
	$(call link,-lcjson -lnettle)
$(BUILD)/berth-terminal: $(BUILD)/src/helper/berth-terminal.o
	$(call link,)
$(BUILD)/berth-unpack: $(BUILD)/src/helper/berth-unpack.o $(call lib,helper) $(call lib,image) $(call lib,base)
	$(call link,-ltar -lz -lzstd -llzma -lbz2 -lyaml -lcjson -lnettle)
$(BUILD)/berth-pack: $(BUILD)/src/helper/berth-pack.o $(call lib,helper) $(call lib,image) $(call lib,base)
	$(call link,-lcjson -lnettle)

$(BUILD)/berth-file: $(BUILD)/src/helper/berth-file.o $(call lib,helper) $(call lib,base)
	$(call link,-lcjson -lnettle)

$(BUILD)/berth-template: $(BUILD)/src/helper/berth-template.o $(call lib,helper) $(call lib,base)
	$(call link,-lcjson -lnettle -lm)

$(BUILD)/berth-fetch: $(BUILD)/src/helper/berth-fetch.o $(call lib,helper) $(call lib,base)
	$(call link,-lcurl -lgnutls -lcjson -lnettle)

$(BUILD)/berth-migrate: $(BUILD)/src/helper/berth-migrate.o $(call lib,helper) $(call lib,image) $(call lib,base)
	$(call link,-lcurl -lgnutls -lwslay -ltar -lz -lzstd -llzma -lbz2 -lyaml -lcjson -lnettle)

$(BUILD)/berth-proxy: $(BUILD)/src/helper/berth-proxy.o $(call lib,helper) $(call lib,base)
	$(call link,-lcjson -lnettle)

$(BUILD)/berth-restore: $(BUILD)/src/helper/berth-restore.o $(call lib,helper) $(call lib,image) $(call lib,base)
	$(call link,-ltar -lz -lzstd -llzma -lbz2 -lyaml -lcjson -lnettle)

$(BUILD)/berth-passwd: $(BUILD)/src/helper/berth-passwd.o $(call lib,helper) $(call lib,base)
	$(call link,-Wl$(,)--no-as-needed -lcrypt -Wl$(,)--as-needed -lcjson -lnettle) # the sanitizer's own crypt_r would have it left out

# ---- unit tests: tests/unit/test_X.c, cmocka, one program each
TEST_LIBS := -luv -lcjson -lmicrohttpd -lgnutls -lwslay -lnettle -linih -lhttp_parser -lyaml -ltar -lz -lzstd -llzma -lbz2 -lcurl -lm \
	-Wl$(,)--no-as-needed -lcrypt -Wl$(,)--as-needed # as for berth-passwd
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))
$(BUILD)/unit/%: tests/unit/%.c $(foreach r,$(ROOMS),$(call lib,$(r)))
	@mkdir -p $(@D)
	@echo "  LD  $@"; $(CC) $(ALL_CFLAGS) -Wno-missing-prototypes -MMD -MP $(ALL_LDFLAGS) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group \
		-lcmocka $(TEST_LIBS)
unit-build: $(UNIT)
doc/config-keys.md: $(BUILD)/unit/test_key_doc ## write it from the tables in src/model
	$< --write $@
unit: $(UNIT) ## run the unit tests
	@set -e; for t in $(UNIT); do echo "# $$t"; $$t; done

# ---- fuzzers: tests/fuzz/fuzz_X.c with the inputs of tests/fuzz/corpus/X; FUZZ_ENGINE is what has the main()
FUZZ := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SECONDS ?= 60
FUZZ_ENGINE ?= tests/fuzz/replay.c
PLAIN_BUILD = $(patsubst %/asan,%,$(BUILD))
$(BUILD)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(filter %.c,$(FUZZ_ENGINE)) $(foreach r,$(ROOMS),$(call lib,$(r)))
	@mkdir -p $(@D)
	@echo "  LD  $@"; $(CC) $(ALL_CFLAGS) -Wno-missing-prototypes $(ALL_LDFLAGS) $(filter -%,$(FUZZ_ENGINE)) -o $@ $(filter %.c,$^) \
		-Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(TEST_LIBS)
fuzz-build: $(FUZZ:%=$(BUILD)/fuzz/fuzz_%)
fuzz: ## fuzz for FUZZ_SECONDS each (clang); findings go to build/fuzz
	@+$(MAKE) --no-print-directory BUILD=$(PLAIN_BUILD)/libfuzzer CC=clang SANITIZE=1 \
		CFLAGS='-O1 -g -fsanitize=fuzzer-no-link' FUZZ_ENGINE=-fsanitize=fuzzer fuzz-build
	@for f in $(FUZZ); do mkdir -p $(PLAIN_BUILD)/fuzz/$$f; log=$(PLAIN_BUILD)/fuzz/$$f.log; \
		$(PLAIN_BUILD)/libfuzzer/fuzz/fuzz_$$f -max_total_time=$(FUZZ_SECONDS) -timeout=10 -print_final_stats=1 \
			-verbosity=0 -artifact_prefix=$(PLAIN_BUILD)/fuzz/$$f- $(PLAIN_BUILD)/fuzz/$$f tests/fuzz/corpus/$$f \
			>$$log 2>&1 || { tail -n 60 $$log; exit 1; }; \
		echo "fuzz_$$f:" $$(grep executed_units $$log); done
fuzz-replay: ## run the fuzzers over their stored inputs (sanitizer build)
	@+$(MAKE) --no-print-directory BUILD=$(PLAIN_BUILD)/asan SANITIZE=1 fuzz-build
	@set -e; for f in $(FUZZ); do $(PLAIN_BUILD)/asan/fuzz/fuzz_$$f tests/fuzz/corpus/$$f; done

# ---- what people type first
quickstart: ## from nothing to a running container, below ./run (root)
	@BUILD=$(BUILD) scripts/quickstart
quickstart-down: ## remove every trace of it (root)
	@BUILD=$(BUILD) scripts/quickstart-down
check: ## run every test (root); the last line says "N passed, N failed"
	@+MAKE="$(MAKE)" scripts/check
vm-check: ## boot a Debian 12 below qemu and see there what this machine may lack (root)
	@+scripts/vm check
lint: ## clang-tidy, cppcheck, shellcheck, and -Werror builds by gcc and clang
	@+MAKE="$(MAKE)" scripts/lint
bench: all $(IMAGE) ## measure against the bare lxc-* tools (root)
	@rc=0; for s in scripts/bench scripts/bench-host; do BERTH_BUILD=$(BUILD) $$s || rc=1; done; exit $$rc
man: ## check the manual pages and list them
	@for m in $(MAN); do mandoc -T lint -W warning $$m || exit 1; echo "man -l $$m"; done
print-%: ; @echo '$($*)'

# ---- installation
MAN := $(wildcard doc/*.[1-8])
install: all $(IMAGE) ## install below $(DESTDIR)$(PREFIX); settings that are there stay
	install -d $(addprefix $(DESTDIR),$(BINDIR) $(SBINDIR) $(LIBEXECDIR) $(DATADIR)/templates $(DATADIR)/images \
		$(UNITDIR) $(COMPLETIONDIR) $(SYSCONFDIR)/berth/hooks.d $(SYSCONFDIR)/logrotate.d)
	install -m 755 $(BUILD)/berth $(DESTDIR)$(BINDIR)/
	install -m 755 $(BUILD)/berthd $(DESTDIR)$(SBINDIR)/
	install -m 755 $(BUILD)/berth-rootfs $(BUILD)/berth-passwd $(BUILD)/berth-unpack $(BUILD)/berth-restore $(BUILD)/berth-terminal $(BUILD)/berth-pack $(BUILD)/berth-file $(BUILD)/berth-fetch $(BUILD)/berth-proxy $(BUILD)/berth-template $(BUILD)/berth-migrate $(HOOKS:%=$(BUILD)/%) $(SCRIPTS:%=scripts/%) $(DESTDIR)$(LIBEXECDIR)/
	install -m 644 $(wildcard templates/*) $(DESTDIR)$(DATADIR)/templates/
	install -d $(DESTDIR)$(DATADIR)/hooks
	install -m 755 $(wildcard hooks/examples/*) $(DESTDIR)$(DATADIR)/hooks/
	install -m 644 $(IMAGE) $(DESTDIR)$(DATADIR)/images/
	install -m 644 etc/berth.conf $(DESTDIR)$(DATADIR)/
	test -e $(DESTDIR)$(SYSCONFDIR)/berth/berth.conf || \
		install -m 644 etc/berth.conf $(DESTDIR)$(SYSCONFDIR)/berth/
	install -m 644 etc/berth.logrotate $(DESTDIR)$(SYSCONFDIR)/logrotate.d/berth
	sed 's|@SBINDIR@|$(SBINDIR)|' etc/berthd.service >$(DESTDIR)$(UNITDIR)/berthd.service
	sed 's|@BINDIR@|$(BINDIR)|' etc/berth-backup@.service >$(DESTDIR)$(UNITDIR)/berth-backup@.service
	sed 's|@BINDIR@|$(BINDIR)|' etc/berth-instances.service >$(DESTDIR)$(UNITDIR)/berth-instances.service
	install -m 644 etc/berth-backup@.timer $(DESTDIR)$(UNITDIR)/
	$(BUILD)/berth completion bash >$(DESTDIR)$(COMPLETIONDIR)/berth
	set -e; for m in $(MAN); do d=$(DESTDIR)$(MANDIR)/man$${m##*.}; install -d $$d; \
		sed 's|/usr/local/share/berth|$(DATADIR)|g' $$m >$$d/$${m##*/}; chmod 644 $$d/$${m##*/}; done
uninstall: ## remove what install made; changed settings, hooks and all data stay
	rm -f $(DESTDIR)$(BINDIR)/berth $(DESTDIR)$(SBINDIR)/berthd $(DESTDIR)$(UNITDIR)/berthd.service $(DESTDIR)$(UNITDIR)/berth-backup@.service \
		$(DESTDIR)$(UNITDIR)/berth-backup@.timer $(DESTDIR)$(UNITDIR)/berth-instances.service $(DESTDIR)$(COMPLETIONDIR)/berth $(DESTDIR)$(SYSCONFDIR)/logrotate.d/berth
	for m in $(MAN); do rm -f $(DESTDIR)$(MANDIR)/man$${m##*.}/$${m##*/}; done
	! cmp -s etc/berth.conf $(DESTDIR)$(SYSCONFDIR)/berth/berth.conf || rm -f $(DESTDIR)$(SYSCONFDIR)/berth/berth.conf
	rm -rf $(DESTDIR)$(LIBEXECDIR) $(DESTDIR)$(DATADIR)
	-rmdir $(DESTDIR)$(SYSCONFDIR)/berth/hooks.d $(DESTDIR)$(SYSCONFDIR)/berth 2>/dev/null

clean: ## remove what was built
	rm -rf build

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: all image unit unit-build fuzz fuzz-build fuzz-replay quickstart quickstart-down check vm-check lint bench man install \
	uninstall clean help force
-include $(OBJ:.o=.d) $(UNIT:=.d)
