import { readFileSync } from "node:fs";

export const tests = {
  "names what the numbers were made with": async ({ open, expect }) => {
    const page = await open("methods");
    const said = await page.locator("main").innerText();
    for (const word of ["min_alignment", "SHA-256", "llama.cpp", "2512.22213"]) expect(said.includes(word), word);
  },
  "saves the sinks as CSV": async ({ open, expect }) => {
    const page = await open("methods");
    const [saved] = await Promise.all([page.waitForEvent("download"), page.locator("button", { hasText: "sinks.csv" }).first().click()]);
    const lines = readFileSync(await saved.path(), "utf8").trimEnd().split("\r\n");
    expect(lines.length === 3 && lines[1].includes('"""!"""'), lines.join(" | "));
  },
};
