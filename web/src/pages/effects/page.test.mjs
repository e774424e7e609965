
import { readFileSync } from "node:fs";

const readText = async (download) => readFileSync(await download.path(), "utf8");

export const tests = {
  "shows verdicts and the chart, and saves every number": async ({ open, expect }) => {
    const page = await open("effects");
    const verdicts = await page.locator(".claims dt").allInnerTexts();
    expect(verdicts.join("; ") === "knockout, the primary; knockout, predictions; window:64, what it keeps", verdicts.join("; "));
    expect((await page.locator(".figure-body > svg").count()) === 1, "charts");
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: /as CSV$/ }).first().click();
    const lines = (await readText(await download)).split("\r\n");
    expect(lines[0] === "panel,series,form,x,x_name,y,low,says" && lines.length > 10, lines[0]);
    expect(lines.some((line) => line.includes("competition: the removed keys' share")), "no competition");
    const kept = lines.filter((line) => line.includes("window:64: KL by the tokens that it keeps") && line.includes('""KL""'));
    expect(kept.length === 7, `${kept.length} sets of tokens`);
  },
  "says what is lacking where no sinks were taken away": async ({ open, expect }) => {
    const page = await open("effects?scan=1");
    expect((await page.locator(".nothing code").innerText()).startsWith("sinkscope ablate -m"), "no command");
  },
  "plot draws it alike": async ({ open, expect_plotted }) => {
    const page = await open("effects");
    await expect_plotted(page, ".figure-body >> nth=0 >> svg", "effects");
  },
};
