export const tests = {
  "shows its claim, and says what is lacking": async ({ open, expect }) => {
    const page = await open("primary");
    expect((await page.locator(".claims dt").innerText()) === "primary", "no claim");
    expect((await page.locator(".claims dd strong").innerText()) === "not enough", "every text of the tiny model has secondary sinks");
    expect((await page.locator(".nothing code").innerText()).startsWith("sinkscope explain -m"), "no command");
  },
};
