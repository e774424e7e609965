// From numbers to places on a drawing.

export interface Axis {
  at(value: number): number;
  inverse(place: number): number;
  ticks: number[];
}

export function linear(low: number, high: number, from: number, to: number, n_ticks = 6): Axis {
  const span = high - low || 1;
  const step = nice_step(span / Math.max(1, n_ticks));
  const ticks: number[] = [];
  // Multiples, not sums: a sum of steps misses 0 by a rounding error, and its label would say so.
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) {
    ticks.push(Number((k * step).toPrecision(12)));
  }
  return {
    at: (value) => from + ((value - low) / span) * (to - from),
    inverse: (place) => low + ((place - from) / (to - from)) * span,
    ticks,
  };
}

// Powers of ten, and between them 2 and 5 where there is little else.
export function logarithmic(low: number, high: number, from: number, to: number): Axis {
  const a = Math.log10(low), b = Math.log10(high > low ? high : low * 10);
  const decades = b - a;
  const ticks: number[] = [];
  for (let power = Math.floor(a); power <= Math.ceil(b); ++power) {
    for (const digit of decades < 0.6 ? [1, 1.5, 2, 3, 4, 5, 7] : decades < 1.5 ? [1, 2, 5] : decades < 3 ? [1, 3] : [1]) {
      const tick = digit * 10 ** power;
      if (Math.log10(tick) >= a - 1e-9 && Math.log10(tick) <= b + 1e-9) ticks.push(tick);
    }
  }
  return {
    at: (value) => from + ((Math.log10(value) - a) / decades) * (to - from),
    inverse: (place) => 10 ** (a + ((place - from) / (to - from)) * decades),
    ticks,
  };
}

function nice_step(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  for (const digit of [1, 2, 5]) if (digit * power >= rough) return digit * power;
  return 10 * power;
}

// Layers are whole numbers: at most `most` ticks.
export function layer_ticks(n_layers: number, most: number): number[] {
  const step = Math.max(1, nice_step(n_layers / Math.max(1, most)));
  return Array.from({ length: Math.ceil(n_layers / step) }, (_, i) => i * step);
}
