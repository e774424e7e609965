// Every page of a report in headless Chromium.
//
//   node browser.mjs CHROMIUM REPORT.html SCREENSHOTS [WORD]    WORD: tests with it in their names only
//
// The report is of a tiny model in which '!' and '#' were planted as sinks: scan 0 with profiles, scan 1 without.
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [executablePath, report, screenshots, word = ""] = process.argv.slice(2);
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

const tools = { open, expect, axe };
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

await test("the first drawing is there within a second", async () => {
  const page = await open("overview");
  const start = await page.evaluate(() => performance.getEntriesByName("first-page")[0]?.startTime);
  expect(start > 0 && start < 1000, `it took ${start} ms`);
});

await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
