import { readFileSync } from "node:fs";

export const tests = {
  "is what plot draws, and its parts are what JSON says": async ({ open, expect, expect_plotted, exported }) => {
    const page = await open("attention?scan=0");
    await expect_plotted(page, ".figure-body svg", "attention");
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: /as CSV$/ }).click();
    const text = readFileSync(await (await download).path(), "utf8");
    const rows = text.trim().split(/\r?\n/).slice(1).map((line) => line.replaceAll("\"", "").split(","));
    const shares = exported().sequences[0].attention;
    const last = rows.filter(([, series]) => series === "all other tokens");
    expect(last.length === shares.other.length && shares.other.length > 4, `${last.length} blocks are drawn, JSON has ${shares.other.length}`);
    for (const [, , , x, , y, low] of last) {
      expect(Math.abs(Number(y) - 1) < 1e-5, `block ${x}: the parts add up to ${y}`);
      const sinks = 1 - shares.other[Number(x)];
      expect(Math.abs(Number(low) - sinks) < 1e-5, `block ${x}: ${low} is drawn below the rest, JSON says ${sinks}`);
    }
    expect(last.some(([, , , x]) => shares.primary_like[Number(x)] + shares.secondary[Number(x)] > 0.01), "the planted sinks draw nothing");
  },
};
