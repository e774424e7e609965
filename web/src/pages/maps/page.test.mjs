export const tests = {
  "hover shows a planted sink's numbers": async ({ open, expect }) => {
    const page = await open("maps?quantity=norm_ratio");
    await page.locator(".map").focus();
    // The crosshair starts at the first sink's first layer.
    await page.keyboard.press("ArrowUp");
    const said = await page.locator(".said").first().innerText();
    expect(/“!”.* at \d+, layer 5: norm ratio/.test(said) && /secondary here/.test(said), said);
    const ratio = Number(/norm ratio ([\d.]+)/.exec(said)?.[1]);
    expect(ratio > 10 && ratio < 60, `a planted norm of 200 over ordinary norms of about 8, got ${ratio}`);
  },
  "zooms, pans and shows all": async ({ open, expect }) => {
    const page = await open("maps");
    const ticks = () => page.locator(".map .axis").first().innerHTML();
    const all = await ticks();
    await page.locator(".map").focus();
    await page.keyboard.press("+");
    const closer = await ticks();
    expect(closer !== all, "zooms");
    await page.keyboard.press("0");
    expect((await ticks()) === all, "shows all again");
  },
  "is drawn in colours": async ({ open, expect }) => {
    const page = await open("maps?quantity=far_boost");
    const colours = await page.locator("canvas.heat").evaluate((canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return new Set(new Uint32Array(data.buffer)).size;
    });
    expect(colours > 20, `${colours} colours`);
  },
  "without profiles says how to get them": async ({ open, expect }) => {
    const page = await open("maps?scan=1");
    expect(/--keep profiles/.test(await page.locator(".nothing").first().innerText()), "names the command");
    expect((await page.locator("svg .cell").count()) > 0, "sinks' rows are there");
  },
  "saves a picture": async ({ open, expect }) => {
    const page = await open("maps");
    const [saved] = await Promise.all([page.waitForEvent("download"), page.locator(".save button").nth(1).click()]);
    expect(saved.suggestedFilename() === "sinkscope-map.png", saved.suggestedFilename());
  },
  "pinned rows are read by keys": async ({ open, expect, exported }) => {
    const sink = exported().sequences[0].sinks.find((one) => one.text === "!");
    const page = await open("maps?quantity=norm_ratio");
    const rows = page.locator("section[aria-label='The primary and the sinks, pinned']");
    const said = () => rows.locator(".said").innerText();
    await rows.locator("svg[tabindex]").focus();
    await page.keyboard.press("ArrowRight"); // the first layer of the first row
    expect(/^“.+” at 0, primary, layer 0: norm ratio/.test(await said()), await said());
    await page.keyboard.press("ArrowUp");
    expect(/ at 0, primary, layer 0/.test(await said()), "the first row stays the first");
    for (let step = 0; step < 30 && !(await said()).startsWith("“!”"); ++step) await page.keyboard.press("ArrowDown");
    for (let layer = 0; layer < sink.l_start; ++layer) await page.keyboard.press("ArrowRight");
    const shown = await said();
    expect(new RegExp(`^“!” at \\d+, secondary, layer ${sink.l_start}: norm ratio [\\d.]+×$`).test(shown), shown);
    await page.locator("section[aria-label='The whole text'] select").selectOption("far_boost");
    expect((await said()).startsWith(shown.replace(/: .*/, ": far boost")), `keeps its place: ${await said()}`);
    await rows.locator("svg[tabindex]").focus();
    await page.keyboard.press("Enter");
    expect(new RegExp(`layer=${sink.l_start}`).test(page.url()), page.url());
  },
  "shows which heads attend to a sink": async ({ open, expect }) => {
    const page = await open("maps");
    const heads = page.locator("section[aria-label='By head']");
    expect((await heads.locator(".shade").count()) === 10 * 4, "a cell for each of 10 layers and 4 heads");
    await heads.locator("label", { hasText: /^Of/ }).locator("select").selectOption({ index: 0 });
    await heads.locator(".shade").last().hover();
    expect(/^“.+” at 0, layer 9, head 3: sink score 0\.\d+$/.test(await heads.locator(".said").innerText()), await heads.locator(".said").innerText());
    const without = await open("maps?scan=1");
    expect(/--keep heads/.test(await without.locator("section[aria-label='By head']").innerText()), "names the command");
  },
  "far boost by head is chosen and read by keys, and its mean over heads is the exported far boost": async ({ open, expect, exported }) => {
    const sink = exported().sequences[0].sinks.find((one) => one.text === "!");
    const page = await open(`maps?head_of=${sink.position}`);
    const heads = page.locator("section[aria-label='By head']");
    await heads.locator("label", { hasText: /^Quantity/ }).locator("select").focus();
    await page.keyboard.press("ArrowDown");
    expect(/head_quantity=far_boost/.test(page.url()), page.url());
    await heads.locator("svg[tabindex]").focus();
    await page.keyboard.press("ArrowLeft"); // the first layer, the first head
    const means = [];
    for (let layer = 0; layer < 10; ++layer) {
      const boosts = [];
      for (let step = 0; step < 4; ++step) {
        const said = await heads.locator(".said").innerText();
        const head = layer % 2 ? 3 - step : step; // up through one layer's heads, down through the next's
        const boost = new RegExp(`^“!” at ${sink.position}, layer ${layer}, head ${head}: far boost ([\\d.,e-]+)×$`).exec(said);
        expect(boost, said);
        boosts.push(Number(boost[1].replace(",", "")));
        if (step < 3) await page.keyboard.press(layer % 2 ? "ArrowDown" : "ArrowUp");
      }
      await page.keyboard.press("ArrowRight");
      means.push(boosts.reduce((sum, boost) => sum + boost) / 4);
    }
    // Shown with three digits.
    const largest = Math.max(...means.slice(sink.l_start + 1, sink.l_end + 2));
    expect(Math.abs(largest / sink.far_boost_max - 1) < 0.005, `means ${means}, exported ${sink.far_boost_max}`);
    expect((await heads.locator(".cross rect").count()) === 1, "the cell is framed");
    const shared = await open(`maps?head_of=${sink.position}&head_quantity=far_boost`);
    expect(/^Far boost of “!”/.test(await shared.locator("section[aria-label='By head'] text.name").textContent()), "the address names the quantity");
  },
  "plot draws the heads alike": async ({ open, expect_plotted }) => {
    const drawing = "section[aria-label='By head'] .figure-body svg";
    await expect_plotted(await open("maps"), drawing, "heads");
    for (const quantity of ["sink_score", "far_boost"]) {
      await expect_plotted(await open(`maps?head_quantity=${quantity}`), drawing, "heads", "--quantity", quantity);
    }
  },
  "a pointer over map and rows shows the planted sink's exported numbers": async ({ open, expect, exported }) => {
    const { sequences } = exported();
    const sink = sequences[0].sinks.find((one) => one.text === "!");
    expect(sink.l_start === 4 && sink.kind === "secondary", JSON.stringify(sink));
    const page = await open("maps?quantity=norm_ratio");
    const rows = page.locator("section[aria-label^='The primary']");
    const shown = [];
    for (const cell of await rows.locator(".cell").all()) {
      await cell.hover({ force: true });
      const said = await rows.locator(".said").innerText();
      if (said.startsWith(`“!” at ${sink.position}, secondary, layer`)) shown.push(Number(/norm ratio ([\d.]+)×/.exec(said)[1]));
    }
    expect(shown.length === 10, `${shown.length} layers are shown`);
    expect(Math.abs(Math.max(...shown) / sink.norm_ratio_max - 1) < 0.005, `shown ${shown}, exported ${sink.norm_ratio_max}`);
    const layer = shown.indexOf(Math.max(...shown));
    await page.evaluate(() => window.scrollTo(0, 0));
    const map = await page.locator(".map svg").boundingBox();
    const x = map.x + 48 + ((sink.position + 0.5) / sequences[0].n_tokens) * (map.width - 62);
    const y = map.y + map.height - 42 - ((layer + 0.5) / 10) * (map.height - 94);
    await page.mouse.move(x, y);
    const said = await page.locator(".said").first().innerText();
    expect(said.includes(`“!”`) && said.includes(`layer ${layer}: norm ratio ${shown[layer]}`), said);
  },
  "plot draws map and rows alike": async ({ open, expect_plotted }) => {
    for (const quantity of ["far_boost", "norm_ratio", "alignment"]) {
      const page = await open(`maps?quantity=${quantity}`);
      await expect_plotted(page, ".map svg", "map", "--quantity", quantity);
      await expect_plotted(page, "section[aria-label^='The primary'] .figure-body svg", "rows", "--quantity", quantity);
    }
  },
};
