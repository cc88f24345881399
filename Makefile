# What a person types. Each target does all it needs, so `make run` is enough on a fresh Debian machine with Swift.
# A second run of anything is quick: `deps` only asks dpkg, and SwiftPM builds what changed.

SWIFT ?= swift
# A configuration file for `make run`; none: ./edge.yaml, else the built-in example (Functions/edge.yaml).
CONFIG ?=
# More words for `skerry serve` (make run ARGS='--workers 1') or for `swift test` (make test FILTER=Parser).
ARGS ?=
FILTER ?=

# Swift's own libraries inside the program, where the toolchain has them to offer: 2,900 instructions less per proxied request,
# a quicker start, and nothing to install beside it.
SWIFT_LIBRARIES = $(dir $(shell realpath "$$(command -v $(SWIFT))"))../lib/swift_static
RELEASE = -c release --product skerry $(if $(wildcard $(SWIFT_LIBRARIES)),--static-swift-stdlib)

BUILD_PACKAGES = ca-certificates pkg-config patch python3 libssl-dev libc-ares-dev libmaxminddb-dev libre2-dev libseccomp-dev zlib1g-dev libzip-dev libbrotli-dev
# Real clients of the scenarios, and a library to be a hostile one with. What a Debian may lack is asked for by itself: its test is skipped then.
TEST_PACKAGES = curl openssl nghttp2-client python3-h2 python3-boto3 nodejs bubblewrap passt iproute2
OPTIONAL_TEST_PACKAGES = testssl.sh python3-pip
BENCH_PACKAGES = nginx libnginx-mod-http-js libnginx-mod-http-lua wrk valgrind h2o nghttp2-client varnish haproxy nodejs bubblewrap

.DEFAULT_GOAL := help
.PHONY: help deps build run test certs deb profile fuzz fuzz-engine bench bench-deps clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## install what is missing and fetch the JavaScript engine's sources
	@command -v $(SWIFT) >/dev/null || { echo "skerry needs Swift 6.2 or newer on the PATH: https://swift.org/install" >&2; exit 1; }
	@.ci/packages $(BUILD_PACKAGES)
	@[ -e Sources/CQuickJS/quickjs/.stamp ] || python3 -m pip --version >/dev/null 2>&1 || .ci/packages python3-pip
	@if [ -x Sources/CQuickJS/fetch.sh ]; then Sources/CQuickJS/fetch.sh; fi

# What skerry_build_info says of the sources.
COMMIT = $(shell git describe --always --dirty --abbrev=12 2>/dev/null)

build: deps ## build .build/release/skerry
	SKERRY_COMMIT=$(COMMIT) $(SWIFT) build $(RELEASE)

run: build ## serve the built-in example; your own: make run CONFIG=edge.yaml
	.build/release/skerry serve $(CONFIG) $(ARGS)

# One debug build serves the unit tests and the scenario tests, which start .build/debug/skerry; the JavaScript
# engine is optimised in it too (Package.swift), so that limits mean the same as in a release.
# The official Python client of the Runtime API, which functions on `provided` may bring.
AWSLAMBDARIC = [ -d .build/awslambdaric ] || /usr/bin/python3 -m pip install --quiet --no-cache-dir --only-binary :all: --target .build/awslambdaric awslambdaric==4.2.2 || \
	  { rm -rf .build/awslambdaric; echo "goes on without: awslambdaric (PyPI)" >&2; }

# So many tests at a time: all at once are minutes of start-up in which limits of time mean nothing.
test: export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH ?= 12
test: deps ## build and run every test; some of them: make test FILTER=Parser
	@.ci/packages $(TEST_PACKAGES)
	@for package in $(OPTIONAL_TEST_PACKAGES); do .ci/packages $$package || echo "goes on without: $$package" >&2; done
	@$(AWSLAMBDARIC)
	$(SWIFT) build --build-tests
	$(SWIFT) test --skip-build $(if $(FILTER),--filter $(FILTER)) $(ARGS)

