export const tests = {
  "says what was found": async ({ open, expect }) => {
    const page = await open("overview");
    const found = await page.locator(".found").innerText();
    expect(/primary sink is token 0/.test(found), found);
    expect(/2 sinks were found/.test(found), found);
    expect((await page.locator(".tile.secondary .big").innerText()) === "2", "two secondary sinks");
  },
  "compares the results, a row each": async ({ open, expect }) => {
    const page = await open("overview");
    const rows = await page.locator(".all-results tbody tr").allInnerTexts();
    expect(rows.length === 2 && rows.every((row) => /born in layer/.test(row) && / %/.test(row)), rows.join("; "));
    expect(/2 .*sinks take up to .* %/.test(await page.locator("h1").innerText()), "the title says what was found");
  },
  "a sink's row leads to its token by keyboard": async ({ open, expect }) => {
    const page = await open("overview");
    await page.locator("a.life").nth(1).focus();
    expect(/secondary: layers 4/.test(await page.locator(".said").first().innerText()), "says which layers");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".tok.current");
    expect((await page.locator(".tok.current").innerText()).includes("!"), "the token is shown in the text");
  },
  "plot draws the lives alike": async ({ open, expect_plotted }) => {
    await expect_plotted(await open("overview"), ".figure-body svg", "lives");
  },
};
