#!/usr/bin/env bash
# Package    libhwy1 and libhwy-dev 1.0.3-3+deb12u1 (Debian 12), g++ 12
# Guess      Linking a library of SIMD wrappers that is mostly headers costs a program nothing until it calls it.
# Behaviour  libhwy.so finds out the resolution of the processor's clock in a constructor: every process that links it spends
#            milliseconds of processor time before main, though it calls nothing of it. An empty program is several times slower.
# Matters    Command-line tools and test suites of a thousand small processes pay it each time; a profile shows it as
#            hwy::platform::TimerResolution without a caller.
# Output     without 0.001 s, with 0.006 s of processor time (medians of 21; the ratio is what is asserted: over 2)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq libhwy1=1.0.3-3+deb12u1 libhwy-dev=1.0.3-3+deb12u1
for package in *.deb; do dpkg-deb -x "$package" root; done
library=$(dirname "$(find root -name libhwy.so.1)")
echo 'int main() {}' >empty.cpp
g++ -O1 empty.cpp -o without
g++ -O1 empty.cpp -Wl,--no-as-needed -L"$library" -lhwy -Wl,-rpath,"$folder/$library" -o with
python3 - <<'PY'
import os, statistics, subprocess, sys

def seconds(program):
    before = os.times()
    subprocess.run([program], check=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system

def median(program, runs=21, batch=20):  # clock ticks are coarse: 20 runs at a time
    return statistics.median(sum(seconds(program) for _ in range(batch)) / batch for _ in range(runs))

without, with_library = median("./without"), median("./with")
print(f"without {without:.4f} s, with {with_library:.4f} s of processor time before main")
sys.exit(0 if with_library > 2 * without else "the constructor's cost is gone")
PY
