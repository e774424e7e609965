import { readFileSync } from "node:fs";

const readText = async (download) => readFileSync(await download.path(), "utf8");

export const tests = {
  "shows its claims and charts, and saves every number": async ({ open, expect }) => {
    const page = await open("norm");
    expect((await page.locator(".claims dt").count()) >= 1, "claims");
    expect((await page.locator(".figure-body > svg").count()) === 2, "charts");
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: /as CSV$/ }).first().click();
    const lines = (await readText(await download)).split("\r\n");
    expect(lines[0] === "panel,series,form,x,x_name,y,low,says" && lines.length > 3, lines[0]);
  },
  "says what is lacking where nothing was explained": async ({ open, expect }) => {
    const page = await open("norm?scan=1");
    expect((await page.locator(".nothing code").innerText()).startsWith("sinkscope explain -m"), "no command");
  },
  "plot draws them alike": async ({ open, expect_plotted }) => {
    const page = await open("norm");
    for (const [i, chart] of ["norm", "survival"].entries()) await expect_plotted(page, `.figure-body >> nth=${i} >> svg`, chart);
  },
};
