export const tests = {
  "counts sinks by first layer and lifetime": async ({ open, expect }) => {
    const page = await open("levels");
    expect((await page.locator(".side-by-side .figure").count()) === 2, "one map a results file");
    const cells = await page.locator(".figure").first().locator("svg .cell").evaluateAll((all) => all.map((cell) => cell.getAttribute("aria-label")));
    expect(cells.some((cell) => /First layer 4/.test(cell)) && cells.some((cell) => /First layer 5/.test(cell)), cells.join("; "));
  },
  "plot draws them alike": async ({ open, expect_plotted }) => {
    const page = await open("levels");
    await expect_plotted(page, ".figure-body svg", "levels");
    await expect_plotted(page, "section[aria-label^=\"Norm, attention\"] >> nth=0 >> .figure-body svg", "strength");
  },
};
