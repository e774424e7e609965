#!/usr/bin/env bash
# How much longer a full scan on the GPU takes than llama.cpp's own forward pass, and than transformers' where that is
# installed. Models are random weights of real shapes, made on the spot; passes come in turns on one loaded model.
#
#   bench/gpu.sh [--build FOLDER] [--models FOLDER] [--shape SHAPE:TYPE]...
#
# --build    of a build with a GPU (build/release-cuda); --models  where models are made (a temporary folder)
# --shape    of bench/random_model.py (qwen3-14b:bf16 llama-8b:q8_0)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$here/../build/release-cuda
models=
shapes=()
while [ $# -gt 0 ]; do
  case $1 in
    --build) build=$2 ;;
    --models) models=$2 ;;
    --shape) shapes+=("$2") ;;
    *) echo "gpu.sh: expected --build, --models or --shape, got $1" >&2; exit 2 ;;
  esac
  shift 2
done
[ ${#shapes[@]} -gt 0 ] || shapes=(qwen3-14b:bf16 llama-8b:q8_0)
if [ -z "$models" ]; then
  models=$(mktemp -d)
  trap 'rm -rf "$models"' EXIT
fi
turns=$build/bench/gpu_turns
[ -x "$turns" ] || { echo "gpu.sh: expected $turns, got none; run ./dev build --gpu auto" >&2; exit 2; }

lines=$models/turns.json
: > "$lines"
for shape in "${shapes[@]}"; do
  name=${shape%%:*} type=${shape##*:}
  model=$models/$name-$type.gguf
  [ -e "$model" ] || python3 "$here/random_model.py" "$name" "$type" "$model"
  for ubatch in 2048 512; do
    "$turns" "$model" $ubatch -1 4 2048 8192 | sed "s/^{/{\"shape\": \"$name\", \"type\": \"$type\", /" >> "$lines"
  done
  if [ "$type" = bf16 ] && python3 -c 'import torch, transformers; assert torch.cuda.is_available()' 2>/dev/null; then
    python3 "$here/peers/gpu_forward.py" "$name" 2048 8192 >> "$lines" || echo "gpu.sh: transformers failed" >&2
  fi
done
python3 "$here/gpu_table.py" "$lines"
