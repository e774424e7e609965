#!/usr/bin/env python3
"""Compiles the CUDA kernels for Ampere and Hopper, and reads what the assembler says: nothing may spill.

    compile_kernels_test.py NVCC SOURCE_FOLDER LLAMA_FOLDER      exit code 77, skipped, without a compiler

Where cuBLAS's headers are there too, what launches them is compiled with ggml's own headers.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

SOURCE = """
#include "engine/gpu/cuda/column_kernels.cuh"
namespace cuda = sinkscope::gpu::cuda;
template __global__ void cuda::normalisers<64>(cuda::ColumnInputs);
template __global__ void cuda::normalisers<128>(cuda::ColumnInputs);
template __global__ void cuda::columns<64>(cuda::ColumnInputs);
template __global__ void cuda::columns<128>(cuda::ColumnInputs);
"""
# Three blocks of 128 threads share the 65536 registers of a multiprocessor.
MOST_REGISTERS = {"columns": 168, "normalisers": 200}


def main():
    nvcc, folder, llama = sys.argv[1:4]
    if not pathlib.Path(nvcc).exists():
        print("no nvcc: skipped")
        return 77
    with tempfile.TemporaryDirectory() as scratch:
        file = pathlib.Path(scratch) / "kernels.cu"
        file.write_text(SOURCE, encoding="ascii")
        for architecture in ("sm_80", "sm_90"):
            made = subprocess.run([nvcc, f"-arch={architecture}", "-std=c++20", "-O3", "-Xptxas", "-v", "-I", folder, "-c",
                                   file, "-o", file.with_suffix(".o")], capture_output=True, text=True, check=False)
            if made.returncode != 0:
                sys.exit(made.stderr)
            spills = [int(n) for n in re.findall(r"(\d+) bytes spill (?:stores|loads)", made.stderr)]
            kernels = re.findall(r"entry function '(\w+)'.*?Used (\d+) registers", made.stderr, re.DOTALL)
            if not spills or any(spills) or len(kernels) < 7:
                sys.exit(f"{architecture}: expected kernels without spills, got\n{made.stderr}")
            for name, registers in kernels:
                for kind, most in MOST_REGISTERS.items():
                    if kind in name and int(registers) > most:
                        sys.exit(f"{architecture}: {name}: expected at most {most} registers, got {registers}")
        if (pathlib.Path(nvcc).resolve().parents[1] / "include" / "cublas_v2.h").exists():
            made = subprocess.run([nvcc, "-arch=sm_90", "-std=c++20", "-I", folder, "-I", f"{llama}/ggml/include", "-I",
                                   f"{llama}/ggml/src", "-c", f"{folder}/engine/gpu/cuda/kernels.cu", "-o",
                                   file.with_suffix(".o")], capture_output=True, text=True, check=False)
            if made.returncode != 0:
                sys.exit(made.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
