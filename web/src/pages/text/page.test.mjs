export const tests = {
  "marks the planted tokens, and no others": async ({ open, expect }) => {
    const page = await open("text");
    const marked = await page.locator(".tok.sink.secondary").allInnerTexts();
    expect(marked.join("") === "!#", `marked: ${marked}`);
  },
  "moves by sink and by token, and the address keeps the place": async ({ open, expect }) => {
    const page = await open("text");
    await page.locator(".text").focus();
    await page.keyboard.press("n");
    await page.keyboard.press("n");
    expect((await page.locator(".tok.current").innerText()).includes("!"), "n goes to the next sink");
    const card = await page.locator(".card").innerText();
    expect(/secondary/.test(card) && /Lasts in layers 4/.test(card), card);
    await page.keyboard.press("ArrowRight");
    const position = Number(/token=(\d+)/.exec(page.url())?.[1]);
    const again = await open(`text?token=${position}`);
    expect((await again.locator(".tok.current").getAttribute("data-t")) === String(position), "the address shows the token again");
  },
  "paints a layer, in which sinks of others fade": async ({ open, expect }) => {
    const page = await open("text?paint=far_boost&layer=0");
    expect((await page.locator(".text.painted").count()) === 1, "is painted");
    expect((await page.locator(".tok.sink.secondary.asleep").count()) === 2, "sinks sleep in layer 0");
    await page.locator("input[type=range]").fill("6");
    expect((await page.locator(".tok.sink.secondary.asleep").count()) === 0, "and not in layer 6");
  },
  "finds text across tokens": async ({ open, expect }) => {
    const page = await open("text");
    await page.locator("input[type=search]").fill("product");
    expect(/^\d+ places$/.test(await page.locator(".controls [aria-live]").innerText()), "counts the places");
    await page.keyboard.press("Enter");
    expect((await page.locator(".tok.current").innerText()) === "p", "goes to the first");
  },
};
