// Saving a figure as a file of its own.

const kStyles = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "opacity",
  "font-family", "font-size", "font-weight", "text-anchor", "dominant-baseline", "visibility"];

export function download(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  const anchor = document.createElement("a");
  anchor.href = url;
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

// The drawing with its styles written into it and a background, so that it stands alone. A canvas behind it, if there
// is one, becomes an image inside.
function standalone(svg: SVGSVGElement): SVGSVGElement {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const originals = [svg, ...svg.querySelectorAll("*")];
  [copy, ...copy.querySelectorAll("*")].forEach((element, i) => {
    const original = originals[i];
    if (!original) return;
    const style = getComputedStyle(original);
    for (const name of kStyles) element.setAttribute(name, style.getPropertyValue(name));
    element.removeAttribute("class");
    element.removeAttribute("tabindex");
  });
  copy.querySelectorAll("[visibility=hidden]").forEach((element) => element.remove());
  const { width, height } = svg.getBoundingClientRect();
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", String(width));
  copy.setAttribute("height", String(height));
  const canvas = svg.parentElement?.querySelector("canvas");
  if (canvas) {
    const image = document.createElementNS("http://www.w3.org/2000/svg", "image");
    const frame = svg.getBoundingClientRect(), place = canvas.getBoundingClientRect();
    image.setAttribute("x", String(place.left - frame.left));
    image.setAttribute("y", String(place.top - frame.top));
    image.setAttribute("width", String(place.width));
    image.setAttribute("height", String(place.height));
    image.setAttribute("href", canvas.toDataURL("image/png"));
    copy.prepend(image);
  }
  const background = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  background.setAttribute("width", "100%");
  background.setAttribute("height", "100%");
  background.setAttribute("fill", getComputedStyle(document.body).getPropertyValue("--surface").trim());
  copy.prepend(background);
  return copy;
}

export function save_svg(svg: SVGSVGElement, name: string): void {
  const text = new XMLSerializer().serializeToString(standalone(svg));
  download(`${name}.svg`, new Blob([text], { type: "image/svg+xml" }));
}

export async function save_png(svg: SVGSVGElement, name: string): Promise<void> {
  const { width, height } = svg.getBoundingClientRect();
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(standalone(svg)))}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = width * 2;
  canvas.height = height * 2;
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  canvas.toBlob((blob) => blob && download(`${name}.png`, blob), "image/png");
}
