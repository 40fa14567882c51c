# SPDX-License-Identifier: Apache-2.0
#
# `make help` lists the targets. Variables:
#   OTP=25.2.3              the Erlang/OTP version to patch
#   OTP_SRC=PATH            its source: an archive or a directory; without OTP=
#                           that of the release which it holds
#   OTP_TARBALLS=PATH       a directory with source archives
#   REBAR3=FILE             where the installed rebar3 is too old for the OTP
#   FULL=1                  build all of OTP, where the host has another one
#   FLAVOR=jit|emu          the emulator: machine code or the interpreter
#   TYPE=opt|debug|valgrind how it is compiled
#   PATCHES=all|none        none: a stock emulator, compiled the same way
#   ARCH=arm64              for 64-bit ARM: on another machine cross-built, and
#                           run by qemu (otp, nif, compile, test-erlang, mutants)
#   INPUT=FILE              what `make demo` evaluates
#   COMMANDS=N              how many commands `make oracle` runs
#   QUICK=1                 a short run of what takes long: bench, mutants, ...
#   PICTURES=DIR            where `make web-test` leaves its screenshots
#   MINUTES=4               how long `make soak` works
#   SECCOMP_SKIP_DEPS=1     do not look for missing packages

TOP     := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
ifndef OTP
OTP     := 25.2.3
ifdef OTP_SRC
OTP     := $(shell OTP_SRC='$(OTP_SRC)' BUILD_DIR='$(BUILD_DIR)' \
    $(TOP)/otp_patches/otp version)
$(if $(OTP),,$(error OTP_SRC=$(OTP_SRC) cannot be used))
endif
endif
INPUT   ?= examples/human_input.txt
SECONDS ?= 60
SHELL   := /bin/bash
.DEFAULT_GOAL := help

export MINUTES QUICK PARTS
export OTP OTP_SRC OTP_TARBALLS FULL FLAVOR TYPE PATCHES ARCH JOBS BUILD_DIR REBAR3
# Debian 12's rebar3 does not load on OTP 29.
ifeq ($(REBAR3)$(filter 25.% 26.% 27.% 28.%,$(OTP)),)
REBAR3 := $(TOP)/_build/tools/usr/bin/rebar3
NEWER_REBAR3 := $(REBAR3)
endif

# Each flavor and type has one of its own. What is exported above does not reach
# the shell function before make 4.4.
RUNTIME  = $(shell OTP='$(OTP)' FLAVOR='$(FLAVOR)' TYPE='$(TYPE)' \
    PATCHES='$(PATCHES)' ARCH='$(ARCH)' BUILD_DIR='$(BUILD_DIR)' \
    $(TOP)/otp_patches/otp home)
NIF     := priv/native/seccomp_nif.so
# Who uses the library may have told cargo to build elsewhere.
BUILT_NIF := $(or $(CARGO_TARGET_DIR),target)/release/libseccomp_nif.so
# Set where ARCH names another machine than this one.
CROSS := $(if $(filter arm64 aarch64,$(ARCH)),$(if $(filter-out \
    aarch64,$(shell uname -m)),arm64))
# Everything Erlang runs on the patched runtime, rebar3 included.
# What one version has compiled is kept from the others (see runtime/erl).
ON_PATCHED = PATH="$(RUNTIME)/bin:$(if $(REBAR3),$(dir $(abspath $(REBAR3))):)$$PATH" \
    $(if $(filter-out 25.2.3,$(OTP)),REBAR_BASE_DIR="$(TOP)/_build/rebar-$(OTP)")

.PHONY: help deps otp smoke deb deb-test nif tool compile erl shell ssh-shell demo demo-cluster \
        recipes examples test test-all test-rust test-erlang test-elixir web-test escapes \
        oracle bench soak mutants fuzz check-memory \
        check-debug lint lint-rust lint-erlang lint-c docs patch-check \
        patch-refresh clean distclean \
        otp-suites otp-baseline

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' \
	    $(TOP)/Makefile

deps: ## install the packages that are missing (Debian, as root)
	@[ -n "$(SECCOMP_SKIP_DEPS)" ] || $(TOP)/scripts/deps $(CROSS)

otp: deps ## build the patched Erlang/OTP, or see that it is built
	@$(TOP)/otp_patches/otp build
	@# A build that the tests do not run on has to show that it enforces.
	@$(TOP)/otp_patches/otp proven || $(MAKE) --no-print-directory smoke

smoke: nif ## see that the built runtime enforces policies
	@$(TOP)/otp_patches/otp smoke

