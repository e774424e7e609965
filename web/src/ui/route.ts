// Where the reader is: a page and what is chosen on it, kept in the address so that it can be shared.

export interface Route {
  page: string;
  chosen: URLSearchParams;
}

// In a frame of a notebook (about:srcdoc) the page has no address of its own, and links would leave the frame: where the
// reader is, is kept here then.
const kHasAddress = location.protocol !== "about:";
let kept = "";

export function read_route(): Route {
  const [page, query] = (kHasAddress ? location.hash : kept).replace(/^#\/?/, "").split("?", 2);
  return { page: page ?? "", chosen: new URLSearchParams(query ?? "") };
}

export function link(page: string, chosen: Record<string, string | number>): string {
  const parameters = new URLSearchParams(Object.entries(chosen).map(([name, value]) => [name, String(value)]));
  const query = parameters.toString();
  return `#${page}${query ? `?${query}` : ""}`;
}

// Goes to what link() made.
export function go_to(address: string): void {
  if (kHasAddress) {
    location.hash = address;
  } else {
    kept = address;
    window.dispatchEvent(new Event("hashchange"));
  }
}

// Makes links of this page work where it has no address.
export function follow_links(): void {
  if (kHasAddress) return;
  document.addEventListener("click", (event) => {
    const address = event.target instanceof Element ? event.target.closest("a")?.getAttribute("href") : null;
    if (event.defaultPrevented || !address?.startsWith("#")) return;
    event.preventDefault();
    go_to(address);
  });
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
  const address = `#${page}?${chosen}`;
  if (kHasAddress) history.replaceState(null, "", address);
  else kept = address;
}
