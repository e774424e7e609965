#!/usr/bin/env python3
"""Prints what bench/gpu.sh measured as a table."""

import json
import sys


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    peers = {(row["shape"], row["n_tokens"]): row["best_ms"] for row in rows if row["pass"] == "transformers"}
    print("| model | tokens | -ub | forward ms | states | scan | transformers | scan / transformers | "
          "copied, B a token and layer | waits | memory over the forward pass, GiB |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    groups = {}
    for row in rows:
        if row["pass"] != "transformers":
            key = (row["shape"], row["type"], row["n_tokens"], row["n_ubatch"])
            groups.setdefault(key, {})[row["pass"]] = row
    for (shape, kind, n_tokens, n_ubatch), of in groups.items():
        scan, peer = of["scan"], peers.get((shape, n_tokens))
        print(f"| {shape} {kind} | {n_tokens} | {n_ubatch} | {of['forward']['best_ms']:.1f} | "
              f"{of['states']['ratio']:.2f} | {scan['ratio']:.2f} | " +
              (f"{peer:.1f} | {scan['best_ms'] / peer:.2f} | " if peer else "- | - | ") +
              f"{scan['bytes_to_host_a_token_and_layer']:.0f} | {scan['waits']} | "
              f"{scan['scan_gib'] - scan['forward_gib']:.2f} |")
    for precision in sorted({row["precision"] for row in rows if "precision" in row}):
        print(f"\nprecision: {precision}")


main()
