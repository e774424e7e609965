// The README's pictures of the report that `./dev demo` writes. After a change of the page:
//
//   node web/pictures.mjs CHROMIUM build/demo/report.html docs/images
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [executablePath, report, folder] = process.argv.slice(2);
// The chat is scan 0 of the demo's report, the example text with Gemma 3 scan 2.
const pictures = [
  { name: "report-overview", hash: "overview", height: 900 },
  { name: "report-map", hash: "maps?scan=2&quantity=far_boost", height: 1010 },
];

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
for (const { name, hash, height } of pictures) {
  const page = await browser.newPage({ viewport: { width: 1120, height }, colorScheme: "light" });
  await page.goto(`${pathToFileURL(report).href}#${hash}`);
  await page.waitForSelector(".page:not([aria-busy])");
  await page.waitForTimeout(300);
  await page.screenshot({ path: `${folder}/${name}.png` });
  await page.close();
}
await browser.close();