ifeq ($(CROSS),)
nif: ## build the native library; needs Rust alone
	@# The first build takes a while and shows how far it is.
	@cd $(TOP) && cargo build --release --locked -p seccomp_nif \
	    $$(test -e $(BUILT_NIF) && echo --quiet)
	@mkdir -p $(TOP)/priv/native
	@# Never written in place: a running emulator may have it mapped.
	@cd $(TOP) && if ! cmp -s $(BUILT_NIF) $(NIF); then \
	    cp $(BUILT_NIF) $(NIF).tmp && \
	    mv -f $(NIF).tmp $(NIF); fi

else
nif:
	@$(TOP)/scripts/cross nif
endif

tool: ## build the command line tool, target/release/seccomp
	cd $(TOP) && cargo build --release --locked -p seccomp_cli

# rebar3 needs more than the bootstrap libraries.
compile: export FULL = 1
compile: otp nif ## compile the Erlang part
	@[ -z "$(NEWER_REBAR3)" ] || [ -x "$(NEWER_REBAR3)" ] || \
	    $(TOP)/scripts/newer-rebar3 >/dev/null
	@$(if $(CROSS),$(MAKE) --no-print-directory ARCH= compile,cd $(TOP) && \
	    { QUIET=1 $(ON_PATCHED) rebar3 compile || \
	    { $(ON_PATCHED) rebar3 version >/dev/null 2>&1 || \
	        echo "make: this rebar3 does not run on OTP $(OTP). Name a newer" \
	            "one: REBAR3=FILE (that of Debian 13 does)." >&2; false; }; })

erl: ## print the path of the patched erl, built first where needed
	@$(MAKE) --no-print-directory compile >&2
	@$(TOP)/otp_patches/otp path

shell: compile ## an interactive shell with the library loaded
	@cd $(TOP) && exec "$$(otp_patches/otp path)" \
	    -eval 'application:ensure_all_started(seccomp)'

