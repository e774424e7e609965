// Every page of a report in headless Chromium.
//
//   node browser.mjs CHROMIUM FOLDER SCREENSHOTS [WORD]    WORD: tests with it in their names only
//
// FOLDER holds report.html, of a tiny model in which '!' and '#' were planted as sinks: scan 0, full.scan.db, with all
// that can be kept, scan 1 without. The program is SINKSCOPE_PROGRAM.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [executablePath, folder_of_scans, screenshots, word = ""] = process.argv.slice(2);
const report = `${folder_of_scans}/report.html`;
mkdirSync(screenshots, { recursive: true });
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// The page's own policy lets no foreign script in; bypassCSP is for axe alone, so policy tests use a context without.
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath, args: flags });

let passed = 0, failed = 0;
const problems = []; // of the page itself: console errors, exceptions, requests

export function expect(condition, message) {
  if (!condition) throw new Error(message);
}

async function open(hash, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.on("console", (message) => message.type() === "error" && problems.push(`${hash}: ${message.text()}`));
  page.on("pageerror", (error) => problems.push(`${hash}: ${error.message}`));
  page.on("request", (request) => {
    if (!/^(file|data|blob):/.test(request.url())) problems.push(`${hash}: asked for ${request.url()}`);
  });
  await page.goto(`${pathToFileURL(report).href}#${hash}`);
  await page.waitForSelector(".page:not([aria-busy])");
  await page.waitForTimeout(150);
  return page;
}

async function test(name, run) {
  if (!name.includes(word)) return;
  problems.length = 0;
  try {
    await run();
    expect(problems.length === 0, problems.join("; "));
    ++passed;
    console.log(`ok    ${name}`);
  } catch (error) {
    ++failed;
    console.log(`FAIL  ${name}: ${error.message.split("\n")[0]}`);
  }
  for (const context of browser.contexts()) await context.close();
}

// That `sinkscope plot` draws what the page draws: the same texts, rectangles and lines at the same places.
async function expect_plotted(page, selector, figure, ...options) {
  const shown = await page.locator(selector).first().evaluate((svg) => ({
    width: svg.getAttribute("width"),
    texts: [...svg.querySelectorAll("text")].map((text) => text.textContent),
    rects: [...svg.querySelectorAll("rect:not(.hit, .cross rect)")].map((rect) => ["x", "y", "width", "height"].map((name) => Number(rect.getAttribute(name)))),
    lines: [...svg.querySelectorAll("path.series, path.band")].map((path) => path.getAttribute("d")),
  }));
  const plotted = execFileSync(process.env.SINKSCOPE_PROGRAM, ["plot", `${folder_of_scans}/full.scan.db`, "--figure", figure,
    "--width", shown.width, ...options], { encoding: "utf8" });
  const blank = await browser.newPage();
  const drawn = await blank.evaluate((text) => {
    const svg = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
    return {
      name: svg.nodeName,
      texts: [...svg.querySelectorAll("text")].map((one) => one.textContent),
      rects: [...svg.querySelectorAll("rect[x]")].map((rect) => ["x", "y", "width", "height"].map((name) => Number(rect.getAttribute(name)))),
      lines: [...svg.querySelectorAll("path[stroke-linejoin], path[fill-opacity]")].map((path) => path.getAttribute("d")),
    };
  }, plotted);
  await blank.close();
  expect(drawn.name === "svg", `plot ${figure} is no SVG`);
  const sorted = (values) => JSON.stringify([...values].sort());
  expect(sorted(shown.texts) === sorted(drawn.texts), `${figure}: the page writes ${sorted(shown.texts)}, plot ${sorted(drawn.texts)}`);
  const numbers = (path) => path.split(/[MLHZ,]+/).filter((part) => part !== "").map(Number);
  const close = (a, b) => a.length === b.length && a.every((value, i) => Math.abs(value - b[i]) < 0.11);
  expect(shown.rects.length === drawn.rects.length && shown.rects.every((rect) => drawn.rects.some((other) => close(rect, other))),
    `${figure}: the page draws rectangles ${JSON.stringify(shown.rects)}, plot ${JSON.stringify(drawn.rects)}`);
  expect(shown.lines.length === drawn.lines.length && shown.lines.every((line) => drawn.lines.some((other) => close(numbers(line), numbers(other)))),
    `${figure}: the page draws lines ${JSON.stringify(shown.lines)}, plot ${JSON.stringify(drawn.lines)}`);
}

const exported = () => JSON.parse(execFileSync(process.env.SINKSCOPE_PROGRAM,
  ["export", `${folder_of_scans}/full.scan.db`, "--format", "json"], { encoding: "utf8" }));

const tools = { open, expect, expect_plotted, exported };
const folder = fileURLToPath(new URL("../src/pages/", import.meta.url));
const names = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name);

for (const name of names) {
  const module = await import(pathToFileURL(`${folder}${name}/page.test.mjs`).href);
  for (const [what, run] of Object.entries(module.tests)) await test(`${name}: ${what}`, () => run(tools));
  for (const scan of [0, 1]) {
    for (const [width, colorScheme] of [[1280, "light"], [820, "dark"], [390, "light"]]) {
      if (scan === 1 && width !== 1280) continue;
      await test(`${name}: scan ${scan} at ${width} pixels, ${colorScheme}`, async () => {
        const page = await open(`${name}?scan=${scan}`, { viewport: { width, height: 900 }, colorScheme, bypassCSP: true });
        const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        expect(wider <= 0, `the page is ${wider} pixels wider than the window`);
        if (scan === 0) await page.screenshot({ path: `${screenshots}/${name}-${width}-${colorScheme}.png`, fullPage: true });
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => globalThis.axe.run());
        const serious = violations.filter((one) => one.impact === "serious" || one.impact === "critical");
        expect(serious.length === 0, serious.map((one) => `${one.id}: ${one.nodes[0].html.slice(0, 120)} (${one.nodes.length})`).join("; "));
      });
    }
  }
}

await test("texts of documents do nothing", async () => {
  const page = await open("text");
  expect((await page.title()).startsWith("sinkscope"), "a text changed the title");
  expect((await page.locator("main img, main script, main i").count()) === 0, "a text became markup");
  expect((await page.locator(".text").innerText()).includes("<img src=x"), "the text is not shown");
});

await test("the policy stops foreign scripts", async () => {
  const page = await open("overview");
  await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "document.title = 'owned'";
    document.body.append(script);
  });
  expect((await page.title()) !== "owned", "an added script ran");
  problems.length = 0; // that it was refused is an error on the console
});

await test("prints dark on light, whatever the screen shows", async () => {
  const page = await open("text", { colorScheme: "dark" });
  await page.emulateMedia({ media: "print" });
  const [ink, paper] = await page.evaluate(() => ["color", "backgroundColor"].map((name) =>
    getComputedStyle(document.body)[name].match(/\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0)));
  expect(ink < 150 && paper === 765, `ink ${ink}, paper ${paper}`);
  expect(!(await page.locator(".top").isVisible()), "navigation is printed");
});

await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
