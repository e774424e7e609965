// Where the reader is: a page and what is chosen on it, kept in the address so that it can be shared.

export interface Route {
  page: string;
  chosen: URLSearchParams;
}

export function read_route(): Route {
  const [page, query] = location.hash.replace(/^#\/?/, "").split("?", 2);
  return { page: page ?? "", chosen: new URLSearchParams(query ?? "") };
}

export function link(page: string, chosen: Record<string, string | number>): string {
  const parameters = new URLSearchParams(Object.entries(chosen).map(([name, value]) => [name, String(value)]));
  const query = parameters.toString();
  return `#${page}${query ? `?${query}` : ""}`;
}

// A whole number that was chosen, if it lies in [0, end).
export function chosen_number(chosen: URLSearchParams, name: string, end: number): number | undefined {
  const text = chosen.get(name);
  const value = text === null || !/^\d{1,9}$/.test(text) ? NaN : Number(text);
  return value < end ? value : undefined;
}

// Remembers a choice without moving to another page; other choices stay.
export function remember(changes: Record<string, string | number>): void {
  const { page, chosen } = read_route();
  for (const [name, value] of Object.entries(changes)) chosen.set(name, String(value));
  history.replaceState(null, "", `#${page}?${chosen}`);
}
