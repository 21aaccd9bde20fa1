#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# tools/check.sh: everything `make check` holds the source to. Goes on after a failure and tells at the end what failed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
export PATH="$PATH:/usr/sbin:/sbin"
BUILD=${BUILD:-build} MAKE=${MAKE:-make} FUZZ_SECONDS=${FUZZ_SECONDS:-5}
jobs=$(nproc)
failed=()

step() { # NAME COMMAND...: quiet when it works
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then
		printf '  ok      %s\n' "$name"
	else
		printf '%s\n  FAILED  %s\n' "$out" "$name"
		failed+=("$name")
	fi
}

tracked() {
	git ls-files -z --cached --others --exclude-standard -- "$@" | sort -zu
}

format() {
	tracked '*.c' '*.h' | xargs -0r clang-format --dry-run -Werror
}

shell() {
	tracked '*.sh' '*.bash' .ci/run demo/run | xargs -0r shellcheck -x
}

static_analysis() {
	cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability --inline-suppr \
		-j "$jobs" --suppress=missingInclude --suppress=unmatchedSuppression \
		-D'LIBBPF_OPTS(type,name,...)=struct type name = {__VA_ARGS__}' \
		-D'DECLARE_LIBXDP_OPTS(type,name,...)=struct type name = {__VA_ARGS__}' -Iinclude -Ilib -i lib/maps.bpf.c lib/ ctl/
}

build() { # DIRECTORY VARIABLE...: one way of compiling everything
	local dir=$1
	shift
	$MAKE -O -j "$jobs" BUILD="$BUILD/check/$dir" "$@"
}

unit_tests_sanitized() {
	build san all unit CC=clang OPT='-O1 -g' SANITIZE=address,undefined || return
	for test in "$BUILD"/check/san/tests/unit/*; do
		if [ -x "$test" ] && [ -f "$test" ]; then
			"$test" || return
		fi
	done
}

fuzz() {
	build fuzz fuzz CC=clang OPT='-O1 -g' SANITIZE=fuzzer-no-link,address,undefined || return
	for source in tests/fuzz/*.c; do
		[ -f "$source" ] || continue
		local name corpus seeds=()
		name=$(basename "$source" .c)
		corpus=$BUILD/check/fuzz/corpus/$name
		mkdir -p "$corpus"
		[ ! -d "tests/fuzz/corpus/$name" ] || seeds=("tests/fuzz/corpus/$name")
		"$BUILD/check/fuzz/tests/fuzz/$name" -max_total_time="$FUZZ_SECONDS" -timeout=5 -rss_limit_mb=1024 \
			-artifact_prefix="$BUILD/check/fuzz/$name-" "$corpus" "${seeds[@]}" || return
	done
}

step "layout (clang-format)" format
step "house rules (tools/lint.py)" tools/lint.py
step "shell scripts (shellcheck)" shell
step "static analysis (cppcheck)" static_analysis
step "gcc, BPF with clang 14" build gcc all unit bench-programs CC=gcc CLANG=clang-14
step "clang, BPF with clang 19" build clang all unit bench-programs CC=clang CLANG=clang-19
step "clang 19 for all" build clang19 all unit bench-programs CC=clang-19 CLANG=clang-19
step "unit tests with sanitizers" unit_tests_sanitized
step "a little fuzzing" fuzz

if [ ${#failed[@]} -gt 0 ]; then
	echo "make check: ${#failed[@]} failed"
	exit 1
fi
echo "make check: all passed"
