# A thin front on meson; every target installs what it lacks first.
#
#   make          build build/snug, build/libsnug.so and build/libsnug.a
#   make run      the main job: the nine steps in every CPU mode, then Debian's SeaBIOS
#   make test     everything that is tested: some 12 minutes, and 3 to 7 more where the guest kernel has to be built
#   make bench    the promises of docs/promises.md, measured
#   make bench-slow  those about Linux guests too, which boot; with a kernel of Debian's, fetched by apt-get
#   make load     examples/httpd under load: a VM, a process or nothing around each request, 20 seconds
#   make lint     the static part of make test
#   make prove    the contracts of arithmetic, cursors, memory and bus, proved by Frama-C
#   make fuzz     every fuzz target and the command for TIME seconds (default 60), from SEED (default 1)
#   make fuzz-guest  ACCESSES (default 10000000) random accesses from inside a guest, from SEED, on the real /dev/kvm
#   make test-slow  make test with longer fuzzing, ten times the resets and clones, and kernels of Debian's, some hours
#   make guest-kernel  a small Linux for guests, from Debian's linux-source-6.12; its path is the last line
#   make install  to DESTDIR and PREFIX (default /usr/local)

BUILD_PACKAGES := gcc libc6-dev binutils meson ninja-build pkg-config python3 scdoc libjansson-dev \
                  libzydis-dev libseccomp-dev zlib1g-dev liblzma-dev libzstd-dev liblz4-dev
RUN_PACKAGES := seabios
LOAD_PACKAGES := libmicrohttpd-dev wrk
TEST_PACKAGES := $(RUN_PACKAGES) $(LOAD_PACKAGES) busybox-static acpica-tools g++ libcmocka-dev clang clang-format clang-tidy cppcheck \
                 util-linux gdb chromium chromium-driver
KERNEL_PACKAGES := linux-source-6.12 gcc make bc flex bison libelf-dev libssl-dev xz-utils python3
PROVE_PACKAGES := frama-c-base why3 z3 cvc4

BIOS := /usr/share/seabios/bios.bin
PREFIX ?= /usr/local
TIME ?= 60
SEED ?= 1
ACCESSES ?= 10000000
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
export PYTHONDONTWRITEBYTECODE := 1

# $(call need,PACKAGES): installs those that are missing, and says so.
define need
@missing=; for p in $(1); do \
  dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
if [ -n "$$missing" ]; then \
  echo "installing:$$missing"; \
  $(SUDO) apt-get update -qq && \
  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null || \
  { echo "apt-get could not install:$$missing" >&2; exit 1; }; \
fi
endef

# $(call setup,DIR,CC,OPTIONS): configures once; meson reconfigures by itself after that.
setup = [ -f $(1)/build.ninja ] || CC=$(2) meson setup $(1) --prefix=$(PREFIX) --libdir=lib $(3) >$(1).log 2>&1 || { cat $(1).log; exit 1; }

# $(call quiet,DIR): builds, and shows what it printed only if that failed.
quiet = ninja -C $(1) --quiet >$(1).log 2>&1 || { cat $(1).log; exit 1; }

# $(call with_httpd): a build made before libmicrohttpd was there has no server yet.
with_httpd = [ -f build/examples/httpd/httpd ] || meson setup --reconfigure build >build.log 2>&1 || { cat build.log; exit 1; }

WERROR := --werror

.PHONY: all run guest-kernel test test-slow bench bench-slow load lint prove fuzz fuzz-guest install clean build-packages run-packages \
        load-packages test-packages test-builds asan-build fuzz-build

all: build-packages
	@mkdir -p build
	@$(call setup,build,gcc,)
	@$(call quiet,build)

build-packages:
	$(call need,$(BUILD_PACKAGES))

run-packages: build-packages
	$(call need,$(RUN_PACKAGES))

load-packages: build-packages
	$(call need,$(LOAD_PACKAGES))

# clang's runtime for sanitizers and libFuzzer goes by clang's version.
test-packages: build-packages
	$(call need,$(TEST_PACKAGES))
	$(call need,libclang-rt-$$(clang -dumpversion | cut -d. -f1)-dev)

# Built once per machine: guests/linux/build.py.
guest-kernel:
	$(call need,$(KERNEL_PACKAGES))
	@python3 guests/linux/build.py

# SeaBIOS finds no disk to boot from and waits: its banner is the result, the timeout (status 124) is expected.
run: run-packages all
	@build/snug demo
	@echo
	@echo "Real input: SeaBIOS, $(BIOS), for 5 seconds."
	@build/snug run --as firmware --timeout 5 $(BIOS) >build/seabios.out 2>build/seabios.err; \
	  status=$$?; cat build/seabios.out build/seabios.err; \
	  [ $$status = 124 ] && grep -q 'SeaBIOS (version' build/seabios.out

# A build made before cmocka was there has no tests yet.
test-builds: test-packages all asan-build
	@[ -d build/tests/unit ] || meson configure build -Dtests=enabled
	@$(call with_httpd)
	@$(call quiet,build)
	@mkdir -p build-tsan
	@$(call setup,build-tsan,gcc,-Db_sanitize=thread -Db_lundef=false $(WERROR))
	@$(call quiet,build-tsan)
comma := ,

asan-build: test-packages
	@mkdir -p build-asan
	@$(call setup,build-asan,gcc,-Db_sanitize=address$(comma)undefined -Db_lundef=false $(WERROR))
	@$(call quiet,build-asan)

fuzz-build: test-packages
	@mkdir -p build-fuzz
	@$(call setup,build-fuzz,clang,-Dfuzz=true -Db_sanitize=address$(comma)undefined -Db_lundef=false -Ddefault_library=static $(WERROR))
	@$(call quiet,build-fuzz)

test: test-builds fuzz-build guest-kernel
	@python3 tests/run.py

test-slow: test-builds fuzz-build guest-kernel
	@python3 tests/run.py --slow

lint: test-packages all
	@python3 tests/run.py --only lint

# Apart from the build: the provers read the sources.
prove:
	$(call need,python3 gcc libc6-dev $(PROVE_PACKAGES))
	@python3 proofs/prove.py

fuzz: fuzz-build asan-build
	@tests/fuzz/run.py $(CURDIR)/build-fuzz --time $(TIME) --seed $(SEED)
	@python3 tests/cmdfuzz/test_command.py build-asan --time $(TIME) --seed $(SEED)

fuzz-guest: asan-build
	@build-asan/tests/guestfuzz/guestfuzz $(ACCESSES) $(SEED)

bench: all
	@build/bench/bench build/snug build/bench/raw_main

bench-slow: bench guest-kernel
	@build/bench/bench_kernels build/snug build/bench/raw_boot build/bench/raw_linux $$(python3 guests/linux/build.py) $$(python3 guests/linux/debian.py 6.1)

load: load-packages all
	@$(call with_httpd)
	@$(call quiet,build)
	@examples/httpd/load.py

# The prefix is in snug.pc, so a build for another one is configured anew.
install: all
	@meson configure build --prefix=$(abspath $(PREFIX)) --libdir=lib
	@$(call quiet,build)
	@meson install -C build --no-rebuild
	@[ -n "$(DESTDIR)" ] || [ "$$(id -u)" != 0 ] || ldconfig

clean:
	@rm -rf build build-*
