# Short commands for the usual work. On a fresh Debian 12 `make demo` and `make test` do everything,
# the installation of packages included.
#
#   PRESET=asan make test    another preset of CMakePresets.json (default: dev)
#   JOBS=4 make test         compile jobs and tests at a time (default: the cores of the machine)
#   PACKAGES=skip make test  leave the packages of the system alone
#   DEMO_OUT=DIR make demo   where the demo writes (default: demo/, of demo-operators demo/operators)

PRESET ?= dev
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
DEMO_OUT ?= demo

.DEFAULT_GOAL := help
.PHONY: help demo demo-operators test sanitize clang bench format check-format clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

demo:  ## build, train a small model, run it and draw the results
	@tools/packages.sh build
	@tools/build.sh release $(JOBS) -DCARTAN_TESTS=OFF
	@bash apps/demo.sh build/release "$(DEMO_OUT)"

demo-operators:  ## build, make data of two equations, train their surrogates and draw the results
	@tools/packages.sh build
	@tools/build.sh release $(JOBS) -DCARTAN_TESTS=OFF
	@bash apps/demo_operators.sh build/release "$(DEMO_OUT)/operators"

test:  ## build with warnings as errors and run every test
	@tools/packages.sh build test $(if $(filter asan tsan,$(PRESET)),sanitize)
	@tools/build.sh $(PRESET) $(JOBS)
	@tools/test.sh $(PRESET) $(JOBS)

sanitize:  ## build with the sanitizers, address with undefined behaviour and threads, and run every test with each
	@$(MAKE) --no-print-directory test PRESET=asan
	@$(MAKE) --no-print-directory test PRESET=tsan

clang:  ## compile every source of `make test` with clang as well, without making code
	@tools/packages.sh clang
	@tools/clang.sh build/$(PRESET) $(JOBS)

attack:  ## damage, kill and starve what the project promises to keep
	@tools/packages.sh build test
	@tools/build.sh $(PRESET) $(JOBS)
	@bash tests/attack/attack.sh build/$(PRESET)

bench:  ## build and run the benchmarks; results also as JSON in build/release/benchmarks
	@tools/packages.sh build bench
	@tools/build.sh release $(JOBS) -DCARTAN_BENCHMARKS=ON -DCARTAN_TESTS=OFF
	@tools/bench.sh build/release

format:  ## format every tracked C++ file in place
	@tools/format.sh fix

check-format:  ## fail on a C++ file that is not formatted
	@tools/packages.sh format
	@tools/format.sh check

clean:  ## remove what was built and what the demo wrote
	rm -rf build install demo
