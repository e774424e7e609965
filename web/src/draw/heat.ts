// Layers x tokens heat maps on a canvas. A pixel column that stands for several tokens shows the largest of them.

// Codes of the visible part, one for each layer and pixel column, the last layer on top.
//
//   codes  [n_layers, n_tokens]; tokens first..end (end not included) are spread over n_columns
export function columns(
  codes: Uint8Array, n_layers: number, n_tokens: number, first: number, end: number, n_columns: number,
): Uint8Array {
  const out = new Uint8Array(n_layers * n_columns);
  const per_column = (end - first) / n_columns;
  for (let column = 0; column < n_columns; ++column) {
    const from = Math.max(0, Math.floor(first + column * per_column));
    const to = Math.min(n_tokens, Math.max(from + 1, Math.floor(first + (column + 1) * per_column)));
    for (let layer = 0; layer < n_layers; ++layer) {
      let largest = 0;
      for (let token = from; token < to; ++token) {
        const code = codes[layer * n_tokens + token] ?? 0;
        if (code > largest) largest = code;
      }
      out[(n_layers - 1 - layer) * n_columns + column] = largest;
    }
  }
  return out;
}

export function draw_codes(canvas: HTMLCanvasElement, codes: Uint8Array, n_rows: number, colours: Uint32Array): void {
  const n_columns = codes.length / n_rows;
  const small = document.createElement("canvas");
  small.width = n_columns;
  small.height = n_rows;
  const brush = small.getContext("2d");
  const target = canvas.getContext("2d");
  if (!brush || !target || n_columns === 0) return;
  const words = new Uint32Array(codes.length);
  codes.forEach((code, i) => { words[i] = colours[code] ?? 0; });
  brush.putImageData(new ImageData(new Uint8ClampedArray(words.buffer), n_columns, n_rows), 0, 0);
  target.imageSmoothingEnabled = false;
  target.clearRect(0, 0, canvas.width, canvas.height);
  target.drawImage(small, 0, 0, canvas.width, canvas.height);
}
