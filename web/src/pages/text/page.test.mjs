export const tests = {
  "marks the planted tokens, and no others": async ({ open, expect }) => {
    const page = await open("text");
    const marked = await page.locator(".tok.sink.secondary").allInnerTexts();
    expect(marked.join("") === "!#", `marked: ${marked}`);
  },
  "moves by sink and by token, and the address keeps the place": async ({ open, expect }) => {
    const page = await open("text");
    await page.keyboard.press("n");  // at once, wherever the focus is
    await page.keyboard.press("n");
    expect((await page.locator(".tok.current").innerText()).includes("!"), "n goes to the next sink");
    const card = await page.locator(".card").innerText();
    expect(/secondary/.test(card) && /Lasts in layers 4/.test(card), card);
    expect(/state life/.test(card) && (await page.locator(".card abbr[title*='Layers for which']").count()) > 0, "its table says what the names mean");
    await page.locator(".text").focus();
    await page.keyboard.press("ArrowRight");
    const position = Number(/token=(\d+)/.exec(page.url())?.[1]);
    const again = await open(`text?token=${position}`);
    expect((await again.locator(".tok.current").getAttribute("data-t")) === String(position), "the address shows the token again");
  },
  "paints a layer, in which sinks of others fade": async ({ open, expect }) => {
    const page = await open("text?paint=far_boost&layer=0");
    expect((await page.locator(".text.painted").count()) === 1, "is painted");
    expect(/^[\d.]+\s*[\d,.]+/.test(await page.locator(".paint-key").innerText()), "with numbers beside its colours");
    expect((await page.locator(".tok.sink.secondary.asleep").count()) === 2, "sinks sleep in layer 0");
    await page.locator("input[type=range]").fill("6");
    expect((await page.locator(".tok.sink.secondary.asleep").count()) === 0, "and not in layer 6");
  },
  "opens on a layer in which sinks live, and lists its keys": async ({ open, expect }) => {
    const page = await open("text");
    expect((await page.locator(".tok.sink.secondary.asleep").count()) === 0, "no sink sleeps");
    const layer = () => page.locator("input[type=range]").inputValue();
    const before = Number(await layer());
    await page.keyboard.press("]");
    expect(Number(await layer()) === before + 1, "] goes a layer on");
    await page.keyboard.press("?");
    expect((await page.locator("dialog[open]").count()) === 1, "? lists the keys");
    await page.keyboard.press("Escape");
    expect((await page.locator("dialog[open]").count()) === 0, "Esc closes the list");
  },
  "finds text across tokens": async ({ open, expect }) => {
    const page = await open("text");
    await page.locator("input[type=search]").fill("product");
    expect(/^\d+ places$/.test(await page.locator(".controls [aria-live]").innerText()), "counts the places");
    await page.keyboard.press("Enter");
    expect((await page.locator(".tok.current").innerText()) === "p", "goes to the first");
  },
};