ssh-shell: compile ## an ssh daemon whose users get a restricted shell; PORT=2222
	@cd $(TOP) && mkdir -p _build/ssh_shell && \
	    "$(RUNTIME)/bin/erlc" -o _build/ssh_shell examples/ssh_shell/*.erl && \
	    exec "$(RUNTIME)/bin/erl" -noinput -pa _build/ssh_shell \
	        -run ssh_shell main _build/ssh_shell/keys "$(or $(PORT),2222)"

demo: compile ## evaluate human input in restricted processes
	@cd $(TOP) && mkdir -p _build/demo && \
	    "$(RUNTIME)/bin/erlc" -o _build/demo examples/*.erl && \
	    "$(RUNTIME)/bin/erl" -noshell -pa _build/demo \
	        -run seccomp_demo main "$(INPUT)"

demo-cluster: compile ## three ways round a policy, between nodes: stock, patched
	@cd $(TOP) && rm -rf _build/demo-cluster && mkdir -p _build/demo-cluster && \
	    "$(RUNTIME)/bin/erlc" -o _build/demo-cluster examples/cluster/*.erl \
	        test/seccomp_test_node.erl && \
	    "$(RUNTIME)/bin/erl" -noshell -pa _build/demo-cluster \
	        -run cluster_demo main </dev/null

recipes: compile ## plugins, tools of a model, web requests, behind gates
	@cd $(TOP) && rm -rf _build/recipes && mkdir -p _build/recipes && \
	    for module in recipes kv plugin_host model_tools http_host page_handler calc; do \
	        "$(RUNTIME)/bin/erlc" -o _build/recipes examples/recipes/$$module.erl || exit; \
	    done && cp examples/recipes/weather.txt _build/recipes && \
	    RECIPES=examples/recipes "$(RUNTIME)/bin/erl" -noshell -pa _build/recipes \
	        -kernel logger_level emergency -run recipes main </dev/null

examples: compile ## build, test, release and run the example projects
	@cd $(TOP) && $(ON_PATCHED) examples/run

test: test-rust test-erlang test-elixir ## all tests, on the patched runtime

test-all: ## test-erlang on each version and flavor, as a table; SHORT=1
	@$(TOP)/scripts/test-all

test-rust:
	cd $(TOP) && cargo test --locked --workspace

SAY_EMULATOR = [io:format("emulator: ~s~n", [erlang:system_info(What)]) \
    || What <- [emu_flavor, build_type]], halt().
# Some tests need a node without the patches that runs what this one compiles:
# the host's, or where that is of another version, one that is built for them.
STOCK_HOME = $(shell OTP='$(OTP)' FLAVOR=jit TYPE=opt PATCHES=none \
    BUILD_DIR='$(BUILD_DIR)' $(TOP)/otp_patches/otp home)
STOCK = $(if $(filter-out 25.2.3,$(OTP)),$(STOCK_HOME)/bin/erl)
.PHONY: otp-stock
otp-stock: compile
	@[ -z "$(STOCK)" ] || PATCHES=none FLAVOR=jit TYPE=opt \
	    $(TOP)/otp_patches/otp build
# What SHORT=1 leaves out of Common Test: what takes minutes, and what runs on
# the library more than on the emulator.
LONG_SUITES = nif_fuzz leak other oracle learn eval rshell rshell_remote web \
              guard guard_cluster nodes_bounds bad_input
SHORT_SUITES = $(filter-out $(LONG_SUITES:%=test/seccomp_%_SUITE.erl), \
    $(patsubst $(TOP)/%,%,$(wildcard $(TOP)/test/*_SUITE.erl)))
empty :=
SHORT_FLAGS = $(if $(SHORT),--suite=$(subst $(empty) $(empty),$(comma),$(strip $(SHORT_SUITES))))
comma := ,
ifneq ($(CROSS),)
test-erlang: compile
	@# The nodes of tests that have no patches load the same library.
	@PATCHES=none FLAVOR=jit TYPE=opt $(TOP)/otp_patches/otp build
	@echo "left out: eunit$(if $(SHORT), $(LONG_SUITES))"
	@$(TOP)/scripts/cross test $(or $(SUITES),$(if $(SHORT),$(SHORT_SUITES),\
	    $(patsubst $(TOP)/%,%,$(wildcard $(TOP)/test/*_SUITE.erl))))
else
test-erlang: export SECCOMP_STOCK_ERL ?= $(or $(STOCK),/usr/bin/erl)
test-erlang: compile otp-stock
	@$(ON_PATCHED) erl -noshell -eval '$(SAY_EMULATOR)'
	cd $(TOP) && $(ON_PATCHED) rebar3 eunit
	@$(if $(SHORT),echo "left out: $(LONG_SUITES)")
	cd $(TOP) && $(ON_PATCHED) rebar3 ct --readable=false $(CT_FLAGS) $(SHORT_FLAGS)
endif

test-elixir: compile
	cd $(TOP) && $(ON_PATCHED) mix test

web-test: compile ## the page of seccomp_web in a browser, writes screenshots
	@[ -n "$(SECCOMP_SKIP_DEPS)" ] || { $(TOP)/scripts/deps chromium-driver && \
	    $(TOP)/scripts/deps fonts-dejavu-core; }
	@cd $(TOP) && rm -rf _build/web && mkdir -p _build/web && \
	    "$(RUNTIME)/bin/erlc" -o _build/web test/web/*.erl && \
	    "$(RUNTIME)/bin/erl" -noshell -pa _build/web \
	        -run seccomp_web_browser main examples/human_input.txt \
	        $(or $(PICTURES),_build/web) </dev/null

escapes: compile ## try known ways out, print what became of each; ROWS="1 7"
	@cd $(TOP) && rm -rf _build/escapes && mkdir -p _build/escapes && \
	    "$(RUNTIME)/bin/erlc" -o _build/escapes test/escapes/*.erl \
	        test/seccomp_test_node.erl test/seccomp_test_run.erl && \
	    elixirc -o _build/escapes test/escapes/*.ex && \
	    "$(RUNTIME)/bin/erl" -noshell -pa _build/escapes \
	        -pa "$$(elixir -e 'IO.write(:code.lib_dir(:elixir, :ebin))')" \
	        -run seccomp_escapes main $(ROWS) </dev/null

oracle: compile ## run random commands on the emulator and on a model of it
	@cd $(TOP) && mkdir -p _build/oracle && \
	    "$(RUNTIME)/bin/erlc" -o _build/oracle test/seccomp_model*.erl \
	        $$(ls test/seccomp_oracle*.erl | grep -v _SUITE) \
	        test/seccomp_test_run.erl && \
	    SECCOMP_ORACLE_COMMANDS=$(COMMANDS) "$(RUNTIME)/bin/erl" -noshell \
	        -pa _build/oracle -run seccomp_oracle_run main

bench: compile ## measure speed and memory; QUICK=1: only see that it runs
	@$(TOP)/bench/run

soak: compile ## run it under load: MINUTES=4 of mixed work, QUICK=1 for CI
	@cd $(TOP) && mkdir -p _build/soak && \
	    "$(RUNTIME)/bin/erlc" -o _build/soak test/soak/*.erl \
	        test/seccomp_test_*.erl && \
	    "$(RUNTIME)/bin/erl" -noshell -pa _build/soak \
	        -run seccomp_soak main </dev/null
	@$(if $(QUICK),,$(MAKE) --no-print-directory oracle \
	    COMMANDS=$(or $(COMMANDS),100000))

# A short run takes one mutant of each kind: calls, spawns, provenance, other
# nodes, sending.
SHORT_MUTANTS_jit := fragment-never-asks light-bif-never-asks spawn-S spawn-I \
    origin-not-received guard-asks-nobody send-unchecked
SHORT_MUTANTS_emu := export-unchecked light-bif-unchecked fun-unchecked \
    origin-not-received message-unchecked
SHORT_MUTANTS_arm64 := fragment-never-asks light-bif-never-asks
MUTANTS ?= $(if $(QUICK),$(SHORT_MUTANTS_$(or $(CROSS),$(FLAVOR),jit)))
mutants: compile ## break the patches on purpose; some test has to notice
	@$(TOP)/test/mutants/run $(MUTANTS)

fuzz: ## run the fuzz targets, SECONDS=60 each; needs a nightly Rust
	@FUZZ_SECONDS="$(SECONDS)" $(TOP)/native/seccomp_core/fuzz/run

check-memory: ## leaks and invalid accesses, under valgrind; QUICK=1
	@[ -n "$(SECCOMP_SKIP_DEPS)" ] || $(TOP)/scripts/deps valgrind
	@$(MAKE) --no-print-directory TYPE=valgrind otp
	@$(MAKE) --no-print-directory TYPE=opt compile
	@QUICK="$(QUICK)" $(TOP)/test/memory/run

comma := ,
empty :=
DEBUG_SUITES = $(subst $(empty) $(empty),$(comma),$(patsubst \
    %,test/seccomp_%_SUITE,calls deny entry flags other spawn trap))
check-debug: ## the Erlang tests on an emulator with assertions
	@# Everything takes long there: less of what is random, more patience.
	@SECCOMP_FUZZ_TESTS=15 SECCOMP_ORACLE_COMMANDS=2000 \
	    $(MAKE) --no-print-directory TYPE=debug test-erlang \
	    CT_FLAGS="--multiply_timetraps=5 $(if $(QUICK),--suite=$(DEBUG_SUITES))"

otp-suites: compile ## OTP's own suites, compared with stock (QUICK=1: ten minutes)
	@QUICK="$(QUICK)" SUITES="$(SUITES)" $(TOP)/test/otp/run compare

otp-baseline: compile ## run OTP's suites on the stock emulator, store the result
	@$(TOP)/test/otp/run baseline

lint: lint-rust lint-erlang lint-c ## formatting, warnings, types

lint-rust:
	cd $(TOP) && cargo fmt --all --check
	cd $(TOP) && cargo clippy --locked --workspace --all-targets -- -D warnings

lint-erlang: compile
	cd $(TOP) && $(ON_PATCHED) rebar3 xref
	cd $(TOP) && $(ON_PATCHED) rebar3 dialyzer
	cd $(TOP) && $(ON_PATCHED) mix format --check-formatted
	cd $(TOP) && MIX_ENV=test $(ON_PATCHED) mix compile --force --warnings-as-errors
	cd $(TOP) && scripts/no-gate --check

lint-c: otp
	cd $(TOP) && otp_patches/otp lint
	cd $(TOP) && bash -n otp_patches/otp otp_patches/lib/*.sh scripts/deps \
	    scripts/docs/build scripts/cross scripts/cross-tools \
	    scripts/newer-rebar3 scripts/test-all test/mutants/run \
	    packaging/install-library \
	    examples/run test/memory/run

# What Debian's source package asks for, less what only its other packages need.
DEB_NEEDS = debhelper dpkg-dev autoconf m4 bison flex ed dctrl-tools openssl \
    libssl-dev zlib1g-dev libsctp-dev libsystemd-dev
deb: ## build Debian's erlang-base with the patches, _build/deb
	@[ -n "$(SECCOMP_SKIP_DEPS)" ] || $(TOP)/scripts/deps $(DEB_NEEDS)
	@$(TOP)/otp_patches/otp deb

deb-test: deb nif ## install and test that package in a Debian of its own
	@[ -n "$(SECCOMP_SKIP_DEPS)" ] || $(TOP)/scripts/deps debootstrap
	@$(TOP)/otp_patches/otp deb-test

docs: compile ## the documentation as a site, _build/docs/index.html
	@[ -n "$(SECCOMP_SKIP_DEPS)" ] || $(TOP)/scripts/deps pandoc
	@$(ON_PATCHED) $(TOP)/scripts/docs/build $(TOP)/_build/docs

patch-check: deps ## see that the stored patches are in order
	@# All versions, unless one is named.
	@OTP='$(if $(filter file,$(origin OTP)),,$(OTP))' \
	    $(TOP)/otp_patches/otp check

patch-refresh: ## write the patches again from the worked tree
	@$(TOP)/otp_patches/otp refresh

clean: ## remove what was compiled, but for the emulator
	cd $(TOP) && cargo clean --quiet
	rm -rf $(TOP)/_build/{default,test,web,demo,docs,bench,examples,escapes,oracle,soak,memory} \
	    $(TOP)/_build/{rebar-*,test-all} \
	    $(TOP)/priv/native

distclean: clean ## remove everything that was built or fetched
	rm -rf $(TOP)/_build
