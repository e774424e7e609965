// Arrow keys over the cells of a drawing that has the focus.

export interface GridPlace {
  column: number;
  row: number;
}

// up  how many rows further the up arrow goes: 1 where rows count from below, -1 where they count from above
export function grid_keys(
  svg: SVGSVGElement, columns: number, rows: number, up: 1 | -1, at: () => GridPlace | undefined, point: (place: GridPlace) => void,
  enter?: (place: GridPlace) => void,
): void {
  svg.tabIndex = 0;
  svg.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const here = at();
    const steps: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, up], ArrowDown: [0, -up] };
    const step = steps[event.key];
    if (event.key === "Enter" && here && enter) enter(here);
    else if (step && here) point({ column: within(here.column + step[0], columns), row: within(here.row + step[1], rows) });
    else if (step) point({ column: 0, row: 0 });
    else return;
    event.preventDefault();
  });
}

const within = (value: number, count: number) => Math.min(count - 1, Math.max(0, value));