# Further names: make certs NAMES='www.example.test shop.test'
NAMES ?=
certs: ## make certificates for localhost in Certs/, and say how to trust them
	@.ci/packages openssl
	@Certs/generate $(NAMES)

# libFuzzer on a parser, the one of HTTP/1.1, or TARGET=http2, json, dialect, redirects, events or proxy-header; new inputs stay in .build/fuzz (Documentation/testing.md).
FUZZ_SECONDS ?= 60
TARGET ?= http1
fuzz: deps ## look for bytes a parser (TARGET=http1|http2|json|dialect|redirects|events|proxy-header) cannot bear, FUZZ_SECONDS long
	$(SWIFT) build --scratch-path .build/fuzz -c release --product fuzz-$(TARGET) -Xswiftc -sanitize=fuzzer -Xswiftc -DLIBFUZZER
	mkdir -p .build/fuzz/inputs-$(TARGET)
	.build/fuzz/release/fuzz-$(TARGET) -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -artifact_prefix=.build/fuzz/ .build/fuzz/inputs-$(TARGET) $(wildcard Fuzzing/Corpus/*)

# libFuzzer on the rewrite engine's C side, under AddressSanitizer: engine patch, event binding, host modules, read-back.
# Swift's own clang brings both; another one: make fuzz-engine CLANG=clang.
CLANG ?= $(dir $(shell realpath "$$(command -v $(SWIFT))"))clang
fuzz-engine: deps ## look for events, calls and code the rewrite engine cannot bear, FUZZ_SECONDS long
	mkdir -p .build/fuzz-engine/inputs
	$(CLANG) -g -O2 -std=gnu11 -D_GNU_SOURCE -DNDEBUG -fwrapv -funsigned-char -fno-omit-frame-pointer -Wall -Wextra \
	  -fsanitize=address,fuzzer -fuse-ld=lld -Wl,-z,now -DSK_LIBFUZZER -ISources/CQuickJS/include -IFuzzing/Engine/include \
	  $(wildcard Sources/CQuickJS/*.c) $(wildcard Fuzzing/Engine/*.c) -lcrypto -lm -o .build/fuzz-engine/fuzz-engine
	ASAN_OPTIONS=detect_leaks=0 .build/fuzz-engine/fuzz-engine -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=20 -rss_limit_mb=4000 \
	  -artifact_prefix=.build/fuzz-engine/ .build/fuzz-engine/inputs Fuzzing/Corpus/engine

deb: build ## make .build/skerry_VERSION_ARCHITECTURE.deb
	@.ci/packages dpkg-dev binutils
	Packaging/make-deb .build/release/skerry .build

# What a program that counts is linked with; the same toolchain reads its counts.
COUNTING = $(firstword $(wildcard $(dir $(CLANG))../lib/clang/*/lib/linux/libclang_rt.profile-$(shell uname -m).a))
profile: bench-deps ## count what requests run and write Packaging/skerry.profdata, which releases are laid out by
	SKERRY_COUNT=1 $(SWIFT) build $(RELEASE) --scratch-path .build/profile -Xlinker --whole-archive -Xlinker $(COUNTING) -Xlinker --no-whole-archive
	rm -rf .build/profile/raw
	Benchmarks/profile --skerry .build/profile/release/skerry --raw .build/profile/raw
	$(dir $(CLANG))llvm-profdata merge -sparse -o Packaging/skerry.profdata .build/profile/raw/*.profraw
	rm -rf .build/*-*/release   # the compiler does not see that the counts are others

bench-deps: deps
	@.ci/packages $(BENCH_PACKAGES)
	@for package in $(OPTIONAL_TEST_PACKAGES); do .ci/packages $$package || echo "goes on without: $$package" >&2; done
	@$(AWSLAMBDARIC)

bench: bench-deps build ## measure beside nginx and print the table of Benchmarks/README.md
	Benchmarks/run $(ARGS)
	$(if $(ARGS),,Benchmarks/tier)

clean: ## remove what was built (fetched sources stay)
	rm -rf .build Benchmarks/results
