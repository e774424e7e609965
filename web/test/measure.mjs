// How fast a report is on this machine, in headless Chromium:
//
//   node measure.mjs CHROMIUM REPORT.html
//
// Prints the file's size, the median time to the first page of 5 fresh starts, and the times between frames while the
// text is scrolled from its start to its end and the map is dragged and zoomed. No test: it asserts nothing.
import { statSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [executablePath, report] = process.argv.slice(2);
const address = pathToFileURL(report).href;
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });

async function open(hash) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, bypassCSP: true });
  const page = await context.newPage();
  await page.goto(`${address}#${hash}`);
  await page.waitForSelector(".page:not([aria-busy])");
  return page;
}

// Milliseconds between frames, sorted.
const frames = (page, run, argument) => page.evaluate(async ([source, given]) => {
  const times = [];
  let last = performance.now(), on = true;
  const tick = (now) => { times.push(now - last); last = now; if (on) requestAnimationFrame(tick); };
  requestAnimationFrame(tick);
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  await (0, eval)(source)(frame, given);
  on = false;
  return times.slice(2).sort((a, b) => a - b);
}, [`(${run})`, argument]);

const at = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
const say = (name, sorted) => console.log(`${name}: ${sorted.length} frames, median ${at(sorted, 0.5).toFixed(1)} ms, ` +
  `95 % ${at(sorted, 0.95).toFixed(1)} ms, longest ${sorted.at(-1).toFixed(1)} ms`);

console.log(`size: ${(statSync(report).size / 2 ** 20).toFixed(2)} MiB`);
for (const name of ["overview", "text", "maps"]) {
  const starts = [];
  for (let i = 0; i < 5; ++i) {
    const page = await open(name);
    starts.push(await page.evaluate(() => performance.getEntriesByName("first-page")[0].startTime));
    await page.context().close();
  }
  starts.sort((a, b) => a - b);
  console.log(`first page, ${name}: median ${starts[2].toFixed(0)} ms, longest ${starts[4].toFixed(0)} ms`);
}

const text = await open("text");
console.log(`tokens: ${await text.locator(".tok").count()}, scroll height ${await text.evaluate(() => document.documentElement.scrollHeight)} pixels`);
say("scrolling the text", await frames(text, async (frame) => {
  const end = document.documentElement.scrollHeight;
  for (let y = 0; y < Math.min(end, 60_000); y += 240) { window.scrollTo(0, y); await frame(); }
}));
if (await text.locator("select").count()) {
  await text.evaluate(() => window.scrollTo(0, 0));
  const select = text.locator(".controls select");
  if (await select.count()) await select.selectOption({ index: 1 });
  say("scrolling, painted", await frames(text, async (frame) => {
    for (let y = 0; y < Math.min(document.documentElement.scrollHeight, 60_000); y += 240) { window.scrollTo(0, y); await frame(); }
  }));
  say("the layer's slider", await frames(text, async (frame) => {
    const slider = document.querySelector("input[type=range]");
    for (let layer = 0; layer <= Number(slider.max); ++layer) {
      slider.value = String(layer);
      slider.dispatchEvent(new Event("input"));
      await frame();
    }
  }));
}

const maps = await open("maps");
if (await maps.locator(".map").count()) {
  const box = await maps.locator(".map").boundingBox();
  say("panning and zooming the map", await frames(maps, async (frame, place) => {
    const map = document.querySelector(".map");
    const key = (name) => map.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
    for (let i = 0; i < 6; ++i) { key("+"); await frame(); }
    const pointer = (type, x) => map.dispatchEvent(new PointerEvent(type, { pointerId: 1, clientX: x, clientY: place.y + place.height / 2, bubbles: true }));
    map.setPointerCapture = () => {};
    pointer("pointerdown", place.x + place.width * 0.9);
    for (let i = 0; i < 60; ++i) { pointer("pointermove", place.x + place.width * (0.9 - i / 100)); await frame(); }
    pointer("pointerup", place.x);
    key("0");
    await frame();
    pointer("pointerdown", place.x + place.width * 0.9);
    for (let i = 0; i < 30; ++i) { pointer("pointermove", place.x + place.width * (0.9 - i / 100)); await frame(); }
  }, box));
}
await browser.close();
