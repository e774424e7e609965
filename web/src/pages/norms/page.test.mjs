export const tests = {
  "draws the three norms with bands, and reads a layer": async ({ open, expect }) => {
    const page = await open("norms");
    expect((await page.locator(".figure svg .series.secondary").count()) >= 3, "secondary sinks in each");
    expect((await page.locator("svg .band:not(.stack)").count()) === 6, "two bands in each");
    await page.locator(".figure-body > svg").first().focus();
    for (let i = 0; i < 6; ++i) await page.keyboard.press("ArrowRight");
    const said = await page.locator(".said").first().innerText();
    expect(/^Layer 6: primary \d/.test(said) && /secondary \d/.test(said), said);
  },
  "plot draws them alike": async ({ open, expect_plotted }) => {
    const page = await open("norms");
    for (const [i, norm] of ["hidden_norm", "key_norm", "value_norm"].entries()) {
      await expect_plotted(page, `.figure:nth-of-type(${i + 1}) .figure-body svg`, "norms", "--quantity", norm);
    }
    await expect_plotted(page, ".figure:nth-of-type(4) .figure-body svg", "writes");
  },
};
